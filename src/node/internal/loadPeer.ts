import * as Effect from "effect/Effect"
import { versions } from "node:process"
import * as Thrown from "../../internal/thrown.ts"
import { Unexpected, WebhookError } from "../../WebhookError.ts"
import type * as Peer from "./peer.ts"

// That of undici 8, which dies on an older one while it is loaded.
const oldest = [22, 19] as const

const isTooOld = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return major < oldest[0] || (major === oldest[0] && minor < oldest[1])
}

const unmet = (detail: string, cause?: unknown): WebhookError =>
  new WebhookError({ reason: new Unexpected({ source: "NodeTransport", detail, cause: Thrown.hide(cause) }) })

/**
 * Loads what the transport stands on, or says what is missing.
 *
 * @internal
 */
export const loadPeer: Effect.Effect<typeof Peer, WebhookError> = Effect.suspend(() =>
  isTooOld(versions.node)
    ? Effect.fail(unmet(`needs Node ${oldest.join(".")} or newer, and this is ${versions.node}`))
    : Effect.tryPromise({
      try: () => import("./peer.ts"),
      catch: (cause) =>
        unmet("needs @effect/platform-node, which cannot be loaded: npm install @effect/platform-node", cause)
    })
).pipe(
  Effect.filterOrFail(({ hasDispatch }) => hasDispatch, () =>
    unmet(
      "needs undici, and this runtime has one of its own that cannot do the same (Bun): use Webhook.layer, or " +
        "DiscordWebhook.layer, over FetchHttpClient.layer; by proxies, layerTransport over " +
        "Transport.layerHttpClientProxied"
    ))
)
