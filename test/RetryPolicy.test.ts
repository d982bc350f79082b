import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Schedule } from "effect"
import { RetryPolicy, UrlPool, Webhook, WebhookError } from "effect-webhooks"
import { TestTransport } from "effect-webhooks/testing"
import { TestClock } from "effect/testing"

const now = Date.UTC(1994, 10, 6, 8, 49, 0)

describe("RetryPolicy", () => {
  describe("verdict", () => {
    const cases: ReadonlyArray<readonly [RetryPolicy.Verdict, ReadonlyArray<number>]> = [
      ["delivered", [200, 201, 204, 299]],
      ["retry", [429, 500, 501, 503, 505, 530, 599]],
      ["gone", [410]],
      ["fail", [0, 100, 199, 300, 301, 304, 308, 400, 401, 404, 407, 408, 409, 411, 425, 428, 430, 499, 600, 999, NaN]]
    ]
    for (const [verdict, statuses] of cases) {
      it(`is ${verdict} for ${statuses.join(", ")}`, () => {
        for (const status of statuses) assert.strictEqual(RetryPolicy.verdict(status), verdict, String(status))
      })
    }
  })

  describe("parseHint", () => {
    it.each<readonly [unknown, number]>([
      [1, 1000],
      [0.5, 500],
      [64.57, 64_570],
      ["120", 120_000],
      ["0.25", 250],
      [" 3 ", 3000],
      ["Sun, 06 Nov 1994 08:49:37 GMT", 37_000],
      ["Sunday, 06-Nov-94 08:49:37 GMT", 37_000],
      ["Sun Nov  6 08:49:37 1994", 37_000],
      ["Tue Nov 15 08:49:00 1994", 9 * 86_400_000],
      [1e300, 1e303]
    ])("reads %j", (hint, millis) => {
      assert.approximately(RetryPolicy.parseHint(hint, now)!, millis, millis * 1e-9)
    })

    it.each<readonly [unknown]>([
      [0],
      [-0],
      [-1],
      [NaN],
      [Infinity],
      [-Infinity],
      [1.7e308],
      ["0"],
      ["0.0"],
      ["-1"],
      ["+1"],
      ["1e3"],
      ["0x10"],
      [".5"],
      ["5."],
      ["1 2"],
      ["1,5"],
      ["5s"],
      ["9".repeat(400)],
      [""],
      ["NaN"],
      ["soon"],
      ["Sun, 06 Nov 1994 08:49:00 GMT"],
      ["Sun, 06 Nov 1994 08:48:59 GMT"],
      ["Sun, 06 Nov 1994 08:49:37 CET"],
      ["Sun, 06 Nov 1994 08:49:37"],
      ["Sun, 6 Nov 1994 08:49:37 GMT"],
      ["06 Nov 1994 08:49:37 GMT"],
      ["Xyz, 99 Foo 1994 08:49:37 GMT"],
      ["Fri, 31 Feb 1995 08:49:37 GMT"],
      ["1994-11-06T08:49:37Z"],
      [null],
      [undefined],
      [true],
      [{}],
      [[5]],
      [5n],
      [new Date(now + 5000)]
    ])("has no use for %s", (hint) => {
      assert.strictEqual(RetryPolicy.parseHint(hint, now), undefined)
    })
  })

  it("parseHint reads a date without a zone as GMT, wherever it runs", () => {
    const zone = process.env["TZ"]
    // Nothing else of this process runs in between.
    process.env["TZ"] = "America/New_York"
    try {
      assert.strictEqual(new Date(now).getTimezoneOffset(), 300)
      assert.strictEqual(RetryPolicy.parseHint("Sun Nov  6 08:49:37 1994", now), 37_000)
    } finally {
      if (zone === undefined) delete process.env["TZ"]
      else process.env["TZ"] = zone
    }
  })

  describe("retryAfter", () => {
    const of = (json: unknown, header?: string) =>
      RetryPolicy.retryAfter({ headers: { "retry-after": header }, json }, now)

    it("prefers the body", () => {
      assert.strictEqual(of({ retry_after: 2 }, "9"), 2000)
      assert.strictEqual(of({ retry_after: "2.5" }, "9"), 2500)
    })

    it("takes the header where the body has nothing of use", () => {
      for (const json of [undefined, null, 5, "retry_after", [], {}, { retry_after: -1 }, { retry_after: {} }]) {
        assert.strictEqual(of(json, "9"), 9000)
      }
    })

    it("is nothing where neither has", () => {
      assert.strictEqual(of({}), undefined)
      assert.strictEqual(of({ retry_after: 0 }, "0"), undefined)
    })

    const within = (headers: Record<string, string>, json?: unknown) => RetryPolicy.retryAfter({ headers, json }, now)
    const epoch = Math.floor(now / 1000)

    it.each<Record<string, string>>([
      { ratelimit: "\"burst\";r=0;t=7, \"daily\";r=3;t=900" },
      { ratelimit: "limit=5, remaining=0, reset=7" },
      { "ratelimit-remaining": "0", "ratelimit-reset": "7" },
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "7" },
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "7" },
      { "x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(epoch + 7) }
    ])("is the reset of a window of which nothing remains where neither has: %j", (headers) => {
      assert.approximately(within(headers)!, 7000, 1000)
      assert.approximately(within({ ...headers, "retry-after": "soon" }, { retry_after: -1 })!, 7000, 1000)
      assert.strictEqual(within({ ...headers, "retry-after": "3" }), 3000)
      assert.strictEqual(within({ ...headers, "retry-after": "9" }, { retry_after: 2 }), 2000)
    })

    it.each<Record<string, string>>([
      { ratelimit: "\"default\";r=1;t=7" },
      { ratelimit: "\"default\";r=0" },
      { ratelimit: "\"default\";r=0;t=-7" },
      { ratelimit: "\"default\";r=0;t=7;" },
      { "ratelimit-policy": "\"default\";q=0;w=7" },
      { "ratelimit-remaining": "1", "ratelimit-reset": "7" },
      { "ratelimit-remaining": "0", "ratelimit-reset": String(epoch + 7) },
      { "x-ratelimit-remaining": "1", "x-ratelimit-reset": String(epoch + 7) },
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(epoch - 7) },
      { "x-ratelimit-remaining": "0" },
      { "x-ratelimit-reset": "7" }
    ])("is nothing where a window has something left, or no end ahead: %j", (headers) => {
      assert.strictEqual(within(headers), undefined)
    })
  })

  describe("backoff", () => {
    const fulls = (schedule: Schedule.Schedule<Duration.Duration>, count: number) =>
      Effect.gen(function*() {
        const step = yield* Schedule.toStep(schedule)
        const waits: Array<number> = []
        for (let n = 0; n < count; n++) waits.push(Duration.toMillis((yield* step(0, undefined))[1]))
        return waits
      })

    it.effect("doubles from 500 ms to 30 s, and then stays there", () =>
      Effect.gen(function*() {
        for (const schedule of [RetryPolicy.default, RetryPolicy.backoff()]) {
          const waits = yield* fulls(schedule, 12)
          for (const [n, wait] of waits.entries()) {
            const full = Math.min(500 * 2 ** n, 30_000)
            assert.isAtLeast(wait, full / 2)
            assert.isAtMost(wait, full)
          }
        }
      }))

    it.effect("takes a base, a factor and a longest wait", () =>
      Effect.gen(function*() {
        const waits = yield* fulls(RetryPolicy.backoff({ base: "1 second", factor: 3, max: "5 seconds" }), 5)
        for (const [n, full] of [1000, 3000, 5000, 5000, 5000].entries()) {
          assert.isAtLeast(waits[n]!, full / 2)
          assert.isAtMost(waits[n]!, full)
        }
      }))

    it.effect("never ends by itself, however often it is asked", () =>
      Effect.gen(function*() {
        const waits = yield* fulls(RetryPolicy.backoff({ factor: 1e10 }), 200)
        assert.isTrue(waits.slice(1).every((wait) => wait >= 15_000 && wait <= 30_000))
      }))

    it("throws RangeError for what makes no sense", () => {
      for (
        const options of [
          { base: 0 },
          { base: -1 },
          { base: NaN },
          { max: 0 },
          { max: "-1 seconds" as const },
          { factor: 0.5 },
          { factor: NaN },
          { factor: -2 }
        ]
      ) {
        assert.throws(() => RetryPolicy.backoff(options), RangeError)
      }
    })
  })

  describe("hinted", () => {
    const hint = Duration.seconds(7)
    const rateLimited = (retryAfter?: Duration.Duration) =>
      new WebhookError.RateLimited({ status: 429, retryAfter, scope: "url" })
    const serverError = (retryAfter?: Duration.Duration) => new WebhookError.ServerError({ status: 503, retryAfter })

    it.effect.each<readonly [string, unknown, number, number]>([
      ["is exact for a 429, where it is longer", rateLimited(hint), 1000, 7000],
      ["is exact for a 429, where it is shorter", rateLimited(hint), 9000, 7000],
      ["is the least that a 503 waits", serverError(hint), 1000, 7000],
      ["lets a 503 wait longer", serverError(hint), 9000, 9000],
      ["is the schedule's where a 429 has none", rateLimited(), 1000, 1000],
      ["is the schedule's where a 503 has none", serverError(), 1000, 1000],
      ["is the schedule's for what has no hint", new WebhookError.Rejected({ status: 404 }), 1000, 1000],
      ["is the schedule's for what is no WebhookError", undefined, 1000, 1000]
    ])("the delay %s", ([, reason, delay, expected]) =>
      Effect.gen(function*() {
        const step = yield* Schedule.toStep(RetryPolicy.hinted(Schedule.spaced(delay)))
        const input = reason === undefined
          ? new Error("of somebody else")
          : new WebhookError.WebhookError({ reason: reason as WebhookError.WebhookErrorReason })
        const [, wait] = yield* step(0, input)
        assert.strictEqual(Duration.toMillis(wait), expected)
      }))

    it.effect("ends with its schedule", () =>
      Effect.gen(function*() {
        const step = yield* Schedule.toStep(RetryPolicy.hinted(Schedule.recurs(1)))
        const input = new WebhookError.WebhookError({ reason: rateLimited(hint) })
        yield* step(0, input)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(step(0, input))))
      }))

    it.effect("lets a send be tried again from outside as it would be within", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.retry(Webhook.sendOrFail({ text: "hello" }), {
          schedule: RetryPolicy.default,
          while: WebhookError.isRetryable
        }))
        yield* TestClock.adjust("1 hour")
        assert.strictEqual((yield* Fiber.join(fiber)).status, 204)
        const at = (yield* TestTransport.sent).map(({ at }) => at)
        assert.lengthOf(at, 4)
        assert.approximately(at[1]! - at[0]!, 30_000, 1e-6)
        assert.isAtLeast(at[2]! - at[1]!, 500)
        assert.isAtMost(at[2]! - at[1]!, 1000)
        assert.approximately(at[3]! - at[2]!, 5000, 1e-6)
      }).pipe(Effect.provide(
        Webhook.layerTransport({ maxRetries: 0 }).pipe(
          Layer.provideMerge(TestTransport.layer([
            TestTransport.reply({ status: 429, body: { retry_after: 30 } }),
            TestTransport.reply({ status: 500 }),
            TestTransport.reply({ status: 503, headers: { "retry-after": "5" } }),
            TestTransport.reply()
          ])),
          Layer.provide(UrlPool.layer("https://example.com/hook"))
        )
      )))
  })
})
