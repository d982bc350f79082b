import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Redacted } from "effect"
import { Transport, UrlPool, Webhook, type WebhookResult } from "effect-webhooks"
import { TestClock } from "effect/testing"
import { begun, type Came, type Event, failed, taken, wrong } from "./model.ts"

// What a receiver says to one attempt, `took` milliseconds after it came.
interface Says {
  readonly took: number
  readonly status: number | "refused"
  readonly headers?: Record<string, string>
  readonly body?: object
}

type Receiver = (now: number, index: number) => Says

const failures = 5
const openDuration = 30_000

const cameOf = ({ headers, status }: Says): Came =>
  status === "refused" ? "failure" : {
    status,
    wait: status === 429 || headers?.["x-ratelimit-remaining"] === "0"
      ? Number(headers?.["x-ratelimit-reset-after"]) * 1000
      : undefined
  }

// By the rules that hold when nothing is said.
const check = (events: ReadonlyArray<Event>) => wrong(events, { failures, openDuration, retires: true })

// Of the same latency, more or less.
const latency = (index: number) => 20 + (index * 7919) % 41

const healthy: Receiver = (_, index) => ({ took: latency(index), status: 204 })

const slow: Receiver = (_, index) => ({ took: 2000 + latency(index), status: 204 })

// Dies in different ways.
const mortal = (from: number, until: number): Receiver => (now, index) =>
  now < from || now >= until
    ? { took: latency(index), status: 204 }
    : index % 3 === 0
    ? { took: 0, status: "refused" }
    : { took: latency(index), status: index % 3 === 1 ? 500 : 503 }

// Takes `limit` in every window. In every other one it tells with each answer how many are left, else only with a 429.
const limited = (limit: number, window: number): Receiver => {
  let current = -1
  let count = 0
  return (now, index) => {
    if (Math.floor(now / window) !== current) {
      current = Math.floor(now / window)
      count = 0
    }
    const full = count >= limit
    if (!full) count++
    // Counted when it comes, and told when it is answered.
    const took = latency(index)
    const reset = Math.max(1, (current + 1) * window - now - took) / 1000
    const told = { "x-ratelimit-remaining": `${limit - count}`, "x-ratelimit-reset-after": `${reset}` }
    const headers: Record<string, string> = full || current % 2 === 0 ? told : {}
    return { took, status: full ? 429 : 204, headers, ...(full && { body: { retry_after: reset } }) }
  }
}

const names = ["https://a.example/", "https://b.example/", "https://c.example/", "https://d.example/"]

const open = (receivers: Readonly<Record<string, Receiver>>, options: Webhook.WebhookOptions) =>
  Effect.gen(function*() {
    const events = new Map(Object.keys(receivers).map((url) => [url, Array<Event>()]))
    const transport: Transport.Transport["Service"] = {
      attempt: ({ headers, url }) =>
        Effect.gen(function*() {
          const own = events.get(Redacted.value(url))!
          const id = headers["webhook-id"]!
          const began = yield* Clock.currentTimeMillis
          const index = own.length
          own.push({ at: began, kind: "begin", index, id })
          const says = receivers[Redacted.value(url)]!(began, index)
          if (says.took > 0) yield* Effect.sleep(says.took)
          own.push({ at: began + says.took, kind: "end", index, id, came: cameOf(says) })
          if (says.status === "refused") {
            return yield* Transport.disconnected({ code: "ECONNREFUSED" }, "connecting")
          }
          const bytes = new TextEncoder().encode(says.body === undefined ? "" : JSON.stringify(says.body))
          return new Transport.Reply(says.status, says.headers ?? {}, bytes, false)
        })
    }
    const hook = yield* Webhook.make(options).pipe(
      Effect.provide(
        Layer.merge(
          Layer.succeed(Transport.Transport, transport),
          UrlPool.layer(Object.keys(receivers), { failover: true })
        )
      )
    )
    return { events, hook }
  })

// `count` sends, one every `every` milliseconds, or as many at once and then none for as long.
const run = Effect.fnUntraced(function*(hook: Webhook.Webhook["Service"], count: number, every: number, atOnce = 1) {
  const producer = Effect.gen(function*() {
    const fibers: Array<Fiber.Fiber<WebhookResult.WebhookResult>> = []
    for (let n = 0; n < count; n++) {
      fibers.push(yield* Effect.forkChild(hook.send({ n }, { id: `msg_${n}` })))
      if (n % atOnce === 0) yield* Effect.sleep(every * atOnce)
    }
    return yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
  })
  const fiber = yield* Effect.forkChild(producer)
  yield* TestClock.adjust(count * every + 600_000)
  return yield* Fiber.join(fiber)
})

describe("10,000 sends over five URLs", () => {
  it.effect(
    "of which one dies and recovers, one is slow and one has a limit, are all delivered",
    () =>
      Effect.gen(function*() {
        const [a, b, c, d] = names as [string, string, string, string]
        const e = "https://e.example/"
        const [died, recovered] = [20_000, 110_500]
        const { events, hook } = yield* open({
          [a]: healthy,
          [b]: mortal(died, recovered),
          [c]: slow,
          [d]: limited(10, 2000),
          [e]: healthy
        }, { maxRetries: 8 })
        const results = yield* run(hook, 10_000, 20)
        const all = [...events.values()].flat()

        // Nothing is undelivered, and nothing was taken twice: nobody has lost an answer.
        assert.deepStrictEqual(results.filter(({ ok }) => !ok).map(String), [])
        const ids = taken(all).map(({ id }) => id)
        assert.strictEqual(ids.length, 10_000)
        assert.strictEqual(new Set(ids).size, 10_000)
        assert.strictEqual(begun(all).length, results.reduce((sum, { attempts }) => sum + attempts, 0))

        for (const own of events.values()) assert.deepStrictEqual(check(own), [])

        // The dead one is found to be so, and is tried once in every interval.
        const hits = begun(events.get(b)!).map(({ at }) => at)
        const opened = failed(events.get(b)!)[failures - 1]!.at
        assert.isAtMost(opened, died + 3000)
        const probes = hits.filter((at) => at > opened && at < recovered)
        assert.isAtLeast(probes.length, 2)
        for (const [n, at] of probes.entries()) assert.isAtLeast(at - (probes[n - 1] ?? opened), openDuration)
        // It is used again soon after its recovery, as much as the others.
        const back = taken(events.get(b)!).find(({ at }) => at >= recovered)!
        assert.isAtMost(back.at, recovered + openDuration + 200)
        const after = (url: string) => begun(events.get(url)!).filter(({ at }) => at > back.at + 5000).length
        assert.approximately(after(b), after(a), 0.02 * after(a))

        // The limited one is used for what it takes, and has to say so seldom.
        const own = events.get(d)!
        assert.isAtLeast(taken(own).length, 0.8 * 10 * 100)
        const refused = begun(own).length - taken(own).length
        assert.isAtLeast(refused, 10)
        assert.isAtMost(refused, 100)

        // Whoever is well has its turn, also if it is slow.
        const shares = [a, c, e].map((url) => begun(events.get(url)!).length)
        assert.isAtMost(Math.max(...shares) - Math.min(...shares), 0.01 * shares[0]!)
      }),
    60_000
  )

  it.effect(
    "that all die for a while, a hundred at once, are delivered when they recover",
    () =>
      Effect.gen(function*() {
        const receivers = Object.fromEntries(
          [...names, "https://e.example/"].map((url, n) => [url, mortal(20_000, 60_000 + n * 5000)])
        )
        const { events, hook } = yield* open(receivers, { maxRetries: 20, deadline: "10 minutes" })
        const results = yield* run(hook, 10_000, 20, 100)
        assert.deepStrictEqual(results.filter(({ ok }) => !ok).map(String), [])
        const all = [...events.values()].flat()
        assert.strictEqual(new Set(taken(all).map(({ id }) => id)).size, 10_000)
        for (const own of events.values()) assert.deepStrictEqual(check(own), [])
        for (const own of events.values()) {
          // Those that were under way when it died, and then one for each interval.
          assert.isAtMost(failed(own).length, failures + 20)
        }
      }),
    60_000
  )
})
