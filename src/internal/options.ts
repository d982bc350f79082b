import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/**
 * Milliseconds of a duration that must be positive; `undefined` if it is not one.
 *
 * @internal
 */
export const toPositiveMillis = (input: Duration.Input): number | undefined => {
  const duration = Duration.fromInput(input)
  if (Option.isNone(duration)) return undefined
  const millis = Duration.toMillis(duration.value)
  return millis > 0 ? millis : undefined
}

/** @internal */
export const positive = "must be a positive duration such as \"15 seconds\" or a number of milliseconds"

/**
 * The same for a constant in a program: throws where it is written.
 *
 * @internal
 */
export const positiveMillis = (option: string, input: Duration.Input): number => {
  const millis = toPositiveMillis(input)
  if (millis === undefined) throw new RangeError(`${option} ${positive}, got ${String(input)}`)
  return millis
}

/**
 * A whole number of at least `least`, or throws where it is written.
 *
 * @internal
 */
export const wholeNumber = (option: string, value: number, least: number): number => {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${option} must be a whole number of at least ${least}, got ${value}`)
  }
  return value
}
