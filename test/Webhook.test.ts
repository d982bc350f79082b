import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Redacted,
  References,
  Schedule,
  Scope
} from "effect"
import { type Signature, Transport, UrlPool, Webhook, WebhookError } from "effect-webhooks"
import { TestTransport } from "effect-webhooks/testing"
import { HttpBody } from "effect/http"
import { TestClock } from "effect/testing"

const { refuse, hang, reply, reset } = TestTransport

const hook = "https://example.com/hook"

const layer = (
  script: TestTransport.Script,
  options?: Webhook.WebhookOptions,
  urls: UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput> = hook
) =>
  Webhook.layerTransport(options).pipe(
    Layer.provideMerge(Layer.merge(TestTransport.layer(script), UrlPool.layer(urls)))
  )

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const started = yield* Clock.currentTimeMillis
    const value = yield* effect
    return { value, elapsed: (yield* Clock.currentTimeMillis) - started }
  })

// Runs while the clock goes on for an hour.
const drive = <A, E, R, R2 = never>(
  effect: Effect.Effect<A, E, R>,
  first: Effect.Effect<void, never, R2> = Effect.void
) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(timed(effect))
    yield* first
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

// Until the first attempt is made, in real time: the platform takes its own to read a form or a blob.
const attempted = Effect.gen(function*() {
  while ((yield* TestTransport.sent).length === 0) yield* Effect.promise(() => new Promise(setImmediate))
})

interface Given {
  readonly options?: Webhook.WebhookOptions
  readonly send?: Webhook.SendOptions
  readonly payload?: unknown
  /** Runs before the clock goes on. */
  readonly first?: Effect.Effect<void, never, TestTransport.TestTransport>
}

// One send: its result, how long it took, and what went over the wire.
const once = (script: TestTransport.Script, { first, options, payload = { n: 1 }, send }: Given = {}) =>
  Effect.gen(function*() {
    const { elapsed, value } = yield* drive(Webhook.send(payload, send), first)
    return { result: value, elapsed, sent: yield* TestTransport.sent }
  }).pipe(Effect.provide(layer(script, options)))

// The same, of which it is known that it fails.
const failed = (script: TestTransport.Script, given: Given = {}) =>
  Effect.map(once(script, given), ({ result, ...rest }) => {
    assert(result._tag === "Failed", `it was ${result._tag}`)
    return { ...rest, result, reason: result.reason }
  })

const gaps = (sent: ReadonlyArray<TestTransport.Sent>) => sent.slice(1).map(({ at }, index) => at - sent[index]!.at)

describe("Webhook", () => {
  describe("delivery", () => {
    it.effect("POSTs the payload as JSON and gives the receiver's status and answer", () =>
      Effect.gen(function*() {
        const { result, sent } = yield* once(reply({ status: 200, body: { id: "7" } }))
        assert.strictEqual(result._tag, "Delivered")
        assert.strictEqual(result.ok, true)
        assert.strictEqual(result.status, 200)
        assert.deepStrictEqual(result.response, { id: "7" })
        assert.strictEqual(result.truncated, false)
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(Redacted.value(result.url!), hook)
        assert.strictEqual(result.target, "example.com")
        assert.strictEqual(result.proxy, undefined)
        assert.strictEqual(sent.length, 1)
        assert.strictEqual(sent[0]!.body, "{\"n\":1}")
        assert.strictEqual(sent[0]!.headers["content-type"], "application/json")
      }))

    it.effect("keeps one entry per attempt in the history, with what was waited and what it took", () =>
      Effect.gen(function*() {
        const { result } = yield* once([
          reply({ status: 429, body: { retry_after: 2 }, delay: 30 }),
          reply({ delay: 40 })
        ])
        assert.deepStrictEqual(
          result.history.map(({ reason, ...attempt }) => ({ ...attempt, reason: reason?._tag })),
          [
            { target: "example.com", proxy: undefined, status: 429, reason: "RateLimited", waited: 0, took: 30 },
            { target: "example.com", proxy: undefined, status: 204, reason: undefined, waited: 2000, took: 40 }
          ]
        )
      }))

    it.effect("gives the status and the body of the last attempt after the last retry", () =>
      Effect.gen(function*() {
        const { result } = yield* failed([
          reply({ status: 500, body: "one" }),
          reply({ status: 502, body: "two" }),
          reply({ status: 503, body: "three" }),
          reply({ status: 504, body: { last: true } })
        ])
        assert.strictEqual(result.attempts, 4)
        assert.strictEqual(result.status, 504)
        assert.deepStrictEqual(result.response, { last: true })
        assert.deepStrictEqual(result.history.map(({ status }) => status), [500, 502, 503, 504])
      }))

    it.effect("has no status and no answer when the last attempt had none", () =>
      Effect.gen(function*() {
        const { result } = yield* failed([reply({ status: 500, body: "one" }), refuse])
        assert.strictEqual(result.status, undefined)
        assert.strictEqual(result.response, undefined)
        assert.strictEqual(result.delivered, "maybe")
      }))

    it.effect("makes no retry with maxRetries 0", () =>
      Effect.gen(function*() {
        const { elapsed, result, sent } = yield* failed(reply({ status: 500 }), { options: { maxRetries: 0 } })
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(sent.length, 1)
        assert.strictEqual(elapsed, 0)
      }))

    it.effect("counts 429, 5xx and lost connections towards one maxRetries", () =>
      Effect.gen(function*() {
        const { result } = yield* failed(
          [reply({ status: 429 }), refuse, reply({ status: 503 }), reset, reply({ status: 500 }), reply()],
          { options: { maxRetries: 4 } }
        )
        assert.strictEqual(result.attempts, 5)
        assert.strictEqual(result.status, 500)
      }))
  })

  describe("the answer", () => {
    const responseOf = (body: string | Uint8Array | object | undefined, options?: Webhook.WebhookOptions) =>
      Effect.map(once(reply({ status: 200, body }), { ...(options && { options }) }), ({ result }) => result)

    it.effect("is JSON if it parses", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* responseOf(" {\"a\": [1, null]} ")).response, { a: [1, null] })
        assert.strictEqual((yield* responseOf("false")).response, false)
        assert.strictEqual((yield* responseOf("-0.5")).response, -0.5)
        assert.strictEqual((yield* responseOf("\"ok\"")).response, "ok")
      }))

    it.effect("is null if it is JSON's null", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* responseOf("null")).response, null)
      }))

    it.effect("is text if it does not parse", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* responseOf("ok")).response, "ok")
        assert.strictEqual((yield* responseOf("{\"a\":")).response, "{\"a\":")
        assert.strictEqual((yield* responseOf("true story")).response, "true story")
        assert.strictEqual((yield* responseOf("<html>ü</html>")).response, "<html>ü</html>")
      }))

    it.effect("is undefined if there is none", () =>
      Effect.gen(function*() {
        const result = yield* responseOf("")
        assert.strictEqual(result.response, undefined)
        assert.strictEqual(result.truncated, false)
      }))

    it.effect("is kept up to maxResponseBytes", () =>
      Effect.gen(function*() {
        const options = { maxResponseBytes: 8 }
        const whole = yield* responseOf("12345678", options)
        assert.strictEqual(whole.response, 12_345_678)
        assert.strictEqual(whole.truncated, false)
        const cut = yield* responseOf("abcdefghi", options)
        assert.strictEqual(cut.response, "abcdefgh")
        assert.strictEqual(cut.truncated, true)
        assert.strictEqual(cut._tag, "Delivered")
        const none = yield* responseOf("abc", { maxResponseBytes: 0 })
        assert.strictEqual(none.response, undefined)
        assert.strictEqual(none.truncated, true)
      }))
  })

  describe("a hint", () => {
    const waitAfter = (answer: TestTransport.Answer) =>
      Effect.gen(function*() {
        const { result, sent } = yield* once([answer, reply()])
        assert.strictEqual(result._tag, "Delivered")
        assert.strictEqual(sent.length, 2)
        return gaps(sent)[0]!
      })

    const limited = (body?: unknown, retryAfter?: string) =>
      waitAfter(reply({
        status: 429,
        ...(body !== undefined && { body: { retry_after: body } }),
        ...(retryAfter !== undefined && { headers: { "Retry-After": retryAfter } })
      }))

    it.effect.each(
      [
        { body: 2, wait: 2000 },
        { body: 0.25, wait: 250 },
        { body: 1.337, wait: 1337 },
        { body: "3", wait: 3000 },
        { body: "1.5", wait: 1500 },
        { body: 200, wait: 200_000 }
      ] as const
    )("of a body's retry_after is waited exactly: $body", ({ body, wait }) =>
      Effect.gen(function*() {
        assert.approximately(yield* limited(body), wait, 1)
      }))

    it.effect("of a body stands above the header's", () =>
      Effect.gen(function*() {
        assert.approximately(yield* limited(2, "90"), 2000, 1)
        assert.approximately(yield* limited(90, "2"), 90_000, 1)
      }))

    it.effect("of a header counts when the body's makes no sense", () =>
      Effect.gen(function*() {
        for (const body of [0, -1, "soon", "-3", "", null, {}, [5], true]) {
          assert.approximately(yield* limited(body, "7"), 7000, 1)
        }
      }))

    it.effect("of a header may be whole or decimal seconds", () =>
      Effect.gen(function*() {
        assert.approximately(yield* limited(undefined, "5"), 5000, 1)
        assert.approximately(yield* limited(undefined, " 0.75 "), 750, 1)
      }))

    // The test clock begins at the epoch.
    it.effect.each([
      "Thu, 01 Jan 1970 00:00:42 GMT",
      "Thursday, 01-Jan-70 00:00:42 GMT",
      "Thu Jan  1 00:00:42 1970"
    ])("of a header may be the HTTP-date %s", (date) =>
      Effect.gen(function*() {
        assert.approximately(yield* limited(undefined, date), 42_000, 1)
      }))

    it.effect.each([
      "0",
      "-5",
      "0.0",
      "NaN",
      "Infinity",
      "1e9",
      "5s",
      "5, 6",
      "soon",
      "",
      "Wed, 31 Dec 1969 23:59:59 GMT",
      "Thu, 01 Jan 1970 00:00:00 GMT",
      "Foo, 99 Bar 1970 00:00:42 GMT",
      "1970-01-01T00:00:42Z"
    ])("that makes no sense falls back to the backoff: %s", (header) =>
      Effect.gen(function*() {
        const wait = yield* limited(undefined, header)
        assert.isAtLeast(wait, 249)
        assert.isAtMost(wait, 501)
      }))

    it.effect("binds each 429 anew", () =>
      Effect.gen(function*() {
        const { sent } = yield* once([
          reply({ status: 429, body: { retry_after: 1 } }),
          reply({ status: 429, body: { retry_after: 40 } }),
          reply({ status: 429, body: { retry_after: 0.1 } }),
          reply()
        ])
        assert.deepStrictEqual(gaps(sent).map(Math.round), [1000, 40_000, 100])
      }))

    it.effect("above the backoff's own wait is not what a 500 waits", () =>
      Effect.gen(function*() {
        const wait = yield* waitAfter(reply({ status: 500, headers: { "retry-after": "60" } }))
        assert.isAtMost(wait, 501)
      }))
  })

  describe("the deadline", () => {
    it.effect("ends a send at once when a hint cannot fit, and the hint stays", () =>
      Effect.gen(function*() {
        const { elapsed, reason, result, sent } = yield* failed(reply({ status: 429, body: { retry_after: 301 } }))
        assert.strictEqual(elapsed, 0)
        assert.strictEqual(sent.length, 1)
        assert.strictEqual(result.status, 429)
        assert.deepStrictEqual(result.response, { retry_after: 301 })
        assert(reason._tag === "RateLimited")
        assert.strictEqual(Duration.toMillis(reason.retryAfter!), 301_000)
      }))

    it.effect("ends a send at once when a 503's floor cannot fit", () =>
      Effect.gen(function*() {
        const { elapsed, reason, result } = yield* failed(reply({ status: 503, headers: { "retry-after": "3600" } }))
        assert.strictEqual(elapsed, 0)
        assert.strictEqual(result.status, 503)
        assert(reason._tag === "ServerError")
        assert.strictEqual(Duration.toMillis(reason.retryAfter!), 3_600_000)
      }))

    it.effect("ends a send at once when the backoff cannot fit", () =>
      Effect.gen(function*() {
        const { elapsed, reason, result } = yield* failed(reply({ status: 500, delay: 10 }), {
          options: { deadline: 200 }
        })
        assert.strictEqual(elapsed, 10)
        assert.strictEqual(reason._tag, "ServerError")
        assert.strictEqual(result.status, 500)
        assert.strictEqual(result.attempts, 1)
      }))

    it.effect("lets a hint that just fits be waited", () =>
      Effect.gen(function*() {
        const { elapsed, result } = yield* once([reply({ status: 429, body: { retry_after: 299 } }), reply()])
        assert.strictEqual(result._tag, "Delivered")
        assert.approximately(elapsed, 299_000, 1)
      }))

    it.effect("counts what earlier attempts took", () =>
      Effect.gen(function*() {
        const { elapsed, reason } = yield* failed(reply({ status: 429, body: { retry_after: 150 }, delay: 1000 }))
        assert.approximately(elapsed, 152_000, 2)
        assert.strictEqual(reason._tag, "RateLimited")
      }))

    it.effect("that cuts an attempt is exceeded during it, and the last reason is kept", () =>
      Effect.gen(function*() {
        const { elapsed, reason, result } = yield* failed([
          reply({ status: 503, headers: { "retry-after": "1" } }),
          hang
        ], {
          options: { deadline: "5 seconds" }
        })
        assert.approximately(elapsed, 5000, 1)
        assert(reason._tag === "DeadlineExceeded")
        assert.strictEqual(reason.during, "attempt")
        assert.strictEqual(reason.last?._tag, "ServerError")
        assert.strictEqual(Duration.toMillis(reason.deadline), 5000)
        assert.strictEqual(result.attempts, 2)
        assert.strictEqual(result.delivered, "maybe")
      }))

    it.effect("that cuts the first attempt has no last reason", () =>
      Effect.gen(function*() {
        const { elapsed, reason } = yield* failed(hang, { options: { deadline: "5 seconds" } })
        assert.strictEqual(elapsed, 5000)
        assert(reason._tag === "DeadlineExceeded")
        assert.strictEqual(reason.during, "attempt")
        assert.strictEqual(reason.last, undefined)
      }))

    it.effect("that lies beyond an attempt's timeout leaves the timeout as it is", () =>
      Effect.gen(function*() {
        const { elapsed, reason, result } = yield* failed(hang, {
          options: { deadline: "5 minutes", timeout: "2 seconds", maxRetries: 0 }
        })
        assert.strictEqual(elapsed, 2000)
        assert(reason._tag === "Timeout")
        assert.strictEqual(reason.phase, "sent")
        assert.strictEqual(Duration.toMillis(reason.after), 2000)
        assert.strictEqual(result.delivered, "maybe")
      }))

    it.effect("that cuts the wait for a turn is exceeded during it", () =>
      Effect.gen(function*() {
        const results = yield* drive(
          Effect.all([Webhook.send(1, { deadline: "1 minute" }), Webhook.send(2, { deadline: "3 seconds" })], {
            concurrency: "unbounded"
          })
        ).pipe(Effect.provide(layer(reply({ delay: "10 seconds" }), { maxPerOrigin: 1 })))
        const [first, second] = results.value
        assert.strictEqual(first._tag, "Delivered")
        assert(second._tag === "Failed" && second.reason._tag === "DeadlineExceeded")
        assert.strictEqual(second.reason.during, "turn")
        assert.strictEqual(second.attempts, 0)
        assert.strictEqual(second.delivered, "no")
      }))

    it.effect("that cuts the wait for a pace is exceeded during it", () =>
      Effect.gen(function*() {
        // The second waits for the probe, and nobody knows how long that takes.
        const program = Effect.gen(function*() {
          const pool = yield* UrlPool.UrlPool
          const [one] = yield* pool.list
          yield* pool.report(one!.target, { _tag: "Limited", retryAfter: 1000 })
          yield* Effect.sleep(1000)
          return yield* Effect.all([Webhook.send(1), Webhook.send(2, { deadline: "3 seconds" })], {
            concurrency: "unbounded"
          })
        })
        const { value: [first, second] } = yield* drive(program).pipe(
          Effect.provide(layer(reply({ delay: "10 seconds" })))
        )
        assert.strictEqual(first._tag, "Delivered")
        assert(second._tag === "Failed" && second.reason._tag === "DeadlineExceeded")
        assert.strictEqual(second.reason.during, "pace")
        assert.strictEqual(second.attempts, 0)
      }))

    it.effect("of a send stands above the layer's, and so does its timeout", () =>
      Effect.gen(function*() {
        const options = { timeout: "15 seconds", deadline: "1 second", maxRetries: 0 } as const
        const { elapsed, reason } = yield* failed(hang, { options, send: { timeout: 700, deadline: "1 minute" } })
        assert.strictEqual(reason._tag, "Timeout")
        assert.strictEqual(elapsed, 700)
      }))

    it.effect.each(
      [
        { send: { timeout: -1 }, option: "timeout" },
        { send: { timeout: 0 }, option: "timeout" },
        { send: { timeout: NaN }, option: "timeout" },
        { send: { deadline: 0 }, option: "deadline" },
        { send: { deadline: "soon" as Duration.Input }, option: "deadline" }
      ] as const
    )("of a send that makes no sense is InvalidOptions: $send", ({ option, send }) =>
      Effect.gen(function*() {
        const { reason, sent } = yield* failed(reply(), { send })
        assert(reason._tag === "InvalidOptions")
        assert.strictEqual(reason.option, option)
        assert.strictEqual(sent.length, 0)
      }))

    it.effect("may be endless", () =>
      Effect.gen(function*() {
        const { result, sent } = yield* once([hang, reply({ status: 429, body: { retry_after: 1200 } }), reply()], {
          options: { deadline: Duration.infinity, timeout: "30 minutes" }
        })
        assert.strictEqual(result._tag, "Delivered")
        assert.strictEqual(sent.length, 3)
      }))

    it.effect("comes first where a turn comes at the same instant", () =>
      Effect.gen(function*() {
        const first = yield* Effect.forkChild(Webhook.send(1))
        yield* Effect.yieldNow
        const second = yield* Effect.forkChild(Webhook.send(2, { deadline: "10 seconds" }))
        yield* TestClock.adjust("10 seconds")
        assert.isTrue((yield* Fiber.join(first)).ok)
        const result = yield* Fiber.join(second)
        assert(result._tag === "Failed" && result.reason._tag === "DeadlineExceeded")
        assert.strictEqual(result.attempts, 0)
        assert.strictEqual(result.delivered, "no")
        assert.lengthOf(yield* TestTransport.sent, 1)
      }).pipe(Effect.provide(layer(reply({ delay: "10 seconds" }), { maxPerOrigin: 1 }))))

    it.effect("does not stand in for a timeout that was as long", () =>
      Effect.gen(function*() {
        const { elapsed, value } = yield* drive(Webhook.send(1))
        assert.strictEqual(elapsed, 10_000)
        assert(value._tag === "Failed" && value.reason._tag === "Timeout", `${value}`)
        assert.strictEqual(value.delivered, "maybe")
      }).pipe(Effect.provide(layer(hang, { timeout: "10 seconds", deadline: "10 seconds" }))))
  })

  describe("with constants that make no sense", () => {
    it("throws RangeError where they are written", () => {
      const bad: ReadonlyArray<Webhook.WebhookOptions> = [
        { maxRetries: -1 },
        { maxRetries: 1.5 },
        { maxRetries: NaN },
        { maxRetries: Infinity },
        { timeout: 0 },
        { timeout: -1 },
        { deadline: "-1 seconds" },
        { grace: 0 },
        { maxPerOrigin: 0 },
        { maxResponseBytes: -1 }
      ]
      for (const options of bad) {
        assert.throws(() => Webhook.make(options), RangeError)
        assert.throws(() => Webhook.layer(options), RangeError)
        assert.throws(() => Webhook.layerTransport(options), RangeError)
      }
    })
  })

  describe("onAmbiguous", () => {
    const options = { onAmbiguous: "stop" } as const

    it.effect.each(
      [
        { name: "a timeout after the request was sent", answer: hang, reason: "Timeout" },
        { name: "a 500", answer: reply({ status: 500 }), reason: "ServerError" },
        { name: "a 503 without Retry-After", answer: reply({ status: 503 }), reason: "ServerError" },
        { name: "a connection lost after the request was sent", answer: reset, reason: "ConnectionError" }
      ] as const
    )("stop ends the send on $name", ({ answer, reason }) =>
      Effect.gen(function*() {
        const { result } = yield* failed(answer, { options })
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(result.reason._tag, reason)
        assert.strictEqual(result.delivered, "maybe")
      }))

    it.effect.each(
      [
        { name: "a refused connection", answer: refuse },
        { name: "a 503 with Retry-After", answer: reply({ status: 503, headers: { "retry-after": "1" } }) },
        { name: "a 429 with a hint", answer: reply({ status: 429, body: { retry_after: 1 } }) },
        { name: "a 429 without a hint", answer: reply({ status: 429 }) }
      ] as const
    )("stop retries $name", ({ answer }) =>
      Effect.gen(function*() {
        const { result } = yield* once([answer, answer, reply()], { options })
        assert.strictEqual(result._tag, "Delivered")
        assert.strictEqual(result.attempts, 3)
      }))

    it.effect("retry, the default, goes on", () =>
      Effect.gen(function*() {
        const { result } = yield* once([reset, hang, reply({ status: 500 }), reply()], {
          options: { onAmbiguous: "retry" }
        })
        assert.strictEqual(result._tag, "Delivered")
        assert.strictEqual(result.attempts, 4)
      }))
  })

  describe("classify", () => {
    it.effect("may call a 409 delivered", () =>
      Effect.gen(function*() {
        const { result } = yield* once(reply({ status: 409, body: "dup" }), {
          options: { classify: ({ status }) => status === 409 ? "delivered" : undefined }
        })
        assert.strictEqual(result._tag, "Delivered")
        assert.strictEqual(result.status, 409)
        assert.strictEqual(result.response, "dup")
      }))

    it.effect("may have a 408 retried", () =>
      Effect.gen(function*() {
        const { result } = yield* failed(reply({ status: 408 }), {
          options: { classify: ({ status }) => status === 408 ? "retry" : undefined }
        })
        assert.strictEqual(result.attempts, 4)
        assert.strictEqual(result.reason._tag, "Rejected")
        assert.strictEqual(result.delivered, "no")
      }))

    it.effect("may end a send on a 500", () =>
      Effect.gen(function*() {
        const { result } = yield* failed(reply({ status: 500 }), { options: { classify: () => "fail" } })
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(result.reason._tag, "ServerError")
        assert.strictEqual(result.delivered, "maybe")
      }))

    it.effect("may end a send on a 429, and the URL is paced all the same", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          const { elapsed, value } = yield* drive(Effect.zip(Webhook.send(1), Webhook.send(2)))
          return { elapsed, value, sent: yield* TestTransport.sent }
        })
        const { sent, value: [first, second] } = yield* program.pipe(
          Effect.provide(layer([reply({ status: 429, body: { retry_after: 9 } }), reply()], {
            classify: ({ status }) => status === 429 ? "fail" : undefined
          }))
        )
        assert(first._tag === "Failed")
        assert.strictEqual(first.reason._tag, "RateLimited")
        assert.strictEqual(first.attempts, 1)
        assert.strictEqual(second._tag, "Delivered")
        assert.deepStrictEqual(sent.map(({ at }) => at), [0, 9000])
      }))

    it.effect("may call a 404 gone, which retires the URL", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          const first = yield* Webhook.send(1)
          const second = yield* Webhook.send(2)
          const pool = yield* UrlPool.UrlPool
          return { first, second, list: yield* pool.list, sent: yield* TestTransport.sent }
        })
        const { first, list, second, sent } = yield* program.pipe(
          Effect.provide(layer(reply({ status: 404, body: { code: 10_015 } }), {
            classify: ({ json, status }) =>
              status === 404 && (json as { code?: number }).code === 10_015 ? "gone" : undefined
          }))
        )
        assert(first._tag === "Failed" && first.reason._tag === "EndpointGone")
        assert.strictEqual(first.reason.status, 404)
        assert(second._tag === "Failed" && second.reason._tag === "NoUrlAvailable")
        assert.deepStrictEqual(list.map(({ state }) => state), ["retired"])
        assert.strictEqual(sent.length, 1)
      }))

    it.effect("may have a 200 retried", () =>
      Effect.gen(function*() {
        const { result } = yield* once([
          reply({ status: 200, body: { ok: false } }),
          reply({ status: 200, body: { ok: true } })
        ], {
          options: { classify: ({ json }) => (json as { ok: boolean }).ok ? undefined : "retry" }
        })
        assert.strictEqual(result._tag, "Delivered")
        assert.strictEqual(result.attempts, 2)
      }))

    it.effect("that throws is Unexpected and names itself, not what it threw", () =>
      Effect.gen(function*() {
        const boom = new Error("CANARY")
        const { reason, result } = yield* failed(reply(), {
          options: {
            classify: () => {
              throw boom
            }
          }
        })
        assert(reason._tag === "Unexpected")
        assert.strictEqual(reason.source, "classify")
        assert.strictEqual(Redacted.value(reason.cause), boom)
        assert.notInclude(result.error, "CANARY")
        assert.strictEqual(result.status, 204)
      }))

    it.effect("that throws leaves the attempt in the history", () =>
      Effect.gen(function*() {
        const { result, sent } = yield* failed(reply(), {
          options: {
            classify: () => {
              throw new Error("boom")
            }
          }
        })
        assert.strictEqual(sent.length, 1)
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(result.history[0]?.status, 204)
      }))

    it.effect("that throws on an answer leaves open whether it was delivered", () =>
      Effect.gen(function*() {
        const { result } = yield* failed(reply(), {
          options: {
            classify: () => {
              throw new Error("boom")
            }
          }
        })
        assert.strictEqual(result.delivered, "maybe")
      }))
  })

  describe("a retry schedule", () => {
    it.effect("says what is waited", () =>
      Effect.gen(function*() {
        const { sent } = yield* once(reply({ status: 500 }), { options: { retry: Schedule.spaced("7 seconds") } })
        assert.deepStrictEqual(gaps(sent), [7000, 7000, 7000])
      }))

    it.effect("may stop early", () =>
      Effect.gen(function*() {
        const { result } = yield* failed(reply({ status: 500 }), { options: { retry: Schedule.recurs(1) } })
        assert.strictEqual(result.attempts, 2)
        assert.strictEqual(result.reason._tag, "ServerError")
      }))

    it.effect("that stops binds a 429 with a hint too", () =>
      Effect.gen(function*() {
        const { elapsed, result } = yield* failed(reply({ status: 429, body: { retry_after: 3 } }), {
          options: { retry: Schedule.recurs(1) }
        })
        assert.strictEqual(result.attempts, 2)
        assert.approximately(elapsed, 3000, 1)
      }))

    it.effect("is asked with the error", () =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        yield* once([reply({ status: 500 }), refuse, reply()], {
          options: {
            retry: Schedule.spaced("1 second").pipe(
              Schedule.setInputType<WebhookError.WebhookError>(),
              Schedule.tap(({ input }) => Effect.sync(() => seen.push(input.reason._tag)))
            )
          }
        })
        assert.deepStrictEqual(seen, ["ServerError", "ConnectionError"])
      }))

    it.effect("that never stops cannot go beyond maxRetries", () =>
      Effect.gen(function*() {
        const { result } = yield* failed(reply({ status: 500 }), {
          options: { retry: Schedule.forever, maxRetries: 7 }
        })
        assert.strictEqual(result.attempts, 8)
      }))

    it.effect("may have zero delays", () =>
      Effect.gen(function*() {
        for (const answer of [reply({ status: 500 }), reply({ status: 429 }), refuse]) {
          const { elapsed, result } = yield* failed(answer, { options: { retry: Schedule.recurs(100) } })
          assert.strictEqual(result.attempts, 4)
          assert.strictEqual(elapsed, 0)
        }
      }))

    it.effect("with zero delays waits a 429's hint and a 503's floor", () =>
      Effect.gen(function*() {
        const { sent } = yield* once(
          [
            reply({ status: 429, body: { retry_after: 2 } }),
            reply({ status: 503, headers: { "retry-after": "3" } }),
            reply()
          ],
          { options: { retry: Schedule.recurs(100) } }
        )
        assert.deepStrictEqual(gaps(sent).map(Math.round), [2000, 3000])
      }))

    it.effect("with an endless delay ends the send at once", () =>
      Effect.gen(function*() {
        const { elapsed, reason } = yield* failed(reply({ status: 500 }), {
          options: { retry: Schedule.spaced(Duration.infinity) }
        })
        assert.strictEqual(elapsed, 0)
        assert.strictEqual(reason._tag, "ServerError")
      }))

    it.effect("begins anew with each send", () =>
      Effect.gen(function*() {
        const program = drive(Effect.zip(Webhook.send(1), Webhook.send(2)))
        const { value: [first, second] } = yield* program.pipe(
          Effect.provide(layer(reply({ status: 500 }), { retry: Schedule.recurs(1) }))
        )
        assert.strictEqual(first.attempts, 2)
        assert.strictEqual(second.attempts, 2)
      }))

    it.effect("that dies is Unexpected, and the last status and answer stay", () =>
      Effect.gen(function*() {
        const boom = new Error("CANARY")
        const { reason, result } = yield* failed(reply({ status: 500, body: "oh" }), {
          options: { retry: Schedule.spaced(1).pipe(Schedule.tap(() => Effect.die(boom))) }
        })
        assert(reason._tag === "Unexpected")
        assert.strictEqual(reason.source, "retry")
        assert.strictEqual(Redacted.value(reason.cause), boom)
        assert.notInclude(result.error, "CANARY")
        assert.strictEqual(result.status, 500)
        assert.strictEqual(result.response, "oh")
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(result.delivered, "maybe")
      }))

    it.effect("that never answers ends by the deadline", () =>
      Effect.gen(function*() {
        const { elapsed, reason, result } = yield* failed(reply({ status: 500 }), {
          options: { retry: Schedule.spaced(1).pipe(Schedule.tap(() => Effect.never)), deadline: "20 seconds" }
        })
        assert.strictEqual(elapsed, 20_000)
        assert(reason._tag === "DeadlineExceeded")
        assert.strictEqual(reason.last?._tag, "ServerError")
        assert.strictEqual(result.attempts, 1)
      }))
  })

  describe("headers", () => {
    const headersOf = (given: Given, script: TestTransport.Script = reply()) =>
      Effect.map(once(script, given), ({ result, sent }) => {
        assert.strictEqual(result._tag, "Delivered", result.ok ? "" : result.error)
        return sent[0]!.headers
      })

    it.effect("of the layer and of the send are sent, the send's stand above", () =>
      Effect.gen(function*() {
        const headers = yield* headersOf({
          options: { headers: { "X-Layer": "1", "X-Both": "layer" } },
          send: { headers: { "x-send": "2", "x-BOTH": "send" } }
        })
        assert.strictEqual(headers["x-layer"], "1")
        assert.strictEqual(headers["x-send"], "2")
        assert.strictEqual(headers["x-both"], "send")
        assert.isTrue(Object.keys(headers).every((name) => name === name.toLowerCase()))
      }))

    it.effect("may be Redacted", () =>
      Effect.gen(function*() {
        const headers = yield* headersOf({
          options: { headers: { authorization: Redacted.make("Bearer a") } },
          send: { headers: { "x-key": Redacted.make("b") } }
        })
        assert.strictEqual(headers["authorization"], "Bearer a")
        assert.strictEqual(headers["x-key"], "b")
      }))

    it.effect("may name another content type", () =>
      Effect.gen(function*() {
        const cloud = "application/cloudevents+json"
        assert.strictEqual(
          (yield* headersOf({ options: { headers: { "Content-Type": cloud } } }))["content-type"],
          cloud
        )
        assert.strictEqual((yield* headersOf({ send: { headers: { "CONTENT-TYPE": cloud } } }))["content-type"], cloud)
        const over = yield* headersOf({
          options: { headers: { "content-type": "a/b" } },
          send: { headers: { "content-type": cloud } }
        })
        assert.strictEqual(over["content-type"], cloud)
      }))

    it.effect("name the library where nobody names another agent", () =>
      Effect.gen(function*() {
        assert.match((yield* headersOf({}))["user-agent"]!, /^effect-webhooks\//)
        assert.strictEqual((yield* headersOf({ options: { headers: { "User-Agent": "me" } } }))["user-agent"], "me")
      }))

    it.effect("are no more than was asked for", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(Object.keys(yield* headersOf({})).toSorted(), ["content-type", "user-agent"])
        assert.deepStrictEqual(
          Object.keys(yield* headersOf({ send: { headers: { "x-a": "1" } } })).toSorted(),
          ["content-type", "user-agent", "x-a"]
        )
      }))

    it.effect("may hold a webhook-id of the caller's own where nothing is signed", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* headersOf({ send: { headers: { "webhook-id": "mine" } } }))["webhook-id"], "mine")
        assert.strictEqual((yield* headersOf({ options: { headers: { "webhook-id": "mine" } } }))["webhook-id"], "mine")
      }))

    const bad: ReadonlyArray<{ readonly headers: Record<string, string>; readonly header: string }> = [
      { headers: { Host: "example.org" }, header: "host" },
      { headers: { "Content-Length": "3" }, header: "content-length" },
      { headers: { "transfer-encoding": "chunked" }, header: "transfer-encoding" },
      { headers: { CONNECTION: "close" }, header: "connection" },
      { headers: { "x-a": "CANARY\r\nx-b: 1" }, header: "x-a" },
      { headers: { "x-a": "CANARY\n" }, header: "x-a" },
      { headers: { "x-a": "CANARY\0" }, header: "x-a" },
      { headers: { "x-a": "CANARY€" }, header: "x-a" },
      { headers: { "x a": "CANARY" }, header: "x a" },
      { headers: { "": "CANARY" }, header: "" },
      { headers: { "x-a": 1 as unknown as string }, header: "x-a" }
    ]

    it.effect.each(bad)(
      "that may not be set are InvalidHeader in the result of a send: $headers",
      ({ header, headers }) =>
        Effect.gen(function*() {
          const { reason, result, sent } = yield* failed(reply(), { send: { headers } })
          assert(reason._tag === "InvalidHeader")
          assert.strictEqual(reason.header, header)
          assert.strictEqual(sent.length, 0)
          assert.strictEqual(result.attempts, 0)
          assert.notInclude(result.error, "CANARY")
          assert.notInclude(result.error, "\n")
        })
    )

    it.effect.each(bad)(
      "that may not be set fail the layer that has them: $headers",
      ({ header, headers }) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(Effect.scoped(Layer.build(layer(reply(), { headers }))))
          assert(WebhookError.isWebhookError(error) && error.reason._tag === "InvalidHeader")
          assert.strictEqual(error.reason.header, header)
          assert.strictEqual(error.result, undefined)
          assert.notInclude(String(error), "CANARY")
        })
    )

    it.effect("that begin with webhook- belong to the signature when signing", () =>
      Effect.gen(function*() {
        const signer: Signature.Signer = () => Effect.succeed({})
        const headers = { "Webhook-Timestamp": "1" }
        const { reason, sent } = yield* failed(reply(), { options: { signer }, send: { headers } })
        assert(reason._tag === "InvalidHeader")
        assert.strictEqual(reason.header, "webhook-timestamp")
        assert.strictEqual(sent.length, 0)
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layer(reply(), { signer, headers }))))
        assert(WebhookError.isWebhookError(error) && error.reason._tag === "InvalidHeader")
        assert.strictEqual((yield* headersOf({ send: { headers } }))["webhook-timestamp"], "1")
      }))

    it.effect("of the layer that begin with webhook- are refused by a send that is signed", () =>
      Effect.gen(function*() {
        const { reason } = yield* failed(reply(), {
          options: { headers: { "webhook-timestamp": "1" } },
          send: { signer: () => Effect.succeed({ "webhook-signature": "v1,x" }) }
        })
        assert.strictEqual(reason._tag, "InvalidHeader")
      }))
  })

  describe("a body", () => {
    const twice = [reply({ status: 503, headers: { "retry-after": "1" } }), reply()]

    it.effect("of text keeps its content type", () =>
      Effect.gen(function*() {
        const { sent } = yield* once(twice, { payload: HttpBody.text("grüße", "text/x-greeting") })
        assert.deepStrictEqual(sent.map(({ body }) => body), ["grüße", "grüße"])
        assert.strictEqual(sent[0]!.headers["content-type"], "text/x-greeting")
      }))

    it.effect("of bytes is sent byte for byte", () =>
      Effect.gen(function*() {
        const bytes = new Uint8Array([0, 255, 128, 10, 195])
        const { sent } = yield* once(twice, { payload: HttpBody.uint8Array(bytes, "application/x-bytes") })
        assert.strictEqual(sent.length, 2)
        for (const one of sent) {
          assert.deepStrictEqual(one.bytes, bytes)
          assert.strictEqual(one.headers["content-type"], "application/x-bytes")
        }
      }))

    it.effect("of URL parameters is a form", () =>
      Effect.gen(function*() {
        const { sent } = yield* once(reply(), { payload: HttpBody.urlParams([["a", "1 2"], ["b", "ü"]]) })
        assert.strictEqual(sent[0]!.body, "a=1+2&b=%C3%BC")
        assert.match(sent[0]!.headers["content-type"]!, /^application\/x-www-form-urlencoded/)
      }))

    it.effect("of a form is the same on every attempt, boundary included", () =>
      Effect.gen(function*() {
        const form = new FormData()
        form.append("a", "1")
        form.append("file", new Blob([new Uint8Array([1, 2, 255])]), "x.bin")
        const { sent } = yield* once([reply({ status: 500 }), refuse, reply()], {
          payload: HttpBody.formData(form),
          first: attempted
        })
        assert.strictEqual(sent.length, 3)
        const type = sent[0]!.headers["content-type"]!
        const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(type)![1]!
        assert.include(sent[0]!.body, `--${boundary}`)
        assert.include(sent[0]!.body, "filename=\"x.bin\"")
        for (const one of sent) {
          assert.deepStrictEqual(one.bytes, sent[0]!.bytes)
          assert.strictEqual(one.headers["content-type"], type)
        }
      }))

    it.effect("may be empty", () =>
      Effect.gen(function*() {
        const { sent } = yield* once(reply(), { payload: HttpBody.empty })
        assert.strictEqual(sent[0]!.bytes.length, 0)
        assert.notProperty(sent[0]!.headers, "content-type")
      }))

    it.effect("may be a raw string, bytes, Blob or form", () =>
      Effect.gen(function*() {
        const blob = new Blob(["blob"], { type: "text/x-blob" })
        const { sent } = yield* once(twice, { payload: HttpBody.raw(blob), first: attempted })
        assert.deepStrictEqual(sent.map(({ body }) => body), ["blob", "blob"])
        assert.strictEqual(sent[0]!.headers["content-type"], "text/x-blob")
        const typed = yield* once(reply(), {
          payload: HttpBody.raw(blob, { contentType: "text/x-mine" }),
          first: attempted
        })
        assert.strictEqual(typed.sent[0]!.headers["content-type"], "text/x-mine")
        const text = yield* once(reply(), { payload: HttpBody.raw("text") })
        assert.strictEqual(text.sent[0]!.body, "text")
        const buffer = yield* once(reply(), { payload: HttpBody.raw(new Uint8Array([1, 2]).buffer) })
        assert.deepStrictEqual(buffer.sent[0]!.bytes, new Uint8Array([1, 2]))
      }))

    it.effect("of JSON is encoded once, so later changes are not sent", () =>
      Effect.gen(function*() {
        const payload = { n: 1 }
        const { sent } = yield* once((_, index) => {
          payload.n++
          return index === 0 ? reply({ status: 500 }) : reply()
        }, { payload })
        assert.deepStrictEqual(sent.map(({ body }) => body), ["{\"n\":1}", "{\"n\":1}"])
      }))

    const cycle: Record<string, unknown> = {}
    cycle["self"] = { again: cycle }
    const impossible: ReadonlyArray<readonly [string, unknown, string?]> = [
      ["undefined", undefined],
      ["a function", () => 1],
      ["a symbol", Symbol("CANARY")],
      ["a BigInt", { a: [1, 2n] }, "a[1]"],
      ["a bare BigInt", 2n],
      ["a cycle", cycle, "self.again"],
      ["a throwing toJSON", {
        toJSON() {
          throw new Error("CANARY")
        }
      }],
      ["a throwing getter", {
        get a(): number {
          throw new Error("CANARY")
        }
      }, "a"],
      ["bytes", new Uint8Array([1])],
      ["a form", new FormData()],
      ["URL parameters", new URLSearchParams("a=CANARY")],
      ["a promise", Promise.resolve("CANARY")],
      ["a stream", new ReadableStream()],
      ["a raw object", HttpBody.raw({ a: "CANARY" })]
    ]

    it.effect.each(impossible.map(([name, payload, path]) => ({ name, payload, path })))(
      "that cannot be sent is InvalidPayload without an attempt: $name",
      ({ path, payload }) =>
        Effect.gen(function*() {
          const send = payload === undefined
            ? Webhook.send(undefined).pipe(
              Effect.provide(layer(reply())),
              Effect.map((result) => ({ result, sent: [] }))
            )
            : once(reply(), { payload })
          const { result, sent } = yield* send
          assert(result._tag === "Failed" && result.reason._tag === "InvalidPayload")
          assert.strictEqual(result.reason.violations.length, 1)
          if (path !== undefined) assert.strictEqual(result.reason.violations[0]!.path, path)
          assert.strictEqual(sent.length, 0)
          assert.strictEqual(result.attempts, 0)
          assert.strictEqual(result.delivered, "no")
          assert.notInclude(result.error, "CANARY")
        })
    )

    it.effect("that cannot be sent is named in one line, whatever its keys", () =>
      Effect.gen(function*() {
        const { result } = yield* failed(reply(), { payload: { "a\nb": 1n } })
        assert.notInclude(result.error, "\n")
        const long = yield* failed(reply(), { payload: { ["k".repeat(100_000)]: 1n } })
        assert.isBelow(long.result.error.length, 1000)
      }))

    it.effect("that is falsy is JSON like any other", () =>
      Effect.gen(function*() {
        for (const [payload, body] of [[null, "null"], [0, "0"], ["", "\"\""], [false, "false"]] as const) {
          const { result, sent } = yield* once(reply(), { payload })
          assert.strictEqual(result._tag, "Delivered")
          assert.strictEqual(sent[0]!.body, body)
        }
      }))
  })

  describe("an id", () => {
    it.effect("is sent as webhook-id, the same on every attempt", () =>
      Effect.gen(function*() {
        const { result, sent } = yield* once([reply({ status: 500 }), refuse, reply()], { send: { id: "evt_1" } })
        assert.strictEqual(result.id, "evt_1")
        assert.deepStrictEqual(sent.map(({ headers }) => headers["webhook-id"]), ["evt_1", "evt_1", "evt_1"])
      }))

    it.effect("is not sent when nobody gave one, though the result has one", () =>
      Effect.gen(function*() {
        const { result, sent } = yield* once(reply())
        assert.notProperty(sent[0]!.headers, "webhook-id")
        assert.match(result.id, /^[\w-]{8,}$/)
        const other = yield* once(reply())
        assert.notStrictEqual(other.result.id, result.id)
      }))

    it.effect("is made on a page that is not secure too, where there is no randomUUID", () =>
      Effect.gen(function*() {
        const uuid = yield* Effect.acquireRelease(
          Effect.sync(() => {
            const { randomUUID } = crypto
            Object.assign(crypto, { randomUUID: undefined })
            return randomUUID
          }),
          (randomUUID) => Effect.sync(() => Object.assign(crypto, { randomUUID }))
        )
        assert.isFunction(uuid)
        assert.isUndefined(crypto.randomUUID)
        const { result } = yield* once(reply())
        assert.match(result.id, /^msg_[0-9a-f]{32}/)
      }).pipe(Effect.scoped))

    it.effect.each(["a.b", "a b", "", "a\nb", "ü"])(
      "that HTTP or the signature cannot carry is InvalidOptions: %j",
      (id) =>
        Effect.gen(function*() {
          const { reason, sent } = yield* failed(reply(), { send: { id } })
          assert(reason._tag === "InvalidOptions")
          assert.strictEqual(reason.option, "id")
          assert.strictEqual(sent.length, 0)
        })
    )
  })

  describe("a signer", () => {
    it.effect("is asked once per attempt, with a fresh timestamp and the very bytes that are sent", () =>
      Effect.gen(function*() {
        const asked: Array<{ id: string; timestamp: number; body: Uint8Array }> = []
        const signer: Signature.Signer = (input) => {
          asked.push(input)
          return Effect.succeed({
            "Webhook-Timestamp": `${input.timestamp}`,
            "webhook-signature": `v1,${asked.length}`
          })
        }
        const { result, sent } = yield* once(
          [
            reply({ status: 429, body: { retry_after: 2.5 } }),
            reply({ status: 429, body: { retry_after: 61 } }),
            reply()
          ],
          { options: { signer }, payload: { text: "grüße" } }
        )
        assert.strictEqual(result._tag, "Delivered")
        assert.deepStrictEqual(asked.map(({ timestamp }) => timestamp), [0, 2, 63])
        assert.deepStrictEqual(sent.map(({ headers }) => headers["webhook-timestamp"]), ["0", "2", "63"])
        assert.deepStrictEqual(sent.map(({ headers }) => headers["webhook-signature"]), ["v1,1", "v1,2", "v1,3"])
        for (const [index, { body, id }] of asked.entries()) {
          assert.strictEqual(id, result.id)
          assert.strictEqual(sent[index]!.headers["webhook-id"], result.id)
          assert.deepStrictEqual(body, sent[index]!.bytes)
        }
      }))

    it.effect("sees the bytes of a body that is no text", () =>
      Effect.gen(function*() {
        const bytes = new Uint8Array([0, 255, 195])
        let seen: Uint8Array | undefined
        const { sent } = yield* once(reply(), {
          payload: HttpBody.uint8Array(bytes),
          send: {
            signer: ({ body }) => {
              seen = body
              return Effect.succeed({})
            }
          }
        })
        assert.deepStrictEqual(seen, bytes)
        assert.deepStrictEqual(sent[0]!.bytes, bytes)
      }))

    it.effect("of a send stands above the layer's, and gets the send's id", () =>
      Effect.gen(function*() {
        const { sent } = yield* once(reply(), {
          options: { signer: () => Effect.succeed({ "x-by": "layer" }) },
          send: { id: "evt_1", signer: ({ id }) => Effect.succeed({ "x-by": `send ${id}` }) }
        })
        assert.strictEqual(sent[0]!.headers["x-by"], "send evt_1")
        assert.strictEqual(sent[0]!.headers["webhook-id"], "evt_1")
      }))

    it.effect("that fails is SignerError, without an attempt", () =>
      Effect.gen(function*() {
        const error = new WebhookError.SignerError({ detail: "no key" })
        const { reason, result, sent } = yield* failed(reply(), { options: { signer: () => Effect.fail(error) } })
        assert.strictEqual(reason, error)
        assert.strictEqual(result.attempts, 0)
        assert.strictEqual(result.delivered, "no")
        assert.strictEqual(sent.length, 0)
      }))

    it.effect("that fails with something else is SignerError too, and prints nothing of it", () =>
      Effect.gen(function*() {
        const signer = (() => Effect.fail("CANARY")) as unknown as Signature.Signer
        const { reason, result } = yield* failed(reply(), { options: { signer } })
        assert(reason._tag === "SignerError" || reason._tag === "Unexpected")
        assert.notInclude(JSON.stringify(result) + result.error, "CANARY")
      }))

    it.effect.each<{ readonly name: string; readonly given: unknown }>([
      { name: "nothing", given: undefined },
      { name: "null", given: null },
      { name: "a text", given: "CANARY" },
      { name: "a Map", given: new Map([["x-signature", "CANARY"]]) },
      { name: "fetch's Headers", given: new Headers({ "x-signature": "CANARY" }) },
      { name: "pairs", given: [["x-signature", "CANARY"]] }
    ])(
      "that gives $name instead of headers is SignerError, and nothing goes out unsigned",
      ({ given }) =>
        Effect.gen(function*() {
          const signer = (() => Effect.succeed(given)) as unknown as Signature.Signer
          const { reason, result, sent } = yield* failed(reply(), { options: { signer } })
          assert.strictEqual(reason._tag, "SignerError")
          assert.strictEqual(sent.length, 0)
          assert.notInclude(JSON.stringify(result) + result.error, "CANARY")
        })
    )

    it.effect("that fails with nothing is SignerError", () =>
      Effect.gen(function*() {
        const signer = (() => Effect.fail(null)) as unknown as Signature.Signer
        const { reason } = yield* failed(reply(), { options: { signer } })
        assert.strictEqual(reason._tag, "SignerError")
      }))

    it.effect("that fails on a retry leaves the attempts before in the result", () =>
      Effect.gen(function*() {
        let n = 0
        const { reason, result } = yield* failed(reply({ status: 500 }), {
          options: {
            signer: () => n++ === 0 ? Effect.succeed({}) : Effect.fail(new WebhookError.SignerError({ detail: "away" }))
          }
        })
        assert.strictEqual(reason._tag, "SignerError")
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(result.status, 500)
        assert.strictEqual(result.delivered, "maybe")
      }))

    it.effect.each([
      {
        name: "dies",
        signer: () => Effect.die("CANARY")
      },
      {
        name: "throws",
        signer: () => {
          throw new Error("CANARY")
        }
      },
      {
        name: "is no function of an effect",
        signer: (() => "CANARY") as unknown as Signature.Signer
      }
    ])("that $name is Unexpected", ({ signer }) =>
      Effect.gen(function*() {
        const { reason, result, sent } = yield* failed(reply(), { options: { signer } })
        assert(reason._tag === "Unexpected")
        assert.strictEqual(reason.source, "signer")
        assert.strictEqual(sent.length, 0)
        assert.notInclude(JSON.stringify(result), "CANARY")
      }))

    it.effect("that hangs ends by the deadline", () =>
      Effect.gen(function*() {
        const { elapsed, reason, sent } = yield* failed(reply(), {
          options: { signer: () => Effect.never, deadline: "10 seconds" }
        })
        assert.strictEqual(elapsed, 10_000)
        assert.strictEqual(reason._tag, "DeadlineExceeded")
        assert.strictEqual(sent.length, 0)
      }))

    it.effect("that gives a header that cannot be sent is InvalidHeader", () =>
      Effect.gen(function*() {
        for (const headers of [{ host: "x" }, { "x-sig": "a\r\nb" }, { "x sig": "a" }]) {
          const { reason, sent } = yield* failed(reply(), { options: { signer: () => Effect.succeed(headers) } })
          assert.strictEqual(reason._tag, "InvalidHeader")
          assert.strictEqual(sent.length, 0)
        }
      }))

    it.effect("that fails gives its turn and the URL's pace to the next", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          const signer = () => Effect.fail(new WebhookError.SignerError({ detail: "no" }))
          const results = yield* Effect.all([Webhook.send(1, { signer }), Webhook.send(2), Webhook.send(3)], {
            concurrency: "unbounded"
          })
          return results.map(({ ok }) => ok)
        })
        const { elapsed, value } = yield* drive(program).pipe(Effect.provide(layer(reply(), { maxPerOrigin: 1 })))
        assert.deepStrictEqual(value, [false, true, true])
        assert.strictEqual(elapsed, 0)
      }))
  })

  describe("a URL of the send", () => {
    it.effect("is used instead of the pool's", () =>
      Effect.gen(function*() {
        for (
          const url of [
            "https://example.org/x",
            new URL("https://example.org/x"),
            Redacted.make("https://example.org/x")
          ]
        ) {
          const { result, sent } = yield* once([reply({ status: 500 }), reply()], { send: { url } })
          assert.deepStrictEqual(sent.map(({ url }) => Redacted.value(url)), [
            "https://example.org/x",
            "https://example.org/x"
          ])
          assert.strictEqual(Redacted.value(result.url!), "https://example.org/x")
          assert.strictEqual(result.target, "example.org")
        }
      }))

    it.effect.each([
      "CANARY",
      "/CANARY",
      "ftp://example.com/CANARY",
      "https://user:CANARY@example.com/",
      "https://",
      ""
    ])(
      "that is none is InvalidUrl, and is not shown: %s",
      (url) =>
        Effect.gen(function*() {
          const { reason, result, sent } = yield* failed(reply(), { send: { url } })
          assert(reason._tag === "InvalidUrl")
          assert.strictEqual(reason.field, "url")
          assert.notInclude(JSON.stringify(result), "CANARY")
          assert.strictEqual(sent.length, 0)
          assert.strictEqual(result.url, undefined)
        })
    )

    it.effect("needs no pool", () =>
      Effect.gen(function*() {
        const program = Effect.zip(Webhook.send(1, { url: hook }), Webhook.send(2))
        const [given, none] = yield* program.pipe(
          Effect.provide(Webhook.layerTransport().pipe(Layer.provide([TestTransport.layer(reply()), UrlPool.empty])))
        )
        assert.strictEqual(given._tag, "Delivered")
        assert(none._tag === "Failed")
        assert.strictEqual(none.reason._tag, "NoUrlAvailable")
      }))
  })

  describe("logging", () => {
    const logged = (script: TestTransport.Script, minimum: "Info" | "All") =>
      Effect.gen(function*() {
        const lines: Array<{ level: string; text: string }> = []
        const logger = Logger.make(({ logLevel, message }) => {
          lines.push({ level: logLevel, text: String(message) })
        })
        yield* drive(Webhook.send({ secret: "CANARY" }, { id: "evt_1" })).pipe(
          Effect.provide([layer(script, {}, "https://example.com/CANARY?token=CANARY"), Logger.layer([logger])]),
          Effect.provideService(References.MinimumLogLevel, minimum)
        )
        return lines
      })

    it.effect("writes nothing at the default level, whatever happens", () =>
      Effect.gen(function*() {
        const scripts = [
          reply(),
          reply({ status: 500, body: "CANARY" }),
          reply({ status: 410 }),
          reply({ status: 429, body: { retry_after: 1 } }),
          refuse,
          hang
        ]
        for (const script of scripts) assert.deepStrictEqual(yield* logged(script, "Info"), [])
      }))

    it.effect("tells of retries at debug, without the URL, the payload or the answer", () =>
      Effect.gen(function*() {
        const lines = yield* logged([reply({ status: 500, body: "CANARY" }), refuse, reply()], "All")
        assert.strictEqual(lines.length, 2)
        for (const { level, text } of lines) {
          assert.strictEqual(level, "Debug")
          assert.notInclude(text, "CANARY")
          assert.include(text, "example.com")
        }
        assert.include(lines[0]!.text, "500")
        assert.include(lines[1]!.text, "ECONNREFUSED")
      }))
  })

  describe("interruption", () => {
    const interrupted = (script: TestTransport.Script, given: Given, after: Duration.Input) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Webhook.send({ n: 1 }, given.send))
        yield* TestClock.adjust(after)
        yield* Fiber.interrupt(fiber)
        return yield* Fiber.await(fiber)
      }).pipe(Effect.provide(layer(script, given.options)))

    it.effect("is no failure: during an attempt, a backoff, a pace, a signer and a schedule", () =>
      Effect.gen(function*() {
        const exits = [
          yield* interrupted(hang, {}, "1 second"),
          yield* interrupted(reply({ status: 429, body: { retry_after: 10 } }), {}, "1 second"),
          yield* interrupted(reply(), { options: { signer: () => Effect.never } }, "1 second"),
          yield* interrupted(
            reply({ status: 500 }),
            { options: { retry: Schedule.spaced(1).pipe(Schedule.tap(() => Effect.never)) } },
            "1 second"
          )
        ]
        for (const exit of exits) {
          assert(Exit.isFailure(exit))
          assert.isTrue(Cause.hasInterruptsOnly(exit.cause))
        }
      }))

    it.effect("interrupts the attempt", () =>
      Effect.gen(function*() {
        const begun = yield* Deferred.make<void>()
        let cut = false
        const transport = Layer.succeed(Transport.Transport, {
          attempt: () =>
            Effect.andThen(Deferred.succeed(begun, undefined), Effect.never).pipe(
              Effect.onInterrupt(() =>
                Effect.sync(() => {
                  cut = true
                })
              )
            )
        })
        const exit = yield* Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Webhook.send(1))
          yield* Deferred.await(begun)
          yield* Fiber.interrupt(fiber)
          return yield* Fiber.await(fiber)
        }).pipe(Effect.provide(Webhook.layerTransport().pipe(Layer.provide([transport, UrlPool.layer(hook)]))))
        assert.isTrue(cut)
        assert(Exit.isFailure(exit))
        assert.isTrue(Cause.hasInterruptsOnly(exit.cause))
      }))

    it.effect("of one send leaves its turn to the next", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          const first = yield* Effect.forkChild(Webhook.send(1))
          yield* TestClock.adjust(1)
          const second = yield* Effect.forkChild(Webhook.send(2))
          yield* TestClock.adjust(1)
          yield* Fiber.interrupt(first)
          yield* TestClock.adjust(1)
          return yield* Fiber.join(second)
        })
        const result = yield* program.pipe(
          Effect.provide(layer((_, index) => index === 0 ? hang : reply(), { maxPerOrigin: 1 }))
        )
        assert.strictEqual(result._tag, "Delivered")
      }))
  })

  describe("the layer's end", () => {
    const close = (answer: TestTransport.Answer, grace: Duration.Input | undefined) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(layer(answer, { grace }), scope)
        const webhook = Context.get(context, Webhook.Webhook)
        const fiber = yield* Effect.forkChild(webhook.send(1))
        yield* TestClock.adjust(1)
        const closing = yield* Effect.forkChild(timed(Scope.close(scope, Exit.void)))
        yield* TestClock.adjust("1 hour")
        const { elapsed } = yield* Fiber.join(closing)
        const late = yield* Fiber.await(yield* Effect.forkChild(webhook.send(2)))
        return { elapsed, exit: yield* Fiber.await(fiber), late }
      })

    it.effect("gives a send in flight its grace", () =>
      Effect.gen(function*() {
        const { elapsed, exit, late } = yield* close(reply({ delay: "4 seconds" }), undefined)
        assert(Exit.isSuccess(exit))
        assert.strictEqual(exit.value._tag, "Delivered")
        assert.strictEqual(elapsed, 3999)
        assert.isTrue(Exit.isFailure(late))
      }))

    it.effect("interrupts what is in flight after its grace", () =>
      Effect.gen(function*() {
        const { elapsed, exit } = yield* close(hang, "2 seconds")
        assert(Exit.isFailure(exit))
        assert.isTrue(Cause.hasInterruptsOnly(exit.cause))
        assert.strictEqual(elapsed, 2000)
      }))

    it.effect("comes at once when nothing is in flight", () =>
      Effect.gen(function*() {
        const started = yield* Clock.currentTimeMillis
        yield* Effect.scoped(Layer.build(layer(reply())))
        assert.strictEqual(yield* Clock.currentTimeMillis, started)
      }))
  })

  describe("drain", () => {
    it.effect("waits for the sends under way with their retries, and lets none begin", () =>
      Effect.gen(function*() {
        const sending = yield* Effect.forkChild(Webhook.send(1))
        yield* Effect.yieldNow
        const draining = yield* Effect.forkChild(Webhook.drain)
        yield* Effect.yieldNow
        assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(Webhook.send(1))))
        assert.isUndefined(draining.pollUnsafe())
        yield* TestClock.adjust("2 seconds")
        assert.isTrue((yield* Fiber.join(sending)).ok)
        yield* Fiber.join(draining)
        assert.lengthOf(yield* TestTransport.sent, 2)
      }).pipe(Effect.provide(layer([TestTransport.reply({ status: 500 }), TestTransport.reply()]))))

    it.effect("interrupts what is under way after the grace, however often it is called", () =>
      Effect.gen(function*() {
        const sending = yield* Effect.forkChild(Webhook.send(1))
        yield* Effect.yieldNow
        const drains = yield* Effect.forkChild(Effect.all([Webhook.drain, Webhook.drain], { concurrency: 2 }))
        yield* TestClock.adjust(6_999)
        assert.isUndefined(drains.pollUnsafe())
        yield* TestClock.adjust(1)
        yield* Fiber.join(drains)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(sending)))
        yield* Webhook.drain
      }).pipe(Effect.provide(layer(TestTransport.hang, { grace: "7 seconds" }))))

    it.effect("ends at once when nothing is under way", () =>
      Effect.gen(function*() {
        assert.isTrue((yield* Webhook.send(1)).ok)
        yield* Webhook.drain
        assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(Webhook.send(1))))
      }).pipe(Effect.provide(layer(TestTransport.reply()))))
  })

  describe("sendOrFail", () => {
    it.effect("gives the Delivered", () =>
      Effect.gen(function*() {
        const delivered = yield* Webhook.sendOrFail(1).pipe(Effect.provide(layer(reply({ status: 201 }))))
        assert.strictEqual(delivered._tag, "Delivered")
        assert.strictEqual(delivered.status, 201)
      }))

    it.effect("fails with a WebhookError that has the reason and the whole result", () =>
      Effect.gen(function*() {
        const { value: error } = yield* drive(Effect.flip(Webhook.sendOrFail(1, { id: "evt_1" }))).pipe(
          Effect.provide(layer([reply({ status: 500 }), reply({ status: 400, body: "no" })]))
        )
        assert(WebhookError.isWebhookError(error))
        assert.strictEqual(error.reason._tag, "Rejected")
        assert.strictEqual(error.message, error.reason.message)
        assert.strictEqual(error.result?.reason, error.reason)
        assert.strictEqual(error.result?.id, "evt_1")
        assert.strictEqual(error.result?.status, 400)
        assert.strictEqual(error.result?.response, "no")
        assert.strictEqual(error.result?.attempts, 2)
        assert.strictEqual(error.result?.delivered, "maybe")
      }))

    it.effect("lets one reason be caught", () =>
      Effect.gen(function*() {
        const caught = yield* Webhook.sendOrFail(1).pipe(
          Effect.catchReason("WebhookError", "RateLimited", (reason) =>
            Effect.succeed(Duration.toSeconds(reason.retryAfter!))),
          Effect.provide(layer(reply({ status: 429, body: { retry_after: 1000 } })))
        )
        assert.strictEqual(caught, 1000)
      }))

    it.effect("is interrupted like send", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Webhook.sendOrFail(1))
          yield* TestClock.adjust(1)
          yield* Fiber.interrupt(fiber)
          return yield* Fiber.await(fiber)
        }).pipe(Effect.provide(layer(hang)))
        assert(Exit.isFailure(exit))
        assert.isTrue(Cause.hasInterruptsOnly(exit.cause))
      }))
  })

  describe("a transport that dies", () => {
    const dying = (attempt: Transport.Transport["Service"]["attempt"]) =>
      Webhook.send(1).pipe(
        Effect.provide(
          Webhook.layerTransport().pipe(
            Layer.provide([Layer.succeed(Transport.Transport, { attempt }), UrlPool.layer(hook)])
          )
        )
      )

    it.effect("is Unexpected, and what it died of is not shown", () =>
      Effect.gen(function*() {
        const attempts: ReadonlyArray<Transport.Transport["Service"]["attempt"]> = [
          () => Effect.die(new Error("CANARY")),
          () => {
            throw new Error("CANARY")
          }
        ]
        for (const attempt of attempts) {
          const result = yield* dying(attempt)
          assert(result._tag === "Failed" && result.reason._tag === "Unexpected")
          assert.strictEqual((Redacted.value(result.reason.cause) as Error).message, "CANARY")
          assert.notInclude(JSON.stringify(result) + result.error, "CANARY")
        }
      }))

    it.effect("may have sent the webhook before", () =>
      Effect.gen(function*() {
        const result = yield* dying(() => Effect.die("boom"))
        assert(result._tag === "Failed")
        assert.strictEqual(result.delivered, "maybe")
      }))
  })

  describe("many of them", () => {
    class Alerts extends Context.Service<Alerts, Webhook.Webhook["Service"]>()("app/Alerts") {}

    it.effect("may live in one program, each with a pool of its own", () =>
      Effect.gen(function*() {
        const alerts = Layer.effect(Alerts, Webhook.make({ maxRetries: 0 })).pipe(
          Layer.provide(UrlPool.layer("https://alerts.example/a"))
        )
        const main = Webhook.layerTransport({ maxRetries: 1 }).pipe(
          Layer.provide(UrlPool.layer("https://main.example/m"))
        )
        const program = Effect.gen(function*() {
          const { value } = yield* drive(
            Effect.all([Alerts.use(({ send }) => send("a")), Webhook.send("m")], { concurrency: "unbounded" })
          )
          return { value, sent: yield* TestTransport.sent }
        })
        const { sent, value: [a, m] } = yield* program.pipe(
          Effect.provide(
            Layer.merge(alerts, main).pipe(
              Layer.provideMerge(TestTransport.layer(reply({ status: 410 })))
            )
          )
        )
        assert.strictEqual(a.target, "alerts.example")
        assert.strictEqual(m.target, "main.example")
        assert.deepStrictEqual(sent.map(({ url }) => Redacted.value(url)).toSorted(), [
          "https://alerts.example/a",
          "https://main.example/m"
        ])
      }))

    it.effect("give an instance whose send needs nothing", () =>
      Effect.gen(function*() {
        const webhook = yield* Webhook.make().pipe(
          Effect.provide(Layer.merge(TestTransport.layer(reply()), UrlPool.layer(hook)))
        )
        const result = yield* Effect.promise(() => Effect.runPromise(webhook.send({ text: "hello" })))
        assert.strictEqual(result._tag, "Delivered")
      }))

    it.effect("concurrent sends do not see each other", () =>
      Effect.gen(function*() {
        const script = (sent: TestTransport.Sent) =>
          Number(sent.body) % 2 === 0
            ? reply({ status: 200, body: { n: Number(sent.body) }, delay: Number(sent.body) + 1 })
            : reply({ status: 400, body: { n: Number(sent.body) }, delay: 100 - Number(sent.body) })
        const { value } = yield* drive(
          Effect.forEach(
            Array.from({ length: 50 }, (_, n) => n),
            (n) => Webhook.send(n, { id: `id-${n}`, headers: { "x-n": `${n}` } }),
            { concurrency: "unbounded" }
          )
        ).pipe(Effect.provide(layer(script)))
        for (const [n, result] of value.entries()) {
          assert.strictEqual(result.id, `id-${n}`)
          assert.deepStrictEqual(result.response, { n })
          assert.strictEqual(result.ok, n % 2 === 0)
          assert.strictEqual(result.attempts, 1)
        }
      }))
  })

  describe("turns", () => {
    it.effect("let 128 attempts per origin be in flight at once, and an attempt's timeout begins with its turn", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          const { value } = yield* drive(
            Effect.forEach(Array.from({ length: 300 }), () => Webhook.send(1), { concurrency: "unbounded" })
          )
          return { value, sent: yield* TestTransport.sent }
        })
        const { sent, value } = yield* program.pipe(
          Effect.provide(layer(reply({ delay: "10 seconds" }), { timeout: "11 seconds" }))
        )
        assert.isTrue(value.every(({ ok }) => ok))
        const at = (time: number) => sent.filter((one) => one.at === time).length
        assert.deepStrictEqual([at(0), at(10_000), at(20_000)], [128, 128, 44])
      }))

    it.effect("are counted per origin", () =>
      Effect.gen(function*() {
        const urls = ["https://a.example/1", "https://a.example/2", "https://b.example/1"]
        const program = Effect.gen(function*() {
          yield* drive(Effect.forEach(Array.from({ length: 6 }), () => Webhook.send(1), { concurrency: "unbounded" }))
          return yield* TestTransport.sent
        })
        const sent = yield* program.pipe(
          Effect.provide(layer(reply({ delay: "1 second" }), { maxPerOrigin: 2 }, urls))
        )
        const hosts = (time: number) =>
          sent.filter(({ at }) => at === time).map(({ url }) => new URL(Redacted.value(url)).host).toSorted()
        assert.deepStrictEqual(hosts(0), ["a.example", "a.example", "b.example", "b.example"])
        assert.deepStrictEqual(hosts(1000), ["a.example", "a.example"])
      }))
  })

  describe("what a user's function does wrong", () => {
    it.effect("a signer that interrupts itself is a Failed, not an interruption", () =>
      Effect.gen(function*() {
        const { reason, sent } = yield* failed(reply(), { options: { signer: () => Effect.interrupt } })
        assert(reason._tag === "Unexpected")
        assert.strictEqual(reason.source, "signer")
        assert.strictEqual(sent.length, 0)
      }))

    it.effect("a schedule that interrupts itself is a Failed, not an interruption", () =>
      Effect.gen(function*() {
        const retry = Schedule.spaced(1).pipe(Schedule.tap(() => Effect.interrupt))
        const { reason } = yield* failed(reply({ status: 500 }), { options: { retry } })
        assert(reason._tag === "Unexpected")
        assert.strictEqual(reason.source, "retry")
      }))

    it.effect("a classify that gives no verdict is Unexpected, and a 2xx may have been taken", () =>
      Effect.gen(function*() {
        for (const verdict of ["deliverd", Promise.resolve("delivered"), null]) {
          const { reason, result } = yield* failed(reply(), { options: { classify: () => verdict as never } })
          assert(reason._tag === "Unexpected")
          assert.strictEqual(result.delivered, "maybe")
          assert.strictEqual(result.attempts, 1)
        }
      }))

    it.effect("a signer that sets a webhook-id does not change the message's", () =>
      Effect.gen(function*() {
        const signer: Signature.Signer = () => Effect.succeed({ "webhook-id": "other", "x-signed": "1" })
        const { result, sent } = yield* once(reply(), { options: { signer } })
        assert.strictEqual(sent[0]!.headers["webhook-id"], result.id)
        assert.strictEqual(sent[0]!.headers["x-signed"], "1")
      }))

    it.effect("a signer's words are one line", () =>
      Effect.gen(function*() {
        const signer = () => Effect.fail(new WebhookError.SignerError({ detail: "no\nkey" }))
        const { result } = yield* failed(reply(), { options: { signer } })
        assert.strictEqual(result.error, "the signer failed: no key")
      }))
  })

  it.effect("a form keeps its boundary, whatever content-type the layer has", () =>
    Effect.gen(function*() {
      const form = new FormData()
      form.append("a", "1")
      const { sent } = yield* once(reply(), {
        options: { headers: { "content-type": "application/vnd.example+json" } },
        payload: HttpBody.formData(form),
        first: attempted
      })
      assert.match(sent[0]!.headers["content-type"]!, /^multipart\/form-data; ?boundary=/)
    }))

  it.effect("a 503 with Retry-After was not taken, whatever the hint is worth", () =>
    Effect.gen(function*() {
      const { result, sent } = yield* failed(reply({ status: 503, headers: { "retry-after": "0" } }), {
        options: { onAmbiguous: "stop", maxRetries: 1 }
      })
      assert.strictEqual(result.delivered, "no")
      assert.strictEqual(sent.length, 2)
    }))

  it.effect("a 429 holds others back while its send still asks a slow schedule", () =>
    Effect.gen(function*() {
      const retry = Schedule.spaced(1).pipe(Schedule.tap(() => Effect.sleep("1 second")))
      const script = [reply({ status: 429, body: { retry_after: 10 } }), reply()]
      const program = Effect.gen(function*() {
        yield* Effect.forkChild(Webhook.send(1))
        yield* TestClock.adjust(0)
        yield* Effect.forkChild(Webhook.send(2))
        yield* TestClock.adjust("1 minute")
        return (yield* TestTransport.sent).map(({ at }) => at)
      })
      const sent = yield* Effect.provide(program, layer(script, { retry }))
      assert.isTrue(sent.slice(1).every((at) => at >= 10_000), String(sent))
    }))

  it.effect("a URL that comes in two spellings has one pace", () =>
    Effect.gen(function*() {
      const script = [reply({ status: 429, body: { retry_after: 10 } }), reply()]
      const program = Effect.gen(function*() {
        yield* Effect.forkChild(Webhook.send(1, { url: "https://example.com" }))
        yield* TestClock.adjust(0)
        yield* Effect.forkChild(Webhook.send(2, { url: "https://EXAMPLE.com/" }))
        yield* TestClock.adjust("1 minute")
        return (yield* TestTransport.sent).map(({ at }) => at)
      })
      const sent = yield* Effect.provide(program, layer(script))
      assert.isTrue(sent.slice(1).every((at) => at >= 10_000), String(sent))
    }))
})
