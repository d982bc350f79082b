import {
  ActionRowBuilder,
  ButtonBuilder,
  ContainerBuilder,
  EmbedBuilder,
  FileBuilder,
  MediaGalleryBuilder,
  MediaGalleryItemBuilder,
  SectionBuilder,
  SeparatorBuilder,
  StringSelectMenuBuilder,
  StringSelectMenuOptionBuilder,
  TextDisplayBuilder,
  ThumbnailBuilder,
  UserSelectMenuBuilder
} from "@discordjs/builders"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { AllowedMentions, Component, DiscordWebhook, Embed, Message, Poll } from "effect-webhooks/discord"
import { TestTransport } from "effect-webhooks/testing"
import { FakeDiscord, type Hook, inTestTime } from "./fakeDiscord.ts"

const hook: Hook = { id: "1001", token: "token", channel: "500" }

interface Buildable {
  readonly toJSON: () => unknown
}

// What arrives of a message, and what its builders say that it is; JSON has no undefined.
const sent = Effect.fnUntraced(function*(
  options: DiscordWebhook.SendOptions & {
    readonly embeds?: ReadonlyArray<Buildable>
    readonly components?: ReadonlyArray<Buildable>
  },
  applicationOwned = false
) {
  const discord = new FakeDiscord([{ ...hook, applicationOwned }])
  const layer = DiscordWebhook.layerTransport({
    urls: `https://discord.com/api/webhooks/${hook.id}/${hook.token}`,
    applicationOwned
  }).pipe(Layer.provide(TestTransport.layer(inTestTime(discord, 0))))
  const result = yield* DiscordWebhook.send({}, options).pipe(Effect.provide(layer))
  assert.isTrue(result.ok, `${result}`)
  const { components, embeds } = discord.arrivals[0]!.payload!
  const built = (builders: ReadonlyArray<Buildable> | undefined): unknown =>
    builders === undefined ? undefined : JSON.parse(JSON.stringify(builders.map((builder) => builder.toJSON())))
  return {
    arrived: { components, embeds },
    built: { components: built(options.components), embeds: built(options.embeds) }
  }
})

const layerOf = (discord: FakeDiscord) =>
  DiscordWebhook.layerTransport({ urls: `https://discord.com/api/webhooks/${hook.id}/${hook.token}` }).pipe(
    Layer.provide(TestTransport.layer(inTestTime(discord, 0)))
  )

const link = (n = 0) => new ButtonBuilder().setStyle(5).setLabel(`Open ${n}`).setURL("https://example.com/?a=b#c")

const v2 = Message.Flags.IsComponentsV2

describe("what the builders of discord.js build arrives as it is", () => {
  it.effect("embeds", () =>
    Effect.gen(function*() {
      const full = new EmbedBuilder()
        .setTitle("title")
        .setDescription("description 😀")
        .setURL("https://example.com")
        .setColor(0x57f287)
        .setTimestamp(new Date(1_700_000_000_000))
        .setAuthor({ name: "author", url: "https://example.com/author", iconURL: "https://example.com/author.png" })
        .setFooter({ text: "footer", iconURL: "https://example.com/footer.png" })
        .setImage("https://example.com/image.png")
        .setThumbnail("https://example.com/thumbnail.png")
        .addFields(
          Array.from({ length: 25 }, (_, n) => ({ name: `name ${n}`, value: `value ${n}`, inline: n % 2 === 0 }))
        )
      const embeds = [full, new EmbedBuilder().setTitle("bare"), new EmbedBuilder().setDescription("black").setColor(0)]
      const { arrived, built } = yield* sent({ embeds })
      assert.deepStrictEqual(arrived, built)
    }))

  it.effect("embeds that show an uploaded file", () =>
    Effect.gen(function*() {
      const { arrived, built } = yield* sent({
        embeds: [new EmbedBuilder().setImage("attachment://chart.png")],
        files: [{ name: "chart.png", data: "png" }]
      })
      assert.deepStrictEqual(arrived, built)
    }))

  it.effect("rows of link buttons", () =>
    Effect.gen(function*() {
      const row = () => new ActionRowBuilder<ButtonBuilder>().addComponents([0, 1, 2, 3, 4].map(link))
      const emoji = new ActionRowBuilder<ButtonBuilder>().addComponents(
        new ButtonBuilder().setStyle(5).setEmoji({ name: "🔥" }).setURL("discord://-/settings").setDisabled(true)
      )
      const { arrived, built } = yield* sent({ content: "x", components: [row(), row(), row(), row(), emoji] })
      assert.deepStrictEqual(arrived, built)
    }))

  it.effect("a layout, whole", () =>
    Effect.gen(function*() {
      const text = (content: string) => new TextDisplayBuilder().setContent(content)
      const container = new ContainerBuilder()
        .setAccentColor(0x5865f2)
        .setSpoiler(true)
        .addTextDisplayComponents(text("# Deployed"))
        .addSectionComponents(
          new SectionBuilder()
            .addTextDisplayComponents(text("one"), text("two"), text("three"))
            .setThumbnailAccessory(
              new ThumbnailBuilder().setURL("https://example.com/a.png").setDescription("a picture")
            ),
          new SectionBuilder().addTextDisplayComponents(text("with a button")).setButtonAccessory(link())
        )
        .addMediaGalleryComponents(
          new MediaGalleryBuilder().addItems(
            new MediaGalleryItemBuilder().setURL("https://example.com/b.png").setSpoiler(true),
            new MediaGalleryItemBuilder().setURL("attachment://c.png").setDescription("another")
          )
        )
        .addSeparatorComponents(new SeparatorBuilder().setDivider(false).setSpacing(2))
        .addFileComponents(new FileBuilder().setURL("attachment://log.txt").setSpoiler(false))
        .addActionRowComponents(new ActionRowBuilder<ButtonBuilder>().addComponents(link(1), link(2)))
      const { arrived, built } = yield* sent({
        flags: v2,
        components: [
          text("before"),
          container,
          new SeparatorBuilder(),
          new ContainerBuilder().addTextDisplayComponents(text("bare"))
        ],
        files: [{ name: "c.png", data: "png" }, { name: "log.txt", data: "log" }]
      })
      assert.deepStrictEqual(arrived, built)
    }))

  it.effect("what somebody answers, from an application's webhook", () =>
    Effect.gen(function*() {
      const buttons = new ActionRowBuilder<ButtonBuilder>().addComponents(
        new ButtonBuilder().setStyle(1).setLabel("Yes").setCustomId("yes"),
        new ButtonBuilder().setStyle(4).setLabel("No").setCustomId("no")
      )
      const select = new ActionRowBuilder<StringSelectMenuBuilder>().addComponents(
        new StringSelectMenuBuilder()
          .setCustomId("select")
          .setPlaceholder("which")
          .setMinValues(0)
          .setMaxValues(2)
          .addOptions(
            new StringSelectMenuOptionBuilder().setLabel("a").setValue("a").setDescription("the first").setDefault(
              true
            ),
            new StringSelectMenuOptionBuilder().setLabel("b").setValue("b").setEmoji({ name: "🔥" })
          )
      )
      const users = new ActionRowBuilder<UserSelectMenuBuilder>().addComponents(
        new UserSelectMenuBuilder().setCustomId("users").setDefaultUsers("1234567890123456789")
      )
      const { arrived, built } = yield* sent({ content: "x", components: [buttons, select, users] }, true)
      assert.deepStrictEqual(arrived, built)
    }))

  it.effect("beside what is written by hand", () =>
    Effect.gen(function*() {
      const { arrived, built } = yield* sent({
        embeds: [new EmbedBuilder().setTitle("built"), { toJSON: () => ({ title: "by hand" }) }],
        components: [new ActionRowBuilder<ButtonBuilder>().addComponents(link())]
      })
      assert.deepStrictEqual(arrived, built)
    }))
})

describe("a builder in what is written by hand", () => {
  const text = (content: string) => new TextDisplayBuilder().setContent(content)

  it.effect("arrives as it is, wherever it stands", () =>
    Effect.gen(function*() {
      const section: Component.Section = {
        type: 9,
        components: [{ type: 10, content: "text" }],
        accessory: { type: 11, media: { url: "https://example.com/a.png" } }
      }
      const components = (build: (builder: Buildable) => unknown) => [
        { type: 1, components: [build(link(1)), { type: 2, style: 5, label: "2", url: "https://example.com" }] },
        { ...section, components: [build(text("text"))], accessory: build(link()) },
        { ...section, accessory: build(new ThumbnailBuilder().setURL("https://example.com/a.png")) },
        {
          type: 17,
          components: [
            build(text("in a container")),
            { type: 1, components: [build(link(3))] },
            { ...section, accessory: build(link(4)) },
            { type: 12, items: [build(new MediaGalleryItemBuilder().setURL("https://example.com/b.png"))] }
          ]
        }
      ]
      const discord = new FakeDiscord([hook])
      const result = yield* DiscordWebhook.send({ flags: v2, components: components((builder) => builder) as never })
        .pipe(Effect.provide(layerOf(discord)))
      assert.isTrue(result.ok, `${result}`)
      assert.deepStrictEqual(
        discord.arrivals[0]!.payload!.components,
        JSON.parse(JSON.stringify(components((builder) => builder.toJSON())))
      )
    }))

  it("compiles", () => {
    const row: Message.Input = { components: [{ type: 1, components: [link()] }, link()] }
    assert.isObject(row)
  })
})

describe("a constructor", () => {
  it("takes a builder, and gives its JSON", () => {
    const embed = new EmbedBuilder().setTitle("t").setTimestamp(0).setColor(5)
    assert.deepStrictEqual(Embed.make(embed), embed.toJSON() as Embed.Embed)
    const url = "https://example.com"
    assert.deepStrictEqual(Embed.gallery(embed.setURL(url), [`${url}/1.png`, `${url}/2.png`]), [
      { ...(embed.toJSON() as Embed.Embed), image: { url: `${url}/1.png` } },
      { url, image: { url: `${url}/2.png` } }
    ])
    const row = new ActionRowBuilder<ButtonBuilder>().addComponents(link())
    assert.deepStrictEqual(Component.make(row), row.toJSON() as Component.Component)
    assert.deepStrictEqual(
      Component.make({ type: 1, components: [link()] }),
      { type: 1, components: [link().toJSON()] } as Component.Component
    )
    assert.deepStrictEqual(
      Message.make({ embeds: [embed], components: [row, { type: 1, components: [link(1)] }] }),
      { embeds: [embed.toJSON()], components: [row.toJSON(), { type: 1, components: [link(1).toJSON()] }] } as never
    )
  })

  it("gives what was checked, not what a toJSON gives next", () => {
    let times = 0
    const once = <A>(json: A) => ({
      toJSON: () => times++ === 0 ? json : { type: 99, title: 99, parse: 99, question: 99 }
    })
    const cases: ReadonlyArray<readonly [(input: any) => unknown, unknown]> = [
      [Embed.make, { title: "t" }],
      [Message.make, { content: "t" }],
      [Component.make, { type: 10, content: "t" }],
      [Poll.make, { question: { text: "?" }, answers: [{ poll_media: { text: "yes" } }] }],
      [AllowedMentions.make, { parse: [] }],
      [(input) => Effect.runSync(Message.validate(input)), { content: "t" }]
    ]
    for (const [make, json] of cases) {
      times = 0
      assert.deepStrictEqual(make(once(json)), json)
      assert.strictEqual(times, 1)
    }
  })
})

describe("what was checked", () => {
  // Another answer each time; only the first is one that Discord takes.
  const fickle = () => {
    const asked: Array<string> = []
    const once = (name: string, json: unknown) => {
      let times = 0
      return {
        toJSON(key: string) {
          asked.push(`${name} ${JSON.stringify(key)}`)
          return times++ === 0 ? json : "x".repeat(5_000)
        }
      }
    }
    return { asked, once }
  }

  it.effect("is what arrives, also when a toJSON gives another answer each time", () =>
    Effect.gen(function*() {
      const { asked, once } = fickle()
      const discord = new FakeDiscord([hook])
      const result = yield* DiscordWebhook.send(
        once("message", { content: once("content", "text"), tts: once("tts", false) }) as never,
        {
          embeds: [once("embed", { title: once("title", "t"), fields: once("fields", [{ name: "n", value: "v" }]) })],
          components: [{ type: 1, components: [once("button", link().toJSON())] }],
          allowed_mentions: once("mentions", { parse: once("parse", ["users"]) }),
          poll: { question: once("question", { text: "?" }), answers: [{ poll_media: { text: "yes" } }] },
          username: once("username", "name") as never
        }
      ).pipe(Effect.provide(layerOf(discord)))
      assert.isTrue(result.ok, `${result}`)
      assert.deepStrictEqual(discord.arrivals[0]!.payload as unknown, {
        content: "text",
        tts: false,
        embeds: [{ title: "t", fields: [{ name: "n", value: "v" }] }],
        components: [{ type: 1, components: [JSON.parse(JSON.stringify(link().toJSON()))] }],
        allowed_mentions: { parse: ["users"] },
        poll: { question: { text: "?" }, answers: [{ poll_media: { text: "yes" } }] },
        username: "name"
      })
      assert.deepStrictEqual(asked.toSorted(), [
        "button \"0\"",
        "content \"content\"",
        "embed \"0\"",
        "fields \"fields\"",
        "mentions \"allowed_mentions\"",
        "message \"\"",
        "parse \"parse\"",
        "question \"question\"",
        "title \"title\"",
        "tts \"tts\"",
        "username \"username\""
      ])
    }))

  it.effect("is what a getter gave", () =>
    Effect.gen(function*() {
      let times = 0
      const embed = {
        get title() {
          return times++ === 0 ? "t" : "x".repeat(5_000)
        }
      }
      const discord = new FakeDiscord([hook])
      const result = yield* DiscordWebhook.send({ embeds: [embed] }).pipe(Effect.provide(layerOf(discord)))
      assert.isTrue(result.ok, `${result}`)
      assert.strictEqual(times, 1)
      assert.deepStrictEqual(discord.arrivals[0]!.payload, { embeds: [{ title: "t" }] })
    }))

  it.effect("is what a message gives as its JSON, not its own keys", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord([hook])
      const message = { content: "ok", toJSON: () => ({ content: "x".repeat(5_000) }) }
      const result = yield* DiscordWebhook.send(message).pipe(Effect.provide(layerOf(discord)))
      assert(!result.ok && result.reason._tag === "InvalidPayload", `${result}`)
      assert.deepStrictEqual(result.reason.violations.map(({ path }) => path), ["content"])
      assert.lengthOf(discord.arrivals, 0)
    }))

  it.effect("is refused where JSON would make nonsense of it", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord([hook])
      const result = yield* DiscordWebhook.send({
        content: Redacted.make("secret") as never,
        embeds: [{ title: new Map() as never, fields: [{ name: new Error("secret") as never, value: "v" }] }],
        later: new Set()
      } as never).pipe(Effect.provide(layerOf(discord)))
      assert(!result.ok && result.reason._tag === "InvalidPayload", `${result}`)
      assert.deepStrictEqual(result.reason.violations.map(({ path }) => path), [
        "content",
        "embeds[0].title",
        "embeds[0].fields[0].name",
        "later"
      ])
      assert.match(result.error, /Redacted\.value.*Object\.fromEntries.*error\.message.*Array\.from/)
      assert.notInclude(result.error, "secret")
      assert.lengthOf(discord.arrivals, 0)
    }))

  it.effect("is what an edit sends", () =>
    Effect.gen(function*() {
      const { asked, once } = fickle()
      const discord = new FakeDiscord([hook])
      yield* Effect.gen(function*() {
        const message = yield* DiscordWebhook.post("before")
        yield* DiscordWebhook.edit(message, once("message", { content: "after" }), {
          components: [{ type: 1, components: [once("button", link().toJSON())] }]
        })
      }).pipe(Effect.provide(layerOf(discord)))
      assert.deepStrictEqual(asked, ["message \"\"", "button \"0\""])
      assert.deepStrictEqual(discord.arrivals[1]!.payload as unknown, {
        content: "after",
        components: [{ type: 1, components: [JSON.parse(JSON.stringify(link().toJSON()))] }]
      })
    }))
})

describe("a builder that is not done", () => {
  it.effect("is an InvalidPayload that names it, and nothing is sent", () =>
    Effect.gen(function*() {
      const discord = new FakeDiscord([hook])
      const layer = DiscordWebhook.layerTransport({
        urls: `https://discord.com/api/webhooks/${hook.id}/${hook.token}`
      }).pipe(Layer.provide(TestTransport.layer(inTestTime(discord))))
      const result = yield* DiscordWebhook.send("x", {
        embeds: [new EmbedBuilder().setTitle("done"), new EmbedBuilder()],
        components: [
          new ActionRowBuilder<ButtonBuilder>().addComponents(new ButtonBuilder().setLabel("no style")),
          // It throws when it is asked for its JSON.
          new ActionRowBuilder<StringSelectMenuBuilder>().addComponents(new StringSelectMenuBuilder())
        ]
      }).pipe(Effect.provide(layer))
      assert(!result.ok && result.reason._tag === "InvalidPayload", `${result}`)
      const paths = result.reason.violations.map(({ path }) => path)
      assert.includeMembers(paths, ["embeds[1]", "components[0].components[0].style", "components[1]"])
      assert.lengthOf(discord.arrivals, 0)
    }))
})
