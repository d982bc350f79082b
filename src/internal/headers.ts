import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { InvalidHeader, InvalidOptions } from "../WebhookError.ts"

/**
 * Headers by name: a secret value may be `Redacted`.
 *
 * @internal
 */
export type HeadersInput = Readonly<Record<string, string | Redacted.Redacted<string>>>

// RFC 9110, section 5.6.2 (token) and 5.5 (field-value).
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const forbidden = /[^\t\x20-\x7e\x80-\xff]/

// What frames a message or belongs to one hop; no transport lets a caller set it.
const reserved = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "upgrade",
  "expect"
])

/**
 * Checks headers and gives their names in lower case.
 *
 * @internal
 */
export const parse = (
  input: HeadersInput | undefined,
  signing: boolean
): Result.Result<Record<string, string>, InvalidHeader> => {
  const headers: Record<string, string> = {}
  for (const [key, given] of Object.entries(input ?? {})) {
    const header = key.toLowerCase()
    const value: unknown = Redacted.isRedacted(given) ? Redacted.value(given) : given
    const fail = (detail: string) => Result.fail(new InvalidHeader({ header, detail }))
    if (!token.test(header)) return fail("its name has a character that HTTP does not allow")
    if (reserved.has(header)) return fail("it belongs to HTTP itself and cannot be set")
    if (signing && header.startsWith("webhook-")) return fail("webhook-* headers belong to the signature")
    if (typeof value !== "string") return fail(`its value must be a string, not a ${typeof value}`)
    if (forbidden.test(value)) return fail("its value has a character that HTTP does not allow, such as CR, LF or NUL")
    headers[header] = value
  }
  return Result.succeed(headers)
}

/**
 * The same for what may be anything: of a Map, a text, a list, a promise or a
 * Redacted record nothing would be sent, or nonsense.
 *
 * @internal
 */
export const read = (
  input: unknown,
  signing: boolean
): Result.Result<Record<string, string>, InvalidHeader | InvalidOptions> => {
  const given = input ?? {}
  const tag = Object.prototype.toString.call(given)
  if (tag === "[object Headers]") return parse(Object.fromEntries(given as globalThis.Headers), signing)
  return tag === "[object Object]" && !Redacted.isRedacted(given)
    ? parse(given as HeadersInput, signing)
    : Result.fail(new InvalidOptions({ option: "headers", detail: shape }))
}

const shape = "it must be a record, or fetch's Headers; a Map goes in Object.fromEntries(map)"
