import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Result } from "effect"
import {
  EgressPolicy,
  Proxy,
  ProxyProvider,
  RetryPolicy,
  Transport,
  UrlPool,
  Webhook,
  type WebhookError,
  WebhookResult
} from "effect-webhooks"
import { NodeTransport, TestReceiver } from "effect-webhooks/node"
import { HttpClient, HttpClientResponse } from "effect/http"
import { AddressResolver, Dns, NetAddress } from "effect/net"
import type { TLSSocket } from "node:tls"
import { connectProxy, listen, pass, pause, socksProxy, tls } from "./servers.ts"

// The machine may be busy: what is bounded below is bounded by itself.
vi.setConfig({ testTimeout: 30_000 })

const payload = { text: "hello" }
const name = "hook.example.com"
const publicAddress = "93.184.216.34"
const loopback = EgressPolicy.allow("127.0.0.0/8", "::1")

// A resolver that answers by a script, and what it was asked.
const makeResolver = (answer: (host: string, index: number) => ReadonlyArray<string>) => {
  const asked: Array<string> = []
  const layer = Layer.succeed(
    AddressResolver.AddressResolver,
    {
      resolve: (target: NetAddress.SocketAddress | { readonly host: unknown }) =>
        Effect.suspend(() => {
          const host = String((target as { readonly host: unknown }).host)
          const addresses = answer(host, asked.push(host) - 1)
          return addresses.length === 0
            ? Effect.fail(new Dns.DnsError({ reason: "NotFound" as never, method: "lookup", hostname: host }))
            : Effect.succeed(addresses.map((address) => NetAddress.inetAddressFromIpStringUnsafe(address, 0)))
        })
    } as unknown as AddressResolver.AddressResolver["Service"]
  )
  return { layer, asked }
}

interface Given extends Webhook.WebhookOptions, NodeTransport.Options {
  readonly answer?: (host: string, index: number) => ReadonlyArray<string>
  readonly urls?: UrlPool.UrlInput
  readonly proxy?: string
}

const open = Effect.fnUntraced(function*({ answer = () => ["127.0.0.1"], proxy, urls, ...options }: Given = {}) {
  const resolver = makeResolver(answer)
  const reports: Array<string> = []
  const provider = Layer.effect(
    ProxyProvider.ProxyProvider,
    Effect.map(ProxyProvider.ProxyProvider, (provider) => ({
      get: provider.get,
      report: (proxy, outcome) => {
        reports.push(outcome)
        return provider.report(proxy, outcome)
      }
    }))
  )
  const settings = { keepAlive: "10 minutes", grace: 100, ...options } as const
  const transport = proxy === undefined
    ? NodeTransport.layer(settings)
    : NodeTransport.layerProxied(settings).pipe(
      Layer.provide(provider.pipe(Layer.provide(Layer.orDie(ProxyProvider.layer(proxy)))))
    )
  const context = yield* Layer.build(
    Webhook.layerTransport({ retry: RetryPolicy.backoff({ base: 1, max: 2 }), ...options }).pipe(
      Layer.provideMerge(transport.pipe(Layer.provide(resolver.layer))),
      Layer.provide(urls === undefined ? UrlPool.empty : UrlPool.layer(urls))
    )
  )
  const hook = yield* Effect.provideContext(Webhook.Webhook, context)
  const { attempt } = yield* Effect.provideContext(Transport.Transport, context)
  return { hook, attempt, asked: resolver.asked, reports }
})

const delivered = (result: WebhookResult.WebhookResult): WebhookResult.Delivered => {
  assert(WebhookResult.isDelivered(result), `expected a delivery, got ${result}`)
  return result
}

const failed = (result: WebhookResult.WebhookResult): WebhookResult.Failed => {
  assert(WebhookResult.isFailed(result), `expected a failure, got ${result}`)
  return result
}

// Refused, for good, before anything was tried.
const blocked = (result: WebhookResult.WebhookResult, attempts = 0): WebhookError.EgressBlocked => {
  const { delivered, reason } = failed(result)
  assert(reason._tag === "EgressBlocked", reason.message)
  assert.strictEqual(delivered, "no")
  assert.strictEqual(result.attempts, attempts)
  return reason
}

const at = (receiver: TestReceiver.TestReceiver["Service"], host = name) => {
  const url = new URL(receiver.urlOf("/hook"))
  url.hostname = host
  return url.href
}

describe("the guard over real sockets", () => {
  describe("a URL that comes with a send", () => {
    it.live("is refused when its name resolves to loopback", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { asked, hook } = yield* open()
        const result = yield* hook.send(payload, { url: at(receiver) })
        const { address, range } = blocked(result)
        assert.strictEqual(address, "127.0.0.1")
        assert.strictEqual(range, "127.0.0.0/8")
        assert.include(failed(result).error, "EgressPolicy.allow(\"127.0.0.1\")")
        assert.deepStrictEqual(asked, [name])
        assert.strictEqual(yield* receiver.connections, 0)
      }))

    it.live.each([
      [publicAddress, "10.0.0.1"] as ReadonlyArray<string>,
      ["10.0.0.1", publicAddress],
      [publicAddress, "2606:2800:220:1::1", "::1"],
      [publicAddress, "::ffff:7f00:1"],
      [publicAddress, "64:ff9b::7f00:1"]
    ])("is refused whole when one answer of %j is bad", (answers) =>
      Effect.gen(function*() {
        const { hook } = yield* open({ answer: () => answers })
        const { address } = blocked(yield* hook.send(payload, { url: `http://${name}/hook` }))
        assert.notStrictEqual(address, publicAddress)
      }))

    it.live("is refused although the first of its addresses would be open", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { hook } = yield* open({ answer: () => ["127.0.0.1", "10.0.0.1"], egress: loopback })
        assert.strictEqual(blocked(yield* hook.send(payload, { url: at(receiver) })).address, "10.0.0.1")
        assert.strictEqual(yield* receiver.connections, 0)
      }))

    it.live.each([
      "127.0.0.1",
      "2130706433",
      "0x7f.1",
      "127.0.0.1.",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "localhost",
      "LOCALHOST.",
      "localhost..",
      "metadata.google.internal..",
      "printer.lan",
      "hooks.default.svc"
    ])(
      "is refused when it spells %s, without a look-up",
      (host) =>
        Effect.gen(function*() {
          const receiver = yield* TestReceiver.make(TestReceiver.reply())
          const { asked, hook } = yield* open()
          blocked(yield* hook.send(payload, { url: `http://${host}:${new URL(receiver.url).port}/hook` }))
          assert.deepStrictEqual(asked, [])
          assert.strictEqual(yield* receiver.connections, 0)
        })
    )

    it.live("is delivered to an address that is allowed", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { asked, hook } = yield* open({ egress: loopback })
        delivered(yield* hook.send(payload, { url: at(receiver) }))
        delivered(yield* hook.send(payload, { url: receiver.urlOf("/hook") }))
        assert.deepStrictEqual(asked, [name])
        const [request] = yield* receiver.received(2)
        assert.strictEqual(request!.headers.host, new URL(at(receiver)).host)
      }))

    it.live("is delivered to an IPv6 address that is allowed", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply(), { host: "::1" })
        const { hook } = yield* open({ answer: () => ["::1"], egress: loopback })
        delivered(yield* hook.send(payload, { url: at(receiver) }))
        delivered(yield* hook.send(payload, { url: receiver.urlOf("/hook") }))
      }))

    it.live("is delivered to a host that is allowed, and to no other at its address", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { hook } = yield* open({ egress: EgressPolicy.allow(name, "localhost") })
        delivered(yield* hook.send(payload, { url: at(receiver) }))
        delivered(yield* hook.send(payload, { url: at(receiver, `${name}.`) }))
        delivered(yield* hook.send(payload, { url: at(receiver, "localhost") }))
        blocked(yield* hook.send(payload, { url: at(receiver, "other.example.com") }))
        blocked(yield* hook.send(payload, { url: at(receiver, `sub.${name}`) }))
      }))

    it.live("is delivered anywhere when egress is unrestricted", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { asked, hook } = yield* open({ egress: EgressPolicy.unrestricted })
        delivered(yield* hook.send(payload, { url: receiver.urlOf("/hook") }))
        assert.deepStrictEqual(asked, [])
      }))

    it.live("does not connect when its name does not resolve, and tries again", () =>
      Effect.gen(function*() {
        const { asked, hook } = yield* open({ answer: () => [], maxRetries: 2 })
        const result = failed(yield* hook.send(payload, { url: `http://${name}./hook` }))
        assert(result.reason._tag === "ConnectionError")
        assert.strictEqual(result.reason.code, "ENOTFOUND")
        assert.strictEqual(result.attempts, 3)
        assert.deepStrictEqual(asked, [name, name, name])
      }))
  })

  it.live("stays on the address that it has checked, and checks each new connection", () =>
    Effect.gen(function*() {
      const receiver = yield* TestReceiver.make([
        TestReceiver.reply(),
        TestReceiver.reply({ headers: { connection: "close" } }),
        TestReceiver.reply()
      ])
      const { asked, hook } = yield* open({
        answer: (_, index) => index === 0 ? ["127.0.0.1"] : ["169.254.169.254"],
        egress: loopback
      })
      const url = at(receiver)
      delivered(yield* hook.send(payload, { url }))
      yield* pause(5)
      delivered(yield* hook.send(payload, { url }))
      assert.lengthOf(asked, 1)
      yield* pause(50)
      assert.strictEqual(blocked(yield* hook.send(payload, { url })).address, "169.254.169.254")
      assert.lengthOf(asked, 2)
      assert.strictEqual(yield* receiver.connections, 1)
    }))

  it.live("refuses a retry whose name has changed its mind", () =>
    Effect.gen(function*() {
      const receiver = yield* TestReceiver.make(TestReceiver.resetBefore)
      const { hook } = yield* open({
        answer: (_, index) => index === 0 ? ["127.0.0.1"] : ["10.0.0.1"],
        egress: loopback
      })
      const result = failed(yield* hook.send(payload, { url: at(receiver) }))
      assert.strictEqual(result.reason._tag, "EgressBlocked")
      assert.strictEqual(result.attempts, 1)
      assert.strictEqual(yield* receiver.connections, 1)
    }))

  describe("a URL of the pool", () => {
    it.live("is not guarded", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        for (const host of ["127.0.0.1", "localhost"]) {
          const { asked, hook } = yield* open({ urls: at(receiver, host) })
          delivered(yield* hook.send(payload))
          assert.deepStrictEqual(asked, [])
        }
      }))

    it.live("is guarded when egress is set", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { hook } = yield* open({ urls: at(receiver), egress: EgressPolicy.publicOnly })
        assert.strictEqual(blocked(yield* hook.send(payload)).address, "127.0.0.1")
        const error = yield* Effect.flip(open({ urls: receiver.urlOf("/hook"), egress: EgressPolicy.publicOnly }))
        assert.strictEqual(error.reason._tag, "EgressBlocked")
        assert.strictEqual(yield* receiver.connections, 0)
      }))

    it.live("leaves the guard on for a URL that comes with a send", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { hook } = yield* open({ urls: receiver.urlOf("/hook") })
        delivered(yield* hook.send(payload))
        blocked(yield* hook.send(payload, { url: receiver.urlOf("/hook") }))
        assert.lengthOf(yield* receiver.requests, 1)
      }))
  })

  describe("sockets", () => {
    it.live("of an unguarded attempt are not used by a guarded one", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { attempt } = yield* open()
        const request: Transport.AttemptRequest = {
          url: Redacted.make(receiver.urlOf("/hook")),
          headers: {},
          body: "",
          timeout: 10_000,
          maxResponseBytes: 100
        }
        assert.strictEqual((yield* attempt(request)).status, 204)
        const { reason } = yield* Effect.flip(attempt({ ...request, egress: EgressPolicy.publicOnly }))
        assert.strictEqual(reason._tag, "EgressBlocked")
        assert.strictEqual((yield* attempt({ ...request, egress: loopback })).status, 204)
        assert.strictEqual(yield* receiver.connections, 2)
        assert.strictEqual((yield* attempt({ ...request, egress: EgressPolicy.unrestricted })).status, 204)
        assert.strictEqual(yield* receiver.connections, 2)
      }))

    it.live("are kept per policy", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const { attempt } = yield* open()
        const request = (egress: EgressPolicy.EgressPolicy): Transport.AttemptRequest => ({
          url: Redacted.make(at(receiver)),
          headers: {},
          body: "",
          timeout: 10_000,
          maxResponseBytes: 100,
          egress
        })
        yield* attempt(request(EgressPolicy.allow(name)))
        yield* pause(5)
        yield* attempt(request(EgressPolicy.allow(name)))
        assert.strictEqual(yield* receiver.connections, 1)
        for (const policy of [EgressPolicy.publicOnly, EgressPolicy.allow("10.0.0.0/8"), EgressPolicy.allow("other")]) {
          const { reason } = yield* Effect.flip(attempt(request(policy)))
          assert.strictEqual(reason._tag, "EgressBlocked")
        }
        assert.strictEqual(yield* receiver.connections, 1)
      }))

    it.live("by one proxy are kept per policy, too", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const server = yield* connectProxy(pass)
        const { attempt } = yield* open({ proxy: server.label })
        const proxy = Result.getOrThrow(Proxy.parse(server.label))
        const request: Transport.AttemptRequest = {
          url: Redacted.make(receiver.urlOf("/hook")),
          headers: {},
          body: "",
          timeout: 10_000,
          maxResponseBytes: 100
        }
        yield* attempt(request, proxy)
        const { reason } = yield* Effect.flip(attempt({ ...request, egress: EgressPolicy.publicOnly }, proxy))
        assert.strictEqual(reason._tag, "EgressBlocked")
        assert.lengthOf(server.connects, 1)
      }))
  })

  describe("behind a proxy", () => {
    it.live("gives the proxy the address that it has checked, and the receiver its name", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* connectProxy((socket, connect) => pass(socket, connect, new URL(receiver.url).host))
        const { asked, hook, reports } = yield* open({ proxy: proxy.label, answer: () => [publicAddress] })
        delivered(yield* hook.send(payload, { url: `http://${name}/hook` }))
        assert.deepStrictEqual(proxy.connects.map(({ authority }) => authority), [`${publicAddress}:80`])
        assert.deepStrictEqual(asked, [name])
        assert.deepStrictEqual(reports, ["ok"])
        const [request] = yield* receiver.received(1)
        assert.strictEqual(request!.headers.host, name)
      }))

    it.live("gives it an IPv6 address in brackets", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* connectProxy((socket, connect) => pass(socket, connect, new URL(receiver.url).host))
        const { hook } = yield* open({ proxy: proxy.label, answer: () => ["2606:2800:220:1::1"] })
        delivered(yield* hook.send(payload, { url: `http://${name}:8080/hook` }))
        assert.deepStrictEqual(proxy.connects.map(({ authority }) => authority), ["[2606:2800:220:1::1]:8080"])
      }))

    it.live("leaves the name in SNI, and checks the certificate by it", () =>
      Effect.gen(function*() {
        const names: Array<unknown> = []
        const receiver = yield* listen((socket) => {
          names.push((socket as TLSSocket).servername)
          socket.on("data", () => socket.write("HTTP/1.1 204 No Content\r\n\r\n"))
        }, true)
        const proxy = yield* connectProxy((socket, connect) => pass(socket, connect, receiver.label))
        const lax = yield* open({
          proxy: proxy.label,
          answer: () => [publicAddress],
          tls: { rejectUnauthorized: false }
        })
        delivered(yield* lax.hook.send(payload, { url: `https://${name}/hook` }))
        assert.deepStrictEqual(names, [name])
        assert.deepStrictEqual(proxy.connects.map(({ authority }) => authority), [`${publicAddress}:443`])
        const strict = yield* open({
          proxy: proxy.label,
          answer: () => [publicAddress],
          tls: { ca: tls.cert },
          maxProxyRetries: 0
        })
        const { reason } = failed(yield* strict.hook.send(payload, { url: `https://${name}/hook` }))
        assert(reason._tag === "ProxyError" && reason.last?._tag === "ConnectionError")
        assert.strictEqual(reason.last.code, "ERR_TLS_CERT_ALTNAME_INVALID")
      }))

    it.live("refuses a bad answer without a word to the proxy, which is not blamed", () =>
      Effect.gen(function*() {
        const proxy = yield* connectProxy(pass)
        const { hook, reports } = yield* open({ proxy: proxy.label, answer: () => [publicAddress, "10.0.0.1"] })
        assert.strictEqual(blocked(yield* hook.send(payload, { url: `http://${name}/hook` })).address, "10.0.0.1")
        blocked(yield* hook.send(payload, { url: "http://10.0.0.1/hook" }))
        assert.deepStrictEqual(reports, [])
        assert.strictEqual(proxy.accepted(), 0)
      }))

    it.live("does not blame the proxy when the name does not resolve here", () =>
      Effect.gen(function*() {
        const proxy = yield* connectProxy(pass)
        const { hook, reports } = yield* open({ proxy: proxy.label, answer: () => [], maxRetries: 1 })
        const result = failed(yield* hook.send(payload, { url: `http://${name}/hook` }))
        assert(result.reason._tag === "ConnectionError", result.error)
        assert.strictEqual(result.reason.code, "ENOTFOUND")
        assert.deepStrictEqual(reports, ["target", "target"])
        assert.strictEqual(proxy.accepted(), 0)
      }))

    it.live("is not burned for a resolver that dies", () =>
      Effect.gen(function*() {
        const proxy = yield* connectProxy(pass)
        const { hook, reports } = yield* open({
          proxy: proxy.label,
          answer: () => {
            throw new Error("a defect of the resolver")
          },
          maxRetries: 0,
          maxProxyRetries: 0
        })
        failed(yield* hook.send(payload, { url: `http://${name}/hook` }))
        assert.notInclude(reports, "burn")
        assert.strictEqual(proxy.accepted(), 0)
      }))

    it.live("leaves the name of an unguarded URL to the proxy", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* connectProxy((socket, connect) => pass(socket, connect, new URL(receiver.url).host))
        const { asked, hook } = yield* open({ proxy: proxy.label, urls: `http://${name}:8080/hook` })
        delivered(yield* hook.send(payload))
        assert.deepStrictEqual(proxy.connects.map(({ authority }) => authority), [`${name}:8080`])
        assert.deepStrictEqual(asked, [])
      }))

    it.live("resolves the name of a pool's URL here when egress is set", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* connectProxy(pass)
        const { hook } = yield* open({ proxy: proxy.label, urls: at(receiver), egress: loopback })
        delivered(yield* hook.send(payload))
        assert.deepStrictEqual(proxy.connects.map(({ authority }) => authority), [new URL(receiver.url).host])
      }))

    it.live("gives a SOCKS5 proxy the address, too", () =>
      Effect.gen(function*() {
        const receiver = yield* TestReceiver.make(TestReceiver.reply())
        const proxy = yield* socksProxy()
        const { hook } = yield* open({ proxy: `socks5://${proxy.label}`, egress: loopback })
        delivered(yield* hook.send(payload, { url: at(receiver) }))
        assert.deepStrictEqual(proxy.targets, [new URL(receiver.url).host])
        blocked(yield* hook.send(payload, { url: "http://10.0.0.1/hook" }))
      }))
  })

  it.live("guards many sends at once", () =>
    Effect.gen(function*() {
      const receiver = yield* TestReceiver.make(TestReceiver.reply())
      const { hook } = yield* open({ egress: EgressPolicy.allow(name) })
      const sends = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 100 }, (_, index) => index % 2 === 0 ? name : "other.example.com"),
          (host) => hook.send(payload, { url: at(receiver, host) }),
          { concurrency: "unbounded" }
        )
      )
      const results = yield* Fiber.join(sends)
      for (const [index, result] of results.entries()) {
        if (index % 2 === 0) delivered(result)
        else blocked(result)
      }
      assert.lengthOf(yield* receiver.requests, 50)
    }))

  it.effect("refuses over a bare HttpClient what the URL tells, and no more", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const client = Layer.succeed(
        HttpClient.HttpClient,
        HttpClient.make((request, url) => {
          asked.push(url.host)
          return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 204 })))
        })
      )
      const context = yield* Layer.build(Webhook.layer().pipe(Layer.provide([client, UrlPool.empty])))
      const hook = yield* Effect.provideContext(Webhook.Webhook, context)
      for (const host of ["127.0.0.1", "2130706433", "[::1]", "localhost", "metadata.google.internal", "10.0.0.1"]) {
        blocked(yield* hook.send(payload, { url: `http://${host}/hook` }))
      }
      assert.deepStrictEqual(asked, [])
      delivered(yield* hook.send(payload, { url: `http://${name}/hook` }))
      assert.deepStrictEqual(asked, [name])
    }))
})
