import { isEmptyEmoji } from "./emoji.ts"
import { field, items, type Report } from "./payload.ts"
import { isBlank, sizeOf } from "./text.ts"

type Path = ReadonlyArray<PropertyKey>

// A container has sections and a section has a button: no component is deeper.
const deepest = 4

/**
 * Sees every component under a list, parents before their children.
 *
 * @internal
 */
export const visit = (components: ReadonlyArray<unknown>, see: (component: unknown, path: Path) => void): void => {
  const go = (component: unknown, path: Path): void => {
    see(component, path)
    if (path.length > deepest * 2) return
    items(component, "components").forEach((child, index) => go(child, [...path, "components", index]))
    const accessory = field(component, "accessory")
    if (isSet(accessory)) go(accessory, [...path, "accessory"])
  }
  components.forEach((component, index) => go(component, [index]))
}

const isSet = (value: unknown): boolean => value !== undefined && value !== null

const selects = new Set<unknown>([3, 5, 6, 7, 8])

const isSelect = (component: unknown): boolean => selects.has(field(component, "type"))

/**
 * Whether somebody can interact with a component, which an application must
 * then answer.
 *
 * @internal
 */
export const isInteractive = (component: unknown): boolean =>
  isSelect(component) || field(component, "type") === 2 && field(component, "style") !== 5

/**
 * What a message has of components at most, nested ones counted.
 *
 * @internal
 */
export const limits = { components: 40, text: 4000, rows: 5 } as const

/**
 * What no single component can tell of itself: the kinds of buttons, the
 * contents of rows, and the whole tree.
 *
 * @internal
 */
export const treeRule = (components: ReadonlyArray<unknown>, report: Report): void => {
  const ids = new Set<unknown>()
  const customIds = new Set<unknown>()
  let count = 0
  let characters = 0
  visit(components, (component, path) => {
    count++
    const type = field(component, "type")
    if (type === 1) rowRule(component, path, report)
    if (type === 2) buttonRule(component, path, report)
    const content = field(component, "content")
    if (type === 10 && typeof content === "string") characters += sizeOf(content)
    const id = field(component, "id")
    if (isSet(id) && id !== 0) {
      if (ids.has(id)) report([...path, "id"], "must be unique in the message")
      ids.add(id)
    }
    const customId = field(component, "custom_id")
    if (isSet(customId)) {
      if (customIds.has(customId)) report([...path, "custom_id"], "must be unique in the message")
      customIds.add(customId)
    }
  })
  if (count > limits.components) {
    report([], `must have at most ${limits.components} components, nested ones counted, but has ${count}`)
  }
  if (characters > limits.text) {
    report([], `must have at most ${limits.text} characters over all text displays, but has ${characters}`)
  }
}

const rowRule = (row: unknown, path: Path, report: Report): void => {
  const children = items(row, "components")
  const count = children.filter(isSelect).length
  if (count > 0 && children.length > 1) {
    report(
      [...path, "components"],
      `must be 1 to 5 buttons or one select, but has ${count} selects among ${children.length} components`
    )
  }
}

type ButtonKey = "custom_id" | "url" | "sku_id" | "label" | "emoji"

const kinds: Record<"link" | "premium" | "interactive", {
  readonly name: string
  readonly needs: ButtonKey
  readonly excludes: ReadonlyArray<ButtonKey>
}> = {
  interactive: { name: "a button of style 1 to 4", needs: "custom_id", excludes: ["url", "sku_id"] },
  link: { name: "a link button (style 5)", needs: "url", excludes: ["custom_id", "sku_id"] },
  premium: { name: "a premium button (style 6)", needs: "sku_id", excludes: ["custom_id", "url", "label", "emoji"] }
}

const kindOf = (style: unknown) =>
  style === 5
    ? kinds.link
    : style === 6
    ? kinds.premium
    : typeof style === "number" && style >= 1 && style <= 4
    ? kinds.interactive
    : undefined

const buttonRule = (button: unknown, path: Path, report: Report): void => {
  const kind = kindOf(field(button, "style"))
  if (kind === undefined) return
  if (!isSet(field(button, kind.needs))) report([...path, kind.needs], `is required on ${kind.name}`)
  for (const key of kind.excludes) {
    if (isSet(field(button, key))) report([...path, key], `must not be set on ${kind.name}`)
  }
  const label = field(button, "label")
  const blank = typeof label === "string" ? isBlank(label) : !isSet(label)
  const emoji = field(button, "emoji")
  if (kind !== kinds.premium && blank && (!isSet(emoji) || isEmptyEmoji(emoji))) {
    report(path, "must have a label or an emoji")
  }
}
