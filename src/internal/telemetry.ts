import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"
import type { Target } from "../UrlPool.ts"
import { WebhookError, type WebhookErrorReason } from "../WebhookError.ts"
import type { Attempt } from "../WebhookResult.ts"

// Handles are made once: a metric that gets its attributes with each update costs some 7 us.
const counter = (name: string, description: string, attributes: Record<string, string> = {}) =>
  Metric.counter(name, { description, incremental: true, attributes })

// OpenTelemetry's boundaries for the duration of HTTP requests, and the minutes that a send may take.
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

const seconds = (name: string, description: string) =>
  Metric.histogram(name, { description, boundaries, attributes: { unit: "s" } })

const outcomes = {
  delivered: counter("webhook.sends", "Sends that came to an end", { "webhook.outcome": "delivered" }),
  failed: counter("webhook.sends", "Sends that came to an end", { "webhook.outcome": "failed" })
}

const statuses = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"].map((status) =>
  counter("webhook.attempts", "Attempts, by the class of their status", { "http.response.status_class": status })
)

const durations = seconds("webhook.send.duration", "How long a send took, with all attempts and waits")
const waits = seconds("webhook.wait.duration", "How long an attempt was waited for: a backoff, a hint, a pace, a turn")
const retired = counter("webhook.urls.retired", "URLs that said that they are gone")
const burned = counter("webhook.proxies.burned", "Proxies that were burned")

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** @internal */
export const countSend = ({ context }: AnyFiber, outcome: "delivered" | "failed", millis: number): void => {
  outcomes[outcome].updateUnsafe(1, context)
  durations.updateUnsafe(millis / 1000, context)
}

/** @internal */
export const countAttempt = ({ context }: AnyFiber, { status, waited }: Attempt): void => {
  const index = status === undefined ? 0 : Math.floor(status / 100) // A status that HTTP does not know is in no class.
  ;(statuses[index] ?? statuses[0]!).updateUnsafe(1, context)
  // Less is the way through the code.
  if (waited >= 1) waits.updateUnsafe(waited / 1000, context)
}

/** @internal */
export const countRetired = (context: AnyFiber["context"]): void => retired.updateUnsafe(1, context)

/** @internal */
export const countBurned = ({ context }: AnyFiber): void => burned.updateUnsafe(1, context)

/**
 * Whether anybody sees spans: Effect's own tracer keeps them to itself.
 *
 * @internal
 */
export const isTraced = (fiber: AnyFiber): boolean => fiber.getRef(Tracer.Tracer) !== Tracer.nativeTracer

/** @internal */
export const makeSpan: Effect.Effect<Tracer.Span> = Effect.makeSpan("Webhook.send", { kind: "client" })

/**
 * What a span says of a send at its end, in OpenTelemetry's names where it has
 * some. Nothing of it is a secret: a URL shows as its host.
 *
 * @internal
 */
export const endSpan = (span: Tracer.Span, clock: Clock.Clock, send: {
  readonly id: string
  readonly method: string
  readonly target: Target | undefined
  readonly history: ReadonlyArray<Attempt>
  readonly status: number | undefined
  readonly reason: WebhookErrorReason | undefined
}, exit: Exit.Exit<unknown, unknown>): void => {
  const { history, id, method, reason, status, target } = send
  span.attribute("http.request.method", method)
  span.attribute("webhook.id", id)
  if (target !== undefined) {
    const { hostname, port, protocol } = new URL(target.origin)
    span.attribute("server.address", hostname.replace(/^\[|\]$/g, ""))
    span.attribute("server.port", Number(port) || (protocol === "https:" ? 443 : 80))
    span.attribute("url.scheme", protocol.slice(0, -1))
    span.attribute("webhook.target", target.label)
  }
  if (status !== undefined) span.attribute("http.response.status_code", status)
  if (history.length > 1) span.attribute("http.request.resend_count", history.length - 1)
  span.attribute("webhook.attempts", history.length)
  if (reason !== undefined) span.attribute("error.type", reason._tag)
  span.attribute(
    "webhook.outcome",
    reason !== undefined ? "failed" : Exit.isSuccess(exit) ? "delivered" : "interrupted"
  )
  // A send that failed has a result all the same.
  span.end(clock.currentTimeNanosUnsafe(), reason === undefined ? exit : Exit.fail(new WebhookError({ reason })))
}

/** @internal */
export const addAttempt = (span: Tracer.Span, clock: Clock.Clock, attempt: Attempt, count: number): void =>
  span.event("webhook.attempt", clock.currentTimeNanosUnsafe(), {
    "webhook.target": attempt.target,
    "http.request.resend_count": count - 1,
    ...(attempt.status === undefined ? {} : { "http.response.status_code": attempt.status }),
    ...(attempt.reason === undefined ? {} : { "error.type": attempt.reason._tag }),
    ...(attempt.proxy === undefined ? {} : { "webhook.proxy": attempt.proxy.label }),
    "webhook.waited": attempt.waited / 1000,
    "webhook.duration": attempt.took / 1000
  })

// As W3C Trace Context has it. The span of a tracer that is off, or of one of the user's own, may have other ids.
const traceparentForm = /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/

/**
 * The header by which a receiver goes on with the trace.
 *
 * @internal
 */
export const traceparent = (span: Tracer.AnySpan | undefined): Record<string, string> => {
  if (span === undefined) return {}
  const header = `00-${span.traceId.padStart(32, "0")}-${span.spanId}-${span.sampled ? "01" : "00"}`
  return traceparentForm.test(header) ? { traceparent: header } : {}
}
