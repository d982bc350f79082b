import { type Config, Context, type Duration, Effect, Layer, Schedule } from "effect"
import { RetryPolicy, type Transport, UrlPool, Webhook, type WebhookError, WebhookResult } from "effect-webhooks"
import { TestTransport } from "effect-webhooks/testing"
import type { HttpClient } from "effect/http"
import { describe, expect, it } from "tstyche"

type Service = Webhook.Webhook["Service"]

describe("Webhook", () => {
  it("send never fails and needs the Webhook", () => {
    expect(Webhook.send({ n: 1 })).type.toBe<Effect.Effect<WebhookResult.WebhookResult, never, Webhook.Webhook>>()
  })

  it("sendOrFail fails with a WebhookError", () => {
    expect(Webhook.sendOrFail({ n: 1 })).type.toBe<
      Effect.Effect<WebhookResult.Delivered, WebhookError.WebhookError, Webhook.Webhook>
    >()
  })

  it("an instance needs nothing", () => {
    expect<ReturnType<Service["send"]>>().type.toBe<Effect.Effect<WebhookResult.WebhookResult>>()
    expect<ReturnType<Service["sendOrFail"]>>().type.toBe<
      Effect.Effect<WebhookResult.Delivered, WebhookError.WebhookError>
    >()
    expect(Webhook.make()).type.toBe<
      Effect.Effect<Service, WebhookError.WebhookError, Transport.Transport | UrlPool.UrlPool>
    >()
  })

  it("layer needs a client and a pool", () => {
    expect(Webhook.layer()).type.toBe<
      Layer.Layer<Webhook.Webhook, WebhookError.WebhookError, HttpClient.HttpClient | UrlPool.UrlPool>
    >()
  })

  it("layerTransport needs a transport and a pool", () => {
    expect(Webhook.layerTransport()).type.toBe<
      Layer.Layer<Webhook.Webhook, WebhookError.WebhookError, Transport.Transport | UrlPool.UrlPool>
    >()
  })

  it("all provided, nothing is left", () => {
    const layer = Webhook.layerTransport().pipe(
      Layer.provide([TestTransport.layer(TestTransport.reply()), UrlPool.layer("https://example.com/hook")])
    )
    expect(Effect.provide(Webhook.send(1), layer)).type.toBe<
      Effect.Effect<WebhookResult.WebhookResult, WebhookError.WebhookError>
    >()
  })

  it("a second one has a tag of its own", () => {
    class Alerts extends Context.Service<Alerts, Service>()("app/Alerts") {}
    expect(Layer.effect(Alerts, Webhook.make())).type.toBe<
      Layer.Layer<Alerts, WebhookError.WebhookError, Transport.Transport | UrlPool.UrlPool>
    >()
  })

  it("takes any payload, and only known options", () => {
    expect(Webhook.send).type.toBeCallableWith("text")
    expect(Webhook.send).type.toBeCallableWith(null, { id: "a", url: new URL("https://example.com"), timeout: 5 })
    expect(Webhook.send).type.not.toBeCallableWith(1, { maxRetries: 1 })
    expect(Webhook.send).type.not.toBeCallableWith(1, { headers: { a: 1 } })
    expect(Webhook.layer).type.not.toBeCallableWith({ onAmbiguous: "drop" })
    expect(Webhook.layer).type.not.toBeCallableWith({ classify: () => "ok" })
  })

  it("takes schedules of any output that need nothing and cannot fail", () => {
    expect(Webhook.layer).type.toBeCallableWith({ retry: Schedule.spaced("1 second") })
    expect(Webhook.layer).type.toBeCallableWith({ retry: RetryPolicy.backoff({ base: 100 }) })
    expect(Webhook.layer).type.toBeCallableWith({
      retry: Schedule.forever.pipe(Schedule.setInputType<WebhookError.WebhookError>())
    })
    expect(Webhook.layer).type.not.toBeCallableWith({
      retry: Schedule.forever.pipe(Schedule.setInputType<string>())
    })
  })
})

describe("WebhookResult", () => {
  const result = {} as WebhookResult.WebhookResult

  it("match gives the union of both", () => {
    expect(WebhookResult.match(result, { onDelivered: () => 1, onFailed: () => "a" })).type.toBe<number | string>()
    expect(WebhookResult.match({ onDelivered: () => 1, onFailed: () => "a" })(result)).type.toBe<number | string>()
    expect(WebhookResult.match(result, { onDelivered: (delivered) => delivered, onFailed: ({ reason }) => reason }))
      .type
      .toBe<WebhookResult.Delivered | WebhookError.WebhookErrorReason>()
  })

  it("match wants both", () => {
    expect(WebhookResult.match).type.not.toBeCallableWith(result, { onDelivered: () => 1 })
  })

  it("ok, the tag and the guards narrow it", () => {
    if (result.ok) expect(result).type.toBe<WebhookResult.Delivered>()
    else expect(result).type.toBe<WebhookResult.Failed>()
    if (result._tag === "Failed") expect(result.reason).type.toBe<WebhookError.WebhookErrorReason>()
    if (WebhookResult.isFailed(result)) expect(result).type.toBe<WebhookResult.Failed>()
    if (WebhookResult.isDelivered(result)) expect(result).type.toBe<WebhookResult.Delivered>()
  })

  it("has a reason only when it failed", () => {
    expect(result).type.not.toHaveProperty("reason")
    expect<WebhookResult.Failed>().type.toHaveProperty("reason")
    expect<WebhookResult.Failed["delivered"]>().type.toBe<"no" | "maybe">()
  })
})

describe("WebhookError", () => {
  it("has its reasons caught one by one", () => {
    const caught = Webhook.sendOrFail(1).pipe(
      Effect.catchReason("WebhookError", "RateLimited", (reason) => Effect.succeed(reason.retryAfter))
    )
    expect<Effect.Success<typeof caught>>().type.toBe<WebhookResult.Delivered | Duration.Duration | undefined>()
  })
})

describe("UrlPool", () => {
  it("layer needs nothing, and empty cannot fail", () => {
    expect(UrlPool.layer("https://example.com")).type.toBe<Layer.Layer<UrlPool.UrlPool, WebhookError.WebhookError>>()
    expect(UrlPool.empty).type.toBe<Layer.Layer<UrlPool.UrlPool>>()
  })

  it("layerConfig may fail with the configuration", () => {
    expect(UrlPool.layerConfig({} as Config.Config<string>)).type.toBe<
      Layer.Layer<UrlPool.UrlPool, WebhookError.WebhookError | Config.ConfigError>
    >()
  })
})
