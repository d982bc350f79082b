import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { SendOptions } from "../Webhook.ts"
import { InvalidOptions } from "../WebhookError.ts"

const names = ["id", "url", "headers", "timeout", "deadline", "signer"] as const

/** @internal */
export const noOptions: SendOptions = {}

/**
 * The options of a send as they are now. They are the user's object: reading
 * one may throw, or give something else the next time, so each is read once.
 *
 * @internal
 */
export const readOptions = (options: SendOptions | null | undefined): Result.Result<SendOptions, InvalidOptions> => {
  if (options === undefined || options === null) return Result.succeed(noOptions)
  if (typeof options !== "object") {
    return Result.fail(
      new InvalidOptions({
        option: "of the send",
        detail: `they must be an object, such as { id }, not a ${typeof options}`
      })
    )
  }
  let option = "of the send"
  return Result.try({
    try: () => {
      const read: Record<string, unknown> = {}
      for (const name of names) {
        option = name
        const value = options[name]
        if (value !== undefined) read[name] = name === "url" ? plainUrl(value) : value
      }
      return read
    },
    catch: () => new InvalidOptions({ option, detail: "reading it throws" })
  })
}

// What a URL object has inside, and a Redacted that was wiped, can only be told by asking.
const plainUrl = (url: unknown): unknown => {
  if (url instanceof URL) return url.href
  if (Redacted.isRedacted(url)) Redacted.value(url)
  return url
}
