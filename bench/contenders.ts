// What is compared: a bare call, and this library in its place. The senders of
// others are in `peers/`, with dependencies of their own.
import { NodeHttpClient } from "@effect/platform-node"
import * as Undici from "@effect/platform-node/Undici"
import { Effect, Layer, ManagedRuntime, Redacted, Schedule, Tracer } from "effect"
import { Signature, UrlPool, Webhook } from "effect-webhooks"
import { NodeWebhook } from "effect-webhooks/node"
import { FetchHttpClient, HttpBody, HttpClient, HttpClientRequest } from "effect/http"
import { readFileSync } from "node:fs"

/** Where the server is. */
export interface Place {
  readonly url: string
  readonly secureUrl: string
  readonly proxy: string
}

/** Sends the n-th webhook. */
export type Send = (n: number) => Promise<unknown>

/** Sends webhooks one after the other, as an Effect program does, until `next` says that it is enough. */
export type Loop = (next: () => number | undefined) => Promise<unknown>

export type Contender = (place: Place) => Promise<Send | { readonly loop: Loop }>

const lines = "x".repeat(400)

/** About 600 bytes of JSON, another one each time. */
const payload = (n: number): object => ({
  text: `event ${n}`,
  type: "invoice.paid",
  data: { id: "in_1MtHbELkdIwHu7ixl4OzzPMv", amount: 4200, currency: "eur", lines }
})

const large = "x".repeat(64 * 1024)

const cert = readFileSync(new URL("./cert.pem", import.meta.url), "utf8")

const bare = (
  dispatcher: Undici.Dispatcher,
  origin: string,
  path: string,
  payloadOf: (n: number) => unknown = payload
): Send => {
  const options = { origin, path, method: "POST", headers: { "content-type": "application/json" } } as const
  return async (n) => {
    const { body } = await dispatcher.request({ ...options, body: JSON.stringify(payloadOf(n)) })
    await body.dump()
  }
}

// One fiber sends after the other: an app that sends in a request handler is already in one.
const loopOver = async <E>(
  layer: Layer.Layer<Webhook.Webhook, E>,
  payloadOf: (n: number) => unknown = payload
): Promise<{ readonly loop: Loop }> => {
  const runtime = ManagedRuntime.make(layer)
  const loop = (next: () => number | undefined) =>
    Effect.gen(function*() {
      const webhook = yield* Webhook.Webhook
      for (let n = next(); n !== undefined; n = next()) {
        const result = yield* webhook.send(payloadOf(n))
        if (!result.ok) return yield* Effect.die(new Error(result.error))
      }
    })
  return { loop: (next) => runtime.runPromise(loop(next)) }
}

const tracer: Tracer.Tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

export const contenders: Readonly<Record<string, Contender>> = {
  "undici.request": async ({ url }) => bare(new Undici.Agent(), url, "/hook"),
  "effect-webhooks": ({ url }) => loopOver(NodeWebhook.layer({ urls: `${url}/hook` })),

  "undici.request over TLS": async ({ secureUrl }) =>
    bare(new Undici.Agent({ connect: { ca: cert } }), secureUrl, "/hook"),
  "effect-webhooks over TLS": ({ secureUrl }) =>
    loopOver(NodeWebhook.layer({ urls: `${secureUrl}/hook`, tls: { ca: cert } })),

  "undici.request, 64 KiB": async ({ url }) => bare(new Undici.Agent(), url, "/hook", (n) => ({ n, large })),
  "effect-webhooks, 64 KiB": ({ url }) => loopOver(NodeWebhook.layer({ urls: `${url}/hook` }), (n) => ({ n, large })),

  "undici ProxyAgent": async ({ proxy, url }) =>
    bare(new Undici.ProxyAgent({ uri: `http://${proxy}`, proxyTunnel: true }), url, "/hook"),
  "effect-webhooks by a proxy": ({ proxy, url }) =>
    loopOver(NodeWebhook.layer({ urls: `${url}/hook`, proxies: proxy })),

  "layerUndici, execute + text": async ({ url }) => ({
    loop: (next) =>
      Effect.runPromise(
        Effect.gen(function*() {
          const client = yield* HttpClient.HttpClient
          for (let n = next(); n !== undefined; n = next()) {
            const request = HttpClientRequest.post(`${url}/hook`, { body: HttpBody.jsonUnsafe(payload(n)) })
            const response = yield* client.execute(request)
            yield* response.text
          }
        }).pipe(Effect.provide(NodeHttpClient.layerUndici))
      )
  }),
  "effect-webhooks over layerUndici": ({ url }) =>
    loopOver(Webhook.layer().pipe(Layer.provide([NodeHttpClient.layerUndici, UrlPool.layer(`${url}/hook`)]))),

  "fetch": async ({ url }) => async (n) => {
    const response = await fetch(`${url}/hook`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(payload(n))
    })
    await response.text()
  },
  "effect-webhooks over fetch": ({ url }) =>
    loopOver(Webhook.layer().pipe(Layer.provide([FetchHttpClient.layer, UrlPool.layer(`${url}/hook`)]))),

  "effect-webhooks, signed": ({ url }) =>
    loopOver(NodeWebhook.layer({
      urls: `${url}/hook`,
      signer: Signature.hmac(Redacted.make("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    })),
  "effect-webhooks, traced": ({ url }) =>
    loopOver(NodeWebhook.layer({ urls: `${url}/hook` }).pipe(Layer.provideMerge(Layer.succeed(Tracer.Tracer, tracer)))),

  "undici.request, twice": async ({ url }) => {
    const send = bare(new Undici.Agent(), url, "/flaky")
    return async (n) => {
      await send(n)
      await send(n)
    }
  },
  "effect-webhooks, a 500 and one retry": ({ url }) =>
    loopOver(NodeWebhook.layer({ urls: `${url}/flaky`, retry: Schedule.spaced("1 millis") }))
}
