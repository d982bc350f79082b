import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { spawn } from "node:child_process"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import * as TestReceiver from "../../src/node/TestReceiver.ts"

// What a client saw of one exchange, until the response ended or the connection failed.
interface Seen {
  status?: number
  headers: Http.IncomingHttpHeaders
  body: string
  error?: string
  startedAt?: number
  chunks: number
}

const send = (url: string, options: Https.RequestOptions & { readonly body?: string | Uint8Array } = {}) =>
  Effect.callback<Seen>((resume) => {
    const { body, ...rest } = options
    const seen: Seen = { headers: {}, body: "", chunks: 0 }
    const fail = (error: NodeJS.ErrnoException) =>
      resume(Effect.succeed({ ...seen, error: error.code ?? error.message }))
    const client = url.startsWith("https:") ? Https : Http
    const request = client.request(url, { method: "POST", agent: false, ...rest }, (response) => {
      seen.status = response.statusCode!
      seen.headers = response.headers
      seen.startedAt = performance.now()
      response.on("data", (chunk: Buffer) => {
        seen.body += chunk.toString()
        seen.chunks++
      })
      response.on("error", fail)
      response.on("end", () => resume(Effect.succeed(seen)))
    })
    request.on("error", fail)
    request.end(body)
    return Effect.sync(() => request.destroy())
  })

// Writes bytes on a TCP connection and reads until it ends or fails.
const dial = (url: string, bytes: string) =>
  Effect.callback<{ readonly text: string; readonly end: string }>((resume) => {
    let text = ""
    const socket = Net.connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(bytes))
    socket.on("data", (chunk) => {
      text += chunk.toString()
    })
    socket.on("end", () => resume(Effect.succeed({ text, end: "end" })))
    socket.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed({ text, end: error.code! })))
    return Effect.sync(() => socket.destroy())
  })

// Real time also under `TestClock`.
const pause = (millis: number) =>
  Effect.callback<"pending">((resume) => {
    const timer = setTimeout(() => resume(Effect.succeed("pending")), millis)
    return Effect.sync(() => clearTimeout(timer))
  })

const within = <A, E>(effect: Effect.Effect<A, E>, millis: number) => Effect.raceFirst(effect, pause(millis))

// Writes bytes on a TCP connection that stays open and keeps what arrives.
const listen = (url: string, bytes = post("")) => {
  let text = ""
  const socket = Net.connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(bytes))
  socket.on("data", (chunk) => {
    text += chunk.toString()
  })
  return {
    socket,
    text: () => text,
    until: (condition: (text: string) => boolean) =>
      Effect.callback<void>((resume) => {
        const recheck = () => {
          if (condition(text)) resume(Effect.void)
        }
        socket.on("data", recheck)
        recheck()
      })
  }
}

const post = (body: string, length = body.length) =>
  `POST /hook HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${length}\r\n\r\n${body}`

// The errors a client may see when the peer disappears before it could answer.
const assertReset = (seen: Seen) => {
  assert.strictEqual(seen.error, "ECONNRESET")
  assert.strictEqual(seen.status, undefined)
}

const tls = {
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

describe("TestReceiver", () => {
  describe("requests", () => {
    it.effect("records what arrived", () =>
      Effect.gen(function*() {
        const before = Date.now()
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        yield* send(receiver.urlOf("/hook?a=1&b=%20"), {
          method: "PUT",
          headers: { "X-Twice": ["one", "two"] },
          body: new Uint8Array([0xc3, 0xa9, 0x21])
        })
        const [request, ...others] = yield* receiver.requests
        assert.strictEqual(others.length, 0)
        assert.strictEqual(request!.method, "PUT")
        assert.strictEqual(request!.path, "/hook?a=1&b=%20")
        assert.strictEqual(request!.headers["x-twice"], "one, two")
        assert.strictEqual(request!.headers["content-length"], "3")
        assert.strictEqual(request!.body, "é!")
        assert.deepStrictEqual(request!.bytes, new Uint8Array([0xc3, 0xa9, 0x21]))
        assert.isTrue(request!.at >= before - 50 && request!.at <= Date.now() + 50)
      }))

    it.effect("lists a request from its head on, and receives it once its body was read", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const socket = Net.connect(Number(new URL(receiver.url).port), "127.0.0.1")
        socket.write(post("he", 5))
        while ((yield* receiver.requests)[0]?.body !== "he") yield* pause(5)
        assert.strictEqual(yield* within(receiver.received(1), 50), "pending")
        socket.write("llo")
        const [request] = yield* receiver.received(1)
        assert.strictEqual(request!.body, "hello")
        socket.destroy()
      }))

    it.effect("receives a request that the client cut", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const socket = Net.connect(Number(new URL(receiver.url).port), "127.0.0.1")
        socket.write(post("he", 5))
        while ((yield* receiver.requests)[0]?.body !== "he") yield* pause(5)
        socket.destroy()
        assert.deepStrictEqual((yield* receiver.received(1)).map((request) => request.body), ["he"])
        yield* receiver.closed
      }))

    it.effect("waits for as many requests as asked for", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        assert.deepStrictEqual(yield* receiver.received(0), [])
        const fiber = yield* Effect.forkChild(receiver.received(2))
        yield* send(receiver.urlOf("/1"))
        assert.strictEqual(yield* within(Fiber.join(fiber), 50), "pending")
        yield* send(receiver.urlOf("/2"))
        assert.deepStrictEqual((yield* Fiber.join(fiber)).map((request) => request.path), ["/1", "/2"])
      }))
  })

  describe("scripts", () => {
    it.effect("meets each request with the next behavior and repeats the last", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([
          TestReceiver.reply({ status: 500 }),
          TestReceiver.resetBefore,
          TestReceiver.reply({ status: 201 })
        ])
        const seen = yield* Effect.forEach([1, 2, 3, 4], () => send(receiver.url))
        assert.deepStrictEqual(seen.map(({ status }) => status), [500, undefined, 201, 201])
      }))

    it.effect("answers 204 to an empty array", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([])
        assert.strictEqual((yield* send(receiver.url)).status, 204)
      }))

    it.effect("asks a function with the whole request and its index", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make((request, index) =>
          TestReceiver.reply({ body: `${index} ${request.method} ${request.path} ${request.body}` })
        )
        assert.strictEqual((yield* send(receiver.urlOf("a"), { body: "x" })).body, "0 POST /a x")
        assert.strictEqual((yield* send(receiver.urlOf("/b"), { body: "y" })).body, "1 POST /b y")
      }))

    it.effect("answers 500 when a function throws or returns no behavior", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make((_, index) => {
          if (index === 0) throw new Error("boom")
          return undefined as any
        })
        const thrown = yield* send(receiver.url)
        assert.strictEqual(thrown.status, 500)
        assert.match(thrown.body, /the script threw: boom/)
        const wrong = yield* send(receiver.url)
        assert.strictEqual(wrong.status, 500)
        assert.match(wrong.body, /did not return a behavior/)
      }))

    it.effect("resets after the body when a function returns resetBefore", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(() => TestReceiver.resetBefore)
        assertReset(yield* send(receiver.url, { body: "hello" }))
        assert.strictEqual((yield* receiver.requests)[0]!.body, "hello")
      }))

    it.effect("picks a script by path, without the query, and counts per path", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make({
          "/a": [TestReceiver.reply({ status: 500 }), TestReceiver.reply({ status: 201 })],
          "/b": (_, index) => TestReceiver.reply({ body: String(index) })
        })
        const statusOf = (path: string) => Effect.map(send(receiver.urlOf(path)), (seen) => seen.status)
        assert.strictEqual(yield* statusOf("/a?first"), 500)
        assert.strictEqual((yield* send(receiver.urlOf("/b"))).body, "0")
        assert.strictEqual(yield* statusOf("/a?second"), 201)
        assert.strictEqual(yield* statusOf("/a/"), 404)
      }))
  })

  describe("reply", () => {
    it.effect("answers 204 without a body, 200 with one", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([TestReceiver.reply(), TestReceiver.reply({ body: "hi" })])
        const empty = yield* send(receiver.url)
        assert.deepStrictEqual([empty.status, empty.body], [204, ""])
        const text = yield* send(receiver.url)
        assert.deepStrictEqual([text.status, text.body, text.headers["content-length"]], [200, "hi", "2"])
        assert.strictEqual(text.headers["content-type"], undefined)
      }))

    it.effect("sends status, headers and JSON", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([
          TestReceiver.reply({ status: 429, headers: { "Retry-After": "2" }, body: { retry: ["é"] } }),
          TestReceiver.reply({ headers: { "Content-Type": "application/problem+json" }, body: {} }),
          TestReceiver.reply({ body: new Uint8Array([104, 105]) })
        ])
        const json = yield* send(receiver.url)
        assert.strictEqual(json.status, 429)
        assert.strictEqual(json.headers["retry-after"], "2")
        assert.strictEqual(json.headers["content-type"], "application/json")
        assert.deepStrictEqual(JSON.parse(json.body), { retry: ["é"] })
        const typed = yield* send(receiver.url)
        assert.strictEqual(typed.headers["content-type"], "application/problem+json")
        const bytes = yield* send(receiver.url)
        assert.deepStrictEqual([bytes.body, bytes.headers["content-type"]], ["hi", undefined])
      }))

    it.effect("waits for the delay in real time under TestClock", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ delay: "100 millis" }))
        const start = performance.now()
        assert.strictEqual((yield* send(receiver.url)).status, 204)
        assert.isAtLeast(performance.now() - start, 95)
      }))

    it.effect("keeps the connection alive", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ body: "ok", delay: "1 millis" }))
        const agent = new Http.Agent({ keepAlive: true, maxSockets: 1 })
        const warnings: Array<string> = []
        const onWarning = (warning: Error) => warnings.push(warning.name)
        process.on("warning", onWarning)
        for (let i = 0; i < 15; i++) {
          const seen = yield* send(receiver.url, { agent, body: "x" })
          assert.strictEqual(seen.body, "ok")
          // Node announces here when its server would close an idle connection.
          assert.strictEqual(seen.headers["keep-alive"], undefined)
        }
        process.off("warning", onWarning)
        assert.notInclude(warnings, "MaxListenersExceededWarning")
        assert.strictEqual(yield* receiver.connections, 1)
        assert.strictEqual(yield* receiver.sockets, 1)
        assert.strictEqual(yield* within(receiver.closed, 50), "pending")
        agent.destroy()
        yield* receiver.closed
        assert.strictEqual(yield* receiver.sockets, 0)
        yield* send(receiver.url)
        assert.strictEqual(yield* receiver.connections, 2)
      }))
  })

  describe("behaviors", () => {
    it.effect("hang reads the request and never answers", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.hang)
        assert.strictEqual(yield* within(send(receiver.url, { body: "hello" }), 200), "pending")
        assert.strictEqual((yield* receiver.requests)[0]!.body, "hello")
        yield* receiver.closed
        assert.strictEqual(yield* receiver.sockets, 0)
      }))

    it.effect("resetBefore resets without reading the body", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.resetBefore)
        // The body never comes, so only the head can have caused the reset.
        const seen = yield* dial(receiver.url, post("", 5))
        assert.deepStrictEqual(seen, { text: "", end: "ECONNRESET" })
        assert.deepStrictEqual((yield* receiver.received(1)).map((request) => request.body), [""])
        yield* receiver.closed
      }))

    it.effect("resetAfter reads the whole request, then resets", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.resetAfter)
        assert.strictEqual(yield* within(dial(receiver.url, post("he", 5)), 100), "pending")
        const seen = yield* dial(receiver.url, post("hello"))
        assert.deepStrictEqual(seen, { text: "", end: "ECONNRESET" })
        assert.strictEqual((yield* receiver.requests)[1]!.body, "hello")
        yield* receiver.closed
      }))

    it.effect("resetDuring sends half of the body, then resets", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([
          TestReceiver.resetDuring({ status: 202, body: "abcdef" }),
          TestReceiver.resetDuring({ body: "a" }),
          TestReceiver.resetDuring({ body: { a: 1 } })
        ])
        const half = yield* send(receiver.url)
        assert.deepStrictEqual([half.status, half.body, half.error], [202, "abc", "ECONNRESET"])
        assert.strictEqual(half.headers["content-length"], "6")
        const none = yield* send(receiver.url)
        assert.deepStrictEqual([none.status, none.body, none.error], [200, "", "ECONNRESET"])
        const json = yield* dial(receiver.url, post(""))
        assert.match(json.text, /content-type: application\/json[^]*\r\n\r\n\{"a$/i)
        assert.strictEqual(json.end, "ECONNRESET")
        yield* receiver.closed
      }))

    it.effect("drip sends the headers at once and one byte at a time", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.drip({ status: 201, bytes: 4, every: "40 millis" }))
        const start = performance.now()
        const seen = yield* send(receiver.url)
        assert.deepStrictEqual([seen.status, seen.body, seen.chunks, seen.error], [201, "....", 4, undefined])
        assert.isAtLeast(performance.now() - start, 150)
        assert.isAtLeast(performance.now() - seen.startedAt!, 100)
        yield* receiver.closed
      }))

    it.effect("drip goes on until the client leaves", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.drip({ every: 5 }))
        const client = listen(receiver.url)
        yield* client.until((text) => text.length > 300)
        assert.notInclude(client.text(), "\r\n0\r\n")
        client.socket.destroy()
        yield* receiver.closed
      }))

    it.effect("flood sends that many bytes", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([
          TestReceiver.flood({ bytes: 1_000_001 }),
          TestReceiver.flood({ bytes: 0, status: 503 })
        ])
        const seen = yield* send(receiver.url)
        assert.deepStrictEqual([seen.status, seen.body.length, seen.error], [200, 1_000_001, undefined])
        const none = yield* send(receiver.url)
        assert.deepStrictEqual([none.status, none.body], [503, ""])
      }))

    it.effect("flood has no end, waits for a slow client and stops with the connection", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.flood())
        const port = Number(new URL(receiver.url).port)
        let server: Net.Socket | undefined
        const onRequest = (message: unknown) => {
          const { socket } = message as { readonly socket: Net.Socket }
          if (socket.localPort === port) server = socket
        }
        subscribe("http.server.request.start", onRequest)

        const socket = Net.connect(port, "127.0.0.1", () => socket.write(post("")))
        socket.resume()
        while (socket.bytesRead < 10_000_000) yield* pause(5)
        unsubscribe("http.server.request.start", onRequest)
        socket.pause()
        yield* pause(200)
        assert.isBelow(server!.writableLength, 1_000_000)
        assert.strictEqual(yield* receiver.sockets, 1)
        socket.destroy()
        yield* receiver.closed
      }))

    it.effect("endless bodies end at once for HEAD", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([TestReceiver.flood(), TestReceiver.drip(), TestReceiver.reply()])
        const head = "HEAD / HTTP/1.1\r\nhost: localhost\r\n\r\n"
        const client = listen(receiver.url, head)
        yield* client.until((text) => /^HTTP\/1\.1 200 [^]*\r\n\r\n$/.test(text))
        // The connection answers again only after the response came to its end.
        client.socket.write(head)
        yield* client.until((text) => /\r\n\r\nHTTP\/1\.1 200 [^]*\r\n\r\n$/.test(text))
        client.socket.write(head)
        yield* client.until((text) => /\r\n\r\nHTTP\/1\.1 204 [^]*\r\n\r\n$/.test(text))
        client.socket.destroy()
      }))

    it.effect("lie ends the connection when the body is too short", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.lie({ status: 202, contentLength: 10, body: "abc" }))
        const agent = new Http.Agent({ keepAlive: true })
        const seen = yield* send(receiver.url, { agent })
        assert.deepStrictEqual([seen.status, seen.body, seen.error], [202, "abc", "ECONNRESET"])
        const raw = yield* dial(receiver.url, post(""))
        assert.match(raw.text, /content-length: 10\r\n[^]*\r\n\r\nabc$/i)
        assert.strictEqual(raw.end, "end")
        yield* receiver.closed
      }))

    it.effect("lie sends the whole of a body that is too long", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.lie({ contentLength: 2, body: "abc" }))
        const client = listen(receiver.url)
        yield* client.until((text) => text.endsWith("\r\n\r\nabc"))
        assert.match(client.text(), /content-length: 2\r\n/i)
        assert.strictEqual(yield* within(receiver.closed, 50), "pending")
        client.socket.destroy()
      }))

    it.effect("slowHeaders sends header lines without end", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.slowHeaders({ every: "10 millis" }))
        const client = listen(receiver.url)
        yield* client.until((text) => text.includes("x-slow-9: 9\r\n"))
        assert.match(client.text(), /^HTTP\/1\.1 200 OK\r\nx-slow-1: 1\r\nx-slow-2: 2\r\n/)
        assert.notInclude(client.text(), "\r\n\r\n")
        client.socket.destroy()
        yield* receiver.closed
        assert.strictEqual(yield* within(send(receiver.url), 100), "pending")
      }))

    it.effect("garbage sends text that is not HTTP and closes", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([
          TestReceiver.garbage("SSH-2.0-OpenSSH\r\n"),
          TestReceiver.garbage("nonsense"),
          TestReceiver.garbage("")
        ])
        assert.deepStrictEqual(yield* dial(receiver.url, post("x")), { text: "SSH-2.0-OpenSSH\r\n", end: "end" })
        assert.match((yield* send(receiver.url)).error!, /^HPE_/)
        assert.deepStrictEqual(yield* dial(receiver.url, post("x")), { text: "", end: "end" })
        yield* receiver.closed
        assert.strictEqual(yield* receiver.sockets, 0)
      }))

    it.effect("a client that sends garbage gets 400 and is not a request", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        assert.match((yield* dial(receiver.url, "nonsense\r\n\r\n")).text, /^HTTP\/1\.1 400 /)
        assert.deepStrictEqual(yield* receiver.requests, [])
        assert.strictEqual(yield* receiver.connections, 1)
      }))
  })

  describe("lifetime", () => {
    it.effect("closing the scope ends every connection, the server and every timer", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const receiver = yield* TestReceiver.make({
          "/hang": TestReceiver.hang,
          "/late": TestReceiver.reply({ delay: "1 hour" }),
          "/drip": TestReceiver.drip(),
          "/flood": TestReceiver.flood(),
          "/slow": TestReceiver.slowHeaders(),
          "/keep-alive": TestReceiver.reply()
        }).pipe(Scope.provide(scope))
        const agent = new Http.Agent({ keepAlive: true })
        yield* send(receiver.urlOf("/keep-alive"), { agent })
        const idle = Net.connect(Number(new URL(receiver.url).port), "127.0.0.1")
        const idleClosed = new Promise<void>((resolve) => {
          idle.on("error", () => {})
          idle.on("close", () => resolve())
        })
        const fibers = yield* Effect.forEach(
          ["/hang", "/late", "/drip", "/flood", "/slow"],
          (path) => Effect.forkChild(send(receiver.urlOf(path)))
        )
        yield* receiver.received(6)
        while ((yield* receiver.connections) < 7) yield* pause(5)
        assert.strictEqual(yield* receiver.sockets, 7)

        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* receiver.sockets, 0)
        yield* receiver.closed
        yield* Effect.promise(() => idleClosed)
        for (const seen of yield* Effect.forEach(fibers, Fiber.join)) assert.strictEqual(seen.error, "ECONNRESET")
        assert.strictEqual((yield* send(receiver.url)).error, "ECONNREFUSED")
      }))

    it.effect("closing the scope leaves nothing that keeps a process alive", () =>
      Effect.gen(function*() {
        const program = `
          import { Effect } from "effect"
          import * as TestReceiver from "./src/node/TestReceiver.ts"
          import * as Http from "node:http"

          await Effect.gen(function*() {
            const receiver = yield* TestReceiver.make([
              TestReceiver.reply({ delay: "1 hour" }),
              TestReceiver.drip(),
              TestReceiver.flood()
            ])
            for (let i = 0; i < 3; i++) {
              Http.get(receiver.url, (response) => response.on("error", () => {})).on("error", () => {})
            }
            yield* receiver.received(3)
          }).pipe(Effect.scoped, Effect.runPromise)
        `
        const code = yield* Effect.callback<number | null>((resume) => {
          const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
            cwd: new URL("../..", import.meta.url),
            stdio: ["ignore", "inherit", "inherit"],
            timeout: 4_000
          })
          child.on("exit", (code) => resume(Effect.succeed(code)))
          return Effect.sync(() => child.kill("SIGKILL"))
        })
        assert.strictEqual(code, 0)
      }))

    it.effect("closed returns at once when nobody connected", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        yield* receiver.closed
        assert.strictEqual(yield* receiver.connections, 0)
      }))

    it.effect("receivers of one make do not share their state", () =>
      Effect.gen(function*() {
        const make = TestReceiver.make([TestReceiver.reply({ status: 500 }), TestReceiver.reply()])
        const [a, b] = yield* Effect.all([make, make])
        assert.notStrictEqual(a.url, b.url)
        assert.strictEqual((yield* send(a.url)).status, 500)
        assert.strictEqual((yield* send(b.url)).status, 500)
        assert.strictEqual((yield* a.requests).length, 1)
      }))

    it.effect("layer provides a receiver", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(TestReceiver.layer(TestReceiver.reply({ status: 418 })), scope)
        const receiver = Context.get(context, TestReceiver.TestReceiver)
        assert.match(receiver.url, /^http:\/\/127\.0\.0\.1:\d+$/)
        assert.strictEqual((yield* send(receiver.urlOf("/hook"))).status, 418)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* send(receiver.url)).error, "ECONNREFUSED")
      }))

    it.effect("dies when the host is not one of this machine", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Effect.scoped(TestReceiver.make([], { host: "192.0.2.1" })))
        assert.isTrue(Exit.hasDies(exit))
      }))

    it.effect("listens on the host it is given", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([], { host: "localhost" })
        assert.match(receiver.url, /^http:\/\/localhost:\d+$/)
        assert.strictEqual((yield* send(receiver.url)).status, 204)
      }))
  })

  describe("tls", () => {
    it.effect("serves HTTPS with keep-alive", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply({ body: "ok" }), { tls })
        assert.match(receiver.url, /^https:/)
        const agent = new Https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
        assert.strictEqual((yield* send(receiver.url, { agent, body: "a" })).body, "ok")
        assert.strictEqual((yield* send(receiver.url, { agent, body: "b" })).body, "ok")
        assert.deepStrictEqual((yield* receiver.requests).map((request) => request.body), ["a", "b"])
        assert.strictEqual(yield* receiver.connections, 1)
        assert.strictEqual(yield* receiver.sockets, 1)
        agent.destroy()
        yield* receiver.closed
      }))

    it.effect("misbehaves below and above TLS", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make([
          TestReceiver.resetBefore,
          TestReceiver.resetAfter,
          TestReceiver.resetDuring({ body: "abcd" }),
          TestReceiver.garbage("nonsense"),
          TestReceiver.hang
        ], { tls })
        const options = { rejectUnauthorized: false, body: "x" }
        assertReset(yield* send(receiver.url, options))
        assertReset(yield* send(receiver.url, options))
        const half = yield* send(receiver.url, options)
        assert.deepStrictEqual([half.status, half.body, half.error], [200, "ab", "ECONNRESET"])
        assert.match((yield* send(receiver.url, options)).error!, /^HPE_/)
        assert.strictEqual(yield* within(send(receiver.url, options), 100), "pending")
        yield* receiver.closed
        assert.strictEqual(yield* receiver.connections, 5)
      }))

    it.effect("survives a client that refuses the certificate or speaks no TLS", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply(), { tls })
        assert.isString((yield* send(receiver.url)).error)
        yield* dial(receiver.url, post(""))
        yield* receiver.closed
        assert.strictEqual((yield* send(receiver.url, { rejectUnauthorized: false })).status, 204)
        assert.strictEqual((yield* receiver.requests).length, 1)
      }))
  })

  describe("bad options throw where they are written", () => {
    const circular: Record<string, unknown> = {}
    circular.self = circular
    const cases: ReadonlyArray<readonly [name: string, message: RegExp, evaluate: () => unknown]> = [
      ["status 99", /reply: status .* 99$/, () => TestReceiver.reply({ status: 99 })],
      ["status 103", /reply: status .* 103$/, () => TestReceiver.reply({ status: 103 })],
      ["status 1000", /reply: status .* 1000$/, () => TestReceiver.reply({ status: 1000 })],
      ["status 200.5", /drip: status .* 200.5$/, () => TestReceiver.drip({ status: 200.5 })],
      ["a body with 204", /reply: status .* 204$/, () => TestReceiver.reply({ status: 204, body: "x" })],
      ["a flood with 304", /flood: status .* 304$/, () => TestReceiver.flood({ status: 304 })],
      ["a lie with 204", /lie: status/, () => TestReceiver.lie({ status: 204, contentLength: 1, body: "" })],
      ["a header name", /reply: headers .*"a b"/, () => TestReceiver.reply({ headers: { "a b": "x" } })],
      ["a header value", /reply: headers .*"a"/, () => TestReceiver.reply({ headers: { a: "x\r\ny: z" } })],
      ["a circular body", /reply: body/, () => TestReceiver.reply({ body: circular })],
      ["a body that is not JSON", /reply: body/, () => TestReceiver.reply({ body: () => 1 })],
      ["a negative delay", /reply: delay/, () => TestReceiver.reply({ delay: -1 })],
      ["an infinite delay", /reply: delay/, () => TestReceiver.reply({ delay: "Infinity" })],
      ["no delay at all", /reply: delay/, () => TestReceiver.reply({ delay: "soon" as any })],
      ["negative bytes", /drip: bytes .* -1$/, () => TestReceiver.drip({ bytes: -1 })],
      ["broken bytes", /flood: bytes .* 0.5$/, () => TestReceiver.flood({ bytes: 0.5 })],
      ["a drip without pause", /drip: every/, () => TestReceiver.drip({ every: 0 })],
      ["headers without pause", /slowHeaders: every/, () => TestReceiver.slowHeaders({ every: 0 })],
      ["half of nothing", /resetDuring: body/, () => TestReceiver.resetDuring({ body: "" })],
      ["a negative length", /lie: contentLength .* -1$/, () => TestReceiver.lie({ contentLength: -1, body: "" })],
      ["a true length", /lie: contentLength .* 2$/, () => TestReceiver.lie({ contentLength: 2, body: "é" })],
      ["a path without a slash", /make: routes .*"a"/, () => TestReceiver.make({ a: [] } as any)],
      ["a path with a query", /layer: routes|make: routes/, () => TestReceiver.layer({ "/a?b": [] })],
      ["a broken certificate", /make: tls/, () => TestReceiver.make([], { tls: { ...tls, cert: "x" } })]
    ]
    it.each(cases)("%s", (_, message, evaluate) => {
      try {
        evaluate()
      } catch (error) {
        assert.instanceOf(error, RangeError)
        assert.match(error.message, message)
        return
      }
      assert.fail("did not throw")
    })
  })
})
