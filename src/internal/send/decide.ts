import type { Setback } from "../judge.ts"

/**
 * How long a retry waits: not at all; until the gate of its URL, or of the way
 * to it, opens; as long as the schedule says; or as long as the schedule with
 * the receiver's hint says.
 *
 * @internal
 */
export type Wait = "none" | "gate" | "backoff" | "hinted"

/**
 * What follows a setback.
 *
 * `Rotate` is a try by another proxy at once, which is no retry. A retry goes
 * to the same URL, to any that is open, or to the `other` that the view names.
 *
 * @internal
 */
export type Decision =
  | { readonly _tag: "Stop" }
  | { readonly _tag: "Rotate" }
  | { readonly _tag: "Retry"; readonly to: "same" | "any" | "other"; readonly wait: Wait }

/**
 * What is left of the tries that a send has.
 *
 * @internal
 */
export interface Budget {
  readonly retries: number
  readonly rotations: number
  /** Whether a send ends when the receiver may have the webhook. */
  readonly stopOnMaybe: boolean
}

/**
 * What a send sees around it.
 *
 * @internal
 */
export interface View {
  /** Whether there is a proxy that this send has not tried. */
  readonly otherProxy: boolean
  /** Whether it may go on with another URL: failover is on, and another one may cure the setback. */
  readonly failover: boolean
  /** The URL that it would go on with; `same` if it is the one that was just tried. */
  readonly other: { readonly open: boolean; readonly same: boolean } | undefined
  /** Whether it has not been to all URLs yet. */
  readonly firstLap: boolean
  /** Whether any URL is open. */
  readonly anyOpen: boolean
  /** Whether it goes by proxies. */
  readonly proxied: boolean
}

const stop: Decision = { _tag: "Stop" }
const rotate: Decision = { _tag: "Rotate" }

/**
 * Whether a refusal closes the URL: where the way to it is closed for as long,
 * that is enough.
 *
 * @internal
 */
export const closesUrl = ({ hint, limited, pause }: Pick<Setback, "hint" | "limited" | "pause">): boolean =>
  limited && !(pause !== undefined && pause >= (hint ?? 0))

/**
 * Decides what follows a setback.
 *
 * @internal
 */
export const decide = (
  setback: Pick<Setback, "hint" | "limited" | "maybe" | "pause" | "retry" | "rotate">,
  { retries, rotations, stopOnMaybe }: Budget,
  { anyOpen, failover, firstLap, other, otherProxy, proxied }: View
): Decision => {
  const { limited, maybe, retry } = setback
  if (maybe && stopOnMaybe) return stop
  if (setback.rotate && rotations > 0 && otherProxy) return rotate
  if (retries === 0 || !(retry || other !== undefined)) return stop
  // Only another URL will do, or this is the last try and this URL has just failed.
  const waitsForOther = other !== undefined && !other.open && !other.same && (!retry || (!limited && retries === 1))
  const to = waitsForOther ? "other" : failover ? "any" : "same"
  const again = (wait: Wait): Decision => ({ _tag: "Retry", to, wait })
  // Nobody has it, and another URL takes it now or will: there is nothing to wait for here.
  if (firstLap && (waitsForOther || other?.open === true)) return again(maybe ? "backoff" : "none")
  if (!limited) return again("hinted")
  // By another proxy the way may be open.
  if (setback.pause !== undefined && proxied) return again("gate")
  // The hint is that of a URL which it leaves; the pool knows which one opens first.
  if (failover && closesUrl(setback)) return again(anyOpen ? "backoff" : "gate")
  return again("hinted")
}
