import { assert, describe, it, vi } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Exit, Layer, Redacted, Schedule } from "effect"
import { EgressPolicy, UrlPool, Webhook, WebhookError, type WebhookResult } from "effect-webhooks"
import { NodeWebhook, TestReceiver } from "effect-webhooks/node"

vi.setConfig({ testTimeout: 30_000 })

const paths = (receiver: TestReceiver.TestReceiver["Service"]) =>
  Effect.map(receiver.requests, (requests) => requests.map(({ path }) => path))

const sendMany = (count: number, options?: Webhook.SendOptions) =>
  Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => Webhook.send({ n }, options))

const targets = (results: ReadonlyArray<WebhookResult.WebhookResult>) => results.map(({ target }) => target)

describe("NodeWebhook", () => {
  it("is twelve lines from an import to a webhook", async () => {
    const receiver = await Effect.runPromise(
      Effect.scoped(Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const logged: Array<unknown> = []

        const program = Effect.gen(function*() {
          const result = yield* Webhook.send({ content: "hello" })
          if (!result.ok) logged.push(result.error)
        })

        yield* Effect.promise(() =>
          Effect.runPromise(program.pipe(Effect.provide(NodeWebhook.layer({ urls: receiver.urlOf("/hook") }))))
        )
        yield* receiver.closed
        return { logged, requests: yield* receiver.requests }
      }))
    )
    assert.deepStrictEqual(receiver.logged, [])
    assert.deepStrictEqual(receiver.requests.map(({ body }) => body), ["{\"content\":\"hello\"}"])
  })

  it("the same program logs why it was not delivered", async () => {
    const errors = await Effect.runPromise(
      Effect.scoped(Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ status: 404 }))
        const result = yield* Effect.provide(
          Webhook.send({ content: "hello" }),
          NodeWebhook.layer({ urls: receiver.urlOf("/hook") })
        )
        return result.ok ? undefined : result.error
      }))
    )
    assert.strictEqual(errors, "404: the receiver rejected the request")
  })

  describe("layer", () => {
    it.live("one URL", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { host } = new URL(receiver.url)
        const results = yield* Effect.provide(sendMany(3), NodeWebhook.layer({ urls: receiver.urlOf("/a") }))
        assert.deepStrictEqual(yield* paths(receiver), ["/a", "/a", "/a"])
        assert.deepStrictEqual(targets(results), [host, host, host])
        assert.strictEqual(Redacted.value(results[0]!.url!), receiver.urlOf("/a"))
      }))

    it.live("several URLs, by turns", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { host } = new URL(receiver.url)
        const results = yield* Effect.provide(
          sendMany(7),
          NodeWebhook.layer({ urls: ["/a", "/b", "/c"].map(receiver.urlOf) })
        )
        assert.deepStrictEqual(yield* paths(receiver), ["/a", "/b", "/c", "/a", "/b", "/c", "/a"])
        assert.deepStrictEqual(targets(results), ["0", "1", "2", "0", "1", "2", "0"].map((n) => `${host}#${n}`))
      }))

    it.live("named URLs", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { host } = new URL(receiver.url)
        const results = yield* Effect.provide(
          sendMany(3),
          NodeWebhook.layer({
            urls: [
              { name: "alerts", url: receiver.urlOf("/a") },
              { name: "deploys", url: Redacted.make(receiver.urlOf("/b")) }
            ]
          })
        )
        assert.deepStrictEqual(targets(results), [`${host}#alerts`, `${host}#deploys`, `${host}#alerts`])
        assert.deepStrictEqual(yield* paths(receiver), ["/a", "/b", "/a"])
      }))

    it.live("one named URL keeps its name", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const [result] = yield* Effect.provide(
          sendMany(1),
          NodeWebhook.layer({ urls: { name: "alerts", url: new URL(receiver.urlOf("/a")) } })
        )
        assert.strictEqual(result!.target, `${new URL(receiver.url).host}#alerts`)
      }))

    it.live("URLs in every form at once", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        yield* Effect.provide(
          sendMany(4),
          NodeWebhook.layer({
            urls: [
              receiver.urlOf("/string"),
              new URL(receiver.urlOf("/url")),
              Redacted.make(receiver.urlOf("/redacted")),
              { name: "named", url: receiver.urlOf("/named") }
            ]
          })
        )
        assert.deepStrictEqual(yield* paths(receiver), ["/string", "/url", "/redacted", "/named"])
      }))

    it.live("no URL, when every send brings its own", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { host } = new URL(receiver.url)
        const { own, none } = yield* Effect.gen(function*() {
          return {
            own: [
              yield* Webhook.send(1, { url: receiver.urlOf("/string") }),
              yield* Webhook.send(2, { url: new URL(receiver.urlOf("/url")) }),
              yield* Webhook.send(3, { url: Redacted.make(receiver.urlOf("/redacted")) })
            ],
            none: yield* Webhook.send(4)
          }
        }).pipe(Effect.provide(NodeWebhook.layer({ egress: EgressPolicy.unrestricted })))
        assert.deepStrictEqual(own.map(({ ok }) => ok), [true, true, true])
        assert.deepStrictEqual(targets(own), [host, host, host])
        assert(!none.ok)
        assert.strictEqual(none.reason._tag, "NoUrlAvailable")
        assert.deepStrictEqual(yield* paths(receiver), ["/string", "/url", "/redacted"])
      }))

    it.live("a send's own url stands before the pool", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        yield* Effect.provide(
          Effect.andThen(sendMany(1, { url: receiver.urlOf("/own") }), sendMany(2)),
          NodeWebhook.layer({
            urls: [receiver.urlOf("/a"), receiver.urlOf("/b")],
            egress: EgressPolicy.unrestricted
          })
        )
        assert.deepStrictEqual(yield* paths(receiver), ["/own", "/a", "/b"])
      }))

    it.live("passes on the options of the Webhook, the pool and the transport", () =>
      Effect.gen(function*() {
        const retired: Array<string> = []
        const receiver = yield* TestReceiver.make({
          "/a": TestReceiver.reply({ status: 410 }),
          "/b": TestReceiver.reply({ status: 500 })
        })
        const [gone, broken] = yield* Effect.provide(
          sendMany(2),
          NodeWebhook.layer({
            urls: [receiver.urlOf("/a"), receiver.urlOf("/b")],
            maxRetries: 0,
            headers: { "x-team": Redacted.make("blue") },
            onRetired: (target) => Effect.sync(() => retired.push(target.label))
          })
        )
        assert(gone?.ok === false && broken?.ok === false)
        assert.strictEqual(gone.reason._tag, "EndpointGone")
        assert.strictEqual(broken.reason._tag, "ServerError")
        assert.strictEqual(broken.attempts, 1)
        assert.deepStrictEqual(retired, [`${new URL(receiver.url).host}#0`])
        assert.deepStrictEqual((yield* receiver.requests).map(({ headers }) => headers["x-team"]), ["blue", "blue"])
      }))

    it.live("two layers in one program do not share anything", () =>
      Effect.gen(function*() {
        const one = yield* TestReceiver.make(TestReceiver.reply())
        const two = yield* TestReceiver.make(TestReceiver.reply())
        yield* Effect.all([
          Effect.provide(sendMany(2), NodeWebhook.layer({ urls: one.urlOf("/one") })),
          Effect.provide(sendMany(3), NodeWebhook.layer({ urls: two.urlOf("/two") }))
        ], { concurrency: "unbounded" })
        assert.deepStrictEqual(yield* paths(one), ["/one", "/one"])
        assert.deepStrictEqual(yield* paths(two), ["/two", "/two", "/two"])
      }))
  })

  describe("layerConfig", () => {
    const config = (values: Record<string, unknown>) => ConfigProvider.layer(ConfigProvider.fromUnknown(values))

    const env = (values: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env: values }))

    it.live("a secret URL and a number from the environment", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ status: 500 }))
        const layer = NodeWebhook.layerConfig({
          urls: Config.Redacted("WEBHOOK_URL"),
          maxRetries: Config.Int("WEBHOOK_MAX_RETRIES").pipe(Config.withDefault(3))
        }).pipe(Layer.provide(env({ WEBHOOK_URL: receiver.urlOf("/env"), WEBHOOK_MAX_RETRIES: "0" })))
        const [result] = yield* Effect.provide(sendMany(1), layer)
        assert.strictEqual(result!.attempts, 1)
        assert.deepStrictEqual(yield* paths(receiver), ["/env"])
      }))

    it.live("several URLs", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const layer = NodeWebhook.layerConfig({
          urls: Config.map(Config.String("URLS"), (urls) => urls.split(","))
        }).pipe(Layer.provide(config({ URLS: `${receiver.urlOf("/a")},${receiver.urlOf("/b")}` })))
        yield* Effect.provide(sendMany(3), layer)
        assert.deepStrictEqual(yield* paths(receiver), ["/a", "/b", "/a"])
      }))

    it.live("values that do not come from configuration are taken as they are", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const layer = NodeWebhook.layerConfig({
          urls: Config.Redacted("URL"),
          headers: Config.succeed({ "x-team": "blue" }),
          timeout: Config.Duration("TIMEOUT")
        }).pipe(Layer.provide(config({ URL: receiver.urlOf("/a"), TIMEOUT: "3 seconds" })))
        const [result] = yield* Effect.provide(sendMany(1), layer)
        assert.isTrue(result!.ok)
        assert.strictEqual((yield* receiver.requests)[0]!.headers["x-team"], "blue")
      }))

    it.live("several URLs of one variable", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const layer = NodeWebhook.layerConfig({ urls: UrlPool.urlsConfig("WEBHOOK_URLS") }).pipe(
          Layer.provide(env({ WEBHOOK_URLS: `${receiver.urlOf("/a")}, \n${receiver.urlOf("/b?ids=1,2")},` }))
        )
        yield* Effect.provide(sendMany(3), layer)
        assert.deepStrictEqual(yield* paths(receiver), ["/a", "/b?ids=1,2", "/a"])
      }))

    it.live("plain values beside them, and what is no setting as it is", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ status: 500 }))
        const retired: Array<string> = []
        const layer = NodeWebhook.layerConfig({
          urls: receiver.urlOf("/a"),
          maxRetries: Config.Int("MAX_RETRIES"),
          headers: { authorization: Config.Redacted("TOKEN"), "x-team": "blue" },
          circuit: { failures: Config.Int("FAILURES"), openDuration: "1 minute" },
          tls: { rejectUnauthorized: Config.Boolean("STRICT") },
          retry: Schedule.spaced(1),
          signer: ({ id }) => Effect.succeed({ "x-signed": id }),
          egress: EgressPolicy.unrestricted,
          classify: () => "gone" as const,
          onRetired: ({ label }) => Effect.sync(() => retired.push(label))
        }).pipe(Layer.provide(config({ MAX_RETRIES: "0", TOKEN: "secret", FAILURES: "2", STRICT: "false" })))
        const [result] = yield* Effect.provide(sendMany(1), layer)
        assert.strictEqual(result!.attempts, 1)
        assert.deepStrictEqual(retired, [new URL(receiver.url).host])
        const { headers } = (yield* receiver.requests)[0]!
        assert.deepStrictEqual(
          [headers["authorization"], headers["x-team"], headers["x-signed"]],
          ["secret", "blue", result!.id]
        )
      }))

    it.live("all of it in one Config", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const layer = NodeWebhook.layerConfig(Config.all({ urls: Config.Redacted("URL") })).pipe(
          Layer.provide(config({ URL: receiver.urlOf("/a") }))
        )
        yield* Effect.provide(sendMany(1), layer)
        assert.deepStrictEqual(yield* paths(receiver), ["/a"])
      }))

    it.live("a missing variable is named", () =>
      Effect.gen(function*() {
        const layer = NodeWebhook.layerConfig({ urls: Config.Redacted("WEBHOOK_URL") }).pipe(Layer.provide(config({})))
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
        assert.strictEqual(error._tag, "ConfigError")
        assert.include(error.message, "WEBHOOK_URL")
      }))

    it.live("a URL that is none fails typed", () =>
      Effect.gen(function*() {
        const layer = NodeWebhook.layerConfig({ urls: Config.Redacted("WEBHOOK_URL") }).pipe(
          Layer.provide(config({ WEBHOOK_URL: "example.com/hook" }))
        )
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
        assert(WebhookError.isWebhookError(error))
        assert.strictEqual(error.reason._tag, "InvalidUrl")
      }))

    it.live("a pool alone from configuration", () =>
      Effect.gen(function*() {
        const layer = UrlPool.layerConfig(Config.Redacted("WEBHOOK_URL")).pipe(
          Layer.provide(config({ WEBHOOK_URL: "https://example.com/hook" }))
        )
        const list = yield* Effect.provide(UrlPool.UrlPool.use((pool) => pool.list), layer)
        assert.deepStrictEqual(list.map(({ state, target }) => [target.label, state]), [["example.com", "open"]])
      }))
  })

  it.live("a layer that is built twice is two pools", () =>
    Effect.gen(function*() {
      const receiver = yield* TestReceiver.make(TestReceiver.reply())
      const layer = NodeWebhook.layer({ urls: [receiver.urlOf("/a"), receiver.urlOf("/b")] })
      yield* Effect.provide(sendMany(1), layer)
      yield* Effect.provide(sendMany(1), layer)
      assert.deepStrictEqual(yield* paths(receiver), ["/a", "/a"])
    }))

  it.live("building a layer opens no connection", () =>
    Effect.gen(function*() {
      const receiver = yield* TestReceiver.make(TestReceiver.reply())
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(NodeWebhook.layer({ urls: receiver.url }))))
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(yield* receiver.connections, 0)
    }))
})
