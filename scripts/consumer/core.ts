// A consumer of the core alone: nothing of Node, no socket.
import { Effect, Layer } from "effect"
import { UrlPool, Webhook } from "effect-webhooks"
import { TestTransport } from "effect-webhooks/testing"
import { isDelivered } from "effect-webhooks/WebhookResult"

const layer = Webhook.layerTransport().pipe(
  Layer.provide([TestTransport.layer(TestTransport.reply()), UrlPool.layer("https://example.com/hook")])
)

const result = await Effect.runPromise(Webhook.send({ text: "hello" }).pipe(Effect.provide(layer)))
if (!isDelivered(result)) throw new Error(`not delivered: ${result.error}`)
