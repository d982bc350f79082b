import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { ProxyProvider, UrlPool, Webhook } from "effect-webhooks"
import { NodeTransport } from "effect-webhooks/node"
import { connectProxy, listen, socksProxy, until } from "./servers.ts"

// Thousands of sends, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 })

const sends = 500

describe("a proxy that hangs", () => {
  it.live.each(["http", "https", "socks5", "http, TLS to the receiver"])(
    "is dialled as often as it is tried, by as many at once as may be, and nothing is left: %s",
    (kind) =>
      Effect.gen(function*() {
        const scheme = kind.split(",")[0]!
        const hung = kind === "https"
          ? yield* listen(() => {})
          : kind === "socks5"
          ? yield* socksProxy({ reply: () => {} })
          : yield* connectProxy(() => {})
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(
          Webhook.layerTransport({ deadline: "20 seconds", maxRetries: 1 }).pipe(
            Layer.provide([
              NodeTransport.layerProxied({ connectTimeout: 50 }).pipe(
                Layer.provide(ProxyProvider.layer(`${scheme}://${hung.label}`))
              ),
              UrlPool.layer(kind.includes("TLS") ? "https://127.0.0.1:9/hook" : "http://127.0.0.1:9/hook")
            ])
          ),
          scope
        )
        const hook = yield* Effect.provideContext(Webhook.Webhook, context)
        let slowest = 0
        let attempts = 0
        let most = 0
        const ends = new Map<string, number>()
        const watch = setInterval(() => most = Math.max(most, hung.open.size), 5)
        yield* Effect.forEach(
          Array.from({ length: sends }),
          () =>
            Effect.suspend(() => {
              const started = performance.now()
              return Effect.map(hook.send({ text: "hello" }), (result) => {
                attempts += result.attempts
                slowest = Math.max(slowest, performance.now() - started)
                const end = result.ok ? "Delivered" : `${result.reason._tag} ${result.delivered}`
                ends.set(end, (ends.get(end) ?? 0) + 1)
              })
            }),
          { concurrency: 200, discard: true }
        ).pipe(Effect.ensuring(Effect.sync(() => clearInterval(watch))))
        assert.deepStrictEqual(Object.fromEntries(ends), { "ProxyError no": sends })
        assert.isBelow(slowest, 20_000)
        assert.isAtMost(hung.accepted(), attempts, "nothing is dialled that is not an attempt")
        assert.isAtMost(attempts, 2 * sends)
        // Those that are being closed besides.
        assert.isAtMost(most, 64)
        yield* until(() => hung.open.size === 0, "every connection is closed")
        const dials = hung.accepted()
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(hung.accepted(), dials)
      })
  )
})
