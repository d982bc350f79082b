/**
 * A message that a webhook has posted, as Discord answers it.
 *
 * It is Discord's own JSON with two keys more: the webhook that posted it, and
 * the thread it is in. With these it can be edited, deleted and read again.
 *
 * **Example** (Posting first, editing later)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { DiscordWebhook } from "effect-webhooks/discord"
 *
 * const program = Effect.gen(function*() {
 *   const message = yield* DiscordWebhook.post("deploying")
 *   yield* DiscordWebhook.edit(message, "deployed")
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

/**
 * Where a message is: enough to edit, delete or read it.
 *
 * **Details**
 *
 * `url` is the webhook that posted it, and nobody else can change it; it may be
 * left out where a layer has one webhook only. A message in a thread needs its
 * `thread_id`, else Discord does not find it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ref {
  readonly id: string
  readonly url?: string | URL | Redacted.Redacted<string> | undefined
  readonly thread_id?: string | undefined
}

/**
 * A message as Discord answers it, and where it is.
 *
 * **Details**
 *
 * Every key of Discord's answer is there. That `id` and `channel_id` are
 * strings was checked; the other types are what Discord documents.
 *
 * @category models
 * @since 0.1.0
 */
export interface DiscordMessage extends Ref {
  readonly id: string
  /** The channel, or the thread. */
  readonly channel_id: string
  readonly url: Redacted.Redacted<string>
  readonly content: string
  readonly timestamp: string
  readonly edited_timestamp: string | null
  readonly webhook_id?: string | undefined
  readonly flags?: number | undefined
  readonly embeds: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly attachments: ReadonlyArray<{
    readonly id: string
    readonly filename: string
    readonly size: number
    readonly url: string
    readonly [key: string]: unknown
  }>
  readonly [key: string]: unknown
}

/**
 * The schema of what must be in Discord's answer for it to be a message.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Answer: Schema.Codec<{ readonly id: string; readonly channel_id: string }> = Schema.Struct({
  id: Schema.String,
  channel_id: Schema.String
})
