import { namesOf, pick } from "../../internal/optionNames.ts"
import { type Plain, plain } from "../../internal/plain.ts"
import * as Webhook from "../../Webhook.ts"
import type { Edit, EditOptions, SendOptions } from "../DiscordWebhook.ts"
import type * as Message from "../Message.ts"

const editKeys = namesOf<Edit>({
  content: true,
  embeds: true,
  allowed_mentions: true,
  components: true,
  attachments: true,
  poll: true,
  flags: true
})

const messageKeys = new Set([
  ...editKeys,
  ...namesOf<Omit<Message.Input, keyof Edit>>({
    username: true,
    avatar_url: true,
    tts: true,
    thread_name: true,
    applied_tags: true
  })
])

/**
 * What `delete` and `get` take.
 *
 * @internal
 */
export const revisitNames = namesOf<Omit<Webhook.SendOptions, "url">>({
  id: true,
  headers: true,
  timeout: true,
  deadline: true,
  signer: true
})

/** @internal */
export const editNames = new Set([
  ...editKeys,
  ...revisitNames,
  ...namesOf<Omit<EditOptions, keyof Edit | keyof Webhook.SendOptions>>({ files: true })
])

/** @internal */
export const sendNames = new Set([
  ...messageKeys,
  ...Webhook.sendOptionNames,
  ...namesOf<Omit<SendOptions, keyof Message.Input | keyof Webhook.SendOptions>>({ files: true, thread_id: true })
])

/**
 * A message before it is checked, as JSON sees it.
 *
 * @internal
 */
export type Draft = Pick<Plain, "value" | "violations">

/**
 * Makes one message of a text or a message, the options beside it, and who it
 * is from. What is neither text nor message stays as it is, for the schema to
 * refuse.
 *
 * @internal
 */
export const draftOf = (input: unknown, identity: object, options: object): Draft => {
  const content = plain(input)
  const fields = plain(pick(options, messageKeys))
  const message = typeof content.value === "string" ? { content: content.value } : content.value
  return {
    value: typeof message === "object" && message !== null
      ? { ...identity, ...defined(message), ...defined(fields.value as object) }
      : message,
    violations: [...content.violations, ...fields.violations]
  }
}

/** @internal */
export const defined = (record: object): object =>
  Object.fromEntries(Object.entries(record).filter(([_, value]) => value !== undefined))
