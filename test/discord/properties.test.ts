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

const emoji = maybe(either<Component.Emoji>([
  Arbitrary.all({ id, name: maybe(oneOf(["🔥", "fire"])) }),
  Arbitrary.all({ id: maybe(id), name: oneOf(["🔥", "fire"]) })
]))

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
const gallery = Arbitrary.all({
  type: Arbitrary.Constant(12 as const),
  items: Arbitrary.array(
    Arbitrary.all({ media: Arbitrary.all({ url: media }), description: maybe(text(1024, 1)), spoiler: maybe(bool) }),
    { minLength: 1, maxLength: 10 }
  )
})
const file = Arbitrary.all({
  type: Arbitrary.Constant(13 as const),
  file: Arbitrary.all({ url: Arbitrary.Constant("attachment://a b.png") }),
  spoiler: maybe(bool)
})
const separator = Arbitrary.all({
  type: Arbitrary.Constant(14 as const),
  divider: maybe(bool),
  spacing: maybe(oneOf([1, 2] as const))
})
const inContainer = either<Component.Container["components"][number]>([
  row,
  section,
  display,
  gallery,
  file,
  separator
])
const topLevel = either<Component.TopLevel>([
  inContainer,
  Arbitrary.all({
    type: Arbitrary.Constant(17 as const),
    components: Arbitrary.array(inContainer, { minLength: 1, maxLength: 2 }),
    accent_color: maybe(int(0, 0xffffff))
  })
])

const customId = text(80, 1)
const button = either<Component.Button>([
  link,
  Arbitrary.all({
    type: Arbitrary.Constant(2 as const),
    style: oneOf([1, 2, 3, 4] as const),
    custom_id: customId,
    label: text(80, 1),
    emoji
  }),
  Arbitrary.all({ type: Arbitrary.Constant(2 as const), style: Arbitrary.Constant(6 as const), sku_id: id })
])
const select = either<Component.StringSelect | Component.EntitySelect>([
  Arbitrary.all({
    type: Arbitrary.Constant(3 as const),
    custom_id: customId,
    placeholder: maybe(text(150)),
    min_values: maybe(int(0, 25)),
    max_values: maybe(int(1, 25)),
    options: Arbitrary.array(
      Arbitrary.all({ label: text(100, 1), value: text(100, 1), description: maybe(text(100)), default: maybe(bool) }),
      { minLength: 1, maxLength: 25 }
    )
  }),
  Arbitrary.all({
    type: oneOf([5, 6, 7, 8] as const),
    custom_id: customId,
    disabled: maybe(bool),
    default_values: maybe(Arbitrary.array(
      Arbitrary.all({ id, type: oneOf(["user", "role", "channel"] as const) }),
      { maxLength: 25 }
    ))
  })
])
const interactiveRow: Arbitrary.Arbitrary<Component.ActionRow> = Arbitrary.map(
  either<Component.ActionRow["components"]>([
    Arbitrary.map(select, (select) => [select] as const),
    Arbitrary.map(button, (button) => [button])
  ]),
  (components) => ({ type: 1, components })
)

const idsOf = (count: number) => Array.from({ length: count }, (_, index) => `${index}`)

const mentions: Arbitrary.Arbitrary<AllowedMentions.AllowedMentions> = either<AllowedMentions.AllowedMentions>([
  Arbitrary.Constant(AllowedMentions.none),
  Arbitrary.map(
    Arbitrary.all({ users: int(0, 100), roles: int(0, 100) }),
    ({ roles, users }) => ({ parse: ["everyone"], users: idsOf(users), roles: idsOf(roles) })
  ),
  Arbitrary.map(int(0, 100), (users) => ({ parse: ["roles"], users: idsOf(users), roles: [] })),
  Arbitrary.Constant({ parse: ["users", "roles", "everyone"], replied_user: true })
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

describe("what a constructor builds of what somebody answers, the validator takes", () => {
  it.effect("from an application's webhook", () =>
    Effect.gen(function*() {
      // One row, because no id may be there twice.
      const rows = Arbitrary.map(interactiveRow, (row) => [row])
      const result = yield* Arbitrary.checkEffect(rows, (rows) => {
        const components = rows.map((row) => Component.make(row))
        assert.deepStrictEqual(violationsOf({ components }, { applicationOwned: true }), [])
        return true
      }, { runs: 200 })
      assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
    }))
})

describe("near the limits, an independent reading agrees", () => {
  // Another way to count than the library's.
  const length = (value: string) => Array.from(value.trim()).length

  const layout = (component: object) => ({ flags: Message.Flags.IsComponentsV2, components: [component] })
  const inRow = (component: object) => ({ components: [{ type: 1, components: [component] }] })
  const texts = (count: number) => Array.from({ length: count }, () => ({ type: 10, content: "x" }))
  const image = { media: { url: "https://example.com" } }
  const owned: Message.Context = { applicationOwned: true }

  const limits: ReadonlyArray<readonly [path: string, max: number, min: number, (value: string) => object]> = [
    ["content", 2000, 1, (content) => ({ content })],
    ["username", 80, 1, (username) => ({ content: "x", username })],
    ["thread_name", 100, 0, (thread_name) => ({ content: "x", thread_name })],
    ["embeds[0].title", 256, 0, (title) => ({ embeds: [{ title, image: { url: "https://example.com" } }] })],
    ["embeds[0].description", 4096, 0, (description) => ({ embeds: [{ title: "t", description }] })],
    ["embeds[0].footer.text", 2048, 0, (text) => ({ embeds: [{ footer: { text } }] })],
    ["embeds[0].fields[0].value", 1024, 0, (value) => ({ embeds: [{ fields: [{ name: "", value }] }] })],
    ["embeds[0].fields[0].name", 256, 0, (name) => ({ embeds: [{ fields: [{ name, value: "" }] }] })],
    ["embeds[0].author.name", 256, 0, (name) => ({ embeds: [{ author: { name } }] })],
    [
      "poll.question.text",
      300,
      1,
      (text) => ({ poll: { question: { text }, answers: [{ poll_media: { text: "a" } }] } })
    ],
    [
      "poll.answers[1].poll_media.text",
      55,
      1,
      (text) => ({
        poll: { question: { text: "q" }, answers: [{ poll_media: { text: "a" } }, { poll_media: { text } }] }
      })
    ],
    [
      "components[0].components[0].label",
      80,
      0,
      (label) => inRow({ type: 2, style: 5, url: "https://example.com", label, emoji: { name: "🔥" } })
    ],
    [
      "components[0].components[0].placeholder",
      150,
      0,
      (placeholder) => inRow({ type: 5, custom_id: "a", placeholder })
    ],
    [
      "components[0].components[0].options[0].label",
      100,
      1,
      (label) => inRow({ type: 3, custom_id: "a", options: [{ label, value: "a" }] })
    ],
    [
      "components[0].components[0].options[0].description",
      100,
      0,
      (description) => inRow({ type: 3, custom_id: "a", options: [{ label: "a", value: "a", description }] })
    ],
    [
      "components[0].items[0].description",
      1024,
      1,
      (description) => layout({ type: 12, items: [{ ...image, description }] })
    ],
    [
      "components[0].accessory.description",
      1024,
      1,
      (description) => layout({ type: 9, components: texts(1), accessory: { type: 11, ...image, description } })
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
        assert.deepStrictEqual(pathsOf(message(value), owned), fits ? [] : [path])
        return true
      }, { runs: 800 })
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

  const repeated = (count: number, item: (index: number) => unknown) => Array.from({ length: count }, (_, n) => item(n))
  const answer = () => ({ poll_media: { text: "a" } })

  type Limit = readonly [path: string, max: number, min: number, (n: number) => object]

  const values: ReadonlyArray<Limit> = [
    ["embeds[0].color", 0xffffff, 0, (color) => ({ embeds: [{ title: "t", color }] })],
    ["poll.duration", 768, 1, (duration) => ({ poll: { question: { text: "q" }, answers: [answer()], duration } })],
    ["components[0].components[0].min_values", 25, 0, (min_values) => inRow({ type: 5, custom_id: "a", min_values })],
    ["components[0].components[0].max_values", 25, 1, (max_values) => inRow({ type: 5, custom_id: "a", max_values })],
    ["components[0].spacing", 2, 1, (spacing) => layout({ type: 14, spacing })],
    [
      "components[0].accent_color",
      0xffffff,
      0,
      (accent_color) => layout({ type: 17, components: texts(1), accent_color })
    ],
    ["components[0].id", 2147483647, 0, (id) => layout({ type: 10, content: "x", id })]
  ]

  const premium = () => ({ type: 2, style: 6, sku_id: "1" })

  const counts: ReadonlyArray<Limit> = [
    ["embeds", 10, 0, (n) => ({ content: "x", embeds: repeated(n, () => ({ title: "t" })) })],
    ["embeds[0].fields", 25, 0, (n) => ({
      embeds: [{ title: "t", fields: repeated(n, () => ({ name: "n", value: "v" })) }]
    })],
    ["applied_tags", 5, 0, (n) => ({ content: "x", applied_tags: idsOf(n) })],
    ["attachments", 10, 0, (n) => ({ content: "x", attachments: repeated(n, (id) => ({ id })) })],
    ["allowed_mentions.users", 100, 0, (n) => ({ content: "x", allowed_mentions: { users: idsOf(n) } })],
    ["allowed_mentions.roles", 100, 0, (n) => ({ content: "x", allowed_mentions: { roles: idsOf(n) } })],
    ["poll.answers", 10, 1, (n) => ({ poll: { question: { text: "q" }, answers: repeated(n, answer) } })],
    ["components", 5, 0, (n) => ({
      content: "x",
      components: repeated(n, () => ({ type: 1, components: [premium()] }))
    })],
    ["components[0].components", 5, 1, (n) => ({ components: [{ type: 1, components: repeated(n, premium) }] })],
    [
      "components[0].components[0].options",
      25,
      1,
      (n) => inRow({ type: 3, custom_id: "a", options: repeated(n, (id) => ({ label: "a", value: `${id}` })) })
    ],
    [
      "components[0].components",
      3,
      1,
      (n) => layout({ type: 9, components: texts(n), accessory: { type: 11, ...image } })
    ],
    ["components[0].items", 10, 1, (n) => layout({ type: 12, items: repeated(n, () => image) })]
  ]

  it.effect.each([["a number", values, -1], ["how many there are", counts, 0]] as const)(
    "of %s",
    ([_, limits, least]) =>
      Effect.gen(function*() {
        const near = Arbitrary.flatMap(oneOf(limits), (limit) =>
          Arbitrary.map(
            either([int(Math.max(least, limit[2] - 1), limit[2] + 1), int(limit[1] - 1, limit[1] + 1)]),
            (n) => ({ limit, n })
          ))
        const result = yield* Arbitrary.checkEffect(near, ({ limit: [path, max, min, message], n }) => {
          assert.deepStrictEqual(pathsOf(message(n), owned), n <= max && n >= min ? [] : [path])
          return true
        }, { runs: 500 })
        assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
      })
  )

  it.effect("of mentions", () =>
    Effect.gen(function*() {
      const kinds = Arbitrary.array(oneOf(["users", "roles", "everyone"] as const), { maxLength: 3 })
      const list = maybe(Arbitrary.map(
        Arbitrary.all({ count: either([int(0, 2), int(99, 101)]), twice: oneOf([false, false, true]) }),
        ({ count, twice }) => [...idsOf(count), ...(twice ? ["0"] : [])]
      ))
      const result = yield* Arbitrary.checkEffect(
        Arbitrary.all({ parse: maybe(kinds), users: list, roles: list }),
        (mentions) => {
          const distinct = (values: ReadonlyArray<string>) => values.every((value, n) => values.indexOf(value) === n)
          const parse: ReadonlyArray<string> = mentions.parse ?? []
          const lists = { users: mentions.users ?? [], roles: mentions.roles ?? [] }
          const valid = distinct(parse) && Object.entries(lists).every(([kind, ids]) =>
            ids.length <= 100 && distinct(ids) && !(parse.includes(kind) && ids.length > 0)
          )
          const paths = pathsOf({ content: "x", allowed_mentions: mentions })
          assert.strictEqual(paths.length === 0, valid, JSON.stringify(mentions))
          for (const path of paths) assert.match(path, /^allowed_mentions(\.(parse|users|roles))?$/)
          return true
        },
        { runs: 400 }
      )
      assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
    }))

  it.effect("of the flags", () =>
    Effect.gen(function*() {
      const bits = Arbitrary.map(Arbitrary.array(int(0, 17), { maxLength: 3 }), (bits) => [...new Set(bits)])
      const result = yield* Arbitrary.checkEffect(bits, (bits) => {
        const flags = bits.reduce((sum, bit) => sum + 2 ** bit, 0)
        // What excludes content is another rule.
        if (bits.includes(15)) return true
        const known = bits.every((bit) => [2, 12, 13].includes(bit))
        assert.deepStrictEqual(pathsOf({ content: "x", flags }), known ? [] : ["flags"])
        return true
      }, { runs: 300 })
      assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
    }))

  it.effect("of the texts of a layout together", () =>
    Effect.gen(function*() {
      const sizes = Arbitrary.flatMap(int(3998, 4002), (total) =>
        Arbitrary.flatMap(int(10, 1999), (first) => Arbitrary.all([textOf(first), textOf(total - first)])))
      const result = yield* Arbitrary.checkEffect(sizes, ([first, second]) => {
        const components = [
          { type: 10, content: first },
          { type: 17, components: [{ type: 10, content: second }] }
        ]
        const total = length(first) + length(second)
        assert.deepStrictEqual(
          pathsOf({ flags: Message.Flags.IsComponentsV2, components }, owned),
          total <= 4000 ? [] : ["components"]
        )
        return true
      }, { runs: 200 })
      assert.strictEqual(result._tag, "Passed", Arbitrary.formatCheckFailure(result))
    }))

  it.effect("of ids that must be unique", () =>
    Effect.gen(function*() {
      const ids = Arbitrary.array(maybe(int(0, 6)), { minLength: 1, maxLength: 5 })
      const result = yield* Arbitrary.checkEffect(Arbitrary.all({ ids, inside: int(0, 5) }), ({ ids, inside }) => {
        const all = ids.map((id) => ({ type: 10, content: "x", id }))
        const boxed = all.slice(inside)
        const components = [...all.slice(0, inside), ...(boxed.length > 0 ? [{ type: 17, components: boxed }] : [])]
        const set = ids.filter((id) => typeof id === "number" && id !== 0)
        const twice = set.length - new Set(set).size
        assert.lengthOf(pathsOf({ flags: Message.Flags.IsComponentsV2, components }, owned), twice)
        return true
      }, { runs: 300 })
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
