import { Alarm } from "./alarm.ts"
import { Pace } from "./pace.ts"
import { sharedBy } from "./shared.ts"

/**
 * A way out that the receiver has closed for all of its URLs.
 *
 * @internal
 */
export interface Way {
  readonly key: string
  readonly pace: Pace
}

/**
 * The ways out that receivers have closed: to an origin directly, or by one
 * proxy. A way that is open takes no memory.
 *
 * @internal
 */
export class Ways {
  private readonly closed = new Map<string, Way>()
  private readonly alarm = new Alarm()

  /** How many ways are remembered. */
  get size(): number {
    return this.closed.size
  }

  /** A way that was closed, unless it is known to be open again. */
  find(origin: string, proxy: string | undefined): Way | undefined {
    return this.closed.size === 0 ? undefined : this.closed.get(keyOf(origin, proxy))
  }

  /** Closes a way for `wait` milliseconds. */
  close(origin: string, proxy: string | undefined, now: number, wait: number): void {
    // A proxy that nobody goes by any more would be remembered for ever.
    for (const way of this.closed.values()) {
      way.pace.settle(now)
      this.forget(way)
    }
    const key = keyOf(origin, proxy)
    let way = this.closed.get(key)
    if (way === undefined) {
      way = { key, pace: new Pace(this.alarm) }
      this.closed.set(key, way)
    }
    way.pace.closeFor(now, wait)
  }

  /** Forgets a way that is open and of which nobody expects anything. */
  forget(way: Way): void {
    if (way.pace.idle) this.closed.delete(way.key)
  }
}

const keyOf = (origin: string, proxy: string | undefined): string => `${origin} ${proxy ?? ""}`

/**
 * The ways out of a transport, which all that use it share.
 *
 * @internal
 */
export const waysOf: (transport: object) => Ways = sharedBy(() => new Ways())
