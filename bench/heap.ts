// Heap that stays: of a million sends, or of sends that wait for a URL's pace.
// A process of its own, since nothing else may be on its heap.
import { Effect, Fiber } from "effect"
import { Webhook } from "effect-webhooks"
import { NodeWebhook } from "effect-webhooks/node"

const { count, mode, url }: {
  readonly mode: "sends" | "parked"
  readonly count: number
  readonly url: string
} = JSON.parse(process.argv[2]!)

const heap = (): number => {
  globalThis.gc!()
  globalThis.gc!()
  return process.memoryUsage().heapUsed
}

const payload = (n: number) => ({ text: `event ${n}`, lines: "x".repeat(500) })

const sends = Effect.gen(function*() {
  const webhook = yield* Webhook.Webhook
  let sent = 0
  const until = (total: number) =>
    Effect.gen(function*() {
      while (sent < total) yield* webhook.send(payload(sent++))
    })
  const run = (total: number) =>
    Effect.all(Array.from({ length: 32 }, () => until(total)), { concurrency: "unbounded" })
  yield* run(10_000)
  const before = heap()
  yield* run(count)
  return { before, after: heap() }
}).pipe(Effect.provide(NodeWebhook.layer({ urls: `${url}/hook` })))

const parked = Effect.gen(function*() {
  const webhook = yield* Webhook.Webhook
  // The first one learns that the URL is shut, and everybody else waits.
  yield* Effect.forkChild(webhook.send(payload(0)))
  yield* Effect.sleep("500 millis")
  const before = heap()
  const fibers: Array<Fiber.Fiber<unknown>> = []
  for (let n = 1; n <= count; n++) fibers.push(yield* Effect.forkChild(webhook.send(payload(n))))
  yield* Effect.sleep("100 millis")
  const after = heap()
  yield* Fiber.interruptAll(fibers)
  return { before, after }
}).pipe(
  Effect.provide(NodeWebhook.layer({ urls: `${url}/paced`, deadline: "1 hour", grace: "1 millis" }))
)

process.send!(await Effect.runPromise(mode === "sends" ? sends : parked))
process.exit()
