import { assert, describe, it } from "@effect/vitest"
import { Clock, type Duration, Effect, Exit, Fiber, Layer, Redacted, Result } from "effect"
import { Proxy, ProxyProvider, Transport, UrlPool, Webhook, WebhookError, WebhookResult } from "effect-webhooks"
import { NodeWebhook } from "effect-webhooks/node"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"

const list = ["a.example.com:1", "b.example.com:2", "c.example.com:3"]

const build = (layer: Layer.Layer<ProxyProvider.ProxyProvider, WebhookError.WebhookError>) =>
  Effect.map(Layer.build(layer), (context) => Effect.provideContext(ProxyProvider.ProxyProvider, context)).pipe(
    Effect.flatten
  )

const rotating = (
  proxies: ProxyProvider.Inputs = list,
  options?: { readonly cooldown?: Duration.Input }
) => build(ProxyProvider.layer(proxies, options))

// The hosts' first letters of as many leases as asked for.
const lease = (provider: ProxyProvider.ProxyProvider["Service"], count: number) =>
  Effect.map(Effect.replicateEffect(provider.get, count), (proxies) => proxies.map(({ host }) => host[0]).join(""))

const named = (provider: ProxyProvider.ProxyProvider["Service"], name: string) =>
  Effect.map(Effect.replicateEffect(provider.get, 3), (proxies) => proxies.find(({ host }) => host[0] === name)!)

describe("ProxyProvider", () => {
  describe("layer", () => {
    it.effect("gives the proxies in turn", () =>
      Effect.gen(function*() {
        const provider = yield* rotating()
        assert.strictEqual(yield* lease(provider, 7), "abcabca")
      }))

    it.effect("takes one proxy, a URL, a Redacted string", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* lease(yield* rotating("a.example.com:1"), 2), "aa")
        assert.strictEqual(yield* lease(yield* rotating(new URL("http://b.example.com")), 2), "bb")
        assert.strictEqual(yield* lease(yield* rotating(Redacted.make("c.example.com:1")), 2), "cc")
      }))

    it.effect("lets a suspect cool down", () =>
      Effect.gen(function*() {
        const provider = yield* rotating()
        yield* provider.report(yield* named(provider, "b"), "suspect")
        assert.strictEqual(yield* lease(provider, 4), "acac")
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual(yield* lease(provider, 4), "acac")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* lease(provider, 6), "acbacb")
      }))

    it.effect("lets it cool down for as long as it is told", () =>
      Effect.gen(function*() {
        const provider = yield* rotating(list, { cooldown: "1 hour" })
        yield* provider.report(yield* named(provider, "b"), "suspect")
        yield* TestClock.adjust("59 minutes")
        assert.notInclude(yield* lease(provider, 6), "b")
        yield* TestClock.adjust("1 minute")
        assert.include(yield* lease(provider, 6), "b")
      }))

    it.effect("starts the cool-down anew for one that is suspect again", () =>
      Effect.gen(function*() {
        const provider = yield* rotating()
        const b = yield* named(provider, "b")
        yield* provider.report(b, "suspect")
        yield* TestClock.adjust("40 seconds")
        yield* provider.report(b, "suspect")
        yield* TestClock.adjust("40 seconds")
        assert.strictEqual(yield* lease(provider, 4), "acac")
        yield* TestClock.adjust("20 seconds")
        assert.include(yield* lease(provider, 3), "b")
      }))

    it.effect("ends the cool-down of one that does well", () =>
      Effect.gen(function*() {
        const provider = yield* rotating()
        const b = yield* named(provider, "b")
        yield* provider.report(b, "suspect")
        yield* provider.report(b, "ok")
        assert.strictEqual(yield* lease(provider, 3), "acb")
      }))

    it.effect("lets one that is burned rest, each time in a row for twice as long, up to an hour", () =>
      Effect.gen(function*() {
        const provider = yield* rotating()
        const b = yield* named(provider, "b")
        for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
          yield* provider.report(b, "burn")
          yield* TestClock.adjust(minutes * 60_000 - 1)
          assert.notInclude(yield* lease(provider, 6), "b", `${minutes} minutes`)
          yield* TestClock.adjust(1)
          assert.include(yield* lease(provider, 3), "b", `${minutes} minutes`)
        }
        yield* provider.report(b, "ok")
        yield* provider.report(b, "burn")
        yield* TestClock.adjust("1 minute")
        assert.include(yield* lease(provider, 3), "b", "it starts anew when it did well")
      }))

    it.effect("takes the failures of many sends at once for one", () =>
      Effect.gen(function*() {
        const provider = yield* rotating()
        const b = yield* named(provider, "b")
        for (let i = 0; i < 32; i++) yield* provider.report(b, "burn")
        yield* TestClock.adjust("1 minute")
        assert.include(yield* lease(provider, 3), "b")
      }))

    it.effect("burns one anew that was given although it rests", () =>
      Effect.gen(function*() {
        const provider = yield* rotating("a.example.com:1")
        const a = yield* provider.get
        yield* provider.report(a, "burn")
        yield* provider.get
        yield* provider.report(a, "burn")
        const both = yield* rotating()
        const b = yield* named(both, "b")
        yield* both.report(b, "burn")
        yield* both.report(b, "suspect")
        yield* TestClock.adjust("1 minute")
        assert.include(yield* lease(both, 3), "b", "a suspicion does not prolong it")
        assert.strictEqual(yield* lease(provider, 2), "aa", "the only one is given in any case")
      }))

    it.effect("lets one that is burned while it cools down rest as a burned one", () =>
      Effect.gen(function*() {
        const provider = yield* rotating(list, { cooldown: "10 seconds" })
        const b = yield* named(provider, "b")
        yield* provider.report(b, "suspect")
        yield* provider.report(b, "burn")
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual(yield* lease(provider, 4), "acac")
        yield* TestClock.adjust("1 second")
        assert.include(yield* lease(provider, 3), "b")
      }))

    it.effect("goes on as before when a proxy did well or its target failed", () =>
      Effect.gen(function*() {
        const provider = yield* rotating()
        const a = yield* provider.get
        yield* provider.report(a, "ok")
        yield* provider.report(a, "target")
        assert.strictEqual(yield* lease(provider, 6), "bcabca")
      }))

    it.effect("gives the one that is soonest out when all cool down", () =>
      Effect.gen(function*() {
        const provider = yield* rotating()
        const [a, b, c] = yield* Effect.replicateEffect(provider.get, 3)
        yield* provider.report(b!, "suspect")
        yield* TestClock.adjust("10 seconds")
        yield* provider.report(a!, "suspect")
        yield* TestClock.adjust("10 seconds")
        yield* provider.report(c!, "suspect")
        assert.strictEqual(yield* lease(provider, 3), "bbb")
        yield* TestClock.adjust("10 seconds")
        yield* provider.report(b!, "burn")
        assert.strictEqual(yield* lease(provider, 3), "aaa")
        yield* TestClock.adjust("5 seconds")
        yield* provider.report(a!, "suspect")
        assert.strictEqual(yield* lease(provider, 3), "ccc")
        yield* provider.report(c!, "burn")
        assert.strictEqual(yield* lease(provider, 3), "bbb", "a burned one too")
      }))

    it.effect("passes over a proxy that is not its own", () =>
      Effect.gen(function*() {
        const provider = yield* rotating()
        yield* provider.report(Result.getOrThrow(Proxy.parse(list[0]!)), "burn")
        assert.strictEqual(yield* lease(provider, 3), "abc")
      }))

    it.effect("refuses an empty list and a proxy that does not parse", () =>
      Effect.gen(function*() {
        const empty = yield* Effect.flip(rotating([]))
        assert.strictEqual(empty.reason._tag, "InvalidOptions")
        const bad = yield* Effect.flip(rotating([...list, "hunter2"]))
        assert(bad.reason._tag === "InvalidUrl")
        assert.strictEqual(bad.reason.field, "proxies[3]")
        assert.notInclude(inspect(bad, { depth: 10 }), "hunter2")
      }))

    it.each([0, -1, NaN, "soon" as Duration.Input])("throws for a cool-down of %s", (cooldown) => {
      assert.throws(() => ProxyProvider.layer(list, { cooldown }), RangeError)
    })
  })

  describe("fromObject", () => {
    const good = "a.example.com:1:us er:p:a/s%s"
    const url = "http://us%20er:p%3Aa%2Fs%25s@a.example.com:1"

    const gets: ReadonlyArray<readonly [string, () => unknown]> = [
      ["a string", () => good],
      ["a URL string", () => url],
      ["a URL", () => new URL(url)],
      ["a Redacted string", () => Redacted.make(good)],
      ["{ url }", () => ({ url })],
      ["{ url: URL }", () => ({ url: new URL(url) })],
      ["{ url: Redacted }", () => ({ url: Redacted.make(good), country: "CH" })],
      ["{ http, https }", () => ({ http: "http://other.example.com", https: url })],
      ["{ https }", () => ({ https: url })],
      ["{ http }", () => ({ http: url })],
      ["a Promise of a string", () => Promise.resolve(good)],
      ["a Promise of { http, https }", async () => ({ http: url, https: url })]
    ]

    it.effect.each(gets)("takes a get that gives %s", ([, get]) =>
      Effect.gen(function*() {
        const provider = yield* build(ProxyProvider.fromObject({ get }))
        const proxy = yield* provider.get
        assert.strictEqual(Redacted.value(proxy.url), good)
      }))

    it.effect.each(["burn", "suspect"] as const)(
      "burns the very value that get gave, for %s",
      (outcome) =>
        Effect.gen(function*() {
          class Manager {
            readonly given: Array<object> = []
            readonly burned: Array<unknown> = []
            async get() {
              const value = { url, session: this.given.length }
              this.given.push(value)
              return value
            }
            async burn(value: unknown) {
              this.burned.push(value)
            }
          }
          const manager = new Manager()
          const provider = yield* build(ProxyProvider.fromObject(manager))
          const first = yield* provider.get
          const second = yield* provider.get
          yield* provider.report(second, outcome)
          yield* provider.report(first, outcome)
          assert.lengthOf(manager.burned, 2)
          assert.strictEqual(manager.burned[0], manager.given[1])
          assert.strictEqual(manager.burned[1], manager.given[0])
        })
    )

    it.effect("does not burn what did well or whose target failed", () =>
      Effect.gen(function*() {
        const burned: Array<unknown> = []
        const provider = yield* build(
          ProxyProvider.fromObject({ get: () => good, burn: (value) => burned.push(value) })
        )
        const proxy = yield* provider.get
        yield* provider.report(proxy, "ok")
        yield* provider.report(proxy, "target")
        assert.deepStrictEqual(burned, [])
      }))

    it.effect("takes an object without burn", () =>
      Effect.gen(function*() {
        const provider = yield* build(ProxyProvider.fromObject({ get: () => good }))
        yield* provider.report(yield* provider.get, "burn")
        assert.strictEqual((yield* provider.get).host, "a.example.com")
      }))

    it("is told from a list", () => {
      assert.isTrue(ProxyProvider.isPlainProvider({ get: () => good }))
      for (const u of [good, new URL(url), Redacted.make(good), [good], undefined, null, {}, { get: good }]) {
        assert.isFalse(ProxyProvider.isPlainProvider(u))
      }
    })
  })

  describe("a send by an object that misbehaves", () => {
    const secret = "hunter2"

    // The transport has no answer for any proxy, and counts what it is asked for.
    const failing = (provider: ProxyProvider.PlainProvider, options?: Webhook.WebhookOptions) =>
      Effect.gen(function*() {
        const asked: Array<Proxy.Proxy | undefined> = []
        const transport = Layer.effect(
          Transport.Transport,
          Effect.map(ProxyProvider.ProxyProvider, (proxies) => ({
            proxies,
            attempt: (_, proxy) => {
              asked.push(proxy)
              return Effect.fail(
                new Transport.AttemptError({
                  reason: new WebhookError.ProxyError({ proxy: proxy?.label, detail: "it is dead", last: undefined }),
                  delivered: "no",
                  proxy: "burn"
                })
              )
            }
          }))
        )
        const context = yield* Layer.build(
          Webhook.layerTransport(options).pipe(
            Layer.provide([transport, UrlPool.layer("https://example.com/hook")]),
            Layer.provide(ProxyProvider.fromObject(provider))
          )
        )
        const started = yield* Clock.currentTimeMillis
        const sending = yield* Effect.forkChild(
          Effect.provideContext(Webhook.send({ text: "hello" }), context).pipe(
            Effect.flatMap((result) => Effect.map(Clock.currentTimeMillis, (now) => ({ result, took: now - started })))
          )
        )
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        yield* TestClock.adjust("10 minutes")
        const { result, took } = yield* Fiber.join(sending)
        assert(WebhookResult.isFailed(result))
        assert.isTrue(asked.every((proxy) => proxy !== undefined))
        for (const printed of [String(result), inspect(result, { depth: 10 }), inspect(result.reason, { depth: 10 })]) {
          assert.notInclude(printed, secret)
        }
        return { result, took, attempts: asked.length }
      })

    const broken: ReadonlyArray<readonly [string, () => unknown]> = [
      ["throws", () => {
        throw new Error(secret)
      }],
      ["throws what is no error", () => {
        // oxlint-disable-next-line no-throw-literal
        throw secret
      }],
      ["rejects", () => Promise.reject(new Error(secret))],
      ["gives undefined", () => undefined],
      ["gives null", () => null],
      ["gives a number", () => 8080],
      ["gives a function", () => () => secret],
      ["gives an empty object", () => ({})],
      ["gives { url: undefined }", () => ({ url: undefined })],
      ["gives { http: 8080 }", () => ({ http: 8080 })],
      ["gives a Redacted number", () => Redacted.make(8080)],
      ["gives what does not parse", () => secret],
      ["gives an Effect", () => Effect.succeed("a.example.com:1")],
      ["gives a throwing getter", () => ({
        get url(): string {
          throw new Error(secret)
        }
      })],
      ["gives itself", () => {
        const self: { url?: unknown } = {}
        self.url = self
        return self
      }]
    ]

    it.effect.each(broken)("fails with ProxyError when get %s", ([, get]) =>
      Effect.gen(function*() {
        const { attempts, result } = yield* failing({ get })
        assert.strictEqual(result.reason._tag, "ProxyError", result.error)
        assert.strictEqual(result.delivered, "no")
        assert.strictEqual(attempts, 0)
        assert.strictEqual(result.attempts, 0)
      }))

    it.effect.each(broken.slice(0, 3))("fails with ProxyError when burn %s", ([, burn]) =>
      Effect.gen(function*() {
        const { attempts, result } = yield* failing({ get: () => "a.example.com:1", burn })
        assert(result.reason._tag === "ProxyError", result.error)
        assert.include(result.error, "burn")
        assert.include(String(Redacted.value(result.reason.cause!)), secret)
        assert.strictEqual(attempts, 1)
        assert.strictEqual(result.attempts, 1)
      }))

    it.effect("ends by the deadline when get never answers", () =>
      Effect.gen(function*() {
        const { attempts, result, took } = yield* failing({ get: () => new Promise(() => {}) }, {
          deadline: "1 minute"
        })
        assert.strictEqual(result.reason._tag, "DeadlineExceeded")
        assert.strictEqual(took, 60_000)
        assert.strictEqual(attempts, 0)
      }))

    it.effect("ends by the deadline when burn never answers", () =>
      Effect.gen(function*() {
        const { attempts, result, took } = yield* failing(
          { get: () => "a.example.com:1", burn: () => new Promise(() => {}) },
          { deadline: "1 minute" }
        )
        assert.strictEqual(result.reason._tag, "DeadlineExceeded")
        assert.strictEqual(took, 60_000)
        assert.strictEqual(attempts, 1)
      }))

    it.effect("does not go on for ever when get gives the burned one again and again", () =>
      Effect.gen(function*() {
        const { attempts, result, took } = yield* failing({ get: () => "a.example.com:1", burn: () => {} })
        assert.strictEqual(result.reason._tag, "ProxyError")
        assert.strictEqual(attempts, 4)
        assert.isAbove(took, 1_000, "there is no other proxy, so it waits between its attempts")
      }))
  })

  it.effect("is built by NodeWebhook out of a list and of an object alike", () =>
    Effect.gen(function*() {
      const urls = "https://example.com/hook"
      const bad = yield* Effect.flip(Layer.build(NodeWebhook.layer({ urls, proxies: ["hunter2"] })))
      assert.strictEqual(bad.reason._tag, "InvalidUrl")
      const exit = yield* Effect.exit(Layer.build(NodeWebhook.layer({ urls, proxies: { get: () => "hunter2" } })))
      assert.isTrue(Exit.isSuccess(exit))
    }))
})
