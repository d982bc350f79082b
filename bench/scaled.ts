// One figure of `scale.ts`.
import { Effect, Fiber, Layer, Redacted } from "effect"
import { EgressPolicy, Transport, UrlPool, Webhook } from "effect-webhooks"
import { NodeTransport, NodeWebhook } from "effect-webhooks/node"

const [, , name, json] = process.argv
const { count = 10_000, port, urls = 1 }: { readonly port: number; readonly count?: number; readonly urls?: number } =
  JSON
    .parse(json!)

const say = (line: string): void => void process.send!(line)

const heap = (): number => {
  globalThis.gc!()
  globalThis.gc!()
  return process.memoryUsage().heapUsed
}

const mega = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

const payload = (n: number) => ({ text: `event ${n}`, lines: "x".repeat(500) })

const many = <A, E, R>(concurrency: number, worker: Effect.Effect<A, E, R>) =>
  Effect.all(Array.from({ length: concurrency }, () => worker), { concurrency: "unbounded", discard: true })

const cpuOf = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const before = process.cpuUsage()
  yield* effect
  const { system, user } = process.cpuUsage(before)
  return user + system
})

// A transport without a network, so that the figure is of this library alone.
const answered = (reply: (n: number) => Transport.Reply) => {
  let attempts = 0
  const order: Array<string> = []
  const layer = Layer.succeed(Transport.Transport, {
    attempt: ({ body }) =>
      Effect.callback<Transport.Reply>((resume) => {
        const index = attempts++
        order.push(JSON.parse(String(body)).text)
        setImmediate(() => resume(Effect.succeed(reply(index))))
      })
  })
  return { layer, order }
}

const reply = (status: number, body = "") => new Transport.Reply(status, {}, new TextEncoder().encode(body), false)

const figures: Record<string, () => Promise<void>> = {
  // Sends that wait for a URL which said that it opens in three seconds.
  async parked() {
    const { layer, order } = answered((n) => n === 0 ? reply(429, `{"retry_after":3}`) : reply(204))
    const program = Effect.gen(function*() {
      const webhook = yield* Webhook.Webhook
      const fibers = [yield* Effect.forkChild(webhook.send(payload(0)))]
      yield* Effect.sleep("50 millis")
      const before = heap()
      for (let n = 1; n < count; n++) fibers.push(yield* Effect.forkChild(webhook.send(payload(n))))
      yield* Effect.sleep("10 millis")
      const bytes = (heap() - before) / count
      const cpu = yield* cpuOf(Effect.forEach(fibers, Fiber.join, { discard: true }))
      const places = order.slice(1).map((text) => Number(text.slice(6)))
      const displaced = places.reduce((most, n, index) => Math.max(most, Math.abs(n - index)), 0)
      say(
        `${count.toLocaleString("en")} sends waiting for one paced URL: ${Math.round(bytes)} bytes each; ` +
          `${(cpu / count).toFixed(1)} us CPU each from the wait to the delivery; ` +
          `the furthest out of turn by ${displaced} places`
      )
    }).pipe(Effect.provide(
      Webhook.layerTransport({ deadline: "1 hour" }).pipe(
        Layer.provide([layer, UrlPool.layer("https://example.com/hook")])
      )
    ))
    await Effect.runPromise(program)
  },

  // All of them at once, each host an address of its own on loopback.
  async hosts() {
    const program = Effect.gen(function*() {
      const webhook = yield* Webhook.Webhook
      const before = heap()
      const started = performance.now()
      const cpu = yield* cpuOf(
        Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) =>
          Effect.tap(
            webhook.send(payload(n), { url: `http://127.1.${(n % 1000) >> 8}.${(n % 1000) & 255}:${port}/hook` }),
            (result) => result.ok ? Effect.void : Effect.die(new Error(result.error))
          ), { concurrency: "unbounded", discard: true })
      )
      say(
        `${count.toLocaleString("en")} sends at once to 1,000 hosts: all delivered in ${
          ((performance.now() - started) / 1000).toFixed(1)
        } s, ${(cpu / count).toFixed(0)} us CPU each, new connections included; heap ${mega(heap() - before)} more`
      )
    }).pipe(Effect.provide(NodeWebhook.layer({ egress: EgressPolicy.unrestricted })))
    await Effect.runPromise(program)
  },

  async pool() {
    const { layer } = answered(() => reply(204))
    const addresses = Array.from({ length: urls }, (_, n) => `https://h${n}.example.com/hook`)
    const program = Effect.gen(function*() {
      const webhook = yield* Webhook.Webhook
      const sends = (total: number) =>
        Effect.suspend(() => {
          let sent = 0
          return many(
            32,
            Effect.gen(function*() {
              while (sent < total) yield* webhook.send(payload(sent++))
            })
          )
        })
      yield* sends(50_000)
      const cpus: Array<number> = []
      for (let turn = 0; turn < 5; turn++) cpus.push((yield* cpuOf(sends(50_000))) / 50_000)
      say(
        `a pool of ${urls.toLocaleString("en")} URLs: ${
          cpus.toSorted((a, b) => a - b)[2]!.toFixed(2)
        } us CPU for a send, ` +
          `without the transport`
      )
    }).pipe(Effect.provide(Webhook.layerTransport().pipe(Layer.provide([layer, UrlPool.layer(addresses)]))))
    await Effect.runPromise(program)
  },

  // A million sends through one Webhook, to a hundred thousand URLs that come with them.
  async customers() {
    const { layer, order } = answered(() => {
      order.length = 0
      return reply(204)
    })
    const program = Effect.gen(function*() {
      const webhook = yield* Webhook.Webhook
      let sent = 0
      const until = (total: number) =>
        many(
          64,
          Effect.gen(function*() {
            while (sent < total) {
              const n = sent++
              const url = `https://h${n % 100_000}.example.com/hooks/${n % 100_000}`
              yield* webhook.send(payload(n), { url: Redacted.make(url) })
            }
          })
        )
      yield* until(10_000)
      const before = heap()
      yield* until(1_000_000)
      say(
        `1,000,000 sends to 100,000 URLs that came with them: heap ${mega(heap() - before)} more than after 10,000`
      )
    }).pipe(Effect.provide(Webhook.layerTransport().pipe(Layer.provide([layer, UrlPool.empty]))))
    await Effect.runPromise(program)
  },

  // A million sends to a server of whose answers one in fifty is a fault.
  async soak() {
    const program = Effect.gen(function*() {
      const webhook = yield* Webhook.make({ timeout: "1 second", maxRetries: 10, retry: undefined })
      let sent = 0
      let failed = 0
      let retried = 0
      const until = (total: number) =>
        many(
          64,
          Effect.gen(function*() {
            while (sent < total) {
              const result = yield* webhook.send(payload(sent++))
              if (!result.ok) failed++
              retried += result.attempts - 1
            }
          })
        )
      for (const total of [10_000, 100_000, 200_000, 400_000, 600_000, 800_000, 1_000_000]) {
        yield* until(total)
        const resources = process.getActiveResourcesInfo()
        const sockets = resources.filter((resource) => resource === "TCPSocketWrap").length
        const timers = resources.filter((resource) => resource === "Timeout").length
        say(
          `${total.toLocaleString("en").padStart(9)} sends: heap ${mega(heap())}, rss ${
            mega(process.memoryUsage().rss)
          }, ${sockets} sockets, ${timers} timers, ${retried.toLocaleString("en")} retries, ${failed} failed`
        )
      }
      yield* Effect.sleep("6 seconds")
      const idle = process.getActiveResourcesInfo()
      say(`after 6 idle seconds: heap ${mega(heap())}, open: ${idle.join(", ")}`)
    }).pipe(
      Effect.scoped,
      Effect.provide([NodeTransport.layer(), UrlPool.layer(`http://127.0.0.1:${port}/faulty`)])
    )
    await Effect.runPromise(program)
  }
}

await figures[name!]!()
process.exit()
