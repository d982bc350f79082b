import { assert, describe, it } from "@effect/vitest"
import { Clock, Config, ConfigProvider, Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import { ProxyProvider, Transport, UrlPool, Webhook, WebhookError, WebhookResult } from "effect-webhooks"
import { TestTransport } from "effect-webhooks/testing"
import { TestClock } from "effect/testing"

const { hang, refuse, reply, reset } = TestTransport

const a = "https://a.example/"
const b = "https://b.example/"
const c = "https://c.example/"

interface Given {
  readonly urls?: ReadonlyArray<string>
  readonly pool?: UrlPool.Options
  readonly options?: Webhook.WebhookOptions
}

// One attempt per send, unless said otherwise; the circuit opens after two failures.
const layer = (script: TestTransport.Script, { options, pool, urls = [a] }: Given = {}) =>
  Webhook.layerTransport({ maxRetries: 0, retry: Schedule.spaced("1 second"), ...options }).pipe(
    Layer.provideMerge(
      Layer.merge(TestTransport.layer(script), UrlPool.layer(urls, { circuit: { failures: 2 }, ...pool }))
    )
  )

const falls = (error: Transport.AttemptError): TestTransport.Answer => ({ ...refuse, end: () => Effect.fail(error) })

const lost = (code: string) => falls(Transport.disconnected({ code }, "connecting"))

// The body of a send says what its answer is.
interface Wish {
  readonly status?: number
  readonly delay?: number
  readonly headers?: Record<string, string>
}

const asWished: TestTransport.Script = ({ body }) => reply(JSON.parse(body) as Wish)

const send = (wish: Wish = {}, options?: Webhook.SendOptions) => Webhook.send(wish, options)

const fail = send({ status: 500 })

const times = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: count }), () => effect)

const timesAtOnce = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: count }), () => effect, { concurrency: "unbounded" })

const ended = (wish?: Wish, options?: Webhook.SendOptions) =>
  Effect.gen(function*() {
    const result = yield* send(wish, options)
    return { result, at: yield* Clock.currentTimeMillis }
  })

const drive = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  time: number | `${number} ${"seconds" | "hours"}` = "2 hours"
) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })

const list = UrlPool.UrlPool.use(({ list }) => list)
const states = Effect.map(list, (list) => list.map(({ state }) => state))
const targets = Effect.map(list, (list) => list.map(({ target }) => target))

const report = (index: number, outcome: UrlPool.Outcome) =>
  Effect.gen(function*() {
    const pool = yield* UrlPool.UrlPool
    yield* pool.report((yield* pool.list)[index]!.target, outcome)
  })

const hostOf = ({ url }: TestTransport.Sent) => new URL(Redacted.value(url)).host[0]!
const used = Effect.map(TestTransport.sent, (sent) => sent.map(hostOf).join(""))

// How many attempts there were, by time.
const waves = (from = 0) =>
  Effect.map(TestTransport.sent, (sent) => {
    const counts = new Map<number, number>()
    for (const { at } of sent) if (at >= from) counts.set(at, (counts.get(at) ?? 0) + 1)
    return [...counts]
  })

const reasonOf = (result: WebhookResult.WebhookResult) => WebhookResult.isFailed(result) ? result.reason._tag : "none"

describe("a circuit", () => {
  describe("opens", () => {
    it.effect.each([1, 2, 3, 5, 8])("after %i failures in a row, and not before", (failures) =>
      Effect.gen(function*() {
        yield* times(failures - 1, fail)
        assert.deepStrictEqual(yield* states, ["open"])
        yield* fail
        assert.deepStrictEqual(yield* states, ["broken"])
      }).pipe(Effect.provide(layer(asWished, { pool: { circuit: { failures } } }))))

    const failures: ReadonlyArray<{ readonly name: string; readonly answer: TestTransport.Answer }> = [
      { name: "a refused connection", answer: refuse },
      { name: "a name that does not resolve", answer: lost("ENOTFOUND") },
      { name: "a bad certificate", answer: lost("CERT_HAS_EXPIRED") },
      { name: "a lost connection", answer: reset },
      { name: "no answer in time", answer: hang },
      { name: "a 500", answer: reply({ status: 500 }) },
      { name: "a 502", answer: reply({ status: 502 }) },
      { name: "a 503 with a hint", answer: reply({ status: 503, headers: { "retry-after": "1" } }) },
      { name: "a 599", answer: reply({ status: 599 }) }
    ]
    it.effect.each(failures)("after $name", ({ answer }) =>
      Effect.gen(function*() {
        yield* drive(send(), "20 seconds")
        assert.deepStrictEqual(yield* states, ["open"])
        yield* drive(send(), "20 seconds")
        assert.deepStrictEqual(yield* states, ["broken"])
      }).pipe(Effect.provide(layer(answer))))

    it.effect("after failures of different sorts", () =>
      Effect.gen(function*() {
        yield* times(3, send())
        assert.deepStrictEqual(yield* states, ["open"])
        yield* send()
        assert.deepStrictEqual(yield* states, ["broken"])
      }).pipe(
        Effect.provide(
          layer([refuse, reply({ status: 500 }), reset, lost("ENOTFOUND")], { pool: { circuit: { failures: 4 } } })
        )
      ))

    it.effect("after the tries of one send", () =>
      Effect.gen(function*() {
        yield* drive(fail, "10 seconds")
        assert.strictEqual((yield* TestTransport.sent).length, 2)
        assert.deepStrictEqual(yield* states, ["broken"])
      }).pipe(Effect.provide(layer(asWished, { options: { maxRetries: 1 } }))))

    it.effect("in the order in which attempts end, not in which they begin", () =>
      Effect.gen(function*() {
        // Begun as fail, fail, take; ended as fail, take, fail.
        const first = [{ status: 500, delay: 100 }, { status: 500, delay: 300 }, { delay: 200 }]
        yield* drive(Effect.forEach(first, (wish) => send(wish), { concurrency: "unbounded" }), "1 seconds")
        assert.deepStrictEqual(yield* states, ["open"])
        yield* send()
        // Begun as fail, take, fail; ended as fail, fail, take.
        const second = [{ status: 500, delay: 100 }, { delay: 300 }, { status: 500, delay: 200 }]
        yield* drive(Effect.forEach(second, (wish) => send(wish), { concurrency: "unbounded" }), "1 seconds")
        assert.deepStrictEqual(yield* states, ["broken"])
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("also by failures of what was under way when the receiver had its URL wait", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(timesAtOnce(2, send({ status: 500, delay: 5000 })))
        yield* TestClock.adjust(0)
        yield* drive(send({ status: 429, headers: { "retry-after": "1" } }), 1000)
        yield* send()
        assert.deepStrictEqual(yield* states, ["open"])
        yield* TestClock.adjust(4000)
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* states, ["broken"])
        const { at } = yield* drive(ended())
        assert.strictEqual(at, 35_000)
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("for each URL by itself", () =>
      Effect.gen(function*() {
        yield* times(3, send())
        assert.strictEqual(yield* used, "aba")
        assert.deepStrictEqual(yield* states, ["broken", "open"])
      }).pipe(Effect.provide(layer(reply({ status: 500 }), { urls: [a, b] }))))

    it.effect("only where what is reported is a failure of the URL", () =>
      Effect.gen(function*() {
        yield* report(0, { _tag: "Failed" })
        for (let n = 0; n < 9; n++) yield* report(0, { _tag: "Untold" })
        assert.deepStrictEqual(yield* states, ["open"])
        yield* report(0, { _tag: "Failed" })
        assert.deepStrictEqual(yield* states, ["broken"])
      }).pipe(Effect.provide(layer(reply()))))
  })

  describe("counts from the beginning", () => {
    it.effect.each([200, 204, 302, 400, 401, 404, 409, 422])("after a %i", (status) =>
      Effect.gen(function*() {
        yield* fail
        yield* send({ status })
        yield* fail
        assert.deepStrictEqual(yield* states, ["open"])
        yield* fail
        assert.deepStrictEqual(yield* states, ["broken"])
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("after a 429, with and without a hint", () =>
      Effect.gen(function*() {
        for (const headers of [{ "retry-after": "2" }, {}]) {
          yield* fail
          yield* send({ status: 429, headers })
          assert.deepStrictEqual(yield* states, ["paced"])
          yield* TestClock.adjust("2 seconds")
          yield* fail
          assert.deepStrictEqual(yield* states, ["open"])
          yield* send()
        }
        // The second 429 has taught it a rate.
        yield* drive(times(2, fail), 5000)
        assert.deepStrictEqual(yield* states, ["broken"])
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("after an answer that is classified as the delivery", () =>
      Effect.gen(function*() {
        yield* times(9, send({ status: 500 }))
        assert.deepStrictEqual(yield* states, ["open"])
      }).pipe(Effect.provide(layer(asWished, { options: { classify: () => "delivered" } }))))

    it.effect("after an answer that is worth another try without being a 5xx", () =>
      Effect.gen(function*() {
        yield* times(9, send({ status: 400 }))
        assert.deepStrictEqual(yield* states, ["open"])
      }).pipe(Effect.provide(layer(asWished, { options: { classify: () => "retry" } }))))
  })

  describe("does not count", () => {
    const innocent = <E, R>(effect: Effect.Effect<unknown, E, R>) =>
      Effect.gen(function*() {
        yield* times(20, effect)
        assert.deepStrictEqual(yield* states, ["open"])
        // And neither does it say that the URL is well.
        yield* fail
        yield* effect
        yield* fail
        assert.deepStrictEqual(yield* states, ["broken"])
      })

    it.effect("an attempt that the deadline cuts", () =>
      innocent(Effect.gen(function*() {
        const result = yield* drive(send({ delay: 10_000 }, { deadline: "5 seconds" }), "6 seconds")
        assert.strictEqual(reasonOf(result), "DeadlineExceeded")
        assert.strictEqual(result.attempts, 1)
      })).pipe(Effect.provide(layer(asWished))))

    it.effect("an attempt that is interrupted", () =>
      innocent(Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(send({ delay: 10_000 }))
        yield* TestClock.adjust(10)
        yield* Fiber.interrupt(fiber)
      })).pipe(Effect.provide(layer(asWished))))

    it.effect("a payload that cannot be sent", () => innocent(Webhook.send(1n)).pipe(Effect.provide(layer(asWished))))

    it.effect("a signer that fails, dies, or gives no headers", () =>
      innocent(Effect.gen(function*() {
        const signers = [
          () => Effect.fail(new WebhookError.SignerError({ detail: "no key", cause: undefined })),
          () => Effect.die("no key"),
          () => Effect.succeed({ "bad header": "x" })
        ]
        for (const signer of signers) assert.isFalse((yield* send({}, { signer })).ok)
      })).pipe(Effect.provide(layer(asWished))))

    it.effect.each(["ENETUNREACH", "ENETDOWN", "EADDRNOTAVAIL", "EMFILE", "ENFILE", "ENOBUFS"])(
      "what this side is short of: %s",
      (code) =>
        innocent(Effect.gen(function*() {
          assert.strictEqual(reasonOf(yield* send({ status: 299 })), "ConnectionError")
        })).pipe(Effect.provide(layer(({ body }) => {
          const wish = JSON.parse(body) as Wish
          return wish.status === 299 ? falls(Transport.disconnected({ code }, "connecting")) : reply(wish)
        })))
    )

    it.effect("an egress policy that blocks", () => {
      const blocked = new Transport.AttemptError({
        reason: new WebhookError.EgressBlocked({ address: "10.0.0.1", range: "private" }),
        delivered: "no"
      })
      return innocent(Effect.gen(function*() {
        assert.strictEqual(reasonOf(yield* send({ status: 299 })), "EgressBlocked")
      })).pipe(Effect.provide(layer(({ body }) => {
        const wish = JSON.parse(body) as Wish
        return wish.status === 299 ? falls(blocked) : reply(wish)
      })))
    })

    it.effect.each(
      [
        { onAmbiguous: "retry", delivered: "no", attempts: 4 },
        { onAmbiguous: "stop", delivered: "maybe", attempts: 1 }
      ] as const
    )(
      "a proxy's fault, with onAmbiguous: $onAmbiguous, delivered: $delivered",
      ({ attempts, delivered, onAmbiguous }) => {
        const transport = Layer.effect(
          Transport.Transport,
          Effect.map(ProxyProvider.ProxyProvider, (proxies): Transport.Transport["Service"] => ({
            proxies,
            attempt: ({ body }) => {
              const { status = 204 } = JSON.parse(String(body)) as Wish
              return status === 299
                ? Effect.fail(
                  new Transport.AttemptError({
                    reason: new WebhookError.ProxyError({ proxy: "bad:1", detail: "it is bad", last: undefined }),
                    delivered,
                    proxy: "suspect"
                  })
                )
                : Effect.succeed(new Transport.Reply(status, {}, new Uint8Array(), false))
            }
          }))
        )
        return innocent(Effect.gen(function*() {
          const result = yield* send({ status: 299 })
          assert.strictEqual(reasonOf(result), "ProxyError")
          assert.strictEqual(result.attempts, attempts)
        })).pipe(Effect.provide(
          Webhook.layerTransport({ maxRetries: 0, onAmbiguous }).pipe(
            Layer.provide(transport),
            Layer.provideMerge(UrlPool.layer(a, { circuit: { failures: 2 } })),
            Layer.provide(ProxyProvider.layer(["p:1", "q:1", "r:1", "s:1", "t:1"]))
          )
        ))
      }
    )

    it.effect("a classify that throws", () =>
      innocent(send({ status: 299 })).pipe(Effect.provide(layer(asWished, {
        options: {
          classify: ({ status }) => {
            if (status === 299) throw new Error("no idea")
            return undefined
          }
        }
      }))))
  })

  describe("while it is open", () => {
    it.effect("lets no attempt go to its URL, and the others go on", () =>
      Effect.gen(function*() {
        yield* times(6, send())
        const before = (yield* TestTransport.sent).length
        assert.deepStrictEqual(yield* states, ["broken", "open", "open"])
        yield* drive(timesAtOnce(40, send()), 29_000)
        assert.notInclude((yield* used).slice(before), "a")
        assert.strictEqual((yield* TestTransport.sent).length, before + 40)
        // They take turns as ever.
        assert.match((yield* used).slice(before), /^(bc)+b?$|^(cb)+c?$/)
      }).pipe(
        Effect.provide(
          layer(({ url }) => reply({ status: Redacted.value(url) === a ? 500 : 204 }), { urls: [a, b, c] })
        )
      ))

    it.effect("is not what the pool gives next", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        const [, second] = yield* targets
        yield* times(3, send())
        assert.deepStrictEqual(yield* states, ["broken", "open"])
        for (let n = 0; n < 4; n++) assert.strictEqual(yield* pool.next, second)
      }).pipe(Effect.provide(layer(reply({ status: 500 }), { urls: [a, b] }))))

    it.effect("is told apart from a pace, and lasts as long as it should where the receiver is limited too", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(timesAtOnce(2, send({ status: 500, delay: 100 })))
        yield* TestClock.adjust(50)
        yield* report(0, { _tag: "Limited", retryAfter: 1000 })
        assert.deepStrictEqual(yield* states, ["paced"])
        yield* TestClock.adjust(50)
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* states, ["broken"])
        yield* TestClock.adjust(29_999)
        assert.deepStrictEqual(yield* states, ["broken"])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* states, ["open"])
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("stays as it is, whatever is reported of its URL", () =>
      Effect.gen(function*() {
        yield* times(2, fail)
        yield* TestClock.adjust("10 seconds")
        yield* report(0, { _tag: "Failed" })
        yield* report(0, { _tag: "Taken" })
        yield* report(0, { _tag: "Untold" })
        assert.deepStrictEqual(yield* states, ["broken"])
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(yield* states, ["open"])
        yield* fail
        assert.deepStrictEqual(yield* states, ["broken"])
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("gives way to a longer pace", () =>
      Effect.gen(function*() {
        yield* times(2, fail)
        yield* report(0, { _tag: "Limited", retryAfter: 40_000 })
        const { at } = yield* drive(ended())
        assert.strictEqual(at, 40_000)
      }).pipe(Effect.provide(layer(asWished))))

    it.effect.each([
      { name: "a millisecond", openDuration: 1, millis: 1 },
      { name: "seconds", openDuration: "2.5 seconds", millis: 2500 },
      { name: "more than an hour", openDuration: "3 hours", millis: 10_800_000 }
    ])("is so for $name", ({ millis, openDuration }) =>
      Effect.gen(function*() {
        yield* times(2, fail)
        yield* TestClock.adjust(millis - 1)
        assert.deepStrictEqual(yield* states, ["broken"])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* states, ["open"])
      }).pipe(Effect.provide(layer(asWished, {
        pool: { circuit: { failures: 2, openDuration: openDuration as "3 hours" } }
      }))))

    it.effect("a 410 retires its URL all the same", () =>
      Effect.gen(function*() {
        const late = yield* Effect.forkChild(send({ status: 410, delay: 5000 }))
        yield* TestClock.adjust(0)
        yield* times(2, fail)
        assert.deepStrictEqual(yield* states, ["broken"])
        yield* TestClock.adjust(5000)
        yield* Fiber.join(late)
        assert.deepStrictEqual(yield* states, ["retired"])
      }).pipe(Effect.provide(layer(asWished))))
  })

  describe("half open", () => {
    it.effect("lets exactly one go, and after its success the others: 1, 2, 4, ...", () =>
      Effect.gen(function*() {
        yield* times(2, fail)
        const results = yield* drive(timesAtOnce(20, send({ delay: 100 })))
        assert.isTrue(results.every(({ ok }) => ok))
        assert.deepStrictEqual(yield* waves(1), [[30_000, 1], [30_100, 2], [30_200, 4], [30_300, 8], [30_400, 5]])
        assert.deepStrictEqual(yield* states, ["open"])
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("lets one of those go that come then, and the others elsewhere", () =>
      Effect.gen(function*() {
        yield* times(3, fail)
        assert.deepStrictEqual(yield* states, ["broken", "open"])
        yield* send()
        yield* TestClock.adjust("30 seconds")
        const before = (yield* TestTransport.sent).length
        const fiber = yield* Effect.forkChild(timesAtOnce(10, send({ delay: 100 })))
        yield* TestClock.adjust(50)
        assert.deepStrictEqual(yield* states, ["broken", "open"])
        const now = (yield* used).slice(before)
        assert.strictEqual(now.replaceAll("b", ""), "a")
        assert.strictEqual(now.length, 10)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* states, ["open", "open"])
        // All is as it was before.
        const after = (yield* TestTransport.sent).length
        yield* drive(timesAtOnce(10, send({ delay: 100 })), 200)
        assert.strictEqual((yield* used).slice(after).replaceAll("b", ""), "aaaaa")
      }).pipe(Effect.provide(layer(asWished, { urls: [a, b] }))))

    it.effect("opens again for as long when the one fails", () =>
      Effect.gen(function*() {
        yield* times(2, fail)
        const others = yield* Effect.forkChild(timesAtOnce(6, send({ status: 500, delay: 100 })))
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(yield* states, ["broken"])
        yield* TestClock.adjust("95 seconds")
        assert.deepStrictEqual(yield* waves(1), [[30_000, 1], [60_100, 1], [90_200, 1], [120_300, 1]])
        assert.deepStrictEqual(yield* states, ["broken"])
        yield* Fiber.interrupt(others)
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("is closed by any answer, but paced by a 429", () =>
      Effect.gen(function*() {
        for (const status of [404, 400, 302]) {
          yield* times(2, fail)
          yield* TestClock.adjust("30 seconds")
          yield* send({ status })
          yield* fail
          assert.deepStrictEqual(yield* states, ["open"])
          yield* send()
        }
        yield* times(2, fail)
        yield* TestClock.adjust("30 seconds")
        yield* send({ status: 429, headers: { "retry-after": "7" } })
        assert.deepStrictEqual(yield* states, ["paced"])
        yield* TestClock.adjust("7 seconds")
        assert.deepStrictEqual(yield* states, ["open"])
        yield* fail
        assert.deepStrictEqual(yield* states, ["open"])
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("needs as many failures as ever once it was closed", () =>
      Effect.gen(function*() {
        yield* times(4, fail)
        yield* TestClock.adjust("30 seconds")
        yield* send()
        yield* times(3, fail)
        assert.deepStrictEqual(yield* states, ["open"])
        yield* fail
        assert.deepStrictEqual(yield* states, ["broken"])
      }).pipe(Effect.provide(layer(asWished, { pool: { circuit: { failures: 4 } } }))))

    describe("when the one ends without a word", () => {
      const ways: ReadonlyArray<{
        readonly name: string
        readonly probe: Effect.Effect<unknown, never, Webhook.Webhook>
      }> = [
        { name: "interrupted", probe: Effect.timeoutOption(send({ delay: 10_000 }), 1000) },
        { name: "cut by its deadline", probe: send({ delay: 10_000 }, { deadline: 1000 }) },
        {
          name: "not signed in the end",
          probe: send({}, {
            signer: () =>
              Effect.delay(Effect.fail(new WebhookError.SignerError({ detail: "no key", cause: undefined })), 1000)
          })
        }
      ]

      it.effect.each(ways)("lets one other go at once that waits: $name", ({ probe }) =>
        Effect.gen(function*() {
          yield* times(2, fail)
          yield* TestClock.adjust("30 seconds")
          const first = yield* Effect.forkChild(probe)
          yield* TestClock.adjust(500)
          const before = (yield* TestTransport.sent).length
          const others = yield* Effect.forkChild(timesAtOnce(5, send({ delay: 100 })))
          yield* TestClock.adjust(499)
          assert.strictEqual((yield* TestTransport.sent).length, before)
          assert.deepStrictEqual(yield* states, ["broken"])
          yield* TestClock.adjust(51)
          assert.strictEqual((yield* TestTransport.sent).length, before + 1)
          assert.deepStrictEqual(yield* states, ["broken"])
          yield* TestClock.adjust("10 seconds")
          yield* Fiber.join(first)
          assert.isTrue((yield* Fiber.join(others)).every(({ ok }) => ok))
          assert.deepStrictEqual(yield* waves(30_900), [[31_000, 1], [31_100, 2], [31_200, 2]])
        }).pipe(Effect.provide(layer(asWished))))

      it.effect.each(ways)("lets one go of those that come later: $name", ({ probe }) =>
        Effect.gen(function*() {
          yield* times(2, fail)
          yield* TestClock.adjust("30 seconds")
          yield* drive(probe, "1 seconds")
          assert.deepStrictEqual(yield* states, ["open"])
          const before = (yield* TestTransport.sent).length
          const others = yield* Effect.forkChild(timesAtOnce(6, send({ status: 500, delay: 100 })))
          yield* TestClock.adjust(100)
          assert.strictEqual((yield* TestTransport.sent).length, before + 1)
          assert.deepStrictEqual(yield* states, ["broken"])
          yield* Fiber.interrupt(others)
        }).pipe(Effect.provide(layer(asWished))))

      it.effect("by a proxy's fault", () => {
        const bad = new Transport.AttemptError({
          reason: new WebhookError.ProxyError({ proxy: "p:1", detail: "it is bad", last: undefined }),
          delivered: "no",
          proxy: "suspect"
        })
        const asked: Array<number> = []
        const transport = Layer.effect(
          Transport.Transport,
          Effect.map(ProxyProvider.ProxyProvider, (proxies): Transport.Transport["Service"] => ({
            proxies,
            attempt: ({ body }) =>
              Effect.flatMap(Clock.currentTimeMillis, (now) => {
                const { delay = 0, status = 204 } = JSON.parse(String(body)) as Wish
                asked.push(now)
                return Effect.delay(
                  status === 299
                    ? Effect.fail(bad)
                    : Effect.succeed(new Transport.Reply(status, {}, new Uint8Array(), false)),
                  delay
                )
              })
          }))
        )
        return Effect.gen(function*() {
          yield* drive(times(2, fail), 1)
          yield* TestClock.adjust(29_999)
          assert.strictEqual(reasonOf(yield* drive(send({ status: 299 }), 1)), "ProxyError")
          const before = asked.length
          yield* drive(timesAtOnce(3, send({ delay: 100 })), "1 seconds")
          assert.deepStrictEqual(asked.slice(before).map((at) => at - asked[before]!), [0, 100, 100])
        }).pipe(Effect.provide(
          Webhook.layerTransport({ maxRetries: 0, maxProxyRetries: 0 }).pipe(
            Layer.provide(transport),
            Layer.provideMerge(UrlPool.layer(a, { circuit: { failures: 2 } })),
            Layer.provide(ProxyProvider.layer(["p:1", "q:1"]))
          )
        ))
      })
    })
  })

  describe("is not changed by what was under way when it opened", () => {
    // An attempt that ends five seconds after the circuit has opened, and one that ends while it is half open.
    const late = (wish: Wish, delay: number) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(send({ ...wish, delay }, { timeout: "1 minute" }))
        yield* TestClock.adjust(0)
        yield* times(2, fail)
        return fiber
      })

    it.effect.each([500, 204, 404])("and ends while it is open, with %i", (status) =>
      Effect.gen(function*() {
        const fiber = yield* late({ status }, 5000)
        yield* TestClock.adjust(5000)
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* states, ["broken"])
        yield* TestClock.adjust(24_999)
        assert.deepStrictEqual(yield* states, ["broken"])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* states, ["open"])
        // One failure opens it again.
        const { at } = yield* drive(Effect.andThen(fail, ended()))
        assert.strictEqual(at, 60_000)
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("and ends while it is open, with a 429 that lasts no longer", () =>
      Effect.gen(function*() {
        const fiber = yield* late({ status: 429, headers: { "retry-after": "3" } }, 5000)
        yield* TestClock.adjust(5000)
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* states, ["broken"])
        const { at } = yield* drive(ended())
        assert.strictEqual(at, 30_000)
      }).pipe(Effect.provide(layer(asWished))))

    it.effect.each([500, 204, 404])("and ends while it is half open, with %i", (status) =>
      Effect.gen(function*() {
        const fiber = yield* late({ status }, 40_000)
        yield* TestClock.adjust("30 seconds")
        const others = yield* Effect.forkChild(timesAtOnce(5, send({ delay: 14_000 })))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).attempts, 1)
        assert.deepStrictEqual(yield* states, ["broken"])
        yield* TestClock.adjust("1 minute")
        assert.isTrue((yield* Fiber.join(others)).every(({ ok }) => ok))
        assert.deepStrictEqual(yield* waves(1), [[30_000, 1], [44_000, 2], [58_000, 2]])
      }).pipe(Effect.provide(layer(asWished))))

    it.effect.each([500, 204])(
      "and ends when it might be tried, but nobody has: %i",
      (status) =>
        Effect.gen(function*() {
          const fiber = yield* late({ status }, 40_000)
          yield* TestClock.adjust("40 seconds")
          yield* Fiber.join(fiber)
          const others = yield* Effect.forkChild(timesAtOnce(5, send({ delay: 100 })))
          yield* TestClock.adjust("1 minute")
          yield* Fiber.join(others)
          assert.deepStrictEqual(yield* waves(1), [[40_000, 1], [40_100, 2], [40_200, 2]])
        }).pipe(Effect.provide(layer(asWished)))
    )
  })

  describe("by default", () => {
    const failing = (pool: UrlPool.Options) =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        for (let n = 0; n < 8; n++) {
          yield* fail
          seen.push((yield* states)[0]!)
          if (seen.at(-1) === "broken") break
        }
        return { seen, open: (yield* drive(ended(), "31 seconds")).at }
      }).pipe(Effect.provide(
        Webhook.layerTransport({ maxRetries: 0 }).pipe(
          Layer.provideMerge(Layer.merge(TestTransport.layer(asWished), UrlPool.layer(a, pool)))
        )
      ))
    const on = { seen: ["open", "open", "open", "open", "broken"], open: 30_000 }

    it.effect("is on with failover: five failures, thirty seconds", () =>
      Effect.map(failing({ failover: true }), (seen) => assert.deepStrictEqual(seen, on)))

    it.effect("is the same where it is asked for", () =>
      Effect.map(failing({ circuit: {} }), (seen) => assert.deepStrictEqual(seen, on)))

    it.effect.each<UrlPool.Options>([
      {},
      { circuit: undefined },
      { failover: false },
      { circuit: false },
      { failover: true, circuit: false }
    ])("is off with %j", (options) =>
      Effect.map(failing(options), ({ open, seen }) => {
        assert.deepStrictEqual(seen, Array.from({ length: 8 }, () => "open"))
        assert.strictEqual(open, 0)
      }))

    it.effect("may be told in part", () =>
      Effect.gen(function*() {
        const failures = yield* failing({ failover: true, circuit: { failures: 2 } })
        assert.deepStrictEqual(failures, { seen: ["open", "broken"], open: 30_000 })
        yield* TestClock.setTime(0)
        const duration = yield* failing({ failover: true, circuit: { openDuration: "10 seconds" } })
        assert.deepStrictEqual(duration.seen, on.seen)
        assert.strictEqual(duration.open, 10_000)
      }))
  })

  describe("of one URL without failover", () => {
    it.effect("has sends wait for the half-open instant", () =>
      Effect.gen(function*() {
        yield* times(2, fail)
        yield* TestClock.adjust("10 seconds")
        const { at, result } = yield* drive(ended())
        assert.isTrue(result.ok)
        assert.strictEqual(at, 30_000)
        assert.deepStrictEqual(result.history.map(({ waited }) => waited), [20_000])
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("has retries wait for it", () =>
      Effect.gen(function*() {
        const down = { until: 40_000 }
        const program = Effect.gen(function*() {
          const { at, result } = yield* drive(ended())
          assert.isTrue(result.ok)
          assert.strictEqual(at, 61_000)
          assert.deepStrictEqual(yield* waves(), [[0, 1], [1000, 1], [31_000, 1], [61_000, 1]])
        })
        yield* program.pipe(Effect.provide(layer(({ at }) => reply({ status: at < down.until ? 500 : 204 }), {
          options: { maxRetries: 5 }
        })))
      }))

    it.effect("ends those at once whose deadline comes before", () =>
      Effect.gen(function*() {
        yield* times(2, fail)
        const { at, result } = yield* drive(ended({}, { deadline: "29 seconds" }), "30 seconds")
        assert.strictEqual(at, 0)
        assert(WebhookResult.isFailed(result) && result.reason._tag === "DeadlineExceeded")
        assert.strictEqual(result.reason.during, "pace")
        assert.strictEqual(result.attempts, 0)
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("ends a retry whose deadline comes before, without waiting for it, with its reason", () =>
      Effect.gen(function*() {
        const { at, result } = yield* drive(ended({ status: 502 }, { deadline: "20 seconds" }))
        assert.isAtMost(at, 2000)
        assert.deepStrictEqual([reasonOf(result), result.status, result.attempts], ["ServerError", 502, 2])
      }).pipe(Effect.provide(layer(asWished, { options: { maxRetries: 5 } }))))
  })

  describe("of many URLs with failover", () => {
    const dead = (...urls: ReadonlyArray<string>): TestTransport.Script => ({ url }) =>
      urls.includes(Redacted.value(url)) ? refuse : reply({ delay: 10 })

    it.effect("takes a dead one out of the way of all sends but one per half-open instant", () =>
      Effect.gen(function*() {
        yield* drive(
          Effect.forEach(Array.from({ length: 1000 }, (_, n) => n), (n) => Effect.delay(send(), n * 100), {
            concurrency: "unbounded"
          }),
          "200 seconds"
        ).pipe(Effect.map((results) => assert.isTrue(results.every(({ ok }) => ok))))
        const hits = (yield* TestTransport.sent).filter((one) => hostOf(one) === "a").map(({ at }) => at)
        assert.strictEqual(hits.length, 5 + 3)
        for (const [n, at] of hits.slice(5).entries()) {
          const before = hits[4 + n]!
          assert.isAtLeast(at - before, 30_000)
          assert.isAtMost(at - before, 30_300)
        }
      }).pipe(Effect.provide(layer(dead(a), {
        urls: [a, b, c],
        pool: { failover: true, circuit: {} },
        options: { maxRetries: 3 }
      }))))

    it.effect("has sends wait for the first to be half open where all are broken", () =>
      Effect.gen(function*() {
        const down = { until: 10_000 }
        const program = Effect.gen(function*() {
          const results = yield* drive(timesAtOnce(10, ended()))
          assert.isTrue(results.every(({ result }) => result.ok))
          const sent = (yield* TestTransport.sent).filter(({ at }) => at > 0).map(({ at }) => at)
          assert.strictEqual(sent.length, 10)
          // One for each of both, then as each answer comes.
          assert.deepStrictEqual(yield* waves(1), [[30_000, 2], [30_010, 4], [30_020, 4]])
        })
        yield* program.pipe(Effect.provide(layer(({ at }) => at < down.until ? refuse : reply({ delay: 10 }), {
          urls: [a, b],
          pool: { failover: true, circuit: { failures: 2 } },
          options: { maxRetries: 4 }
        })))
      }))
  })

  describe("of URLs that come with sends", () => {
    const emptyWith = (script: TestTransport.Script, pool: UrlPool.Options, options?: Webhook.WebhookOptions) =>
      Webhook.layerTransport({ maxRetries: 0, ...options }).pipe(
        Layer.provideMerge(Layer.merge(TestTransport.layer(script), UrlPool.emptyWith(pool)))
      )

    it.effect("is each one's own", () =>
      Effect.gen(function*() {
        yield* times(2, send({ status: 500 }, { url: a }))
        assert.strictEqual((yield* drive(ended({}, { url: b }), 1)).at, 0)
        const { at, result } = yield* drive(ended({}, { url: a }))
        assert.strictEqual(at, 30_000)
        assert.isTrue(result.ok)
      }).pipe(Effect.provide(emptyWith(asWished, { circuit: { failures: 2 } }))))

    it.effect("is one for all spellings of a URL", () =>
      Effect.gen(function*() {
        yield* send({ status: 500 }, { url: "https://A.example" })
        yield* send({ status: 500 }, { url: new URL("https://a.example:443/#fragment") })
        const { at } = yield* drive(ended({}, { url: Redacted.make(a) }))
        assert.strictEqual(at, 30_000)
      }).pipe(Effect.provide(emptyWith(asWished, { circuit: { failures: 2 } }))))

    it.effect("lets one go first when its time has come", () =>
      Effect.gen(function*() {
        yield* times(2, send({ status: 500 }, { url: a }))
        yield* drive(timesAtOnce(6, send({ delay: 100 }, { url: a })))
        assert.deepStrictEqual(yield* waves(1), [[30_000, 1], [30_100, 2], [30_200, 3]])
      }).pipe(Effect.provide(emptyWith(asWished, { circuit: { failures: 2 } }))))

    it.effect("is on where a pool has failover", () =>
      Effect.gen(function*() {
        yield* times(5, send({ status: 500 }, { url: c }))
        assert.strictEqual((yield* drive(ended({}, { url: c }))).at, 30_000)
      }).pipe(Effect.provide(layer(asWished, { pool: { failover: true, circuit: undefined } }))))

    it.effect("is that of the pool's, where the URL is in the pool", () =>
      Effect.gen(function*() {
        yield* times(2, send({ status: 500 }, { url: b }))
        assert.deepStrictEqual(yield* states, ["open", "broken"])
        yield* times(4, send())
        assert.strictEqual((yield* used).slice(2), "aaaa")
      }).pipe(Effect.provide(layer(asWished, { urls: [a, b] }))))

    it.effect("is off where nothing is said", () =>
      Effect.gen(function*() {
        yield* times(20, send({ status: 500 }, { url: a }))
        assert.strictEqual((yield* drive(ended({}, { url: a }), 1)).at, 0)
      }).pipe(Effect.provide(
        Webhook.layerTransport({ maxRetries: 0 }).pipe(
          Layer.provideMerge(Layer.merge(TestTransport.layer(asWished), UrlPool.empty))
        )
      )))

    it.effect("counts from the beginning after a 410, and is closed by one", () =>
      Effect.gen(function*() {
        for (let n = 0; n < 3; n++) {
          yield* send({ status: 500 }, { url: a })
          yield* send({ status: 410 }, { url: a })
        }
        assert.strictEqual((yield* drive(ended({}, { url: a }), 1)).at, 0)
        yield* times(2, send({ status: 500 }, { url: a }))
        yield* TestClock.adjust("30 seconds")
        yield* send({ status: 410 }, { url: a })
        const before = (yield* TestTransport.sent).length
        const fiber = yield* Effect.forkChild(timesAtOnce(5, send({ delay: 100 }, { url: a })))
        yield* TestClock.adjust(50)
        assert.strictEqual((yield* TestTransport.sent).length, before + 5)
        yield* TestClock.adjust(50)
        yield* Fiber.join(fiber)
      }).pipe(Effect.provide(emptyWith(asWished, { circuit: { failures: 2 } }))))

    it.effect("tells when one of them is gone", () =>
      Effect.gen(function*() {
        const gone: Array<string> = []
        yield* Effect.gen(function*() {
          yield* send({ status: 410 }, { url: a })
          yield* send({}, { url: a })
          yield* send({ status: 410 }, { url: b })
        }).pipe(
          Effect.provide(emptyWith(asWished, { onRetired: ({ label }) => Effect.sync(() => gone.push(label)) }))
        )
        assert.deepStrictEqual(gone, ["a.example", "b.example"])
      }))

    it.effect("is remembered for the last 4,096 that were used, and for no more", () =>
      Effect.gen(function*() {
        const others = (count: number, from = 0) =>
          Effect.forEach(
            Array.from({ length: count }, (_, n) => `https://${n + from}.example/`),
            (url) => send({}, { url }),
            { discard: true }
          )
        yield* times(2, send({ status: 500 }, { url: a }))
        yield* others(4095)
        const first = yield* drive(ended({}, { url: a, deadline: "1 second" }), 1)
        assert.strictEqual(reasonOf(first.result), "DeadlineExceeded")
        // It was used just now, so that all the others are older.
        yield* others(4095, 10_000)
        const second = yield* drive(ended({}, { url: a, deadline: "1 second" }), 1)
        assert.strictEqual(reasonOf(second.result), "DeadlineExceeded")
        yield* others(4096, 20_000)
        const third = yield* drive(ended({}, { url: a, deadline: "1 second" }), 1)
        assert.isTrue(third.result.ok)
      }).pipe(Effect.provide(emptyWith(asWished, { circuit: { failures: 2 } }))))
  })

  describe("of a URL that is restored", () => {
    it.effect("is closed, and counts from the beginning", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        const [target] = yield* targets
        const gone = pool.report(target!, { _tag: "Gone", status: 410 })
        yield* fail
        yield* Effect.andThen(gone, pool.restore(target!))
        yield* fail
        assert.deepStrictEqual(yield* states, ["open"])
        yield* fail
        assert.deepStrictEqual(yield* states, ["broken"])
        yield* Effect.andThen(gone, pool.restore(target!))
        assert.deepStrictEqual(yield* states, ["open"])
        yield* fail
        assert.deepStrictEqual(yield* states, ["open"])
        yield* fail
        // For as long as ever, and not for what was left.
        const { at } = yield* drive(ended())
        assert.strictEqual(at, 30_000)
      }).pipe(Effect.provide(layer(asWished))))

    it.effect("is not bound by a wait from before", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        const [target] = yield* targets
        yield* pool.report(target!, { _tag: "Limited", retryAfter: 3_000_000 })
        yield* pool.report(target!, { _tag: "Gone", status: 410 })
        yield* pool.restore(target!)
        yield* pool.report(target!, { _tag: "Limited", retryAfter: 1000 })
        const { at } = yield* drive(ended())
        assert.strictEqual(at, 1000)
      }).pipe(Effect.provide(layer(asWished))))
  })

  describe("throws a RangeError where it is written", () => {
    const makers: ReadonlyArray<{ readonly name: string; readonly make: (options: UrlPool.Options) => unknown }> = [
      { name: "layer", make: (options) => UrlPool.layer(a, options) },
      { name: "layerConfig", make: (options) => UrlPool.layerConfig(Config.Redacted("URL"), options) },
      { name: "make", make: (options) => UrlPool.make(a, options) },
      { name: "emptyWith", make: (options) => UrlPool.emptyWith(options) }
    ]
    it.each(makers)("$name", ({ make }) => {
      for (const failures of [0, -1, 1.5, NaN, Infinity, "3" as unknown as number]) {
        assert.throws(() => make({ circuit: { failures } }), RangeError, /circuit\.failures/)
      }
      for (const openDuration of [0, -1, NaN, "soon", "-1 seconds"]) {
        assert.throws(
          () => make({ failover: true, circuit: { openDuration: openDuration as number } }),
          RangeError,
          /circuit\.openDuration/
        )
      }
      make({ circuit: { failures: 1, openDuration: 1 } })
      make({ circuit: false })
    })
  })

  it.effect("comes with a pool from configuration too", () =>
    Effect.gen(function*() {
      yield* times(2, fail)
      assert.deepStrictEqual(yield* states, ["broken"])
    }).pipe(Effect.provide(
      Webhook.layerTransport({ maxRetries: 0 }).pipe(
        Layer.provideMerge(
          Layer.merge(
            TestTransport.layer(asWished),
            UrlPool.layerConfig(Config.Redacted("URL"), { circuit: { failures: 2 } }).pipe(
              Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ URL: a })))
            )
          )
        )
      )
    )))
})
