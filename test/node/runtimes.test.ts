import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { Cause, Effect, Exit, Layer } from "effect"

// Each test loads the modules anew, with a runtime that is another one.
describe("the Node transport on a runtime that lacks something", { concurrent: false }, () => {
  beforeEach(() => {
    vi.resetModules()
  })
  afterEach(() => {
    for (const module of ["node:process", "@effect/platform-node/Undici", "@effect/platform-node/NodeDns"]) {
      vi.doUnmock(module)
    }
  })

  const built = (layer: Layer.Layer<never, unknown>) => Effect.exit(Effect.scoped(Layer.build(layer)))

  // What the layers say, typed where they can fail.
  const said = Effect.fnUntraced(function*(): Effect.fn.Return<string> {
    const { NodeDiscordWebhook, NodeTransport, NodeWebhook } = yield* Effect.promise(() =>
      import("effect-webhooks/node")
    )
    const urls = "https://example.com/CANARY"
    const messages: Array<string> = []
    for (
      const layer of [
        NodeWebhook.layer({ urls }),
        NodeWebhook.layer({ urls, grace: 1 }),
        NodeWebhook.layer({ urls, proxies: "proxy.example.com:8080" }),
        NodeDiscordWebhook.layer({ urls: "https://discord.com/api/webhooks/1/CANARY" })
      ]
    ) {
      const exit = yield* built(layer)
      assert(Exit.isFailure(exit))
      assert.isFalse(Cause.hasDies(exit.cause))
      const error = Cause.squash(exit.cause) as { readonly _tag: string; readonly message: string }
      assert.strictEqual(error._tag, "WebhookError")
      messages.push(error.message)
    }
    const bare = yield* built(NodeTransport.layer())
    assert(Exit.isFailure(bare))
    assert.isTrue(Cause.hasDies(bare.cause))
    messages.push((Cause.squash(bare.cause) as Error).message)
    assert.strictEqual(new Set(messages).size, 1)
    return messages[0]!
  })

  it.effect.each(["20.20.2", "18.0.0", "22.18.9", "22.9.0"])("says so on Node %s", (version) =>
    Effect.gen(function*() {
      vi.doMock("node:process", () => ({ versions: { node: version } }))
      assert.strictEqual(
        yield* said(),
        `NodeTransport needs Node 22.19 or newer, and this is ${version}`
      )
    }))

  it.effect.each(["22.19.0", "22.20.1", "24.0.0", "26.1.0"])(
    "is content with Node %s",
    (version) =>
      Effect.gen(function*() {
        vi.doMock("node:process", () => ({ versions: { node: version } }))
        const { NodeWebhook } = yield* Effect.promise(() => import("effect-webhooks/node"))
        assert.isTrue(Exit.isSuccess(yield* built(NodeWebhook.layer({ urls: "https://example.com" }))))
      })
  )

  it.effect("says how to install @effect/platform-node where it is missing", () =>
    Effect.gen(function*() {
      vi.doMock("@effect/platform-node/NodeDns", () => {
        throw new Error("Cannot find package")
      })
      assert.match(
        yield* said(),
        /^NodeTransport needs @effect\/platform-node, which cannot be loaded: npm install @effect\/platform-node \(Error, all of it/
      )
    }))

  it.effect("says which layer to use where undici has no dispatch", () =>
    Effect.gen(function*() {
      vi.doMock("@effect/platform-node/Undici", () => ({ Agent: undefined, buildConnector: undefined }))
      assert.match(yield* said(), /runtime has one of its own.*Webhook\.layer.*over FetchHttpClient\.layer/)
    }))
})
