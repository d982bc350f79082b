import * as Mac from "effect/crypto/Mac"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Layer from "effect/Layer"
import { createHmac, createSecretKey, type KeyObject } from "node:crypto"

const keys = new WeakMap<Uint8Array, KeyObject>()

// With the bytes themselves, as `NodeCrypto.layerMac` has it, each HMAC makes a key of them first: 14 us instead of 3.
const keyOf = (bytes: Uint8Array): KeyObject => {
  let key = keys.get(bytes)
  if (key === undefined) keys.set(bytes, key = createSecretKey(bytes))
  return key
}

/**
 * HMAC on `node:crypto`, for signers.
 *
 * @internal
 */
export const layerMac: Layer.Layer<Mac.Mac> = Mac.layerWebCryptoWith({
  // Node takes Web Crypto's names of hashes too, and Deno does not.
  hmac: (hash, key, data) => createHmac(hash.replace("-", "").toLowerCase(), keyOf(key)).update(data).digest()
}).pipe(Layer.provide(SecureRandom.layerWebCrypto))
