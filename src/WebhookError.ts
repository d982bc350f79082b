/**
 * Why a send failed.
 *
 * A `WebhookError` has one `reason` out of a closed union, and each reason has
 * what a program needs to act on it: a status, a hint, a limit. It is what
 * `Webhook.sendOrFail` fails with and what layers fail with; `Webhook.send`
 * folds the same reason into a `Failed` result.
 *
 * No reason holds a URL, a payload, a response body or a raw error of a
 * platform: what is printed names the field, the limit and the size. What a
 * user's own function threw is kept as `Redacted`, and its class is named.
 *
 * **Example** (Acting on one reason)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Webhook } from "effect-webhooks"
 *
 * const program = Webhook.sendOrFail({ text: "hello" }).pipe(
 *   Effect.catchReason("WebhookError", "RateLimited", (reason) => Effect.log(`come back in ${reason.retryAfter}`))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import { hasProperty } from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import * as Thrown from "./internal/thrown.ts"
import type { Failed } from "./WebhookResult.ts"

/**
 * Unique identifier of `WebhookError` values.
 *
 * @category type IDs
 * @since 0.1.0
 */
export const TypeId: TypeId = "~effect-webhooks/WebhookError"

/**
 * Type of the unique identifier of `WebhookError` values.
 *
 * @category type IDs
 * @since 0.1.0
 */
export type TypeId = "~effect-webhooks/WebhookError"

/**
 * How far an attempt had come: `connecting`, nothing of the request was
 * written; `sent`, it was written and no answer came; `headers`, the answer
 * had begun.
 *
 * @category models
 * @since 0.1.0
 */
export type Phase = "connecting" | "sent" | "headers"

/**
 * Whether the receiver may have what was sent: `"no"` when it certainly has
 * not, `"maybe"` when nobody can tell.
 *
 * @category models
 * @since 0.1.0
 */
export type Delivery = "no" | "maybe"

const seconds = (duration: Duration.Duration): string => `${Duration.toSeconds(duration)} s`

/**
 * The receiver said 429 and the send could not wait any longer.
 *
 * **Details**
 *
 * `retryAfter` is the receiver's own hint, whatever its length, or `undefined`
 * when it gave none that makes sense and `classify` knows no better. `scope`
 * says what the limit holds for: `"url"`, or what `classify` says. That of a
 * `DiscordWebhook` knows `"shared"` (with the other webhooks of a channel),
 * `"global"` and `"address"` (Cloudflare's).
 *
 * @category errors
 * @since 0.1.0
 */
export class RateLimited extends Data.TaggedError("RateLimited")<{
  readonly status: number
  readonly retryAfter: Duration.Duration | undefined
  readonly scope: string
}> {
  override get message(): string {
    const hint = this.retryAfter === undefined ? "without saying for how long" : `for ${seconds(this.retryAfter)}`
    return `${this.status}: the receiver limits the rate (${this.scope}) ${hint}`
  }
}

/**
 * The receiver answered with a 5xx.
 *
 * **Details**
 *
 * `retryAfter` is the hint of a 503, which also says that nothing was taken.
 *
 * @category errors
 * @since 0.1.0
 */
export class ServerError extends Data.TaggedError("ServerError")<{
  readonly status: number
  readonly retryAfter: Duration.Duration | undefined
}> {
  override get message(): string {
    return `${this.status}: the receiver failed`
  }
}

/**
 * The receiver refused the request: a 4xx other than 410 and 429, or a status
 * that HTTP does not know.
 *
 * @category errors
 * @since 0.1.0
 */
export class Rejected extends Data.TaggedError("Rejected")<{
  readonly status: number
}> {
  override get message(): string {
    return `${this.status}: the receiver rejected the request`
  }
}

/**
 * The receiver answered with a redirect, which is never followed: a POST that
 * is redirected loses its body, or shows it to somebody else.
 *
 * **Details**
 *
 * `status` is `undefined` over a browser's fetch, where a redirect is opaque.
 *
 * @category errors
 * @since 0.1.0
 */
export class Redirected extends Data.TaggedError("Redirected")<{
  readonly status: number | undefined
}> {
  override get message(): string {
    return `${this.status ?? "3xx"}: the receiver redirects, and redirects are not followed; configure the final URL`
  }
}

/**
 * The receiver says that this URL is gone: 410, or what `classify` calls gone.
 * A URL of the pool has been taken out of it.
 *
 * @category errors
 * @since 0.1.0
 */
export class EndpointGone extends Data.TaggedError("EndpointGone")<{
  readonly status: number
}> {
  override get message(): string {
    return `${this.status}: the receiver says that this URL is gone`
  }
}

/**
 * An attempt had no complete answer within its time.
 *
 * @category errors
 * @since 0.1.0
 */
export class Timeout extends Data.TaggedError("Timeout")<{
  readonly phase: Phase
  readonly after: Duration.Duration
}> {
  override get message(): string {
    const what = this.phase === "connecting" ? "no connection" : "no answer"
    return `${what} within ${seconds(this.after)}`
  }
}

/**
 * The connection could not be made, or was lost.
 *
 * **Details**
 *
 * `code` is the platform's own word for it (`ECONNREFUSED`, `ENOTFOUND`,
 * `ERR_TLS_CERT_ALTNAME_INVALID`, …) or `undefined` where the platform gives
 * none. `certificate` is true when the receiver's certificate was refused,
 * which no retry cures. `detail` stands in the message where the transport knows
 * neither a code nor how far the attempt had come, as over fetch in a browser.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectionError extends Data.TaggedError("ConnectionError")<{
  readonly phase: Phase
  readonly code: string | undefined
  readonly certificate: boolean
  readonly detail?: string | undefined
}> {
  override get message(): string {
    if (this.detail !== undefined) return this.detail
    const what = this.certificate
      ? "the receiver's certificate was refused"
      : this.phase === "connecting"
      ? "no connection"
      : "the connection was lost"
    return this.code === undefined ? what : `${what} (${this.code})`
  }
}

/**
 * The way by proxies is at an end: the provider has none, or failed, or the
 * proxies that were tried all failed.
 *
 * **Details**
 *
 * `proxy` is the last one, as `host:port`. `last` is what the last attempt
 * came to when it was not the proxy that failed for certain. `cause` is what a
 * provider of the user's threw.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProxyError extends Data.TaggedError("ProxyError")<{
  readonly proxy: string | undefined
  readonly detail: string
  readonly last: Timeout | ConnectionError | undefined
  readonly cause?: Redacted.Redacted<unknown> | undefined
}> {
  override get message(): string {
    return `proxy${this.proxy === undefined ? "" : ` ${this.proxy}`}: ${this.detail}${Thrown.ending(this.cause)}`
  }
}

/**
 * One thing that is wrong with a payload: where, and what the rule is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Violation {
  /** Where in the payload, as in `embeds[0].title`; empty for the whole of it. */
  readonly path: string
  readonly message: string
}

/**
 * The payload cannot be sent; no attempt was made.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidPayload extends Data.TaggedError("InvalidPayload")<{
  readonly violations: ReadonlyArray<Violation>
}> {
  override get message(): string {
    return `invalid payload: ${
      this.violations.map(({ message, path }) => path === "" ? message : `${path}: ${message}`).join("; ")
    }`
  }
}

/**
 * The receiver took the request, and its answer is not what was asked for.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidResponse extends Data.TaggedError("InvalidResponse")<{
  readonly status: number | undefined
  readonly detail: string
}> {
  override get message(): string {
    return `${this.status}: the receiver took it, but ${this.detail}`
  }
}

/**
 * A URL is not one that a webhook can be sent to; no attempt was made.
 *
 * **Details**
 *
 * `field` names the option, never the URL itself.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidUrl extends Data.TaggedError("InvalidUrl")<{
  readonly field: string
  readonly detail: string
}> {
  override get message(): string {
    return `invalid URL in ${this.field}: ${this.detail}`
  }
}

/**
 * A header may not be set, or not to this value; no attempt was made.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidHeader extends Data.TaggedError("InvalidHeader")<{
  readonly header: string
  readonly detail: string
}> {
  override get message(): string {
    return `invalid header ${JSON.stringify(this.header)}: ${this.detail}`
  }
}

/**
 * An option of a send, or of a layer's configuration, makes no sense; no
 * attempt was made.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidOptions extends Data.TaggedError("InvalidOptions")<{
  readonly option: string
  readonly detail: string
}> {
  override get message(): string {
    return `invalid option ${this.option}: ${this.detail}`
  }
}

/**
 * A signer failed; the attempt it was asked for was not made.
 *
 * **Details**
 *
 * `detail` is printed, so it must hold no secret. `cause` is for the program: of
 * it the message names the class.
 *
 * @category errors
 * @since 0.1.0
 */
export class SignerError extends Data.TaggedError("SignerError")<{
  readonly detail: string
  readonly cause?: Redacted.Redacted<unknown> | undefined
}> {
  override get message(): string {
    return `the signer failed: ${this.detail.replaceAll(/\s+/g, " ")}${Thrown.ending(this.cause)}`
  }
}

/**
 * The egress policy does not let this address be reached; no attempt was made.
 *
 * **Details**
 *
 * `address` is the address, or the host name when its name alone is refused;
 * `range` is the range it lies in, or that it is `"a local name"`, `"not a host
 * name"` or `"not an IP address"`.
 *
 * @category errors
 * @since 0.1.0
 */
export class EgressBlocked extends Data.TaggedError("EgressBlocked")<{
  readonly address: string
  readonly range: string
}> {
  override get message(): string {
    // What is neither an address nor a name cannot be allowed either.
    return this.range.startsWith("not ") ? `${this.address} is ${this.range}` : (
      `${this.address} (${this.range}) is not a public address; ` +
      `egress: EgressPolicy.allow(${JSON.stringify(this.address)}) would allow it`
    )
  }
}

/**
 * There is no URL to send to: the pool is empty, or every URL in it is
 * retired. The network was not touched.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoUrlAvailable extends Data.TaggedError("NoUrlAvailable")<{
  readonly retired: number
}> {
  override get message(): string {
    return this.retired === 0
      ? "the pool is empty and the send has no url of its own"
      : `every URL of the pool is retired (${this.retired})`
  }
}

/**
 * The deadline of the send came during an attempt or while it was prepared,
 * such as signed, or comes before the URL's pace or a turn would let it go.
 *
 * **Details**
 *
 * `last` is the reason of the attempt before, when there was one.
 *
 * @category errors
 * @since 0.1.0
 */
export class DeadlineExceeded extends Data.TaggedError("DeadlineExceeded")<{
  readonly deadline: Duration.Duration
  readonly during: "attempt" | "pace" | "turn"
  readonly last: WebhookErrorReason | undefined
}> {
  override get message(): string {
    const doing = {
      attempt: "came during an attempt, or while it was prepared",
      pace: "comes before the URL may be tried, because its receiver limits it or it has failed too often",
      turn: "came while waiting for a turn"
    }[this.during]
    const last = this.last === undefined ? "" : ` (before it: ${this.last.message})`
    return `the deadline of ${seconds(this.deadline)} ${doing}${last}`
  }
}

/**
 * Something that the user supplied (`source` names it) threw or died, or is not
 * what it must be (`detail` says why), such as what `classify` gave, or a
 * runtime on which the Node transport does not run.
 *
 * **Details**
 *
 * What it threw or gave may hold a payload or a secret, so it is kept
 * `Redacted` in `cause`, and the message names its class alone.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unexpected extends Data.TaggedError("Unexpected")<{
  readonly source: string
  readonly detail?: string | undefined
  readonly cause: Redacted.Redacted<unknown>
}> {
  override get message(): string {
    return `${this.source} ${this.detail ?? "threw"}${Thrown.ending(this.cause)}`
  }
}

/**
 * Every reason for which a send, or a layer, fails.
 *
 * @category errors
 * @since 0.1.0
 */
export type WebhookErrorReason =
  | RateLimited
  | ServerError
  | Rejected
  | Redirected
  | EndpointGone
  | Timeout
  | ConnectionError
  | ProxyError
  | InvalidPayload
  | InvalidResponse
  | InvalidUrl
  | InvalidHeader
  | InvalidOptions
  | SignerError
  | EgressBlocked
  | NoUrlAvailable
  | DeadlineExceeded
  | Unexpected

/**
 * The typed error of this library, around one `reason`.
 *
 * **Details**
 *
 * `result` is the `Failed` that `Webhook.send` would have given, with status,
 * attempts and history; it is missing when a layer could not be built.
 *
 * @category errors
 * @since 0.1.0
 */
export class WebhookError extends Data.TaggedError("WebhookError")<{
  readonly reason: WebhookErrorReason
  readonly result?: Failed | undefined
}> {
  /**
   * Marks this value as a `WebhookError`.
   *
   * @since 0.1.0
   */
  readonly [TypeId]: TypeId = TypeId

  override get message(): string {
    return this.reason.message
  }
}

/**
 * Returns `true` if a value is a `WebhookError`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isWebhookError = (u: unknown): u is WebhookError => hasProperty(u, TypeId)

/**
 * Returns `true` if the same send may succeed when it is tried again later.
 *
 * **Details**
 *
 * It is the rule by which `Webhook.send` itself retries: rate limits, 5xx,
 * timeouts and connection errors, but not a refused certificate.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRetryable = (self: WebhookError | WebhookErrorReason): boolean => {
  const reason = self._tag === "WebhookError" ? self.reason : self
  switch (reason._tag) {
    case "RateLimited":
    case "ServerError":
    case "Timeout":
    case "ProxyError":
    case "DeadlineExceeded":
      return true
    case "ConnectionError":
      return !reason.certificate
    default:
      return false
  }
}
