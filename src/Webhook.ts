/**
 * Sends webhooks: one POST that is retried while that makes sense, paced by
 * the receiver, and always answered with a result.
 *
 * `send` never fails, never throws and never prints: whatever goes wrong is a
 * `Failed` with a reason. `sendOrFail` is the same send with typed errors.
 * Interruption is no failure: it interrupts, and the socket is closed.
 *
 * A send takes a URL from the pool, waits until that URL's pace and the limit
 * of attempts per origin let it go, signs, makes one attempt, and judges the
 * answer: 2xx is delivered and nothing else is. After a 429 it waits as long
 * as the receiver says, after a 5xx or a failure of the connection by the
 * backoff; other statuses end it. The deadline ends it whatever happens.
 *
 * **Gotchas**
 *
 * A retry may deliver a webhook twice when the first attempt's answer was
 * lost. `onAmbiguous: "stop"` never retries in that case; a `signer` or an
 * `id` sends a `webhook-id` by which the receiver can tell.
 *
 * A layer that is provided per call builds pool, pace and sockets per call. In
 * a program that lives longer, provide it once, or use `make`.
 *
 * **Example** (One line to a webhook)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Webhook } from "effect-webhooks"
 * import { NodeWebhook } from "effect-webhooks/node"
 *
 * const program = Effect.gen(function*() {
 *   const result = yield* Webhook.send({ content: "hello" })
 *   if (!result.ok) yield* Effect.logWarning(`webhook failed: ${result.error}`)
 * })
 *
 * const main = Effect.provide(program, NodeWebhook.layer({ urls: "https://example.com/hook" }))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Mac from "effect/crypto/Mac"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constant, identity } from "effect/Function"
import type * as HttpBody from "effect/http/HttpBody"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { isObject } from "effect/Predicate"
import * as Pull from "effect/Pull"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as EgressPolicy from "./EgressPolicy.ts"
import { Alarm } from "./internal/alarm.ts"
import { encode, type Encoded } from "./internal/encode.ts"
import { leasesOf } from "./internal/foreignPool.ts"
import * as Headers from "./internal/headers.ts"
import { InFlight } from "./internal/inFlight.ts"
import {
  blame,
  exhausted,
  fell,
  judge,
  plainlyTaken,
  type Setback,
  taken,
  unexpected,
  untold
} from "./internal/judge.ts"
import type { Leases, Other } from "./internal/leases.ts"
import { makeIds } from "./internal/messageId.ts"
import { checkNames, namesOf, unknownOption } from "./internal/optionNames.ts"
import { positive, positiveMillis, toPositiveMillis, wholeNumber } from "./internal/options.ts"
import { type Request, type Route, Send } from "./internal/send.ts"
import { type Budget, closesUrl, decide, type Decision } from "./internal/send/decide.ts"
import { sendAll as sendItems, type Slot } from "./internal/sendAll.ts"
import {
  addAttempt,
  countAttempt,
  countBurned,
  countSend,
  endSpan,
  isTraced,
  makeSpan,
  traceparent
} from "./internal/telemetry.ts"
import * as Thrown from "./internal/thrown.ts"
import { Turns } from "./internal/turns.ts"
import { userAgent } from "./internal/userAgent.ts"
import { type Way, waysOf } from "./internal/ways.ts"
import type * as Proxy from "./Proxy.ts"
import type * as ProxyProvider from "./ProxyProvider.ts"
import * as RetryPolicy from "./RetryPolicy.ts"
import type * as Signature from "./Signature.ts"
import * as Transport from "./Transport.ts"
import * as UrlPool from "./UrlPool.ts"
import {
  type DeadlineExceeded,
  type InvalidHeader,
  InvalidOptions,
  ProxyError,
  SignerError,
  WebhookError,
  type WebhookErrorReason
} from "./WebhookError.ts"
import { type Attempt, Delivered, Failed, type WebhookResult } from "./WebhookResult.ts"

/**
 * What is sent: anything that `JSON.stringify` takes, or an `HttpBody` whose
 * bytes are known (so no stream).
 *
 * **Details**
 *
 * It is read once: every `toJSON` is asked, and every getter read, a single
 * time. What JSON would make `{}` or `"<redacted>"` of without a word is
 * `InvalidPayload` at any depth: a `Map`, a `Set`, an `Error`, an iterator,
 * bytes, a promise, an `Effect`, a `Redacted`, an instance without a field that
 * JSON sees. So are an invalid `Date` and what is nested more than 1,000 deep.
 *
 * @category models
 * @since 0.1.0
 */
export type Payload = unknown | HttpBody.HttpBody

/**
 * Options of a `Webhook`, for all its sends.
 *
 * **Details**
 *
 * A constant that makes no sense, such as a negative `maxRetries`, throws
 * `RangeError` where it is written. An option that does not exist fails the
 * layer with `InvalidOptions`, which names the nearest one.
 *
 * @category options
 * @since 0.1.0
 */
export interface WebhookOptions {
  /**
   * The time for one attempt, the answer's body included. It starts when the
   * attempt gets its turn.
   *
   * @default "15 seconds"
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * The time for a whole send, all waits and attempts included.
   *
   * @default "5 minutes"
   */
  readonly deadline?: Duration.Input | undefined
  /**
   * How many retries a send has, for 429, 5xx and failures of the connection together.
   *
   * @default 3
   */
  readonly maxRetries?: number | undefined
  /**
   * How many times a send goes on with a proxy that it has not tried, when the
   * one before failed or may have. These tries follow at once and do not count
   * as retries. Where no such proxy is left, it is a retry like any other.
   *
   * @default 3
   */
  readonly maxProxyRetries?: number | undefined
  /**
   * The waits between attempts. It may stop early; `maxRetries`, the deadline
   * and the receiver's hints bind whatever it says.
   *
   * @default RetryPolicy.default
   */
  readonly retry?: Schedule.Schedule<unknown, WebhookError> | undefined
  /**
   * What to do when the receiver may or may not have the webhook: a request
   * without an answer, or a 5xx. `"retry"` may deliver it twice, `"stop"` ends
   * the send with `delivered: "maybe"`.
   *
   * @default "retry"
   */
  readonly onAmbiguous?: "retry" | "stop" | undefined
  /** Overrules the default verdict for a reply, or says more of it; `undefined` leaves it. */
  readonly classify?: RetryPolicy.Classify | undefined
  /** Headers of every send: a record, in which a secret value may be `Redacted`, or fetch's `Headers`. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted<string>>> | globalThis.Headers | undefined
  /** Signs every attempt. */
  readonly signer?: Signature.Signer | undefined
  /**
   * Whether a `traceparent` goes out with every attempt, so that the receiver
   * can go on with the trace.
   *
   * @default false
   */
  readonly propagateTrace?: boolean | undefined
  /**
   * Which addresses may be reached. Without it the URLs of the pool may be
   * anywhere, and a URL that comes with a send must be public.
   */
  readonly egress?: EgressPolicy.EgressPolicy | undefined
  /**
   * How much of an answer's body is kept, in bytes and decoded; the rest is not read.
   *
   * @default 65536
   */
  readonly maxResponseBytes?: number | undefined
  /**
   * How many attempts may be in flight at once per origin; others wait for their turn.
   *
   * @default 128
   */
  readonly maxPerOrigin?: number | undefined
  /**
   * How many attempts may be in flight at once per proxy.
   *
   * @default 32
   */
  readonly maxPerProxy?: number | undefined
  /**
   * How long sends in flight may go on when the layer closes or drains, before they are interrupted.
   *
   * @default "5 seconds"
   */
  readonly grace?: Duration.Input | undefined
}

/**
 * Options of one send. One that does not exist is a `Failed` with
 * `InvalidOptions`, which names the nearest one.
 *
 * @category options
 * @since 0.1.0
 */
export interface SendOptions {
  /** The message's id, sent as `webhook-id`, the same on every attempt; it may hold no `.`. */
  readonly id?: string | undefined
  /**
   * Send to this URL instead of one of the pool. It must be public, unless the
   * layer's `egress` says otherwise.
   */
  readonly url?: string | URL | Redacted.Redacted<string> | undefined
  /** Headers of this send, over those of the layer. */
  readonly headers?: WebhookOptions["headers"]
  /** The time for one attempt, instead of the layer's. */
  readonly timeout?: Duration.Input | undefined
  /** The time for the whole send, instead of the layer's. */
  readonly deadline?: Duration.Input | undefined
  /** Signs the attempts of this send, instead of the layer's signer. */
  readonly signer?: Signature.Signer | undefined
}

/** @internal */
export const optionNames: ReadonlySet<string> = namesOf<WebhookOptions>({
  timeout: true,
  deadline: true,
  maxRetries: true,
  maxProxyRetries: true,
  retry: true,
  onAmbiguous: true,
  classify: true,
  headers: true,
  signer: true,
  propagateTrace: true,
  egress: true,
  maxResponseBytes: true,
  maxPerOrigin: true,
  maxPerProxy: true,
  grace: true
})

/** @internal */
export const sendOptionNames: ReadonlySet<string> = namesOf<SendOptions>({
  id: true,
  url: true,
  headers: true,
  timeout: true,
  deadline: true,
  signer: true
})

/**
 * One of the webhooks of `sendAll`: a payload, and the options of its send. It
 * may have fields of the program's own, which come out with its result.
 *
 * @category models
 * @since 0.1.0
 */
export interface Item extends SendOptions {
  readonly payload: Payload
}

/**
 * Options of `sendAll`.
 *
 * @category options
 * @since 0.1.0
 */
export interface SendAllOptions {
  /**
   * How many sends may be under way at once.
   *
   * @default 16
   */
  readonly concurrency?: number | undefined
  /**
   * How many items may be set aside in all, so that those behind them can go:
   * those for a host that has all the slots that it may have, which cost what
   * they hold, and sends that wait for their URL to open, which cost some 4 KiB
   * besides. The source is read no further while there are so many.
   *
   * @default 4096
   */
  readonly buffer?: number | undefined
}

/**
 * The service that sends webhooks.
 *
 * **Example** (Two of them in one program)
 *
 * ```ts
 * import { Context, Layer } from "effect"
 * import { UrlPool, Webhook } from "effect-webhooks"
 *
 * class Alerts extends Context.Service<Alerts, Webhook.Webhook["Service"]>()("app/Alerts") {}
 *
 * const layerAlerts = Layer.effect(Alerts, Webhook.make({ maxRetries: 10 })).pipe(
 *   Layer.provide(UrlPool.layer("https://example.com/alerts"))
 * )
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Webhook extends Context.Service<Webhook, {
  /** Sends a payload; whatever goes wrong is in the result. */
  readonly send: (payload: Payload, options?: SendOptions) => Effect.Effect<WebhookResult>
  /** The same send with typed errors. */
  readonly sendOrFail: (payload: Payload, options?: SendOptions) => Effect.Effect<Delivered, WebhookError>
  /** Sends many payloads, and gives each with its result as it ends. */
  readonly sendAll: <I extends Item, E = never, R = never>(
    items: Iterable<I> | Stream.Stream<I, E, R>,
    options?: SendAllOptions
  ) => Stream.Stream<{ readonly item: I; readonly result: WebhookResult }, E, R>
  /** Lets no send begin any more, and waits for those under way, as long as the grace. */
  readonly drain: Effect.Effect<void>
}>()("effect-webhooks/Webhook") {}

/**
 * Sends a payload and gives what became of it; it never fails.
 *
 * @category sending
 * @since 0.1.0
 */
export const send = (payload: Payload, options?: SendOptions): Effect.Effect<WebhookResult, never, Webhook> =>
  Webhook.use((webhook) => webhook.send(payload, options))

/**
 * Sends a payload and fails with a typed error if it was not delivered.
 *
 * @category sending
 * @since 0.1.0
 */
export const sendOrFail = (
  payload: Payload,
  options?: SendOptions
): Effect.Effect<Delivered, WebhookError, Webhook> => Webhook.use((webhook) => webhook.sendOrFail(payload, options))

/**
 * Sends many payloads and gives each item with its result, as each ends.
 *
 * **Details**
 *
 * `concurrency` sends are under way at once, 16 by default. Where items have a
 * `url`, no host has all of these slots, nor have the items without one: one
 * slot is left for the others. A send that waits for its URL to open, such as
 * after a 429, has no slot meanwhile. What waits so, or for a host that has all
 * it may have, is set aside, up to `buffer` items, and those behind it go. Where
 * there are more, the source is read no further. Where nobody takes the results, sends stop
 * as soon as one per slot waits to be taken. A payload that cannot be sent is a
 * `Failed` as in `send`, and disturbs no other. A source that fails ends the
 * stream with its error, after the sends that are under way.
 *
 * **Example** (Events to the customers that want them)
 *
 * ```ts
 * import { Effect, type Redacted, Stream } from "effect"
 * import { Webhook } from "effect-webhooks"
 *
 * declare const events: Stream.Stream<{ id: string; url: Redacted.Redacted<string>; payload: object }>
 *
 * const program = Webhook.sendAll(events).pipe(
 *   Stream.runForEach(({ item, result }) =>
 *     result.ok ? Effect.void : Effect.logWarning(`${item.id}: ${result.error}`)
 *   )
 * )
 * ```
 *
 * @category sending
 * @since 0.1.0
 */
export const sendAll = <I extends Item, E = never, R = never>(
  items: Iterable<I> | Stream.Stream<I, E, R>,
  options?: SendAllOptions
): Stream.Stream<{ readonly item: I; readonly result: WebhookResult }, E, R | Webhook> => {
  const settings = sendAllSettings(options)
  return Stream.unwrap(Webhook.useSync((webhook) => webhook.sendAll(items, settings)))
}

/**
 * Lets no send begin any more and waits until those under way have ended; after
 * the grace they are interrupted.
 *
 * **When to use**
 *
 * Before a program ends. Closing the layer drains too, but a `ManagedRuntime`
 * interrupts the fibers that it has started before it closes its layers.
 *
 * **Details**
 *
 * A send that begins after this is interrupted: in a `Promise` it rejects.
 *
 * **Example** (A service that is told to stop)
 *
 * ```ts
 * import { ManagedRuntime } from "effect"
 * import { Webhook } from "effect-webhooks"
 * import { NodeWebhook } from "effect-webhooks/node"
 *
 * const runtime = ManagedRuntime.make(NodeWebhook.layer({ urls: "https://example.com/hook" }))
 *
 * process.once("SIGTERM", async () => {
 *   await runtime.runPromise(Webhook.drain)
 *   await runtime.dispose()
 * })
 * ```
 *
 * @category sending
 * @since 0.1.0
 */
export const drain: Effect.Effect<void, never, Webhook> = Webhook.use((webhook) => webhook.drain)

const sendAllSettings = (options: SendAllOptions = {}): { readonly concurrency: number; readonly buffer: number } => ({
  concurrency: wholeNumber("concurrency", options.concurrency ?? 16, 1),
  buffer: wholeNumber("buffer", options.buffer ?? 4096, 1)
})

/**
 * Makes a `Webhook` as a plain value whose `send` needs nothing.
 *
 * **Details**
 *
 * Fails with `InvalidHeader` when one of `options.headers` cannot be sent.
 * In a scope, closing it gives the sends in flight their grace.
 *
 * **Example** (An instance for code that is not Effect)
 *
 * ```ts
 * import { Effect, Layer, ManagedRuntime } from "effect"
 * import { UrlPool, Webhook } from "effect-webhooks"
 * import { NodeTransport } from "effect-webhooks/node"
 *
 * const runtime = ManagedRuntime.make(
 *   Layer.merge(NodeTransport.layer(), UrlPool.layer("https://example.com/hook"))
 * )
 * const hook = await runtime.runPromise(Webhook.make())
 * const result = await Effect.runPromise(hook.send({ text: "hello" }))
 * await runtime.dispose()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options?: WebhookOptions
): Effect.Effect<Webhook["Service"], WebhookError, Transport.Transport | UrlPool.UrlPool> => {
  const settings = toSettings(options)
  return Effect.gen(function*() {
    yield* checkNames(options, optionNames)
    const { drain, hostOf, run } = yield* makeRun(settings, options?.headers)
    return {
      drain,
      send: (payload, options) => run(() => prepare(payload, options), options, Effect.succeed),
      sendOrFail: (payload, options) => run(() => prepare(payload, options), options, orFail),
      sendAll: (items, options) =>
        sendItems(
          items,
          sendAllSettings(options),
          ({ url }) => url === undefined ? undefined : hostOf(url),
          (item, slot) => run(() => encode(item.payload), item, Effect.succeed, slot)
        )
    }
  })
}

const prepare = (payload: Payload, options: SendOptions | undefined): Effect.Effect<Encoded, WebhookErrorReason> => {
  const unknown = options === undefined ? undefined : unknownOption(options, sendOptionNames)
  return unknown === undefined ? encode(payload) : Effect.fail(unknown)
}

const toTarget: Route = { method: "POST", urlOf: ({ url }) => url }

/** @internal */
export const orFail = (failed: Failed): Effect.Effect<never, WebhookError> =>
  Effect.fail(new WebhookError({ reason: failed.reason, result: failed }))

/**
 * Runs one send, whatever is made of its result.
 *
 * @internal
 */
export type Run = <A, E>(
  prepare: () => Effect.Effect<Request, WebhookErrorReason>,
  options: SendOptions | undefined,
  onFailed: (failed: Failed) => Effect.Effect<A, E>,
  slot?: Slot
) => Effect.Effect<Delivered | A, E>

/**
 * Makes what is under `make`, for layers that know more of their receivers.
 *
 * @internal
 */
export const makeRun = Effect.fnUntraced(function*(
  settings: Settings,
  headers: WebhookOptions["headers"]
): Effect.fn.Return<
  {
    readonly run: Run
    readonly drain: Effect.Effect<void>
    readonly hostOf: (url: NonNullable<SendOptions["url"]>) => string | undefined
  },
  WebhookError,
  Transport.Transport | UrlPool.UrlPool
> {
  const transport = yield* Transport.Transport
  const urls = yield* UrlPool.UrlPool
  const pool = leasesOf(urls, yield* Effect.context<never>())
  const scope = yield* Effect.serviceOption(Scope.Scope)
  const mac = yield* Effect.serviceOption(Mac.Mac)
  const parsed = Headers.read(headers, settings.signer !== undefined)
  if (Result.isFailure(parsed)) return yield* new WebhookError({ reason: parsed.failure })
  if (settings.egress !== undefined) yield* checkPool(urls, settings.egress)
  const inFlight = new InFlight()
  const drain = inFlight.drain(settings.grace)
  if (Option.isSome(scope)) yield* Scope.addFinalizer(scope.value, drain)
  return {
    drain,
    run: sender(settings, transport, pool, inFlight, parsed.success, mac),
    hostOf: (url) => Result.getOrUndefined(pool.custom(url))?.origin
  }
})

const checkPool = Effect.fnUntraced(function*(
  pool: UrlPool.UrlPool["Service"],
  egress: EgressPolicy.EgressPolicy
): Effect.fn.Return<void, WebhookError> {
  for (const { target } of yield* pool.list) {
    const checked = EgressPolicy.checkUrl(egress, target.origin)
    if (Result.isFailure(checked)) return yield* new WebhookError({ reason: checked.failure })
  }
})

/**
 * A `Webhook` over a `Transport`, such as `NodeTransport.layer`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransport = (
  options?: WebhookOptions
): Layer.Layer<Webhook, WebhookError, Transport.Transport | UrlPool.UrlPool> => Layer.effect(Webhook, make(options))

/**
 * A `Webhook` over any `HttpClient`; see `Transport.layerHttpClient`.
 *
 * **Gotchas**
 *
 * In workerd (Cloudflare's workers) one request cannot end what another waits
 * for: where requests share a layer, a send that waits for a paced URL is
 * cancelled as hung. Build the layer in each request.
 *
 * **Example** (Over fetch, in a browser or a worker)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { UrlPool, Webhook } from "effect-webhooks"
 *
 * const layer = Webhook.layer().pipe(
 *   Layer.provide([FetchHttpClient.layer, UrlPool.layer("https://example.com/hook")])
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options?: WebhookOptions
): Layer.Layer<Webhook, WebhookError, HttpClient.HttpClient | UrlPool.UrlPool> =>
  Layer.provide(layerTransport(options), Transport.layerHttpClient)

/**
 * The options of all sends, checked, in milliseconds.
 *
 * @internal
 */
export interface Settings {
  readonly timeout: number
  readonly deadline: number
  readonly grace: number
  readonly maxRetries: number
  readonly maxResponseBytes: number
  readonly maxPerOrigin: number
  readonly maxPerProxy: number
  readonly maxProxyRetries: number
  readonly egress: EgressPolicy.EgressPolicy | undefined
  readonly retry: Schedule.Schedule<unknown, WebhookError>
  readonly stopOnMaybe: boolean
  readonly classify: WebhookOptions["classify"]
  readonly signer: Signature.Signer | undefined
  readonly propagateTrace: boolean
  /** The `User-Agent` where no header says another one. */
  readonly agent: string | undefined
}

/**
 * Throws `RangeError` for a constant that makes no sense.
 *
 * @internal
 */
export const toSettings = (options: WebhookOptions = {}): Settings => ({
  timeout: positiveMillis("timeout", options.timeout ?? 15_000),
  deadline: positiveMillis("deadline", options.deadline ?? 300_000),
  grace: positiveMillis("grace", options.grace ?? 5_000),
  maxRetries: wholeNumber("maxRetries", options.maxRetries ?? 3, 0),
  maxResponseBytes: wholeNumber("maxResponseBytes", options.maxResponseBytes ?? 65_536, 0),
  maxPerOrigin: wholeNumber("maxPerOrigin", options.maxPerOrigin ?? 128, 1),
  maxPerProxy: wholeNumber("maxPerProxy", options.maxPerProxy ?? 32, 1),
  maxProxyRetries: wholeNumber("maxProxyRetries", options.maxProxyRetries ?? 3, 0),
  egress: options.egress,
  retry: options.retry ?? RetryPolicy.backoff(),
  stopOnMaybe: options.onAmbiguous === "stop",
  classify: options.classify,
  signer: options.signer,
  propagateTrace: options.propagateTrace ?? false,
  agent: userAgent()
})

const sender = (
  settings: Settings,
  transport: Transport.Transport["Service"],
  pool: Leases,
  inFlight: InFlight,
  layerHeaders: Record<string, string>,
  mac: Option.Option<Mac.Mac["Service"]>
): Run => {
  const turns = new Turns(settings.maxPerOrigin)
  const proxyTurns = new Turns(settings.maxPerProxy)
  const makeId = makeIds()
  const ways = waysOf(transport)
  const alarm = new Alarm()
  // The URLs of the pool that the egress policy lets be reached, as far as their name tells.
  const open = new WeakSet<UrlPool.Target>()
  const { agent } = settings
  const bareHeaders = agent === undefined ? layerHeaders : { "user-agent": agent, ...layerHeaders }
  const jsonHeaders = { "content-type": "application/json", ...bareHeaders }

  // One send, from its payload to its delivery. Everything it fails with is a reason.
  const deliver = Effect.fnUntraced(function*(
    send: Send
  ): Effect.fn.Return<Delivered, WebhookErrorReason> {
    const { options } = send
    if (options.timeout !== undefined) send.timeout = yield* sendDuration("timeout", options.timeout)
    if (options.deadline !== undefined) send.allowed = yield* sendDuration("deadline", options.deadline)
    const signer = options.signer ?? settings.signer
    const request = yield* send.prepare!()
    send.prepare = undefined
    const headers = yield* headersOf(request, options, send.id, signer !== undefined)
    const url = request.url ?? options.url
    if (url !== undefined) {
      send.target = yield* Effect.fromResult(pool.custom(url))
      send.given = send.pinned = true
    }
    const egress = url === undefined ? settings.egress : settings.egress ?? EgressPolicy.publicOnly
    if (url !== undefined) yield* Effect.fromResult(EgressPolicy.checkUrl(egress!, send.target!.origin))
    while (true) {
      yield* ready(send)
      if (transport.proxies !== undefined) yield* readyProxy(send, transport.proxies)
      const signed = signer === undefined
        ? headers
        : { ...headers, ...(yield* sign(send, signer, request)), "webhook-id": send.id }
      // The provider or the signer may have taken long.
      if ((transport.proxies !== undefined || signer !== undefined) && !pool.isOpen(send)) {
        giveTurn(send)
        giveLease(send, untold)
        continue
      }
      const closed = closedWay(send)
      if (closed !== undefined) {
        yield* detour(send, closed)
        continue
      }
      const setback = yield* attempt(send, request, signed, egress)
      if (setback === undefined) return new Delivered(send.fields())
      if (setback !== proxyLost) yield* recover(send, setback)
    }
  })

  // Waits until the URL's pace, and the attempts in flight to its origin, let this one go.
  const ready = (send: Send): Effect.Effect<void, WebhookErrorReason> => {
    if (!send.pinned) send.target = undefined
    return Effect.flatMap(pool.lease(send), (leased) => {
      if (!leased) return Effect.fail(tooLate(send))
      const blocked = send.given ? undefined : blockedOf(send.target!)
      if (blocked !== undefined) return Effect.fail(blocked)
      send.slot?.take(send.target!.origin)
      send.turn = turns.take(send.target!.origin)
      return send.turn === undefined ? readyLater(send) : Effect.void
    })
  }

  // A pool may get a URL while sends run, and one of the user's own gives what it wants.
  const blockedOf = (target: UrlPool.Target): WebhookErrorReason | undefined => {
    if (settings.egress === undefined || open.has(target)) return undefined
    const checked = EgressPolicy.checkUrl(settings.egress, target.origin)
    if (Result.isFailure(checked)) return checked.failure
    open.add(target)
    return undefined
  }

  const readyLater = Effect.fnUntraced(function*(send: Send): Effect.fn.Return<void, WebhookErrorReason> {
    const turn = yield* turns.wait(send.fiber, send.target!.origin, send.deadline, (line) => {
      send.turn = line
    })
    if (turn === undefined) return yield* send.exceeded("turn")
    send.now()
    if (pool.isOpen(send)) return
    giveTurn(send)
    giveLease(send, untold)
    return yield* ready(send)
  })

  // Leases a proxy and waits for a turn at it.
  const readyProxy = (
    send: Send,
    proxies: ProxyProvider.ProxyProvider["Service"]
  ): Effect.Effect<void, WebhookErrorReason> =>
    Effect.flatMap(
      send.reserved === undefined ? guardProvider(send, "get", proxies.get) : Effect.succeed(send.reserved),
      (proxy) => {
        send.now()
        send.proxy = proxy
        send.reserved = undefined
        const key = keyOf(proxy)
        send.proxyTurn = proxyTurns.take(key)
        return send.proxyTurn === undefined ? readyProxyLater(send, key, proxies) : Effect.void
      }
    )

  const readyProxyLater = Effect.fnUntraced(function*(
    send: Send,
    key: string,
    proxies: ProxyProvider.ProxyProvider["Service"]
  ): Effect.fn.Return<void, WebhookErrorReason> {
    const faults = proxyTurns.faults(key)
    const turn = yield* proxyTurns.wait(send.fiber, key, send.deadline, (line) => {
      send.proxyTurn = line
    })
    if (turn === undefined) return yield* send.exceeded("turn")
    send.now()
    if (turn.faults !== faults) {
      // It failed meanwhile. Where it is the only one, this one's turn has come all the same.
      const next = yield* guardProvider(send, "get", proxies.get)
      send.now()
      if (keyOf(next) !== key) {
        giveProxyTurn(send)
        send.reserved = next
        return yield* readyProxy(send, proxies)
      }
    }
    if (pool.isOpen(send)) return
    giveTurn(send)
    giveLease(send, untold)
    yield* ready(send)
    return yield* readyProxy(send, proxies)
  })

  // The way on which a send would leave, if the receiver has closed it and it is not this one's turn to try it.
  const closedWay = (send: Send): Way | undefined => {
    const way = ways.find(send.target!.origin, send.proxy && Redacted.value(send.proxy.url))
    if (way === send.way && (way === undefined || (send.wayEpoch === way.pace.epoch && !way.pace.shut))) {
      return undefined
    }
    giveWay(send, untold)
    if (way === undefined) return undefined
    way.pace.settle(send.at)
    if (way.pace.room === 0) return way
    way.pace.take(send.at, false)
    takeWay(send, way)
    return undefined
  }

  // Another proxy may lead there; where all of them have been met, the first way to open is waited for.
  const detour = Effect.fnUntraced(function*(send: Send, way: Way): Effect.fn.Return<void, WebhookErrorReason> {
    giveTurn(send)
    giveLease(send, untold)
    const met = send.detours ??= new Map()
    if (send.proxy !== undefined && !met.has(way)) {
      met.set(way, send.proxy)
      return
    }
    let first = way
    for (const other of met.keys()) if (other.pace.at < first.pace.at) first = other
    if (first.pace.shut && first.pace.at > send.deadline) return yield* tooLate(send)
    send.onPark()
    const open = yield* first.pace.park(send.fiber, send.deadline, () => takeWay(send, first))
    if (open === undefined) return yield* tooLate(send)
    send.now()
    send.reserved = met.get(first)
    send.detours = undefined
  })

  const takeWay = (send: Send, way: Way): void => {
    send.way = way
    send.wayEpoch = way.pace.epoch
  }

  const giveWay = (send: Send, outcome: UrlPool.Outcome): void => {
    const { way } = send
    if (way === undefined) return
    send.way = undefined
    if (outcome._tag === "Taken") way.pace.accept(send.wayEpoch, send.at, undefined, undefined)
    else way.pace.untold(send.wayEpoch, send.at)
    ways.forget(way)
  }

  // What users supply may never answer; the deadline holds all the same.
  const inTime = (send: Send) => <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E | DeadlineExceeded> =>
    alarm.within(self, send.deadline, () => Effect.fail(send.exceeded("attempt")))

  // The provider is the user's: whatever goes wrong in it is a ProxyError.
  const guardProvider = <A>(
    send: Send,
    method: string,
    effect: Effect.Effect<A, ProxyError>
  ): Effect.Effect<A, ProxyError | DeadlineExceeded> =>
    effect.pipe(
      // Without types it may fail with anything.
      Effect.mapError((error) => error?._tag === "ProxyError" ? error : providerFailed(method, "failed", error)),
      inTime(send),
      Effect.catchCause(failWith((cause) => providerFailed(method, "died", cause)))
    )

  // A wait that cannot fit ends the send at once, with what went wrong before; a wait that was cut is the deadline's.
  const tooLate = (send: Send): WebhookErrorReason =>
    send.last !== undefined && send.now() < send.deadline ? send.last : send.exceeded("pace")

  const giveTurn = (send: Send): void => {
    if (send.turn !== undefined) turns.give(send.turn)
    send.turn = undefined
    giveProxyTurn(send)
  }

  const giveProxyTurn = (send: Send): void => {
    if (send.proxyTurn !== undefined) proxyTurns.give(send.proxyTurn)
    send.proxyTurn = undefined
  }

  const giveLease = (send: Send, outcome: UrlPool.Outcome): void => {
    if (send.held) pool.release(send, outcome)
  }

  const headersOf = (
    encoded: Encoded,
    options: SendOptions,
    id: string,
    signing: boolean
  ): Effect.Effect<Readonly<Record<string, string>>, WebhookErrorReason> => {
    const layers = encoded.contentType === "application/json"
      ? jsonHeaders
      : encoded.contentType === undefined
      ? bareHeaders
      : encoded.contentType.startsWith("multipart/")
      // The boundary is in it.
      ? { ...bareHeaders, "content-type": encoded.contentType }
      : { "content-type": encoded.contentType, ...bareHeaders }
    if (options.headers === undefined && options.id === undefined && !signing) return Effect.succeed(layers)
    if (options.id !== undefined && (typeof options.id !== "string" || !/^[\x21-\x2d\x2f-\x7e]+$/.test(options.id))) {
      return Effect.fail(
        new InvalidOptions({ option: "id", detail: "it must be printable ASCII without spaces and without a dot" })
      )
    }
    const identified = signing || options.id !== undefined
    // A send's own signer signs what the layer's headers were not checked for.
    const unchecked = options.signer === undefined ? {} : layerHeaders
    return Effect.fromResult(
      Result.flatMap(
        Headers.parse(unchecked, true),
        () =>
          Result.map(
            Headers.read(options.headers, signing),
            (own) => identified ? { ...layers, ...own, "webhook-id": id } : { ...layers, ...own }
          )
      )
    )
  }

  // The signer is the user's: it may fail, die, or never answer.
  const sign = (
    send: Send,
    signer: Signature.Signer,
    { body }: Encoded
  ): Effect.Effect<Record<string, string>, WebhookErrorReason> =>
    Effect.suspend(() =>
      signer({
        id: send.id,
        timestamp: Math.floor(send.clock.currentTimeMillisUnsafe() / 1000),
        body: typeof body === "string" ? encoder.encode(body) : body
      })
    ).pipe(
      Effect.flatMap((headers): Effect.Effect<Record<string, string>, InvalidHeader | SignerError> =>
        // Without types a signer may give anything; of a Map or fetch's Headers nothing would be sent.
        isObject(headers) && !(Symbol.iterator in headers)
          ? Effect.fromResult(Headers.parse(headers, false))
          : Effect.fail(new SignerError({ detail: "it gave no record of headers" }))
      ),
      Effect.mapError((error) =>
        error?._tag === "SignerError" || error?._tag === "InvalidHeader"
          ? error
          : new SignerError({
            detail: "it failed with something else than a SignerError",
            cause: Thrown.hide(error)
          })
      ),
      Option.isSome(mac) ? Effect.provideService(Mac.Mac, mac.value) : identity,
      inTime(send),
      Effect.catchCause(failWith((cause) => unexpected("signer", cause))),
      Effect.tap(() => Effect.sync(() => send.now()))
    )

  // One attempt, with the time that is left; `undefined` is the delivery.
  const attempt = Effect.fnUntraced(function*(
    send: Send,
    { body, route = toTarget }: Request,
    headers: Readonly<Record<string, string>>,
    egress: EgressPolicy.EgressPolicy | undefined
  ): Effect.fn.Return<Setback | typeof proxyLost | undefined, WebhookErrorReason> {
    const target = send.target!
    const started = send.at
    send.method = route.method
    const before = send.reply
    const left = send.deadline - started
    if (left <= 0) return yield* send.exceeded("turn")
    send.attempted = target
    send.pinned = send.trying = true
    send.reply = undefined
    send.detours = undefined
    const result = yield* Effect.result(transport.attempt({
      method: route.method,
      url: route.urlOf(target),
      headers: settings.propagateTrace ? { ...headers, ...traceparent(spanOf(send)) } : headers,
      body,
      timeout: Math.min(send.timeout, left),
      maxResponseBytes: settings.maxResponseBytes,
      egress
    }, send.proxy))
    const ended = send.now()
    send.trying = false
    let setback: Setback | undefined
    if (Result.isFailure(result)) {
      const { lost, reason } = result.failure
      // It was not tried at all.
      if (reason._tag === "EgressBlocked" || reason._tag === "InvalidOptions") return yield* reason
      if (lost === true) {
        send.reply = before
        giveTurn(send)
        giveWay(send, untold)
        giveLease(send, untold)
        return proxyLost
      }
      setback = fell(send, result.failure, reason)
      // Who waits for a turn at a proxy that is dead looks for another one.
      if (send.proxy !== undefined && blame(send, result.failure) === "burn") proxyTurns.fault(keyOf(send.proxy))
    } else {
      send.reply = result.success
      setback = judge(send, result.success, settings.classify, route.method === "POST")
    }
    giveTurn(send)
    if (setback?.pause !== undefined) {
      ways.close(target.origin, send.proxy && Redacted.value(send.proxy.url), ended, setback.pause)
    }
    giveWay(send, Result.isSuccess(result) && setback?.pause === undefined ? plainlyTaken : untold)
    if (setback !== undefined) send.maybe ||= setback.maybe
    const entry: Attempt = {
      target: target.label,
      proxy: send.proxy?.url,
      status: send.reply?.status || undefined,
      reason: setback?.reason,
      waited: started - send.ended,
      took: ended - started
    }
    send.history.push(entry)
    countAttempt(send.fiber, entry)
    if (send.span !== undefined) addAttempt(send.span, send.clock, entry, send.history.length)
    send.ended = ended
    if (send.proxy !== undefined) yield* reportProxy(send, send.proxy, result)
    if (setback === undefined) {
      giveLease(send, taken(send, send.reply!, route.method === "POST"))
      return undefined
    }
    if (setback.reason._tag === "Timeout" && left < send.timeout) return yield* send.exceeded("attempt")
    send.last = setback.reason
    return setback
  })

  // Any answer is the receiver's, so the proxy did its part.
  const reportProxy = (
    send: Send,
    proxy: Proxy.Proxy,
    result: Result.Result<Transport.Reply, Transport.AttemptError>
  ): Effect.Effect<void, WebhookErrorReason> => {
    const outcome = Result.isSuccess(result) ? "ok" : blame(send, result.failure)
    if (outcome === undefined) return Effect.void
    if (outcome === "burn") countBurned(send.fiber)
    const report = Result.getOrElse(Result.try(() => transport.proxies!.report(proxy, outcome)), Effect.die)
    // A list has nothing to do for a proxy that is well.
    if (report === Effect.void) return report
    const told = guardProvider(send, "report", report)
    return outcome === "burn" || outcome === "suspect" ? told : Effect.ignoreCause(told)
  }

  // Between two attempts: does what is decided, or ends the send with why it cannot go on.
  const recover = Effect.fnUntraced(
    function*(send: Send, setback: Setback): Effect.fn.Return<void, WebhookErrorReason> {
      const proxy = setback.rotate ? yield* otherProxy(send, setback) : undefined
      const failover = setback.elsewhere && pool.failover && !send.given
      const other = failover ? yield* nextTarget(send, setback) : undefined
      const decision = decide(setback, budgetOf(send), {
        otherProxy: proxy !== undefined,
        failover,
        other: other && { open: other.open, same: other.target === send.attempted },
        firstLap: !send.again,
        anyOpen: failover && pool.hasOpen(send),
        proxied: transport.proxies !== undefined
      })
      if (decision._tag === "Rotate") return rotate(send, proxy)
      const wait = yield* release(send, setback, decision)
      if (decision._tag === "Stop" || wait === undefined || send.at + wait >= send.deadline) {
        return yield* proxy === undefined && setback.rotate && !(setback.maybe && settings.stopOnMaybe)
          ? exhausted(send.proxy, send.triedProxies!.size, setback.reason)
          : setback.reason
      }
      yield* Effect.logDebug(
        `webhook to ${send.target!.label}: ${setback.reason.message}; next try in ${Math.round(wait)} ms`
      )
      send.retries++
      if (setback.limited) send.onPark()
      if (wait > 0) yield* send.clock.sleep(Duration.millis(wait))
      send.now()
      const next = decision.to === "other"
        ? other
        : decision.wait !== "none" && send.hopeless !== undefined
        ? yield* pool.other(send, send.hopeless)
        : undefined
      if (next === undefined) return
      send.target = next.target
      send.pinned = true
    }
  )

  const budgetOf = ({ retries, rotations }: Send): Budget => ({
    retries: settings.maxRetries - retries,
    rotations: settings.maxProxyRetries - rotations,
    stopOnMaybe: settings.stopOnMaybe
  })

  const rotate = (send: Send, proxy: Proxy.Proxy | undefined): void => {
    giveLease(send, untold)
    send.reserved = proxy
    send.rotations++
    send.now()
  }

  // Gives the URL back with what the setback teaches of it, and gives the wait: `undefined` if the schedule has ended.
  // A refusal without a hint closes the URL for as long as the schedule says.
  const release = Effect.fnUntraced(function*(
    send: Send,
    setback: Setback,
    decision: Decision
  ): Effect.fn.Return<number | undefined, WebhookErrorReason> {
    const { hint, limited, outcome, reason } = setback
    const closes = closesUrl(setback)
    if (!closes) giveLease(send, outcome)
    else if (hint !== undefined) giveLease(send, { _tag: "Limited", retryAfter: hint })
    const waits = decision._tag === "Retry" && decision.wait !== "none"
    const drawn = waits ? yield* Effect.result(nextDelay(send, reason)) : Result.succeed(undefined)
    send.now()
    const delay = yield* Effect.onExit(Effect.fromResult(drawn), (exit) => {
      const retryAfter = Option.getOrUndefined(Exit.getSuccess(exit)) ?? unhinted
      giveLease(send, { _tag: "Limited", retryAfter, hinted: false })
      return Effect.void
    })
    if (!waits) return 0
    if (delay === undefined || decision.wait === "backoff") return delay
    return decision.wait === "gate" ? 0 : RetryPolicy.hintedDelay(hint, limited, delay)
  })

  // A proxy that this send has not tried, as far as it may go on with one. A provider that goes round its proxies gives
  // those that were tried in between.
  const otherProxy = Effect.fnUntraced(
    function*(send: Send, setback: Setback): Effect.fn.Return<Proxy.Proxy | undefined, WebhookErrorReason> {
      const tried = (send.triedProxies ??= new Set()).add(keyOf(send.proxy!))
      if (send.rotations >= settings.maxProxyRetries || (setback.maybe && settings.stopOnMaybe)) return undefined
      const get = Effect.mapError(
        guardProvider(send, "get", transport.proxies!.get),
        (error) =>
          error._tag === "ProxyError"
            ? new ProxyError({ ...error, detail: `${error.detail}; before it, ${setback.reason.message}` })
            : error
      )
      for (let draw = 0; draw < tried.size; draw++) {
        const proxy = yield* get
        if (!tried.has(keyOf(proxy))) return proxy
      }
      return undefined
    }
  )

  // Gives a URL that was not tried yet. When there is none, a send goes round again, and every URL that may take it yet
  // has its turn.
  const nextTarget = Effect.fnUntraced(function*(send: Send, { retry }: Setback): Effect.fn.Return<Other | undefined> {
    const target = send.target!
    if (!retry) (send.hopeless ??= new Set()).add(target)
    send.tried ??= new Set()
    send.tried.add(target)
    send.avoid = (target) =>
      target === send.attempted || send.tried!.has(target) || send.slot?.slots.isFull(target.origin) === true
    send.pinned = false
    const other = yield* pool.other(send, send.tried)
    if (other !== undefined) return other
    send.again = true
    send.tried = new Set(send.hopeless)
    return yield* pool.other(send, send.tried)
  })

  // The schedule is the user's: it may stop, die, or never answer.
  const nextDelay = (send: Send, reason: WebhookErrorReason): Effect.Effect<number | undefined, WebhookErrorReason> =>
    Effect.gen(function*() {
      send.step ??= yield* Schedule.toStep(settings.retry)
      const [, delay] = yield* send.step(send.clock.currentTimeMillisUnsafe(), new WebhookError({ reason }))
      return Math.max(0, Duration.toMillis(delay))
    }).pipe(
      Pull.catchDone(() => Effect.undefined),
      inTime(send),
      Effect.catchCause(failWith((cause) => unexpected("retry", cause)))
    )

  // Here, and only here, reasons become results.
  const settle = <A, E>(
    send: Send,
    onFailed: (failed: Failed) => Effect.Effect<A, E>
  ): Effect.Effect<Delivered | A, E> =>
    Effect.onExit(
      Effect.matchCauseEffect(deliver(send), {
        onSuccess: (delivered) => {
          countSend(send.fiber, "delivered", send.ended - send.started)
          return Effect.succeed(delivered)
        },
        onFailure: (cause) => {
          const found = reasonOf(cause, send.trying ? "the transport" : "the payload, an option or the pool")
          // That no URL is left says less than why the last one did not take it.
          const reason = found?._tag === "NoUrlAvailable" ? send.last ?? found : found
          if (reason === undefined) return Effect.failCause(cause as Cause.Cause<never>)
          send.failure = reason
          countSend(send.fiber, "failed", send.now() - send.started)
          const failed = new Failed({
            ...send.fields(),
            reason,
            delivered: send.maybe || send.trying ? "maybe" : "no"
          })
          return Effect.andThen(logFailed(failed), onFailed(failed))
        }
      }),
      () => {
        if (send.held || send.way !== undefined) send.now()
        giveTurn(send)
        giveWay(send, untold)
        giveLease(send, untold)
        inFlight.delete(send.fiber)
        return Effect.void
      }
    )

  return (prepare, options, onFailed, slot) =>
    Effect.withFiber((fiber) => {
      if (inFlight.closed) return Effect.interrupt
      const read = options ? readOptions(options) : noOptions
      const own = Result.isSuccess(read) ? read.success : none
      const first = Result.isSuccess(read) ? prepare : constant(Effect.die(read.failure))
      const send = new Send(fiber, typeof own.id === "string" ? own.id : makeId(), settings, first, own, slot)
      inFlight.add(fiber)
      const sending = settle(send, onFailed)
      return isTraced(fiber) ? traced(send, sending) : sending
    })
}

const none: SendOptions = {}
const noOptions = Result.succeed(none)

// They are the user's object: reading one may throw, or give something else the next time.
const readOptions = (options: SendOptions): Result.Result<SendOptions, unknown> =>
  Result.try(() => {
    const { deadline, headers, id, signer, timeout, url } = options
    return { deadline, headers, id, signer, timeout, url }
  })

const providerFailed = (method: string, how: "failed" | "died", thrown: unknown): ProxyError =>
  new ProxyError({
    proxy: undefined,
    detail: `the provider's ${method} ${how}`,
    last: undefined,
    cause: Thrown.hide(thrown)
  })

// No attempt was made: another one found the proxy dead while this one waited for its connection.
const proxyLost = "proxyLost"

const keyOf = ({ url }: Proxy.Proxy): string => Redacted.value(url)

const traced = <A, E>(send: Send, sending: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(makeSpan, (span) => {
    send.span = span
    return Effect.onExit(
      Effect.provideService(sending, Tracer.ParentSpan, span),
      (exit) =>
        Effect.sync(() =>
          endSpan(span, send.clock, {
            ...send.fields(),
            method: send.method,
            target: send.shown,
            reason: send.failure
          }, exit)
        )
    )
  })

// Without anybody who sees spans there may still be one to go on with.
const spanOf = (send: Send): Tracer.AnySpan | undefined =>
  send.span ?? Context.getOrUndefined(send.fiber.context, Tracer.ParentSpan)

// How long a URL is left alone after a 429 without a hint, when the send has no wait of its own any more.
const unhinted = 1_000

const sendDuration = (option: string, input: Duration.Input): Effect.Effect<number, InvalidOptions> => {
  const millis = toPositiveMillis(input)
  return millis === undefined ? Effect.fail(new InvalidOptions({ option, detail: positive })) : Effect.succeed(millis)
}

const encoder = new TextEncoder()

/** A failure stays; a defect, or an interruption that is not this fiber's own, becomes one. */
const failWith = <E2>(f: (cause: unknown) => E2) => <E>(cause: Cause.Cause<E>): Effect.Effect<never, E | E2> =>
  Effect.fail(Option.getOrElse(Cause.findErrorOption(cause), () => f(Cause.squash(cause))))

const logFailed = (failed: Failed): Effect.Effect<void> =>
  Effect.logDebug(
    `webhook to ${failed.target ?? "nowhere"} failed after ${failed.attempts} attempts: ${failed.error}; ` +
      `delivered: ${failed.delivered}`
  )

/** `undefined` if the fiber was interrupted, which is not a failure. */
const reasonOf = (cause: Cause.Cause<WebhookErrorReason>, source: string): WebhookErrorReason | undefined => {
  const reason = Cause.findErrorOption(cause)
  if (Option.isSome(reason)) return reason.value
  return Cause.hasInterruptsOnly(cause) ? undefined : unexpected(source, Cause.squash(cause))
}
