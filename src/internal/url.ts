import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { InvalidUrl } from "../WebhookError.ts"

/** @internal */
export const several = "it holds several URLs; give them as a list, or read them from one variable by " +
  "UrlPool.urlsConfig (a comma that is part of a URL, before another one, is written %2C)"

/**
 * Whether there are several URLs in one, joined by commas or blanks. A URL that
 * has been parsed has its blanks encoded.
 *
 * @internal
 */
export const holdsSeveral = (value: string | URL): boolean =>
  typeof value === "string" ? /[,\s]https?:\/\//i.test(value.trim()) : /,(?:%20)*https?:\/\//i.test(value.href)

/**
 * A URL that a webhook can be sent to, without its fragment.
 *
 * @internal
 */
export const parseUrl = (input: unknown, field: string): Result.Result<URL, InvalidUrl> => {
  const value = Redacted.isRedacted(input) ? Redacted.value(input) : input
  const fail = (detail: string) => Result.fail(new InvalidUrl({ field, detail }))
  if (typeof value !== "string" && !(value instanceof URL)) {
    return fail("it is neither a string, nor a URL, nor a Redacted string")
  }
  if (holdsSeveral(value)) return fail(several)
  // A constructor that throws costs more, and URL.canParse is everywhere that fetch is.
  if (!URL.canParse(value)) return fail("it does not parse; it must be absolute, as in https://example.com/hook")
  const url = new URL(value)
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return fail("its scheme must be http or https")
  }
  if (url.username !== "" || url.password !== "") {
    return fail("it has user-info before the host; send credentials in a header instead")
  }
  url.hash = ""
  return Result.succeed(url)
}
