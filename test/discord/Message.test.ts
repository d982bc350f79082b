import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Schema } from "effect"
import { WebhookError } from "effect-webhooks"
import { AllowedMentions, Component, Embed, Message, Poll } from "effect-webhooks/discord"
import { pathsOf, violationsOf } from "./violationsOf.ts"

const withComponents = { query: { with_components: true } }
const link = { type: 2, style: 5, label: "Open", url: "https://example.com" }
const row = { type: 1, components: [link] }
const v2 = Message.Flags.IsComponentsV2
const text = { type: 10, content: "x" }
const poll = { question: { text: "q" }, answers: [{ poll_media: { text: "a" } }] }

describe("what a message must have", () => {
  const empty: ReadonlyArray<readonly [string, unknown, Message.Context?]> = [
    ["nothing", {}],
    ["an empty content", { content: "" }],
    ["a content of whitespace", { content: " \n\t" }],
    ["null for everything", { content: null, embeds: null, components: null, poll: null }],
    ["empty arrays", { embeds: [], components: [] }, withComponents],
    ["an identity only", { username: "x", avatar_url: "https://example.com/a.png" }],
    ["attachments without files", { attachments: [{ id: 0, filename: "a.png" }] }],
    ["components that are dropped", { components: [row] }],
    ["a V2 message whose components are dropped", { flags: v2, components: [text] }]
  ]
  for (const [name, message, context] of empty) {
    it(`refuses ${name}`, () => {
      assert.strictEqual(violationsOf(message, context).length, 1)
    })
  }

  const full: ReadonlyArray<readonly [string, unknown, Message.Context?]> = [
    ["content", { content: "x" }],
    ["an embed", { content: null, embeds: [{ title: "t" }] }],
    ["a poll", { poll }],
    ["a file", {}, { files: ["a.png"] }],
    ["components, with with_components", { components: [row] }, withComponents],
    ["components, of an application's webhook", { components: [row] }, { applicationOwned: true }],
    ["content beside dropped components", { content: "x", components: [row] }]
  ]
  for (const [name, message, context] of full) {
    it(`takes ${name}`, () => {
      assert.deepStrictEqual(violationsOf(message, context), [])
    })
  }

  it("names the content that is blank, and the components that are dropped", () => {
    assert.deepStrictEqual(pathsOf({ content: "\n" }), ["content"])
    assert.deepStrictEqual(pathsOf({ flags: v2, components: [text] }), ["components"])
    assert.deepStrictEqual(pathsOf({}), [""])
  })
})

describe("limits", () => {
  const take = (message: object, context?: Message.Context) =>
    assert.deepStrictEqual(violationsOf({ content: "x", ...message }, context), [])
  const refuse = (path: string, message: object, context?: Message.Context) =>
    assert.deepStrictEqual(pathsOf({ content: "x", ...message }, context), [path])

  const tags = (count: number) => Array.from({ length: count }, (_, index) => `${index}`)

  it("counts content in code points", () => {
    take({ content: "x".repeat(2000) })
    take({ content: "😀".repeat(2000) })
    refuse("content", { content: "x".repeat(2001) })
    assert.deepStrictEqual(violationsOf({ content: "😀".repeat(2001) }), [
      "content: must be at most 2000 characters, but has 2001"
    ])
  })

  it("counts a joined emoji as the code points it has", () => {
    const family = "👨‍👩‍👧‍👦"
    take({ content: family.repeat(285) })
    refuse("content", { content: family.repeat(286) })
  })

  it("does not count whitespace at the ends", () => {
    take({ content: ` \n${"x".repeat(2000)}\t ` })
    take({ username: ` ${"x".repeat(80)} ` })
  })

  it("checks the username", () => {
    take({ username: null })
    take({ username: "x" })
    take({ username: "😀".repeat(80) })
    refuse("username", { username: "😀".repeat(81) })
    refuse("username", { username: "" })
    refuse("username", { username: "  " })
    refuse("username", { username: "my DisCord bot" })
    refuse("username", { username: "aCLYDEb" })
    refuse("username", { username: 5 })
  })

  it("checks the avatar's URL", () => {
    take({ avatar_url: `https://example.com/${"a".repeat(2028)}` })
    take({ avatar_url: null })
    refuse("avatar_url", { avatar_url: `https://example.com/${"a".repeat(2029)}` })
    refuse("avatar_url", { avatar_url: "not a url" })
    refuse("avatar_url", { avatar_url: "" })
  })

  it("checks thread_name and applied_tags", () => {
    take({ thread_name: "x".repeat(100), applied_tags: tags(5) })
    take({ thread_name: null, applied_tags: null }, { query: { thread_id: "1" } })
    refuse("thread_name", { thread_name: "x".repeat(101) })
    refuse("applied_tags", { applied_tags: tags(6) })
    refuse("applied_tags[1]", { applied_tags: ["1", "news"] })
    refuse("thread_name", { thread_name: "t" }, { query: { thread_id: "1234567890123456789" } })
  })

  it("takes the flags a webhook may set", () => {
    const { SuppressEmbeds, SuppressNotifications } = Message.Flags
    take({ flags: null })
    take({ flags: 0 })
    take({ flags: SuppressEmbeds })
    take({ flags: SuppressEmbeds | SuppressNotifications })
    refuse("flags", { flags: 1 })
    refuse("flags", { flags: 64 })
    refuse("flags", { flags: -4 })
    refuse("flags", { flags: 2 ** 32 })
    refuse("flags", { flags: 4.5 })
    refuse("flags", { flags: Number.NaN })
  })

  it("names the flags that it may not set", () => {
    const known = "SuppressEmbeds (4), SuppressNotifications (4096), IsVoiceMessage (8192), IsComponentsV2 (32768)"
    const flagsOf = (flags: number) => violationsOf({ content: "x", flags })
    assert.deepStrictEqual(flagsOf(4 + 64 + 1), [`flags: must have no flags but ${known}, but has 65`])
    for (const value of [-4, 2 ** 32, 4.5, Number.NaN]) {
      assert.deepStrictEqual(flagsOf(value), [`flags: must have no flags but ${known}, but is ${value}`])
    }
  })

  it("names the word that a username may not have", () => {
    const usernameOf = (username: string) => violationsOf({ content: "x", username })
    assert.deepStrictEqual(usernameOf("SECRET DisCord bot"), [
      "username: must not contain \"clyde\" or \"discord\", but has \"discord\""
    ])
    assert.include(usernameOf("aCLYDEb")[0], "but has \"clyde\"")
  })

  it("takes 10 embeds and 10 files", () => {
    const embeds = (count: number) => Array.from({ length: count }, () => ({ title: "t" }))
    const files = (count: number) => Array.from({ length: count }, (_, index) => `f${index}.txt`)
    take({ embeds: embeds(10) })
    refuse("embeds", { embeds: embeds(11) })
    take({}, { files: files(10) })
    refuse("files", {}, { files: files(11) })
    const attachments = (count: number) => files(count).map((filename, id) => ({ id, filename }))
    take({ attachments: attachments(10) })
    refuse("attachments", { attachments: attachments(11) })
  })

  it("checks attachments", () => {
    const attach = (attachment: object) => ({ attachments: [attachment] })
    take(attach({ id: 0, filename: "a".repeat(1024), description: "d".repeat(1024), title: null }))
    take(attach({ id: "0", is_spoiler: true }))
    refuse("attachments[0].id", attach({}))
    refuse("attachments[0].id", attach({ id: -1 }))
    refuse("attachments[0].id", attach({ id: "one" }))
    refuse("attachments[0].filename", attach({ id: 0, filename: "" }))
    refuse("attachments[0].description", attach({ id: 0, description: "d".repeat(1025) }))
    refuse("attachments[0].title", attach({ id: 0, title: "d".repeat(1025) }))
  })

  it("checks types", () => {
    refuse("tts", { tts: "yes" })
    refuse("embeds", { embeds: {} })
    refuse("embeds[0]", { embeds: ["x"] })
    refuse("content", { content: 5 })
    assert.deepStrictEqual(pathsOf(null), [""])
    assert.deepStrictEqual(pathsOf("x"), [""])
    assert.deepStrictEqual(pathsOf([]).length > 0, true)
  })

  it("passes keys it does not know, and undefined", () => {
    take({ nonce: "1", tts: undefined, embeds: [{ title: "t", type: "rich", video: { url: 1 }, color: undefined }] })
  })
})

describe("the 6,000 characters of embeds", () => {
  const embeds = (...sizes: ReadonlyArray<number>) => ({ embeds: sizes.map((n) => ({ description: "x".repeat(n) })) })

  it("runs over all embeds", () => {
    assert.deepStrictEqual(violationsOf(embeds(4096, 1904)), [])
    assert.deepStrictEqual(violationsOf(embeds(4096, 1905)), [
      "embeds: must have at most 6000 characters in all texts of all embeds, but has 6001"
    ])
  })

  it("counts six kinds of text, and no URL", () => {
    const message = (value: number) => ({
      embeds: [{
        title: "t".repeat(256),
        description: "d".repeat(4096),
        url: `https://example.com/${"u".repeat(1000)}`,
        author: { name: "a".repeat(256) },
        footer: { text: "f".repeat(1000) },
        fields: [{ name: "n".repeat(100), value: "v".repeat(value) }]
      }]
    })
    assert.deepStrictEqual(pathsOf(message(292)), [])
    assert.deepStrictEqual(pathsOf(message(293)), ["embeds"])
  })

  it("counts code points", () => {
    const emoji = (n: number) => ({ description: "😀".repeat(n) })
    assert.deepStrictEqual(pathsOf({ embeds: [emoji(4096), emoji(1904)] }), [])
    assert.deepStrictEqual(pathsOf({ embeds: [emoji(4096), emoji(1905)] }), ["embeds"])
  })
})

describe("Components V2", () => {
  it("excludes content, embeds and a poll", () => {
    const message = { flags: v2, components: [text], content: "x", embeds: [{ title: "t" }], poll }
    assert.deepStrictEqual(pathsOf(message, withComponents), ["content", "embeds", "poll"])
    const nulls = { flags: v2, components: [text], content: null, embeds: [], poll: null }
    assert.deepStrictEqual(pathsOf(nulls, withComponents), [])
  })

  it("may have files", () => {
    const message = { flags: v2, components: [{ type: 13, file: { url: "attachment://a.zip" } }] }
    assert.deepStrictEqual(pathsOf(message, { ...withComponents, files: ["a.zip"] }), [])
  })

  it("needs its flag", () => {
    assert.deepStrictEqual(pathsOf({ content: "x", components: [text] }, withComponents), ["components[0]"])
  })
})

describe("attachment://", () => {
  const image = (name: string) => ({ embeds: [{ image: { url: `attachment://${name}` } }] })

  it("must be an uploaded file, when the files are known", () => {
    assert.deepStrictEqual(pathsOf(image("a.png"), { files: ["a.png"] }), [])
    assert.deepStrictEqual(pathsOf(image("b.png"), { files: ["a.png"] }), ["embeds[0].image.url"])
    assert.deepStrictEqual(pathsOf(image("b.png")), [])
  })

  it("may be what attachments name the file, or what Discord makes of its name", () => {
    const renamed = { ...image("b.png"), attachments: [{ id: 0, filename: "b.png" }] }
    assert.deepStrictEqual(pathsOf(renamed, { files: ["a.png"] }), [])
    assert.deepStrictEqual(pathsOf(image("my_file.png"), { files: ["my file.png"] }), [])
    assert.deepStrictEqual(pathsOf(image("SPOILER_a.png"), { files: ["a.png"] }), [])
  })

  it("is checked in components, at any depth", () => {
    const media = { media: { url: "attachment://b.png" } }
    const message = {
      flags: v2,
      components: [{
        type: 17,
        components: [
          { type: 9, components: [text], accessory: { type: 11, ...media } },
          { type: 12, items: [media] },
          { type: 13, file: { url: "attachment://b.zip" } }
        ]
      }]
    }
    assert.deepStrictEqual(pathsOf(message, { ...withComponents, files: ["a.png"] }), [
      "components[0].components[0].accessory.media.url",
      "components[0].components[1].items[0].media.url",
      "components[0].components[2].file.url"
    ])
  })
})

describe("every violation at once", () => {
  const bad = {
    content: "SECRET".repeat(500),
    username: "SECRET discord",
    embeds: [
      {},
      { title: "t".repeat(257), color: "SECRET", fields: [{ name: "n" }, { value: "SECRET".repeat(1000) }, 5] }
    ],
    allowed_mentions: { parse: ["users", "users"], users: ["SECRET"] },
    thread_name: "t",
    components: [{ type: 1, components: [] }]
  }

  it("tells all of them, with the size but never the value", () => {
    const found = violationsOf(bad, { query: { thread_id: "1" }, files: [] })
    assert.deepStrictEqual(found.map((violation) => violation.slice(0, violation.indexOf(":"))), [
      "content",
      "username",
      "embeds[0]",
      "embeds[1].title",
      "embeds[1].color",
      "embeds[1].fields[0].value",
      "embeds[1].fields[1].name",
      "embeds[1].fields[1].value",
      "embeds[1].fields[2]",
      "allowed_mentions.users[0]",
      "allowed_mentions",
      "allowed_mentions.parse",
      "components[0].components",
      "embeds",
      "thread_name"
    ])
    assert.notInclude(found.join(" "), "SECRET")
    assert.include(found.join(" "), "embeds[1].title: must be at most 256 characters, but has 257")
  })

  it("is what make throws and makeEffect fails with", () => {
    const input = bad as unknown as Message.Input
    const error = Effect.runSync(Effect.flip(Message.makeEffect(input)))
    assert.instanceOf(error, WebhookError.InvalidPayload)
    assert.throws(() => Message.make(input), WebhookError.InvalidPayload)
    assert.strictEqual(error.violations.length, 14)
    assert.include(error.message, "embeds[1].title: must be at most 256 characters, but has 257")
  })
})

describe("a value that throws when it is read", () => {
  const fail = () => {
    throw new Error("SECRET")
  }
  const throwing = new Proxy({}, { get: fail, getOwnPropertyDescriptor: fail, has: fail, ownKeys: fail })
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }
  const constructors = { Message, Embed, Poll, Component, AllowedMentions } as unknown as Record<string, {
    readonly make: (input: unknown) => unknown
    readonly makeEffect: (input: unknown) => Effect.Effect<unknown, WebhookError.InvalidPayload>
  }>
  const wrong = [{ path: "", message: "reading it throws" }]

  for (const [name, { make, makeEffect }] of Object.entries(constructors)) {
    it(`is a violation for ${name}`, () => {
      for (const input of [throwing, revoked()]) {
        assert.deepStrictEqual(Effect.runSync(Effect.flip(makeEffect(input))).violations, wrong)
        assert.throws(() => make(input), WebhookError.InvalidPayload, "reading it throws")
      }
    })
  }

  it("is a violation for validate, wherever it is, and for its context", () => {
    for (const value of [throwing, revoked()]) {
      assert.deepStrictEqual(violationsOf(value), [": reading it throws"])
      assert.deepStrictEqual(violationsOf({ embeds: [value] }), ["embeds[0]: reading it throws"])
      assert.deepStrictEqual(violationsOf({ content: "x", allowed_mentions: value }), [
        "allowed_mentions: reading it throws"
      ])
      assert.deepStrictEqual(violationsOf({ content: "x" }, value), [": reading it throws"])
      assert.deepStrictEqual(violationsOf({ content: "x" }, { query: value }), [": reading it throws"])
    }
  })

  it("is a warning of lint, and a violation for a gallery", () => {
    assert.deepStrictEqual(Message.lint(throwing), wrong)
    assert.throws(
      () => Embed.gallery(throwing as never, ["https://example.com/1.png"]),
      WebhookError.InvalidPayload,
      "reading it throws"
    )
  })
})

describe("null in a context", () => {
  it("is nothing", () => {
    const message = { content: "x", thread_name: "t" }
    const contexts = [null, { files: null }, { query: null }, { query: { thread_id: null, with_components: null } }]
    for (const context of contexts) {
      assert.deepStrictEqual(violationsOf(message, context as never), [])
      assert.strictEqual(Message.make(message, context as never), message as Message.Message)
    }
  })
})

describe("the schema", () => {
  it("decodes to the very value, keys it does not know included", () => {
    const message = { content: "x", later: { a: 1 } }
    assert.strictEqual(Schema.decodeSync(Message.Message)(message), message as Message.Message)
    assert.strictEqual(Schema.encodeSync(Message.Message)(message), message as Message.Message)
  })

  it("tells every violation when it is asked to, and the first else", () => {
    const message = { content: "x".repeat(2001), embeds: [{}] }
    const error = (options: { readonly errors: "all" | "first" }) => {
      const exit = Schema.decodeExit(Message.Message, options)(message)
      return Exit.isFailure(exit) ? String(exit.cause) : ""
    }
    assert.include(error({ errors: "all" }), "2001")
    assert.include(error({ errors: "all" }), "must have a title")
    assert.notInclude(error({ errors: "first" }), "must have a title")
  })

  it("is JSON already", () => {
    const message: Message.Message = { content: "x", embeds: [{ title: "t" }] }
    assert.deepStrictEqual(Schema.encodeSync(Schema.toCodecJson(Message.Message))(message), message as never)
  })
})

describe("make", () => {
  it("brings embeds to the wire", () => {
    const message = Message.make({ embeds: [{ title: "t", color: "#FF0010", timestamp: new Date(0) }] })
    assert.deepStrictEqual(message, {
      embeds: [{ title: "t", color: 0xff0010, timestamp: "1970-01-01T00:00:00.000Z" }]
    })
  })

  it("asks builders for their JSON", () => {
    const builder = { toJSON: () => ({ title: "t" }) }
    const message = Message.make({ embeds: [builder], components: [{ toJSON: () => row }] })
    assert.deepStrictEqual(message, { embeds: [{ title: "t" }], components: [row] } as never)
  })

  it("asks allowed_mentions for their JSON", () => {
    const mentions = (allowed_mentions: AllowedMentions.AllowedMentions) => ({
      content: "x",
      allowed_mentions: { parse: ["users" as const], toJSON: () => allowed_mentions }
    })
    assert.deepStrictEqual(Message.make(mentions({ parse: [] })), { content: "x", allowed_mentions: { parse: [] } })
    const error = Effect.runSync(Effect.flip(Message.makeEffect(mentions({ users: ["SECRET"] }))))
    assert.deepStrictEqual(error.violations.map(({ path }) => path), ["allowed_mentions.users[0]"])
    const toJSON = () => {
      throw new Error("SECRET")
    }
    const broken = Effect.runSync(Effect.flip(Message.makeEffect({ content: "x", allowed_mentions: { toJSON } })))
    assert.deepStrictEqual(broken.violations[0], { path: "allowed_mentions", message: "its toJSON throws" })
    assert.notInclude(broken.message, "SECRET")
  })

  it("tells of a builder that throws, and not what", () => {
    const builder = {
      toJSON: () => {
        throw new Error("SECRET")
      }
    }
    const error = Effect.runSync(Effect.flip(Message.makeEffect({ embeds: [builder, { title: "t".repeat(257) }] })))
    assert.include(error.message, "embeds[0]: its toJSON throws")
    assert.include(error.message, "embeds[1].title")
    assert.notInclude(error.message, "SECRET")
  })

  it("holds nothing of an unknown request against a message, but all of a known one", () => {
    const message = { flags: v2, components: [text] } as Message.Input
    assert.strictEqual(Message.make(message), message as Message.Message)
    assert.throws(() => Message.make(message, {}))
    Message.make({ attachments: [{ id: 0, filename: "a.png" }] })
    assert.throws(() => Message.make({}))
  })
})

describe("lint", () => {
  const warnings = (message: unknown) => Message.lint(message as Message.Message).map(({ path }) => path)

  it("finds embeds whose text is swallowed", () => {
    const url = "https://example.com"
    const embeds = [{ title: "a", url }, { url, image: { url } }, { title: "b", url }, { title: "c" }]
    assert.deepStrictEqual(warnings({ embeds }), ["embeds[2]"])
  })

  it("finds a fifth image in a grid", () => {
    const url = "https://example.com"
    assert.deepStrictEqual(warnings({ embeds: Array.from({ length: 5 }, () => ({ url, image: { url } })) }), [
      "embeds[4]"
    ])
  })

  it("finds V2 text near 10 KB, which code points do not tell", () => {
    const message = (n: number) => ({ flags: v2, components: [{ type: 10, content: "漢".repeat(n) }] })
    assert.deepStrictEqual(pathsOf(message(4000), withComponents), [])
    assert.deepStrictEqual(warnings(message(4000)), ["components"])
    assert.deepStrictEqual(warnings(message(3329)), [])
    assert.deepStrictEqual(warnings(message(3330)), ["components"])
  })

  it("finds more than 64 media items, and files that an embed does not show", () => {
    const gallery = { type: 12, items: Array.from({ length: 10 }, () => ({ media: { url: "https://example.com" } })) }
    assert.deepStrictEqual(warnings({ components: Array.from({ length: 7 }, () => gallery) }), ["components"])
    assert.deepStrictEqual(warnings({ embeds: [{ image: { url: "attachment://a.pdf" } }] }), ["embeds[0].image.url"])
    assert.deepStrictEqual(warnings({ embeds: [{ image: { url: "attachment://a.PNG" } }] }), [])
  })
})

describe("helpers", () => {
  it("sends silently", () => {
    assert.deepStrictEqual(Message.silent({ content: "x", flags: 4 }), { content: "x", flags: 4100 })
    assert.deepStrictEqual(violationsOf(Message.silent({ content: "x" })), [])
  })

  it("leaves flags that are none for the validator to refuse", () => {
    for (const flags of ["4", Number.NaN, 4.5, -4, 2 ** 32, 1, {}]) {
      const silent = Message.silent({ content: "x", flags: flags as never })
      assert.deepStrictEqual(pathsOf(silent), ["flags"])
    }
    for (const flags of [undefined, null]) {
      assert.deepStrictEqual(Message.silent({ content: "x", flags }), { content: "x", flags: 4096 })
    }
  })

  it("pings nobody", () => {
    assert.deepStrictEqual(violationsOf({ content: "@everyone", allowed_mentions: AllowedMentions.none }), [])
  })

  it("cuts eleven embeds into two messages", () => {
    const embeds = Array.from({ length: 11 }, (_, index) => ({ title: `${index}` }))
    const messages = Message.splitEmbeds({ content: "c", username: "u", embeds, poll, thread_name: "t" })
    assert.deepStrictEqual(messages, [
      { content: "c", username: "u", embeds: embeds.slice(0, 10), poll, thread_name: "t" },
      { username: "u", embeds: embeds.slice(10) }
    ])
  })

  it("cuts where 6,000 characters end", () => {
    const embed = { description: "😀".repeat(3000) }
    const messages = Message.splitEmbeds({ embeds: [embed, embed, embed] })
    assert.deepStrictEqual(messages.map(({ embeds }) => embeds?.length), [2, 1])
    for (const message of messages) assert.deepStrictEqual(violationsOf(message), [])
  })

  it("keeps embeds of one url together", () => {
    const url = "https://example.com"
    const strangers = Array.from({ length: 8 }, () => ({ title: "t" }))
    const grid = Array.from({ length: 4 }, () => ({ url, image: { url } }))
    const messages = Message.splitEmbeds({ embeds: [...strangers, ...grid] })
    assert.deepStrictEqual(messages.map(({ embeds }) => embeds?.length), [8, 4])
  })

  it("leaves embeds that are none for the validator to refuse", () => {
    const embeds = Array.from({ length: 11 }, () => ({ title: "t" }))
    const toJSON = () => {
      throw new Error("SECRET")
    }
    for (const wrong of [null, undefined, 5, "embed", { toJSON }, { toJSON: () => null }]) {
      const message = { embeds: [...embeds, wrong] } as Message.Message
      assert.deepStrictEqual(Message.splitEmbeds(message), [message])
    }
    for (const message of [{ embeds: 5 }, { embeds: { length: 1 } }, null, undefined]) {
      assert.deepStrictEqual(Message.splitEmbeds(message as never), [message] as never)
    }
  })

  it("counts embeds with a toJSON by what it gives", () => {
    const url = "https://example.com"
    const built = (embed: Embed.Embed) => ({ toJSON: () => embed })
    const large = built({ description: "x".repeat(4000) })
    const grid = Array.from({ length: 4 }, () => built({ url, image: { url } }))
    const cut = (embeds: ReadonlyArray<unknown>) =>
      Message.splitEmbeds({ embeds } as Message.Message).map(({ embeds }) => embeds as ReadonlyArray<unknown>)
    assert.deepStrictEqual(cut([large, large]), [[large], [large]])
    const strangers = Array.from({ length: 8 }, () => built({ title: "t" }))
    assert.deepStrictEqual(cut([...strangers, ...grid]), [strangers, grid])
  })

  it("leaves a message without embeds as it is", () => {
    const message = { content: "x" }
    assert.deepStrictEqual(Message.splitEmbeds(message), [message])
  })
})
