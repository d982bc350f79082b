// A consumer on any runtime: prints what becomes of a signed webhook over the Node transport, and over fetch. No types,
// for a Node that strips none.
import { Effect, Layer, ManagedRuntime, Redacted } from "effect"
import { Signature, UrlPool, Webhook } from "effect-webhooks"
import { NodeTransport, NodeWebhook, TestReceiver } from "effect-webhooks/node"
import { FetchHttpClient } from "effect/http"

const send = async (layer) => {
  const runtime = ManagedRuntime.make(layer)
  try {
    const result = await runtime.runPromise(Webhook.send({ text: "hello" }, { timeout: "5 seconds" }))
    return result.ok ? "delivered" : result.error
  } catch (error) {
    return error.message
  } finally {
    await runtime.dispose()
  }
}

const program = Effect.gen(function*() {
  const receiver = yield* TestReceiver.make(TestReceiver.reply())
  const pool = UrlPool.layer(receiver.urlOf("/hook"))
  const options = { maxRetries: 0, signer: Signature.hmac(Redacted.make("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")) }
  const layers = {
    NodeWebhook: NodeWebhook.layer({ ...options, urls: receiver.urlOf("/hook") }),
    NodeTransport: Layer.provide(Webhook.layerTransport(options), [NodeTransport.layer(), pool]),
    fetch: Layer.provide(Webhook.layer(options), [FetchHttpClient.layer, pool])
  }
  for (const [name, layer] of Object.entries(layers)) {
    console.log(`${name}: ${yield* Effect.promise(() => send(layer))}`)
  }
})

await Effect.runPromise(Effect.scoped(program))
