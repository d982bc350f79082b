import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { constFalse, constVoid } from "effect/Function"
import type { Alarm, Entry } from "./alarm.ts"
import { Rate } from "./gate/rate.ts"
import type { Item } from "./heap.ts"
import { Waiting } from "./waiting.ts"

// A remembered pace ends after an hour at most.
const longest = 3_600_000

// A 429 that comes so long after the last one is the first again.
const memory = 600_000

// Two answers of one window may name its end a little differently.
const sameWindow = 50

/**
 * The pace of one URL, in milliseconds of the monotonic clock.
 *
 * Unpaced, everybody goes. When the receiver says "enough", the URL is closed
 * until the instant that it named. Then one goes first, and then as many at a
 * time as the receiver says remain, else twice as many as before. Where it says
 * nothing and that is refused too, they follow at a rate that is learned from
 * the 429s. When one was taken, nobody waits and nothing is in flight, all of
 * it is forgotten but a learned rate, which is kept until it is stale.
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
  order = 0
  /** What was sent before the URL was closed belongs to an older epoch and frees no room in this one. */
  epoch = 0
  /** Whether the receiver, or a circuit, has closed it. */
  closed = false
  /** Whether the next one has to wait for its turn by the rate. */
  private spaced = false
  private paced: boolean
  private readonly slowStart: boolean
  private inFlight = 0
  // Of a batch: its size, how many of it were sent, how many were taken.
  private batch = 1
  private sent = 0
  private taken = 0
  // Of a window as the receiver tells it: how many it still takes, and its end.
  private left = Infinity
  private windowEnd = 0
  // How many were taken since it opened, or since somebody was first in flight; and what the 429s of a receiver that
  // tells nothing have taught.
  private accepted = 0
  private since = 0
  private refusedAt = -Infinity
  private rate: Rate | undefined
  /** Whether one has gone first since it opened, and was taken. */
  private proven = false
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

  /** Whether nobody may go before `at`. */
  get shut(): boolean {
    return this.closed || this.spaced
  }

  /** Whether it is open, and nobody waits or is on the way. */
  get idle(): boolean {
    return !this.shut && this.inFlight === 0 && this.waiting.size === 0
  }

  /** How many may go now. */
  get room(): number {
    if (!this.paced) return Infinity
    if (this.shut) return 0
    if (this.left < Infinity) return this.left - this.inFlight
    // One goes first, and then one at a time, each at its instant.
    if (this.rate !== undefined) return this.proven ? 1 : 1 - this.inFlight
    return this.batch - this.sent
  }

  private refresh(now: number): void {
    if (!this.shut || now < this.at) return
    if (this.closed) this.begin(now)
    else this.spaced = false
  }

  /** Opens the URL, whatever was known of it. */
  restart(): void {
    this.at = 0
    this.begin(0)
    this.forget()
    this.changed()
  }

  /** One goes; it may have waited for its turn. */
  take(now: number, waited: boolean): void {
    if (!this.paced && this.inFlight === 0) {
      this.since = now
      this.accepted = 0
    }
    this.inFlight++
    this.sent++
    if (this.rate !== undefined && this.proven && this.left === Infinity) this.space(this.rate.start(now, waited), now)
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
      this.inFlight--
      this.sent--
    }
    if (wait !== undefined) this.close(now + wait)
    this.landed(now)
  }

  /** One was refused: the URL is closed for `wait`, which is the receiver's own word if it is a hint. */
  refuse(epoch: number, now: number, wait: number, hinted: boolean): void {
    const current = epoch === this.epoch
    if (current) this.inFlight--
    // Of those that were on their way at a 429, the others say no more than it did; but for when it ends.
    if (current && !this.closed) {
      if (now - this.refusedAt < memory) this.rate ??= new Rate(now, this.accepted, this.since)
      this.refusedAt = now
      this.close(now + Math.min(longest, this.rate?.refuse(now, wait, hinted) ?? wait))
    } else if (hinted || !this.closed) this.close(now + Math.min(longest, wait))
    this.landed(now)
  }

  /** It is closed for `wait`, which teaches nothing of its limit. */
  closeFor(now: number, wait: number): void {
    this.close(now + Math.min(longest, wait))
    this.landed(now)
  }

  /** One was taken. */
  accept(epoch: number, now: number, remaining: number | undefined, resetAfter: number | undefined): void {
    if (epoch === this.epoch) {
      this.inFlight--
      this.accepted++
      this.taken++
      if (remaining !== undefined && resetAfter !== undefined) this.told(remaining, now + resetAfter, now)
      else if (this.rate !== undefined) this.proceed(this.rate, now)
      if (this.paced && this.left === Infinity) this.grow()
    }
    this.landed(now)
  }

  /** Those who wait for this URL need wait no longer. */
  retire(): void {
    while (this.waiting.release(false));
  }

  private begin(now: number): void {
    this.since = now
    this.closed = this.spaced = this.proven = false
    this.epoch++
    this.inFlight =
      this.sent =
      this.taken =
      this.accepted =
        0
    this.batch = 1
    this.left = Infinity
    this.changed()
  }

  private told(remaining: number, end: number, now: number): void {
    // What it tells stands above what is learned.
    this.rate = undefined
    this.spaced = false
    this.left = end > this.windowEnd + sameWindow ? remaining : Math.min(this.left, remaining)
    this.windowEnd = Math.max(this.windowEnd, end)
    if (this.left === 0) this.close(Math.min(end, now + longest))
  }

  private proceed(rate: Rate, now: number): void {
    rate.accept()
    if (this.proven) return
    this.proven = true
    rate.open(now)
    this.space(rate.nextAt, now)
  }

  private space(at: number, now: number): void {
    if (this.closed || at <= now) return
    this.spaced = true
    this.at = at
  }

  private grow(): void {
    if (this.taken !== this.batch) return
    this.batch *= 2
    this.sent = this.taken = 0
  }

  private close(until: number): void {
    this.at = this.closed ? Math.max(this.at, until) : until
    this.closed = this.paced = true
    this.spaced = false
  }

  /** Opens the URL if its time has come, and sends those who wait, as far as there is room. */
  settle(now: number): void {
    if (!this.paced) return
    this.refresh(now)
    while (this.room > 0) {
      if (this.waiting.size > 0) {
        this.take(now, true)
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
    if (this.closed || this.inFlight > 0 || this.waiting.size > 0) return
    // Where none was taken since it opened, the next one goes first still.
    if (this.rate === undefined ? this.accepted === 0 : !this.rate.isStale(now)) return
    this.forget()
    this.changed()
    while (this.room > 0 && this.handOver());
  }

  private forget(): void {
    this.paced = this.slowStart
    this.rate = undefined
    this.left = Infinity
    this.windowEnd = 0
    this.batch = 1
    this.sent = this.taken = 0
    this.spaced = this.proven = false
  }

  private arm(): void {
    if (this.waiting.size > 0 && this.shut) {
      const at = this.at
      // It may be let go sooner than was thought.
      if (this.opening !== undefined && this.opening.at > at) this.disarm()
      this.opening ??= this.alarm.set(at, () => {
        this.opening = undefined
        this.settle(at)
      })
    } else this.disarm()
  }

  private disarm(): void {
    if (this.opening !== undefined) this.alarm.cancel(this.opening)
    this.opening = undefined
  }
}
