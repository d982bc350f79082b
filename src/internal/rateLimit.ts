import type * as Clock from "effect/Clock"

// A reset above this many seconds can only be a time since the epoch, above this many again, in milliseconds.
const epochSeconds = 1e8
const epochMillis = 1e11

/**
 * What an answer that was not refused says of its window, by the headers that
 * are in use: `X-RateLimit-Remaining` with `X-RateLimit-Reset-After` (seconds
 * from now) or `X-RateLimit-Reset` (seconds from now, or since the epoch).
 *
 * @internal
 */
export const rateLimit = (
  headers: Readonly<Record<string, string | undefined>>,
  clock: Clock.Clock
): { readonly _tag: "Taken"; readonly remaining: number; readonly resetAfter: number } | undefined => {
  const header = headers["x-ratelimit-remaining"]
  if (header === undefined) return undefined
  const remaining = number(header)
  const after = number(headers["x-ratelimit-reset-after"])
  const reset = number(headers["x-ratelimit-reset"])
  const resetAfter = after !== undefined
    ? after * 1000
    : reset === undefined
    ? undefined
    : reset > epochMillis
    ? reset - clock.currentTimeMillisUnsafe()
    : reset > epochSeconds
    ? reset * 1000 - clock.currentTimeMillisUnsafe()
    : reset * 1000
  return remaining !== undefined && resetAfter !== undefined && resetAfter > 0
    ? { _tag: "Taken", remaining, resetAfter }
    : undefined
}

const number = (header: string | undefined): number | undefined =>
  header !== undefined && /^\s*\d+(?:\.\d+)?\s*$/.test(header) ? Number(header) : undefined
