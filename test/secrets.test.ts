import { NodeHttpClient } from "@effect/platform-node"
import { afterAll, assert, beforeAll, describe, it, vi } from "@effect/vitest"
import {
  Cause,
  Config,
  ConfigProvider,
  Console,
  Effect,
  Exit,
  Layer,
  Logger,
  Metric,
  Redacted,
  References,
  Schedule,
  Tracer
} from "effect"
import {
  EgressPolicy,
  ProxyProvider,
  RetryPolicy,
  type Signature,
  Transport,
  UrlPool,
  Webhook,
  WebhookError
} from "effect-webhooks"
import { NodeTransport, NodeWebhook, TestReceiver } from "effect-webhooks/node"
import { FetchHttpClient } from "effect/http"
import { format, inspect } from "node:util"
import { Server } from "proxy-chain"

// The machine may be busy: nothing here is about time.
vi.setConfig({ testTimeout: 30_000 })

// Every secret has this word in it, so that one search finds them all.
const canary = /canary/i

const token = "canarytoken"
const query = "canaryquery"
const payloadWord = "canarypayload"
const bodyWord = "canarybody"
const headerWord = "canaryheader"
const signingWord = "canarysigning"
const thrownWord = "canarythrown"

const redactedHeader = { "x-api-key": Redacted.make(headerWord) }

const json = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => typeof inner === "bigint" ? String(inner) : inner) ?? "undefined"

/** What a program, or a person with a debugger, may print. */
const print = (value: unknown): ReadonlyArray<string> => [
  String(value),
  `${value}`,
  json(value),
  inspect(value, { depth: 10, showHidden: true, getters: true }),
  inspect(value, { depth: 10, showHidden: true, customInspect: false }),
  format("%s %o %O", value, value, value),
  ...(value instanceof Error ? [value.message, String(value.stack)] : [])
]

/** Everything that a program shows of itself while it runs. */
interface Sinks {
  readonly results: Array<string>
  readonly logs: Array<string>
  readonly console: Array<string>
  readonly spans: Array<string>
  readonly metrics: Array<string>
}

const makeSinks = (): Sinks => ({ results: [], logs: [], console: [], spans: [], metrics: [] })

const loggers = (sinks: Sinks) => {
  const into = (logger: Logger.Logger<unknown, unknown>) =>
    Logger.map(logger, (output) => {
      sinks.logs.push(...typeof output === "string" ? [output] : print(output))
    })
  return Logger.layer([
    into(Logger.formatSimple),
    into(Logger.formatLogFmt),
    into(Logger.formatStructured),
    into(Logger.formatJson),
    Logger.consolePretty({ colors: false, mode: "tty" }),
    Logger.consolePretty({ colors: true, mode: "browser" }),
    Logger.tracerLogger,
    Logger.make(({ cause }) => {
      sinks.logs.push(Cause.pretty(cause))
    })
  ])
}

const consoleInto = (texts: Array<string>): Console.Console =>
  new Proxy(globalThis.console, {
    get: () => (...args: Array<unknown>) => {
      texts.push(format(...args), inspect(args, { depth: 10, showHidden: true }))
    }
  })

/** Runs a program and fills the sinks with all that can be seen of it. */
const watch = Effect.fnUntraced(function*<A, E>(program: Effect.Effect<A, E>) {
  const sinks = makeSinks()
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const show = (value: unknown) => {
    sinks.results.push(...print(value))
    return Effect.logInfo("this is it", value)
  }
  const exit = yield* program.pipe(
    Effect.withSpan("app"),
    Effect.tap(show),
    Effect.tapCause((cause) => {
      sinks.results.push(Cause.pretty(cause))
      for (const error of Cause.prettyErrors(cause)) sinks.results.push(...print(error))
      return Effect.andThen(show(cause), Effect.logError(cause))
    }),
    Effect.tapError(show),
    Effect.exit,
    Effect.tap(show),
    Effect.provideService(Tracer.Tracer, tracer),
    Effect.provideService(References.MinimumLogLevel, "All"),
    Effect.provide(loggers(sinks)),
    Effect.provideService(Console.Console, consoleInto(sinks.console))
  )
  for (const span of spans) {
    sinks.spans.push(span.name, ...print([...span.attributes]), ...print(span.events), ...print(span.status))
    if (span.status._tag === "Ended" && Exit.isFailure(span.status.exit)) {
      sinks.spans.push(Cause.pretty(span.status.exit.cause))
    }
  }
  sinks.metrics.push(...print(yield* Metric.snapshot), yield* Metric.dump)
  return { exit, sinks }
})

// Each sink that leaks, with the first thing it shows: one is enough to look for it.
const leaks = (sinks: Sinks): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(sinks).flatMap(([name, texts]) => {
      const text = (texts as Array<string>).find((text) => canary.test(text))
      if (text === undefined) return []
      const at = text.search(canary)
      return [[name, text.slice(Math.max(0, at - 80), at + 40)]]
    })
  )

const assertSilent = (sinks: Sinks) => assert.deepStrictEqual(leaks(sinks), {})

// What anybody writes to the process itself, for as long as the file runs.
const written: Array<string> = []
const methods = ["log", "info", "warn", "error", "debug", "trace", "dir"] as const
beforeAll(() => {
  for (const method of methods) {
    vi.spyOn(globalThis.console, method).mockImplementation((...args: Array<unknown>) => {
      written.push(format(...args))
    })
  }
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream) as (...args: Array<unknown>) => boolean
    vi.spyOn(stream, "write").mockImplementation((...args: Array<unknown>) => {
      written.push(String(args[0]))
      return write(...args)
    })
  }
})
afterAll(() => {
  vi.restoreAllMocks()
  assert.deepStrictEqual(written.filter((text) => canary.test(text)), [])
})

const signer: Signature.Signer = ({ id }) =>
  Effect.succeed({ "webhook-id": id, "webhook-signature": `v1,${signingWord}` })

const failingSigner: Signature.Signer = () =>
  Effect.fail(
    new WebhookError.SignerError({
      detail: "the key service is away",
      cause: Redacted.make(new Error(`key ${signingWord}`))
    })
  )

const strangeSigner: Signature.Signer = () => Effect.fail({ _tag: "Strange", key: signingWord } as never)

const dyingSigner: Signature.Signer = () => Effect.die(new Error(`key ${signingWord}`))

const throwingSigner: Signature.Signer = () => {
  throw new Error(`key ${signingWord}`)
}

const badHeaderSigner: Signature.Signer = () => Effect.succeed({ "webhook-signature": `${signingWord}\r\n` })

const thrown = () => {
  throw new Error(`what was thrown holds the ${thrownWord}`)
}

const dyingSchedule = Schedule.modifyDelay(Schedule.spaced(1), () => Effect.die(new Error(thrownWord)))

const cycle = () => {
  const object: Record<string, unknown> = { text: payloadWord }
  object["self"] = object
  return object
}

const content = { headers: { "x-secret": bodyWord, "content-type": "application/json" }, body: { text: bodyWord } }

interface Case {
  readonly receiver?: TestReceiver.Script | undefined
  readonly options?: Webhook.WebhookOptions | undefined
  readonly payload?: unknown
  readonly send?: Webhook.SendOptions | undefined
  readonly pool?: UrlPool.Options | undefined
  /** What must come of it, so that a case shows what it says. */
  readonly tag: WebhookError.WebhookErrorReason["_tag"] | "Delivered"
}

const cases: Record<string, Case> = {
  "delivered": { receiver: TestReceiver.reply(content), tag: "Delivered" },
  "delivered with a signature": {
    receiver: TestReceiver.reply(content),
    options: { signer },
    tag: "Delivered"
  },
  "delivered after a failure": {
    receiver: [
      TestReceiver.reply({ status: 500, ...content }),
      TestReceiver.reply({ status: 429, body: { retry_after: 0.01, text: bodyWord } }),
      TestReceiver.reply(content)
    ],
    tag: "Delivered"
  },
  "a 500": { receiver: TestReceiver.reply({ status: 500, ...content }), tag: "ServerError" },
  "a 429": {
    receiver: TestReceiver.reply({
      status: 429,
      headers: { "retry-after": bodyWord },
      body: { retry_after: 1000, text: bodyWord }
    }),
    tag: "RateLimited"
  },
  "a 404": { receiver: TestReceiver.reply({ status: 404, ...content }), tag: "Rejected" },
  "a 410": {
    receiver: TestReceiver.reply({ status: 410, ...content }),
    pool: { onRetired: (target) => Effect.andThen(Effect.logInfo("gone", target), Effect.die(new Error(thrownWord))) },
    tag: "EndpointGone"
  },
  "a redirect": {
    receiver: TestReceiver.reply({ status: 302, headers: { location: `https://example.com/${bodyWord}` } }),
    tag: "Redirected"
  },
  "a timeout": { receiver: TestReceiver.hang, options: { timeout: 50 }, tag: "Timeout" },
  "a timeout within a body": {
    receiver: TestReceiver.drip({ status: 500 }),
    options: { timeout: 300, maxRetries: 0 },
    tag: "ServerError"
  },
  "a deadline": {
    receiver: TestReceiver.hang,
    send: { deadline: 50 },
    tag: "DeadlineExceeded"
  },
  "a reset": { receiver: TestReceiver.resetAfter, tag: "ConnectionError" },
  "an answer that is no HTTP": { receiver: TestReceiver.garbage(`${bodyWord}\r\n\r\n`), tag: "ConnectionError" },
  "a refused port": {
    send: { url: `http://127.0.0.1:1/${token}?key=${query}` },
    options: { egress: EgressPolicy.unrestricted },
    tag: "ConnectionError"
  },
  "an address that is not public": {
    send: { url: `http://10.1.2.3/${token}?key=${query}` },
    tag: "EgressBlocked"
  },
  "an unresolvable name": { send: { url: `http://nowhere.invalid/${token}?key=${query}` }, tag: "ConnectionError" },
  "a payload with a cycle": { payload: cycle(), tag: "InvalidPayload" },
  "a payload with a BigInt": { payload: { text: payloadWord, big: 1n }, tag: "InvalidPayload" },
  "a payload whose toJSON throws": {
    payload: { text: payloadWord, toJSON: () => thrown() },
    tag: "InvalidPayload"
  },
  "a payload whose getter throws": {
    payload: {
      text: payloadWord,
      get other() {
        return thrown()
      }
    },
    tag: "InvalidPayload"
  },
  "a payload that is a function": { payload: () => payloadWord, tag: "InvalidPayload" },
  "a payload that is a symbol": { payload: Symbol(payloadWord), tag: "InvalidPayload" },
  "a payload that is bytes": { payload: new TextEncoder().encode(payloadWord), tag: "InvalidPayload" },
  "a header with a line break": {
    send: { headers: { "x-token": `${headerWord}\r\nx: y` } },
    tag: "InvalidHeader"
  },
  "a redacted header with a line break": {
    send: { headers: { "x-token": Redacted.make(`${headerWord}\n`) } },
    tag: "InvalidHeader"
  },
  "a header that is no string": {
    send: { headers: { "x-token": { secret: headerWord } as never } },
    tag: "InvalidHeader"
  },
  "a reserved header": { send: { headers: { Host: headerWord } }, tag: "InvalidHeader" },
  "a signer that fails": { options: { signer: failingSigner }, tag: "SignerError" },
  "a signer that fails with something else": { options: { signer: strangeSigner }, tag: "SignerError" },
  "a signer that dies": { options: { signer: dyingSigner }, tag: "Unexpected" },
  "a signer that throws": { options: { signer: throwingSigner }, tag: "Unexpected" },
  "a signer whose header has a line break": { options: { signer: badHeaderSigner }, tag: "InvalidHeader" },
  "a classify that throws": {
    receiver: TestReceiver.reply(content),
    options: { classify: thrown },
    tag: "Unexpected"
  },
  "a schedule that dies": {
    receiver: TestReceiver.reply({ status: 500 }),
    options: { retry: dyingSchedule },
    tag: "Unexpected"
  },
  "a URL of another scheme": { send: { url: `ftp://${token}@example.com/${token}` }, tag: "InvalidUrl" },
  "a URL that is none": { send: { url: `not a url ${token}` }, tag: "InvalidUrl" },
  "a URL with a bad host": { send: { url: `https://exa mple.com/${token}` }, tag: "InvalidUrl" },
  "a URL with user-info": { send: { url: `https://user:${token}@example.com/` }, tag: "InvalidUrl" },
  "a redacted URL that is none": { send: { url: Redacted.make(`${token} is not a url`) }, tag: "InvalidUrl" },
  "a URL object with user-info": { send: { url: new URL(`https://${token}@example.com/`) }, tag: "InvalidUrl" },
  "a URL whose scheme is the token": { send: { url: `${token}:1234` }, tag: "InvalidUrl" }
}

const overHttpClient = (client: typeof FetchHttpClient.layer) => Layer.provide(Transport.layerHttpClient, client)

// The proxy's password is a secret as well.
const byProxy = "NodeTransport by a proxy"

const proxy = Effect.acquireRelease(
  Effect.suspend(() => {
    const server = new Server({ port: 0, host: "127.0.0.1" })
    return Effect.as(Effect.promise(() => server.listen()), server)
  }),
  (server) => Effect.promise(() => server.close(true))
)

const layerByProxy = Layer.unwrap(Effect.map(proxy, ({ port }) =>
  NodeTransport.layerProxied({ grace: 100 }).pipe(
    Layer.provide(Layer.orDie(ProxyProvider.layer([
      `127.0.0.1:1:user:${token}`,
      `127.0.0.1:${port}:user:${token}`
    ])))
  )))

const transports = {
  [byProxy]: layerByProxy,
  "NodeTransport": NodeTransport.layer({ grace: 100 }),
  "layerHttpClient over FetchHttpClient": overHttpClient(FetchHttpClient.layer),
  "layerHttpClient over NodeHttpClient.layerUndici": overHttpClient(NodeHttpClient.layerUndici)
}

const retry = RetryPolicy.backoff({ base: 1, max: 2 })

for (const [transport, layerTransport] of Object.entries(transports)) {
  describe(`no secret shows over ${transport}`, () => {
    it.live.each(Object.entries(cases))("%s", ([, one]) =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(one.receiver ?? TestReceiver.reply(content))
        const context = yield* Layer.build(
          Webhook.layerTransport({ retry, maxRetries: 3, grace: 100, headers: redactedHeader, ...one.options }).pipe(
            Layer.provideMerge(UrlPool.layer(receiver.urlOf(`/${token}?key=${query}`), one.pool)),
            Layer.provide(layerTransport)
          )
        )
        const payload = "payload" in one ? one.payload : { text: payloadWord }
        const webhook = yield* Effect.provideContext(Webhook.Webhook, context)
        const pool = yield* Effect.provideContext(UrlPool.UrlPool, context)

        const sent = yield* watch(webhook.send(payload, one.send))
        assert(Exit.isSuccess(sent.exit))
        const result = sent.exit.value
        // What a proxy may have lost is the proxy's failure in the end.
        const tag = result.ok ? result._tag : result.reason._tag
        if (transport !== byProxy || tag !== "ProxyError") assert.strictEqual(tag, one.tag)
        assertSilent(sent.sinks)

        const failing = yield* watch(webhook.sendOrFail(payload, one.send))
        assert.strictEqual(Exit.isSuccess(failing.exit), one.tag === "Delivered")
        assertSilent(failing.sinks)

        // Also piece by piece, as a program takes it apart.
        const { sinks } = yield* watch(
          Effect.forEach([
            result.url,
            result.target,
            result.history,
            ...result.history.map(({ reason }) => reason),
            ...result.ok ? [] : [result.reason, result.error, new WebhookError.WebhookError({ ...result, result })],
            webhook,
            pool,
            context
          ], (value) => Effect.tap(Effect.succeed(value), Effect.logInfo(value)))
        )
        assertSilent(sinks)
        const list = yield* watch(pool.list)
        assert.strictEqual(Exit.isSuccess(list.exit) && list.exit.value.length, 1)
        assertSilent(list.sinks)
      }))
  })
}

describe("no secret shows when a layer cannot be built", () => {
  const urls: Record<string, UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput>> = {
    "a URL of another scheme": `ftp://${token}@example.com/${token}?${query}`,
    "a URL that is none": `not a url ${token}`,
    "a URL with user-info": `https://${token}:${token}@example.com/${token}`,
    "a redacted URL that is none": Redacted.make(`https://${token}:99999999/`),
    "a URL object of another scheme": new URL(`wss://example.com/${token}`),
    "a named URL that is none": { name: "alerts", url: `//${token}` },
    "the second of several": [`https://example.com/${token}`, `${token}/hook`],
    "a URL whose scheme is the token": `${token}:${token}`,
    "no URL at all": { name: "alerts", url: { secret: token } as never }
  }

  it.live.each(Object.entries(urls))("%s", ([, urls]) =>
    Effect.gen(function*() {
      const { exit, sinks } = yield* watch(Effect.scoped(Layer.build(NodeWebhook.layer({ urls }))))
      assert(Exit.isFailure(exit))
      const error = Cause.squash(exit.cause)
      assert(WebhookError.isWebhookError(error))
      assert.strictEqual(error.reason._tag, "InvalidUrl")
      assertSilent(sinks)
    }))

  it.live("a URL from configuration", () =>
    Effect.gen(function*() {
      const { exit, sinks } = yield* watch(
        Effect.scoped(Layer.build(NodeWebhook.layerConfig({ urls: Config.Redacted("WEBHOOK_URL") }))).pipe(
          Effect.provideService(
            ConfigProvider.ConfigProvider,
            ConfigProvider.fromUnknown({ WEBHOOK_URL: `not a url ${token}` })
          )
        )
      )
      assert.isTrue(Exit.isFailure(exit))
      assertSilent(sinks)
    }))

  it.live("a header", () =>
    Effect.gen(function*() {
      for (
        const value of [`${headerWord}\r\n`, Redacted.make(`${headerWord}\u0000`), { secret: headerWord } as never]
      ) {
        const { exit, sinks } = yield* watch(
          Effect.scoped(
            Layer.build(NodeWebhook.layer({ urls: `https://example.com/${token}`, headers: { "x-key": value } }))
          )
        )
        assert.isTrue(Exit.isFailure(exit))
        assertSilent(sinks)
      }
    }))
})

describe("what is hidden is there for the program", () => {
  it.live("the URL, the answer, and what a signer failed with", () =>
    Effect.gen(function*() {
      const receiver = yield* TestReceiver.make(TestReceiver.reply(content))
      const url = receiver.urlOf(`/${token}?key=${query}`)
      const layer = NodeWebhook.layer({ urls: url, headers: redactedHeader, signer })
      const result = yield* Effect.provide(Webhook.send({ text: payloadWord }), layer)
      assert.strictEqual(Redacted.value(result.url!), url)
      assert.deepStrictEqual(result.response, { text: bodyWord })
      const [request] = yield* receiver.requests
      assert.strictEqual(request!.headers["x-api-key"], headerWord)
      assert.strictEqual(request!.headers["webhook-signature"], `v1,${signingWord}`)

      const failed = yield* Effect.provide(Webhook.send({}, { signer: failingSigner }), layer)
      assert(!failed.ok && failed.reason._tag === "SignerError")
      assert.strictEqual((Redacted.value(failed.reason.cause!) as Error).message, `key ${signingWord}`)
      const died = yield* Effect.provide(Webhook.send({}, { signer: dyingSigner }), layer)
      assert(!died.ok && died.reason._tag === "Unexpected")
      assert.strictEqual((Redacted.value(died.reason.cause) as Error).message, `key ${signingWord}`)
    }))
})

describe("the sinks", () => {
  it.live("see every way in which a secret could show", () =>
    Effect.gen(function*() {
      const counter = Metric.counter("canary_control")
      const { sinks } = yield* watch(Effect.gen(function*() {
        yield* Effect.logTrace("a canary in a log")
        yield* Metric.update(Metric.withAttributes(counter, { url: "canary" }), 1)
        yield* Effect.annotateCurrentSpan("url", "canary")
        return yield* Effect.fail("canary")
      })).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
      for (const [name, texts] of Object.entries(sinks)) {
        assert.isTrue((texts as Array<string>).some((text) => canary.test(text)), name)
      }
      // Each of these is seen by one way of printing at least.
      class Getter {
        get url() {
          return "canary"
        }
      }
      const hidden = Object.defineProperty({}, "url", { value: "canary", enumerable: false })
      const custom = { [Symbol.for("nodejs.util.inspect.custom")]: () => "canary" }
      const deep = { a: { b: { c: { d: { e: { f: "canary" } } } } } }
      const own = {
        get url() {
          return "canary"
        }
      }
      for (
        const value of [
          new Getter(),
          hidden,
          { toJSON: () => "canary" },
          custom,
          deep,
          own,
          new Error("x", { cause: new Error("canary") })
        ]
      ) {
        assert.isTrue(print(value).some((text) => canary.test(text)))
      }
    }))
})
