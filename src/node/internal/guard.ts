import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as AddressResolver from "effect/net/AddressResolver"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { LookupFunction } from "node:net"
import * as EgressPolicy from "../../EgressPolicy.ts"
import type { EgressBlocked } from "../../WebhookError.ts"

/**
 * A name that does not resolve; `code` is the platform's.
 *
 * @internal
 */
export class Unresolved extends Error {
  readonly code: string

  constructor(code: string) {
    super("The name does not resolve")
    this.code = code
  }
}

/**
 * The addresses that a host may be dialled at: resolved once, every one of
 * them checked, and none if one of them is refused.
 *
 * @internal
 */
export const resolve = (
  resolver: AddressResolver.AddressResolver["Service"],
  policy: EgressPolicy.EgressPolicy,
  hostname: string
): Effect.Effect<ReadonlyArray<string>, EgressBlocked | Unresolved> => {
  const literal = EgressPolicy.literalOf(hostname)
  if (literal !== undefined) {
    return Effect.fromResult(Result.map(EgressPolicy.checkHost(policy, hostname), () => [literal]))
  }
  const named = EgressPolicy.checkHost(policy, hostname)
  if (Result.isFailure(named)) return Effect.fail(named.failure)
  return resolver.resolve({ host: hostname.replace(/\.$/, ""), port: 0 }).pipe(
    Effect.mapError((error) => new Unresolved(error._tag === "DnsError" ? "ENOTFOUND" : "EINVAL")),
    Effect.flatMap((found) => {
      const addresses = found.map(({ address }) => NetAddress.formatIp(address))
      for (const address of EgressPolicy.opensHost(policy, hostname) ? [] : addresses) {
        const checked = EgressPolicy.checkAddress(policy, address)
        if (Result.isFailure(checked)) return Effect.fail(checked.failure)
      }
      return Effect.succeed(addresses)
    })
  )
}

/**
 * The same as the `lookup` of a socket, which is asked on every connection:
 * what it answers is what is dialled.
 *
 * @internal
 */
export const lookup = (
  resolver: AddressResolver.AddressResolver["Service"],
  policy: EgressPolicy.EgressPolicy
): LookupFunction =>
(hostname, options, callback) => {
  Effect.runCallback(resolve(resolver, policy, hostname), {
    onExit: (exit) => {
      if (exit._tag === "Failure") return callback(Cause.squash(exit.cause) as Error, [])
      const family = options.family === "IPv4" ? 4 : options.family === "IPv6" ? 6 : options.family
      const records = exit.value
        .map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
        .filter((record) => family === undefined || family === 0 || record.family === family)
      const first = records[0]
      if (first === undefined) return callback(new Unresolved("ENOTFOUND"), [])
      if (options.all === true) callback(null, records)
      else callback(null, first.address, first.family)
    }
  })
}
