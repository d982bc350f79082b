import { assert, describe, it, vi } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { Transport, UrlPool, Webhook, type WebhookResult } from "effect-webhooks"
import { TestClock } from "effect/testing"
import { atOnce, changing, fixedWindow, leakyBucket, type Limit, none, slidingWindow } from "./receivers.ts"

// Five minutes of thousands of sends, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

interface Seen {
  readonly at: number
  readonly taken: boolean
}

// A receiver that tells nothing but 429, and perhaps for how long.
const receiver = (limit: Limit, hints: boolean, latency: number) => {
  const seen: Array<Seen> = []
  let inFlight = 0
  const attempt = Effect.gen(function*() {
    const at = yield* Clock.currentTimeMillis
    const wait = limit(at, inFlight)
    const taken = wait === undefined
    seen.push({ at, taken })
    if (taken) inFlight++
    yield* Effect.sleep(latency)
    if (taken) inFlight--
    const headers = hints && !taken ? { "retry-after": String(Math.max(1, Math.ceil(wait / 1000))) } : {}
    return new Transport.Reply(taken ? 204 : 429, headers, new Uint8Array(), false)
  })
  const layer = (options: Webhook.WebhookOptions) =>
    Webhook.layerTransport(options).pipe(
      Layer.provide([
        Layer.succeed(Transport.Transport, { attempt: () => attempt }),
        UrlPool.layer("https://a.example/")
      ])
    )
  return { seen, layer }
}

interface Sent {
  readonly at: number
  /** How many waited when it began. */
  readonly backlog: number
  readonly waited: number
  readonly result: WebhookResult.WebhookResult
}

// Sends at a steady rate for so many seconds after a burst, and what became of them.
const offer = Effect.fnUntraced(function*(perSecond: number, seconds: number, burst: number) {
  let open = 0
  const send = Effect.gen(function*() {
    const at = yield* Clock.currentTimeMillis
    const backlog = open++
    const result = yield* Webhook.send("x")
    open--
    return { at, backlog, result, waited: (yield* Clock.currentTimeMillis) - at }
  })
  const fibers: Array<Fiber.Fiber<Sent>> = []
  for (let i = 0; i < burst; i++) fibers.push(yield* Effect.forkChild(send))
  const gap = 1000 / perSecond
  for (let i = 0; i < perSecond * seconds; i++) {
    fibers.push(yield* Effect.forkChild(send))
    yield* TestClock.adjust(gap)
  }
  yield* TestClock.adjust("10 minutes")
  return yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
})

const seconds = 300

const limits: ReadonlyArray<{ readonly name: string; readonly perSecond: number; readonly make: () => Limit }> = [
  { name: "5 in each second", perSecond: 5, make: () => fixedWindow(5, 1000, 370) },
  { name: "50 in each ten seconds", perSecond: 5, make: () => fixedWindow(50, 10_000) },
  { name: "10 in any two seconds", perSecond: 5, make: () => slidingWindow(10, 2000) },
  { name: "a leaky bucket without a burst", perSecond: 5, make: () => leakyBucket(5, 0) },
  { name: "a leaky bucket with a burst of 3", perSecond: 5, make: () => leakyBucket(5, 3) },
  { name: "a leaky bucket with a burst of 20", perSecond: 5, make: () => leakyBucket(5, 20) },
  { name: "2 at once", perSecond: 5, make: () => atOnce(2) }
]

const rows = limits.flatMap((limit, index) =>
  [0.4, 0.9, 2].map((load) => ({ ...limit, load, hints: (index + load * 10) % 2 === 0 && limit.name !== "2 at once" }))
)

const share429 = (seen: ReadonlyArray<Seen>): number =>
  seen.length === 0 ? 0 : seen.filter(({ taken }) => !taken).length / seen.length

describe("the pace of a receiver that says no more than 429", () => {
  it.effect.each(rows)(
    "$name, $load of it offered, hints: $hints",
    ({ hints, load, make, name, perSecond }) =>
      Effect.gen(function*() {
        const { layer, seen } = receiver(make(), hints, name === "2 at once" ? 400 : 40)
        const sent = yield* offer(load * perSecond, seconds, 0).pipe(
          Effect.provide(layer({ maxRetries: 4, deadline: "4 minutes" }))
        )
        const inTime = seen.filter(({ at }) => at <= seconds * 1000)
        const taken = inTime.filter(({ taken }) => taken).length
        assert.isAtLeast(taken, 0.85 * Math.min(sent.length, perSecond * seconds))
        assert.isAtMost(share429(inTime.filter(({ at }) => at > 60_000)), 0.03)
        if (load > 1) return
        for (const { backlog, result, waited } of sent) {
          assert.isTrue(result.ok, `${result}`)
          assert.isAtMost(waited, backlog * 1000 / perSecond + 10_000)
        }
      })
  )

  it.effect.each(limits)(
    "$name: a burst is gone in the time that it takes, while half as much is offered",
    (row) =>
      Effect.gen(function*() {
        const { layer } = receiver(row.make(), false, 40)
        const burst = 100
        const sent = yield* offer(row.perSecond / 2, 120, burst).pipe(
          Effect.provide(layer({ maxRetries: 4, deadline: "10 minutes" }))
        )
        assert.isTrue(sent.every(({ result }) => result.ok))
        // What comes meanwhile takes half of the limit; some of it is lost to finding it out.
        const gone = burst / (row.perSecond / 2) * 1000 + 25_000
        const late = sent.filter(({ at, waited }) => at > gone && waited > 5000)
        assert.lengthOf(late, 0)
      })
  )

  it.effect.each([true, false])(
    "is forgotten soon when the limit is no more, hints: %s",
    (hints) =>
      Effect.gen(function*() {
        const { layer } = receiver(changing(leakyBucket(5, 0), 20_000, none), hints, 40)
        const sent = yield* offer(1000, 3, 0).pipe(
          Effect.provide(layer({ maxRetries: 4, deadline: "5 minutes", maxPerOrigin: 8 }))
        )
        assert.strictEqual(sent.filter(({ result }) => result.ok).length, 3000)
        assert.isAtMost(Math.max(...sent.map(({ at, waited }) => at + waited)), 120_000)
      })
  )

  it.effect.each(
    [
      ["halves", 2.5],
      ["doubles", 10]
    ] as const
  )("follows a limit that %s", ([, then]) =>
    Effect.gen(function*() {
      const { layer, seen } = receiver(changing(leakyBucket(5, 3), 150_000, leakyBucket(then, 3)), false, 40)
      yield* offer(15, seconds, 0).pipe(Effect.provide(layer({ maxRetries: 4, deadline: "1 minute" })))
      const after = seen.filter(({ at }) => at > 180_000 && at <= 300_000)
      assert.isAtLeast(after.filter(({ taken }) => taken).length, 0.8 * then * 120)
      assert.isAtMost(share429(after), 0.03)
    }))

  it.effect("is left alone when it has refused nothing for ten minutes", () =>
    Effect.gen(function*() {
      const { layer, seen } = receiver(changing(leakyBucket(5, 0), 30_000, none), false, 40)
      const later = Effect.gen(function*() {
        yield* offer(10, 10, 0)
        yield* TestClock.adjust("1 minute")
        const first = yield* Effect.forkChild(Webhook.send("x"))
        yield* TestClock.adjust("1 minute")
        assert.isTrue((yield* Fiber.join(first)).ok)
        const at = yield* Clock.currentTimeMillis
        const burst = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 100 }), () => Webhook.send("x"), { concurrency: "unbounded" })
        )
        yield* TestClock.adjust("1 minute")
        assert.isTrue((yield* Fiber.join(burst)).every(({ ok }) => ok))
        return at
      })
      const at = yield* Effect.provide(later, layer({ maxRetries: 4 }))
      assert.lengthOf(seen.filter((one) => one.at === at), 100, "all at once")
    }))
})
