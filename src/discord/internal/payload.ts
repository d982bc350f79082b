import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import { pathOf } from "../../internal/path.ts"
import { plain } from "../../internal/plain.ts"
import { InvalidPayload, type Violation } from "../../WebhookError.ts"

/**
 * Says what is wrong, and where under the value that a rule was given.
 *
 * @internal
 */
export type Report = (path: ReadonlyArray<PropertyKey>, message: string) => void

/**
 * A rule over a whole value. It runs also when parts of the value are wrong, so
 * that every violation is told at once; it must expect any shape.
 *
 * @internal
 */
export type Rule = (input: unknown, report: Report) => void

/**
 * A schema with a rule over the whole of it.
 *
 * **Details**
 *
 * A `check` would be skipped as soon as one part fails. And decoding gives back
 * the very value that came in, with the keys that Discord knows and we do not.
 *
 * @internal
 */
export const ruled = <S extends Schema.Codec<any, any>>(inner: S, rule: Rule): Schema.Codec<S["Type"]> =>
  Schema.declareConstructor<S["Type"]>()(
    [inner],
    ([inner]) => {
      const parse = SchemaParser.decodeUnknownResult(inner as Schema.Codec<S["Type"]>)
      return (input, ast, options) => {
        const issues: Array<SchemaIssue.Issue> = []
        const parsed = parse(input, options)
        if (Result.isFailure(parsed)) issues.push(parsed.failure)
        if (options.errors === "all" || issues.length === 0) {
          rule(input, (path, message) => {
            const issue = new SchemaIssue.InvalidValue({ message })
            issues.push(path.length === 0 ? issue : new SchemaIssue.Pointer(path, issue))
          })
        }
        return hasIssue(issues)
          ? Effect.fail(new SchemaIssue.Composite(ast, issues))
          : Effect.succeed(input as S["Type"])
      }
    },
    { toCodecJson: () => undefined }
  )

const hasIssue = (issues: ReadonlyArray<SchemaIssue.Issue>): issues is readonly [SchemaIssue.Issue] => issues.length > 0

/**
 * A key that may be missing, `undefined` or `null`.
 *
 * @internal
 */
export const nullish = <S extends Schema.Codec<any, any>>(schema: S) =>
  Schema.optionalKey(Schema.Union([Schema.Null, Schema.Undefined, schema]))

/**
 * An array whose number of items is limited.
 *
 * @internal
 */
export const list = <S extends Schema.Codec<any, any>>(
  item: S,
  limits: { readonly min?: number; readonly max: number }
): Schema.Codec<ReadonlyArray<S["Type"]>> =>
  ruled(Schema.Array(item), (input, report) => {
    if (!Array.isArray(input)) return
    if (input.length > limits.max) report([], `must have at most ${limits.max} items, but has ${input.length}`)
    if (limits.min !== undefined && input.length < limits.min) {
      report([], `must have at least ${limits.min} ${limits.min === 1 ? "item" : "items"}, but has ${input.length}`)
    }
  })

/**
 * A whole number within limits.
 *
 * @internal
 */
export const integer = (min: number, max: number) => {
  const expected = `a whole number from ${min} to ${max}`
  return Schema.Number.annotate({ expected }).check(
    Schema.makeFilter((value: number) =>
      Number.isInteger(value) && value >= min && value <= max ? undefined : `must be ${expected}, but is ${value}`
    )
  )
}

/**
 * A colour on the wire.
 *
 * @internal
 */
export const color = integer(0, 0xffffff)

/**
 * A Discord id: digits in a string, since it does not fit in a number.
 *
 * @internal
 */
export const snowflake = Schema.String.check(
  Schema.makeFilter((value: string) =>
    /^(?:0|[1-9]\d*)$/.test(value) ? undefined : "must be an id: decimal digits in a string"
  )
)

/**
 * Reads a key of a value of any shape.
 *
 * @internal
 */
export const field = (input: unknown, key: PropertyKey): unknown =>
  typeof input === "object" && input !== null ? (input as Record<PropertyKey, unknown>)[key] : undefined

/**
 * Reads a key that should hold an array; anything else is an empty one.
 *
 * @internal
 */
export const items = (input: unknown, key: PropertyKey): ReadonlyArray<unknown> => {
  const value = field(input, key)
  return Array.isArray(value) ? value : none
}

const none: ReadonlyArray<unknown> = []

/**
 * Brings `"#rrggbb"` to the wire's number.
 *
 * @internal
 */
export const colorOf = (value: unknown): unknown =>
  typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value) ? Number.parseInt(value.slice(1), 16) : value

/**
 * Every violation of a value against a schema, in the order of the schema.
 *
 * @internal
 */
export const violationsOf = (schema: Schema.Codec<any>): (input: unknown) => Array<Violation> => {
  const isValid = SchemaParser.is(schema)
  const parse = SchemaParser.decodeUnknownResult(schema, { errors: "all" })
  return (input) => {
    const violations: Array<Violation> = []
    // Looking for the first violation is a third cheaper than looking for all, and there mostly is none.
    if (isValid(input)) return violations
    const parsed = parse(input)
    if (Result.isFailure(parsed)) collect(parsed.failure, [], violations)
    return violations
  }
}

const collect = (issue: SchemaIssue.Issue, path: ReadonlyArray<PropertyKey>, out: Array<Violation>): void => {
  const add = (message: string) => out.push({ path: pathOf(path), message })
  switch (issue._tag) {
    case "Pointer":
      return collect(issue.issue, [...path, ...issue.path], out)
    case "Filter":
      // Effect's own filters have no sentence, but say what they expect.
      if (issue.issue._tag !== "InvalidValue" || issue.issue.annotations?.message !== undefined) {
        return collect(issue.issue, path, out)
      }
      add(`must be ${issue.filter.annotations?.expected ?? "another value"}`)
      return
    case "Encoding":
      return collect(issue.issue, path, out)
    case "Composite":
      return issue.issues.forEach((inner) => collect(inner, path, out))
    case "AnyOf":
      if (issue.issues.length > 0) return issue.issues.forEach((inner) => collect(inner, path, out))
      add(`must be ${expected(issue.ast)}`)
      return
    case "InvalidType":
      add(`must be ${expected(issue.ast)}`)
      return
    case "MissingKey":
      add("is required")
      return
    case "InvalidValue":
      add(issue.annotations?.message ?? "is not allowed")
      return
    default:
      add("is not allowed")
  }
}

const expected = (ast: SchemaAST.AST): string => {
  for (const { annotations } of [ast, ...ast.checks ?? []]) {
    if (typeof annotations?.expected === "string") return annotations.expected
  }
  switch (ast._tag) {
    case "String":
      return "a string"
    case "Number":
      return "a number"
    case "Boolean":
      return "true or false"
    case "Arrays":
      return "an array"
    case "Objects":
      return "an object"
    case "Literal":
      return JSON.stringify(ast.literal)
    case "Declaration":
      return expected(ast.typeParameters[0]!)
    case "Union":
      return ast.types.filter(({ _tag }) => _tag !== "Null" && _tag !== "Undefined").map(expected).join(" or ")
    default:
      return "something else"
  }
}

/**
 * Reads what a program gives, which may throw: what it throws may hold the
 * payload, so it is not shown, unless it says itself what is wrong.
 *
 * @internal
 */
export const read = <A>(evaluate: () => A): Result.Result<A, InvalidPayload> =>
  Result.try({
    try: evaluate,
    catch: (error) =>
      error instanceof InvalidPayload
        ? error
        : new InvalidPayload({ violations: [{ path: "", message: "reading it throws" }] })
  })

/** A builder (of discord.js, say), or anything else that tells its JSON itself. */
export interface Builder {
  // Whatever it calls the key that it is given.
  readonly toJSON: (key: never) => unknown
}

/** A value in which any part may be a `Builder`. */
export type Buildable<A> = A extends string | number | boolean | null | undefined ? A
  :
    | Builder
    | (A extends ReadonlyArray<infer Item> ? ReadonlyArray<Buildable<Item>>
      : { readonly [Key in keyof A]: Buildable<A[Key]> })

/**
 * All that is wrong: what could not be read, and what a check found elsewhere.
 *
 * @internal
 */
export const together = (
  unread: ReadonlyArray<Violation>,
  found: ReadonlyArray<Violation>
): ReadonlyArray<Violation> =>
  unread.length === 0 ? found : [...unread, ...found.filter(({ path }) => !unread.some((at) => isUnder(path, at.path)))]

const isUnder = (path: string, parent: string): boolean =>
  parent === "" || path === parent || path.startsWith(`${parent}.`) || path.startsWith(`${parent}[`)

/**
 * Reads an input once, brings it to the wire, and checks that. Where it is on
 * the wire already, the very input comes back.
 *
 * @internal
 */
export const construct = <A>(
  input: unknown,
  toWire: (json: unknown) => unknown,
  check: (wire: unknown) => ReadonlyArray<Violation>
): Result.Result<A, InvalidPayload> => {
  const { changed, value, violations } = plain(input)
  const wire = toWire(value)
  return read(() => {
    const all = together(violations, check(wire))
    if (all.length > 0) throw new InvalidPayload({ violations: all })
    return (changed || wire !== value ? wire : input) as A
  })
}

/**
 * `make` and `makeEffect` of a payload.
 *
 * @internal
 */
export const constructors = <Input, A>(schema: Schema.Codec<A>, toWire: (json: unknown) => unknown) => {
  const check = violationsOf(schema)
  const result = (input: Input) => construct<A>(input, toWire, check)
  return {
    make: (input: Input): A => Result.getOrThrow(result(input)),
    makeEffect: (input: Input): Effect.Effect<A, InvalidPayload> =>
      Effect.suspend(() => Effect.fromResult(result(input)))
  }
}
