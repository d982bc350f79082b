import { colorOf, field, items } from "./payload.ts"
import { isBlank, sizeOf } from "./text.ts"

/**
 * The texts of all embeds of one message have at most so many characters.
 *
 * @internal
 */
export const maxTotal = 6000

/**
 * Brings a colour as people have it to the wire.
 *
 * @internal
 */
export const embedToWire = (input: unknown): unknown => {
  const color = field(input, "color")
  const number = colorOf(color)
  return number === color ? input : { ...(input as object), color: number }
}

const isText = (value: unknown): boolean => typeof value === "string" ? !isBlank(value) : isThere(value)

const isThere = (value: unknown): boolean => value !== undefined && value !== null

/**
 * Whether there is anything but an image in an embed.
 *
 * @internal
 */
export const hasText = (embed: unknown): boolean =>
  isText(field(embed, "title")) || isText(field(embed, "description")) || isThere(field(embed, "footer")) ||
  isThere(field(embed, "author")) || items(embed, "fields").length > 0

/**
 * Whether Discord has nothing to show of an embed.
 *
 * @internal
 */
export const isEmptyEmbed = (embed: unknown): boolean =>
  !hasText(embed) && !isThere(field(embed, "image")) && !isThere(field(embed, "thumbnail"))

const eachText = (embed: unknown, see: (text: unknown) => void): void => {
  see(field(embed, "title"))
  see(field(embed, "description"))
  see(field(field(embed, "footer"), "text"))
  see(field(field(embed, "author"), "name"))
  for (const row of items(embed, "fields")) {
    see(field(row, "name"))
    see(field(row, "value"))
  }
}

/**
 * How many characters Discord counts in embeds.
 *
 * @internal
 */
export const charactersOf = (embeds: ReadonlyArray<unknown>): number => {
  let total = 0
  for (const embed of embeds) {
    eachText(embed, (text) => {
      if (typeof text === "string") total += sizeOf(text)
    })
  }
  return total
}

/**
 * The characters of embeds that have more than they may, else `undefined`.
 *
 * @internal
 */
export const totalOf = (embeds: ReadonlyArray<unknown>): number | undefined => {
  let units = 0
  for (const embed of embeds) {
    eachText(embed, (text) => {
      if (typeof text === "string") units += text.length
    })
  }
  // There are never more code points than UTF-16 units: most messages need no count.
  if (units <= maxTotal) return undefined
  const total = charactersOf(embeds)
  return total > maxTotal ? total : undefined
}
