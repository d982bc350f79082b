import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { Transport } from "effect-webhooks"
import { judge, type Judged, taken } from "../../src/internal/judge.ts"

const window = (remaining: number) => ({
  "x-ratelimit-remaining": String(remaining),
  "x-ratelimit-reset-after": "30"
})

const answer = (status: number, headers: Record<string, string>) =>
  new Transport.Reply(status, headers, new Uint8Array(), false)

describe("the window that an answer tells", () => {
  const outcomes = (remaining: number, posts: boolean) =>
    Effect.map(Clock.Clock, (clock) => {
      const send: Judged = { clock, proxy: undefined, distrusted: undefined }
      const headers = window(remaining)
      return [
        taken(send, answer(200, headers), posts),
        judge(send, answer(400, headers), undefined, posts)!.outcome
      ]
    })

  it.effect("of a post steers the pace", () =>
    Effect.gen(function*() {
      for (const remaining of [4, 0]) {
        const told = { _tag: "Taken", remaining, resetAfter: 30_000 } as const
        assert.deepStrictEqual(yield* outcomes(remaining, true), [told, told])
      }
    }))

  it.effect("of another method does not, unless nothing is left of it", () =>
    Effect.gen(function*() {
      const open = { _tag: "Taken" } as const
      assert.deepStrictEqual(yield* outcomes(4, false), [open, open])
      const over = { _tag: "Taken", remaining: 0, resetAfter: 30_000 } as const
      assert.deepStrictEqual(yield* outcomes(0, false), [over, over])
    }))
})
