import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted } from "effect"
import { WebhookError, WebhookResult } from "effect-webhooks"
import { inspect } from "node:util"

const attempt: WebhookResult.Attempt = {
  target: "example.com#alerts",
  proxy: undefined,
  status: 503,
  reason: new WebhookError.ServerError({ status: 503, retryAfter: Duration.seconds(1) }),
  waited: 0,
  took: 12
}

const fields: WebhookResult.Fields = {
  id: "evt_1",
  status: 200,
  url: Redacted.make("https://example.com/CANARY", { label: "example.com" }),
  target: "example.com#alerts",
  proxy: Redacted.make("proxy.example:8080:user:CANARY"),
  history: [attempt, { ...attempt, status: 200, reason: undefined, waited: 1000 }],
  answer: { truncated: true, response: { token: "CANARY" } }
}

const delivered = new WebhookResult.Delivered(fields)
const reason = new WebhookError.Rejected({ status: 400 })
const failed = new WebhookResult.Failed({ ...fields, status: 400, reason, delivered: "maybe" })

describe("WebhookResult", () => {
  it("has the tag, the fields and the number of attempts", () => {
    assert.strictEqual(delivered._tag, "Delivered")
    assert.strictEqual(delivered.ok, true)
    assert.strictEqual(delivered.attempts, 2)
    assert.deepStrictEqual(delivered.response, { token: "CANARY" })
    assert.strictEqual(delivered.truncated, true)
    assert.strictEqual(Redacted.value(delivered.url!), "https://example.com/CANARY")
    assert.strictEqual(failed._tag, "Failed")
    assert.strictEqual(failed.ok, false)
    assert.strictEqual(failed.reason, reason)
    assert.strictEqual(failed.error, reason.message)
    assert.strictEqual(failed.delivered, "maybe")
  })

  it("has no answer when none came", () => {
    const none = new WebhookResult.Failed({
      ...fields,
      status: undefined,
      url: undefined,
      target: undefined,
      history: [],
      answer: undefined,
      reason: new WebhookError.NoUrlAvailable({ retired: 0 }),
      delivered: "no"
    })
    assert.strictEqual(none.response, undefined)
    assert.strictEqual(none.truncated, false)
    assert.strictEqual(none.attempts, 0)
  })

  it("is folded by match, in both forms", () => {
    const options = {
      onDelivered: ({ status }: WebhookResult.Delivered) => `delivered ${status}`,
      onFailed: ({ delivered, error }: WebhookResult.Failed) => `${error} ${delivered}`
    }
    assert.strictEqual(WebhookResult.match(delivered, options), "delivered 200")
    assert.strictEqual(WebhookResult.match(failed, options), `${reason.message} maybe`)
    assert.strictEqual(WebhookResult.match(options)(delivered), "delivered 200")
    assert.strictEqual(WebhookResult.match(options)(failed), `${reason.message} maybe`)
  })

  it("is told by guards", () => {
    assert.deepStrictEqual([delivered, failed].map((result) => WebhookResult.isDelivered(result)), [true, false])
    assert.deepStrictEqual([delivered, failed].map((result) => WebhookResult.isFailed(result)), [false, true])
    for (const result of [delivered, failed]) assert.isTrue(WebhookResult.isWebhookResult(result))
    for (const other of [undefined, null, 1, "x", {}, { _tag: "Delivered", ok: true }, reason]) {
      assert.isFalse(WebhookResult.isWebhookResult(other))
    }
  })

  it("prints no URL, no password and no answer, however it is printed", () => {
    for (const result of [delivered, failed]) {
      const outputs = [
        String(result),
        `${result}`,
        JSON.stringify(result),
        JSON.stringify({ nested: [result] }),
        inspect(result, { depth: 20, showHidden: true }),
        inspect({ nested: result }, { depth: 20 }),
        JSON.stringify({ ...result })
      ]
      for (const output of outputs) {
        assert.notInclude(output, "CANARY")
        assert.include(output, "evt_1")
      }
    }
  })

  it("becomes JSON with what a log needs", () => {
    assert.deepStrictEqual(JSON.parse(JSON.stringify(failed)), {
      _tag: "Failed",
      ok: false,
      error: "400: the receiver rejected the request",
      reason: "Rejected",
      delivered: "maybe",
      id: "evt_1",
      status: 400,
      target: "example.com#alerts",
      attempts: 2,
      truncated: true,
      history: [
        { target: "example.com#alerts", status: 503, waited: 0, took: 12, reason: "503: the receiver failed" },
        { target: "example.com#alerts", status: 200, waited: 1000, took: 12 }
      ]
    })
  })
})
