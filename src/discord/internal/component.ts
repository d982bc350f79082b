import * as Schema from "effect/Schema"
import { emoji } from "./emoji.ts"
import { color, integer, list, nullish, snowflake } from "./payload.ts"
import { identifier, text, url } from "./text.ts"

const id = nullish(integer(0, 2147483647))
const flag = nullish(Schema.Boolean)
const media = Schema.Struct({ url: url(2048, "media") })
const description = nullish(text(1024, "required"))

// Plain structs, so that a union finds its member by `type`. What depends on
// several keys, or on other components, is in componentTree.ts.

const button = Schema.Struct({
  type: Schema.Literal(2),
  id,
  style: integer(1, 6),
  label: nullish(text(80)),
  emoji: nullish(emoji),
  custom_id: nullish(identifier(100)),
  url: nullish(url(512, "link")),
  sku_id: nullish(snowflake),
  disabled: flag
})

const select = {
  id,
  custom_id: identifier(100),
  placeholder: nullish(text(150)),
  min_values: nullish(integer(0, 25)),
  max_values: nullish(integer(1, 25)),
  disabled: flag
}

const stringSelect = Schema.Struct({
  type: Schema.Literal(3),
  ...select,
  options: list(
    Schema.Struct({
      label: text(100, "required"),
      value: identifier(100),
      description: nullish(text(100)),
      emoji: nullish(emoji),
      default: flag
    }),
    { min: 1, max: 25 }
  )
})

const entitySelect = <const Type extends number>(type: Type) =>
  Schema.Struct({
    type: Schema.Literal(type),
    ...select,
    default_values: nullish(list(
      Schema.Struct({ id: snowflake, type: Schema.Literals(["user", "role", "channel"]) }),
      { max: 25 }
    )),
    channel_types: nullish(Schema.Array(Schema.Finite))
  })

const interactive = [stringSelect, entitySelect(5), entitySelect(6), entitySelect(7), entitySelect(8)] as const

const row = Schema.Struct({
  type: Schema.Literal(1),
  id,
  components: list(
    Schema.Union([button, ...interactive]).annotate({ expected: "a button (type 2) or a select (types 3, 5 to 8)" }),
    { min: 1, max: 5 }
  )
})

const textDisplay = Schema.Struct({ type: Schema.Literal(10), id, content: text(4000, "required") })

const thumbnail = Schema.Struct({ type: Schema.Literal(11), id, media, description, spoiler: flag })

const section = Schema.Struct({
  type: Schema.Literal(9),
  id,
  components: list(
    Schema.Union([textDisplay]).annotate({ expected: "a text display (type 10)" }),
    { min: 1, max: 3 }
  ),
  accessory: Schema.Union([button, thumbnail]).annotate({ expected: "a button (type 2) or a thumbnail (type 11)" })
})

const gallery = Schema.Struct({
  type: Schema.Literal(12),
  id,
  items: list(Schema.Struct({ media, description, spoiler: flag }), { min: 1, max: 10 })
})

const file = Schema.Struct({
  type: Schema.Literal(13),
  id,
  file: Schema.Struct({ url: url(2048, "attachment") }),
  spoiler: flag
})

const separator = Schema.Struct({
  type: Schema.Literal(14),
  id,
  divider: flag,
  spacing: nullish(Schema.Literals([1, 2]))
})

const inContainer = [row, section, textDisplay, gallery, file, separator] as const

const container = Schema.Struct({
  type: Schema.Literal(17),
  id,
  components: list(
    Schema.Union(inContainer).annotate({
      expected: "a component that may be in a container (types 1, 9, 10, 12, 13, 14)"
    }),
    { min: 1, max: 40 }
  ),
  accent_color: nullish(color),
  spoiler: flag
})

/**
 * What may stand at the top of a message.
 *
 * @internal
 */
export const topLevel = Schema.Union([...inContainer, container]).annotate({
  expected: "a component that may stand at the top of a message (types 1, 9, 10, 12, 13, 14, 17)"
})

/**
 * Any component of a message.
 *
 * @internal
 */
export const component = Schema.Union([...inContainer, container, button, ...interactive, thumbnail]).annotate({
  expected: "a component of a message (types 1 to 3, 5 to 14, 17)"
})
