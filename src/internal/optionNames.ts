import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { InvalidOptions, WebhookError } from "../WebhookError.ts"
import { pathOf } from "./path.ts"

/**
 * The names of a type's options. One that is left out here does not compile.
 *
 * @internal
 */
export const namesOf = <Options>(names: Record<keyof Options, true>): ReadonlySet<string> => new Set(Object.keys(names))

/**
 * The first option that has none of these names, nor is one of `others`: a
 * slip of the pen, by which nothing would change.
 *
 * @internal
 */
export const unknownOption = (
  options: object | undefined,
  names: ReadonlySet<string>,
  others: ReadonlyArray<string> = []
): InvalidOptions | undefined => {
  // What cannot even be listed is refused where it is read.
  const given = Result.getOrElse(Result.try(() => Object.keys(options ?? {})), () => [])
  const unknown = given.find((name) => !names.has(name) && !others.includes(name))
  return unknown === undefined
    ? undefined
    : new InvalidOptions({ option: pathOf([unknown]), detail: `there is no such option; ${hint(unknown, names)}` })
}

// Of the layers that are composed with one another: one object may be given to several of them. A layer that takes no
// proxies, or no URLs, still refuses them, since it would send elsewhere or another way than is meant.
const composed = [
  "timeout",
  "deadline",
  "maxRetries",
  "maxProxyRetries",
  "retry",
  "onAmbiguous",
  "classify",
  "headers",
  "signer",
  "propagateTrace",
  "egress",
  "maxResponseBytes",
  "maxPerOrigin",
  "maxPerProxy",
  "grace",
  "failover",
  "circuit",
  "onRetired",
  "connectTimeout",
  "keepAlive",
  "tls",
  "proxyTls",
  "maxProxies",
  "cooldown"
]

/**
 * Fails for an option that has none of these names, and is none of a layer
 * that goes with this one.
 *
 * @internal
 */
export const checkNames = (
  options: object | undefined,
  names: ReadonlySet<string>
): Effect.Effect<void, WebhookError> =>
  Effect.suspend(() => {
    const reason = unknownOption(options, names, composed)
    return reason === undefined ? Effect.void : Effect.fail(new WebhookError({ reason }))
  })

/**
 * The same for a layer that cannot fail: throws where the option is written.
 *
 * @internal
 */
export const assertNames = (options: object | undefined, names: ReadonlySet<string>): void => {
  const reason = unknownOption(options, names, composed)
  if (reason !== undefined) throw new RangeError(reason.message)
}

/**
 * Those options that have one of these names.
 *
 * @internal
 */
export const pick = <Options extends object>(options: Options, names: ReadonlySet<string>): Partial<Options> =>
  Object.fromEntries(Object.entries(options).filter(([name]) => names.has(name))) as Partial<Options>

const hint = (name: string, names: ReadonlySet<string>): string => {
  const distances = Array.from(names, (known) => [known, distance(name.slice(0, 50), known)] as const)
  const least = Math.min(...distances.map(([_, distance]) => distance))
  const nearest = distances.flatMap(([known, distance]) => distance === least ? [known] : [])
  // A name of which more than half would have to change is another one.
  return least * 2 <= Math.max(name.length, nearest[0]!.length)
    ? `did you mean ${nearest.join(" or ")}?`
    : `there are ${Array.from(names).join(", ")}`
}

/** How many letters must be added, taken away or changed to make one word of another (Levenshtein). */
const distance = (from: string, to: string): number => {
  const [a, b] = [from.toLowerCase(), to.toLowerCase()]
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
