/**
 * A transport that answers from a script, for tests of programs that send
 * webhooks.
 *
 * Nothing touches the network, every attempt is recorded, and all of its time
 * is Effect's `Clock`: under `TestClock` a backoff of minutes takes no time.
 * Timeouts and caps of a request are held to as a real transport does.
 *
 * **Gotchas**
 *
 * Closing the layer gives sends in flight a grace of 5 seconds, on the same
 * clock. A test that ends with a send still under way waits for that grace:
 * join or interrupt its fiber, or adjust the clock.
 *
 * **Example** (A retry, without waiting for it)
 *
 * ```ts
 * import { Effect, Fiber, Layer } from "effect"
 * import { TestClock } from "effect/testing"
 * import { UrlPool, Webhook } from "effect-webhooks"
 * import { TestTransport } from "effect-webhooks/testing"
 *
 * const layer = Webhook.layerTransport().pipe(
 *   Layer.provideMerge(TestTransport.layer([
 *     TestTransport.reply({ status: 429, body: { retry_after: 30 } }),
 *     TestTransport.reply()
 *   ])),
 *   Layer.provide(UrlPool.layer("https://example.com/hook"))
 * )
 *
 * const test = Effect.gen(function*() {
 *   const fiber = yield* Effect.forkChild(Webhook.send({ text: "hello" }))
 *   yield* TestClock.adjust("30 seconds")
 *   const result = yield* Fiber.join(fiber)
 *   const sent = yield* TestTransport.sent
 *   return [result.attempts, sent.map(({ at }) => at)] // [2, [0, 30000]]
 * }).pipe(Effect.provide(layer))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { hasProperty } from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import { positiveMillis, wholeNumber } from "../internal/options.ts"
import { type AttemptError, type AttemptRequest, disconnected, Reply, timedOut, Transport } from "../Transport.ts"

/**
 * Unique identifier of `Answer` values.
 *
 * @category type IDs
 * @since 0.1.0
 */
export const TypeId: TypeId = "~effect-webhooks/testing/TestTransport/Answer"

/**
 * Type of the unique identifier of `Answer` values.
 *
 * @category type IDs
 * @since 0.1.0
 */
export type TypeId = "~effect-webhooks/testing/TestTransport/Answer"

/**
 * How one attempt ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly [TypeId]: TypeId
  /** Milliseconds before it ends; `Infinity` for never. */
  readonly delay: number
  readonly end: (request: AttemptRequest) => Effect.Effect<Reply, AttemptError>
}

/**
 * An attempt as it was sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sent {
  readonly method: "POST" | "PATCH" | "DELETE" | "GET"
  readonly url: Redacted.Redacted<string>
  readonly headers: Readonly<Record<string, string>>
  /** The body as UTF-8 text. */
  readonly body: string
  /** The body as bytes. */
  readonly bytes: Uint8Array
  /** When, in milliseconds of Effect's `Clock`. */
  readonly at: number
}

/**
 * What the transport answers: always the same, one answer per attempt in order
 * (the last one repeats), or whatever a function says.
 *
 * @category models
 * @since 0.1.0
 */
export type Script = Answer | ReadonlyArray<Answer> | ((sent: Sent, index: number) => Answer)

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const answer = (delay: number, end: Answer["end"]): Answer => ({ [TypeId]: TypeId, delay, end })

const isAnswer = (u: unknown): u is Answer => hasProperty(u, TypeId)

/**
 * The receiver answers.
 *
 * **Details**
 *
 * `status` is 204 by default. An object as `body` is sent as JSON. A body that
 * is longer than the request allows comes truncated.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reply = (options?: {
  readonly status?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | Uint8Array | object | undefined
  readonly delay?: Duration.Input | undefined
}): Answer => {
  const status = wholeNumber("status", options?.status ?? 204, 0)
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(options?.headers ?? {})) headers[name.toLowerCase()] = value
  const body = options?.body ?? ""
  const bytes = body instanceof Uint8Array
    ? body
    : encoder.encode(typeof body === "string" ? body : JSON.stringify(body))
  const delay = options?.delay === undefined || options.delay === 0 ? 0 : positiveMillis("delay", options.delay)
  return answer(delay, ({ maxResponseBytes }) =>
    Effect.succeed(
      new Reply(status, headers, bytes.subarray(0, maxResponseBytes), bytes.length > maxResponseBytes)
    ))
}

/**
 * The request is sent and no answer ever comes: it ends by its timeout.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hang: Answer = answer(Infinity, () => Effect.never)

/**
 * No connection can be made; nothing was sent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refuse: Answer = answer(0, () => Effect.fail(disconnected({ code: "ECONNREFUSED" }, "connecting")))

/**
 * The connection is lost after the request was sent: the receiver may have it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reset: Answer = answer(0, () => Effect.fail(disconnected({ code: "ECONNRESET" }, "sent")))

/**
 * What a scripted transport has sent.
 *
 * @category services
 * @since 0.1.0
 */
export class TestTransport extends Context.Service<TestTransport, {
  /** Every attempt so far, in order. */
  readonly sent: Effect.Effect<ReadonlyArray<Sent>>
}>()("effect-webhooks/testing/TestTransport") {}

/**
 * Every attempt so far, in order.
 *
 * @category accessors
 * @since 0.1.0
 */
export const sent: Effect.Effect<ReadonlyArray<Sent>, never, TestTransport> = TestTransport.use(({ sent }) => sent)

/**
 * A transport that answers from a script, and the record of what it sent.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (script: Script): Layer.Layer<Transport | TestTransport> =>
  Layer.effectContext(Effect.sync(() => {
    const record: Array<Sent> = []
    return Context.make(TestTransport, { sent: Effect.sync(() => record.slice()) }).pipe(
      Context.add(Transport, {
        attempt: (request) =>
          Effect.flatMap(Clock.currentTimeMillis, (at) => {
            const bytes = typeof request.body === "string" ? encoder.encode(request.body) : request.body
            const { headers, method = "POST", url } = request
            const one: Sent = { method, url, headers, body: decoder.decode(bytes), bytes, at }
            const index = record.push(one) - 1
            const { delay, end } = pick(script, one, index)
            if (delay === 0) return end(request)
            return delay < request.timeout
              ? Effect.delay(end(request), delay)
              : Effect.delay(Effect.fail(timedOut("sent", request.timeout)), request.timeout)
          })
      })
    )
  }))

const pick = (script: Script, sent: Sent, index: number): Answer => {
  if (isAnswer(script)) return script
  if (typeof script === "function") return script(sent, index)
  return script[Math.min(index, script.length - 1)] ?? reply()
}
