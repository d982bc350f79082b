import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Alarm } from "./alarm.ts"
import { Waiting } from "./waiting.ts"

/**
 * The attempts to one key: a turn is held on it.
 *
 * @internal
 */
export interface Line {
  readonly key: string
  inFlight: number
  /** How many times those who wait were told that it leads nowhere. */
  faults: number
  waiting: Waiting<Line> | undefined
}

/**
 * How many attempts are in flight per key, such as an origin or a proxy, and
 * who waits for a turn. A key without attempts takes no memory.
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

  /** How many keys are remembered. */
  get size(): number {
    return this.lines.size
  }

  /** Takes a turn if one is free. */
  take(key: string): Line | undefined {
    const line = this.lines.get(key)
    if (line === undefined) {
      const first: Line = { key, inFlight: 1, faults: 0, waiting: undefined }
      this.lines.set(key, first)
      return first
    }
    if (line.inFlight >= this.max) return undefined
    line.inFlight++
    return line
  }

  /** Waits for a turn that `take` refused; `undefined` when the deadline comes first. */
  wait(
    fiber: Fiber.Fiber<unknown, unknown>,
    key: string,
    deadline: number,
    accept: (line: Line) => void
  ): Effect.Effect<Line | undefined> {
    const line = this.lines.get(key)!
    line.waiting ??= new Waiting(this.alarm)
    return line.waiting.park(fiber, deadline, accept)
  }

  /** Gives a turn back: to the first in line, if somebody waits. */
  give(line: Line): void {
    if (line.waiting?.release(line) === true) return
    line.inFlight--
    if (line.inFlight === 0) this.lines.delete(line.key)
  }

  /** Counts a fault of what is behind a key. Who waits looks at it when its turn comes. */
  fault(key: string): void {
    const line = this.lines.get(key)
    if (line !== undefined) line.faults++
  }

  faults(key: string): number {
    return this.lines.get(key)?.faults ?? 0
  }
}
