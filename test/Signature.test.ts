import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it, vi } from "@effect/vitest"
import {
  Arbitrary,
  Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  Fiber,
  Layer,
  Redacted,
  Result,
  Schedule,
  Schema
} from "effect"
import { Signature, UrlPool, Webhook, WebhookError } from "effect-webhooks"
import { NodeWebhook, TestReceiver } from "effect-webhooks/node"
import { TestTransport } from "effect-webhooks/testing"
import { WebCrypto } from "effect/crypto"
import { Headers, HttpBody, HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as Crypto from "node:crypto"
import { createServer } from "node:http"
import { format, inspect } from "node:util"
import { Webhook as StandardWebhook } from "standardwebhooks"
import { Webhook as SvixWebhook } from "svix"

// The machine may be busy: nothing here is about time.
vi.setConfig({ testTimeout: 30_000 })

const { hang, refuse, reply } = TestTransport

interface Message {
  readonly id: string
  readonly timestamp: number
  readonly body: Uint8Array | string
}

const canonical = {
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  timestamp: 1_614_265_330,
  body: "{\"test\": 2432232314}"
}

const canonicalSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
const otherSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
const canonicalPrivate = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
const canonicalPublic = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="

const vectors: ReadonlyArray<
  Message & {
    readonly name: string
    readonly signature: string
    readonly secret?: string
    readonly secretKey?: string
    readonly publicKey?: string
  }
> = [
  {
    ...canonical,
    name: "sw-lib-canonical",
    secret: canonicalSecret,
    signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
  },
  {
    name: "sw-rust-sign",
    secret: otherSecret,
    id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
    timestamp: 1_649_367_553,
    body: "{\"email\":\"test@example.com\",\"username\":\"test_user\"}",
    signature: "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
  },
  {
    ...canonical,
    name: "svix-csharp-large-1MiB",
    secret: canonicalSecret,
    body: "a".repeat(1_048_576),
    signature: "v1,txpEUxqWZJ5nteTnymUVa+7C4NHpBeXJ6CsBAW0c3/A="
  },
  {
    ...canonical,
    name: "svix-csharp-large-256KiB",
    secret: canonicalSecret,
    body: "a".repeat(262_144),
    signature: "v1,Mw4Pe2WgApuT7NSqnSq0PQPV9gbLdggCl9B865x5Xh0="
  },
  {
    ...canonical,
    name: "derived-unprefixed-secret",
    secret: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
  },
  {
    ...canonical,
    name: "derived-64-byte-secret",
    secret: "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
    body: "{\"a\":1}",
    signature: "v1,bQRZS4P0S1kyppBfUVLsxCz1xz47Y7Se6i5ytXDZNr0="
  },
  {
    ...canonical,
    name: "derived-24-byte-secret",
    secret: "whsec_//79/Pv6+fj39vX08/Lx8O/u7ezr6uno",
    body: "{\"a\":1}",
    signature: "v1,3uc0EdIqFbhwQmTu8LsvyJogqswWX30NMF9TCuEWATE="
  },
  {
    ...canonical,
    name: "svix-ed25519-canonical",
    secretKey: canonicalPrivate,
    publicKey: canonicalPublic,
    signature: "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
  }
]

const refusedHeaders = [
  { name: "neg-wrong-version-v2", header: "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", reason: "UnknownVersion" },
  { name: "neg-empty-signature", header: "v1,", reason: "NoMatch" },
  { name: "neg-truncated", header: "v1,g0hM", reason: "NoMatch" }
] as const

const redacted = (key: string) => Redacted.make(key)

const hmac = (...secrets: ReadonlyArray<string>) => Signature.hmac(secrets.map(redacted))
const ed25519 = (...keys: ReadonlyArray<string>) => Signature.ed25519(keys.map(redacted))

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")
const bytesOf = (body: Uint8Array | string) => Buffer.from(typeof body === "string" ? body : body.slice())

// A pair of keys in all encodings that Ed25519 has here.
const makePair = () => {
  const { privateKey, publicKey } = Crypto.generateKeyPairSync("ed25519")
  const { d, x } = privateKey.export({ format: "jwk" })
  const seed = Buffer.from(d!, "base64url")
  const raw = Buffer.from(x!, "base64url")
  return {
    privateKey,
    publicKey,
    seed: `whsk_${base64(seed)}`,
    whole: `whsk_${base64(Buffer.concat([seed, raw]))}`,
    raw: `whpk_${base64(raw)}`,
    spki: `whpk_${base64(publicKey.export({ type: "spki", format: "der" }))}`
  }
}

const makeSecret = (length = 32) => `whsec_${base64(Crypto.randomBytes(length))}`

// The signatures by another implementation.
const byNode = (secret: string, { body, id, timestamp }: Message) =>
  `v1,${
    Crypto.createHmac("sha256", Buffer.from(secret.replace("whsec_", ""), "base64"))
      .update(`${id}.${timestamp}.`).update(bytesOf(body)).digest("base64")
  }`

const signed = ({ body, id, timestamp }: Message) => Buffer.concat([Buffer.from(`${id}.${timestamp}.`), bytesOf(body)])

const headersOf = (signature: string, { id, timestamp }: Message = canonical) => ({
  "webhook-id": id,
  "webhook-timestamp": String(timestamp),
  "webhook-signature": signature
})

const secondsOf = (timestamp: number) => TestClock.setTime(timestamp * 1000)

const keysOf = (keys: string | ReadonlyArray<string>) => typeof keys === "string" ? redacted(keys) : keys.map(redacted)

const verify = (
  keys: string | ReadonlyArray<string>,
  signature: string,
  message: Message = canonical,
  tolerance?: Duration.Input
) => Signature.verify(keysOf(keys), { headers: headersOf(signature, message), body: message.body, tolerance })

// Why it is refused; that it is not is a failure of the test.
const refusal = Effect.fnUntraced(function*(verified: Effect.Effect<void, Signature.SignatureError>) {
  const result = yield* Effect.result(verified)
  assert(Result.isFailure(result), "it was accepted")
  assert.instanceOf(result.failure, Signature.SignatureError)
  return result.failure.reason
})

const refusedWith = Effect.fnUntraced(function*<Tag extends Signature.SignatureErrorReason["_tag"]>(
  verified: Effect.Effect<void, Signature.SignatureError>,
  tag: Tag
) {
  const reason = yield* refusal(verified)
  assert.strictEqual(reason._tag, tag)
  return reason as Extract<Signature.SignatureErrorReason, { readonly _tag: Tag }>
})

const signerError = Effect.fnUntraced(function*<A>(signing: Effect.Effect<A, WebhookError.SignerError>) {
  const result = yield* Effect.result(signing)
  assert(Result.isFailure(result), "it was signed")
  assert.instanceOf(result.failure, WebhookError.SignerError)
  return result.failure
})

// What is thrown where a key is written.
const invalidKey = (make: () => unknown) => {
  const result = Result.try(make)
  assert(Result.isFailure(result), "the key was taken")
  const error = result.failure
  assert(error instanceof Signature.SignatureError && error.reason._tag === "InvalidKey")
  return { error, reason: error.reason }
}

const print = (value: Error) => [
  value.message,
  String(value),
  String(value.stack),
  JSON.stringify(value),
  inspect(value, { depth: 10, showHidden: true }),
  format("%s %o %O", value, value, value)
]

const int = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const oneOf = <A>(values: ReadonlyArray<A>) => Arbitrary.map(int(0, values.length - 1), (index) => values[index]!)

const bytes = Arbitrary.map(
  Arbitrary.array(int(0, 255), { minLength: 1, maxLength: 64 }),
  (values) => Uint8Array.from(values)
)

const flipBit = (body: Uint8Array, bit: number): Uint8Array => {
  const flipped = body.slice()
  const at = bit % (body.length * 8)
  flipped[at >> 3]! ^= 1 << (at & 7)
  return flipped
}

// Of a text in ASCII, which it stays.
const flipBitOfText = (text: string, bit: number): string => {
  const at = Math.floor(bit / 7) % text.length
  return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << (bit % 7))) + text.slice(at + 1)
}

const withoutEd25519 = WebCrypto.layer({
  subtle: {
    importKey: (...args: Parameters<SubtleCrypto["importKey"]>) =>
      args[2] === "Ed25519"
        ? Promise.reject(new DOMException("Unrecognized algorithm name", "NotSupportedError"))
        : crypto.subtle.importKey(...args),
    sign: (...args: Parameters<SubtleCrypto["sign"]>) => crypto.subtle.sign(...args),
    verify: (...args: Parameters<SubtleCrypto["verify"]>) => crypto.subtle.verify(...args)
  }
} as unknown as globalThis.Crypto)

// As in a browser on a page that is not secure.
const withoutSubtle = WebCrypto.layer({} as globalThis.Crypto)

describe("Signature", () => {
  describe("known answers", () => {
    it.effect.each(vectors)("signs $name", ({ secret, secretKey, signature, ...message }) =>
      Effect.gen(function*() {
        const signer = secretKey === undefined ? hmac(secret!) : ed25519(secretKey)
        assert.strictEqual(yield* Signature.sign(signer, message), signature)
        assert.strictEqual(yield* Signature.sign(signer, { ...message, body: bytesOf(message.body) }), signature)
      }))

    it.effect.each(vectors)("verifies $name", ({ publicKey, secret, signature, ...message }) =>
      Effect.gen(function*() {
        yield* secondsOf(message.timestamp)
        yield* verify(publicKey ?? secret!, signature, message)
        yield* verify(publicKey ?? secret!, signature, { ...message, body: bytesOf(message.body) })
        yield* refusedWith(verify(publicKey ?? secret!, signature, { ...message, body: `${message.body} ` }), "NoMatch")
      }))

    it.effect.each(refusedHeaders)("refuses $name", ({ header, reason }) =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        yield* refusedWith(verify(canonicalSecret, header), reason)
      }))
  })

  describe("a key", () => {
    const encodings = (key: string, prefix: string) => {
      const bare = key.slice(prefix.length)
      const unpadded = bare.replace(/=+$/, "")
      return {
        "with its prefix": key,
        "without its prefix": bare,
        "with its prefix, unpadded": prefix + unpadded,
        "without its prefix, unpadded": unpadded,
        "with spaces and line ends around it": ` \t${key}\r\n`,
        "unpadded, with a line end": `${prefix}${unpadded}\n`
      }
    }

    it.effect.each([24, 25, 26, 32, 63, 64])(
      "of HMAC may have %i bytes, in every encoding of base64",
      (length) =>
        Effect.gen(function*() {
          yield* secondsOf(canonical.timestamp)
          const secret = makeSecret(length)
          const expected = byNode(secret, canonical)
          for (const [encoding, key] of Object.entries(encodings(secret, "whsec_"))) {
            assert.strictEqual(yield* Signature.sign(hmac(key), canonical), expected, encoding)
            yield* verify(key, expected)
          }
        })
    )

    it.effect("may stand alone or in a list", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        const signature = yield* Signature.sign(Signature.hmac(redacted(canonicalSecret)), canonical)
        assert.strictEqual(signature, yield* Signature.sign(hmac(canonicalSecret), canonical))
        yield* verify(canonicalSecret, signature)
        yield* verify([canonicalSecret], signature)
        const asymmetric = yield* Signature.sign(Signature.ed25519(redacted(canonicalPrivate)), canonical)
        assert.strictEqual(asymmetric, vectors.at(-1)!.signature)
      }))

    it.effect.each(["seed", "whole"] as const)(
      "of Ed25519 signs as its %s, in every encoding of base64",
      (form) =>
        Effect.gen(function*() {
          const pair = makePair()
          const expected = `v1a,${base64(Crypto.sign(null, signed(canonical), pair.privateKey))}`
          for (const [encoding, key] of Object.entries(encodings(pair[form], "whsk_"))) {
            assert.strictEqual(yield* Signature.sign(ed25519(key), canonical), expected, encoding)
          }
        })
    )

    it.effect.each(["raw", "spki"] as const)(
      "of Ed25519 verifies as its %s public half",
      (form) =>
        Effect.gen(function*() {
          yield* secondsOf(canonical.timestamp)
          const pair = makePair()
          const signature = yield* Signature.sign(ed25519(pair.seed), canonical)
          const key = pair[form]
          for (const encoded of [key, key.replace(/=+$/, ""), `\n${key} `]) yield* verify(encoded, signature)
          yield* refusedWith(verify(makePair()[form], signature), "NoMatch")
        })
    )

    it.effect("of Ed25519 makes what node:crypto verifies, and verifies what node:crypto makes", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        const pair = makePair()
        for (const body of ["", "{}", "grüße 🎉", Uint8Array.of(0xff, 0xfe, 0x00), "a".repeat(100_000)]) {
          const message = { ...canonical, body }
          for (const key of [pair.seed, pair.whole]) {
            const signature = yield* Signature.sign(ed25519(key), message)
            const made = Buffer.from(signature.replace("v1a,", ""), "base64")
            assert.isTrue(Crypto.verify(null, signed(message), pair.publicKey, made))
          }
          const theirs = `v1a,${base64(Crypto.sign(null, signed(message), pair.privateKey))}`
          yield* verify(pair.raw, theirs, message)
          yield* verify(pair.spki, theirs, message)
        }
      }))

    it.effect("with the public half of another seed is a SignerError at every sign", () =>
      Effect.gen(function*() {
        const [one, other] = [makePair(), makePair()]
        const half = (key: string) => Buffer.from(key.slice(5), "base64")
        const mixed = `whsk_${base64(Buffer.concat([half(one.seed), half(other.raw)]))}`
        const signer = ed25519(mixed)
        for (let n = 0; n < 2; n++) {
          const error = yield* signerError(Signature.sign(signer, canonical))
          assert.match(error.detail, /public half/)
          for (const text of print(error)) {
            assert.notInclude(text, mixed.slice(5))
            assert.notInclude(text, one.seed.slice(5))
          }
        }
      }))
  })

  describe("a key that cannot be used throws InvalidKey where it is written", () => {
    const keyOf = (prefix: string, length: number) => prefix + base64(Crypto.randomBytes(length))
    const letters = "canaryCanaryCANARYcanaryCanaryCANARY12345678"

    const cases: Record<string, readonly [make: (key: string) => Signature.Signer, key: string, detail: RegExp]> = {
      "an empty secret": [hmac, "", /empty/],
      "a secret of spaces": [hmac, " \n\t ", /empty/],
      "a secret that is only its prefix": [hmac, "whsec_", /empty/],
      "a secret of 1 byte": [hmac, keyOf("whsec_", 1), /24 to 64 bytes, but has 1$/],
      "a secret of 23 bytes": [hmac, keyOf("whsec_", 23), /24 to 64 bytes, but has 23$/],
      "a secret of 65 bytes": [hmac, keyOf("whsec_", 65), /24 to 64 bytes, but has 65$/],
      "a secret of 1000 bytes without a prefix": [hmac, keyOf("", 1000), /24 to 64 bytes, but has 1000$/],
      "a secret in base64url": [hmac, `whsec_-_${letters.slice(2)}`, /not base64/],
      "a secret with a space in it": [hmac, `whsec_${letters.slice(0, 21)} ${letters.slice(22)}`, /not base64/],
      "a secret that is no text of base64": [hmac, "whsec_correct horse battery staple!", /not base64/],
      "a secret with a letter beyond ASCII": [hmac, `whsec_${letters.slice(1)}é`, /not base64/],
      "a secret with one letter too many": [hmac, `whsec_${letters}x`, /not base64/],
      "a secret with padding in the middle": [
        hmac,
        `whsec_${letters.slice(0, 20)}==${letters.slice(22)}`,
        /not base64/
      ],
      "a secret with too much padding": [hmac, `whsec_${letters}=`, /padding/],
      "a secret with half of its padding": [hmac, `${keyOf("whsec_", 25).slice(0, -1)}`, /padding/],
      "a secret of padding alone": [hmac, "whsec_====", /not base64/],
      "a secret with its prefix twice": [hmac, `whsec_whsec_${letters}`, /not base64/],
      "a secret in double quotes": [hmac, `"whsec_${letters}"`, /not base64.*quotes/],
      "a secret whose base64 is in quotes": [hmac, `whsec_'${letters}'`, /not base64.*quotes/],
      "a secret in two lines": [hmac, `whsec_${letters.slice(0, 20)}\n${letters.slice(20)}`, /not base64.*white space/],
      "a secret in base64url without a prefix": [hmac, `${letters.slice(0, 30)}-_`, /not base64.*base64url/],
      "a secret with another prefix": [hmac, `secret_${letters}`, /not base64.*prefix/],
      "a secret whose prefix is in upper case": [hmac, `WHSEC_${letters}`, /not base64.*prefix/],
      "a secret in hexadecimal": [hmac, Crypto.randomBytes(32).toString("hex"), /hexadecimal/],
      "a secret in hexadecimal of upper case": [hmac, Crypto.randomBytes(24).toString("hex").toUpperCase(), /hexadec/],
      "a private key in hexadecimal": [ed25519, Crypto.randomBytes(32).toString("hex"), /hexadecimal/],
      "a private key where a secret is wanted": [hmac, canonicalPrivate, /Ed25519/],
      "a public key where a secret is wanted": [hmac, canonicalPublic, /Ed25519/],
      "an empty private key": [ed25519, "", /empty/],
      "a private key that is only its prefix": [ed25519, "whsk_", /empty/],
      "a private key of 31 bytes": [ed25519, keyOf("whsk_", 31), /32 bytes, or 64 .* has 31$/],
      "a private key of 33 bytes": [ed25519, keyOf("whsk_", 33), /32 bytes, or 64 .* has 33$/],
      "a private key of 63 bytes": [ed25519, keyOf("whsk_", 63), /32 bytes, or 64 .* has 63$/],
      "a private key of 65 bytes": [ed25519, keyOf("whsk_", 65), /32 bytes, or 64 .* has 65$/],
      "a private key that is not base64": [ed25519, `whsk_${letters.slice(1)}*`, /not base64/],
      "a private key with wrong padding": [ed25519, `${keyOf("whsk_", 32)}=`, /padding/],
      "a secret where a private key is wanted": [ed25519, canonicalSecret, /whsk_/],
      "a public key where a private key is wanted": [ed25519, canonicalPublic, /whsk_/]
    }

    it.each(Object.entries(cases))("%s", (_, [make, key, detail]) => {
      const { error, reason } = invalidKey(() => make(key))
      assert.strictEqual(reason.index, 0)
      assert.match(reason.detail, detail)
      assert.include(error.message, "key 0")
      assert.include(error.message, reason.detail)
    })

    it.each(Object.entries(cases))("%s, and is told which form is wanted", (_, [make, key]) => {
      const { error } = invalidKey(() => make(key))
      assert.match(
        error.message,
        make === hmac ? /whsec_ and base64 of 24 to 64 bytes/ : /whsk_ and base64 of 32 bytes/
      )
      assert.notInclude(error.message, "undefined")
    })

    it("but not a secret of hexadecimal digits behind whsec_, which is base64 as well", () => {
      hmac(`whsec_${Crypto.randomBytes(32).toString("hex")}`)
    })

    it("and says nothing of the key", () => {
      for (const [make, key] of Object.values(cases)) {
        const { error, reason } = invalidKey(() => make(key))
        const bare = key.trim().replace(/^wh\w+?_/, "")
        if (bare.length < 8) continue
        for (const text of [...print(error), ...print(reason)]) {
          assert.notInclude(text, bare)
          assert.notInclude(text, bare.slice(0, 8))
          assert.notInclude(text, bare.slice(-8))
        }
      }
    })

    it("a list without keys", () => {
      for (const make of [Signature.hmac, Signature.ed25519]) {
        const { reason } = invalidKey(() => make([]))
        assert.strictEqual(reason.index, 0)
        assert.match(reason.detail, /there is none/)
      }
    })

    it("the third of a list, by its index", () => {
      const { reason } = invalidKey(() => hmac(canonicalSecret, otherSecret, keyOf("whsec_", 23), "whsec_"))
      assert.strictEqual(reason.index, 2)
      assert.match(reason.detail, /23/)
      assert.strictEqual(invalidKey(() => ed25519(canonicalPrivate, canonicalPrivate, "")).reason.index, 2)
    })

    it("what is not a string", () => {
      const strange = [42, undefined, null, {}, [], Symbol("canary"), new Uint8Array(32), () => canonicalSecret]
      for (const make of [Signature.hmac, Signature.ed25519]) {
        for (const value of strange) {
          const { reason } = invalidKey(() => make(Redacted.make(value) as never))
          assert.match(reason.detail, /not a string/)
          assert.strictEqual(invalidKey(() => make([value] as never)).reason.index, 0)
        }
      }
    })

    it.effect("and fails a verification", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        const spki = Buffer.from(makePair().spki.slice(5), "base64")
        const keys: ReadonlyArray<readonly [string, RegExp]> = [
          ["", /empty/],
          ["whpk_", /empty/],
          ["whsec_AAAA", /has 3$/],
          [keyOf("whpk_", 31), /32 bytes, or 44 .* has 31$/],
          [keyOf("whpk_", 33), /32 bytes, or 44 .* has 33$/],
          [`whpk_${base64(spki.subarray(0, 43))}`, /32 bytes, or 44 .* has 43$/],
          // The object identifier of another curve.
          [`whpk_${base64(spki.with(8, 0x6f))}`, /32 bytes, or 44 .* has 44$/],
          ["whpk_!", /not base64/],
          [canonicalPrivate, /private key of Ed25519.*whsec_.*or whpk_/],
          [canonicalSecret.slice(6).replace("K", "_"), /base64url.*whsec_.*or whpk_/]
        ]
        for (const [key, detail] of keys) {
          const reason = yield* refusedWith(
            verify([canonicalSecret, key], vectors[0]!.signature),
            "InvalidKey"
          )
          assert.strictEqual(reason.index, 1)
          assert.match(reason.detail, detail)
        }
        const none = yield* refusedWith(verify([], vectors[0]!.signature), "InvalidKey")
        assert.match(none.detail, /there is none/)
      }))
  })

  describe("signing", () => {
    it.effect("signs with every key, in the order given", () =>
      Effect.gen(function*() {
        const secrets = [makeSecret(), makeSecret(), makeSecret()]
        assert.strictEqual(
          yield* Signature.sign(hmac(...secrets), canonical),
          secrets.map((secret) => byNode(secret, canonical)).join(" ")
        )
        assert.strictEqual(
          yield* Signature.sign(hmac(...secrets.toReversed()), canonical),
          secrets.toReversed().map((secret) => byNode(secret, canonical)).join(" ")
        )
        const pairs = [makePair(), makePair()]
        assert.strictEqual(
          yield* Signature.sign(ed25519(pairs[0]!.seed, pairs[1]!.whole), canonical),
          pairs.map(({ privateKey }) => `v1a,${base64(Crypto.sign(null, signed(canonical), privateKey))}`).join(" ")
        )
      }))

    it.effect("gives the three headers of Standard Webhooks", () =>
      Effect.gen(function*() {
        const { id, timestamp } = canonical
        const headers = yield* hmac(canonicalSecret)({ id, timestamp, body: bytesOf(canonical.body) })
        assert.deepStrictEqual(headers, headersOf(vectors[0]!.signature))
      }))

    it.effect("signs the bytes of a body, also those that are no UTF-8", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        const body = Uint8Array.of(0x7b, 0xff, 0xfe, 0xc3, 0x28, 0x00, 0xed, 0xa0, 0x80, 0x7d)
        const message = { ...canonical, body }
        const signature = yield* Signature.sign(hmac(canonicalSecret), message)
        assert.strictEqual(signature, byNode(canonicalSecret, message))
        yield* verify(canonicalSecret, signature, message)
        // As a text they are other bytes.
        const text = { ...canonical, body: new TextDecoder().decode(body) }
        assert.notStrictEqual(yield* Signature.sign(hmac(canonicalSecret), text), signature)
        yield* refusedWith(verify(canonicalSecret, signature, text), "NoMatch")
      }))

    it.effect("signs a part of a larger buffer as that part", () =>
      Effect.gen(function*() {
        const whole = new TextEncoder().encode(`before${canonical.body}after`)
        const body = whole.subarray(6, whole.length - 5)
        assert.strictEqual(yield* Signature.sign(hmac(canonicalSecret), { ...canonical, body }), vectors[0]!.signature)
      }))

    it.effect("signs an empty body", () =>
      Effect.gen(function*() {
        const message = { ...canonical, body: "" }
        assert.strictEqual(
          yield* Signature.sign(hmac(canonicalSecret), message),
          byNode(canonicalSecret, message)
        )
      }))

    it.effect.each(["", ".", "msg.1", ".msg", "msg."])(
      "refuses the id %j, which nobody could verify",
      (id) =>
        Effect.gen(function*() {
          for (const signer of [hmac(canonicalSecret), ed25519(canonicalPrivate)]) {
            const error = yield* signerError(Signature.sign(signer, { ...canonical, id }))
            assert.match(error.detail, /id/)
          }
        })
    )

    it.effect.each([0.5, 1_614_265_330.25, NaN, Infinity, -Infinity, 1e300])(
      "refuses the timestamp %d",
      (timestamp) =>
        Effect.gen(function*() {
          for (const signer of [hmac(canonicalSecret), ed25519(canonicalPrivate)]) {
            const error = yield* signerError(Signature.sign(signer, { ...canonical, timestamp }))
            assert.match(error.detail, /whole number of seconds/)
          }
        })
    )

    it.effect("fails with a signer that gives no webhook-signature, and with one that fails", () =>
      Effect.gen(function*() {
        const none = yield* signerError(Signature.sign(() => Effect.succeed({ "x-signature": "abc" }), canonical))
        assert.match(none.detail, /webhook-signature/)
        const own = new WebhookError.SignerError({ detail: "the key service is away" })
        assert.strictEqual(yield* signerError(Signature.sign(() => Effect.fail(own), canonical)), own)
      }))

    it.effect("takes any signer's headers in any case", () =>
      Effect.gen(function*() {
        const signer: Signature.Signer = () => Effect.succeed({ "Webhook-Signature": "v1,abc" })
        assert.strictEqual(yield* Signature.sign(signer, canonical), "v1,abc")
      }))
  })

  describe("combine", () => {
    const message = { id: canonical.id, timestamp: canonical.timestamp, body: bytesOf(canonical.body) }

    it.effect("joins the signatures in the order given, and any of them verifies", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        const pair = makePair()
        const both = Signature.combine(hmac(canonicalSecret, otherSecret), ed25519(pair.whole))
        const signature = yield* Signature.sign(both, canonical)
        assert.deepStrictEqual(signature.split(" "), [
          vectors[0]!.signature,
          byNode(otherSecret, canonical),
          `v1a,${base64(Crypto.sign(null, signed(canonical), pair.privateKey))}`
        ])
        for (const key of [canonicalSecret, otherSecret, pair.raw, pair.spki]) yield* verify(key, signature)
        yield* refusedWith(verify([makeSecret(), makePair().raw], signature), "NoMatch")
      }))

    it.effect("unites other headers, of which the last one's stands, whatever their case", () =>
      Effect.gen(function*() {
        const headers = yield* Signature.combine(
          hmac(canonicalSecret),
          () => Effect.succeed({ "X-Key-Id": "first", "x-one": "1" }),
          () => Effect.succeed({ "x-key-id": "second", "Webhook-Signature": "v9,abc" })
        )(message)
        assert.deepStrictEqual(headers, {
          ...headersOf(`${vectors[0]!.signature} v9,abc`),
          "x-key-id": "second",
          "x-one": "1"
        })
      }))

    it.effect("of one signer is that signer, and of none gives no header", () =>
      Effect.gen(function*() {
        const one = yield* Signature.combine(hmac(canonicalSecret))(message)
        assert.deepStrictEqual(one, headersOf(vectors[0]!.signature))
        assert.deepStrictEqual(yield* Signature.combine()(message), {})
      }))

    it.effect("fails with the signer that fails", () =>
      Effect.gen(function*() {
        const own = new WebhookError.SignerError({ detail: "the key service is away" })
        const signer = Signature.combine(hmac(canonicalSecret), () => Effect.fail(own))
        assert.strictEqual(yield* signerError(signer(message)), own)
      }))
  })

  describe("verifying", () => {
    const { signature } = vectors[0]!

    it.effect.each(["webhook-id", "webhook-timestamp", "webhook-signature"])(
      "refuses a webhook without its %s, or with an empty one",
      (header) =>
        Effect.gen(function*() {
          yield* secondsOf(canonical.timestamp)
          const headers: Record<string, string> = headersOf(signature)
          const { [header]: _, ...others } = headers
          for (const left of [others, { ...headers, [header]: "" }, { ...headers, [header]: undefined }]) {
            const reason = yield* refusedWith(
              Signature.verify(redacted(canonicalSecret), { headers: left, body: canonical.body }),
              "MissingHeader"
            )
            assert.strictEqual(reason.header, header)
            assert.include(reason.message, header)
          }
        })
    )

    it.effect("takes an id with a dot, as the reference library does", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        for (const id of ["evt.1", ".", "a..b", "urn:example.com:1"]) {
          const message = { ...canonical, id }
          yield* verify(canonicalSecret, byNode(canonicalSecret, message), message)
          yield* refusedWith(verify(otherSecret, byNode(canonicalSecret, message), message), "NoMatch")
        }
      }))

    it.effect("takes a list whose signatures are joined as proxies join headers", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        const other = byNode(otherSecret, canonical)
        const asymmetric = vectors.at(-1)!.signature
        for (const join of [" ", ",", ", ", ",\t", "\t", "  ", " , ", ",,", ", ,", " \t "]) {
          for (const list of [[other, signature], [signature, other], ["v9,abc", other, signature, asymmetric]]) {
            for (const [before, after] of [["", ""], [join, join]]) {
              const header = `${before}${list.join(join)}${after}`
              yield* verify(canonicalSecret, header)
              yield* verify(otherSecret, header)
              yield* refusedWith(verify(makeSecret(), header), "NoMatch")
              if (list.length === 4) yield* verify(canonicalPublic, header)
            }
          }
        }
      }))

    it.live("takes every list that the reference library takes", () =>
      Effect.gen(function*() {
        const timestamp = Math.floor((yield* Clock.currentTimeMillis) / 1000)
        const message = { ...canonical, id: "evt.1", timestamp }
        const one = byNode(canonicalSecret, message)
        const other = byNode(otherSecret, message)
        const lists = [
          one,
          `${one} ${other}`,
          `${other} ${one}`,
          `${one},${other}`,
          `${one}, ${other}`,
          `${other}, ${one}`,
          `${one},`,
          `${one},v1`,
          `${one},of,more,parts`,
          ` ${one} `,
          `v2,abc ${one}`,
          `garbage ${one}`,
          `v1, ${one}`
        ]
        const reference = new StandardWebhook(canonicalSecret)
        for (const header of lists) {
          reference.verify(message.body, headersOf(header, message))
          yield* verify(canonicalSecret, header, message)
        }
      }))

    it.effect.each([
      "soon",
      "-1614265330",
      "+1614265330",
      " 1614265330",
      "1614265330 ",
      "1614265330.0",
      "1.6e9",
      "0x60378ff2",
      "１６１４２６５３３０",
      "1614265330\n",
      "2021-02-25T15:02:10Z",
      "1".repeat(16),
      "9".repeat(400)
    ])("refuses the timestamp %j, also when the signature is right", (timestamp) =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        const message = { ...canonical, timestamp: timestamp as unknown as number }
        yield* refusedWith(verify(canonicalSecret, byNode(canonicalSecret, message), message), "InvalidTimestamp")
      }))

    it.effect("tolerates five minutes either way, to the very second", () =>
      Effect.gen(function*() {
        const at = (millis: number) =>
          Effect.andThen(
            TestClock.setTime(canonical.timestamp * 1000 + millis),
            verify(canonicalSecret, signature)
          )
        for (const millis of [0, 999, 299_000, 300_000, 300_999, -1, -299_999, -300_000]) yield* at(millis)
        const old = yield* refusedWith(at(301_000), "TimestampTooOld")
        assert.strictEqual(Duration.toMillis(old.age), 301_000)
        assert.strictEqual(Duration.toMillis(old.tolerance), 300_000)
        assert.strictEqual(old.message, "it was signed 301 s ago, and 300 s are tolerated")
        const young = yield* refusedWith(at(-300_001), "TimestampTooNew")
        assert.strictEqual(Duration.toMillis(young.ahead), 301_000)
        assert.strictEqual(Duration.toMillis(young.tolerance), 300_000)
        assert.strictEqual(young.message, "it is signed 301 s in the future, and 300 s are tolerated")
        yield* refusedWith(at(86_400_000), "TimestampTooOld")
        yield* refusedWith(at(-86_400_000), "TimestampTooNew")
      }))

    it.effect.each(
      [["10 seconds", 10], [1000, 1], ["1500 millis", 1], ["1 hour", 3600], [Duration.minutes(2), 120]] as const
    )("has a tolerance of its own: %s", ([tolerance, seconds]) =>
      Effect.gen(function*() {
        const at = (offset: number) =>
          Effect.andThen(
            secondsOf(canonical.timestamp + offset),
            verify(canonicalSecret, signature, canonical, tolerance)
          )
        yield* at(seconds)
        yield* at(-seconds)
        yield* refusedWith(at(seconds + 1), "TimestampTooOld")
        yield* refusedWith(at(-seconds - 1), "TimestampTooNew")
      }))

    it.effect("tolerates any time with an infinite tolerance", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp * 5)
        yield* verify(canonicalSecret, signature, canonical, Duration.infinity)
      }))

    it("throws RangeError for a tolerance that is not positive", () => {
      for (const tolerance of [0, -1, NaN, "0 seconds", "-5 minutes", "soon", Duration.zero]) {
        assert.throws(
          () => verify(canonicalSecret, signature, canonical, tolerance as Duration.Input),
          RangeError,
          /tolerance/
        )
      }
    })

    it.effect("tells an unknown version from a signature that does not match", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        const value = signature.slice(3)
        const cases = [
          [`v1,${value.replace("g", "h")}`, "NoMatch"],
          [`v2,${value} v1,AAAA`, "NoMatch"],
          [`v2,${value}`, "UnknownVersion"],
          [`V1,${value}`, "UnknownVersion"],
          [`,${value}`, "UnknownVersion"],
          [value, "UnknownVersion"],
          [" ", "UnknownVersion"],
          // One of a version that the key is not for.
          [vectors.at(-1)!.signature, "UnknownVersion"],
          // A version without a signature.
          ["v1", "UnknownVersion"],
          ["v1a", "UnknownVersion"]
        ] as const
        for (const [header, tag] of cases) yield* refusedWith(verify(canonicalSecret, header), tag)
        yield* refusedWith(verify(canonicalPublic, signature), "UnknownVersion")
        yield* refusedWith(verify(canonicalPublic, `v1,${vectors.at(-1)!.signature.slice(4)}`), "UnknownVersion")
      }))

    it.effect("takes any signature that matches any key, and skips unknown versions and garbage", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        const pair = makePair()
        const asymmetric = yield* Signature.sign(ed25519(pair.seed), canonical)
        const keys = [otherSecret, canonicalSecret, makePair().raw, pair.spki]
        for (const match of [signature, byNode(otherSecret, canonical), asymmetric]) {
          for (
            const header of [
              match,
              `v9,${match.slice(3)} ${match}`,
              `${match} v9,abc`,
              `v1,AAAA v1a,AAAA ${match} v1,!!! v1,`,
              `  ${match}  `,
              `, ,, = ${match} v1`,
              `${byNode(makeSecret(), canonical)} ${match}`
            ]
          ) {
            yield* verify(keys, header)
            yield* refusedWith(verify([makeSecret(), makePair().raw], header), "NoMatch")
          }
        }
      }))

    it.effect("reads the headers of a record, of fetch, of Effect and of Node, in any case", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        const headers = headersOf(signature)
        const renamed = (rename: (name: string) => string) =>
          Object.fromEntries(Object.entries(headers).map(([name, value]) => [rename(name), value]))
        const joined = (...signatures: ReadonlyArray<string>) => {
          const of = new globalThis.Headers(headers)
          of.delete("webhook-signature")
          for (const signature of signatures) of.append("webhook-signature", signature)
          return of
        }
        const given: Record<string, Signature.HeadersInput> = {
          record: headers,
          "record in upper case": renamed((name) => name.toUpperCase()),
          "record in title case": renamed((name) => name.replaceAll(/\b\w/g, (letter) => letter.toUpperCase())),
          "record among others": { get: "x", host: "example.com", ...headers, "x-webhook-id": "other" },
          "record without a prototype": Object.assign(Object.create(null), headers),
          fetch: new globalThis.Headers(renamed((name) => name.toUpperCase())),
          "fetch, of several": joined(signature, `v1,${"A".repeat(43)}=`),
          "fetch, of several in another order": joined(`v1,${"A".repeat(43)}=`, signature),
          request: new Request("https://example.com", { headers }).headers,
          Effect: Headers.fromInput(renamed((name) => name.toUpperCase())),
          Node: { ...headers, "set-cookie": ["a=1", "b=2"], "webhook-signature": [`v1,${"A".repeat(44)}`, signature] },
          "Node, one of each": Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]))
        }
        for (const [name, input] of Object.entries(given)) {
          const verified = Signature.verify(redacted(canonicalSecret), { headers: input, body: canonical.body })
          assert.isTrue(Result.isSuccess(yield* Effect.result(verified)), name)
          yield* refusedWith(
            Signature.verify(redacted(otherSecret), { headers: input, body: canonical.body }),
            "NoMatch"
          )
        }
        for (const empty of [{}, new globalThis.Headers(), Headers.empty]) {
          yield* refusedWith(
            Signature.verify(redacted(canonicalSecret), { headers: empty, body: canonical.body }),
            "MissingHeader"
          )
        }
      }))

    it.effect("refuses a header whose value is neither a text nor a list of them", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        for (const value of [canonical.timestamp, null, {}, true, Symbol("canary")]) {
          const headers = { ...headersOf(signature), "webhook-timestamp": value } as never
          const reason = yield* refusedWith(
            Signature.verify(redacted(canonicalSecret), { headers, body: canonical.body }),
            "MissingHeader"
          )
          assert.strictEqual(reason.header, "webhook-timestamp")
        }
      }))

    it.effect("refuses every flip of a bit in the signature header", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        for (const [key, header] of [[canonicalSecret, signature], [canonicalPublic, vectors.at(-1)!.signature]]) {
          yield* verify(key!, header!)
          for (let bit = 0; bit < header!.length * 7; bit++) {
            const flipped = flipBitOfText(header!, bit)
            const result = yield* Effect.result(verify(key!, flipped))
            assert(Result.isFailure(result), `${flipped} was accepted`)
            assert.include(["NoMatch", "UnknownVersion"], result.failure.reason._tag)
          }
        }
      }))

    it.effect("refuses other spellings of a signature's base64", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        const value = signature.slice(3)
        for (
          const spelling of [
            value.slice(0, -1),
            `${value}=`,
            // The last letter has two bits that belong to no byte.
            value.replace("E=", "F="),
            value.replaceAll("+", "-").replaceAll("/", "_"),
            `${value.slice(0, 20)}\r\n${value.slice(20)}`
          ]
        ) {
          assert.notStrictEqual(spelling, value)
          yield* refusedWith(verify(canonicalSecret, `v1,${spelling}`), "NoMatch")
        }
      }))

    const signers = oneOf(["v1", "v1a", "both"] as const)

    const made = Effect.fnUntraced(function*(kind: "v1" | "v1a" | "both", message: Message) {
      const pair = makePair()
      const secret = makeSecret()
      const signer = kind === "v1" ? hmac(secret) : kind === "v1a" ? ed25519(pair.whole) : Signature.combine(
        hmac(secret),
        ed25519(pair.whole)
      )
      return { keys: [secret, pair.raw], signature: yield* Signature.sign(signer, message) }
    })

    it.effect.prop(
      "refuses a flipped bit of the body, the id or the timestamp",
      {
        kind: signers,
        body: bytes,
        id: Arbitrary.map(
          Arbitrary.array(int(0x21, 0x7e), { minLength: 1, maxLength: 40 }),
          (codes) => String.fromCharCode(...codes).replaceAll(".", "-")
        ),
        timestamp: int(1, 4_000_000_000),
        bit: int(0, 4000)
      },
      ({ bit, body, id, kind, timestamp }) =>
        Effect.gen(function*() {
          const message = { id, timestamp, body }
          const { keys, signature } = yield* made(kind, message)
          yield* secondsOf(timestamp)
          yield* verify(keys, signature, message)
          yield* refusedWith(verify(keys, signature, { ...message, body: flipBit(body, bit) }), "NoMatch")
          const other = yield* refusal(verify(keys, signature, { ...message, id: flipBitOfText(id, bit) }))
          assert.strictEqual(other._tag, "NoMatch")
          const later = flipBitOfText(String(timestamp), bit) as unknown as number
          // However much is tolerated.
          const late = yield* refusal(verify(keys, signature, { ...message, timestamp: later }, Duration.infinity))
          assert.include(["NoMatch", "InvalidTimestamp"], late._tag)
        }),
      { arbitrary: { runs: 150 } }
    )

    it.effect.prop(
      "refuses a body of which bytes were added or taken away, and bytes that moved between its parts",
      { kind: signers, body: bytes, more: bytes },
      ({ body, kind, more }) =>
        Effect.gen(function*() {
          const message = { id: "msg_1", timestamp: 1234, body }
          const { keys, signature } = yield* made(kind, message)
          yield* secondsOf(1234)
          for (
            const other of [
              { ...message, body: Buffer.concat([body, more]) },
              { ...message, body: Buffer.concat([more, body]) },
              { ...message, body: body.subarray(1) },
              { ...message, body: body.subarray(0, -1) },
              { ...message, id: "msg_", body: Buffer.concat([Buffer.from("1"), body]) },
              { ...message, timestamp: 123, body: Buffer.concat([Buffer.from("4."), body]) }
            ]
          ) {
            yield* refusedWith(verify(keys, signature, other, Duration.infinity), "NoMatch")
          }
        }),
      { arbitrary: { runs: 60 } }
    )

    it.effect.prop(
      "never throws, whatever stands in the headers",
      {
        texts: Arbitrary.all([
          Arbitrary.schema(Schema.String),
          Arbitrary.schema(Schema.String),
          Arbitrary.map(
            Arbitrary.array(
              Arbitrary.flatMap(int(0, 1), (kind) =>
                kind === 0
                  ? Arbitrary.schema(Schema.String)
                  : oneOf([
                    "v1",
                    "v1a",
                    ",",
                    " ",
                    "=",
                    "AAAA",
                    "\u0000",
                    "v1,",
                    "🎉",
                    "\ud800",
                    "v1,AAAA",
                    "v1a,AAAA"
                  ])),
              { maxLength: 12 }
            ),
            (parts) => parts.join("")
          )
        ]),
        real: int(0, 7)
      },
      ({ real, texts: [id, timestamp, header] }) =>
        Effect.gen(function*() {
          yield* secondsOf(canonical.timestamp)
          // So that the ones further on are looked at too.
          const headers = {
            "webhook-id": real & 1 ? canonical.id : id,
            "webhook-timestamp": real & 2 ? String(canonical.timestamp) : timestamp,
            "webhook-signature": real & 4 && id !== canonical.id ? `${header} v1,${"A".repeat(43)}=` : header
          }
          yield* refusal(
            Signature.verify([redacted(canonicalSecret), redacted(canonicalPublic)], { headers, body: canonical.body })
          )
        }),
      { arbitrary: { runs: 500 } }
    )
  })

  describe("on a platform that does not know Ed25519", () => {
    it.effect("signing is a SignerError, and v1 goes on", () =>
      Effect.gen(function*() {
        const error = yield* signerError(Signature.sign(ed25519(canonicalPrivate), canonical))
        assert.match(error.detail, /may not know the algorithm/)
        assert.strictEqual((Redacted.value(error.cause!) as DOMException).name, "NotSupportedError")
        yield* signerError(
          Signature.sign(Signature.combine(hmac(canonicalSecret), ed25519(canonicalPrivate)), canonical)
        )
        assert.strictEqual(yield* Signature.sign(hmac(canonicalSecret), canonical), vectors[0]!.signature)
      }).pipe(Effect.provide(withoutEd25519)))

    it.effect("verifying is CryptoFailed, and v1 goes on", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        const reason = yield* refusedWith(verify(canonicalPublic, vectors.at(-1)!.signature), "CryptoFailed")
        assert.strictEqual((Redacted.value(reason.cause) as DOMException).name, "NotSupportedError")
        for (const text of print(reason)) assert.notInclude(text, "Unrecognized")
        yield* verify([canonicalPublic, canonicalSecret], vectors[0]!.signature)
        // Whatever the order, one that matches is enough.
        const both = [vectors.at(-1)!.signature, vectors[0]!.signature]
        yield* verify([canonicalPublic, canonicalSecret], both.join(" "))
        yield* verify([canonicalPublic, canonicalSecret], both.toReversed().join(" "))
      }).pipe(Effect.provide(withoutEd25519)))

    it.effect("a send is a Failed with SignerError, without an attempt", () =>
      Effect.gen(function*() {
        const result = yield* Webhook.send({ n: 1 })
        assert(result._tag === "Failed" && result.reason._tag === "SignerError")
        assert.deepStrictEqual(yield* TestTransport.sent, [])
      }).pipe(
        Effect.provide(
          Webhook.layerTransport({ signer: ed25519(canonicalPrivate) }).pipe(
            Layer.provideMerge(Layer.merge(TestTransport.layer(reply()), UrlPool.layer("https://example.com/hook"))),
            Layer.provideMerge(withoutEd25519)
          )
        )
      ))

    it.effect("nor any crypto: the same, for every key", () =>
      Effect.gen(function*() {
        yield* secondsOf(canonical.timestamp)
        for (const signer of [hmac(canonicalSecret), ed25519(canonicalPrivate)]) {
          yield* signerError(Signature.sign(signer, canonical))
        }
        yield* refusedWith(verify(canonicalSecret, vectors[0]!.signature), "CryptoFailed")
        yield* refusedWith(verify(canonicalPublic, vectors.at(-1)!.signature), "CryptoFailed")
      }).pipe(Effect.provide(withoutSubtle)))

    it.effect("a signer that failed there signs on a platform that does", () =>
      Effect.gen(function*() {
        const signer = ed25519(canonicalPrivate)
        yield* Effect.provide(signerError(Signature.sign(signer, canonical)), withoutEd25519)
        assert.strictEqual(yield* Signature.sign(signer, canonical), vectors.at(-1)!.signature)
      }))
  })

  describe("against other implementations", () => {
    // Theirs have no clock but the real one.
    const now = () => Math.floor(Date.now() / 1000)
    const bodies = ["{\"a\":1}", "{\"text\":\"grüße 🎉\"}", " [1, 2] ", `"${"a".repeat(70_000)}"`]
    const theirs = [
      ["standardwebhooks", (secret: string) => new StandardWebhook(secret)],
      ["svix", (secret: string) => new SvixWebhook(secret)]
    ] as const

    it.live.each(theirs)("%s verifies what is signed here", ([, make]) =>
      Effect.gen(function*() {
        for (const body of bodies) {
          for (const length of [24, 32, 64]) {
            const secret = makeSecret(length)
            const message = { id: `msg_${length}`, timestamp: now(), body }
            const signature = yield* Signature.sign(hmac(secret), message)
            assert.strictEqual(signature, make(secret).sign(message.id, new Date(message.timestamp * 1000), body))
            assert.deepStrictEqual(make(secret).verify(body, headersOf(signature, message)), JSON.parse(body))
            assert.throws(() => make(makeSecret()).verify(body, headersOf(signature, message)))
            // While a key is changed, and with v1a beside it.
            const all = Signature.combine(hmac(makeSecret(), secret), ed25519(makePair().seed))
            const rotated = headersOf(yield* Signature.sign(all, message), message)
            assert.deepStrictEqual(make(secret).verify(body, rotated), JSON.parse(body))
          }
        }
      }))

    it.live.each(theirs)("what %s signs is verified here", ([, make]) =>
      Effect.gen(function*() {
        for (const body of bodies) {
          for (const length of [24, 32, 64]) {
            const secret = makeSecret(length)
            const message = { id: `msg_${length}`, timestamp: now(), body }
            const signature = make(secret).sign(message.id, new Date(message.timestamp * 1000), body)
            yield* verify(secret, signature, message)
            yield* verify([makeSecret(), secret], `${byNode(otherSecret, message)} ${signature}`, message)
            yield* refusedWith(verify(makeSecret(), signature, message), "NoMatch")
            yield* refusedWith(verify(secret, signature, { ...message, body: `${body} ` }), "NoMatch")
          }
        }
      }))
  })

  describe("in a send", () => {
    const layer = (
      script: TestTransport.Script,
      options?: Webhook.WebhookOptions,
      urls: UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput> = "https://example.com/hook",
      pool?: UrlPool.Options
    ) =>
      Webhook.layerTransport({ signer: hmac(canonicalSecret), retry: Schedule.spaced("2500 millis"), ...options }).pipe(
        Layer.provideMerge(Layer.merge(TestTransport.layer(script), UrlPool.layer(urls, pool)))
      )

    // Real time, which the crypto takes also under TestClock.
    const tick = Effect.promise(() => new Promise(setImmediate))

    const began = 1_000_000_750

    // Signing takes real time, for which the clock stands: each attempt is waited for, and then its wait goes by.
    const drive = Effect.fnUntraced(function*<A, E, R>(
      effect: Effect.Effect<A, E, R>,
      waits: ReadonlyArray<number> = [0]
    ) {
      yield* TestClock.setTime(began)
      const fiber = yield* Effect.forkChild(effect)
      for (const [index, wait] of waits.entries()) {
        while ((yield* TestTransport.sent).length <= index) yield* tick
        yield* TestClock.adjust(wait)
      }
      return { value: yield* Fiber.join(fiber), sent: yield* TestTransport.sent }
    })

    const verifySent = (key: string, { bytes: body, headers }: TestTransport.Sent) =>
      Signature.verify(redacted(key), { headers, body })

    const failedWith = <Tag extends WebhookError.WebhookErrorReason["_tag"]>(
      result: Effect.Success<ReturnType<typeof Webhook.send>>,
      tag: Tag
    ) => {
      assert(result._tag === "Failed", `it was ${result._tag}`)
      assert.strictEqual(result.reason._tag, tag)
      return { result, reason: result.reason as Extract<WebhookError.WebhookErrorReason, { readonly _tag: Tag }> }
    }

    it.effect("the id stays over retries, timestamp and signature are of each attempt, and what arrives verifies", () =>
      Effect.gen(function*() {
        const { sent, value: result } = yield* drive(Webhook.send({ text: "grüße" }), [2500, 3000, 2500, 0])
        assert.strictEqual(result._tag, "Delivered")
        assert.strictEqual(result.attempts, 4)
        assert.lengthOf(sent, 4)
        const timestamps = [1_000_000, 1_000_003, 1_000_006, 1_000_008]
        for (const [index, one] of sent.entries()) {
          const timestamp = timestamps[index]!
          assert.strictEqual(one.headers["webhook-id"], result.id)
          assert.strictEqual(one.headers["webhook-timestamp"], String(timestamp))
          assert.strictEqual(
            one.headers["webhook-signature"],
            byNode(canonicalSecret, { id: result.id, timestamp, body: one.bytes })
          )
          yield* verifySent(canonicalSecret, one)
          yield* refusedWith(verifySent(otherSecret, one), "NoMatch")
        }
        assert.strictEqual(new Set(sent.map(({ headers }) => headers["webhook-signature"])).size, 4)
      }).pipe(Effect.provide(
        layer([reply({ status: 500 }), reply({ status: 429, body: { retry_after: 3 } }), TestTransport.reset, reply()])
      )))

    it.effect("the same holds over the failover to another URL", () =>
      Effect.gen(function*() {
        const { sent, value: result } = yield* drive(Webhook.send({ n: 1 }, { id: "evt_1" }), [0, 2500, 0])
        assert.strictEqual(result._tag, "Delivered")
        assert.deepStrictEqual(sent.map(({ url }) => Redacted.value(url)), [
          "https://a.example/hook",
          "https://b.example/hook",
          "https://c.example/hook"
        ])
        assert.deepStrictEqual(sent.map(({ headers }) => headers["webhook-id"]), ["evt_1", "evt_1", "evt_1"])
        for (const one of sent) yield* verifySent(canonicalSecret, one)
        const [first, second, third] = sent.map(({ headers }) => Number(headers["webhook-timestamp"]))
        // At once where nobody has it, else after the wait.
        assert.deepStrictEqual([first, second, third], [1_000_000, 1_000_000, 1_000_003])
        assert.notStrictEqual(sent[1]!.headers["webhook-signature"], sent[2]!.headers["webhook-signature"])
      }).pipe(Effect.provide(
        layer(
          [refuse, reply({ status: 500 }), reply()],
          {},
          ["a", "b", "c"].map((name) => `https://${name}.example/hook`),
          { failover: true }
        )
      )))

    it.effect("sends have ids of their own", () =>
      Effect.gen(function*() {
        const { sent } = yield* drive(
          Effect.all([Webhook.send({ n: 1 }), Webhook.send({ n: 1 }), Webhook.send({ n: 1 }, { id: "mine" })], {
            concurrency: "unbounded"
          }),
          [0, 0, 0]
        )
        const ids = sent.map(({ headers }) => headers["webhook-id"])
        assert.strictEqual(new Set(ids).size, 3)
        assert.include(ids, "mine")
        for (const one of sent) yield* verifySent(canonicalSecret, one)
      }).pipe(Effect.provide(layer(reply()))))

    it.effect("a send's own signer stands above the layer's, for that send alone", () =>
      Effect.gen(function*() {
        const pair = makePair()
        const { sent } = yield* drive(
          Effect.all([Webhook.send({ n: 1 }, { signer: ed25519(pair.seed) }), Webhook.send({ n: 2 })]),
          [0, 0]
        )
        yield* verifySent(pair.raw, sent[0]!)
        yield* refusedWith(verifySent(canonicalSecret, sent[0]!), "UnknownVersion")
        yield* verifySent(canonicalSecret, sent[1]!)
        yield* refusedWith(verifySent(pair.raw, sent[1]!), "UnknownVersion")
      }).pipe(Effect.provide(layer(reply()))))

    it.effect("several signers sign one send, and each key verifies it", () =>
      Effect.gen(function*() {
        const pair = makePair()
        const signer = Signature.combine(
          hmac(canonicalSecret, otherSecret),
          ed25519(pair.whole),
          ({ body }) => Effect.succeed({ "X-Body-Length": String(body.length) })
        )
        const { sent: [one] } = yield* drive(Webhook.send({ text: "ü" }, { signer }))
        for (const key of [canonicalSecret, otherSecret, pair.raw]) yield* verifySent(key, one!)
        assert.strictEqual(one!.headers["webhook-signature"]!.split(" ").length, 3)
        assert.strictEqual(one!.headers["x-body-length"], String(Buffer.byteLength("{\"text\":\"ü\"}")))
      }).pipe(Effect.provide(layer(reply()))))

    const blob = new Blob([Uint8Array.of(0xff, 0x00, 0xfe)], { type: "application/octet-stream" })
    const form = () => {
      const form = new FormData()
      form.append("payload", "{\"a\":1}")
      form.append("file", blob, "grüße.bin")
      return form
    }
    const bodies: Record<string, unknown> = {
      "a form with a file": HttpBody.formData(form()),
      "bytes that are no UTF-8": HttpBody.uint8Array(Uint8Array.of(0xff, 0xfe, 0xc3, 0x28), "application/x-thing"),
      "a part of a buffer": HttpBody.raw(Uint8Array.of(1, 2, 0xff, 4, 5).subarray(1, 4)),
      "a text": HttpBody.text("grüße", "text/plain"),
      "a blob": HttpBody.raw(blob),
      "URL parameters": HttpBody.raw(new URLSearchParams({ a: "ü", b: "&" })),
      "nothing": HttpBody.empty,
      "null": null
    }

    it.effect.each(Object.entries(bodies))(
      "verifies with a body of %s, the same bytes over retries",
      ([, body]) =>
        Effect.gen(function*() {
          const { sent, value: result } = yield* drive(Webhook.send(body), [2500, 0])
          assert.strictEqual(result._tag, "Delivered")
          for (const one of sent) {
            yield* verifySent(canonicalSecret, one)
            if (one.bytes.length > 0) {
              yield* refusedWith(verifySent(canonicalSecret, { ...one, bytes: flipBit(one.bytes, one.at) }), "NoMatch")
            }
          }
          assert.deepStrictEqual(sent[0]!.bytes, sent[1]!.bytes)
        }).pipe(Effect.provide(layer([reply({ status: 503 }), reply()])))
    )

    it.effect("a signer that fails ends the send there, also between two attempts", () =>
      Effect.gen(function*() {
        const signing = hmac(canonicalSecret)
        const own = new WebhookError.SignerError({ detail: "the key service is away" })
        let asked = 0
        const flaky: Signature.Signer = (input) => asked++ === 0 ? signing(input) : Effect.fail(own)
        const { sent, value } = yield* drive(Webhook.send({ n: 1 }, { signer: Signature.combine(flaky) }), [2500])
        const { reason, result } = failedWith(value, "SignerError")
        assert.strictEqual(reason, own)
        assert.lengthOf(sent, 1)
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(result.delivered, "maybe")
      }).pipe(Effect.provide(layer(reply({ status: 500 })))))

    it.effect.each<readonly [string, Signature.Signer]>([
      ["dies", () => Effect.die(new Error("canary"))],
      ["throws", () => {
        throw new Error("canary")
      }],
      ["gives no headers", () => Effect.succeed(undefined as never)]
    ])("a signer that %s is Unexpected, and nothing is sent", ([, dying]) =>
      Effect.gen(function*() {
        const signer = Signature.combine(hmac(canonicalSecret), dying)
        const { sent, value } = yield* drive(Webhook.send({ n: 1 }, { signer }), [])
        const { reason, result } = failedWith(value, "Unexpected")
        assert.strictEqual(reason.source, "signer")
        assert.deepStrictEqual(sent, [])
        assert.strictEqual(result.delivered, "no")
        assert.notInclude(inspect(result, { depth: 10 }), "canary")
      }).pipe(Effect.provide(layer(reply()))))

    it.effect("a signer that hangs is ended by the deadline, and interrupted", () =>
      Effect.gen(function*() {
        const interrupted = yield* Deferred.make<void>()
        const signer: Signature.Signer = () =>
          Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
        const started = yield* Clock.currentTimeMillis
        const fiber = yield* Effect.forkChild(Webhook.send({ n: 1 }, { signer, deadline: "20 seconds" }))
        yield* TestClock.adjust("20 seconds")
        const { reason } = failedWith(yield* Fiber.join(fiber), "DeadlineExceeded")
        assert.strictEqual(Duration.toMillis(reason.deadline), 20_000)
        assert.strictEqual((yield* Clock.currentTimeMillis) - started, 20_000)
        assert.deepStrictEqual(yield* TestTransport.sent, [])
        yield* Deferred.await(interrupted)
      }).pipe(Effect.provide(layer(reply()))))

    it.effect.each<Record<string, string>>([
      { host: "example.org" },
      { "Content-Length": "3" },
      { "transfer-encoding": "chunked" },
      { connection: "close" },
      { "x signature": "abc" },
      { "x-signature": "a\r\nx: y" },
      { "x-signature": "a\u0000" },
      { "webhook-signature": "v1,ü\u2028" },
      { "x-signature": 5 as unknown as string }
    ])(
      "a signer's header that HTTP forbids is InvalidHeader, and nothing is sent: %j",
      (headers) =>
        Effect.gen(function*() {
          const signer = Signature.combine(hmac(canonicalSecret), () => Effect.succeed(headers))
          const { sent, value } = yield* drive(Webhook.send({ n: 1 }, { signer }), [])
          const { reason } = failedWith(value, "InvalidHeader")
          assert.strictEqual(reason.header, Object.keys(headers)[0]!.toLowerCase())
          assert.deepStrictEqual(sent, [])
        }).pipe(Effect.provide(layer(reply())))
    )

    it.effect.each(["webhook-id", "Webhook-Timestamp", "WEBHOOK-SIGNATURE", "webhook-anything"])(
      "a header %s of the user is InvalidHeader while something is signed",
      (header) =>
        Effect.gen(function*() {
          const headers = { [header]: "1" }
          const own = yield* drive(Webhook.send({ n: 1 }, { headers }), [])
          assert.strictEqual(failedWith(own.value, "InvalidHeader").reason.header, header.toLowerCase())
          assert.deepStrictEqual(own.sent, [])
          const error = yield* Effect.flip(Effect.scoped(Layer.build(layer(reply(), { headers }))))
          assert(error.reason._tag === "InvalidHeader")
          // Where only that send is signed, the layer's header is found with it.
          const { sent, value } = yield* Effect.provide(
            drive(
              Effect.all([Webhook.send({ n: 1 }, { signer: hmac(canonicalSecret) }), Webhook.send({ n: 1 })]),
              [0]
            ),
            layer(reply(), { signer: undefined, headers })
          )
          failedWith(value[0], "InvalidHeader")
          assert.isTrue(value[1].ok)
          assert.lengthOf(sent, 1)
        }).pipe(Effect.provide(layer(reply())))
    )

    it.effect("an id with a dot is refused before anything is signed", () =>
      Effect.gen(function*() {
        let asked = 0
        const signer: Signature.Signer = () => Effect.sync(() => ({ "x-asked": String(asked++) }))
        const { value } = yield* drive(Webhook.send({ n: 1 }, { id: "evt.1", signer }), [])
        assert.strictEqual(failedWith(value, "InvalidOptions").reason.option, "id")
        assert.strictEqual(asked, 0)
      }).pipe(Effect.provide(layer(hang))))
  })

  describe("over a real socket", () => {
    it.live("what arrives verifies here and elsewhere, over retries", () =>
      Effect.gen(function*() {
        const pair = makePair()
        const secret = makeSecret()
        const receiver = yield* TestReceiver.make([TestReceiver.reply({ status: 500 }), TestReceiver.reply()])
        const result = yield* Effect.provide(
          Webhook.send({ text: "grüße 🎉" }),
          NodeWebhook.layer({
            urls: receiver.urlOf("/hook"),
            signer: Signature.combine(hmac(secret, otherSecret), ed25519(pair.whole)),
            retry: Schedule.spaced("1100 millis")
          })
        )
        assert.strictEqual(result._tag, "Delivered")
        const requests = yield* receiver.requests
        assert.lengthOf(requests, 2)
        for (const { body, bytes, headers } of requests) {
          assert.strictEqual(headers["webhook-id"], result.id)
          for (const key of [secret, otherSecret, pair.raw, pair.spki]) {
            yield* Signature.verify(redacted(key), { headers, body: bytes })
            yield* Signature.verify(redacted(key), { headers, body })
          }
          yield* refusedWith(Signature.verify(redacted(makeSecret()), { headers, body: bytes }), "NoMatch")
          assert.deepStrictEqual(new StandardWebhook(secret).verify(body, headers), { text: "grüße 🎉" })
          assert.deepStrictEqual(new SvixWebhook(otherSecret).verify(body, headers), { text: "grüße 🎉" })
        }
        const timestamps = requests.map(({ headers }) => Number(headers["webhook-timestamp"]))
        assert.isAbove(timestamps[1]!, timestamps[0]!)
      }))
  })

  describe("in a receiver over HttpRouter", () => {
    interface Event {
      readonly n: number
    }

    // It verifies what came over the wire, and remembers the ids: a webhook that it knows is taken, and not done again.
    const receive = Effect.fnUntraced(function*(keys: Signature.Keys) {
      const done: Array<Event> = []
      const seen = new Set<string>()
      const handler = Effect.gen(function*() {
        const { arrayBuffer, headers } = yield* HttpServerRequest.HttpServerRequest
        const body = new Uint8Array(yield* arrayBuffer)
        yield* Signature.verify(keys, { headers, body })
        const id = headers["webhook-id"]!
        if (seen.has(id)) return HttpServerResponse.empty({ status: 208 })
        seen.add(id)
        done.push(JSON.parse(new TextDecoder().decode(body)))
        return HttpServerResponse.empty({ status: 202 })
      }).pipe(Effect.catchTag("SignatureError", () => Effect.succeed(HttpServerResponse.empty({ status: 401 }))))
      const context = yield* Layer.build(
        HttpRouter.serve(HttpRouter.add("POST", "/hook", handler), { disableLogger: true, disableListenLog: true })
          .pipe(
            Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
          )
      )
      const { address } = Context.get(context, HttpServer.HttpServer)
      return { url: `${HttpServer.formatAddress(address)}/hook`, done }
    })

    const post = (url: string, headers: Record<string, string>, body: string) =>
      Effect.promise(async () => {
        const response = await fetch(url, { method: "POST", headers: { ...headers, connection: "close" }, body })
        await response.arrayBuffer()
        return response.status
      })

    const layerTo = (url: string, signer: Signature.Signer | undefined) => NodeWebhook.layer({ urls: url, signer })

    it.live("it takes a webhook once, and a replay changes nothing", () =>
      Effect.gen(function*() {
        const pair = makePair()
        const { done, url } = yield* receive([redacted(canonicalSecret), redacted(pair.raw)])
        const results = yield* Effect.provide(
          Effect.all([
            Webhook.send({ n: 1 }, { id: "evt_1" }),
            Webhook.send({ n: 2 }, { id: "evt_2", signer: ed25519(pair.seed) }),
            // Again, with a new signature: the id tells.
            Webhook.send({ n: 1 }, { id: "evt_1" })
          ]),
          layerTo(url, hmac(canonicalSecret))
        )
        assert.deepStrictEqual(results.map(({ status }) => status), [202, 202, 208])
        assert.isTrue(results.every(({ ok }) => ok))
        assert.deepStrictEqual(done, [{ n: 1 }, { n: 2 }])
        // Byte for byte, as somebody who saw it would.
        const timestamp = Math.floor((yield* Clock.currentTimeMillis) / 1000)
        const message = { id: "evt_3", timestamp, body: "{\"n\":3}" }
        const headers = headersOf(yield* Signature.sign(hmac(canonicalSecret), message), message)
        const statuses = yield* Effect.all(Array.from({ length: 5 }, () => post(url, headers, message.body)), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(statuses.toSorted(), [202, 208, 208, 208, 208])
        assert.deepStrictEqual(done, [{ n: 1 }, { n: 2 }, { n: 3 }])
      }))

    it.live("it answers 401 to what it cannot verify, and does none of it", () =>
      Effect.gen(function*() {
        const { done, url } = yield* receive(redacted(canonicalSecret))
        const timestamp = Math.floor((yield* Clock.currentTimeMillis) / 1000)
        const message = { id: "evt_1", timestamp, body: "{\"n\":1}" }
        const signature = yield* Signature.sign(hmac(canonicalSecret), message)
        const headers = headersOf(signature, message)
        const old = { ...message, timestamp: timestamp - 400 }
        const early = { ...message, timestamp: timestamp + 400 }
        const refused = [
          post(url, headers, "{\"n\":2}"),
          post(url, headers, "{ \"n\":1}"),
          post(url, { ...headers, "webhook-id": "evt_2" }, message.body),
          post(url, { ...headers, "webhook-timestamp": String(timestamp - 1) }, message.body),
          post(url, { ...headers, "webhook-signature": signature.toLowerCase() }, message.body),
          post(url, {}, message.body),
          post(url, headersOf(byNode(canonicalSecret, old), old), message.body),
          post(url, headersOf(byNode(canonicalSecret, early), early), message.body)
        ]
        for (const status of yield* Effect.all(refused)) assert.strictEqual(status, 401)
        for (const signer of [hmac(otherSecret), ed25519(makePair().seed), undefined]) {
          const result = yield* Effect.provide(Webhook.send({ n: 1 }), layerTo(url, signer))
          assert(result._tag === "Failed" && result.reason._tag === "Rejected")
          assert.strictEqual(result.status, 401)
          assert.strictEqual(result.attempts, 1)
        }
        assert.deepStrictEqual(done, [])
        // What was refused under its id is no replay.
        assert.strictEqual(yield* post(url, headers, message.body), 202)
        assert.deepStrictEqual(done, [{ n: 1 }])
      }))
  })
})
