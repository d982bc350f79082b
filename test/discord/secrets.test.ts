import { assert, describe, it } from "@effect/vitest"
import { Cause, Console, Context, Effect, Exit, Fiber, Layer, Logger, References } from "effect"
import { DiscordError, DiscordWebhook } from "effect-webhooks/discord"
import { NodeDiscordWebhook } from "effect-webhooks/node"
import { TestTransport } from "effect-webhooks/testing"
import { TestClock } from "effect/testing"
import { format, inspect } from "node:util"
import { FakeDiscord, type Hook, inTestTime } from "./fakeDiscord.ts"

const { hang, refuse, reply, reset } = TestTransport

const token = "canarytoken"
const payload = "canarypayload"
const answer = "canaryanswer"

const hook: Hook = { id: "1001", token, channel: "500", threads: ["701"] }

const url = `https://discord.com/api/webhooks/${hook.id}/${hook.token}`

const json = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? "undefined"
  } catch (error) {
    return String(error)
  }
}

/** What a program, or a person with a debugger, may print. */
const print = (value: unknown): ReadonlyArray<string> => [
  String(value),
  json(value),
  inspect(value, { depth: 10, showHidden: true, getters: true }),
  inspect(value, { depth: 10, showHidden: true, customInspect: false }),
  format("%s %o %O", value, value, value),
  ...(value instanceof Error ? [value.message, String(value.stack)] : [])
]

/** Runs a program with every log level on, and gives all that can be seen of it. */
const watch = Effect.fnUntraced(function*<A>(program: Effect.Effect<A, unknown>, clock: Effect.Effect<void>) {
  const seen: Array<string> = []
  const into = (logger: Logger.Logger<unknown, unknown>) =>
    Logger.map(logger, (output) => {
      seen.push(...(typeof output === "string" ? [output] : print(output)))
    })
  const console = new Proxy(globalThis.console, {
    get: () => (...args: Array<unknown>) => {
      seen.push(format(...args), inspect(args, { depth: 10, showHidden: true }))
    }
  })
  const running = yield* program.pipe(
    Effect.tapError((error) => Effect.logError("it failed", error)),
    Effect.tapCause((cause) => Effect.logError("it failed", cause)),
    Effect.provideService(References.MinimumLogLevel, "All"),
    Effect.provide(Logger.layer([
      into(Logger.formatSimple),
      into(Logger.formatLogFmt),
      into(Logger.formatStructured),
      into(Logger.formatJson),
      Logger.consolePretty({ colors: false, mode: "tty" })
    ])),
    Effect.provideService(Console.Console, console),
    Effect.exit,
    Effect.forkChild
  )
  yield* clock
  const exit = yield* Fiber.join(running)
  seen.push(...print(exit))
  if (Exit.isSuccess(exit)) seen.push(...print(exit.value))
  else seen.push(...print(exit.cause), Cause.pretty(exit.cause), ...Cause.prettyErrors(exit.cause).flatMap(print))
  return { exit, seen }
})

// The first thing that shows a word that it must not: one is enough to look for it.
const leak = (seen: ReadonlyArray<string>, words: RegExp): string | undefined => {
  const text = seen.find((text) => words.test(text))
  if (text === undefined) return undefined
  const at = text.search(words)
  return text.slice(Math.max(0, at - 80), at + 40)
}

const secrets = /canary/i

type Service = DiscordWebhook.DiscordWebhook["Service"]

interface Case {
  readonly script?: TestTransport.Script
  readonly options?: DiscordWebhook.Options
  readonly run?: (webhook: Service) => Effect.Effect<unknown, unknown>
  /** What must come of it, so that a case shows what it says. */
  readonly tag: string
}

const limited = (headers: Record<string, string>, body: object | string) =>
  reply({ status: 429, headers: { "retry-after": "1000", "x-secret": answer, ...headers }, body })

const refused = (status: number, code: number) =>
  reply({ status, body: { code, message: answer, errors: { [answer]: [answer] } } })

const thrown = () => {
  throw new Error(payload)
}

const invalid = {
  content: payload.repeat(200),
  username: `discord ${payload}`,
  avatar_url: payload,
  tts: payload as never,
  embeds: [{ title: payload.repeat(200), url: payload, [payload]: payload }, { toJSON: thrown }],
  allowed_mentions: { parse: [payload] as never },
  components: [{ type: 1, components: [{ type: 2, style: 5, label: payload, url: payload }] }] as never,
  poll: { question: { text: "" }, answers: [{ poll_media: { text: payload.repeat(10) } }] },
  thread_name: payload.repeat(100)
}

const cases: Record<string, Case> = {
  "a delivery": { tag: "Delivered" },
  "a delivery after failures": {
    script: [reset, refused(500, 0), limited({ "retry-after": "1" }, { retry_after: 1, message: answer }), reply()],
    tag: "Delivered"
  },
  "a message that Discord takes and nobody wants": {
    run: (webhook) =>
      webhook.send(payload, {
        embeds: [
          { title: payload, url: `https://example.com/${payload}` },
          { title: payload, url: `https://example.com/${payload}` },
          { image: { url: `attachment://${payload}.txt` } }
        ],
        files: [{ name: `${payload}.txt`, data: payload, description: payload }]
      }),
    tag: "Delivered"
  },
  "an invalid message": { run: (webhook) => webhook.send(invalid), tag: "InvalidPayload" },
  "an invalid message that is posted": { run: (webhook) => webhook.post(invalid), tag: "InvalidPayload" },
  "an invalid edit": { run: (webhook) => webhook.edit({ id: "1" }, invalid), tag: "InvalidPayload" },
  "invalid files": {
    run: (webhook) =>
      webhook.send(payload, {
        files: [
          { name: "", data: payload },
          { name: payload.repeat(100), data: payload },
          { name: payload, data: { [payload]: payload } as never }
        ],
        embeds: [{ image: { url: `attachment://${payload}.png` } }]
      }),
    tag: "InvalidPayload"
  },
  "a message that throws when it is read": {
    run: (webhook) =>
      webhook.send({
        get content(): string {
          return thrown()
        }
      }),
    tag: "InvalidPayload"
  },
  "a thread that is no id": { run: (webhook) => webhook.send("x", { thread_id: token }), tag: "InvalidOptions" },
  "a message that is no id": { run: (webhook) => webhook.get({ id: token }), tag: "InvalidOptions" },
  "a message of nobody knows whom": {
    options: { urls: [url, url.replace("1001", "1002")] },
    run: (webhook) => webhook.delete({ id: "1" }),
    tag: "InvalidOptions"
  },
  "a URL that is none": { run: (webhook) => webhook.send("x", { url: `not a url ${token}` }), tag: "InvalidUrl" },
  "a URL of another host": {
    run: (webhook) => webhook.send("x", { url: `https://example.com/${token}` }),
    tag: "InvalidUrl"
  },
  "a URL of another path": {
    run: (webhook) => webhook.edit({ id: "1", url: `${url}/messages` }, "x"),
    tag: "InvalidUrl"
  },
  "a webhook that is gone": { script: refused(404, 10015), tag: "EndpointGone" },
  "a token that is not valid": { script: refused(401, 50027), tag: "EndpointGone" },
  "a webhook that was gone before": {
    script: refused(404, 10015),
    run: (webhook) => Effect.andThen(webhook.send("x"), webhook.send("x", { url })),
    tag: "EndpointGone"
  },
  "no webhook any more": {
    script: refused(404, 10015),
    run: (webhook) => Effect.andThen(webhook.send("x"), webhook.post("x")),
    tag: "NoUrlAvailable"
  },
  "a refusal": { script: refused(400, 50035), tag: "Rejected" },
  "a refused edit": {
    script: refused(404, 10008),
    run: (webhook) => webhook.edit({ id: "1", url }, payload),
    tag: "Rejected"
  },
  "a webhook's limit": {
    script: limited({ "x-ratelimit-scope": "user" }, { retry_after: 1000, message: answer }),
    tag: "RateLimited"
  },
  "a channel's limit": {
    script: limited({ "x-ratelimit-scope": "shared" }, { retry_after: 1000, message: answer }),
    tag: "RateLimited"
  },
  "the global limit": {
    script: limited({ "x-ratelimit-global": "true" }, { retry_after: 1000, global: true, message: answer }),
    tag: "RateLimited"
  },
  "Cloudflare's limit": { script: limited({}, `<html>error code: 1015 ${answer}</html>`), tag: "RateLimited" },
  "a send that waits for a way that does not open": {
    script: limited({}, answer),
    run: (webhook) => Effect.andThen(webhook.send("x"), webhook.post("x")),
    tag: "DeadlineExceeded"
  },
  "a server that fails": { script: refused(500, 0), tag: "ServerError" },
  "a connection that is lost": { script: reset, tag: "ConnectionError" },
  "a connection that is refused": {
    script: refuse,
    run: (webhook) => webhook.get({ id: "1", url }),
    tag: "ConnectionError"
  },
  "a timeout": { script: hang, options: { timeout: "1 second" }, tag: "Timeout" },
  "a deadline": { script: hang, options: { deadline: "1 second" }, tag: "DeadlineExceeded" },
  "a redirect": {
    script: reply({ status: 302, headers: { location: `https://example.com/${answer}` } }),
    tag: "Redirected"
  },
  "an answer that is no message": {
    script: reply({ body: { id: 5, content: answer } }),
    run: (webhook) => webhook.post(payload),
    tag: "InvalidResponse"
  },
  "a classify that throws": { options: { classify: thrown }, tag: "Unexpected" }
}

const tagOf = (exit: Exit.Exit<unknown, unknown>): string => {
  const value: any = Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause)
  return value.reason?._tag ?? value._tag
}

const build = (options: DiscordWebhook.Options, script: TestTransport.Script) =>
  Layer.build(DiscordWebhook.layerTransport({ urls: url, ...options }).pipe(Layer.provide(TestTransport.layer(script))))
    .pipe(
      Effect.map((context): Service => Context.get(context, DiscordWebhook.DiscordWebhook))
    )

const hours = TestClock.adjust("2 hours")

describe("no secret shows of", () => {
  it.effect.each(Object.entries(cases))("%s", ([, { options, run, script, tag }]) =>
    Effect.gen(function*() {
      const retired: Array<string> = []
      const program = Effect.gen(function*() {
        const onRetired: DiscordWebhook.Options["onRetired"] = (target) => {
          retired.push(...print(target))
          return Effect.logInfo("retired", target)
        }
        const webhook = yield* build({ onRetired, ...options }, script ?? reply())
        return yield* (run ?? ((webhook: Service) => webhook.send(payload)))(webhook)
      }).pipe(Effect.scoped)
      const { exit, seen } = yield* watch(program, hours)
      assert.strictEqual(tagOf(exit), tag)
      assert.isUndefined(leak([...seen, ...retired], secrets))
    }))

  it.effect("a message that was posted, but what is in it", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord([hook])
      const program = Effect.gen(function*() {
        // Reading a file is no matter of the clock, so neither are the answers.
        const webhook = yield* build({}, inTestTime(discord, 0))
        const message = yield* webhook.post(payload, { thread_id: "701", files: [{ name: "a.txt", data: payload }] })
        const edited = yield* webhook.edit(message, { content: payload })
        const read = yield* webhook.get(edited)
        yield* Effect.logInfo("posted", message, edited, read)
        return [message, edited, read]
      }).pipe(Effect.scoped)
      const { exit, seen } = yield* watch(program, hours)
      assert(Exit.isSuccess(exit))
      assert.lengthOf(exit.value, 3)
      assert.isUndefined(leak(seen, /canarytoken/i))
      assert.isDefined(leak(seen, /canarypayload/i))
    }))

  it.live("a send over real sockets", () =>
    Effect.gen(function*() {
      const options = { baseUrl: "http://127.0.0.1:1/api", urls: url, maxRetries: 1, username: payload }
      const program = DiscordWebhook.post(payload, { files: [{ name: payload, data: payload }] }).pipe(
        Effect.provide(NodeDiscordWebhook.layer(options))
      )
      const { exit, seen } = yield* watch(program, Effect.void)
      assert.strictEqual(tagOf(exit), "ConnectionError")
      assert.isUndefined(leak(seen, secrets))
    }))

  it.effect("what Discord says is wrong, but what it said", () =>
    Effect.gen(function*() {
      const webhook = yield* build({}, refused(400, 50035))
      const error = DiscordError.fromResult(yield* webhook.send(payload))
      assert.include(error?.message, answer)
      assert.isUndefined(leak(print(error), /canarytoken|canarypayload/i))
    }))
})

describe("the watch", () => {
  it.effect("sees a secret wherever it is shown", () =>
    Effect.gen(function*() {
      for (
        const program of [
          Effect.succeed({ token }),
          Effect.fail({ token }),
          Effect.die(token),
          Effect.logDebug(token),
          Effect.logWarning("with", { token })
        ]
      ) {
        const { seen } = yield* watch(program, Effect.void)
        assert.isDefined(leak(seen, secrets))
      }
    }))
})
