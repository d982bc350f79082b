/**
 * What a receiver that limits does with a request at an instant, in milliseconds, while others are in flight: `undefined`
 * takes it, a number refuses it until so many milliseconds later.
 */
export type Limit = (now: number, inFlight: number) => number | undefined

export const fixedWindow = (count: number, window: number, offset = 0): Limit => {
  let current = -1
  let taken = 0
  return (now) => {
    const index = Math.floor((now + offset) / window)
    if (index !== current) {
      current = index
      taken = 0
    }
    if (taken >= count) return (index + 1) * window - offset - now
    taken++
    return undefined
  }
}

export const slidingWindow = (count: number, window: number): Limit => {
  const taken: Array<number> = []
  return (now) => {
    while (taken.length > 0 && taken[0]! <= now - window) taken.shift()
    if (taken.length >= count) return taken[0]! + window - now
    taken.push(now)
    return undefined
  }
}

/** As nginx has it: `burst` may come early, in whole milliseconds. */
export const leakyBucket = (perSecond: number, burst: number): Limit => {
  let excess = -1
  let last = 0
  return (time) => {
    const now = Math.floor(time)
    const next = excess < 0 ? 0 : Math.max(0, excess - perSecond * (now - last) / 1000 + 1)
    if (next > burst) return (next - burst) * 1000 / perSecond
    excess = next
    last = now
    return undefined
  }
}

export const atOnce = (count: number): Limit => (_, inFlight) => inFlight >= count ? 100 : undefined

/** One limit until an instant, and then another. */
export const changing = (first: Limit, at: number, second: Limit): Limit => (now, inFlight) =>
  now < at ? first(now, inFlight) : second(now, inFlight)

export const none: Limit = () => undefined
