/**
 * Whom a message may ping.
 *
 * Without it Discord lets a webhook ping the users it mentions, but not roles
 * and not everyone. Text in components is under it too.
 *
 * **Example** (Pinging nobody)
 *
 * ```ts
 * import { AllowedMentions, Message } from "effect-webhooks/discord"
 *
 * const message = Message.make({
 *   content: "deployed by <@1234567890123456789>",
 *   allowed_mentions: AllowedMentions.none
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
import {
  type Buildable,
  constructors,
  items,
  list,
  nullish,
  type Report,
  ruled,
  snowflake
} from "./internal/payload.ts"

/**
 * Discord's `allowed_mentions`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AllowedMentions {
  /** Kinds of which every mention in the text pings; each at most once. */
  readonly parse?: ReadonlyArray<"roles" | "users" | "everyone" | null> | null | undefined
  /** At most 100 role ids, each at most once; not beside `"roles"` in `parse`. */
  readonly roles?: ReadonlyArray<string | null> | null | undefined
  /** At most 100 user ids, each at most once; not beside `"users"` in `parse`. */
  readonly users?: ReadonlyArray<string | null> | null | undefined
  readonly replied_user?: boolean | null | undefined
}

const ids = list(Schema.NullOr(snowflake), { max: 100 })

const unique = (input: unknown, key: string, report: Report): void => {
  const values = items(input, key)
  const size = new Set(values).size
  if (size < values.length) {
    report([key], `must have no duplicates, but ${values.length - size} of its ${values.length} are`)
  }
}

/**
 * The schema of `allowed_mentions`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AllowedMentions: Schema.Codec<AllowedMentions> = ruled(
  Schema.Struct({
    parse: nullish(Schema.Array(Schema.NullOr(Schema.Literals(["roles", "users", "everyone"])))),
    roles: nullish(ids),
    users: nullish(ids),
    replied_user: nullish(Schema.Boolean)
  }),
  (input, report) => {
    const parse = items(input, "parse")
    for (const kind of ["users", "roles"]) {
      const count = items(input, kind).length
      if (count > 0 && parse.includes(kind)) {
        report([], `"${kind}" in parse excludes a list of ${kind}, but ${kind} has ${count}`)
      }
    }
    for (const key of ["parse", "roles", "users"]) unique(input, key, report)
  }
)

const constructed = constructors<Buildable<AllowedMentions>, AllowedMentions>(AllowedMentions, identity)

/**
 * Makes `allowed_mentions`; throws `InvalidPayload` with every violation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (input: Buildable<AllowedMentions>) => AllowedMentions = constructed.make

/**
 * Makes `allowed_mentions`; fails with `InvalidPayload`, which has every violation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeEffect: (input: Buildable<AllowedMentions>) => Effect.Effect<AllowedMentions, InvalidPayload> =
  constructed.makeEffect

/**
 * Pings nobody, whatever the text mentions.
 *
 * @category constants
 * @since 0.1.0
 */
export const none: AllowedMentions = { parse: [] }
