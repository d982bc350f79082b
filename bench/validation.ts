// The time to validate a message with one full embed, beside
// `@discordjs/builders`, which builds and validates the same.
import { EmbedBuilder } from "@discordjs/builders"
import { Effect, Exit } from "effect"
import { type Embed, Message } from "effect-webhooks/discord"
import { spread } from "./statistics.ts"

const embed = {
  title: "Deployed",
  description: "d".repeat(500),
  url: "https://example.com/deploys/1",
  timestamp: "2026-11-23T12:00:00.000Z",
  color: 0x57f287,
  footer: { text: "by the pipeline", icon_url: "https://example.com/icon.png" },
  image: { url: "https://example.com/image.png" },
  thumbnail: { url: "https://example.com/thumbnail.png" },
  author: { name: "deploys", url: "https://example.com", icon_url: "https://example.com/author.png" },
  fields: Array.from({ length: 25 }, (_, n) => ({ name: `Field ${n}`, value: `Value ${n}`, inline: n % 2 === 0 }))
} satisfies Embed.Embed

const ours = (): unknown => {
  const exit = Effect.runSyncExit(Message.validate({ content: "done", embeds: [embed] }))
  if (Exit.isFailure(exit)) throw new Error("it is valid")
  return exit.value
}

const builders = (): unknown =>
  new EmbedBuilder()
    .setTitle(embed.title)
    .setDescription(embed.description)
    .setURL(embed.url)
    .setTimestamp(new Date(embed.timestamp))
    .setColor(embed.color)
    .setFooter({ text: embed.footer.text, iconURL: embed.footer.icon_url })
    .setImage(embed.image.url)
    .setThumbnail(embed.thumbnail.url)
    .setAuthor({ name: embed.author.name, url: embed.author.url, iconURL: embed.author.icon_url })
    .setFields(embed.fields)
    .toJSON()

const micros = (run: () => unknown, times: number): number => {
  const started = performance.now()
  for (let n = 0; n < times; n++) run()
  return (performance.now() - started) * 1000 / times
}

const times = 2_000

export const measure = async (samples: number) => {
  micros(ours, times)
  micros(builders, times)
  const a: Array<number> = []
  const b: Array<number> = []
  for (let turn = 0; turn < samples; turn++) {
    a.push(micros(ours, times))
    b.push(micros(builders, times))
  }
  const value = {
    ratio: spread(a.map((time, turn) => time / b[turn]!)),
    micros: { ours: spread(a), builders: spread(b) },
    budget: 0.1
  }
  return {
    value,
    text: `of a message with a full embed, against building it with @discordjs/builders: ` +
      `${value.ratio.median.toFixed(3)}x [${value.ratio.min.toFixed(3)} to ${value.ratio.max.toFixed(3)}]  ` +
      `${value.micros.ours.median.toFixed(0)} us / ${value.micros.builders.median.toFixed(0)} us  ` +
      `${value.ratio.median <= value.budget ? "within" : "OVER"} 0.10x`
  }
}
