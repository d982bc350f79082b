/**
 * Makes new message ids: 128 random bits and a count, without a dot and safe
 * in a header. Drawing the bits once saves a microsecond of each send.
 *
 * @internal
 */
export const makeIds = (): () => string => {
  // Not `randomUUID`: a browser has that on secure pages only.
  const random = globalThis.crypto.getRandomValues(new Uint8Array(16))
  const prefix = `msg_${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}`
  let count = 0
  return () => prefix + (count++).toString(36)
}
