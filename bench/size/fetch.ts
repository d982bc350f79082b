// The least that a program in a browser or a worker imports.
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as UrlPool from "../../src/UrlPool.ts"
import * as Webhook from "../../src/Webhook.ts"

export const send = Webhook.send
export const layer = Webhook.layer().pipe(Layer.provide([FetchHttpClient.layer, UrlPool.layer("https://example.com")]))
