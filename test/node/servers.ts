import { Effect, type Scope } from "effect"
import * as Net from "node:net"
import * as Tls from "node:tls"

/** A self-signed certificate for localhost and 127.0.0.1. */
export const tls = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQlX/SZPZ34+huG3D
LIV9WWDZ+Hz97a7hWGE1oMsnr7ehRANCAARhgt9MtcWWVOqmGi95XS7jtfdwfVq6
afR/s1r6UxlTVPae6+TF+7H1pOG/Mg23C2DyGztxJ0nIF5du3Y31Gj7h
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUaHcz0ne7CMI5gAtD6C9AySMVGL8wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzIyMzUzOVoYDzIxMjYxMDMw
MjIzNTM5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARhgt9MtcWWVOqmGi95XS7jtfdwfVq6afR/s1r6UxlTVPae6+TF+7H1
pOG/Mg23C2DyGztxJ0nIF5du3Y31Gj7ho28wbTAdBgNVHQ4EFgQUiVZ7CSskiHTU
rgKZSWFBkbwAwucwHwYDVR0jBBgwFoAUiVZ7CSskiHTUrgKZSWFBkbwAwucwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAOkqSJm78WxACjsX0ulAWJObyub0/4SF+5p3PhCfQcauAiEA
mDoi2H/MuyDLsniBKvws7O6fE6Z4EGRJRqvkBMAtJVY=
-----END CERTIFICATE-----`
}

/** The same for receiver.test, a name that nobody resolves. */
export const receiverTls = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9K8s5vPstklWzDdZ
YymmA1wly3c2dx66vN/2oRxlDyShRANCAASI0VpAAjdMoH3t5/u5BsA9ncroqRpT
EwGoxL4SjuCXlpjDmYjYZG2MdZF+I6A6tNZBDB68h7A/F5gu9DWM7GC+
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBojCCAUegAwIBAgIUBOOVSHJ689ljyjEreV9Qjh8lUF4wCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNcmVjZWl2ZXIudGVzdDAgFw0yNjExMjYxODQ5NTRaGA8yMTI2
MTEwMjE4NDk1NFowGDEWMBQGA1UEAwwNcmVjZWl2ZXIudGVzdDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABIjRWkACN0ygfe3n+7kGwD2dyuipGlMTAajEvhKO4JeW
mMOZiNhkbYx1kX4joDq01kEMHryHsD8XmC70NYzsYL6jbTBrMB0GA1UdDgQWBBSl
Pt0tfY0Ru9XyrMBeKvV4HAJB/TAfBgNVHSMEGDAWgBSlPt0tfY0Ru9XyrMBeKvV4
HAJB/TAPBgNVHRMBAf8EBTADAQH/MBgGA1UdEQQRMA+CDXJlY2VpdmVyLnRlc3Qw
CgYIKoZIzj0EAwIDSQAwRgIhANCsWkJA7pjHzCEhbdPSZu7eC6YQ1r4nya40IPRi
p5ovAiEAxuPn4KA0z5PLuG0gZeB5W78Wyo9VwgaNvr9ZAQ7ky0Q=
-----END CERTIFICATE-----`
}

export interface TcpServer {
  readonly port: number
  /** `host:port` */
  readonly label: string
  /** The sockets that are open now. */
  readonly open: ReadonlySet<Net.Socket>
  /** How many connections there have been. */
  readonly accepted: () => number
}

/** A plain TCP server, for what is below HTTP. */
export const listen = (
  onConnection: (socket: Net.Socket, index: number) => void,
  secure: boolean | Tls.TlsOptions = false,
  port = 0
): Effect.Effect<TcpServer, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<TcpServer & { readonly server: Net.Server }>((resume) => {
        const open = new Set<Net.Socket>()
        let accepted = 0
        const server = secure === false ? Net.createServer() : Tls.createServer(secure === true ? tls : secure)
        server.on("connection", (socket) => {
          accepted++
          open.add(socket)
          socket.on("error", () => {})
          socket.once("close", () => open.delete(socket))
        })
        server.on("tlsClientError", () => {})
        server.on(secure === false ? "connection" : "secureConnection", (socket: Net.Socket) => {
          socket.on("error", () => {})
          onConnection(socket, accepted - 1)
          // What is not read hides the end of the connection.
          socket.resume()
        })
        server.listen(port, "127.0.0.1", () => {
          const { port } = server.address() as Net.AddressInfo
          resume(Effect.succeed({ port, label: `127.0.0.1:${port}`, open, accepted: () => accepted, server }))
        })
      }),
      ({ open, server }) =>
        Effect.callback<void>((resume) => {
          for (const socket of open) {
            socket.destroy()
          }
          server.close(() => resume(Effect.void))
        })
    ),
    ({ server: _, ...rest }) => rest
  )

export interface Connect {
  /** What the tunnel is asked for, as `host:port`. */
  readonly authority: string
  readonly head: string
  /** How many there were before. */
  readonly index: number
}

export interface ConnectProxy extends TcpServer {
  readonly connects: ReadonlyArray<Connect>
}

/** A proxy that reads a CONNECT and then does as it is told. */
export const connectProxy = (
  behave: (socket: Net.Socket, connect: Connect) => void,
  secure: boolean | Tls.TlsOptions = false,
  port = 0
): Effect.Effect<ConnectProxy, never, Scope.Scope> =>
  Effect.suspend(() => {
    const connects: Array<Connect> = []
    return Effect.map(
      listen(
        (socket) => {
          let head = ""
          const read = (chunk: Buffer) => {
            head += chunk.toString("latin1")
            if (!head.includes("\r\n\r\n")) return
            socket.off("data", read)
            const connect = { authority: head.split(" ")[1]!, head, index: connects.length }
            connects.push(connect)
            behave(socket, connect)
            socket.resume()
          }
          socket.on("data", read)
        },
        secure,
        port
      ),
      (server) => ({ ...server, connects })
    )
  })

export const established = "HTTP/1.1 200 Connection established\r\n\r\n"

/** Joins a client with what it asked for; `to` is another receiver than the one it named. */
export const pass = (
  socket: Net.Socket,
  { authority }: Pick<Connect, "authority">,
  to = authority,
  head = established
): Net.Socket => {
  const { hostname, port } = new URL(`http://${to}`)
  const upstream = Net.connect(Number(port) || 80, hostname.replace(/^\[|\]$/g, ""), () => {
    socket.write(head)
    socket.pipe(upstream)
    upstream.pipe(socket)
  })
  upstream.on("error", () => socket.destroy())
  upstream.on("close", () => socket.destroy())
  socket.on("close", () => upstream.destroy())
  return upstream
}

export interface SocksOptions {
  readonly username?: string
  readonly password?: string
  /** Answers a request to connect, instead of doing it. */
  readonly reply?: (socket: Net.Socket, target: string) => void
}

export interface SocksProxy extends TcpServer {
  /** What was asked for, as `host:port`. */
  readonly targets: ReadonlyArray<string>
}

/** The reply of a SOCKS5 server, RFC 1928, section 6. */
export const socksReply = (code: number): Buffer => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0])

/** A SOCKS5 proxy, RFC 1928 and 1929, that connects or answers as it is told. */
export const socksProxy = (options: SocksOptions = {}): Effect.Effect<SocksProxy, never, Scope.Scope> =>
  Effect.suspend(() => {
    const targets: Array<string> = []
    return Effect.map(
      listen((socket) => {
        let buffer = Buffer.alloc(0)
        let step: (() => number) | undefined = greeting
        // How many bytes a step has used; none while there are too few.
        function greeting(): number {
          if (buffer.length < 2 || buffer.length < 2 + buffer[1]!) return 0
          const method = options.username === undefined ? 0 : 2
          const offered = buffer.subarray(2, 2 + buffer[1]!).includes(method)
          socket.write(Buffer.from([5, offered ? method : 255]))
          step = offered ? (method === 2 ? credentials : request) : undefined
          return 2 + buffer[1]!
        }
        function credentials(): number {
          const user = buffer[1]
          const pass = user === undefined ? undefined : buffer[2 + user]
          if (user === undefined || pass === undefined || buffer.length < 3 + user + pass) return 0
          const username = buffer.toString("utf8", 2, 2 + user)
          const password = buffer.toString("utf8", 3 + user, 3 + user + pass)
          const known = username === options.username && password === options.password
          socket.write(Buffer.from([1, known ? 0 : 1]))
          step = known ? request : undefined
          return 3 + user + pass
        }
        function request(): number {
          const size = { 1: 4, 3: 1 + (buffer[4] ?? 0), 4: 16 }[buffer[3] ?? 0] ?? Infinity
          if (buffer.length < 6 + size) return 0
          const address = buffer.subarray(4, 4 + size)
          const host = buffer[3] === 1
            ? address.join(".")
            : buffer[3] === 3
            ? address.toString("latin1", 1)
            : new URL(`http://[${address.toString("hex").match(/.{4}/g)!.join(":")}]`).hostname
          const target = `${host}:${buffer.readUInt16BE(4 + size)}`
          targets.push(target)
          step = undefined
          if (options.reply === undefined) connect(target)
          else options.reply(socket, target)
          return 6 + size
        }
        function connect(target: string): void {
          socket.off("data", read)
          const { hostname, port } = new URL(`http://${target}`)
          const upstream = Net.connect(Number(port) || 80, hostname.replace(/^\[|\]$/g, ""), () => {
            socket.write(socksReply(0))
            socket.pipe(upstream)
            upstream.pipe(socket)
          })
          upstream.on("error", () => socket.end(socksReply(5)))
          upstream.on("close", () => socket.destroy())
          socket.on("close", () => upstream.destroy())
        }
        const read = (chunk: Buffer) => {
          buffer = Buffer.concat([buffer, chunk])
          for (let used = step?.() ?? 0; used > 0; used = step?.() ?? 0) buffer = buffer.subarray(used)
        }
        socket.on("data", read)
      }),
      (server) => ({ ...server, targets })
    )
  })

/** A port at which nobody listens. */
export const closedPort = Effect.scoped(Effect.map(listen(() => {}), ({ port }) => port))

/** Real time also under `TestClock`. */
export const pause = (millis: number) =>
  Effect.callback<void>((resume) => {
    const timer = setTimeout(() => resume(Effect.void), millis)
    return Effect.sync(() => clearTimeout(timer))
  })

/** Waits for what is bound to happen soon. */
export const until = Effect.fnUntraced(function*(condition: () => boolean, what: string) {
  for (let i = 0; i < 500; i++) {
    if (condition()) return
    yield* pause(20)
  }
  return yield* Effect.die(new Error(`it did not happen within 10 s: ${what}`))
})
