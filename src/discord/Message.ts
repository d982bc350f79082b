/**
 * A message as a webhook sends it.
 *
 * A message is Discord's own JSON, so its documentation and its examples paste
 * in. `make` checks what can be told of the message alone. `validate` knows the
 * request around it too: whose webhook it is, the query, the uploaded files.
 * Both tell every violation at once, each with its path; neither is stricter
 * than Discord, so keys that are not known here pass through.
 *
 * Lengths are Unicode code points, without whitespace at the ends: that is how
 * Discord counts, and an emoji is often more than one.
 *
 * **Example** (A message that Discord will take)
 *
 * ```ts
 * import { Message } from "effect-webhooks/discord"
 *
 * const message = Message.make({
 *   content: "Deployed",
 *   embeds: [{ title: "effect-webhooks", color: "#57f287", timestamp: new Date() }]
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { pathOf } from "../internal/path.ts"
import { plain } from "../internal/plain.ts"
import type { InvalidPayload, Violation } from "../WebhookError.ts"
import { AllowedMentions } from "./AllowedMentions.ts"
import type * as Component from "./Component.ts"
import * as Embed from "./Embed.ts"
import { attachment } from "./internal/attachment.ts"
import { topLevel } from "./internal/component.ts"
import * as Lint from "./internal/lint.ts"
import { changesRule, contextRule, flags, messageRule, messageToWire } from "./internal/message.ts"
import {
  type Buildable,
  type Builder,
  construct,
  items,
  list,
  nullish,
  read,
  ruled,
  snowflake,
  violationsOf
} from "./internal/payload.ts"
import { split as splitText } from "./internal/split.ts"
import { splitEmbeds as groupEmbeds } from "./internal/splitEmbeds.ts"
import { text, url } from "./internal/text.ts"
import { Poll } from "./Poll.ts"

/**
 * A file that goes with the message: `id` is its `n` in `files[n]`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attachment {
  readonly id: string | number
  /** 1 to 1024 characters. */
  readonly filename?: string | null | undefined
  /** At most 1024 characters. */
  readonly description?: string | null | undefined
  /** At most 1024 characters. */
  readonly title?: string | null | undefined
  readonly is_spoiler?: boolean | null | undefined
  readonly duration_secs?: number | null | undefined
  readonly waveform?: string | null | undefined
}

/**
 * A message as it goes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  /** At most 2000 characters. */
  readonly content?: string | null | undefined
  /** 1 to 80 characters, without "clyde" and "discord" in it. */
  readonly username?: string | null | undefined
  readonly avatar_url?: string | null | undefined
  readonly tts?: boolean | null | undefined
  /** At most 10, and 6,000 characters over all of them. */
  readonly embeds?: ReadonlyArray<Embed.Embed> | null | undefined
  readonly allowed_mentions?: AllowedMentions | null | undefined
  /** At most 40, nested ones counted. */
  readonly components?: ReadonlyArray<Component.TopLevel> | null | undefined
  /** At most 10. */
  readonly attachments?: ReadonlyArray<Attachment> | null | undefined
  readonly poll?: Poll | null | undefined
  /** Bits of `Flags`. */
  readonly flags?: number | null | undefined
  /** Makes a thread of this name in a forum or media channel; at most 100 characters. */
  readonly thread_name?: string | null | undefined
  /** At most 5 ids of tags, in a forum or media channel. */
  readonly applied_tags?: ReadonlyArray<string> | null | undefined
}

/**
 * What `make` takes: a message in which any object may be a builder (of
 * discord.js, say), or anything else with a `toJSON`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Input extends Omit<Message, "embeds" | "allowed_mentions" | "components" | "attachments" | "poll"> {
  readonly embeds?: ReadonlyArray<Embed.Input | Builder> | null | undefined
  readonly allowed_mentions?: Buildable<AllowedMentions> | null | undefined
  readonly components?: ReadonlyArray<Buildable<Component.TopLevel>> | null | undefined
  readonly attachments?: ReadonlyArray<Buildable<Attachment>> | null | undefined
  readonly poll?: Buildable<Poll> | null | undefined
}

/**
 * What a message cannot tell of the request around it.
 *
 * **Details**
 *
 * `applicationOwned` is whether an application owns the webhook (its
 * `application_id` is not null). `files` are the names of the uploaded files;
 * without them `attachment://` references are not checked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Context {
  /** @default false */
  readonly applicationOwned?: boolean | undefined
  readonly query?: {
    readonly thread_id?: string | undefined
    readonly with_components?: boolean | undefined
  } | undefined
  readonly files?: ReadonlyArray<string> | undefined
}

/**
 * The bits of `flags` that a webhook may set.
 *
 * @category constants
 * @since 0.1.0
 */
export const Flags: {
  readonly SuppressEmbeds: number
  readonly SuppressNotifications: number
  readonly IsVoiceMessage: number
  readonly IsComponentsV2: number
} = flags

const username = text(80, "required").check(
  Schema.makeFilter((value: string) => {
    const found = /clyde|discord/i.exec(value)
    return found === null ? undefined : `must not contain "clyde" or "discord", but has "${found[0].toLowerCase()}"`
  })
)

const settable = Object.values(flags).reduce((all, flag) => all | flag, 0)
const settableNames = Object.entries(flags).map(([name, flag]) => `${name} (${flag})`).join(", ")

const isFlags = (value: number): boolean => Number.isInteger(value) && value >= 0 && value < 2 ** 31

const flagBits = Schema.Number.annotate({ expected: "a whole number of flags" }).check(
  Schema.makeFilter((value: number) => {
    const unknown = isFlags(value) ? value & ~settable : undefined
    if (unknown === 0) return undefined
    return `must have no flags but ${settableNames}, but ${unknown !== undefined ? `has ${unknown}` : `is ${value}`}`
  })
)

const keys = Schema.Struct({
  content: nullish(text(2000)),
  username: nullish(username),
  avatar_url: nullish(url(2048, "any")),
  tts: nullish(Schema.Boolean),
  embeds: nullish(list(Embed.Embed, { max: 10 })),
  allowed_mentions: nullish(AllowedMentions),
  // The rule is what tells the kinds of buttons and the contents of a row apart.
  components: nullish(list(topLevel as Schema.Codec<any> as Schema.Codec<Component.TopLevel>, { max: 40 })),
  attachments: nullish(list(attachment, { max: 10 })),
  poll: nullish(Poll),
  flags: nullish(flagBits),
  thread_name: nullish(text(100)),
  applied_tags: nullish(list(snowflake, { max: 5 }))
})

/**
 * The schema of a message on the wire.
 *
 * **Details**
 *
 * It checks what can be told of a message alone. Whether there is anything to
 * send at all depends on the request; `validate` and `make` tell that too.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Message: Schema.Codec<Message> = ruled(keys, messageRule)

const violationsOfMessage = violationsOf(Message)
const violationsOfChanges = violationsOf(ruled(keys, changesRule))

type Known = Parameters<typeof contextRule>[1]

/**
 * Every violation of a message on the wire, and of the request around it.
 *
 * @internal
 */
export const violationsIn = (message: unknown, context: Known): ReadonlyArray<Violation> => {
  const violations = (context.edits === true ? violationsOfChanges : violationsOfMessage)(message)
  if (typeof message === "object" && message !== null) {
    contextRule(message, context, (path, message) => violations.push({ path: pathOf(path), message }))
  }
  return violations
}

// A constructor knows nothing of the request, so it holds nothing of it against the message.
const unknown: Known = { applicationOwned: true, unknownFiles: true }

const result = (input: Input | Builder, context: Context | undefined): Result.Result<Message, InvalidPayload> =>
  construct(input, messageToWire, (wire) => violationsIn(wire, context ?? unknown))

/**
 * Makes a message; throws `InvalidPayload` with every violation.
 *
 * **Details**
 *
 * Without a `context` it checks what holds in every request: components need no
 * `with_components`, and `attachments` count as files. Whatever has a `toJSON`
 * is asked for it once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (input: Input | Builder, context?: Context): Message => Result.getOrThrow(result(input, context))

/**
 * Makes a message; fails with `InvalidPayload`, which has every violation.
 *
 * @see {@link make}
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeEffect = (
  input: Input | Builder,
  context?: Context
): Effect.Effect<Message, InvalidPayload> => Effect.suspend(() => Effect.fromResult(result(input, context)))

/**
 * Checks a message, and the request around it, before Discord does.
 *
 * **Details**
 *
 * Without a `context` it is a webhook that no application owns, an empty query
 * and no files. The message comes back as it is, or as JSON sees it where
 * something in it has a `toJSON`.
 *
 * **Example** (Every violation at once)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Message } from "effect-webhooks/discord"
 *
 * const program = Message.validate({ content: "x".repeat(2001), thread_name: "news" }, {
 *   query: { thread_id: "1234567890123456789" }
 * }).pipe(
 *   Effect.catchTag("InvalidPayload", ({ violations }) =>
 *     Effect.forEach(violations, ({ path, message }) => Effect.log(`${path} ${message}`)))
 * )
 * ```
 *
 * @category validation
 * @since 0.1.0
 */
export const validate = (message: Message, context?: Context): Effect.Effect<Message, InvalidPayload> =>
  Effect.suspend(() => Effect.fromResult(construct(message, identity, (wire) => violationsIn(wire, context ?? {}))))

/**
 * Tells what Discord takes but nobody wants: warnings, not errors.
 *
 * **Details**
 *
 * Embeds with the `url` of an earlier one, whose text Discord drops; more than
 * four images for one `url`; an embed that shows a file which is no image; text
 * displays near the 10 KB, and media items above the 64, that Discord answers
 * with a 500.
 *
 * @category validation
 * @since 0.1.0
 */
export const lint = (message: Message): ReadonlyArray<Violation> => {
  const { value, violations } = plain(message)
  return [...violations, ...Lint.lint(value)]
}

/**
 * The same message without a notification.
 *
 * @category combinators
 * @since 0.1.0
 */
export const silent = <M extends Input>(self: M): Omit<M, "flags"> & { readonly flags: number } => {
  const before = self.flags ?? 0
  // What is no set of flags stays as it is, for the validator to refuse.
  return { ...self, flags: isFlags(before) ? before | flags.SuppressNotifications : before }
}

/**
 * Cuts a text into contents of at most 2,000 characters.
 *
 * **Details**
 *
 * It cuts after a paragraph, else a line, a sentence, a word. A code fence stays
 * whole if it can; one that is longer than a content is closed and opened again
 * with its language, between two lines. No text is lost but parts that are mere
 * whitespace, which Discord refuses.
 *
 * **Example** (Sending a long log)
 *
 * ```ts
 * import { Message } from "effect-webhooks/discord"
 *
 * const log = "…"
 * const messages = Message.split(`The log:\n\`\`\`txt\n${log}\n\`\`\``).map((content) => Message.make({ content }))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const split = (text: string): Array<string> => splitText(text, 2000)

/**
 * Cuts a message with many embeds into messages with at most 10 embeds and
 * 6,000 characters of embeds each.
 *
 * **Details**
 *
 * Neighbours with the same `url` stay together where they fit, since Discord
 * shows them as one. The first message has everything else; the others have the
 * identity, `tts`, `flags` and `allowed_mentions`, so files that embeds refer to
 * belong to the first. A single embed of more than 6,000 characters stays as it
 * is, for `make` or `validate` to refuse.
 *
 * **Example** (A report of thirty embeds)
 *
 * ```ts
 * import { type Embed, Message } from "effect-webhooks/discord"
 *
 * declare const embeds: ReadonlyArray<Embed.Embed>
 *
 * const messages = Message.splitEmbeds({ content: "The report", embeds })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const splitEmbeds = (message: Message): Array<Message> => {
  // What cannot be counted stays together, for the validator to refuse.
  const groups = read(() => groupEmbeds(items(message, "embeds") as ReadonlyArray<Embed.Embed>))
  const [first, ...rest] = Result.getOrElse(groups, () => [])
  if (first === undefined) return [message]
  const { allowed_mentions, avatar_url, flags, tts, username } = message
  const shared = Object.fromEntries(
    Object.entries({ username, avatar_url, tts, flags, allowed_mentions }).filter(([_, value]) => value !== undefined)
  )
  return [{ ...message, embeds: first }, ...rest.map((embeds): Message => ({ ...shared, embeds }))]
}
