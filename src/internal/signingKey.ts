import type { CryptoError } from "effect/crypto/CryptoError"
import * as Mac from "effect/crypto/Mac"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/**
 * The platform's crypto did not do what it was asked for.
 *
 * @internal
 */
export class CryptoFault extends Data.TaggedError("CryptoFault")<{
  readonly detail: string
  readonly cause: unknown
}> {}

/**
 * A key that signs or verifies, of one version of Standard Webhooks.
 *
 * @internal
 */
export interface Key {
  readonly version: "v1" | "v1a"
  readonly sign: (data: Uint8Array) => Effect.Effect<Uint8Array, CryptoFault>
  readonly verify: (signature: Uint8Array, data: Uint8Array) => Effect.Effect<boolean, CryptoFault>
}

/** Bytes that Web Crypto takes: TypeScript thinks of shared memory. */
type Bytes = Uint8Array<ArrayBuffer>

// A key is imported once for each implementation, which tests may replace.
const imported = (load: (subtle: SubtleCrypto) => Promise<CryptoKey>) => {
  const keys = new WeakMap<SubtleCrypto, Promise<CryptoKey>>()
  const keyOf = (subtle: SubtleCrypto): Promise<CryptoKey> => {
    let key = keys.get(subtle)
    if (key === undefined) keys.set(subtle, key = load(subtle))
    return key
  }
  return <A>(use: (subtle: SubtleCrypto, key: CryptoKey) => Promise<A>): Effect.Effect<A, CryptoFault> =>
    WebCrypto.use(({ subtle }) =>
      Effect.tryPromise({
        try: () => keyOf(subtle).then((key) => use(subtle, key)),
        catch: (cause) =>
          new CryptoFault({ detail: "the platform's crypto failed; it may not know the algorithm", cause })
      })
    )
}

// Web Crypto works on another thread, and to go there and back costs a webhook some 75 us on Node; the `Mac` that
// `NodeWebhook` brings takes 3 us. Web Crypto compares in constant time, and so does a `Mac`.
const hmacKey = (bytes: Bytes): Key => {
  const run = imported((subtle) =>
    subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"])
  )
  let key: Mac.Key | undefined
  const macKey = Effect.suspend(() =>
    key === undefined ? Effect.map(Mac.key(Mac.hmacSha256, bytes), (made) => key = made) : Effect.succeed(key)
  )
  const orMac = <A>(
    web: Effect.Effect<A, CryptoFault>,
    native: (mac: Mac.Mac["Service"], key: Mac.Key) => Effect.Effect<A, CryptoError>
  ): Effect.Effect<A, CryptoFault> =>
    Effect.flatMap(Effect.serviceOption(Mac.Mac), (mac) =>
      Option.isNone(mac)
        ? web
        : macKey.pipe(
          Effect.flatMap((key) => native(mac.value, key)),
          Effect.mapError((cause) => new CryptoFault({ detail: "the Mac of the context failed", cause }))
        ))
  return {
    version: "v1",
    sign: (data) =>
      orMac(
        Effect.map(run((subtle, key) => subtle.sign("HMAC", key, data as Bytes)), toBytes),
        (mac, key) => mac.sign(key, data)
      ),
    verify: (signature, data) =>
      orMac(
        run((subtle, key) => subtle.verify("HMAC", key, signature as Bytes, data as Bytes)),
        (mac, key) => mac.verify(key, signature, data)
      )
  }
}

const toBytes = (buffer: ArrayBuffer): Uint8Array => new Uint8Array(buffer)

const publicKey = (bytes: Bytes): Key => {
  const run = imported((subtle) => subtle.importKey("raw", bytes, "Ed25519", false, ["verify"]))
  return {
    version: "v1a",
    sign: () => Effect.die("a public key does not sign"),
    verify: (signature, data) => run((subtle, key) => subtle.verify("Ed25519", key, signature as Bytes, data as Bytes))
  }
}

// RFC 8410: what stands before the 32 bytes of an Ed25519 key in PKCS #8 and in SubjectPublicKeyInfo.
const pkcs8 = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]
const spki = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]

const privateKey = (seed: Bytes, given: Bytes | undefined): Key => {
  const run = imported((subtle) =>
    subtle.importKey("pkcs8", Uint8Array.from([...pkcs8, ...seed]), "Ed25519", false, ["sign"])
  )
  const sign = (data: Uint8Array) =>
    Effect.map(run((subtle, key) => subtle.sign("Ed25519", key, data as Bytes)), toBytes)
  let doubted = given === undefined ? undefined : publicKey(given)
  // Whether the public half belongs to the seed is seen in what they make of one message.
  const check = Effect.fnUntraced(function*(data: Uint8Array, half: Key) {
    const signature = yield* sign(data)
    if (!(yield* half.verify(signature, data))) {
      return yield* new CryptoFault({
        detail: "the public half of a key does not belong to its seed",
        cause: undefined
      })
    }
    doubted = undefined
    return signature
  })
  return {
    version: "v1a",
    sign: (data) => doubted === undefined ? sign(data) : check(data, doubted),
    verify: () => Effect.die("a private key does not verify")
  }
}

/** One of the forms in which a key is written: a prefix, and base64. */
interface Form {
  readonly prefix: "whsec_" | "whsk_" | "whpk_"
  readonly name: string
  readonly wanted: string
  /** `undefined` for bytes that are no such key. */
  readonly make: (bytes: Bytes) => Key | undefined
}

const secretForm: Form = {
  prefix: "whsec_",
  name: "a secret",
  wanted: "whsec_ and base64 of 24 to 64 bytes",
  make: (bytes) => bytes.length >= 24 && bytes.length <= 64 ? hmacKey(bytes) : undefined
}

const privateForm: Form = {
  prefix: "whsk_",
  name: "a private key of Ed25519",
  wanted: "whsk_ and base64 of 32 bytes, or 64 with the public key",
  make: (bytes) =>
    bytes.length === 32
      ? privateKey(bytes, undefined)
      : bytes.length === 64
      ? privateKey(bytes.slice(0, 32), bytes.slice(32))
      : undefined
}

const publicForm: Form = {
  prefix: "whpk_",
  name: "a public key of Ed25519",
  wanted: "whpk_ and base64 of 32 bytes, or 44 as the SubjectPublicKeyInfo of an Ed25519 key",
  make: (bytes) =>
    bytes.length === 32
      ? publicKey(bytes)
      : bytes.length === spki.length + 32 && spki.every((byte, index) => bytes[index] === byte)
      ? publicKey(bytes.slice(spki.length))
      : undefined
}

const forms = [secretForm, privateForm, publicForm]

const textOf = (key: Redacted.Redacted<string>): string | undefined => {
  const text: unknown = Redacted.isRedacted(key) ? Redacted.value(key) : key
  return typeof text === "string" ? text.trim() : undefined
}

/** Fails with a sentence that has no key in it, and says what is wanted. */
const parse = (
  text: string | undefined,
  { make, prefix, wanted }: Form,
  orElse?: Form
): Result.Result<Key, string> => {
  const fail = (detail: string) =>
    Result.fail(`${detail}; it must be ${wanted}${orElse === undefined ? "" : `; or ${orElse.wanted}`}`)
  if (text === undefined) return fail("it is not a string")
  const other = forms.find((form) => form.prefix !== prefix && text.startsWith(form.prefix))
  if (other !== undefined) return fail(`it is ${other.name}`)
  const prefixed = text.startsWith(prefix)
  // Nearly every text of hexadecimal digits is base64 too, of other bytes; behind the prefix it is what it says.
  if (!prefixed && /^(?:[\da-f]{2})+$/i.test(text)) return fail("it is hexadecimal")
  const base64 = prefixed ? text.slice(prefix.length) : text
  const bare = base64.replace(/={1,2}$/, "")
  const padded = bare + "=".repeat(-bare.length & 3)
  if (bare === "") return fail("it is empty")
  if (base64 !== bare && base64 !== padded) return fail("it is not base64: its padding is wrong")
  const bytes = Base64.decode(padded)
  if (Result.isFailure(bytes)) return fail(`it is not base64${mistakeIn(base64)}`)
  const key = make(Uint8Array.from(bytes.success))
  return key === undefined
    ? Result.fail(`it must be ${wanted}, but has ${bytes.success.length}`)
    : Result.succeed(key)
}

const mistakeIn = (text: string): string =>
  /["'`]/.test(text)
    ? ": there are quotes in it"
    : /\s/.test(text)
    ? ": there is white space in it"
    : /[-_]/.test(text)
    ? ": there is - or _ in it, so it is base64url, or its prefix is another one"
    : ""

/**
 * A secret of HMAC-SHA256: base64 of 24 to 64 bytes, with or without `whsec_`.
 *
 * @internal
 */
export const secret = (key: Redacted.Redacted<string>): Result.Result<Key, string> => parse(textOf(key), secretForm)

/**
 * A private key of Ed25519: base64 of its 32-byte seed, or of the seed and the
 * public key, with or without `whsk_`.
 *
 * @internal
 */
export const signingKey = (key: Redacted.Redacted<string>): Result.Result<Key, string> =>
  parse(textOf(key), privateForm)

/**
 * What verifies: a secret, or a public key of Ed25519 (`whpk_`, base64 of its
 * 32 bytes or of their SubjectPublicKeyInfo).
 *
 * @internal
 */
export const verifyingKey = (key: Redacted.Redacted<string>): Result.Result<Key, string> => {
  const text = textOf(key)
  return text?.startsWith("whpk_") ? parse(text, publicForm) : parse(text, secretForm, publicForm)
}
