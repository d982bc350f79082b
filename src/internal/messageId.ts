/**
 * A new message id: 128 random bits, no dot, safe in a header.
 *
 * @internal
 */
export const makeId = (): string => `msg_${globalThis.crypto.randomUUID().replaceAll("-", "")}`
