import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { rateLimit } from "../../src/internal/rateLimit.ts"

const now = 1_700_000_000_000

const read = (headers: Record<string, string>) =>
  Effect.gen(function*() {
    yield* TestClock.setTime(now)
    return rateLimit(headers, yield* Clock.Clock)
  })

describe("rateLimit", () => {
  it.effect.each<readonly [Record<string, string>, number, number]>([
    [{ "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "2.5" }, 4, 2500],
    [{ "x-ratelimit-remaining": " 0 ", "x-ratelimit-reset-after": " 1 " }, 0, 1000],
    [{ "x-ratelimit-remaining": "1", "x-ratelimit-reset": "60" }, 1, 60_000],
    [{ "x-ratelimit-remaining": "1", "x-ratelimit-reset": "1700000003" }, 1, 3000],
    [{ "x-ratelimit-remaining": "1", "x-ratelimit-reset": "1700000003.25" }, 1, 3250],
    [{ "x-ratelimit-remaining": "1", "x-ratelimit-reset": "1700000004500" }, 1, 4500],
    [{ "x-ratelimit-remaining": "1", "x-ratelimit-reset": "9", "x-ratelimit-reset-after": "7" }, 1, 7000]
  ])("reads %j", ([headers, remaining, resetAfter]) =>
    Effect.gen(function*() {
      const told = yield* read(headers)
      assert.strictEqual(told?.remaining, remaining)
      assert.approximately(told!.resetAfter, resetAfter, 0.001)
    }))

  it.effect.each<Record<string, string>>([
    {},
    { "x-ratelimit-remaining": "4" },
    { "x-ratelimit-reset-after": "4" },
    { "x-ratelimit-remaining": "-1", "x-ratelimit-reset-after": "4" },
    { "x-ratelimit-remaining": "some", "x-ratelimit-reset-after": "4" },
    { "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "0" },
    { "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "-4" },
    { "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "1e9" },
    { "x-ratelimit-remaining": "4", "x-ratelimit-reset": "1600000000" },
    { "x-ratelimit-remaining": "4", "x-ratelimit-reset": "1699999999999" }
  ])("has no use for %j", (headers) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* read(headers), undefined)
    }))
})
