import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer, ManagedRuntime, Redacted, Result, Schedule } from "effect"
import { Proxy, type RetryPolicy, Transport, UrlPool, Webhook, type WebhookResult } from "effect-webhooks"
import { TestTransport } from "effect-webhooks/testing"
import { TestClock } from "effect/testing"

const { hang, refuse, reply } = TestTransport

const hook = "https://example.com/hook"
const a = "https://a.example/"
const b = "https://b.example/"

const layer = (
  script: TestTransport.Script,
  options?: Webhook.WebhookOptions,
  urls: UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput> = hook
) =>
  Webhook.layerTransport(options).pipe(
    Layer.provideMerge(Layer.merge(TestTransport.layer(script), UrlPool.layer(urls)))
  )

interface Ended {
  readonly result: WebhookResult.WebhookResult
  readonly at: number
}

const ended = (payload: unknown, options?: Webhook.SendOptions): Effect.Effect<Ended, never, Webhook.Webhook> =>
  Effect.gen(function*() {
    const result = yield* Webhook.send(payload, options)
    return { result, at: yield* Clock.currentTimeMillis }
  })

const many = (count: number, options?: Webhook.SendOptions) =>
  Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => ended(n, options), { concurrency: "unbounded" })

// Runs while the clock goes on.
const drive = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust("2 hours")
    return yield* Fiber.join(fiber)
  })

const report = (index: number, outcome: UrlPool.Outcome) =>
  Effect.gen(function*() {
    const pool = yield* UrlPool.UrlPool
    yield* pool.report((yield* pool.list)[index]!.target, outcome)
  })

const states = Effect.map(UrlPool.UrlPool.use(({ list }) => list), (list) => list.map(({ state }) => state))

const urlOf = ({ url }: TestTransport.Sent) => Redacted.value(url)

interface Ruling {
  readonly taken: boolean
  readonly remaining: number
  /** Milliseconds until the receiver takes more. */
  readonly reset: number
}

type Limiter = (now: number) => Ruling

const fixedWindow = (limit: number, window: number, offset = 0): Limiter => {
  let current = -1
  let count = 0
  return (now) => {
    const index = Math.floor((now + offset) / window)
    if (index !== current) {
      current = index
      count = 0
    }
    const reset = (index + 1) * window - offset - now
    if (count >= limit) return { taken: false, remaining: 0, reset }
    count++
    return { taken: true, remaining: limit - count, reset }
  }
}

const slidingWindow = (limit: number, window: number): Limiter => {
  let taken: Array<number> = []
  return (now) => {
    taken = taken.filter((at) => at > now - window)
    if (taken.length >= limit) return { taken: false, remaining: 0, reset: taken[0]! + window - now }
    taken.push(now)
    return { taken: true, remaining: limit - taken.length, reset: taken[0]! + window - now }
  }
}

// A receiver that names its limit only when it is reached, or with every answer.
const receiver = (limiter: Limiter, tells: "hints" | "headers", delay: number) => (sent: TestTransport.Sent) => {
  const { remaining, reset, taken } = limiter(sent.at)
  const headers: Record<string, string> = tells === "hints" ? {} : {
    "X-RateLimit-Remaining": `${remaining}`,
    "X-RateLimit-Reset-After": `${reset / 1000}`
  }
  return taken
    ? reply({ delay, headers })
    : reply({ status: 429, delay, headers, body: { retry_after: reset / 1000 } })
}

describe("the pace", () => {
  describe("of a receiver that takes 5 in 2 seconds, under 1,000 sends at once", () => {
    const limiters = { fixed: () => fixedWindow(5, 2000), sliding: () => slidingWindow(5, 2000) }
    for (const kind of ["fixed", "sliding"] as const) {
      for (const tells of ["hints", "headers"] as const) {
        it.effect(`delivers all with one wave of 429s: ${kind} window, told by ${tells}`, () =>
          Effect.gen(function*() {
            const { ends, sent } = yield* drive(many(1000)).pipe(
              Effect.flatMap((ends) => Effect.map(TestTransport.sent, (sent) => ({ ends, sent }))),
              Effect.provide(layer(receiver(limiters[kind](), tells, 10), { deadline: "30 minutes" }))
            )
            assert.strictEqual(ends.filter(({ result }) => result.ok).length, 1000)
            // Those that were in flight when the first 429 came see one, and where nothing but a hint is told, a few
            // that find out the rate.
            const refused = ends.flatMap(({ result }) => result.history.filter(({ status }) => status === 429))
            const met = ends.filter(({ result }) => result.attempts > 1)
            assert.isAtMost(met.length, tells === "hints" ? 128 + 30 : 128)
            assert.isAtMost(refused.length, met.length + (tells === "hints" ? 30 : 0))
            assert.strictEqual(sent.length, 1000 + refused.length)
            // The first answers came after 10 ms.
            assert.isTrue(sent.every(({ at }) => at <= 10 || at >= 2000))
            const total = Math.max(...ends.map(({ at }) => at))
            assert.isAtMost(total, 1.3 * 400_000)
            assert.isAtLeast(total, 395_000)
          }), 60_000)
      }
    }

    it.effect.each([500, 1900])(
      "delivers all, though its window had begun %i ms before",
      (offset) =>
        Effect.gen(function*() {
          const ends = yield* drive(many(1000)).pipe(
            Effect.provide(layer(receiver(fixedWindow(5, 2000, offset), "hints", 10), { deadline: "30 minutes" }))
          )
          assert.strictEqual(ends.filter(({ result }) => result.ok).length, 1000)
          // The first wave may meet two windows, and a few more find out the rate.
          const refused = ends.flatMap(({ result }) => result.history.filter(({ status }) => status === 429))
          assert.isAtMost(refused.length, 160)
          assert.isAtMost(Math.max(...ends.map(({ at }) => at)), 1.3 * 400_000)
        }),
      60_000
    )

    it.effect("ends those whose deadline is too short without a second wave", () =>
      Effect.gen(function*() {
        const ends = yield* drive(many(1000)).pipe(
          Effect.provide(layer(receiver(fixedWindow(5, 2000), "hints", 10), { deadline: "1 minute" }))
        )
        assert.isTrue(ends.every(({ at }) => at <= 60_000))
        assert.isAtLeast(ends.filter(({ result }) => result.ok).length, 140)
        assert.isAtMost(ends.filter(({ result }) => result.attempts > 2).length, 30)
        for (const { result } of ends) {
          if (result._tag === "Delivered") continue
          assert(result.reason._tag === "DeadlineExceeded", result.reason._tag)
          assert.strictEqual(result.reason.during, "pace")
          assert.strictEqual(result.reason.last?._tag, result.attempts === 1 ? "RateLimited" : undefined)
        }
      }), 60_000)
  })

  describe("after a 429", () => {
    // Those that are sent at once, by time.
    const waves = (sent: ReadonlyArray<TestTransport.Sent>) => {
      const counts = new Map<number, number>()
      for (const { at } of sent) counts.set(at, (counts.get(at) ?? 0) + 1)
      return [...counts]
    }

    it.effect("lets one go first, then doubles where nothing is told", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 5000 })
          const ends = yield* drive(many(40))
          return { ends, sent: yield* TestTransport.sent }
        })
        const { ends, sent } = yield* program.pipe(Effect.provide(layer(reply({ delay: 100 }))))
        assert.isTrue(ends.every(({ result }) => result.ok))
        assert.deepStrictEqual(waves(sent), [[5000, 1], [5100, 2], [5200, 4], [5300, 8], [5400, 16], [5500, 9]])
      }))

    it.effect("lets those go in order that came in order", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 1000 })
          yield* drive(many(30))
          return yield* TestTransport.sent
        })
        const sent = yield* program.pipe(Effect.provide(layer(reply({ delay: 10 }))))
        assert.deepStrictEqual(sent.map(({ body }) => Number(body)), Array.from({ length: 30 }, (_, n) => n))
      }))

    it.effect("lets as many go as the receiver says remain", () =>
      Effect.gen(function*() {
        let n = 0
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 1000 })
          yield* drive(many(30))
          return yield* TestTransport.sent
        })
        const script = () =>
          reply({
            delay: 100,
            headers: { "x-ratelimit-remaining": `${19 - (n++ % 20)}`, "x-ratelimit-reset-after": n <= 20 ? "60" : "70" }
          })
        const sent = yield* program.pipe(Effect.provide(layer(script)))
        // The probe learns that 19 remain; the twentieth answer closes the URL for a minute.
        assert.deepStrictEqual(waves(sent), [[1000, 1], [1100, 19], [61_200, 1], [61_300, 9]])
      }))

    it.effect("begins with one again when the probe is refused too", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 1000 })
          const ends = yield* drive(many(10))
          return { ends, sent: yield* TestTransport.sent }
        })
        const { ends, sent } = yield* program.pipe(
          Effect.provide(layer((_, index) =>
            index === 0 ? reply({ status: 429, body: { retry_after: 3 }, delay: 10 }) : reply({ delay: 10 })
          ))
        )
        assert.isTrue(ends.every(({ result }) =>
          result.ok
        ))
        assert.deepStrictEqual(waves(sent).slice(0, 3), [[1000, 1], [4010, 1], [4020, 2]])
      }))

    it.effect("does not take a single refusal for the receiver's rate for good", () =>
      Effect.gen(function*() {
        // Two are taken, the rest is refused once, for a minute; then everything is taken.
        const script = ({ at }: TestTransport.Sent, index: number) =>
          index >= 2 && at < 60_000
            ? reply({ status: 429, delay: 10, body: { retry_after: 60 } })
            : reply({ delay: 10 })
        const ends = yield* drive(many(100)).pipe(Effect.provide(layer(script)))
        assert.strictEqual(ends.filter(({ result }) => result.ok).length, 100)
        // By doubling, not one by one.
        assert.isAtMost(Math.max(...ends.map(({ at }) => at)), 60_250)
      }))

    it.effect("learns that the receiver takes more when others do not use its window any longer", () =>
      Effect.gen(function*() {
        const limiter = fixedWindow(5, 2000)
        for (let n = 0; n < 4; n++) limiter(0)
        const ends = yield* drive(many(300)).pipe(
          Effect.provide(layer(receiver(limiter, "hints", 10), { deadline: "30 minutes" }))
        )
        assert.strictEqual(ends.filter(({ result }) => result.ok).length, 300)
        assert.isAtMost(Math.max(...ends.map(({ at }) => at)), 1.3 * 120_000)
      }))

    it.effect("is as it was before, once nobody waits", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 1000 })
          yield* drive(many(3))
          const before = yield* Clock.currentTimeMillis
          yield* drive(many(50))
          return (yield* TestTransport.sent).slice(3).map(({ at }) => at - before)
        })
        const sent = yield* program.pipe(Effect.provide(layer(reply({ delay: 10 }))))
        assert.isTrue(sent.every((at) => at === 0))
      }))

    // The alarm of those who wait rings last at that instant; on a busy machine it is late.
    const firsts: ReadonlyArray<{
      readonly who: string
      readonly first: Effect.Effect<unknown, never, Webhook.Webhook | UrlPool.UrlPool>
    }> = [
      { who: "a newcomer", first: ended("newcomer") },
      { who: "a look at the list", first: states }
    ]
    it.effect.each(firsts)(
      "lets those go who wait, though $who comes first at the very instant",
      ({ first }) =>
        Effect.gen(function*() {
          const program = Effect.gen(function*() {
            const other = yield* Effect.forkChild(Effect.andThen(Effect.sleep(1000), first))
            yield* TestClock.adjust(0)
            yield* report(0, { _tag: "Limited", retryAfter: 1000 })
            const ends = yield* drive(many(5))
            yield* Fiber.join(other)
            return ends
          })
          const ends = yield* program.pipe(Effect.provide(layer(reply({ delay: 10 }))))
          assert.deepStrictEqual(ends.map(({ result }) => result.ok), ends.map(() => true))
          for (const { at } of ends) assert.isAtMost(at, 1100)
        })
    )

    it.effect("holds for a newcomer while a retry waits", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          const first = yield* Effect.forkChild(ended("first"))
          yield* TestClock.adjust(1000)
          const second = yield* Effect.forkChild(ended("second"))
          yield* TestClock.adjust("1 minute")
          return { first: yield* Fiber.join(first), second: yield* Fiber.join(second), sent: yield* TestTransport.sent }
        })
        const { first, second, sent } = yield* program.pipe(
          Effect.provide(layer([reply({ status: 429, body: { retry_after: 10 } }), reply({ delay: 5 })]))
        )
        assert.isTrue(first.result.ok && second.result.ok)
        assert.strictEqual(second.result.attempts, 1)
        assert.strictEqual(second.result.history[0]!.waited, second.at - 1000 - 5)
        assert.deepStrictEqual(sent.map(({ at }) => at), [0, 10_000, 10_005])
      }))
  })

  describe("told by a refusal without Retry-After", () => {
    const gaps = (status: number, headers: Record<string, string>, options?: Webhook.WebhookOptions) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1_700_000_000_000)
        const program = Effect.gen(function*() {
          const { result } = yield* drive(ended(1))
          return { result, at: (yield* TestTransport.sent).map(({ at }) => at - 1_700_000_000_000) }
        })
        return yield* program.pipe(
          Effect.provide(layer([reply({ status, headers }), reply()], { deadline: "1 hour", ...options }))
        )
      })

    const classify: RetryPolicy.Classify = ({ status }) => status === 403 ? "retry" : undefined

    const told: ReadonlyArray<Record<string, string>> = [
      { RateLimit: "\"default\";r=0;t=90" },
      { "RateLimit-Remaining": "0", "RateLimit-Reset": "90" },
      { "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000090" }
    ]

    it.effect.each(told)("waits for the reset of %j", (headers) =>
      Effect.gen(function*() {
        const limited = yield* gaps(429, headers)
        assert.isTrue(limited.result.ok)
        assert.deepStrictEqual(limited.at, [0, 90_000])
        const reason = limited.result.history[0]!.reason
        assert(reason?._tag === "RateLimited")
        assert.strictEqual(Duration.toMillis(reason.retryAfter!), 90_000)
        assert.deepStrictEqual((yield* gaps(503, headers)).at, [0, 90_000])
        assert.deepStrictEqual((yield* gaps(403, headers, { classify })).at, [0, 90_000])
        assert.deepStrictEqual((yield* gaps(429, { ...headers, "Retry-After": "7" })).at, [0, 7000])
      }))

    it.effect("backs off where something is left, and after a status that names no wait", () =>
      Effect.gen(function*() {
        const some = yield* gaps(429, { RateLimit: "\"default\";r=4;t=90" })
        assert.isAtMost(some.at[1]!, 501)
        const broken = yield* gaps(500, { RateLimit: "\"default\";r=0;t=90" })
        assert.isAtMost(broken.at[1]!, 501)
        assert.lengthOf((yield* gaps(403, { RateLimit: "\"default\";r=0;t=90" })).at, 1)
      }))
  })

  describe("told by answers that overtake each other", () => {
    const window = (remaining: number, resetAfter: number, delay: number) =>
      reply({
        delay,
        headers: { "x-ratelimit-remaining": String(remaining), "x-ratelimit-reset-after": String(resetAfter) }
      })

    const sentAt = (script: ReadonlyArray<TestTransport.Answer>, count: number) =>
      Effect.gen(function*() {
        yield* report(0, { _tag: "Limited", retryAfter: 1000 })
        const fiber = yield* Effect.forkChild(many(count))
        yield* TestClock.adjust("5 seconds")
        const early = (yield* TestTransport.sent).map(({ at }) => at)
        yield* TestClock.adjust("1 hour")
        assert.isTrue((yield* Fiber.join(fiber)).every(({ result }) => result.ok))
        return early
      }).pipe(Effect.provide(layer(script, { maxRetries: 0 })))

    it.effect("never sends more than the least that remains, though its end is named a little differently", () =>
      Effect.gen(function*() {
        const early = yield* sentAt([
          window(4, 60, 10),
          // Four go at 1,010: the second was taken before the first, and is answered after it.
          window(1, 59.99, 10),
          window(3, 60.01, 20),
          window(2, 57, 3000),
          window(0, 56.5, 3500),
          reply()
        ], 12)
        assert.lengthOf(early, 5)
      }))

    it.effect("sends what a new window has, as soon as one is told of", () =>
      Effect.gen(function*() {
        const early = yield* sentAt([
          window(1, 1, 10),
          // It comes into the next window.
          window(9, 2, 1500),
          reply({ delay: 10 })
        ], 12)
        const nine = Array.from({ length: 9 }, () => 2510)
        assert.deepStrictEqual(early, [1000, 1010, ...nine, 2520])
      }))
  })

  describe("told by a success", () => {
    const told = (headers: Record<string, string>, status = 204) =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          const started = yield* Clock.currentTimeMillis
          yield* drive(Effect.zip(ended(1), ended(2)))
          const sent = yield* TestTransport.sent
          return { gap: sent[1]!.at - sent[0]!.at, statuses: sent.length, started }
        })
        return yield* program.pipe(
          Effect.provide(layer((_, index) => index === 0 ? reply({ status, headers }) : reply()))
        )
      })

    it.effect("with nothing left closes the URL until X-RateLimit-Reset-After", () =>
      Effect.gen(function*() {
        const { gap, statuses } = yield* told({ "X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "2.5" })
        assert.strictEqual(statuses, 2)
        assert.approximately(gap, 2500, 1)
      }))

    it.effect("with nothing left closes the URL until X-RateLimit-Reset in seconds from now", () =>
      Effect.gen(function*() {
        const { gap } = yield* told({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": "40" })
        assert.approximately(gap, 40_000, 1)
      }))

    it.effect("with nothing left closes the URL until X-RateLimit-Reset in seconds since the epoch", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1_700_000_000_000)
        const seconds = yield* told({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000007" })
        assert.approximately(seconds.gap, 7000, 1)
      }))

    it.effect("with nothing left closes the URL until X-RateLimit-Reset in milliseconds since the epoch", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1_700_000_000_000)
        const { gap } = yield* told({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000008500" })
        assert.approximately(gap, 8500, 1)
      }))

    it.effect("prefers X-RateLimit-Reset-After", () =>
      Effect.gen(function*() {
        const { gap } = yield* told({
          "x-ratelimit-remaining": "0",
          "x-ratelimit-reset-after": "3",
          "x-ratelimit-reset": "50"
        })
        assert.approximately(gap, 3000, 1)
      }))

    it.effect.each<Record<string, string>>([
      { RateLimit: "\"burst\";r=0;t=3, \"daily\";r=900;t=600" },
      { RateLimit: "limit=10, remaining=0, reset=3" },
      { "RateLimit-Remaining": "0", "RateLimit-Reset": "3" },
      { "RateLimit": "\"default\";r=0;t=3", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "50" },
      { "RateLimit-Remaining": "0", "RateLimit-Reset": "3", "X-RateLimit-Remaining": "9", "X-RateLimit-Reset": "50" }
    ])("with nothing left closes the URL until the reset of %j", (headers) =>
      Effect.gen(function*() {
        assert.approximately((yield* told(headers)).gap, 3000, 1)
      }))

    it.effect("holds for a 4xx as well", () =>
      Effect.gen(function*() {
        const { gap } = yield* told({ "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "3" }, 400)
        assert.approximately(gap, 3000, 1)
      }))

    it.effect.each<Record<string, string>>([
      { "x-ratelimit-remaining": "0" },
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "0" },
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "-5" },
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "soon" },
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "" },
      { "x-ratelimit-remaining": "1", "x-ratelimit-reset-after": "60" },
      { "x-ratelimit-remaining": "-1", "x-ratelimit-reset-after": "60" },
      { "x-ratelimit-remaining": "none", "x-ratelimit-reset-after": "60" },
      { "x-ratelimit-reset-after": "60" },
      { "ratelimit": "\"default\";r=1;t=60" },
      { "ratelimit": "\"default\";r=0" },
      { "ratelimit": "\"default\";r=0;t=60, \"cut" },
      { "ratelimit-remaining": "1", "ratelimit-reset": "60" },
      { "ratelimit-remaining": "0", "ratelimit-reset": "1700000060" }
    ])("leaves the URL open without a remaining of 0 and a reset ahead: %j", (headers) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* told(headers)).gap, 0)
      }))

    it.effect("leaves the URL open when the reset lies in the past", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1_700_000_000_000)
        assert.strictEqual((yield* told({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1600000000" })).gap, 0)
      }))
  })

  describe("of several URLs", () => {
    it.effect("has round robin prefer one that is open", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 60_000 })
          for (let n = 0; n < 4; n++) yield* Webhook.send(n)
          assert.deepStrictEqual(yield* states, ["paced", "open"])
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual(yield* states, ["open", "open"])
          for (let n = 0; n < 4; n++) yield* Webhook.send(n)
          return (yield* TestTransport.sent).map(urlOf)
        })
        const sent = yield* program.pipe(Effect.provide(layer(reply(), {}, [a, b])))
        assert.deepStrictEqual(sent.slice(0, 4), [b, b, b, b])
        assert.strictEqual(sent.slice(4).filter((url) => url === a).length, 2)
      }))

    it.effect("lets sends for any URL take whichever opens first", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 60_000 })
          yield* report(1, { _tag: "Limited", retryAfter: 10_000 })
          const ends = yield* drive(many(7))
          return { ends, sent: yield* TestTransport.sent }
        })
        const { ends, sent } = yield* program.pipe(Effect.provide(layer(reply({ delay: 100 }), {}, [a, b])))
        assert.isTrue(ends.every(({ result }) => result.ok))
        assert.deepStrictEqual(sent.map(urlOf), Array.from({ length: 7 }, () => b))
        assert.deepStrictEqual(sent.map(({ at }) => at), [10_000, 10_100, 10_100, 10_200, 10_200, 10_200, 10_200])
      }))

    it.effect("uses each as soon as it opens", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 2000 })
          yield* report(1, { _tag: "Limited", retryAfter: 1000 })
          yield* drive(many(6))
          return (yield* TestTransport.sent).map((one) => [one.at, urlOf(one)])
        })
        const sent = yield* program.pipe(Effect.provide(layer(reply({ delay: 1500 }), {}, [a, b])))
        // b's probe comes back at 2,500; a opens at 2,000.
        assert.deepStrictEqual(sent, [[1000, b], [2000, a], [2500, b], [2500, b], [3500, a], [3500, a]])
      }))

    it.effect("keeps a retry on its URL", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* drive(ended(1))
          return (yield* TestTransport.sent).map(urlOf)
        })
        const sent = yield* program.pipe(
          Effect.provide(layer([reply({ status: 429, body: { retry_after: 30 } }), reply()], {}, [a, b]))
        )
        assert.deepStrictEqual(sent, [a, a])
      }))

    it.effect("lets those who wait for any go at once when a URL is restored", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          const pool = yield* UrlPool.UrlPool
          const [first] = yield* pool.list
          yield* report(0, { _tag: "Gone", status: 410 })
          yield* report(1, { _tag: "Limited", retryAfter: 60_000 })
          const fiber = yield* Effect.forkChild(many(3))
          yield* TestClock.adjust(1000)
          yield* pool.restore(first!.target)
          yield* TestClock.adjust("2 hours")
          return yield* Fiber.join(fiber)
        })
        const ends = yield* program.pipe(Effect.provide(layer(reply(), {}, [a, b])))
        assert.isTrue(ends.every(({ result }) => result.ok))
        assert.deepStrictEqual(ends.map(({ at }) => at), [1000, 1000, 1000])
      }))

    it.effect("hands nobody to a URL whose probe says that it is gone", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 1000 })
          yield* report(1, { _tag: "Limited", retryAfter: 60_000 })
          const ends = yield* drive(many(5))
          return { ends, sent: (yield* TestTransport.sent).map(urlOf) }
        })
        const { ends, sent } = yield* program.pipe(
          Effect.provide(layer((one) => urlOf(one) === a ? reply({ status: 410 }) : reply(), {}, [a, b]))
        )
        assert.deepStrictEqual(sent, [a, b, b, b, b])
        assert.strictEqual(ends.filter(({ result }) => result.ok).length, 4)
      }))
  })

  describe("of more than an hour", () => {
    it.effect("is forgotten after the hour", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 86_400_000 })
          const { at, result } = yield* drive(ended(1, { deadline: "3 hours" }))
          assert.isTrue(result.ok)
          return at
        })
        assert.strictEqual(yield* program.pipe(Effect.provide(layer(reply()))), 3_600_000)
      }))

    it.effect("binds the send that was told, as far as its deadline goes", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          const first = yield* Effect.forkChild(ended(1, { deadline: "3 hours" }))
          yield* TestClock.adjust(1)
          const second = yield* Effect.forkChild(ended(2, { deadline: "3 hours" }))
          yield* TestClock.adjust("3 hours")
          return [(yield* Fiber.join(first)).at, (yield* Fiber.join(second)).at]
        })
        const at = yield* program.pipe(
          Effect.provide(
            layer((_, index) => index === 0 ? reply({ status: 429, body: { retry_after: 7200 } }) : reply())
          )
        )
        assert.deepStrictEqual(at, [7_200_000, 3_600_000])
      }))
  })

  describe("whose probe does not come back as it should", () => {
    const probed = (script: TestTransport.Script, options: Webhook.WebhookOptions = {}) =>
      Effect.gen(function*() {
        yield* report(0, { _tag: "Limited", retryAfter: 1000 })
        const ends = yield* drive(many(10))
        return { ends, sent: yield* TestTransport.sent }
      }).pipe(Effect.provide(layer(script, { maxRetries: 0, ...options })))

    it.effect.each(
      [
        { name: "a 500", answer: reply({ status: 500 }), until: 1000 },
        { name: "a refused connection", answer: refuse, until: 1000 },
        { name: "a timeout", answer: hang, until: 16_000 },
        { name: "a 400", answer: reply({ status: 400 }), until: 1000 }
      ] as const
    )("lets the others go after $name", ({ answer, until }) =>
      Effect.gen(function*() {
        const { ends, sent } = yield* probed((_, index) => index === 0 ? answer : reply())
        assert.strictEqual(ends.filter(({ result }) => result.ok).length, 9)
        assert.strictEqual(sent.length, 10)
        assert.strictEqual(sent[1]!.at, until)
        assert.isTrue(ends.every(({ at }) => at <= until))
      }))

    it.effect("lets the others go when every probe fails", () =>
      Effect.gen(function*() {
        const { ends, sent } = yield* probed(reply({ status: 500 }))
        assert.isTrue(ends.every(({ result }) => !result.ok && result.attempts === 1))
        assert.strictEqual(sent.length, 10)
      }))

    it.effect("lets the others go when it is interrupted", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 1000 })
          const probe = yield* Effect.forkChild(ended("probe"))
          yield* TestClock.adjust(1)
          const rest = yield* Effect.forkChild(many(10))
          yield* TestClock.adjust(1000)
          assert.strictEqual((yield* TestTransport.sent).length, 1)
          yield* Fiber.interrupt(probe)
          yield* TestClock.adjust(1000)
          return yield* Fiber.join(rest)
        })
        const ends = yield* program.pipe(Effect.provide(layer(({ body }) => body === "\"probe\"" ? hang : reply())))
        assert.isTrue(ends.every(({ at, result }) => result.ok && at <= 2001))
      }))

    it.effect("lets the others go when its signer hangs until its deadline", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 1000 })
          const probe = yield* Effect.forkChild(
            ended("probe", { signer: () => Effect.never, deadline: "5 seconds" })
          )
          yield* TestClock.adjust(1)
          const rest = yield* Effect.forkChild(many(10))
          yield* TestClock.adjust("1 minute")
          return { probe: yield* Fiber.join(probe), rest: yield* Fiber.join(rest) }
        })
        const { probe, rest } = yield* program.pipe(Effect.provide(layer(reply())))
        assert.isFalse(probe.result.ok)
        assert.isTrue(rest.every(({ at, result }) => result.ok && at === 5000))
      }))

    it.effect("leaves the others unharmed when one of those who wait is interrupted", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 1000 })
          const fibers = yield* Effect.forEach(
            Array.from({ length: 9 }, (_, n) => n),
            (n) => Effect.forkChild(ended(n))
          )
          yield* TestClock.adjust(500)
          for (const n of [0, 4, 8]) yield* Fiber.interrupt(fibers[n]!)
          yield* TestClock.adjust("1 minute")
          const left = fibers.filter((_, n) => n % 4 !== 0)
          return {
            ends: yield* Effect.forEach(left, (fiber) => Fiber.join(fiber)),
            sent: (yield* TestTransport.sent).map(({ body }) => Number(body))
          }
        })
        const { ends, sent } = yield* program.pipe(Effect.provide(layer(reply({ delay: 10 }))))
        assert.isTrue(ends.every(({ result }) => result.ok))
        assert.deepStrictEqual(sent, [1, 2, 3, 5, 6, 7])
      }))

    it.effect("leaves the others unharmed when all are interrupted while they are let go", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 1000 })
          const fiber = yield* Effect.forkChild(many(5))
          yield* TestClock.adjust(500)
          // At the very instant at which the URL opens.
          const cut = yield* Effect.forkChild(Effect.andThen(Effect.sleep(500), Fiber.interrupt(fiber)))
          yield* TestClock.adjust(500)
          yield* Fiber.await(cut)
          return yield* drive(many(5))
        })
        const ends = yield* program.pipe(Effect.provide(layer(reply({ delay: 1 }))))
        assert.isTrue(ends.every(({ result }) => result.ok))
      }))
  })

  describe("of a URL that comes with a send", () => {
    it.effect("is kept as well", () =>
      Effect.gen(function*() {
        const url = "https://given.example/x"
        const program = Effect.gen(function*() {
          const first = yield* Effect.forkChild(ended(1, { url, deadline: "5 seconds" }))
          yield* TestClock.adjust(1)
          yield* Fiber.join(first)
          const rest = yield* drive(Effect.zip(many(3, { url }), ended(9), { concurrent: true }))
          return { rest, sent: (yield* TestTransport.sent).map((one) => [one.at, urlOf(one)]) }
        })
        const { rest: [given], sent } = yield* program.pipe(
          Effect.provide(
            layer((_, index) => index === 0 ? reply({ status: 429, body: { retry_after: 10 } }) : reply({ delay: 10 }))
          )
        )
        assert.isTrue(given.every(({ result }) => result.ok && result.attempts === 1))
        assert.deepStrictEqual(sent, [[0, url], [1, hook], [10_000, url], [10_010, url], [10_010, url]])
      }))
  })

  describe("and the deadline", () => {
    it.effect("end a send at once whose wait cannot fit", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 60_000 })
          return yield* ended(1, { deadline: "59 seconds" })
        })
        const { at, result } = yield* program.pipe(Effect.provide(layer(reply())))
        assert.strictEqual(at, 0)
        assert(result._tag === "Failed" && result.reason._tag === "DeadlineExceeded")
        assert.strictEqual(result.reason.during, "pace")
        assert.strictEqual(result.reason.last, undefined)
        assert.strictEqual(result.delivered, "no")
      }))

    it.effect("end a send at once when no URL opens in time", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* report(0, { _tag: "Limited", retryAfter: 60_000 })
          yield* report(1, { _tag: "Limited", retryAfter: 70_000 })
          return yield* ended(1, { deadline: "59 seconds" })
        })
        const { at, result } = yield* program.pipe(Effect.provide(layer(reply(), {}, [a, b])))
        assert.strictEqual(at, 0)
        assert(result._tag === "Failed" && result.reason._tag === "DeadlineExceeded")
      }))

    it.effect("end retries at once whose URL has been paced beyond it, with their last reason", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(ended(1, { deadline: "30 seconds" }))
          yield* TestClock.adjust(1000)
          yield* report(0, { _tag: "Limited", retryAfter: 60_000 })
          yield* TestClock.adjust("1 minute")
          return yield* Fiber.join(fiber)
        })
        const { at, result } = yield* program.pipe(
          Effect.provide(layer(reply({ status: 503, headers: { "retry-after": "5" } })))
        )
        assert.strictEqual(at, 5000)
        assert(result._tag === "Failed")
        assert.strictEqual(result.reason._tag, "ServerError")
        assert.strictEqual(result.status, 503)
        assert.strictEqual(result.attempts, 1)
      }))

    it.effect("end every one of them, retries and newcomers, whatever the receiver says", () =>
      Effect.gen(function*() {
        const program = drive(Effect.gen(function*() {
          const early = yield* Effect.forkChild(many(200, { deadline: "20 seconds" }))
          yield* Effect.sleep("7 seconds")
          const late = yield* Effect.forkChild(many(200, { deadline: "20 seconds" }))
          return [yield* Fiber.join(early), yield* Fiber.join(late)] as const
        }))
        // Never takes more than one in three seconds, and lies about its window.
        const limiter = slidingWindow(1, 3000)
        const [early, late] = yield* program.pipe(
          Effect.provide(layer((sent, index) => {
            const { taken } = limiter(sent.at)
            return taken
              ? reply({ delay: 50, headers: { "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "1" } })
              : reply({ status: 429, delay: 50, body: { retry_after: (index % 7) / 4 } })
          }, { maxRetries: 10 }))
        )
        // An alarm rings on whole milliseconds.
        for (const { at } of early) assert.isAtMost(at, 20_001)
        for (const { at } of late) assert.isAtMost(at, 27_001)
        assert.isAtLeast([...early, ...late].filter(({ result }) => result.ok).length, 8)
      }))
  })

  describe("when all is over", () => {
    it.effect("has nothing sleep any more", () =>
      Effect.gen(function*() {
        const clock = yield* Clock.Clock
        let sleeping = 0
        const counting: Clock.Clock = {
          ...clock,
          sleep: (duration) =>
            Effect.acquireUseRelease(
              Effect.sync(() => {
                sleeping++
              }),
              () => clock.sleep(duration),
              () =>
                Effect.sync(() => {
                  sleeping--
                })
            )
        }
        const program = Effect.gen(function*() {
          yield* drive(many(300, { deadline: "1 minute" }))
          yield* report(0, { _tag: "Limited", retryAfter: 1_800_000 })
          yield* report(1, { _tag: "Limited", retryAfter: 1_900_000 })
          const parked = yield* Effect.forkChild(many(20, { deadline: "1 hour" }))
          const pinned = yield* Effect.forkChild(many(20, { deadline: "1 hour", url: "https://given.example/" }))
          yield* TestClock.adjust(500)
          assert.isAbove(sleeping, 0)
          yield* Fiber.interrupt(parked)
          yield* Fiber.interrupt(pinned)
          yield* TestClock.adjust(1)
        })
        yield* program.pipe(
          Effect.provide(layer(receiver(fixedWindow(5, 2000), "hints", 1000), {}, [a, b])),
          Effect.provideService(Clock.Clock, counting)
        )
        assert.strictEqual(sleeping, 0)
      }))
  })

  describe("is looked at again after a signer or a provider that took five seconds", () => {
    const slow = Effect.delay(Effect.succeed({ "x-signature": "s" }), "5 seconds")

    // The first of two sends is answered after 100 ms, the second one is on its way since the same instant.
    const second = Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.all([
        Webhook.send(1, { signer: () => Effect.succeed({}) }),
        Webhook.send(2)
      ], { concurrency: "unbounded" }))
      yield* TestClock.adjust("2 hours")
      const [, result] = yield* Fiber.join(fiber)
      return { result, at: (yield* TestTransport.sent).map(({ at }) => at) }
    })
    const pooled = (script: TestTransport.Script, pool?: UrlPool.Options) =>
      Webhook.layerTransport({ signer: () => slow, maxRetries: 0 }).pipe(
        Layer.provideMerge(Layer.merge(TestTransport.layer(script), UrlPool.layer(hook, pool)))
      )
    const first = (answer: TestTransport.Answer): TestTransport.Script => ({ at }) =>
      at === 0 ? { ...answer, delay: 100 } : reply()

    it.effect("when the URL was limited meanwhile", () =>
      Effect.gen(function*() {
        const { at, result } = yield* second
        assert.isTrue(result.ok)
        // It opens at 60.1 s, and what goes then is signed then.
        assert.deepStrictEqual(at, [0, 65_100])
      }).pipe(Effect.provide(pooled(first(reply({ status: 429, body: { retry_after: 60 } }))))))

    it.effect("when its circuit has opened meanwhile", () =>
      Effect.gen(function*() {
        const { at, result } = yield* second
        assert.isTrue(result.ok)
        assert.deepStrictEqual(at, [0, 35_100])
      }).pipe(Effect.provide(pooled(first(reply({ status: 500 })), { circuit: { failures: 1 } }))))

    it.effect("when it was retired meanwhile", () =>
      Effect.gen(function*() {
        const { at, result } = yield* second
        assert(!result.ok)
        assert.strictEqual(result.attempts, 0)
        assert.deepStrictEqual(at, [0])
      }).pipe(Effect.provide(pooled(first(reply({ status: 410 }))))))

    it.effect("by which proxy it goes", () => {
      const asked: Array<number> = []
      const proxy = Result.getOrThrow(Proxy.parse("p:1"))
      const transport = Layer.succeed(Transport.Transport, {
        proxies: {
          get: Effect.suspend(() => Effect.delay(Effect.succeed(proxy), asked.length === 0 ? 0 : 5000)),
          report: () => Effect.void
        },
        attempt: () =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            asked.push(now)
            const answer = asked.length === 1
              ? new Transport.Reply(429, { "retry-after": "60" }, new Uint8Array(), false)
              : new Transport.Reply(204, {}, new Uint8Array(), false)
            return Effect.delay(Effect.succeed(answer), 100)
          })
      })
      return Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(
          Effect.all([Webhook.send(1), Webhook.send(2)], { concurrency: "unbounded" })
        )
        yield* TestClock.adjust("2 hours")
        const [, result] = yield* Fiber.join(fiber)
        assert.isTrue(result.ok)
        assert.deepStrictEqual(asked, [0, 65_100])
        // The wait for the provider is none of the attempt's time.
        assert.strictEqual(result.history[0]!.took, 100)
      }).pipe(Effect.provide(
        Webhook.layerTransport({ maxRetries: 0 }).pipe(Layer.provide([transport, UrlPool.layer(hook)]))
      ))
    })
  })
})

// On the real clock, and alone, since it looks at the timers of the whole process.
describe("the pace on the real clock", { concurrent: false }, () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
  const turns = Effect.promise(() => new Promise((resolve) => setImmediate(resolve))).pipe(Effect.repeat({ times: 50 }))

  it.live("leaves no timer when all sends have ended", () =>
    Effect.gen(function*() {
      const runtime = ManagedRuntime.make(
        layer(receiver(slidingWindow(10, 50), "hints", 1), { retry: Schedule.spaced(5) }, [a, b])
      )
      const webhook = yield* Effect.promise(() => runtime.runPromise(Webhook.Webhook))
      const pool = yield* Effect.promise(() => runtime.runPromise(UrlPool.UrlPool))
      // The test runner's own timers come and go: none is in the way after a while.
      yield* Effect.sleep(300)
      const baseline = timers()
      const ends = yield* Effect.promise(() =>
        Promise.all(Array.from({ length: 60 }, (_, n) => Effect.runPromise(webhook.send(n))))
      )
      assert.isTrue(ends.some(({ ok }) => ok))
      assert.isAtMost(timers(), baseline)
      for (const { target } of yield* pool.list) yield* pool.report(target, { _tag: "Limited", retryAfter: 60_000 })
      const before = timers()
      const parked = yield* Effect.forkChild(webhook.send("parked"))
      yield* turns
      assert.isAbove(timers(), before)
      yield* Fiber.interrupt(parked)
      yield* turns
      assert.isAtMost(timers(), before)
      yield* Effect.promise(() => runtime.dispose())
    }))
})
