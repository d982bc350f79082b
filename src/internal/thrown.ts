import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/**
 * What somebody's function threw or gave, kept from being printed but for its class.
 *
 * @internal
 */
export const hide = (thrown: unknown): Redacted.Redacted<unknown> => Redacted.make(thrown, { label: classOf(thrown) })

/**
 * How a message ends that has a cause: with its class, and where all of it is.
 *
 * @internal
 */
export const ending = (cause: Redacted.Redacted<unknown> | undefined): string => {
  const thrown = cause && Result.getOrUndefined(Result.try(() => Redacted.value(cause)))
  return thrown === undefined ? "" : ` (${classOf(thrown) ?? "something"}, all of it in Redacted.value(reason.cause))`
}

// It is told what the class is called and no more: a message may hold a secret, and so may a name that is made up.
const classOf = (thrown: unknown): string | undefined => {
  const found = Result.getOrUndefined(Result.try((): unknown => (thrown as object).constructor.name))
  return typeof found === "string" && /^[A-Za-z_$][\w$]{0,60}$/.test(found) ? found : undefined
}
