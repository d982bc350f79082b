/** One part of a form, as it came over the wire. */
export interface Part {
  readonly name: string
  readonly filename: string | undefined
  readonly type: string | undefined
  readonly bytes: Uint8Array
}

const endOfLine = "\r\n"

/** The parts of a `multipart/form-data` body, RFC 7578; `undefined` if it is none. */
export const parseMultipart = (contentType: string, bytes: Uint8Array): ReadonlyArray<Part> | undefined => {
  const boundary = /^multipart\/form-data;.*boundary="?([^";]+)/i.exec(contentType)?.[1]
  if (boundary === undefined) return undefined
  const body = Buffer.from(bytes)
  const delimiter = `--${boundary}`
  const parts: Array<Part> = []
  let at = body.indexOf(delimiter)
  while (at >= 0) {
    at += delimiter.length
    if (body.toString("latin1", at, at + 2) === "--") return parts
    const headEnd = body.indexOf(endOfLine + endOfLine, at)
    const end = body.indexOf(endOfLine + delimiter, headEnd)
    if (headEnd < 0 || end < 0) return undefined
    parts.push(partOf(body.toString("utf8", at, headEnd), body.subarray(headEnd + 4, end)))
    at = end + endOfLine.length
  }
  return undefined
}

const partOf = (head: string, bytes: Uint8Array): Part => {
  const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? ""
  const parameter = (name: string) => {
    const value = new RegExp(`; ${name}="([^"]*)"`).exec(disposition)?.[1]
    // The only characters that a form escapes in a name.
    return value?.replace(/%(0A|0D|22)/g, (escaped) => decodeURIComponent(escaped))
  }
  return {
    name: parameter("name") ?? "",
    filename: parameter("filename"),
    type: /^content-type: *(.*?)\r?$/im.exec(head)?.[1],
    bytes: new Uint8Array(bytes)
  }
}
