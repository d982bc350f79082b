import * as Schema from "effect/Schema"

/**
 * How many Unicode code points a string has, which is how Discord counts.
 *
 * @internal
 */
export const codePoints = (text: string): number => {
  const { length } = text
  let count = length
  for (let index = 0; index < length; index++) {
    // Beyond the end it is NaN, which makes no pair.
    if ((text.charCodeAt(index) & 0xfc00) === 0xd800 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00) {
      count--
      index++
    }
  }
  return count
}

const isPair = (text: string, index: number): boolean =>
  (text.charCodeAt(index) & 0xfc00) === 0xd800 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00

/**
 * The length that Discord holds against a limit: code points, without the
 * whitespace around them.
 *
 * @internal
 */
export const sizeOf = (text: string): number => codePoints(text.trim())

/**
 * Whether Discord sees nothing in a text.
 *
 * @internal
 */
export const isBlank = (text: string): boolean => text.trim() === ""

/**
 * Where in a text the first `count` code points end.
 *
 * @internal
 */
export const endOf = (text: string, count: number, from = 0): number => {
  let index = from
  for (let left = count; left > 0 && index < text.length; left--) index += isPair(text, index) ? 2 : 1
  return index
}

const atMost = (text: string, max: number): string | undefined => {
  // There are never more code points than UTF-16 units: most texts need no count.
  if (text.length <= max) return undefined
  const size = sizeOf(text)
  return size <= max ? undefined : `must be at most ${max} characters, but has ${size}`
}

/**
 * A text that people read, of at most `max` code points, and not blank if
 * `required`.
 *
 * @internal
 */
export const text = (max: number, required?: "required") =>
  Schema.String.check(Schema.makeFilter(
    (value: string) =>
      required !== undefined && isBlank(value)
        ? `must be 1 to ${max} characters, but has 0`
        : atMost(value, max),
    { arbitraryConstraint: { minCodePoints: required === undefined ? 0 : 1, maxCodePoints: max } }
  ))

/**
 * A string of 1 to `max` code points that a program reads, whose whitespace may
 * count.
 *
 * @internal
 */
export const identifier = (max: number) =>
  Schema.String.check(Schema.makeFilter(
    (value: string) => value === "" ? `must be 1 to ${max} characters, but has 0` : atMost(value, max),
    { arbitraryConstraint: { minCodePoints: 1, maxCodePoints: max } }
  ))

const schemes = {
  any: { pattern: /^[a-z][a-z0-9+.-]*:/i, expected: "an absolute URL" },
  http: { pattern: /^https?:\/\//i, expected: "an http or https URL" },
  media: { pattern: /^(?:https?|attachment):\/\//i, expected: "an http, https or attachment:// URL" },
  link: { pattern: /^(?:https?|discord):\/\//i, expected: "an http, https or discord:// URL" },
  attachment: { pattern: /^attachment:\/\//i, expected: "an attachment:// URL" }
} as const

const attachment = /^attachment:\/\//i

/**
 * A URL of at most `max` code points with one of the schemes that Discord takes
 * at this place.
 *
 * @internal
 */
export const url = (max: number, kind: keyof typeof schemes) => {
  const { expected, pattern } = schemes[kind]
  return Schema.String.check(Schema.makeFilter((value: string) => {
    const trimmed = value.trim()
    // An attachment is referred to by its name, which need not be a URL's host.
    const parses = pattern.test(trimmed) &&
      (attachment.test(trimmed) ? trimmed.length > "attachment://".length : URL.canParse(trimmed))
    return atMost(value, max) ?? (parses ? undefined : `must be ${expected}`)
  }))
}
