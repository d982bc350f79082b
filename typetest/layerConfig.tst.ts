import { Config, Effect, type Layer, Redacted, Schedule } from "effect"
import { EgressPolicy, type UrlPool, type Webhook, type WebhookError } from "effect-webhooks"
import type { DiscordWebhook } from "effect-webhooks/discord"
import { NodeDiscordWebhook, NodeWebhook } from "effect-webhooks/node"
import { describe, expect, it } from "tstyche"

const url = Config.Redacted("WEBHOOK_URL")

describe("layerConfig", () => {
  it("takes named options, or a Config of all of them", () => {
    expect(NodeWebhook.layerConfig).type.toBe<
      (
        options: NodeWebhook.ConfigOptions | Config.Config<NodeWebhook.Options>
      ) => Layer.Layer<Webhook.Webhook, WebhookError.WebhookError | Config.ConfigError>
    >()
    expect(NodeDiscordWebhook.layerConfig).type.toBe<
      (
        options: NodeDiscordWebhook.ConfigOptions | Config.Config<NodeDiscordWebhook.Options>
      ) => Layer.Layer<DiscordWebhook.DiscordWebhook, WebhookError.WebhookError | Config.ConfigError>
    >()
  })

  it("takes a value or a Config for each setting", () => {
    expect(NodeWebhook.layerConfig).type.toBeCallableWith({})
    expect(NodeWebhook.layerConfig).type.toBeCallableWith({ urls: url, timeout: "3 seconds", maxRetries: 1 })
    expect(NodeWebhook.layerConfig).type.toBeCallableWith({
      urls: ["https://example.com", Redacted.make("https://example.com")],
      timeout: Config.Duration("TIMEOUT"),
      maxRetries: Config.Int("MAX_RETRIES").pipe(Config.withDefault(3)),
      onAmbiguous: Config.Literals(["retry", "stop"], "ON_AMBIGUOUS"),
      failover: Config.Boolean("FAILOVER"),
      proxies: Config.Redacted("PROXY"),
      cooldown: Config.Duration("COOLDOWN")
    })
    expect(NodeWebhook.layerConfig).type.toBeCallableWith({ proxies: { get: () => "localhost:8080" } })
    expect(NodeDiscordWebhook.layerConfig).type.toBeCallableWith({
      urls: url,
      username: Config.String("USERNAME"),
      avatar_url: "https://example.com/a.png",
      applicationOwned: Config.Boolean("OWNED"),
      maxFileBytes: Config.Int("MAX_FILE_BYTES")
    })
    expect(NodeWebhook.layerConfig).type.not.toBeCallableWith({ maxRetries: "3" })
    expect(NodeWebhook.layerConfig).type.not.toBeCallableWith({ maxRetries: Config.String("MAX_RETRIES") })
    expect(NodeWebhook.layerConfig).type.not.toBeCallableWith({ url })
    expect(NodeWebhook.layerConfig).type.not.toBeCallableWith({ username: "deploys" })
  })

  it("takes a value or a Config for each part of headers, circuit and tls", () => {
    const secret = Config.Redacted("TOKEN")
    expect(NodeWebhook.layerConfig).type.toBeCallableWith({ headers: { authorization: secret, "x-team": "blue" } })
    expect(NodeWebhook.layerConfig).type.toBeCallableWith({ headers: Config.all({ authorization: secret }) })
    expect(NodeWebhook.layerConfig).type.toBeCallableWith({
      circuit: { failures: Config.Int("FAILURES"), openDuration: "1 minute" },
      tls: { ca: Config.String("CA"), rejectUnauthorized: true }
    })
    expect(NodeWebhook.layerConfig).type.toBeCallableWith({ circuit: false })
    expect(NodeWebhook.layerConfig).type.not.toBeCallableWith({ headers: { "x-team": 1 } })
    expect(NodeWebhook.layerConfig).type.not.toBeCallableWith({ circuit: { failures: Config.String("FAILURES") } })
  })

  it("takes schedules, signers, policies and functions as they are", () => {
    const signer = () => Effect.succeed({})
    const onRetired = (_: UrlPool.Target) => Effect.void
    expect(NodeWebhook.layerConfig).type.toBeCallableWith({
      retry: Schedule.spaced("1 second"),
      signer,
      egress: EgressPolicy.publicOnly,
      classify: () => undefined,
      onRetired
    })
    expect(NodeDiscordWebhook.layerConfig).type.toBeCallableWith({ onInvalidRequests: () => Effect.void })
    expect(NodeWebhook.layerConfig).type.not.toBeCallableWith({ retry: Config.succeed(Schedule.spaced("1 second")) })
    expect(NodeWebhook.layerConfig).type.not.toBeCallableWith({ signer: Config.succeed(signer) })
    expect(NodeWebhook.layerConfig).type.not.toBeCallableWith({ egress: Config.succeed(EgressPolicy.publicOnly) })
    expect(NodeWebhook.layerConfig).type.not.toBeCallableWith({ onRetired: Config.succeed(onRetired) })
  })
})
