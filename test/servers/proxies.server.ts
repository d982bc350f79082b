import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import { EgressPolicy, RetryPolicy, Webhook, WebhookResult } from "effect-webhooks"
import { NodeWebhook, TestReceiver } from "effect-webhooks/node"
import { closedPort, listen, pause, tls } from "../node/servers.ts"
import { type Daemon, installed, squid, squidWithPassword, tinyproxy } from "./daemon.ts"

const payload = { text: "hello" }

// A webhook by one proxy of a user's own, and what was burned.
const by = (proxy: string, urls: string, options?: Partial<NodeWebhook.Options>) => {
  const burned: Array<unknown> = []
  const layer = NodeWebhook.layer({
    urls,
    egress: EgressPolicy.unrestricted,
    proxies: { get: () => proxy, burn: (value) => void burned.push(value) },
    ...options
  })
  return { burned, layer }
}

const failed = (result: WebhookResult.WebhookResult): WebhookResult.Failed => {
  assert(WebhookResult.isFailed(result), `expected a failure, got ${result}`)
  return result
}

const many = (count: number, options?: Webhook.SendOptions) =>
  Effect.forEach(Array.from({ length: count }), () => Webhook.send(payload, options), { concurrency: "unbounded" })

const proxies: ReadonlyArray<readonly [string, Effect.Effect<Daemon, never, Scope.Scope>]> = [
  ["squid", squid()],
  ["tinyproxy", tinyproxy()]
]

for (const [name, server] of proxies) {
  describe.skipIf(!installed(name))(name, () => {
    it.live.each([false, true])("carries webhooks, to a receiver with TLS: %s", (secure) =>
      Effect.gen(function*() {
        const proxy = yield* server
        const receiver = yield* TestReceiver.make(TestReceiver.reply(), secure ? { tls } : {})
        const { burned, layer } = by(`127.0.0.1:${proxy.port}`, receiver.urlOf("/hook"), { tls: { ca: tls.cert } })
        const results = yield* Effect.provide(many(100), layer)
        assert.isTrue(results.every(({ attempts, ok }) => ok && attempts === 1))
        assert.lengthOf(yield* receiver.requests, 100)
        assert.deepStrictEqual(burned, [])
      }))

    it.live("loses no webhook to a receiver that lives beside many that are dead", () =>
      Effect.gen(function*() {
        const proxy = yield* server
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { burned, layer } = by(`127.0.0.1:${proxy.port}`, receiver.urlOf("/hook"), {
          retry: RetryPolicy.backoff({ base: 10, max: 20 })
        })
        const dead = `http://127.0.0.1:${yield* closedPort}/hook`
        const sends = Array.from({ length: 400 }, (_, index) => {
          const url = index % 4 === 0 ? dead : undefined
          return Effect.map(Webhook.send(payload, { url }), (result) => ({ dead: url !== undefined, result }))
        })
        const results = yield* Effect.provide(Effect.forEach(sends, (send) => send, { concurrency: 50 }), layer)
        const lost = results.filter(({ dead, result }) => !dead && !result.ok)
        assert.lengthOf(lost, 0, `${lost[0]?.result}`)
        assert.isTrue(results.every(({ dead, result }) => dead !== result.ok))
        assert.lengthOf(yield* receiver.requests, 300)
        assert.deepStrictEqual(burned, [])
      }))

    it.live("is found again when it was started anew", () =>
      Effect.gen(function*() {
        const proxy = yield* server
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const layer = NodeWebhook.layer({
          urls: receiver.urlOf("/hook"),
          proxies: `127.0.0.1:${proxy.port}`,
          retry: RetryPolicy.backoff({ base: "1 second", max: "4 seconds" })
        })
        const results = yield* Effect.gen(function*() {
          assert.isTrue((yield* Webhook.send(payload)).ok)
          yield* proxy.stop
          const sends = yield* Effect.forkChild(many(50))
          yield* pause(500)
          yield* proxy.start
          return yield* Fiber.join(sends)
        }).pipe(Effect.provide(layer))
        assert.isTrue(results.every(({ ok }) => ok), `${results.find(({ ok }) => !ok)}`)
      }))

    it.live("carries webhooks to a receiver that was down for a second", () =>
      Effect.gen(function*() {
        const proxy = yield* server
        const port = yield* closedPort
        const { layer } = by(`127.0.0.1:${proxy.port}`, `http://127.0.0.1:${port}/hook`)
        const results = yield* Effect.gen(function*() {
          const sends = yield* Effect.forkChild(many(20))
          yield* pause(1000)
          yield* listen(
            (socket) => {
              socket.on("data", () => socket.write("HTTP/1.1 204 No Content\r\n\r\n"))
            },
            false,
            port
          )
          return yield* Fiber.join(sends)
        }).pipe(Effect.provide(layer))
        assert.isTrue(results.every(({ ok }) => ok), `${results.find(({ ok }) => !ok)}`)
      }))
  })
}

describe.skipIf(!installed("squid"))("squid", () => {
  it.live("takes the right password, and is burned for a wrong one", () =>
    Effect.gen(function*() {
      const proxy = yield* squidWithPassword
      const receiver = yield* TestReceiver.make(TestReceiver.reply())
      const right = by(`127.0.0.1:${proxy.port}:user:hunter2`, receiver.urlOf("/hook"))
      assert.isTrue((yield* Effect.provide(Webhook.send(payload), right.layer)).ok)
      const wrong = by(`127.0.0.1:${proxy.port}:user:hunter3`, receiver.urlOf("/hook"), { maxRetries: 0 })
      const result = failed(yield* Effect.provide(Webhook.send(payload), wrong.layer))
      assert.include(result.error, "it refuses the credentials (407 to CONNECT)")
      assert.lengthOf(wrong.burned, 1)
    }))

  it.live("is not blamed for a port that it lets nobody reach", () =>
    Effect.gen(function*() {
      const receiver = yield* TestReceiver.make(TestReceiver.reply())
      const closed = yield* TestReceiver.make(TestReceiver.reply())
      const proxy = yield* squid(`acl closed port ${new URL(closed.url).port}`, "http_access deny CONNECT closed")
      const { burned, layer } = by(`127.0.0.1:${proxy.port}`, receiver.urlOf("/hook"), { maxRetries: 0 })
      const results = yield* Effect.provide(
        Effect.all([Webhook.send(payload, { url: closed.urlOf("/hook") }), Webhook.send(payload)]),
        layer
      )
      assert.include(failed(results[0]).error, "403 to CONNECT")
      assert.isTrue(results[1].ok)
      assert.deepStrictEqual(burned, [])
    }))
})

describe.skipIf(!installed("tinyproxy"))("tinyproxy", () => {
  it.live("takes the right password, and is burned for a wrong one", () =>
    Effect.gen(function*() {
      const proxy = yield* tinyproxy("BasicAuth user hunter2")
      const receiver = yield* TestReceiver.make(TestReceiver.reply())
      const right = by(`127.0.0.1:${proxy.port}:user:hunter2`, receiver.urlOf("/hook"))
      assert.isTrue((yield* Effect.provide(Webhook.send(payload), right.layer)).ok)
      const wrong = by(`127.0.0.1:${proxy.port}:user:hunter3`, receiver.urlOf("/hook"), { maxRetries: 0 })
      const result = failed(yield* Effect.provide(Webhook.send(payload), wrong.layer))
      assert.match(result.error, /it refuses the credentials \((?:401|407) to CONNECT\)/)
      assert.lengthOf(wrong.burned, 1)
    }))
})
