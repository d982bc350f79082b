import * as Schema from "effect/Schema"
import { field, nullish, ruled, snowflake } from "./payload.ts"
import { isBlank, text } from "./text.ts"

/**
 * Whether there is neither an id nor a name in an emoji.
 *
 * @internal
 */
export const isEmptyEmoji = (emoji: unknown): boolean => {
  if (typeof emoji !== "object" || emoji === null) return false
  const name = field(emoji, "name") ?? ""
  return (field(emoji, "id") ?? "") === "" && typeof name === "string" && isBlank(name)
}

/**
 * A custom emoji by its id, a Unicode one by its name.
 *
 * @internal
 */
export const emoji = ruled(
  Schema.Struct({
    id: nullish(snowflake),
    name: nullish(text(32)),
    animated: nullish(Schema.Boolean)
  }),
  (input, report) => {
    if (isEmptyEmoji(input)) report([], "must have an id or a name")
  }
)
