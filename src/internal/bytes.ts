/**
 * Chunks as one array of `length` bytes; what is beyond is dropped.
 *
 * @internal
 */
export const join = (chunks: ReadonlyArray<Uint8Array>, length: number): Uint8Array => {
  if (chunks.length === 1 && chunks[0]!.length === length) return chunks[0]!
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk.subarray(0, length - offset), offset)
    offset += chunk.length
    if (offset >= length) break
  }
  return bytes
}
