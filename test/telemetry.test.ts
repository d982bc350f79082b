import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it, vi } from "@effect/vitest"
import {
  Effect,
  Exit,
  Fiber,
  Layer,
  type LogLevel,
  Metric,
  Option,
  Redacted,
  References,
  Schedule,
  Stream,
  Tracer
} from "effect"
import { ProxyProvider, RetryPolicy, Signature, Transport, UrlPool, Webhook, WebhookError } from "effect-webhooks"
import { NodeTransport, TestReceiver } from "effect-webhooks/node"
import { TestTransport } from "effect-webhooks/testing"
import { FetchHttpClient } from "effect/http"
import { Otlp, OtlpExporter } from "effect/observability"
import { TestClock } from "effect/testing"
import * as Http from "node:http"
import type * as Net from "node:net"
import { Server as ProxyServer } from "proxy-chain"

// The machine may be busy: what is timed runs under TestClock.
vi.setConfig({ testTimeout: 30_000 })

const { hang, refuse, reply, reset } = TestTransport

// What OTLP's JSON has, as far as it is looked at.
interface KeyValue {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: ReadonlyArray<KeyValue>
  readonly events: ReadonlyArray<{
    readonly name: string
    readonly timeUnixNano: string
    readonly attributes: ReadonlyArray<KeyValue>
  }>
  readonly status: { readonly code: number; readonly message?: string }
}

interface OtlpLog {
  readonly severityText: string
  readonly body: Readonly<Record<string, unknown>>
  readonly traceId?: string
  readonly spanId?: string
}

interface Point {
  readonly attributes: ReadonlyArray<KeyValue>
  readonly asDouble?: number
  readonly count?: number
  readonly sum?: number
  readonly bucketCounts?: ReadonlyArray<number>
  readonly explicitBounds?: ReadonlyArray<number>
}

interface OtlpMetric {
  readonly name: string
  readonly unit: string
  readonly sum?: { readonly isMonotonic: boolean; readonly dataPoints: ReadonlyArray<Point> }
  readonly histogram?: { readonly dataPoints: ReadonlyArray<Point> }
}

// OpenTelemetry's numbers.
const client = 3
const ok = 1
const unset = 0
const failed = 2

const plain = (value: Readonly<Record<string, unknown>>): unknown => Object.values(value)[0]

const recordOf = (attributes: ReadonlyArray<KeyValue>): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]))

interface Post {
  readonly path: string
  readonly headers: string
  readonly body: string
}

// A collector of OpenTelemetry's, as far as it keeps what it gets.
const collector = Effect.acquireRelease(
  Effect.callback<{ readonly server: Http.Server; readonly posts: Array<Post> }>((resume) => {
    const posts: Array<Post> = []
    const server = Http.createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        posts.push({
          path: request.url!,
          headers: JSON.stringify(request.rawHeaders),
          body: Buffer.concat(chunks).toString("utf8")
        })
        response.writeHead(200, { "content-type": "application/json" }).end("{}")
      })
    })
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, posts })))
  }),
  ({ server }) =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
)

const bodiesTo = (posts: ReadonlyArray<Post>, path: string) =>
  posts.filter((post) => post.path === path).map(({ body }) => JSON.parse(body))

// Runs a program of which everything is exported that can be seen of it.
const observe = Effect.fnUntraced(function*<A, E, R>(
  program: Effect.Effect<A, E, R>,
  level: LogLevel.LogLevel = "All"
) {
  const { posts, server } = yield* collector
  const { port } = server.address() as Net.AddressInfo
  const interval = "30 days"
  const value = yield* Effect.exit(program).pipe(
    Effect.tap(OtlpExporter.Flusher.use(({ flush }) => flush)),
    Effect.flatten,
    Effect.provideService(References.MinimumLogLevel, level),
    Effect.provide(
      Otlp.layerJson({
        baseUrl: `http://127.0.0.1:${port}`,
        resource: { serviceName: "app" },
        loggerMergeWithExisting: false,
        loggerExportInterval: interval,
        metricsExportInterval: interval,
        tracerExportInterval: interval
      }).pipe(Layer.provide(FetchHttpClient.layer)),
      { local: true }
    ),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )
  const spans: ReadonlyArray<OtlpSpan> = bodiesTo(posts, "/v1/traces").flatMap(({ resourceSpans: [{ scopeSpans }] }) =>
    scopeSpans[0].spans
  )
  const logs: ReadonlyArray<OtlpLog> = bodiesTo(posts, "/v1/logs").flatMap(({ resourceLogs: [{ scopeLogs }] }) =>
    scopeLogs[0].logRecords
  )
  const metrics: ReadonlyArray<OtlpMetric> = bodiesTo(posts, "/v1/metrics").at(-1).resourceMetrics[0].scopeMetrics[0]
    .metrics
  return { value, spans, logs, metrics, posts, sends: spans.filter(({ name }) => name === "Webhook.send") }
})

const hook = "https://example.com/hooks/1"

// Not so far from the beginning that a number could not tell a nanosecond.
const epoch = 1_000_000_000

const waiting = Schedule.spaced("2 seconds")

const layer = (
  script: TestTransport.Script,
  options?: Webhook.WebhookOptions,
  urls: UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput> = hook,
  pool?: UrlPool.Options
) =>
  Webhook.layerTransport({ retry: waiting, ...options }).pipe(
    Layer.provideMerge(Layer.merge(TestTransport.layer(script), UrlPool.layer(urls, pool)))
  )

// Runs while the clock goes on for an hour.
const drive = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    yield* TestClock.setTime(epoch)
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

// One send within a span of the caller's.
const once = Effect.fnUntraced(function*(
  script: TestTransport.Script,
  given: {
    readonly options?: Webhook.WebhookOptions
    readonly payload?: unknown
    readonly send?: Webhook.SendOptions
    readonly urls?: UrlPool.UrlInput
  } = {}
) {
  const payload = "payload" in given ? given.payload : { n: 1 }
  const observed = yield* observe(
    drive(Effect.withSpan(Webhook.send(payload, given.send), "app")).pipe(
      Effect.provide(layer(script, given.options, given.urls))
    )
  )
  assert.lengthOf(observed.sends, 1)
  const span = observed.sends[0]!
  return { ...observed, result: observed.value, span, attributes: recordOf(span.attributes) }
})

const nanos = (millis: number) => String(BigInt(epoch + millis) * 1_000_000n)

const attemptsOf = ({ events }: OtlpSpan) =>
  events.filter(({ name }) => name === "webhook.attempt").map(({ attributes, timeUnixNano }) => ({
    at: timeUnixNano,
    ...recordOf(attributes)
  }))

// A tracer of which the spans are looked at here.
const recorder = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return { spans, names: () => spans.map(({ name }) => name), tracer }
}

// Webhooks by proxies, of which the first is to be burned.
const proxiedLayer = Webhook.layerTransport({ retry: waiting }).pipe(
  Layer.provide([
    Layer.effect(
      Transport.Transport,
      Effect.map(ProxyProvider.ProxyProvider, (proxies) => ({
        proxies,
        attempt: (_, proxy) =>
          proxy?.host === "good.example"
            ? Effect.succeed(new Transport.Reply(204, {}, new Uint8Array(), false))
            : Effect.fail(
              new Transport.AttemptError({
                reason: new WebhookError.ProxyError({ proxy: proxy?.label, detail: "it is broken", last: undefined }),
                delivered: "no",
                proxy: proxy?.host === "burned.example" ? "burn" : "suspect"
              })
            )
      }))
    ),
    UrlPool.layer(hook)
  ]),
  Layer.provide(
    ProxyProvider.layer(["burned.example:1:user:pass", "slow.example:2", "good.example:3:user:pass"], {
      cooldown: "1 day"
    })
  )
)

describe("telemetry", () => {
  describe("a span", () => {
    it.effect("is made of a send, as the client's, under the caller's, from its beginning to its end", () =>
      Effect.gen(function*() {
        const { attributes, result, span, spans } = yield* once(reply({ status: 202, delay: 30 }), {
          send: { id: "evt_1" }
        })
        assert.isTrue(result.ok)
        const app = spans.find(({ name }) => name === "app")!
        assert.strictEqual(spans.length, 2)
        assert.strictEqual(span.kind, client)
        assert.strictEqual(span.parentSpanId, app.spanId)
        assert.strictEqual(span.traceId, app.traceId)
        assert.strictEqual(span.startTimeUnixNano, nanos(0))
        assert.strictEqual(span.endTimeUnixNano, nanos(30))
        assert.deepStrictEqual(span.status, { code: ok })
        assert.deepStrictEqual(attributes, {
          "http.request.method": "POST",
          "webhook.id": "evt_1",
          "server.address": "example.com",
          "server.port": 443,
          "url.scheme": "https",
          "webhook.target": "example.com",
          "http.response.status_code": 202,
          "webhook.attempts": 1,
          "webhook.outcome": "delivered"
        })
        assert.deepStrictEqual<unknown>(attemptsOf(span), [{
          at: nanos(30),
          "webhook.target": "example.com",
          "http.request.resend_count": 0,
          "http.response.status_code": 202,
          "webhook.waited": 0,
          "webhook.duration": 0.03
        }])
      }))

    it.effect("has an event for each attempt, with what became of it", () =>
      Effect.gen(function*() {
        const { attributes, result, span } = yield* once([
          reply({ status: 500, delay: 100 }),
          refuse,
          reply({ status: 429, body: { retry_after: 7.5 } }),
          reply({ status: 204, delay: 20 })
        ])
        assert.isTrue(result.ok)
        const target = { "webhook.target": "example.com" }
        assert.deepStrictEqual<unknown>(attemptsOf(span), [
          {
            at: nanos(100),
            ...target,
            "http.request.resend_count": 0,
            "http.response.status_code": 500,
            "error.type": "ServerError",
            "webhook.waited": 0,
            "webhook.duration": 0.1
          },
          {
            at: nanos(2100),
            ...target,
            "http.request.resend_count": 1,
            "error.type": "ConnectionError",
            "webhook.waited": 2,
            "webhook.duration": 0
          },
          {
            at: nanos(4100),
            ...target,
            "http.request.resend_count": 2,
            "http.response.status_code": 429,
            "error.type": "RateLimited",
            "webhook.waited": 2,
            "webhook.duration": 0
          },
          {
            at: nanos(11_620),
            ...target,
            "http.request.resend_count": 3,
            "http.response.status_code": 204,
            "webhook.waited": 7.5,
            "webhook.duration": 0.02
          }
        ])
        assert.strictEqual(span.events.length, 4)
        assert.strictEqual(attributes["http.request.resend_count"], 3)
        assert.strictEqual(attributes["webhook.attempts"], 4)
        assert.strictEqual(attributes["http.response.status_code"], 204)
        assert.strictEqual(attributes["webhook.outcome"], "delivered")
        assert.notProperty(attributes, "error.type")
        assert.strictEqual(span.status.code, ok)
      }))

    it.effect.each(
      [
        ["a 404", reply({ status: 404 }), "Rejected", 404, 1],
        ["a 500 to the last", reply({ status: 500 }), "ServerError", 500, 4],
        ["a 410", reply({ status: 410 }), "EndpointGone", 410, 1],
        ["a redirect", reply({ status: 302 }), "Redirected", 302, 1],
        ["no connection", refuse, "ConnectionError", undefined, 4],
        ["a lost answer", reset, "ConnectionError", undefined, 4],
        ["a timeout", hang, "Timeout", undefined, 4]
      ] as const
    )(
      "tells of an error when the send failed, though it has a result: %s",
      ([, script, type, status, attempts]) =>
        Effect.gen(function*() {
          const { attributes, result, span, spans } = yield* once(script)
          assert(result._tag === "Failed" && result.reason._tag === type)
          assert.strictEqual(span.status.code, failed)
          assert.strictEqual(span.status.message, result.reason.message)
          assert.strictEqual(attributes["error.type"], type)
          assert.strictEqual(attributes["webhook.outcome"], "failed")
          assert.strictEqual(attributes["http.response.status_code"], status)
          assert.strictEqual(attributes["webhook.attempts"], attempts)
          assert.strictEqual(attributes["http.request.resend_count"], attempts === 1 ? undefined : attempts - 1)
          assert.lengthOf(attemptsOf(span), attempts)
          // The caller has a result, and no error.
          assert.strictEqual(spans.find(({ name }) => name === "app")!.status.code, ok)
        })
    )

    it.effect("tells of an error where nothing was sent", () =>
      Effect.gen(function*() {
        const { attributes, result, span } = yield* once(reply(), { payload: { big: 1n } })
        assert.isFalse(result.ok)
        assert.deepStrictEqual(attributes, {
          "http.request.method": "POST",
          "webhook.id": result.id,
          "webhook.attempts": 0,
          "error.type": "InvalidPayload",
          "webhook.outcome": "failed"
        })
        assert.strictEqual(span.status.code, failed)
        assert.deepStrictEqual(attemptsOf(span), [])
      }))

    it.effect("tells of the same error for sendOrFail", () =>
      Effect.gen(function*() {
        const { sends, spans } = yield* observe(
          drive(Effect.withSpan(Effect.flip(Webhook.sendOrFail({ n: 1 })), "app")).pipe(
            Effect.provide(layer(reply({ status: 404 })))
          )
        )
        assert.lengthOf(sends, 1)
        assert.deepStrictEqual(sends[0]!.status, { code: failed, message: "404: the receiver rejected the request" })
        assert.strictEqual(spans.length, 2)
      }))

    it.effect("ends as interrupted with a send that is interrupted, wherever that is", () =>
      Effect.gen(function*() {
        const interrupted = (script: TestTransport.Script, options: Webhook.WebhookOptions, after: string) =>
          observe(
            Effect.gen(function*() {
              yield* TestClock.setTime(epoch)
              const fiber = yield* Effect.forkChild(Webhook.send({ n: 1 }))
              yield* TestClock.adjust(after as "1 second")
              yield* Fiber.interrupt(fiber)
              assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
            }).pipe(Effect.provide(layer(script, options)))
          )
        const observed = yield* Effect.all([
          interrupted(hang, {}, "1 second"),
          interrupted(reply({ status: 500 }), {}, "1 second"),
          interrupted(reply(), { signer: () => Effect.never }, "1 second")
        ])
        for (const { metrics, sends } of observed) {
          assert.lengthOf(sends, 1)
          const attributes = recordOf(sends[0]!.attributes)
          assert.strictEqual(attributes["webhook.outcome"], "interrupted")
          assert.strictEqual(attributes["effect.fiber.interrupted"], true)
          assert.notProperty(attributes, "error.type")
          assert.deepStrictEqual(sends[0]!.status, { code: unset })
          assert.strictEqual(sends[0]!.endTimeUnixNano, nanos(1000))
          assert.notInclude(metrics.map(({ name }) => name), "webhook.sends")
        }
      }))

    it.effect("is the parent of what a signer does", () =>
      Effect.gen(function*() {
        const signer: Signature.Signer = () => Effect.withSpan(Effect.succeed({ "x-signed": "1" }), "sign")
        const { span, spans } = yield* once([reply({ status: 500 }), reply()], { options: { signer } })
        const signs = spans.filter(({ name }) => name === "sign")
        assert.lengthOf(signs, 2)
        for (const sign of signs) {
          assert.strictEqual(sign.parentSpanId, span.spanId)
          assert.strictEqual(sign.traceId, span.traceId)
        }
      }))

    it.effect.each(
      [
        ["https://example.com/x", "example.com", 443, "https", "example.com"],
        ["http://example.com/x", "example.com", 80, "http", "example.com"],
        ["https://example.com:8443/x", "example.com", 8443, "https", "example.com:8443"],
        [{ name: "alerts", url: "https://example.com/x" }, "example.com", 443, "https", "example.com#alerts"]
      ] as const
    )(
      "names the host, the port, the scheme and the label of the URL: %j",
      ([urls, address, port, scheme, label]) =>
        Effect.gen(function*() {
          const { attributes, span } = yield* once(reply(), { urls })
          assert.strictEqual(attributes["server.address"], address)
          assert.strictEqual(attributes["server.port"], port)
          assert.strictEqual(attributes["url.scheme"], scheme)
          assert.strictEqual(attributes["webhook.target"], label)
          assert.strictEqual(attemptsOf(span)[0]!["webhook.target" as never], label)
        })
    )

    it.effect("names the URL of each attempt, where a send goes on with another one", () =>
      Effect.gen(function*() {
        const urls = ["https://a.example/1", "https://b.example/2"]
        const { sends } = yield* observe(
          drive(Webhook.send({ n: 1 })).pipe(
            Effect.provide(layer([refuse, reply()], {}, urls, { failover: true }))
          )
        )
        assert.deepStrictEqual(
          attemptsOf(sends[0]!).map((attempt) => attempt["webhook.target" as never] as string),
          ["a.example#0", "b.example#1"]
        )
        assert.strictEqual(recordOf(sends[0]!.attributes)["server.address"], "b.example")
      }))

    it.effect("names the proxy of each attempt, without its password", () =>
      Effect.gen(function*() {
        const { posts, sends, value } = yield* observe(
          drive(Webhook.send({ n: 1 })).pipe(Effect.provide(proxiedLayer))
        )
        assert.isTrue(value.ok)
        const proxies = attemptsOf(sends[0]!).map((attempt) => String(attempt["webhook.proxy" as never]))
        assert.deepStrictEqual(proxies, ["burned.example:1", "slow.example:2", "good.example:3"])
        for (const { body } of posts) assert.notMatch(body, /user|:pass/)
      }))

    it.effect("is made of each send of a stream", () =>
      Effect.gen(function*() {
        const items = [1, 2, 3, 4].map((n) => ({ payload: n, id: `evt_${n}` }))
        const { sends, spans } = yield* observe(
          drive(Effect.withSpan(Stream.runDrain(Webhook.sendAll(items)), "app")).pipe(
            Effect.provide(layer(({ body }) => reply({ status: body === "3" ? 400 : 204, delay: 10 })))
          )
        )
        const app = spans.find(({ name }) => name === "app")!
        const byId = new Map(sends.map((span) => [recordOf(span.attributes)["webhook.id"], span]))
        assert.deepStrictEqual([...byId.keys()].toSorted(), ["evt_1", "evt_2", "evt_3", "evt_4"])
        for (const [id, span] of byId) {
          assert.strictEqual(span.status.code, id === "evt_3" ? failed : ok)
          assert.strictEqual(span.traceId, app.traceId)
          assert.lengthOf(attemptsOf(span), 1)
        }
      }))

    it.effect("of one send has nothing of another that runs beside it", () =>
      Effect.gen(function*() {
        const { sends } = yield* observe(
          drive(Effect.forEach([1, 2, 3, 4, 5], (n) => Webhook.send(n, { id: `evt_${n}` }), {
            concurrency: "unbounded"
          })).pipe(
            Effect.provide(
              layer(({ at, body }) => at < epoch + Number(body) * 1500 ? reply({ status: 500 }) : reply())
            )
          )
        )
        assert.lengthOf(sends, 5)
        assert.strictEqual(new Set(sends.map(({ spanId }) => spanId)).size, 5)
        for (const span of sends) {
          const { "webhook.attempts": attempts, "webhook.id": id } = recordOf(span.attributes)
          assert.strictEqual(attempts, Math.min(4, 1 + Math.ceil(Number(String(id).slice(4)) * 1.5 / 2)))
          assert.lengthOf(attemptsOf(span), attempts as number)
        }
      }))

    it.effect("is not made without a tracer: the caller's own is the one that a signer sees", () =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        const signer: Signature.Signer = () =>
          Effect.gen(function*() {
            const span = yield* Effect.serviceOption(Tracer.ParentSpan)
            seen.push(Option.isSome(span) && span.value._tag === "Span" ? span.value.name : "none")
            return {}
          })
        const { names, tracer } = recorder()
        const program = Effect.andThen(Webhook.send(1), Effect.withSpan(Webhook.send(2), "app"))
        yield* Effect.provide(program, layer(reply(), { signer }))
        assert.deepStrictEqual(seen, ["none", "app"])
        yield* Effect.provide(program, layer(reply(), { signer })).pipe(Effect.provideService(Tracer.Tracer, tracer))
        assert.deepStrictEqual(seen, ["none", "app", "Webhook.send", "Webhook.send"])
        assert.deepStrictEqual(names(), ["Webhook.send", "app", "Webhook.send"])
      }))

    it.effect("is not made where the program has tracing off", () =>
      Effect.gen(function*() {
        const { names, tracer } = recorder()
        const result = yield* Webhook.send(1).pipe(
          Effect.withTracerEnabled(false),
          Effect.withSpan("app"),
          Effect.provide(layer(reply())),
          Effect.provideService(Tracer.Tracer, tracer)
        )
        assert.isTrue(result.ok)
        assert.deepStrictEqual(names(), ["app"])
      }))

    it.effect("is one for a send, however many attempts it takes", () =>
      Effect.gen(function*() {
        const { names, spans, tracer } = recorder()
        yield* drive(Effect.provideService(Webhook.send(1), Tracer.Tracer, tracer)).pipe(
          Effect.provide(layer(reply({ status: 500 })))
        )
        assert.deepStrictEqual(names(), ["Webhook.send"])
        assert.strictEqual(spans[0]!.kind, "client")
        assert.strictEqual(spans[0]!.status._tag, "Ended")
        assert.strictEqual(spans[0]!.events.length, 4)
      }))
  })

  describe("a traceparent", () => {
    const form = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$/

    const traces = (headers: Readonly<Record<string, string>>) =>
      Object.keys(headers).filter((name) => /trace|b3|baggage|span/i.test(name))

    const sentWith = (
      program: (send: ReturnType<typeof Webhook.send>) => ReturnType<typeof Webhook.send>,
      options: Webhook.WebhookOptions = { propagateTrace: true },
      send?: Webhook.SendOptions
    ) =>
      Effect.gen(function*() {
        const result = yield* drive(program(Webhook.send({ n: 1 }, send)))
        assert.isTrue(result.ok)
        return (yield* TestTransport.sent).map(({ headers }) => headers)
      }).pipe(Effect.provide(layer([reply({ status: 500 }), reply()], options)))

    it.effect("goes out with every attempt, and names the send's span; nothing else does", () =>
      Effect.gen(function*() {
        const { spans, tracer } = recorder()
        const sent = yield* Effect.provideService(sentWith(Effect.withSpan("app")), Tracer.Tracer, tracer)
        const [app, span] = spans
        assert.lengthOf(sent, 2)
        for (const headers of sent) {
          assert.deepStrictEqual(traces(headers), ["traceparent"])
          const [, traceId, spanId, flags] = form.exec(headers["traceparent"]!)!
          assert.strictEqual(traceId, app!.traceId)
          assert.strictEqual(spanId, span!.spanId)
          assert.strictEqual(flags, "01")
        }
        assert.strictEqual(span!.name, "Webhook.send")
      }))

    it.effect("does not go out when nobody asked for it", () =>
      Effect.gen(function*() {
        const { names, tracer } = recorder()
        for (const options of [{}, { propagateTrace: undefined }, { propagateTrace: false }]) {
          const sent = yield* Effect.provideService(
            sentWith(Effect.withSpan("app"), options),
            Tracer.Tracer,
            tracer
          )
          for (const headers of sent) assert.deepStrictEqual(traces(headers), [])
        }
        assert.include(names(), "Webhook.send")
      }))

    it.effect("names the caller's span where there is no tracer, and nothing where there is no span", () =>
      Effect.gen(function*() {
        let caller: Tracer.Span | undefined
        const sent = yield* sentWith((send) =>
          Effect.withSpan(
            Effect.andThen(
              Effect.tap(Effect.currentSpan, (span) => {
                caller = span
                return Effect.void
              }),
              send
            ),
            "app"
          ).pipe(Effect.orDie)
        )
        for (const headers of sent) {
          assert.strictEqual(headers["traceparent"], `00-${caller!.traceId}-${caller!.spanId}-01`)
        }
        for (const headers of yield* sentWith((send) => send)) assert.deepStrictEqual(traces(headers), [])
      }))

    it.effect("goes on with a trace that came from elsewhere", () =>
      Effect.gen(function*() {
        const external = Tracer.externalSpan({
          traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
          spanId: "00f067aa0ba902b7",
          sampled: false
        })
        const { spans, tracer } = recorder()
        const within = Effect.withParentSpan(external)
        const traced = yield* Effect.provideService(sentWith(within), Tracer.Tracer, tracer)
        assert.strictEqual(traced[0]!["traceparent"], `00-${external.traceId}-${spans[0]!.spanId}-00`)
        const untraced = yield* sentWith(within)
        assert.strictEqual(untraced[0]!["traceparent"], `00-${external.traceId}-${external.spanId}-00`)
      }))

    it.effect("does not go out where the program has tracing off, or with ids that it cannot have", () =>
      Effect.gen(function*() {
        const { tracer } = recorder()
        const off = yield* Effect.provideService(
          sentWith((send) => Effect.withSpan(Effect.withTracerEnabled(send, false), "app")),
          Tracer.Tracer,
          tracer
        )
        for (const headers of off) assert.deepStrictEqual(traces(headers), [])
        for (
          const ids of [
            { traceId: "trace-1", spanId: "span-1" },
            { traceId: "4BF92F3577B34DA6A3CE929D0E0E4736", spanId: "00f067aa0ba902b7" },
            { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "1\r\nx-injected: 1" }
          ]
        ) {
          class Strange extends Tracer.NativeSpan {
            override get traceId() {
              return ids.traceId
            }
            override get spanId() {
              return ids.spanId
            }
          }
          const strange = Tracer.make({ span: (options) => new Strange(options) })
          const sent = yield* Effect.provideService(sentWith(Effect.withSpan("app")), Tracer.Tracer, strange)
          for (const headers of sent) assert.deepStrictEqual(traces(headers), [])
        }
      }))

    it.effect("says that a trace is not sampled", () =>
      Effect.gen(function*() {
        const { spans, tracer } = recorder()
        const [headers] = yield* Effect.provideService(
          sentWith(Effect.withSpan("app", { sampled: false })),
          Tracer.Tracer,
          tracer
        )
        assert.strictEqual(headers!["traceparent"], `00-${spans[1]!.traceId}-${spans[1]!.spanId}-00`)
      }))

    it.effect("stands above one of the user's, which goes out where there is no span", () =>
      Effect.gen(function*() {
        const own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        const send = { headers: { TraceParent: own } }
        const options = { propagateTrace: true }
        const { spans, tracer } = recorder()
        const [traced] = yield* Effect.provideService(
          sentWith((send) => send, options, send),
          Tracer.Tracer,
          tracer
        )
        assert.deepStrictEqual(traces(traced!), ["traceparent"])
        assert.strictEqual(traced!["traceparent"], `00-${spans[0]!.traceId}-${spans[0]!.spanId}-01`)
        const [untraced] = yield* sentWith((send) => send, options, send)
        assert.strictEqual(untraced!["traceparent"], own)
      }))

    const overSockets: Record<string, Layer.Layer<Transport.Transport>> = {
      "NodeTransport": NodeTransport.layer({ grace: 100 }),
      "layerHttpClient over FetchHttpClient": Layer.provide(Transport.layerHttpClient, FetchHttpClient.layer),
      "layerHttpClient over NodeHttpClient.layerUndici": Layer.provide(
        Transport.layerHttpClient,
        NodeHttpClient.layerUndici
      )
    }

    it.live.each(Object.entries(overSockets))(
      "arrives once, and alone, over %s",
      ([, transport]) =>
        Effect.gen(function*() {
          const receiver = yield* TestReceiver.make(TestReceiver.reply())
          const { spans, tracer } = recorder()
          const sendOver = (propagateTrace: boolean) =>
            Webhook.send({ n: 1 }).pipe(
              Effect.withSpan("app"),
              Effect.provide(
                Webhook.layerTransport({ propagateTrace }).pipe(
                  Layer.provide([transport, UrlPool.layer(receiver.urlOf("/hook"))])
                )
              ),
              Effect.provideService(Tracer.Tracer, tracer)
            )
          assert.isTrue((yield* sendOver(true)).ok)
          assert.isTrue((yield* sendOver(false)).ok)
          const [with_, without] = yield* receiver.requests
          // Two of them would be joined.
          assert.match(with_!.headers["traceparent"]!, form)
          const { spanId, traceId } = spans.find(({ name }) => name === "Webhook.send")!
          assert.strictEqual(with_!.headers["traceparent"], `00-${traceId}-${spanId}-01`)
          assert.deepStrictEqual(traces(with_!.headers), ["traceparent"])
          assert.deepStrictEqual(traces(without!.headers), [])
          // The client under it makes no span of its own, which would show the URL.
          assert.deepStrictEqual(spans.map(({ name }) => name), ["app", "Webhook.send", "app", "Webhook.send"])
        })
    )
  })

  describe("metrics", () => {
    const isUnit = ({ key }: KeyValue) => key === "unit" || key === "time_unit"

    // Of a counter, by the values of its attributes.
    const counts = (metrics: ReadonlyArray<OtlpMetric>, name: string) => {
      const metric = metrics.find((metric) => metric.name === name)
      if (metric === undefined) return {}
      assert.isTrue(metric.sum!.isMonotonic)
      return Object.fromEntries(
        metric.sum!.dataPoints.map(({ asDouble, attributes }) => [
          attributes.map(({ key, value }) => `${key}=${String(plain(value))}`).join(),
          asDouble
        ])
      )
    }

    // Of a histogram: how many, their sum, and how many there are up to each boundary that has some.
    const histogram = (metrics: ReadonlyArray<OtlpMetric>, name: string) => {
      const metric = metrics.find((metric) => metric.name === name)!
      assert.strictEqual(metric.unit, "s")
      const [point, ...others] = metric.histogram!.dataPoints
      assert.lengthOf(others, 0)
      assert.deepStrictEqual(point!.attributes.filter((attribute) => !isUnit(attribute)), [])
      const buckets = point!.bucketCounts!.flatMap((count, index) =>
        count === 0 ? [] : [[point!.explicitBounds![index] ?? Infinity, count]]
      )
      return { count: point!.count, sum: Math.round(point!.sum! * 1e6) / 1e6, buckets }
    }

    it.effect("say how many sends there were with which end, and how long they took and waited", () =>
      Effect.gen(function*() {
        const script: ReadonlyArray<TestTransport.Answer> = [
          reply({ delay: 30 }),
          reply({ status: 500, delay: 100 }),
          reply(),
          reply({ status: 429, body: { retry_after: 7 } }),
          reply(),
          reply({ status: 404, delay: 1 }),
          reply({ status: 302 }),
          refuse,
          reset,
          refuse,
          refuse,
          reply({ status: 999 }),
          hang,
          reply({ status: 410 })
        ]
        const { metrics } = yield* observe(
          Effect.gen(function*() {
            const oks: Array<boolean> = []
            const send = Effect.map(drive(Webhook.send({ n: 1 })), ({ ok }) => {
              oks.push(ok)
            })
            for (let n = 0; n < 7; n++) yield* send
            // Of an interrupted one nothing is known.
            const fiber = yield* Effect.forkChild(Webhook.send({ n: 1 }))
            yield* TestClock.adjust("3 seconds")
            yield* Fiber.interrupt(fiber)
            yield* send
            yield* drive(Webhook.send({ big: 1n }))
            // The only URL is gone.
            yield* send
            assert.deepStrictEqual(oks, [true, true, true, false, false, false, false, false, false])
          }).pipe(Effect.provide(layer(script)))
        )
        assert.deepStrictEqual<unknown>(counts(metrics, "webhook.sends"), {
          "webhook.outcome=delivered": 3,
          "webhook.outcome=failed": 7
        })
        assert.deepStrictEqual<unknown>(counts(metrics, "webhook.attempts"), {
          "http.response.status_class=2xx": 3,
          "http.response.status_class=3xx": 1,
          "http.response.status_class=4xx": 3,
          "http.response.status_class=5xx": 1,
          "http.response.status_class=none": 5
        })
        assert.deepStrictEqual(histogram(metrics, "webhook.send.duration"), {
          count: 10,
          sum: 15.131, // 0.03 + 2.1 + 7 + 0.001 + 6
          buckets: [[0.005, 6], [0.05, 1], [2.5, 1], [10, 2]]
        })
        assert.deepStrictEqual(histogram(metrics, "webhook.wait.duration"), {
          count: 5,
          sum: 2 + 7 + 6,
          buckets: [[2.5, 4], [10, 1]]
        })
        assert.deepStrictEqual<unknown>(counts(metrics, "webhook.urls.retired"), { "": 1 })
        assert.deepStrictEqual<unknown>(counts(metrics, "webhook.proxies.burned"), {})
      }))

    it.effect("count the wait for the pace and for a turn as well", () =>
      Effect.gen(function*() {
        const { metrics } = yield* observe(
          drive(Effect.all([Webhook.send(1), Webhook.send(2), Webhook.send(3)], { concurrency: "unbounded" })).pipe(
            Effect.provide(layer(reply({ delay: 1500 }), { maxPerOrigin: 1 }))
          )
        )
        assert.deepStrictEqual(histogram(metrics, "webhook.wait.duration"), {
          count: 2,
          sum: 4.5,
          buckets: [[2.5, 1], [5, 1]]
        })
        assert.deepStrictEqual(histogram(metrics, "webhook.send.duration"), {
          count: 3,
          sum: 9,
          buckets: [[2.5, 1], [5, 2]]
        })
      }))

    it.effect("count each URL that is retired, once, and one that came with a send each time that it says so", () =>
      Effect.gen(function*() {
        const { metrics } = yield* observe(
          Effect.gen(function*() {
            yield* drive(Effect.forEach([1, 2, 3], (n) => Webhook.send(n), { concurrency: "unbounded" }))
            for (let n = 0; n < 2; n++) {
              yield* drive(Webhook.send(n, { url: "https://given.example/hook" }))
            }
          }).pipe(Effect.provide(layer(reply({ status: 410, delay: 5 }), {}, [hook, "https://example.com/hooks/2"])))
        )
        assert.deepStrictEqual<unknown>(counts(metrics, "webhook.urls.retired"), { "": 4 })
      }))

    it.effect("count the proxies that are burned, and not those that are suspected", () =>
      Effect.gen(function*() {
        const { metrics } = yield* observe(
          drive(Effect.all([Webhook.send(1), Webhook.send(2)])).pipe(Effect.provide(proxiedLayer))
        )
        assert.deepStrictEqual<unknown>(counts(metrics, "webhook.proxies.burned"), { "": 1 })
        assert.deepStrictEqual<unknown>(counts(metrics, "webhook.attempts"), {
          "http.response.status_class=none": 2,
          "http.response.status_class=2xx": 2
        })
      }))

    it.effect("have no attribute that grows with the URLs, the ids or the errors", () =>
      Effect.gen(function*() {
        const { metrics } = yield* observe(
          drive(Effect.forEach([...Array.from({ length: 40 }).keys()], (n) =>
            Webhook.send({ n }, { url: `https://customer-${n}.example/hook`, id: `evt_${n}` }))).pipe(
              Effect.provide(layer((_, index) =>
                reply({ status: 200 + index * 10 }), { maxRetries: 0 }))
            )
        )
        const keys = new Set<string>()
        let points = 0
        for (const { histogram, name, sum } of metrics) {
          if (!name.startsWith("webhook.")) continue
          for (const { attributes } of (sum ?? histogram)!.dataPoints) {
            points++
            for (const { key } of attributes) keys.add(key)
          }
        }
        assert.deepStrictEqual([...keys].toSorted(), ["http.response.status_class", "unit", "webhook.outcome"])
        assert.isAtMost(points, 10)
      }))
  })

  describe("logs", () => {
    const retried = [reply({ status: 500 }), reply()]

    it.effect("of a retry and of a failure are at debug, and belong to the send's span", () =>
      Effect.gen(function*() {
        const { logs, span } = yield* once(reply({ status: 500 }))
        assert.lengthOf(logs, 4)
        for (const log of logs) {
          assert.strictEqual(log.severityText, "Debug")
          assert.strictEqual(log.spanId, span.spanId)
          assert.strictEqual(log.traceId, span.traceId)
          assert.match(String(plain(log.body)), /^webhook to example\.com/)
        }
        assert.match(String(plain(logs[0]!.body)), /500.*next try in 2000 ms/)
        assert.match(String(plain(logs[3]!.body)), /failed after 4 attempts.*delivered: maybe/)
      }))

    it.effect("there are none of a delivery at the first attempt", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* once(reply())).logs, [])
      }))

    it.effect.each(["Info", "Warn"] as const)(
      "there are none at %s, whatever happens",
      (level) =>
        Effect.gen(function*() {
          for (const script of [retried, reply({ status: 500 }), reply({ status: 404 }), hang]) {
            const { logs, value } = yield* observe(
              Effect.tap(drive(Webhook.send({ n: 1 })), Effect.log("the control")).pipe(Effect.provide(layer(script))),
              level
            )
            assert.isAtLeast(value.attempts, 1)
            assert.deepStrictEqual(
              logs.map(({ body }) => plain(body)),
              level === "Info" ? ["the control"] : []
            )
          }
        })
    )
  })

  describe("no secret is exported", () => {
    // Every secret has this word in it, so that one search finds them all.
    const canary = /canary/i
    const token = "canarytoken"
    const query = "canaryquery"
    const payloadWord = "canarypayload"
    const bodyWord = "canarybody"
    const headerWord = "canaryheader"
    const thrownWord = "canarythrown"
    const password = "canarypassword"
    const signingKey = "canarysigningcanarysigningcanarysigningAAAAA"
    const words = [token, query, payloadWord, bodyWord, headerWord, thrownWord, password, signingKey]
    const disguises = words.flatMap((word) => [
      Buffer.from(word).toString("base64").replace(/.=*$/, ""),
      Buffer.from(word).toString("hex"),
      Buffer.from(word).join()
    ])

    const content = {
      headers: { "x-secret": bodyWord, "set-cookie": `session=${bodyWord}` },
      body: { text: bodyWord }
    }
    const payload = { text: payloadWord, [payloadWord]: 1 }
    const thrown = () => {
      throw new Error(thrownWord)
    }
    const cause = Redacted.make(new Error(thrownWord))

    interface Case {
      readonly receiver?: TestReceiver.Script
      readonly send?: Webhook.SendOptions
      readonly options?: Webhook.WebhookOptions
      readonly payload?: unknown
      /** What must come of it, so that a case shows what it says. */
      readonly tag: WebhookError.WebhookErrorReason["_tag"] | "Delivered"
    }

    const url = (host: string) => `http://${host}/${token}?key=${query}`

    const cases: Record<string, Case> = {
      "a delivery": { tag: "Delivered" },
      "a delivery after a 500, a 429 and a reset": {
        receiver: [
          TestReceiver.reply({ status: 500, ...content }),
          TestReceiver.reply({ status: 429, ...content, body: { retry_after: 0.01, text: bodyWord } }),
          TestReceiver.resetAfter,
          TestReceiver.reply(content)
        ],
        tag: "Delivered"
      },
      "a 503 to the last": { receiver: TestReceiver.reply({ status: 503, ...content }), tag: "ServerError" },
      "a 429 that waits too long": {
        receiver: TestReceiver.reply({ status: 429, ...content, body: { retry_after: 1000, text: bodyWord } }),
        tag: "RateLimited"
      },
      "a 400": { receiver: TestReceiver.reply({ status: 400, ...content }), tag: "Rejected" },
      "a 410": { receiver: TestReceiver.reply({ status: 410, ...content }), tag: "EndpointGone" },
      "a delivery to a URL that wants no more": {
        receiver: TestReceiver.reply({ ...content, headers: { "webhook-delivery": "disable", "x-secret": bodyWord } }),
        tag: "Delivered"
      },
      "a redirect": {
        receiver: TestReceiver.reply({ status: 307, headers: { location: url(`${bodyWord}.example`) } }),
        tag: "Redirected"
      },
      "a timeout": { receiver: TestReceiver.hang, options: { timeout: 50, maxRetries: 0 }, tag: "Timeout" },
      "a deadline": { receiver: TestReceiver.hang, send: { deadline: 50 }, tag: "DeadlineExceeded" },
      "no HTTP": {
        receiver: TestReceiver.garbage(`${bodyWord}\r\n\r\n`),
        options: { maxRetries: 1 },
        tag: "ConnectionError"
      },
      "an address that is not public": {
        send: { url: url("10.1.2.3") },
        tag: "EgressBlocked"
      },
      "a URL that is none": { send: { url: `//${token}` }, tag: "InvalidUrl" },
      "a payload with a BigInt": { payload: { text: payloadWord, big: 1n }, tag: "InvalidPayload" },
      "a payload that throws": { payload: { text: payloadWord, toJSON: thrown }, tag: "InvalidPayload" },
      "a header with a line break": { send: { headers: { "x-key": `${headerWord}\r\n` } }, tag: "InvalidHeader" },
      "an id that cannot be": { send: { id: "a.b" }, tag: "InvalidOptions" },
      "a signer that fails": {
        send: { signer: () => Effect.fail(new WebhookError.SignerError({ detail: "no key", cause })) },
        tag: "SignerError"
      },
      "a signer that dies": { send: { signer: () => Effect.die(new Error(thrownWord)) }, tag: "Unexpected" },
      "a classify that throws": { options: { classify: thrown }, tag: "Unexpected" },
      "a schedule that dies": {
        receiver: TestReceiver.reply({ status: 500, ...content }),
        options: { retry: Schedule.modifyDelay(Schedule.spaced(1), () => Effect.die(new Error(thrownWord))) },
        tag: "Unexpected"
      }
    }

    const proxy = Effect.acquireRelease(
      Effect.suspend(() => {
        const server = new ProxyServer({ port: 0, host: "127.0.0.1" })
        return Effect.as(Effect.promise(() => server.listen()), server)
      }),
      (server) => Effect.promise(() => server.close(true))
    )

    const byProxies = Layer.unwrap(Effect.map(proxy, ({ port }) =>
      NodeTransport.layerProxied({ grace: 100 }).pipe(
        Layer.provide(Layer.orDie(ProxyProvider.layer([
          `127.0.0.1:1:${password}:${password}`,
          `127.0.0.1:${port}:${password}:${password}`
        ])))
      )))

    const transports: Record<string, Layer.Layer<Transport.Transport>> = {
      "NodeTransport": NodeTransport.layer({ grace: 100 }),
      "NodeTransport by proxies": byProxies,
      "layerHttpClient over NodeHttpClient.layerUndici": Layer.provide(
        Transport.layerHttpClient,
        NodeHttpClient.layerUndici
      )
    }

    const signer = Signature.hmac([
      Redacted.make(`whsec_${signingKey.slice(0, 44)}`),
      Redacted.make(signingKey.slice(0, 43) + "B")
    ])

    const run = Effect.fnUntraced(function*(name: string, one: Case, transport: Layer.Layer<Transport.Transport>) {
      const receiver = yield* TestReceiver.make(one.receiver ?? TestReceiver.reply(content))
      const hook = yield* Layer.build(
        Webhook.layerTransport({
          signer,
          retry: RetryPolicy.backoff({ base: 1, max: 2 }),
          grace: 100,
          propagateTrace: true,
          headers: { "x-key": Redacted.make(headerWord), authorization: `Bearer ${headerWord}` },
          ...one.options
        }).pipe(
          Layer.provide(UrlPool.layer(receiver.urlOf(`/${token}?key=${query}`))),
          Layer.provide(transport)
        )
      )
      const webhook = yield* Effect.provideContext(Webhook.Webhook, hook)
      const body = "payload" in one ? one.payload : payload
      const result = yield* webhook.send(body, one.send)
      const error = yield* Effect.option(Effect.flip(webhook.sendOrFail(body, one.send)))
      // A program may show of it what it likes.
      yield* Effect.logInfo("it came to this", result, result.history, error)
      if (!result.ok) yield* Effect.logError(result.error, result.reason, Exit.fail(result.reason))
      yield* Effect.annotateCurrentSpan({ result, target: result.target, error })
      return {
        name,
        expected: one.tag,
        tag: result.ok ? result._tag : result.reason._tag,
        signatures: (yield* receiver.requests).flatMap(({ headers }) => headers["webhook-signature"]?.split(" ") ?? [])
      }
    }, Effect.scoped)

    it.live.each(Object.entries(transports))("over %s", ([name, transport]) =>
      Effect.gen(function*() {
        const { logs, metrics, posts, sends, value } = yield* observe(
          Effect.forEach(Object.entries(cases), ([name, one]) =>
            Effect.withSpan(run(name, one, transport), `case: ${name}`))
        )
        for (const { expected, name: one, tag } of value) {
          // What a proxy may have lost is the proxy's failure in the end.
          if (name !== "NodeTransport by proxies" || tag !== "ProxyError") {
            assert.strictEqual(tag, expected, one)
          }
        }
        // All of it was there to be seen.
        assert.lengthOf(sends, 2 * value.length)
        assert.isAbove(logs.length, 2 * value.length)
        assert.isTrue(metrics.some(({ name }) =>
          name === "webhook.sends"
        ))
        const signatures = new Set(value.flatMap(({ signatures }) => signatures))
        assert.isAbove(signatures.size, 20)
        for (const { body, headers } of posts) {
          for (const text of [body, headers]) {
            const at = text.search(canary)
            assert.strictEqual(at, -1, text.slice(Math.max(0, at - 200), at + 80))
            for (const secret of [...disguises, ...signatures]) assert.notInclude(text, secret.replace(/^v1,/, ""))
          }
        }
      }), 60_000)

    it.live("and the collector sees a secret wherever one could be", () =>
      Effect.gen(function*() {
        const counter = Metric.counter("canary_control")
        const { posts } = yield* observe(
          Effect.gen(function*() {
            yield* Effect.logTrace("a canary in a log")
            yield* Metric.update(counter, 1)
            yield* Effect.annotateCurrentSpan("url", "a canary in a span")
          }).pipe(Effect.withSpan("app"))
        )
        for (const path of ["/v1/traces", "/v1/logs", "/v1/metrics"]) {
          assert.isTrue(posts.some((post) => post.path === path && canary.test(post.body)), path)
        }
      }))
  })
})
