import type { Socket } from "node:net"

// "HTTP/1.x 100", of which the third digit of the status is the last byte that is looked at.
const isContinue = (chunk: Buffer): boolean =>
  chunk[9] === 0x31 && chunk[10] === 0x30 && chunk[11] === 0x30 && chunk.subarray(0, 7).equals(http1)

const http1 = Buffer.from("HTTP/1.")
const endOfHead = Buffer.from("\r\n\r\n")

/**
 * Takes "100 Continue" out of what a socket reads, as a client may do that has
 * not asked for it (RFC 9110, section 15.2.1). undici would close the
 * connection for it, and the request that the receiver took would be sent
 * again.
 *
 * @internal
 */
export const withoutContinue = (socket: Socket): Socket => {
  const read = socket.read
  socket.read = (size) => {
    const chunk: Buffer | null = read.call(socket, size)
    if (chunk === null || !isContinue(chunk)) return chunk
    const end = chunk.indexOf(endOfHead)
    if (end < 0) return chunk
    const rest = chunk.subarray(end + endOfHead.length)
    if (rest.length > 0) socket.unshift(rest)
    return socket.read(size)
  }
  return socket
}
