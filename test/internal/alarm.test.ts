import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, type Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Alarm } from "../../src/internal/alarm.ts"
import { monotonicMillis } from "../../src/internal/time.ts"

// Counts who sleeps on the clock.
const counting = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const state = { sleeping: 0, most: 0 }
  const counted: Clock.Clock = {
    ...clock,
    sleep: (duration) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          state.most = Math.max(state.most, ++state.sleeping)
        }),
        () => clock.sleep(duration),
        () =>
          Effect.sync(() => {
            state.sleeping--
          })
      )
  }
  return { state, counted, now: () => monotonicMillis(clock) }
})

const withAlarm = <A>(
  f: (tools: {
    readonly alarm: Alarm
    readonly fiber: Fiber.Fiber<unknown, unknown>
    readonly state: { readonly sleeping: number; readonly most: number }
    readonly rung: Array<readonly [string, number]>
    readonly ring: (name: string) => () => void
  }) => Effect.Effect<A>
) =>
  Effect.flatMap(counting, ({ counted, now, state }) =>
    Effect.withFiber<A>((fiber) => {
      const rung: Array<readonly [string, number]> = []
      return f({ alarm: new Alarm(), fiber, state, rung, ring: (name) => () => rung.push([name, now()]) })
    }).pipe(Effect.provideService(Clock.Clock, counted)))

describe("Alarm", () => {
  it.effect("rings each at its instant, in order, with one sleeper", () =>
    withAlarm(({ alarm, fiber, ring, rung, state }) =>
      Effect.gen(function*() {
        alarm.set(300, ring("c"), fiber)
        alarm.set(100, ring("a"), fiber)
        alarm.set(200, ring("b"), fiber)
        alarm.set(200, ring("b"), fiber)
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(rung, [["a", 100], ["b", 200], ["b", 200], ["c", 300]])
        assert.strictEqual(state.sleeping, 0)
        assert.isAtMost(state.most, 1)
      })
    ))

  it.effect("rings for an instant that is there or past, but not before who sets it is done", () =>
    withAlarm(({ alarm, fiber, ring, rung, state }) =>
      Effect.gen(function*() {
        yield* TestClock.adjust(1000)
        alarm.set(1000, ring("now"), fiber)
        alarm.set(500, ring("past"), fiber)
        assert.deepStrictEqual(rung, [])
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(rung, [["past", 1000], ["now", 1000]])
        alarm.set(2000, () => alarm.set(2000, ring("set by another"), fiber), fiber)
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(rung.slice(2), [["set by another", 2000]])
        assert.strictEqual(state.sleeping, 0)
      })
    ))

  it.effect("does not ring what was cancelled, and rests when nothing is left", () =>
    withAlarm(({ alarm, fiber, ring, rung, state }) =>
      Effect.gen(function*() {
        const a = alarm.set(100, ring("a"), fiber)
        const b = alarm.set(200, ring("b"), fiber)
        yield* TestClock.adjust(1)
        assert.strictEqual(state.sleeping, 1)
        alarm.cancel(a)
        alarm.cancel(a)
        yield* TestClock.adjust(150)
        assert.deepStrictEqual(rung, [])
        alarm.cancel(b)
        yield* TestClock.adjust(1)
        assert.strictEqual(state.sleeping, 0)
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(rung, [])
      })
    ))

  it.effect("takes what is set while it rings", () =>
    withAlarm(({ alarm, fiber, ring, rung, state }) =>
      Effect.gen(function*() {
        alarm.set(100, () => {
          ring("a")()
          alarm.set(100, ring("now"))
          alarm.set(150, ring("later"))
        }, fiber)
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(rung, [["a", 100], ["now", 100], ["later", 150]])
        assert.strictEqual(state.sleeping, 0)
      })
    ))

  it.effect("rings at once what lies in the past", () =>
    withAlarm(({ alarm, fiber, ring, rung }) =>
      Effect.gen(function*() {
        yield* TestClock.adjust(500)
        alarm.set(100, ring("past"), fiber)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(rung, [["past", 500]])
        alarm.set(600, ring("next"), fiber)
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(rung[1], ["next", 600])
      })
    ))

  it.effect("never rings before its instant, also between milliseconds", () =>
    withAlarm(({ alarm, fiber, ring, rung }) =>
      Effect.gen(function*() {
        alarm.set(100.4, ring("a"), fiber)
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(rung, [])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(rung, [["a", 101]])
      })
    ))

  it.effect("lets nobody sleep for what never comes", () =>
    withAlarm(({ alarm, fiber, ring, rung, state }) =>
      Effect.gen(function*() {
        const never = alarm.set(Infinity, ring("never"), fiber)
        yield* TestClock.adjust(1)
        assert.strictEqual(state.sleeping, 0)
        alarm.set(50, ring("a"), fiber)
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(rung, [["a", 50]])
        assert.strictEqual(state.sleeping, 0)
        alarm.cancel(never)
      })
    ))
})
