/**
 * What Discord says is wrong.
 *
 * Discord answers an error with `{ code, message, errors }`, where `errors` is a
 * tree in the shape of the payload. Here it is a list of issues, each with the
 * path of what it is about.
 *
 * **Example** (Naming the field that Discord refused)
 *
 * ```ts
 * import { DiscordError } from "effect-webhooks/discord"
 *
 * const error = DiscordError.decode({
 *   code: 50035,
 *   message: "Invalid Form Body",
 *   errors: { embeds: { 0: { title: { _errors: [{ code: "BASE_TYPE_MAX_LENGTH", message: "Must be 256 or fewer" }] } } } }
 * })
 *
 * error.message // "Invalid Form Body (50035)\nembeds[0].title: Must be 256 or fewer"
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import { hasProperty, isObject } from "effect/Predicate"
import { pathOf } from "../internal/path.ts"
import type { WebhookResult } from "../WebhookResult.ts"

/**
 * Unique identifier of `DiscordError` values.
 *
 * @category type IDs
 * @since 0.1.0
 */
export const TypeId: TypeId = "~effect-webhooks/discord/DiscordError"

/**
 * Type of the unique identifier of `DiscordError` values.
 *
 * @category type IDs
 * @since 0.1.0
 */
export type TypeId = "~effect-webhooks/discord/DiscordError"

/**
 * One thing that Discord says is wrong with a payload.
 *
 * @category models
 * @since 0.1.0
 */
export interface Issue {
  /** Where in the payload, as in `embeds[0].title`; empty for the whole of it. */
  readonly path: string
  /** Discord's word for it, as `BASE_TYPE_REQUIRED`; API v6 has none. */
  readonly code: string | undefined
  readonly message: string
}

/**
 * An error that Discord answered with.
 *
 * **Details**
 *
 * `code` is Discord's own (10015 is an unknown webhook, 50035 an invalid
 * payload), `undefined` where the answer has none. `message` has only what
 * Discord said.
 *
 * @category errors
 * @since 0.1.0
 */
export class DiscordError extends Data.TaggedError("DiscordError")<{
  readonly code: number | undefined
  readonly detail: string
  readonly issues: ReadonlyArray<Issue>
}> {
  /**
   * Marks this value as a `DiscordError`.
   *
   * @since 0.1.0
   */
  readonly [TypeId]: TypeId = TypeId

  override get message(): string {
    const head = this.code === undefined ? this.detail : `${this.detail} (${this.code})`
    return [head, ...this.lines].join("\n")
  }

  /** One line for each issue: `embeds[0].fields[2].value: This field is required`. */
  get lines(): Array<string> {
    return this.issues.map(({ message, path }) => path === "" ? message : `${path}: ${message}`)
  }
}

/**
 * Returns `true` if a value is a `DiscordError`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isDiscordError = (u: unknown): u is DiscordError => hasProperty(u, TypeId)

/**
 * Reads the body of an answer that is an error.
 *
 * **Details**
 *
 * It takes whatever an answer may hold: the JSON of API v10, that of v6
 * (`{ "username": ["…"] }`), the text or HTML of a proxy between (of which it
 * keeps Cloudflare's code and nothing else), or nothing.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (body: unknown): DiscordError => {
  if (isObject(body)) return decodeJson(body)
  const cloudflare = typeof body === "string" ? /error code: (\d{3,5})/i.exec(body.slice(0, 10_000)) : null
  return new DiscordError({
    code: undefined,
    detail: cloudflare !== null
      ? `Cloudflare answered with error code ${cloudflare[1]}`
      : body === undefined || body === null || body === ""
      ? "the answer has no body"
      : "the answer is not Discord's JSON",
    issues: []
  })
}

/**
 * What Discord said is wrong with a message that was not delivered, or
 * `undefined` if there was no answer.
 *
 * **Details**
 *
 * A result's own `error` has only the status, because an answer may hold parts
 * of the payload and results are logged.
 *
 * **Example** (Which field it was)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { DiscordError, DiscordWebhook } from "effect-webhooks/discord"
 *
 * const program = Effect.gen(function*() {
 *   const result = yield* DiscordWebhook.send("hello", { username: "everyone" })
 *   const error = DiscordError.fromResult(result)
 *   if (error !== undefined) yield* Effect.logWarning(error.message)
 * })
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromResult = (result: WebhookResult): DiscordError | undefined =>
  result.ok || result.status === undefined ? undefined : decode(result.response)

const decodeJson = (body: Record<string, unknown>): DiscordError => {
  const code = typeof body.code === "number" ? body.code : undefined
  const issues: Array<Issue> = []
  if (typeof body.message === "string") {
    flatten(body.errors, [], issues)
    return new DiscordError({ code, detail: line(body.message), issues })
  }
  // API v6 has no envelope: the body is the tree.
  flatten(body, [], issues)
  return new DiscordError({
    code,
    detail: issues.length > 0 ? "Invalid Form Body" : "the answer is not Discord's JSON",
    issues
  })
}

// A body is somebody else's: neither its depth, nor its size, nor its line breaks go into the error.
const limits = { depth: 24, issues: 100, line: 500 } as const

const line = (text: string): string => {
  const one = text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").trim()
  return one.length > limits.line ? `${one.slice(0, limits.line)}…` : one
}

const keyOf = (key: string): string | number => /^\d{1,6}$/.test(key) ? Number(key) : line(key)

type Path = ReadonlyArray<string | number>

const flatten = (node: unknown, path: Path, issues: Array<Issue>): void => {
  if (path.length > limits.depth) return
  if (Array.isArray(node)) {
    for (const [index, entry] of node.entries()) {
      // v6 names the items that are wrong, and not what is: { "embeds": ["0"] }.
      if (typeof entry === "string" && /^\d{1,6}$/.test(entry)) {
        add({ message: "is not valid" }, [...path, Number(entry)], issues)
      } else if (typeof entry === "string" || (isObject(entry) && typeof entry.message === "string")) {
        add(entry, path, issues)
      } else {
        flatten(entry, [...path, index], issues)
      }
    }
  } else if (isObject(node)) {
    for (const [key, child] of Object.entries(node)) {
      if (key === "_errors" || key === "_misc") leavesOf(child).forEach((leaf) => add(leaf, path, issues))
      else flatten(child, [...path, keyOf(key)], issues)
    }
  } else if (path.length > 0) {
    add(node, path, issues)
  }
}

const leavesOf = (node: unknown): ReadonlyArray<unknown> =>
  Array.isArray(node) ? node : isObject(node) && messageOf(node) === undefined ? Object.values(node) : [node]

// A leaf is a text, or says what is wrong in a text or at least by a code.
const messageOf = (leaf: unknown): string | undefined => {
  if (typeof leaf === "string") return leaf
  if (!isObject(leaf)) return undefined
  const { code, message } = leaf
  return typeof message === "string"
    ? message
    : typeof code === "string" || typeof code === "number"
    ? String(code)
    : undefined
}

const add = (leaf: unknown, path: Path, issues: Array<Issue>): void => {
  const message = messageOf(leaf)
  if (message === undefined || issues.length === limits.issues) return
  const code = isObject(leaf) && typeof leaf.code === "string" ? line(leaf.code) : undefined
  issues.push({ path: pathOf(path), code, message: line(message) })
}
