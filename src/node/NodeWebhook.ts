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
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { checkNames, pick } from "../internal/optionNames.ts"
import * as UrlPool from "../UrlPool.ts"
import * as Webhook from "../Webhook.ts"
import type { WebhookError } from "../WebhookError.ts"
import { type Configured, layerConfig as configured } from "./internal/config.ts"
import { layerMac } from "./internal/hmac.ts"
import { transport, transportNames, type TransportOptions } from "./internal/transport.ts"

/**
 * Options of the layer: those of the `Webhook`, the pool and the transport.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Webhook.WebhookOptions, UrlPool.Options, TransportOptions {
  /**
   * Where to send. Left out, every send brings its own `url`; `undefined`, as a
   * variable is that is not set, fails the layer.
   */
  readonly urls?: UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput> | undefined
}

/**
 * A `Webhook` over the Node transport.
 *
 * **Details**
 *
 * Fails with `InvalidUrl`, `InvalidHeader` or `InvalidOptions` for what is
 * wrong with its configuration, an option that does not exist included;
 * constants that make no sense throw `RangeError` here.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Webhook.Webhook, WebhookError> => {
  const pool = pick(options, UrlPool.optionNames)
  const webhook = Webhook.layerTransport(pick(options, Webhook.optionNames)).pipe(
    Layer.provide([transport(options), layerMac]),
    Layer.provide(options.urls === undefined ? UrlPool.emptyWith(pool) : UrlPool.layer(options.urls, pool))
  )
  const checked = Effect.andThen(checkNames(options, optionNames), UrlPool.checkUrls(options))
  return Layer.unwrap(Effect.as(checked, webhook))
}

const optionNames = new Set(["urls", ...Webhook.optionNames, ...UrlPool.optionNames, ...transportNames])

/**
 * Options of the layer, of which each setting may be a value or a `Config` of
 * it, and so may each of `headers`, `circuit` and `tls`. What is no setting,
 * such as a schedule, a signer, a policy or a function, is a value.
 *
 * @category options
 * @since 0.1.0
 */
export interface ConfigOptions extends Configured<Options> {}

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
  options: ConfigOptions | Config.Config<Options>
): Layer.Layer<Webhook.Webhook, WebhookError | Config.ConfigError> =>
  configured<Options, Webhook.Webhook>(options, layer)
