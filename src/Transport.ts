/**
 * One attempt: a request goes out, a reply or an `AttemptError` comes back.
 *
 * A transport knows nothing of retries, pools or results. It enforces what the
 * request carries, the timeout and the cap on the answer's body, never follows
 * a redirect, and says in which phase it failed, since that decides whether
 * the receiver may have the webhook.
 *
 * `NodeTransport.layer` of `effect-webhooks/node` is the fast one.
 * `layerHttpClient` works over any `HttpClient`: fetch in browsers, workers,
 * Deno and Bun, or Node's own. Some combinators of `HttpClient` defeat the
 * promises of this library when the client that is passed in has them:
 * `followRedirects` (the body is lost or shown to somebody else),
 * `retryTransient` and `retry` (attempts that no result counts, and that may
 * duplicate), `filterStatus` (the status and its hints are lost).
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constTrue } from "effect/Function"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as RcMap from "effect/RcMap"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { EgressPolicy } from "./EgressPolicy.ts"
import { Alarm } from "./internal/alarm.ts"
import { join } from "./internal/bytes.ts"
import { connectionError } from "./internal/connection.ts"
import * as Thrown from "./internal/thrown.ts"
import { monotonicMillis } from "./internal/time.ts"
import type { Proxy } from "./Proxy.ts"
import { type Outcome, ProxyProvider } from "./ProxyProvider.ts"
import {
  type ConnectionError,
  type Delivery,
  type EgressBlocked,
  type InvalidOptions,
  type Phase,
  ProxyError,
  Timeout
} from "./WebhookError.ts"

/**
 * What is sent in one attempt.
 *
 * @category models
 * @since 0.1.0
 */
export interface AttemptRequest {
  /**
   * A layer over this one may also edit, delete or read what it has posted.
   *
   * @default "POST"
   */
  readonly method?: "POST" | "PATCH" | "DELETE" | "GET" | undefined
  readonly url: Redacted.Redacted<string>
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
  /** Milliseconds for the whole attempt, the answer's body included. */
  readonly timeout: number
  /** How much of the answer's body is kept, decoded; the rest is not read. */
  readonly maxResponseBytes: number
  /** Which addresses may be dialled; `undefined` for any. */
  readonly egress?: EgressPolicy | undefined
}

const decoder = new TextDecoder()

/**
 * The receiver's answer to one attempt.
 *
 * **Details**
 *
 * `headers` have lower-case names. `text` and `json` are decoded when they are
 * asked for. Over a browser's fetch a redirect is opaque and has status 0.
 *
 * @category models
 * @since 0.1.0
 */
export class Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Whether the body was longer than what is kept, was cut off, or could not be decoded. */
  readonly truncated: boolean
  readonly #bytes: Uint8Array
  #json: { readonly value: unknown } | undefined

  constructor(
    status: number,
    headers: Readonly<Record<string, string | undefined>>,
    bytes: Uint8Array,
    truncated: boolean
  ) {
    this.status = status
    this.headers = headers
    this.#bytes = bytes
    this.truncated = truncated
  }

  /** The body, decoded by its `content-encoding`, at most `maxResponseBytes` of it. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** The body as UTF-8 text. */
  get text(): string {
    return decoder.decode(this.#bytes)
  }

  /** The body as JSON, or `undefined` if it does not parse. */
  get json(): unknown {
    if (this.#json === undefined) this.#json = { value: parse(this.text) }
    return this.#json.value
  }

  /** JSON if the body parses, else its text, else `undefined`. */
  get response(): unknown {
    if (this.#bytes.length === 0) return undefined
    const json = this.json
    return json === undefined ? this.text : json
  }

  /** What is safe to print: neither the body nor the headers. */
  toJSON(): unknown {
    return { status: this.status, bytes: this.#bytes.length, truncated: this.truncated }
  }

  /** The same for `util.inspect` and `console.log`. */
  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

const parse = (text: string): unknown => {
  // A throw of JSON.parse costs more than the rest of the attempt's bookkeeping.
  if (!/^\s*[[{"\d\-tfn]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Why an attempt has no reply.
 *
 * @category errors
 * @since 0.1.0
 */
export class AttemptError extends Data.TaggedError("AttemptError")<{
  /** With `InvalidOptions` or `EgressBlocked` nothing was tried, and no other attempt would do better. */
  readonly reason: Timeout | ConnectionError | ProxyError | InvalidOptions | EgressBlocked
  /** Whether the receiver may have the request all the same. */
  readonly delivered: Delivery
  /** What it says of the proxy, when there was one. */
  readonly proxy?: Outcome | undefined
  /**
   * Another attempt found the proxy dead while this one waited for its
   * connection: nothing was tried, and the next proxy is taken.
   */
  readonly lost?: boolean | undefined
}> {
  override get message(): string {
    return this.reason.message
  }
}

const attemptError = (reason: Timeout | ConnectionError, proxy?: Outcome): AttemptError =>
  new AttemptError({ reason, delivered: reason.phase === "connecting" ? "no" : "maybe", proxy })

/**
 * The error of an attempt that had no complete answer in time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const timedOut = (phase: Phase, millis: number): AttemptError =>
  attemptError(new Timeout({ phase, after: Duration.millis(millis) }))

/**
 * The error of an attempt whose connection could not be made or was lost.
 *
 * **Details**
 *
 * Only a `code` is taken from `cause`. Without a `phase` the code decides it
 * where it can, else the request may have been sent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const disconnected = (cause: unknown, phase?: Phase): AttemptError => attemptError(connectionError(cause, phase))

/**
 * Makes single attempts.
 *
 * @category services
 * @since 0.1.0
 */
export class Transport extends Context.Service<Transport, {
  /** Where proxies come from; `undefined` for a transport that connects directly. */
  readonly proxies?: ProxyProvider["Service"] | undefined
  /** Makes one attempt, by `proxy` if there is one, and never directly instead. */
  readonly attempt: (request: AttemptRequest, proxy?: Proxy) => Effect.Effect<Reply, AttemptError>
}>()("effect-webhooks/Transport") {}

/**
 * A transport over any `HttpClient`.
 *
 * **Details**
 *
 * Its timeouts follow Effect's `Clock`. The client is told not to trace, since
 * its spans and headers would show the URL, and fetch is told not to follow
 * redirects: a `FetchHttpClient.RequestInit` of the app is kept otherwise.
 * Where the client does not tell how far an attempt had come, the receiver may
 * have the webhook.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHttpClient: Layer.Layer<Transport, never, HttpClient.HttpClient> = Layer.effect(
  Transport,
  Effect.gen(function*() {
    return { attempt: yield* attemptOver(yield* HttpClient.HttpClient) }
  })
)

/**
 * A transport that goes by the proxies of a `ProxyProvider`, over a client of
 * your own for each: for Bun, Deno, and programs that have such a client.
 *
 * **Details**
 *
 * `clientFor` gives the client that goes by one proxy. It is made on first use
 * and kept for a minute after its last; then its scope is closed. A client
 * that cannot be made is the proxy's fault.
 *
 * **Example** (Bun's fetch takes the proxy as an option)
 *
 * ```ts
 * import { Context, Effect, Layer, Redacted } from "effect"
 * import { FetchHttpClient, HttpClient } from "effect/http"
 * import { Transport } from "effect-webhooks"
 *
 * const layer = Transport.layerHttpClientProxied(({ credentials, label }) => {
 *   const { password, username } = credentials === undefined
 *     ? { username: "", password: "" }
 *     : Redacted.value(credentials)
 *   const user = username === "" ? "" : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`
 *   const init = { proxy: `http://${user}${label}` } as RequestInit
 *   return Layer.build(FetchHttpClient.layer.pipe(
 *     Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, init))
 *   )).pipe(Effect.map(Context.get(HttpClient.HttpClient)))
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHttpClientProxied = <E>(
  clientFor: (proxy: Proxy) => Effect.Effect<HttpClient.HttpClient, E, Scope.Scope>
): Layer.Layer<Transport, never, ProxyProvider> =>
  Layer.effect(
    Transport,
    Effect.gen(function*() {
      const proxies = yield* ProxyProvider
      const clients = yield* RcMap.make({
        lookup: (proxy: Proxy) => Effect.flatMap(clientFor(proxy), attemptOver),
        idleTimeToLive: "1 minute"
      })
      return {
        proxies,
        attempt: (request, proxy) =>
          proxy === undefined
            ? Effect.fail(unusable(undefined, "no proxy was given, and nothing is sent directly"))
            : Effect.scoped(Effect.flatMap(Clock.Clock, (clock) => {
              const started = monotonicMillis(clock)
              const unmade = (thrown: unknown) =>
                Effect.fail(unusable(proxy, "its client could not be made", Thrown.hide(thrown)))
              return RcMap.get(clients, proxy).pipe(
                Effect.catch(unmade),
                Effect.catchDefect(unmade),
                Effect.timeoutOrElse({
                  duration: request.timeout,
                  orElse: () => Effect.fail(timedOut("connecting", request.timeout))
                }),
                Effect.flatMap((attempt) =>
                  attempt({ ...request, timeout: request.timeout - (monotonicMillis(clock) - started) })
                )
              )
            }))
      }
    })
  )

const unusable = (
  proxy: Proxy | undefined,
  detail: string,
  cause?: Redacted.Redacted<unknown>
): AttemptError =>
  new AttemptError({
    reason: new ProxyError({ proxy: proxy?.label, detail, last: undefined, cause }),
    delivered: "no",
    proxy: "burn"
  })

const attemptOver = (client: HttpClient.HttpClient): Effect.Effect<Transport["Service"]["attempt"]> =>
  Effect.map(requestInitOf(client), (init) => {
    const alarm = new Alarm()
    const quiet = (own: RequestInit | undefined) =>
      Context.make(HttpClient.TracerDisabledWhen, constTrue).pipe(
        Context.add(FetchHttpClient.RequestInit, { ...init, ...own, redirect: "manual" })
      )
    const quietAlways = quiet(undefined)
    return (request) =>
      Effect.withFiber((fiber) => {
        const own = Context.getOrUndefined(fiber.context, FetchHttpClient.RequestInit)
        const incoming = new Incoming(request.maxResponseBytes)
        return alarm.within(
          client.execute(httpRequest(request)).pipe(
            Effect.flatMap((response) => incoming.read(response)),
            Effect.catch((error) => incoming.orElse(fromHttpClientError(error)))
          ),
          monotonicMillis(fiber.getRef(Clock.Clock)) + request.timeout,
          () => incoming.orElse(timedOut("sent", request.timeout)),
          Context.merge(fiber.context, own === undefined ? quietAlways : quiet(own))
        )
      })
  })

const httpRequest = ({ body, headers, method = "POST", url }: AttemptRequest): HttpClientRequest.HttpClientRequest => {
  const contentType = headers["content-type"]
  return HttpClientRequest.make(method)(Redacted.value(url), {
    headers,
    body: body === "" && contentType === undefined
      ? HttpBody.empty
      : typeof body === "string"
      ? HttpBody.text(body, contentType)
      : HttpBody.uint8Array(body, contentType)
  })
}

/** An answer on its way: what has come of it counts, however it ends. */
class Incoming {
  private readonly max: number
  private response: HttpClientResponse.HttpClientResponse | undefined
  private readonly chunks: Array<Uint8Array> = []
  private size = 0

  constructor(max: number) {
    this.max = max
  }

  read(response: HttpClientResponse.HttpClientResponse): Effect.Effect<Reply, HttpClientError.HttpClientError> {
    this.response = response
    const { headers, status } = response
    // No body: nothing to read, but a client that pools connections wants its end to be seen.
    const empty = status === 0 || status === 204 || status === 304
    // A length is of the bytes on the wire: when they are packed it says nothing of what comes out.
    const length = headers["content-encoding"] === undefined ? Number(headers["content-length"]) : NaN
    if (empty || length <= this.max) {
      return Effect.map(response.arrayBuffer, (buffer) => reply(response, new Uint8Array(buffer), false))
    }
    return Effect.suspend(() =>
      Stream.runForEachWhile(response.stream, (chunk) =>
        Effect.sync(() => {
          this.chunks.push(chunk)
          this.size += chunk.length
          return this.size <= this.max
        }))
    ).pipe(Effect.map(() => reply(response, this.bytes(), this.size > this.max)))
  }

  /** The status decides, if there is one; else the error stands. */
  orElse(error: AttemptError): Effect.Effect<Reply, AttemptError> {
    return this.response === undefined ? Effect.fail(error) : Effect.succeed(reply(this.response, this.bytes(), true))
  }

  private bytes(): Uint8Array {
    return join(this.chunks, Math.min(this.size, this.max))
  }
}

const reply = (response: HttpClientResponse.HttpClientResponse, bytes: Uint8Array, truncated: boolean): Reply =>
  new Reply(response.status, response.headers, bytes, truncated)

const fromHttpClientError = (error: HttpClientError.HttpClientError): AttemptError =>
  disconnected("cause" in error.reason ? error.reason.cause : undefined)

/**
 * The `RequestInit` that was given to the client's own layer. It is merged
 * inside the client, so only a request that the client itself runs can see it:
 * this one dies before anything is sent.
 */
const requestInitOf = (client: HttpClient.HttpClient): Effect.Effect<RequestInit | undefined> =>
  Effect.suspend(() => {
    let init: RequestInit | undefined
    const look = Effect.withFiber((fiber) => {
      init = Context.getOrUndefined(fiber.context, FetchHttpClient.RequestInit)
      return Effect.die("the request that only looks is not sent")
    })
    return HttpClient.mapRequestInputEffect(client, () => look).execute(HttpClientRequest.post("http://localhost"))
      .pipe(
        Effect.exit,
        Effect.map(() => init)
      )
  })
