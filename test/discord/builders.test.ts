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
import { Effect, Layer } from "effect"
import { DiscordWebhook, Message } from "effect-webhooks/discord"
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
