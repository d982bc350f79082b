import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Clock, Effect, Fiber, Layer, Redacted, Schedule, Schema } from "effect"
import { Transport, UrlPool, Webhook, type WebhookResult } from "effect-webhooks"
import { TestClock } from "effect/testing"
import { type Came, type Event, wrong } from "./model.ts"

const int = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const oneOf = <A>(values: ReadonlyArray<A>) => Arbitrary.map(int(0, values.length - 1), (index) => values[index]!)

// All times are multiples of it, so that much happens at the very same instants.
const tick = 250
const timeout = 3000
const openDuration = 2500

interface Says {
  readonly status: number | "refused" | "lost" | "silent"
  /** In ticks, of a 429 or a 503. */
  readonly wait: number
  /** In milliseconds. An answer takes time: those that go at once are all under way before the first comes. */
  readonly took: number
}

const says: Arbitrary.Arbitrary<Says> = Arbitrary.all({
  status: oneOf<Says["status"]>([
    204,
    204,
    204,
    204,
    500,
    500,
    503,
    "refused",
    "refused",
    "lost",
    "silent",
    429,
    429,
    404,
    400,
    302,
    410
  ]),
  wait: int(0, 24),
  took: oneOf([1, 1, tick, 2 * tick, 7 * tick])
})

type Kind = "send" | "given" | "member" | "cut" | "list" | "next"

const act: Arbitrary.Arbitrary<readonly [time: number, kind: Kind, which: number]> = Arbitrary.all([
  int(0, 60),
  oneOf<Kind>(["send", "send", "send", "send", "send", "given", "member", "cut", "list", "next"]),
  int(0, 9)
])

const urlOf = (n: number) => `https://${n}.example/`
const given = "https://given.example/"

const headersOf = ({ wait }: Says): Record<string, string> =>
  wait === 0 ? {} : { "retry-after": `${wait * tick / 1000}` }

describe("a pool with failover and a circuit", () => {
  it.effect.prop(
    "never goes where it may not, never in haste, and is as it was in the end, whatever its receivers do",
    {
      scripts: Arbitrary.array(Arbitrary.array(says, { minLength: 1, maxLength: 12 }), { minLength: 5, maxLength: 5 }),
      urls: int(1, 4),
      acts: Arbitrary.array(act, { minLength: 1, maxLength: 50 }),
      failover: oneOf([true, true, false]),
      failures: int(1, 3),
      maxRetries: int(0, 7),
      deadline: oneOf([2000, 10_000, 60_000]),
      onAmbiguous: oneOf(["retry", "retry", "stop"] as const),
      maxPerOrigin: oneOf([1, 3, 128])
    },
    ({ acts, deadline, failover, failures, maxPerOrigin, maxRetries, onAmbiguous, scripts, urls }) =>
      Effect.gen(function*() {
        const receivers = [...Array.from({ length: urls }, (_, n) => urlOf(n)), given]
        const events = new Map(receivers.map((url) => [url, Array<Event>()]))
        const byId = new Map<
          string,
          Array<{ readonly url: string; readonly began: number; ended: number; limited: boolean }>
        >()
        const healed = { all: false }
        const ids = { next: 0 }

        const transport: Transport.Transport["Service"] = {
          attempt: (request) =>
            Effect.gen(function*() {
              const url = Redacted.value(request.url)
              const own = events.get(url)!
              const id = request.headers["webhook-id"]!
              const at = yield* Clock.currentTimeMillis
              const index = own.length
              const script = scripts[receivers.indexOf(url)]!
              const says: Says = healed.all ? { status: 204, wait: 0, took: tick } : script[index % script.length]!
              own.push({ at, kind: "begin", index, id })
              const tries = byId.get(id) ?? []
              byId.set(id, tries)
              const one = { url, began: at, ended: Infinity, limited: says.status === 429 }
              tries.push(one)
              const end = (came: Came) =>
                Effect.map(Clock.currentTimeMillis, (at) => {
                  one.ended = at
                  own.push({ at, kind: "end", index, id, came })
                })
              const delay = says.status === "silent" ? Infinity : says.took
              const answer = Effect.gen(function*() {
                if (delay >= request.timeout) {
                  yield* Effect.sleep(request.timeout)
                  yield* end(request.timeout < timeout ? "cut" : "failure")
                  return yield* Transport.timedOut("sent", request.timeout)
                }
                yield* Effect.sleep(delay)
                if (typeof says.status === "string") {
                  yield* end("failure")
                  return yield* says.status === "refused"
                    ? Transport.disconnected({ code: "ECONNREFUSED" }, "connecting")
                    : Transport.disconnected({ code: "ECONNRESET" }, "sent")
                }
                const wait = says.status === 429 && says.wait > 0 ? says.wait * tick : undefined
                yield* end({ status: says.status, wait })
                return new Transport.Reply(says.status, headersOf(says), new Uint8Array(), false)
              })
              return yield* Effect.onInterrupt(answer, () => end("cut"))
            })
        }

        const program = Effect.gen(function*() {
          const pool = yield* UrlPool.UrlPool
          const timed = (options?: Webhook.SendOptions) =>
            Effect.gen(function*() {
              const started = yield* Clock.currentTimeMillis
              const result = yield* Webhook.send(started, { id: `msg_${ids.next++}`, ...options })
              return { result, took: (yield* Clock.currentTimeMillis) - started }
            })
          type End = { readonly result: WebhookResult.WebhookResult; readonly took: number } | undefined
          const run = ([time, kind, which]: (typeof acts)[number]): Effect.Effect<End, never, Webhook.Webhook> => {
            const what = (): Effect.Effect<End, never, Webhook.Webhook> => {
              switch (kind) {
                case "send":
                  return timed()
                case "given":
                  return timed({ url: given })
                case "member":
                  return timed({ url: urlOf(which % urls) })
                case "cut":
                  return Effect.as(Effect.timeoutOption(timed(), which * tick), undefined)
                case "list":
                  return Effect.as(pool.list, undefined)
                case "next":
                  return Effect.as(Effect.ignore(pool.next), undefined)
              }
            }
            return Effect.delay(Effect.suspend(what), time * tick)
          }
          const fibers = yield* Effect.forEach(acts, (one) => Effect.forkChild(run(one)))
          yield* TestClock.adjust("5 minutes")
          const ends = yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))

          for (const end of ends) {
            if (end === undefined) continue
            assert.isAtMost(end.took, deadline)
            assert.isAtMost(end.result.attempts, maxRetries + 1)
          }
          for (const [url, own] of events) {
            const rules = { failures, openDuration, retires: url !== given }
            const what = wrong(own, rules)
            assert.strictEqual(what.length, 0, `${url}: ${what.join("; ")}\n${JSON.stringify(own)}`)
          }
          for (const tries of byId.values()) {
            assert.isAtMost(tries.length, maxRetries + 1)
            for (const [n, one] of tries.entries()) {
              const before = tries.slice(0, n)
              if (!failover) assert.isTrue(before.every(({ url }) => url === one.url))
              // To a URL that was tried before it goes after the backoff, or when the first of them opens: a tick at least.
              // A send whose other URL is shut while it waits for its turn there goes back at once.
              if (maxPerOrigin < 128) continue
              const last = before.at(-1)
              const own = before.findLast(({ url }) => url === one.url)
              if (own !== undefined) assert.isAtLeast(one.began - (last!.limited ? own : last!).ended, tick)
            }
          }

          // Whatever has happened, nothing is held any more, and what was learned of limits is put to the test again.
          healed.all = true
          yield* TestClock.adjust("11 minutes")
          const open = (yield* pool.list).filter(({ state }) => state !== "retired")
          assert.isTrue(open.every(({ state }) => state === "open"))
          const last: ReadonlyArray<Webhook.SendOptions> = [
            ...open.map(() => ({})),
            ...open.map(({ target }) => ({ url: target.url })),
            { url: given }
          ]
          for (const options of last) {
            const fiber = yield* Effect.forkChild(timed(options))
            yield* TestClock.adjust("1 minute")
            const { result, took } = yield* Fiber.join(fiber)
            assert.isTrue(result.ok, String(result))
            assert.deepStrictEqual([result.attempts, took], [1, tick])
          }
        })
        yield* program.pipe(Effect.provide(
          Webhook.layerTransport({
            timeout,
            deadline,
            maxRetries,
            maxPerOrigin,
            onAmbiguous,
            retry: Schedule.spaced(tick)
          }).pipe(
            Layer.provideMerge(
              UrlPool.layer(receivers.slice(0, -1), { failover, circuit: { failures, openDuration } })
            ),
            Layer.provide(Layer.succeed(Transport.Transport, transport))
          )
        ))
      }),
    { timeout: 120_000, arbitrary: { runs: 300, size: 50 } }
  )
})
