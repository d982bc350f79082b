import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Webhook, WebhookResult } from "effect-webhooks"
import { NodeDiscordWebhook, NodeWebhook } from "effect-webhooks/node"
import { vi } from "vitest"

vi.mock("socks", () => {
  throw Object.assign(new Error("Cannot find package 'socks'"), { code: "ERR_MODULE_NOT_FOUND" })
})

const proxy = "socks5://user:hunter2@127.0.0.1:9"

describe("without the package socks", () => {
  it.effect.each([proxy, ["127.0.0.1:8080", proxy]])(
    "a layer with a SOCKS5 proxy fails with the install line",
    (proxies) =>
      Effect.gen(function*() {
        const discord = NodeDiscordWebhook.layer({ urls: "https://discord.com/api/webhooks/123/token", proxies })
        const failures = yield* Effect.all([
          Effect.flip(Effect.scoped(Layer.build(NodeWebhook.layer({ urls: "https://example.com/hook", proxies })))),
          Effect.flip(Effect.scoped(Layer.build(discord)))
        ])
        for (const { reason } of failures) {
          assert(reason._tag === "InvalidOptions")
          assert.strictEqual(reason.option, "proxies")
          assert.include(reason.detail, "npm install socks")
        }
      })
  )

  it.effect("a layer without one is built", () =>
    Effect.scoped(Layer.build(NodeWebhook.layer({ urls: "https://example.com/hook", proxies: "127.0.0.1:8080" }))))

  it.effect("a send by a provider of one's own ends at once, and no proxy is burned", () =>
    Effect.gen(function*() {
      const burned: Array<unknown> = []
      const layer = NodeWebhook.layer({
        urls: "https://example.com/hook",
        proxies: { get: () => proxy, burn: (value) => void burned.push(value) }
      })
      const result = yield* Effect.provide(Webhook.send("x"), layer)
      assert(WebhookResult.isFailed(result) && result.reason._tag === "InvalidOptions", `${result}`)
      assert.include(result.error, "npm install socks")
      assert.notInclude(result.error, "hunter2")
      assert.strictEqual(result.attempts, 0)
      assert.strictEqual(result.delivered, "no")
      assert.deepStrictEqual(burned, [])
    }))
})
