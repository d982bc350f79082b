import * as NodeAddressResolver from "@effect/platform-node/NodeAddressResolver"
import * as NodeDns from "@effect/platform-node/NodeDns"
import * as Undici from "@effect/platform-node/Undici"
import * as Layer from "effect/Layer"
import type * as AddressResolver from "effect/net/AddressResolver"

/**
 * What stands on the optional peer `@effect/platform-node`. It is loaded when a
 * layer is built, so that what cannot be loaded can be told.
 *
 * @internal
 */
export { Lanes } from "./lanes.ts"

/** @internal */
export const layerResolver: Layer.Layer<AddressResolver.AddressResolver> = NodeAddressResolver.layer.pipe(
  Layer.provide(NodeDns.layer)
)

/**
 * False where the runtime puts an undici of its own in the place of npm's.
 *
 * @internal
 */
export const hasDispatch: boolean = typeof Undici.Agent?.prototype?.dispatch === "function"
