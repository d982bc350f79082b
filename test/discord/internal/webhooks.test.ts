import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import type { UrlPool } from "effect-webhooks"
import { Place } from "../../../src/discord/internal/webhooks.ts"

const target: UrlPool.Target = {
  label: "discord.com",
  url: Redacted.make("https://discord.com/api/v10/webhooks/1/token"),
  origin: "https://discord.com"
}

const at = (id: number) => new Place("PATCH", `/messages/${id}`, {}, () => ({ threadId: undefined })).urlOf(target)

describe("the places at a webhook", () => {
  it("are remembered, so that the transport reads their URLs once", () => {
    assert.strictEqual(Redacted.value(at(1)), "https://discord.com/api/v10/webhooks/1/token/messages/1")
    const first = at(1)
    assert.strictEqual(at(1), first)
    at(2)
    assert.strictEqual(at(1), first)
    assert.strictEqual(new Place("POST", "", {}, () => ({ threadId: undefined })).urlOf(target), target.url)
  })

  it("are forgotten when there are many: a webhook may have millions of messages", () => {
    const first = at(1)
    for (let id = 2; id <= 100; id++) at(id)
    assert.notStrictEqual(at(1), first)
    assert.strictEqual(Redacted.value(at(1)), Redacted.value(first))
  })
})
