/**
 * Discord webhooks on Node, batteries included: a `DiscordWebhook` over the fast
 * transport in one layer.
 *
 * **Example** (The URL from the environment)
 *
 * ```ts
 * import { Config } from "effect"
 * import { NodeDiscordWebhook } from "effect-webhooks/node"
 *
 * const layer = NodeDiscordWebhook.layerConfig({
 *   urls: Config.Redacted("DISCORD_WEBHOOK_URL"),
 *   username: Config.String("DISCORD_USERNAME").pipe(Config.withDefault("deploys"))
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as DiscordWebhook from "../discord/DiscordWebhook.ts"
import { checkNames, pick } from "../internal/optionNames.ts"
import type { WebhookError } from "../WebhookError.ts"
import { type Configured, layerConfig as configured } from "./internal/config.ts"
import { transport, transportNames, type TransportOptions } from "./internal/transport.ts"

/**
 * Options of the layer: those of the `DiscordWebhook` and the transport.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends DiscordWebhook.Options, TransportOptions {}

/**
 * A `DiscordWebhook` over the Node transport.
 *
 * **Details**
 *
 * Fails with `InvalidUrl`, `InvalidPayload`, `InvalidHeader` or
 * `InvalidOptions` for what is wrong with its configuration, an option that
 * does not exist included; constants that make no sense throw `RangeError` here.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<DiscordWebhook.DiscordWebhook, WebhookError> => {
  const webhook = Layer.provide(
    DiscordWebhook.layerTransport(pick(options, DiscordWebhook.optionNames)),
    transport(options)
  )
  return Layer.unwrap(Effect.as(checkNames(options, optionNames), webhook))
}

const optionNames = new Set([...DiscordWebhook.optionNames, ...transportNames])

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
): Layer.Layer<DiscordWebhook.DiscordWebhook, WebhookError | Config.ConfigError> =>
  configured<Options, DiscordWebhook.DiscordWebhook>(options, layer)
