import * as Schema from "effect/Schema"
import { nullish, snowflake } from "./payload.ts"
import { text } from "./text.ts"

/**
 * A custom emoji by its id, a Unicode one by its name.
 *
 * @internal
 */
export const emoji = Schema.Struct({
  id: nullish(snowflake),
  name: nullish(text(32)),
  animated: nullish(Schema.Boolean)
})
