/**
 * An embed: the card with a coloured edge.
 *
 * An embed is Discord's own JSON, so its documentation and its examples paste
 * in. `make` also takes a `Date` or a `DateTime` as `timestamp` and `"#rrggbb"`
 * as `color`. Lengths are Unicode code points, without whitespace at the ends.
 *
 * What no single embed can break is checked with the message: at most 10
 * embeds, and 6,000 characters over all of them.
 *
 * **Example** (An embed with a field)
 *
 * ```ts
 * import { Embed } from "effect-webhooks/discord"
 *
 * const embed = Embed.make({
 *   title: "Deployed",
 *   color: "#57f287",
 *   timestamp: new Date(),
 *   fields: [{ name: "Version", value: "1.4.0", inline: true }]
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { plain } from "../internal/plain.ts"
import { InvalidPayload } from "../WebhookError.ts"
import { embedToWire, isEmptyEmbed, maxTotal, totalOf } from "./internal/embed.ts"
import { type Builder, color, constructors, list, nullish, ruled } from "./internal/payload.ts"
import { text, url } from "./internal/text.ts"
import { timestamp } from "./internal/timestamp.ts"

/**
 * One row or column of an embed; both texts are required and may be empty.
 *
 * @category models
 * @since 0.1.0
 */
export interface Field {
  /** At most 256 characters. */
  readonly name: string
  /** At most 1024 characters. */
  readonly value: string
  readonly inline?: boolean | null | undefined
}

/**
 * The small print of an embed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Footer {
  /** At most 2048 characters. */
  readonly text: string
  /** http, https or `attachment://`. */
  readonly icon_url?: string | null | undefined
}

/**
 * The line over the title of an embed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Author {
  /** At most 256 characters. */
  readonly name: string
  /** http or https. */
  readonly url?: string | null | undefined
  /** http, https or `attachment://`. */
  readonly icon_url?: string | null | undefined
}

/**
 * An image or a thumbnail of an embed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Image {
  /** http, https or `attachment://`. */
  readonly url: string
  /** At most 4096 characters. */
  readonly description?: string | null | undefined
}

/**
 * An embed as it goes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export interface Embed {
  /** At most 256 characters. */
  readonly title?: string | null | undefined
  /** At most 4096 characters. */
  readonly description?: string | null | undefined
  /** http or https. Embeds of one message with the same `url` become one; see `gallery`. */
  readonly url?: string | null | undefined
  /** ISO 8601. */
  readonly timestamp?: string | null | undefined
  /** 0 to 0xffffff. */
  readonly color?: number | null | undefined
  readonly footer?: Footer | null | undefined
  readonly image?: Image | null | undefined
  readonly thumbnail?: Image | null | undefined
  readonly author?: Author | null | undefined
  /** At most 25. */
  readonly fields?: ReadonlyArray<Field> | null | undefined
}

/**
 * What `make` takes: an embed, with a date and a colour as people have them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Input extends Omit<Embed, "timestamp" | "color"> {
  readonly timestamp?: string | Date | DateTime.DateTime | null | undefined
  readonly color?: number | `#${string}` | null | undefined
}

const Image = Schema.Struct({
  url: url(2048, "media"),
  description: nullish(text(4096))
})

/**
 * The schema of an embed on the wire.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Embed: Schema.Codec<Embed> = ruled(
  Schema.Struct({
    title: nullish(text(256)),
    description: nullish(text(4096)),
    url: nullish(url(2048, "http")),
    timestamp: nullish(timestamp),
    color: nullish(color),
    footer: nullish(Schema.Struct({ text: text(2048), icon_url: nullish(url(2048, "media")) })),
    image: nullish(Image),
    thumbnail: nullish(Image),
    author: nullish(Schema.Struct({
      name: text(256),
      url: nullish(url(2048, "http")),
      icon_url: nullish(url(2048, "media"))
    })),
    fields: nullish(list(
      Schema.Struct({ name: text(256), value: text(1024), inline: nullish(Schema.Boolean) }),
      { max: 25 }
    ))
  }),
  (input, report) => {
    if (typeof input === "object" && input !== null && isEmptyEmbed(input)) {
      report([], "must have a title, description, field, footer, author, image or thumbnail")
    }
  }
)

const alone: Schema.Codec<Embed> = ruled(Embed, (input, report) => {
  const total = totalOf([input])
  if (total !== undefined) report([], `must have at most ${maxTotal} characters in all its texts, but has ${total}`)
})

const constructed = constructors<Input | Builder, Embed>(alone, embedToWire)

/**
 * Makes an embed; throws `InvalidPayload` with every violation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (input: Input | Builder) => Embed = constructed.make

/**
 * Makes an embed; fails with `InvalidPayload`, which has every violation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeEffect: (input: Input | Builder) => Effect.Effect<Embed, InvalidPayload> = constructed.makeEffect

/**
 * Makes embeds that Discord shows as one, with a grid of up to four images.
 *
 * **Details**
 *
 * Discord joins the embeds of a message that have the same `url`: the text is
 * the first one's, the images are everyone's. So the embed needs a `url`, and
 * one `image` per embed is what makes the grid. Throws `InvalidPayload`.
 *
 * **Example** (Four images in one embed)
 *
 * ```ts
 * import { Embed, Message } from "effect-webhooks/discord"
 *
 * const message = Message.make({
 *   embeds: Embed.gallery({ title: "Today", url: "https://example.com/today" }, [
 *     "https://example.com/1.png",
 *     "https://example.com/2.png",
 *     "attachment://3.png"
 *   ])
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const gallery = (
  input: (Input & { readonly url: string }) | Builder,
  images: ReadonlyArray<string>
): Array<Embed> => {
  if (images.length < 1 || images.length > 4) {
    throw new InvalidPayload({
      violations: [{ path: "images", message: `must have 1 to 4 items, but has ${images.length}` }]
    })
  }
  const { value, violations } = plain(input)
  if (violations.length > 0) throw new InvalidPayload({ violations })
  const first = value as Input
  return images.map((image, index) => make({ ...(index === 0 ? first : { url: first.url }), image: { url: image } }))
}
