// Fails where a change has made a send dearer, or a bundle larger, than is
// agreed. It counts bytes and takes no time, so that it says the same on every
// machine: what a send allocates, over a transport that does nothing, and what a
// program carries that sends over fetch.
import { Effect, Layer } from "effect"
import { Transport, UrlPool, Webhook } from "effect-webhooks"
import { execFileSync } from "node:child_process"
import { PerformanceObserver } from "node:perf_hooks"
import { sizeOf } from "./size.ts"

// Some 1.25 times of what is allocated, so that a new version of Node or Effect does not fail it; a bundle depends on
// neither.
const limits = { allocated: 6_500, bundled: 24_000 }

const sends = 20_000

const allocated = async (): Promise<number> => {
  let collections = 0
  new PerformanceObserver((list) => collections += list.getEntries().length).observe({ entryTypes: ["gc"] })
  const reply = Effect.succeed(new Transport.Reply(204, {}, new Uint8Array(), false))
  const transport = Layer.succeed(Transport.Transport, { attempt: () => reply })
  const program = Effect.gen(function*() {
    const webhook = yield* Webhook.Webhook
    const payload = { text: "the same each time, so that nothing of it is counted" }
    const run = Effect.gen(function*() {
      for (let n = 0; n < sends; n++) yield* webhook.send(payload)
    })
    yield* run
    globalThis.gc!()
    // What the collection itself reports comes later.
    yield* Effect.sleep("50 millis")
    collections = 0
    const before = process.memoryUsage().heapUsed
    yield* run
    return (process.memoryUsage().heapUsed - before) / sends
  })
  const bytes = await Effect.runPromise(
    Effect.provide(
      program,
      Webhook.layerTransport().pipe(Layer.provide([transport, UrlPool.layer("https://example.com/hook")]))
    )
  )
  await new Promise((resolve) => setTimeout(resolve, 50))
  if (collections > 0) throw new Error("garbage was collected while it was counted")
  return bytes
}

if (process.argv[2] === "--allocated") {
  console.log(await allocated())
  process.exit()
}

// Room for all of it, so that nothing is collected meanwhile.
const options = ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"]
const output = execFileSync(process.execPath, [...options, import.meta.filename, "--allocated"], { encoding: "utf8" })
const figures = { allocated: Number(output), bundled: await sizeOf("./size/fetch.ts") }

for (
  const [name, text] of [
    ["allocated", "bytes that a send allocates, without the transport"],
    ["bundled", "bytes of a program that sends over fetch, minified and gzipped, without Effect"]
  ] as const
) {
  const ok = figures[name] <= limits[name]
  if (!ok) process.exitCode = 1
  console.log(`${ok ? "ok     " : "failed "} ${Math.round(figures[name])} ${text}, at most ${limits[name]}`)
}
