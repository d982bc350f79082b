import type { Transform } from "node:stream"
import * as Zlib from "node:zlib"

/**
 * Takes a body, and what becomes of it.
 *
 * @internal
 */
export interface Sink {
  /** Whether it wants more. */
  readonly write: (chunk: Uint8Array) => boolean
  /** The body is at its end, or broken: cut, too long, or nothing that can be decoded. */
  readonly end: (broken: boolean) => void
  readonly destroy: () => void
}

/** Makes what decodes a body with this first byte; `undefined` if it is not encoded so, whatever its header says. */
type Make = (first: number) => Transform | undefined

const gunzip: Make = (first) => first === 0x1f ? Zlib.createGunzip() : undefined

// RFC 9110, section 8.4.1, and RFC 9659, which bounds the window of zstd: 8 MiB. What is called deflate has a head of
// zlib, or has none.
const zstd: Zlib.ZstdOptions = { params: { [Zlib.constants.ZSTD_d_windowLogMax]: 23 } }

const codings: ReadonlyMap<string, Make> = new Map([
  ["gzip", gunzip],
  ["x-gzip", gunzip],
  ["deflate", (first) => (first & 0x0f) === 8 ? Zlib.createInflate() : Zlib.createInflateRaw()],
  ["br", () => Zlib.createBrotliDecompress()],
  ["zstd", (first) => first === 0x28 ? Zlib.createZstdDecompress(zstd) : undefined]
])

// Each may multiply what it is given.
const mostCodings = 4

/**
 * Decodes a body by its `content-encoding`, as it comes: `sink` is given the
 * decoded chunks, and what is not encoded as it is. `undefined` if there is
 * nothing to decode, or one of the codings is not known. At most `limit` bytes
 * go into each decoding.
 *
 * @internal
 */
export const decoding = (contentEncoding: string, limit: number, sink: Sink): Sink | undefined => {
  const names = contentEncoding.toLowerCase().split(",").map((name) => name.trim())
    .filter((name) => name !== "" && name !== "identity")
  const makes = names.flatMap((name) => codings.get(name) ?? [])
  if (makes.length === 0 || makes.length < names.length || makes.length > mostCodings) return undefined
  // The one that is named last was applied last.
  return makes.reduce<Sink>((next, make) => decodingOne(make, limit, next), sink)
}

const decodingOne = (make: Make, limit: number, next: Sink): Sink => {
  // `null` once it is known that there is nothing to decode.
  let stream: Transform | null | undefined
  let size = 0
  let waiting = 0
  let ended = false
  let cut = false

  const open = (first: number): Transform | null =>
    make(first)
      ?.on("data", (chunk: Uint8Array) => {
        if (next.write(chunk)) return
        ended = true
        stream!.destroy()
      })
      .on("end", () => next.end(cut))
      .on("error", () => {
        ended = true
        next.end(true)
      }) ?? null
  // Told of the end while it still has input, zlib drops what it has decoded of that if the end is missing.
  const close = () => {
    if (ended && waiting === 0 && !stream!.destroyed) stream!.end()
  }
  const written = () => {
    waiting--
    close()
  }
  const end = (broken: boolean) => {
    if (ended) return
    ended = true
    cut = broken
    if (stream) close()
    else next.end(broken || stream === null)
  }
  return {
    write(chunk) {
      if (ended || chunk.length === 0) return !ended
      if (stream === undefined) stream = open(chunk[0]!)
      if (stream === null) return next.write(chunk)
      // Of a piece with a fault in it zlib drops what it has decoded, too: so they get smaller, down to the checksum.
      for (let rest = chunk.subarray(0, limit - size); rest.length > 0;) {
        const half = Math.ceil(rest.length / 2)
        waiting++
        stream.write(rest.subarray(0, half), written)
        rest = rest.subarray(half)
      }
      size += chunk.length
      if (size > limit) end(true)
      return !ended
    },
    end,
    destroy() {
      stream?.destroy()
      next.destroy()
    }
  }
}
