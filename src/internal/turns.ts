import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Alarm } from "./alarm.ts"
import { Waiting } from "./waiting.ts"

interface Line {
  inFlight: number
  waiting: Waiting<true> | undefined
}

/**
 * How many attempts are in flight per key, such as an origin, and who waits
 * for a turn. A key without attempts takes no memory.
 *
 * @internal
 */
export class Turns {
  private readonly lines = new Map<string, Line>()
  private readonly alarm = new Alarm()
  private readonly max: number

  constructor(max: number) {
    this.max = max
  }

  /** Takes a turn if one is free. */
  take(key: string): boolean {
    const line = this.lines.get(key)
    if (line === undefined) {
      this.lines.set(key, { inFlight: 1, waiting: undefined })
      return true
    }
    if (line.inFlight >= this.max) return false
    line.inFlight++
    return true
  }

  /** Waits for a turn that `take` refused; `undefined` when the deadline comes first. */
  wait(
    fiber: Fiber.Fiber<unknown, unknown>,
    key: string,
    deadline: number,
    accept: () => void
  ): Effect.Effect<true | undefined> {
    const line = this.lines.get(key)!
    line.waiting ??= new Waiting(this.alarm)
    return line.waiting.park(fiber, deadline, accept)
  }

  /** Gives a turn back: to the first in line, if somebody waits. */
  give(key: string): void {
    const line = this.lines.get(key)!
    if (line.waiting?.release(true) === true) return
    line.inFlight--
    if (line.inFlight === 0) this.lines.delete(key)
  }
}
