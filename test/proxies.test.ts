import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { ProxyProvider, RetryPolicy, Transport, UrlPool, Webhook, WebhookError, WebhookResult } from "effect-webhooks"
import { HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"

type Answer = Effect.Effect<Transport.Reply, Transport.AttemptError>

const reply = (status: number, headers: Record<string, string> = {}): Answer =>
  Effect.succeed(new Transport.Reply(status, headers, new Uint8Array(), false))

const delivered = reply(204)

const fault = (outcome: ProxyProvider.Outcome): Answer =>
  Effect.fail(
    new Transport.AttemptError({
      reason: outcome === "target"
        ? new WebhookError.ConnectionError({ phase: "connecting", code: undefined, certificate: false })
        : new WebhookError.ProxyError({ proxy: "host:1", detail: `it is at fault (${outcome})`, last: undefined }),
      delivered: "no",
      proxy: outcome
    })
  )

const lost = (code: string, phase: WebhookError.Phase): Answer => Effect.fail(Transport.disconnected({ code }, phase))

const certificate = lost("CERT_HAS_EXPIRED", "connecting")

// A timeout as the transport tells it, after the time that it takes.
const silent = (phase: WebhookError.Phase): Answer =>
  Effect.delay(Effect.fail(Transport.timedOut(phase, 15_000)), 15_000)

interface Asked {
  readonly proxy: string
  readonly at: number
}

interface Given {
  readonly proxies?: ReadonlyArray<string>
  readonly options?: Webhook.WebhookOptions
  readonly report?: ProxyProvider.ProxyProvider["Service"]["report"]
}

const names = ["a:1", "b:2", "c:3", "d:4", "e:5"]

// A webhook over proxies that answer by a script, the last answer over and over; what was asked of them, and reported.
const open = Effect.fnUntraced(function*(
  script: ReadonlyArray<Answer> | ((proxy: string, index: number) => Answer),
  { options, proxies = names, report }: Given = {}
) {
  const asked: Array<Asked> = []
  const reports: Array<string> = []
  const transport = Layer.effect(
    Transport.Transport,
    Effect.map(ProxyProvider.ProxyProvider, (provider) => ({
      proxies: {
        get: provider.get,
        report: (proxy, outcome) => {
          reports.push(`${proxy.host} ${outcome}`)
          return report === undefined ? provider.report(proxy, outcome) : report(proxy, outcome)
        }
      },
      attempt: (_, proxy) =>
        Effect.flatMap(Clock.currentTimeMillis, (at) => {
          assert.isDefined(proxy, "nothing goes directly")
          const index = asked.push({ proxy: proxy!.label, at }) - 1
          return typeof script === "function"
            ? script(proxy!.label, index)
            : script[Math.min(index, script.length - 1)]!
        })
    }))
  )
  const context = yield* Layer.build(
    Webhook.layerTransport({ retry: RetryPolicy.backoff({ base: 1000, max: 1000 }), ...options }).pipe(
      Layer.provide([transport, UrlPool.layer("https://example.com/hook")]),
      Layer.provide(ProxyProvider.layer(proxies))
    )
  )
  const hook = yield* Effect.provideContext(Webhook.Webhook, context)
  return { hook, asked, reports }
})

// One send, and how long it took while an hour went by.
const once = Effect.fnUntraced(function*(...args: Parameters<typeof open>) {
  const { asked, hook, reports } = yield* open(...args)
  const started = yield* Clock.currentTimeMillis
  const fiber = yield* Effect.forkChild(
    Effect.flatMap(
      hook.send({ text: "hello" }),
      (result) => Effect.map(Clock.currentTimeMillis, (now) => ({ result, took: now - started }))
    )
  )
  yield* TestClock.adjust("1 hour")
  const { result, took } = yield* Fiber.join(fiber)
  return { result, took, asked, reports, used: asked.map(({ proxy }) => proxy[0]).join("") }
})

const failed = (result: WebhookResult.WebhookResult): WebhookResult.Failed => {
  assert(WebhookResult.isFailed(result), `expected a failure, got ${result}`)
  return result
}

const exhausted = (result: WebhookResult.WebhookResult): WebhookError.ProxyError => {
  const { reason } = failed(result)
  assert(reason._tag === "ProxyError", reason.message)
  return reason
}

describe("a send by proxies", () => {
  describe("rotation", () => {
    it.effect.each(["burn", "suspect"] as const)(
      "goes on with the next proxy at once after %s",
      (outcome) =>
        Effect.gen(function*() {
          const { reports, result, took, used } = yield* once([fault(outcome), fault(outcome), delivered])
          assert.isTrue(result.ok)
          assert.strictEqual(result.attempts, 3)
          assert.strictEqual(took, 0)
          assert.strictEqual(used, "abc")
          assert.deepStrictEqual(reports, [`a ${outcome}`, `b ${outcome}`, "c ok"])
        })
    )

    it.effect.each([0, 1, 2, 3, 5])("has %i of maxProxyRetries", (maxProxyRetries) =>
      Effect.gen(function*() {
        const { asked, result, took } = yield* once([fault("suspect")], { options: { maxProxyRetries } })
        const { detail } = exhausted(result)
        assert.lengthOf(asked, maxProxyRetries + 1)
        assert.strictEqual(result.attempts, maxProxyRetries + 1)
        assert.include(detail, "it is at fault (suspect)")
        assert.strictEqual(took, 0)
      }))

    it.effect("has three when nothing is said", () =>
      Effect.gen(function*() {
        const { result } = yield* once([fault("suspect")])
        assert.strictEqual(result.attempts, 4)
        assert.strictEqual(failed(result).delivered, "no")
      }))

    it.effect("does not count towards maxRetries, nor do retries count as rotations", () =>
      Effect.gen(function*() {
        const { result, took, used } = yield* once(
          [fault("burn"), reply(500), fault("burn"), reply(500), fault("burn"), reply(500), delivered],
          { options: { maxRetries: 3, maxProxyRetries: 3 } }
        )
        assert.isTrue(result.ok, `${result}`)
        assert.strictEqual(result.attempts, 7)
        assert.isAtLeast(took, 1500)
        assert.isAtMost(took, 3000)
        assert.lengthOf(used, 7)
      }))

    it.effect("rotates although there are no retries", () =>
      Effect.gen(function*() {
        const { result } = yield* once([fault("burn"), delivered], { options: { maxRetries: 0 } })
        assert.isTrue(result.ok)
      }))

    it.effect("says that no proxy is left when all are burned", () =>
      Effect.gen(function*() {
        const { asked, result, took } = yield* once([fault("burn")], { proxies: ["a:1", "b:2"] })
        assert.include(exhausted(result).detail, "no proxy is left")
        assert.lengthOf(asked, 2)
        assert.strictEqual(result.attempts, 2)
        assert.strictEqual(took, 0)
      }))

    it.effect("uses a single suspect proxy again", () =>
      Effect.gen(function*() {
        const { result, used } = yield* once([fault("suspect"), fault("suspect"), delivered], { proxies: ["a:1"] })
        assert.isTrue(result.ok)
        assert.strictEqual(used, "aaa")
      }))

    it.effect("holds what the last proxy came to", () =>
      Effect.gen(function*() {
        const refusal = exhausted((yield* once([lost("ECONNRESET", "connecting")])).result)
        assert(refusal.last?._tag === "ConnectionError")
        assert.strictEqual(refusal.last.code, "ECONNRESET")
        assert.strictEqual(refusal.proxy, "d:4")
        const timeout = exhausted((yield* once([silent("connecting")])).result)
        assert(timeout.last?._tag === "Timeout")
        assert.strictEqual(timeout.last.phase, "connecting")
        assert.include(timeout.detail, "4 proxies were tried")
        const own = exhausted((yield* once([fault("burn")])).result)
        assert.isUndefined(own.last)
      }))
  })

  describe("whose fault it is", () => {
    it.effect.each([200, 204, 400, 404, 407, 410, 301])(
      "a proxy did its part when the answer is %i",
      (status) =>
        Effect.gen(function*() {
          const { reports, result } = yield* once([reply(status)])
          assert.deepStrictEqual(reports, ["a ok"])
          assert.strictEqual(result.status, status)
          assert.strictEqual(result.attempts, 1)
        })
    )

    it.effect.each([500, 502, 503, 504, 429])(
      "a target's %i costs no proxy and backs off",
      (status) =>
        Effect.gen(function*() {
          const { reports, result, took } = yield* once([reply(status)])
          assert.deepStrictEqual(reports, ["a ok", "b ok", "c ok", "d ok"])
          assert.strictEqual(result.attempts, 4)
          assert.strictEqual(failed(result).reason._tag, status === 429 ? "RateLimited" : "ServerError")
          assert.isAtLeast(took, 1500)
        })
    )

    it.effect("a target's 407 is a rejection", () =>
      Effect.gen(function*() {
        const { result } = yield* once([reply(407)])
        assert.strictEqual(failed(result).reason._tag, "Rejected")
      }))

    it.effect("a target's Retry-After is waited for, not rotated away", () =>
      Effect.gen(function*() {
        const { asked, took } = yield* once([reply(429, { "retry-after": "30" }), delivered])
        assert.strictEqual(took, 30_000)
        assert.lengthOf(asked, 2)
      }))

    it.effect("a failure of the target follows the normal backoff", () =>
      Effect.gen(function*() {
        const { reports, result, took } = yield* once([fault("target")], { options: { maxProxyRetries: 0 } })
        assert.deepStrictEqual(reports, ["a target", "b target", "c target", "d target"])
        assert.strictEqual(failed(result).reason._tag, "ConnectionError")
        assert.strictEqual(result.attempts, 4)
        assert.isAtLeast(took, 1500)
      }))

    it.effect("a timeout before the request was written is the proxy's", () =>
      Effect.gen(function*() {
        const { reports, result, took } = yield* once([silent("connecting"), delivered])
        assert.isTrue(result.ok)
        assert.deepStrictEqual(reports, ["a suspect", "b ok"])
        assert.strictEqual(took, 15_000)
      }))

    it.effect("a timeout of the answer rotates, and is a maybe", () =>
      Effect.gen(function*() {
        const { reports, result, took } = yield* once([silent("sent"), delivered])
        assert.isTrue(result.ok)
        assert.deepStrictEqual(reports, ["a suspect", "b ok"])
        assert.strictEqual(took, 15_000)
        const end = yield* once([silent("sent")])
        const { last } = exhausted(end.result)
        assert(last?._tag === "Timeout")
        assert.strictEqual(last.phase, "sent")
        assert.strictEqual(failed(end.result).delivered, "maybe")
        assert.strictEqual(end.took, 60_000)
      }))

    it.effect("a loss after the request was written rotates, and is a maybe", () =>
      Effect.gen(function*() {
        const { reports, result, took } = yield* once([lost("ECONNRESET", "sent"), fault("burn")], {
          proxies: ["a:1", "b:2"]
        })
        assert.deepStrictEqual(reports, ["a suspect", "b burn", "a burn"])
        assert.strictEqual(failed(result).delivered, "maybe")
        assert.strictEqual(took, 0)
      }))

    it.effect("onAmbiguous \"stop\" ends the rotation on a maybe", () =>
      Effect.gen(function*() {
        const { reports, result } = yield* once([fault("burn"), lost("ECONNRESET", "sent"), delivered], {
          options: { onAmbiguous: "stop" }
        })
        assert.strictEqual(failed(result).reason._tag, "ConnectionError")
        assert.strictEqual(failed(result).delivered, "maybe")
        assert.strictEqual(result.attempts, 2)
        assert.deepStrictEqual(reports, ["a burn", "b suspect"])
      }))

    it.effect("a certificate that is refused through two proxies is the target's", () =>
      Effect.gen(function*() {
        const { reports, result, took, used } = yield* once([certificate])
        const { reason } = failed(result)
        assert(reason._tag === "ConnectionError" && reason.certificate)
        assert.strictEqual(used, "ab")
        assert.deepStrictEqual(reports, ["a suspect", "b target"])
        assert.strictEqual(took, 0)
      }))

    it.effect("a certificate that is refused through one proxy is that one's", () =>
      Effect.gen(function*() {
        const { reports, result } = yield* once([certificate, delivered])
        assert.isTrue(result.ok)
        assert.deepStrictEqual(reports, ["a suspect", "b ok"])
        const single = yield* once([certificate], { proxies: ["a:1"] })
        const { last } = exhausted(single.result)
        assert(last?._tag === "ConnectionError" && last.certificate)
      }))
  })

  describe("the result", () => {
    it.effect("has the proxy of each try, and the last one as its own", () =>
      Effect.gen(function*() {
        const proxies = ["a:1:user:hunter2", "b:2", "c:3:user:pa:ss"]
        const { result } = yield* once([fault("burn"), reply(500), delivered], { proxies })
        assert.isTrue(result.ok)
        assert.deepStrictEqual(result.history.map(({ proxy }) => Redacted.value(proxy!)), proxies)
        assert.strictEqual(Redacted.value(result.proxy!), "c:3:user:pa:ss")
        assert.deepStrictEqual(result.history.map(({ status }) => status), [undefined, 500, 204])
        assert.deepStrictEqual(result.history.map(({ reason }) => reason?._tag), [
          "ProxyError",
          "ServerError",
          undefined
        ])
        for (const printed of [String(result), inspect(result, { depth: 10 })]) {
          assert.notInclude(printed, "hunter2")
          assert.notInclude(printed, "pa:ss")
          assert.include(printed, "c:3")
        }
      }))

    it.effect("has the last proxy of a failure too", () =>
      Effect.gen(function*() {
        const { result } = yield* once([fault("suspect")], { proxies: ["a:1:user:pass", "b:2:user:pass"] })
        assert.strictEqual(Redacted.value(result.proxy!), "b:2:user:pass")
        assert.strictEqual(exhausted(result).proxy, "b:2")
        assert.notInclude(failed(result).error, "pass")
      }))
  })

  describe("a provider that misbehaves", () => {
    it.effect("is a ProxyError when its report dies, and a maybe stays one", () =>
      Effect.gen(function*() {
        const { result } = yield* once([lost("ECONNRESET", "sent")], { report: () => Effect.die(new Error("hunter2")) })
        const { cause, detail } = exhausted(result)
        assert.include(detail, "report")
        assert.strictEqual(String(Redacted.value(cause!)), "Error: hunter2")
        assert.strictEqual(failed(result).delivered, "maybe")
        assert.notInclude(inspect(result, { depth: 10 }), "hunter2")
      }))

    const broken: ReadonlyArray<readonly [string, ProxyProvider.ProxyProvider["Service"]["report"]]> = [
      ["fails", () => Effect.fail(new WebhookError.ProxyError({ proxy: undefined, detail: "no", last: undefined }))],
      ["dies", () => Effect.die("hunter2")],
      ["throws", () => {
        throw new Error("hunter2")
      }],
      ["never answers", () => Effect.never]
    ]

    it.effect.each(broken)(
      "changes nothing when its report of what did well %s",
      ([, report]) =>
        Effect.gen(function*() {
          const { result } = yield* once([reply(404)], { report, options: { deadline: "1 minute" } })
          assert.strictEqual(failed(result).reason._tag, "Rejected")
          assert.isTrue((yield* once([delivered], { report, options: { deadline: "1 minute" } })).result.ok)
        })
    )
  })

  describe("turns", () => {
    it.effect("has at most maxPerProxy attempts in flight by one proxy", () =>
      Effect.gen(function*() {
        let now = 0
        let most = 0
        const slow = Effect.suspend(() => {
          most = Math.max(most, ++now)
          return Effect.delay(delivered, 1000)
        }).pipe(Effect.ensuring(Effect.sync(() => now--)))
        const { asked, hook } = yield* open(() => slow, { proxies: ["a:1"], options: { maxPerProxy: 3 } })
        const all = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 10 }), () => hook.send("x"), { concurrency: "unbounded" })
        )
        yield* TestClock.adjust("1 hour")
        const results = yield* Fiber.join(all)
        assert.isTrue(results.every(({ ok }) => ok))
        assert.strictEqual(most, 3)
        assert.deepStrictEqual(asked.map(({ at }) => at), [0, 0, 0, 1000, 1000, 1000, 2000, 2000, 2000, 3000])
        // The time of an attempt starts when it has its turn.
        assert.deepStrictEqual(results.map(({ history }) => history[0]!.took), Array.from({ length: 10 }, () => 1000))
        assert.strictEqual(results[9]!.history[0]!.waited, 3000)
      }))

    it.effect("ends by the deadline while it waits for a turn", () =>
      Effect.gen(function*() {
        const { asked, hook } = yield* open(() => Effect.delay(delivered, "1 minute"), {
          proxies: ["a:1"],
          options: { maxPerProxy: 1, timeout: "2 minutes" }
        })
        const first = yield* Effect.forkChild(hook.send("x"))
        yield* Effect.yieldNow
        const second = yield* Effect.forkChild(hook.send("x", { deadline: "10 seconds" }))
        yield* TestClock.adjust("10 seconds")
        const { reason } = failed(yield* Fiber.join(second))
        assert(reason._tag === "DeadlineExceeded")
        assert.strictEqual(reason.during, "turn")
        yield* TestClock.adjust("1 minute")
        assert.isTrue((yield* Fiber.join(first)).ok)
        assert.lengthOf(asked, 1)
      }))

    it.effect("gives its turn back when it is interrupted", () =>
      Effect.gen(function*() {
        const { asked, hook } = yield* open((_, index) => index === 0 ? Effect.never : delivered, {
          proxies: ["a:1"],
          options: { maxPerProxy: 1 }
        })
        const first = yield* Effect.forkChild(hook.send("x"))
        yield* Effect.yieldNow
        const second = yield* Effect.forkChild(hook.send("x"))
        const third = yield* Effect.forkChild(hook.send("x"))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(second)
        yield* Fiber.interrupt(first)
        assert.isTrue((yield* Fiber.join(third)).ok)
        assert.lengthOf(asked, 2)
      }))

    it.effect("a fault sends those away who wait for the same proxy", () =>
      Effect.gen(function*() {
        const broken = yield* Deferred.make<void>()
        const { asked, hook, reports } = yield* open(
          (proxy) => proxy === "a:1" ? Effect.andThen(Deferred.await(broken), fault("burn")) : delivered,
          { proxies: ["a:1", "b:2"], options: { maxPerProxy: 1 } }
        )
        const sends = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 20 }), () => hook.send("x"), { concurrency: "unbounded" })
        )
        yield* Effect.yieldNow
        yield* Deferred.succeed(broken, undefined)
        const results = yield* Fiber.join(sends)
        assert.isTrue(results.every(({ ok }) => ok))
        const byA = asked.filter(({ proxy }) => proxy === "a:1").length
        assert.strictEqual(byA, 1, "nobody else dials what is known to be dead")
        assert.strictEqual(reports.filter((report) => report === "a burn").length, 1)
        // They all tell of it: the try that was not made counts as one that failed.
        assert.strictEqual(results.filter(({ attempts }) => attempts === 2).length, 10)
      }))

    it.effect("a maybe sends nobody away", () =>
      Effect.gen(function*() {
        const broken = yield* Deferred.make<void>()
        const { asked, hook } = yield* open(
          (_, index) => index === 0 ? Effect.andThen(Deferred.await(broken), lost("ECONNRESET", "sent")) : delivered,
          { proxies: ["a:1"], options: { maxPerProxy: 1 } }
        )
        const sends = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 5 }), () => hook.send("x"), { concurrency: "unbounded" })
        )
        yield* Effect.yieldNow
        yield* Deferred.succeed(broken, undefined)
        const results = yield* Fiber.join(sends)
        assert.deepStrictEqual(results.map(({ attempts }) => attempts).toSorted(), [1, 1, 1, 1, 2])
        assert.lengthOf(asked, 6)
      }))
  })

  it.effect("ends by the deadline although proxies are left", () =>
    Effect.gen(function*() {
      const { result, took } = yield* once([silent("connecting")], { options: { deadline: "20 seconds" } })
      assert.strictEqual(took, 15_000 + 15_000, "the scripted timeout is not cut")
      const { reason } = failed(result)
      assert.strictEqual(reason._tag, "DeadlineExceeded")
    }))

  describe("over an HttpClient for each", () => {
    type Respond = (proxy: string) => Effect.Effect<number, HttpClientError.HttpClientError>

    const broken = (code: string): Effect.Effect<never, HttpClientError.HttpClientError> =>
      Effect.fail(
        new HttpClientError.HttpClientError({
          reason: new HttpClientError.TransportError({
            request: HttpClientRequest.post("https://example.com/hook"),
            cause: Object.assign(new Error("hunter2"), { code })
          })
        })
      )

    // A webhook over clients that are recorded: made, asked, closed.
    const overClients = Effect.fnUntraced(function*(
      respond: Respond,
      options: {
        readonly proxies?: ReadonlyArray<string>
        readonly make?: (proxy: string) => Effect.Effect<void, string>
      } & Webhook.WebhookOptions = {}
    ) {
      const log: Array<string> = []
      const { make, proxies = ["a:1:user:pass", "b:2"], ...webhook } = options
      const transport = Transport.layerHttpClientProxied((proxy) =>
        Effect.gen(function*() {
          log.push(`make ${proxy.host}`)
          yield* make?.(proxy.host) ?? Effect.void
          yield* Effect.addFinalizer(() => Effect.sync(() => log.push(`close ${proxy.host}`)))
          return HttpClient.make((request) =>
            Effect.suspend(() => {
              log.push(`ask ${proxy.host}`)
              return respond(proxy.host)
            }).pipe(
              Effect.map((status) => HttpClientResponse.fromWeb(request, new Response(null, { status })))
            )
          )
        })
      )
      const context = yield* Layer.build(
        Webhook.layerTransport({ retry: RetryPolicy.backoff({ base: 1000, max: 1000 }), ...webhook }).pipe(
          Layer.provideMerge(transport),
          Layer.provide([UrlPool.layer("https://example.com/hook"), ProxyProvider.layer(proxies)])
        )
      )
      const hook = yield* Effect.provideContext(Webhook.Webhook, context)
      const { attempt } = yield* Effect.provideContext(Transport.Transport, context)
      return { hook, attempt, log }
    })

    it.effect("asks the client of the proxy whose turn it is, and makes it once", () =>
      Effect.gen(function*() {
        const { hook, log } = yield* overClients(() => Effect.succeed(204))
        const results = yield* Effect.replicateEffect(hook.send("x"), 4)
        assert.isTrue(results.every(({ ok }) => ok))
        assert.deepStrictEqual(results.map(({ proxy }) => Redacted.value(proxy!)), [
          "a:1:user:pass",
          "b:2",
          "a:1:user:pass",
          "b:2"
        ])
        assert.deepStrictEqual(log, ["make a", "ask a", "make b", "ask b", "ask a", "ask b"])
      }))

    it.effect("closes a client that was not used for a minute", () =>
      Effect.gen(function*() {
        const { hook, log } = yield* overClients(() => Effect.succeed(204), { proxies: ["a:1"] })
        yield* hook.send("x")
        yield* TestClock.adjust("59 seconds")
        assert.deepStrictEqual(log, ["make a", "ask a"])
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(log, ["make a", "ask a", "close a"])
        assert.isTrue((yield* hook.send("x")).ok)
        assert.deepStrictEqual(log.slice(3), ["make a", "ask a"])
      }))

    it.effect("closes its clients with the layer", () =>
      Effect.gen(function*() {
        const log = yield* Effect.scoped(Effect.gen(function*() {
          const { hook, log } = yield* overClients(() => Effect.succeed(204))
          yield* hook.send("x")
          return log
        }))
        assert.deepStrictEqual(log, ["make a", "ask a", "close a"])
      }))

    const unmakeable: ReadonlyArray<readonly [string, () => Effect.Effect<never, string>]> = [
      ["fails", () => Effect.fail("hunter2")],
      ["dies", () => Effect.die(new Error("hunter2"))],
      ["throws", () => {
        throw new Error("hunter2")
      }]
    ]

    it.effect.each(unmakeable)(
      "goes on with the next proxy when the making of a client %s",
      ([, make]) =>
        Effect.gen(function*() {
          const { hook, log } = yield* overClients(() => Effect.succeed(204), {
            make: (proxy) => proxy === "a" ? make() : Effect.void
          })
          const result = yield* hook.send("x")
          assert.isTrue(result.ok, `${result}`)
          assert.deepStrictEqual(result.history.map(({ reason }) => reason?._tag), ["ProxyError", undefined])
          assert.notInclude(inspect(result, { depth: 10 }), "hunter2")
          assert.isTrue((yield* hook.send("x")).ok)
          assert.deepStrictEqual(log, ["make a", "make b", "ask b", "ask b"])
        })
    )

    it.effect("has one time for the making of a client and its answer", () =>
      Effect.gen(function*() {
        const { hook } = yield* overClients(() => Effect.never, {
          make: (proxy) => proxy === "a" ? Effect.never : Effect.sleep("9 seconds"),
          timeout: "10 seconds",
          maxProxyRetries: 1
        })
        const started = yield* Clock.currentTimeMillis
        const sending = yield* Effect.forkChild(
          Effect.flatMap(hook.send("x"), (result) =>
            Effect.map(Clock.currentTimeMillis, (now) => ({ result, took: now - started })))
        )
        yield* TestClock.adjust("1 hour")
        const { result, took } = yield* Fiber.join(sending)
        assert.strictEqual(took, 20_000)
        assert.deepStrictEqual(
          result.history.map(({ reason }) =>
            reason?._tag === "Timeout" && reason.phase
          ),
          ["connecting", "sent"]
        )
      }))

    it.effect("rotates when a client has no answer, and is a maybe when it cannot tell", () =>
      Effect.gen(function*() {
        const refused = yield* overClients((proxy) => proxy === "a" ? broken("ECONNREFUSED") : Effect.succeed(204))
        const first = yield* refused.hook.send("x")
        assert.isTrue(first.ok)
        assert.strictEqual(first.attempts, 2)
        const lost = yield* overClients(() => broken("ECONNRESET"), { maxProxyRetries: 1 })
        const second = failed(yield* lost.hook.send("x"))
        assert.strictEqual(second.reason._tag, "ProxyError")
        assert.strictEqual(second.delivered, "maybe")
        assert.notInclude(inspect(second.reason, { depth: 10 }), "hunter2")
      }))

    it.effect("counts a client that hangs as a timeout of its proxy", () =>
      Effect.gen(function*() {
        const { hook, log } = yield* overClients((proxy) => proxy === "a" ? Effect.never : Effect.succeed(204))
        const sending = yield* Effect.forkChild(hook.send("x"))
        yield* TestClock.adjust("15 seconds")
        const result = yield* Fiber.join(sending)
        assert.isTrue(result.ok)
        assert.deepStrictEqual(log, ["make a", "ask a", "make b", "ask b"])
      }))

    it.effect("sends nothing without a proxy", () =>
      Effect.gen(function*() {
        const { attempt, log } = yield* overClients(() => Effect.succeed(204))
        const { delivered, reason } = yield* Effect.flip(attempt({
          url: Redacted.make("https://example.com/hook"),
          headers: {},
          body: "",
          timeout: 1000,
          maxResponseBytes: 100
        }))
        assert.strictEqual(reason._tag, "ProxyError")
        assert.strictEqual(delivered, "no")
        assert.deepStrictEqual(log, [])
      }))
  })
})
