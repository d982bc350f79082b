import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, DateTime, Effect, Schema } from "effect"
import { AllowedMentions, Component, DiscordError, DiscordWebhook, Embed, Message, Poll } from "effect-webhooks/discord"
import { pathsOf, violationsOf } from "./violationsOf.ts"

const int = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const oneOf = <A>(values: ReadonlyArray<A>) => Arbitrary.map(int(0, values.length - 1), (index) => values[index]!)

const either = <A>(arbitraries: ReadonlyArray<Arbitrary.Arbitrary<A>>): Arbitrary.Arbitrary<A> =>
  Arbitrary.flatMap(int(0, arbitraries.length - 1), (index) => arbitraries[index]!)

const maybe = <A>(arbitrary: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<A | null | undefined> =>
  either<A | null | undefined>([arbitrary, arbitrary, Arbitrary.Constant(null), Arbitrary.Constant(undefined)])

const bool = oneOf([true, false])

// Characters of one and of two UTF-16 units, and joiners; none is whitespace.
const character = oneOf(["x", "é", "漢", "😀", "👨‍👩‍👧", "\u200d", "\ud83d"])

const ends = oneOf(["", "", " ", "\n\t", "\u00a0"])

/** A text of exactly so many code points, in whitespace that does not count. */
const textOf = (size: number): Arbitrary.Arbitrary<string> =>
  Arbitrary.map(Arbitrary.all([character, ends, ends]), ([unit, before, after]) => {
    const points = Array.from(unit)
    const core = Array.from({ length: size }, (_, index) => points[index % points.length]!).join("")
    return `${before}${core}${after}`
  })

const text = (max: number, min = 0) =>
  Arbitrary.flatMap(either([int(min, Math.min(max, 20)), int(Math.max(min, max - 2), max)]), textOf)

const url = oneOf(["https://example.com/a?b=c#d", "http://example.com", " https://example.com/漢 "])
const media = either([url, Arbitrary.Constant("attachment://a b.png")])
const id = Arbitrary.map(int(0, 2 ** 31), String)

const embedInput: Arbitrary.Arbitrary<Embed.Input> = Arbitrary.all({
  title: text(256, 1),
  description: maybe(text(300)),
  url: maybe(url),
  timestamp: maybe(either<string | Date | DateTime.DateTime>([
    Arbitrary.map(int(0, 4e9), (seconds) => new Date(seconds * 1000)),
    Arbitrary.map(int(0, 4e9), (seconds) => DateTime.makeUnsafe(seconds * 1000)),
    Arbitrary.map(int(0, 4e9), (seconds) => new Date(seconds * 1000).toISOString())
  ])),
  color: maybe(either<number | `#${string}`>([
    int(0, 0xffffff),
    Arbitrary.map(int(0, 0xffffff), (n): `#${string}` => `#${n.toString(16).padStart(6, "0")}`)
  ])),
  footer: maybe(Arbitrary.all({ text: text(200), icon_url: maybe(media) })),
  author: maybe(Arbitrary.all({ name: text(256), url: maybe(url), icon_url: maybe(media) })),
  image: maybe(Arbitrary.all({ url: media })),
  thumbnail: maybe(Arbitrary.all({ url: media, description: maybe(text(100)) })),
  fields: maybe(Arbitrary.array(
    Arbitrary.all({ name: text(30), value: text(30), inline: maybe(bool) }),
    { maxLength: 4 }
  ))
})

const emoji = maybe(Arbitrary.all({ id: maybe(id), name: maybe(oneOf(["🔥", "fire"])) }))

const link = Arbitrary.all({
  type: Arbitrary.Constant(2 as const),
  style: Arbitrary.Constant(5 as const),
  label: text(80, 1),
  url,
  emoji,
  disabled: maybe(bool)
})
const display = Arbitrary.all({ type: Arbitrary.Constant(10 as const), content: text(300, 1) })
const row = Arbitrary.all({
  type: Arbitrary.Constant(1 as const),
  components: Arbitrary.array(link, { minLength: 1, maxLength: 5 })
})
const section = Arbitrary.all({
  type: Arbitrary.Constant(9 as const),
  components: Arbitrary.array(display, { minLength: 1, maxLength: 3 }),
  accessory: either<Component.Button | Component.Thumbnail>([
    link,
    Arbitrary.all({ type: Arbitrary.Constant(11 as const), media: Arbitrary.all({ url: media }), spoiler: maybe(bool) })
  ])
})
const inContainer = either<Component.Container["components"][number]>([row, section, display])
const topLevel = either<Component.TopLevel>([
  inContainer,
  Arbitrary.all({
    type: Arbitrary.Constant(17 as const),
    components: Arbitrary.array(inContainer, { minLength: 1, maxLength: 2 }),
    accent_color: maybe(int(0, 0xffffff))
  })
])

const mentions: Arbitrary.Arbitrary<AllowedMentions.AllowedMentions> = either<AllowedMentions.AllowedMentions>([
  Arbitrary.Constant(AllowedMentions.none),
  Arbitrary.map(
    int(0, 100),
    (n) => ({ parse: ["everyone"], users: Array.from({ length: n }, (_, index) => `${index}`) })
  )
])

const poll: Arbitrary.Arbitrary<Poll.Poll> = Arbitrary.all({
  question: Arbitrary.all({ text: text(300, 1) }),
  answers: Arbitrary.array(Arbitrary.all({ poll_media: Arbitrary.all({ text: text(55, 1), emoji }) }), {
    minLength: 1,
    maxLength: 10
  }),
  duration: maybe(int(1, 768)),
  allow_multiselect: maybe(bool)
})

const identity = Arbitrary.all({ username: maybe(text(80, 1)), tts: maybe(bool), allowed_mentions: maybe(mentions) })

const messageInput: Arbitrary.Arbitrary<Message.Input> = either<Message.Input>([
  Arbitrary.map(
    Arbitrary.all({
      identity,
      content: text(2000, 1),
      embeds: maybe(Arbitrary.array(embedInput, { maxLength: 4 })),
      poll: maybe(poll),
      components: maybe(Arbitrary.array(row, { maxLength: 5 })),
      flags: oneOf([null, 0, 4, 4096, 4100])
    }),
    ({ identity, ...rest }) => ({ ...identity, ...rest })
  ),
  Arbitrary.map(
    Arbitrary.all({ identity, components: Arbitrary.array(topLevel, { minLength: 1, maxLength: 2 }) }),
    ({ components, identity }) => ({ ...identity, components, flags: Message.Flags.IsComponentsV2 })
  )
])

describe("what a constructor builds, the validator takes", () => {
  const sent = { query: { with_components: true } }

  it.effect("messages, also after they went over the wire", () =>
    Effect.gen(function*() {
      const result = yield* Arbitrary.checkEffect(messageInput, (input) => {
        const message = Message.make(input)
        assert.deepStrictEqual(violationsOf(message, sent), [])
        assert.deepStrictEqual(violationsOf(JSON.parse(JSON.stringify(message)), sent), [])
        return true
      }, { runs: 200 })
      assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
    }))

  it.effect("embeds, polls, mentions and components", () =>
    Effect.gen(function*() {
      const parts = Arbitrary.all([embedInput, poll, mentions, topLevel])
      const result = yield* Arbitrary.checkEffect(parts, ([embed, poll, mentions, component]) => {
        const made = {
          embeds: [Embed.make(embed)],
          poll: Poll.make(poll),
          allowed_mentions: AllowedMentions.make(mentions)
        }
        assert.deepStrictEqual(violationsOf(made), [])
        const flags = Message.Flags.IsComponentsV2
        assert.deepStrictEqual(violationsOf({ flags, components: [Component.make(component)] }, sent), [])
        return true
      }, { runs: 200 })
      assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
    }))
})

describe("near the limits, an independent reading agrees", () => {
  // Another way to count than the library's.
  const length = (value: string) => Array.from(value.trim()).length

  const limits: ReadonlyArray<readonly [path: string, max: number, min: number, (value: string) => object]> = [
    ["content", 2000, 1, (content) => ({ content })],
    ["username", 80, 1, (username) => ({ content: "x", username })],
    ["thread_name", 100, 0, (thread_name) => ({ content: "x", thread_name })],
    ["embeds[0].title", 256, 0, (title) => ({ embeds: [{ title, image: { url: "https://example.com" } }] })],
    ["embeds[0].description", 4096, 0, (description) => ({ embeds: [{ title: "t", description }] })],
    ["embeds[0].footer.text", 2048, 0, (text) => ({ embeds: [{ footer: { text } }] })],
    ["embeds[0].fields[0].value", 1024, 0, (value) => ({ embeds: [{ fields: [{ name: "", value }] }] })],
    [
      "poll.question.text",
      300,
      1,
      (text) => ({ poll: { question: { text }, answers: [{ poll_media: { text: "a" } }] } })
    ]
  ]
  const near = Arbitrary.flatMap(oneOf(limits), (limit) =>
    Arbitrary.map(
      Arbitrary.flatMap(either([int(0, 1), int(limit[1] - 2, limit[1] + 2)]), textOf),
      (value) => ({ limit, value })
    ))

  it.effect("of a text", () =>
    Effect.gen(function*() {
      const result = yield* Arbitrary.checkEffect(near, ({ limit: [path, max, min, message], value }) => {
        const fits = length(value) <= max && length(value) >= min
        assert.deepStrictEqual(pathsOf(message(value)), fits ? [] : [path])
        return true
      }, { runs: 400 })
      assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
    }))

  const embeds = Arbitrary.flatMap(
    int(5998, 6002),
    (total) =>
      Arbitrary.flatMap(int(1, 1900), (footer) =>
        Arbitrary.all({
          first: Arbitrary.all({
            description: textOf(Math.min(4096, total - footer)),
            footer: Arbitrary.all({ text: textOf(footer) })
          }),
          second: Arbitrary.all({
            author: Arbitrary.all({ name: textOf(0) }),
            description: textOf(Math.max(0, total - footer - 4096))
          })
        }))
  )

  it.effect("of all embeds", () =>
    Effect.gen(function*() {
      const result = yield* Arbitrary.checkEffect(embeds, ({ first, second }) => {
        const total = length(first.description) + length(first.footer.text) + length(second.description)
        assert.deepStrictEqual(pathsOf({ embeds: [first, second] }), total <= 6000 ? [] : ["embeds"])
        return true
      }, { runs: 200 })
      assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
    }))

  it.effect("of nested components", () =>
    Effect.gen(function*() {
      const sizes = Arbitrary.all({
        alone: int(0, 6),
        inside: Arbitrary.array(int(1, 14), { minLength: 1, maxLength: 4 })
      })
      const result = yield* Arbitrary.checkEffect(sizes, ({ alone, inside }) => {
        const texts = (n: number) => Array.from({ length: n }, () => ({ type: 10, content: "x" }))
        const components = [...texts(alone), ...inside.map((n) => ({ type: 17, components: texts(n) }))]
        const count = alone + inside.reduce((sum, n) => sum + n + 1, 0)
        const paths = pathsOf({ flags: 32768, components }, { applicationOwned: true })
        assert.deepStrictEqual(paths, count <= 40 ? [] : ["components"])
        return true
      }, { runs: 200 })
      assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
    }))
})

describe("split", () => {
  const word = Arbitrary.map(Arbitrary.all([character, int(1, 40)]), ([unit, n]) => unit.repeat(n))
  const plain = Arbitrary.map(
    Arbitrary.array(Arbitrary.all([word, oneOf([" ", "\n", "\n\n", ". "])]), { minLength: 1, maxLength: 150 }),
    (words) => words.flat().join("")
  )
  const fenced = Arbitrary.map(
    Arbitrary.all([plain, oneOf(["", "ts\n", "\n", "json\n"])]),
    // A first word alone on its line would be a language.
    ([code, language]) => `\`\`\`${language}(${code}\`\`\``
  )
  const document = Arbitrary.map(
    Arbitrary.array(either([plain, plain, fenced, Arbitrary.map(int(1, 5000), (n) => "x".repeat(n))]), {
      minLength: 1,
      maxLength: 6
    }),
    (blocks) => blocks.join("")
  )

  // What is left when fences, their languages and whitespace are taken away.
  const bare = (value: string) => value.replace(/```(?:ts|json)?/g, "").replace(/\s+/g, "")

  it.effect("never exceeds the limit, and loses no text", () =>
    Effect.gen(function*() {
      const result = yield* Arbitrary.checkEffect(document, (value) => {
        const parts = Message.split(value)
        for (const part of parts) {
          assert.isAtMost(Array.from(part).length, 2000)
          assert.deepStrictEqual(violationsOf({ content: part }), [])
          assert.strictEqual((part.match(/```/g) ?? []).length % 2, 0)
        }
        assert.strictEqual(parts.map(bare).join(""), bare(value))
        if (!value.includes("```")) assert.strictEqual(parts.join(""), value)
        return true
      }, { runs: 300, size: 150 })
      assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
    }), 60_000)

  it.effect("of embeds gives messages that Discord takes, with every embed in order", () =>
    Effect.gen(function*() {
      const embeds = Arbitrary.array(
        Arbitrary.all({ title: text(256, 1), description: text(4096), url: oneOf([undefined, "https://example.com"]) }),
        { maxLength: 30 }
      )
      const result = yield* Arbitrary.checkEffect(embeds, (embeds) => {
        const messages = Message.splitEmbeds({ content: "x", embeds })
        for (const message of messages) assert.deepStrictEqual(violationsOf(message), [])
        assert.deepStrictEqual(messages.flatMap(({ embeds }) => embeds ?? []), embeds)
        return true
      }, { runs: 100 })
      assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
    }))
})

describe("whatever comes in", () => {
  const json = Arbitrary.schema(Schema.Json)
  const keys = ["content", "embeds", "components", "poll", "allowed_mentions", "attachments", "flags", "username"]
  const nested = ["title", "fields", "footer", "type", "components", "accessory", "style", "answers", "users", "parse"]
  const shapes = Arbitrary.map(
    Arbitrary.array(Arbitrary.all([oneOf(keys), oneOf(nested), json, bool]), { maxLength: 6 }),
    (entries) =>
      Object.fromEntries(
        entries.map(([key, inner, value, list]) => [key, list ? [{ [inner]: value }] : { [inner]: value }])
      )
  )

  it.effect("is told about, never thrown on", () =>
    Effect.gen(function*() {
      const result = yield* Arbitrary.checkEffect(either<unknown>([json, shapes]), (value) => {
        for (const context of [undefined, { files: ["a.png"], query: { with_components: true } }]) {
          violationsOf(value, context)
        }
        Message.lint(value as Message.Message)
        DiscordError.decode(value)
        DiscordWebhook.parseUrl(value as string)
        return true
      }, { runs: 500 })
      assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
    }))
})
