import { assert, describe, it, vi } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Fiber, Layer, Logger, Metric, Redacted, References } from "effect"
import type { Transport, WebhookError, WebhookResult } from "effect-webhooks"
import { DiscordError, DiscordWebhook } from "effect-webhooks/discord"
import { TestTransport } from "effect-webhooks/testing"
import { TestClock } from "effect/testing"
import { type Arrival, byProxies, FakeDiscord, type Hook, inTestTime } from "./fakeDiscord.ts"

// The machine may be busy, and thousands of sends take their time.
vi.setConfig({ testTimeout: 60_000 })

const { reply } = TestTransport

const hooks = (count: number, channel?: string): ReadonlyArray<Hook> =>
  Array.from({ length: count }, (_, n) => ({
    id: `${1001 + n}`,
    token: `canary-token-${n}`,
    channel: channel ?? `${501 + n}`,
    threads: channel === undefined ? [`${n}01`, `${n}02`] : []
  }))

const [hook, second, third] = hooks(3) as [Hook, Hook, Hook]

const pasted = ({ id, token }: Hook, query = "") => `https://discord.com/api/webhooks/${id}/${token}${query}`

type Service = DiscordWebhook.DiscordWebhook["Service"]

/** Makes layers that share a transport. */
const over = (transport: Context.Context<Transport.Transport>) => (options: DiscordWebhook.Options) =>
  Layer.build(DiscordWebhook.layerTransport(options)).pipe(
    Effect.map((built): Service => Context.get(built, DiscordWebhook.DiscordWebhook)),
    Effect.provideContext(transport)
  )

const scripted = Effect.fnUntraced(function*(script: TestTransport.Script) {
  const transport = yield* Layer.build(TestTransport.layer(script))
  return { layer: over(transport), sent: Effect.provideContext(TestTransport.sent, transport) }
})

/** A layer over a Discord whose answers take 20 ms. */
const open = Effect.fnUntraced(function*(discord: FakeDiscord, options: DiscordWebhook.Options) {
  const { layer } = yield* scripted(inTestTime(discord))
  return yield* layer(options)
})

/** What became of a send, and when. */
interface Ended {
  readonly result: WebhookResult.WebhookResult
  readonly at: number
}

const ended = (send: Effect.Effect<WebhookResult.WebhookResult>): Effect.Effect<Ended> =>
  Effect.flatMap(send, (result) => Effect.map(Clock.currentTimeMillis, (at) => ({ result, at })))

const many = (count: number, send: (n: number) => Effect.Effect<WebhookResult.WebhookResult>) =>
  Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => ended(send(n)), { concurrency: "unbounded" })

// Runs while the clock goes on.
const drive = <A, E, R>(effect: Effect.Effect<A, E, R>, duration: Duration.Input = "2 hours") =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust(duration)
    return yield* Fiber.join(fiber)
  })

const failed = <Tag extends WebhookError.WebhookErrorReason["_tag"]>(
  { result }: Pick<Ended, "result">,
  tag: Tag
): { readonly result: WebhookResult.Failed; readonly reason: WebhookError.WebhookErrorReason & { _tag: Tag } } => {
  assert(!result.ok, `expected a failure, got ${result}`)
  assert.strictEqual(result.reason._tag, tag, result.error)
  return { result, reason: result.reason as WebhookError.WebhookErrorReason & { _tag: Tag } }
}

const limitedFor = ({ reason }: { readonly reason: WebhookError.RateLimited }) => ({
  scope: reason.scope,
  millis: reason.retryAfter && Duration.toMillis(reason.retryAfter)
})

const verdicts = (arrivals: ReadonlyArray<Arrival>) =>
  arrivals.reduce<Record<string, number>>((counts, { verdict }) => {
    counts[verdict] = (counts[verdict] ?? 0) + 1
    return counts
  }, {})

// The windows as a receiver counts them: each begins with the first arrival after the one before.
const perWindow = (arrivals: ReadonlyArray<Arrival>, millis: number): ReadonlyArray<number> => {
  const counts: Array<number> = []
  let end = -Infinity
  for (const { at } of arrivals) {
    if (at >= end) {
      end = at + millis
      counts.push(0)
    }
    counts[counts.length - 1]!++
  }
  return counts
}

describe("one webhook", () => {
  it.effect("gets 200 sends at once without a single 429", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord([hook], { channel: { requests: 1000, millis: 60_000 } })
      const webhook = yield* open(discord, { urls: pasted(hook) })
      const ends = yield* drive(many(200, (n) => webhook.send(`${n}`)))
      assert.isTrue(ends.every(({ result }) => result.ok && result.attempts === 1))
      assert.deepStrictEqual(verdicts(discord.arrivals), { taken: 200 })
      assert.isTrue(perWindow(discord.arrivals, 2000).every((count) => count <= 5))
      // In the order in which they came, and as fast as Discord allows.
      assert.deepStrictEqual(discord.posted.map(({ content }) => Number(content)), ends.map((_, n) => n))
      assert.isAtMost(ends.at(-1)!.at, 1.1 * 40 * 2000)
    }))

  it.effect("gets them without a 429 too if its URL comes with every send", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord([hook], { channel: { requests: 1000, millis: 60_000 } })
      const webhook = yield* open(discord, {})
      const ends = yield* drive(many(50, (n) => webhook.send(`${n}`, { url: pasted(hook) })))
      assert.isTrue(ends.every(({ result }) => result.ok))
      assert.deepStrictEqual(verdicts(discord.arrivals), { taken: 50 })
    }))

  it.effect("has one pace, whatever the thread, and whether its URL is the pool's or the send's", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord([hook], { channel: { requests: 1000, millis: 60_000 } })
      const webhook = yield* open(discord, { urls: [pasted(hook, "?thread_id=001"), pasted(hook, "?thread_id=002")] })
      const ends = yield* drive(
        many(60, (n) =>
          n % 3 === 0
            ? webhook.send(`${n}`)
            : n % 3 === 1
            ? webhook.send(`${n}`, { url: pasted(hook) })
            : webhook.send(`${n}`, { thread_id: "001", url: `${pasted(hook)}/slack` }))
      )
      assert.isTrue(ends.every(({ result }) => result.ok))
      assert.deepStrictEqual(verdicts(discord.arrivals), { taken: 60 })
      assert.isTrue(perWindow(discord.arrivals, 2000).every((count) => count <= 5))
      const channels = new Set(discord.posted.map(({ channel_id }) => channel_id))
      assert.deepStrictEqual([...channels].toSorted(), ["001", "002", "501"])
    }))

  it.effect("does not hold up another", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord([hook, second])
      const webhook = yield* open(discord, { urls: [pasted(hook), pasted(second)] })
      const ends = yield* drive(
        Effect.all([
          many(20, () => webhook.send("x", { url: pasted(hook) })),
          many(5, () => webhook.send("x", { url: pasted(second) }))
        ], { concurrency: "unbounded" })
      )
      assert.isAtLeast(Math.max(...ends[0].map(({ at }) => at)), 6000)
      assert.isAtMost(Math.max(...ends[1].map(({ at }) => at)), 100)
    }))

  it.effect("is posted to, edited and read at once, and all of it is done", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord([hook])
      const webhook = yield* open(discord, { urls: pasted(hook) })
      const done = yield* drive(Effect.gen(function*() {
        const message = yield* webhook.post("first")
        return yield* Effect.forEach(
          Array.from({ length: 24 }, (_, n) => n),
          (n) =>
            n % 3 === 0
              ? Effect.asVoid(webhook.post(`${n}`))
              : n % 3 === 1
              ? Effect.asVoid(webhook.edit(message, `${n}`))
              : Effect.asVoid(webhook.get(message)),
          { concurrency: "unbounded" }
        )
      }))
      assert.lengthOf(done, 24)
      // A window is per method, and only a post's is known to the last request.
      assert.isAtMost(verdicts(discord.arrivals)["user"] ?? 0, 3)
    }))
})

describe("ten webhooks of one channel", () => {
  it.effect("are all heard, though none can foresee the limit that they share", () =>
    Effect.gen(function*() {
      const all = hooks(10, "500")
      const discord = new FakeDiscord(all)
      const webhook = yield* open(discord, { urls: all.map((hook) => pasted(hook)) })
      const ends = yield* drive(many(145, (n) => webhook.send(`${n}`)))
      assert.isTrue(ends.every(({ result }) => result.ok), `${ends.find(({ result }) => !result.ok)?.result}`)
      const contents = discord.posted.map(({ content }) => Number(content))
      assert.deepStrictEqual(contents.toSorted((a, b) => a - b), ends.map((_, n) => n))
      const { shared, taken, ...others } = verdicts(discord.arrivals)
      assert.deepStrictEqual(others, {})
      assert.strictEqual(taken, 145)
      // In each of the four full windows all of them met the limit, and those few that went beside them.
      assert.isAtMost(shared!, 4 * 30)
    }))
})

describe("what an answer means", () => {
  interface Row {
    readonly name: string
    readonly answer: {
      readonly status: number
      readonly headers?: Record<string, string>
      readonly body?: object | string
    }
    readonly means:
      | { readonly outcome: "delivered" }
      /** Sent again after so long; `scope` is what the limit holds for. */
      | { readonly outcome: "retried"; readonly after: number; readonly scope: string }
      | { readonly outcome: "retried a few times" }
      | { readonly outcome: "retired" }
      | { readonly outcome: "refused"; readonly issues?: ReadonlyArray<readonly [path: string, code: string]> }
  }

  const bucket = { "x-ratelimit-limit": "10", "x-ratelimit-bucket": "abcd1234", "x-ratelimit-reset-after": "64.57" }
  const limit = (retry_after: number, global = false) => ({
    message: "You are being rate limited.",
    retry_after,
    global
  })
  const form = (errors: object) => ({ message: "Invalid Form Body", code: 50035, errors })
  const blocked = {
    code: 0,
    message: "You are being blocked from accessing our API temporarily due to exceeding our rate limits frequently."
  }

  const rows: ReadonlyArray<Row> = [
    {
      name: "204, and nobody waited",
      answer: {
        status: 204,
        headers: { ...bucket, "x-ratelimit-limit": "5", "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "2" }
      },
      means: { outcome: "delivered" }
    },
    {
      name: "429 of the webhook, whose body is more exact than its header",
      answer: {
        status: 429,
        headers: { ...bucket, "retry-after": "65", "x-ratelimit-remaining": "0", "x-ratelimit-scope": "user" },
        body: limit(64.57)
      },
      means: { outcome: "retried", after: 64_570, scope: "url" }
    },
    {
      name: "429 of the webhook, whose body names the longer time",
      answer: { status: 429, headers: { ...bucket, "retry-after": "1" }, body: limit(1.25) },
      means: { outcome: "retried", after: 1250, scope: "url" }
    },
    {
      name: "429 of the channel, whose reset says nothing of the wait",
      answer: {
        status: 429,
        headers: { ...bucket, "retry-after": "1337", "x-ratelimit-remaining": "9", "x-ratelimit-scope": "shared" },
        body: { ...limit(1336.57), message: "The resource is being rate limited." }
      },
      means: { outcome: "retried", after: 1_336_570, scope: "shared" }
    },
    {
      name: "429 of the channel, whatever its body says",
      answer: { status: 429, headers: { "x-ratelimit-scope": "Shared" }, body: limit(2.5, true) },
      means: { outcome: "retried", after: 2500, scope: "shared" }
    },
    {
      name: "429 of the webhook, by its header, whatever its body says",
      answer: { status: 429, headers: { "x-ratelimit-scope": "user" }, body: limit(2.5, true) },
      means: { outcome: "retried", after: 2500, scope: "url" }
    },
    {
      name: "429 by Discord, in JSON that came through its proxy, which names the header's time alone",
      answer: {
        status: 429,
        headers: { via: "1.1 google", "retry-after": "3" },
        body: { message: "Slow down", code: 0 }
      },
      means: { outcome: "retried", after: 3000, scope: "url" }
    },
    {
      name: "429 of the address, by Discord",
      answer: {
        status: 429,
        headers: { "retry-after": "65", "x-ratelimit-global": "true", "x-ratelimit-scope": "global" },
        body: limit(64.57, true)
      },
      means: { outcome: "retried", after: 64_570, scope: "global" }
    },
    {
      name: "429 of the address, by Discord, in whatever case",
      answer: { status: 429, headers: { "x-ratelimit-global": "True" }, body: limit(2.5) },
      means: { outcome: "retried", after: 2500, scope: "global" }
    },
    {
      name: "429 of the address, by Discord, in its body alone",
      answer: { status: 429, body: limit(2.5, true) },
      means: { outcome: "retried", after: 2500, scope: "global" }
    },
    {
      name: "429 of the address, by Cloudflare, which names a time",
      answer: { status: 429, headers: { "retry-after": "600" }, body: "error code: 1015" },
      means: { outcome: "retried", after: 600_000, scope: "address" }
    },
    {
      name: "429 of the address, by Cloudflare, which names none",
      answer: { status: 429, headers: { "content-type": "text/html" }, body: "<html>error code: 1015</html>" },
      means: { outcome: "retried", after: 600_000, scope: "address" }
    },
    {
      name: "429 of the address, by Cloudflare, in a text that came through a proxy",
      answer: { status: 429, headers: { via: "1.1 relay" }, body: "error code: 1015" },
      means: { outcome: "retried", after: 600_000, scope: "address" }
    },
    {
      name: "429 of the address, by Cloudflare, in JSON without a time",
      answer: { status: 429, body: blocked },
      means: { outcome: "retried", after: 600_000, scope: "address" }
    },
    {
      name: "404 of a webhook that is not there",
      answer: { status: 404, body: { message: "Unknown Webhook", code: 10015 } },
      means: { outcome: "retired" }
    },
    {
      name: "404 of a thread that is not there",
      answer: { status: 404, body: { message: "Unknown Channel", code: 10003 } },
      means: { outcome: "refused" }
    },
    {
      name: "404 of a message that is not there",
      answer: { status: 404, body: { message: "Unknown Message", code: 10008 } },
      means: { outcome: "refused" }
    },
    {
      name: "401 of a token that is not valid",
      answer: { status: 401, body: { message: "Invalid Webhook Token", code: 50027 } },
      means: { outcome: "retired" }
    },
    {
      name: "400 of a field",
      answer: {
        status: 400,
        body: form({
          embeds: {
            0: { fields: { 0: { value: { _errors: [{ code: "BASE_TYPE_REQUIRED", message: "Required" }] } } } }
          }
        })
      },
      means: { outcome: "refused", issues: [["embeds[0].fields[0].value", "BASE_TYPE_REQUIRED"]] }
    },
    {
      name: "400 of the whole",
      answer: {
        status: 400,
        body: form({ _errors: [{ code: "APPLICATION_COMMAND_TOO_LARGE", message: "Too large" }] })
      },
      means: { outcome: "refused", issues: [["", "APPLICATION_COMMAND_TOO_LARGE"]] }
    },
    {
      name: "400 of an object",
      answer: {
        status: 400,
        body: form({
          allowed_mentions: { _errors: [{ code: "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message: "Exclusive" }] }
        })
      },
      means: { outcome: "refused", issues: [["allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE"]] }
    },
    {
      name: "413",
      answer: { status: 413, body: { message: "Request entity too large", code: 40005 } },
      means: { outcome: "refused" }
    },
    {
      name: "403 of a User-Agent",
      answer: { status: 403, body: { message: "internal network error", code: 40333 } },
      means: { outcome: "refused" }
    },
    {
      name: "500",
      answer: { status: 500, body: { message: "500: Internal Server Error", code: 0 } },
      means: { outcome: "retried a few times" }
    }
  ]

  for (const { answer, means, name } of rows) {
    it.effect(`${name}: ${means.outcome}`, () =>
      Effect.gen(function*() {
        const retries = means.outcome === "retried"
        const { layer, sent } = yield* scripted((_, index) => retries && index > 0 ? reply() : reply(answer))
        const webhook = yield* layer({ urls: pasted(hook), deadline: "1 hour" })
        const end = yield* drive(ended(webhook.send("x")))
        const times = (yield* sent).map(({ at }) => at)
        switch (means.outcome) {
          case "delivered": {
            assert.isTrue(end.result.ok)
            assert.deepStrictEqual(times, [0])
            return
          }
          case "retried": {
            assert.isTrue(end.result.ok, `${end.result}`)
            assert.deepStrictEqual(times, [0, means.after])
            const reason = end.result.history[0]!.reason
            assert(reason?._tag === "RateLimited", reason?.message)
            assert.deepStrictEqual(limitedFor({ reason }), { scope: means.scope, millis: means.after })
            return
          }
          case "retried a few times": {
            const { result } = failed(end, "ServerError")
            assert.strictEqual(result.attempts, 4)
            assert.strictEqual(result.delivered, "maybe")
            assert.isTrue(times.every((at, n) => n === 0 || at > times[n - 1]!))
            return
          }
          case "retired": {
            failed(end, "EndpointGone")
            failed(yield* ended(webhook.send("x")), "NoUrlAvailable")
            assert.lengthOf(yield* sent, 1)
            return
          }
          case "refused": {
            const { result } = failed(end, "Rejected")
            const error = DiscordError.fromResult(result)
            assert.strictEqual(error?.code, (answer.body as { readonly code: number }).code)
            const issues = error?.issues.map(({ code, path }) => [path, code] as const)
            assert.deepStrictEqual(issues, [...means.issues ?? []])
            failed(yield* ended(webhook.send("x")), "Rejected")
            assert.lengthOf(yield* sent, 2)
          }
        }
      }))
  }

  it.effect("a 429 of Discord's own without a time is tried again by the backoff", () =>
    Effect.gen(function*() {
      const limited = reply({ status: 429, headers: { via: "1.1 google" }, body: { message: "Slow down", code: 0 } })
      const { layer, sent } = yield* scripted((_, index) => index === 0 ? limited : reply())
      const webhook = yield* layer({ urls: [pasted(hook), pasted(second)] })
      assert.isTrue((yield* drive(webhook.send("x"), "1 minute")).ok)
      assert.isAtMost((yield* sent)[1]!.at, 1000)
    }))

  it.effect("a limit that outlasts the deadline ends the send at once, with the time it names", () =>
    Effect.gen(function*() {
      for (const { answer, means } of rows) {
        if (means.outcome !== "retried") continue
        const { layer } = yield* scripted(reply({ ...answer, delay: 20 }))
        const webhook = yield* layer({ urls: pasted(hook), deadline: "1 second" })
        const started = yield* Clock.currentTimeMillis
        const { at, result } = yield* drive(ended(webhook.send("x")), "1 second")
        assert.strictEqual(at - started, 20)
        const { reason } = failed({ result }, "RateLimited")
        assert.deepStrictEqual(limitedFor({ reason }), { scope: means.scope, millis: means.after })
        assert.strictEqual(result.attempts, 1)
      }
    }))

  it.effect("milliseconds are no unit that is met: an old version in a URL is not asked", () =>
    Effect.gen(function*() {
      const { layer, sent } = yield* scripted(reply())
      for (const version of ["", "/v6", "/v7"]) {
        const webhook = yield* layer({ urls: pasted(hook).replace("/api", `/api${version}`) })
        assert.isTrue((yield* webhook.send("x")).ok)
      }
      const url = pasted(hook).replace("/api", "/api/v10")
      assert.deepStrictEqual((yield* sent).map((one) => Redacted.value(one.url)), [url, url, url])
    }))
})

describe("a limit of the address", () => {
  const limits: ReadonlyArray<readonly [name: string, answer: TestTransport.Answer, millis: number]> = [
    [
      "Discord's",
      reply({
        status: 429,
        headers: { "X-RateLimit-Global": "true", "X-RateLimit-Scope": "global" },
        body: { message: "You are being rate limited.", retry_after: 40, global: true },
        delay: 20
      }),
      40_000
    ],
    [
      "Cloudflare's, with a time",
      reply({ status: 429, headers: { "Retry-After": "40" }, body: "error code: 1015", delay: 20 }),
      40_000
    ],
    ["Cloudflare's, without a time", reply({ status: 429, body: "error code: 1015", delay: 20 }), 600_000],
    [
      "Cloudflare's, in JSON",
      reply({ status: 429, body: { code: 0, message: "You are being blocked from accessing our API" }, delay: 20 }),
      600_000
    ]
  ]

  it.effect.each(limits)(
    "%s, holds back every webhook of every layer, and nobody else",
    ([_, limit, millis]) =>
      Effect.gen(function*() {
        const { layer, sent } = yield* scripted((_, index) => index === 0 ? limit : reply({ delay: 20 }))
        const one = yield* layer({ urls: pasted(hook), deadline: "1 hour" })
        const other = yield* layer({ urls: pasted(second), deadline: "1 hour" })
        const relayed = yield* layer({ urls: pasted(hook), baseUrl: "https://relay.example/api" })
        const later = (send: Effect.Effect<WebhookResult.WebhookResult>) => Effect.delay(ended(send), 1000)
        const [met, mine, theirs, elsewhere] = yield* drive(Effect.all([
          ended(one.send("met it")),
          later(one.send("mine", { url: pasted(third) })),
          later(other.send("theirs")),
          later(relayed.send("elsewhere"))
        ], { concurrency: "unbounded" }))
        assert.isTrue([met, mine, theirs, elsewhere].every(({ result }) => result.ok))
        assert.strictEqual(met.result.attempts, 2)
        assert.strictEqual(mine.result.attempts, 1)
        assert.strictEqual(theirs.result.attempts, 1)
        // Nothing goes to Discord before its time, and then one goes first.
        const opens = 20 + millis
        assert.deepStrictEqual((yield* sent).map(({ at }) => at), [0, 1000, opens, opens + 20, opens + 20])
        assert.strictEqual(elsewhere.at, 1020)
      })
  )

  it.effect("without a time ends those at once whose deadline is sooner than ten minutes, without an attempt", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord([hook, second])
      const { layer } = yield* scripted(inTestTime(discord))
      const one = yield* layer({ urls: pasted(hook) })
      const other = yield* layer({ urls: pasted(second) })
      discord.block("direct", { kind: "blocked" })
      const met = yield* drive(ended(one.send("x")), "1 second")
      assert.strictEqual(met.at, 20)
      const { reason, result } = failed(met, "RateLimited")
      assert.deepStrictEqual(limitedFor({ reason }), { scope: "address", millis: 600_000 })
      assert.strictEqual(result.delivered, "no")
      discord.block("direct", undefined)
      // Four minutes are within the deadline, and six are not.
      for (const minutes of [0, 1, 2, 3, 4]) {
        yield* TestClock.setTime(minutes * 60_000 + 1000)
        for (const webhook of [one, other]) {
          const { at, result } = yield* drive(ended(webhook.send("x")), 0)
          assert.strictEqual(at, minutes * 60_000 + 1000)
          assert.strictEqual(failed({ result }, "DeadlineExceeded").reason.during, "pace")
          assert.strictEqual(result.attempts, 0)
        }
      }
      assert.lengthOf(discord.arrivals, 1)
      yield* TestClock.setTime(6 * 60_000)
      const waiting = yield* drive(many(8, (n) => (n % 2 === 0 ? one : other).send(`${n}`)))
      assert.isTrue(waiting.every(({ result }) => result.ok && result.attempts === 1))
      const times = discord.arrivals.slice(1).map(({ at }) => at)
      assert.strictEqual(times[0], 600_020)
      assert.strictEqual(times[1], 600_040)
    }))

  it.effect("does not shorten a webhook's own", () =>
    Effect.gen(function*() {
      const limited = reply({ status: 429, headers: { "X-RateLimit-Scope": "user" }, body: { retry_after: 90 } })
      const { layer, sent } = yield* scripted((_, index) => index === 0 ? limited : reply())
      const webhook = yield* layer({
        urls: [pasted(hook), pasted(second)],
        classify: ({ status }) => status === 429 ? { pause: "1 minute" } : undefined
      })
      const to = (hook: Hook) => webhook.send("x", { url: pasted(hook) })
      yield* drive(
        Effect.all([to(hook), Effect.delay(to(hook), 10), Effect.delay(to(second), 10)], { concurrency: "unbounded" })
      )
      const times = (yield* sent).map(({ at, url }) => [at, Redacted.value(url).includes(hook.id)])
      assert.deepStrictEqual(times, [[0, true], [60_000, false], [90_000, true], [90_000, true]])
    }))

  it.effect("is met again by the one that goes first, and by no other", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord(hooks(3))
      const { layer } = yield* scripted(inTestTime(discord))
      const webhook = yield* layer({ urls: hooks(3).map((hook) => pasted(hook)), deadline: "1 hour" })
      discord.block("direct", { kind: "1015", retryAfter: 60 })
      const sending = yield* Effect.forkChild(webhook.send("first"))
      yield* TestClock.adjust("1 second")
      const waiting = yield* Effect.forkChild(many(30, (n) => webhook.send(`${n}`)))
      yield* TestClock.adjust("150 seconds")
      assert.deepStrictEqual(discord.arrivals.map(({ at }) => at), [0, 60_020, 120_040])
      discord.block("direct", undefined)
      yield* TestClock.adjust("1 hour")
      assert.isTrue((yield* Fiber.join(sending)).ok)
      const ends = yield* Fiber.join(waiting)
      assert.isTrue(ends.every(({ result }) => result.ok))
      assert.deepStrictEqual(verdicts(discord.arrivals), { cloudflare: 3, taken: 31 })
    }))

  it.effect("is left to others by a send that is interrupted while it waits", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord(hooks(3))
      const { layer } = yield* scripted(inTestTime(discord))
      const webhook = yield* layer({ urls: hooks(3).map((hook) => pasted(hook)), deadline: "1 hour", maxPerOrigin: 2 })
      discord.block("direct", { kind: "1015", retryAfter: 60 })
      const first = yield* Effect.forkChild(webhook.send("first"))
      yield* TestClock.adjust("1 second")
      discord.block("direct", undefined)
      const sendings = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, n) => n),
        (n) => Effect.forkChild(ended(webhook.send(`${n}`)))
      )
      yield* TestClock.adjust("1 second")
      const odd = sendings.filter((_, n) => n % 2 === 1)
      // Some while they wait for the way, and one while it goes first on it.
      yield* Fiber.interruptAll(odd)
      yield* Fiber.interrupt(first)
      yield* TestClock.setTime(60_030)
      assert.lengthOf(discord.arrivals, 2)
      yield* Fiber.interrupt(sendings[0]!)
      yield* TestClock.adjust("10 seconds")
      const ends = yield* Effect.forEach(sendings.filter((_, n) => n % 2 === 0 && n > 0), (fiber) => Fiber.join(fiber))
      assert.isTrue(ends.every(({ at, result }) => result.ok && at < 61_000), `${ends.map(({ at }) => at)}`)
      // Nor is a webhook kept by one that was interrupted on its way to it.
      const after = yield* drive(
        Effect.forEach(hooks(3), (hook) => ended(webhook.send("after", { url: pasted(hook) }))),
        "5 seconds"
      )
      assert.isTrue(after.every(({ at, result }) => result.ok && at < 73_000))
    }))
})

describe("the limit of an address that nothing foretells", () => {
  it.effect("is met by those that are under way, and does not stop the others for long", () =>
    Effect.gen(function*() {
      const all = hooks(120)
      const discord = new FakeDiscord(all)
      const webhook = yield* open(discord, { urls: all.map((hook) => pasted(hook)) })
      const ends = yield* drive(many(240, (n) => webhook.send(`${n}`)), "1 minute")
      assert.isTrue(ends.every(({ result }) => result.ok))
      const { global, taken, ...others } = verdicts(discord.arrivals)
      assert.deepStrictEqual(others, {})
      assert.strictEqual(taken, 240)
      // 50 go in a second: of the first wave of 120, and then of the doublings.
      assert.isAtMost(global!, 180)
      assert.isAtMost(Math.max(...ends.map(({ at }) => at)), 6000)
    }))
})

describe("a limit of the address, by proxies", () => {
  const proxies = ["a:1", "b:2", "c:3"]

  // A layer by proxies, which are used in turn.
  const behind = Effect.fnUntraced(function*(discord: FakeDiscord, options: DiscordWebhook.Options) {
    const layer = over(yield* Layer.build(byProxies(discord, proxies)))
    return yield* layer(options)
  })

  const by = (arrivals: ReadonlyArray<Arrival>) => arrivals.map(({ address, at }) => [address, at])

  it.effect("holds back what goes by the same proxy, and the others go on by theirs", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord(hooks(6))
      const webhook = yield* behind(discord, { urls: hooks(6).map((hook) => pasted(hook)), deadline: "1 hour" })
      discord.block("a:1", { kind: "1015", retryAfter: 60 })
      const met = yield* drive(ended(webhook.send("met it")), "1 second")
      assert.isTrue(met.result.ok)
      assert.deepStrictEqual(by(discord.arrivals), [["a:1", 0], ["b:2", 20]])
      const ends = yield* drive(Effect.forEach([1, 2, 3, 4, 5, 6], (n) => ended(webhook.send(`${n}`))), "10 seconds")
      assert.isTrue(ends.every(({ at, result }) => result.ok && result.attempts === 1 && at < 5000))
      const used = new Set(discord.arrivals.slice(2).map(({ address }) => address))
      assert.deepStrictEqual([...used].toSorted(), ["b:2", "c:3"])
      discord.block("a:1", undefined)
      yield* TestClock.adjust("1 minute")
      yield* drive(many(6, (n) => webhook.send(`${n}`)), "10 seconds")
      assert.include(discord.arrivals.slice(-6).map(({ address }) => address), "a:1")
    }))

  it.effect("is waited out where no proxy is left, and the first to open is the one that is used", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord(hooks(6))
      const webhook = yield* behind(discord, { urls: hooks(6).map((hook) => pasted(hook)), deadline: "1 hour" })
      discord.block("a:1", { kind: "1015", retryAfter: 90 })
      discord.block("b:2", { kind: "1015", retryAfter: 30 })
      discord.block("c:3", { kind: "blocked" })
      const meeting = yield* Effect.forkChild(many(3, (n) => webhook.send(`met ${n}`)))
      yield* TestClock.adjust("1 second")
      for (const proxy of proxies) discord.block(proxy, undefined)
      const ends = yield* drive(many(10, (n) => webhook.send(`${n}`)), "20 minutes")
      assert.isTrue((yield* Fiber.join(meeting)).every(({ result }) => result.ok))
      assert.isTrue(ends.every(({ at, result }) => result.ok && result.attempts === 1 && at >= 30_000 && at < 60_000))
      const later = discord.arrivals.filter(({ at }) => at > 1000)
      assert.strictEqual(later[0]?.address, "b:2")
      assert.approximately(later[0]!.at, 30_030, 30)
      const since = (proxy: string) => later.find(({ address }) => address === proxy)?.at
      assert.isAtLeast(since("a:1") ?? Infinity, 90_020)
      assert.isAtLeast(since("c:3") ?? Infinity, 600_020)
    }))

  it.effect("ends those at once for whom no proxy opens in time", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord(hooks(3))
      const webhook = yield* behind(discord, { urls: hooks(3).map((hook) => pasted(hook)) })
      for (const proxy of proxies) discord.block(proxy, { kind: "blocked" })
      const met = yield* drive(many(3, () => webhook.send("x")), "1 second")
      for (const end of met) assert.strictEqual(failed(end, "RateLimited").reason.scope, "address")
      const known = discord.arrivals.length
      const ends = yield* drive(many(5, () => webhook.send("x")), 0)
      for (const end of ends) assert.strictEqual(failed(end, "DeadlineExceeded").result.attempts, 0)
      assert.lengthOf(discord.arrivals, known)
    }))
})

/** What is logged, line by line. */
const captured = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    lines.push(`${logLevel}: ${String(message)}`)
  })
  return { lines, layer: Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, "All")) }
}

const counted = Effect.map(
  Metric.snapshot,
  (metrics) => metrics.flatMap(({ id, state }) => id === "webhook.discord.invalid_requests" ? [state] : [])
).pipe(Effect.map(([state]) => (state as { readonly count?: number } | undefined)?.count))

describe("requests that Discord counts as invalid", () => {
  /** What a layer is told, in the order in which it is. */
  const told = () => {
    const events: Array<string> = []
    const onInvalidRequests = ({ count, proxy, window }: DiscordWebhook.InvalidRequests) =>
      Effect.sync(() => events.push(`${count} in ${Duration.toMinutes(window)} minutes, by ${String(proxy)}`))
    return { events, onInvalidRequests }
  }

  // A browser's name, which Discord refuses: 403.
  const invalid = (webhook: Service) => webhook.send("x", { headers: { "user-agent": "Mozilla/5.0" } })

  it.effect("are 401, 403 and 429, but not those of a limit that others share", () =>
    Effect.gen(function*() {
      const { events, onInvalidRequests } = told()
      // It answers what a message asks it to.
      const { layer } = yield* scripted(({ body }) => {
        const [status, scope = ""] = JSON.parse(body).content.split(" ")
        const headers = { "X-RateLimit-Scope": scope }
        return reply({ status: Number(status), headers, body: { retry_after: 0.001 }, delay: 20 })
      })
      const webhook = yield* layer({ urls: pasted(hook), maxRetries: 0, onInvalidRequests })
      const send = (count: number, content: string) => drive(many(count, () => webhook.send(content)), "30 seconds")
      for (const other of ["429 shared", "429 Shared", "400", "404", "500", "200"]) yield* send(10, other)
      yield* send(400, "401")
      yield* send(400, "403")
      yield* send(199, "429 user")
      assert.deepStrictEqual(events, [])
      assert.strictEqual(yield* counted, 999)
      yield* send(1, "403")
      assert.deepStrictEqual(events, ["1000 in 10 minutes, by undefined"])
      yield* send(999, "403")
      assert.lengthOf(events, 1)
      yield* send(1, "403")
      assert.deepStrictEqual(events, ["1000 in 10 minutes, by undefined", "2000 in 10 minutes, by undefined"])
      assert.strictEqual(yield* counted, 2000)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("are waited for by nobody when they are told, and what goes wrong then is ignored", () =>
    Effect.gen(function*() {
      const ways: Array<DiscordWebhook.Options["onInvalidRequests"]> = [
        () => Effect.never,
        () => Effect.fail("no"),
        () => Effect.die("no"),
        () => {
          throw new Error("no")
        },
        undefined
      ]
      for (const onInvalidRequests of ways) {
        const { layer } = yield* scripted(reply({ status: 403 }))
        const webhook = yield* layer({ urls: pasted(hook), onInvalidRequests })
        const ends = yield* drive(many(1001, () => webhook.send("x")), "1 second")
        for (const end of ends) assert.strictEqual(failed(end, "Rejected").reason.status, 403)
      }
    }))

  it.effect("are those of the last ten minutes", () =>
    Effect.gen(function*() {
      const after = Effect.fnUntraced(function*(duration: Duration.Input) {
        const { events, onInvalidRequests } = told()
        const { layer } = yield* scripted(reply({ status: 403 }))
        const webhook = yield* layer({ urls: pasted(hook), onInvalidRequests })
        // Shortly before a minute ends.
        const now = yield* Clock.currentTimeMillis
        yield* TestClock.adjust(Duration.millis((119_000 - now % 60_000) % 60_000))
        yield* drive(many(999, () => webhook.send("x")), 0)
        yield* TestClock.adjust(duration)
        yield* drive(webhook.send("x"), 0)
        return events.length
      })
      assert.strictEqual(yield* after("599 seconds"), 1)
      assert.strictEqual(yield* after("11 minutes"), 0)
    }))

  it.effect("are counted for each way, which is told without a secret, and are not logged", () =>
    Effect.gen(function*() {
      const log = captured()
      const { events, onInvalidRequests } = told()
      const discord = new FakeDiscord(hooks(2))
      const layer = over(yield* Layer.build(byProxies(discord, ["a:1:user:canary", "b:2"])))
      const webhook = yield* layer({ urls: hooks(2).map((hook) => pasted(hook)), onInvalidRequests }).pipe(
        Effect.provide(log.layer)
      )
      yield* drive(many(1900, () => invalid(webhook)), "1 minute")
      assert.deepStrictEqual([discord.mostInvalid("a:1"), discord.mostInvalid("b:2")], [950, 950])
      assert.deepStrictEqual(events, [])
      yield* drive(many(200, () => invalid(webhook)), "1 minute")
      assert.deepStrictEqual(events.toSorted(), [
        "1000 in 10 minutes, by <redacted:a:1>",
        "1000 in 10 minutes, by <redacted:b:2>"
      ])
      assert.deepStrictEqual(log.lines, [])
    }))

  it.effect("never come to a ban: from 9,000 on there is one a minute, of all layers together, until they are old", () =>
    Effect.gen(function*() {
      const log = captured()
      const discord = new FakeDiscord(hooks(2))
      const { layer } = yield* scripted(inTestTime(discord))
      const { events, onInvalidRequests } = told()
      const options = { deadline: "3 hours", onInvalidRequests } as const
      const one = yield* layer({ urls: pasted(hook), ...options }).pipe(Effect.provide(log.layer))
      const other = yield* layer({ urls: pasted(second), ...options }).pipe(Effect.provide(log.layer))
      const ends = yield* drive(many(11_000, (n) => invalid(n % 2 === 0 ? one : other)), "4 hours")
      for (const end of ends) assert.strictEqual(failed(end, "Rejected").reason.status, 403)
      assert.deepStrictEqual(verdicts(discord.arrivals), { refused: 11_000 })
      // Those over 9,000 were under way already.
      const most = discord.mostInvalid("direct")
      assert.isAtLeast(most, 9_000)
      assert.isAtMost(most, 9_000 + 2 * 128 + 10)
      const spaced = discord.arrivals.map(({ at }) => at).filter((at) => at > 10_000 && at < 600_000)
      assert.isAtLeast(spaced.length, 8)
      for (const [n, at] of spaced.entries()) assert.isAtLeast(at - (spaced[n - 1] ?? 0), 60_000)
      assert.isAtMost(Math.max(...ends.map(({ at }) => at)), 12 * 60_000)
      assert.deepStrictEqual(
        events.slice(0, 9),
        Array.from({ length: 9 }, (_, n) => `${(n + 1) * 1000} in 10 minutes, by undefined`)
      )
      assert.isFalse(log.lines.some((line) => /^(?:Info|Warn|Error|Fatal)/.test(line)))
      assert.isFalse(log.lines.some((line) => line.includes("canary")))
    }))
})
