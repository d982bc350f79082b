/**
 * Makes new message ids: 128 random bits and a count, without a dot and safe
 * in a header. Drawing the bits once saves a microsecond of each send.
 *
 * @internal
 */
export const makeIds = (): () => string => {
  const prefix = `msg_${globalThis.crypto.randomUUID().replaceAll("-", "")}`
  let count = 0
  return () => prefix + (count++).toString(36)
}
