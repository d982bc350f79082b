import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as Result from "effect/Result"
import { InvalidPayload } from "../WebhookError.ts"

/**
 * A payload as it goes over the wire, on every attempt the same.
 *
 * @internal
 */
export interface Encoded {
  readonly body: string | Uint8Array
  readonly contentType: string | undefined
}

// A path is made of the payload's own keys, which may be of any length.
const longestPath = 200

const invalid = (message: string, path = ""): InvalidPayload =>
  new InvalidPayload({
    violations: [{ path: path.length > longestPath ? `${path.slice(0, longestPath)}…` : path, message }]
  })

/**
 * Encodes a payload, once for all attempts.
 *
 * @internal
 */
export const encode = (payload: unknown): Effect.Effect<Encoded, InvalidPayload> => {
  const seen = Result.try(() => HttpBody.isHttpBody(payload) || notJson(payload))
  if (Result.isFailure(seen)) return Effect.fail(invalid("reading it throws"))
  if (seen.success === true) return encodeBody(payload as HttpBody.HttpBody)
  if (seen.success !== undefined) return Effect.fail(invalid(seen.success))
  const json = Result.try((): string | undefined => JSON.stringify(payload))
  if (Result.isFailure(json)) return Effect.fail(locate(payload))
  return json.success === undefined
    ? Effect.fail(invalid(`JSON cannot express a bare ${typeof payload}`))
    : Effect.succeed({ body: json.success, contentType: "application/json" })
}

// What JSON.stringify would take, and make nonsense of.
const notJson = (payload: unknown): string | undefined => {
  if (typeof payload !== "object" || payload === null) return undefined
  const prototype = Object.getPrototypeOf(payload)
  if (prototype === Object.prototype || prototype === null || Array.isArray(payload)) return undefined
  if (isStream(payload)) return "a stream can be read only once, and a retry sends the body again; read it into bytes"
  if (Effect.isEffect(payload)) return "it is an Effect; run it first, with yield*"
  if (payload instanceof ArrayBuffer || ArrayBuffer.isView(payload)) return "bytes go in HttpBody.uint8Array(bytes)"
  if (payload instanceof FormData) return "a form goes in HttpBody.formData(form)"
  if (payload instanceof URLSearchParams) return "URL parameters go in HttpBody.urlParams(params)"
  if (payload instanceof Blob) return "a blob goes in HttpBody.raw(blob)"
  if (payload instanceof Request || payload instanceof Response) return "it is a message of its own; give its body"
  if ("then" in payload && typeof payload.then === "function") return "it is a promise; await it first"
  return undefined
}

const isStream = (payload: object): boolean =>
  payload instanceof ReadableStream || Symbol.asyncIterator in payload || "~effect/Stream" in payload ||
  "pipe" in payload && "_read" in payload

const encodeBody = (body: HttpBody.HttpBody): Effect.Effect<Encoded, InvalidPayload> => {
  switch (body._tag) {
    case "Empty":
      return Effect.succeed({ body: "", contentType: undefined })
    case "Uint8Array":
      return Effect.succeed({ body: body.text ?? body.body, contentType: body.contentType })
    case "FormData":
      return encodeWeb(body.formData, undefined)
    case "Raw":
      return encodeRaw(body.body, body.contentType)
    case "Stream":
      return Effect.fail(
        invalid("a stream can be read only once, and a retry sends the body again; read it into bytes")
      )
  }
}

const encodeRaw = (body: unknown, contentType: string | undefined): Effect.Effect<Encoded, InvalidPayload> => {
  if (typeof body === "string" || body instanceof Uint8Array) return Effect.succeed({ body, contentType })
  if (body instanceof ArrayBuffer) return Effect.succeed({ body: new Uint8Array(body), contentType })
  if (body instanceof URLSearchParams || body instanceof Blob || body instanceof FormData) {
    return encodeWeb(body, contentType)
  }
  return Effect.fail(
    invalid("the bytes of a raw body must be known: give a string, bytes, a Blob, FormData or URLSearchParams")
  )
}

// The platform knows how to write a form, a boundary included.
const encodeWeb = (
  body: FormData | Blob | URLSearchParams,
  contentType: string | undefined
): Effect.Effect<Encoded, InvalidPayload> => {
  const response = new Response(body)
  const type = contentType ?? response.headers.get("content-type") ?? undefined
  return Effect.tryPromise({
    try: () => response.arrayBuffer(),
    catch: () => invalid("its bytes could not be read")
  }).pipe(Effect.map((buffer) => ({ body: new Uint8Array(buffer), contentType: type })))
}

/** Where the value is that JSON cannot express; its keys may be named, its values not. */
const locate = (payload: unknown): InvalidPayload => {
  const parents = new Set<unknown>()
  const visit = (input: unknown, path: string): InvalidPayload | undefined => {
    const value = toJson(input, path)
    if (value instanceof InvalidPayload) return value
    if (typeof value === "bigint") return invalid("JSON has no BigInt; give a number or a string", path)
    if (typeof value !== "object" || value === null) return undefined
    if (parents.has(value)) return invalid("it contains itself, which JSON cannot express", path)
    parents.add(value)
    for (const key of Object.keys(value)) {
      const inner = Result.try(() => (value as Record<string, unknown>)[key])
      const plain = /^[\w$-]+$/.test(key)
      const at = Array.isArray(value)
        ? `${path}[${key}]`
        : !plain
        ? `${path}[${JSON.stringify(key)}]`
        : path === ""
        ? key
        : `${path}.${key}`
      if (Result.isFailure(inner)) return invalid("reading it throws", at)
      const found = visit(inner.success, at)
      if (found !== undefined) return found
    }
    parents.delete(value)
    return undefined
  }
  // A nesting deeper than the stack makes both JSON.stringify and this fail.
  return Result.getOrElse(Result.try(() => visit(payload, "")), () => invalid("it is nested too deeply")) ??
    invalid("JSON cannot express it")
}

// What JSON.stringify looks at in place of a value that has a toJSON.
const toJson = (value: unknown, path: string): unknown => {
  if (typeof value !== "object" || value === null) return value
  const result = Result.try(() => "toJSON" in value && typeof value.toJSON === "function" ? value.toJSON() : value)
  return Result.isFailure(result) ? invalid("its toJSON throws", path) : result.success
}
