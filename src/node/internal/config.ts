import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { InvalidOptions, WebhookError } from "../../WebhookError.ts"

/**
 * A layer whose options come from configuration. A value that makes no sense
 * throws where it stands in a program; here it fails the layer.
 *
 * @internal
 */
export const layerConfig = <Options, A>(
  options: Config.Wrap<Options>,
  layer: (options: Options) => Layer.Layer<A, WebhookError>
): Layer.Layer<A, WebhookError | Config.ConfigError> =>
  Layer.unwrap(Effect.flatMap(Config.unwrap(options), (options) =>
    Effect.try({
      try: () => layer(options),
      catch: (error) =>
        new WebhookError({ reason: new InvalidOptions({ option: "of the configuration", detail: String(error) }) })
    })))
