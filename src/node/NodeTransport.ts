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
import * as Undici from "@effect/platform-node/Undici"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { join } from "../internal/bytes.ts"
import { positiveMillis } from "../internal/options.ts"
import { type AttemptError, type AttemptRequest, disconnected, Reply, timedOut, Transport } from "../Transport.ts"
import type { Phase } from "../WebhookError.ts"

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
 * A transport that connects directly to the receiver.
 *
 * **Details**
 *
 * When the layer closes, attempts in flight are given their grace and are then
 * interrupted, and every socket is closed.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<Transport> => Layer.effect(Transport, make(options))

/**
 * Makes the transport of `layer`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options?: Options): Effect.Effect<Transport["Service"], never, Scope.Scope> => {
  const keepAlive = positiveMillis("keepAlive", options?.keepAlive ?? 4_000)
  const grace = positiveMillis("grace", options?.grace ?? 5_000)
  const settings: Undici.Agent.Options = {
    // Who may go, and for how long, is decided above: no limit of the agent's own may make an attempt wait.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keepAlive,
    keepAliveMaxTimeout: keepAlive,
    allowH2: false,
    connect: {
      ...(options?.tls as object),
      timeout: positiveMillis("connectTimeout", options?.connectTimeout ?? 10_000)
    }
  }
  return Effect.gen(function*() {
    const state = { closed: false }
    const agent = yield* Effect.acquireRelease(
      Effect.sync(() => new Undici.Agent(settings)),
      (agent) =>
        Effect.suspend(() => {
          state.closed = true
          return Effect.promise(() => agent.close())
        }).pipe(
          Effect.timeoutOption(Duration.millis(grace)),
          Effect.andThen(Effect.promise(() => agent.destroy()))
        )
    )
    return {
      attempt: (request) =>
        Effect.callback<Reply, AttemptError>((resume) => {
          if (state.closed) return resume(Effect.interrupt)
          const exchange = new Exchange(request, state, resume)
          const { origin, path } = placeOf(request.url)
          agent.dispatch({ origin, path, method: "POST", headers: request.headers, body: request.body }, exchange)
          return Effect.sync(() => exchange.interrupt())
        })
    }
  })
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

/** One request and what comes back. It calls `resume` exactly once, unless it is interrupted. */
class Exchange implements Undici.Dispatcher.DispatchHandler {
  private readonly max: number
  private readonly state: { readonly closed: boolean }
  private readonly resume: (effect: Effect.Effect<Reply, AttemptError>) => void
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
    state: { readonly closed: boolean },
    resume: (effect: Effect.Effect<Reply, AttemptError>) => void
  ) {
    this.max = request.maxResponseBytes
    this.state = state
    this.resume = resume
    this.timer = setTimeout(() => {
      this.end(this.phase === "headers" ? this.reply(true) : Effect.fail(timedOut(this.phase, request.timeout)))
      this.controller?.abort(aborted)
    }, Math.min(request.timeout, maxDelay))
  }

  interrupt(): void {
    this.done = true
    clearTimeout(this.timer)
    this.controller?.abort(aborted)
  }

  onRequestStart(controller: Undici.Dispatcher.DispatchController): void {
    // A request that waited for a connection until its time was over is never written.
    if (this.done) return controller.abort(aborted)
    this.controller = controller
    this.phase = "sent"
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
    this.end(
      this.state.closed
        ? Effect.interrupt
        : this.phase === "headers"
        ? this.reply(true)
        : Effect.fail(disconnected(error, this.phase))
    )
  }

  private end(effect: Effect.Effect<Reply, AttemptError>): void {
    if (this.done) return
    this.done = true
    clearTimeout(this.timer)
    this.resume(effect)
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
