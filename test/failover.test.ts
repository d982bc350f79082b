import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import { ProxyProvider, Signature, Transport, UrlPool, Webhook, WebhookError, WebhookResult } from "effect-webhooks"
import { TestTransport } from "effect-webhooks/testing"
import { TestClock } from "effect/testing"

const { hang, refuse, reply, reset } = TestTransport

const a = "https://a.example/"
const b = "https://b.example/"
const c = "https://c.example/"

const falls = (error: Transport.AttemptError, delay = 0): TestTransport.Answer => ({
  ...refuse,
  delay,
  end: () => Effect.fail(error)
})

const lost = (code: string, phase: WebhookError.Phase) => falls(Transport.disconnected({ code }, phase))

interface Given {
  readonly urls?: ReadonlyArray<string>
  readonly pool?: UrlPool.Options
  readonly options?: Webhook.WebhookOptions
}

// The backoff is a second exactly.
const layer = (script: TestTransport.Script, { options, pool, urls = [a, b, c] }: Given = {}) =>
  Webhook.layerTransport({ retry: Schedule.spaced("1 second"), ...options }).pipe(
    Layer.provideMerge(Layer.merge(TestTransport.layer(script), UrlPool.layer(urls, pool ?? { failover: true })))
  )

// What each URL answers: always the same, or one after the other.
const byUrl = (
  answers: Readonly<Record<string, TestTransport.Answer | ReadonlyArray<TestTransport.Answer>>>
): TestTransport.Script => {
  const counts = new Map<string, number>()
  return ({ url }) => {
    const key = Redacted.value(url)
    const own = answers[key] ?? reply()
    if (!Array.isArray(own)) return own as TestTransport.Answer
    const count = counts.get(key) ?? 0
    counts.set(key, count + 1)
    return own[Math.min(count, own.length - 1)]!
  }
}

const hostOf = ({ url }: TestTransport.Sent) => new URL(Redacted.value(url)).host[0]!

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const started = yield* Clock.currentTimeMillis
    const value = yield* effect
    return { value, took: (yield* Clock.currentTimeMillis) - started }
  })

const drive = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust("2 hours")
    return yield* Fiber.join(fiber)
  })

// The URLs that were asked, by the first letter of their host, and when, since the first.
const asked = Effect.map(TestTransport.sent, (sent) => ({
  used: sent.map(hostOf).join(""),
  at: sent.map(({ at }) => at - sent[0]!.at),
  sent
}))

// One send, all that it asked, and how long it took.
const once = (script: TestTransport.Script, given?: Given, send?: Webhook.SendOptions) =>
  Effect.gen(function*() {
    const { took, value } = yield* drive(timed(Webhook.send({ text: "hello" }, send)))
    return { result: value, took, ...(yield* asked) }
  }).pipe(Effect.provide(layer(script, given)))

const failed = (result: WebhookResult.WebhookResult): WebhookResult.Failed => {
  assert(WebhookResult.isFailed(result), `expected a failure, got ${result}`)
  return result
}

const names = ({ history }: WebhookResult.WebhookResult) => history.map(({ target }) => target[0]).join("")

interface Failure {
  readonly name: string
  readonly answer: TestTransport.Answer
  /** How long the attempt itself takes. */
  readonly took?: number
  readonly tag: WebhookError.WebhookErrorReason["_tag"]
}

const statuses = (tag: Failure["tag"], ...statuses: ReadonlyArray<number>): ReadonlyArray<Failure> =>
  statuses.map((status) => ({ name: `a ${status}`, answer: reply({ status }), tag }))

// Certainly not delivered.
const definite: ReadonlyArray<Failure> = [
  { name: "a refused connection", answer: refuse, tag: "ConnectionError" },
  { name: "a name that does not resolve", answer: lost("ENOTFOUND", "connecting"), tag: "ConnectionError" },
  { name: "a name that does not resolve yet", answer: lost("EAI_AGAIN", "connecting"), tag: "ConnectionError" },
  { name: "a bad certificate", answer: lost("CERT_HAS_EXPIRED", "connecting"), tag: "ConnectionError" },
  {
    name: "a connection that cannot be made in time",
    answer: falls(Transport.disconnected({ code: "UND_ERR_CONNECT_TIMEOUT" }, "connecting"), 10_000),
    took: 10_000,
    tag: "ConnectionError"
  },
  {
    name: "a connection that takes all of its time",
    answer: falls(Transport.timedOut("connecting", 10_000), 10_000),
    took: 10_000,
    tag: "Timeout"
  },
  {
    name: "a 503 with a hint",
    answer: reply({ status: 503, headers: { "retry-after": "20" } }),
    tag: "ServerError"
  },
  { name: "a 429 with a hint", answer: reply({ status: 429, body: { retry_after: 20 } }), tag: "RateLimited" },
  { name: "a 429 without a hint", answer: reply({ status: 429 }), tag: "RateLimited" },
  { name: "an opaque redirect", answer: reply({ status: 0 }), tag: "Redirected" },
  ...statuses("Redirected", 301, 302, 303, 304, 307, 308),
  ...statuses("Rejected", 401, 403, 404, 405, 421),
  ...statuses("EndpointGone", 410)
]

// Perhaps delivered.
const maybe: ReadonlyArray<Failure> = [
  { name: "a connection that is lost after the request", answer: reset, tag: "ConnectionError" },
  { name: "an answer that is lost on the way", answer: lost("ECONNRESET", "headers"), tag: "ConnectionError" },
  { name: "no answer in time", answer: hang, took: 15_000, tag: "Timeout" },
  ...statuses("ServerError", 500, 501, 502, 503, 504, 520, 599)
]

const curable = [...definite, ...maybe]

// The URLs that are left are not asked: the receiver would say the same.
const final = statuses("Rejected", 400, 402, 406, 408, 409, 413, 414, 415, 418, 422, 425, 451)

describe("without failover", () => {
  it.effect.each(curable)("a send stays on its URL after $name", ({ answer }) =>
    Effect.gen(function*() {
      const { used } = yield* once(answer, { pool: {} })
      assert.match(used, /^a+$/)
    }))

  it.effect("a send whose URL is limited does not go to one that is open", () =>
    Effect.gen(function*() {
      const { at, used } = yield* once(byUrl({ [a]: [reply({ status: 429, body: { retry_after: 7 } }), reply()] }), {
        pool: {}
      })
      assert.strictEqual(used, "aa")
      assert.deepStrictEqual(at, [0, 7000])
    }))
})

describe("with failover", () => {
  it.effect.each(definite)(
    "a send goes on with the next URL at once after $name",
    ({ answer, tag, took = 0 }) =>
      Effect.gen(function*() {
        const { result, sent, used, ...all } = yield* once(byUrl({ [a]: answer }))
        assert.strictEqual(used, "ab")
        assert.isTrue(result.ok)
        assert.strictEqual(all.took, took)
        assert.strictEqual(result.attempts, 2)
        assert.strictEqual(result.target, "b.example#1")
        assert.strictEqual(Redacted.value(result.url!), b)
        assert.deepStrictEqual(result.history.map(({ reason, target }) => [target, reason?._tag]), [
          ["a.example#0", tag],
          ["b.example#1", undefined]
        ])
        assert.strictEqual(sent[0]!.body, sent[1]!.body)
      })
  )

  it.effect.each(maybe)(
    "a send goes on with the next URL after the backoff after $name",
    ({ answer, tag, took = 0 }) =>
      Effect.gen(function*() {
        const { result, used, ...all } = yield* once(byUrl({ [a]: answer }))
        assert.strictEqual(used, "ab")
        assert.isTrue(result.ok)
        assert.strictEqual(all.took, took + 1000)
        assert.strictEqual(result.history[1]!.waited, 1000)
        assert.deepStrictEqual(result.history.map(({ reason, target }) => [target, reason?._tag]), [
          ["a.example#0", tag],
          ["b.example#1", undefined]
        ])
      })
  )

  describe("a send ends on its URL", () => {
    it.effect.each(final)("after $name", ({ answer, tag }) =>
      Effect.gen(function*() {
        const { result, used } = yield* once(answer)
        assert.strictEqual(used, "a")
        assert.strictEqual(failed(result).reason._tag, tag)
      }))

    it.effect("whose payload cannot be sent", () =>
      Effect.gen(function*() {
        const result = failed(yield* Webhook.send(1n))
        assert.strictEqual(result.reason._tag, "InvalidPayload")
        assert.strictEqual(result.attempts, 0)
        assert.strictEqual((yield* TestTransport.sent).length, 0)
      }).pipe(Effect.provide(layer(reply()))))

    it.effect("that cannot be signed", () =>
      Effect.gen(function*() {
        const result = failed(yield* drive(Webhook.send(1)))
        assert.strictEqual(result.reason._tag, "SignerError")
        assert.strictEqual((yield* TestTransport.sent).length, 0)
      }).pipe(Effect.provide(layer(reply(), {
        options: { signer: () => Effect.fail(new WebhookError.SignerError({ detail: "no key", cause: undefined })) }
      }))))

    it.effect("where the egress policy blocks it", () =>
      Effect.gen(function*() {
        const blocked = new Transport.AttemptError({
          reason: new WebhookError.EgressBlocked({ address: "10.0.0.1", range: "private" }),
          delivered: "no"
        })
        const { result, used } = yield* once(byUrl({ [a]: falls(blocked) }))
        assert.strictEqual(used, "a")
        assert.strictEqual(failed(result).reason._tag, "EgressBlocked")
      }))

    const own: ReadonlyArray<{ readonly name: string; readonly classify: Webhook.WebhookOptions["classify"] }> = [
      { name: "fail", classify: () => "fail" },
      { name: "fail, as a ruling", classify: () => ({ verdict: "fail" }) }
    ]
    for (const { classify, name } of own) {
      it.effect.each([503, 500, 429, 404, 410, 302])(
        `whose %i is classified: ${name}`,
        (status) =>
          Effect.gen(function*() {
            const { result, used } = yield* once(reply({ status, headers: { "retry-after": "1" } }), {
              options: { classify }
            })
            assert.strictEqual(used, "a")
            assert.strictEqual(failed(result).status, status)
          })
      )
    }

    it.effect.each([500, 404, 302, 429])(
      "when the receiver says that the message is not to come again: %i",
      (status) =>
        Effect.gen(function*() {
          const { used } = yield* once(reply({ status, headers: { "webhook-delivery": "abort-message" } }))
          assert.strictEqual(used, "a")
        })
    )

    it.effect("that came with it, also where that is one of the pool", () =>
      Effect.gen(function*() {
        for (const url of [b, "https://given.example/"]) {
          for (const answer of [refuse, reply({ status: 500 }), reply({ status: 404 }), reply({ status: 410 })]) {
            const { result, sent } = yield* once(answer, undefined, { url })
            assert.isFalse(result.ok)
            assert.deepStrictEqual(new Set(sent.map(({ url }) => Redacted.value(url))), new Set([url]))
          }
        }
      }))
  })

  describe("classify", () => {
    const classified = (status: number, verdict: "retry" | "gone") =>
      once(byUrl({ [a]: reply({ status }) }), {
        options: { classify: (reply) => reply.status === status ? verdict : undefined }
      })

    it.effect("may say that another URL is worth a try", () =>
      Effect.gen(function*() {
        const { result, took, used } = yield* classified(400, "retry")
        assert.strictEqual(used, "ab")
        assert.isTrue(result.ok)
        assert.strictEqual(took, 0)
      }))

    it.effect("may say that the URL is gone, definitely or perhaps", () =>
      Effect.gen(function*() {
        const no = yield* classified(404, "gone")
        assert.deepStrictEqual([no.used, no.took], ["ab", 0])
        // A 5xx may have been delivered, whatever it says besides.
        const perhaps = yield* classified(500, "gone")
        assert.deepStrictEqual([perhaps.used, perhaps.took], ["ab", 1000])
        assert.strictEqual(perhaps.result.history[0]!.reason?._tag, "EndpointGone")
      }))

    it.effect("may say so of a send that the receiver wants to be the last", () =>
      Effect.gen(function*() {
        const { result, used } = yield* once(
          byUrl({ [a]: reply({ status: 400, headers: { "webhook-delivery": "disable" } }) })
        )
        assert.strictEqual(used, "ab")
        assert.strictEqual(result.history[0]!.reason?._tag, "EndpointGone")
      }))
  })

  describe("every try counts", () => {
    it.effect.each([0, 1, 2, 3, 5])("towards %i of maxRetries", (maxRetries) =>
      Effect.gen(function*() {
        const { result, used } = yield* once(refuse, { options: { maxRetries } })
        assert.strictEqual(used.length, maxRetries + 1)
        assert.strictEqual(result.attempts, maxRetries + 1)
        assert.strictEqual(names(result), used)
        assert.strictEqual(failed(result).reason._tag, "ConnectionError")
        assert.strictEqual(result.target![0], used.at(-1))
      }))

    it.effect("and shows in the history, with its status and its wait", () =>
      Effect.gen(function*() {
        const { result } = yield* once(byUrl({
          [a]: reply({ status: 404, delay: 5 }),
          [b]: reply({ status: 500, delay: 6 }),
          [c]: reply({ delay: 7 })
        }))
        assert.deepStrictEqual(
          result.history.map(({ status, target, took, waited }) => [target, status, waited, took]),
          [
            ["a.example#0", 404, 0, 5],
            ["b.example#1", 500, 0, 6],
            ["c.example#2", 204, 1000, 7]
          ]
        )
      }))
  })

  describe("a URL is tried again", () => {
    it.effect("only when every other was, and then after the backoff", () =>
      Effect.gen(function*() {
        const { at, used } = yield* once(refuse, {
          options: { maxRetries: 8 },
          pool: { failover: true, circuit: false }
        })
        assert.deepStrictEqual(at, [0, 0, 0, 1000, 2000, 3000, 4000, 5000, 6000])
        for (const round of [used.slice(0, 3), used.slice(3, 6), used.slice(6)]) {
          assert.strictEqual([...round].toSorted().join(""), "abc")
        }
        assert.notMatch(used, /(.)\1/)
      }))

    it.effect("so by each of many sends at once", () =>
      Effect.gen(function*() {
        const results = yield* drive(
          Effect.forEach(Array.from({ length: 50 }), () => Webhook.send(1), { concurrency: "unbounded" })
        )
        for (const result of results) {
          const used = names(result)
          assert.strictEqual(used.length, 9)
          for (const round of [used.slice(0, 3), used.slice(3, 6), used.slice(6)]) {
            assert.strictEqual([...round].toSorted().join(""), "abc", used)
          }
          assert.notMatch(used, /(.)\1/)
        }
      }).pipe(Effect.provide(layer(refuse, {
        options: { maxRetries: 8, retry: Schedule.jittered(Schedule.spaced("1 second")) },
        pool: { failover: true, circuit: false }
      }))))

    it.effect("not at all for a failure that only another URL may cure", () =>
      Effect.gen(function*() {
        for (const status of [404, 401, 302, 410]) {
          const { result, took, used } = yield* once(reply({ status }), { options: { maxRetries: 9 } })
          assert.strictEqual(used, "abc")
          assert.strictEqual(took, 0)
          assert.strictEqual(result.status, status)
          assert.strictEqual(result.target, "c.example#2")
        }
      }))

    it.effect("rather than one that has to be waited for, where that may cure it", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        for (const { target } of (yield* pool.list).slice(1)) {
          yield* pool.report(target, { _tag: "Limited", retryAfter: 60_000 })
        }
        const { took, value } = yield* drive(timed(Webhook.send(1)))
        assert.isTrue(value.ok)
        assert.strictEqual(took, 1000)
        assert.strictEqual((yield* asked).used, "aa")
      }).pipe(Effect.provide(layer(byUrl({ [a]: [refuse, reply()] })))))
  })

  describe("a URL that will not take it, whatever the wait,", () => {
    const limited = reply({ status: 429, body: { retry_after: 20 } })
    const cases: ReadonlyArray<{
      readonly name: string
      readonly first: ReadonlyArray<TestTransport.Answer>
      readonly second: ReadonlyArray<TestTransport.Answer>
      readonly used: string
      readonly at: ReadonlyArray<number>
    }> = [
      ...[404, 401, 410, 302].flatMap((status) => {
        const no = [reply({ status })]
        return [
          {
            name: `${status} after a 500`,
            first: [reply({ status: 500 }), reply()],
            second: no,
            used: "aba",
            at: [0, 1000, 2000]
          },
          {
            name: `${status} after a refused connection`,
            first: [refuse, reply()],
            second: no,
            used: "aba",
            at: [0, 0, 1000]
          },
          { name: `${status} after a 429`, first: [limited, reply()], second: no, used: "aba", at: [0, 0, 20_000] },
          {
            name: `${status} before a 500`,
            first: no,
            second: [reply({ status: 500 }), reply()],
            used: "abb",
            at: [0, 0, 1000]
          },
          { name: `${status} before a 429`, first: no, second: [limited, reply()], used: "abb", at: [0, 0, 20_000] },
          {
            name: `${status} before two failures`,
            first: no,
            second: [refuse, refuse, reply()],
            used: "abbb",
            at: [0, 0, 1000, 2000]
          }
        ]
      }),
      {
        name: "a bad certificate after a 500",
        first: [reply({ status: 500 }), reply()],
        second: [lost("CERT_HAS_EXPIRED", "connecting")],
        used: "aba",
        at: [0, 1000, 2000]
      }
    ]
    it.effect.each(cases)(
      "does not keep it from one that does: $name",
      ({ at, first, second, used }) =>
        Effect.gen(function*() {
          const seen = yield* once(byUrl({ [a]: first, [b]: second }), { urls: [a, b] })
          assert.isTrue(seen.result.ok)
          assert.deepStrictEqual([seen.used, seen.at], [used, at])
        })
    )
  })

  it.effect("the last try goes to a URL that opens in time, and not to the one that has just failed", () =>
    Effect.gen(function*() {
      const script = () => byUrl({ [a]: [reply({ status: 429, body: { retry_after: 20 } }), reply()], [b]: refuse })
      const { at, result, used } = yield* once(script(), { urls: [a, b] })
      assert.isTrue(result.ok)
      assert.deepStrictEqual([used, at], ["abba", [0, 0, 1000, 20_000]])
      const late = yield* once(script(), { urls: [a, b], options: { deadline: "10 seconds" } })
      assert.strictEqual(late.used, "abbb")
    }))

  it.effect("what a URL asks to wait is not waited for before another one", () =>
    Effect.gen(function*() {
      const slow = reply({ status: 503, body: { retry_after: 60 } })
      const { at, result } = yield* once(byUrl({ [a]: slow }), { urls: [a, b] })
      assert.isTrue(result.ok)
      assert.deepStrictEqual(at, [0, 1000])
    }))

  describe("with one URL", () => {
    it.effect.each(curable)("a send does as without failover after $name", ({ answer }) =>
      Effect.gen(function*() {
        const [without, withIt] = [
          yield* once(answer, { urls: [a], pool: {} }),
          yield* once(answer, { urls: [a], pool: { failover: true, circuit: false } })
        ]
        const seen = ({ at, result, took }: typeof without) => ({
          at,
          took,
          attempts: result.attempts,
          status: result.status,
          target: result.target,
          url: result.url && Redacted.value(result.url),
          reason: failed(result).reason._tag,
          delivered: failed(result).delivered,
          history: result.history.map(({ reason, status, target, took, waited }) => [
            reason?._tag,
            status,
            target,
            took,
            waited
          ])
        })
        assert.deepStrictEqual(seen(withIt), seen(without))
      }))
  })

  describe("a 429", () => {
    const limited = (seconds: number, ...then: ReadonlyArray<TestTransport.Answer>) => [
      reply({ status: 429, body: { retry_after: seconds } }),
      ...then
    ]

    it.effect("paces its URL, and the sends after it go elsewhere", () =>
      Effect.gen(function*() {
        assert.strictEqual(names(yield* Webhook.send(1)), "ab")
        const pool = yield* UrlPool.UrlPool
        assert.deepStrictEqual((yield* pool.list).map(({ state }) => state), ["paced", "open", "open"])
        for (let n = 0; n < 4; n++) assert.notInclude(names(yield* Webhook.send(1)), "a")
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual((yield* pool.list).map(({ state }) => state), ["open", "open", "open"])
        const used = [yield* Webhook.send(1), yield* Webhook.send(1), yield* Webhook.send(1)].map(names)
        assert.deepStrictEqual(used.toSorted(), ["a", "b", "c"])
      }).pipe(Effect.provide(layer(byUrl({ [a]: limited(20, reply()) })))))

    it.effect("of every URL is waited for until the first opens, exactly", () =>
      Effect.gen(function*() {
        const { at, result, used } = yield* once(
          byUrl({ [a]: limited(20.5, reply()), [b]: limited(10.25, reply()), [c]: limited(30, reply()) })
        )
        assert.isTrue(result.ok)
        assert.strictEqual(used, "abcb")
        assert.deepStrictEqual(at, [0, 0, 0, 10_250])
      }))

    it.effect("does not have a URL tried again before the backoff is over", () =>
      Effect.gen(function*() {
        for (const limit of [20, 0.25]) {
          const { at, used } = yield* once(byUrl({ [a]: refuse, [b]: limited(limit, refuse) }), {
            urls: [a, b],
            options: { maxRetries: 2 }
          })
          assert.strictEqual(used, "aba")
          assert.deepStrictEqual(at, [0, 0, 1000])
        }
      }))

    it.effect("without a hint does not either", () =>
      Effect.gen(function*() {
        const { at, used } = yield* once(byUrl({ [a]: refuse, [b]: reply({ status: 429 }) }), {
          urls: [a, b],
          options: { maxRetries: 2 }
        })
        assert.strictEqual(used, "aba")
        assert.deepStrictEqual(at, [0, 0, 1000])
      }))

    it.effect("without a hint of every URL is waited for by the backoff", () =>
      Effect.gen(function*() {
        const { at, result, used } = yield* once(({ at }) => reply({ status: at === 0 ? 429 : 204 }))
        assert.isTrue(result.ok)
        assert.strictEqual(used.slice(0, 3), "abc")
        assert.deepStrictEqual(at, [0, 0, 0, 1000])
      }))

    it.effect("that outlasts the deadline ends the send at once, with its hint and its URL", () =>
      Effect.gen(function*() {
        const { result, took, used } = yield* once(byUrl({ [a]: limited(400), [b]: limited(600), [c]: limited(500) }))
        assert.strictEqual(used, "abc")
        assert.strictEqual(took, 0)
        const { reason } = failed(result)
        assert(reason._tag === "RateLimited")
        assert.strictEqual(reason.status, 429)
        assert.isDefined(reason.retryAfter)
        assert.deepStrictEqual([result.status, result.target], [429, "c.example#2"])
        assert.strictEqual(Redacted.value(result.url!), c)
      }))
  })

  describe("a failure that only another URL may cure", () => {
    const paced = (script: TestTransport.Script, options?: Webhook.WebhookOptions) =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        const [, second, third] = (yield* pool.list).map(({ target }) => target)
        yield* pool.report(second!, { _tag: "Limited", retryAfter: 20_000 })
        yield* pool.report(third!, { _tag: "Limited", retryAfter: 10_000 })
        const { took, value } = yield* drive(timed(Webhook.send(1)))
        return { result: value, took, ...(yield* asked) }
      }).pipe(Effect.provide(layer(script, { ...(options && { options }) })))

    it.effect.each([404, 302, 401])(
      "waits for the first to open where none is: %i",
      (status) =>
        Effect.gen(function*() {
          const { at, result, used } = yield* paced(byUrl({ [a]: reply({ status }) }))
          assert.isTrue(result.ok)
          assert.strictEqual(used, "ac")
          assert.deepStrictEqual(at, [0, 10_000])
        })
    )

    it.effect("and goes on from there", () =>
      Effect.gen(function*() {
        const { at, result, used } = yield* paced(byUrl({ [a]: reply({ status: 404 }), [c]: reply({ status: 404 }) }))
        assert.isTrue(result.ok)
        assert.strictEqual(used, "acb")
        assert.deepStrictEqual(at, [0, 10_000, 20_000])
      }))

    it.effect("ends the send at once where that is too late", () =>
      Effect.gen(function*() {
        const { result, took, used } = yield* paced(reply({ status: 404 }), { deadline: "9 seconds" })
        assert.strictEqual(used, "a")
        assert.strictEqual(took, 0)
        assert.deepStrictEqual([failed(result).reason._tag, result.status, result.target], [
          "Rejected",
          404,
          "a.example#0"
        ])
      }))
  })

  it.effect("a send waits where the limit holds for all URLs of an origin, and goes to another origin at once", () =>
    Effect.gen(function*() {
      const pause: Given["options"] = {
        classify: ({ status }) => status === 429 ? { pause: "7 seconds", scope: "global" } : undefined
      }
      const [first, second] = ["https://a.example/1", "https://a.example/2"]
      const script = (others: string) => byUrl({ [first!]: reply({ status: 429 }), [others]: reply() })
      const same = yield* once(script(second!), { urls: [first!, second!], options: pause })
      assert.isTrue(same.result.ok)
      assert.deepStrictEqual(same.at, [0, 7000])
      assert.deepStrictEqual(same.result.history.map(({ target }) => target), ["a.example#0", "a.example#1"])
      const another = yield* once(script(b), { urls: [first!, b], options: pause })
      assert.isTrue(another.result.ok)
      assert.deepStrictEqual(another.at, [0, 0])
    }))

  it.effect.each([
    { name: "a 404", answer: reply({ status: 404, delay: 10_000 }) },
    { name: "a connection that cannot be made", answer: { ...refuse, delay: 10_000 } }
  ])(
    "a send goes at once to a URL that has opened while its attempt was under way, after $name",
    ({ answer }) =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        yield* pool.report((yield* pool.list)[1]!.target, { _tag: "Limited", retryAfter: 5000 })
        const { took, value } = yield* drive(timed(Webhook.send(1)))
        assert.isTrue(value.ok)
        assert.strictEqual(names(value), "ab")
        assert.strictEqual(took, 10_000)
      }).pipe(Effect.provide(layer(byUrl({ [a]: answer }), { urls: [a, b] })))
  )

  describe("onAmbiguous: \"stop\"", () => {
    const stop: Given = { options: { onAmbiguous: "stop" } }

    it.effect.each(maybe)("ends the send on $name", ({ answer, tag }) =>
      Effect.gen(function*() {
        const { result, used } = yield* once(byUrl({ [a]: answer }), stop)
        assert.strictEqual(used, "a")
        assert.deepStrictEqual([failed(result).reason._tag, failed(result).delivered], [tag, "maybe"])
      }))

    it.effect.each(definite)("goes on after $name", ({ answer }) =>
      Effect.gen(function*() {
        const { result, used } = yield* once(byUrl({ [a]: answer }), stop)
        assert.strictEqual(used, "ab")
        assert.isTrue(result.ok)
      }))

    it.effect("ends it also on a second URL", () =>
      Effect.gen(function*() {
        const { result, used } = yield* once(byUrl({ [a]: refuse, [b]: reset }), stop)
        assert.strictEqual(used, "ab")
        assert.strictEqual(failed(result).delivered, "maybe")
      }))
  })

  describe("retirement", () => {
    it.effect("of the last URL in the middle of a send ends it with that, and later ones have none", () =>
      Effect.gen(function*() {
        const first = failed(yield* drive(Webhook.send(1)))
        assert.deepStrictEqual(
          { tag: first.reason._tag, status: first.status, used: names(first), target: first.target },
          { tag: "EndpointGone", status: 410, used: "ab", target: "b.example#1" }
        )
        assert(first.reason._tag === "EndpointGone")
        assert.strictEqual(first.reason.status, 410)
        const second = failed(yield* Webhook.send(2))
        assert.strictEqual(second.reason._tag, "NoUrlAvailable")
        assert.strictEqual(second.attempts, 0)
        assert.strictEqual((yield* TestTransport.sent).length, 2)
      }).pipe(Effect.provide(layer(reply({ status: 410 }), { urls: [a, b] }))))

    it.effect("by somebody else, while a send waits for its next try, ends it with its own last reason", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        const fiber = yield* Effect.forkChild(timed(Webhook.send(1)))
        yield* TestClock.adjust(500)
        for (const { target } of yield* pool.list) yield* pool.report(target, { _tag: "Gone", status: 410 })
        yield* TestClock.adjust("1 minute")
        const { took, value } = yield* Fiber.join(fiber)
        assert.strictEqual(took, 1000)
        assert.deepStrictEqual([failed(value).reason._tag, value.status, value.target, value.attempts], [
          "ServerError",
          502,
          "a.example#0",
          1
        ])
        assert.strictEqual(failed(value).delivered, "maybe")
      }).pipe(Effect.provide(layer(reply({ status: 502 })))))

    it.effect("while a send waits for its next try leaves it the others", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        const fiber = yield* Effect.forkChild(Webhook.send(1))
        yield* TestClock.adjust(500)
        for (const { target } of (yield* pool.list).slice(0, 2)) {
          yield* pool.report(target, { _tag: "Gone", status: 410 })
        }
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(names(yield* Fiber.join(fiber)), "ac")
      }).pipe(Effect.provide(layer(byUrl({ [a]: reply({ status: 500 }) })))))

    it.effect("is told once, and is over when the URL is restored", () =>
      Effect.gen(function*() {
        const retired: Array<string> = []
        yield* Effect.gen(function*() {
          const pool = yield* UrlPool.UrlPool
          for (let n = 0; n < 4; n++) assert.isTrue((yield* Webhook.send(n)).ok)
          assert.deepStrictEqual((yield* pool.list).map(({ state }) => state), ["retired", "open", "open"])
          yield* pool.restore((yield* pool.list)[0]!.target)
          const used = [yield* Webhook.send(1), yield* Webhook.send(1), yield* Webhook.send(1)].map(names)
          assert.deepStrictEqual(used.toSorted(), ["a", "b", "c"])
        }).pipe(Effect.provide(layer(byUrl({ [a]: [reply({ status: 410 }), reply()] }), {
          pool: { failover: true, onRetired: ({ label }) => Effect.sync(() => retired.push(label)) }
        })))
        assert.deepStrictEqual(retired, ["a.example#0"])
      }))
  })

  describe("every try", () => {
    it.effect("has the same webhook-id and a signature of its own", () =>
      Effect.gen(function*() {
        const inputs: Array<Parameters<Signature.Signer>[0]> = []
        const signer: Signature.Signer = (input) => {
          const n = inputs.push(input)
          return Effect.succeed({ "webhook-timestamp": `${input.timestamp}`, "webhook-signature": `v1,${n}` })
        }
        const { sent, used } = yield* once(byUrl({ [a]: reset, [b]: refuse }), { options: { signer } }, { id: "msg_1" })
        assert.strictEqual(used, "abc")
        assert.deepStrictEqual(sent.map(({ headers }) => headers["webhook-id"]), ["msg_1", "msg_1", "msg_1"])
        assert.deepStrictEqual(sent.map(({ headers }) => headers["webhook-signature"]), ["v1,1", "v1,2", "v1,3"])
        assert.deepStrictEqual(inputs.map(({ id, timestamp }) => [id, timestamp]), [
          ["msg_1", 0],
          ["msg_1", 1],
          ["msg_1", 1]
        ])
      }))

    // A signature is made outside of Effect's clock.
    it.live("is signed so that its receiver can verify it", () =>
      Effect.gen(function*() {
        const secret = Redacted.make("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        const sent = yield* Effect.andThen(Webhook.send(1), TestTransport.sent).pipe(
          Effect.provide(
            layer(byUrl({ [a]: reset }), { options: { signer: Signature.hmac(secret), retry: Schedule.spaced(10) } })
          )
        )
        assert.strictEqual(sent.map(hostOf).join(""), "ab")
        for (const { body, headers } of sent) yield* Signature.verify(secret, { headers, body })
        assert.strictEqual(sent[0]!.headers["webhook-id"], sent[1]!.headers["webhook-id"])
      }))
  })

  describe("the deadline", () => {
    it.effect("cuts the attempt at another URL", () =>
      Effect.gen(function*() {
        const { result, took, used } = yield* once(hang, { options: { deadline: "20 seconds" } })
        assert.strictEqual(used, "ab")
        assert.strictEqual(took, 20_000)
        const { delivered, reason } = failed(result)
        assert(reason._tag === "DeadlineExceeded")
        assert.deepStrictEqual([reason.during, reason.last?._tag, delivered], ["attempt", "Timeout", "maybe"])
      }))

    it.effect("ends a send whose backoff does not fit any more", () =>
      Effect.gen(function*() {
        const { result, took, used } = yield* once(reply({ status: 500, delay: 400 }), { options: { deadline: 1300 } })
        assert.strictEqual(used, "a")
        assert.strictEqual(took, 400)
        assert.deepStrictEqual([failed(result).reason._tag, result.status], ["ServerError", 500])
      }))

    it.effect("holds over tries that follow at once", () =>
      Effect.gen(function*() {
        const { took, used } = yield* once(reply({ status: 404, delay: 4000 }), {
          options: { deadline: "10 seconds" }
        })
        assert.strictEqual(used, "abc")
        assert.strictEqual(took, 10_000)
      }))
  })

  it.effect("a proxy that fails is exchanged, and the URL is not", () =>
    Effect.gen(function*() {
      const tried: Array<string> = []
      const transport = Layer.effect(
        Transport.Transport,
        Effect.map(ProxyProvider.ProxyProvider, (proxies): Transport.Transport["Service"] => ({
          proxies,
          attempt: ({ url }, proxy) =>
            Effect.suspend(() => {
              tried.push(`${new URL(Redacted.value(url)).host[0]} by ${proxy!.host}`)
              return proxy!.host === "bad"
                ? Effect.fail(
                  new Transport.AttemptError({
                    reason: new WebhookError.ProxyError({ proxy: "bad:1", detail: "it is bad", last: undefined }),
                    delivered: "no",
                    proxy: "burn"
                  })
                )
                : Redacted.value(url) === a
                ? Effect.fail(
                  new Transport.AttemptError({
                    reason: new WebhookError.ConnectionError({
                      phase: "connecting",
                      code: "ECONNREFUSED",
                      certificate: false
                    }),
                    delivered: "no",
                    proxy: "target"
                  })
                )
                : Effect.succeed(new Transport.Reply(204, {}, new Uint8Array(), false))
            })
        }))
      )
      const result = yield* Webhook.send(1).pipe(Effect.provide(
        Webhook.layerTransport().pipe(
          Layer.provide([transport, UrlPool.layer([a, b], { failover: true })]),
          Layer.provide(ProxyProvider.layer(["bad:1", "good:1"]))
        )
      ))
      assert.isTrue(result.ok)
      assert.deepStrictEqual(tried, ["a by bad", "a by good", "b by good"])
    }))

  it.effect("says so in the service", () =>
    Effect.gen(function*() {
      const read = (options?: UrlPool.Options) => Effect.map(UrlPool.make(a, options), ({ failover }) => failover)
      assert.deepStrictEqual([yield* read(), yield* read({ failover: true }), yield* read({ failover: false })], [
        false,
        true,
        false
      ])
    }))
})
