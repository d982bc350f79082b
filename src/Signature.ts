/**
 * Signing: what a receiver needs to know that a webhook is yours.
 *
 * A `Signer` is asked once per attempt, so that timestamp and signature are
 * fresh on every retry while the id stays. It may do anything an effect can,
 * such as asking a key service. `hmac` and `ed25519` sign as Standard Webhooks
 * has it (`v1` and `v1a`), with one key or with several at once while keys are
 * changed. `verify` is for the side that receives.
 *
 * The crypto is the platform's Web Crypto, as `effect/crypto/WebCrypto` gives
 * it: it runs in Node, browsers and workers. Where there is a `Mac` of
 * `effect/crypto`, as `NodeWebhook` brings one, HMAC is its. What is signed are
 * bytes: `id.timestamp.body`.
 *
 * **Gotchas**
 *
 * A signature proves who sent a webhook, not that it comes for the first time:
 * within the tolerance a webhook can be sent again by whoever saw it. A receiver
 * that minds remembers the ids.
 *
 * **Example** (A key, and the one before it)
 *
 * ```ts
 * import { Redacted } from "effect"
 * import { Signature, Webhook } from "effect-webhooks"
 *
 * const signer = Signature.hmac([
 *   Redacted.make("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
 *   Redacted.make("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
 * ])
 *
 * const layer = Webhook.layerTransport({ signer })
 * ```
 *
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { positiveMillis } from "./internal/options.ts"
import { type Key, secret, signingKey, verifyingKey } from "./internal/signingKey.ts"
import * as Thrown from "./internal/thrown.ts"
import { SignerError } from "./WebhookError.ts"

/**
 * Gives the headers that sign one attempt.
 *
 * **Details**
 *
 * `timestamp` is in unix seconds; `body` is the very bytes that are sent. The
 * headers may have any name but those that HTTP itself owns.
 *
 * @category models
 * @since 0.1.0
 */
export type Signer = (input: {
  readonly id: string
  readonly timestamp: number
  readonly body: Uint8Array
}) => Effect.Effect<Record<string, string>, SignerError>

/**
 * One key or several.
 *
 * @category models
 * @since 0.1.0
 */
export type Keys = Redacted.Redacted<string> | ReadonlyArray<Redacted.Redacted<string>>

/**
 * A key that cannot be used.
 *
 * **Details**
 *
 * `index` is its place among the keys. The key is not in it.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidKey extends Data.TaggedError("InvalidKey")<{
  readonly index: number
  readonly detail: string
}> {
  override get message(): string {
    return `key ${this.index} cannot be used: ${this.detail}`
  }
}

/**
 * A header that a signed webhook has is missing.
 *
 * @category errors
 * @since 0.1.0
 */
export class MissingHeader extends Data.TaggedError("MissingHeader")<{
  readonly header: string
}> {
  override get message(): string {
    return `the header ${this.header} is missing`
  }
}

/**
 * The `webhook-timestamp` is not a number of seconds.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidTimestamp extends Data.TaggedError("InvalidTimestamp") {
  override get message(): string {
    return "the webhook-timestamp is not a number of seconds"
  }
}

/**
 * The webhook was signed longer ago than the tolerance allows.
 *
 * @category errors
 * @since 0.1.0
 */
export class TimestampTooOld extends Data.TaggedError("TimestampTooOld")<{
  readonly age: Duration.Duration
  readonly tolerance: Duration.Duration
}> {
  override get message(): string {
    return `it was signed ${Duration.toSeconds(this.age)} s ago, and ${
      Duration.toSeconds(this.tolerance)
    } s are tolerated`
  }
}

/**
 * The webhook was signed further in the future than the tolerance allows.
 *
 * @category errors
 * @since 0.1.0
 */
export class TimestampTooNew extends Data.TaggedError("TimestampTooNew")<{
  readonly ahead: Duration.Duration
  readonly tolerance: Duration.Duration
}> {
  override get message(): string {
    return `it is signed ${Duration.toSeconds(this.ahead)} s in the future, and ${
      Duration.toSeconds(this.tolerance)
    } s are tolerated`
  }
}

/**
 * No signature is of a version that one of the keys verifies.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownVersion extends Data.TaggedError("UnknownVersion") {
  override get message(): string {
    return "none of the signatures is of a version that the keys verify"
  }
}

/**
 * No signature is that of one of the keys for this id, timestamp and body.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoMatch extends Data.TaggedError("NoMatch") {
  override get message(): string {
    return "no signature matches"
  }
}

/**
 * The platform's crypto failed: it may not know Ed25519.
 *
 * @category errors
 * @since 0.1.0
 */
export class CryptoFailed extends Data.TaggedError("CryptoFailed")<{
  readonly cause: Redacted.Redacted<unknown>
}> {
  override get message(): string {
    return `the platform's crypto failed${Thrown.ending(this.cause)}`
  }
}

/**
 * Why a key, or a webhook, is refused.
 *
 * @category errors
 * @since 0.1.0
 */
export type SignatureErrorReason =
  | InvalidKey
  | MissingHeader
  | InvalidTimestamp
  | TimestampTooOld
  | TimestampTooNew
  | UnknownVersion
  | NoMatch
  | CryptoFailed

/**
 * The error of keys and of verifying, around one `reason`.
 *
 * @category errors
 * @since 0.1.0
 */
export class SignatureError extends Data.TaggedError("SignatureError")<{
  readonly reason: SignatureErrorReason
}> {
  override get message(): string {
    return this.reason.message
  }
}

const refuse = (reason: SignatureErrorReason): Effect.Effect<never, SignatureError> =>
  Effect.fail(new SignatureError({ reason }))

const parse = (
  keys: Keys,
  parseOne: (key: Redacted.Redacted<string>) => Result.Result<Key, string>
): Result.Result<ReadonlyArray<Key>, SignatureError> => {
  const inputs: ReadonlyArray<Redacted.Redacted<string>> = Array.isArray(keys) ? keys : [keys]
  const invalid = (index: number, detail: string) =>
    Result.fail(new SignatureError({ reason: new InvalidKey({ index, detail }) }))
  if (inputs.length === 0) return invalid(0, "there is none")
  const parsed: Array<Key> = []
  for (const [index, input] of inputs.entries()) {
    const key = parseOne(input)
    if (Result.isFailure(key)) return invalid(index, key.failure)
    parsed.push(key.success)
  }
  return Result.succeed(parsed)
}

const encoder = new TextEncoder()

/** The bytes that are signed. */
const content = (id: string, timestamp: string, body: Uint8Array): Uint8Array => {
  const head = encoder.encode(`${id}.${timestamp}.`)
  const bytes = new Uint8Array(head.length + body.length)
  bytes.set(head)
  bytes.set(body, head.length)
  return bytes
}

const signer = (keys: ReadonlyArray<Key>): Signer => ({ body, id, timestamp }) => {
  if (id === "" || id.includes(".")) {
    return Effect.fail(new SignerError({ detail: "the id must not be empty or hold a dot" }))
  }
  if (!Number.isSafeInteger(timestamp)) {
    return Effect.fail(new SignerError({ detail: "the timestamp must be a whole number of seconds" }))
  }
  const data = content(id, String(timestamp), body)
  return Effect.forEach(keys, (key) => Effect.map(key.sign(data), (bytes) => `${key.version},${Base64.encode(bytes)}`))
    .pipe(
      Effect.mapBoth({
        onFailure: ({ cause, detail }) => new SignerError({ detail, cause: Thrown.hide(cause) }),
        onSuccess: (signatures) => ({
          "webhook-id": id,
          "webhook-timestamp": String(timestamp),
          "webhook-signature": signatures.join(" ")
        })
      })
    )
}

/**
 * Signs with HMAC-SHA256, version `v1` of Standard Webhooks.
 *
 * **Details**
 *
 * A secret is base64 of 24 to 64 bytes, padded or not, with or without
 * `whsec_`. Several sign together, in the order given, so that receivers can
 * change from one to the next. Throws `SignatureError` for one that cannot be
 * used.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hmac = (secrets: Keys): Signer => signer(Result.getOrThrow(parse(secrets, secret)))

/**
 * Signs with Ed25519, version `v1a` of Standard Webhooks.
 *
 * **Details**
 *
 * A key is base64 of the 32-byte seed, or of the seed and the public key, with
 * or without `whsk_`. Several sign together, in the order given. Throws
 * `SignatureError` for one that cannot be used. Whether the platform knows
 * Ed25519, and whether a public half belongs to its seed, is seen at the first
 * send, which then fails with `SignerError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ed25519 = (keys: Keys): Signer => signer(Result.getOrThrow(parse(keys, signingKey)))

/**
 * Signs with all of these signers.
 *
 * **Details**
 *
 * Their `webhook-signature` values stand one after the other in the order
 * given; of any other header that several give, the last one's stands.
 *
 * **Example** (Both versions, while receivers move to `v1a`)
 *
 * ```ts
 * import { Redacted } from "effect"
 * import { Signature } from "effect-webhooks"
 *
 * const signer = Signature.combine(
 *   Signature.hmac(Redacted.make("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")),
 *   Signature.ed25519(Redacted.make("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="))
 * )
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const combine = (...signers: ReadonlyArray<Signer>): Signer => (input) =>
  Effect.map(Effect.forEach(signers, (sign) => sign(input)), (all) => {
    const headers: Record<string, string> = {}
    for (const [key, value] of all.flatMap(Object.entries<string>)) {
      const name = key.toLowerCase()
      headers[name] = name === "webhook-signature" && name in headers ? `${headers[name]} ${value}` : value
    }
    return headers
  })

/**
 * Gives the `webhook-signature` of a signer for a message.
 *
 * **Details**
 *
 * `timestamp` is in unix seconds, `body` bytes or a text, which is signed as
 * UTF-8. Fails with `SignerError` if the signer does, or gives none.
 *
 * @category signing
 * @since 0.1.0
 */
export const sign = (
  signer: Signer,
  message: { readonly id: string; readonly timestamp: number; readonly body: Uint8Array | string }
): Effect.Effect<string, SignerError> =>
  Effect.suspend(() => signer({ ...message, body: bytesOf(message.body) })).pipe(
    Effect.flatMap((headers) => {
      const signature = headerOf(headers, "webhook-signature")
      return signature === undefined
        ? Effect.fail(new SignerError({ detail: "it gave no webhook-signature" }))
        : Effect.succeed(signature)
    })
  )

const bytesOf = (body: Uint8Array | string): Uint8Array => typeof body === "string" ? encoder.encode(body) : body

/**
 * Headers as a receiver has them: those of fetch, of Effect, or of Node, in any
 * case.
 *
 * @category models
 * @since 0.1.0
 */
export type HeadersInput =
  | { readonly get: (name: string) => string | null }
  | Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

const headerOf = (headers: HeadersInput, name: string): string | undefined => {
  if (typeof headers.get === "function") return headers.get(name) ?? undefined
  for (const [key, value] of Object.entries(headers)) {
    if (key.toLowerCase() !== name) continue
    return typeof value === "string" ? value : Array.isArray(value) ? value.join(" ") : undefined
  }
  return undefined
}

/**
 * Verifies a webhook that was received.
 *
 * **Details**
 *
 * `keys` are secrets (`whsec_`, or without a prefix) and public keys of Ed25519
 * (`whpk_`, base64 of the 32 bytes or of their SubjectPublicKeyInfo); one match
 * is enough. Signatures of other versions are skipped; between two there may be
 * white space, as the specification has it, or a comma, as proxies join headers.
 * `body` is what came over the wire, before it was parsed. The timestamp may be
 * off by `tolerance`, five minutes by default, either way. Signatures are
 * compared in constant time.
 *
 * An id with a dot is taken, as other libraries take it, but none is signed.
 *
 * Fails with a `SignatureError`, whose `reason` says which rule was broken.
 *
 * **Example** (In a handler of Effect's `HttpRouter`)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { HttpServerRequest, HttpServerResponse } from "effect/http"
 * import { Signature } from "effect-webhooks"
 *
 * const handler = Effect.gen(function*() {
 *   const { arrayBuffer, headers } = yield* HttpServerRequest.HttpServerRequest
 *   const body = new Uint8Array(yield* arrayBuffer)
 *   yield* Signature.verify(Redacted.make("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), { headers, body })
 *   return HttpServerResponse.empty()
 * }).pipe(
 *   Effect.catchTag("SignatureError", () => Effect.succeed(HttpServerResponse.empty({ status: 401 })))
 * )
 * ```
 *
 * @category verifying
 * @since 0.1.0
 */
export const verify = (
  keys: Keys,
  { body, headers, tolerance }: {
    readonly headers: HeadersInput
    readonly body: Uint8Array | string
    readonly tolerance?: Duration.Input | undefined
  }
): Effect.Effect<void, SignatureError> =>
  check(keys, headers, body, positiveMillis("tolerance", tolerance ?? "5 minutes"))

// A space is between two signatures. Where several headers of the name were joined there is a comma, with or without
// white space; base64 has neither.
const entries = /(?:^|[\s,])(v\d+[a-z]*),([^\s,]*)/g

const check = Effect.fnUntraced(function*(
  keys: Keys,
  headers: HeadersInput,
  body: Uint8Array | string,
  tolerance: number
): Effect.fn.Return<void, SignatureError> {
  const parsed = yield* Effect.fromResult(parse(keys, verifyingKey))
  const id = headerOf(headers, "webhook-id") ?? ""
  const timestamp = headerOf(headers, "webhook-timestamp") ?? ""
  const signatures = headerOf(headers, "webhook-signature") ?? ""
  if (id === "") return yield* refuse(new MissingHeader({ header: "webhook-id" }))
  if (timestamp === "") return yield* refuse(new MissingHeader({ header: "webhook-timestamp" }))
  if (signatures === "") return yield* refuse(new MissingHeader({ header: "webhook-signature" }))
  if (!/^\d{1,15}$/.test(timestamp)) return yield* refuse(new InvalidTimestamp())
  const age = (Math.floor((yield* Clock.currentTimeMillis) / 1000) - Number(timestamp)) * 1000
  const tolerated = Duration.millis(tolerance)
  if (age > tolerance) {
    return yield* refuse(new TimestampTooOld({ age: Duration.millis(age), tolerance: tolerated }))
  }
  if (-age > tolerance) {
    return yield* refuse(new TimestampTooNew({ ahead: Duration.millis(-age), tolerance: tolerated }))
  }
  const data = content(id, timestamp, bytesOf(body))
  let known = false
  let fault: CryptoFailed | undefined
  for (const [, version, text] of signatures.matchAll(entries)) {
    const signature = Base64.decode(text!)
    for (const key of parsed) {
      if (key.version !== version) continue
      known = true
      // One signature has one spelling: the last letter may have bits that belong to no byte.
      if (Result.isFailure(signature) || Base64.encode(signature.success) !== text) continue
      const matches = yield* Effect.result(key.verify(signature.success, data))
      if (Result.isFailure(matches)) fault ??= new CryptoFailed({ cause: Thrown.hide(matches.failure.cause) })
      else if (matches.success) return
    }
  }
  return yield* refuse(fault ?? (known ? new NoMatch() : new UnknownVersion()))
})
