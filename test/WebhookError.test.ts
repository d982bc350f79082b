import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Redacted } from "effect"
import { WebhookError, WebhookResult } from "effect-webhooks"
import { inspect } from "node:util"

type Reasons = { readonly [Tag in WebhookError.WebhookErrorReason["_tag"]]: WebhookError.WebhookErrorReason }

const serverError = new WebhookError.ServerError({ status: 500, retryAfter: undefined })

const reasons: Reasons = {
  RateLimited: new WebhookError.RateLimited({ status: 429, retryAfter: Duration.millis(1500), scope: "url" }),
  ServerError: serverError,
  Rejected: new WebhookError.Rejected({ status: 404 }),
  Redirected: new WebhookError.Redirected({ status: 302 }),
  EndpointGone: new WebhookError.EndpointGone({ status: 410 }),
  Timeout: new WebhookError.Timeout({ phase: "sent", after: Duration.seconds(15) }),
  ConnectionError: new WebhookError.ConnectionError({
    phase: "connecting",
    code: "ECONNREFUSED",
    certificate: false
  }),
  ProxyError: new WebhookError.ProxyError({
    proxy: "proxy.example.com:8080",
    detail: "it hung up",
    last: undefined,
    cause: Redacted.make("CANARY")
  }),
  EgressBlocked: new WebhookError.EgressBlocked({ address: "10.1.2.3", range: "10.0.0.0/8" }),
  InvalidPayload: new WebhookError.InvalidPayload({
    violations: [{ path: "", message: "JSON cannot express it" }, { path: "embeds[0].title", message: "too long" }]
  }),
  InvalidResponse: new WebhookError.InvalidResponse({ status: 200, detail: "the answer is not a message" }),
  InvalidUrl: new WebhookError.InvalidUrl({ field: "urls[0]", detail: "it does not parse" }),
  InvalidHeader: new WebhookError.InvalidHeader({ header: "x-a\nb", detail: "no" }),
  InvalidOptions: new WebhookError.InvalidOptions({ option: "timeout", detail: "it must be positive" }),
  SignerError: new WebhookError.SignerError({ detail: "no key", cause: Redacted.make("CANARY") }),
  NoUrlAvailable: new WebhookError.NoUrlAvailable({ retired: 2 }),
  DeadlineExceeded: new WebhookError.DeadlineExceeded({
    deadline: Duration.minutes(5),
    during: "attempt",
    last: serverError
  }),
  Unexpected: new WebhookError.Unexpected({ source: "classify", cause: Redacted.make(new Error("CANARY")) })
}

const retryable = new Set([
  "RateLimited",
  "ServerError",
  "Timeout",
  "DeadlineExceeded",
  "ConnectionError",
  "ProxyError"
])

const result = new WebhookResult.Failed({
  id: "evt_1",
  status: 500,
  url: Redacted.make("https://example.com/CANARY"),
  target: "example.com",
  proxy: Redacted.make("proxy:1:user:CANARY"),
  history: [],
  answer: { truncated: false, response: "CANARY" },
  reason: serverError,
  delivered: "maybe"
})

describe("WebhookError", () => {
  for (const [tag, reason] of Object.entries(reasons)) {
    it(`says ${tag} in one short line`, () => {
      assert.strictEqual(reason._tag, tag)
      assert.match(reason.message, /^\S.*\S$/)
      assert.isAtMost(reason.message.length, 160)
      assert.notInclude(reason.message, "undefined")
      assert.notInclude(reason.message, "CANARY")
      const error = new WebhookError.WebhookError({ reason })
      assert.strictEqual(error.message, reason.message)
    })

    it(`says whether ${tag} is worth another try`, () => {
      assert.strictEqual(WebhookError.isRetryable(reason), retryable.has(tag))
      assert.strictEqual(
        WebhookError.isRetryable(new WebhookError.WebhookError({ reason })),
        retryable.has(tag)
      )
    })

    it(`shows nothing of a URL, an answer or what was thrown when ${tag} is printed`, () => {
      const error = new WebhookError.WebhookError({ reason, result })
      for (const one of [reason, error]) {
        const outputs = [
          String(one),
          JSON.stringify(one),
          inspect(one, { depth: 20, showHidden: true }),
          one.stack ?? "",
          Cause.pretty(Cause.fail(one)),
          Cause.pretty(Cause.die(one)),
          JSON.stringify(Cause.fail(one))
        ]
        for (const output of outputs) assert.notInclude(output, "CANARY")
      }
    })
  }

  it("says what is missing in other words", () => {
    const messages = [
      new WebhookError.RateLimited({ status: 429, retryAfter: undefined, scope: "global" }),
      new WebhookError.Redirected({ status: undefined }),
      new WebhookError.NoUrlAvailable({ retired: 0 }),
      new WebhookError.Timeout({ phase: "connecting", after: Duration.millis(250) }),
      new WebhookError.ConnectionError({ phase: "sent", code: undefined, certificate: false }),
      new WebhookError.ConnectionError({ phase: "connecting", code: "CERT_HAS_EXPIRED", certificate: true }),
      new WebhookError.DeadlineExceeded({ deadline: Duration.seconds(2), during: "pace", last: undefined }),
      new WebhookError.DeadlineExceeded({ deadline: Duration.seconds(2), during: "turn", last: undefined })
    ].map(({ message }) => message)
    for (const message of messages) {
      assert.match(message, /^\S.*\S$/)
      assert.notInclude(message, "undefined")
    }
    assert.strictEqual(new Set(messages).size, messages.length)
    assert.include(messages[0]!, "global")
    assert.include(messages[3]!, "0.25 s")
    assert.include(messages[5]!, "certificate")
  })

  it("does not take a refused certificate for worth another try", () => {
    const refused = new WebhookError.ConnectionError({ phase: "connecting", code: "X", certificate: true })
    assert.isFalse(WebhookError.isRetryable(refused))
    assert.isFalse(WebhookError.isRetryable(new WebhookError.WebhookError({ reason: refused })))
  })

  it("is told by its guard", () => {
    assert.isTrue(WebhookError.isWebhookError(new WebhookError.WebhookError({ reason: serverError })))
    for (const other of [undefined, null, 1, {}, { _tag: "WebhookError" }, serverError, new Error("x")]) {
      assert.isFalse(WebhookError.isWebhookError(other))
    }
  })

  it.effect("has its reasons caught by catchReason, and the others pass", () =>
    Effect.gen(function*() {
      const failing = (reason: WebhookError.WebhookErrorReason) =>
        Effect.fail(new WebhookError.WebhookError({ reason })).pipe(
          Effect.catchReason("WebhookError", "Timeout", ({ phase }) => Effect.succeed(phase))
        )
      assert.strictEqual(yield* failing(reasons.Timeout), "sent")
      assert.strictEqual((yield* Effect.flip(failing(reasons.Rejected))).reason, reasons.Rejected)
    }))
})
