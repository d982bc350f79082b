import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { EgressPolicy, Transport, UrlPool, Webhook } from "effect-webhooks"
import { NodeTransport, TestReceiver } from "effect-webhooks/node"
import { FetchHttpClient } from "effect/http"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

// Thousands of sends, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 })

setFlagsFromString("--expose-gc")
const gc = runInNewContext("gc") as () => void

const mebibyte = 1024 * 1024

const heap = Effect.gen(function*() {
  for (let i = 0; i < 5; i++) {
    gc()
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  }
  return process.memoryUsage().heapUsed
})

const resources = () => {
  const active = process.getActiveResourcesInfo()
  const count = (name: string) => active.filter((resource) => resource === name).length
  return { timers: count("Timeout"), sockets: count("TCPSocketWrap") }
}

// No timer of Effect's may be running while it counts, so it brings no timeout of its own.
const until = (condition: () => boolean, what: () => string) =>
  Effect.gen(function*() {
    for (let i = 0; i < 1000; i++) {
      if (condition()) return
      yield* Effect.sleep(20)
    }
    assert.fail(what())
  })

const restored = (before: ReturnType<typeof resources>) =>
  until(
    () => {
      const now = resources()
      return now.timers <= before.timers && now.sockets <= before.sockets
    },
    () => `before ${JSON.stringify(before)}, now ${JSON.stringify(resources())}`
  )

const open = Effect.fnUntraced(function*(
  transport: Layer.Layer<Transport.Transport>,
  options?: Webhook.WebhookOptions
) {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(
    Webhook.layerTransport({ ...options, egress: EgressPolicy.unrestricted }).pipe(
      Layer.provide([transport, UrlPool.empty])
    ),
    scope
  )
  const hook = yield* Effect.provideContext(Webhook.Webhook, context)
  return { hook, close: Scope.close(scope, Exit.void) }
})

const payload = { text: "x".repeat(200) }

const many = (hook: Webhook.Webhook["Service"], url: string, count: number) =>
  Effect.gen(function*() {
    const ends = new Map<string, number>()
    yield* Effect.forEach(
      Array.from({ length: count }),
      () =>
        Effect.map(hook.send(payload, { url }), (result) => {
          const end = result.ok ? result._tag : result.reason._tag
          ends.set(end, (ends.get(end) ?? 0) + 1)
        }),
      { concurrency: 100, discard: true }
    )
    return Object.fromEntries(ends)
  })

// A receiver remembers what it got: each round has one of its own.
const rounds = Effect.fnUntraced(function*<E>(
  round: (receiver: TestReceiver.TestReceiver["Service"]) => Effect.Effect<void, E>,
  script: TestReceiver.Script
) {
  const sizes: Array<number> = []
  for (let i = 0; i < 3; i++) {
    yield* Effect.scoped(Effect.flatMap(TestReceiver.make(script), round))
    sizes.push(yield* heap)
  }
  const megabytes = sizes.map((size) => (size / mebibyte).toFixed(1)).join(", ")
  assert.isBelow(sizes[2]! - sizes[1]!, 8 * mebibyte, megabytes)
})

const transports: Record<string, Layer.Layer<Transport.Transport>> = {
  "NodeTransport": NodeTransport.layer({ keepAlive: "10 minutes" }),
  "fetch": Layer.provide(Transport.layerHttpClient, FetchHttpClient.layer),
  "undici": Layer.provide(Transport.layerHttpClient, NodeHttpClient.layerUndici)
}

describe("leaks", { concurrent: false }, () => {
  for (const [name, transport] of Object.entries(transports)) {
    const count = name === "NodeTransport" ? 2000 : 500
    it.live(`${count} sends over ${name} that time out leave no socket, no timer and no memory`, () =>
      Effect.gen(function*() {
        const before = resources()
        const { close, hook } = yield* open(transport, { timeout: 50, maxRetries: 0 })
        yield* rounds(
          Effect.fnUntraced(function*(receiver) {
            assert.deepStrictEqual(yield* many(hook, receiver.urlOf("/hook"), count), { Timeout: count })
            // Each closes its own socket: nothing waits for the layer to end.
            yield* Effect.timeout(receiver.closed, "20 seconds")
          }),
          TestReceiver.hang
        )
        yield* close
        yield* restored(before)
      }))
  }

  it.live("5,000 deliveries leave no memory, and no socket once the layer is closed", () =>
    Effect.gen(function*() {
      const before = resources()
      const { close, hook } = yield* open(transports["NodeTransport"]!)
      const script = TestReceiver.reply({ body: { id: "1" } })
      yield* rounds(
        Effect.fnUntraced(function*(receiver) {
          assert.deepStrictEqual(yield* many(hook, receiver.urlOf("/hook"), 5000), { Delivered: 5000 })
          assert.isAtMost(yield* receiver.connections, 300)
        }),
        script
      )
      const last = yield* TestReceiver.make(script)
      yield* many(hook, last.urlOf("/hook"), 500)
      assert.isAbove(yield* last.sockets, 0)
      yield* close
      yield* Effect.timeout(last.closed, "20 seconds")
      assert.strictEqual(yield* last.sockets, 0)
      yield* restored(before)
    }))

  it.live("1,000 sends that are interrupted leave no socket and no memory", () =>
    Effect.gen(function*() {
      const before = resources()
      const { close, hook } = yield* open(transports["NodeTransport"]!, { timeout: "10 minutes" })
      yield* rounds(
        Effect.fnUntraced(function*(receiver) {
          for (let i = 0; i < 10; i++) {
            const fiber = yield* Effect.forkChild(many(hook, receiver.urlOf("/hook"), 100))
            yield* Effect.timeout(receiver.received((i + 1) * 100), "20 seconds")
            yield* Fiber.interrupt(fiber)
          }
          yield* Effect.timeout(receiver.closed, "20 seconds")
        }),
        TestReceiver.hang
      )
      yield* close
      yield* restored(before)
    }))

  it.live("500 connections that are refused leave nothing", () =>
    Effect.gen(function*() {
      const before = resources()
      const url = yield* Effect.scoped(
        Effect.map(TestReceiver.make(TestReceiver.reply()), ({ urlOf }) => urlOf("/hook"))
      )
      const { close, hook } = yield* open(transports["NodeTransport"]!, { maxRetries: 0 })
      yield* rounds(
        () =>
          Effect.gen(function*() {
            assert.deepStrictEqual(yield* many(hook, url, 500), { ConnectionError: 500 })
          }),
        TestReceiver.reply()
      )
      yield* close
      yield* restored(before)
    }))

  it.live("6,000 URLs that are used once leave no timer and no memory", () =>
    Effect.gen(function*() {
      const before = resources()
      const { close, hook } = yield* open(transports["NodeTransport"]!)
      let next = 0
      yield* rounds(
        Effect.fnUntraced(function*(receiver) {
          yield* Effect.forEach(
            Array.from({ length: 2000 }),
            () => hook.send(payload, { url: receiver.urlOf(`/hook/${next++}`) }),
            { concurrency: 100, discard: true }
          )
        }),
        TestReceiver.reply()
      )
      yield* close
      yield* restored(before)
    }))
})
