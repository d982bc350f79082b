// What stays on the heap.
import { fork } from "node:child_process"
import { once } from "node:events"
import type { Place } from "./contenders.ts"

const heap = async (mode: "sends" | "parked", count: number, url: string): Promise<number> => {
  const child = fork(new URL("./heap.ts", import.meta.url), [JSON.stringify({ mode, count, url })], {
    execArgv: ["--expose-gc"]
  })
  const [{ after, before }] = await once(child, "message")
  return after - before
}

export const measure = async ({ url }: Place) => {
  const grown = await heap("sends", 1_000_000, url)
  const parked = await heap("parked", 10_000, url) / 10_000
  return {
    value: { heapGrownBytes: grown, heapGrownBudget: 5e6, parkedBytes: parked, parkedBudget: 4096 },
    text: `heap after 1,000,000 sends against after 10,000: ${grown >= 0 ? "+" : ""}${(grown / 1e6).toFixed(2)} MB  ${
      grown <= 5e6 ? "within" : "OVER"
    } +5 MB; a send that waits for its URL's pace: ${Math.round(parked)} bytes  ${
      parked <= 4096 ? "within" : "OVER"
    } 4096`
  }
}
