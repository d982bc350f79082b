import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Rate } from "../../../src/internal/gate/rate.ts"
import { fixedWindow, leakyBucket, type Limit, slidingWindow } from "../../receivers.ts"

const minutes = 5 * 60_000

// Sends as fast as a rate lets them, to a receiver that answers at once, for five minutes.
const drive = (limit: Limit, hinted: boolean) => {
  const rate = new Rate(0, 0, 0)
  let now = rate.refuse(0, 500, false)
  let taken = 0
  let refused = 0
  let proven = false
  while (now < minutes) {
    const wait = limit(now, 0)
    if (wait === undefined) {
      rate.accept()
      if (now > 60_000) taken++
      if (!proven) rate.open(now)
      now = proven ? rate.start(now, true) : rate.nextAt
      proven = true
    } else {
      if (now > 60_000) refused++
      now += rate.refuse(now, hinted ? Math.ceil(wait / 1000) * 1000 : 500, hinted)
      proven = false
    }
  }
  return { perSecond: taken / 240, refused: refused / (taken + refused) }
}

describe("Rate", () => {
  const kinds: ReadonlyArray<readonly [string, (perSecond: number) => Limit]> = [
    ["a fixed window of a second", (perSecond) => fixedWindow(perSecond, 1000)],
    ["a fixed window of ten seconds", (perSecond) => fixedWindow(10 * perSecond, 10_000, 4000)],
    ["a sliding window of two seconds", (perSecond) => slidingWindow(2 * perSecond, 2000)],
    ["a leaky bucket without a burst", (perSecond) => leakyBucket(perSecond, 0)],
    ["a leaky bucket with a burst of 5", (perSecond) => leakyBucket(perSecond, 5)]
  ]
  const rows = kinds.flatMap(([name, make]) =>
    [2, 12, 60].flatMap((perSecond) => [true, false].map((hinted) => ({ name, make, perSecond, hinted })))
  )

  it.each(rows)("finds $perSecond a second, $name, hinted: $hinted", ({ hinted, make, perSecond }) => {
    const { perSecond: found, refused } = drive(make(perSecond), hinted)
    assert.isAtLeast(found, 0.85 * perSecond)
    assert.isAtMost(refused, 0.03)
  })

  it("rises ever faster where nothing is refused any more", () => {
    const rate = new Rate(0, 0, 0)
    let now = rate.refuse(0, 1000, true)
    rate.open(now)
    for (let n = 0; n < 5; n++) {
      rate.accept()
      now = rate.start(now, true)
    }
    now += rate.refuse(now, 1000, true)
    rate.open(now)
    let count = 0
    for (const end = now + 60_000; now < end; count++) {
      rate.accept()
      now = rate.start(now, true)
    }
    assert.isAbove(count, 3000, "it had gone two a second")
  })

  it("stands still while nobody waits", () => {
    const rate = new Rate(0, 10, 0)
    let now = rate.refuse(0, 1000, true)
    rate.open(now)
    now = rate.nextAt
    for (let n = 0; n < 1000; n++) {
      rate.accept()
      const next = rate.start(now, false)
      assert.isAtMost(next - now, 101)
      now += 1000
    }
    assert.isAtLeast(rate.start(now, false) - now, 99)
  })

  it.each([true, false])(
    "is never much slower than one in half a minute, whatever is refused (hinted: %s)",
    (hinted) => {
      const rate = new Rate(0, 0, 0)
      let now = 0
      for (let n = 0; n < 500; n++) {
        now += rate.refuse(now, 500, hinted)
        rate.accept()
        rate.open(now)
        assert.isAtMost(rate.nextAt - now, 30_000 / 0.9 + 1)
        now = rate.start(rate.nextAt, true)
      }
    }
  )

  it("is stale ten minutes after its last 429", () => {
    const rate = new Rate(0, 1, 0)
    assert.isFalse(rate.isStale(600_000))
    assert.isTrue(rate.isStale(600_001))
  })

  const step = Schema.Struct({
    kind: Schema.Literals(["refuse", "open", "accept", "start"]),
    after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4_000_000 })),
    flag: Schema.Boolean
  })

  it.prop(
    "gives instants that are neither past nor too far, whatever happens in whatever order",
    [Schema.Array(step)],
    ([steps]) => {
      const rate = new Rate(0, steps.length, 0)
      let now = 0
      for (const { after, flag, kind } of steps) {
        now += after
        if (kind === "accept") rate.accept()
        else if (kind === "open") rate.open(now)
        else if (kind === "start") {
          const next = rate.start(now, flag)
          assert.isAbove(next, now - 1)
          assert.isAtMost(next - now, 3_600_000)
        } else {
          const wait = rate.refuse(now, after + 1, flag)
          assert.isAbove(wait, 0)
          if (!flag) assert.isAtMost(wait, 30_000)
        }
        assert.isTrue(Number.isFinite(rate.nextAt))
      }
    }
  )
})
