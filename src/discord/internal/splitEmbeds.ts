import type { Embed } from "../Embed.ts"
import { charactersOf, maxTotal } from "./embed.ts"

const maxEmbeds = 10

/**
 * Groups embeds into what fits in a message, in order, so that neighbours with
 * the same `url` stay together where they can.
 *
 * @internal
 */
export const splitEmbeds = (embeds: ReadonlyArray<Embed>): Array<Array<Embed>> => {
  const groups: Array<Array<Embed>> = []
  let room = { embeds: 0, characters: 0 }
  for (const family of families(embeds)) {
    // A family that fits in no message is cut like strangers.
    const whole = family.length <= maxEmbeds && charactersOf(family) <= maxTotal
    for (const part of whole ? [family] : family.map((embed) => [embed])) {
      const characters = charactersOf(part)
      if (groups.length === 0 || part.length > room.embeds || characters > room.characters) {
        groups.push([])
        room = { embeds: maxEmbeds, characters: maxTotal }
      }
      groups[groups.length - 1]!.push(...part)
      room = { embeds: room.embeds - part.length, characters: room.characters - characters }
    }
  }
  return groups
}

const families = (embeds: ReadonlyArray<Embed>): Array<Array<Embed>> => {
  const found: Array<Array<Embed>> = []
  let url: string | null | undefined
  for (const embed of embeds) {
    if (typeof embed.url === "string" && embed.url === url) found[found.length - 1]!.push(embed)
    else found.push([embed])
    url = embed.url
  }
  return found
}
