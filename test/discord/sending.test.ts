import { assert, describe, it, vi } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Layer, Redacted } from "effect"
import { RetryPolicy, WebhookError, type WebhookResult } from "effect-webhooks"
import { type Component, DiscordError, DiscordWebhook, Embed, Message } from "effect-webhooks/discord"
import { NodeDiscordWebhook, TestReceiver } from "effect-webhooks/node"
import { FakeDiscord, type Hook, type Limits, onSocket } from "./fakeDiscord.ts"

// The machine may be busy: what is bounded below is bounded by itself.
vi.setConfig({ testTimeout: 30_000 })

const hook: Hook = { id: "1001", token: "first-token_1", channel: "500", threads: ["701", "702"] }
const second: Hook = { id: "1002", token: "second-token_2", channel: "501", threads: ["711"] }
const forum: Hook = { id: "1003", token: "third-token_3", channel: "502", forum: true }

const pasted = ({ id, token }: Hook, query = "") => `https://discord.com/api/webhooks/${id}/${token}${query}`

interface Given extends Omit<NodeDiscordWebhook.Options, "urls"> {
  readonly hooks?: ReadonlyArray<Hook>
  /** Those of `hooks`, if nothing is said. */
  readonly urls?: NodeDiscordWebhook.Options["urls"]
  readonly limits?: Partial<Limits>
  /** Whether the layer has the hooks' URLs. */
  readonly pool?: boolean
  readonly fault?: Parameters<typeof onSocket>[1]
}

// So many requests that no test waits for its turn.
const roomy: Partial<Limits> = {
  bucket: { requests: 1000, millis: 2000 },
  channel: { requests: 1000, millis: 60_000 },
  global: { requests: 1000, millis: 1000 }
}

// A layer over real sockets, and the Discord that it sends to.
const open = Effect.fnUntraced(function*({ fault, hooks = [hook], limits, pool = true, ...options }: Given = {}) {
  const discord = new FakeDiscord(hooks, { ...roomy, ...limits })
  const receiver = yield* TestReceiver.make(onSocket(discord, fault))
  const context = yield* Layer.build(NodeDiscordWebhook.layer({
    ...(pool ? { urls: hooks.map((hook) => pasted(hook)) } : {}),
    baseUrl: `${receiver.url}/api/v10`,
    retry: RetryPolicy.backoff({ base: 1, max: 2 }),
    ...options
  }))
  return { discord, receiver, webhook: Context.get(context, DiscordWebhook.DiscordWebhook), context }
})

const delivered = (result: WebhookResult.WebhookResult): WebhookResult.Delivered => {
  assert(result.ok, `expected a delivery, got ${result}`)
  return result
}

const failed = <Tag extends WebhookError.WebhookErrorReason["_tag"]>(
  result: WebhookResult.WebhookResult,
  tag: Tag
): { readonly result: WebhookResult.Failed; readonly reason: WebhookError.WebhookErrorReason & { _tag: Tag } } => {
  assert(!result.ok, `expected a failure, got ${result}`)
  return { result, reason: reasonIs(result.reason, tag) }
}

const reasonIs = <Tag extends WebhookError.WebhookErrorReason["_tag"]>(
  reason: WebhookError.WebhookErrorReason,
  tag: Tag
): WebhookError.WebhookErrorReason & { _tag: Tag } => {
  assert.strictEqual(reason._tag, tag, reason.message)
  return reason as WebhookError.WebhookErrorReason & { _tag: Tag }
}

/** What an effect fails with, which must be a reason of this kind. */
const failure = <A, R, Tag extends WebhookError.WebhookErrorReason["_tag"]>(
  effect: Effect.Effect<A, WebhookError.WebhookError, R>,
  tag: Tag
) => Effect.map(Effect.flip(effect), ({ reason, result }) => ({ reason: reasonIs(reason, tag), result }))

const paths = ({ violations }: WebhookError.InvalidPayload) => violations.map(({ path }) => path)

const lastOf = (discord: FakeDiscord) => discord.arrivals.at(-1)!

const queryOf = (path: string) => Object.fromEntries(new URL(path, "http://discord").searchParams)

const link = { type: 2, style: 5, label: "Open", url: "https://example.com" } as const
const row: Component.ActionRow = { type: 1, components: [link] }
const poll = { question: { text: "Ship it?" }, answers: [{ poll_media: { text: "Yes" } }] }

describe("the headers of a layer", () => {
  it.live("may be fetch's, and leave the user agent that Discord wants", () =>
    Effect.gen(function*() {
      const { receiver, webhook } = yield* open({ headers: new Headers({ "x-team": "deploys" }) })
      delivered(yield* webhook.send("hello"))
      const [request] = yield* receiver.requests
      assert.match(request!.headers["user-agent"]!, /^DiscordBot \(/)
      assert.strictEqual(request!.headers["x-team"], "deploys")
    }))
})

describe("a message", () => {
  it.live("is a text, and Discord does not wait for it", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const result = delivered(yield* webhook.send("hello"))
      assert.strictEqual(result.status, 204)
      assert.strictEqual(result.attempts, 1)
      const { method, path, payload } = lastOf(discord)
      assert.strictEqual(method, "POST")
      assert.strictEqual(path, `/api/v10/webhooks/${hook.id}/${hook.token}`)
      assert.deepStrictEqual(payload, { content: "hello" })
      assert.deepStrictEqual(discord.posted.map(({ channel_id, content }) => [channel_id, content]), [["500", "hello"]])
    }))

  it.live("is Discord's own JSON, keys that are not known here included", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const message = {
        content: "hello @everyone",
        tts: true,
        embeds: [{ title: "t", fields: [{ name: "", value: "v", inline: true }], color: 0 }],
        allowed_mentions: { parse: [] },
        flags: Message.Flags.SuppressEmbeds | Message.Flags.SuppressNotifications,
        poll,
        something_new: { a: [1] }
      }
      delivered(yield* webhook.send(message))
      assert.deepStrictEqual(lastOf(discord).payload, message)
    }))

  it.live("takes the options of the send above its own keys, and leaves out what is undefined", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const message = { content: "theirs", tts: true, embeds: [{ title: "t" }], username: undefined }
      delivered(yield* webhook.send(message, { content: "mine", tts: undefined, avatar_url: undefined }))
      assert.deepStrictEqual(lastOf(discord).payload, { content: "mine", tts: true, embeds: [{ title: "t" }] })
    }))

  it.live("is from whom the layer says, unless it says itself", () =>
    Effect.gen(function*() {
      const avatar_url = "https://example.com/layer.png"
      const { discord, webhook } = yield* open({ username: "layer", avatar_url })
      const identities = Effect.map(
        Effect.all([
          webhook.send("x"),
          webhook.send({ content: "x", username: "message" }),
          webhook.send({ content: "x", username: "message" }, { username: "send" }),
          webhook.send("x", { username: null })
        ]),
        (results) => results.map(delivered)
      )
      yield* identities
      assert.deepStrictEqual(discord.arrivals.map(({ payload }) => [payload?.username, payload?.avatar_url]), [
        ["layer", avatar_url],
        ["message", avatar_url],
        ["send", avatar_url],
        [null, avatar_url]
      ])
    }))

  it.live("has embeds as Embed, as JSON and from builders", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const timestamp = new Date(1_700_000_000_000)
      delivered(
        yield* webhook.send("x", {
          embeds: [
            Embed.make({ title: "made", color: "#57f287", timestamp }),
            { title: "raw", color: "#57f287", timestamp },
            { toJSON: () => ({ title: "built", color: 0x57f287, timestamp: timestamp.toISOString() }) }
          ]
        })
      )
      const wire = (title: string) => ({ title, color: 0x57f287, timestamp: "2023-11-14T22:13:20.000Z" })
      assert.deepStrictEqual(lastOf(discord).payload, {
        content: "x",
        embeds: [wire("made"), wire("raw"), wire("built")]
      })
    }))

  it.live("may be a poll and nothing else", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      delivered(yield* webhook.send({ poll: { ...poll, duration: 48, allow_multiselect: true } }))
      assert.deepStrictEqual(discord.posted[0]!["poll"], { ...poll, duration: 48, allow_multiselect: true })
    }))

  it.live("names the library as Discord wants it", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      yield* webhook.send("x")
      assert.match(lastOf(discord).headers["user-agent"]!, /^DiscordBot \(https:\/\/\S+, \d+\.\d+\.\d+\)$/)
      const { reason, result } = failed(
        yield* webhook.send("x", { headers: { "User-Agent": "Mozilla/5.0" } }),
        "Rejected"
      )
      assert.strictEqual(reason.status, 403)
      assert.strictEqual(result.attempts, 1)
      assert.strictEqual(DiscordError.fromResult(result)?.code, 40333)
      delivered(yield* webhook.send("the webhook is well"))
    }))

  it.live("goes by the functions of the module too", () =>
    Effect.gen(function*() {
      const { context, discord } = yield* open()
      yield* Effect.gen(function*() {
        delivered(yield* DiscordWebhook.send("sent"))
        const message = yield* DiscordWebhook.post("posted")
        assert.strictEqual((yield* DiscordWebhook.edit(message, "edited")).content, "edited")
        assert.strictEqual((yield* DiscordWebhook.get(message)).content, "edited")
        yield* DiscordWebhook.delete(message)
      }).pipe(Effect.provideContext(context))
      assert.deepStrictEqual(discord.arrivals.map(({ method }) => method), ["POST", "POST", "PATCH", "GET", "DELETE"])
      assert.deepStrictEqual(discord.posted.map(({ content }) => content), ["sent"])
    }))
})

describe("a message that Discord would refuse", () => {
  const message = {
    content: "x".repeat(2001),
    username: "discord bot",
    embeds: [{ title: "t", footer: { text: "x".repeat(2049) } }, {}],
    tts: "yes" as never
  }
  const wrong = ["content", "username", "tts", "embeds[0].footer.text", "embeds[1]"]

  it.live("is told about with every violation and its path, and no request is made", () =>
    Effect.gen(function*() {
      const { discord, receiver, webhook } = yield* open()
      const { reason, result } = failed(yield* webhook.send(message), "InvalidPayload")
      assert.deepStrictEqual(paths(reason).toSorted(), wrong.toSorted())
      assert.strictEqual(result.attempts, 0)
      assert.strictEqual(result.delivered, "no")
      assert.isUndefined(DiscordError.fromResult(result))
      assert.lengthOf(discord.arrivals, 0)
      assert.strictEqual(yield* receiver.connections, 0)
    }))

  it.live("fails a post and an edit, typed", () =>
    Effect.gen(function*() {
      const { receiver, webhook } = yield* open()
      const posted = yield* failure(webhook.post(message), "InvalidPayload")
      assert.deepStrictEqual(paths(posted.reason).toSorted(), wrong.toSorted())
      assert.strictEqual(posted.result?.delivered, "no")
      const { tts: _, username: __, ...edit } = message
      const edited = yield* failure(webhook.edit({ id: "1" }, edit), "InvalidPayload")
      assert.deepStrictEqual(paths(edited.reason), ["content", "embeds[0].footer.text", "embeds[1]"])
      assert.strictEqual(yield* receiver.connections, 0)
    }))

  it.live("is told of together with its files", () =>
    Effect.gen(function*() {
      const { receiver, webhook } = yield* open({ maxFileBytes: 10 })
      const { reason } = failed(
        yield* webhook.send({ content: "x".repeat(2001) }, {
          files: [
            { name: "", data: "nameless" },
            { name: "large.txt", data: "more than ten bytes" },
            { name: "number.txt", data: 5 as never },
            { name: "described.txt", data: "", description: "d".repeat(1025) }
          ],
          embeds: [{ image: { url: "attachment://missing.png" } }]
        }),
        "InvalidPayload"
      )
      assert.deepStrictEqual(paths(reason).toSorted(), [
        "attachments[3].description",
        "content",
        "embeds[0].image.url",
        "files[0].name",
        "files[1]",
        "files[2].data"
      ])
      assert.strictEqual(yield* receiver.connections, 0)
    }))

  it.live.each([
    ["a number", 5],
    ["null", null],
    ["undefined", undefined],
    ["a symbol", Symbol("x")],
    ["a list", ["x"]],
    ["nothing to send", {}],
    ["whitespace", " \n"]
  ])("may be %s", ([, content]) =>
    Effect.gen(function*() {
      const { receiver, webhook } = yield* open()
      failed(yield* webhook.send(content as never), "InvalidPayload")
      yield* failure(webhook.post(content as never), "InvalidPayload")
      assert.strictEqual(yield* receiver.connections, 0)
    }))

  it.live("may throw when it is read", () =>
    Effect.gen(function*() {
      const { receiver, webhook } = yield* open()
      const thrower = {
        get content(): string {
          throw new Error("read")
        },
        get title(): string {
          throw new Error("read")
        }
      }
      failed(yield* webhook.send(thrower), "InvalidPayload")
      failed(yield* webhook.send("x", { embeds: [thrower] }), "InvalidPayload")
      yield* failure(webhook.post("x", thrower), "InvalidPayload")
      yield* failure(webhook.edit({ id: "1" }, thrower), "InvalidPayload")
      assert.strictEqual(yield* receiver.connections, 0)
    }))
})

describe("a key that is no option", () => {
  it.live("is refused beside the message, and named with the nearest", () =>
    Effect.gen(function*() {
      const { receiver, webhook } = yield* open()
      const ref = { id: "1" }
      const wrong = (key: string) => ({ [key]: "x" })
      const cases = [
        [webhook.send("x", wrong("usernme")), "usernme", "did you mean username?"],
        [webhook.send({ content: "x" }, wrong("threadId")), "threadId", "did you mean thread_id?"],
        [webhook.post("x", wrong("embed")), "embed", "did you mean embeds?"],
        [webhook.edit(ref, "x", wrong("file")), "file", "did you mean files?"],
        [webhook.edit(ref, "x", wrong("username")), "username", "there are content"],
        [webhook.edit(ref, "x", wrong("url")), "url", "there are content"],
        [webhook.delete(ref, wrong("timout")), "timout", "did you mean timeout?"],
        [webhook.get(ref, wrong("content")), "content", "there are id"]
      ] as const
      for (const [effect, option, says] of cases) {
        const exit = yield* Effect.exit<unknown, WebhookError.WebhookError, never>(effect)
        const reason = Exit.isSuccess(exit)
          ? failed(exit.value as WebhookResult.WebhookResult, "InvalidOptions").reason
          : reasonIs((Cause.squash(exit.cause) as WebhookError.WebhookError).reason, "InvalidOptions")
        assert.strictEqual(reason.option, option)
        assert.include(reason.detail, says)
      }
      assert.strictEqual(yield* receiver.connections, 0)
    }))

  it.live("stays possible in a message, and in what an edit changes", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const later = { content: "x", later: { a: 1 } }
      const message = yield* webhook.post(later)
      yield* webhook.edit(message, later)
      assert.deepStrictEqual(discord.arrivals.map(({ payload }) => payload as unknown), [later, later])
    }))
})

describe("a layer that cannot be built", () => {
  const secret = "secret-token"
  const buildFailure = Effect.fnUntraced(function*(options: DiscordWebhook.Options) {
    const exit = yield* Effect.exit(Effect.scoped(Layer.build(NodeDiscordWebhook.layer(options))))
    assert(Exit.isFailure(exit))
    const error = Cause.squash(exit.cause)
    assert(WebhookError.isWebhookError(error), String(error))
    assert.notInclude(Cause.pretty(exit.cause), secret)
    return error.reason
  })

  it.live.each([
    `https://example.com/api/webhooks/1/${secret}`,
    `https://discord.com/api/webhooks/${secret}`,
    `https://discord.com/api/webhooks/1/${secret}?thread_id=${secret}`,
    `discord.com/api/webhooks/1/${secret}`,
    new URL(`https://discord.com/api/users/${secret}`),
    Redacted.make(`https://evil.example/${secret}`)
  ])("names the URL that is wrong, and does not show it: %#", (url) =>
    Effect.gen(function*() {
      const only = reasonIs(yield* buildFailure({ urls: url }), "InvalidUrl")
      assert.strictEqual(only.field, "urls[0]")
      const another = reasonIs(yield* buildFailure({ urls: [pasted(hook), { name: "alerts", url }] }), "InvalidUrl")
      assert.strictEqual(another.field, "urls[alerts]")
      assert.notInclude(only.message + another.message, secret)
    }))

  it.live("tells of an identity that Discord would refuse", () =>
    Effect.gen(function*() {
      const reason = yield* buildFailure({ urls: pasted(hook), username: "my discord bot", avatar_url: "a.png" })
      assert.deepStrictEqual(paths(reasonIs(reason, "InvalidPayload")), ["username", "avatar_url"])
    }))

  it.live.each(["relay", "ftp://relay.example", `https://user:${secret}@relay.example`, "https://relay.example?a=b"])(
    "tells of a base URL that is none: %s",
    (baseUrl) =>
      Effect.gen(function*() {
        const reason = reasonIs(yield* buildFailure({ urls: pasted(hook), baseUrl }), "InvalidUrl")
        assert.strictEqual(reason.field, "baseUrl")
      })
  )

  it.live("tells of a list without URLs", () =>
    Effect.gen(function*() {
      assert.strictEqual(reasonIs(yield* buildFailure({ urls: [] }), "InvalidOptions").option, "urls")
    }))

  it("throws RangeError where a constant makes no sense", () => {
    for (const options of [{ maxRetries: -1 }, { maxFileBytes: 0 }, { maxResponseBytes: 0.5 }, { deadline: -1 }]) {
      assert.throws(() => DiscordWebhook.layerTransport(options), RangeError, Object.keys(options)[0])
      assert.throws(() => NodeDiscordWebhook.layer({ urls: pasted(hook), ...options }), RangeError)
    }
  })
})

describe("a URL", () => {
  const tail = `webhooks/${hook.id}/${hook.token}`

  it.live.each([
    `https://discord.com/api/${tail}`,
    `https://discord.com/api/v6/${tail}`,
    `https://discord.com/api/v10/${tail}/`,
    `https://discordapp.com/api/${tail}`,
    `https://ptb.discord.com/api/${tail}?wait=0`,
    `https://canary.discord.com/api/${tail}/slack`,
    `https://canary.discordapp.com/api/v8/${tail}/github?wait=false#fragment`
  ])("is as it was pasted, and version 10 of the API is asked: %s", (url) =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({ urls: Redacted.make(url) })
      delivered(yield* webhook.send("pooled"))
      delivered(yield* webhook.send("given", { url: new URL(url) }))
      assert.deepStrictEqual(discord.arrivals.map(({ path }) => path), Array(2).fill(`/api/v10/${tail}`))
    }))

  it.live("that says wait=true has Discord give the message", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({
        urls: [pasted(hook, "?wait=true"), pasted(hook, "?wait=false&thread_id=701"), pasted(hook, "?thread_id=702")]
      })
      for (let n = 0; n < 3; n++) delivered(yield* webhook.send("x"))
      const given = delivered(yield* webhook.send("x", { url: pasted(hook, "?wait=1&thread_id=701") }))
      assert.strictEqual(given.status, 200)
      assert.propertyVal(given.response, "content", "x")
      const message = yield* webhook.post("x", { url: pasted(hook, "?wait=true") })
      yield* webhook.edit({ ...message, url: pasted(hook, "?wait=true") }, "y")
      assert.deepStrictEqual(discord.arrivals.map(({ path }) => queryOf(path)), [
        { wait: "true" },
        { thread_id: "701" },
        { thread_id: "702" },
        { wait: "true", thread_id: "701" },
        { wait: "true" },
        {}
      ])
    }))

  it.live("of the base URL is taken too, whatever its path", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord([hook])
      const receiver = yield* TestReceiver.make((request) => {
        assert.isTrue(request.path.startsWith("/relay/"))
        return TestReceiver.reply(discord.handle({ ...request, path: request.path.replace("/relay", "/api/v10") }, 0))
      })
      const baseUrl = `${receiver.url}/relay/`
      const layer = NodeDiscordWebhook.layer({ urls: `${baseUrl}${tail}`, baseUrl })
      delivered(yield* Effect.provide(DiscordWebhook.send("x"), layer))
      delivered(yield* Effect.provide(DiscordWebhook.send("x", { url: pasted(hook) }), layer))
      assert.lengthOf(discord.posted, 2)
    }))

  it.live("that comes with a send is where it goes, and no other is asked", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({ hooks: [hook, second], urls: pasted(hook) })
      delivered(yield* webhook.send("x", { url: pasted(second, "?thread_id=711") }))
      assert.deepStrictEqual(discord.posted.map(({ channel_id }) => channel_id), ["711"])
      const { reason } = failed(yield* webhook.send("x", { url: "https://example.com/hook" }), "InvalidUrl")
      assert.strictEqual(reason.field, "url")
      assert.lengthOf(discord.arrivals, 1)
    }))

  it.live("is needed for every send where the layer has none", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({ pool: false })
      failed(yield* webhook.send("x"), "NoUrlAvailable")
      delivered(yield* webhook.send("x", { url: pasted(hook) }))
      assert.lengthOf(discord.arrivals, 1)
    }))

  it.live("of a pool is used in turn", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({ hooks: [hook, second] })
      for (const content of ["a", "b", "c", "d"]) delivered(yield* webhook.send(content))
      assert.deepStrictEqual(discord.arrivals.map(({ hook }) => hook), ["1001", "1002", "1001", "1002"])
    }))
})

describe("a thread", () => {
  it.live("is where the URL says, unless the send says another", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({ urls: pasted(hook, "?thread_id=701&wait=true") })
      delivered(yield* webhook.send("its own"))
      delivered(yield* webhook.send("another", { thread_id: "702" }))
      assert.deepStrictEqual(discord.posted.map(({ channel_id }) => channel_id), ["701", "702"])
      assert.deepStrictEqual(discord.arrivals.map(({ path }) => queryOf(path)), [
        { wait: "true", thread_id: "701" },
        { wait: "true", thread_id: "702" }
      ])
    }))

  it.live("is none where the URL's thread_id is empty", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({ urls: pasted(hook, "?thread_id=") })
      delivered(yield* webhook.send("x"))
      assert.deepStrictEqual(queryOf(lastOf(discord).path), {})
    }))

  it.live("that is made is not one that the URL names", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({ hooks: [forum], urls: pasted(forum, "?thread_id=701") })
      delivered(yield* webhook.send("x", { thread_name: "news" }))
      delivered(yield* webhook.send({ content: "x", thread_name: "more" }, { url: pasted(forum, "?thread_id=701") }))
      assert.deepStrictEqual(discord.arrivals.map(({ path }) => queryOf(path)), [{}, {}])
      assert.isTrue(discord.posted.every(({ channel_id, id }) => channel_id === id))
    }))

  it.live("is not both named and made", () =>
    Effect.gen(function*() {
      const { receiver, webhook } = yield* open()
      const both = { thread_id: "701", thread_name: "news" }
      const { reason } = failed(yield* webhook.send("x", both), "InvalidPayload")
      assert.deepStrictEqual(paths(reason), ["thread_name"])
      yield* failure(webhook.post("x", both), "InvalidPayload")
      assert.strictEqual(yield* receiver.connections, 0)
    }))

  it.live.each(["news", "", "1/../2", "12&wait=true", 5 as never])(
    "must be an id: %j",
    (thread_id) =>
      Effect.gen(function*() {
        const { receiver, webhook } = yield* open()
        const { reason } = failed(yield* webhook.send("x", { thread_id }), "InvalidOptions")
        assert.strictEqual(reason.option, "thread_id")
        const get = yield* failure(webhook.get({ id: "1", thread_id }), "InvalidOptions")
        assert.strictEqual(get.reason.option, "message.thread_id")
        const edit = yield* failure(webhook.edit({ id: thread_id }, "x"), "InvalidOptions")
        assert.strictEqual(edit.reason.option, "message.id")
        assert.strictEqual(yield* receiver.connections, 0)
      })
  )

  it.live("that Discord does not know fails the send, and the webhook stays", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const { reason, result } = failed(yield* webhook.send("x", { thread_id: "999" }), "Rejected")
      assert.strictEqual(reason.status, 404)
      assert.strictEqual(result.attempts, 1)
      assert.strictEqual(DiscordError.fromResult(result)?.code, 10003)
      delivered(yield* webhook.send("x"))
      assert.lengthOf(discord.posted, 1)
    }))

  it.live.each(
    [
      [220001, forum, {}],
      [220003, hook, { thread_name: "news" }]
    ] as const
  )(
    "that does not fit the channel is told about by Discord: %i",
    ([code, to, options]) =>
      Effect.gen(function*() {
        const { webhook } = yield* open({ hooks: [to] })
        const { result } = failed(yield* webhook.send("x", options), "Rejected")
        assert.strictEqual(DiscordError.fromResult(result)?.code, code)
      })
  )

  it.live("is one of several that URLs of one webhook name, each in turn", () =>
    Effect.gen(function*() {
      const urls = [pasted(hook, "?thread_id=701"), pasted(second), pasted(hook, "?thread_id=702")]
      const { discord, webhook } = yield* open({ hooks: [hook, second], urls })
      for (let n = 0; n < 8; n++) delivered(yield* webhook.send(`${n}`))
      // The webhooks go round as one each.
      const channels = discord.posted.map(({ channel_id }) => channel_id)
      assert.deepStrictEqual(channels, ["701", "501", "702", "501", "701", "501", "702", "501"])
    }))

  it.live("is the same when a message is sent again", () =>
    Effect.gen(function*() {
      const { receiver, webhook } = yield* open({
        urls: [pasted(hook, "?thread_id=701"), pasted(hook, "?thread_id=702")],
        fault: (_, index) => index < 3 ? TestReceiver.reply({ status: 500 }) : undefined
      })
      assert.strictEqual(delivered(yield* webhook.send("x")).attempts, 4)
      const threads = (yield* receiver.requests).map(({ path }) => queryOf(path))
      assert.deepStrictEqual(threads, threads.map(() => ({ thread_id: "701" })))
    }))
})

describe("files", () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index * 7)

  it.live("arrive as they are, with what is said of them", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      delivered(
        yield* webhook.send("five of them", {
          files: [
            { name: "text.txt", data: "grüße\r\n--boundary", type: "text/plain", description: "a greeting" },
            { name: "bytes.bin", data: bytes, spoiler: true },
            { name: "buffer.bin", data: bytes.slice(0, 9).buffer, spoiler: false },
            { name: "blob.json", data: new Blob(["{}"], { type: "application/json" }) },
            new File([bytes.slice(5)], "a \"file\" ü.png", { type: "image/png" })
          ]
        })
      )
      const { files, headers, payload } = lastOf(discord)
      assert.match(headers["content-type"]!, /^multipart\/form-data; boundary=/)
      assert.deepStrictEqual(payload, {
        content: "five of them",
        attachments: [
          { id: "0", filename: "text.txt", description: "a greeting" },
          { id: "1", filename: "bytes.bin", is_spoiler: true },
          { id: "2", filename: "buffer.bin" },
          { id: "3", filename: "blob.json" },
          { id: "4", filename: "a \"file\" ü.png" }
        ]
      })
      assert.deepStrictEqual(files.map(({ name, type }) => [name, type]), [
        ["text.txt", "text/plain"],
        ["bytes.bin", "application/octet-stream"],
        ["buffer.bin", "application/octet-stream"],
        ["blob.json", "application/json"],
        ["a \"file\" ü.png", "image/png"]
      ])
      assert.deepStrictEqual(files.map(({ bytes }) => bytes), [
        new TextEncoder().encode("grüße\r\n--boundary"),
        bytes,
        bytes.slice(0, 9),
        new TextEncoder().encode("{}"),
        bytes.slice(5)
      ])
    }))

  it.live("are a message by themselves", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const message = yield* webhook.post({}, { files: [{ name: "empty.txt", data: "" }] })
      assert.deepStrictEqual(message.attachments.map(({ filename, size }) => [filename, size]), [["empty.txt", 0]])
      assert.lengthOf(discord.posted, 1)
    }))

  it.live("may be described by the message itself", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const attachments = [{ id: 1, filename: "b.txt", title: "second" }]
      delivered(
        yield* webhook.send({ attachments }, { files: [{ name: "a.txt", data: "a" }, new File(["b"], "b.txt")] })
      )
      assert.deepStrictEqual(lastOf(discord).payload?.attachments, [...attachments, { id: "0", filename: "a.txt" }])
    }))

  it.live("are what attachment:// must refer to", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const files = [{ name: "chart.png", data: bytes }]
      delivered(yield* webhook.send({ embeds: [{ image: { url: "attachment://chart.png" } }] }, { files }))
      const { reason } = failed(
        yield* webhook.send({ embeds: [{ image: { url: "attachment://chart.jpg" } }] }, { files }),
        "InvalidPayload"
      )
      assert.deepStrictEqual(paths(reason), ["embeds[0].image.url"])
      assert.lengthOf(discord.arrivals, 1)
    }))

  it.live("are ten at most", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const files = (count: number) => Array.from({ length: count }, (_, n) => ({ name: `${n}.txt`, data: `${n}` }))
      delivered(yield* webhook.send({}, { files: files(10) }))
      const { reason } = failed(yield* webhook.send({}, { files: files(11) }), "InvalidPayload")
      assert.include(paths(reason), "files")
      assert.lengthOf(discord.arrivals, 1)
      assert.deepStrictEqual(
        discord.posted[0]!.attachments.map(({ filename }) => filename),
        files(10).map((f) => f.name)
      )
    }))

  it.live("are as large as is allowed, which Discord may know better", () =>
    Effect.gen(function*() {
      const { webhook } = yield* open({ maxFileBytes: 100, limits: { fileBytes: 50 } })
      const send = (size: number) => webhook.send({}, { files: [{ name: "a.bin", data: bytes.slice(0, size) }] })
      delivered(yield* send(50))
      const { reason } = failed(yield* send(101), "InvalidPayload")
      assert.deepStrictEqual(paths(reason), ["files[0]"])
      const { result } = failed(yield* send(100), "Rejected")
      assert.strictEqual(result.status, 413)
      assert.strictEqual(DiscordError.fromResult(result)?.code, 40005)
      assert.strictEqual(result.attempts, 1)
    }))

  it.live("are sent again, byte for byte, after a 500 and after a reset", () =>
    Effect.gen(function*() {
      const faults = [TestReceiver.reply({ status: 500 }), TestReceiver.resetAfter]
      const { discord, receiver, webhook } = yield* open({ fault: (_, index) => faults[index] })
      const result = delivered(yield* webhook.send("x", { files: [{ name: "a.bin", data: new Blob([bytes]) }] }))
      assert.strictEqual(result.attempts, 3)
      const [first, ...others] = yield* receiver.requests
      assert.lengthOf(others, 2)
      for (const { bytes, headers } of others) {
        assert.deepStrictEqual(bytes, first!.bytes)
        assert.strictEqual(headers["content-type"], first!.headers["content-type"])
      }
      assert.deepStrictEqual(lastOf(discord).files.map(({ bytes }) => bytes), [bytes])
    }))
})

describe("a message that was posted", () => {
  it.live("is Discord's own, and where it is", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const message = yield* webhook.post("hello", { embeds: [{ title: "t" }] })
      const { thread_id, url, ...answer } = message
      assert.deepStrictEqual(answer, JSON.parse(JSON.stringify(discord.posted[0])))
      assert.strictEqual(message.webhook_id, hook.id)
      assert.isNull(message.edited_timestamp)
      assert.isUndefined(thread_id)
      assert.include(Redacted.value(url), `/webhooks/${hook.id}/${hook.token}`)
      assert.deepStrictEqual(queryOf(lastOf(discord).path), { wait: "true" })
    }))

  it.live("can be edited, read and deleted, by the webhook that posted it", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({ hooks: [hook, second] })
      const messages = [yield* webhook.post("a"), yield* webhook.post("b"), yield* webhook.post("c")]
      for (const message of messages) {
        const edited = yield* webhook.edit(message, `${message.content} edited`, { embeds: [{ title: "new" }] })
        assert.strictEqual(edited.id, message.id)
        assert.isNotNull(edited.edited_timestamp)
        const read = yield* webhook.get(edited)
        assert.strictEqual(read.content, `${message.content} edited`)
        assert.deepStrictEqual(read.embeds, [{ type: "rich", title: "new" }])
        assert.isUndefined(yield* webhook.delete(read))
        const { reason } = yield* failure(webhook.get(message), "Rejected")
        assert.strictEqual(reason.status, 404)
      }
      assert.lengthOf(discord.posted, 0)
      const asked = discord.arrivals.filter(({ method }) => method !== "POST")
      assert.deepStrictEqual(asked.map(({ hook, method }) => `${method} ${hook}`), [
        ...["PATCH", "GET", "DELETE", "GET"].map((method) => `${method} 1001`),
        ...["PATCH", "GET", "DELETE", "GET"].map((method) => `${method} 1002`),
        ...["PATCH", "GET", "DELETE", "GET"].map((method) => `${method} 1001`)
      ])
      assert.isTrue(
        asked.filter(({ method }) => method !== "PATCH").every(({ headers }) =>
          headers["content-type"] === undefined && (headers["content-length"] ?? "0") === "0"
        )
      )
    }))

  it.live("keeps what an edit leaves out, and loses what it sets to null", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const message = yield* webhook.post("text", { embeds: [{ title: "t" }], files: [{ name: "a.txt", data: "a" }] })
      const kept = yield* webhook.edit(message, { content: "other" })
      assert.lengthOf(kept.embeds, 1)
      assert.lengthOf(kept.attachments, 1)
      const bare = yield* webhook.edit(message, { content: "other", embeds: null, attachments: [] })
      assert.lengthOf(bare.embeds, 0)
      assert.lengthOf(bare.attachments, 0)
      assert.deepStrictEqual(lastOf(discord).payload, { content: "other", embeds: null, attachments: [] })
      const filed = yield* webhook.edit(message, {}, { files: [{ name: "b.txt", data: "bb" }] })
      assert.deepStrictEqual(filed.attachments.map(({ filename, size }) => [filename, size]), [["b.txt", 2]])
    }))

  it.live("may be a layout, which an edit need not say again", () =>
    Effect.gen(function*() {
      const { webhook } = yield* open()
      const text = { type: 10, content: "x" } as const
      const message = yield* webhook.post({ flags: Message.Flags.IsComponentsV2, components: [text] })
      const components = Array.from({ length: 6 }, () => text)
      for (const flags of [undefined, null, Message.Flags.SuppressEmbeds]) {
        const edited = yield* webhook.edit(message, { components, flags })
        assert.deepStrictEqual(edited["components"], components)
      }
      // Of a message that is no layout it may keep the text and the embeds.
      yield* webhook.edit(message, { content: "x", embeds: [{ title: "t" }], components: [row] })
      const both = { flags: Message.Flags.IsComponentsV2, content: "x", components }
      const { reason } = yield* failure(webhook.edit(message, both), "InvalidPayload")
      assert.deepStrictEqual(paths(reason), ["content"])
    }))

  it.live("becomes a layout when its text, embeds and poll are set to null", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const message = yield* webhook.post("x")
      const upgrade: DiscordWebhook.Edit = {
        flags: Message.Flags.IsComponentsV2,
        content: null,
        embeds: null,
        poll: null,
        components: [{ type: 10, content: "x" }]
      }
      yield* webhook.edit(message, upgrade)
      assert.deepStrictEqual(lastOf(discord).payload as unknown, upgrade)
    }))

  it.live("gets no poll by an edit", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const { reason } = yield* failure(webhook.edit({ id: "1" }, { poll }), "InvalidPayload")
      assert.deepStrictEqual(paths(reason), ["poll"])
      assert.lengthOf(discord.arrivals, 0)
    }))

  it.live("may show files that it has already, beside new ones", () =>
    Effect.gen(function*() {
      const { webhook } = yield* open()
      const message = yield* webhook.post("x", { files: [{ name: "old.png", data: "old" }] })
      const image = { url: "attachment://old.png" }
      const kept = message.attachments.map(({ id }) => ({ id }))
      const edited = yield* webhook.edit(message, { attachments: kept, embeds: [{ image }] }, {
        files: [{ name: "new.png", data: "new" }]
      })
      assert.deepStrictEqual(edited.attachments.map(({ filename }) => filename), ["old.png", "new.png"])
      assert.deepStrictEqual((yield* webhook.edit(message, { embeds: [{ image }] })).embeds, [{ type: "rich", image }])
    }))

  it.live("keeps its files when an edit brings more", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const message = yield* webhook.post("x", { files: [{ name: "a.txt", data: "a" }] })
      const edited = yield* webhook.edit(message, "y", {
        files: [{ name: "b.txt", data: "b" }, { name: "c.txt", data: "c", spoiler: true }]
      })
      assert.deepStrictEqual(lastOf(discord).payload, { content: "y" })
      assert.deepStrictEqual(edited.attachments.map(({ filename }) => filename), ["a.txt", "b.txt", "SPOILER_c.txt"])
      const alone = yield* webhook.edit(message, { attachments: [] }, {
        files: [{ name: "d.txt", data: "d", description: "the last", spoiler: true }]
      })
      assert.deepStrictEqual(alone.attachments.map(({ filename }) => filename), ["d.txt"])
      assert.deepStrictEqual(lastOf(discord).payload, {
        attachments: [{ id: "0", filename: "d.txt", description: "the last", is_spoiler: true }]
      })
    }))

  it.live("must list its files where an edit describes new ones", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const files = [{ name: "a.txt", data: "a" }, { name: "b.txt", data: "b", description: "SECRET" }]
      const { reason } = yield* failure(webhook.edit({ id: "1" }, "y", { files }), "InvalidPayload")
      assert.deepStrictEqual(reason.violations, [{
        path: "files[1].description",
        message: "needs attachments on an edit, which must list all files that are to stay"
      }])
      assert.lengthOf(discord.arrivals, 0)
    }))

  it.live("is named by a URL that must be a webhook's", () =>
    Effect.gen(function*() {
      const { webhook } = yield* open()
      const { reason } = yield* failure(webhook.edit({ id: "1", url: "https://example.com" }, "x"), "InvalidUrl")
      assert.strictEqual(reason.field, "message.url")
    }))

  it.live("does not get the layer's identity when it is edited", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({ username: "layer" })
      const message = yield* webhook.post("x")
      yield* webhook.edit(message, "y")
      assert.deepStrictEqual(lastOf(discord).payload, { content: "y" })
    }))

  it.live.each(["by the URL", "by the send", "made with it"])(
    "in a thread is found there: %s",
    (by) =>
      Effect.gen(function*() {
        const made = by === "made with it"
        const { discord, webhook } = yield* open({
          hooks: [made ? forum : hook],
          ...(by === "by the URL" ? { urls: pasted(hook, "?thread_id=701") } : {})
        })
        const options = by === "by the send" ? { thread_id: "701" } : made ? { thread_name: "news" } : {}
        const message = yield* webhook.post("x", options)
        assert.strictEqual(message.thread_id, made ? message.id : "701")
        assert.strictEqual(message.channel_id, message.thread_id)
        const edited = yield* webhook.edit(message, "y")
        assert.strictEqual(edited.thread_id, message.thread_id)
        assert.strictEqual((yield* webhook.get({ ...edited, url: undefined })).content, "y")
        yield* webhook.delete(edited)
        assert.lengthOf(discord.posted, 0)
      })
  )

  it.live("in a thread is not found without it, and the webhook stays", () =>
    Effect.gen(function*() {
      const { webhook } = yield* open()
      const { id, url } = yield* webhook.post("x", { thread_id: "701" })
      const { result } = yield* failure(webhook.edit({ id, url }, "y"), "Rejected")
      assert.strictEqual(DiscordError.fromResult(result!)?.code, 10008)
      assert.strictEqual(result?.attempts, 1)
      assert.strictEqual((yield* webhook.edit({ id, url, thread_id: "701" }, "y")).content, "y")
    }))

  it.live("may be named by its id alone where the layer has one webhook", () =>
    Effect.gen(function*() {
      const one = yield* open({ urls: [pasted(hook, "?thread_id=701"), pasted(hook, "?thread_id=702")] })
      const { id } = yield* one.webhook.post("x", { thread_id: "701" })
      assert.strictEqual((yield* one.webhook.edit({ id }, "y")).content, "y")
      yield* one.webhook.delete({ id })
      const several = yield* open({ hooks: [hook, second] })
      const { reason, result } = yield* failure(several.webhook.edit({ id: "1" }, "y"), "InvalidOptions")
      assert.strictEqual(reason.option, "message.url")
      assert.include(reason.detail, "2 webhooks")
      assert.strictEqual(result?.attempts, 0)
      yield* failure(several.webhook.get({ id: "1" }), "InvalidOptions")
      yield* failure(several.webhook.delete({ id: "1" }), "InvalidOptions")
      const none = yield* open({ pool: false })
      yield* failure(none.webhook.get({ id: "1" }), "InvalidOptions")
      assert.lengthOf([...several.discord.arrivals, ...none.discord.arrivals], 0)
    }))

  const answers: ReadonlyArray<readonly [string, TestReceiver.Behavior]> = [
    ["nothing", TestReceiver.reply()],
    ["a text", TestReceiver.reply({ body: "ok" })],
    ["another object", TestReceiver.reply({ body: { id: 5, channel_id: "5" } })],
    ["half of a message", TestReceiver.resetDuring({ body: { id: "5", channel_id: "5", content: "x" } })],
    ["too large a message", TestReceiver.reply({ body: { id: "5", channel_id: "5", content: "x".repeat(500) } })]
  ]
  it.live.each(answers)(
    "is not one when the answer is %s, and nobody knows whether it is there",
    ([, answer]) =>
      Effect.gen(function*() {
        const { receiver, webhook } = yield* open({ fault: () => answer, maxResponseBytes: 200 })
        const { reason, result } = yield* failure(webhook.post("x"), "InvalidResponse")
        assert.strictEqual(reason.status, result?.status)
        assert.strictEqual(result?.delivered, "maybe")
        assert.strictEqual(result?.attempts, 1)
        assert.lengthOf(yield* receiver.requests, 1)
        yield* failure(webhook.get({ id: "1" }), "InvalidResponse")
      })
  )

  it.live("may be as long as Discord allows, which is more than a webhook usually answers", () =>
    Effect.gen(function*() {
      const { webhook } = yield* open()
      const url = `https://example.com/${"a".repeat(2000)}`
      const embeds = Array.from({ length: 10 }, (_, n) => ({
        description: "漢".repeat(500),
        url: `${url}${n}`,
        image: { url },
        thumbnail: { url },
        author: { name: "a", url, icon_url: url },
        footer: { text: "f", icon_url: url }
      }))
      const message = yield* webhook.post("漢".repeat(2000), { embeds })
      assert.isAbove(JSON.stringify(message).length, 100_000)
      assert.deepStrictEqual(message.embeds, embeds.map((embed) => ({ type: "rich", ...embed })))
      assert.deepStrictEqual((yield* webhook.get(message)).embeds, message.embeds)
    }))

  it.live("may be a layout, with texts and nothing else", () =>
    Effect.gen(function*() {
      const { webhook } = yield* open()
      const components = Array.from({ length: 4 }, () => ({ type: 10, content: "x" } as const))
      const message = yield* webhook.post({ flags: Message.Flags.IsComponentsV2, components })
      assert.deepStrictEqual(message["components"], components)
    }))
})

describe("components", () => {
  it.live("are asked to be kept", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      delivered(yield* webhook.send({ components: [row] }))
      const message = yield* webhook.post("x", { components: [{ toJSON: () => row }] })
      assert.deepStrictEqual(message["components"], [row])
      yield* webhook.edit(message, { components: [row, row] })
      yield* webhook.edit(message, "without")
      assert.deepStrictEqual(discord.arrivals.map(({ path }) => queryOf(path)), [
        { with_components: "true" },
        { wait: "true", with_components: "true" },
        { with_components: "true" },
        {}
      ])
      assert.deepStrictEqual(discord.posted.map(({ components }) => components), [[row], [row, row]])
    }))

  it.live.each([[[]], [null]])("are removed by an edit that has none: %j", ([components]) =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open()
      const message = yield* webhook.post("x", { components: [row] })
      const edited = yield* webhook.edit(message, { components })
      assert.deepStrictEqual(edited["components"], [])
      assert.deepStrictEqual(queryOf(lastOf(discord).path), { with_components: "true" })
    }))

  const button = { type: 2, style: 1, label: "Press", custom_id: "press" } as const
  const interactive = {
    content: "x",
    components: [row, { type: 1, components: [button] }] as ReadonlyArray<Component.TopLevel>
  }

  it.live("that somebody answers need a webhook that an application owns", () =>
    Effect.gen(function*() {
      const plain = yield* open()
      const { reason } = failed(yield* plain.webhook.send(interactive), "InvalidPayload")
      assert.deepStrictEqual(paths(reason), ["components[1].components[0]"])
      yield* failure(plain.webhook.edit({ id: "1" }, interactive), "InvalidPayload")
      assert.lengthOf(plain.discord.arrivals, 0)
      const owned = yield* open({ hooks: [{ ...hook, applicationOwned: true }], applicationOwned: true })
      const message = yield* owned.webhook.post(interactive)
      assert.deepStrictEqual(message["components"], interactive.components)
    }))
})

describe("what Discord refuses", () => {
  it.live("names the field that is wrong", () =>
    Effect.gen(function*() {
      const { webhook } = yield* open()
      const { reason, result } = failed(yield* webhook.send("x", { username: "everyone" }), "Rejected")
      assert.strictEqual(reason.status, 400)
      assert.strictEqual(result.attempts, 1)
      assert.strictEqual(result.delivered, "no")
      const error = DiscordError.fromResult(result)
      assert.strictEqual(error?.code, 50035)
      assert.deepStrictEqual(error?.issues.map(({ code, path }) => [path, code]), [["username", "USERNAME_INVALID"]])
      assert.isUndefined(DiscordError.fromResult(delivered(yield* webhook.send("x"))))
    }))

  const gone = (name: string, code: number, break_: (discord: FakeDiscord) => void) =>
    describe(`because the webhook ${name}`, () => {
      it.live("retires it, and nothing is sent to it any more", () =>
        Effect.gen(function*() {
          const retired: Array<string> = []
          const { discord, webhook } = yield* open({
            hooks: [hook, second],
            onRetired: ({ label }) => Effect.sync(() => retired.push(label))
          })
          break_(discord)
          const first = failed(yield* webhook.send("x"), "EndpointGone")
          assert.strictEqual(first.reason.status, code === 10015 ? 404 : 401)
          assert.strictEqual(first.result.attempts, 1)
          assert.strictEqual(DiscordError.fromResult(first.result)?.code, code)
          for (let n = 0; n < 3; n++) delivered(yield* webhook.send("x"))
          assert.strictEqual(retired.length, 1)
          assert.match(retired[0]!, /#0$/)
          discord.remove(second)
          failed(yield* webhook.send("x"), "EndpointGone")
          const count = discord.arrivals.length
          assert.strictEqual(failed(yield* webhook.send("x"), "NoUrlAvailable").reason.retired, 2)
          assert.strictEqual(retired.length, 2)
          assert.lengthOf(discord.arrivals, count)
        }))

      it.live("ends posts, edits and reads too", () =>
        Effect.gen(function*() {
          const { discord, webhook } = yield* open()
          const message = yield* webhook.post("x")
          break_(discord)
          yield* failure(webhook.edit(message, "y"), "EndpointGone")
          const count = discord.arrivals.length
          yield* failure(webhook.get(message), "EndpointGone")
          yield* failure(webhook.delete({ id: message.id }), "EndpointGone")
          yield* failure(webhook.post("x"), "NoUrlAvailable")
          assert.lengthOf(discord.arrivals, count)
        }))

      it.live("is remembered of a URL that came with a send", () =>
        Effect.gen(function*() {
          const { discord, webhook } = yield* open({ hooks: [hook, second], urls: pasted(second) })
          break_(discord)
          assert.strictEqual(failed(yield* webhook.send("x", { url: pasted(hook) }), "EndpointGone").result.attempts, 1)
          const again = failed(
            yield* webhook.send("x", { url: `${pasted(hook, "/slack?thread_id=701")}` }),
            "EndpointGone"
          )
          assert.strictEqual(again.result.attempts, 0)
          assert.lengthOf(discord.arrivals, 1)
          delivered(yield* webhook.send("x"))
        }))

      it.live("retires it for the pool, if it is one of the pool's that came with a send", () =>
        Effect.gen(function*() {
          const { discord, webhook } = yield* open()
          break_(discord)
          failed(yield* webhook.send("x", { url: pasted(hook, "?thread_id=701") }), "EndpointGone")
          failed(yield* webhook.send("x"), "NoUrlAvailable")
          assert.lengthOf(discord.arrivals, 1)
        }))
    })

  gone("is deleted", 10015, (discord) => discord.remove(hook))
  gone("has another token now", 50027, (discord) => discord.add({ ...hook, token: "rotated" }))

  const refusals: ReadonlyArray<readonly [status: number, body: object | string | undefined]> = [
    [401, { message: "401: Unauthorized", code: 0 }],
    [403, { message: "Missing Access", code: 50001 }],
    [404, { message: "404: Not Found", code: 0 }],
    [404, "<html>not Discord</html>"],
    [400, { message: "Unknown Webhook", code: 10015 }],
    [400, { message: "Cannot send an empty message", code: 50006 }],
    [405, undefined]
  ]
  it.live.each(refusals)(
    "otherwise with %i fails the send, once, and no webhook is retired",
    ([status, body]) =>
      Effect.gen(function*() {
        const { receiver, webhook } = yield* open({
          fault: (_, index) => index === 0 ? TestReceiver.reply({ status, body }) : undefined
        })
        const { reason, result } = failed(yield* webhook.send("x"), "Rejected")
        assert.strictEqual(reason.status, status)
        assert.strictEqual(result.attempts, 1)
        delivered(yield* webhook.send("x"))
        assert.lengthOf(yield* receiver.requests, 2)
      })
  )

  const final: typeof refusals = [
    ...refusals,
    [403, { message: "internal network error", code: 40333 }],
    [404, { message: "Unknown Channel", code: 10003 }],
    [403, { message: "Blocked by AutoMod", code: 200000 }]
  ]
  it.live.each(final)(
    "otherwise with %i is not tried at another webhook",
    ([status, body]) =>
      Effect.gen(function*() {
        const { receiver, webhook } = yield* open({
          hooks: [hook, second],
          failover: true,
          fault: () => TestReceiver.reply({ status, body })
        })
        assert.strictEqual(failed(yield* webhook.send("x"), "Rejected").reason.status, status)
        assert.lengthOf(yield* receiver.requests, 1)
      })
  )

  it.live("for good, as a relay may say of any answer, retires the webhook", () =>
    Effect.gen(function*() {
      const { webhook } = yield* open({
        fault: () => TestReceiver.reply({ status: 403, headers: { "webhook-delivery": "disable" } })
      })
      failed(yield* webhook.send("x"), "EndpointGone")
    }))

  it.live("because a webhook is gone is tried at another one, in the thread of that", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({
        hooks: [hook, second],
        urls: [pasted(hook, "?thread_id=701"), pasted(second, "?thread_id=711")],
        failover: true
      })
      discord.remove(hook)
      assert.strictEqual(delivered(yield* webhook.send("x")).attempts, 2)
      assert.deepStrictEqual(discord.posted.map(({ channel_id }) => channel_id), ["711"])
    }))

  it.live("for now only is sent again", () =>
    Effect.gen(function*() {
      const passing = [40004, 40006, 130000, 20016, 20028, 20029, 30046, 40062]
      for (const code of passing) {
        const { webhook } = yield* open({
          fault: (_, index) =>
            index === 0 ? TestReceiver.reply({ status: 400, body: { code, retry_after: 0.001 } }) : undefined
        })
        assert.strictEqual(delivered(yield* webhook.send("x")).attempts, 2, `${code}`)
      }
    }))

  it.live("is for the program's own classify to say, where it says something", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({
        classify: (reply) => reply.status === 404 ? "fail" : undefined
      })
      discord.remove(hook)
      failed(yield* webhook.send("x"), "Rejected")
      failed(yield* webhook.send("x"), "Rejected")
      discord.add({ ...hook, token: "rotated" })
      failed(yield* webhook.send("x"), "EndpointGone")
    }))
})

describe("the pace over real sockets", () => {
  it.live("lets no 429 happen when many are sent at once", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({ limits: { bucket: { requests: 5, millis: 500 } } })
      const results = yield* Effect.forEach(Array.from({ length: 32 }, (_, n) => `${n}`), (n) => webhook.send(n), {
        concurrency: "unbounded"
      })
      assert.isTrue(results.every(({ attempts, ok }) => ok && attempts === 1))
      assert.deepStrictEqual([...new Set(discord.arrivals.map(({ verdict }) => verdict))], ["taken"])
      assert.lengthOf(discord.posted, 32)
      // Seven windows, the last of which does not have to end.
      assert.isAtLeast(lastOf(discord).at - discord.arrivals[0]!.at, 6 * 500)
    }))

  it.live("waits out a 429 that nothing foretold", () =>
    Effect.gen(function*() {
      const { discord, webhook } = yield* open({ limits: { channel: { requests: 2, millis: 700 } } })
      const results = yield* Effect.forEach(["a", "b", "c"], (content) => webhook.send(content))
      assert.isTrue(results.every(({ ok }) => ok))
      assert.deepStrictEqual(results.map(({ attempts }) => attempts), [1, 1, 2])
      assert.deepStrictEqual(discord.arrivals.map(({ verdict }) => verdict), ["taken", "taken", "shared", "taken"])
    }))
})
