import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Alarm } from "../../src/internal/alarm.ts"
import { Turns } from "../../src/internal/turns.ts"
import { Waiting } from "../../src/internal/waiting.ts"

const park = <A>(waiting: Waiting<A>, deadline: number, accept: (value: A) => void = () => undefined) =>
  Effect.forkChild(Effect.withFiber((fiber) => waiting.park(fiber, deadline, accept)))

describe("Waiting", () => {
  it.effect("hands values over first come, first served", () =>
    Effect.gen(function*() {
      const waiting = new Waiting<string>(new Alarm())
      assert.isFalse(waiting.release("nobody"))
      const fibers = yield* Effect.forEach([1, 2, 3], () => park(waiting, 1000))
      yield* TestClock.adjust(1)
      assert.strictEqual(waiting.size, 3)
      for (const value of ["a", "b", "c"]) assert.isTrue(waiting.release(value))
      assert.isFalse(waiting.release("d"))
      assert.strictEqual(waiting.size, 0)
      assert.deepStrictEqual(yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber)), ["a", "b", "c"])
    }))

  it.effect("gives up at the deadline, each at its own", () =>
    Effect.gen(function*() {
      const waiting = new Waiting<string>(new Alarm())
      const late = yield* park(waiting, 300)
      const soon = yield* park(waiting, 100)
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* Fiber.join(soon), undefined)
      assert.strictEqual(waiting.size, 1)
      waiting.release("a")
      assert.strictEqual(yield* Fiber.join(late), "a")
      assert.strictEqual(yield* Clock.currentTimeMillis, 100)
    }))

  it.effect("accepts in the very step of the handing over", () =>
    Effect.gen(function*() {
      const waiting = new Waiting<string>(new Alarm())
      const seen: Array<string> = []
      const fiber = yield* park(waiting, 1000, (value) => seen.push(value))
      yield* TestClock.adjust(1)
      waiting.release("a")
      assert.deepStrictEqual(seen, ["a"])
      // What it has been given is known, though it is interrupted before it goes on.
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(seen, ["a"])
    }))

  it.effect("forgets who is interrupted, and tells of every change", () =>
    Effect.gen(function*() {
      const sizes: Array<string> = []
      const waiting: Waiting<string> = new Waiting<string>(
        new Alarm(),
        () => sizes.push(`+${waiting.size}`),
        () => sizes.push(`-${waiting.size}`)
      )
      const fibers = yield* Effect.forEach([1, 2, 3], () => park(waiting, 1000))
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(fibers[1]!)
      assert.strictEqual(waiting.size, 2)
      waiting.release("a")
      waiting.release("b")
      assert.deepStrictEqual([yield* Fiber.join(fibers[0]!), yield* Fiber.join(fibers[2]!)], ["a", "b"])
      assert.deepStrictEqual(sizes, ["+1", "+2", "+3", "-2", "-1", "-0"])
    }))
})

describe("Turns", () => {
  const wait = (turns: Turns, key: string, deadline = 1000) =>
    Effect.forkChild(Effect.withFiber((fiber) => turns.wait(fiber, key, deadline, () => undefined)))

  it.effect("gives as many as there are per key, and the next to the first in line", () =>
    Effect.gen(function*() {
      const turns = new Turns(2)
      const one = turns.take("a")
      const two = turns.take("a")
      assert.isDefined(one)
      assert.isDefined(two)
      assert.isUndefined(turns.take("a"))
      assert.isDefined(turns.take("b"))
      const first = yield* wait(turns, "a")
      const second = yield* wait(turns, "a")
      yield* TestClock.adjust(1)
      turns.give(one!)
      yield* TestClock.adjust(1)
      assert.isDefined(yield* Fiber.join(first))
      assert.strictEqual(second.pollUnsafe(), undefined)
      assert.isUndefined(turns.take("a"))
      turns.give(two!)
      const third = yield* Fiber.join(second)
      turns.give(third!)
      turns.give(third!)
      // All given back: two are free again.
      assert.isDefined(turns.take("a"))
      assert.isDefined(turns.take("a"))
      assert.isUndefined(turns.take("a"))
    }))

  it.effect("gives none after the deadline, and loses none", () =>
    Effect.gen(function*() {
      const turns = new Turns(1)
      const held = turns.take("a")
      const waiter = yield* wait(turns, "a", 100)
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* Fiber.join(waiter), undefined)
      turns.give(held!)
      assert.isDefined(turns.take("a"))
    }))
})
