import { assert, describe, it, vi } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Redacted, Result, Scope } from "effect"
import {
  EgressPolicy,
  Proxy,
  ProxyProvider,
  RetryPolicy,
  Transport,
  UrlPool,
  Webhook,
  WebhookResult
} from "effect-webhooks"
import { NodeTransport, NodeWebhook, TestReceiver } from "effect-webhooks/node"
import { AddressResolver } from "effect/net"
import Dns from "node:dns"
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import { inspect } from "node:util"
import { Server } from "proxy-chain"
import {
  closedPort,
  type Connect,
  connectProxy,
  established,
  listen,
  pass,
  pause,
  receiverTls,
  type SocksOptions,
  socksProxy,
  socksReply,
  tls,
  until
} from "./servers.ts"

// The machine may be busy: what is bounded below is bounded by itself.
vi.setConfig({ testTimeout: 30_000 })

const quick = RetryPolicy.backoff({ base: 1, max: 2 })

const payload = { text: "hello" }

type Options = Webhook.WebhookOptions & NodeTransport.ProxiedOptions

// A webhook by proxies, and what was reported of them.
const open = Effect.fnUntraced(function*(
  proxies: string | ReadonlyArray<string>,
  urls: UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput>,
  options?: Options,
  cooldown = 60_000
) {
  const reports: Array<string> = []
  const provider = Layer.effect(
    ProxyProvider.ProxyProvider,
    Effect.map(ProxyProvider.ProxyProvider, (provider) => ({
      get: provider.get,
      report: (proxy, outcome) => {
        reports.push(outcome)
        return provider.report(proxy, outcome)
      }
    }))
  ).pipe(Layer.provide(ProxyProvider.layer(proxies, { cooldown })))
  const scope = yield* Scope.fork(yield* Effect.scope)
  const context = yield* Layer.buildWithScope(
    Webhook.layerTransport({ retry: quick, ...options }).pipe(
      Layer.provide([
        NodeTransport.layerProxied({ keepAlive: "10 minutes", grace: 100, ...options }).pipe(Layer.provide(provider)),
        UrlPool.layer(urls)
      ])
    ),
    scope
  )
  const hook = yield* Effect.provideContext(Webhook.Webhook, context)
  return { hook, reports, close: Scope.close(scope, Exit.void) }
})

const failed = (result: WebhookResult.WebhookResult): WebhookResult.Failed => {
  assert(WebhookResult.isFailed(result), `expected a failure, got ${result}`)
  return result
}

const delivered = (result: WebhookResult.WebhookResult): WebhookResult.Delivered => {
  assert(WebhookResult.isDelivered(result), `expected a delivery, got ${result}`)
  return result
}

const good = connectProxy(pass)

// Names that fail as sockets do: code.fault.test; silent.fault.test is never answered.
const { lookup } = Dns
const faulty = (hostname: string, ...rest: ReadonlyArray<unknown>) => {
  if (!hostname.endsWith(".fault.test")) return lookup(hostname, ...rest as [never, never])
  const code = hostname.split(".")[0]!.toUpperCase()
  const callback = rest.at(-1) as (error: Error) => void
  if (code !== "SILENT") setImmediate(() => callback(Object.assign(new Error("no"), { code })))
}
Dns.lookup = Object.assign(faulty, lookup) as typeof lookup

describe("proxies over real sockets", () => {
  describe("a proxy that misbehaves", () => {
    interface Row {
      readonly name: string
      /** What the proxy does with a CONNECT. */
      readonly behave?: (socket: Net.Socket, connect: Connect) => void
      /** What it does with a connection. */
      readonly accept?: (socket: Net.Socket) => void
      /** The proxy speaks TLS. */
      readonly secure?: boolean
      /** The proxy is said to be an HTTPS one. */
      readonly https?: boolean
      /** The receiver speaks TLS. */
      readonly tls?: boolean
      readonly options?: Options
      readonly outcome: ProxyProvider.Outcome
      readonly reason?: "ProxyError" | "ConnectionError"
      readonly delivered?: "no" | "maybe"
      readonly detail?: RegExp
    }

    // In a packet of its own, when what was written before has just been read.
    const behind = (write: () => void) => setImmediate(() => setImmediate(write))

    const answer = (head: string) => (socket: Net.Socket) => socket.end(`HTTP/1.1 ${head}\r\n\r\n`)

    const statuses = (
      outcome: ProxyProvider.Outcome,
      reason: "ProxyError" | "ConnectionError",
      ...statuses: ReadonlyArray<number>
    ): ReadonlyArray<Row> =>
      statuses.flatMap((status) =>
        [false, true].map((tls) => ({
          name: `answers CONNECT with ${status}, ${tls ? "https" : "http"} receiver`,
          behave: answer(`${status} Whatever\r\ncontent-length: 0`),
          tls,
          outcome,
          reason,
          detail: new RegExp(reason === "ConnectionError" ? "no connection" : `${status} to CONNECT`)
        }))
      )

    const rows: ReadonlyArray<Row> = [
      ...statuses("burn", "ProxyError", 401, 407, 597),
      ...statuses("target", "ProxyError", 302, 400, 403, 404, 405, 408, 410, 421, 429, 500, 501, 503, 594, 599),
      ...statuses("target", "ConnectionError", 502, 504),
      {
        name: "refuses with a body",
        behave: answer("403 Forbidden\r\ncontent-length: 5\r\n\r\nhello"),
        outcome: "target"
      },
      {
        name: "hangs at CONNECT",
        behave: () => {},
        options: { connectTimeout: 200 },
        outcome: "suspect",
        detail: /0.2 s/
      },
      {
        name: "hangs in its TLS handshake",
        accept: () => {},
        https: true,
        options: { connectTimeout: 200 },
        outcome: "suspect",
        detail: /0.2 s/
      },
      {
        name: "drips its answer to CONNECT",
        behave: (socket) => {
          socket.write("HTTP/1.1 200 OK\r\n")
          const timer = setInterval(() => socket.write("x"), 20)
          socket.once("close", () => clearInterval(timer))
        },
        options: { connectTimeout: 300 },
        outcome: "suspect"
      },
      { name: "hangs up when it is connected to", accept: (socket) => socket.end(), outcome: "suspect" },
      { name: "resets when it is connected to", accept: (socket) => socket.resetAndDestroy(), outcome: "suspect" },
      { name: "hangs up at CONNECT", behave: (socket) => socket.end(), outcome: "suspect" },
      { name: "resets at CONNECT", behave: (socket) => socket.resetAndDestroy(), outcome: "suspect" },
      {
        name: "greets before it is asked",
        accept: (socket) => {
          socket.write("SSH-2.0-OpenSSH_9.6\r\n")
          socket.resume()
        },
        outcome: "burn",
        detail: /does not speak HTTP/
      },
      {
        name: "answers with garbage",
        behave: (socket) => socket.end("\x00\x01\x02 hello\r\n\r\n"),
        outcome: "burn",
        detail: /does not speak HTTP/
      },
      {
        name: "answers with endless headers",
        behave: (socket) => {
          socket.write("HTTP/1.1 200 OK\r\n")
          for (let i = 0; i < 1000; i++) socket.write(`x-${i}: ${"y".repeat(100)}\r\n`)
        },
        outcome: "burn"
      },
      {
        name: "is an HTTPS proxy with a bad certificate",
        secure: true,
        https: true,
        behave: pass,
        outcome: "burn",
        detail: /SELF_SIGNED/
      },
      {
        name: "is said to speak TLS and does not",
        https: true,
        accept: (socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
        outcome: "burn",
        detail: /cannot be reached/
      },
      {
        name: "talks with the 200",
        behave: (socket) => socket.write(`${established}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`),
        outcome: "burn",
        detail: /talks before its turn/
      },
      {
        name: "talks with the 200, https receiver",
        behave: (socket) => socket.write(`${established}hello`),
        tls: true,
        outcome: "burn",
        detail: /talks before its turn/
      },
      {
        name: "talks right behind the 200",
        behave: (socket) => {
          socket.write(established)
          behind(() => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"))
        },
        outcome: "burn",
        detail: /talks before its turn/
      },
      {
        name: "sends a body with the 200",
        behave: (socket) => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
          behind(() => socket.write("hello"))
        },
        outcome: "burn",
        detail: /talks before its turn/
      },
      {
        name: "talks a moment after the 200",
        behave: (socket) => {
          socket.write(established)
          setTimeout(() => socket.write("hello there\r\n\r\n"), 20)
        },
        outcome: "suspect",
        delivered: "maybe"
      },
      {
        name: "talks a moment after the 200, https receiver",
        behave: (socket) => {
          socket.write(established)
          setTimeout(() => socket.write("hello there\r\n\r\n"), 20)
        },
        tls: true,
        outcome: "suspect"
      },
      {
        name: "dies a moment after the 200",
        behave: (socket) => {
          socket.write(established)
          setTimeout(() => socket.destroy(), 50)
        },
        outcome: "suspect",
        delivered: "maybe"
      },
      {
        name: "resets a moment after the 200, https receiver",
        behave: (socket) => {
          socket.write(established)
          setTimeout(() => socket.resetAndDestroy(), 50)
        },
        tls: true,
        outcome: "suspect"
      },
      {
        name: "is silent after the 200, https receiver",
        behave: (socket) => socket.write(established),
        tls: true,
        options: { connectTimeout: 200 },
        outcome: "suspect"
      },
      {
        name: "is silent after the request",
        behave: (socket) => socket.write(established),
        options: { timeout: 300 },
        outcome: "suspect",
        delivered: "maybe"
      },
      {
        name: "presents a certificate of its own for the receiver's",
        behave: pass,
        tls: true,
        options: { tls: {} },
        outcome: "suspect",
        detail: /certificate was refused/
      }
    ]

    it.live.each(rows)("is judged when it $name", (row) =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply(), row.tls ? { tls } : {})
        const proxy = row.accept === undefined
          ? yield* connectProxy(row.behave!, row.secure)
          : yield* listen(row.accept, row.secure)
        const { hook, reports } = yield* open(
          `${row.https ? "https" : "http"}://us%20er:hunter2@${proxy.label}`,
          receiver.urlOf("/hook"),
          { maxRetries: 0, maxProxyRetries: 0, ...(row.tls && { tls: { ca: tls.cert } }), ...row.options }
        )
        const result = failed(yield* hook.send(payload))
        assert.deepStrictEqual(reports, [row.outcome], result.error)
        assert.strictEqual(result.delivered, row.delivered ?? "no", result.error)
        assert.strictEqual(result.reason._tag, row.reason ?? "ProxyError")
        assert.strictEqual(result.attempts, 1)
        if (row.detail !== undefined) assert.match(result.error, row.detail)
        assert.notInclude(inspect(result, { depth: 10 }) + inspect(result.reason, { depth: 10 }), "hunter2")
        assert.lengthOf(yield* receiver.requests, 0)
        // Neither does it dial again, nor does it keep what it has dialled.
        yield* until(() => proxy.open.size === 0, "the connection is closed")
        yield* pause(200)
        assert.strictEqual(proxy.accepted(), 1)
      }))

    it.live("is burned when nobody listens", () =>
      Effect.gen(function*() {
        const { hook, reports } = yield* open(`127.0.0.1:${yield* closedPort}`, "http://127.0.0.1:9/hook", {
          maxRetries: 0
        })
        const result = failed(yield* hook.send(payload))
        assert.deepStrictEqual(reports, ["burn"])
        assert.include(result.error, "ECONNREFUSED")
      }))

    it.live("is burned when its name does not resolve", () =>
      Effect.gen(function*() {
        const { hook, reports } = yield* open("proxy.invalid:8080", "http://127.0.0.1:9/hook", { maxRetries: 0 })
        const result = failed(yield* hook.send(payload))
        // Where there is no name server it is this side's fault, and nobody is blamed.
        if (result.error.includes("EAI_")) assert.deepStrictEqual(reports, [])
        else {
          assert.deepStrictEqual(reports, ["burn"])
          assert.include(result.error, "cannot be reached (ENOTFOUND)")
        }
      }))

    it.live("does not lose a delivery when it cuts the tunnel after the receiver's 2xx", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.drip({ every: "30 millis" }))
        const proxy = yield* connectProxy((socket, connect) => {
          let bytes = 0
          pass(socket, connect).on("data", (chunk) => {
            bytes += chunk.length
            if (bytes > 200) socket.resetAndDestroy()
          })
        })
        const { hook, reports } = yield* open(proxy.label, receiver.urlOf("/hook"))
        const result = delivered(yield* hook.send(payload))
        assert.isTrue(result.truncated)
        assert.strictEqual(result.status, 200)
        assert.deepStrictEqual(reports, ["ok"])
        assert.lengthOf(yield* receiver.requests, 1)
      }))

    it.live("is left for the next one when it loses a request that was written", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const bad = yield* connectProxy((socket) => {
          socket.write(established)
          socket.once("data", () => socket.resetAndDestroy())
        })
        const next = yield* good
        const { hook, reports } = yield* open([bad.label, next.label], receiver.urlOf("/hook"), { maxRetries: 0 })
        const result = delivered(yield* hook.send(payload))
        assert.strictEqual(result.attempts, 2)
        assert.deepStrictEqual(reports, ["suspect", "ok"])
        assert.deepStrictEqual(result.history.map(({ proxy }) => Redacted.value(proxy!)), [bad.label, next.label])
        assert.strictEqual(Redacted.value(result.proxy!), next.label)
        const stopped = yield* open([bad.label, next.label], receiver.urlOf("/hook"), { onAmbiguous: "stop" })
        const maybe = failed(yield* stopped.hook.send(payload))
        assert.strictEqual(maybe.delivered, "maybe")
        assert.strictEqual(maybe.attempts, 1)
        assert.lengthOf(yield* receiver.requests, 1)
      }))

    it.live("does not cost a webhook while another one lives", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const dead = yield* closedPort
        const hung = yield* connectProxy(() => {})
        const auth = yield* connectProxy((socket) => socket.end("HTTP/1.1 407 No\r\n\r\n"))
        const live = yield* good
        const { hook, reports } = yield* open(
          [`127.0.0.1:${dead}`, hung.label, auth.label, live.label],
          receiver.urlOf("/hook"),
          { connectTimeout: 200 }
        )
        const result = delivered(yield* hook.send(payload))
        assert.strictEqual(result.attempts, 4)
        assert.deepStrictEqual(reports, ["burn", "suspect", "burn", "ok"])
        assert.isTrue(delivered(yield* hook.send(payload)).attempts === 1)
      }))

    it.live("is told from a receiver that certifies itself, by a second proxy", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply(), { tls })
        const first = yield* good
        const second = yield* good
        const third = yield* good
        const { hook, reports } = yield* open([first.label, second.label, third.label], receiver.urlOf("/hook"))
        const { reason } = failed(yield* hook.send(payload))
        assert(reason._tag === "ConnectionError" && reason.certificate)
        assert.deepStrictEqual(reports, ["suspect", "target"])
        assert.strictEqual(third.accepted(), 0)
      }))

    it.live.each(["200", "201", "202", "204", "226", "299"])(
      "opens a tunnel with %s",
      (status) =>
        Effect.gen(function*() {
          for (const receiverTls of [false, true]) {
            const receiver = yield* TestReceiver.make(TestReceiver.reply(), receiverTls ? { tls } : {})
            // What a length says here is passed over: a 2xx to CONNECT has no body (RFC 9110, section 9.3.6).
            const proxy = yield* connectProxy((socket, connect) =>
              pass(socket, connect, connect.authority, `HTTP/1.1 ${status} Sure\r\ncontent-length: 5\r\n\r\n`)
            )
            const { hook, reports } = yield* open(proxy.label, receiver.urlOf("/hook"), { tls: { ca: tls.cert } })
            assert.strictEqual(delivered(yield* hook.send(payload)).attempts, 1)
            assert.deepStrictEqual(reports, ["ok"])
          }
        })
    )
  })

  describe("a receiver behind a good proxy", () => {
    it.live("answers a 407 of its own", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ status: 407 }))
        const proxy = yield* good
        const { hook, reports } = yield* open(proxy.label, receiver.urlOf("/hook"))
        const result = failed(yield* hook.send(payload))
        assert.strictEqual(result.reason._tag, "Rejected")
        assert.deepStrictEqual(reports, ["ok"])
      }))

    it.live.each([500, 503, 429])("costs no proxy with a %i", (status) =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([TestReceiver.reply({ status }), TestReceiver.reply()])
        const proxy = yield* good
        const { hook, reports } = yield* open(proxy.label, receiver.urlOf("/hook"))
        assert.strictEqual(delivered(yield* hook.send(payload)).attempts, 2)
        assert.deepStrictEqual(reports, ["ok", "ok"])
      }))

    it.live("that resets is a maybe of whoever it was", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.resetAfter)
        const proxy = yield* good
        const { hook, reports } = yield* open(proxy.label, receiver.urlOf("/hook"), { maxRetries: 1 })
        const result = failed(yield* hook.send(payload))
        assert.strictEqual(result.reason._tag, "ProxyError")
        assert.strictEqual(result.delivered, "maybe")
        assert.deepStrictEqual(reports, ["suspect", "suspect"])
      }))

    it.live("gets the request as it would directly, and none of the proxy's credentials", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* good
        const { hook } = yield* open(`${proxy.label}:user:hunter2`, receiver.urlOf("/hook?a=1"))
        delivered(yield* hook.send(payload))
        const [request] = yield* receiver.received(1)
        assert.strictEqual(request!.method, "POST")
        assert.strictEqual(request!.path, "/hook?a=1")
        assert.strictEqual(request!.body, "{\"text\":\"hello\"}")
        assert.strictEqual(request!.headers.host, new URL(receiver.url).host)
        assert.isUndefined(request!.headers["proxy-authorization"])
        assert.include(proxy.connects[0]!.head, `Basic ${btoa("user:hunter2")}`)
        assert.notInclude(proxy.connects[0]!.head, "/hook")
      }))
  })

  describe("connections", () => {
    it.live("are kept alive per proxy", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const [a, b] = [yield* good, yield* good]
        const { hook } = yield* open([a.label, b.label], receiver.urlOf("/hook"))
        for (let i = 0; i < 40; i++) {
          delivered(yield* hook.send(payload))
          // A request in the tick in which the last one ended opens a second connection.
          yield* pause(2)
        }
        assert.isAtMost(a.connects.length, 2)
        assert.isAtMost(b.connects.length, 2)
        assert.lengthOf(yield* receiver.requests, 40)
      }))

    it.live("are as many as attempts may be in flight by one proxy", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ delay: "20 millis" }))
        const proxy = yield* good
        const { hook } = yield* open(proxy.label, receiver.urlOf("/hook"))
        const results = yield* Effect.forEach(Array.from({ length: 100 }), () => hook.send(payload), {
          concurrency: "unbounded"
        })
        assert.isTrue(results.every(({ attempts, ok }) => ok && attempts === 1))
        assert.isAtMost(proxy.accepted(), 40)
      }))

    it.live("are kept to maxProxies proxies, and what is in flight finishes", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make({
          "/slow": TestReceiver.reply({ status: 200, body: "x", delay: "1 second" }),
          "/hook": TestReceiver.reply()
        })
        const [a, b, c] = [yield* good, yield* good, yield* good]
        const { hook } = yield* open([a.label, b.label, c.label], { name: "hook", url: receiver.urlOf("/hook") }, {
          maxProxies: 2,
          egress: undefined
        })
        delivered(yield* hook.send(payload))
        delivered(yield* hook.send(payload))
        assert.strictEqual(a.open.size, 1)
        delivered(yield* hook.send(payload))
        yield* until(() => a.open.size === 0, "the connections of the first proxy are closed")
        assert.strictEqual(b.open.size, 1)
        assert.strictEqual(c.open.size, 1)
        const slow = yield* open([a.label, b.label, c.label], receiver.urlOf("/slow"), { maxProxies: 1 })
        const results = yield* Effect.forEach(["a", "b", "c"], () => slow.hook.send(payload), {
          concurrency: "unbounded"
        })
        assert.isTrue(results.every(({ attempts, ok }) => ok && attempts === 1))
      }))

    it.live("are closed with the layer", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const [a, b] = [yield* good, yield* good]
        const { close, hook } = yield* open([a.label, b.label], receiver.urlOf("/hook"), { maxProxies: 1 })
        yield* Effect.forEach(Array.from({ length: 10 }), () => hook.send(payload), { concurrency: "unbounded" })
        yield* close
        yield* until(() => a.open.size + b.open.size === 0, "every connection is closed")
        assert.strictEqual(yield* receiver.sockets, 0)
      }))

    it.live("over which a proxy talks while they are idle are let go, and not made again until they are needed", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* connectProxy((socket, connect) => {
          pass(socket, connect).once("data", () => setTimeout(() => socket.write("hello there\r\n\r\n"), 50))
        })
        const { hook, reports } = yield* open(proxy.label, receiver.urlOf("/hook"))
        delivered(yield* hook.send(payload))
        yield* until(() => proxy.open.size === 0, "the connection is closed")
        yield* pause(200)
        assert.strictEqual(proxy.accepted(), 1)
        delivered(yield* hook.send(payload))
        assert.strictEqual(proxy.accepted(), 2)
        assert.deepStrictEqual(reports, ["ok", "ok"])
      }))

    it.live("that are in use are left alone by a fault of another one", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ delay: "500 millis" }))
        const proxy = yield* connectProxy((socket, connect) => {
          if (connect.index === 0) pass(socket, connect)
          else socket.end("HTTP/1.1 403 No\r\n\r\n")
        })
        const { hook } = yield* open(proxy.label, receiver.urlOf("/hook"), { maxProxyRetries: 0 })
        const first = yield* Effect.forkChild(hook.send(payload))
        yield* receiver.received(1)
        failed(yield* hook.send(payload))
        assert.strictEqual(delivered(yield* Fiber.join(first)).attempts, 1)
      }))

    it.live("that hang are closed with the layer", () =>
      Effect.gen(function*() {
        const hung = yield* connectProxy(() => {})
        const { close, hook } = yield* open(hung.label, "http://127.0.0.1:9/hook")
        const sends = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 10 }), () => hook.send(payload), { concurrency: "unbounded" })
        )
        yield* until(() => hung.connects.length === 10, "all have dialled")
        yield* close
        yield* until(() => hung.open.size === 0, "every connection is closed")
        yield* Fiber.interrupt(sends)
      }))
  })

  describe("a slow CONNECT", () => {
    // Lets them through when it is told to.
    const slowProxy = Effect.gen(function*() {
      const held: Array<() => void> = []
      const proxy = yield* connectProxy((socket, connect) => {
        held.push(() => pass(socket, connect))
      })
      return { ...proxy, release: () => held.splice(0).forEach((go) => go()) }
    })

    it.live.each(["http", "https"])(
      "delivers nothing for sends that are interrupted, %s receiver",
      (scheme) =>
        Effect.gen(function*() {
          const receiver = yield* TestReceiver.make(TestReceiver.reply(), scheme === "https" ? { tls } : {})
          const proxy = yield* slowProxy
          const { hook } = yield* open(proxy.label, receiver.urlOf("/hook"), { tls: { ca: tls.cert } })
          const sends = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.forkChild(hook.send(payload)))
          yield* until(() => proxy.connects.length === 20, "all have dialled")
          yield* Effect.forEach(sends, (send) => Fiber.interrupt(send), { discard: true })
          proxy.release()
          yield* until(() => proxy.open.size === 0, "their connections are closed")
          yield* pause(300)
          assert.lengthOf(yield* receiver.requests, 0)
          assert.strictEqual(proxy.accepted(), 20)
        })
    )

    it.live("delivers nothing for sends that are interrupted in the same tick", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* good
        const { hook } = yield* open(proxy.label, receiver.urlOf("/hook"), { maxPerProxy: 200, maxPerOrigin: 200 })
        const sends = yield* Effect.forEach(
          Array.from({ length: 200 }),
          () => Effect.forkChild(hook.send(payload), { startImmediately: true })
        )
        yield* Effect.forEach(sends, (send) => Fiber.interrupt(send), { discard: true })
        yield* pause(500)
        assert.lengthOf(yield* receiver.requests, 0)
        assert.strictEqual(proxy.open.size, 0)
      }))

    it.live("delivers nothing for sends whose time is over", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* slowProxy
        const { hook, reports } = yield* open(proxy.label, receiver.urlOf("/hook"), {
          timeout: 200,
          maxProxyRetries: 0
        })
        const results = yield* Effect.forEach(Array.from({ length: 20 }), () => hook.send(payload), {
          concurrency: "unbounded"
        })
        for (const result of results) {
          assert.strictEqual(failed(result).delivered, "no")
          const { reason } = failed(result)
          assert(reason._tag === "ProxyError" && reason.last?._tag === "Timeout", result.toString())
        }
        assert.isTrue(reports.every((report) => report === "suspect"))
        proxy.release()
        yield* until(() => proxy.open.size === 0, "their connections are closed")
        yield* pause(300)
        assert.lengthOf(yield* receiver.requests, 0)
        // It works again.
        const last = yield* Effect.forkChild(hook.send(payload, { timeout: "10 seconds" }))
        const before = proxy.connects.length
        yield* until(() => proxy.connects.length > before, "it dials")
        proxy.release()
        delivered(yield* Fiber.join(last))
      }))

    it.live("of one send that is interrupted is nothing to another one", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* slowProxy
        const { hook, reports } = yield* open(proxy.label, receiver.urlOf("/hook"))
        const first = yield* Effect.forkChild(hook.send(payload))
        const second = yield* Effect.forkChild(hook.send(payload))
        yield* until(() => proxy.connects.length === 2, "both have dialled")
        yield* Fiber.interrupt(first)
        yield* pause(50)
        proxy.release()
        assert.strictEqual(delivered(yield* Fiber.join(second)).attempts, 1)
        assert.deepStrictEqual(reports, ["ok"])
        assert.lengthOf(yield* receiver.requests, 1)
      }))

    it.live("that shows the proxy to be dead sends all who wait for a connection to the next one, at once", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* connectProxy((socket, { index }) => {
          if (index === 0) setTimeout(() => socket.end("SSH-2.0-OpenSSH_9.6\r\n"), 300)
        })
        const next = yield* good
        const { hook, reports } = yield* open([proxy.label, next.label], receiver.urlOf("/hook"), {
          connectTimeout: "20 seconds"
        })
        const started = performance.now()
        const results = yield* Effect.forEach(Array.from({ length: 20 }), () => hook.send(payload), {
          concurrency: "unbounded"
        })
        assert.isTrue(results.every(({ ok }) => ok))
        assert.isBelow(performance.now() - started, 10_000)
        assert.strictEqual(proxy.accepted(), 10)
        yield* until(() => proxy.open.size === 0, "the hung connections are closed")
        // Those that waited have attempted nothing.
        assert.deepStrictEqual(results.map(({ attempts }) => attempts).toSorted().slice(-2), [1, 2])
        assert.deepStrictEqual(reports.filter((report) => report !== "ok"), ["burn"])
      }))

    it.live.each(
      [
        ["answers for one receiver", {}, (socket: Net.Socket) => socket.end("HTTP/1.1 503 No\r\n\r\n"), 1],
        ["hangs up on one", {}, (socket: Net.Socket) => socket.destroy(), 1],
        ["is too slow for a send of little time", { timeout: 100, deadline: "10 seconds" }, () => {}, 1]
      ] as const
    )(
      "of a proxy that %s is nothing to who waits for another receiver",
      ([, options, behave]) =>
        Effect.gen(function*() {
          const receiver = yield* TestReceiver.make(TestReceiver.reply())
          const held: Array<() => void> = []
          const proxy = yield* connectProxy((socket, connect) => {
            if (connect.authority.endsWith(":9")) return behave(socket)
            held.push(() => pass(socket, connect))
          })
          const { hook, reports } = yield* open(proxy.label, receiver.urlOf("/hook"), {
            egress: EgressPolicy.unrestricted
          })
          const healthy = yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.forkChild(hook.send(payload)))
          yield* until(() => held.length === 10, "all have dialled")
          const dead = failed(yield* hook.send(payload, { url: "http://127.0.0.1:9/hook", ...options }))
          assert.strictEqual(dead.delivered, "no")
          for (const go of held) go()
          const results = yield* Effect.forEach(healthy, (fiber) => Fiber.join(fiber))
          assert.isTrue(results.every(({ attempts, ok }) => ok && attempts === 1))
          assert.notInclude(reports, "burn")
        })
    )

    it.live("of many dead receivers beside many that live loses none of these", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const burned: Array<unknown> = []
        const proxy = yield* connectProxy((socket, connect) => {
          if (!connect.authority.endsWith(":9")) return pass(socket, connect)
          setTimeout(() => socket.end("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"), 5)
        })
        const layer = NodeWebhook.layer({
          urls: receiver.urlOf("/hook"),
          egress: EgressPolicy.unrestricted,
          retry: quick,
          proxies: { get: () => proxy.label, burn: (value) => void burned.push(value) }
        })
        const sends = Array.from({ length: 400 }, (_, index) => {
          const dead = index % 4 === 0
          return Effect.map(
            Webhook.send(payload, dead ? { url: "http://127.0.0.1:9/hook" } : {}),
            (result) => ({ dead, result })
          )
        })
        const results = yield* Effect.forEach(sends, (send) => send, { concurrency: 100 }).pipe(Effect.provide(layer))
        const healthy = results.filter(({ dead }) => !dead)
        assert.lengthOf(healthy.filter(({ result }) => result.ok && result.attempts === 1), 300)
        assert.isTrue(results.every(({ dead, result }) => result.ok !== dead))
        assert.deepStrictEqual(burned, [], "the proxy is well")
      }))

    it.live("of a receiver that is down for a second loses nothing by the only proxy", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        let down = true
        const proxy = yield* connectProxy((socket, connect) => {
          if (down) socket.end("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
          else pass(socket, connect)
        })
        const { hook } = yield* open(proxy.label, receiver.urlOf("/hook"), { retry: RetryPolicy.default })
        const sends = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 20 }), () => hook.send(payload), { concurrency: "unbounded" })
        )
        yield* pause(1000)
        down = false
        const results = yield* Fiber.join(sends)
        assert.isTrue(results.every(({ ok }) => ok), `${results.find(({ ok }) => !ok)}`)
      }))

    it.live("of a proxy that is started anew finds it again", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const port = yield* closedPort
        const { hook, reports } = yield* open(`127.0.0.1:${port}`, receiver.urlOf("/hook"), {
          retry: RetryPolicy.default
        })
        const sends = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 20 }), () => hook.send(payload), { concurrency: "unbounded" })
        )
        yield* until(() => reports.length >= 20, "all have met it while it is down")
        yield* connectProxy(pass, false, port)
        const results = yield* Fiber.join(sends)
        assert.isTrue(results.every(({ ok }) => ok), `${results.find(({ ok }) => !ok)}`)
        assert.isTrue((yield* hook.send(payload)).ok)
      }))
  })

  describe("SOCKS5", () => {
    const username = "us er@x"
    const password = "p:a/s%s"
    const credentials = `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`

    it.live("goes by a proxy with credentials", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* socksProxy({ username, password })
        const { hook, reports } = yield* open(`socks5://${credentials}${proxy.label}`, receiver.urlOf("/hook"))
        const result = delivered(yield* hook.send(payload))
        assert.strictEqual(Redacted.value(result.proxy!), `${proxy.label}:${username}:${password}`)
        assert.deepStrictEqual(reports, ["ok"])
        assert.deepStrictEqual(proxy.targets, [new URL(receiver.url).host])
        yield* pause(5)
        delivered(yield* hook.send(payload))
        assert.strictEqual(proxy.accepted(), 1, "the tunnel is kept alive")
      }))

    it.live("goes by a proxy without credentials", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* socksProxy()
        const { hook } = yield* open(`socks5://${proxy.label}`, receiver.urlOf("/hook"))
        const results = yield* Effect.forEach(Array.from({ length: 40 }), () => hook.send(payload), {
          concurrency: "unbounded"
        })
        assert.isTrue(results.every(({ attempts, ok }) => ok && attempts === 1))
      }))

    it.live("leaves names to the proxy, and speaks TLS to the receiver", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply(), { tls })
        const proxy = yield* socksProxy()
        const { port } = new URL(receiver.url)
        const { hook } = yield* open(`socks5://${proxy.label}`, `https://localhost:${port}/hook`, {
          tls: { ca: tls.cert }
        })
        delivered(yield* hook.send(payload))
        assert.deepStrictEqual(proxy.targets, [`localhost:${port}`])
      }))

    it.live("reaches an IPv6 receiver", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply(), { host: "::1" })
        const proxy = yield* socksProxy()
        const { hook } = yield* open(`socks5://${proxy.label}`, receiver.urlOf("/hook"))
        delivered(yield* hook.send(payload))
        assert.deepStrictEqual(proxy.targets, [new URL(receiver.url).host])
      }))

    interface Row {
      readonly name: string
      readonly socks?: SocksOptions
      readonly accept?: (socket: Net.Socket) => void
      readonly user?: string
      readonly options?: Options
      readonly outcome: ProxyProvider.Outcome
      readonly delivered?: "no" | "maybe"
    }

    const answers = (code: number) => ({ reply: (socket: Net.Socket) => void socket.end(socksReply(code)) })

    const rows: ReadonlyArray<Row> = [
      { name: "refuses the credentials", socks: { username, password: "other" }, outcome: "burn" },
      { name: "wants credentials and there are none", socks: { username, password }, user: "", outcome: "burn" },
      ...[1, 2].map((code) => ({ name: `replies ${code}`, socks: answers(code), outcome: "suspect" as const })),
      ...[3, 4, 5, 6].map((code) => ({ name: `replies ${code}`, socks: answers(code), outcome: "target" as const })),
      ...[7, 8, 99].map((code) => ({ name: `replies ${code}`, socks: answers(code), outcome: "burn" as const })),
      {
        name: "hangs at the greeting",
        accept: () => {},
        options: { connectTimeout: 200 },
        outcome: "suspect"
      },
      {
        name: "hangs at the request",
        socks: { reply: () => {} },
        user: "",
        options: { connectTimeout: 200 },
        outcome: "suspect"
      },
      { name: "hangs up at the greeting", accept: (socket) => void socket.end(), outcome: "burn" },
      {
        name: "hangs up after the greeting",
        accept: (socket) => void socket.once("data", () => socket.end()),
        outcome: "burn"
      },
      {
        name: "resets after the greeting",
        accept: (socket) => void socket.once("data", () => socket.resetAndDestroy()),
        outcome: "burn"
      },
      { name: "speaks HTTP", accept: (socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"), outcome: "burn" },
      { name: "greets before it is asked", accept: (socket) => void socket.write("220 mail\r\n"), outcome: "burn" },
      {
        name: "dies after its reply",
        socks: {
          reply: (socket) => {
            socket.write(socksReply(0))
            setTimeout(() => socket.destroy(), 50)
          }
        },
        user: "",
        outcome: "suspect",
        delivered: "maybe"
      },
      {
        name: "talks a moment after its reply",
        socks: {
          reply: (socket) => {
            socket.write(socksReply(0))
            setTimeout(() => socket.write("hello there\r\n\r\n"), 20)
          }
        },
        user: "",
        outcome: "suspect",
        delivered: "maybe"
      },
      {
        name: "wants a password that is too long",
        socks: { username: "user", password: "x".repeat(256) },
        user: `user:${"x".repeat(256)}@`,
        outcome: "burn"
      }
    ]

    it.live.each(rows)("judges a proxy that $name", (row) =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = row.accept === undefined ? yield* socksProxy(row.socks) : yield* listen(row.accept)
        const user = row.user ?? (row.socks?.username === undefined ? "" : credentials)
        const { hook, reports } = yield* open(`socks5://${user}${proxy.label}`, receiver.urlOf("/hook"), {
          maxRetries: 0,
          maxProxyRetries: 0,
          ...row.options
        })
        const result = failed(yield* hook.send(payload))
        assert.deepStrictEqual(reports, [row.outcome], result.error)
        assert.strictEqual(result.delivered, row.delivered ?? "no", result.error)
        assert.strictEqual(result.reason._tag, row.outcome === "target" ? "ConnectionError" : "ProxyError")
        assert.notInclude(inspect(result.reason, { depth: 10 }), password)
        assert.lengthOf(yield* receiver.requests, 0)
        yield* until(() => proxy.open.size === 0, "the connection is closed")
        yield* pause(100)
        assert.isAtMost(proxy.accepted(), 1)
      }))

    it.live("survives a proxy that talks with its reply", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* socksProxy({
          reply: (socket) => socket.write(Buffer.concat([socksReply(0), Buffer.from("hello there\r\n\r\n")]))
        })
        const { hook } = yield* open(`socks5://${proxy.label}`, receiver.urlOf("/hook"), {
          maxRetries: 0,
          timeout: 500
        })
        failed(yield* hook.send(payload))
        yield* until(() => proxy.open.size === 0, "the connection is closed")
        assert.strictEqual(proxy.accepted(), 1)
      }))

    it.live("burns one where nobody listens", () =>
      Effect.gen(function*() {
        const { hook, reports } = yield* open(`socks5://127.0.0.1:${yield* closedPort}`, "http://127.0.0.1:9/hook", {
          maxRetries: 0
        })
        assert.include(failed(yield* hook.send(payload)).error, "ECONNREFUSED")
        assert.deepStrictEqual(reports, ["burn"])
      }))

    it.live("leaves nothing of a send that is interrupted", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const silent = yield* listen(() => {})
        const slow = yield* socksProxy({ reply: () => {} })
        for (const proxy of [silent, slow]) {
          const { hook } = yield* open(`socks5://${proxy.label}`, receiver.urlOf("/hook"))
          const sends = yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.forkChild(hook.send(payload)))
          yield* until(() => proxy.accepted() === 10, "all have dialled")
          yield* Effect.forEach(sends, (send) => Fiber.interrupt(send), { discard: true })
          const interrupted = performance.now()
          yield* until(() => proxy.open.size === 0, "their connections are closed")
          assert.isBelow(performance.now() - interrupted, 5_000)
        }
        assert.lengthOf(yield* receiver.requests, 0)
      }))
  })

  describe("proxy-chain", () => {
    interface Chain {
      readonly server: Server
      readonly label: string
    }

    // A real proxy that wants a user and a password.
    const chain = (options?: { readonly https?: boolean; readonly host?: string }) =>
      Effect.acquireRelease(
        Effect.promise(async (): Promise<Chain> => {
          const server = new Server({
            port: 0,
            host: options?.host ?? "127.0.0.1",
            ...(options?.https ? { serverType: "https" as const, httpsOptions: tls } : { serverType: "http" as const }),
            prepareRequestFunction: ({ password, username }) => ({
              requestAuthentication: username !== "us er@x" || password !== "p:a/s%s"
            })
          })
          await server.listen()
          return { server, label: `127.0.0.1:${server.port}` }
        }),
        ({ server }) => Effect.promise(() => server.close(true))
      )

    const right = "us er@x:p:a/s%s"

    it.live("takes the right password and burns for the wrong one", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { label } = yield* chain()
        const known = yield* open(`${label}:${right}`, receiver.urlOf("/hook"))
        delivered(yield* known.hook.send(payload))
        assert.deepStrictEqual(known.reports, ["ok"])
        const unknown = yield* open([`${label}:us er@x:wrong`, label], receiver.urlOf("/hook"), { maxRetries: 0 })
        const result = failed(yield* unknown.hook.send(payload))
        assert.deepStrictEqual(unknown.reports, ["burn", "burn"])
        assert.include(result.error, "it refuses the credentials (407 to CONNECT); 2 proxies were tried")
        assert.lengthOf(yield* receiver.requests, 1)
      }))

    it.live.each(
      [
        { proxy: "http", receiver: "http", host: "127.0.0.1" },
        { proxy: "http", receiver: "https", host: "127.0.0.1" },
        { proxy: "http", receiver: "http", host: "::1" },
        { proxy: "http", receiver: "https", host: "localhost" },
        { proxy: "https", receiver: "http", host: "127.0.0.1" },
        { proxy: "https", receiver: "https", host: "127.0.0.1" }
      ]
    )(
      "reaches an $receiver receiver at $host by an $proxy proxy",
      ({ host, proxy, receiver: scheme }) =>
        Effect.gen(function*() {
          const receiver = yield* TestReceiver.make(TestReceiver.reply({ body: "taken" }), {
            ...(scheme === "https" && { tls }),
            ...(host === "::1" && { host })
          })
          const { label, server } = yield* chain({ https: proxy === "https" })
          const url = new URL(receiver.urlOf("/hook"))
          if (host === "localhost") url.hostname = host
          const { hook, reports } = yield* open(
            `${proxy}://us%20er%40x:p%3Aa%2Fs%25s@${label}`,
            url,
            { tls: { ca: tls.cert }, proxyTls: { ca: tls.cert } }
          )
          for (let i = 0; i < 10; i++) {
            const result = delivered(yield* hook.send(payload))
            assert.strictEqual(result.response, "taken")
            assert.strictEqual(Redacted.value(result.proxy!), `${label}:${right}`)
            yield* pause(2)
          }
          assert.isTrue(reports.every((report) => report === "ok"))
          assert.isAtMost(server.stats.connectRequestCount, 2, "the tunnel is kept alive")
          assert.strictEqual(server.stats.httpRequestCount, 0, "everything is tunnelled")
        })
    )

    it.live("carries 40 sends at once", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ delay: "20 millis" }))
        const { label, server } = yield* chain()
        const { hook } = yield* open(`${label}:${right}`, receiver.urlOf("/hook"), { maxPerProxy: 8 })
        const results = yield* Effect.forEach(Array.from({ length: 40 }), () => hook.send(payload), {
          concurrency: "unbounded"
        })
        assert.isTrue(results.every(({ attempts, ok }) => ok && attempts === 1))
        assert.isAtMost(server.stats.connectRequestCount, 16)
      }))

    it.live("tells nobody whose fault it is that the receiver refuses", () =>
      Effect.gen(function*() {
        const { label } = yield* chain()
        const { hook, reports } = yield* open(`${label}:${right}`, `http://127.0.0.1:${yield* closedPort}/hook`, {
          maxProxyRetries: 0,
          maxRetries: 0
        })
        assert.strictEqual(failed(yield* hook.send(payload)).delivered, "no")
        assert.notInclude(reports, "burn")
      }))
  })

  describe("what this side is short of", () => {
    const codes = ["ENETUNREACH", "EHOSTUNREACH", "EMFILE", "ENFILE", "ENOBUFS", "EADDRNOTAVAIL", "EAI_AGAIN"]

    it.live("blames no proxy, whatever it is, and is told as it is", () =>
      Effect.gen(function*() {
        for (const scheme of ["http", "https", "socks5"]) {
          for (const code of codes) {
            const { hook, reports } = yield* open(
              `${scheme}://${code}.fault.test:8080`,
              "http://127.0.0.1:9/hook",
              { maxRetries: 1 }
            )
            const { attempts, delivered, reason } = failed(yield* hook.send(payload))
            assert(reason._tag === "ConnectionError", `${scheme} ${code}: ${reason.message}`)
            assert.strictEqual(reason.code, code)
            assert.strictEqual(reason.phase, "connecting")
            assert.strictEqual(delivered, "no")
            assert.strictEqual(attempts, 2)
            assert.deepStrictEqual(reports, [])
          }
        }
      }))

    it.live.each(
      [
        ["connectTimeout", { connectTimeout: 200 }],
        ["timeout", { timeout: 200 }]
      ] as const
    )("is a resolver that does not answer within the %s", ([, options]) =>
      Effect.gen(function*() {
        for (const scheme of ["http", "https", "socks5"]) {
          const { hook, reports } = yield* open(`${scheme}://silent.fault.test:8080`, "http://127.0.0.1:9/hook", {
            maxRetries: 0,
            ...options
          })
          const { reason } = failed(yield* hook.send(payload))
          assert(reason._tag === "ConnectionError", reason.message)
          assert.strictEqual(reason.code, "EAI_AGAIN")
          assert.deepStrictEqual(reports, [])
        }
      }))

    it.live.each(
      [
        ["connectTimeout", { connectTimeout: 200 }],
        ["timeout", { timeout: 200 }]
      ] as const
    )(
      "is no proxy's fault where the receiver's name is resolved here, and is not within the %s",
      ([, options]) =>
        Effect.gen(function*() {
          const proxy = yield* good
          const silent = Layer.succeed(AddressResolver.AddressResolver, { resolve: () => Effect.never })
          const { hook, reports } = yield* Effect.provide(
            open(proxy.label, "http://receiver.test:9/hook", {
              maxRetries: 0,
              egress: EgressPolicy.publicOnly,
              ...options
            }),
            silent
          )
          const { reason } = failed(yield* hook.send(payload))
          assert(reason._tag === "ConnectionError", reason.message)
          assert.deepStrictEqual(reports, ["target"])
          assert.strictEqual(proxy.accepted(), 0)
        })
    )

    it.live("is no connectTimeout: without an end it waits as long as the timeout", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* connectProxy((socket, connect) => {
          setTimeout(() => pass(socket, connect), 100)
        })
        for (const connectTimeout of [Duration.infinity, "1000 hours"] as const) {
          const { hook } = yield* open(proxy.label, receiver.urlOf("/hook"), {
            connectTimeout,
            keepAlive: Duration.infinity
          })
          assert.strictEqual(delivered(yield* hook.send(payload)).attempts, 1)
        }
        const direct = NodeWebhook.layer({
          urls: receiver.urlOf("/hook"),
          connectTimeout: Duration.infinity,
          keepAlive: Duration.infinity,
          timeout: Duration.infinity,
          deadline: Duration.infinity,
          maxRetries: 0
        })
        delivered(yield* Effect.provide(Webhook.send(payload), direct))
      }))
  })

  describe("TLS to a proxy", () => {
    // What a TLS server saw of who connects to it.
    const watched = (certificate: typeof tls, behave: (socket: Net.Socket, connect: Connect) => void) =>
      Effect.gen(function*() {
        const names: Array<string | false | null> = []
        const certificates: Array<string | undefined> = []
        const proxy = yield* connectProxy((socket, connect) => {
          const secure = socket as Tls.TLSSocket
          names.push(secure.servername ?? null)
          certificates.push(secure.getPeerCertificate().fingerprint)
          behave(socket, connect)
        }, { ...certificate, requestCert: true, rejectUnauthorized: false })
        return { ...proxy, names, certificates }
      })

    const toReceiver = Effect.gen(function*() {
      const receiver = yield* TestReceiver.make(TestReceiver.reply(), { tls: receiverTls })
      const { host, port } = new URL(receiver.url)
      return { receiver, host, url: `https://receiver.test:${port}/hook` }
    })

    it.live("goes by the proxy's own name and certificate, and tells it nothing of the receiver's", () =>
      Effect.gen(function*() {
        const { host, receiver, url } = yield* toReceiver
        const proxy = yield* watched(tls, (socket, connect) => pass(socket, connect, host))
        const { hook, reports } = yield* open(`https://user:hunter2@localhost:${proxy.port}`, url, {
          tls: { ca: receiverTls.cert, cert: receiverTls.cert, key: receiverTls.key },
          proxyTls: { ca: tls.cert }
        })
        delivered(yield* hook.send(payload))
        assert.deepStrictEqual(reports, ["ok"])
        assert.deepStrictEqual(proxy.names, ["localhost"])
        assert.deepStrictEqual(proxy.certificates, [undefined], "the receiver's client certificate is not shown")
        assert.lengthOf(yield* receiver.requests, 1)
      }))

    it.live("sends no name to a proxy that is an address, and checks the address", () =>
      Effect.gen(function*() {
        const { host, url } = yield* toReceiver
        const proxy = yield* watched(tls, (socket, connect) => pass(socket, connect, host))
        const { hook } = yield* open(`https://127.0.0.1:${proxy.port}`, url, {
          tls: { ca: receiverTls.cert },
          proxyTls: { ca: tls.cert }
        })
        delivered(yield* hook.send(payload))
        assert.deepStrictEqual(proxy.names.map((name) => name || undefined), [undefined])
      }))

    const untrusted: ReadonlyArray<readonly [string, typeof tls, Options]> = [
      ["the receiver's certificate", receiverTls, { proxyTls: { ca: receiverTls.cert } }],
      ["a certificate that only receivers may have", tls, { tls: { ca: tls.cert } }],
      ["any certificate, where only receivers may have any", tls, { tls: { rejectUnauthorized: false } }]
    ]

    it.live.each(untrusted)(
      "gives no password to a proxy with %s",
      ([, certificate, options]) =>
        Effect.gen(function*() {
          const { host, receiver, url } = yield* toReceiver
          const proxy = yield* watched(certificate, (socket, connect) => pass(socket, connect, host))
          const { hook, reports } = yield* open(`https://user:hunter2@localhost:${proxy.port}`, url, {
            ...options,
            maxRetries: 0
          })
          const result = failed(yield* hook.send(payload))
          assert.deepStrictEqual(reports, ["burn"])
          assert.match(result.error, /its certificate was refused \((?:ERR_TLS_CERT_ALTNAME_INVALID|DEPTH_ZERO)/)
          assert.lengthOf(proxy.connects, 0)
          assert.lengthOf(yield* receiver.requests, 0)
        })
    )

    it.live("may be told to trust any certificate, which holds for the proxy alone", () =>
      Effect.gen(function*() {
        const { host, url } = yield* toReceiver
        const proxy = yield* watched(tls, (socket, connect) => pass(socket, connect, host))
        const { hook, reports } = yield* open(`https://localhost:${proxy.port}`, url, {
          proxyTls: { rejectUnauthorized: false },
          maxRetries: 0
        })
        const result = failed(yield* hook.send(payload))
        assert.include(result.error, "the receiver's certificate was refused")
        assert.deepStrictEqual(reports, ["suspect"])
      }))
  })

  it.live("passes over HTTP_PROXY and its like", () =>
    Effect.gen(function*() {
      const receiver = yield* TestReceiver.make(TestReceiver.reply())
      const trap = yield* listen((socket) => socket.resume())
      const proxy = yield* good
      const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
      const before = names.map((name) => [name, process.env[name]] as const)
      for (const name of names) process.env[name] = `http://${trap.label}`
      yield* Effect.gen(function*() {
        const { hook } = yield* open(proxy.label, receiver.urlOf("/hook"))
        delivered(yield* hook.send(payload))
        const direct = Webhook.send(payload).pipe(Effect.provide(NodeWebhook.layer({ urls: receiver.urlOf("/hook") })))
        delivered(yield* direct)
      }).pipe(Effect.ensuring(Effect.sync(() => {
        for (const [name, value] of before) {
          if (value === undefined) delete process.env[name]
          else process.env[name] = value
        }
      })))
      assert.strictEqual(trap.accepted(), 0)
      assert.strictEqual(proxy.accepted(), 1)
    }))

  it.live("is never passed over: a transport for proxies sends nothing without one", () =>
    Effect.gen(function*() {
      const receiver = yield* TestReceiver.make(TestReceiver.reply())
      const layer = NodeWebhook.layer({
        urls: receiver.urlOf("/hook"),
        proxies: { get: () => undefined },
        maxRetries: 0
      })
      const result = failed(yield* Effect.provide(Webhook.send(payload), layer))
      assert.strictEqual(result.reason._tag, "ProxyError")
      assert.strictEqual(yield* receiver.connections, 0)
    }))

  it.live("comes from a plain object with get and burn", () =>
    Effect.gen(function*() {
      const receiver = yield* TestReceiver.make(TestReceiver.reply())
      const proxy = yield* good
      const dead = yield* closedPort
      const list = [{ url: `http://127.0.0.1:${dead}` }, { url: `http://${proxy.label}` }]
      const burned: Array<unknown> = []
      const layer = NodeWebhook.layer({
        urls: receiver.urlOf("/hook"),
        proxies: { get: async () => list[burned.length], burn: (value) => void burned.push(value) }
      })
      const result = delivered(yield* Effect.provide(Webhook.send(payload), layer))
      assert.strictEqual(result.attempts, 2)
      assert.strictEqual(burned[0], list[0])
    }))

  it.live("can be given to single attempts", () =>
    Effect.gen(function*() {
      const receiver = yield* TestReceiver.make(TestReceiver.reply({ body: "hello" }))
      const proxy = yield* good
      const context = yield* Layer.build(
        NodeTransport.layerProxied().pipe(Layer.provide(ProxyProvider.layer(proxy.label)))
      )
      const transport = yield* Effect.provideContext(Transport.Transport, context)
      const reply = yield* transport.attempt({
        url: Redacted.make(receiver.urlOf("/hook")),
        headers: {},
        body: "",
        timeout: 10_000,
        maxResponseBytes: 100
      }, Result.getOrThrow(Proxy.parse(proxy.label)))
      assert.strictEqual(reply.text, "hello")
      assert.strictEqual(proxy.accepted(), 1)
    }))
})
