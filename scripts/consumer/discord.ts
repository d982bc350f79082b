// A consumer of Discord's part that needs nothing of Node either.
import { Effect, Layer } from "effect"
import { DiscordWebhook, Embed } from "effect-webhooks/discord"
import { FetchHttpClient } from "effect/http"

const layer = DiscordWebhook.layer({ urls: "https://discord.com/api/webhooks/1/token" }).pipe(
  Layer.provide(FetchHttpClient.layer)
)

export const program = DiscordWebhook.send("done", { embeds: [Embed.make({ title: "green" })] }).pipe(
  Effect.provide(layer)
)
