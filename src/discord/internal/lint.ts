import { pathOf } from "../../internal/path.ts"
import type { Violation } from "../../WebhookError.ts"
import { eachMedia, fileOf } from "./attachment.ts"
import { visit } from "./componentTree.ts"
import { hasText } from "./embed.ts"
import { field, items, type Report } from "./payload.ts"

/**
 * What Discord takes but nobody wants.
 *
 * @internal
 */
export const lint = (message: unknown): Array<Violation> => {
  const warnings: Array<Violation> = []
  const report: Report = (path, text) => warnings.push({ path: pathOf(path), message: text })
  sameUrl(message, report)
  imageNames(message, report)
  largeText(message, report)
  manyMedia(message, report)
  return warnings
}

const sameUrl = (message: unknown, report: Report): void => {
  const counts = new Map<string, { readonly first: number; count: number }>()
  items(message, "embeds").forEach((embed, index) => {
    const url = field(embed, "url")
    if (typeof url !== "string" || url.trim() === "") return
    const group = counts.get(url.trim())
    if (group === undefined) {
      counts.set(url.trim(), { first: index, count: 1 })
      return
    }
    group.count++
    if (hasText(embed)) {
      report(
        ["embeds", index],
        `has the same url as embeds[${group.first}], so Discord shows its image and drops its text`
      )
    } else if (group.count > 4) {
      report(
        ["embeds", index],
        `is number ${group.count} with the url of embeds[${group.first}], and Discord shows at most 4 images`
      )
    }
  })
}

const imageNames = (message: unknown, report: Report): void =>
  eachMedia(message, (url, path, place) => {
    const file = fileOf(url)
    if (place === "embed" && file !== undefined && !/\.(?:jpe?g|png|webp|gif)$/i.test(file)) {
      report(path, "refers to a file that is not .jpg, .jpeg, .png, .webp or .gif, which an embed does not show")
    }
  })

// Above 10170 Discord answered 500, in 2026; nothing about it is documented.
const largestText = 10_000

const largeText = (message: unknown, report: Report): void => {
  const encoder = new TextEncoder()
  let bytes = 0
  visit(items(message, "components"), (component) => {
    const content = field(component, "content")
    if (typeof content === "string") bytes += encoder.encode(content).length + 12
  })
  if (bytes > largestText) {
    report(
      ["components"],
      `has about ${bytes} bytes of text, and above some 10,000 Discord answers with a 500, which no retry cures`
    )
  }
}

const mostMedia = 64

const manyMedia = (message: unknown, report: Report): void => {
  let count = 0
  eachMedia(message, (_url, _path, place) => {
    if (place === "component") count++
  })
  if (count > mostMedia) {
    report(["components"], `has ${count} media items, and above ${mostMedia} Discord answers with a 500`)
  }
}
