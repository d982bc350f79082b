import { parseDictionary, parseList } from "./structuredField.ts"

// A reset above this many seconds can only be a time since the epoch, above this many again, in milliseconds.
const epochSeconds = 1e8
const epochMillis = 1e11

type Headers = Readonly<Record<string, string | undefined>>

/**
 * What is left of a receiver's window, and when it ends in milliseconds.
 *
 * @internal
 */
export interface Window {
  readonly _tag: "Taken"
  readonly remaining: number
  readonly resetAfter: number
}

/**
 * What an answer says of the receiver's window. Of several ways of saying it
 * the first that names both the remainder and the reset counts:
 *
 * 1. `RateLimit: "default";r=50;t=30` (draft-ietf-httpapi-ratelimit-headers-11;
 *    `RateLimit-Policy` is informative, and not read), or
 *    `RateLimit: limit=100, remaining=50, reset=30` (draft 07);
 * 2. `RateLimit-Remaining` with `RateLimit-Reset` in seconds from now (drafts
 *    03 to 06);
 * 3. `X-RateLimit-Remaining` with `X-RateLimit-Reset-After` (seconds from now)
 *    or `X-RateLimit-Reset` (seconds from now, or since the epoch).
 *
 * `now` is the wall clock in milliseconds since the epoch.
 *
 * @internal
 */
export const rateLimit = (headers: Headers, now: number): Window | undefined =>
  byField(headers["ratelimit"]) ?? byDelta(headers) ?? byConvention(headers, now)

/**
 * The wait until a window ends of which nothing remains, in milliseconds.
 *
 * @internal
 */
export const exhausted = (headers: Headers, now: number): number | undefined => {
  const window = rateLimit(headers, now)
  return window?.remaining === 0 ? window.resetAfter : undefined
}

const byField = (field: string | undefined): Window | undefined => {
  if (field === undefined) return undefined
  const items = parseList(field)
  if (items === undefined) {
    const told = parseDictionary(field)
    return told && windowOf(count(told.get("remaining")), millis(count(told.get("reset"))))
  }
  let first: Window | undefined
  for (const { parameters, value } of items) {
    const remaining = count(parameters.get("r"))
    const reset = parameters.get("t")
    const seconds = count(reset)
    // "Malformed RateLimit header fields MUST be ignored."
    if (!isName.test(value) || remaining === undefined || (reset !== undefined && seconds === undefined)) {
      return undefined
    }
    const window = windowOf(remaining, millis(seconds))
    if (window !== undefined && (first === undefined || bindsBefore(window, first))) first = window
  }
  return first
}

// A String, or a Token as it was before draft 09.
const isName = /^["*a-z]/i

// Of those that are used up the one that ends last, else the one of which the least remains.
const bindsBefore = (one: Window, other: Window): boolean =>
  one.remaining < other.remaining ||
  (one.remaining === other.remaining && one.resetAfter > other.resetAfter)

const byDelta = (headers: Headers): Window | undefined => {
  const seconds = number(headers["ratelimit-reset"])
  // Some send the time since the epoch, which the drafts rule out.
  return seconds === undefined || seconds > epochSeconds
    ? undefined
    : windowOf(number(headers["ratelimit-remaining"]), millis(seconds))
}

const byConvention = (headers: Headers, now: number): Window | undefined => {
  const remaining = number(headers["x-ratelimit-remaining"])
  if (remaining === undefined) return undefined
  const after = number(headers["x-ratelimit-reset-after"])
  const reset = number(headers["x-ratelimit-reset"])
  const resetAfter = after !== undefined || reset === undefined
    ? millis(after)
    : reset > epochMillis
    ? reset - now
    : reset > epochSeconds
    ? reset * 1000 - now
    : reset * 1000
  return windowOf(remaining, resetAfter)
}

const millis = (seconds: number | undefined): number | undefined => seconds === undefined ? undefined : seconds * 1000

const windowOf = (remaining: number | undefined, resetAfter: number | undefined): Window | undefined =>
  remaining !== undefined && resetAfter !== undefined && resetAfter > 0 && resetAfter < Infinity
    ? { _tag: "Taken", remaining, resetAfter }
    : undefined

/** A non-negative Integer of a structured field. */
const count = (value: string | undefined): number | undefined =>
  value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined

const number = (header: string | undefined): number | undefined => {
  if (header === undefined || !/^\s*\d+(?:\.\d+)?\s*$/.test(header)) return undefined
  const value = Number(header)
  return value < Infinity ? value : undefined
}
