/**
 * Runs a real HTTP server on loopback that misbehaves by script.
 *
 * Code that sends webhooks has to survive receivers that answer late, never,
 * twice too much or in the middle of a reset. `TestReceiver` plays such a
 * receiver: give it a `Behavior`, a list of them, a function of the request, or
 * one script per path, and it does exactly that on a real socket while it
 * records every request. Closing the scope destroys every connection, the
 * server and every timer.
 *
 * It speaks HTTP/1.1, in the clear or over TLS. It does not verify signatures,
 * speak HTTP/2, answer pipelined requests in order, or replace a stub of
 * `HttpClient` in unit tests that need no socket.
 *
 * **Gotchas**
 *
 * - Delays and drips run on native timers, so they pass in real time under
 *   `TestClock`. The timeouts of the code under test do not: adjust the clock,
 *   or use `it.live`.
 * - `requests` lists a request from the moment its head was read, possibly
 *   with half of its body. Wait with `received` to see whole requests.
 * - A client with keep-alive leaves its connections open, so `closed` waits
 *   until that client closes them.
 *
 * **Example** (Failing once, then accepting)
 *
 * ```ts
 * import { NodeHttpClient } from "@effect/platform-node"
 * import { Effect, Schedule } from "effect"
 * import { HttpClient } from "effect/http"
 * import { TestReceiver } from "effect-webhooks/node"
 *
 * const program = Effect.gen(function*() {
 *   const receiver = yield* TestReceiver.TestReceiver
 *   const client = yield* HttpClient.HttpClient
 *
 *   yield* client.post(receiver.urlOf("/hook")).pipe(Effect.retry(Schedule.recurs(1)))
 *
 *   const requests = yield* receiver.requests
 *   console.log(requests.map((request) => request.path)) // ["/hook", "/hook"]
 * }).pipe(
 *   Effect.provide([
 *     TestReceiver.layer([TestReceiver.resetAfter, TestReceiver.reply()]),
 *     NodeHttpClient.layerUndici
 *   ])
 * )
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import * as Net from "node:net"
import * as Tls from "node:tls"

/**
 * Runtime type identifier for `Behavior` values.
 *
 * @category type IDs
 * @since 0.1.0
 */
export const TypeId: TypeId = "~effect-webhooks/node/TestReceiver"

/**
 * Type-level identifier used to brand `Behavior` values.
 *
 * @category type IDs
 * @since 0.1.0
 */
export type TypeId = "~effect-webhooks/node/TestReceiver"

/**
 * A request as it arrived.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReceivedRequest {
  readonly method: string
  /**
   * The request target as it was sent, with its query.
   */
  readonly path: string
  /**
   * The headers under lower-case names, repeated ones joined by `", "`.
   */
  readonly headers: Readonly<Record<string, string>>
  /**
   * What was read of the body, decoded as UTF-8.
   */
  readonly body: string
  /**
   * What was read of the body.
   */
  readonly bytes: Uint8Array
  /**
   * When the head was read, in milliseconds since the epoch. It never goes
   * backwards within a process and does not follow `TestClock`.
   */
  readonly at: number
}

/**
 * What the receiver does with one request.
 *
 * **Details**
 *
 * Plain data with every default filled in. Build it with the constructors of
 * this module.
 *
 * @category models
 * @since 0.1.0
 */
export type Behavior =
  & { readonly [TypeId]: TypeId }
  & (
    | ({ readonly _tag: "Reply"; readonly delayMillis: number } & Content)
    | { readonly _tag: "Hang" }
    | { readonly _tag: "ResetBefore" }
    | { readonly _tag: "ResetAfter" }
    | ({ readonly _tag: "ResetDuring" } & Content)
    | { readonly _tag: "Drip"; readonly status: number; readonly bytes: number; readonly everyMillis: number }
    | { readonly _tag: "Flood"; readonly status: number; readonly bytes: number }
    | { readonly _tag: "Lie"; readonly status: number; readonly contentLength: number; readonly body: string }
    | { readonly _tag: "SlowHeaders"; readonly everyMillis: number }
    | { readonly _tag: "Garbage"; readonly text: string }
  )

/**
 * What a `Behavior` that sends a whole response, or half of one, sends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Content {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/**
 * Decides which behavior a request meets.
 *
 * **Details**
 *
 * - A behavior meets every request.
 * - An array meets one request each, in order of arrival, and its last behavior
 *   repeats. An empty array answers 204.
 * - A function is called once the whole request was read, with the number of
 *   requests that came before it. When it throws, or returns something else
 *   than a behavior, the receiver answers 500 and says so.
 *
 * **Gotchas**
 *
 * A function needs the body, so `resetBefore` returned from a function resets
 * after the body was read.
 *
 * @category models
 * @since 0.1.0
 */
export type Script = Behavior | ReadonlyArray<Behavior> | ((request: ReceivedRequest, index: number) => Behavior)

/**
 * One script for every path, or one per path.
 *
 * **Details**
 *
 * Paths start with `/` and carry no query. Each path counts its own requests,
 * and a path without a script answers 404.
 *
 * @category models
 * @since 0.1.0
 */
export type Routes = Script | { readonly [path: `/${string}`]: Script }

/**
 * Options for creating a `TestReceiver`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * Serves HTTPS with this key and certificate, both PEM.
   */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined
  /**
   * The address to listen on, which also appears in `url`.
   *
   * @default "127.0.0.1"
   */
  readonly host?: string | undefined
}

/**
 * Service for a running receiver.
 *
 * @category services
 * @since 0.1.0
 */
export class TestReceiver extends Context.Service<TestReceiver, {
  /**
   * Where the receiver listens, such as `http://127.0.0.1:49152`.
   */
  readonly url: string

  /**
   * Returns the URL of a path.
   */
  readonly urlOf: (path: string) => string

  /**
   * The requests of which the head was read, in order of arrival.
   */
  readonly requests: Effect.Effect<ReadonlyArray<ReceivedRequest>>

  /**
   * The number of connections that are open now.
   */
  readonly sockets: Effect.Effect<number>

  /**
   * The number of connections that were accepted since the start.
   */
  readonly connections: Effect.Effect<number>

  /**
   * Waits until that many requests were read, and returns all of those.
   *
   * **Details**
   *
   * A request counts when its body was read to the end, or when its connection
   * was cut before that.
   */
  readonly received: (count: number) => Effect.Effect<ReadonlyArray<ReceivedRequest>>

  /**
   * Waits until no connection is open.
   */
  readonly closed: Effect.Effect<void>
}>()("effect-webhooks/node/TestReceiver") {}

/**
 * Answers the request.
 *
 * **Details**
 *
 * `status` defaults to `204`, or to `200` when there is a body. A string or a
 * `Uint8Array` is sent as it is, any other object as JSON with content type
 * `application/json` unless `headers` names another.
 *
 * **Gotchas**
 *
 * Throws a `RangeError` when an option cannot be sent, such as a body with
 * status 204.
 *
 * **Example** (Rate limiting a client)
 *
 * ```ts
 * import { TestReceiver } from "effect-webhooks/node"
 *
 * export const limited = TestReceiver.reply({
 *   status: 429,
 *   headers: { "retry-after": "2" },
 *   body: { message: "slow down" },
 *   delay: "100 millis"
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const reply = (options?: {
  readonly status?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | Uint8Array | object | undefined
  readonly delay?: Duration.Input | undefined
}): Behavior => ({
  [TypeId]: TypeId,
  _tag: "Reply",
  ...makeContent("reply", options ?? {}),
  delayMillis: toMillis("reply", "delay", options?.delay ?? 0, 0)
})

/**
 * Reads the request and never answers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hang: Behavior = { [TypeId]: TypeId, _tag: "Hang" }

/**
 * Resets the connection as soon as the head of the request arrives.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resetBefore: Behavior = { [TypeId]: TypeId, _tag: "ResetBefore" }

/**
 * Reads the whole request, then resets the connection.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resetAfter: Behavior = { [TypeId]: TypeId, _tag: "ResetAfter" }

/**
 * Answers with the first half of a body, then resets the connection.
 *
 * **Details**
 *
 * `status` defaults to `200` and `body` to 64 bytes of text. The declared
 * `content-length` is that of the whole body.
 *
 * **Gotchas**
 *
 * Throws a `RangeError` when `status` cannot carry a body or `body` is empty.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resetDuring = (options?: {
  readonly status?: number | undefined
  readonly body?: string | Uint8Array | object | undefined
}): Behavior => {
  const content = makeContent("resetDuring", { ...options, body: options?.body ?? ".".repeat(64) })
  check(content.body.length > 0, "resetDuring: body must not be empty")
  return { [TypeId]: TypeId, _tag: "ResetDuring", ...content }
}

/**
 * Answers with the headers at once and the body one byte at a time.
 *
 * **Details**
 *
 * `status` defaults to `200`, `bytes` to `Infinity` and `every` to 50
 * milliseconds. The response ends well after the last byte.
 *
 * **Gotchas**
 *
 * Throws a `RangeError` when `status` cannot carry a body, `bytes` is not a
 * whole number or `Infinity`, or `every` is shorter than a millisecond.
 *
 * @category constructors
 * @since 0.1.0
 */
export const drip = (options?: {
  readonly status?: number | undefined
  readonly bytes?: number | undefined
  readonly every?: Duration.Input | undefined
}): Behavior => ({
  [TypeId]: TypeId,
  _tag: "Drip",
  status: checkStatus("drip", options?.status ?? 200),
  bytes: checkBytes("drip", options?.bytes ?? Infinity),
  everyMillis: toMillis("drip", "every", options?.every ?? "50 millis", 1)
})

/**
 * Answers with as much body as the client takes.
 *
 * **Details**
 *
 * `status` defaults to `200` and `bytes` to `Infinity`, which stops when the
 * connection closes. A client that does not read slows the flood down.
 *
 * **Gotchas**
 *
 * Throws a `RangeError` when `status` cannot carry a body, or `bytes` is not a
 * whole number or `Infinity`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const flood = (options?: {
  readonly status?: number | undefined
  readonly bytes?: number | undefined
}): Behavior => ({
  [TypeId]: TypeId,
  _tag: "Flood",
  status: checkStatus("flood", options?.status ?? 200),
  bytes: checkBytes("flood", options?.bytes ?? Infinity)
})

/**
 * Answers with a `content-length` that is not the length of the body.
 *
 * **Details**
 *
 * `status` defaults to `200`. A body that is too short is followed by the end
 * of the connection. A body that is too long is sent whole and the connection
 * stays open.
 *
 * **Gotchas**
 *
 * Throws a `RangeError` when `status` cannot carry a body, or `contentLength`
 * is not a whole number or tells the truth.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lie = (options: {
  readonly status?: number | undefined
  readonly contentLength: number
  readonly body: string
}): Behavior => {
  const { body, contentLength } = options
  check(
    Number.isSafeInteger(contentLength) && contentLength >= 0 && contentLength !== Buffer.byteLength(body),
    `lie: contentLength must be an integer >= 0 other than the length of the body, got ${contentLength}`
  )
  return { [TypeId]: TypeId, _tag: "Lie", status: checkStatus("lie", options.status ?? 200), contentLength, body }
}

/**
 * Answers with one header line after the other and never comes to an end.
 *
 * **Details**
 *
 * `every` defaults to 50 milliseconds. The status line is sent at once.
 *
 * **Gotchas**
 *
 * Throws a `RangeError` when `every` is shorter than a millisecond.
 *
 * @category constructors
 * @since 0.1.0
 */
export const slowHeaders = (options?: { readonly every?: Duration.Input | undefined }): Behavior => ({
  [TypeId]: TypeId,
  _tag: "SlowHeaders",
  everyMillis: toMillis("slowHeaders", "every", options?.every ?? "50 millis", 1)
})

/**
 * Answers with this text in place of HTTP, then closes the connection.
 *
 * **Details**
 *
 * An empty text closes the connection without an answer and without a reset.
 *
 * @category constructors
 * @since 0.1.0
 */
export const garbage = (text: string): Behavior => ({ [TypeId]: TypeId, _tag: "Garbage", text })

const check = (condition: boolean, message: string): void => {
  if (!condition) throw new RangeError(`TestReceiver.${message}`)
}

const attempt = <A>(message: string, evaluate: () => A): A => {
  try {
    return evaluate()
  } catch (cause) {
    throw new RangeError(`TestReceiver.${message}`, { cause })
  }
}

// A status below 200 is not an answer, and 204 and 304 end with the headers.
const checkStatus = (name: string, status: number, hasBody = true): number => {
  check(
    Number.isInteger(status) && status >= 200 && status <= 999 && !(hasBody && (status === 204 || status === 304)),
    `${name}: status must be an integer in [200, 999]${hasBody ? " that carries a body" : ""}, got ${status}`
  )
  return status
}

const checkBytes = (name: string, bytes: number): number => {
  check(
    bytes === Infinity || (Number.isSafeInteger(bytes) && bytes >= 0),
    `${name}: bytes must be an integer >= 0 or Infinity, got ${bytes}`
  )
  return bytes
}

// Node turns a longer timer into one of a millisecond.
const maxTimerMillis = 2 ** 31 - 1

const toMillis = (name: string, option: string, input: Duration.Input, minimum: number): number => {
  const range = `[${minimum}, ${maxTimerMillis}] millis`
  const expected = `${name}: ${option} must be a duration in ${range}, got ${Inspectable.toStringUnknown(input, 0)}`
  const millis = attempt(expected, () => Duration.toMillis(input))
  check(millis >= minimum && millis <= maxTimerMillis, expected)
  return millis
}

const makeContent = (name: string, options: {
  readonly status?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | Uint8Array | object | undefined
}): Content => {
  const { body = "", headers = {} } = options
  const hasBody = options.body !== undefined
  const isJson = typeof body === "object" && !(body instanceof Uint8Array)
  const checked = Object.entries(headers).map(([key, value]) =>
    attempt(`${name}: headers must be valid, got ${JSON.stringify(key)}: ${JSON.stringify(value)}`, () => {
      Http.validateHeaderName(key)
      Http.validateHeaderValue(key, value)
      return [key.toLowerCase(), value] as const
    })
  )
  return {
    status: checkStatus(name, options.status ?? (hasBody ? 200 : 204), hasBody),
    headers: { ...(isJson && { "content-type": "application/json" }), ...Object.fromEntries(checked) },
    body: body instanceof Uint8Array
      ? body
      : attempt(`${name}: body must be JSON`, () => Buffer.from(isJson ? JSON.stringify(body) : body))
  }
}

/**
 * Starts a receiver on an ephemeral port that stops when the scope closes.
 *
 * **Details**
 *
 * Keep-alive works, and no timeout of Node's HTTP server applies. Errors of
 * sockets are never reported: the client under test sees them.
 *
 * **Gotchas**
 *
 * Throws a `RangeError` when a path does not start with `/` or has a query, or
 * when `tls` is not a key and a certificate. Dies when `host` cannot be
 * listened on.
 *
 * **Example** (Answering by path)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TestReceiver } from "effect-webhooks/node"
 *
 * export const program = Effect.gen(function*() {
 *   const receiver = yield* TestReceiver.make({
 *     "/gone": TestReceiver.reply({ status: 410 }),
 *     "/echo": (request) => TestReceiver.reply({ body: request.body }),
 *     "/flaky": [TestReceiver.hang, TestReceiver.resetBefore, TestReceiver.reply()]
 *   })
 *   return receiver.urlOf("/flaky")
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  routes: Routes,
  options?: Options
): Effect.Effect<TestReceiver["Service"], never, Scope.Scope> => {
  checkRoutes(routes)
  const host = options?.host ?? "127.0.0.1"
  const secureContext = options?.tls &&
    attempt("make: tls must be a PEM key and its certificate", () => Tls.createSecureContext(options.tls))

  return Effect.gen(function*() {
    const records: Array<RequestRecord> = []
    const counts = new Map<string, number>()
    const open = new Set<Net.Socket>()
    const waiting = new Set<() => void>()
    let accepted = 0

    const notify = () => {
      for (const recheck of waiting) recheck()
    }
    const until = (condition: () => boolean) =>
      Effect.callback<void>((resume) => {
        const recheck = () => {
          if (condition() && waiting.delete(recheck)) resume(Effect.void)
        }
        waiting.add(recheck)
        recheck()
        return Effect.sync(() => waiting.delete(recheck))
      })

    const accept = (exchange: Exchange) => {
      const { request, response } = exchange
      const record = makeRecord(request)
      records.push(record)
      const { key, script } = route(routes, request.url!)
      const index = counts.get(key) ?? 0
      counts.set(key, index + 1)

      const settle = () => {
        record.settled = true
        notify()
      }
      request.on("error", ignore)
      response.on("error", ignore)
      if (typeof script !== "function" && pick(script, index)._tag === "ResetBefore") {
        settle()
        return perform(resetBefore, exchange)
      }
      request.on("data", (chunk: Buffer) => record.chunks.push(chunk))
      request.once("close", settle)
      request.once("end", () => {
        settle()
        perform(typeof script === "function" ? run(script, toReceived(record), index) : pick(script, index), exchange)
      })
    }

    // The HTTP server only parses: connections come from a `net` server, because
    // a reset needs the TCP socket below TLS.
    const transports = new WeakMap<Net.Socket, Net.Socket>()
    const http = Http.createServer(
      { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 },
      (request, response) => accept({ request, response, tcp: transports.get(request.socket)! })
    )
    const server = Net.createServer({ noDelay: true }, (tcp) => {
      accepted++
      open.add(tcp)
      tcp.on("error", ignore)
      tcp.once("close", () => {
        open.delete(tcp)
        notify()
      })
      const socket = secureContext ? new Tls.TLSSocket(tcp, { isServer: true, secureContext }) : tcp
      socket.on("error", ignore)
      transports.set(socket, tcp)
      http.emit("connection", socket)
    })

    const closed = until(() => open.size === 0)
    const port = yield* Effect.acquireRelease(
      Effect.callback<number>((resume) => {
        server.on("error", (error) => resume(Effect.die(error)))
        server.listen(0, host, () => resume(Effect.succeed((server.address() as Net.AddressInfo).port)))
      }),
      () =>
        Effect.suspend(() => {
          server.close()
          for (const tcp of open) tcp.destroy()
          return closed
        })
    )

    const url = `${secureContext ? "https" : "http"}://${Net.isIPv6(host) ? `[${host}]` : host}:${port}`
    return TestReceiver.of({
      url,
      urlOf: (path) => path.startsWith("/") ? `${url}${path}` : `${url}/${path}`,
      requests: Effect.sync(() => records.map(toReceived)),
      sockets: Effect.sync(() => open.size),
      connections: Effect.sync(() => accepted),
      received: (count) => {
        const settled = () => records.filter((record) => record.settled)
        return Effect.map(until(() => settled().length >= count), () => settled().map(toReceived))
      },
      closed
    })
  })
}

/**
 * Creates a layer that provides a `TestReceiver`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (routes: Routes, options?: Options): Layer.Layer<TestReceiver> =>
  Layer.effect(TestReceiver, make(routes, options))

interface Exchange {
  readonly request: Http.IncomingMessage
  readonly response: Http.ServerResponse<Http.IncomingMessage>
  readonly tcp: Net.Socket
}

interface RequestRecord {
  readonly head: Omit<ReceivedRequest, "body" | "bytes">
  readonly chunks: Array<Buffer>
  settled: boolean
}

const makeRecord = ({ headersDistinct, method, url }: Http.IncomingMessage): RequestRecord => {
  const headers = Object.entries(headersDistinct).map(([name, values = []]) => [name, values.join(", ")])
  return {
    head: {
      method: method!,
      path: url!,
      headers: Object.fromEntries(headers),
      at: performance.timeOrigin + performance.now()
    },
    chunks: [],
    settled: false
  }
}

const toReceived = ({ chunks, head }: RequestRecord): ReceivedRequest => {
  const bytes = Buffer.concat(chunks)
  return { ...head, body: bytes.toString("utf8"), bytes: new Uint8Array(bytes) }
}

const ignore = () => {}

const isBehavior = (u: unknown): u is Behavior => Predicate.hasProperty(u, TypeId)

const isScript = (routes: Routes): routes is Script =>
  typeof routes === "function" || Array.isArray(routes) || isBehavior(routes)

const checkRoutes = (routes: Routes): void => {
  if (isScript(routes)) return
  for (const path of Object.keys(routes)) {
    check(
      path.startsWith("/") && !path.includes("?"),
      `make: routes must be paths that start with "/" and have no query, got ${JSON.stringify(path)}`
    )
  }
}

const unrouted = reply({ status: 404, body: "TestReceiver: no script for this path" })

const route = (routes: Routes, target: string): { readonly key: string; readonly script: Script } => {
  if (isScript(routes)) return { key: "", script: routes }
  const path = target.split("?", 1)[0] as `/${string}`
  return { key: path, script: routes[path] ?? unrouted }
}

const noContent = reply()

const pick = (script: Behavior | ReadonlyArray<Behavior>, index: number): Behavior =>
  isBehavior(script) ? script : script[Math.min(index, script.length - 1)] ?? noContent

const run = (
  script: (request: ReceivedRequest, index: number) => Behavior,
  request: ReceivedRequest,
  index: number
): Behavior => {
  const failed = (what: string) => reply({ status: 500, body: `TestReceiver: the script ${what}` })
  try {
    const behavior = script(request, index)
    return isBehavior(behavior) ? behavior : failed("did not return a behavior")
  } catch (error) {
    return failed(`threw: ${error instanceof Error ? error.message : Inspectable.toStringUnknown(error)}`)
  }
}

// Native timers, not Effect's `Clock`: the other side is a real socket, and a
// `TestClock` would freeze it. They die with the connection.
const repeat = (socket: Net.Socket, everyMillis: number, tick: () => "again" | "stop"): void => {
  if (socket.destroyed) return
  const stop = () => {
    clearInterval(timer)
    socket.off("close", stop)
  }
  const timer = setInterval(() => tick() === "stop" && stop(), everyMillis)
  socket.once("close", stop)
}

const after = (socket: Net.Socket, millis: number, then: () => void): void =>
  repeat(socket, millis, () => {
    then()
    return "stop"
  })

// A reset may drop what the client has not read yet.
const resetPauseMillis = 25

const floodChunk = Buffer.alloc(64 * 1024, ".")

const perform = (behavior: Behavior, { request, response, tcp }: Exchange): void => {
  const socket = request.socket
  switch (behavior._tag) {
    case "Reply": {
      const send = () => {
        response.statusCode = behavior.status
        response.setHeaders(new Map(Object.entries(behavior.headers)))
        response.end(behavior.body)
      }
      return behavior.delayMillis === 0 ? send() : after(socket, behavior.delayMillis, send)
    }
    case "Hang":
      return
    case "ResetBefore":
    case "ResetAfter":
      return void tcp.resetAndDestroy()
    case "ResetDuring": {
      const { body, headers, status } = behavior
      response.writeHead(status, { ...headers, "content-length": body.length }).flushHeaders()
      response.write(
        body.subarray(0, body.length / 2),
        () => after(socket, resetPauseMillis, () => tcp.resetAndDestroy())
      )
      return
    }
    case "Drip": {
      response.writeHead(behavior.status).flushHeaders()
      let left = request.method === "HEAD" ? 0 : behavior.bytes
      return repeat(socket, behavior.everyMillis, () => {
        if (left-- > 0) response.write(".")
        if (left > 0) return "again"
        response.end()
        return "stop"
      })
    }
    case "Flood": {
      response.writeHead(behavior.status).flushHeaders()
      const pour = (left: number): void => {
        if (left === 0) return void response.end()
        const size = Math.min(left, floodChunk.length)
        // The next turn of the event loop, so that a fast client cannot starve the rest.
        response.write(floodChunk.subarray(0, size), (error) => {
          if (!error) setImmediate(pour, left - size)
        })
      }
      return pour(request.method === "HEAD" ? 0 : behavior.bytes)
    }
    case "Lie": {
      const tooShort = Buffer.byteLength(behavior.body) < behavior.contentLength
      response.writeHead(behavior.status, {
        "content-length": behavior.contentLength,
        ...(tooShort && { connection: "close" })
      })
      response.end(behavior.body)
      return
    }
    case "SlowHeaders": {
      let line = 0
      socket.write("HTTP/1.1 200 OK\r\n")
      return repeat(socket, behavior.everyMillis, () => {
        socket.write(`x-slow-${++line}: ${line}\r\n`)
        return "again"
      })
    }
    case "Garbage":
      socket.write(behavior.text)
      return socket.destroySoon()
  }
}
