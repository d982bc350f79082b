import { attachmentRule } from "./attachment.ts"
import { isInteractive, limits, treeRule, visit } from "./componentTree.ts"
import { embedToWire, maxTotal, totalOf } from "./embed.ts"
import { field, items, type Report } from "./payload.ts"
import { isBlank } from "./text.ts"

/**
 * The bits of `flags` that a webhook may set.
 *
 * @internal
 */
export const flags = {
  SuppressEmbeds: 1 << 2,
  SuppressNotifications: 1 << 12,
  IsVoiceMessage: 1 << 13,
  IsComponentsV2: 1 << 15
} as const

/**
 * What is known of the request around a message.
 *
 * @internal
 */
export interface Context {
  readonly applicationOwned?: boolean | undefined
  readonly query?: {
    readonly thread_id?: string | undefined
    readonly with_components?: boolean | undefined
  } | undefined
  readonly files?: ReadonlyArray<string> | undefined
  /** Nobody knows yet which files there will be. */
  readonly unknownFiles?: boolean | undefined
  /** The message is one already, and this changes it. */
  readonly edits?: boolean | undefined
}

const isSet = (value: unknown): boolean => value !== undefined && value !== null

const isV2 = (message: unknown): boolean => {
  const value = field(message, "flags")
  return typeof value === "number" && value > 0 && (value & flags.IsComponentsV2) !== 0
}

/**
 * What several parts of a message must keep together, whatever the request.
 *
 * @internal
 */
export const messageRule = (message: unknown, report: Report): void => {
  changesRule(message, report)
  if (!isV2(message)) rowsRule(items(message, "components"), report)
}

/**
 * The same of an edit, which does not tell whether the message has the flag
 * IsComponentsV2 already; nothing takes it away.
 *
 * @internal
 */
export const changesRule = (message: unknown, report: Report): void => {
  const total = totalOf(items(message, "embeds"))
  if (total !== undefined) {
    report(["embeds"], `must have at most ${maxTotal} characters in all texts of all embeds, but has ${total}`)
  }
  const components = items(message, "components")
  if (components.length > 0) {
    treeRule(components, (path, text) => report(["components", ...path], text))
  }
  if (isV2(message)) exclusiveRule(message, report)
}

const exclusiveRule = (message: unknown, report: Report): void => {
  const content = field(message, "content")
  const excluded = {
    content: isSet(content) && content !== "",
    embeds: items(message, "embeds").length > 0,
    poll: isSet(field(message, "poll"))
  }
  for (const [key, set] of Object.entries(excluded)) {
    if (set) report([key], "must not be set beside the flag IsComponentsV2")
  }
}

const layout = new Set<unknown>([9, 10, 12, 13, 14, 17])

const rowsRule = (components: ReadonlyArray<unknown>, report: Report): void => {
  components.forEach((component, index) => {
    if (layout.has(field(component, "type"))) {
      report(["components", index], "must be an action row (type 1); others need the flag IsComponentsV2")
    }
  })
  if (components.length > limits.rows) {
    report(
      ["components"],
      `must have at most ${limits.rows} action rows without the flag IsComponentsV2, but has ${components.length}`
    )
  }
}

/**
 * What depends on the request around a message.
 *
 * @internal
 */
export const contextRule = (message: unknown, context: Context, report: Report): void => {
  const { files, query } = context
  if (files) {
    if (files.length > maxFiles) report(["files"], `must have at most ${maxFiles} items, but has ${files.length}`)
    // A message that is edited may have files already, and nobody here knows their names.
    if (context.edits !== true) attachmentRule(message, files, report)
  }
  if (isSet(field(message, "thread_name")) && isSet(query?.thread_id)) {
    report(["thread_name"], "must not be set beside the thread_id of the query: one makes a thread, one names it")
  }
  const components = items(message, "components")
  if (context.applicationOwned !== true && query?.with_components === true) {
    visit(components, (component, path) => {
      if (isInteractive(component)) {
        report(
          ["components", ...path],
          "needs a webhook that an application owns; another may send link buttons (style 5) only"
        )
      }
    })
  }
  // What an edit leaves out stays as it is.
  if (context.edits === true) {
    if (isSet(field(message, "poll"))) report(["poll"], "must not be set by an edit, which adds no poll")
    return
  }
  const kept = context.applicationOwned === true || query?.with_components === true
  const content = field(message, "content")
  const full = isSet(content) && !(typeof content === "string" && isBlank(content)) ||
    items(message, "embeds").length > 0 || isSet(field(message, "poll")) ||
    (files?.length ?? 0) > 0 || kept && components.length > 0 ||
    context.unknownFiles === true && items(message, "attachments").length > 0
  if (full) return
  if (components.length > 0) {
    report(["components"], "are dropped without with_components in the query, and nothing else is there to send")
  } else {
    report(
      isSet(content) ? ["content"] : [],
      "must have content, an embed, a component, a file or a poll, but is empty"
    )
  }
}

const maxFiles = 10

/**
 * Brings embeds to the wire.
 *
 * @internal
 */
export const messageToWire = (message: unknown): unknown => {
  const before = items(message, "embeds")
  const embeds = before.map(embedToWire)
  return embeds.some((embed, index) => embed !== before[index]) ? { ...(message as object), embeds } : message
}
