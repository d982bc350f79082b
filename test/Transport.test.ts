import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it, vi } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Redacted, Tracer } from "effect"
import { RetryPolicy, Transport, UrlPool, Webhook, WebhookResult } from "effect-webhooks"
import { TestReceiver } from "effect-webhooks/node"
import { FetchHttpClient, HttpBody, HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { gzipSync } from "node:zlib"

// The machine may be busy: what is bounded below is bounded by itself.
vi.setConfig({ testTimeout: 30_000 })

const quick = RetryPolicy.backoff({ base: 1, max: 2 })

const payload = { text: "hello" }

const failedWith = <Tag extends WebhookResult.Failed["reason"]["_tag"]>(
  result: WebhookResult.WebhookResult,
  tag: Tag
) => {
  assert(WebhookResult.isFailed(result), `expected a failure, got ${result}`)
  assert.strictEqual(result.reason._tag, tag, result.error)
  return result.reason as Extract<WebhookResult.Failed["reason"], { readonly _tag: Tag }>
}

const delivered = (result: WebhookResult.WebhookResult): WebhookResult.Delivered => {
  assert(WebhookResult.isDelivered(result), `expected a delivery, got ${result}`)
  return result
}

const deliveredOf = (result: WebhookResult.WebhookResult) => {
  assert(WebhookResult.isFailed(result))
  return result.delivered
}

const soon = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.timeout(effect, "10 seconds")

const layerOver = (
  client: Layer.Layer<HttpClient.HttpClient>,
  url: string,
  options?: Webhook.WebhookOptions
) => Webhook.layer({ retry: quick, grace: 100, ...options }).pipe(Layer.provide([client, UrlPool.layer(url)]))

// What every transport over an `HttpClient` promises.
const suite = (name: string, client: Layer.Layer<HttpClient.HttpClient>) =>
  describe(`layerHttpClient over ${name}`, () => {
    const exchange = Effect.fnUntraced(function*(script: TestReceiver.Routes, options?: Webhook.WebhookOptions) {
      const receiver = yield* TestReceiver.make(script)
      const context = yield* Layer.build(layerOver(client, receiver.urlOf("/hook"), options))
      const hook = yield* Effect.provideContext(Webhook.Webhook, context)
      return { receiver, hook, result: yield* hook.send(payload) }
    })

    it.live("204 is delivered", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.reply())
        assert.strictEqual(delivered(result).status, 204)
        assert.strictEqual(result.response, undefined)
        assert.strictEqual(result.attempts, 1)
        const [request] = yield* receiver.requests
        assert.strictEqual(request!.method, "POST")
        assert.strictEqual(request!.path, "/hook")
        assert.strictEqual(request!.body, "{\"text\":\"hello\"}")
        assert.strictEqual(request!.headers["content-type"], "application/json")
        assert.match(request!.headers["user-agent"]!, /^effect-webhooks\/\d/)
      }))

    it.live("a user agent of one's own is kept", () =>
      Effect.gen(function*() {
        const { receiver } = yield* exchange(TestReceiver.reply(), { headers: { "User-Agent": "mine/1" } })
        assert.strictEqual((yield* receiver.requests)[0]!.headers["user-agent"], "mine/1")
      }))

    it.live("no tracing header reaches the receiver, also within a span", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const spans: Array<Tracer.NativeSpan> = []
        const tracer = Tracer.make({
          span: (options) => {
            const span = new Tracer.NativeSpan(options)
            spans.push(span)
            return span
          }
        })
        yield* Webhook.send(payload).pipe(
          Effect.provide(layerOver(client, receiver.urlOf("/hook"))),
          Effect.withSpan("app"),
          Effect.provideService(Tracer.Tracer, tracer)
        )
        const [request] = yield* receiver.requests
        for (const header of ["traceparent", "tracestate", "b3", "x-b3-traceid", "baggage"]) {
          assert.isUndefined(request!.headers[header], header)
        }
        assert.isTrue(spans.some(({ name }) => name === "app"))
        assert.isFalse(spans.some(({ attributes }) => attributes.has("url.full")))
      }))

    it.live("answers are JSON, text or undefined", () =>
      Effect.gen(function*() {
        const { hook, result } = yield* exchange([
          TestReceiver.reply({ body: { id: "ü" } }),
          TestReceiver.reply({ body: "[no" }),
          TestReceiver.reply({ status: 200 })
        ])
        assert.deepStrictEqual(delivered(result).response, { id: "ü" })
        assert.strictEqual(delivered(yield* hook.send(payload)).response, "[no")
        assert.strictEqual(delivered(yield* hook.send(payload)).response, undefined)
      }))

    it.live("a 500 is retried", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange([TestReceiver.reply({ status: 500 }), TestReceiver.reply()])
        assert.strictEqual(delivered(result).attempts, 2)
        assert.deepStrictEqual(result.history.map(({ status }) => status), [500, 204])
        assert.strictEqual((yield* receiver.requests).length, 2)
      }))

    it.live("bytes of a form are the same on every attempt", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([TestReceiver.reply({ status: 503 }), TestReceiver.reply()])
        const form = new FormData()
        form.append("payload_json", "{}")
        form.append("files[0]", new Blob(["\u0000ÿ"]), "a.bin")
        const result = yield* Effect.provide(
          Webhook.send(HttpBody.formData(form)),
          layerOver(client, receiver.urlOf("/hook"))
        )
        assert.strictEqual(delivered(result).attempts, 2)
        const [first, second] = yield* receiver.requests
        assert.match(first!.headers["content-type"]!, /^multipart\/form-data; boundary=/)
        assert.strictEqual(second!.headers["content-type"], first!.headers["content-type"])
        assert.isAbove(first!.bytes.length, 100)
        assert.deepStrictEqual(second!.bytes, first!.bytes)
      }))

    it.live("a 429 waits as long as its body says", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange([
          TestReceiver.reply({ status: 429, headers: { "retry-after": "100" }, body: { retry_after: 0.4 } }),
          TestReceiver.reply()
        ])
        assert.strictEqual(delivered(result).attempts, 2)
        assert.isAtLeast(result.history[1]!.waited, 395)
        const [first, second] = yield* receiver.requests
        assert.isAtLeast(second!.at - first!.at, 395)
      }))

    it.live("a hang is a timeout that may have been delivered, and its socket is closed", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.hang, { timeout: 200, maxRetries: 1 })
        assert.strictEqual(Duration.toMillis(failedWith(result, "Timeout").after), 200)
        assert.strictEqual(result.attempts, 2)
        assert.strictEqual(deliveredOf(result), "maybe")
        yield* soon(receiver.closed)
      }))

    it.live("a 200 whose body drips is delivered at the attempt's timeout with what came", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.drip({ every: 20 }), { timeout: 600 })
        assert.strictEqual(delivered(result).status, 200)
        assert.isTrue(result.truncated)
        assert.match(result.response as string, /^\.+$/)
        assert.strictEqual(result.attempts, 1)
        yield* soon(receiver.closed)
      }))

    it.live("a 500 whose body drips is a server error at the attempt's timeout", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.drip({ status: 500, every: 20 }), {
          timeout: 300,
          maxRetries: 0
        })
        assert.strictEqual(failedWith(result, "ServerError").status, 500)
        assert.isTrue(result.truncated)
      }))

    it.live.each([301, 302, 303, 307, 308])("%i is never followed", (status) =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange({
          "/hook": TestReceiver.reply({ status, headers: { location: "/target" } }),
          "/target": TestReceiver.reply()
        })
        assert.strictEqual(failedWith(result, "Redirected").status, status)
        assert.strictEqual(result.attempts, 1)
        assert.deepStrictEqual((yield* receiver.requests).map(({ path }) => path), ["/hook"])
      }))

    it.live("a flood is cut at maxResponseBytes and its socket closed", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.flood(), { maxResponseBytes: 1000 })
        assert.isTrue(delivered(result).truncated)
        assert.strictEqual(result.response, ".".repeat(1000))
        yield* soon(receiver.closed)
      }))

    it.live("a body whose content-length is above maxResponseBytes is cut", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.reply({ body: "x".repeat(5000) }), { maxResponseBytes: 100 })
        assert.isTrue(delivered(result).truncated)
        assert.strictEqual(result.response, "x".repeat(100))
      }))

    it.live("a reset in the middle of a 2xx body is delivered, truncated", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.resetDuring({ status: 201 }))
        assert.strictEqual(delivered(result).status, 201)
        assert.isTrue(result.truncated)
        assert.strictEqual(result.attempts, 1)
      }))

    it.live("a reset is retried, and may have been delivered", () =>
      Effect.gen(function*() {
        const { receiver, result } = yield* exchange(TestReceiver.resetAfter, { maxRetries: 2 })
        assert.isFalse(failedWith(result, "ConnectionError").certificate)
        assert.strictEqual(result.attempts, 3)
        assert.strictEqual(deliveredOf(result), "maybe")
        assert.strictEqual((yield* receiver.received(3)).length, 3)
      }))

    it.live("a refused port was certainly not delivered", () =>
      Effect.gen(function*() {
        const url = yield* Effect.scoped(
          Effect.map(TestReceiver.make(TestReceiver.reply()), ({ urlOf }) => urlOf("/hook"))
        )
        const result = yield* Effect.provide(Webhook.send(payload), layerOver(client, url, { maxRetries: 1 }))
        const reason = failedWith(result, "ConnectionError")
        assert.strictEqual(reason.code, "ECONNREFUSED")
        assert.strictEqual(reason.phase, "connecting")
        assert.strictEqual(deliveredOf(result), "no")
        assert.strictEqual(result.attempts, 2)
      }))

    it.live("what is no HTTP may have been delivered", () =>
      Effect.gen(function*() {
        const { result } = yield* exchange(TestReceiver.garbage("SSH-2.0-OpenSSH_9.6\r\n"), { maxRetries: 0 })
        failedWith(result, "ConnectionError")
        assert.strictEqual(deliveredOf(result), "maybe")
      }))

    it.live("interruption closes the socket", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.hang)
        const context = yield* Layer.build(layerOver(client, receiver.urlOf("/hook"), { timeout: "10 minutes" }))
        const fiber = yield* Effect.forkChild(Effect.provideContext(Webhook.send(payload), context))
        yield* soon(receiver.received(1))
        yield* soon(Fiber.interrupt(fiber))
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        yield* soon(receiver.closed)
      }))

    it.live("a client that changes requests still does", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const mapped = Layer.effect(
          HttpClient.HttpClient,
          Effect.map(
            HttpClient.HttpClient,
            HttpClient.mapRequest(HttpClientRequest.setHeader("x-gateway", "on"))
          )
        ).pipe(Layer.provide(client))
        delivered(yield* Effect.provide(Webhook.send(payload), layerOver(mapped, receiver.urlOf("/hook"))))
        assert.deepStrictEqual((yield* receiver.requests).map(({ headers }) => headers["x-gateway"]), ["on"])
      }))

    it.live("building the layer sends nothing", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        let runs = 0
        const counted = Layer.effect(
          HttpClient.HttpClient,
          Effect.map(HttpClient.HttpClient, HttpClient.tapRequest(() => Effect.sync(() => runs++)))
        ).pipe(Layer.provide(client))
        yield* Layer.build(layerOver(counted, receiver.urlOf("/hook")))
        assert.strictEqual(runs, 0)
        assert.strictEqual(yield* receiver.connections, 0)
      }))
  })

suite("FetchHttpClient", FetchHttpClient.layer)

suite("NodeHttpClient.layerUndici", NodeHttpClient.layerUndici)

// A fetch that records what it was asked for, and answers without a network.
const fakeFetch = (answer: (init: RequestInit) => Response | Promise<Response>) => {
  const calls: Array<{ readonly url: string; readonly init: RequestInit }> = []
  const fetch = (async (url: string | URL, init: RequestInit) => {
    calls.push({ url: String(url), init })
    return answer(init)
  }) as typeof globalThis.fetch
  const layer = FetchHttpClient.layer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch)))
  return { calls, fetch, layer }
}

const noContent = () => new Response(null, { status: 204 })

const headersOf = (init: RequestInit) => Object.fromEntries(new Headers(init.headers))

describe("layerHttpClient over fetch", () => {
  const url = "https://example.com/hook"

  it.effect("keeps the app's RequestInit that the client was built with", () =>
    Effect.gen(function*() {
      const { calls, fetch } = fakeFetch(noContent)
      const client = FetchHttpClient.layer.pipe(
        Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch)),
        Layer.provide(
          Layer.succeed(FetchHttpClient.RequestInit, {
            credentials: "include",
            headers: { "x-app": "1" },
            redirect: "follow"
          })
        )
      )
      delivered(yield* Effect.provide(Webhook.send(payload), layerOver(client, url)))
      assert.strictEqual(calls.length, 1)
      const { init } = calls[0]!
      assert.strictEqual(init.credentials, "include")
      assert.strictEqual(headersOf(init)["x-app"], "1")
      assert.strictEqual(headersOf(init)["content-type"], "application/json")
      assert.strictEqual(init.redirect, "manual")
    }))

  it.effect("keeps the app's RequestInit that is provided around the send", () =>
    Effect.gen(function*() {
      const { calls, layer } = fakeFetch(noContent)
      const result = yield* Webhook.send(payload).pipe(
        Effect.provideService(FetchHttpClient.RequestInit, {
          credentials: "omit",
          headers: { "x-app": "2" },
          redirect: "follow"
        }),
        Effect.provide(layerOver(layer, url))
      )
      delivered(result)
      const { init } = calls[0]!
      assert.strictEqual(init.credentials, "omit")
      assert.strictEqual(headersOf(init)["x-app"], "2")
      assert.strictEqual(init.redirect, "manual")
    }))

  it.effect("prefers what is provided around the send to what the client was built with", () =>
    Effect.gen(function*() {
      const { calls, fetch } = fakeFetch(noContent)
      const client = FetchHttpClient.layer.pipe(
        Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch)),
        Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { credentials: "include", mode: "cors" }))
      )
      const result = yield* Webhook.send(payload).pipe(
        Effect.provideService(FetchHttpClient.RequestInit, { credentials: "omit", keepalive: true }),
        Effect.provide(layerOver(client, url))
      )
      delivered(result)
      const { init } = calls[0]!
      assert.strictEqual(init.credentials, "omit")
      assert.strictEqual(init.mode, "cors")
      assert.isTrue(init.keepalive)
      assert.strictEqual(init.redirect, "manual")
    }))

  it.effect("the header of a send stands above one of RequestInit", () =>
    Effect.gen(function*() {
      const { calls, layer } = fakeFetch(noContent)
      yield* Webhook.send(payload, { headers: { "x-app": "send" } }).pipe(
        Effect.provideService(FetchHttpClient.RequestInit, { headers: { "X-App": "init" } }),
        Effect.provide(layerOver(layer, url))
      )
      assert.strictEqual(headersOf(calls[0]!.init)["x-app"], "send")
    }))

  it.effect("an opaque redirect has no status", () =>
    Effect.gen(function*() {
      const { calls, layer } = fakeFetch(() =>
        Object.defineProperties(new Response(null), {
          status: { value: 0 },
          ok: { value: false },
          type: { value: "opaqueredirect" }
        })
      )
      const result = yield* Effect.provide(Webhook.send(payload), layerOver(layer, url))
      assert.strictEqual(failedWith(result, "Redirected").status, undefined)
      assert.strictEqual(result.status, undefined)
      assert.strictEqual(result.history[0]!.status, undefined)
      assert.strictEqual(result.attempts, 1)
      assert.strictEqual(calls.length, 1)
    }))

  it.effect("timeouts follow Effect's clock, and abort the request", () =>
    Effect.gen(function*() {
      const { calls, layer } = fakeFetch(() => new Promise(() => {}))
      const fiber = yield* Webhook.send(payload).pipe(
        Effect.provide(layerOver(layer, url, { timeout: "10 seconds", maxRetries: 0 })),
        Effect.forkChild
      )
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(calls.length, 1)
      assert.isUndefined(fiber.pollUnsafe())
      assert.isFalse(calls[0]!.init.signal!.aborted)
      yield* TestClock.adjust("1 millis")
      const result = yield* Fiber.join(fiber)
      assert.strictEqual(Duration.toMillis(failedWith(result, "Timeout").after), 10_000)
      assert.strictEqual(deliveredOf(result), "maybe")
      assert.strictEqual(result.history[0]!.took, 10_000)
      assert.isTrue(calls[0]!.init.signal!.aborted)
    }))

  it.effect("a body that stops coming is cut at the timeout of Effect's clock", () =>
    Effect.gen(function*() {
      let cancelled = false
      const { layer } = fakeFetch(() =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(new TextEncoder().encode("half")),
            cancel: () => {
              cancelled = true
            }
          })
        )
      )
      const fiber = yield* Webhook.send(payload).pipe(
        Effect.provide(layerOver(layer, url, { timeout: "10 seconds" })),
        Effect.forkChild
      )
      // The promises of a web stream are not Effect's: they need turns of their own.
      yield* TestClock.withLive(Effect.sleep(50))
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const result = yield* TestClock.withLive(soon(Fiber.join(fiber)))
      assert.isTrue(delivered(result).truncated)
      assert.strictEqual(result.response, "half")
      assert.isTrue(cancelled)
    }))

  it.live("a bomb that fetch unpacks is cut at maxResponseBytes", () =>
    Effect.gen(function*() {
      const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, "."))
      assert.isBelow(bomb.length, 60_000)
      const receiver = yield* TestReceiver.make(
        TestReceiver.reply({ headers: { "content-encoding": "gzip" }, body: bomb })
      )
      const result = yield* Effect.provide(
        Webhook.send(payload),
        layerOver(FetchHttpClient.layer, receiver.urlOf("/hook"))
      )
      assert.isTrue(delivered(result).truncated)
      assert.strictEqual((result.response as string).length, 65_536)
    }))

  it.live("a packed body within maxResponseBytes is unpacked whole", () =>
    Effect.gen(function*() {
      const receiver = yield* TestReceiver.make(
        TestReceiver.reply({ headers: { "content-encoding": "gzip" }, body: gzipSync("{\"a\":1}") })
      )
      const result = yield* Effect.provide(
        Webhook.send(payload),
        layerOver(FetchHttpClient.layer, receiver.urlOf("/hook"))
      )
      assert.isFalse(delivered(result).truncated)
      assert.deepStrictEqual(result.response, { a: 1 })
    }))

  it.effect("a fetch that throws at once is a connection error without what it threw", () =>
    Effect.gen(function*() {
      const { layer } = fakeFetch(() => {
        throw new TypeError("Failed to fetch https://example.com/hook?secret")
      })
      const result = yield* Effect.provide(Webhook.send(payload), layerOver(layer, url, { maxRetries: 0 }))
      const reason = failedWith(result, "ConnectionError")
      assert.strictEqual(reason.code, undefined)
      assert.strictEqual(deliveredOf(result), "maybe")
      assert.notInclude(reason.message, "secret")
    }))

  it.effect("a failure without a code says what fetch may have met, and one with a code says the code", () =>
    Effect.gen(function*() {
      const without = [new TypeError("Failed to fetch"), new TypeError("fetch failed", { cause: new Error("x") }), "no"]
      for (const error of without) {
        const { layer } = fakeFetch(() => Promise.reject(error))
        const result = yield* Effect.provide(Webhook.send(payload), layerOver(layer, url, { maxRetries: 0 }))
        const reason = failedWith(result, "ConnectionError")
        assert.strictEqual(reason.code, undefined)
        assert.strictEqual(
          reason.message,
          "fetch gave no reason: no connection, DNS, CORS or a lost connection"
        )
        assert.strictEqual(deliveredOf(result), "maybe")
      }
      const cause = Object.assign(new Error("connect"), { code: "ECONNREFUSED" })
      const { layer } = fakeFetch(() => Promise.reject(new TypeError("fetch failed", { cause })))
      const result = yield* Effect.provide(Webhook.send(payload), layerOver(layer, url, { maxRetries: 0 }))
      assert.strictEqual(failedWith(result, "ConnectionError").message, "no connection (ECONNREFUSED)")
      assert.strictEqual(deliveredOf(result), "no")
    }))
})

describe("Reply", () => {
  const reply = (body: string) => new Transport.Reply(200, {}, new TextEncoder().encode(body), false)

  it.effect("is JSON where the body parses, else text, else undefined", () =>
    Effect.sync(() => {
      for (const json of ["{\"a\":[1]}", " [1]", "\"x\"", "-1", "12.5", "true", "false"]) {
        assert.deepStrictEqual(reply(json).response, JSON.parse(json))
      }
      for (const text of ["ok", "{", "nope", "<html>", "12 monkeys", "truely", "\u00a0"]) {
        assert.strictEqual(reply(text).response, text)
        assert.strictEqual(reply(text).json, undefined)
      }
      assert.strictEqual(reply("").response, undefined)
    }))

  it.effect("prints its size and not its body", () =>
    Effect.sync(() => {
      const printed = JSON.stringify(new Transport.Reply(200, { "x-secret": "canary" }, Buffer.from("canary"), false))
      assert.strictEqual(printed, "{\"status\":200,\"bytes\":6,\"truncated\":false}")
    }))
})

describe("Transport", () => {
  it.effect("one of one's own is all a Webhook needs", () =>
    Effect.gen(function*() {
      const seen: Array<Transport.AttemptRequest> = []
      const transport = Layer.succeed(Transport.Transport, {
        attempt: (request) =>
          Effect.sync(() => {
            seen.push(request)
            return new Transport.Reply(200, {}, new TextEncoder().encode("ok"), false)
          })
      })
      const result = yield* Webhook.send(payload).pipe(
        Effect.provide(Webhook.layerTransport({ timeout: "3 seconds", maxResponseBytes: 7, headers: { A: "b" } })),
        Effect.provide([transport, UrlPool.layer("https://example.com/hook")])
      )
      assert.strictEqual(delivered(result).response, "ok")
      assert.strictEqual(seen.length, 1)
      const { body, headers, maxResponseBytes, timeout, url } = seen[0]!
      assert.strictEqual(Redacted.value(url), "https://example.com/hook")
      assert.strictEqual(body, "{\"text\":\"hello\"}")
      assert.strictEqual(headers["a"], "b")
      assert.strictEqual(timeout, 3000)
      assert.strictEqual(maxResponseBytes, 7)
    }))

  it.effect("one that dies is a failed send", () =>
    Effect.gen(function*() {
      const transport = Layer.succeed(Transport.Transport, { attempt: () => Effect.die(new Error("boom")) })
      const result = yield* Webhook.send(payload).pipe(
        Effect.provide(Webhook.layerTransport()),
        Effect.provide([transport, UrlPool.layer("https://example.com/hook")])
      )
      assert.strictEqual(failedWith(result, "Unexpected").source, "the transport")
    }))
})
