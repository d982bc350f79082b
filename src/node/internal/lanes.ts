import * as Undici from "@effect/platform-node/Undici"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as AddressResolver from "effect/net/AddressResolver"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import type { LookupFunction, Socket } from "node:net"
import type { ConnectionOptions } from "node:tls"
import * as EgressPolicy from "../../EgressPolicy.ts"
import type { Proxy } from "../../Proxy.ts"
import { lookup, resolve, Unresolved } from "./guard.ts"
import { open, TunnelFault } from "./tunnel.ts"

/**
 * Connections of one kind: to one proxy or to none, under one egress policy or
 * none. They are never used for another kind.
 *
 * @internal
 */
export interface Lane {
  readonly agent: Undici.Agent
  /** Requests that have been written and not answered. */
  running: number
  /** When it was used last, counted in uses. */
  used: number
  /**
   * Of a proxy: fails what waits for a connection with what failed another, so
   * that it does not dial the same proxy again; unless something runs over it.
   */
  readonly fault: ((error: Error) => void) | undefined
}

/** @internal */
export interface Settings {
  readonly agent: Undici.Agent.Options
  readonly tls: ConnectionOptions
  readonly connectTimeout: number
  readonly maxProxies: number
  readonly resolver: AddressResolver.AddressResolver["Service"]
  /** Told, within `dispatch`, how to give up the connection that is made for what is dispatched. */
  readonly connecting: (cancel: () => void) => void
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
      lane = { agent: this.agent(this.connector(guard)), running: 0, used: 0, fault: undefined }
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
      lane = this.tunnels(key, proxy, guard, false)
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

  private tunnels(key: string, proxy: Proxy, guard: EgressPolicy.EgressPolicy | undefined, doubted: boolean): Lane {
    const lane: Lane = {
      agent: this.agent(this.tunneller(proxy, guard, doubted)),
      running: 0,
      used: this.uses,
      fault: (error) => {
        if (lane.running > 0 || this.proxied.get(key) !== lane) return
        this.proxied.set(key, this.tunnels(key, proxy, guard, true))
        lane.agent.destroy(error, () => undefined)
      }
    }
    return lane
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
    // Told of HTTP/2 it would let one connection be made and hold back all other requests until then.
    return new Undici.Agent({ ...this.settings.agent, allowH2: false, connect })
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
      connecting(() => socket.destroy(aborted))
    }
  }

  // While a proxy is doubted one tunnel is opened at a time, and the others wait for what becomes of it.
  private tunneller(
    proxy: Proxy,
    guard: EgressPolicy.EgressPolicy | undefined,
    doubted: boolean
  ): Undici.buildConnector.connector {
    const { connectTimeout, connecting, resolver, tls } = this.settings
    const connect = this.tls({})
    const turn = Semaphore.makeUnsafe(1)
    const trust = Effect.sync(() => {
      doubted = false
    })
    return (target, callback) => {
      const port = Number(target.port) || (target.protocol === "https:" ? 443 : 80)
      const host = guard === undefined
        ? Effect.succeed(target.hostname)
        : resolve(resolver, guard, target.hostname).pipe(
          Effect.map((addresses) => addresses[0]!),
          // It is resolved here, so the proxy has no part in it.
          Effect.mapError((error) =>
            error instanceof Unresolved ? new TunnelFault("target", error.message, error.code) : error
          )
        )
      const tunnel = Effect.flatMap(host, (host) => {
        const dial = open(proxy, host, port, connectTimeout, tls)
        if (!doubted) return dial
        return turn.withPermit(Effect.suspend(() => doubted ? Effect.tap(dial, trust) : Effect.undefined)).pipe(
          Effect.flatMap((socket) => socket === undefined ? dial : Effect.succeed(socket))
        )
      })
      let securing: Socket | undefined
      const cancel = Effect.runCallback(Effect.result(tunnel), {
        onExit: (exit) => {
          if (Exit.isFailure(exit)) return callback(aborted, null)
          if (Result.isFailure(exit.value)) return callback(exit.value.failure, null)
          const socket = exit.value.success
          if (target.protocol !== "https:") return callback(null, socket.setNoDelay(true))
          securing = connect({ ...target, httpSocket: socket }, callback)
        }
      })
      connecting(() => {
        cancel()
        securing?.destroy(aborted)
      })
    }
  }

  private tls(options: { readonly lookup?: LookupFunction }): Connect {
    const { connectTimeout, tls } = this.settings
    // Its type says that it returns nothing; it returns the socket.
    return Undici.buildConnector({ ...tls, ...options, allowH2: false, timeout: connectTimeout } as object) as Connect
  }
}

type Connect = (...args: Parameters<Undici.buildConnector.connector>) => Socket

const aborted = new Error("The attempt has ended")
