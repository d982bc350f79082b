import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import { encode, type Encoded, encodePlain } from "../../internal/encode.ts"
import type { InvalidPayload, Violation } from "../../WebhookError.ts"
import { field, items, violationsOf } from "./payload.ts"
import { identifier } from "./text.ts"

/**
 * A file as it is uploaded, and what Discord is told of it.
 *
 * @internal
 */
export interface Upload {
  readonly name: string
  readonly blob: Blob
  readonly about: { readonly filename?: string; readonly description?: unknown; readonly is_spoiler?: true }
}

const nameViolations = violationsOf(identifier(1024))

/**
 * Checks files: their names, their kinds, their sizes. What is said of them
 * must go without `attachments` if they are not `listed` there.
 *
 * @internal
 */
export const uploadsOf = (
  files: ReadonlyArray<unknown>,
  maxBytes: number,
  listed: boolean
): { readonly uploads: ReadonlyArray<Upload>; readonly violations: ReadonlyArray<Violation> } => {
  const violations: Array<Violation> = []
  const uploads = files.map((file, index): Upload => {
    const path = `files[${index}]`
    const name = field(file, "name")
    const blob = blobOf(file)
    const misnamed = nameViolations(name)
    violations.push(...misnamed.map(({ message }) => ({ path: `${path}.name`, message })))
    if (blob === undefined) {
      violations.push({ path: `${path}.data`, message: "must be a string, bytes, a Blob or a File" })
    } else if (blob.size > maxBytes) {
      violations.push({ path, message: `must be at most ${maxBytes} bytes, but has ${blob.size}` })
    }
    const description = field(file, "description")
    const spoiler = field(file, "spoiler") === true
    if (!listed && description !== undefined && description !== null) {
      violations.push({
        path: `${path}.description`,
        message: "needs attachments on an edit, which must list all files that are to stay"
      })
    }
    return {
      name: spoiler && !listed ? `SPOILER_${String(name)}` : String(name),
      blob: blob ?? new Blob(),
      about: {
        ...(misnamed.length === 0 ? { filename: String(name) } : {}),
        ...(description === undefined ? {} : { description }),
        ...(spoiler ? { is_spoiler: true } : {})
      }
    }
  })
  return { uploads, violations }
}

const blobOf = (file: unknown): Blob | undefined => {
  if (file instanceof Blob) return file
  const data = field(file, "data")
  if (data instanceof Blob) return data
  const type = field(file, "type")
  const isData = typeof data === "string" || data instanceof ArrayBuffer || ArrayBuffer.isView(data)
  return isData ? new Blob([data as BlobPart], typeof type === "string" ? { type } : {}) : undefined
}

/**
 * Lists the uploads among a message's `attachments`, where it does not itself.
 *
 * @internal
 */
export const attach = (message: unknown, uploads: ReadonlyArray<Upload>): unknown => {
  const given = field(message, "attachments")
  if (uploads.length === 0 || (given !== undefined && given !== null && !Array.isArray(given))) return message
  if (typeof message !== "object") return message
  const listed = items(message, "attachments")
  const ids = new Set(listed.map((attachment) => String(field(attachment, "id"))))
  const added = uploads.flatMap(({ about }, n) => ids.has(String(n)) ? [] : [{ id: String(n), ...about }])
  return { ...message, attachments: [...listed, ...added] }
}

/**
 * Encodes a message that is plain already and its uploads, once for all attempts.
 *
 * @internal
 */
export const encodeAll = (message: unknown, uploads: ReadonlyArray<Upload>): Effect.Effect<Encoded, InvalidPayload> => {
  const json = encodePlain(message)
  if (uploads.length === 0) return json
  return Effect.flatMap(json, ({ body }) => {
    const form = new FormData()
    form.append("payload_json", body as string)
    uploads.forEach(({ blob, name }, n) => form.append(`files[${n}]`, blob, name))
    return encode(HttpBody.formData(form))
  })
}
