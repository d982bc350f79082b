import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import { Transport, UrlPool, Webhook } from "effect-webhooks"
import { TestTransport } from "effect-webhooks/testing"
import { TestClock } from "effect/testing"

const { hang, refuse, reply, reset } = TestTransport

const request: Transport.AttemptRequest = {
  url: Redacted.make("https://example.com/hook"),
  headers: { "content-type": "application/json" },
  body: "{}",
  timeout: 15_000,
  maxResponseBytes: 65_536
}

const attempt = (overrides: Partial<Transport.AttemptRequest> = {}) =>
  Effect.gen(function*() {
    const started = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.forkChild(
      Transport.Transport.use(({ attempt }) => attempt({ ...request, ...overrides })).pipe(
        Effect.exit,
        Effect.zip(Clock.currentTimeMillis)
      )
    )
    yield* TestClock.adjust("1 hour")
    const [exit, at] = yield* Fiber.join(fiber)
    return { exit, at: at - started }
  })

const one = (script: TestTransport.Script, overrides: Partial<Transport.AttemptRequest> = {}) =>
  attempt(overrides).pipe(Effect.provide(TestTransport.layer(script)))

const succeeded = (exit: Exit.Exit<Transport.Reply, Transport.AttemptError>) => {
  assert(Exit.isSuccess(exit))
  return exit.value
}

const error = (exit: Exit.Exit<Transport.Reply, Transport.AttemptError>) => {
  assert(Exit.isFailure(exit))
  const [reason] = exit.cause.reasons
  assert(reason?._tag === "Fail")
  return reason.error
}

describe("TestTransport", () => {
  it.effect("replies 204 without a body unless it is told otherwise", () =>
    Effect.gen(function*() {
      const { at, exit } = yield* one(reply())
      const answer = succeeded(exit)
      assert.strictEqual(answer.status, 204)
      assert.strictEqual(answer.response, undefined)
      assert.deepStrictEqual(answer.headers, {})
      assert.strictEqual(at, 0)
    }))

  it.effect("replies with a status, headers in lower case, and a body of text, bytes or JSON", () =>
    Effect.gen(function*() {
      const json = succeeded(
        (yield* one(reply({ status: 429, headers: { "Retry-After": "5" }, body: { a: 1 } }))).exit
      )
      assert.strictEqual(json.status, 429)
      assert.deepStrictEqual(json.headers, { "retry-after": "5" })
      assert.deepStrictEqual(json.json, { a: 1 })
      assert.strictEqual(succeeded((yield* one(reply({ body: "text" }))).exit).text, "text")
      const bytes = new Uint8Array([1, 255])
      assert.deepStrictEqual(succeeded((yield* one(reply({ body: bytes }))).exit).bytes, bytes)
    }))

  it.effect("cuts a body at what the request allows", () =>
    Effect.gen(function*() {
      const cut = succeeded((yield* one(reply({ body: "12345" }), { maxResponseBytes: 4 })).exit)
      assert.strictEqual(cut.text, "1234")
      assert.isTrue(cut.truncated)
      const whole = succeeded((yield* one(reply({ body: "1234" }), { maxResponseBytes: 4 })).exit)
      assert.isFalse(whole.truncated)
    }))

  it.effect("takes its time, and no more than the timeout", () =>
    Effect.gen(function*() {
      const slow = yield* one(reply({ delay: "3 seconds" }))
      assert.strictEqual(slow.at, 3000)
      assert.strictEqual(succeeded(slow.exit).status, 204)
      const late = yield* one(reply({ delay: "3 seconds" }), { timeout: 3000 })
      assert.strictEqual(late.at, 3000)
      const { delivered, reason } = error(late.exit)
      assert(reason._tag === "Timeout")
      assert.strictEqual(reason.phase, "sent")
      assert.strictEqual(delivered, "maybe")
    }))

  it.effect("hangs until the timeout", () =>
    Effect.gen(function*() {
      const { at, exit } = yield* one(hang)
      assert.strictEqual(at, 15_000)
      assert.strictEqual(error(exit).reason._tag, "Timeout")
    }))

  it.effect("refuses before, and resets after, the request was sent", () =>
    Effect.gen(function*() {
      const refused = error((yield* one(refuse)).exit)
      assert(refused.reason._tag === "ConnectionError")
      assert.deepStrictEqual([refused.reason.code, refused.reason.phase, refused.delivered], [
        "ECONNREFUSED",
        "connecting",
        "no"
      ])
      const lost = error((yield* one(reset)).exit)
      assert(lost.reason._tag === "ConnectionError")
      assert.deepStrictEqual([lost.reason.code, lost.reason.phase, lost.delivered], ["ECONNRESET", "sent", "maybe"])
    }))

  it.effect("answers in order, and repeats the last", () =>
    Effect.gen(function*() {
      const statuses: Array<number> = []
      for (let n = 0; n < 4; n++) statuses.push(succeeded((yield* attempt()).exit).status)
      assert.deepStrictEqual(statuses, [200, 201, 202, 202])
    }).pipe(
      Effect.provide(TestTransport.layer([200, 201, 202].map((status) => reply({ status }))))
    ))

  it.effect("answers as a function says, which sees what was sent and how many came before", () =>
    Effect.gen(function*() {
      const first = succeeded((yield* attempt({ body: "a" })).exit)
      const second = succeeded((yield* attempt({ body: "b" })).exit)
      assert.deepStrictEqual([first.text, second.text], ["a 0", "b 1"])
    }).pipe(Effect.provide(TestTransport.layer(({ body }, index) => reply({ status: 200, body: `${body} ${index}` })))))

  it.effect("records every attempt", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* TestTransport.sent, [])
      yield* attempt({ body: "grüße", headers: { "x-a": "1" } })
      yield* attempt({ body: new Uint8Array([0, 255]) })
      const sent = yield* TestTransport.sent
      assert.strictEqual(sent.length, 2)
      assert.deepStrictEqual(
        { ...sent[0], url: Redacted.value(sent[0]!.url) },
        {
          method: "POST",
          url: "https://example.com/hook",
          headers: { "x-a": "1" },
          body: "grüße",
          bytes: new TextEncoder().encode("grüße"),
          at: 0
        }
      )
      assert.deepStrictEqual(sent[1]!.bytes, new Uint8Array([0, 255]))
      assert.strictEqual(sent[1]!.at, 3_600_000)
    }).pipe(Effect.provide(TestTransport.layer([reset, reply()]))))

  it.effect("gives a copy of the record", () =>
    Effect.gen(function*() {
      const before = yield* TestTransport.sent
      yield* attempt()
      assert.strictEqual(before.length, 0)
      assert.strictEqual((yield* TestTransport.sent).length, 1)
    }).pipe(Effect.provide(TestTransport.layer(reply()))))

  it.effect("has a record of its own per layer", () =>
    Effect.gen(function*() {
      const layer = TestTransport.layer(reply())
      const count = Effect.andThen(attempt(), Effect.map(TestTransport.sent, ({ length }) => length))
      assert.strictEqual(yield* count.pipe(Effect.provide(layer)), 1)
      assert.strictEqual(yield* count.pipe(Effect.provide(layer)), 1)
    }))

  it("throws RangeError for an answer that cannot be", () => {
    for (const options of [{ status: -1 }, { status: 1.5 }, { status: NaN }, { delay: -1 }]) {
      assert.throws(() => reply(options), RangeError)
    }
  })

  it("takes a delay of zero for none", () => {
    assert.strictEqual(reply({ delay: 0 }).delay, 0)
  })

  it.effect("shows no URL in what it records, when printed", () =>
    Effect.gen(function*() {
      yield* attempt()
      assert.notInclude(JSON.stringify(yield* TestTransport.sent), "https://example.com/hook")
    }).pipe(Effect.provide(TestTransport.layer(reply()))))

  it.effect("does as its module's example says", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Webhook.send({ text: "hello" }))
      yield* TestClock.adjust("30 seconds")
      const result = yield* Fiber.join(fiber)
      const sent = yield* TestTransport.sent
      assert.deepStrictEqual([result.attempts, sent.map(({ at }) => at)], [2, [0, 30_000]])
    }).pipe(
      Effect.provide(
        Webhook.layerTransport().pipe(
          Layer.provideMerge(TestTransport.layer([reply({ status: 429, body: { retry_after: 30 } }), reply()])),
          Layer.provide(UrlPool.layer("https://example.com/hook"))
        )
      )
    ))
})
