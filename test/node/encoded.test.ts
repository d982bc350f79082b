import { assert, describe, it, vi } from "@effect/vitest"
import { Arbitrary, Effect, Layer, Schema } from "effect"
import { RetryPolicy, Webhook, type WebhookResult } from "effect-webhooks"
import { NodeWebhook, TestReceiver } from "effect-webhooks/node"
import * as Zlib from "node:zlib"
import { decoding } from "../../src/node/internal/decoding.ts"
import { listen } from "./servers.ts"

// The machine may be busy: what is bounded below is bounded by itself.
vi.setConfig({ testTimeout: 30_000 })

const encoders: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  gzip: (bytes) => Zlib.gzipSync(bytes),
  "x-gzip": (bytes) => Zlib.gzipSync(bytes),
  deflate: (bytes) => Zlib.deflateSync(bytes),
  "deflate ": (bytes) => Zlib.deflateRawSync(bytes),
  br: (bytes) => Zlib.brotliCompressSync(bytes),
  zstd: (bytes) => Zlib.zstdCompressSync(bytes)
}

// In the order in which they are named.
const encode = (codings: ReadonlyArray<string>, bytes: Uint8Array) =>
  codings.reduce((encoded, coding) => encoders[coding]!(encoded), bytes)

const textOf = (result: WebhookResult.WebhookResult) => String(result.response ?? "")

const hookTo = Effect.fnUntraced(function*(url: string, options?: Partial<NodeWebhook.Options>) {
  const context = yield* Layer.build(
    NodeWebhook.layer({ urls: url, retry: RetryPolicy.backoff({ base: 1, max: 2 }), grace: 100, ...options })
  )
  return yield* Effect.provideContext(Webhook.Webhook, context)
})

const send = Effect.fnUntraced(function*(behavior: TestReceiver.Routes, options?: Partial<NodeWebhook.Options>) {
  const receiver = yield* TestReceiver.make(behavior)
  const hook = yield* hookTo(receiver.urlOf("/hook"), options)
  return { receiver, hook, result: yield* hook.send({}) }
})

const encoded = (coding: string, body: Uint8Array, status = 200) =>
  TestReceiver.reply({ status, headers: { "content-encoding": coding, "content-type": "application/json" }, body })

const bytesOf = (text: string) => new TextEncoder().encode(text)

describe("an answer that is encoded", () => {
  const lists = [
    ...Object.keys(encoders).map((coding) => [coding]),
    ["gzip", "br"],
    ["br", "gzip"],
    ["deflate", "gzip", "br", "zstd"]
  ]

  it.live.each(lists.map((list) => ({ list })))("by $list is decoded", ({ list }) =>
    Effect.gen(function*() {
      const body = { text: "grüße".repeat(500), list: [1, 2, 3] }
      const { hook, receiver, result } = yield* send(
        encoded(list.join(","), encode(list, bytesOf(JSON.stringify(body))))
      )
      assert.deepStrictEqual(result.response, body)
      assert.isFalse(result.truncated)
      for (let n = 0; n < 5; n++) assert.deepStrictEqual((yield* hook.send({})).response, body)
      assert.isAtMost(yield* receiver.connections, 2)
    }))

  it.live.each(["GZIP", " gzip ", "X-Gzip", ",gzip,", "identity, gzip", "gzip,identity", "\tgzip"])(
    "is known by %j",
    (name) =>
      Effect.gen(function*() {
        const { result } = yield* send(encoded(name, Zlib.gzipSync("\"hello\"")))
        assert.strictEqual(result.response, "hello")
        assert.isFalse(result.truncated)
      })
  )

  it.live.each(["compress", "foo", "gzip, foo", "foo, gzip", "gzip;q=1", "", "identity", "constructor", "__proto__"])(
    "by what is not known stays as it is: %j",
    (name) =>
      Effect.gen(function*() {
        const { result } = yield* send(encoded(name, bytesOf("as it is")))
        assert.strictEqual(result.response, "as it is")
        assert.isFalse(result.truncated)
      })
  )

  it.live("five times over stays as it is", () =>
    Effect.gen(function*() {
      const { result } = yield* send(encoded("br,br,br,br,br", bytesOf("as it is")))
      assert.strictEqual(result.response, "as it is")
    }))

  it.live.each(["gzip", "zstd"])("says %s and is not is given as it came", (coding) =>
    Effect.gen(function*() {
      const { result } = yield* send(encoded(coding, bytesOf("{\"plain\":true}")))
      assert.deepStrictEqual(result.response, { plain: true })
      assert.isTrue(result.truncated)
    }))

  it.live.each(Object.keys(encoders))("by %s and has no bytes is empty", (coding) =>
    Effect.gen(function*() {
      for (const status of [200, 204]) {
        const { result } = yield* send(TestReceiver.reply({ status, headers: { "content-encoding": coding } }))
        assert.isTrue(result.ok)
        assert.isUndefined(result.response)
        assert.isFalse(result.truncated)
      }
    }))

  it.live.each(Object.keys(encoders))(
    "by %s says how long a 429 is to be waited out",
    (coding) =>
      Effect.gen(function*() {
        const limited = encode([coding], bytesOf(JSON.stringify({ retry_after: 0.3 })))
        const { result } = yield* send([encoded(coding, limited, 429), TestReceiver.reply()])
        assert.isTrue(result.ok)
        assert.lengthOf(result.history, 2)
        assert.isAtLeast(result.history[1]!.waited, 295)
      })
  )

  describe("costs no more than maxResponseBytes", () => {
    it.live.each(Object.keys(encoders))("when it is a bomb of %s", (coding) =>
      Effect.gen(function*() {
        const bomb = encode([coding], Buffer.alloc(50 * 1024 * 1024, "."))
        const { result } = yield* send(encoded(coding, bomb))
        assert.isTrue(result.ok)
        assert.strictEqual(textOf(result), ".".repeat(65_536))
        assert.isTrue(result.truncated)
      }))

    it.live("when it is a bomb of a bomb", () =>
      Effect.gen(function*() {
        // Some 50 MB of gzip that decode to nothing, as 50 kB of gzip.
        const nothing = Buffer.alloc(50 * 1024 * 1024)
        for (let at = 0; at < nothing.length; at += 5) nothing.set([0, 0, 0, 0xff, 0xff], at)
        const inner = Buffer.concat([Zlib.gzipSync("").subarray(0, 10), nothing.subarray(0, nothing.length - 1)])
        const before = process.memoryUsage().rss
        const { result } = yield* send(encoded("gzip, gzip", Zlib.gzipSync(inner)))
        assert.isTrue(result.ok)
        assert.strictEqual(textOf(result), "")
        assert.isTrue(result.truncated)
        assert.isBelow(process.memoryUsage().rss - before, 200 * 1024 * 1024)
      }))

    it.live("when it has no end and decodes to nothing", () =>
      Effect.gen(function*() {
        let written = 0
        const server = yield* listen((socket) => {
          socket.once("data", () => {
            socket.write("HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\nconnection: close\r\n\r\n")
            const blocks = Buffer.concat(Array.from({ length: 2000 }, () => Buffer.from([0, 0, 0, 0xff, 0xff])))
            const more = () => {
              while (!socket.destroyed && socket.writableLength < 100_000) {
                written += blocks.length
                if (!socket.write(blocks)) return void socket.once("drain", more)
              }
            }
            more()
          })
        })
        const hook = yield* hookTo(`http://${server.label}/hook`)
        const result = yield* hook.send({})
        assert.isTrue(result.ok)
        assert.isUndefined(result.response)
        assert.isTrue(result.truncated)
        assert.isBelow(result.history[0]!.took, 10_000)
        // What is beyond the cap is in the kernel's buffers.
        assert.isBelow(written, 64 * 1024 * 1024)
      }))

    it.live("and is whole when it has as many bytes, also such as do not get fewer", () =>
      Effect.gen(function*() {
        const random = Buffer.from(crypto.getRandomValues(new Uint8Array(30_000))).toString("latin1").slice(0, 20_000)
        const bytes = bytesOf(random)
        for (const [coding, encoder] of Object.entries(encoders)) {
          const body = encoder(bytes)
          for (
            const [maxResponseBytes, truncated] of [[bytes.length, false], [bytes.length - 1, true], [0, true]] as const
          ) {
            const { result } = yield* send(encoded(coding, body), { maxResponseBytes })
            assert.strictEqual(result.truncated, truncated, `${coding} ${maxResponseBytes}`)
            if (!truncated) assert.strictEqual(textOf(result), random)
          }
        }
      }))
  })

  describe("and broken gives what was decoded", () => {
    const text = Array.from({ length: 400 }, (_, index) => `line ${index * 7919 % 1009}`).join("\n")

    it.live.each(Object.keys(encoders))("when its connection is lost within %s", (coding) =>
      Effect.gen(function*() {
        const body = encode([coding], bytesOf(text))
        const server = yield* listen((socket) => {
          socket.once("data", () => {
            const head = `HTTP/1.1 429 Slow\r\ncontent-encoding: ${coding}\r\ncontent-length: ${body.length}\r\n\r\n`
            socket.write(Buffer.concat([Buffer.from(head), body.subarray(0, Math.floor(body.length * 0.9))]))
            setTimeout(() => socket.resetAndDestroy(), 50)
          })
        })
        const result = yield* (yield* hookTo(`http://${server.label}/hook`, { maxRetries: 0 })).send({})
        assert.strictEqual(result.status, 429)
        assert.isTrue(result.truncated)
        assert.isTrue(text.startsWith(textOf(result)))
        // Brotli and zstd decode in blocks.
        if (coding !== "br" && coding !== "zstd") assert.isAbove(textOf(result).length, text.length / 2)
      }))

    it.live.each(Object.keys(encoders))("when %s ends too early", (coding) =>
      Effect.gen(function*() {
        const body = encode([coding], bytesOf(text))
        for (const length of [1, 5, Math.floor(body.length / 2), body.length - 1]) {
          const { result } = yield* send(encoded(coding, body.subarray(0, length)))
          assert.isTrue(result.ok)
          assert.isTrue(result.truncated)
          assert.isTrue(text.startsWith(textOf(result)), `${length}`)
          if (length === body.length - 1 && coding === "gzip") assert.strictEqual(textOf(result), text)
        }
      }))

    it.live.each(["gzip", "deflate"])("when the checksum of %s is wrong", (coding) =>
      Effect.gen(function*() {
        const body = Buffer.from(encode([coding], bytesOf(text)))
        body[body.length - (coding === "gzip" ? 8 : 4)]! ^= 0xff
        const { result } = yield* send(encoded(coding, body))
        assert.isTrue(result.ok)
        assert.strictEqual(textOf(result), text)
        assert.isTrue(result.truncated)
      }))

    it.live.each(Object.keys(encoders))("when a byte of %s is another one", (coding) =>
      Effect.gen(function*() {
        const body = Buffer.from(encode([coding], bytesOf(text)))
        for (const at of [0.3, 0.6, 0.9]) {
          const other = Buffer.from(body)
          other[Math.floor(body.length * at)]! ^= 0x55
          const { result } = yield* send(encoded(coding, other))
          assert.isTrue(result.ok)
          assert.isAtMost(textOf(result).length, 65_536)
        }
      }))

    it.live("when it is slower than the timeout", () =>
      Effect.gen(function*() {
        const body = Zlib.gzipSync(text)
        const server = yield* listen((socket) => {
          socket.once("data", () => {
            socket.write("HTTP/1.1 500 Oops\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n")
            socket.write(body.subarray(0, body.length - 100))
          })
        })
        const hook = yield* hookTo(`http://${server.label}/hook`, { timeout: 300, maxRetries: 0 })
        const result = yield* hook.send({})
        assert.strictEqual(result.status, 500)
        assert.isTrue(result.truncated)
        assert.isAbove(textOf(result).length, 100)
        assert.isTrue(text.startsWith(textOf(result)))
        assert.isBelow(result.history[0]!.took, 5000)
      }))
  })

  it.live("leaves no socket and no decoder behind when the send is interrupted", () =>
    Effect.gen(function*() {
      const body = Zlib.gzipSync("hello".repeat(1000))
      const server = yield* listen((socket) => {
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n")
          socket.write(body.subarray(0, 20))
        })
      })
      const hook = yield* hookTo(`http://${server.label}/hook`)
      yield* Effect.timeoutOption(hook.send({}), 300)
      yield* Effect.timeout(
        Effect.gen(function*() {
          while (server.open.size > 0) yield* Effect.sleep(10)
        }),
        "10 seconds"
      )
    }))
})

describe("decoding", () => {
  const int = (minimum: number, maximum: number) =>
    Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))
  const names = Object.keys(encoders)

  it.effect.prop(
    "gives the bytes back, however they are cut into chunks",
    {
      bytes: Arbitrary.array(int(0, 255), { maxLength: 3000 }),
      list: Arbitrary.array(int(0, names.length - 1), { minLength: 1, maxLength: 4 }),
      cuts: Arbitrary.array(int(1, 700), { minLength: 1, maxLength: 20 })
    },
    ({ bytes, cuts, list }) =>
      Effect.gen(function*() {
        const codings = list.map((index) => names[index]!)
        const body = encode(codings, Uint8Array.from(bytes))
        const decoded = yield* Effect.callback<{ readonly bytes: Buffer; readonly broken: boolean }>((resume) => {
          const chunks: Array<Uint8Array> = []
          const sink = decoding(codings.join(", "), 1e6, {
            write: (chunk) => chunks.push(chunk) > 0,
            end: (broken) => resume(Effect.succeed({ bytes: Buffer.concat(chunks), broken })),
            destroy: () => undefined
          })
          let at = 0
          for (let n = 0; at < body.length; n++) sink!.write(body.subarray(at, at += cuts[n % cuts.length]!))
          sink!.end(false)
        })
        assert.isFalse(decoded.broken)
        assert.deepStrictEqual([...decoded.bytes], bytes)
      })
  )
})
