import { assert, describe, it, vi } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Layer, ManagedRuntime, Scope } from "effect"
import { EgressPolicy, RetryPolicy, UrlPool, Webhook, WebhookResult } from "effect-webhooks"
import { NodeTransport, NodeWebhook, TestReceiver } from "effect-webhooks/node"
import * as Http from "node:http"
import type * as Net from "node:net"
import { listen, tls } from "./servers.ts"

// The machine may be busy: what is bounded below is bounded by itself.
vi.setConfig({ testTimeout: 30_000 })

// Retries without a wait that anybody would notice.
const quick = RetryPolicy.backoff({ base: 1, max: 2 })

// Far longer than any test: what is closed before that was closed on purpose.
const keepAlive = "10 minutes"

const payload = { text: "hello" }

const layerTo = (receiver: TestReceiver.TestReceiver["Service"], options?: Partial<NodeWebhook.Options>) =>
  NodeWebhook.layer({ urls: receiver.urlOf("/hook"), retry: quick, keepAlive, ...options })

// An instance whose sockets live until the test ends.
const hookTo = (receiver: TestReceiver.TestReceiver["Service"], options?: Partial<NodeWebhook.Options>) =>
  Effect.flatMap(Effect.scope, (scope) => Layer.buildWithScope(layerTo(receiver, { grace: 100, ...options }), scope))
    .pipe(
      Effect.flatMap((context) => Effect.provideContext(Webhook.Webhook, context))
    )

const exchange = Effect.fnUntraced(function*(
  script: TestReceiver.Routes,
  options?: Partial<NodeWebhook.Options>,
  receiverOptions?: TestReceiver.Options
) {
  const receiver = yield* TestReceiver.make(script, receiverOptions)
  const hook = yield* hookTo(receiver, options)
  const result = yield* hook.send(payload)
  return { receiver, hook, result }
})

const failed = (result: WebhookResult.WebhookResult): WebhookResult.Failed => {
  assert(WebhookResult.isFailed(result), `expected a failure, got ${result}`)
  return result
}

const failedWith = <Tag extends WebhookResult.Failed["reason"]["_tag"]>(
  result: WebhookResult.WebhookResult,
  tag: Tag
) => {
  const { reason } = failed(result)
  assert.strictEqual(reason._tag, tag, reason.message)
  return reason as Extract<WebhookResult.Failed["reason"], { readonly _tag: Tag }>
}

const delivered = (result: WebhookResult.WebhookResult): WebhookResult.Delivered => {
  assert(WebhookResult.isDelivered(result), `expected a delivery, got ${result}`)
  return result
}

const soon = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.timeout(effect, "10 seconds")

const until = (condition: () => boolean) =>
  soon(Effect.gen(function*() {
    while (!condition()) yield* Effect.sleep(10)
  }))

describe("NodeTransport", () => {
  describe("what goes out", () => {
    it.live("posts the JSON to the path and query of the URL", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const hook = yield* hookTo(receiver, {
          urls: receiver.urlOf("/a/b%20c?x=1&y=%26#dropped"),
          headers: { "X-Team": "blue" }
        })
        delivered(yield* hook.send({ text: "häh" }, { headers: { "x-one": "1" } }))
        const [request, ...others] = yield* receiver.requests
        assert.strictEqual(others.length, 0)
        assert.strictEqual(request!.method, "POST")
        assert.strictEqual(request!.path, "/a/b%20c?x=1&y=%26")
        assert.strictEqual(request!.body, "{\"text\":\"häh\"}")
        assert.strictEqual(request!.headers["content-type"], "application/json")
        assert.strictEqual(request!.headers["content-length"], "15")
        assert.strictEqual(request!.headers["x-team"], "blue")
        assert.strictEqual(request!.headers["x-one"], "1")
        assert.match(request!.headers["user-agent"]!, /^effect-webhooks\/\d/)
        assert.strictEqual(request!.headers["host"], new URL(receiver.url).host)
      }))

    it.live("sends no header that nobody asked for, also within a span", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const hook = yield* hookTo(receiver)
        delivered(yield* Effect.withSpan(hook.send(payload), "app"))
        const [request] = yield* receiver.requests
        assert.deepStrictEqual(
          Object.keys(request!.headers).toSorted(),
          ["connection", "content-length", "content-type", "host", "user-agent"]
        )
      }))
  })

  describe("answers", () => {
    it.live("204 is delivered without a response", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.reply())
        assert.strictEqual(delivered(result).status, 204)
        assert.strictEqual(result.response, undefined)
        assert.isFalse(result.truncated)
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(result.target, new URL(receiver.url).host)
      }))

    it.live("a JSON body is parsed", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.reply({ status: 201, body: { id: "1", name: "ü" } }))
        assert.strictEqual(delivered(result).status, 201)
        assert.deepStrictEqual(result.response, { id: "1", name: "ü" })
      }))

    it.live("a body that is no JSON is text", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.reply({ body: "{ok" }))
        assert.strictEqual(delivered(result).response, "{ok")
      }))

    it.live("an empty body is undefined", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.reply({ status: 200 }))
        assert.strictEqual(delivered(result).status, 200)
        assert.strictEqual(result.response, undefined)
      }))

    it.live("a 4xx is rejected with its status and body, and not retried", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.reply({ status: 404, body: { code: 10015 } }))
        assert.strictEqual(failedWith(result, "Rejected").status, 404)
        assert.deepStrictEqual(result.response, { code: 10015 })
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(failed(result).delivered, "no")
      }))

    it.live("1xx answers are ignored", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.garbage(
          "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
            + "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        ))
        assert.strictEqual(delivered(result).status, 200)
        assert.strictEqual(result.response, "ok")
        assert.strictEqual(result.attempts, 1)
      }))

    const final = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

    const interim: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
      ["before the answer", ["HTTP/1.1 100 Continue\r\n\r\n" + final]],
      ["in a packet of its own", ["HTTP/1.1 100 Continue\r\n\r\n", final]],
      ["in pieces", ["HTTP/1.1 100 Cont", "inue\r\nserver: old", "\r\n\r\n" + final]],
      ["with headers", ["HTTP/1.0 100 Go on\r\nserver: old\r\n\r\n", final]],
      ["three times", ["HTTP/1.1 100 Continue\r\n\r\n".repeat(2), "HTTP/1.1 100 Continue\r\n\r\n" + final]],
      ["together with another interim one", ["HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + final]],
      ["after another interim one", ["HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", final]]
    ]

    it.live.each(interim)("an unasked 100 Continue is passed over: %s", ([, packets]) =>
      Effect.gen(function*() {
        const server = yield* listen((socket) => {
          socket.setNoDelay(true)
          socket.on("data", (chunk: Buffer) => {
            // The end of the body: head and body may come one after the other.
            if (!chunk.toString().endsWith("}")) return
            packets.forEach((packet, index) => setTimeout(() => socket.write(packet), index * 20))
          })
        })
        const layer = NodeWebhook.layer({ urls: `http://127.0.0.1:${server.port}/hook`, keepAlive: "10 seconds" })
        yield* Effect.gen(function*() {
          for (let i = 0; i < 3; i++) {
            const result = delivered(yield* Webhook.send(payload))
            assert.strictEqual(result.attempts, 1)
            assert.strictEqual(result.response, "ok")
          }
        }).pipe(Effect.provide(layer))
        assert.isAtMost(server.accepted(), 2, "the connection is kept")
      }))

    it.live.each([301, 302, 303, 307, 308])("%i is never followed", (status) =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange({
          "/hook": TestReceiver.reply({ status, headers: { location: "/target" } }),
          "/target": TestReceiver.reply()
        })
        assert.strictEqual(failedWith(result, "Redirected").status, status)
        assert.strictEqual(result.status, status)
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(failed(result).delivered, "no")
        assert.deepStrictEqual((yield* receiver.requests).map(({ path }) => path), ["/hook"])
      }))
  })

  describe("connections", () => {
    it.live("are reused", () =>
      Effect.gen(function*() {
        const { hook, receiver } = yield* exchange(TestReceiver.reply({ body: { ok: true } }))
        for (let i = 0; i < 30; i++) delivered(yield* hook.send(payload))
        assert.strictEqual((yield* receiver.requests).length, 31)
        assert.isAtMost(yield* receiver.connections, 3)
      }))

    it.live("are reused after an error status", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.reply({ status: 500, body: "no" }), { maxRetries: 9 })
        assert.strictEqual(result.attempts, 10)
        assert.isAtMost(yield* receiver.connections, 3)
      }))

    it.live("a reset before the body was read is retried", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange([TestReceiver.resetBefore, TestReceiver.reply()])
        assert.strictEqual(delivered(result).attempts, 2)
        const [first, second] = result.history
        assert.strictEqual(first!.status, undefined)
        assert(first!.reason?._tag === "ConnectionError")
        assert.strictEqual(first!.reason.code, "ECONNRESET")
        assert.strictEqual(first!.reason.phase, "sent")
        assert.isFalse(first!.reason.certificate)
        assert.strictEqual(second!.status, 204)
        assert.strictEqual(second!.reason, undefined)
        assert.strictEqual((yield* receiver.requests).length, 2)
      }))

    it.live("a reset after the request was read may have delivered it", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.resetAfter, { maxRetries: 2 })
        const reason = failedWith(result, "ConnectionError")
        assert.strictEqual(reason.phase, "sent")
        assert.strictEqual(reason.code, "ECONNRESET")
        assert.strictEqual(failed(result).delivered, "maybe")
        assert.strictEqual(result.attempts, 3)
        assert.strictEqual(result.status, undefined)
        const bodies = (yield* receiver.received(3)).map(({ body }) => body)
        assert.deepStrictEqual(bodies, Array(3).fill(JSON.stringify(payload)))
      }))

    it.live("a reset after the request was read is not retried when a maybe stops the send", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.resetAfter, { onAmbiguous: "stop" })
        assert.strictEqual(failed(result).delivered, "maybe")
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual((yield* receiver.requests).length, 1)
      }))

    it.live("the end of the connection in place of an answer may have delivered it", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.garbage(""), { maxRetries: 0 })
        assert.strictEqual(failedWith(result, "ConnectionError").phase, "sent")
        assert.strictEqual(failed(result).delivered, "maybe")
      }))

    it.live("a refused port was certainly not delivered", () =>
      Effect.gen(function*() {
        const { port } = yield* Effect.scoped(listen(() => {}))
        const result = yield* Effect.provide(
          Webhook.send(payload),
          NodeWebhook.layer({ urls: `http://127.0.0.1:${port}/hook`, retry: quick, maxRetries: 2 })
        )
        const reason = failedWith(result, "ConnectionError")
        assert.strictEqual(reason.code, "ECONNREFUSED")
        assert.strictEqual(reason.phase, "connecting")
        assert.strictEqual(failed(result).delivered, "no")
        assert.strictEqual(result.attempts, 3)
      }))

    it.live("an unresolvable name was certainly not delivered", () =>
      Effect.gen(function*() {
        const result = yield* Effect.provide(
          Webhook.send(payload),
          NodeWebhook.layer({ urls: "http://nowhere.invalid/hook", retry: quick, maxRetries: 0, timeout: "1 minute" })
        )
        const reason = failedWith(result, "ConnectionError")
        assert.match(reason.code!, /^(?:ENOTFOUND|EAI_AGAIN)$/)
        assert.strictEqual(reason.phase, "connecting")
        assert.strictEqual(failed(result).delivered, "no")
      }))
  })

  describe("answers that never end", () => {
    it.live("a hang is a timeout after the request was sent", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.hang, { timeout: 100, maxRetries: 1 })
        const reason = failedWith(result, "Timeout")
        assert.strictEqual(reason.phase, "sent")
        assert.strictEqual(Duration.toMillis(reason.after), 100)
        assert.strictEqual(result.attempts, 2)
        assert.strictEqual(failed(result).delivered, "maybe")
        for (const { took } of result.history) assert.isAtLeast(took, 95)
        yield* soon(receiver.closed)
      }))

    it.live("a send's own timeout binds instead of the layer's", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.hang)
        const hook = yield* hookTo(receiver, { timeout: "10 minutes", maxRetries: 0 })
        const result = yield* soon(hook.send(payload, { timeout: 80 }))
        assert.strictEqual(Duration.toMillis(failedWith(result, "Timeout").after), 80)
      }))

    it.live("header lines without end are a timeout", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.slowHeaders({ every: 20 }), {
          timeout: 200,
          maxRetries: 0
        })
        assert.strictEqual(failedWith(result, "Timeout").phase, "sent")
        assert.strictEqual(failed(result).delivered, "maybe")
        yield* soon(receiver.closed)
      }))

    it.live("a 200 whose body drips is delivered at the attempt's timeout with what came", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.drip({ every: 20 }), { timeout: 500 })
        assert.strictEqual(delivered(result).status, 200)
        assert.isTrue(result.truncated)
        assert.match(result.response as string, /^\.+$/)
        assert.strictEqual(result.attempts, 1)
        assert.isAtLeast(result.history[0]!.took, 490)
        yield* soon(receiver.closed)
      }))

    it.live("a 500 whose body drips is a server error at the attempt's timeout", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.drip({ status: 500, every: 20 }), {
          timeout: 300,
          maxRetries: 1
        })
        assert.strictEqual(failedWith(result, "ServerError").status, 500)
        assert.strictEqual(result.attempts, 2)
        assert.isTrue(result.truncated)
        assert.strictEqual(failed(result).delivered, "maybe")
        yield* soon(receiver.closed)
      }))

    it.live("a flood is cut at maxResponseBytes and its socket closed", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.flood(), { maxResponseBytes: 1000 })
        assert.strictEqual(delivered(result).status, 200)
        assert.isTrue(result.truncated)
        assert.strictEqual(result.response, ".".repeat(1000))
        yield* soon(receiver.closed)
      }))

    it.live("a flood is cut at 64 KiB by default", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.flood())
        assert.isTrue(delivered(result).truncated)
        assert.strictEqual((result.response as string).length, 65_536)
      }))

    it.live("nothing of a body is kept when maxResponseBytes is 0", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.reply({ body: "hello" }), { maxResponseBytes: 0 })
        assert.isTrue(delivered(result).truncated)
        assert.strictEqual(result.response, undefined)
      }))

    it.live("a body of exactly maxResponseBytes is whole, one byte more is cut", () =>
      Effect.gen(function*() {
        const exact = yield* exchange(TestReceiver.reply({ body: "12345" }), { maxResponseBytes: 5 })
        assert.isFalse(delivered(exact.result).truncated)
        assert.strictEqual(exact.result.response, 12345)
        const longer = yield* exchange(TestReceiver.reply({ body: "123456" }), { maxResponseBytes: 5 })
        assert.isTrue(delivered(longer.result).truncated)
        assert.strictEqual(longer.result.response, 12345)
      }))

    it.live("a flood costs the receiver no more than what the kernel buffers", () =>
      Effect.gen(function*() {
        let pushed = 0
        const chunk = Buffer.alloc(65_536, ".")
        const server = yield* listen((socket) => {
          socket.once("data", () => {
            socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            const pour = () => {
              if (socket.destroyed) return
              socket.write("10000\r\n")
              socket.write(chunk)
              socket.write("\r\n", (error) => {
                if (error) return
                pushed += chunk.length
                setImmediate(pour)
              })
            }
            pour()
          })
        })
        // The layer lives on: only the cut can end the flood.
        const context = yield* Layer.build(
          NodeWebhook.layer({ urls: `http://127.0.0.1:${server.port}/hook`, keepAlive, grace: 100 })
        )
        const result = yield* Effect.provideContext(Webhook.send(payload), context)
        assert.isTrue(delivered(result).truncated)
        yield* until(() => server.open.size === 0)
        const atClose = pushed
        yield* Effect.sleep(200)
        assert.strictEqual(pushed, atClose)
        assert.isBelow(pushed, 32 * 1024 * 1024)
      }))
  })

  describe("answers that are broken", () => {
    it.live("a reset in the middle of a 2xx body is delivered, truncated", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.resetDuring({ status: 201, body: "x".repeat(40) }))
        assert.strictEqual(delivered(result).status, 201)
        assert.isTrue(result.truncated)
        assert.strictEqual(result.response, "x".repeat(20))
        assert.strictEqual(result.attempts, 1)
      }))

    it.live("a reset in the middle of a 429 body is still rate limited", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.resetDuring({ status: 429, body: "x".repeat(40) }), {
          maxRetries: 0
        })
        assert.strictEqual(failedWith(result, "RateLimited").status, 429)
        assert.isTrue(result.truncated)
      }))

    it.live("a body shorter than its content-length is delivered, truncated", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.lie({ contentLength: 100, body: "{\"a\":1}" }))
        assert.isTrue(delivered(result).truncated)
        assert.deepStrictEqual(result.response, { a: 1 })
        assert.strictEqual(result.attempts, 1)
      }))

    it.live("what follows a body's content-length is never taken for another answer", () =>
      Effect.gen(function*() {
        const smuggled = "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"
        const { hook, result } = yield* exchange([
          TestReceiver.lie({ contentLength: 2, body: `ok${smuggled}` }),
          TestReceiver.reply({ body: "second" })
        ])
        assert.strictEqual(delivered(result).response, "ok")
        const second = delivered(yield* hook.send(payload))
        assert.strictEqual(second.response, "second")
        assert.strictEqual(second.attempts, 1)
      }))

    it.live("what is no HTTP may have been delivered", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.garbage("SSH-2.0-OpenSSH_9.6\r\n"), { maxRetries: 1 })
        const reason = failedWith(result, "ConnectionError")
        assert.strictEqual(reason.phase, "sent")
        assert.strictEqual(failed(result).delivered, "maybe")
        assert.strictEqual(result.attempts, 2)
      }))

    it.live("headers larger than any sane answer's end the attempt", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(
          TestReceiver.garbage(`HTTP/1.1 200 OK\r\nx-big: ${"x".repeat(100_000)}\r\ncontent-length: 0\r\n\r\n`),
          { maxRetries: 0 }
        )
        assert.strictEqual(failedWith(result, "ConnectionError").phase, "sent")
        assert.strictEqual(failed(result).delivered, "maybe")
      }))
  })

  describe("tls", () => {
    it.live("a certificate of nobody's is refused, for good", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.reply(), undefined, { tls })
        const reason = failedWith(result, "ConnectionError")
        assert.isTrue(reason.certificate)
        assert.strictEqual(reason.phase, "connecting")
        assert.strictEqual(reason.code, "DEPTH_ZERO_SELF_SIGNED_CERT")
        assert.strictEqual(failed(result).delivered, "no")
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual((yield* receiver.requests).length, 0)
      }))

    it.live("a certificate of an authority of one's own is accepted", () =>
      Effect.gen(function*() {
        const { hook, receiver, result } = yield* exchange(TestReceiver.reply(), { tls: { ca: tls.cert } }, { tls })
        assert.strictEqual(delivered(result).status, 204)
        for (let i = 0; i < 10; i++) delivered(yield* hook.send(payload))
        assert.isAtMost(yield* receiver.connections, 3)
      }))

    it.live("a certificate for another name is refused, for good", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply(), { tls, host: "127.0.0.2" })
        const hook = yield* hookTo(receiver, { tls: { ca: tls.cert } })
        const result = yield* hook.send(payload)
        const reason = failedWith(result, "ConnectionError")
        assert.isTrue(reason.certificate)
        assert.strictEqual(reason.code, "ERR_TLS_CERT_ALTNAME_INVALID")
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(failed(result).delivered, "no")
      }))

    it.live("a port that speaks no TLS was certainly not delivered", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const hook = yield* hookTo(receiver, {
          urls: receiver.urlOf("/hook").replace("http:", "https:"),
          maxRetries: 1
        })
        const result = yield* hook.send(payload)
        const reason = failedWith(result, "ConnectionError")
        assert.isFalse(reason.certificate)
        assert.strictEqual(reason.phase, "connecting")
        assert.strictEqual(failed(result).delivered, "no")
        assert.strictEqual(result.attempts, 2)
      }))

    it.live("a handshake that never comes to an end is a timeout while connecting", () =>
      Effect.gen(function*() {
        const { port } = yield* listen(() => {})
        const result = yield* Effect.provide(
          Webhook.send(payload),
          NodeWebhook.layer({
            urls: `https://127.0.0.1:${port}/hook`,
            timeout: 200,
            maxRetries: 0,
            grace: 100
          })
        )
        assert.strictEqual(failedWith(result, "Timeout").phase, "connecting")
        assert.strictEqual(failed(result).delivered, "no")
      }))

    it.live("connectTimeout ends a handshake before the attempt's timeout does", () =>
      Effect.gen(function*() {
        const { port } = yield* listen(() => {})
        const result = yield* Effect.provide(
          Webhook.send(payload),
          NodeWebhook.layer({
            urls: `https://127.0.0.1:${port}/hook`,
            timeout: "10 minutes",
            connectTimeout: 300,
            maxRetries: 0
          })
        )
        const reason = failedWith(result, "ConnectionError")
        assert.strictEqual(reason.code, "UND_ERR_CONNECT_TIMEOUT")
        assert.strictEqual(reason.phase, "connecting")
        assert.strictEqual(failed(result).delivered, "no")
      }))
  })

  describe("interruption", () => {
    it.live("closes the socket of a send that is still connecting", () =>
      Effect.gen(function*() {
        const server = yield* listen(() => {})
        const scope = yield* Effect.scope
        const context = yield* Layer.buildWithScope(
          NodeWebhook.layer({ urls: `https://127.0.0.1:${server.port}/hook`, connectTimeout: "10 minutes" }),
          scope
        )
        const fiber = yield* Effect.forkChild(Effect.provideContext(Webhook.send(payload), context))
        yield* until(() => server.open.size === 1)
        yield* soon(Fiber.interrupt(fiber))
        yield* until(() => server.open.size === 0)
      }))

    it.live("a timeout while connecting closes the socket too", () =>
      Effect.gen(function*() {
        const server = yield* listen(() => {})
        const scope = yield* Effect.scope
        const context = yield* Layer.buildWithScope(
          NodeWebhook.layer({
            urls: `https://127.0.0.1:${server.port}/hook`,
            connectTimeout: "10 minutes",
            timeout: 200,
            maxRetries: 0
          }),
          scope
        )
        const results = yield* Effect.provideContext(
          Effect.all(Array.from({ length: 50 }, () => Webhook.send(payload)), { concurrency: "unbounded" }),
          context
        )
        for (const result of results) assert.strictEqual(failedWith(result, "Timeout").phase, "connecting")
        yield* until(() => server.open.size === 0)
      }))

    it.live("closes the socket of a send that hangs", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.hang)
        const hook = yield* hookTo(receiver, { timeout: "10 minutes" })
        const fiber = yield* Effect.forkChild(hook.send(payload))
        yield* soon(receiver.received(1))
        assert.strictEqual(yield* receiver.sockets, 1)
        yield* soon(Fiber.interrupt(fiber))
        yield* soon(receiver.closed)
        assert.strictEqual(yield* receiver.sockets, 0)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      }))

    it.live("closes the socket of a send that reads an endless body", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.drip())
        const hook = yield* hookTo(receiver, { timeout: "10 minutes" })
        const fiber = yield* Effect.forkChild(hook.send(payload))
        yield* soon(receiver.received(1))
        yield* Effect.sleep(100)
        yield* soon(Fiber.interrupt(fiber))
        yield* soon(receiver.closed)
      }))

    it.live("closes the sockets of two hundred sends at once", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.hang)
        const hook = yield* hookTo(receiver, { timeout: "10 minutes", maxPerOrigin: 200 })
        const fiber = yield* Effect.forkChild(
          Effect.all(Array.from({ length: 200 }, () => hook.send(payload)), { concurrency: "unbounded" })
        )
        yield* soon(receiver.received(200))
        yield* soon(Fiber.interrupt(fiber))
        yield* soon(receiver.closed)
      }))

    it.live("ends a send that waits in its backoff, which then sends nothing more", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ status: 500 }))
        const hook = yield* hookTo(receiver, { retry: RetryPolicy.backoff({ base: 600, max: 600 }) })
        const fiber = yield* Effect.forkChild(hook.send(payload))
        yield* soon(receiver.received(1))
        yield* Effect.sleep(100)
        yield* soon(Fiber.interrupt(fiber))
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        yield* Effect.sleep(800)
        assert.strictEqual((yield* receiver.requests).length, 1)
      }))

    it.live("ends sends that wait for a paced URL, and those that stay still go", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([
          TestReceiver.reply({ status: 429, body: { retry_after: 1 } }),
          TestReceiver.reply()
        ])
        const hook = yield* hookTo(receiver, { maxRetries: 0 })
        failedWith(yield* hook.send("first"), "RateLimited")
        const parked = yield* Effect.forEach(
          ["second", "third", "fourth"],
          (text) => Effect.forkChild(hook.send(text))
        )
        yield* Effect.sleep(100)
        yield* soon(Fiber.interrupt(parked[0]!))
        yield* soon(Fiber.interrupt(parked[2]!))
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(parked[0]!)))
        delivered(yield* soon(Fiber.join(parked[1]!)))
        assert.deepStrictEqual((yield* receiver.requests).map(({ body }) => body), ["\"first\"", "\"third\""])
      }))

    it.live("ends sends that wait for a turn, and those that stay still get theirs", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make((request) =>
          request.body === "\"first\"" ? TestReceiver.hang : TestReceiver.reply()
        )
        const hook = yield* hookTo(receiver, { maxPerOrigin: 1, timeout: "10 minutes" })
        const first = yield* Effect.forkChild(hook.send("first"))
        yield* soon(receiver.received(1))
        const waiting = yield* Effect.forEach(
          ["second", "third", "fourth"],
          (text) => Effect.forkChild(hook.send(text))
        )
        yield* Effect.sleep(100)
        yield* soon(Fiber.interrupt(waiting[0]!))
        yield* soon(Fiber.interrupt(waiting[2]!))
        assert.strictEqual((yield* receiver.requests).length, 1)
        yield* soon(Fiber.interrupt(first))
        delivered(yield* soon(Fiber.join(waiting[1]!)))
        delivered(yield* soon(hook.send("fifth")))
        assert.deepStrictEqual(
          (yield* receiver.requests).map(({ body }) => body),
          ["\"first\"", "\"third\"", "\"fifth\""]
        )
      }))
  })

  describe("many sends at once", () => {
    it.live("400 sends that need different numbers of retries are not mixed up", () =>
      Effect.gen(function*() {
        const tries = new Map<number, number>()
        const receiver = yield* TestReceiver.make((request) => {
          const { failures, id } = JSON.parse(request.body) as { id: number; failures: number }
          const count = (tries.get(id) ?? 0) + 1
          tries.set(id, count)
          return TestReceiver.reply({ status: count > failures ? 200 : 500, body: { id, count } })
        })
        const hook = yield* hookTo(receiver, { maxRetries: 50 })
        const results = yield* Effect.forEach(
          Array.from({ length: 400 }, (_, id) => ({ id, failures: (id * 7) % 12 })),
          (payload) => Effect.map(hook.send(payload), (result) => ({ payload, result })),
          { concurrency: "unbounded" }
        )
        for (const { payload, result } of results) {
          const attempts = payload.failures + 1
          assert.strictEqual(delivered(result).attempts, attempts)
          assert.deepStrictEqual(result.response, { id: payload.id, count: attempts })
          assert.deepStrictEqual(
            result.history.map(({ status }) => status),
            [...Array(payload.failures).fill(500), 200]
          )
        }
        assert.strictEqual(new Set(results.map(({ result }) => result.id)).size, 400)
        assert.strictEqual(
          (yield* receiver.requests).length,
          results.reduce((sum, { payload }) => sum + payload.failures + 1, 0)
        )
      }))

    it.live("at most 128 attempts per origin are in flight", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.hang)
        const hook = yield* hookTo(receiver, { timeout: "10 minutes" })
        const fiber = yield* Effect.forkChild(
          Effect.all(Array.from({ length: 300 }, () => hook.send(payload)), { concurrency: "unbounded" })
        )
        yield* soon(receiver.received(128))
        yield* Effect.sleep(300)
        assert.strictEqual((yield* receiver.requests).length, 128)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* receiver.requests).length, 128)
      }))

    it.live("maxPerOrigin holds for each origin by itself", () =>
      Effect.gen(function*() {
        const one = yield* TestReceiver.make(TestReceiver.hang)
        const two = yield* TestReceiver.make(TestReceiver.hang)
        const hook = yield* hookTo(one, {
          urls: [one.urlOf("/a"), one.urlOf("/b"), two.urlOf("/a")],
          timeout: "10 minutes",
          maxPerOrigin: 3
        })
        const fiber = yield* Effect.forkChild(
          Effect.all(Array.from({ length: 30 }, () => hook.send(payload)), { concurrency: "unbounded" })
        )
        yield* soon(Effect.all([one.received(3), two.received(3)]))
        yield* Effect.sleep(300)
        assert.strictEqual((yield* one.requests).length, 3)
        assert.strictEqual((yield* two.requests).length, 3)
        yield* Fiber.interrupt(fiber)
      }))

    it.live("never more than maxPerOrigin are in flight while all of them go through", () =>
      Effect.gen(function*() {
        let inFlight = 0
        let most = 0
        const server = yield* Effect.acquireRelease(
          Effect.callback<Http.Server>((resume) => {
            const server = Http.createServer((request, response) => {
              most = Math.max(most, ++inFlight)
              request.resume().on("end", () =>
                setTimeout(() => {
                  inFlight--
                  response.writeHead(204).end()
                }, 20))
            })
            server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
          }),
          (server) =>
            Effect.sync(() => {
              server.closeAllConnections()
              server.close()
            })
        )
        const { port } = server.address() as Net.AddressInfo
        const results = yield* Effect.all(
          Array.from({ length: 60 }, () => Webhook.send(payload)),
          { concurrency: "unbounded" }
        ).pipe(Effect.provide(NodeWebhook.layer({ urls: `http://127.0.0.1:${port}/hook`, maxPerOrigin: 8 })))
        for (const result of results) assert.strictEqual(delivered(result).attempts, 1)
        assert.isAtMost(most, 8)
        assert.isAbove(most, 1)
      }))

    it.live("a send that waits for its turn longer than its timeout is not timed out", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ delay: 600 }))
        const hook = yield* hookTo(receiver, { maxPerOrigin: 1, timeout: 1800, maxRetries: 0 })
        const results = yield* Effect.all(Array.from({ length: 5 }, () => hook.send(payload)), {
          concurrency: "unbounded"
        })
        for (const result of results) assert.strictEqual(delivered(result).attempts, 1)
        assert.isAtLeast(Math.max(...results.map(({ history }) => history[0]!.waited)), 1800)
      }))

    it.live("a send that waits for its turn until its deadline says so", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.hang)
        const hook = yield* hookTo(receiver, { maxPerOrigin: 1, timeout: "10 minutes" })
        yield* Effect.forkChild(hook.send(payload))
        yield* soon(receiver.received(1))
        const result = yield* soon(hook.send(payload, { deadline: 200 }))
        assert.strictEqual(failedWith(result, "DeadlineExceeded").during, "turn")
        assert.strictEqual(result.attempts, 0)
        assert.strictEqual(failed(result).delivered, "no")
      }))

    it.live("a deadline that cuts an attempt says so, and may have delivered it", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.hang)
        const hook = yield* hookTo(receiver, { timeout: "10 minutes" })
        const result = yield* soon(hook.send(payload, { deadline: 200 }))
        assert.strictEqual(failedWith(result, "DeadlineExceeded").during, "attempt")
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(failed(result).delivered, "maybe")
        yield* soon(receiver.closed)
      }))
  })

  describe("closing", () => {
    const open = Effect.fnUntraced(function*(
      receiver: TestReceiver.TestReceiver["Service"],
      options?: Partial<NodeWebhook.Options>
    ) {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layerTo(receiver, options), scope)
      const hook = yield* Effect.provideContext(Webhook.Webhook, context)
      return { hook, close: Scope.close(scope, Exit.void) }
    })

    it.live("lets a send in flight end, then closes every socket", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ delay: 300 }))
        const { close, hook } = yield* open(receiver)
        const fiber = yield* Effect.forkChild(hook.send(payload))
        yield* soon(receiver.received(1))
        yield* soon(close)
        assert.strictEqual(delivered(yield* soon(Fiber.join(fiber))).status, 204)
        yield* soon(receiver.closed)
      }))

    it.live("lets a send in flight make its retries", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([
          TestReceiver.reply({ status: 500, delay: 200 }),
          TestReceiver.reply({ delay: 200 })
        ])
        const { close, hook } = yield* open(receiver)
        const fiber = yield* Effect.forkChild(hook.send(payload))
        yield* soon(receiver.received(1))
        yield* soon(close)
        assert.strictEqual(delivered(yield* soon(Fiber.join(fiber))).attempts, 2)
        yield* soon(receiver.closed)
      }))

    it.live("interrupts a send that hangs when the grace is over", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.hang)
        const { close, hook } = yield* open(receiver, { grace: 300, timeout: "10 minutes" })
        const fiber = yield* Effect.forkChild(hook.send(payload))
        yield* soon(receiver.received(1))
        const [took] = yield* soon(Effect.timed(close))
        assert.isAtLeast(Duration.toMillis(took), 290)
        assert.isTrue(Exit.hasInterrupts(yield* soon(Fiber.await(fiber))))
        yield* soon(receiver.closed)
      }))

    it.live("interrupts sends that wait for backoff, pace or turn when the grace is over", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make({
          "/fails": TestReceiver.reply({ status: 500 }),
          "/limits": TestReceiver.reply({ status: 429, body: { retry_after: 100 } }),
          "/hangs": TestReceiver.hang
        })
        const { close, hook } = yield* open(receiver, {
          grace: 200,
          maxPerOrigin: 1,
          egress: EgressPolicy.unrestricted,
          timeout: "10 minutes",
          retry: RetryPolicy.backoff({ base: "10 minutes", max: "10 minutes" }),
          deadline: "1 hour"
        })
        const fibers = yield* Effect.forEach(
          ["/fails", "/limits", "/hangs", "/hangs"],
          (path) =>
            Effect.tap(
              Effect.forkChild(hook.send(payload, { url: receiver.urlOf(path) })),
              Effect.sleep(150)
            )
        )
        yield* soon(close)
        for (const fiber of fibers) assert.isTrue(Exit.hasInterrupts(yield* soon(Fiber.await(fiber))))
        yield* soon(receiver.closed)
        assert.strictEqual((yield* receiver.requests).length, 3)
      }))

    it.live("a send on a closed instance is interrupted and touches no network", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { close, hook } = yield* open(receiver)
        delivered(yield* hook.send(payload))
        yield* soon(close)
        yield* soon(receiver.closed)
        for (const send of [hook.send(payload), hook.sendOrFail(payload)]) {
          const exit = yield* soon(Effect.exit(send))
          assert(Exit.isFailure(exit))
          assert.isTrue(Cause.hasInterruptsOnly(exit.cause))
        }
        assert.strictEqual((yield* receiver.requests).length, 1)
      }))

    it.live("closes the socket of a send that is still connecting when the grace is over", () =>
      Effect.gen(function*() {
        const server = yield* listen(() => {})
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(
          NodeWebhook.layer({
            urls: `https://127.0.0.1:${server.port}/hook`,
            connectTimeout: "10 minutes",
            timeout: "10 minutes",
            grace: 200
          }),
          scope
        )
        const fiber = yield* Effect.forkChild(Effect.provideContext(Webhook.send(payload), context))
        yield* until(() => server.open.size === 1)
        yield* soon(Scope.close(scope, Exit.void))
        assert.isTrue(Exit.hasInterrupts(yield* soon(Fiber.await(fiber))))
        yield* until(() => server.open.size === 0)
      }))

    it.live("closes idle sockets at once, not after the grace", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { close, hook } = yield* open(receiver, { grace: "10 minutes" })
        delivered(yield* hook.send(payload))
        yield* soon(close)
        yield* soon(receiver.closed)
      }))

    const runtimeOf = (receiver: TestReceiver.TestReceiver["Service"], options?: NodeTransport.Options) =>
      ManagedRuntime.make(
        Layer.merge(NodeTransport.layer({ keepAlive, ...options }), UrlPool.layer(receiver.urlOf("/hook")))
      )

    it.live("a runtime's dispose lets a send of `make` end, then closes every socket", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ delay: 300 }))
        const runtime = runtimeOf(receiver)
        const hook = yield* Effect.promise(() => runtime.runPromise(Webhook.make()))
        const sending = Effect.runPromise(hook.send(payload))
        yield* soon(receiver.received(1))
        yield* soon(Effect.promise(() => runtime.dispose()))
        assert.strictEqual(delivered(yield* soon(Effect.promise(() => sending))).status, 204)
        yield* soon(receiver.closed)
      }))

    it.live("a drain lets the sends that a runtime has started end before it is disposed", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ delay: 300 }))
        const runtime = ManagedRuntime.make(NodeWebhook.layer({ urls: receiver.urlOf("/hook"), grace: "1 minute" }))
        yield* Effect.promise(() => runtime.context())
        const sends = Array.from({ length: 5 }, () => runtime.runPromise(Webhook.send(payload)))
        yield* soon(receiver.received(5))
        yield* soon(Effect.promise(() => runtime.runPromise(Webhook.drain)))
        yield* soon(Effect.promise(() => runtime.dispose()))
        for (const send of sends) delivered(yield* soon(Effect.promise(() => send)))
        yield* soon(receiver.closed)
      }))

    it.live("a runtime's dispose interrupts a send of `make` that hangs when the grace is over", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.hang)
        const runtime = runtimeOf(receiver, { grace: 200 })
        const hook = yield* Effect.promise(() =>
          runtime.runPromise(Webhook.make({ grace: 200, timeout: "10 minutes" }))
        )
        const sending = Effect.runPromiseExit(hook.send(payload))
        yield* soon(receiver.received(1))
        yield* soon(Effect.promise(() => runtime.dispose()))
        assert.isTrue(Exit.hasInterrupts(yield* soon(Effect.promise(() => sending))))
        yield* soon(receiver.closed)
      }))

    it.live("a send of `make` on a disposed runtime is interrupted and touches no network", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const runtime = runtimeOf(receiver)
        const hook = yield* Effect.promise(() => runtime.runPromise(Webhook.make()))
        delivered(yield* Effect.promise(() => Effect.runPromise(hook.send(payload))))
        yield* soon(Effect.promise(() => runtime.dispose()))
        yield* soon(receiver.closed)
        const exit = yield* soon(Effect.promise(() => Effect.runPromiseExit(hook.send(payload))))
        assert(Exit.isFailure(exit))
        assert.isTrue(Cause.hasInterruptsOnly(exit.cause))
        assert.strictEqual((yield* receiver.requests).length, 1)
      }))
  })
})
