import { plain } from "../../internal/plain.ts"
import type { Embed } from "../Embed.ts"
import { charactersOf, maxTotal } from "./embed.ts"
import { field } from "./payload.ts"

const maxEmbeds = 10

/**
 * Groups embeds into what fits in a message, in order, so that neighbours with
 * the same `url` stay together where they can. There are no groups where one of
 * them is no embed.
 *
 * @internal
 */
export const splitEmbeds = (embeds: ReadonlyArray<Embed>): Array<Array<Embed>> => {
  const groups: Array<Array<Embed>> = []
  let room = { embeds: 0, characters: 0 }
  const wired = embeds.map((embed) => ({ embed, json: plain(embed).value }))
  if (wired.some(({ json }) => typeof json !== "object" || json === null)) return groups
  for (const family of families(wired)) {
    // A family that fits in no message is cut like strangers.
    const whole = family.length <= maxEmbeds && sizeOf(family) <= maxTotal
    for (const part of whole ? [family] : family.map((one) => [one])) {
      const characters = sizeOf(part)
      if (groups.length === 0 || part.length > room.embeds || characters > room.characters) {
        groups.push([])
        room = { embeds: maxEmbeds, characters: maxTotal }
      }
      groups[groups.length - 1]!.push(...part.map(({ embed }) => embed))
      room = { embeds: room.embeds - part.length, characters: room.characters - characters }
    }
  }
  return groups
}

/** An embed as it came, and on the wire. */
interface Wired {
  readonly embed: Embed
  readonly json: unknown
}

const sizeOf = (wired: ReadonlyArray<Wired>): number => charactersOf(wired.map(({ json }) => json))

const families = (wired: ReadonlyArray<Wired>): Array<Array<Wired>> => {
  const found: Array<Array<Wired>> = []
  let before: unknown
  for (const one of wired) {
    const url = field(one.json, "url")
    if (typeof url === "string" && url === before) found[found.length - 1]!.push(one)
    else found.push([one])
    before = url
  }
  return found
}
