import * as Schema from "effect/Schema"
import { visit } from "./componentTree.ts"
import { field, integer, items, nullish, type Report, snowflake } from "./payload.ts"
import { identifier, text } from "./text.ts"

/**
 * The schema of one of a message's `attachments`.
 *
 * @internal
 */
export const attachment = Schema.Struct({
  id: Schema.Union([snowflake, integer(0, Number.MAX_SAFE_INTEGER)]),
  filename: nullish(identifier(1024)),
  description: nullish(text(1024)),
  title: nullish(text(1024)),
  is_spoiler: nullish(Schema.Boolean),
  duration_secs: nullish(Schema.Finite),
  waveform: nullish(Schema.String)
})

/**
 * Sees every URL of a message that may refer to an uploaded file.
 *
 * @internal
 */
export const eachMedia = (
  message: unknown,
  see: (url: string, path: ReadonlyArray<PropertyKey>, place: "embed" | "component") => void
): void => {
  const at = (parent: unknown, key: string, path: ReadonlyArray<PropertyKey>, place: "embed" | "component") => {
    const url = field(parent, key)
    if (typeof url === "string") see(url.trim(), [...path, key], place)
  }
  items(message, "embeds").forEach((embed, index) => {
    const path = ["embeds", index]
    at(field(embed, "image"), "url", [...path, "image"], "embed")
    at(field(embed, "thumbnail"), "url", [...path, "thumbnail"], "embed")
    at(field(embed, "footer"), "icon_url", [...path, "footer"], "embed")
    at(field(embed, "author"), "icon_url", [...path, "author"], "embed")
  })
  visit(items(message, "components"), (component, tail) => {
    const path = ["components", ...tail]
    at(field(component, "media"), "url", [...path, "media"], "component")
    at(field(component, "file"), "url", [...path, "file"], "component")
    items(component, "items").forEach((item, index) =>
      at(field(item, "media"), "url", [...path, "items", index, "media"], "component")
    )
  })
}

/**
 * The file that a URL refers to, if it does.
 *
 * @internal
 */
export const fileOf = (url: string): string | undefined =>
  /^attachment:\/\//i.test(url) ? url.slice("attachment://".length) : undefined

// Discord changes names that are not plain, and marks spoilers in them.
const normalised = (name: string): string => name.replace(/^SPOILER_/, "").replace(/[^A-Za-z0-9.-]/g, "")

/**
 * Every `attachment://` must be the name of a file that goes with the message.
 *
 * @internal
 */
export const attachmentRule = (message: unknown, files: ReadonlyArray<string>, report: Report): void => {
  const names = new Set(files.map(normalised))
  for (const listed of items(message, "attachments")) {
    const filename = field(listed, "filename")
    if (typeof filename === "string") names.add(normalised(filename))
  }
  eachMedia(message, (url, path) => {
    const file = fileOf(url)
    if (file !== undefined && !names.has(normalised(file))) {
      report(path, `must be the name of an uploaded file, and is none of the ${files.length} that go with the message`)
    }
  })
}
