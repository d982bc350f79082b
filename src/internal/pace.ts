import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { constFalse, constVoid } from "effect/Function"
import type { Alarm, Entry } from "./alarm.ts"
import type { Item } from "./heap.ts"
import { Waiting } from "./waiting.ts"

// A remembered pace ends after an hour at most. A limit that was learned is put
// to the test again after ten minutes, so that it does not outlive its reason.
const longest = 3_600_000
const retest = 600_000

// Two answers of one window may name its end a little differently.
const sameWindow = 50

/**
 * The pace of one URL, in milliseconds of the monotonic clock.
 *
 * Unpaced, everybody goes. When the receiver says "enough", the URL is shut
 * until the instant that it named. Then one goes first, and then as many at a
 * time as the receiver says remain, else twice as many as before. Where it says
 * nothing, the number that it took before a 429 is supposed to be its limit:
 * so many go in the next window, and then one alone. If that one is refused,
 * the limit is known, and the windows after end before the 429 and not by it.
 * When one was taken, nobody waits and nothing is in flight, all of it is
 * forgotten.
 *
 * With a slow start nothing is ever unpaced: one goes first also where nothing
 * was said yet.
 *
 * @internal
 */
export class Pace implements Item {
  /** Shut until this instant: also the place in a heap of what is shut. */
  at = 0
  index = -1
  /** What was sent before the URL was shut belongs to an older epoch and frees no room in this one. */
  epoch = 0
  shut = false
  private paced: boolean
  private readonly slowStart: boolean
  private flying = 0
  // Of a batch: its size, how many of it were sent, how many were taken.
  private batch = 1
  private sent = 0
  private taken = 0
  // Of a window as the receiver tells it: how many it still takes, and its end.
  private left = Infinity
  private windowEnd = 0
  // Of a window as we see it: its start, how many were taken, whether it ended in a 429; and what that taught.
  private since = -1
  private served = 0
  private refused = false
  private limit = Infinity
  private known = false
  private span = 0
  private learnedAt = 0
  private opening: Entry | undefined
  private readonly alarm: Alarm
  private readonly waiting: Waiting<boolean>
  private readonly handOver: () => boolean
  private readonly changed: () => void

  /**
   * `slowStart` keeps it paced also before anything was said. `handOver` sends
   * somebody who takes any URL, if somebody waits; `changed` is told when there
   * may be room, or none any longer.
   */
  constructor(
    alarm: Alarm,
    slowStart = false,
    handOver: () => boolean = constFalse,
    changed: () => void = constVoid
  ) {
    this.alarm = alarm
    this.slowStart = this.paced = slowStart
    this.handOver = handOver
    this.changed = changed
    this.waiting = new Waiting<boolean>(alarm, () => this.arm(), () => this.arm())
  }

  /** Whether it is open, and nobody waits or is on the way. */
  get idle(): boolean {
    return !this.shut && this.flying === 0 && this.waiting.size === 0
  }

  /** How many may go now. */
  get room(): number {
    if (!this.paced) return Infinity
    if (this.shut) return 0
    if (this.left < Infinity) return this.left - this.flying
    const supposed = this.limit - this.served - this.flying
    return Math.min(this.batch - this.sent, supposed > 0 || this.known || this.flying > 0 ? supposed : 1)
  }

  private refresh(now: number): void {
    if (!this.shut || now < this.at) return
    if (this.refused && this.served > 0) {
      this.known = this.served === this.limit
      this.limit = this.served
      this.span = this.at - this.since
      this.learnedAt = now
    } else if (now - this.learnedAt > retest) {
      this.known = false
    }
    this.begin(now)
  }

  /** Opens the URL, whatever was known of it. */
  restart(): void {
    this.at = 0
    this.begin(0)
    this.forget()
    this.changed()
  }

  /** One goes. */
  take(now: number): void {
    if (this.since < 0 || (!this.paced && this.flying === 0)) {
      this.since = now
      this.served = 0
    }
    this.flying++
    this.sent++
    if (this.paced) this.changed()
  }

  /** Waits for room: `true`, or `false` if the URL was retired meanwhile, or `undefined` at the deadline. */
  park(
    fiber: Fiber.Fiber<unknown, unknown>,
    deadline: number,
    accept: (value: boolean) => void
  ): Effect.Effect<boolean | undefined> {
    return this.waiting.park(fiber, deadline, accept)
  }

  /** One came back without an answer: somebody else may go instead, or after `wait`. */
  untold(epoch: number, now: number, wait?: number): void {
    if (epoch === this.epoch) {
      this.flying--
      this.sent--
    }
    if (wait !== undefined) this.shutUntil(now + wait)
    this.landed(now)
  }

  /** One was refused: the URL is shut for `wait`. */
  refuse(epoch: number, now: number, wait: number): void {
    if (epoch === this.epoch) this.flying--
    this.refused = true
    this.close(now, now + wait)
    this.landed(now)
  }

  /** One was taken. */
  accept(epoch: number, now: number, remaining: number | undefined, resetAfter: number | undefined): void {
    if (epoch === this.epoch) {
      this.flying--
      this.served++
      this.taken++
      if (remaining !== undefined && resetAfter !== undefined) this.told(now, remaining, now + resetAfter)
      if (this.paced && this.left === Infinity) this.grow(now)
    }
    this.landed(now)
  }

  /** Those who wait for this URL need wait no longer. */
  retire(): void {
    while (this.waiting.release(false));
  }

  private begin(now: number): void {
    this.shut = this.refused = false
    this.epoch++
    this.flying =
      this.sent =
      this.taken =
      this.served =
        0
    this.batch = 1
    this.left = Infinity
    this.since = now
    this.changed()
  }

  private told(now: number, remaining: number, end: number): void {
    this.left = end > this.windowEnd + sameWindow ? remaining : Math.min(this.left, remaining)
    this.windowEnd = Math.max(this.windowEnd, end)
    if (this.left === 0) this.close(now, end)
  }

  private grow(now: number): void {
    if (this.taken === this.batch) {
      this.batch *= 2
      this.sent = this.taken = 0
    }
    if (this.known && this.served >= this.limit) this.close(now, now + this.span)
    // It takes more than we supposed.
    if (this.served > this.limit) this.limit = Infinity
  }

  private close(now: number, until: number): void {
    this.shutUntil(Math.min(until, now + longest))
  }

  private shutUntil(until: number): void {
    this.at = Math.max(this.at, until)
    this.shut = this.paced = true
  }

  /** Opens the URL if its time has come, and sends those who wait, as far as there is room. */
  settle(now: number): void {
    if (!this.paced) return
    this.refresh(now)
    while (this.room > 0) {
      if (this.waiting.size > 0) {
        this.take(now)
        this.waiting.release(true)
      } else if (!this.handOver()) break
    }
    this.arm()
    this.changed()
  }

  private landed(now: number): void {
    // The hot path ends here.
    if (!this.paced) return
    this.settle(now)
    // Room is left, so nobody waits. Where none was taken since it opened, the next one goes first still.
    if (this.flying === 0 && this.served > 0 && this.room > 0) this.forget()
  }

  private forget(): void {
    this.paced = this.slowStart
    this.known = false
    this.limit = Infinity
    this.left = Infinity
    this.windowEnd = 0
    this.batch = 1
    this.sent = this.taken = 0
    this.since = -1
  }

  private arm(): void {
    if (this.waiting.size > 0 && this.shut) {
      const at = this.at
      this.opening ??= this.alarm.set(at, () => {
        this.opening = undefined
        this.settle(at)
      })
    } else if (this.opening !== undefined) {
      this.alarm.cancel(this.opening)
      this.opening = undefined
    }
  }
}
