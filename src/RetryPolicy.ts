/**
 * When to try again: the waits between attempts, and the hints of receivers.
 *
 * The waits are ordinary `Schedule`s, so a policy of your own is one too. A
 * receiver's hint stands above them: a 429's is waited exactly, a 503's is the
 * least that is waited. Neither can outlast the deadline of the send.
 *
 * **Example** (Fewer and shorter waits)
 *
 * ```ts
 * import { Schedule } from "effect"
 * import { RetryPolicy, Webhook } from "effect-webhooks"
 *
 * const layer = Webhook.layer({ retry: RetryPolicy.backoff({ base: "100 millis", max: "2 seconds" }) })
 *
 * const steady = Webhook.layer({ retry: Schedule.spaced("1 second") })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { positiveMillis } from "./internal/options.ts"
import type { Reply } from "./Transport.ts"

/**
 * Makes an exponential backoff of which each wait is drawn from the upper half
 * of its step, so that many senders do not come back at once.
 *
 * **Details**
 *
 * The n-th wait is drawn from [half, full] of `base * factor ** n`, at most
 * `max`. Throws `RangeError` for a `base` or `max` that is not positive, or a
 * `factor` below 1.
 *
 * @category constructors
 * @since 0.1.0
 */
export const backoff = (options?: {
  /**
   * The first full wait.
   *
   * @default "500 millis"
   */
  readonly base?: Duration.Input | undefined
  /**
   * By what the wait grows.
   *
   * @default 2
   */
  readonly factor?: number | undefined
  /**
   * The longest full wait.
   *
   * @default "30 seconds"
   */
  readonly max?: Duration.Input | undefined
}): Schedule.Schedule<Duration.Duration> => {
  const base = positiveMillis("base", options?.base ?? 500)
  const max = positiveMillis("max", options?.max ?? 30_000)
  const factor = options?.factor ?? 2
  if (!(factor >= 1)) throw new RangeError(`factor must be a number of at least 1, got ${factor}`)
  return Schedule.exponential(base, factor).pipe(
    Schedule.modifyDelay(({ duration }) => {
      const full = Math.min(Duration.toMillis(duration), max)
      return Effect.map(Random.next, (random) => Duration.millis(full / 2 + random * full / 2))
    })
  )
}

const defaultBackoff: Schedule.Schedule<Duration.Duration> = backoff()

export {
  /**
   * The backoff that sends use when no other is given: 500 ms, doubling to
   * 30 s, each wait drawn from [half, full].
   *
   * @category constructors
   * @since 0.1.0
   */
  defaultBackoff as default
}

/**
 * What an answer means for a send: it has been taken, it is worth another try,
 * it is final, or the URL is gone for good.
 *
 * @category models
 * @since 0.1.0
 */
export type Verdict = "delivered" | "retry" | "fail" | "gone"

/**
 * What `classify` may say of a reply beside a verdict.
 *
 * **Details**
 *
 * A limit may hold for more than the URL that met it: with `pause`, every URL
 * of the same origin is left alone for so long that is reached by the same way,
 * directly or by the same proxy. `Webhook`s over one `Transport` share that.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ruling {
  /**
   * What becomes of the send.
   *
   * @default by the status
   */
  readonly verdict?: Verdict | undefined
  /**
   * What a 429 holds for, as `RateLimited` says it.
   *
   * @default "url"
   */
  readonly scope?: string | undefined
  /** The wait before a retry, instead of the one that the reply asks for. */
  readonly retryAfter?: Duration.Input | undefined
  /** How long all URLs of this origin are left alone by way of the same proxy, or of none. */
  readonly pause?: Duration.Input | undefined
}

/**
 * Tells what a reply means where the default verdict is not right; `undefined`
 * leaves it.
 *
 * **Details**
 *
 * `attempt.proxy` is the proxy by which the reply came.
 *
 * @category models
 * @since 0.1.0
 */
export type Classify = (
  reply: Reply,
  attempt: { readonly proxy: Redacted.Redacted<string> | undefined }
) => Verdict | Ruling | undefined

/**
 * The default verdict for a status: 2xx is delivered, 429 and 5xx are worth
 * another try, 410 is gone, and anything else is final.
 *
 * @category guards
 * @since 0.1.0
 */
export const verdict = (status: number): Verdict =>
  status >= 200 && status < 300
    ? "delivered"
    : status === 429 || (status >= 500 && status < 600)
    ? "retry"
    : status === 410
    ? "gone"
    : "fail"

// The three forms of an HTTP-date that RFC 9110, section 5.6.7, has readers accept.
const httpDate =
  /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4})$/

const decimal = /^\d+(?:\.\d+)?$/

/**
 * Reads a number of seconds, or an HTTP-date, as milliseconds from now.
 *
 * **Details**
 *
 * It takes what a body's `retry_after` or a `Retry-After` header holds:
 * seconds as a number or as digits, decimals allowed, or one of the three
 * HTTP-date forms of RFC 9110, section 5.6.7. Anything malformed, negative,
 * zero or in the past is `undefined`, so that no hint can make a send retry at
 * once. `now` is the wall clock in milliseconds since the epoch.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseHint = (hint: unknown, now: number): number | undefined => {
  const millis = typeof hint === "number" ?
    hint * 1000 :
    typeof hint !== "string" ?
    undefined :
    decimal.test(hint.trim()) ?
    Number(hint.trim()) * 1000 :
    httpDate.test(hint.trim()) ?
    parseDate(hint.trim()) - now :
    undefined
  return millis !== undefined && millis > 0 && millis < Infinity ? millis : undefined
}

// asctime has no zone of its own: HTTP says that it is GMT.
const parseDate = (date: string): number => Date.parse(date.endsWith("GMT") ? date : `${date} GMT`)

/**
 * The wait that an answer asks for, in milliseconds: its body's `retry_after`
 * first, else its `Retry-After` header.
 *
 * @category parsing
 * @since 0.1.0
 */
export const retryAfter = (
  reply: { readonly headers: Readonly<Record<string, string | undefined>>; readonly json: unknown },
  now: number
): number | undefined => {
  const json = reply.json
  const body = typeof json === "object" && json !== null && "retry_after" in json ? json.retry_after : undefined
  return parseHint(body, now) ?? parseHint(reply.headers["retry-after"], now)
}
