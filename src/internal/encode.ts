import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as Result from "effect/Result"
import { InvalidPayload } from "../WebhookError.ts"
import { plain, stream } from "./plain.ts"

/**
 * A payload as it goes over the wire, on every attempt the same.
 *
 * @internal
 */
export interface Encoded {
  readonly body: string | Uint8Array
  readonly contentType: string | undefined
}

const invalid = (message: string): InvalidPayload => new InvalidPayload({ violations: [{ path: "", message }] })

/**
 * Encodes a payload, once for all attempts.
 *
 * @internal
 */
export const encode = (payload: unknown): Effect.Effect<Encoded, InvalidPayload> => {
  const body = Result.try(() => HttpBody.isHttpBody(payload) ? payload : whichBody(payload))
  if (Result.isSuccess(body) && body.success !== undefined) {
    return typeof body.success === "string" ? Effect.fail(invalid(body.success)) : encodeBody(body.success)
  }
  const { value, violations } = plain(payload)
  return violations.length === 0
    ? encodePlain(value)
    : Effect.fail(new InvalidPayload({ violations: violations.slice(0, 1) }))
}

/**
 * Encodes what `plain` gave.
 *
 * @internal
 */
export const encodePlain = (value: unknown): Effect.Effect<Encoded, InvalidPayload> => {
  const json = Result.try((): string | undefined => JSON.stringify(value))
  if (Result.isFailure(json)) return Effect.fail(invalid("its JSON is longer than a string can be"))
  return json.success === undefined
    ? Effect.fail(invalid(`JSON cannot express a bare ${typeof value}`))
    : Effect.succeed({ body: json.success, contentType: "application/json" })
}

// What has no JSON, but is a body of another kind. Most payloads are plain, and Node loads the others when they are named.
const whichBody = (payload: unknown): string | undefined => {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) return undefined
  if (Object.getPrototypeOf(payload) === Object.prototype) return undefined
  if (payload instanceof ArrayBuffer || ArrayBuffer.isView(payload)) return "bytes go in HttpBody.uint8Array(bytes)"
  if (payload instanceof FormData) return "a form goes in HttpBody.formData(form)"
  if (payload instanceof URLSearchParams) return "URL parameters go in HttpBody.urlParams(params)"
  if (payload instanceof Blob) return "a blob goes in HttpBody.raw(blob)"
  if (payload instanceof Request || payload instanceof Response) return "it is a message of its own; give its body"
  return undefined
}

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
      return Effect.fail(invalid(stream))
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
