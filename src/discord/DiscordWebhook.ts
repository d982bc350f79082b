/**
 * Discord webhooks.
 *
 * **Example** (Reading a pasted URL)
 *
 * ```ts
 * import { Result } from "effect"
 * import { DiscordWebhook } from "effect-webhooks/discord"
 *
 * declare const pasted: string
 *
 * const id = DiscordWebhook.parseUrl(pasted).pipe(Result.map((webhook) => webhook.id))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { InvalidUrl } from "../WebhookError.ts"

/**
 * What a Discord webhook's URL says.
 *
 * @category models
 * @since 0.1.0
 */
export interface ParsedUrl {
  readonly id: string
  /** Whoever has it can post. */
  readonly token: Redacted.Redacted<string>
  /** The thread to post into. */
  readonly threadId?: string
}

const hosts = new Set(["", "ptb.", "canary."].flatMap((client) => [`${client}discord.com`, `${client}discordapp.com`]))

const path = /^\/api(?:\/v\d{1,2})?\/webhooks\/(\d{1,20})\/([\w-]+)(?:\/(?:slack|github))?\/?$/

/**
 * Reads a Discord webhook's URL as people paste it.
 *
 * **Details**
 *
 * Taken are discord.com and the old discordapp.com, those of the PTB and Canary
 * clients, with or without an API version, a trailing slash, `/slack` or
 * `/github`, and a query, of which `thread_id` is kept. Host and path must match
 * exactly: a URL that only contains Discord's is refused. The error never shows
 * the URL.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseUrl = (
  url: string | URL | Redacted.Redacted<string>
): Result.Result<ParsedUrl, InvalidUrl> => {
  const fail = (detail: string) => Result.fail(new InvalidUrl({ field: "url", detail }))
  const given: unknown = Redacted.isRedacted(url) ? Redacted.value(url) : url
  if (typeof given !== "string" && !(given instanceof URL)) {
    return fail("it is neither a string, nor a URL, nor a Redacted string")
  }
  if (!URL.canParse(given)) return fail("it does not parse; it must be absolute")
  const parsed = new URL(given)
  if (parsed.protocol !== "https:" && parsed.protocol !== "http:") return fail("its scheme must be https")
  if (parsed.username !== "" || parsed.password !== "") return fail("it has user-info before the host")
  if (!hosts.has(parsed.host)) return fail("its host is not one of Discord's")
  const found = path.exec(parsed.pathname)
  if (found === null) return fail("its path is not that of a webhook, /api/webhooks/{id}/{token}")
  const threadId = parsed.searchParams.get("thread_id")
  if (threadId !== null && !/^\d{1,20}$/.test(threadId)) return fail("its thread_id is not an id")
  return Result.succeed({
    id: found[1]!,
    token: Redacted.make(found[2]!, { label: "discord token" }),
    ...(threadId === null ? {} : { threadId })
  })
}
