import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { type Line, Turns } from "../../src/internal/turns.ts"

describe("Turns", () => {
  it("remembers nothing of a key whose turns were all given back", () => {
    const turns = new Turns(2)
    for (let n = 0; n < 1000; n++) turns.give(turns.take(`https://${n}.example`)!)
    assert.strictEqual(turns.size, 0)
  })

  it("remembers a key while a turn is held on it, and its faults no longer", () => {
    const turns = new Turns(2)
    const [first, second] = [turns.take("a")!, turns.take("a")!]
    turns.fault("a")
    assert.strictEqual(turns.take("a"), undefined)
    turns.give(first)
    assert.strictEqual(turns.size, 1)
    assert.strictEqual(turns.faults("a"), 1)
    turns.give(second)
    assert.strictEqual(turns.size, 0)
    assert.strictEqual(turns.faults("a"), 0)
  })

  it.effect("remembers nothing of a key for which one waited, had its turn, and another gave up", () =>
    Effect.gen(function*() {
      const turns = new Turns(1)
      const held = turns.take("a")!
      const wait = (deadline: number) =>
        Effect.forkChild(
          Effect.withFiber<Line | undefined>((fiber) => turns.wait(fiber, "a", deadline, () => undefined))
        )
      const patient = yield* wait(1000)
      const hasty = yield* wait(100)
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* Fiber.join(hasty), undefined)
      turns.give(held)
      const line = yield* Fiber.join(patient)
      assert.strictEqual(turns.size, 1)
      turns.give(line!)
      assert.strictEqual(turns.size, 0)
    }))
})
