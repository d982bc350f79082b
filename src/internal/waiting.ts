import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Alarm, Entry } from "./alarm.ts"
import { type Link, List } from "./list.ts"

/**
 * A line of parked fibers, first come first served, each with the instant at
 * which it gives up. `onJoin` and `onLeave` run when the line has grown or
 * shrunk.
 *
 * @internal
 */
export class Waiting<A> {
  private readonly line = new List<Parked<A>>()
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
      const parked = new Parked(this, deadline, accept, resume)
      this.alarm.add(parked, fiber)
      this.line.append(parked)
      this.onJoin?.()
      return Effect.sync(() => {
        this.alarm.cancel(parked)
        this.leave(parked)
      })
    })
  }

  /** Hands `value` to the first in line; false when nobody waits. */
  release(value: A): boolean {
    const first = this.line.shift()
    if (first === undefined) return false
    this.onLeave?.()
    this.alarm.cancel(first)
    first.take(value)
    return true
  }

  leave(parked: Parked<A>): void {
    if (!this.line.has(parked)) return
    this.line.remove(parked)
    this.onLeave?.()
  }
}

/**
 * One in line: its place, its instant and what it waits for in one object,
 * since there may be a hundred thousand of them.
 */
class Parked<A> implements Link<Parked<A>>, Entry {
  readonly at: number
  index = -1
  previous: Link<Parked<A>> | undefined = undefined
  next: Link<Parked<A>> | undefined = undefined
  private readonly waiting: Waiting<A>
  private readonly accept: (value: A) => void
  private readonly resume: (effect: Effect.Effect<A | undefined>) => void

  constructor(
    waiting: Waiting<A>,
    at: number,
    accept: (value: A) => void,
    resume: (effect: Effect.Effect<A | undefined>) => void
  ) {
    this.waiting = waiting
    this.at = at
    this.accept = accept
    this.resume = resume
  }

  get value(): Parked<A> {
    return this
  }

  take(value: A): void {
    this.accept(value)
    // By way of the scheduler: many are let go in one step, and each may let go others.
    this.resume(Effect.as(Effect.yieldNow, value))
  }

  ring(): void {
    this.waiting.leave(this)
    this.resume(Effect.undefined)
  }
}
