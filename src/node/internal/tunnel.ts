import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import type { ConnectionOptions } from "node:tls"
import { codeOf } from "../../internal/connection.ts"
import type { Proxy } from "../../Proxy.ts"
import type { Outcome } from "../../ProxyProvider.ts"

/**
 * Why there is no tunnel, and what it says of the proxy.
 *
 * @internal
 */
export class TunnelFault extends Error {
  readonly outcome: Outcome
  readonly detail: string
  readonly code: string | undefined
  /** The proxy as `host:port`. */
  proxy: string | undefined

  constructor(outcome: Outcome, detail: string, code?: string) {
    super(detail)
    this.outcome = outcome
    this.detail = detail
    this.code = code
  }
}

/**
 * Opens a tunnel through a proxy to `host:port`, within `timeout` milliseconds
 * for all of it: TCP, TLS to the proxy, and the handshake.
 *
 * @internal
 */
export const open = (
  proxy: Proxy,
  host: string,
  port: number,
  timeout: number,
  tls: ConnectionOptions | undefined
): Effect.Effect<Net.Socket, TunnelFault> =>
  Effect.mapError(
    proxy.protocol === "socks5" ? socks(proxy, host, port, timeout) : connect(proxy, host, port, timeout, tls),
    (fault) => Object.assign(fault, { proxy: proxy.label })
  )

const timedOut = (timeout: number) => new TunnelFault("suspect", `no tunnel within ${timeout / 1000} s`)

// A fault before the proxy has said a word is its own; afterwards it may have been dialling a dead receiver.
const connect = (
  proxy: Proxy,
  host: string,
  port: number,
  timeout: number,
  tls: ConnectionOptions | undefined
): Effect.Effect<Net.Socket, TunnelFault> =>
  Effect.callback((resume) => {
    const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`
    const headers: Record<string, string> = { host: authority }
    if (proxy.credentials !== undefined) {
      const { password, username } = Redacted.value(proxy.credentials)
      headers["proxy-authorization"] = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`
    }
    const options = { host: proxy.host, port: proxy.port, method: "CONNECT", path: authority, headers, agent: false }
    const request = proxy.protocol === "https" ? Https.request({ ...tls, ...options }) : Http.request(options)
    let connected = false
    let ended = false
    const end = (result: Effect.Effect<Net.Socket, TunnelFault>, failed: boolean) => {
      if (ended) return
      ended = true
      clearTimeout(timer)
      if (failed) request.destroy()
      resume(result)
    }
    const fail = (fault: TunnelFault) => end(Effect.fail(fault), true)
    const timer = setTimeout(() => fail(timedOut(timeout)), timeout)
    request.once("socket", (socket) => {
      socket.once(proxy.protocol === "https" ? "secureConnect" : "connect", () => {
        connected = true
      })
    })
    request.on("error", (error) => fail(brokenBy(error, connected)))
    request.once("connect", (response, socket: Net.Socket, head) => {
      const refused = refusal(response.statusCode ?? 0)
      // undici must never see bytes that it has not asked for: it would reconnect for ever.
      const early = head.length > 0 || socket.readableLength > 0
      if (refused === undefined && !early) return end(Effect.succeed(socket), false)
      socket.destroy()
      fail(refused ?? new TunnelFault("burn", "it talks before its turn"))
    })
    request.end()
    return Effect.sync(() => {
      ended = true
      clearTimeout(timer)
      request.destroy()
    })
  })

const brokenBy = (error: Error, connected: boolean): TunnelFault => {
  const code = codeOf(error)
  // A reset may be seen before the connection is.
  if (!connected && code !== "ECONNRESET") return unreachable(code)
  if (code?.startsWith("HPE_") === true) return new TunnelFault("burn", "it does not speak HTTP", code)
  return new TunnelFault("suspect", "it hung up during CONNECT", code)
}

const unreachable = (code: string | undefined): TunnelFault =>
  new TunnelFault("burn", `it cannot be reached${code === undefined ? "" : ` (${code})`}`, code)

const refusal = (status: number): TunnelFault | undefined => {
  switch (status) {
    case 200:
      return undefined
    case 407:
    // proxy-chain's word for an upstream proxy that refuses the credentials.
    case 597:
      return new TunnelFault("burn", `it refuses the credentials (${status} to CONNECT)`)
    case 502:
    case 504:
      return new TunnelFault("target", `it cannot reach the receiver (${status} to CONNECT)`)
    default:
      return new TunnelFault("suspect", `it refuses the tunnel (${status} to CONNECT)`)
  }
}

// The reply field of RFC 1928, section 6, as socks puts it into its messages.
const targetReplies = /NetworkUnreachable|HostUnreachable|ConnectionRefused|TTLExpired/
const suspectReplies = /Failure|NotAllowed/

const loadSocks = Effect.tryPromise({
  try: () => import("socks"),
  catch: () => new TunnelFault("burn", "SOCKS5 needs the package socks: npm install socks")
})

const socks = (proxy: Proxy, host: string, port: number, timeout: number): Effect.Effect<Net.Socket, TunnelFault> => {
  const { password, username } = proxy.credentials === undefined
    ? { username: "", password: "" }
    : Redacted.value(proxy.credentials)
  // The protocol has one byte for a length, and socks throws where nobody can catch it.
  const tooLong = (text: string) => Buffer.byteLength(text) > 255
  if (tooLong(host)) return Effect.fail(new TunnelFault("target", "the receiver's name is too long for SOCKS5"))
  if (tooLong(username) || tooLong(password)) {
    return Effect.fail(new TunnelFault("burn", "SOCKS5 takes at most 255 bytes of a user or a password"))
  }
  return Effect.flatMap(loadSocks, ({ SocksClient }) =>
    Effect.callback<Net.Socket, TunnelFault>((resume) => {
      const client = new SocksClient({
        command: "connect",
        proxy: {
          type: 5,
          host: proxy.host,
          port: proxy.port,
          ...(proxy.credentials && { userId: username, password })
        },
        destination: { host, port },
        timeout
      })
      // The socket is made here, so that it can be given up.
      const socket = Net.connect(proxy.port, proxy.host)
      const fail = (fault: TunnelFault) => {
        clearTimeout(timer)
        socket.destroy()
        resume(Effect.fail(fault))
      }
      const timer = setTimeout(() => fail(timedOut(timeout)), timeout)
      socket.once("error", (error) => fail(unreachable(codeOf(error))))
      socket.once("connect", () => client.connect(socket))
      client.on("error", ({ message }) => fail(socksFault(message)))
      client.once("established", () => {
        clearTimeout(timer)
        resume(Effect.succeed(socket.pause()))
      })
      return Effect.sync(() => {
        clearTimeout(timer)
        socket.destroy()
      })
    }))
}

const socksFault = (message: string): TunnelFault => {
  if (targetReplies.test(message)) return new TunnelFault("target", "it cannot reach the receiver (SOCKS reply)")
  if (suspectReplies.test(message)) return new TunnelFault("suspect", "it refuses the tunnel (SOCKS reply)")
  return new TunnelFault("burn", "the SOCKS handshake failed")
}
