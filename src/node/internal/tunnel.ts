import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import type { ConnectionOptions } from "node:tls"
import { codeOf, isCertificate, isOwnToProxy } from "../../internal/connection.ts"
import type { Proxy } from "../../Proxy.ts"
import type { Outcome } from "../../ProxyProvider.ts"
import { ConnectionError, InvalidOptions, ProxyError } from "../../WebhookError.ts"

/**
 * Why there is no tunnel, and what that says of the proxy: `undefined` when it
 * is this side that lacks something, and nobody else is to blame.
 *
 * @internal
 */
export class TunnelFault extends Error {
  readonly reason: ConnectionError | ProxyError | InvalidOptions
  readonly outcome: Outcome | undefined

  constructor(reason: TunnelFault["reason"], outcome: Outcome | undefined) {
    super(reason.message)
    this.reason = reason
    this.outcome = outcome
  }
}

/**
 * What a connection fails with when another one found the proxy dead.
 *
 * @internal
 */
export class ProxyLost extends Error {
  readonly reason: TunnelFault["reason"]

  constructor(reason: TunnelFault["reason"]) {
    super("Another connection found the proxy dead")
    this.reason = reason
  }
}

const proxyFault = (proxy: Proxy, outcome: Outcome, detail: string): TunnelFault =>
  new TunnelFault(new ProxyError({ proxy: proxy.label, detail, last: undefined }), outcome)

/**
 * The fault of the receiver, which the proxy or a resolver cannot reach.
 *
 * @internal
 */
export const targetFault = (code?: string): TunnelFault =>
  new TunnelFault(new ConnectionError({ phase: "connecting", code, certificate: false }), "target")

const ownFault = (code: string | undefined): TunnelFault =>
  new TunnelFault(new ConnectionError({ phase: "connecting", code, certificate: false }), undefined)

/**
 * A tunnel that is being opened.
 *
 * @internal
 */
export interface Opening {
  /** What it means if no time is left now. */
  late: (timeout: number) => TunnelFault
}

/**
 * How a proxy is dialled.
 *
 * @internal
 */
export interface Dial {
  readonly proxy: Proxy
  readonly host: string
  readonly port: number
  /** Milliseconds for all of it: TCP, TLS to the proxy, and the handshake. */
  readonly timeout: number
  /** TLS to an `https:` proxy. */
  readonly tls: ConnectionOptions
  readonly opening: Opening
}

/**
 * Opens a tunnel through a proxy to `host:port`.
 *
 * @internal
 */
export const open = (dial: Dial): Effect.Effect<Net.Socket, TunnelFault> =>
  dial.proxy.protocol === "socks5" ? socks(dial) : connect(dial)

// A name that is not resolved in time is a resolver's fault; later the proxy may be dialling a dead receiver.
const watch = ({ opening, proxy }: Dial, socket: Net.Socket): void => {
  const slow = (timeout: number) => proxyFault(proxy, "suspect", `no tunnel within ${timeout / 1000} s`)
  opening.late = Net.isIP(proxy.host) === 0 ? () => ownFault("EAI_AGAIN") : slow
  socket.once("lookup", () => {
    opening.late = slow
  })
}

// A fault before the proxy has said a word is its own; afterwards it may have been dialling a dead receiver.
const connect = (dial: Dial): Effect.Effect<Net.Socket, TunnelFault> =>
  Effect.callback((resume) => {
    const { host, opening, port, proxy, timeout, tls } = dial
    const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`
    const headers: Record<string, string> = { host: authority }
    if (proxy.credentials !== undefined) {
      const { password, username } = Redacted.value(proxy.credentials)
      headers["proxy-authorization"] = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`
    }
    const options = { host: proxy.host, port: proxy.port, method: "CONNECT", path: authority, headers, agent: false }
    const request = proxy.protocol === "https"
      // Node would take the name from the host header: the receiver's. An address is checked, and no name is sent.
      ? Https.request({ ...tls, ...options, servername: Net.isIP(proxy.host) === 0 ? proxy.host : "" })
      : Http.request(options)
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
    const timer = setTimeout(() => fail(opening.late(timeout)), timeout)
    request.once("socket", (socket) => {
      watch(dial, socket)
      socket.once(proxy.protocol === "https" ? "secureConnect" : "connect", () => {
        connected = true
      })
    })
    request.on("error", (error) => fail(brokenBy(proxy, error, connected)))
    request.once("connect", (response, socket: Net.Socket, head) => {
      const refused = refusal(proxy, response.statusCode ?? 0)
      if (refused !== undefined) {
        socket.destroy()
        return fail(refused)
      }
      if (head.length > 0) socket.unshift(head)
      silent(proxy, socket, (fault) => fault === undefined ? end(Effect.succeed(socket), false) : fail(fault))
    })
    request.end()
    return Effect.sync(() => {
      ended = true
      clearTimeout(timer)
      request.destroy()
    })
  })

// What a proxy says before the receiver was asked is not the receiver's answer; undici would take it for one, or
// reconnect for ever. Two turns of the loop read what has come together with the proxy's answer, or right behind it.
const silent = (proxy: Proxy, socket: Net.Socket, done: (fault: TunnelFault | undefined) => void): void => {
  const talks = () => {
    if (socket.readableLength === 0) return false
    socket.destroy()
    done(proxyFault(proxy, "burn", "it talks before its turn"))
    return true
  }
  if (talks()) return
  socket.read(0)
  setImmediate(() => setImmediate(() => talks() || done(undefined)))
}

const brokenBy = (proxy: Proxy, error: Error, connected: boolean): TunnelFault => {
  const code = codeOf(error)
  // A reset may be seen before the connection is.
  if (!connected && code !== "ECONNRESET") return unreachable(proxy, code)
  if (code?.startsWith("HPE_") === true) return proxyFault(proxy, "burn", "it does not speak HTTP")
  return proxyFault(proxy, "suspect", "it hung up during CONNECT")
}

const unreachable = (proxy: Proxy, code: string | undefined): TunnelFault =>
  isOwnToProxy(code)
    ? ownFault(code)
    : proxyFault(
      proxy,
      "burn",
      (isCertificate(code) ? "its certificate was refused" : "it cannot be reached") +
        (code === undefined ? "" : ` (${code})`)
    )

// Any 2xx opens the tunnel (RFC 9110, section 9.3.6). But for its own password, a proxy that answers speaks of this
// receiver only; with 502 and 504 it says that it has tried, with the others another proxy may do better.
const refusal = (proxy: Proxy, status: number): TunnelFault | undefined => {
  if (status >= 200 && status < 300) return undefined
  switch (status) {
    // tinyproxy's word for it.
    case 401:
    case 407:
    // proxy-chain's, for an upstream proxy that refuses them.
    case 597:
      return proxyFault(proxy, "burn", `it refuses the credentials (${status} to CONNECT)`)
    case 502:
    case 504:
      return targetFault()
    default:
      return proxyFault(proxy, "target", `it opens no tunnel to this receiver (${status} to CONNECT)`)
  }
}

// The reply field of RFC 1928, section 6, as socks puts it into its messages.
const targetReplies = /NetworkUnreachable|HostUnreachable|ConnectionRefused|TTLExpired/
const suspectReplies = /Failure|NotAllowed/

/**
 * The package that speaks SOCKS, which is an optional peer.
 *
 * @internal
 */
export const loadSocks = Effect.tryPromise({
  try: () => import("socks"),
  catch: () =>
    new InvalidOptions({
      option: "proxies",
      detail: "a socks5:// proxy needs the package socks, which is not installed: npm install socks"
    })
})

const socks = (dial: Dial): Effect.Effect<Net.Socket, TunnelFault> => {
  const { host, opening, port, proxy, timeout } = dial
  const { password, username } = proxy.credentials === undefined
    ? { username: "", password: "" }
    : Redacted.value(proxy.credentials)
  // The protocol has one byte for a length, and socks throws where nobody can catch it.
  const tooLong = (text: string) => Buffer.byteLength(text) > 255
  if (tooLong(host)) {
    return Effect.fail(proxyFault(proxy, "target", "the receiver's name is too long for SOCKS5: 255 bytes at most"))
  }
  if (tooLong(username) || tooLong(password)) {
    return Effect.fail(proxyFault(proxy, "burn", "SOCKS5 takes at most 255 bytes of a user or a password"))
  }
  return Effect.flatMap(
    Effect.mapError(loadSocks, (missing) => new TunnelFault(missing, undefined)),
    ({ SocksClient }) =>
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
        watch(dial, socket)
        const fail = (fault: TunnelFault) => {
          clearTimeout(timer)
          socket.destroy()
          resume(Effect.fail(fault))
        }
        const timer = setTimeout(() => fail(opening.late(timeout)), timeout)
        socket.once("error", (error) => fail(unreachable(proxy, codeOf(error))))
        socket.once("connect", () => client.connect(socket))
        client.on("error", ({ message }) => fail(socksFault(proxy, message)))
        client.once("established", () => {
          clearTimeout(timer)
          silent(
            proxy,
            socket,
            (fault) => fault === undefined ? resume(Effect.succeed(socket.pause())) : fail(fault)
          )
        })
        return Effect.sync(() => {
          clearTimeout(timer)
          socket.destroy()
        })
      })
  )
}

const socksFault = (proxy: Proxy, message: string): TunnelFault => {
  if (targetReplies.test(message)) return targetFault()
  if (suspectReplies.test(message)) return proxyFault(proxy, "suspect", "it refuses the tunnel (SOCKS reply)")
  return proxyFault(proxy, "burn", "the SOCKS handshake failed")
}
