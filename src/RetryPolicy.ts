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
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as Random from "effect/Random"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import { positiveMillis } from "./internal/options.ts"
import { exhausted } from "./internal/rateLimit.ts"
import type { Reply } from "./Transport.ts"
import { isWebhookError } from "./WebhookError.ts"

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

/**
 * Makes a schedule whose delay follows the receiver's hint: the hint exactly
 * after a 429, and the longer of hint and delay after any other answer that
 * names one, such as a 503. Where there is none, its delay is the schedule's.
 *
 * **Details**
 *
 * The schedule still decides whether there is another try: one that ends, ends
 * here too. What fails with something else than a `WebhookError` has no hint. Every send has its `retry` schedule in this already; where sends
 * are tried again from outside, it has to be said.
 *
 * **Example** (Trying again from outside)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { RetryPolicy, Webhook, WebhookError } from "effect-webhooks"
 *
 * const program = Webhook.sendOrFail({ text: "hello" }).pipe(
 *   Effect.retry({ schedule: RetryPolicy.default, while: WebhookError.isRetryable, times: 10 })
 * )
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const hinted = <Output, Input, Error, Env>(
  self: Schedule.Schedule<Output, Input, Error, Env>
): Schedule.Schedule<Output, Input, Error, Env> =>
  Schedule.modifyDelay(self, ({ duration, input }) => {
    const reason = isWebhookError(input) ? input.reason : undefined
    const hint = reason !== undefined && "retryAfter" in reason ? reason.retryAfter : undefined
    const delay = hintedDelay(
      hint && Duration.toMillis(hint),
      reason?._tag === "RateLimited",
      Duration.toMillis(duration)
    )
    return Effect.succeed(Duration.millis(delay))
  })

/**
 * A schedule's delay with the receiver's hint, in milliseconds. That of a
 * limit is exact, any other one is the least that is waited.
 *
 * @internal
 */
export const hintedDelay = (hint: number | undefined, exact: boolean, delay: number): number =>
  hint === undefined ? delay : exact ? hint : Math.max(hint, delay)

const defaultPolicy: Schedule.Schedule<Duration.Duration> = hinted(backoff())

export {
  /**
   * The schedule that sends use when no other is given: the receiver's hint, and
   * where there is none a backoff of 500 ms, doubling to 30 s, each wait drawn
   * from [half, full].
   *
   * @category constructors
   * @since 0.1.0
   */
  defaultPolicy as default
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
    parseDate(hint) - now
  return millis !== undefined && millis > 0 && millis < Infinity ? millis : undefined
}

const parseDate = (date: string): number =>
  Result.match(Headers.parseHttpDate(date), { onFailure: () => NaN, onSuccess: DateTime.toEpochMillis })

/**
 * The wait that an answer asks for, in milliseconds: its body's `retry_after`
 * first, else its `Retry-After` header, else the reset of a window of which
 * nothing remains.
 *
 * **Details**
 *
 * A window is told by the first of these that names its remainder and its
 * reset: `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11, or the form of
 * draft 07), `RateLimit-Remaining` with `RateLimit-Reset` (drafts 03 to 06, in
 * seconds from now), and `X-RateLimit-Remaining` with `X-RateLimit-Reset-After`
 * or `X-RateLimit-Reset`. Of several policies in `RateLimit` the one that ends
 * last counts of those of which nothing remains. What is malformed or in the
 * past is passed over. `now` is the wall clock in milliseconds since the epoch.
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
  return parseHint(body, now) ?? parseHint(reply.headers["retry-after"], now) ?? exhausted(reply.headers, now)
}
