/**
 * A poll in a message.
 *
 * A message with a poll cannot be edited, a webhook cannot end its poll, and
 * some kinds of channel refuse polls.
 *
 * **Example** (Asking for lunch)
 *
 * ```ts
 * import { Message, Poll } from "effect-webhooks/discord"
 *
 * const message = Message.make({
 *   poll: Poll.make({
 *     question: { text: "Lunch?" },
 *     answers: [{ poll_media: { text: "Pizza", emoji: { name: "🍕" } } }, { poll_media: { text: "Soup" } }],
 *     duration: 2
 *   })
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Schema from "effect/Schema"
import type { InvalidPayload } from "../WebhookError.ts"
import { emoji } from "./internal/emoji.ts"
import { type Buildable, constructors, integer, list, nullish, ruled } from "./internal/payload.ts"
import { text } from "./internal/text.ts"

/**
 * One answer to choose.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly poll_media: {
    /** 1 to 55 characters. */
    readonly text: string
    /** A custom emoji by its id, a Unicode one by its name. */
    readonly emoji?:
      | {
        readonly id?: string | null | undefined
        readonly name?: string | null | undefined
        readonly animated?: boolean | null | undefined
      }
      | null
      | undefined
  }
}

/**
 * Discord's `poll`, as it is created.
 *
 * @category models
 * @since 0.1.0
 */
export interface Poll {
  /** Text only, 1 to 300 characters. */
  readonly question: { readonly text: string }
  /** 1 to 10 answers. */
  readonly answers: ReadonlyArray<Answer>
  /**
   * Hours, 1 to 768 (32 days).
   *
   * @default 24
   */
  readonly duration?: number | null | undefined
  readonly allow_multiselect?: boolean | null | undefined
  /** Discord knows only layout 1. */
  readonly layout_type?: 1 | null | undefined
}

const Answer = Schema.Struct({
  poll_media: Schema.Struct({ text: text(55, "required"), emoji: nullish(emoji) })
})

/**
 * The schema of `poll`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Poll: Schema.Codec<Poll> = ruled(
  Schema.Struct({
    question: Schema.Struct({ text: text(300, "required") }),
    answers: list(Answer, { min: 1, max: 10 }),
    duration: nullish(integer(1, 768)),
    allow_multiselect: nullish(Schema.Boolean),
    layout_type: nullish(Schema.Literal(1))
  }),
  () => {}
)

const constructed = constructors<Buildable<Poll>, Poll>(Poll, identity)

/**
 * Makes a poll; throws `InvalidPayload` with every violation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (input: Buildable<Poll>) => Poll = constructed.make

/**
 * Makes a poll; fails with `InvalidPayload`, which has every violation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeEffect: (input: Buildable<Poll>) => Effect.Effect<Poll, InvalidPayload> = constructed.makeEffect
