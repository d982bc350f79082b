import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Alarm } from "./alarm.ts"
import { Waiting } from "./waiting.ts"

/**
 * The attempts to one key: a turn is held on it.
 *
 * @internal
 */
export interface Line<E = never> {
  readonly key: string
  inFlight: number
  waiting: Waiting<Line<E> | E> | undefined
}

/**
 * How many attempts are in flight per key, such as an origin or a proxy, and
 * who waits for a turn. A key without attempts takes no memory. `E` is why
 * those who wait may be sent away.
 *
 * @internal
 */
export class Turns<E = never> {
  private readonly lines = new Map<string, Line<E>>()
  private readonly alarm = new Alarm()
  private readonly max: number

  constructor(max: number) {
    this.max = max
  }

  /** Takes a turn if one is free. */
  take(key: string): Line<E> | undefined {
    const line = this.lines.get(key)
    if (line === undefined) {
      const first: Line<E> = { key, inFlight: 1, waiting: undefined }
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
    accept: (line: Line<E> | E) => void
  ): Effect.Effect<Line<E> | E | undefined> {
    const line = this.lines.get(key)!
    line.waiting ??= new Waiting(this.alarm)
    return line.waiting.park(fiber, deadline, accept)
  }

  /** Gives a turn back: to the first in line, if somebody waits. */
  give(line: Line<E>): void {
    if (line.waiting?.release(line) === true) return
    line.inFlight--
    if (line.inFlight === 0) this.lines.delete(line.key)
  }

  /** Sends everybody away who waits for this key. */
  dismiss(key: string, reason: E): void {
    const waiting = this.lines.get(key)?.waiting
    while (waiting?.release(reason) === true);
  }
}
