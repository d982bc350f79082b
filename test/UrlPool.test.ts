import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Config, ConfigProvider, Context, Effect, Exit, Fiber, Layer, Redacted, Stream } from "effect"
import { EgressPolicy, UrlPool, Webhook, WebhookError, WebhookResult } from "effect-webhooks"
import { TestTransport } from "effect-webhooks/testing"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { poolOf } from "../src/internal/pool.ts"

const { reply } = TestTransport

const a = "https://a.example/"
const b = "https://b.example/"
const c = "https://c.example/"

const layer = (
  script: TestTransport.Script,
  urls: UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput>,
  options?: UrlPool.Options,
  webhook?: Webhook.WebhookOptions
) =>
  Webhook.layerTransport(webhook).pipe(
    Layer.provideMerge(Layer.merge(TestTransport.layer(script), UrlPool.layer(urls, options)))
  )

const pool = UrlPool.UrlPool
const list = pool.use(({ list }) => list)
const next = pool.use(({ next }) => next)
const targets = Effect.map(list, (list) => list.map(({ target }) => target))
const states = Effect.map(list, (list) => list.map(({ state }) => state))
const report = (target: UrlPool.Target, outcome: UrlPool.Outcome) => pool.use((pool) => pool.report(target, outcome))
const restore = (target: UrlPool.Target) => pool.use((pool) => pool.restore(target))
const sentUrls = Effect.map(TestTransport.sent, (sent) => sent.map(({ url }) => Redacted.value(url)))

// The hosts' first letters, in the order of the attempts.
const used = Effect.map(sentUrls, (urls) => urls.map((url) => new URL(url).host[0]).join(""))

const failed = (result: WebhookResult.WebhookResult): WebhookResult.Failed => {
  assert(WebhookResult.isFailed(result), `expected a failure, got ${result}`)
  return result
}

const drive = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust("2 hours")
    return yield* Fiber.join(fiber)
  })

const many = (count: number, options?: Webhook.SendOptions) =>
  Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => Webhook.send(n, options), {
    concurrency: "unbounded"
  })

const build = <E>(layer: Layer.Layer<UrlPool.UrlPool, E>) =>
  Effect.scoped(Effect.map(Layer.build(layer), (context) => Context.get(context, pool)))

describe("UrlPool", () => {
  describe("goes round its URLs", () => {
    it.effect("one per send, in the order given", () =>
      Effect.gen(function*() {
        for (let n = 0; n < 7; n++) yield* Webhook.send(n)
        assert.deepStrictEqual(yield* sentUrls, [a, b, c, a, b, c, a])
      }).pipe(Effect.provide(layer(reply(), [a, b, c]))))

    it.effect("under concurrent sends as well", () =>
      Effect.gen(function*() {
        yield* drive(many(9))
        assert.deepStrictEqual((yield* sentUrls).toSorted(), [a, a, a, b, b, b, c, c, c])
      }).pipe(Effect.provide(layer(reply({ delay: 10 }), [a, b, c]))))

    it.effect("and a send stays on its URL", () =>
      Effect.gen(function*() {
        yield* drive(Webhook.send(1))
        yield* drive(Webhook.send(2))
        assert.deepStrictEqual(yield* sentUrls, [a, a, a, a, b])
      }).pipe(Effect.provide(layer((_, index) => reply({ status: index < 4 ? 500 : 204 }), [a, b]))))

    it.effect("when asked for the next", () =>
      Effect.gen(function*() {
        const seen = [yield* next, yield* next, yield* next].map(({ label }) => label)
        assert.deepStrictEqual(seen, ["a.example#0", "b.example#1", "a.example#0"])
      }).pipe(Effect.provide(UrlPool.layer([a, b]))))

    it.effect("and gives the one that opens soonest when none is open", () =>
      Effect.gen(function*() {
        const [first, second] = yield* targets
        yield* report(first!, { _tag: "Limited", retryAfter: 60_000 })
        assert.strictEqual(yield* next, second)
        assert.strictEqual(yield* next, second)
        yield* report(second!, { _tag: "Limited", retryAfter: 30_000 })
        assert.strictEqual(yield* next, second)
        yield* report(second!, { _tag: "Limited", retryAfter: 90_000 })
        assert.strictEqual(yield* next, first)
      }).pipe(Effect.provide(UrlPool.layer([a, b]))))

    it.effect("and next knows one whose pace is over", () =>
      Effect.gen(function*() {
        const [first, second] = yield* targets
        yield* report(first!, { _tag: "Limited", retryAfter: 1000 })
        yield* TestClock.adjust("5 seconds")
        const seen = new Set([yield* next, yield* next, yield* next, yield* next])
        assert.deepStrictEqual([seen.has(first!), seen.has(second!)], [true, true])
      }).pipe(Effect.provide(UrlPool.layer([a, b]))))
  })

  describe("labels its URLs", () => {
    const labels = (urls: UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput>) =>
      Effect.map(targets, (targets) => targets.map(({ label }) => label)).pipe(Effect.provide(UrlPool.layer(urls)))

    it.effect("by host, and by name or index where there are several", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* labels("https://Example.com:8443/secret?token=1"), ["example.com:8443"])
        assert.deepStrictEqual(yield* labels(["https://example.com/secret"]), ["example.com"])
        assert.deepStrictEqual(yield* labels([a, new URL(b), Redacted.make(c)]), [
          "a.example#0",
          "b.example#1",
          "c.example#2"
        ])
        assert.deepStrictEqual(yield* labels({ name: "alerts", url: a }), ["a.example#alerts"])
        assert.deepStrictEqual(
          yield* labels([{ name: "alerts", url: a }, b, { name: "deploys", url: Redacted.make(c) }]),
          ["a.example#alerts", "b.example#1", "c.example#deploys"]
        )
      }))

    it.effect("and shows no more of them when they are printed", () =>
      Effect.gen(function*() {
        const [target] = yield* targets
        const outputs = [JSON.stringify(target), inspect(target, { depth: 9 }), JSON.stringify(yield* list)]
        for (const output of outputs) {
          assert.notInclude(output, "CANARY")
          assert.include(output, "example.com")
        }
        assert.strictEqual(target!.origin, "https://example.com")
        assert.strictEqual(Redacted.value(target!.url), "https://example.com/CANARY?token=CANARY")
      }).pipe(Effect.provide(UrlPool.layer("https://example.com/CANARY?token=CANARY#fragment"))))
  })

  describe("refuses what is no URL", () => {
    const bad: ReadonlyArray<{ readonly url: unknown; readonly why: string }> = [
      { url: "CANARY", why: "no scheme" },
      { url: "/CANARY", why: "a path" },
      { url: "//example.com/CANARY", why: "no scheme, but a host" },
      { url: "", why: "empty" },
      { url: "https://", why: "no host" },
      { url: "ftp://example.com/CANARY", why: "another scheme" },
      { url: "javascript:CANARY", why: "a script" },
      { url: "https://CANARY@example.com/", why: "a user" },
      { url: "https://user:CANARY@example.com/", why: "a user and a password" },
      { url: Redacted.make("CANARY"), why: "redacted" },
      { url: 42, why: "a number" },
      { url: null, why: "null" },
      { url: undefined, why: "undefined" }
    ]

    it.effect.each(bad)("and names the field, not the value: $why", ({ url }) =>
      Effect.gen(function*() {
        const input = url as string
        for (
          const [urls, field] of [
            [input, "urls[0]"],
            [[a, input], "urls[1]"],
            [[a, { name: "alerts", url: input }], "urls[alerts]"]
          ] as const
        ) {
          const error = yield* Effect.flip(build(UrlPool.layer(urls)))
          assert(error.reason._tag === "InvalidUrl")
          assert.strictEqual(error.reason.field, field)
          for (const output of [error.message, String(error), JSON.stringify(error), inspect(error)]) {
            assert.notInclude(output, "CANARY")
          }
          assert.include(error.message, field)
        }
      }))

    it.effect("and a list without any", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(build(UrlPool.layer([])))
        assert(error.reason._tag === "InvalidOptions")
        assert.strictEqual(error.reason.option, "urls")
      }))
  })

  describe("retires", () => {
    it.effect("a URL that answers 410, once", () =>
      Effect.gen(function*() {
        const retired: Array<string> = []
        yield* Effect.gen(function*() {
          const ends = yield* drive(many(6))
          assert.strictEqual(ends.filter(({ ok }) => ok).length, 3)
          const tags = ends.flatMap((end) => end._tag === "Failed" ? [end.reason._tag] : [])
          assert.deepStrictEqual(tags, ["EndpointGone", "EndpointGone", "EndpointGone"])
          assert.deepStrictEqual(yield* states, ["retired", "open"])
          yield* drive(many(3))
          assert.deepStrictEqual((yield* sentUrls).slice(6), [b, b, b])
        }).pipe(
          Effect.provide(
            layer(({ url }) => reply({ status: Redacted.value(url) === a ? 410 : 204, delay: 10 }), [a, b], {
              onRetired: (target) => Effect.sync(() => retired.push(target.label))
            })
          )
        )
        assert.deepStrictEqual(retired, ["a.example#0"])
      }))

    it.effect.each([
      { name: "dies", onRetired: () => Effect.die("CANARY") },
      { name: "fails", onRetired: () => Effect.fail("CANARY") },
      {
        name: "throws",
        onRetired: () => {
          throw new Error("CANARY")
        }
      },
      { name: "never ends", onRetired: () => Effect.never }
    ])("a URL, though onRetired $name", ({ onRetired }) =>
      Effect.gen(function*() {
        const [result] = yield* drive(many(1))
        assert(result!._tag === "Failed" && result!.reason._tag === "EndpointGone")
        const [second] = yield* drive(many(1))
        assert(second!._tag === "Failed" && second!.reason._tag === "NoUrlAvailable")
        assert.strictEqual(second!.reason.retired, 1)
        assert.strictEqual((yield* sentUrls).length, 1)
      }).pipe(Effect.provide(layer(reply({ status: 410 }), a, { onRetired }))))

    it.effect("what is reported gone from elsewhere", () =>
      Effect.gen(function*() {
        const [first] = yield* targets
        yield* report(first!, { _tag: "Gone", status: 404 })
        assert.deepStrictEqual(yield* states, ["retired", "open"])
        yield* drive(many(2))
        assert.deepStrictEqual(yield* sentUrls, [b, b])
        assert.strictEqual((yield* next).label, "b.example#1")
      }).pipe(Effect.provide(layer(reply(), [a, b]))))

    it.effect("a URL under those who wait to try it again: EndpointGone, and the network is not touched", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(many(3))
        yield* TestClock.adjust("10 seconds")
        const [first] = yield* targets
        assert.strictEqual((yield* sentUrls).length, 3)
        yield* report(first!, { _tag: "Gone", status: 404 })
        const at = yield* Clock.currentTimeMillis
        yield* TestClock.adjust("1 minute")
        const ends = yield* Fiber.join(fiber)
        for (const end of ends) {
          assert(end._tag === "Failed" && end.reason._tag === "EndpointGone")
          assert.strictEqual(end.reason.status, 404)
          assert.strictEqual(end.attempts, 1)
          assert.strictEqual(end.status, 429)
        }
        assert.strictEqual(at, 10_000)
        assert.strictEqual((yield* sentUrls).length, 3)
      }).pipe(Effect.provide(layer(reply({ status: 429, body: { retry_after: 30 }, delay: 10 }), [a]))))

    it.effect("a URL whose probe says so under those who wait behind it", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(
          Effect.forEach([1, 2, 3], (n) => Effect.zip(Webhook.send(n), Clock.currentTimeMillis), {
            concurrency: "unbounded"
          })
        )
        yield* TestClock.adjust("1 minute")
        for (const [end, at] of yield* Fiber.join(fiber)) {
          assert(end._tag === "Failed" && end.reason._tag === "EndpointGone")
          assert.strictEqual(at, 1020)
        }
        assert.deepStrictEqual((yield* TestTransport.sent).map(({ at }) => at), [0, 0, 0, 1010])
      }).pipe(
        Effect.provide(layer(
          (_, index) =>
            index < 3 ? reply({ status: 429, body: { retry_after: 1 }, delay: 10 }) : reply({ status: 410, delay: 10 }),
          [a]
        ))
      ))

    it.effect("the last URL under those who wait for any: NoUrlAvailable at once, and the network is not touched", () =>
      Effect.gen(function*() {
        const [first, second] = yield* targets
        yield* report(first!, { _tag: "Limited", retryAfter: 60_000 })
        yield* report(second!, { _tag: "Limited", retryAfter: 60_000 })
        const fiber = yield* Effect.forkChild(
          Effect.forEach([1, 2, 3], (n) => Effect.zip(Webhook.send(n), Clock.currentTimeMillis), {
            concurrency: "unbounded"
          })
        )
        yield* TestClock.adjust("1 second")
        yield* report(first!, { _tag: "Gone", status: 410 })
        yield* TestClock.adjust("1 second")
        assert.strictEqual(fiber.pollUnsafe(), undefined)
        yield* report(second!, { _tag: "Gone", status: 410 })
        yield* TestClock.adjust("1 second")
        for (const [end, at] of yield* Fiber.join(fiber)) {
          assert(end._tag === "Failed" && end.reason._tag === "NoUrlAvailable")
          assert.strictEqual(end.reason.retired, 2)
          assert.strictEqual(end.url, undefined)
          assert.isAtMost(at, 3000)
        }
        assert.strictEqual((yield* sentUrls).length, 0)
        const exit = yield* Effect.exit(next)
        assert.isTrue(Exit.isFailure(exit))
      }).pipe(Effect.provide(layer(reply(), [a, b]))))

    it.effect("nothing that came with a send", () =>
      Effect.gen(function*() {
        const ends = [yield* Webhook.send(1, { url: c }), yield* Webhook.send(2, { url: c })]
        for (const end of ends) assert(end._tag === "Failed" && end.reason._tag === "EndpointGone")
        assert.deepStrictEqual(yield* sentUrls, [c, c])
        assert.deepStrictEqual(yield* states, ["open"])
      }).pipe(Effect.provide(layer(reply({ status: 410 }), [a]))))
  })

  describe("restores", () => {
    it.effect("a URL, open, and may retire it again", () =>
      Effect.gen(function*() {
        let retired = 0
        yield* Effect.gen(function*() {
          const [first] = yield* targets
          yield* report(first!, { _tag: "Limited", retryAfter: 60_000 })
          yield* report(first!, { _tag: "Gone", status: 410 })
          yield* restore(first!)
          assert.deepStrictEqual(yield* states, ["open"])
          assert.isTrue((yield* Webhook.send(1)).ok)
          yield* restore(first!)
          yield* report(first!, { _tag: "Gone", status: 410 })
          yield* report(first!, { _tag: "Gone", status: 410 })
          assert.deepStrictEqual(yield* states, ["retired"])
          yield* TestClock.adjust(1)
        }).pipe(
          Effect.provide(layer(reply(), a, {
            onRetired: () =>
              Effect.sync(() => {
                retired++
              })
          }))
        )
        assert.strictEqual(retired, 2)
      }))

    it.effect("a URL into the round", () =>
      Effect.gen(function*() {
        const [first] = yield* targets
        yield* report(first!, { _tag: "Gone", status: 410 })
        yield* Webhook.send(1)
        yield* restore(first!)
        for (let n = 0; n < 4; n++) yield* Webhook.send(n)
        assert.deepStrictEqual((yield* sentUrls).slice(1).toSorted(), [a, a, b, b])
      }).pipe(Effect.provide(layer(reply(), [a, b]))))

    it.effect("nothing by a target of another pool", () =>
      Effect.gen(function*() {
        const foreign: UrlPool.Target = { label: "x", url: Redacted.make(a), origin: "https://a.example" }
        yield* report(foreign, { _tag: "Gone", status: 410 })
        yield* restore(foreign)
        assert.deepStrictEqual(yield* states, ["open"])
      }).pipe(Effect.provide(layer(reply(), a))))
  })

  describe("is told", () => {
    it.effect("of a limit from elsewhere, and sends wait", () =>
      Effect.gen(function*() {
        const [first] = yield* targets
        yield* report(first!, { _tag: "Limited", retryAfter: 20_000 })
        assert.deepStrictEqual(yield* states, ["paced"])
        const [at] = yield* drive(Effect.forEach([1], () => Effect.andThen(Webhook.send(1), Clock.currentTimeMillis)))
        assert.strictEqual(at, 20_000)
        assert.deepStrictEqual(yield* states, ["open"])
      }).pipe(Effect.provide(layer(reply(), a))))

    it.effect("of a longer limit, and a shorter one does not undo it", () =>
      Effect.gen(function*() {
        const [first] = yield* targets
        yield* report(first!, { _tag: "Limited", retryAfter: 20_000 })
        yield* report(first!, { _tag: "Limited", retryAfter: 5000 })
        const at = yield* drive(Effect.andThen(Webhook.send(1), Clock.currentTimeMillis))
        assert.strictEqual(at, 20_000)
      }).pipe(Effect.provide(layer(reply(), a))))

    it.effect("of what teaches nothing, and stays as it is", () =>
      Effect.gen(function*() {
        const [first] = yield* targets
        for (let n = 0; n < 5; n++) {
          yield* report(first!, { _tag: "Untold" })
          yield* report(first!, { _tag: "Taken" })
          yield* report(first!, { _tag: "Taken", remaining: 3, resetAfter: 1000 })
        }
        assert.deepStrictEqual(yield* states, ["open"])
        yield* report(first!, { _tag: "Limited", retryAfter: 1000 })
        for (let n = 0; n < 5; n++) yield* report(first!, { _tag: "Untold" })
        yield* drive(many(10))
        assert.deepStrictEqual((yield* TestTransport.sent).map(({ at }) => at >= 1000), Array(10).fill(true))
      }).pipe(Effect.provide(layer(reply(), a))))
  })

  describe("empty", () => {
    it.effect("has no URL for a send that brings none", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* list, [])
        const none = yield* Webhook.send(1)
        assert(none._tag === "Failed" && none.reason._tag === "NoUrlAvailable")
        assert.strictEqual(none.reason.retired, 0)
        assert.strictEqual(none.attempts, 0)
        assert.isTrue((yield* Webhook.send(1, { url: a })).ok)
        assert.strictEqual((yield* Effect.flip(next))._tag, "NoUrlAvailable")
      }).pipe(
        Effect.provide(
          Webhook.layerTransport().pipe(
            Layer.provideMerge(Layer.merge(TestTransport.layer(reply()), UrlPool.empty))
          )
        )
      ))
  })

  describe("layerConfig", () => {
    const provided = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(env))

    it.effect("takes a secret from the configuration", () =>
      Effect.gen(function*() {
        assert.isTrue((yield* Webhook.send(1)).ok)
        assert.deepStrictEqual(yield* sentUrls, ["https://example.com/from-config"])
      }).pipe(
        Effect.provide(
          Webhook.layerTransport().pipe(
            Layer.provideMerge(
              Layer.merge(
                TestTransport.layer(reply()),
                UrlPool.layerConfig(Config.Redacted("WEBHOOK_URL")).pipe(
                  Layer.provide(provided({ WEBHOOK_URL: "https://example.com/from-config" }))
                )
              )
            )
          )
        )
      ))

    it.effect("takes several, and the options", () =>
      Effect.gen(function*() {
        const labels: Array<string> = []
        yield* Effect.gen(function*() {
          const [first] = yield* targets
          yield* report(first!, { _tag: "Gone", status: 410 })
          yield* TestClock.adjust(1)
          assert.deepStrictEqual(yield* states, ["retired", "open"])
        }).pipe(
          Effect.provide(
            UrlPool.layerConfig(Config.all([Config.String("A"), Config.Redacted("B")]), {
              onRetired: ({ label }) => Effect.sync(() => labels.push(label))
            }).pipe(Layer.provide(provided({ A: a, B: b })))
          )
        )
        assert.deepStrictEqual(labels, ["a.example#0"])
      }))

    it.effect("fails with the ConfigError when it is missing, and with InvalidUrl when it is none", () =>
      Effect.gen(function*() {
        const load = (env: Record<string, string>) =>
          Effect.flip(build(UrlPool.layerConfig(Config.Redacted("WEBHOOK_URL")).pipe(Layer.provide(provided(env)))))
        assert.strictEqual((yield* load({}))._tag, "ConfigError")
        const error = yield* load({ WEBHOOK_URL: "CANARY" })
        assert(WebhookError.isWebhookError(error) && error.reason._tag === "InvalidUrl")
        assert.notInclude(inspect(error), "CANARY")
      }))
  })

  describe("urlsConfig", () => {
    const load = (config: Config.Config<unknown>, values: Record<string, unknown>) =>
      Effect.exit(config.parse(ConfigProvider.fromUnknown(values)))
    const urls = UrlPool.urlsConfig("WEBHOOK_URLS")

    const texts: ReadonlyArray<readonly [name: string, text: string, urls: ReadonlyArray<string>]> = [
      ["one URL", "https://a.example/hook", ["https://a.example/hook"]],
      ["commas", "https://a.example,https://b.example", ["https://a.example", "https://b.example"]],
      ["line breaks", "https://a.example\nhttps://b.example\r\n", ["https://a.example", "https://b.example"]],
      ["both, with blanks around", " https://a.example ,\n\thttps://b.example\t, HTTP://c.example ", [
        "https://a.example",
        "https://b.example",
        "HTTP://c.example"
      ]],
      ["empty entries", ",, https://a.example,\n,,\n , https://b.example,", ["https://a.example", "https://b.example"]],
      ["commas within a URL", "https://a.example/x,y?ids=1,2,3,https://b.example/,/z", [
        "https://a.example/x,y?ids=1,2,3",
        "https://b.example/,/z"
      ]],
      ["what is no URL, for the pool to refuse", "https://a.example, b.example,ftp://c.example", [
        "https://a.example",
        "b.example",
        "ftp://c.example"
      ]]
    ]

    it.effect.each(texts)("reads %s", ([_, text, expected]) =>
      Effect.gen(function*() {
        const read = yield* urls.parse(ConfigProvider.fromEnv({ env: { WEBHOOK_URLS: text } }))
        assert.deepStrictEqual(read.map(Redacted.value), expected)
        assert.notInclude(inspect(read), "example")
      }))

    it.effect("names the variable that is missing, or has no URL in it", () =>
      Effect.gen(function*() {
        for (const values of [{}, { WEBHOOK_URLS: "" }, { WEBHOOK_URLS: " " }, { WEBHOOK_URLS: ",\n ," }]) {
          const exit = yield* load(urls, values)
          assert(Exit.isFailure(exit))
          const error = Cause.squash(exit.cause)
          assert.instanceOf(error, Config.ConfigError)
          assert.include((error as Config.ConfigError).message, "WEBHOOK_URLS")
        }
        const nested = yield* load(Config.nested(urls, "app"), { app: { WEBHOOK_URLS: "," } })
        assert(Exit.isFailure(nested))
        assert.include(Cause.pretty(nested.cause), "[\"app\"][\"WEBHOOK_URLS\"]")
      }))

    it.effect("may have a default, and shows nothing of what it cannot read", () =>
      Effect.gen(function*() {
        const none = yield* load(urls.pipe(Config.withDefault([])), {})
        assert.deepStrictEqual(none, Exit.succeed([]))
        const wrong = yield* load(urls, { WEBHOOK_URLS: { a: "https://example.com/CANARY" } })
        assert(Exit.isFailure(wrong))
        assert.notInclude(inspect(wrong) + Cause.pretty(wrong.cause), "CANARY")
      }))

    it.effect("makes a pool", () =>
      Effect.gen(function*() {
        const labels = Effect.map(targets, (targets) => targets.map(({ label }) => label))
        const layer = UrlPool.layerConfig(urls).pipe(
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ WEBHOOK_URLS: `${a}\n${b}` })))
        )
        assert.deepStrictEqual(yield* Effect.provide(labels, layer), ["a.example#0", "b.example#1"])
      }))
  })

  describe("remembers URLs that come with sends", () => {
    it.effect("the last 4,096 of them", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        const give = (n: number) => {
          const target = poolOf(pool)!.custom(`https://${n}.example/`)
          assert(target._tag === "Success")
          return target.success
        }
        const first = give(0)
        assert.strictEqual(give(0), first)
        yield* pool.report(first, { _tag: "Limited", retryAfter: 60_000 })
        const second = give(1)
        yield* pool.report(second, { _tag: "Limited", retryAfter: 60_000 })
        for (let n = 2; n < 4096; n++) give(n)
        // Its use makes the first one young again, so the second is the oldest.
        assert.strictEqual(give(0), first)
        give(4096)
        const startedAt = yield* Clock.currentTimeMillis
        const forgotten = yield* Webhook.send(1, { url: "https://1.example/" })
        assert.isTrue(forgotten.ok)
        assert.strictEqual(yield* Clock.currentTimeMillis, startedAt)
        const at = yield* drive(Effect.andThen(Webhook.send(1, { url: "https://0.example/" }), Clock.currentTimeMillis))
        assert.strictEqual(at, 60_000)
      }).pipe(Effect.provide(layer(reply(), a))))

    it.effect("as one, however they are given", () =>
      Effect.gen(function*() {
        const pool = poolOf(yield* UrlPool.UrlPool)!
        const one = pool.custom("https://example.org/x")
        assert(one._tag === "Success")
        for (const input of [new URL("https://example.org/x"), Redacted.make("https://example.org/x")]) {
          const other = pool.custom(input)
          assert(other._tag === "Success")
          assert.strictEqual(other.success, one.success)
        }
      }).pipe(Effect.provide(UrlPool.empty)))
  })

  describe("changes while sends run", () => {
    const labelsOf = Effect.map(
      UrlPool.UrlPool.use((pool) => pool.list),
      (list) => list.map(({ target }) => target.label)
    )

    it.effect("takes a URL in, which is the next in turn", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        yield* pool.add({ name: "new", url: b })
        assert.deepStrictEqual(yield* labelsOf, ["a.example", "b.example#new"])
        yield* pool.add(b)
        assert.lengthOf(yield* labelsOf, 2, "it is there already")
        for (let n = 0; n < 4; n++) yield* Webhook.send(n)
        assert.strictEqual(yield* used, "abab")
        const wrong = yield* Effect.flip(pool.add("ftp://b.example/"))
        assert.strictEqual(wrong._tag, "InvalidUrl")
        assert.match((yield* pool.add("https://c.example/hunter2")).label, /^c\.example#\d$/)
      }).pipe(Effect.provide(layer(reply(), a))))

    it.effect("sends those who wait for any URL to one that is added", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        yield* pool.report((yield* pool.list)[0]!.target, { _tag: "Limited", retryAfter: 60_000 })
        const sends = yield* Effect.forkChild(Effect.all([Webhook.send(1), Webhook.send(2)], { concurrency: 2 }))
        yield* TestClock.adjust(1)
        yield* pool.add(b)
        yield* TestClock.adjust(1)
        assert.isTrue((yield* Fiber.join(sends)).every(({ ok }) => ok))
        assert.strictEqual(yield* used, "bb")
      }).pipe(Effect.provide(layer(reply(), a))))

    it.effect("lets go of a URL: what waits for it goes to another one", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        const [first] = yield* pool.list
        // Its send stays on the URL over its retries.
        const retrying = yield* Effect.forkChild(Webhook.send(1))
        yield* TestClock.adjust(1)
        yield* pool.remove(first!.target)
        assert.deepStrictEqual(yield* labelsOf, ["b.example#1"])
        yield* TestClock.adjust("1 hour")
        const result = yield* Fiber.join(retrying)
        assert.isTrue(result.ok)
        assert.strictEqual(yield* used, "ab")
        yield* Webhook.send(2)
        assert.strictEqual(yield* used, "abb")
      }).pipe(Effect.provide(layer((_, index) =>
        index === 0 ? reply({ status: 429, headers: { "retry-after": "30" } }) : reply(), [a, b]))))

    it.effect("lets go of the last one: what waits for it has none", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        const [only] = yield* pool.list
        yield* pool.report(only!.target, { _tag: "Limited", retryAfter: 60_000 })
        const pooled = yield* Effect.forkChild(Webhook.send(1))
        const given = yield* Effect.forkChild(Webhook.send(2, { url: a }))
        yield* TestClock.adjust(1)
        yield* pool.remove(only!.target)
        const { reason } = failed(yield* Fiber.join(pooled))
        assert(reason._tag === "NoUrlAvailable")
        assert.strictEqual(failed(yield* Webhook.send(3)).reason._tag, "NoUrlAvailable")
        // A URL that came with its send is not the pool's to take away.
        yield* TestClock.adjust("1 minute")
        assert.isTrue((yield* Fiber.join(given)).ok)
        yield* pool.add(b)
        assert.isTrue((yield* Webhook.send(4)).ok)
        yield* pool.remove(only!.target)
        assert.deepStrictEqual(yield* labelsOf, ["b.example#1"])
      }).pipe(Effect.provide(layer(reply(), a))))

    it.effect("forgets that a URL which it let go of was retired", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        yield* Webhook.send(1)
        const [first] = yield* pool.list
        assert.strictEqual(first!.state, "retired")
        yield* pool.remove(first!.target)
        yield* pool.add(a)
        assert.deepStrictEqual((yield* pool.list).map(({ state }) => state), ["open"])
        assert.isTrue((yield* Webhook.send(2)).ok)
      }).pipe(Effect.provide(layer((_, index) => reply({ status: index === 0 ? 410 : 204 }), a))))

    it.effect("holds what is added to the egress policy", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        yield* pool.add("https://localhost/hook")
        const results = [yield* Webhook.send(1), yield* Webhook.send(2)]
        assert.deepStrictEqual(results.map((result) => result.ok || result.reason._tag), [true, "EgressBlocked"])
      }).pipe(Effect.provide(layer(reply(), a, {}, { egress: EgressPolicy.publicOnly }))))
  })

  describe("of one's own", () => {
    // Gives its URLs in turn, and keeps what it is told.
    const own = (urls: ReadonlyArray<string>, failover = false) => {
      const told: Array<string> = []
      const targets = urls.map((url): UrlPool.Target => ({
        label: new URL(url).host,
        url: Redacted.make(url),
        origin: new URL(url).origin
      }))
      const gone = new Set<UrlPool.Target>()
      let turn = 0
      const service: UrlPool.UrlPool["Service"] = {
        failover,
        next: Effect.suspend(() => {
          const left = targets.filter((target) => !gone.has(target))
          return left.length === 0
            ? Effect.fail(new WebhookError.NoUrlAvailable({ retired: gone.size }))
            : Effect.succeed(left[turn++ % left.length]!)
        }),
        report: (target, outcome) =>
          Effect.sync(() => {
            told.push(`${target.label[0]} ${outcome._tag}`)
            if (outcome._tag === "Gone") gone.add(target)
          }),
        list: Effect.sync(() =>
          targets.map((target) => ({ target, state: gone.has(target) ? "retired" as const : "open" as const }))
        ),
        restore: (target) => Effect.sync(() => void gone.delete(target)),
        add: () => Effect.die("not of this one"),
        remove: () => Effect.die("not of this one")
      }
      return { told, service }
    }

    const over = (
      script: TestTransport.Script,
      { service }: ReturnType<typeof own>,
      options?: Webhook.WebhookOptions
    ) =>
      Webhook.layerTransport(options).pipe(
        Layer.provideMerge(Layer.merge(TestTransport.layer(script), Layer.succeed(UrlPool.UrlPool, service)))
      )

    it.effect("gives the URLs, and is told what became of them", () =>
      Effect.gen(function*() {
        const pool = own([a, b])
        yield* Effect.gen(function*() {
          for (let n = 0; n < 4; n++) assert.isTrue((yield* Webhook.send(n)).ok)
          assert.strictEqual(yield* used, "abab")
        }).pipe(Effect.provide(over(reply(), pool)))
        assert.deepStrictEqual(
          pool.told,
          ["a Success", "b Success", "a Success", "b Success"].map((one) => one.replace("Success", "Taken"))
        )
      }))

    it.effect("has its URLs paced: a 429 holds back every send to it, and one goes first", () =>
      Effect.gen(function*() {
        const pool = own([a])
        yield* Effect.gen(function*() {
          const sends = yield* Effect.forkChild(
            Effect.forEach([1, 2, 3, 4], (n) => Webhook.send(n), { concurrency: "unbounded" })
          )
          yield* TestClock.adjust("1 minute")
          assert.isTrue((yield* Fiber.join(sends)).every(({ ok }) => ok))
          const at = (yield* TestTransport.sent).map(({ at }) => at)
          assert.deepStrictEqual(at.map((at) => at < 30_000), [true, false, false, false, false])
        }).pipe(
          Effect.provide(
            over((_, index) => index === 0 ? reply({ status: 429, headers: { "retry-after": "30" } }) : reply(), pool)
          )
        )
        assert.include(pool.told, "a Limited")
      }))

    it.effect("is told that a URL is gone, and gives no other when it has none", () =>
      Effect.gen(function*() {
        const pool = own([a])
        yield* Effect.gen(function*() {
          assert.strictEqual(failed(yield* Webhook.send(1)).reason._tag, "EndpointGone")
          assert.strictEqual(failed(yield* Webhook.send(2)).reason._tag, "NoUrlAvailable")
        }).pipe(Effect.provide(over(reply({ status: 410 }), pool)))
        assert.deepStrictEqual(pool.told, ["a Gone"])
      }))

    it.effect("fails over to its next URL, and leaves one alone that keeps failing", () =>
      Effect.gen(function*() {
        const pool = own([a, b], true)
        yield* Effect.gen(function*() {
          const results = yield* drive(Effect.forEach(Array.from({ length: 12 }, (_, n) => n), (n) => Webhook.send(n)))
          assert.isTrue(results.every(({ ok }) => ok))
          const byA = [...yield* used].filter((name) => name === "a").length
          assert.isAtMost(byA, 8, "its circuit opens")
          assert.isAtLeast(byA, 5)
        }).pipe(Effect.provide(over(({ url }) => Redacted.value(url) === a ? TestTransport.refuse : reply(), pool)))
      }))

    it.effect("serves sendAll, of which one host never has every slot", () =>
      Effect.gen(function*() {
        const pool = own([a, b])
        const out = yield* drive(
          Stream.runCollect(Webhook.sendAll(Array.from({ length: 50 }, (_, n) => ({ payload: n })), { concurrency: 4 }))
        ).pipe(Effect.provide(over(({ url }) => reply({ delay: Redacted.value(url) === a ? 1000 : 10 }), pool)))
        assert.lengthOf(out, 50)
        assert.isTrue(out.every(({ result }) => result.ok))
      }))
  })
})
