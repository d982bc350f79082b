/**
 * Structured fields (RFC 9651), as far as they are read here: lists of items,
 * and dictionaries of them, without inner lists. A field that does not parse is
 * `undefined` as a whole. A value stays in the form in which it was written.
 */

const key = "[a-z*][a-z\\d_\\-.*]*"

const base64 = "[A-Za-z\\d+/]"

// RFC 9651, section 3.3. What the escapes of a Display String decode to is not checked, as nobody reads one.
const bareItem = [
  "-?\\d{1,12}\\.\\d{1,3}", // Decimal
  "-?\\d{1,15}", // Integer
  "\"(?:[ !#-[\\]-~]|\\\\[\"\\\\])*\"", // String
  "[A-Za-z*][!#$%&'*+\\-.^_\\x60|~:/\\w]*", // Token
  `:(?:${base64}{4})*(?:${base64}{2}={0,2}|${base64}{3}=?)?:`, // Byte Sequence
  "\\?[01]", // Boolean
  "@-?\\d{1,15}", // Date
  "%\"(?:[ !#$&-~]|%[\\da-f]{2})*\"" // Display String
].join("|")

const parameter = `; *(${key})(?:=(${bareItem}))?`

const tail = `((?:${parameter})*)[ \\t]*(,[ \\t]*|$)`

// The empty group stands for what a dictionary assigns, so that both have the same groups.
const listMember = new RegExp(`(${bareItem})()${tail}`, "y")

const dictionaryMember = new RegExp(`(${key})(?:=(${bareItem}))?${tail}`, "y")

// A member, what is assigned to it, its parameters, the last of them and its value, and what parts it from the next.
type Match = ReadonlyArray<string | undefined>

const parse = (field: string, member: RegExp): ReadonlyArray<Match> | undefined => {
  const members: Array<Match> = []
  let at = field.search(/[^ ]|$/)
  while (at < field.length) {
    member.lastIndex = at
    const found = member.exec(field)
    if (found === null) return undefined
    at = member.lastIndex
    // Behind a comma there is another one.
    if (found[6] !== "" && at === field.length) return undefined
    members.push(found)
  }
  return members
}

/**
 * An item of a list, such as `"default";r=50`.
 *
 * @internal
 */
export interface Item {
  readonly value: string
  readonly parameters: ReadonlyMap<string, string>
}

/**
 * Reads a list of items.
 *
 * @internal
 */
export const parseList = (field: string): ReadonlyArray<Item> | undefined =>
  parse(field, listMember)?.map(([, value, , parameters]) => ({
    value: value!,
    parameters: new Map(Array.from(parameters!.matchAll(new RegExp(parameter, "g")), assigned))
  }))

/**
 * Reads a dictionary of items, without their parameters.
 *
 * @internal
 */
export const parseDictionary = (field: string): ReadonlyMap<string, string> | undefined => {
  const members = parse(field, dictionaryMember)
  return members && new Map(members.map(assigned))
}

const assigned = ([, name, value = "?1"]: Match): [string, string] => [name!, value]
