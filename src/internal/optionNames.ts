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
 * What transports take beside a `Webhook`: one object of options may serve both.
 *
 * @internal
 */
export const ofTransports = { connectTimeout: true, keepAlive: true, tls: true, maxProxies: true } as const

/**
 * The first option that has none of these names: a slip of the pen, by which
 * nothing would change. `others` may be there too.
 *
 * @internal
 */
export const unknownOption = (
  options: object | undefined,
  names: ReadonlySet<string>,
  others: object = {}
): InvalidOptions | undefined => {
  // What cannot even be listed is refused where it is read.
  const given = Result.getOrElse(Result.try(() => Object.keys(options ?? {})), () => [])
  const unknown = given.find((name) => !names.has(name) && !Object.hasOwn(others, name))
  return unknown === undefined
    ? undefined
    : new InvalidOptions({ option: pathOf([unknown]), detail: `there is no such option; ${hint(unknown, names)}` })
}

/**
 * Fails for an option that has none of these names.
 *
 * @internal
 */
export const checkNames = (
  options: object | undefined,
  names: ReadonlySet<string>,
  others?: object
): Effect.Effect<void, WebhookError> =>
  Effect.suspend(() => {
    const reason = unknownOption(options, names, others)
    return reason === undefined ? Effect.void : Effect.fail(new WebhookError({ reason }))
  })

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
