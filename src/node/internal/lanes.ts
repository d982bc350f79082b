import * as Undici from "@effect/platform-node/Undici"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as AddressResolver from "effect/net/AddressResolver"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { LookupFunction, Socket } from "node:net"
import type { ConnectionOptions } from "node:tls"
import * as EgressPolicy from "../../EgressPolicy.ts"
import type { Proxy } from "../../Proxy.ts"
import type { EgressBlocked } from "../../WebhookError.ts"
import { lookup, resolve, Unresolved } from "./guard.ts"
import { withoutInterim } from "./interim.ts"
import { open, type Opening, ProxyLost, targetFault, TunnelFault } from "./tunnel.ts"

/**
 * Connections of one kind: to one proxy or to none, under one egress policy or
 * none. They are never used for another kind.
 *
 * @internal
 */
export interface Lane {
  readonly agent: Undici.Agent
  /** When it was used last, counted in uses. */
  used: number
}

/**
 * A connection that is being made.
 *
 * @internal
 */
export interface Connecting {
  readonly cancel: () => void
  /** By a proxy: what it means if no time is left now. */
  readonly late: ((timeout: number) => TunnelFault) | undefined
}

/** @internal */
export interface Settings {
  readonly agent: Undici.Agent.Options
  readonly tls: ConnectionOptions
  readonly proxyTls: ConnectionOptions
  readonly connectTimeout: number
  readonly maxProxies: number
  readonly resolver: AddressResolver.AddressResolver["Service"]
  /** Told, within `dispatch`, of the connection that is made for what is dispatched. */
  readonly connecting: (connecting: Connecting) => void
}

/**
 * All connections of a transport.
 *
 * @internal
 */
export class Lanes {
  private readonly direct = new Map<string, Lane>()
  private readonly proxied = new Map<string, Lane>()
  private readonly closing = new Set<Undici.Agent>()
  private readonly keys = new WeakMap<Proxy, string>()
  private uses = 0
  private readonly settings: Settings

  constructor(settings: Settings) {
    this.settings = settings
  }

  of(proxy: Proxy | undefined, policy: EgressPolicy.EgressPolicy | undefined): Lane {
    const guard = policy === undefined || policy._tag === "Unrestricted" ? undefined : policy
    if (proxy !== undefined) return this.by(proxy, guard)
    const key = guard?.key ?? ""
    let lane = this.direct.get(key)
    if (lane === undefined) {
      lane = { agent: this.agent(this.connector(guard)), used: 0 }
      this.direct.set(key, lane)
    }
    return lane
  }

  destroy(): Promise<unknown> {
    return Promise.all(this.agents().map((agent) => agent.destroy()))
  }

  private agents(): Array<Undici.Agent> {
    return [...[...this.direct.values(), ...this.proxied.values()].map(({ agent }) => agent), ...this.closing]
  }

  private by(proxy: Proxy, guard: EgressPolicy.EgressPolicy | undefined): Lane {
    const key = guard === undefined ? this.keyOf(proxy) : `${this.keyOf(proxy)} ${guard.key}`
    let lane = this.proxied.get(key)
    if (lane === undefined) {
      lane = { agent: this.agent(this.tunneller(proxy, guard)), used: 0 }
      this.proxied.set(key, lane)
      if (this.proxied.size > this.settings.maxProxies) this.retire(lane)
    }
    lane.used = ++this.uses
    return lane
  }

  private keyOf(proxy: Proxy): string {
    let key = this.keys.get(proxy)
    if (key === undefined) {
      key = `${proxy.protocol} ${Redacted.value(proxy.url)}`
      this.keys.set(proxy, key)
    }
    return key
  }

  // The proxy that was not used for longest is let go: what is in flight over it finishes.
  private retire(latest: Lane): void {
    let oldest: [string, Lane] | undefined
    for (const entry of this.proxied) {
      if (entry[1] !== latest && (oldest === undefined || entry[1].used < oldest[1].used)) oldest = entry
    }
    if (oldest === undefined) return
    const [key, { agent }] = oldest
    this.proxied.delete(key)
    this.closing.add(agent)
    agent.close(() => this.closing.delete(agent))
  }

  private agent(connect: Undici.buildConnector.connector): Undici.Agent {
    return new Undici.Agent({
      ...this.settings.agent,
      // Told of HTTP/2 it would let one connection be made and hold back all other requests until then.
      allowH2: false,
      connect: (target, callback) =>
        connect(
          target,
          (...[error, socket]) => error === null ? callback(null, withoutInterim(socket)) : callback(error, null)
        )
    })
  }

  private connector(guard: EgressPolicy.EgressPolicy | undefined): Undici.buildConnector.connector {
    const { connecting, resolver } = this.settings
    const connect = this.tls(guard === undefined ? {} : { lookup: lookup(resolver, guard) })
    return (target, callback) => {
      if (guard !== undefined) {
        // A socket asks nobody for the address of what is one already.
        const refused = EgressPolicy.checkHost(guard, target.hostname)
        if (Result.isFailure(refused)) return callback(refused.failure, null)
      }
      const socket = connect(target, callback)
      connecting({ cancel: () => socket.destroy(aborted), late: undefined })
    }
  }

  private tunneller(
    proxy: Proxy,
    guard: EgressPolicy.EgressPolicy | undefined
  ): Undici.buildConnector.connector {
    const { connectTimeout, connecting, proxyTls, resolver } = this.settings
    const connect = this.tls({})
    const openings = new Openings()
    return (target, callback) => {
      const opening: Opening = { late: () => targetFault("EAI_AGAIN") }
      const tunnel = Effect.flatMap(
        addressOf(resolver, guard, target.hostname, connectTimeout),
        (host) =>
          open({
            proxy,
            host,
            port: Number(target.port) || (target.protocol === "https:" ? 443 : 80),
            timeout: connectTimeout,
            tls: proxyTls,
            opening
          })
      )
      let securing: Socket | undefined
      const lose: Lose = (reason) => {
        end(Result.fail(new ProxyLost(reason)))
        cancel()
      }
      const end = (result: Result.Result<Socket, Error>) => {
        if (!openings.delete(lose)) return
        if (Result.isFailure(result)) return callback(result.failure, null)
        const socket = result.success
        if (target.protocol !== "https:") return callback(null, socket.setNoDelay(true))
        securing = connect({ ...target, httpSocket: socket }, callback)
      }
      openings.add(lose)
      const cancel = Effect.runCallback(Effect.result(tunnel), {
        onExit: (exit) => {
          if (Exit.isFailure(exit)) return end(Result.fail(aborted))
          const result = exit.value
          end(result)
          if (Result.isSuccess(result)) openings.succeeded()
          else if (result.failure instanceof TunnelFault) openings.failed(result.failure)
        }
      })
      connecting({
        cancel: () => {
          cancel()
          securing?.destroy(aborted)
        },
        late: (timeout) => opening.late(timeout)
      })
    }
  }

  private tls(options: { readonly lookup?: LookupFunction }): Connect {
    const { connectTimeout, tls } = this.settings
    // Its type says that it returns nothing; it returns the socket.
    return Undici.buildConnector({ ...tls, ...options, allowH2: false, timeout: connectTimeout } as object) as Connect
  }
}

type Lose = (reason: TunnelFault["reason"]) => void

/** The tunnels to one proxy that are being opened. */
class Openings {
  private readonly all = new Set<Lose>()
  // Who dials a proxy that is known to be dead had no other one, and is not sent away again.
  private dead = false

  add(lose: Lose): void {
    this.all.add(lose)
  }

  delete(lose: Lose): boolean {
    return this.all.delete(lose)
  }

  succeeded(): void {
    this.dead = false
  }

  /** Where a failure shows that the proxy is dead, the others lose it. */
  failed({ outcome, reason }: TunnelFault): void {
    if (outcome !== "burn" || this.dead) return
    this.dead = true
    // Some of them may dial again at once.
    const lost = [...this.all]
    for (const lose of lost) lose(reason)
  }
}

type Connect = (...args: Parameters<Undici.buildConnector.connector>) => Socket

const aborted = new Error("The attempt has ended")

// A name that is resolved here is no matter of the proxy's, nor is a resolver that does not answer.
const addressOf = (
  resolver: AddressResolver.AddressResolver["Service"],
  guard: EgressPolicy.EgressPolicy | undefined,
  hostname: string,
  timeout: number
): Effect.Effect<string, TunnelFault | EgressBlocked> =>
  guard === undefined
    ? Effect.succeed(hostname)
    : resolve(resolver, guard, hostname).pipe(
      Effect.map((addresses) => addresses[0]!),
      Effect.mapError((error) => error instanceof Unresolved ? targetFault(error.code) : error),
      Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(targetFault("EAI_AGAIN")) })
    )
