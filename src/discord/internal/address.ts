import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { holdsSeveral, parseUrl, several } from "../../internal/url.ts"
import { InvalidUrl } from "../../WebhookError.ts"

/**
 * Where Discord's API is; older versions of it count milliseconds where this
 * one counts seconds.
 *
 * @internal
 */
export const api = new URL("https://discord.com/api/v10")

const hosts = new Set(["", "ptb.", "canary."].flatMap((client) => [`${client}discord.com`, `${client}discordapp.com`]))

const path = /^\/api(?:\/v\d{1,2})?\/webhooks\/(\d{1,20})\/([\w-]+)(?:\/(?:slack|github))?\/?$/
const relayedPath = /^\/webhooks\/(\d{1,20})\/([\w-]+)\/?$/

/** @internal */
export const isId = (value: unknown): value is string => typeof value === "string" && /^\d{1,20}$/.test(value)

/**
 * Where an API is; paths are put at its end.
 *
 * @internal
 */
export const readBase = (input: unknown): Result.Result<URL, InvalidUrl> =>
  Result.flatMap(parseUrl(input, "baseUrl"), (base) =>
    base.search === ""
      ? Result.succeed(base)
      : Result.fail(new InvalidUrl({ field: "baseUrl", detail: "it has a query, and paths are put at its end" })))

/**
 * What a webhook's URL says; `base` is where a relay's own URLs may lead.
 *
 * @internal
 */
export const readUrl = (
  input: unknown,
  field: string,
  base: URL
): Result.Result<
  { readonly id: string; readonly token: string; readonly threadId: string | undefined; readonly wait: boolean },
  InvalidUrl
> => {
  const fail = (detail: string) => Result.fail(new InvalidUrl({ field, detail }))
  const given: unknown = Redacted.isRedacted(input) ? Redacted.value(input) : input
  if (typeof given !== "string" && !(given instanceof URL)) {
    return fail("it is neither a string, nor a URL, nor a Redacted string")
  }
  if (holdsSeveral(given)) return fail(several)
  if (!URL.canParse(given)) return fail("it does not parse; it must be absolute")
  const parsed = new URL(given)
  if (parsed.protocol !== "https:" && parsed.protocol !== "http:") return fail("its scheme must be https")
  if (parsed.username !== "" || parsed.password !== "") return fail("it has user-info before the host")
  const root = base.pathname.replace(/\/$/, "")
  const relayed = parsed.origin === base.origin && parsed.pathname.startsWith(`${root}/`)
    ? relayedPath.exec(parsed.pathname.slice(root.length))
    : null
  if (relayed === null && !hosts.has(parsed.host)) return fail("its host is not one of Discord's")
  const found = relayed ?? path.exec(parsed.pathname)
  if (found === null) return fail("its path is not that of a webhook, /api/webhooks/{id}/{token}")
  const threadId = parsed.searchParams.get("thread_id") || undefined
  if (threadId !== undefined && !isId(threadId)) return fail("its thread_id is not an id")
  const wait = /^(?:true|1)$/i.test(parsed.searchParams.get("wait") ?? "")
  return Result.succeed({ id: found[1]!, token: found[2]!, threadId, wait })
}
