// A 429 without a hint is waited for as long as its send draws, or for this share of what it took the last time. Each
// one that follows at once is waited for longer by this factor.
const closing = { share: 0.6, factor: 1.4, longest: 30_000 }

// What is learned of a limit is kept for ten minutes after its last 429, where nobody asks for more.
const memory = 600_000

// How much of the rate at which a 429 came is thought to be safe, and how far below that it begins.
const safe = 0.98
const base = 0.9

// Before anything is known: at least two a second, and twice as many after so many milliseconds. The 429 that ends this
// comes late.
const slowest = 2 / 1000
const doubling = 700
const overshoot = 0.9

// How long it takes to come back to what is thought to be safe: so many attempts, and so many milliseconds.
const recovery = { attempts: 60, millis: 16_000 }

// Beyond that it rises by this share at first, which doubles in so many milliseconds.
const excess = 0.015
const escape = 2500

// An alarm may come a little late; what is lost by it is made up for, but no more than this.
const slack = 0.5

// A pause in the demand is not counted as time in which more could have been taken.
const longestStep = 300

/**
 * The rate at which a receiver takes requests that says no more of its limit
 * than 429. Times are milliseconds.
 *
 * It is driven as CUBIC drives the window of TCP (RFC 9438). A 429 closes it.
 * Then one goes first, and the others follow evenly, a little slower than when
 * the 429 came. While there is demand, the rate comes back to what was safe,
 * slows down there, and then rises ever faster until the next 429; so a limit
 * that is no more is soon forgotten. The first 429 tells nothing of the limit:
 * after it the rate starts from what was taken so far and doubles.
 *
 * It knows no clock and wakes nobody: who owns it asks when the next one may
 * start.
 *
 * @internal
 */
export class Rate {
  /** When the last 429 came. */
  private refusedAt = 0
  /** How long the URL is left alone after a 429 without a hint, and how long it was the last time there was none. */
  private closing = 0
  private closedFor = 0
  private hinted = false
  // Of the time since the last 429: how many were taken, and for how long there was demand.
  private taken = 0
  private demanded = 0
  private startedAt = 0
  private next = 0
  /** The rate that is thought to be safe, per millisecond, once there is one; and where the way back to it begins. */
  private target: number | undefined
  private from = slowest
  /** The rate by which the last one started. */
  private current = slowest

  /** `taken` is how many were taken without a pace, since `since`, when the first 429 came. */
  constructor(now: number, taken: number, since: number) {
    this.from = this.current = Math.max(slowest, taken / Math.max(now - since, 1000))
    this.refusedAt = now
  }

  /** A 429 of one that began after the last one: gives how long the URL is closed. */
  refuse(now: number, wait: number, hinted: boolean): number {
    // Nothing was taken since: it is the one that went first.
    if (this.taken > 0) this.learn(now)
    this.hinted = hinted
    const least = this.closing > 0 ? closing.factor * this.closing : closing.share * this.closedFor
    this.closing = hinted ? 0 : Math.min(closing.longest, Math.max(wait, least))
    return hinted ? wait : this.closing
  }

  /** The first one after a 429 was taken. */
  open(now: number): void {
    if (!this.hinted) this.closedFor = now - this.refusedAt
    this.closing = 0
    this.startedAt = now
    this.current = this.rate
    this.next = now + 1 / this.current
  }

  accept(): void {
    this.taken++
  }

  /** One starts: gives when the next one may. */
  start(now: number, waited: boolean): number {
    if (waited) this.demanded += Math.min(now - this.startedAt, longestStep)
    this.startedAt = now
    this.current = this.rate
    const gap = 1 / this.current
    return this.next = Math.max(this.next, now - Math.min(gap, slack)) + gap
  }

  /** When the next one may start. */
  get nextAt(): number {
    return this.next
  }

  /** Whether nothing is lost if it is forgotten. */
  isStale(now: number): boolean {
    return now - this.refusedAt > memory
  }

  private learn(now: number): void {
    const average = this.taken / Math.max(now - this.refusedAt, 1000)
    const reached = this.target === undefined ? this.current * overshoot : this.current
    // A window that was empty took more at once than it does in the long run.
    const lower = Math.max(Math.min(reached * safe, 2 * average), 0.7 * reached)
    // One that refuses every other request, however few there are, is not waited for ever longer.
    this.target = Math.max(lower, Math.min(reached / base, 1 / closing.longest))
    this.from = this.target * base
    this.refusedAt = now
    this.taken = this.demanded = 0
  }

  private get rate(): number {
    const { demanded, from, target } = this
    if (target === undefined) return from * 2 ** (demanded / doubling)
    const back = Math.max(recovery.millis, recovery.attempts / target)
    return demanded < back
      ? target - (target - from) * (1 - demanded / back) ** 3
      : target * (1 + excess * (2 ** ((demanded - back) / escape) - 1))
  }
}
