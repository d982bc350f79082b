import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Clock, Duration, Effect, Fiber, Layer, Redacted, Schedule, Schema } from "effect"
import { RetryPolicy, UrlPool, Webhook, type WebhookResult } from "effect-webhooks"
import { TestTransport } from "effect-webhooks/testing"
import { TestClock } from "effect/testing"
import { Heap, type Item } from "../src/internal/heap.ts"
import { type Link, List } from "../src/internal/list.ts"

const { hang, refuse, reply, reset } = TestTransport

const int = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const oneOf = <A>(values: ReadonlyArray<A>) => Arbitrary.map(int(0, values.length - 1), (index) => values[index]!)

const either = <A>(arbitraries: ReadonlyArray<Arbitrary.Arbitrary<A>>): Arbitrary.Arbitrary<A> =>
  Arbitrary.flatMap(int(0, arbitraries.length - 1), (index) => arbitraries[index]!)

// Begins well after the epoch, so that dates lie on both sides.
const epoch = Date.UTC(2026, 10, 23, 12, 0, 0)

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const two = (n: number) => String(n).padStart(2, "0")

// The three forms of RFC 9110, section 5.6.7, written without the help of `Date.toUTCString`.
const dateIn = (form: "imf" | "rfc850" | "asctime", millis: number): string => {
  const date = new Date(millis)
  const day = days[date.getUTCDay()]!
  const month = months[date.getUTCMonth()]!
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(":")
  const year = date.getUTCFullYear()
  const n = date.getUTCDate()
  return form === "imf"
    ? `${day.slice(0, 3)}, ${two(n)} ${month} ${year} ${time} GMT`
    : form === "rfc850"
    ? `${day}, ${two(n)}-${month}-${two(year % 100)} ${time} GMT`
    : `${day.slice(0, 3)} ${month} ${String(n).padStart(2, " ")} ${time} ${year}`
}

// A hint beside what it means: milliseconds after `now`, an instant, or nothing.
interface Hint {
  readonly value: unknown
  readonly millis?: number
  readonly instant?: number
}

const sensible = (millis: number): { readonly millis?: number } => millis > 0 && millis < Infinity ? { millis } : {}

const numbers: Arbitrary.Arbitrary<Hint> = Arbitrary.map(
  either([
    int(-5, 90),
    Arbitrary.map(int(0, 9999), (n) => n / 1000),
    oneOf([0, -0, -1.5, 1e-9, 400, 1e9, 1e300, 1.7e308, -1e300, Infinity, -Infinity, NaN])
  ]),
  (value) => ({ value, ...sensible(value * 1000) })
)

const digits: Arbitrary.Arbitrary<Hint> = Arbitrary.map(
  Arbitrary.all([either([int(0, 90), oneOf([301, 1e9])]), oneOf(["", ".0", ".5", ".001"]), oneOf(["", " "])]),
  ([whole, fraction, space]) => ({
    value: `${space}${whole}${fraction}${space}`,
    ...sensible(Number(`${whole}${fraction}`) * 1000)
  })
)

const dates: Arbitrary.Arbitrary<Hint> = Arbitrary.map(
  Arbitrary.all([oneOf(["imf", "rfc850", "asctime"] as const), int(-90, 300)]),
  ([form, seconds]) => ({ value: dateIn(form, epoch + seconds * 1000), instant: epoch + seconds * 1000 })
)

const garbage: Arbitrary.Arbitrary<Hint> = Arbitrary.map(
  either<unknown>([
    Arbitrary.map(Arbitrary.schema(Schema.String), (text) => `x${text.replace(/[^\x20-\x7e]/g, "")}`),
    oneOf<unknown>([
      "",
      "-5",
      "+5",
      "NaN",
      "Infinity",
      "1e9",
      "0x10",
      "1,5",
      "5s",
      ".5",
      "5.",
      "1 2",
      "2026-11-23T12:00:30Z"
    ]),
    oneOf<unknown>([null, true, false, {}, { seconds: 5 }, [], [5], [[7]]])
  ]),
  (value) => ({ value })
)

const hint = either([numbers, digits, dates, garbage])
const textHint = either([digits, dates, Arbitrary.filter(garbage, ({ value }) => typeof value === "string")])

// What the hint asks for at the instant `now`.
const meaning = ({ instant, millis }: Hint, now: number): number | undefined =>
  millis ?? (instant !== undefined && instant > now ? instant - now : undefined)

interface Step {
  readonly kind: "status" | "refuse" | "reset" | "hang"
  readonly status: number
  readonly body: Hint | undefined
  readonly header: Hint | undefined
  readonly window: Window | undefined
}

// A window in one of the ways of telling it.
interface Window {
  readonly form: "list" | "dictionary" | "delta" | "custom"
  readonly remaining: number
  readonly seconds: number
}

const window: Arbitrary.Arbitrary<Window> = Arbitrary.all({
  form: oneOf(["list", "dictionary", "delta", "custom"] as const),
  remaining: oneOf([0, 0, 0, 1, 50, -1]),
  seconds: oneOf([0, 1, 30, 301, 100_000_000, -5])
})

const told = ({ form, remaining, seconds }: Window): Record<string, string> =>
  form === "list"
    ? { "RateLimit": `"default";r=${remaining};t=${seconds};pk=:cHs=:` }
    : form === "dictionary"
    ? { "RateLimit": `limit=60, remaining=${remaining}, reset=${seconds}` }
    : form === "delta"
    ? { "RateLimit-Remaining": `${remaining}`, "RateLimit-Reset": `${seconds}` }
    : { "X-RateLimit-Remaining": `${remaining}`, "X-RateLimit-Reset-After": `${seconds}` }

const none = Arbitrary.Constant(undefined)

const step: Arbitrary.Arbitrary<Step> = Arbitrary.all({
  kind: oneOf(["status", "status", "status", "status", "status", "refuse", "reset", "hang"] as const),
  status: oneOf([429, 429, 429, 503, 503, 500, 502, 204, 400, 410, 302]),
  body: either<Hint | undefined>([none, hint]),
  header: either<Hint | undefined>([none, textHint]),
  window: either<Window | undefined>([none, window])
})

const toAnswer = ({ body, header, kind, status, window }: Step): TestTransport.Answer => {
  switch (kind) {
    case "refuse":
      return refuse
    case "reset":
      return reset
    case "hang":
      return hang
    case "status":
      return reply({
        status,
        ...(body !== undefined && { body: { retry_after: body.value } }),
        headers: {
          ...(header !== undefined && { "Retry-After": String(header.value) }),
          ...(window !== undefined && told(window))
        }
      })
  }
}

// JSON has no NaN and no Infinity.
const asJson = (hint: Hint | undefined): Hint | undefined =>
  hint !== undefined && typeof hint.value === "number" && !Number.isFinite(hint.value) ? undefined : hint

const hintOf = ({ body, header, kind, status, window }: Step, now: number): number | undefined =>
  kind !== "status" || (status !== 429 && status !== 503)
    ? undefined
    : (asJson(body) && meaning(asJson(body)!, now)) ?? (header && meaning(header, now)) ??
      (window?.remaining === 0 && window.seconds > 0 ? window.seconds * 1000 : undefined)

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const started = yield* Clock.currentTimeMillis
    const value = yield* effect
    return { value, elapsed: (yield* Clock.currentTimeMillis) - started }
  })

describe("any send", () => {
  it.effect.prop(
    "makes no more attempts than it may, no sooner than it may, and ends in time with a result",
    {
      steps: Arbitrary.array(step, { minLength: 1, maxLength: 8 }),
      maxRetries: int(0, 6),
      deadline: oneOf([1000, 20_000, 300_000, 3_600_000])
    },
    ({ deadline, maxRetries, steps }) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(epoch)
        const program = Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(timed(Webhook.send({ n: 1 })))
          yield* TestClock.adjust("3 hours")
          const exit = yield* Fiber.await(fiber)
          assert(exit._tag === "Success", "it escaped")
          return { ...exit.value, sent: yield* TestTransport.sent }
        })
        const { elapsed, sent, value } = yield* program.pipe(
          Effect.provide(
            Webhook.layerTransport({ maxRetries, deadline }).pipe(
              Layer.provideMerge(TestTransport.layer(steps.map(toAnswer))),
              Layer.provide(UrlPool.layer("https://example.com/hook"))
            )
          )
        )
        assert.include(["Delivered", "Failed"], value._tag)
        assert.isAtMost(sent.length, maxRetries + 1)
        assert.strictEqual(value.attempts, sent.length)
        assert.isAtMost(elapsed, deadline + 1.01)
        for (let n = 1; n < sent.length; n++) {
          const before = steps[Math.min(n - 1, steps.length - 1)]!
          const ended = sent[n - 1]!.at + (before.kind === "hang" ? 15_000 : 0)
          const gap = sent[n]!.at - ended
          const full = Math.min(500 * 2 ** (n - 1), 30_000)
          const asked = hintOf(before, ended)
          if (before.status === 429 && before.kind === "status" && asked !== undefined) {
            // An alarm rings on whole milliseconds, and the sum of two instants is rounded.
            assert.isAtLeast(gap, asked - 0.01)
            assert.isAtMost(gap, asked + 1.01)
          } else {
            assert.isAtLeast(gap, Math.max(asked ?? 0, full / 2) - 0.01)
            assert.isAtMost(gap, Math.max(asked ?? 0, full) + 1.01)
          }
        }
      }),
    { timeout: 60_000, arbitrary: { runs: 300 } }
  )

  it.effect.prop(
    "of many over some URLs ends, in time, with a result, whatever the receiver answers",
    {
      urls: int(1, 5),
      sends: int(1, 40),
      steps: Arbitrary.array(step, { minLength: 1, maxLength: 60 }),
      delays: Arbitrary.array(int(1, 3000), { minLength: 1, maxLength: 7 })
    },
    ({ delays, sends, steps, urls }) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(epoch)
        const script = (_: TestTransport.Sent, index: number) => {
          const answer = toAnswer(steps[index % steps.length]!)
          return { ...answer, delay: answer.delay === 0 ? delays[index % delays.length]! : answer.delay }
        }
        const program = Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Effect.forEach(
            Array.from({ length: sends }, (_, n) => n),
            (n) => Effect.delay(timed(Webhook.send(n)), n * 37),
            { concurrency: "unbounded" }
          ))
          yield* TestClock.adjust("3 hours")
          return yield* Fiber.join(fiber)
        })
        const ends = yield* program.pipe(
          Effect.provide(
            Webhook.layerTransport().pipe(
              Layer.provide([
                TestTransport.layer(script),
                UrlPool.layer(Array.from({ length: urls }, (_, n) => `https://${n}.example/`))
              ])
            )
          )
        )
        assert.strictEqual(ends.length, sends)
        for (const { elapsed, value } of ends) {
          assert.include(["Delivered", "Failed"], value._tag)
          assert.isAtMost(value.attempts, 4)
          assert.isAtMost(elapsed, 300_001)
        }
      }),
    { timeout: 60_000, arbitrary: { runs: 150 } }
  )

  it.effect.prop(
    "goes round the URLs that are open",
    { urls: int(1, 5), sends: int(1, 40), statuses: Arbitrary.array(oneOf([200, 204, 400, 404]), { minLength: 1 }) },
    ({ sends, statuses, urls }) =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* Effect.forEach(Array.from({ length: sends }), () => Webhook.send(1), { concurrency: "unbounded" })
          return (yield* TestTransport.sent).map(({ url }) => Redacted.value(url))
        })
        const sent = yield* program.pipe(
          Effect.provide(
            Webhook.layerTransport().pipe(
              Layer.provideMerge(
                TestTransport.layer((_, index) => reply({ status: statuses[index % statuses.length]! }))
              ),
              Layer.provide(UrlPool.layer(Array.from({ length: urls }, (_, n) => `https://${n}.example/`)))
            )
          )
        )
        assert.deepStrictEqual(sent, Array.from({ length: sends }, (_, n) => `https://${n % urls}.example/`))
      }),
    { arbitrary: { runs: 100 } }
  )

  // Times are multiples of 250 ms, so that much happens at the very same instants.
  it.effect.prop(
    "gets its turn, whatever else happens to the URLs meanwhile",
    {
      urls: int(1, 3),
      limit: int(1, 4),
      window: oneOf([250, 500, 1000]),
      delay: oneOf([1, 125, 250, 600]),
      told: oneOf([true, false]),
      events: Arbitrary.array(
        Arbitrary.all([
          int(0, 24),
          oneOf(["send", "send", "send", "send", "given", "list", "next", "cut", "shut", "retire", "restore"] as const),
          int(0, 9)
        ]),
        { minLength: 1, maxLength: 60 }
      )
    },
    ({ delay, events, limit, told, urls, window }) =>
      Effect.gen(function*() {
        const taken = new Map<string, Array<number>>()
        // Each URL takes `limit` in any `window`.
        const script = ({ at, url }: TestTransport.Sent) => {
          const key = Redacted.value(url)
          const recent = (taken.get(key) ?? []).filter((one) => one > at - window)
          taken.set(key, recent)
          const full = recent.length >= limit
          if (!full) recent.push(at)
          const after = (recent[0]! + window - at) / 1000
          const headers: Record<string, string> = told
            ? { "x-ratelimit-remaining": `${limit - recent.length}`, "x-ratelimit-reset-after": `${after}` }
            : {}
          return full ? reply({ status: 429, delay, headers, body: { retry_after: after } }) : reply({ delay, headers })
        }
        const program = Effect.gen(function*() {
          const pool = yield* UrlPool.UrlPool
          const targets = (yield* pool.list).map(({ target }) => target)
          type End = { readonly value: WebhookResult.WebhookResult; readonly elapsed: number } | undefined
          type Running = Effect.Effect<Fiber.Fiber<End>, never, Webhook.Webhook>
          const sends = yield* Effect.forEach(events, ([time, kind, which]): Running => {
            const target = targets[which % urls]!
            const run = (effect: Effect.Effect<unknown, unknown, Webhook.Webhook>) =>
              Effect.forkChild(Effect.delay(Effect.as(Effect.ignore(effect), undefined), time * 250))
            switch (kind) {
              case "send":
                return Effect.forkChild(Effect.delay(timed(Webhook.send(which)), time * 250))
              case "given":
                return Effect.forkChild(
                  Effect.delay(timed(Webhook.send(which, { url: "https://given.example/" })), time * 250)
                )
              case "list":
                return run(pool.list)
              case "next":
                return run(pool.next)
              case "cut":
                return run(Webhook.send(which).pipe(Effect.timeoutOption((which + 1) * 125)))
              case "shut":
                return run(pool.report(target, { _tag: "Limited", retryAfter: (which + 1) * 250 }))
              // One is left always, so that nobody has to fail.
              case "retire":
                return run(which % urls === 0 ? Effect.void : pool.report(target, { _tag: "Gone", status: 410 }))
              case "restore":
                return run(pool.restore(target))
            }
          })
          yield* TestClock.adjust("2 hours")
          return yield* Effect.forEach(sends, (fiber) => Fiber.join(fiber))
        })
        const ends = yield* program.pipe(
          Effect.provide(
            Webhook.layerTransport({ deadline: "1 hour", maxRetries: 100 }).pipe(
              Layer.provideMerge(UrlPool.layer(Array.from({ length: urls }, (_, n) => `https://${n}.example/`))),
              Layer.provide(TestTransport.layer(script))
            )
          )
        )
        for (const end of ends) {
          if (end === undefined) continue
          // A retry stays on its URL, which may have been retired.
          if (end.value._tag === "Failed") assert.strictEqual(end.value.reason._tag, "EndpointGone")
          assert.isAtMost(end.elapsed, 1_200_000)
        }
      }),
    { timeout: 120_000, arbitrary: { runs: 300, size: 60 } }
  )

  it.effect.prop(
    "is told apart from any other by its result alone",
    { flags: Arbitrary.array(oneOf([true, false]), { minLength: 1, maxLength: 20 }) },
    ({ flags }) =>
      Effect.gen(function*() {
        const results: ReadonlyArray<WebhookResult.WebhookResult> = yield* Effect.forEach(
          flags,
          (flag, index) => Webhook.send({ flag }, { id: `id-${index}` }),
          { concurrency: "unbounded" }
        ).pipe(
          Effect.provide(
            Webhook.layerTransport().pipe(
              Layer.provide([
                TestTransport.layer(({ body }) => reply({ status: body.includes("true") ? 204 : 400 })),
                UrlPool.layer("https://example.com/")
              ])
            )
          )
        )
        assert.deepStrictEqual(results.map(({ ok }) => ok), flags)
        assert.deepStrictEqual(results.map(({ id }) => id), flags.map((_, index) => `id-${index}`))
      }),
    { arbitrary: { runs: 50 } }
  )
})

describe("RetryPolicy.parseHint", () => {
  it.prop("gives a positive number or nothing, whatever it is given", {
    value: either<unknown>([
      Arbitrary.map(hint, ({ value }) => value as unknown),
      Arbitrary.schema(Schema.Number),
      Arbitrary.schema(Schema.String),
      Arbitrary.schema(Schema.Json)
    ]),
    now: int(-1, 1)
  }, ({ now, value }) => {
    const millis = RetryPolicy.parseHint(value, epoch + now * 1e12)
    if (millis !== undefined) {
      assert.isAbove(millis, 0)
      assert.isBelow(millis, Infinity)
    }
  }, { arbitrary: { runs: 2000 } })

  it.prop("agrees with another reading of it", { one: hint, past: int(0, 120) }, ({ one, past }) => {
    const now = epoch + past * 1000
    const expected = meaning(one, now)
    const actual = RetryPolicy.parseHint(one.value, now)
    if (expected === undefined) assert.strictEqual(actual, undefined, String(one.value))
    else assert.approximately(actual!, expected, expected * 1e-9, String(one.value))
  }, { arbitrary: { runs: 2000 } })
})

describe("RetryPolicy.backoff", () => {
  const waits = (schedule: Schedule.Schedule<Duration.Duration>, count: number) =>
    Effect.gen(function*() {
      const next = yield* Schedule.toStep(schedule)
      const all: Array<number> = []
      for (let n = 0; n < count; n++) all.push(Duration.toMillis((yield* next(0, undefined))[1]))
      return all
    })

  it.effect.prop(
    "draws each wait from the upper half of its step",
    { base: int(1, 5000), factor: Arbitrary.map(int(10, 50), (n) => n / 10), max: int(1, 60_000), count: int(1, 30) },
    ({ base, count, factor, max }) =>
      Effect.gen(function*() {
        for (const [n, wait] of (yield* waits(RetryPolicy.backoff({ base, factor, max }), count)).entries()) {
          const full = Math.min(base * factor ** n, max)
          assert.isAtLeast(wait, full / 2 - 0.01)
          assert.isAtMost(wait, full + 0.01)
        }
      }),
    { arbitrary: { runs: 100 } }
  )

  it.effect("draws from the whole upper half", () =>
    Effect.gen(function*() {
      const drawn: Array<number> = []
      for (let n = 0; n < 400; n++) drawn.push((yield* waits(RetryPolicy.backoff(), 1))[0]!)
      assert.isBelow(Math.min(...drawn), 260)
      assert.isAbove(Math.max(...drawn), 490)
    }))
})

describe("Heap", () => {
  it.prop("does as a sorted array does", {
    steps: Arbitrary.array(Arbitrary.all([oneOf(["add", "remove", "shift"] as const), int(0, 20)]), { maxLength: 200 })
  }, ({ steps }) => {
    const heap = new Heap<Item & { readonly n: number }>()
    const model: Array<Item & { readonly n: number }> = []
    for (const [n, [kind, at]] of steps.entries()) {
      if (kind === "add") {
        const item = { at, index: -1, n }
        heap.add(item)
        model.push(item)
      } else {
        const item = kind === "shift" ? heap.first : model[at % Math.max(1, model.length)]
        if (item !== undefined) {
          heap.remove(item)
          model.splice(model.indexOf(item), 1)
          assert.strictEqual(item.index, -1)
          // What is in no heap may be removed again.
          heap.remove(item)
        }
      }
      assert.strictEqual(heap.size, model.length)
      assert.strictEqual(heap.first?.at, model.length === 0 ? undefined : Math.min(...model.map(({ at }) => at)))
      assert.strictEqual(new Set(model.map(({ index }) => index)).size, model.length)
    }
    const order: Array<number> = []
    for (let first = heap.first; first !== undefined; first = heap.first) {
      order.push(first.at)
      heap.remove(first)
    }
    assert.deepStrictEqual(order, model.map(({ at }) => at).toSorted((a, b) => a - b))
  }, { arbitrary: { runs: 300 } })
})

describe("List", () => {
  it.prop("does as an array does", {
    steps: Arbitrary.array(
      Arbitrary.all([oneOf(["append", "append", "remove", "shift", "rotate"] as const), int(0, 20)]),
      { maxLength: 200 }
    )
  }, ({ steps }) => {
    const list = new List<number>()
    const links = new Map<number, Link<number>>()
    let model: Array<number> = []
    for (const [n, [kind, at]] of steps.entries()) {
      switch (kind) {
        case "append": {
          const link = list.link(n)
          assert.isFalse(list.has(link))
          list.append(link)
          links.set(n, link)
          model.push(n)
          break
        }
        case "remove": {
          // Also one that has left already.
          const value = [...links.keys()][at % Math.max(1, links.size)]
          if (value === undefined) break
          list.remove(links.get(value)!)
          model = model.filter((one) => one !== value)
          break
        }
        case "shift":
          assert.strictEqual(list.shift(), model.shift())
          break
        case "rotate": {
          const first = model.shift()
          if (first !== undefined) model.push(first)
          assert.strictEqual(list.rotate(), first)
          break
        }
      }
      assert.strictEqual(list.size, model.length)
      for (const [value, link] of links) assert.strictEqual(list.has(link), model.includes(value))
    }
    const rest: Array<number> = []
    for (let value = list.shift(); value !== undefined; value = list.shift()) rest.push(value)
    assert.deepStrictEqual(rest, model)
  }, { arbitrary: { runs: 300 } })
})
