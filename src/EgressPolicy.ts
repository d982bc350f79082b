/**
 * Where a send may go.
 *
 * URLs that somebody else chose, such as a customer, must not reach what only
 * the sender can see: its own network, its cloud's metadata service, itself.
 * `publicOnly` lets a send reach globally routable unicast addresses and
 * nothing else. It holds for every URL that comes with a send; the URLs of a
 * pool are yours, and are held to a policy only when `egress` is set.
 *
 * **Gotchas**
 *
 * A name tells nothing until it is resolved. `NodeTransport` checks the very
 * address that it dials, on every connection. Over a bare `HttpClient` only
 * what `checkUrl` sees can be checked: literals, local names, schemes.
 *
 * **Example** (A self-hosted receiver in a private network)
 *
 * ```ts
 * import { EgressPolicy } from "effect-webhooks"
 *
 * const policy = EgressPolicy.allow("10.1.0.0/16", "hooks.internal")
 * EgressPolicy.isAllowed(policy, "10.1.2.3") // true
 * EgressPolicy.isAllowed(policy, "10.2.2.3") // false
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Host from "effect/net/Host"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { parseUrl } from "./internal/url.ts"
import { EgressBlocked, type InvalidUrl } from "./WebhookError.ts"

/**
 * A policy: nothing but public addresses, with exceptions, or everything.
 *
 * @category models
 * @since 0.1.0
 */
export interface EgressPolicy {
  readonly _tag: "PublicOnly" | "Unrestricted"
  /** Networks that are open although they are not public. */
  readonly networks: ReadonlyArray<IpNetwork.IpNetwork>
  /** Names that are open whatever they resolve to. */
  readonly hosts: ReadonlySet<string>
  /** Names the policy: connections are never shared between two policies. */
  readonly key: string
}

/**
 * Globally routable unicast addresses only.
 *
 * @category constructors
 * @since 0.1.0
 */
export const publicOnly: EgressPolicy = { _tag: "PublicOnly", networks: [], hosts: new Set(), key: "public" }

/**
 * No guard at all.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unrestricted: EgressPolicy = { _tag: "Unrestricted", networks: [], hosts: new Set(), key: "" }

/**
 * `publicOnly` and, besides, networks (`"10.0.0.0/8"`), single addresses
 * (`"10.0.0.1"`) and exact host names (`"hooks.internal"`).
 *
 * **Details**
 *
 * A host that is opened by name may resolve to any address. Throws
 * `RangeError` for what is none of the three.
 *
 * @category constructors
 * @since 0.1.0
 */
export const allow = (...networksOrHosts: ReadonlyArray<string>): EgressPolicy => {
  const networks: Array<IpNetwork.IpNetwork> = []
  const hosts = new Set<string>()
  for (const input of networksOrHosts) {
    const address = NetAddress.ipFromString(input)
    const network = Result.isSuccess(address)
      ? IpNetwork.fromAddress(address.success, NetAddress.width(address.success))
      : IpNetwork.fromString(input)
    const host = Host.domainNameFromString(input)
    if (Result.isSuccess(network)) networks.push(network.success)
    else if (Result.isSuccess(host) && host.success !== ".") hosts.add(Host.toRelative(host.success))
    else throw new RangeError(`allow takes networks, addresses and host names, got ${JSON.stringify(input)}`)
  }
  return {
    _tag: "PublicOnly",
    networks,
    hosts,
    key: ["public", ...networks.map(IpNetwork.format), ...hosts].toSorted().join(" ")
  }
}

const network = (cidr: string): IpNetwork.IpNetwork => IpNetwork.fromInputUnsafe(cidr)

// IANA's special-purpose registries (RFC 6890 and its updates), multicast, and
// class E; and the address of Azure's host, which is public and is not.
const closedIpv4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4"
].map(network)

// Global unicast is all that IANA has given out, so IPv6 is a list of what is open.
const openIpv6 = network("2000::/3")
const closedIpv6 = [
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "2620:4f:8000::/48",
  "3fff::/20"
].map(network)

// DNS64 gives this to hosts that have IPv6 only; the IPv4 address is in its last four bytes (RFC 6052).
const nat64 = network("64:ff9b::/96")

// The range because of which an address is refused, or `undefined` if it may be reached.
const refusal = (policy: EgressPolicy, address: NetAddress.IpAddress): string | undefined => {
  if (inside(policy.networks, address) !== undefined) return undefined
  if (NetAddress.isIpv4Address(address)) return name(inside(closedIpv4, address))
  if (IpNetwork.contains(nat64, address)) {
    const [high, low] = NetAddress.ipv6ToSegments(address).slice(6) as [number, number]
    const embedded = NetAddress.ipv4FromBytesUnsafe(Uint8Array.of(high >> 8, high & 255, low >> 8, low & 255))
    const range = refusal(policy, embedded)
    return range === undefined ? undefined : `${range} inside ${IpNetwork.format(nat64)}`
  }
  if (!IpNetwork.contains(openIpv6, address)) return `outside ${IpNetwork.format(openIpv6)}`
  return name(inside(closedIpv6, address))
}

const inside = (networks: ReadonlyArray<IpNetwork.IpNetwork>, address: NetAddress.IpAddress) =>
  networks.find((network) => IpNetwork.contains(network, address))

const name = (network: IpNetwork.IpNetwork | undefined): string | undefined =>
  network === undefined ? undefined : IpNetwork.format(network)

/**
 * Checks one IP address, as it is about to be dialled.
 *
 * @category checks
 * @since 0.1.0
 */
export const checkAddress = (policy: EgressPolicy, address: string): Result.Result<void, EgressBlocked> => {
  if (policy._tag === "Unrestricted") return Result.void
  const parsed = NetAddress.ipFromString(address)
  if (Result.isFailure(parsed)) return blocked(address, "not an IP address")
  const range = refusal(policy, parsed.success)
  return range === undefined ? Result.void : blocked(address, range)
}

const blocked = (address: string, range: string): Result.Result<never, EgressBlocked> =>
  Result.fail(new EgressBlocked({ address, range }))

/**
 * Returns `true` if a policy lets one IP address be dialled.
 *
 * @category checks
 * @since 0.1.0
 */
export const isAllowed = (policy: EgressPolicy, address: string): boolean =>
  Result.isSuccess(checkAddress(policy, address))

// Names that mean this machine or this network, whoever resolves them: those of one label; RFC 6761, 6762 with its
// appendix G, and 8375; what ICANN never delegates because networks use it for themselves (SAC 045, SAC 113 and its
// board on 2018-02-04); the hosts files of Linux (localdomain); and what the pods of Kubernetes leave out of
// `service.namespace.svc.cluster.local`.
const localName =
  /^[^.]+$|\.(?:localhost|local|localdomain6?|intranet|internal|private|corp|home|mail|lan|home\.arpa|svc|pod)$/

// The clouds' metadata services that answer to a name of more than one label.
const metadataNames = new Set([
  "metadata.goog",
  "metadata.packet.net",
  "metadata.platformequinix.com",
  "metadata.tencentyun.com"
])

/**
 * Checks what a URL tells before it is resolved: its scheme, user-info, a
 * literal address in any spelling, names that are local wherever they are
 * resolved, and hosts that are no name at all, such as `localhost..`.
 *
 * **Details**
 *
 * Scheme, user-info and what does not parse are `InvalidUrl` under every
 * policy; the rest is `EgressBlocked`. Local are the names of one label, those
 * under `localhost`, `local`, `localdomain`, `intranet`, `internal`, `private`,
 * `corp`, `home`, `home.arpa`, `mail`, `lan`, `svc` and `pod`, and the clouds'
 * metadata services. `allow` opens each by its name.
 *
 * @category checks
 * @since 0.1.0
 */
export const checkUrl = (policy: EgressPolicy, url: string): Result.Result<void, EgressBlocked | InvalidUrl> =>
  Result.flatMap(parseUrl(url, "url"), ({ hostname }) => checkHost(policy, hostname))

/**
 * Whether a host name is one that the policy opens by its name.
 *
 * @internal
 */
export const opensHost = (policy: EgressPolicy, hostname: string): boolean =>
  policy._tag === "Unrestricted" || policy.hosts.has(hostname.replace(/\.$/, ""))

/**
 * The same as `checkUrl` for a URL that has been parsed.
 *
 * @internal
 */
export const checkHost = (policy: EgressPolicy, hostname: string): Result.Result<void, EgressBlocked> => {
  if (opensHost(policy, hostname)) return Result.void
  const address = literalOf(hostname)
  if (address !== undefined) return checkAddress(policy, address)
  // The WHATWG parser lets through what no resolver should be asked, such as `localhost..`.
  if (!Host.isDomainName(hostname)) return blocked(hostname, "not a host name")
  const host = Host.toRelative(hostname)
  return localName.test(host) || metadataNames.has(host) ? blocked(host, "a local name") : Result.void
}

/**
 * The IP address that a URL's host spells out, if it does.
 *
 * @internal
 */
export const literalOf = (hostname: string): string | undefined =>
  hostname.includes(":")
    ? hostname.replace(/^\[|\]$/g, "")
    : /^[\d.]+$/.test(hostname)
    ? hostname
    : undefined
