import { assert, describe, it, vi } from "@effect/vitest"
import { Cause, Clock, Context, Deferred, Effect, Exit, Fiber, Layer, Redacted, Scope, Stream } from "effect"
import { type Signature, Transport, UrlPool, Webhook, type WebhookResult } from "effect-webhooks"
import { TestTransport } from "effect-webhooks/testing"
import { TestClock } from "effect/testing"

vi.setConfig({ testTimeout: 60_000 })

const { hang, refuse, reply } = TestTransport

const hook = "https://example.com/hook"

interface Given {
  readonly urls?: string | ReadonlyArray<string>
  readonly pool?: UrlPool.Options
  readonly options?: Webhook.WebhookOptions
}

const layer = (script: TestTransport.Script, { options, pool, urls = hook }: Given = {}) =>
  Webhook.layerTransport(options).pipe(
    Layer.provideMerge(Layer.merge(TestTransport.layer(script), UrlPool.layer(urls, pool)))
  )

interface Numbered extends Webhook.Item {
  readonly n: number
}

const numbered = (count: number, options?: (n: number) => Webhook.SendOptions): ReadonlyArray<Numbered> =>
  Array.from({ length: count }, (_, n) => ({ payload: n, n, ...options?.(n) }))

interface Out<I> {
  readonly item: I
  readonly result: WebhookResult.WebhookResult
}

// All results, each with the instant at which it came.
const collect = <I, E, R>(stream: Stream.Stream<Out<I>, E, R>) =>
  Stream.runCollect(Stream.mapEffect(stream, (out) => Effect.map(Clock.currentTimeMillis, (at) => ({ ...out, at }))))

const drive = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust("2 hours")
    return yield* Fiber.join(fiber)
  })

// How many attempts there were, by time.
const waves = Effect.map(TestTransport.sent, (sent) => {
  const counts = new Map<number, number>()
  for (const { at } of sent) counts.set(at, (counts.get(at) ?? 0) + 1)
  return [...counts]
})

const reasonOf = (result: WebhookResult.WebhookResult) => result._tag === "Failed" ? result.reason._tag : "none"

// Counts what is read of it.
const counted = <A>(values: Iterable<A>) => {
  const read = { count: 0 }
  const iterable = (function*() {
    for (const value of values) {
      read.count++
      yield value
    }
  })()
  return { read, iterable }
}

// A transport that knows what is under way at each host, and what was interrupted.
const watched = (delayOf: (host: string) => number) => {
  const running = new Map<string, number>()
  const most = new Map<string, number>()
  const seen = { begun: 0, running: 0, most: 0, interrupted: 0 }
  const change = (host: string, by: number) => {
    seen.running += by
    seen.most = Math.max(seen.most, seen.running)
    running.set(host, (running.get(host) ?? 0) + by)
    most.set(host, Math.max(most.get(host) ?? 0, running.get(host)!))
  }
  const transport: Transport.Transport["Service"] = {
    attempt: ({ url }) =>
      Effect.suspend(() => {
        const { host } = new URL(Redacted.value(url))
        seen.begun++
        change(host, 1)
        return Effect.as(Effect.sleep(delayOf(host)), new Transport.Reply(204, {}, new Uint8Array(), false)).pipe(
          Effect.onInterrupt(() => Effect.sync(() => seen.interrupted++)),
          Effect.ensuring(Effect.sync(() => change(host, -1)))
        )
      })
  }
  const over = ({ options, pool, urls = hook }: Given = {}) =>
    Webhook.layerTransport(options).pipe(
      Layer.provide([Layer.succeed(Transport.Transport, transport), UrlPool.layer(urls, pool)])
    )
  return { seen, most, running, over }
}

describe("sendAll", () => {
  describe("takes", () => {
    const items = numbered(5)
    const sources: ReadonlyArray<{
      readonly name: string
      readonly source: () => Iterable<Numbered> | Stream.Stream<Numbered>
    }> = [
      { name: "an array", source: () => items },
      { name: "a set", source: () => new Set(items) },
      { name: "the values of a map", source: () => new Map(items.map((item) => [item.n, item])).values() },
      {
        name: "a generator",
        source: function*() {
          yield* items
        }
      },
      { name: "any other iterable", source: () => ({ [Symbol.iterator]: () => items[Symbol.iterator]() }) },
      { name: "a stream", source: () => Stream.fromIterable(items) },
      { name: "a stream of one at a time", source: () => Stream.rechunk(Stream.fromIterable(items), 1) },
      {
        name: "a stream that takes its time",
        source: () => Stream.mapEffect(Stream.fromIterable(items), (item) => Effect.delay(Effect.succeed(item), 100))
      }
    ]

    it.effect.each(sources)(
      "$name, and gives each item itself with its result",
      ({ source }) =>
        Effect.gen(function*() {
          const out = yield* drive(collect(Webhook.sendAll(source())))
          const sent = yield* TestTransport.sent
          assert.deepStrictEqual(sent.map(({ body }) => Number(body)).toSorted(), [0, 1, 2, 3, 4])
          assert.strictEqual(out.length, 5)
          for (const item of items) {
            const one = out.filter((out) => out.item === item)
            assert.strictEqual(one.length, 1)
            assert.isTrue(one[0]!.result.ok)
          }
        }).pipe(Effect.provide(layer(reply({ delay: 10 }))))
    )

    it.effect("nothing, and ends", () =>
      Effect.gen(function*() {
        for (const source of [[], new Set<Numbered>(), Stream.empty]) {
          assert.deepStrictEqual(yield* collect(Webhook.sendAll(source)), [])
        }
        assert.strictEqual((yield* TestTransport.sent).length, 0)
      }).pipe(Effect.provide(layer(reply()))))

    it.effect("the same source again when it is run again", () =>
      Effect.gen(function*() {
        const stream = Webhook.sendAll(numbered(3))
        assert.strictEqual((yield* collect(stream)).length, 3)
        assert.strictEqual((yield* collect(stream)).length, 3)
        assert.strictEqual((yield* TestTransport.sent).length, 6)
      }).pipe(Effect.provide(layer(reply()))))
  })

  it.effect("gives results as sends end, not as they began", () =>
    Effect.gen(function*() {
      const out = yield* drive(collect(Webhook.sendAll(numbered(4))))
      assert.deepStrictEqual(out.map(({ at, item }) => [item.n, at]), [[1, 100], [3, 200], [0, 300], [2, 400]])
    }).pipe(Effect.provide(layer(({ body }) => reply({ delay: [300, 100, 400, 200][Number(body)]! })))))

  it.effect("is a method of an instance too, which needs nothing", () =>
    Effect.gen(function*() {
      const { seen, over } = watched(() => 100)
      const instance = yield* Effect.provideContext(Webhook.Webhook, yield* Layer.build(over()))
      const out = yield* drive(collect(instance.sendAll(numbered(9), { concurrency: 3 })))
      assert.strictEqual(out.length, 9)
      assert.strictEqual(seen.most, 3)
    }))

  describe("has under way", () => {
    it.effect("sixteen at once", () =>
      Effect.gen(function*() {
        yield* drive(collect(Webhook.sendAll(numbered(40))))
        assert.deepStrictEqual(yield* waves, [[0, 16], [100, 16], [200, 8]])
      }).pipe(Effect.provide(layer(reply({ delay: 100 })))))

    it.effect.each([1, 2, 7, 100])("%i at once where that is said", (concurrency) =>
      Effect.gen(function*() {
        const { over, seen } = watched(() => 100)
        const out = yield* drive(
          collect(Webhook.sendAll(numbered(150), { concurrency })).pipe(Effect.provide(over()))
        )
        assert.strictEqual(out.length, 150)
        assert.strictEqual(seen.most, concurrency)
        assert.strictEqual(out.at(-1)!.at, Math.ceil(150 / concurrency) * 100)
      }))

    it.effect("one after the other, in their order", () =>
      Effect.gen(function*() {
        const out = yield* drive(collect(Webhook.sendAll(numbered(20), { concurrency: 1 })))
        assert.deepStrictEqual(out.map(({ item }) => item.n), numbered(20).map(({ n }) => n))
      }).pipe(Effect.provide(layer(({ body }) => reply({ delay: 100 - Number(body) })))))

    it.effect("no more while they wait for a retry", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(collect(Webhook.sendAll(numbered(10), { concurrency: 3 })))
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual((yield* TestTransport.sent).length, 3)
        yield* TestClock.adjust("1 minute")
        assert.isTrue((yield* Fiber.join(fiber)).every(({ result }) => result.ok))
      }).pipe(Effect.provide(layer((_, index) =>
        index < 3 ? reply({ status: 503, headers: { "retry-after": "60" } }) : reply()
      ))))
  })

  describe("throws a RangeError", () => {
    it.effect.each([0, -1, 1.5, NaN, Infinity, "4" as unknown as number])(
      "for a concurrency, or a buffer, of %s",
      (concurrency) =>
        Effect.gen(function*() {
          const instance = yield* Webhook.Webhook
          assert.throws(() => instance.sendAll([], { concurrency }), RangeError, /concurrency/)
          assert.throws(() => Webhook.sendAll([], { concurrency }), RangeError, /concurrency/)
          assert.throws(() => Webhook.sendAll([], { buffer: concurrency }), RangeError, /buffer/)
        }).pipe(Effect.provide(layer(reply())))
    )
  })

  describe("reads its source", () => {
    it.effect("no further than there are slots", () =>
      Effect.gen(function*() {
        const { iterable, read } = counted(numbered(100))
        const fiber = yield* Effect.forkChild(collect(Webhook.sendAll(iterable, { concurrency: 4 })))
        yield* TestClock.adjust(5)
        assert.strictEqual((yield* TestTransport.sent).length, 4)
        // One is in its hand.
        assert.isAtMost(read.count, 5)
        yield* TestClock.adjust(10)
        assert.isAtMost(read.count, 9)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual((yield* Fiber.join(fiber)).length, 100)
      }).pipe(Effect.provide(layer(reply({ delay: 10 })))))

    it.effect("so also where it is a stream", () =>
      Effect.gen(function*() {
        const read = { count: 0 }
        const source = Stream.rechunk(Stream.fromIterable(numbered(100)), 1).pipe(
          Stream.tap(() => Effect.sync(() => read.count++))
        )
        const fiber = yield* Effect.forkChild(collect(Webhook.sendAll(source, { concurrency: 4 })))
        yield* TestClock.adjust(5)
        assert.isAtMost(read.count, 5)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual((yield* Fiber.join(fiber)).length, 100)
      }).pipe(Effect.provide(layer(reply({ delay: 10 })))))

    it.effect("and sets no more aside than its buffer, for a host that has all it may have", () =>
      Effect.gen(function*() {
        const { iterable, read } = counted(numbered(1000, () => ({ url: "https://slow.example/" })))
        const fiber = yield* Effect.forkChild(collect(Webhook.sendAll(iterable, { concurrency: 4, buffer: 16 })))
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* TestTransport.sent).length, 3)
        assert.isAtMost(read.count, 3 + 16 + 1)
        yield* TestClock.adjust("2 hours")
        const out = yield* Fiber.join(fiber)
        assert.deepStrictEqual(out.map(({ item }) => item.n), numbered(1000).map(({ n }) => n))
      }).pipe(Effect.provide(layer(reply({ delay: 2000 })))))

    it.effect("and sets no more aside than its buffer, of sends that wait for their URL to open", () =>
      Effect.gen(function*() {
        const { iterable, read } = counted(numbered(200))
        const fiber = yield* Effect.forkChild(collect(Webhook.sendAll(iterable, { concurrency: 4, buffer: 16 })))
        yield* TestClock.adjust("9 seconds")
        assert.isAtMost((yield* TestTransport.sent).length, 4)
        assert.isAtMost(read.count, 4 + 16 + 1)
        assert.isAtLeast(read.count, 16)
        yield* TestClock.adjust("2 hours")
        assert.isTrue((yield* Fiber.join(fiber)).every(({ result }) => result.ok))
      }).pipe(
        Effect.provide(
          layer((_, index) => index < 4 ? reply({ status: 429, headers: { "retry-after": "10" } }) : reply())
        )
      ))

    it.effect("without an end, as long as somebody takes the results", () =>
      Effect.gen(function*() {
        const endless = (function*() {
          for (let n = 0;; n++) yield { payload: n, n }
        })()
        const out = yield* drive(collect(Stream.take(Webhook.sendAll(endless), 500)))
        assert.strictEqual(out.length, 500)
        assert.isAtMost((yield* TestTransport.sent).length, 500 + 3 * 16)
      }).pipe(Effect.provide(layer(reply({ delay: 10 })))))
  })

  it.effect("begins no send while nobody takes the results", () =>
    Effect.gen(function*() {
      const { iterable, read } = counted(numbered(300))
      const latch = yield* Deferred.make<void>()
      const out: Array<Numbered> = []
      const fiber = yield* Effect.forkChild(
        Webhook.sendAll(iterable, { concurrency: 5 }).pipe(
          Stream.runForEach(({ item }) => {
            out.push(item)
            return Deferred.await(latch)
          })
        )
      )
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(out.length, 1)
      // As many as it has taken and not looked at yet, as wait to be taken, and as hold a slot.
      const { length } = yield* TestTransport.sent
      assert.isAtMost(length, 3 * 5)
      assert.isAtMost(read.count, length + 1)
      yield* Deferred.succeed(latch, undefined)
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(fiber)
      assert.strictEqual(new Set(out).size, 300)
    }).pipe(Effect.provide(layer(reply({ delay: 10 })))))

  describe("one item disturbs no other", () => {
    const throwing = {
      toJSON: () => {
        throw new Error("no JSON")
      }
    }
    const bad: ReadonlyArray<Webhook.Item & { readonly reason: string }> = [
      { payload: 1n, reason: "InvalidPayload" },
      { payload: undefined, reason: "InvalidPayload" },
      { payload: throwing, reason: "InvalidPayload" },
      { payload: 1, url: "no url", reason: "InvalidUrl" },
      { payload: 1, url: 7 as unknown as string, reason: "InvalidUrl" },
      { payload: 1, url: Object.create(null) as string, reason: "InvalidUrl" },
      { payload: 1, url: Symbol("url") as unknown as string, reason: "InvalidUrl" },
      { payload: 1, url: "https://127.0.0.1/", reason: "EgressBlocked" },
      { payload: 1, headers: { "content-length": "1" }, reason: "InvalidHeader" },
      { payload: 1, id: "a.b", reason: "InvalidOptions" },
      { payload: 1, timeout: -1, reason: "InvalidOptions" },
      { payload: 1, deadline: NaN, reason: "InvalidOptions" },
      { payload: 1, signer: () => Effect.die("no key"), reason: "Unexpected" },
      { payload: "400", reason: "Rejected" },
      { payload: "hang", deadline: 1000, reason: "DeadlineExceeded" },
      { payload: "refuse", reason: "ConnectionError" }
    ]

    it.effect("whatever is wrong with it", () =>
      Effect.gen(function*() {
        const items = bad.flatMap((item, n) => [{ payload: n, reason: "none" }, item])
        const out = yield* drive(collect(Webhook.sendAll(items, { concurrency: 3 })))
        assert.strictEqual(out.length, items.length)
        const reasons = new Map(out.map(({ item, result }) => [item, reasonOf(result)]))
        assert.deepStrictEqual(items.map((item) => reasons.get(item)), items.map(({ reason }) => reason))
      }).pipe(Effect.provide(layer(({ body }) =>
        body === "\"400\""
          ? reply({ status: 400 })
          : body === "\"hang\""
          ? hang
          : body === "\"refuse\""
          ? refuse
          : reply({ delay: 10 })
      ))))

    it.effect("nor does one that is no item at all", () =>
      Effect.gen(function*() {
        const items = [{ payload: 1 }, null as unknown as Webhook.Item, { payload: 2 }]
        const out = yield* drive(collect(Webhook.sendAll(items)))
        assert.strictEqual(out.find(({ item }) => item === null)?.result.ok, false)
        assert.strictEqual(out.filter(({ result }) => result.ok).length, 2)
      }).pipe(Effect.provide(layer(reply({ delay: 10 })))))
  })

  describe("leaves a slot for the others", () => {
    const slow = "slow.example"
    const delayOf = (host: string) => host.startsWith(slow) ? 60_000 : 10

    it.effect("where one host is slow, also if its items come first", () =>
      Effect.gen(function*() {
        const { most, over } = watched(delayOf)
        const items = numbered(100, (n) => ({ url: n < 35 ? `https://${slow}/${n}` : `https://fast.example/${n}` }))
        const out = yield* drive(
          collect(Webhook.sendAll(items, { concurrency: 8 })).pipe(Effect.provide(over({
            options: { timeout: "2 minutes", deadline: "1 hour" }
          })))
        )
        assert.isTrue(out.every(({ result }) => result.ok))
        assert.strictEqual(most.get(slow), 7)
        const [slowOnes, fastOnes] = [out.filter(({ item }) => item.n < 35), out.filter(({ item }) => item.n >= 35)]
        assert.strictEqual(fastOnes.length, 65)
        assert.isAtMost(Math.max(...fastOnes.map(({ at }) => at)), 65 * 10)
        // Seven at a time, in their order.
        assert.deepStrictEqual(slowOnes.map(({ item }) => item.n), numbered(35).map(({ n }) => n))
        assert.strictEqual(slowOnes.at(-1)!.at, 5 * 60_000)
      }))

    it.effect("where it is slow to refuse", () =>
      Effect.gen(function*() {
        const items = numbered(20, (n) => ({ url: n < 12 ? `https://${slow}/` : "https://fast.example/" }))
        const out = yield* drive(collect(Webhook.sendAll(items, { concurrency: 4 })))
        const fast = out.filter(({ item }) => item.n >= 12)
        assert.isTrue(fast.every(({ result }) => result.ok))
        assert.isAtMost(Math.max(...fast.map(({ at }) => at)), 100)
        assert.strictEqual(out.filter(({ result }) => !result.ok).length, 12)
      }).pipe(Effect.provide(layer(({ url }) => Redacted.value(url).includes(slow) ? hang : reply({ delay: 10 }), {
        options: { maxRetries: 1 }
      }))))

    it.effect("where one of seven answers 429 to every other request, as if that one were not there", () =>
      Effect.gen(function*() {
        const run = (hosts: ReadonlyArray<string>) =>
          Effect.gen(function*() {
            const items = numbered(5000, (n) => ({ url: `https://${hosts[n % 7]}/` }))
              .filter(({ url }) => !String(url).includes("undefined"))
            const started = yield* Clock.currentTimeMillis
            const fiber = yield* Effect.forkChild(collect(Webhook.sendAll(items, { concurrency: 64 })))
            yield* TestClock.adjust("1 hour")
            const out = yield* Fiber.join(fiber)
            const healthy = out.filter(({ item }) => !String(item.url).includes(slow))
            assert.isTrue(healthy.every(({ result }) => result.ok && result.attempts === 1))
            return Math.max(...healthy.map(({ at }) => at - started))
          })
        const healthy = ["a", "b", "c", "d", "e", "f"].map((name) => `${name}.example`)
        const without = yield* run(healthy)
        const beside = yield* run([...healthy, slow])
        // The slow one begins with every slot but one, until its first answers are there.
        assert.isAtMost(beside, without * 1.2 + 100)
      }).pipe(Effect.provide(layer(({ url }, index) =>
        Redacted.value(url).includes(slow) && index % 2 === 0
          ? reply({ status: 429, delay: 20, headers: { "retry-after": "1" } })
          : reply({ delay: 20 })
      ))))

    it.effect("a host is one with all of its paths, and another on another port", () =>
      Effect.gen(function*() {
        const { most, over } = watched(delayOf)
        const items = numbered(15, (n) => ({ url: `https://${slow}${n < 12 ? "" : ":8443"}/${n}` }))
        const out = yield* drive(
          collect(Webhook.sendAll(items, { concurrency: 6 })).pipe(Effect.provide(over({
            options: { timeout: "2 minutes", deadline: "1 hour" }
          })))
        )
        assert.strictEqual(most.get(slow), 5)
        assert.strictEqual(out.find(({ item }) => item.n === 12)!.at, 60_000)
      }))

    it.effect("but has one slot alone go to whoever comes", () =>
      Effect.gen(function*() {
        const items = numbered(5, () => ({ url: `https://${slow}/` }))
        const out = yield* drive(collect(Webhook.sendAll(items, { concurrency: 1 })))
        assert.strictEqual(out.filter(({ result }) => result.ok).length, 5)
      }).pipe(Effect.provide(layer(reply({ delay: 10 })))))

    it.effect("where one URL of a pool is slow", () =>
      Effect.gen(function*() {
        const { most, over } = watched(delayOf)
        const out = yield* drive(
          collect(Webhook.sendAll(numbered(200), { concurrency: 4 })).pipe(Effect.provide(over({
            urls: [`https://${slow}/`, "https://fast.example/"],
            options: { timeout: "2 minutes" }
          })))
        )
        assert.isTrue(out.every(({ result }) => result.ok))
        assert.strictEqual(most.get(slow), 3)
        const early = out.filter(({ at }) => at < 60_000)
        assert.strictEqual(early.length, 197)
        assert.isAtMost(early.at(-1)!.at, 197 * 10)
      }))

    it.effect("where several URLs of a pool lead to it", () =>
      Effect.gen(function*() {
        const { most, over } = watched(delayOf)
        const out = yield* drive(
          collect(Webhook.sendAll(numbered(200), { concurrency: 4 })).pipe(Effect.provide(over({
            urls: [`https://${slow}/1`, `https://${slow}/2`, `https://${slow}/3`, "https://fast.example/"],
            options: { timeout: "2 minutes" }
          })))
        )
        assert.isTrue(out.every(({ result }) => result.ok))
        assert.strictEqual(most.get(slow), 3)
        assert.strictEqual(out.filter(({ at }) => at < 60_000).length, 197)
      }))

    it.effect("where sends fail over to it", () =>
      Effect.gen(function*() {
        const [dead, fast] = ["https://dead.example/", "https://fast.example/"]
        const fiber = yield* Effect.forkChild(collect(Webhook.sendAll(numbered(60), { concurrency: 4 })))
        yield* TestClock.adjust("10 seconds")
        const sent = yield* TestTransport.sent
        assert.isAtMost(sent.filter(({ url }) => Redacted.value(url).includes(slow)).length, 3)
        assert.isAtLeast(sent.filter(({ url }) => Redacted.value(url) === fast).length, 50)
        assert.isAtLeast(sent.filter(({ url }) => Redacted.value(url) === dead).length, 5)
        yield* TestClock.adjust("10 minutes")
        assert.isTrue((yield* Fiber.join(fiber)).every(({ result }) => result.ok))
      }).pipe(Effect.provide(layer(({ url }) =>
        Redacted.value(url).includes("dead")
          ? refuse
          : reply({ delay: Redacted.value(url).includes(slow) ? 14_000 : 10 }), {
        urls: ["https://dead.example/", `https://${slow}/`, "https://fast.example/"],
        pool: { failover: true }
      }))))

    it.effect("where a pool of one URL is slow, and items bring their own", () =>
      Effect.gen(function*() {
        const { most, over } = watched(delayOf)
        const items = numbered(60, (n) => n % 5 === 0 ? { url: "https://fast.example/" } : {})
        const out = yield* drive(
          collect(Webhook.sendAll(items, { concurrency: 16 })).pipe(Effect.provide(over({
            urls: `https://${slow}/`,
            options: { timeout: "2 minutes" }
          })))
        )
        assert.isTrue(out.every(({ result }) => result.ok))
        assert.strictEqual(most.get(slow), 15)
        const fast = out.filter(({ item }) => item.url !== undefined)
        assert.strictEqual(fast.length, 12)
        assert.isAtMost(Math.max(...fast.map(({ at }) => at)), 12 * 10)
      }))

    it.effect("unless a pool has no other URL", () =>
      Effect.gen(function*() {
        yield* drive(collect(Webhook.sendAll(numbered(8), { concurrency: 4 })))
        assert.deepStrictEqual(yield* waves, [[0, 4], [100, 4]])
      }).pipe(Effect.provide(layer(reply({ delay: 100 })))))

    it.effect("to each stream by itself", () =>
      Effect.gen(function*() {
        const { over, seen } = watched(delayOf)
        yield* drive(
          Effect.all([
            collect(Webhook.sendAll(numbered(10), { concurrency: 3 })),
            collect(Webhook.sendAll(numbered(10), { concurrency: 4 })),
            Webhook.send(1)
          ], { concurrency: "unbounded" }).pipe(Effect.provide(over()))
        )
        assert.strictEqual(seen.most, 8)
      }))
  })

  describe("a source that fails", () => {
    const broken = Stream.concat(Stream.fromIterable(numbered(5)), Stream.fail("broken" as const))

    it.effect("ends the stream with its error, after the sends that are under way", () =>
      Effect.gen(function*() {
        const out: Array<number> = []
        const exit = yield* drive(Effect.exit(
          Stream.runForEach(
            Webhook.sendAll(broken),
            ({ item, result }) => Effect.map(Clock.currentTimeMillis, (at) => out.push(item.n, result.ok ? at : -1))
          )
        ))
        assert.deepStrictEqual(exit, Exit.fail("broken" as const))
        assert.deepStrictEqual(out, [0, 100, 1, 100, 2, 100, 3, 100, 4, 100])
      }).pipe(Effect.provide(layer(reply({ delay: 100 })))))

    it.effect("also after those that are set aside, and those that nobody has taken yet", () =>
      Effect.gen(function*() {
        const source = Stream.concat(
          Stream.fromIterable(numbered(12, () => ({ url: "https://one.example/" }))),
          Stream.fail("broken" as const)
        )
        const out: Array<number> = []
        const exit = yield* drive(Effect.exit(
          Stream.runForEach(
            Webhook.sendAll(source, { concurrency: 3 }),
            ({ item }) => Effect.delay(Effect.sync(() => out.push(item.n)), 1000)
          )
        ))
        assert.deepStrictEqual(exit, Exit.fail("broken" as const))
        assert.deepStrictEqual(out, numbered(12).map(({ n }) => n))
      }).pipe(Effect.provide(layer(reply({ delay: 100 })))))

    it.effect("may die as well", () =>
      Effect.gen(function*() {
        const dying = (function*() {
          yield { payload: 1 }
          throw new Error("broken")
        })()
        const out: Array<unknown> = []
        const exit = yield* drive(Effect.exit(
          Stream.runForEach(Webhook.sendAll(dying), ({ result }) => Effect.sync(() => out.push(result.ok)))
        ))
        assert(Exit.isFailure(exit))
        assert.strictEqual((Cause.squash(exit.cause) as Error).message, "broken")
        assert.deepStrictEqual(out, [true])
      }).pipe(Effect.provide(layer(reply({ delay: 100 })))))

    it.effect("may do so at once", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Stream.runDrain(Webhook.sendAll(Stream.fail("broken" as const))))
        assert.deepStrictEqual(exit, Exit.fail("broken" as const))
      }).pipe(Effect.provide(layer(reply()))))
  })

  describe("a consumer that stops", () => {
    // The first is quick, the others are not.
    const early = <A, E, R>(
      stop: (stream: Stream.Stream<Out<Numbered>, never, Webhook.Webhook>) => Effect.Effect<A, E, R>
    ) =>
      Effect.gen(function*() {
        const { over, running, seen } = watched((host) => host === "quick.example" ? 10 : 60_000)
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(over({ options: { maxPerOrigin: 3, timeout: "2 minutes" } }), scope)
        const items = numbered(100, (n) => n === 0 ? { url: "https://quick.example/" } : {})
        const { iterable, read } = counted(items)
        yield* Effect.provideContext(stop(Webhook.sendAll(iterable, { concurrency: 6, buffer: 24 })), context)
        // Six have begun, of which five are the pool's; three of these have their turn. The others are set aside.
        assert.deepStrictEqual([seen.begun, seen.interrupted, seen.running], [4, 3, 0])
        assert.isAtMost(read.count, 6 + 24 + 1)
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual(seen.begun, 4)
        // All turns are free.
        const sends = yield* Effect.forkChild(
          Effect.provideContext(
            Effect.forEach([1, 2, 3], (n) => Webhook.send(n), { concurrency: "unbounded" }),
            context
          )
        )
        yield* TestClock.adjust(0)
        assert.strictEqual(running.get("example.com"), 3)
        yield* TestClock.adjust("1 minute")
        assert.isTrue((yield* Fiber.join(sends)).every(({ ok }) => ok))
        // And nobody is left for whom closing has to wait.
        yield* Scope.close(scope, Exit.void)
      })

    it.effect("interrupts what is under way, and leaks nothing", () =>
      early((stream) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Stream.runCollect(Stream.take(stream, 1)))
          yield* TestClock.adjust(100)
          assert.deepStrictEqual((yield* Fiber.join(fiber)).map(({ item }) => item.n), [0])
        })
      ))

    it.effect("so also when it fails", () =>
      early((stream) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Stream.runForEach(stream, () => Effect.fail("enough")))
          yield* TestClock.adjust(100)
          assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.fail("enough"))
        })
      ))

    it.effect("so also when it is interrupted", () =>
      early((stream) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Stream.runDrain(stream))
          yield* TestClock.adjust(100)
          yield* Fiber.interrupt(fiber)
        })
      ))

    it.effect("frees a URL that was being tried, and the room at a host", () =>
      Effect.gen(function*() {
        const pool = yield* UrlPool.UrlPool
        yield* pool.report((yield* pool.list)[0]!.target, { _tag: "Limited", retryAfter: 1000 })
        const fiber = yield* Effect.forkChild(Stream.runDrain(Webhook.sendAll(numbered(10))))
        yield* TestClock.adjust(1005)
        assert.strictEqual((yield* TestTransport.sent).length, 1)
        yield* Fiber.interrupt(fiber)
        const result = yield* drive(Webhook.send(1))
        assert.isTrue(result.ok)
        assert.strictEqual((yield* TestTransport.sent).length, 2)
      }).pipe(Effect.provide(layer(reply({ delay: 10 })))))
  })

  describe("when the sender closes", () => {
    it.effect("gives the sends under way their grace, and interrupts the stream instead of dropping the rest", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(layer(reply({ delay: 1000 })), scope)
        const { iterable, read } = counted(numbered(100))
        const out: Array<number> = []
        const fiber = yield* Effect.forkChild(
          Webhook.sendAll(iterable, { concurrency: 2 }).pipe(
            Stream.runForEach(({ item }) => Effect.sync(() => out.push(item.n))),
            Effect.provideContext(context)
          )
        )
        yield* TestClock.adjust(1500)
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(closing)
        const exit = yield* Fiber.await(fiber)
        assert(Exit.isFailure(exit))
        assert.isTrue(Cause.hasInterruptsOnly(exit.cause))
        assert.deepStrictEqual(out, [0, 1, 2, 3])
        assert.isAtMost(read.count, 7)
        assert.strictEqual((yield* Effect.provideContext(TestTransport.sent, context)).length, 4)
      }))

    it.effect("a stream that begins later is interrupted too", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(layer(reply()), scope)
        yield* Scope.close(scope, Exit.void)
        const exit = yield* Effect.exit(
          Effect.provideContext(collect(Webhook.sendAll(numbered(3))), context)
        ).pipe(Effect.forkChild, Effect.flatMap(Fiber.join))
        assert(Exit.isFailure(exit))
        assert.isTrue(Cause.hasInterruptsOnly(exit.cause))
      }))
  })

  describe("holds to what an item says", () => {
    it.effect("of its url, its id and its headers", () =>
      Effect.gen(function*() {
        const items: ReadonlyArray<Webhook.Item> = [
          { payload: { n: 1 } },
          { payload: { n: 2 }, url: Redacted.make("https://given.example/") },
          { payload: { n: 3 }, id: "msg_3", headers: { "x-own": "yes", "x-all": "mine" } }
        ]
        const out = yield* drive(collect(Webhook.sendAll(items, { concurrency: 1 })))
        const sent = yield* TestTransport.sent
        assert.deepStrictEqual(sent.map(({ body }) => body), ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"])
        assert.deepStrictEqual(sent.map(({ url }) => Redacted.value(url)), [hook, "https://given.example/", hook])
        assert.deepStrictEqual(sent.map(({ headers }) => headers["webhook-id"]), [undefined, undefined, "msg_3"])
        assert.deepStrictEqual(sent.map(({ headers }) => headers["x-own"]), [undefined, undefined, "yes"])
        assert.deepStrictEqual(sent.map(({ headers }) => headers["x-all"]), ["all", "all", "mine"])
        assert.strictEqual(out[2]!.result.id, "msg_3")
      }).pipe(Effect.provide(layer(reply(), { options: { headers: { "x-all": "all" } } }))))

    it.effect("of its timeout and its deadline, which begins when its send does", () =>
      Effect.gen(function*() {
        const items: ReadonlyArray<Webhook.Item> = [
          { payload: 1, timeout: 100 },
          { payload: 2, deadline: 3000 },
          { payload: 3, timeout: 200 }
        ]
        const out = yield* drive(collect(Webhook.sendAll(items, { concurrency: 1 })))
        assert.deepStrictEqual(out.map(({ at, result }) => [reasonOf(result), at]), [
          ["Timeout", 100],
          ["DeadlineExceeded", 3100],
          ["Timeout", 3300]
        ])
      }).pipe(Effect.provide(layer(hang, { options: { maxRetries: 0 } }))))

    it.effect("of its signer", () =>
      Effect.gen(function*() {
        const signer = (name: string): Signature.Signer => ({ id }) =>
          Effect.succeed({ "webhook-signature": `${name} ${id}` })
        const items: ReadonlyArray<Webhook.Item> = [
          { payload: 1, id: "a" },
          { payload: 2, id: "b", signer: signer("own") }
        ]
        yield* collect(Webhook.sendAll(items, { concurrency: 1 })).pipe(
          Effect.provide(Layer.effectContext(Effect.map(
            Effect.all([Webhook.make({ signer: signer("all") }), TestTransport.TestTransport]),
            ([webhook, transport]) =>
              Context.make(Webhook.Webhook, webhook).pipe(Context.add(TestTransport.TestTransport, transport))
          )))
        )
        const sent = yield* TestTransport.sent
        assert.deepStrictEqual(sent.map(({ headers }) => headers["webhook-signature"]), ["all a", "own b"])
      }).pipe(Effect.provide(layer(reply()))))
  })

  describe("20,000 items", () => {
    it.live("go through 64 slots in seconds", () =>
      Effect.gen(function*() {
        const started = performance.now()
        const results = yield* Stream.runFold(
          Webhook.sendAll(numbered(20_000), { concurrency: 64 }),
          () => 0,
          (sum, { result }) => sum + Number(result.ok)
        )
        assert.strictEqual(results, 20_000)
        assert.isBelow(performance.now() - started, 20_000)
      }).pipe(Effect.provide(layer(reply()))))

    it.effect("take as long as their answers", () =>
      Effect.gen(function*() {
        const { over, seen } = watched(() => 10)
        const out = yield* drive(
          collect(Webhook.sendAll(numbered(20_000), { concurrency: 64 })).pipe(Effect.provide(over()))
        )
        assert.strictEqual(out.length, 20_000)
        assert.strictEqual(seen.most, 64)
        assert.strictEqual(out.at(-1)!.at, Math.ceil(20_000 / 64) * 10)
      }))

    it.effect("for many hosts, of which one has most of them, share the slots", () =>
      Effect.gen(function*() {
        const { most, over } = watched((host) => host === "one.example" ? 20 : 10)
        const items = numbered(
          20_000,
          (n) => ({ url: n % 3 !== 0 ? "https://one.example/" : `https://${n % 500}.example/` })
        )
        const out = yield* drive(collect(Webhook.sendAll(items, { concurrency: 64 })).pipe(Effect.provide(over())))
        assert.isTrue(out.every(({ result }) => result.ok))
        assert.strictEqual(out.length, 20_000)
        assert.isAtMost(most.get("one.example")!, 63)
      }))
  })
})
