/**
 * Webhooks on Node, batteries included: the fast transport and a pool in one
 * layer.
 *
 * **Example** (A layer from the environment)
 *
 * ```ts
 * import { Config } from "effect"
 * import { NodeWebhook } from "effect-webhooks/node"
 *
 * const layer = NodeWebhook.layerConfig({
 *   urls: Config.Redacted("WEBHOOK_URL"),
 *   maxRetries: Config.Int("WEBHOOK_MAX_RETRIES").pipe(Config.withDefault(3))
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ProxyProvider from "../ProxyProvider.ts"
import type { Transport } from "../Transport.ts"
import * as UrlPool from "../UrlPool.ts"
import * as Webhook from "../Webhook.ts"
import { InvalidOptions, WebhookError } from "../WebhookError.ts"
import * as NodeTransport from "./NodeTransport.ts"

/**
 * Options of the layer: those of the `Webhook`, the pool and the transport.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Webhook.WebhookOptions, UrlPool.Options, NodeTransport.ProxiedOptions {
  /** Where to send. Without it every send brings its own `url`. */
  readonly urls?: UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput> | undefined
  /** By which proxies: one or many, or an object with `get` and `burn`. Without it sends go directly. */
  readonly proxies?: ProxyProvider.Inputs | ProxyProvider.PlainProvider | undefined
  /**
   * How long a suspect proxy of a list is left alone.
   *
   * @default "60 seconds"
   */
  readonly cooldown?: Duration.Input | undefined
}

/**
 * A `Webhook` over the Node transport.
 *
 * **Details**
 *
 * Fails with `InvalidUrl`, `InvalidHeader` or `InvalidOptions` for what is
 * wrong with its configuration; constants that make no sense throw
 * `RangeError` here.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Webhook.Webhook, WebhookError> =>
  Webhook.layerTransport(options).pipe(
    Layer.provide(transport(options)),
    Layer.provide(options.urls === undefined ? UrlPool.empty : UrlPool.layer(options.urls, options))
  )

const transport = (options: Options): Layer.Layer<Transport, WebhookError> => {
  if (options.proxies === undefined) return NodeTransport.layer(options)
  const { proxies } = options
  return NodeTransport.layerProxied(options).pipe(
    Layer.provide(
      ProxyProvider.isPlainProvider(proxies) ? ProxyProvider.fromObject(proxies) : ProxyProvider.layer(proxies, options)
    )
  )
}

/**
 * The same from configuration.
 *
 * **Details**
 *
 * A configured value that makes no sense fails with `InvalidOptions` when the
 * layer is built.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Webhook.Webhook, WebhookError | Config.ConfigError> =>
  Layer.unwrap(Effect.flatMap(Config.unwrap(options), (options) =>
    Effect.try({
      try: () => layer(options),
      catch: (error) =>
        new WebhookError({ reason: new InvalidOptions({ option: "of the configuration", detail: String(error) }) })
    })))
