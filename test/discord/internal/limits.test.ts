import { assert, describe, it } from "@effect/vitest"
import { Context } from "effect"
import { Transport } from "effect-webhooks"
import { invalidRequestsOf, restrain } from "../../../src/discord/internal/limits.ts"

const minute = 60_000

const refused = new Transport.Reply(403, {}, new Uint8Array(), false)

describe("a way with many invalid requests", () => {
  it("is left alone for a minute from 9,000 on, or longer if an answer asks for it", () => {
    assert.isUndefined(restrain(undefined, 8_999))
    assert.deepStrictEqual(restrain(undefined, 9_000), { pause: minute })
    assert.deepStrictEqual(restrain({ scope: "address", pause: 1_000 }, 9_000), { scope: "address", pause: minute })
    assert.deepStrictEqual(restrain({ scope: "address", pause: 5 * minute }, 9_000), {
      scope: "address",
      pause: 5 * minute
    })
  })
})

describe("the invalid requests over a transport", () => {
  it("are the same for all that use it", () => {
    const [one, other] = [{}, {}]
    assert.strictEqual(invalidRequestsOf(one), invalidRequestsOf(one))
    assert.notStrictEqual(invalidRequestsOf(one), invalidRequestsOf(other))
  })

  it("forget the ways that nobody goes by any more", () => {
    const invalid = invalidRequestsOf({})
    for (let n = 0; n < 1_000; n++) invalid.count(refused, `proxy ${n}`, n * minute, Context.empty())
    assert.isAtMost(invalid.size, 12)
  })

  it("keep the ways of the last ten minutes", () => {
    const invalid = invalidRequestsOf({})
    assert.strictEqual(invalid.count(refused, "a", 0, Context.empty()), 1)
    assert.strictEqual(invalid.count(refused, "b", 10 * minute, Context.empty()), 1)
    assert.strictEqual(invalid.count(refused, "a", 10 * minute, Context.empty()), 2)
  })
})
