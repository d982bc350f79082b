import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Violation } from "../WebhookError.ts"
import { pathOf } from "./path.ts"

/**
 * What JSON sees of a value: a copy in plain objects and arrays, in which no
 * `toJSON` and no getter is left.
 *
 * @internal
 */
export interface Plain {
  readonly value: unknown
  /** Whether anything in it is not what was given. */
  readonly changed: boolean
  /** What JSON cannot express, or would make nonsense of; in its place `value` has a symbol. */
  readonly violations: ReadonlyArray<Violation>
}

/**
 * Reads a value as `JSON.stringify` does: every `toJSON` is asked and every
 * getter is read once. So what is checked afterwards is what is sent.
 *
 * @internal
 */
export const plain = (input: unknown): Plain => {
  const reading = new Reading()
  const value = reading.see(input, "", undefined)
  return { value, changed: reading.changed, violations: reading.violations }
}

/** @internal */
export const stream = "a stream can be read only once, and a retry sends the body again; read it into bytes or text"

// JSON.stringify takes some thousands of levels, and no receiver does.
const deepest = 1_000

// Something is there, and it is of no type that anybody wants.
const unreadable = Symbol("unreadable")

const isScalar = (value: unknown): boolean => {
  const type = typeof value
  return type === "object" ? value === null : type !== "function" && type !== "bigint"
}

/** A value that is being read, and where it is: under a key of another one. */
interface Place {
  readonly value: object
  readonly key: string | number
  readonly parent: Place | undefined
  readonly depth: number
}

// Every payload goes through this: hence loops, and a copy by spread, which keeps the shape of the original.
class Reading {
  violations: Array<Violation> = none
  changed = false

  /** What JSON sees in place of a value under a key. */
  see(input: unknown, key: string | number, parent: Place | undefined): unknown {
    if (isScalar(input)) return input
    const value = input as object
    try {
      const { toJSON } = value as { readonly toJSON?: unknown }
      return typeof toJSON === "function" ? this.ask(value, toJSON, key, parent) : this.take(value, key, parent)
    } catch {
      return this.refuse("reading it throws", key, parent, ...throwing(value))
    }
  }

  private ask(value: object, toJSON: Function, key: string | number, parent: Place | undefined): unknown {
    const why = typeof value === "object" ? whyUnreadable(value) : undefined
    if (why !== undefined) return this.refuse(why, key, parent)
    this.changed = true
    const answer = Result.try((): unknown => Reflect.apply(toJSON, value, [String(key)]))
    if (Result.isFailure(answer)) return this.refuse("its toJSON throws", key, parent)
    const seen = isScalar(answer.success) ? answer.success : this.take(answer.success as object, key, parent)
    return hidesRedacted(seen) ? this.refuse(redacted, key, parent) : seen
  }

  // JSON.stringify does not ask what a toJSON gave for its own.
  private take(value: object, key: string | number, parent: Place | undefined): unknown {
    if (typeof value === "bigint") return this.refuse("JSON has no BigInt; give a number or a string", key, parent)
    if (typeof value === "function") return value
    for (let at = parent; at !== undefined; at = at.parent) {
      if (at.value === value) return this.refuse("it contains itself, which JSON cannot express", key, parent)
    }
    const place: Place = { value, key, parent, depth: parent === undefined ? 1 : parent.depth + 1 }
    if (place.depth > deepest) return this.refuse("it is nested too deeply", key, parent)
    if (Array.isArray(value)) return this.copyArray(value, place)
    const prototype = Object.getPrototypeOf(value)
    if (prototype === Object.prototype) return this.copyObject(value, place)
    if (prototype === null) return isRaw(value) ? value : this.copyObject(value, place)
    const why = whyUnreadable(value) ?? whyNonsense(value)
    if (why !== undefined) return this.refuse(why, key, parent)
    const inner = unboxed(value)
    return isScalar(inner) ? inner : this.copyObject(value, place)
  }

  private copyArray(value: ReadonlyArray<unknown>, place: Place): Array<unknown> {
    const { length } = value
    const copy: Array<unknown> = []
    for (let index = 0; index < length; index++) {
      const item = value[index]
      copy.push(isScalar(item) ? item : this.see(item, index, place))
    }
    return copy
  }

  private copyObject(value: object, place: Place): unknown {
    const copy: Record<string, unknown> = { ...value }
    let shown = false
    for (const key in copy) {
      const item = copy[key]
      // What the prototype of all objects was given by others is no field.
      if (isScalar(item) || !Object.hasOwn(copy, key)) {
        shown = true
        continue
      }
      const seen = copy[key] = this.see(item, key, place)
      if (typeof seen !== "function") shown = true
      // What a toJSON gave may have one of its own, and would be asked for it later.
      else if (key === "toJSON") delete copy[key]
    }
    const why = shown ? undefined : whyEmpty(value)
    return why === undefined ? copy : this.refuse(why, place.key, place.parent)
  }

  private refuse(message: string, key: string | number, parent: Place | undefined, ...below: Array<string>): symbol {
    const path: Array<string | number> = below
    for (let at = parent, name = key; at !== undefined; name = at.key, at = at.parent) path.unshift(name)
    this.changed = true
    if (this.violations === none) this.violations = []
    this.violations.push({ path: pathOf(path), message })
    return unreadable
  }
}

const none: Array<Violation> = []

/** The key whose getter throws, if it does so again. */
const throwing = (value: object): ReadonlyArray<string> => {
  const keys = Result.try(() =>
    Object.keys(value).filter((key) => Result.isFailure(Result.try(() => Reflect.get(value, key))))
  )
  return Result.getOrElse(keys, () => []).slice(0, 1)
}

const redacted = "it is Redacted; give Redacted.value(it), if it shall be sent"

// Effect's own data asks what it holds, and JSON sees no more of a Redacted than its text.
const hidesRedacted = (json: unknown): boolean =>
  typeof json === "object" && json !== null && "_id" in json && typeof json._id === "string" &&
  /"<redacted(?::[^"]*)?>"/.test(JSON.stringify(json))

const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1)

/** Whether JSON.rawJSON made it, which not every platform has. */
const isRaw = (value: object): boolean =>
  (JSON as { readonly isRawJSON?: (value: object) => boolean }).isRawJSON?.(value) === true

/** JSON sees a string, a number or a boolean where an object is made of one. */
const unboxed = (value: object): unknown => /^(?:String|Number|Boolean)$/.test(tagOf(value)) ? value.valueOf() : value

/** Why a value is not to be sent, even if it has a toJSON. */
const whyUnreadable = (value: object): string | undefined => {
  if (Redacted.isRedacted(value)) return redacted
  if (HttpBody.isHttpBody(value)) return "an HttpBody is a payload of its own, and no part of one"
  const tag = tagOf(value)
  if (tag === "ReadableStream" || isStream(value)) return stream
  // Effect's own errors are Effects too.
  if (Effect.isEffect(value) && tag !== "Error") return "it is an Effect; run it first, with yield*"
  return tag === "Date" && Number.isNaN(Number(value))
    ? "it is no valid Date, and JSON would make null of it"
    : undefined
}

const isStream = (value: object): boolean =>
  Symbol.asyncIterator in value || "~effect/Stream" in value || "pipe" in value && "_read" in value

const entries = "it goes in as Object.fromEntries(it)"
const bytes = "bytes go in as text, such as Encoding.encodeBase64(bytes)"

const kinds = new Map([
  ["Map", "a Map goes in as Object.fromEntries(map)"],
  ["Set", "a Set goes in as Array.from(set)"],
  ["Error", "JSON sees nothing of an Error; give what shall be sent, such as { message: error.message }"],
  ["FormData", entries],
  ["Headers", entries],
  ["URLSearchParams", entries],
  ["ArrayBuffer", bytes],
  ["SharedArrayBuffer", bytes]
])

/** What of a kind JSON makes nonsense of, when it has no toJSON. */
const whyNonsense = (value: object): string | undefined => {
  const tag = tagOf(value)
  const why = kinds.get(tag)
  if (why !== undefined) return why
  if (ArrayBuffer.isView(value)) return bytes
  if ("then" in value && typeof value.then === "function") return "it is a promise; await it first"
  // What Effect runs has its type among its keys; of what only holds data, nothing but equality is there.
  for (const key in value) if (/^~effect\/(?!Equal$|Hash$)/.test(key)) return nothing(key.split("/")[1])
  return "~effect/Fiber" in value ? nothing("Fiber") : undefined
}

/** Why JSON sees no field of a value. */
const whyEmpty = (value: object): string | undefined => {
  if (Symbol.iterator in value) return "an iterator goes in as Array.from(iterator)"
  // A plain object may be one of another realm.
  const prototype = Object.getPrototypeOf(value)
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return undefined
  // A class of Effect's Data or Schema, by which `pipe` is seen, hides no field: this one has none.
  for (const key in value) if (key === "pipe") return undefined
  return nothing(tagOf(value) === "Object" ? value.constructor?.name : tagOf(value))
}

const nothing = (name: unknown): string =>
  `JSON sees no field of this ${typeof name === "string" && /^[\w$. ]{1,40}$/.test(name) ? name : "object"}; ` +
  "give a plain object, or a toJSON"
