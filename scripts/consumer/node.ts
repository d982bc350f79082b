// A consumer on Node: one webhook over a real socket.
import { Effect } from "effect"
import { Webhook } from "effect-webhooks"
import { NodeWebhook, TestReceiver } from "effect-webhooks/node"

const program = Effect.gen(function*() {
  const receiver = yield* TestReceiver.make(TestReceiver.reply())
  const result = yield* Webhook.send({ text: "hello" }).pipe(
    Effect.provide(NodeWebhook.layer({ urls: receiver.urlOf("/hook") }))
  )
  const requests = yield* receiver.requests
  return { ok: result.ok, bodies: requests.map((request) => request.body) }
}).pipe(Effect.scoped)

const { bodies, ok } = await Effect.runPromise(program)
if (!ok || bodies.join() !== `{"text":"hello"}`) throw new Error(`not delivered: ok ${ok}, received ${bodies.join()}`)
