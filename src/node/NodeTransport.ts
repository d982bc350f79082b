/**
 * The fast transport: undici's `dispatch`, one native timer per attempt, and
 * no stream, promise or response object in between.
 *
 * It knows in which phase an attempt failed: what never got a connection was
 * not delivered, what was written and not answered may have been.
 *
 * **Gotchas**
 *
 * Its timeouts are real time, also under `TestClock`. Environment variables
 * such as `HTTP_PROXY` change nothing.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as NodeAddressResolver from "@effect/platform-node/NodeAddressResolver"
import * as NodeDns from "@effect/platform-node/NodeDns"
import type * as Undici from "@effect/platform-node/Undici"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AddressResolver from "effect/net/AddressResolver"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { ConnectionOptions } from "node:tls"
import { join } from "../internal/bytes.ts"
import { positiveMillis, wholeNumber } from "../internal/options.ts"
import * as ProxyProvider from "../ProxyProvider.ts"
import { AttemptError, type AttemptRequest, disconnected, Reply, timedOut, Transport } from "../Transport.ts"
import { ConnectionError, EgressBlocked, type Phase, ProxyError } from "../WebhookError.ts"
import { type Lane, Lanes } from "./internal/lanes.ts"
import { TunnelFault } from "./internal/tunnel.ts"

/**
 * Options of the Node transport.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * The time for a connection, TLS included. Shorter than an attempt's
   * timeout, so that a host that does not answer is told from one that does
   * and is slow.
   *
   * @default "10 seconds"
   */
  readonly connectTimeout?: Duration.Input | undefined
  /**
   * How long an idle connection is kept for the next send.
   *
   * @default "4 seconds"
   */
  readonly keepAlive?: Duration.Input | undefined
  /**
   * How long attempts in flight may go on when the layer closes.
   *
   * @default "5 seconds"
   */
  readonly grace?: Duration.Input | undefined
  /** TLS to the receiver: authorities and a certificate of your own. */
  readonly tls?: {
    readonly ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array> | undefined
    readonly cert?: string | Uint8Array | undefined
    readonly key?: string | Uint8Array | undefined
    readonly rejectUnauthorized?: boolean | undefined
  } | undefined
}

/**
 * Options of the Node transport by proxies.
 *
 * @category options
 * @since 0.1.0
 */
export interface ProxiedOptions extends Options {
  /**
   * To how many proxies connections are kept; the one that was not used for
   * longest is let go when there are more.
   *
   * @default 128
   */
  readonly maxProxies?: number | undefined
}

/**
 * A transport that connects directly to the receiver.
 *
 * **Details**
 *
 * When the layer closes, attempts in flight are given their grace and are then
 * interrupted, and every socket is closed. Names of guarded URLs are resolved
 * by the `AddressResolver` in the context, or by Node's if there is none.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<Transport> => Layer.effect(Transport, make(options))

/**
 * A transport that goes by the proxies of a `ProxyProvider`, and never
 * directly.
 *
 * **Details**
 *
 * Every proxy is asked for a tunnel, also to an `http:` receiver, so that no
 * answer of a proxy's can pass for the receiver's. Tunnels are kept alive per
 * proxy. The name of a guarded URL is resolved and checked here, and the proxy
 * is given the address; any other is left to the proxy.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerProxied = (
  options?: ProxiedOptions
): Layer.Layer<Transport, never, ProxyProvider.ProxyProvider> => {
  const transport = make(options)
  return Layer.effect(
    Transport,
    Effect.gen(function*() {
      const proxies = yield* ProxyProvider.ProxyProvider
      return { ...(yield* transport), proxies }
    })
  )
}

/**
 * Makes the transport of `layer`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options?: ProxiedOptions): Effect.Effect<Transport["Service"], never, Scope.Scope> => {
  const keepAlive = positiveMillis("keepAlive", options?.keepAlive ?? 4_000)
  const grace = positiveMillis("grace", options?.grace ?? 5_000)
  const connectTimeout = positiveMillis("connectTimeout", options?.connectTimeout ?? 10_000)
  const maxProxies = wholeNumber("maxProxies", options?.maxProxies ?? 128, 1)
  return Effect.gen(function*() {
    const exchanges = new Exchanges()
    const lanes = yield* Effect.acquireRelease(
      Effect.map(resolverOf, (resolver) =>
        new Lanes({
          // Who may go, and for how long, is decided above: no limit of the agent's own may make an attempt wait.
          agent: { headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: keepAlive, keepAliveMaxTimeout: keepAlive },
          tls: (options?.tls ?? {}) as ConnectionOptions,
          connectTimeout,
          maxProxies,
          resolver,
          connecting: (cancel) => exchanges.connecting(cancel)
        })),
      (lanes) =>
        exchanges.close.pipe(
          Effect.timeoutOption(Duration.millis(grace)),
          Effect.andThen(Effect.promise(() => {
            exchanges.interrupt()
            return lanes.destroy()
          }))
        )
    )
    return {
      attempt: (request, proxy) =>
        Effect.callback<Reply, AttemptError>((resume) => {
          if (exchanges.closed) return resume(Effect.interrupt)
          const lane = lanes.of(proxy, request.egress)
          const exchange = new Exchange(request, exchanges, lane, resume)
          const { body, headers, method = "POST" } = request
          const { origin, path } = placeOf(request.url)
          exchanges.starting = exchange
          lane.agent.dispatch({ origin, path, method, headers, body }, exchange)
          exchanges.starting = undefined
          return Effect.sync(() => exchange.abort())
        })
    }
  })
}

// A program's own resolver wins: tests replace it.
const resolverOf: Effect.Effect<AddressResolver.AddressResolver["Service"], never, Scope.Scope> = Effect.flatMap(
  Effect.serviceOption(AddressResolver.AddressResolver),
  Option.match({
    onNone: () =>
      Effect.map(
        Layer.build(NodeAddressResolver.layer.pipe(Layer.provide(NodeDns.layer))),
        Context.get(AddressResolver.AddressResolver)
      ),
    onSome: Effect.succeed
  })
)

/** What is in flight, so that closing can wait for it and then end it. */
class Exchanges {
  closed = false
  /** The one that is being dispatched: a connection that is made in that step is made for it. */
  starting: Exchange | undefined
  private readonly all = new Set<Exchange>()
  private onIdle: (() => void) | undefined

  add(exchange: Exchange): void {
    this.all.add(exchange)
  }

  delete(exchange: Exchange): void {
    this.all.delete(exchange)
    if (this.all.size === 0) this.onIdle?.()
  }

  connecting(cancel: () => void): void {
    if (this.starting !== undefined) this.starting.cancel = cancel
  }

  /** Lets nobody begin any more, and waits for those who have. */
  readonly close: Effect.Effect<void> = Effect.callback((resume) => {
    this.closed = true
    this.onIdle = () => resume(Effect.void)
    if (this.all.size === 0) this.onIdle()
  })

  interrupt(): void {
    for (const exchange of this.all) exchange.interrupt()
  }
}

interface Place {
  readonly origin: string
  readonly path: string
}

const places = new WeakMap<Redacted.Redacted<string>, Place>()

// The pool gives the same Redacted for every send to a URL: parsing it each time costs about as much as a timer.
const placeOf = (url: Redacted.Redacted<string>): Place => {
  const known = places.get(url)
  if (known !== undefined) return known
  const { origin, pathname, search } = new URL(Redacted.value(url))
  const place = { origin, path: pathname + search }
  places.set(url, place)
  return place
}

// setTimeout fires at once for anything longer.
const maxDelay = 2 ** 31 - 1

const aborted = new Error("The attempt has ended")

/** One request and what comes back. It calls `resume` exactly once, unless it is aborted. */
class Exchange implements Undici.Dispatcher.DispatchHandler {
  /** Gives up the connection that is being made for it. */
  cancel: (() => void) | undefined
  private readonly max: number
  private readonly exchanges: Exchanges
  private readonly resume: (effect: Effect.Effect<Reply, AttemptError>) => void
  private readonly lane: Lane
  private readonly timer: NodeJS.Timeout
  private controller: Undici.Dispatcher.DispatchController | undefined
  private done = false
  private phase: Phase = "connecting"
  private status = 0
  private headers: Readonly<Record<string, string | undefined>> = {}
  private readonly chunks: Array<Uint8Array> = []
  private size = 0

  constructor(
    request: AttemptRequest,
    exchanges: Exchanges,
    lane: Lane,
    resume: (effect: Effect.Effect<Reply, AttemptError>) => void
  ) {
    this.max = request.maxResponseBytes
    this.exchanges = exchanges
    this.lane = lane
    this.resume = resume
    this.timer = setTimeout(() => {
      const error = timedOut(this.phase, request.timeout)
      this.end(this.phase === "headers" ? this.reply(true) : Effect.fail(error))
      this.abort()
      if (this.phase === "connecting") lane.fault?.(error)
    }, Math.min(request.timeout, maxDelay))
    exchanges.add(this)
  }

  /** Nothing more is wanted of it: its connection is closed, or is not made. */
  abort(): void {
    this.finish()
    if (this.controller !== undefined) this.controller.abort(aborted)
    else this.cancel?.()
  }

  interrupt(): void {
    this.end(Effect.interrupt)
    this.abort()
  }

  onRequestStart(controller: Undici.Dispatcher.DispatchController): void {
    // A request that waited for a connection until its time was over is never written.
    if (this.done) return controller.abort(aborted)
    this.controller = controller
    this.cancel = undefined
    this.phase = "sent"
    this.lane.running++
  }

  onResponseStart(_: unknown, status: number, headers: Record<string, string | Array<string> | undefined>): void {
    if (status < 200) return
    this.phase = "headers"
    this.status = status
    this.headers = flatten(headers)
  }

  onResponseData(controller: Undici.Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.chunks.push(chunk)
    this.size += chunk.length
    if (this.size <= this.max) return
    this.end(this.reply(true))
    controller.abort(aborted)
  }

  onResponseEnd(): void {
    this.end(this.reply(false))
  }

  onResponseError(_: unknown, error: Error): void {
    // What was given up says nothing of the proxy.
    if (this.done) return
    const attemptError = this.failure(error)
    this.end(this.phase === "headers" ? this.reply(true) : Effect.fail(attemptError))
    if (this.phase !== "connecting") return
    this.cancel?.()
    if (attemptError.proxy !== "target") this.lane.fault?.(attemptError)
  }

  private failure(error: Error): AttemptError {
    // What failed another attempt by the same proxy fails this one, which waited for a connection, too.
    if (error instanceof AttemptError) return error
    if (error instanceof EgressBlocked) return new AttemptError({ reason: error, delivered: "no", proxy: "target" })
    if (error instanceof TunnelFault) {
      const reason = error.outcome === "target"
        ? new ConnectionError({ phase: "connecting", code: error.code, certificate: false })
        : new ProxyError({ proxy: error.proxy, detail: error.detail, last: undefined })
      return new AttemptError({ reason, delivered: "no", proxy: error.outcome })
    }
    return disconnected(error, this.phase)
  }

  private end(effect: Effect.Effect<Reply, AttemptError>): void {
    if (this.done) return
    this.finish()
    this.resume(effect)
  }

  private finish(): void {
    if (this.done) return
    this.done = true
    if (this.phase !== "connecting") this.lane.running--
    clearTimeout(this.timer)
    this.exchanges.delete(this)
  }

  private reply(truncated: boolean): Effect.Effect<Reply> {
    const bytes = join(this.chunks, Math.min(this.size, this.max))
    return Effect.succeed(new Reply(this.status, this.headers, bytes, truncated))
  }
}

const flatten = (
  headers: Record<string, string | Array<string> | undefined>
): Readonly<Record<string, string | undefined>> => {
  for (const name in headers) {
    const value = headers[name]
    if (Array.isArray(value)) headers[name] = value.join(", ")
  }
  return headers as Record<string, string | undefined>
}
