// A path is made of the payload's own keys, which may be of any length.
const longest = 200

/**
 * A path as people read it: `embeds[0].fields[2].value`.
 *
 * @internal
 */
export const pathOf = (path: ReadonlyArray<PropertyKey>): string => {
  let text = ""
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`
    else if (!/^[\w$-]+$/.test(String(key))) text += `[${JSON.stringify(String(key))}]`
    else text += text === "" ? String(key) : `.${String(key)}`
  }
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}
