import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type * as Proxy from "../Proxy.ts"
import type * as ProxyProvider from "../ProxyProvider.ts"
import * as RetryPolicy from "../RetryPolicy.ts"
import type * as Transport from "../Transport.ts"
import type * as UrlPool from "../UrlPool.ts"
import {
  type ConnectionError,
  EndpointGone,
  isRetryable,
  ProxyError,
  RateLimited,
  Redirected,
  Rejected,
  ServerError,
  type Timeout,
  Unexpected,
  type WebhookErrorReason
} from "../WebhookError.ts"
import { isOwn, isOwnToProxy } from "./connection.ts"
import { toPositiveMillis } from "./options.ts"
import { rateLimit } from "./rateLimit.ts"
import * as Thrown from "./thrown.ts"

/**
 * What an attempt came to, when it was not the delivery.
 *
 * @internal
 */
export interface Setback {
  readonly reason: WebhookErrorReason
  readonly retry: boolean
  /** Another proxy may do better, at once. */
  readonly rotate: boolean
  /** Another URL may do better. */
  readonly elsewhere: boolean
  /** Whether the receiver may have the webhook. */
  readonly maybe: boolean
  /** The receiver's status was 429. */
  readonly limited: boolean
  /** What the receiver asks to wait, in milliseconds. */
  readonly hint: number | undefined
  /** How long the way to the receiver is closed for all of its URLs, in milliseconds. */
  readonly pause: number | undefined
  readonly outcome: UrlPool.Outcome
}

/**
 * What is judged.
 *
 * @internal
 */
export interface Judged {
  readonly clock: Clock.Clock
  readonly proxy: Proxy.Proxy | undefined
  /** The proxy through which a certificate was refused. */
  distrusted: string | undefined
}

/** @internal */
export const untold: UrlPool.Outcome = { _tag: "Untold" }

const failed: UrlPool.Outcome = { _tag: "Failed" }

// What is said of the URL and not of the payload: another URL may take it.
const misplaced = new Set([401, 403, 404, 405, 421])

// Over a browser's fetch a redirect is opaque and has no status.
const isRedirect = (status: number): boolean => status === 0 || (status >= 300 && status < 400)

/** @internal */
export const unexpected = (source: string, defect: unknown): Unexpected =>
  new Unexpected({ source, cause: Thrown.hide(defect) })

const verdicts = new Set<unknown>(["delivered", "retry", "fail", "gone", undefined])

interface Known {
  readonly verdict: RetryPolicy.Verdict | undefined
  readonly scope: string
  readonly retryAfter: number | undefined
  readonly pause: number | undefined
}

const silent: Known = { verdict: undefined, scope: "url", retryAfter: undefined, pause: undefined }

// Without types a classify may give anything, and a promise is not a verdict: a text says what is wrong.
const known = (given: unknown): Known | string => {
  if (given === undefined) return silent
  if (verdicts.has(given)) return { ...silent, verdict: given as RetryPolicy.Verdict }
  if (typeof given !== "object" || given === null || "then" in given) return noVerdict
  const { pause, retryAfter, scope = "url", verdict } = given as RetryPolicy.Ruling
  if (!verdicts.has(verdict)) return noVerdict
  if (typeof scope !== "string") return "gave a scope that is no string"
  const [wait, closed] = [retryAfter, pause].map((input) => input === undefined ? 0 : toPositiveMillis(input))
  return wait === undefined || closed === undefined
    ? "gave a retryAfter or a pause that is not positive"
    : { verdict, scope, retryAfter: wait || undefined, pause: closed || undefined }
}

const noVerdict = "gave none of \"delivered\", \"retry\", \"fail\" and \"gone\""

const ask = (
  classify: RetryPolicy.Classify,
  reply: Transport.Reply,
  send: Judged
): Result.Result<Known, Unexpected> => {
  let given: unknown
  const read = Result.try(() => known(given = classify(reply, { proxy: send.proxy?.url })))
  if (Result.isFailure(read)) return Result.fail(unexpected("classify", read.failure))
  return typeof read.success === "string"
    ? Result.fail(new Unexpected({ source: "classify", detail: read.success, cause: Thrown.hide(given) }))
    : Result.succeed(read.success)
}

/**
 * What an answer means; `undefined` is the delivery.
 *
 * @internal
 */
export const judge = (
  send: Judged,
  reply: Transport.Reply,
  classify: RetryPolicy.Classify | undefined,
  posts: boolean
): Setback | undefined => {
  const { status } = reply
  const byStatus = RetryPolicy.verdict(status)
  const own = classify === undefined ? undefined : ask(classify, reply, send)
  if (own !== undefined && Result.isFailure(own)) {
    return {
      reason: own.failure,
      retry: false,
      rotate: false,
      elsewhere: false,
      maybe: byStatus === "delivered" || status >= 500,
      limited: false,
      hint: undefined,
      pause: undefined,
      outcome: untold
    }
  }
  const ruling = own?.success ?? silent
  const verdict = ruling.verdict ?? asked(reply) ?? byStatus
  if (verdict === "delivered") return undefined
  const limited = status === 429
  // A hint counts where HTTP defines it, and where the user's own rule says "again".
  const hint = ruling.retryAfter ?? (
    limited || status === 503 || ruling.verdict === "retry"
      ? RetryPolicy.retryAfter(reply, send.clock.currentTimeMillisUnsafe())
      : undefined
  )
  const retryAfter = hint === undefined ? undefined : Duration.millis(hint)
  return {
    reason: verdict === "gone"
      ? new EndpointGone({ status })
      : limited
      ? new RateLimited({ status, retryAfter, scope: ruling.scope })
      : status >= 500 && status < 600
      ? new ServerError({ status, retryAfter })
      : isRedirect(status)
      ? new Redirected({ status: status === 0 ? undefined : status })
      : new Rejected({ status }),
    retry: verdict === "retry",
    rotate: false,
    elsewhere: verdict === "retry" || verdict === "gone" ||
      (ruling.verdict === undefined && asked(reply) === undefined && (misplaced.has(status) || isRedirect(status))),
    // A 503 that names a time says that the receiver did not take it.
    maybe: status >= 500 && !(status === 503 && reply.headers["retry-after"] !== undefined),
    limited: limited && verdict !== "gone",
    hint,
    pause: ruling.pause,
    outcome: verdict === "gone"
      ? { _tag: "Gone", status }
      : limited
      ? untold
      : status >= 500
      ? failed
      : paceOf(send, reply, posts)
  }
}

// Delivery control, as Svix has it and Standard Webhooks may (standard-webhooks/standard-webhooks#291): a receiver can
// end the retries of a message, or say that it wants no other.
const deliveryControl = (reply: Transport.Reply): string | undefined =>
  reply.headers["webhook-delivery"]?.trim().toLowerCase()

const asked = (reply: Transport.Reply): RetryPolicy.Verdict | undefined => {
  const control = deliveryControl(reply)
  if (control === undefined || RetryPolicy.verdict(reply.status) === "delivered") return undefined
  return control === "disable" ? "gone" : control === "abort-message" && reply.status !== 410 ? "fail" : undefined
}

/**
 * What an attempt without an answer means.
 *
 * @internal
 */
export const fell = (
  send: Judged,
  error: Transport.AttemptError,
  reason: Timeout | ConnectionError | ProxyError
): Setback => {
  const outcome = send.proxy === undefined ? "target" : blame(send, error)
  if (reason._tag === "ConnectionError" && reason.certificate) send.distrusted ??= send.proxy?.label
  return {
    reason,
    retry: isRetryable(reason),
    // What a proxy says of the receiver is its own word: another proxy may say something else.
    rotate: outcome === "burn" || outcome === "suspect" || reason._tag === "ProxyError",
    elsewhere: outcome === "target",
    maybe: error.delivered === "maybe",
    limited: false,
    hint: undefined,
    pause: undefined,
    outcome: outcome === "target" && reason._tag !== "ProxyError" && !isOwnFault(reason, isOwn) ? failed : untold
  }
}

const isOwnFault = (reason: Transport.AttemptError["reason"], isOwn: (code: string | undefined) => boolean): boolean =>
  reason._tag === "ConnectionError" && isOwn(reason.code)

/**
 * Whose fault it is that an attempt by a proxy has no answer; `undefined` when
 * it is this side's, and nobody is blamed.
 *
 * @internal
 */
export const blame = (
  send: Judged,
  { proxy, reason }: Transport.AttemptError
): ProxyProvider.Outcome | undefined => {
  // A certificate that is refused by way of two proxies is the receiver's own.
  const certificate = reason._tag === "ConnectionError" && reason.certificate
  if (certificate && send.distrusted !== undefined && send.distrusted !== send.proxy?.label) return "target"
  return proxy ?? (isOwnFault(reason, isOwnToProxy) ? undefined : "suspect")
}

/**
 * What is left when no other proxy is tried.
 *
 * @internal
 */
export const exhausted = (proxy: Proxy.Proxy | undefined, tried: number, reason: WebhookErrorReason): ProxyError =>
  new ProxyError({
    proxy: proxy?.label,
    detail: `${reason._tag === "ProxyError" ? reason.detail : reason.message}; ` +
      (tried === 1 ? "one proxy was tried" : `${tried} proxies were tried`),
    last: reason._tag === "Timeout" || reason._tag === "ConnectionError" ? reason : undefined,
    cause: reason._tag === "ProxyError" ? reason.cause : undefined
  })

/**
 * What a delivery teaches of the URL: its pace, or that it wants no other.
 *
 * @internal
 */
export const taken = (send: Judged, reply: Transport.Reply, posts: boolean): UrlPool.Outcome =>
  deliveryControl(reply) === "disable" ? { _tag: "Gone", status: reply.status } : paceOf(send, reply, posts)

const paceOf = (send: Judged, reply: Transport.Reply, posts: boolean): UrlPool.Outcome => {
  const told = rateLimit(reply.headers, send.clock.currentTimeMillisUnsafe())
  // The window of another method is another one, and only its end is worth waiting for.
  return told !== undefined && (posts || told.remaining === 0) ? told : plainlyTaken
}

/** @internal */
export const plainlyTaken: UrlPool.Outcome = { _tag: "Taken" }
