import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { namesOf, pick } from "../../internal/optionNames.ts"
import * as Proxy from "../../Proxy.ts"
import * as ProxyProvider from "../../ProxyProvider.ts"
import type { Transport } from "../../Transport.ts"
import { WebhookError } from "../../WebhookError.ts"
import * as NodeTransport from "../NodeTransport.ts"
import { loadSocks } from "./tunnel.ts"

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
  connectTimeout: true,
  keepAlive: true,
  grace: true,
  tls: true,
  maxProxies: true,
  proxyTls: true,
  proxies: true,
  cooldown: true
})

// One value, so that the layers of a program that leave everything at its default share the sockets.
const direct = NodeTransport.layerOrFail()

/** @internal */
export const transport = (options: TransportOptions): Layer.Layer<Transport, WebhookError> => {
  const { connectTimeout, cooldown, grace, keepAlive, proxies, tls } = options
  const own = pick(options, NodeTransport.optionNames)
  if (proxies === undefined) {
    return (connectTimeout ?? grace ?? keepAlive ?? tls) === undefined ? direct : NodeTransport.layerOrFail(own)
  }
  return NodeTransport.layerProxiedOrFail(own).pipe(
    Layer.provide(
      ProxyProvider.isPlainProvider(proxies)
        ? ProxyProvider.fromObject(proxies)
        : Layer.merge(ProxyProvider.layer(proxies, { cooldown }), Layer.effectDiscard(checkSocks(proxies)))
    )
  )
}

// What is missing stops the program at its start, and not at its first send.
const checkSocks = (proxies: ProxyProvider.Inputs): Effect.Effect<void, WebhookError> => {
  const socks = [proxies].flat().some((input) => {
    const proxy = Proxy.parse(input)
    return Result.isSuccess(proxy) && proxy.success.protocol === "socks5"
  })
  return socks ? Effect.mapError(loadSocks, (reason) => new WebhookError({ reason })) : Effect.void
}
