/**
 * A path as people read it: `embeds[0].fields[2].value`.
 *
 * @internal
 */
export const pathOf = (path: ReadonlyArray<PropertyKey>): string => {
  let text = ""
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`
    else text += text === "" ? String(key) : `.${String(key)}`
  }
  return text
}
