import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Alarm } from "./alarm.ts"
import { type Link, List } from "./list.ts"

/**
 * A line of parked fibers, first come first served, each with the instant at
 * which it gives up. `onJoin` and `onLeave` run when the line has grown or
 * shrunk.
 *
 * @internal
 */
export class Waiting<A> {
  private readonly line = new List<(value: A) => void>()
  private readonly alarm: Alarm
  private readonly onJoin: (() => void) | undefined
  private readonly onLeave: (() => void) | undefined

  constructor(alarm: Alarm, onJoin?: () => void, onLeave?: () => void) {
    this.alarm = alarm
    this.onJoin = onJoin
    this.onLeave = onLeave
  }

  get size(): number {
    return this.line.size
  }

  /**
   * Waits for a value, or until `deadline`, which gives `undefined`. `accept`
   * runs in the very step in which the value is handed over, so that a fiber
   * that is interrupted before it goes on has what it must give back.
   */
  park(
    fiber: Fiber.Fiber<unknown, unknown>,
    deadline: number,
    accept: (value: A) => void
  ): Effect.Effect<A | undefined> {
    return Effect.callback((resume) => {
      const place = this.line.link((value) => {
        this.alarm.cancel(entry)
        accept(value)
        // By way of the scheduler: many are let go in one step, and each may let go others.
        resume(Effect.as(Effect.yieldNow, value))
      })
      const entry = this.alarm.set(
        deadline,
        () => {
          this.leave(place)
          resume(Effect.undefined)
        },
        fiber
      )
      this.line.append(place)
      this.onJoin?.()
      return Effect.sync(() => {
        this.alarm.cancel(entry)
        this.leave(place)
      })
    })
  }

  /** Hands `value` to the first in line; false when nobody waits. */
  release(value: A): boolean {
    const first = this.line.shift()
    if (first === undefined) return false
    this.onLeave?.()
    first(value)
    return true
  }

  private leave(place: Link<(value: A) => void>): void {
    if (!this.line.has(place)) return
    this.line.remove(place)
    this.onLeave?.()
  }
}
