import { assert, describe, it, vi } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Config,
  ConfigProvider,
  Data,
  DateTime,
  Effect,
  Equal,
  Exit,
  Hash,
  HashMap,
  Layer,
  Option,
  Redacted,
  Schedule,
  Schema,
  Stream
} from "effect"
import { ProxyProvider, RetryPolicy, UrlPool, Webhook, WebhookError } from "effect-webhooks"
import { DiscordWebhook } from "effect-webhooks/discord"
import { NodeDiscordWebhook, NodeTransport, NodeWebhook } from "effect-webhooks/node"
import { TestTransport } from "effect-webhooks/testing"
import { FetchHttpClient, HttpBody } from "effect/http"
import { Readable } from "node:stream"
import { runInNewContext } from "node:vm"

vi.setConfig({ testTimeout: 30_000 })

// In every secret and every payload: no error may show it.
const canary = "canary"

const layer = (options?: Webhook.WebhookOptions) =>
  Webhook.layerTransport(options).pipe(
    Layer.provide(UrlPool.layer(`https://example.com/${canary}`)),
    Layer.provideMerge(TestTransport.layer(TestTransport.reply()))
  )

/** A send that must fail before it touches the network. */
const refused = Effect.fnUntraced(function*(
  payload: unknown,
  send?: Webhook.SendOptions,
  options?: Webhook.WebhookOptions
) {
  const { failing, result, sent } = yield* Effect.gen(function*() {
    const result = yield* Webhook.send(payload, send)
    const failing = yield* Effect.exit(Webhook.sendOrFail(payload, send))
    return { result, failing, sent: yield* TestTransport.sent }
  }).pipe(Effect.provide(layer(options)))
  assert(!result.ok, `expected a failure, got ${result}`)
  assert.strictEqual(sent.length, 0)
  assert.strictEqual(result.attempts, 0)
  assert.strictEqual(result.status, undefined)
  assert.strictEqual(result.delivered, "no")
  assert.notInclude(result.error, canary)
  assert.notInclude(String(result), canary)
  assert.notInclude(result.error, "\n")
  assert.isBelow(result.error.length, 300)
  assert(Exit.isFailure(failing))
  const error = Cause.squash(failing.cause)
  assert(WebhookError.isWebhookError(error))
  assert.strictEqual(error.reason._tag, result.reason._tag)
  assert.strictEqual(error.message, result.error)
  assert.notInclude(Cause.pretty(failing.cause), canary)
  assert.isFalse(WebhookError.isRetryable(error))
  return result
})

const throwsRangeError = (f: () => unknown, ...says: ReadonlyArray<string | RegExp>) => {
  let thrown: unknown
  try {
    f()
  } catch (error) {
    thrown = error
  }
  assert.instanceOf(thrown, RangeError)
  const { message } = thrown as RangeError
  for (const say of says) assert.match(message, typeof say === "string" ? new RegExp(`\\b${say}\\b`) : say)
}

const buildFailure = Effect.fnUntraced(function*(layer: Layer.Layer<never, unknown>) {
  const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer)))
  assert(Exit.isFailure(exit))
  assert.isFalse(Cause.hasDies(exit.cause))
  const error = Cause.squash(exit.cause)
  assert(WebhookError.isWebhookError(error), String(error))
  assert.notInclude(error.message, canary)
  assert.notInclude(Cause.pretty(exit.cause), canary)
  return error.reason
})

// Readable, iterable, awaitable: all that is not there yet when it is handed over.
async function* generate() {
  yield canary
}

const cycle = () => {
  const list: Array<unknown> = [canary]
  const object = { items: [{ list }] }
  list.push(object)
  return object
}

class Money {
  readonly #amount = canary

  get amount() {
    return this.#amount
  }
}

class Subject {
  readonly next = () => canary

  pipe() {
    return this
  }
}

// What JSON makes `{}`, "<redacted>" or null of, without a word.
const empty: Record<string, readonly [value: () => unknown, says: RegExp]> = {
  "a Map": [() => new Map([[canary, canary]]), /Object\.fromEntries\(map\)/],
  "a Set": [() => new Set([canary]), /Array\.from\(set\)/],
  "a Map of another realm": [() => runInNewContext("new Map()"), /Object\.fromEntries\(map\)/],
  "a Map with a field": [() => Object.assign(new Map(), { canary }), /Object\.fromEntries\(map\)/],
  "an Error": [() => new Error(canary), /error\.message/],
  "an Error with a field": [() => Object.assign(new TypeError(canary), { code: canary }), /error\.message/],
  "a DOMException": [() => new DOMException(canary), /DOMException.*plain object/],
  "a generator": [function*() {
    yield canary
  }, /Array\.from/],
  "an iterator of an array": [() => [canary].values(), /Array\.from/],
  "the entries of a Map": [() => new Map([[canary, canary]]).entries(), /Array\.from/],
  "an iterator made by hand": [() => ({
    next: () => ({ done: true, value: canary }),
    [Symbol.iterator]() {
      return this
    }
  }), /Array\.from/],
  "a Redacted": [() => Redacted.make(canary), /Redacted\.value/],
  "a Redacted with a label": [() => Redacted.make(canary, { label: "label" }), /Redacted\.value/],
  "a Redacted number": [() => Redacted.make(5), /Redacted\.value/],
  "an Option of a Redacted": [() => Option.some(Redacted.make(canary)), /Redacted\.value/],
  "a Chunk of Options of Redacted": [() => Chunk.make(Option.some(Redacted.make(canary))), /Redacted\.value/],
  "a HashMap of Redacted": [() => HashMap.make([canary, Redacted.make(canary)]), /Redacted\.value/],
  "an Option of a Map": [() => Option.some(new Map()), /value: .*Object\.fromEntries/],
  "an Effect": [() => Effect.succeed(canary), /Effect; run it first/],
  "a Config": [() => Config.String(canary), /Effect; run it first/],
  "an Effect Stream": [() => Stream.make(canary), /stream/],
  "a Layer": [() => Layer.empty, /Layer.*plain object/],
  "a Schedule": [() => Schedule.forever, /Schedule.*plain object/],
  "a Fiber": [() => Effect.runFork(Effect.succeed(canary)), /Fiber.*plain object/],
  "a Promise": [() => Promise.resolve(canary), /promise; await/],
  "a ReadableStream": [() => new Blob([canary]).stream(), /stream/],
  "a WeakMap": [() => new WeakMap(), /WeakMap.*plain object/],
  "a RegExp": [() => /canary/, /RegExp.*plain object/],
  "Headers": [() => new Headers({ canary }), /Object\.fromEntries/],
  "a symbol in an object": [() => Object(Symbol(canary)), /Symbol.*plain object/],
  "an instance whose fields are private": [() => new Money(), /Money.*plain object/],
  "an instance without a field": [() =>
    new (class Ping {
      describe() {
        return canary
      }
    })(), /Ping.*plain object/],
  "an instance whose fields are functions": [() => new Subject(), /Subject.*plain object/],
  "an object that has it all from another": [() => Object.create({ canary }), /plain object/],
  "a date that is none": [() => new Date(NaN), /Date.*null/],
  "a toJSON that gives a Date": [() => ({ toJSON: () => new Date(0) }), /Date.*plain object/],
  "a toJSON that gives a Map": [() => ({ toJSON: () => new Map([[canary, canary]]) }), /Object\.fromEntries/],
  "a toJSON that gives a Redacted": [() => ({ toJSON: () => Redacted.make(canary) }), /Redacted\.value/]
}

// These have another place at the top of a payload.
const bodies: Record<string, readonly [value: () => unknown, says: RegExp]> = {
  "bytes": [() => new TextEncoder().encode(canary), /encodeBase64/],
  "an ArrayBuffer": [() => new ArrayBuffer(8), /encodeBase64/],
  "a DataView": [() => new DataView(new ArrayBuffer(8)), /encodeBase64/],
  "a Blob": [() => new Blob([canary]), /Blob.*plain object/],
  "FormData": [() => new FormData(), /Object\.fromEntries/],
  "URLSearchParams": [() => new URLSearchParams({ canary }), /Object\.fromEntries/],
  "an HttpBody": [() => HttpBody.text(canary), /HttpBody.*no part/]
}

const nonsense: Record<string, readonly [payload: unknown, says: RegExp]> = {}
for (const [name, [value, says]] of Object.entries(empty)) nonsense[`${name}, alone`] = [value(), says]
for (const [name, [value, says]] of Object.entries({ ...empty, ...bodies })) {
  const at = (path: string) => new RegExp(`: ${path}.*${says.source}`)
  nonsense[`${name}, in an object`] = [{ a: 1, b: { c: value() } }, at("b\\.c")]
  nonsense[`${name}, in an array`] = [[[canary], [{ text: canary }, value()]], at("\\[1\\]\\[1\\]")]
  nonsense[`${name}, in a class's field`] = [
    new class Event {
      readonly of = [value()]
    }(),
    at("of\\[0\\]")
  ]
  nonsense[`${name}, in what a toJSON gives`] = [{ a: { toJSON: () => ({ b: value() }) } }, at("a\\.b")]
}

describe("a payload that cannot be sent", () => {
  const payloads: Record<string, readonly [payload: unknown, says: RegExp]> = {
    "undefined": [undefined, /undefined/],
    "a function": [() => canary, /function/],
    "a symbol": [Symbol(canary), /symbol/],
    "a BigInt": [1n, /BigInt/],
    "a BigInt within": [{ a: [{ text: canary }, { big: 12345678987654321n }] }, /a\[1\]\.big: .*BigInt/],
    "a cycle": [cycle(), /items\[0\]\.list\[1\]: .*contains itself/],
    "a cycle of maps within": [{ a: { b: cycle() } }, /a\.b\.items\[0\]\.list\[1\]/],
    "a toJSON that throws": [{
      text: canary,
      toJSON: () => {
        throw new Error(canary)
      }
    }, /toJSON/],
    "a toJSON that throws within": [{
      a: {
        text: canary,
        toJSON: () => {
          throw new Error(canary)
        }
      }
    }, /toJSON/],
    "a getter that throws": [{
      a: {
        get b() {
          throw new Error(canary)
        }
      }
    }, /a\.b/],
    "a nesting deeper than the stack": [nested(100_000), /payload/],
    "a ReadableStream": [new Blob([canary]).stream(), /stream/],
    "an Effect Stream": [Stream.make(canary), /stream/],
    "a Node Readable": [Readable.from([canary]), /stream/],
    "an async generator": [generate(), /stream/],
    "a body that is a stream": [HttpBody.stream(Stream.make(new Uint8Array(1))), /stream/],
    "a raw body that is a stream": [HttpBody.raw(new Blob([canary]).stream()), /raw body/],
    "a Promise": [Promise.resolve(canary), /promise; await/],
    "a Blob": [new Blob([canary]), /HttpBody\.raw/],
    "bytes": [new TextEncoder().encode(canary), /HttpBody\.uint8Array/],
    "a Buffer": [Buffer.from(canary), /HttpBody\.uint8Array/],
    "an ArrayBuffer": [new ArrayBuffer(8), /HttpBody\.uint8Array/],
    "FormData": [new FormData(), /HttpBody\.formData/],
    "URLSearchParams": [new URLSearchParams({ canary }), /HttpBody\.urlParams/],
    "a BigInt in an object": [Object(1n), /BigInt/],
    ...nonsense
  }

  it.effect.each(Object.entries(payloads))("%s", ([, [payload, says]]) =>
    Effect.gen(function*() {
      const { error, reason } = yield* refused(payload)
      assert(reason._tag === "InvalidPayload")
      assert.match(error, /^invalid payload: /)
      assert.match(error, says)
    }))

  it.effect("is refused without a try, however often it may be retried", () =>
    Effect.gen(function*() {
      let calls = 0
      const payload = {
        toJSON: () => {
          calls++
          throw new Error(canary)
        }
      }
      yield* Effect.provide(Webhook.send(payload), layer({ maxRetries: 100 }))
      assert.strictEqual(calls, 1)
    }))

  it.effect("is named where it is, also behind a toJSON", () =>
    Effect.gen(function*() {
      const doc: Record<string, unknown> = { toJSON: () => "fine" }
      doc.self = doc
      for (
        const [payload, error] of [
          [{ doc, n: 1n }, "invalid payload: n: JSON has no BigInt; give a number or a string"],
          [{ a: { toJSON: () => 1n } }, "invalid payload: a: JSON has no BigInt; give a number or a string"],
          [{ a: { toJSON: () => [doc, 1n] } }, "invalid payload: a[1]: JSON has no BigInt; give a number or a string"],
          [HttpBody.json({ a: 1 }), "invalid payload: it is an Effect; run it first, with yield*"],
          [new Response("x"), "invalid payload: it is a message of its own; give its body"]
        ] as const
      ) {
        const result = yield* Effect.provide(Webhook.send(payload), layer())
        assert.strictEqual(result._tag === "Failed" && result.error, error)
      }
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      const result = yield* Effect.provide(Webhook.send(proxy), layer())
      assert.strictEqual(result._tag === "Failed" && result.error, "invalid payload: reading it throws")
    }))
})

class Note extends Schema.Class<Note>("Note")({ text: Schema.optional(Schema.String) }) {}

class Paid extends Data.TaggedClass("Paid")<{ readonly amount: number }> {}

class Refused extends Data.TaggedError("Refused")<{ readonly code: number }> {}

const { rawJSON: rawJson } = JSON as unknown as { readonly rawJSON: (text: string) => unknown }

describe("a payload is read once", () => {
  const bodyOf = (payload: unknown) =>
    Effect.gen(function*() {
      const result = yield* Webhook.send(payload)
      assert.isTrue(result.ok, String(result))
      return (yield* TestTransport.sent).map(({ body }) => body)
    }).pipe(Effect.provide(layer()))

  it.effect("every toJSON is asked once, with its key", () =>
    Effect.gen(function*() {
      const keys: Array<string> = []
      const asked = (name: string) => ({
        toJSON(key: string) {
          keys.push(`${name}(${typeof key} ${key})`)
          return { name, times: keys.length }
        }
      })
      const payload = {
        toJSON(key: string) {
          keys.push(`all(${typeof key} ${key})`)
          return { one: asked("one"), list: [0, asked("two")], deep: { "a b": [[asked("three")]] } }
        }
      }
      assert.deepStrictEqual(yield* bodyOf(payload), [
        "{\"one\":{\"name\":\"one\",\"times\":2},\"list\":[0,{\"name\":\"two\",\"times\":3}]," +
        "\"deep\":{\"a b\":[[{\"name\":\"three\",\"times\":4}]]}}"
      ])
      assert.deepStrictEqual(keys, ["all(string )", "one(string one)", "two(string 1)", "three(string 0)"])
    }))

  it.effect("every getter too", () =>
    Effect.gen(function*() {
      let times = 0
      const payload = {
        list: [{
          get a() {
            return { times: ++times }
          }
        }]
      }
      assert.deepStrictEqual(yield* bodyOf(payload), ["{\"list\":[{\"a\":{\"times\":1}}]}"])
    }))

  it.effect("it is not changed", () =>
    Effect.gen(function*() {
      const payload = Object.freeze({ at: new Date(0), list: Object.freeze([Object.freeze({ at: new Date(1) })]) })
      yield* bodyOf(payload)
      assert.deepStrictEqual(payload, { at: new Date(0), list: [{ at: new Date(1) }] })
    }))
})

describe("a payload that can be sent", () => {
  const payloads: Record<string, readonly [payload: unknown, body: string]> = {
    "null": [null, "null"],
    "a string": ["text", "\"text\""],
    "an empty object": [{}, "{}"],
    "a date": [new Date(0), "\"1970-01-01T00:00:00.000Z\""],
    "an object without a prototype": [Object.assign(Object.create(null), { a: 1 }), "{\"a\":1}"],
    "an instance": [
      new class Message {
        text = "x"
      }(),
      "{\"text\":\"x\"}"
    ],
    "the same object twice": [((a) => [a, a])({ x: 1 }), "[{\"x\":1},{\"x\":1}]"],
    "undefined within": [{ a: undefined, b: [undefined] }, "{\"b\":[null]}"],
    "functions and symbols within": [{ a: () => 1, b: [() => 1, Symbol("b")], c: Symbol("c") }, "{\"b\":[null,null]}"],
    "numbers that are none": [[NaN, -Infinity, -0], "[null,null,0]"],
    "a URL": [{ url: new URL("https://example.com/a") }, "{\"url\":\"https://example.com/a\"}"],
    "a DateTime": [[DateTime.makeUnsafe(0)], "[\"1970-01-01T00:00:00.000Z\"]"],
    "Node's bytes within": [[Buffer.from("a")], "[{\"type\":\"Buffer\",\"data\":[97]}]"],
    "scalars in objects": [[Object("a"), Object(1), Object(false)], "[\"a\",1,false]"],
    "an Option": [{ a: Option.some({ b: 1 }) }, "{\"a\":{\"_id\":\"Option\",\"_tag\":\"Some\",\"value\":{\"b\":1}}}"],
    "a Chunk": [[Chunk.make(1, 2)], "[{\"_id\":\"Chunk\",\"values\":[1,2]}]"],
    "a HashMap": [HashMap.make(["a", 1]), "{\"_id\":\"HashMap\",\"values\":[[\"a\",1]]}"],
    "a class of Data": [new Paid({ amount: 1 }), "{\"amount\":1,\"_tag\":\"Paid\"}"],
    "a class of Schema": [{ note: new Note({ text: "a" }) }, "{\"note\":{\"text\":\"a\"}}"],
    "a class of Schema without any of its fields": [new Note({}), "{}"],
    "an error of Effect's, whose fields are its own": [new Refused({ code: 1 }), "{\"code\":1,\"_tag\":\"Refused\"}"],
    "an object with an equality of its own": [
      Object.assign(Object.create({ [Equal.symbol]: () => true, [Hash.symbol]: () => 1 }), { a: 1 }),
      "{\"a\":1}"
    ],
    "an instance whose one field is undefined": [
      new class Empty {
        readonly note = undefined
      }(),
      "{}"
    ],
    "an instance that can be gone through": [
      new class List {
        readonly items = [1];

        *[Symbol.iterator]() {
          yield* this.items
        }
      }(),
      "{\"items\":[1]}"
    ],
    "a text that looks like a Redacted": [{ toJSON: () => ({ text: "<redacted>" }) }, "{\"text\":\"<redacted>\"}"],
    "objects of another realm": [
      runInNewContext("[{ a: {}, b: [new Date(0)] }]"),
      "[{\"a\":{},\"b\":[\"1970-01-01T00:00:00.000Z\"]}]"
    ],
    "a key called __proto__": [JSON.parse("{\"__proto__\":{\"a\":1}}"), "{\"__proto__\":{\"a\":1}}"],
    "a key called toJSON": [{ toJSON: "a", b: 1 }, "{\"toJSON\":\"a\",\"b\":1}"],
    "a toJSON that gives itself": [
      {
        a: 1,
        toJSON() {
          return this
        }
      },
      "{\"a\":1}"
    ],
    "a toJSON that gives a builder": [{ toJSON: () => ({ toJSON: () => 2, a: 1 }) }, "{\"a\":1}"],
    "a function with a toJSON": [[Object.assign(() => 1, { toJSON: () => "a" })], "[\"a\"]"],
    "a number in its own digits": [{ n: rawJson("12345678901234567890") }, "{\"n\":12345678901234567890}"],
    "a proxy": [new Proxy({ a: [1] }, {}), "{\"a\":[1]}"],
    "half of a surrogate pair": ["\ud800", "\"\\ud800\""],
    "an empty body": [HttpBody.empty, ""],
    "a text body": [HttpBody.text("plain"), "plain"],
    "a body of bytes": [HttpBody.uint8Array(new TextEncoder().encode("plain")), "plain"],
    "a raw body that is a Blob": [HttpBody.raw(new Blob(["plain"])), "plain"]
  }

  it.effect.each(Object.entries(payloads))("%s", ([, [payload, body]]) =>
    Effect.gen(function*() {
      const result = yield* Webhook.send(payload)
      assert.isTrue(result.ok, String(result))
      assert.deepStrictEqual((yield* TestTransport.sent).map(({ body }) => body), [body])
    }).pipe(Effect.provide(layer())))
})

describe("a URL of a send that cannot be used", () => {
  const urls: Record<string, readonly [url: unknown, says: RegExp]> = {
    "no URL": [`not a url ${canary}`, /absolute/],
    "an empty one": ["", /absolute/],
    "a path": [`/${canary}`, /absolute/],
    "without a scheme": [`example.com/${canary}`, /absolute/],
    "another scheme": [`ftp://example.com/${canary}`, /http or https/],
    "a file": [new URL(`file:///${canary}`), /http or https/],
    "a script": [`javascript:${canary}`, /http or https/],
    "several, with commas": [`https://a.com/${canary},https://b.com`, /several URLs/],
    "several, with commas and blanks": [`https://a.com , \n https://b.com/${canary}`, /several URLs/],
    "several, with blanks": [`https://a.com/${canary} HTTP://b.com`, /several URLs/],
    "several, with line breaks": [`https://a.com/${canary}\nhttps://b.com`, /several URLs/],
    "several, redacted": [Redacted.make(`https://a.com,https://b.com/${canary}`), /several URLs/],
    "user-info": [`https://me:${canary}@example.com/`, /user-info.*header/],
    "a user alone": [new URL(`https://${canary}@example.com/`), /user-info/],
    "a redacted one that is none": [Redacted.make(canary), /absolute/],
    "a port that is none": [`https://example.com:99999/${canary}`, /absolute/],
    "a number": [42, /string/],
    "null": [null, /string/],
    "an object": [{ href: canary }, /string/],
    "a redacted number": [Redacted.make(42), /string/]
  }

  it.effect.each(Object.entries(urls))("%s", ([, [url, says]]) =>
    Effect.gen(function*() {
      const { error, reason } = yield* refused({ text: canary }, { url: url as string })
      assert(reason._tag === "InvalidUrl")
      assert.match(error, /^invalid URL in url: /)
      assert.match(error, says)
    }))
})

describe("a URL of a send that can be used", () => {
  const urls: Record<string, string | URL> = {
    "commas": "https://example.com/a,b/?ids=1,2,%20http",
    "commas, parsed": new URL("https://example.com/a,b?ids=1, 2"),
    "another URL in its query": "https://example.com/?next=https://example.com/,&more=1",
    "two URLs in its query, joined as a URL joins them": "https://example.com/?to=https://a.com%2Chttps://b.com",
    "blanks and line breaks around it": "\n https://example.com/hook \n"
  }

  it.effect.each(Object.entries(urls))("%s", ([_, url]) =>
    Effect.gen(function*() {
      const result = yield* Webhook.send({}, { url })
      assert.isTrue(result.ok, String(result))
      assert.deepStrictEqual((yield* TestTransport.sent).map(({ url }) => Redacted.value(url)), [new URL(url).href])
    }).pipe(Effect.provide(layer())))
})

describe("a header of a send that cannot be sent", () => {
  const headers: Record<string, readonly [headers: Record<string, unknown>, header: string, says: RegExp]> = {
    "CR": [{ "X-A": `${canary}\r` }, "x-a", /CR, LF/],
    "LF": [{ "X-A": `${canary}\nx-b: c` }, "x-a", /CR, LF/],
    "NUL": [{ "X-A": `${canary}\0` }, "x-a", /NUL/],
    "a character beyond latin-1": [{ "X-A": `${canary}✓` }, "x-a", /character/],
    "a redacted CR": [{ "X-A": Redacted.make(`${canary}\r`) }, "x-a", /CR, LF/],
    "a number": [{ "X-A": 1 }, "x-a", /string.*number/],
    "undefined": [{ "X-A": undefined }, "x-a", /string.*undefined/],
    "null": [{ "X-A": null }, "x-a", /string/],
    "an array": [{ "X-A": [canary] }, "x-a", /string/],
    "a redacted number": [{ "X-A": Redacted.make(1) }, "x-a", /string/],
    "a name with a space": [{ "X A": canary }, "x a", /name/],
    "a name with a colon": [{ "X:A": canary }, "x:a", /name/],
    "a name with a line break": [{ "X\r\nA": canary }, "x\r\na", /name/],
    "an empty name": [{ "": canary }, "", /name/],
    "host": [{ Host: canary }, "host", /HTTP itself/],
    "content-length": [{ "content-length": "1" }, "content-length", /HTTP itself/],
    "transfer-encoding": [{ "Transfer-Encoding": "chunked" }, "transfer-encoding", /HTTP itself/],
    "connection": [{ connection: "close" }, "connection", /HTTP itself/]
  }

  it.effect.each(Object.entries(headers))("%s", ([, [headers, header, says]]) =>
    Effect.gen(function*() {
      const { error, reason } = yield* refused({ text: canary }, { headers: headers as Record<string, string> })
      assert(reason._tag === "InvalidHeader")
      assert.strictEqual(reason.header, header)
      assert.match(error, /^invalid header "/)
      assert.match(error, says)
    }))

  it.effect.each(Object.entries(headers))("%s, of a layer", ([, [headers, header, says]]) =>
    Effect.gen(function*() {
      const reason = yield* buildFailure(layer({ headers: headers as Record<string, string> }))
      assert(reason._tag === "InvalidHeader")
      assert.strictEqual(reason.header, header)
      assert.match(reason.message, says)
    }))

  const signer = () => Effect.succeed({ "webhook-signature": "v1,x" })

  it.effect("webhook-* with a signer of the layer", () =>
    Effect.gen(function*() {
      const { error, reason } = yield* refused({}, { headers: { "Webhook-Id": canary } }, { signer })
      assert(reason._tag === "InvalidHeader")
      assert.match(error, /webhook-id.*signature/)
      const built = yield* buildFailure(layer({ signer, headers: { "webhook-signature": canary } }))
      assert(built._tag === "InvalidHeader")
      assert.strictEqual(built.header, "webhook-signature")
    }))

  it.effect("webhook-* with a signer of the send", () =>
    Effect.gen(function*() {
      const { reason } = yield* refused({}, { signer, headers: { "webhook-timestamp": canary } })
      assert(reason._tag === "InvalidHeader")
      assert.strictEqual(reason.header, "webhook-timestamp")
    }))

  it.effect("webhook-* without a signer goes out as it is", () =>
    Effect.gen(function*() {
      const result = yield* Webhook.send({}, { headers: { "Webhook-Event": "paid" } })
      assert.isTrue(result.ok)
      const [sent] = yield* TestTransport.sent
      assert.strictEqual(sent!.headers["webhook-event"], "paid")
    }).pipe(Effect.provide(layer())))
})

describe("an option of a send that makes no sense", () => {
  const durations: Record<string, unknown> = {
    "negative": -1,
    "zero": 0,
    "NaN": NaN,
    "minus infinity": -Infinity,
    "no duration": "soon",
    "an empty string": "",
    "a unit that is none": "5 parsecs",
    "a negative string": "-5 seconds",
    "null": null,
    "an object": {}
  }

  for (const option of ["timeout", "deadline"] as const) {
    it.effect.each(Object.entries(durations))(`${option}: %s`, ([, value]) =>
      Effect.gen(function*() {
        const { error, reason } = yield* refused({ text: canary }, { [option]: value } as Webhook.SendOptions)
        assert(reason._tag === "InvalidOptions")
        assert.strictEqual(reason.option, option)
        assert.match(error, new RegExp(`^invalid option ${option}: .*positive duration.*"15 seconds"`))
      }))
  }

  it.effect.each(["", "a.b", "a b", "a\r\nb", "é", "\0", "."])("id: %j", (id) =>
    Effect.gen(function*() {
      const { error, reason } = yield* refused({ text: canary }, { id })
      assert(reason._tag === "InvalidOptions")
      assert.strictEqual(reason.option, "id")
      assert.match(error, /printable ASCII.*dot/)
    }))

  it.effect.each<unknown>([{}, 5, null, ["a"], true])("id: no string but %j", (id) =>
    Effect.gen(function*() {
      const { reason } = yield* refused({ text: canary }, { id: id as string })
      assert(reason._tag === "InvalidOptions")
      assert.strictEqual(reason.option, "id")
    }))

  it.effect("an infinite timeout and deadline do make sense", () =>
    Effect.gen(function*() {
      const result = yield* Webhook.send({}, { timeout: Infinity, deadline: "Infinity" as never })
      assert.isTrue(result.ok, String(result))
    }).pipe(Effect.provide(layer())))
})

describe("a constant that makes no sense throws where it is written", () => {
  const layers: Record<string, (options: Webhook.WebhookOptions) => unknown> = {
    "Webhook.layer": Webhook.layer,
    "Webhook.layerTransport": Webhook.layerTransport,
    "Webhook.make": Webhook.make,
    "NodeWebhook.layer": (options) => NodeWebhook.layer({ ...options, urls: "https://example.com" })
  }
  const options: ReadonlyArray<readonly [option: keyof Webhook.WebhookOptions, value: unknown, says: RegExp]> = [
    ["maxRetries", -1, /maxRetries .*whole number.*0.*-1/],
    ["maxRetries", 1.5, /maxRetries .*whole number.*1\.5/],
    ["maxRetries", NaN, /maxRetries .*whole number.*NaN/],
    ["maxRetries", Infinity, /maxRetries .*whole number.*Infinity/],
    ["maxRetries", "3", /maxRetries .*whole number/],
    ["timeout", -1, /timeout .*positive duration.*-1/],
    ["timeout", 0, /timeout .*positive duration.*0/],
    ["timeout", "soon", /timeout .*positive duration.*soon/],
    ["deadline", -1, /deadline .*positive duration.*-1/],
    ["deadline", NaN, /deadline .*positive duration.*NaN/],
    ["grace", -1, /grace .*positive duration.*-1/],
    ["maxResponseBytes", 1.5, /maxResponseBytes .*whole number.*1\.5/],
    ["maxResponseBytes", -1, /maxResponseBytes .*whole number.*-1/],
    ["maxPerOrigin", 0, /maxPerOrigin .*whole number.*1.*0/],
    ["maxPerOrigin", -1, /maxPerOrigin .*whole number.*-1/]
  ]
  for (const [name, make] of Object.entries(layers)) {
    it.each(options)(`${name} with %s: %s`, (option, value, says) => {
      throwsRangeError(() => make({ [option]: value }), option, says)
    })
  }

  it("NodeTransport.layer", () => {
    throwsRangeError(() => NodeTransport.layer({ connectTimeout: 0 }), "connectTimeout", /positive duration/)
    throwsRangeError(() => NodeTransport.layer({ keepAlive: -1 }), "keepAlive", /positive duration/)
    throwsRangeError(() => NodeTransport.layer({ grace: "never" as never }), "grace", /positive duration/)
    throwsRangeError(() => NodeWebhook.layer({ connectTimeout: 0 }), "connectTimeout", /positive duration/)
  })

  it("RetryPolicy.backoff", () => {
    throwsRangeError(() => RetryPolicy.backoff({ base: 0 }), "base", /positive duration.*0/)
    throwsRangeError(() => RetryPolicy.backoff({ base: -5 }), "base", /positive duration.*-5/)
    throwsRangeError(() => RetryPolicy.backoff({ max: 0 }), "max", /positive duration.*0/)
    throwsRangeError(() => RetryPolicy.backoff({ factor: 0.5 }), "factor", /at least 1.*0\.5/)
    throwsRangeError(() => RetryPolicy.backoff({ factor: NaN }), "factor", /at least 1.*NaN/)
  })

  it("TestTransport.reply", () => {
    throwsRangeError(() => TestTransport.reply({ delay: -1 }), "delay", /positive duration.*-1/)
    throwsRangeError(() => TestTransport.reply({ status: 1.5 }), "status", /whole number.*1\.5/)
  })
})

describe("a configuration that cannot be used fails when the layer is built", () => {
  const urls: Record<string, readonly [urls: unknown, field: string, says: RegExp]> = {
    "no URL": [`not a url ${canary}`, "urls[0]", /absolute/],
    "another scheme": [`ftp://example.com/${canary}`, "urls[0]", /http or https/],
    "user-info": [`https://${canary}@example.com/`, "urls[0]", /user-info/],
    "a redacted one": [Redacted.make(canary), "urls[0]", /absolute/],
    "the third of several": [["https://a.com", "https://b.com", canary], "urls[2]", /absolute/],
    "several in one": [`https://a.com/${canary}, https://b.com`, "urls[0]", /several URLs.*list.*urlsConfig/],
    "several in one that is parsed": [
      new URL(`https://a.com/${canary}, https://b.com`),
      "urls[0]",
      /several URLs.*list.*urlsConfig/
    ],
    "a named one": [[{ name: "alerts", url: canary }], "urls[alerts]", /absolute/],
    "a named one without a url": [{ name: "alerts" }, "urls[alerts]", /string/],
    "a number": [42, "urls[0]", /string/],
    "null": [null, "urls[0]", /string/]
  }

  it.effect.each(Object.entries(urls))("%s", ([, [urls, field, says]]) =>
    Effect.gen(function*() {
      const layers = [
        UrlPool.layer(urls as string),
        UrlPool.layerConfig(Config.succeed(urls as string)),
        NodeWebhook.layer({ urls: urls as string })
      ]
      for (const layer of layers) {
        const reason = yield* buildFailure(layer)
        assert(reason._tag === "InvalidUrl")
        assert.strictEqual(reason.field, field)
        assert.match(reason.message, says)
      }
    }))

  it.effect("an empty pool", () =>
    Effect.gen(function*() {
      for (const layer of [UrlPool.layer([]), NodeWebhook.layer({ urls: [] })]) {
        const reason = yield* buildFailure(layer)
        assert(reason._tag === "InvalidOptions")
        assert.strictEqual(reason.option, "urls")
        assert.match(reason.message, /at least one.*UrlPool\.empty/)
      }
    }))

  it.effect("no pool at all, for a send without a url", () =>
    Effect.gen(function*() {
      const result = yield* Webhook.send({ text: canary })
      assert(!result.ok && result.reason._tag === "NoUrlAvailable")
      assert.match(result.error, /empty.*url/)
      assert.strictEqual(result.attempts, 0)
      assert.strictEqual(result.url, undefined)
      assert.strictEqual(result.target, undefined)
    }).pipe(
      Effect.provide(Layer.provide(Webhook.layerTransport(), [
        UrlPool.empty,
        TestTransport.layer(TestTransport.reply())
      ]))
    ))

  it.effect("a number out of range in the environment fails typed too", () =>
    Effect.gen(function*() {
      const reason = yield* buildFailure(
        NodeWebhook.layerConfig({
          urls: Config.Redacted("WEBHOOK_URL"),
          maxRetries: Config.Int("WEBHOOK_MAX_RETRIES")
        }).pipe(
          Layer.provide(ConfigProvider.layer(
            ConfigProvider.fromUnknown({ WEBHOOK_URL: `https://example.com/${canary}`, WEBHOOK_MAX_RETRIES: "-1" })
          ))
        )
      )
      assert(reason._tag === "InvalidOptions")
      assert.match(reason.message, /maxRetries/)
    }))
})

describe("an option that does not exist", () => {
  const url = `https://example.com/${canary}`
  const discord = `https://discord.com/api/webhooks/1/${canary}`
  const layers: Record<string, (options: object) => Layer.Layer<never, unknown>> = {
    "Webhook.layer": (options) => Webhook.layer(options).pipe(Layer.provide([FetchHttpClient.layer, UrlPool.empty])),
    "Webhook.layerTransport": layer,
    "NodeWebhook.layer": (options) => NodeWebhook.layer({ urls: url, ...options }),
    "NodeWebhook.layer without URLs": NodeWebhook.layer,
    "NodeWebhook.layer with proxies": (options) => NodeWebhook.layer({ proxies: "localhost:8080", ...options }),
    "NodeWebhook.layerConfig": (options) => NodeWebhook.layerConfig({ urls: Config.succeed(url), ...options }),
    "UrlPool.layer": (options) => UrlPool.layer(url, options),
    "UrlPool.layerConfig": (options) => UrlPool.layerConfig(Config.succeed(url), options),
    "ProxyProvider.layer": (options) => ProxyProvider.layer("localhost:8080", options),
    "DiscordWebhook.layer": (options) =>
      Layer.provide(DiscordWebhook.layer({ urls: discord, ...options }), FetchHttpClient.layer),
    "DiscordWebhook.layerTransport": (options) =>
      Layer.provide(
        DiscordWebhook.layerTransport({ urls: discord, ...options }),
        TestTransport.layer(TestTransport.reply())
      ),
    "NodeDiscordWebhook.layer": (options) => NodeDiscordWebhook.layer({ urls: discord, ...options }),
    "NodeDiscordWebhook.layerConfig": (options) =>
      NodeDiscordWebhook.layerConfig({ urls: Config.succeed(discord), ...options })
  }
  const nearest: Record<string, readonly [option: string, nearest: RegExp]> = {
    "ProxyProvider.layer": ["coolDownTime", /cooldown/],
    "UrlPool.layer": ["failOver_", /failover/],
    "UrlPool.layerConfig": ["onRetire", /onRetired/]
  }

  it.effect.each(Object.entries(layers))("fails %s, which names the nearest", ([name, make]) =>
    Effect.gen(function*() {
      const [option, says] = nearest[name] ?? ["retries", /did you mean maxRetries/]
      const reason = yield* buildFailure(make({ [option]: 3 }))
      assert(reason._tag === "InvalidOptions", reason._tag)
      assert.strictEqual(reason.option, option)
      assert.match(reason.message, says)
    }))

  it.effect("fails make, and not before it is run", () =>
    Effect.gen(function*() {
      const options: object = { retries: 3 }
      for (const make of [Effect.asVoid(Webhook.make(options)), Effect.asVoid(DiscordWebhook.make(options))]) {
        const { reason } = yield* Effect.flip(make)
        assert(reason._tag === "InvalidOptions")
        assert.strictEqual(reason.option, "retries")
      }
      const { reason } = yield* Effect.flip(UrlPool.make(url, { failOver: true } as object))
      assert(reason._tag === "InvalidOptions")
      assert.match(reason.message, /did you mean failover\?/)
    }).pipe(Effect.provide(Layer.merge(TestTransport.layer(TestTransport.reply()), UrlPool.empty))))

  it.effect("is none that a transport takes, with which a Webhook may share its options", () =>
    Effect.gen(function*() {
      const options: Webhook.WebhookOptions & NodeTransport.ProxiedOptions = {
        maxRetries: 1,
        grace: 100,
        connectTimeout: "1 second",
        keepAlive: "1 second",
        tls: {},
        maxProxies: 1
      }
      const layers: ReadonlyArray<Layer.Layer<never, unknown>> = [
        Webhook.layerTransport(options).pipe(Layer.provide([NodeTransport.layer(options), UrlPool.layer(url)])),
        DiscordWebhook.layerTransport({ urls: discord, ...options }).pipe(Layer.provide(NodeTransport.layer(options)))
      ]
      for (const layer of layers) assert.isTrue(Exit.isSuccess(yield* Effect.exit(Effect.scoped(Layer.build(layer)))))
    }))

  it("throws where a layer cannot fail", () => {
    throwsRangeError(() => UrlPool.emptyWith({ onRetire: 1 } as object), "onRetired")
  })

  it.effect("fails a send, whatever its payload is", () =>
    Effect.gen(function*() {
      for (const [option, says] of [["uri", /did you mean url\?/], ["retries", /there are id, url/]] as const) {
        for (const payload of [{ text: canary }, 1n]) {
          const { error, reason } = yield* refused(payload, { [option]: canary } as object)
          assert(reason._tag === "InvalidOptions")
          assert.strictEqual(reason.option, option)
          assert.match(error, says)
        }
      }
    }))

  it.effect("is a field of the program's own in an item of sendAll", () =>
    Effect.gen(function*() {
      const items = [{ payload: 1, customer: 7 }]
      const [out] = yield* Stream.runCollect(Webhook.sendAll(items))
      assert.strictEqual(out!.item.customer, 7)
      assert.isTrue(out!.result.ok)
    }).pipe(Effect.provide(layer())))
})

describe("a URL that is undefined, as a variable is that is not set", () => {
  const variable = process.env["NO_SUCH_VARIABLE"]
  const layers: Record<string, Layer.Layer<never, unknown>> = {
    "NodeWebhook.layer": NodeWebhook.layer({ urls: variable }),
    "NodeWebhook.layerConfig": NodeWebhook.layerConfig({ urls: Config.succeed(variable as never) }),
    "DiscordWebhook.layer": Layer.provide(DiscordWebhook.layer({ urls: variable }), FetchHttpClient.layer),
    "DiscordWebhook.layerTransport": Layer.provide(
      DiscordWebhook.layerTransport({ urls: variable }),
      TestTransport.layer(TestTransport.reply())
    ),
    "NodeDiscordWebhook.layer": NodeDiscordWebhook.layer({ urls: variable }),
    "NodeDiscordWebhook.layerConfig": NodeDiscordWebhook.layerConfig({ urls: Config.succeed(variable as never) })
  }

  it.effect.each(Object.entries(layers))("fails %s", ([_, layer]) =>
    Effect.gen(function*() {
      const reason = yield* buildFailure(layer)
      assert(reason._tag === "InvalidOptions", reason._tag)
      assert.strictEqual(reason.option, "urls")
      assert.match(reason.message, /undefined.*not set/)
    }))

  it.effect("is another thing than a layer without URLs", () =>
    Effect.gen(function*() {
      const layers: ReadonlyArray<Layer.Layer<never, unknown>> = [NodeWebhook.layer({}), NodeDiscordWebhook.layer({})]
      for (const layer of layers) assert.isTrue(Exit.isSuccess(yield* Effect.exit(Effect.scoped(Layer.build(layer)))))
    }))
})

describe("what a user's own function does wrong is a failed send", () => {
  const thrown = () => {
    throw new Error(canary)
  }
  const cases: Record<string, readonly [options: Webhook.WebhookOptions, source: string]> = {
    "classify throws": [{ classify: thrown }, "classify"],
    "the schedule dies": [
      { retry: Schedule.modifyDelay(Schedule.spaced(1), () => Effect.die(new Error(canary))) },
      "retry"
    ],
    "the signer throws": [{ signer: thrown }, "signer"],
    "the signer dies": [{ signer: () => Effect.die(new Error(canary)) }, "signer"],
    "the signer gives nothing": [{ signer: (() => undefined) as never }, "signer"]
  }

  it.effect.each(Object.entries(cases))("%s", ([, [options, source]]) =>
    Effect.gen(function*() {
      const result = yield* Webhook.send({})
      assert(!result.ok && result.reason._tag === "Unexpected", String(result))
      assert.strictEqual(result.reason.source, source)
      assert.match(result.error, new RegExp(`^${source} `))
      assert.notInclude(result.error, canary)
    }).pipe(Effect.provide(
      Layer.provide(Webhook.layerTransport(options), [
        UrlPool.layer("https://example.com"),
        TestTransport.layer(TestTransport.reply({ status: 500 }))
      ])
    )))

  it.effect("a payload cannot even be looked at", () =>
    Effect.gen(function*() {
      const { proxy, revoke } = Proxy.revocable({ text: canary }, {})
      revoke()
      const result = yield* Webhook.send(proxy)
      assert.isFalse(result.ok)
      assert.strictEqual(result.attempts, 0)
      assert.notInclude(String(result), canary)
    }).pipe(Effect.provide(layer())))

  it.effect("classify says what is no verdict", () =>
    Effect.gen(function*() {
      const result = yield* Webhook.send({})
      assert.isFalse(result.ok)
      assert.strictEqual(result.attempts, 1)
    }).pipe(Effect.provide(
      Layer.provide(Webhook.layerTransport({ classify: (() => "maybe") as never }), [
        UrlPool.layer("https://example.com"),
        TestTransport.layer(TestTransport.reply())
      ])
    )))
})

function nested(depth: number): object {
  let object: object = {}
  for (let i = 0; i < depth; i++) object = { a: object }
  return object
}
