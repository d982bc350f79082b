import { type Config, Context, type Duration, Effect, Layer, Schedule, Stream } from "effect"
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

  describe("sendAll", () => {
    class Source extends Context.Service<Source, { readonly read: Effect.Effect<string> }>()("app/Source") {}
    interface Event extends Webhook.Item {
      readonly customer: number
    }
    const events: ReadonlyArray<Event> = []
    interface Out<I> {
      readonly item: I
      readonly result: WebhookResult.WebhookResult
    }

    it("needs the Webhook and fails never, for what is at hand", () => {
      expect(Webhook.sendAll(events)).type.toBe<Stream.Stream<Out<Event>, never, Webhook.Webhook>>()
      expect(Webhook.sendAll(new Set(events))).type.toBe<Stream.Stream<Out<Event>, never, Webhook.Webhook>>()
      expect(Webhook.sendAll(Stream.fromIterable(events))).type.toBe<
        Stream.Stream<Out<Event>, never, Webhook.Webhook>
      >()
    })

    it("fails as its source fails and needs what its source needs", () => {
      const source = {} as Stream.Stream<Event, "broken", Source>
      expect(Webhook.sendAll(source)).type.toBe<Stream.Stream<Out<Event>, "broken", Source | Webhook.Webhook>>()
      const service = {} as Service
      expect(service.sendAll(source, { concurrency: 4 })).type.toBe<Stream.Stream<Out<Event>, "broken", Source>>()
      expect(service.sendAll(events)).type.toBe<Stream.Stream<Out<Event>>>()
    })

    it("gives its items as they are", () => {
      const out = Webhook.sendAll([{ payload: 1, id: "a", customer: 7 }])
      expect<Stream.Success<typeof out>["item"]["customer"]>().type.toBe<number>()
    })

    it("takes items only, and only known options", () => {
      expect(Webhook.sendAll<Event>).type.toBeCallableWith(events, { concurrency: 4 })
      expect(Webhook.sendAll<Event>).type.not.toBeCallableWith(events, { bufferSize: 4 })
      expect(Webhook.sendAll).type.not.toBeCallableWith([{ text: "no payload" }])
      expect(Webhook.sendAll).type.not.toBeCallableWith([{ payload: 1, timeout: true }])
      expect(Webhook.sendAll).type.not.toBeCallableWith(Effect.succeed(events))
    })
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

  it("an empty one with options cannot fail either", () => {
    expect(UrlPool.emptyWith({ circuit: {} })).type.toBe<Layer.Layer<UrlPool.UrlPool>>()
  })

  it("takes a circuit, or none", () => {
    const url = "https://example.com"
    expect(UrlPool.layer).type.toBeCallableWith(url, { failover: true, circuit: false })
    expect(UrlPool.layer).type.toBeCallableWith(url, { circuit: { failures: 3, openDuration: "1 minute" } })
    expect(UrlPool.layer).type.not.toBeCallableWith(url, { circuit: true })
    expect(UrlPool.layer).type.not.toBeCallableWith(url, { circuit: { openFor: "1 minute" } })
  })

  it("layerConfig may fail with the configuration", () => {
    expect(UrlPool.layerConfig({} as Config.Config<string>)).type.toBe<
      Layer.Layer<UrlPool.UrlPool, WebhookError.WebhookError | Config.ConfigError>
    >()
  })
})
