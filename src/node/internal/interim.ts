import type { Socket } from "node:net"

// "HTTP/1.x 1", but not 101, which is the end of HTTP on a connection.
const isInterim = (chunk: Buffer): boolean =>
  chunk[9] === 0x31 && !(chunk[10] === 0x30 && chunk[11] === 0x31) && chunk.subarray(0, 7).equals(http1)

const http1 = Buffer.from("HTTP/1.")
const endOfHead = Buffer.from("\r\n\r\n")

// A head that has not ended after so many bytes is not passed over.
const longestHead = 16_384

/**
 * Takes interim answers out of what a socket reads, as a client may do that has
 * asked for none (RFC 9110, section 15.2). undici would close the connection
 * for a "100 Continue", and the request that the receiver took would be sent
 * again.
 *
 * @internal
 */
export const withoutInterim = (socket: Socket): Socket => {
  const read = socket.read
  let begun: Buffer = Buffer.alloc(0)
  socket.read = (size) => {
    const more: Buffer | null = read.call(socket, size)
    if (more === null) return null
    let chunk = begun.length === 0 ? more : Buffer.concat([begun, more])
    begun = begun.subarray(0, 0)
    while (isInterim(chunk)) {
      const end = chunk.indexOf(endOfHead)
      if (end < 0 && chunk.length < longestHead) begun = chunk
      if (end < 0) break
      chunk = chunk.subarray(end + endOfHead.length)
    }
    return chunk.length === 0 || begun.length > 0 ? null : chunk
  }
  return socket
}
