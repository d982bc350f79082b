import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Webhook, type WebhookResult } from "effect-webhooks"
import { NodeWebhook, TestReceiver } from "effect-webhooks/node"
import { installed, nginx } from "./daemon.ts"

const receiver = TestReceiver.make(TestReceiver.reply({ delay: "40 millis" }))

interface Load {
  /** How many at once before the others. */
  readonly burst: number
  readonly perSecond: number
  readonly seconds: number
}

interface Sent {
  readonly result: WebhookResult.WebhookResult
  /** When it began and how long it took, in seconds. */
  readonly at: number
  readonly took: number
}

// Sends at a steady rate, and waits for all of them.
const offer = Effect.fnUntraced(function*({ burst, perSecond, seconds }: Load) {
  const started = performance.now()
  const since = () => (performance.now() - started) / 1000
  const send = Effect.gen(function*() {
    const at = since()
    const result = yield* Webhook.send({ text: "hello" })
    return { at, took: since() - at, result }
  })
  const fibers: Array<Fiber.Fiber<Sent>> = []
  for (let i = 0; i < burst; i++) fibers.push(yield* Effect.forkChild(send))
  for (let i = 0; i < perSecond * seconds; i++) {
    yield* Effect.sleep(Math.max(0, (i / perSecond - since()) * 1000))
    fibers.push(yield* Effect.forkChild(send))
  }
  return yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
})

const refusals = (sent: ReadonlyArray<Sent>): number =>
  sent.flatMap(({ result }) => result.history).filter(({ status }) => status === 429).length

const by = (port: number) => NodeWebhook.layer({ urls: `http://127.0.0.1:${port}/hook`, maxRetries: 5 })

const limited = (rate: string, limit: string) => (upstream: string) =>
  nginx(
    upstream,
    `limit_req_zone $binary_remote_addr zone=z:1m rate=${rate};`,
    `limit_req zone=z ${limit}; limit_req_status 429;`
  )

const run = (server: ReturnType<typeof limited>, load: Load) =>
  Effect.gen(function*() {
    const { port } = yield* server((yield* receiver).url)
    return yield* Effect.provide(offer(load), by(port))
  })

const lost = (sent: ReadonlyArray<Sent>) => sent.filter(({ result }) => !result.ok)

const quantile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)]!

describe.skipIf(!installed("nginx")).concurrent("nginx", () => {
  it.live.each([
    ["limit_req rate=20r/s with a burst of 2", limited("20r/s", "burst=2 nodelay")],
    ["limit_req rate=20r/s without a burst", limited("20r/s", "")]
  ])("%s: 8 a second after ten at once are not slowed down", ([, server]) =>
    Effect.gen(function*() {
      const sent = yield* run(server as ReturnType<typeof limited>, { burst: 10, perSecond: 8, seconds: 40 })
      assert.lengthOf(lost(sent), 0, `${lost(sent)[0]?.result}`)
      const later = sent.filter(({ at }) => at > 15).map(({ took }) => took)
      assert.isBelow(quantile(later, 0.9), 3, "the backlog is gone, and nothing waits")
      assert.isBelow(refusals(sent), 0.1 * sent.length)
    }))

  it.live("limit_req rate=20r/s without a burst: three times as much is delivered as fast as it allows", () =>
    Effect.gen(function*() {
      const sent = yield* run(limited("20r/s", ""), { burst: 0, perSecond: 60, seconds: 15 })
      assert.lengthOf(lost(sent), 0, `${lost(sent)[0]?.result}`)
      const end = Math.max(...sent.map(({ at, took }) => at + took))
      assert.isBelow(end, 900 / 20 / 0.5, "900 at 20 a second, less the time of finding it out")
    }))

  it.live("limit_conn 3: more at once than it allows are delivered, and few are refused", () =>
    Effect.gen(function*() {
      const server = (upstream: string) =>
        nginx(
          upstream,
          "limit_conn_zone $binary_remote_addr zone=z:1m;",
          "limit_conn z 3; limit_conn_status 429;"
        )
      const sent = yield* run(server, { burst: 30, perSecond: 20, seconds: 20 })
      assert.lengthOf(lost(sent), 0, `${lost(sent)[0]?.result}`)
      const later = sent.filter(({ at }) => at > 15).map(({ took }) => took)
      assert.isBelow(quantile(later, 0.9), 3)
    }))

  it.live("a limit that goes away is forgotten", () =>
    Effect.gen(function*() {
      const server = yield* limited("5r/s", "")((yield* receiver).url)
      const sending = yield* Effect.forkChild(
        Effect.provide(offer({ burst: 0, perSecond: 30, seconds: 30 }), by(server.port))
      )
      yield* Effect.sleep("10 seconds")
      yield* server.reload("nginx.conf", "limit_req zone=z ; limit_req_status 429;", "")
      const sent = yield* Fiber.join(sending)
      assert.lengthOf(lost(sent), 0, `${lost(sent)[0]?.result}`)
      const end = Math.max(...sent.map(({ at, took }) => at + took))
      assert.isBelow(end, 90, "900 sends, of which 50 went before the limit did")
    }))

  it.live("its own status for that, a 503 without a hint, is backed off from, and nothing is lost", () =>
    Effect.gen(function*() {
      const server = (upstream: string) =>
        nginx(upstream, "limit_req_zone $binary_remote_addr zone=z:1m rate=20r/s;", "limit_req zone=z burst=2 nodelay;")
      const sent = yield* run(server, { burst: 10, perSecond: 8, seconds: 15 })
      assert.lengthOf(lost(sent), 0, `${lost(sent)[0]?.result}`)
    }))
})
