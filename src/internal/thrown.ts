import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/**
 * What somebody's function threw, kept from being printed but for its class.
 *
 * @internal
 */
export const hide = (thrown: unknown): Redacted.Redacted<unknown> => Redacted.make(thrown, { label: classOf(thrown) })

/**
 * In words that are safe to print: what it is, as in `a TypeError`.
 *
 * @internal
 */
export const name = (thrown: unknown): string => {
  const known = classOf(thrown)
  return known === undefined ? "something" : `${/^[AEIO]/i.test(known) ? "an" : "a"} ${known}`
}

/** @internal */
export const nameHidden = (hidden: Redacted.Redacted<unknown>): string =>
  name(Result.getOrUndefined(Result.try(() => Redacted.value(hidden))))

/** @internal */
export const whole = "Redacted.value(reason.cause) has all of it"

// It is told what the class is called and no more: a message may hold a secret, and so may a name that is made up.
const classOf = (thrown: unknown): string | undefined => {
  const found = Result.getOrUndefined(Result.try((): unknown => (thrown as object).constructor.name))
  return typeof found === "string" && /^[A-Za-z_$][\w$]{0,60}$/.test(found) ? found : undefined
}
