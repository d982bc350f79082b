import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import { namesOf, ofTransports } from "../../internal/optionNames.ts"
import * as ProxyProvider from "../../ProxyProvider.ts"
import type { Transport } from "../../Transport.ts"
import type { WebhookError } from "../../WebhookError.ts"
import * as NodeTransport from "../NodeTransport.ts"

/** Options of the transport in a layer that has everything in it. Their docs are those of the layers that take them. */
export interface TransportOptions extends NodeTransport.ProxiedOptions {
  /** By which proxies: one or many, or an object with `get` and `burn`. Without it sends go directly. */
  readonly proxies?: ProxyProvider.Inputs | ProxyProvider.PlainProvider | undefined
  /**
   * How long a suspect proxy of a list is left alone.
   *
   * @default "60 seconds"
   */
  readonly cooldown?: Duration.Input | undefined
}

/** @internal */
export const transportNames: ReadonlySet<string> = namesOf<TransportOptions>({
  ...ofTransports,
  grace: true,
  proxies: true,
  cooldown: true
})

// One value, so that the layers of a program that leave everything at its default share the sockets.
const direct = NodeTransport.layer()

/** @internal */
export const transport = (options: TransportOptions): Layer.Layer<Transport, WebhookError> => {
  const { connectTimeout, cooldown, grace, keepAlive, proxies, tls } = options
  if (proxies === undefined) {
    return (connectTimeout ?? grace ?? keepAlive ?? tls) === undefined ? direct : NodeTransport.layer(options)
  }
  return NodeTransport.layerProxied(options).pipe(
    Layer.provide(
      ProxyProvider.isPlainProvider(proxies)
        ? ProxyProvider.fromObject(proxies)
        : ProxyProvider.layer(proxies, { cooldown })
    )
  )
}
