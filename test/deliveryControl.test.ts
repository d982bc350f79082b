import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import { type RetryPolicy, UrlPool, Webhook, type WebhookError, type WebhookResult } from "effect-webhooks"
import { NodeWebhook, TestReceiver } from "effect-webhooks/node"
import { TestTransport } from "effect-webhooks/testing"
import { TestClock } from "effect/testing"

const a = "https://a.example/hook"
const b = "https://b.example/hook"
const customer = "https://customer.example/hook"

const says = (delivery: string, options: Parameters<typeof TestTransport.reply>[0] = {}) =>
  TestTransport.reply({ ...options, headers: { "webhook-delivery": delivery, ...options.headers } })

const { refuse, reply } = TestTransport

interface Given {
  readonly urls?: UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput>
  readonly pool?: UrlPool.Options
  readonly options?: Webhook.WebhookOptions
}

// A webhook whose pool tells who is retired.
const open = Effect.fnUntraced(function*(script: TestTransport.Script, { options, pool, urls = a }: Given = {}) {
  const retired: Array<string> = []
  const context = yield* Layer.build(
    Webhook.layerTransport({ retry: Schedule.spaced("2 seconds"), ...options }).pipe(
      Layer.provideMerge(Layer.merge(
        TestTransport.layer(script),
        UrlPool.layer(urls, {
          onRetired: ({ label }) =>
            Effect.sync(() => {
              retired.push(label)
            }),
          ...pool
        })
      ))
    )
  )
  const within = Effect.provideContext(context)
  const sent = within(TestTransport.sent)
  return {
    retired,
    sent,
    urls: Effect.map(sent, (sent) => sent.map(({ url }) => Redacted.value(url))),
    states: within(UrlPool.UrlPool.use(({ list }) => Effect.map(list, (list) => list.map(({ state }) => state)))),
    restore: within(
      UrlPool.UrlPool.use(({ list, restore }) =>
        Effect.flatMap(list, (list) => Effect.forEach(list, ({ target }) => restore(target), { discard: true }))
      )
    ),
    // One send, and how long it took while an hour went by.
    send: Effect.fnUntraced(function*(options?: Webhook.SendOptions, payload: unknown = { n: 1 }) {
      const started = yield* Clock.currentTimeMillis
      const fiber = yield* Effect.forkChild(
        Effect.flatMap(
          within(Webhook.send(payload, options)),
          (result) => Effect.map(Clock.currentTimeMillis, (now) => ({ result, took: now - started }))
        )
      )
      yield* TestClock.adjust("1 hour")
      return yield* Fiber.join(fiber)
    })
  }
})

const failedWith = <Tag extends WebhookError.WebhookErrorReason["_tag"]>(
  result: WebhookResult.WebhookResult,
  tag: Tag
) => {
  assert(result._tag === "Failed", `it was ${result._tag}`)
  assert.strictEqual(result.reason._tag, tag, result.error)
  return result.reason as Extract<WebhookError.WebhookErrorReason, { readonly _tag: Tag }>
}

const nothingLeft = Effect.fnUntraced(function*(hook: Effect.Success<ReturnType<typeof open>>) {
  const before = (yield* hook.sent).length
  failedWith((yield* hook.send()).result, "NoUrlAvailable")
  assert.lengthOf(yield* hook.sent, before)
})

describe("the header webhook-delivery", () => {
  describe("disable", () => {
    it.effect.each([200, 202, 204, 299])("with %i delivers, and retires the URL", (status) =>
      Effect.gen(function*() {
        const hook = yield* open(says("disable", { status }))
        const { result, took } = yield* hook.send()
        assert.strictEqual(result._tag, "Delivered")
        assert.strictEqual(result.status, status)
        assert.strictEqual(result.attempts, 1)
        assert.strictEqual(took, 0)
        assert.deepStrictEqual(hook.retired, ["a.example"])
        assert.deepStrictEqual(yield* hook.states, ["retired"])
        yield* nothingLeft(hook)
        yield* hook.restore
        assert.isTrue((yield* hook.send()).result.ok)
        assert.deepStrictEqual(hook.retired, ["a.example", "a.example"])
      }))

    it.effect.each([301, 302, 400, 401, 403, 404, 410, 418, 429, 500, 502, 503])(
      "with %i is EndpointGone without a retry, and retires the URL",
      (status) =>
        Effect.gen(function*() {
          const hook = yield* open(says("disable", { status, headers: { "retry-after": "5" } }))
          const { result, took } = yield* hook.send()
          const reason = failedWith(result, "EndpointGone")
          assert.strictEqual(reason.status, status)
          assert.strictEqual(result.status, status)
          assert.strictEqual(result.attempts, 1)
          assert.strictEqual(took, 0)
          assert.deepStrictEqual(hook.retired, ["a.example"])
          yield* nothingLeft(hook)
        })
    )

    it.effect("at a retry ends the retries, and what the first may have done is still a maybe", () =>
      Effect.gen(function*() {
        const hook = yield* open([reply({ status: 500 }), says("disable", { status: 404 }), reply()])
        const { result } = yield* hook.send()
        failedWith(result, "EndpointGone")
        assert.strictEqual(result.attempts, 2)
        assert(result._tag === "Failed")
        assert.strictEqual(result.delivered, "maybe")
        assert.deepStrictEqual(result.history.map(({ reason, status }) => [status, reason?._tag]), [
          [500, "ServerError"],
          [404, "EndpointGone"]
        ])
      }))

    it.effect("retires that URL alone, and the others go on", () =>
      Effect.gen(function*() {
        const hook = yield* open(({ url }) => Redacted.value(url) === a ? says("disable") : reply(), { urls: [a, b] })
        for (let n = 0; n < 4; n++) assert.isTrue((yield* hook.send()).result.ok)
        assert.deepStrictEqual(yield* hook.urls, [a, b, b, b])
        assert.deepStrictEqual(hook.retired, ["a.example#0"])
        assert.deepStrictEqual(yield* hook.states, ["retired", "open"])
      }))

    it.effect("lets a send with failover go on with the next URL, as a 410 does", () =>
      Effect.gen(function*() {
        for (const gone of [says("disable", { status: 503 }), reply({ status: 410 })]) {
          const hook = yield* open([gone, reply()], { urls: [a, b], pool: { failover: true } })
          const { result } = yield* hook.send()
          assert.strictEqual(result._tag, "Delivered")
          assert.deepStrictEqual(yield* hook.urls, [a, b])
          assert.deepStrictEqual(hook.retired, ["a.example#0"])
        }
        // A delivery is one: nobody else needs it.
        const hook = yield* open([says("disable"), reply()], { urls: [a, b], pool: { failover: true } })
        assert.isTrue((yield* hook.send()).result.ok)
        assert.deepStrictEqual(yield* hook.urls, [a])
      }))

    it.effect("ends the sends that wait for the URL", () =>
      Effect.gen(function*() {
        const hook = yield* open(
          (_, index) => index === 0 ? reply({ status: 429, body: { retry_after: 10 } }) : says("disable"),
          { options: { maxRetries: 5 } }
        )
        const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(hook.send()))
        const ends = yield* Effect.forEach(fibers, Fiber.join)
        assert.deepStrictEqual(ends.map(({ result }) => result._tag).toSorted(), ["Delivered", "Failed", "Failed"])
        for (const { result } of ends) {
          if (!result.ok) assert.include(["NoUrlAvailable", "EndpointGone"], result.reason._tag)
        }
        assert.lengthOf(yield* hook.sent, 2)
        assert.deepStrictEqual(hook.retired, ["a.example"])
      }))

    it.effect("of a URL that came with a send tells onRetired, and the URL may be tried again", () =>
      Effect.gen(function*() {
        const hook = yield* open([
          says("disable"),
          says("disable", { status: 400 }),
          reply()
        ])
        const first = yield* hook.send({ url: customer })
        assert.isTrue(first.result.ok)
        assert.deepStrictEqual(hook.retired, ["customer.example"])
        const second = yield* hook.send({ url: customer })
        failedWith(second.result, "EndpointGone")
        assert.strictEqual(second.result.attempts, 1)
        assert.deepStrictEqual(hook.retired, ["customer.example", "customer.example"])
        assert.isTrue((yield* hook.send({ url: customer })).result.ok)
        assert.deepStrictEqual(yield* hook.urls, [customer, customer, customer])
        // The pool's own URL is as it was.
        assert.deepStrictEqual(yield* hook.states, ["open"])
        assert.isTrue((yield* hook.send()).result.ok)
      }))

    it.effect("of a URL of the pool that came with a send retires it from the pool", () =>
      Effect.gen(function*() {
        const hook = yield* open(says("disable"))
        assert.isTrue((yield* hook.send({ url: a })).result.ok)
        assert.deepStrictEqual(yield* hook.states, ["retired"])
        failedWith((yield* hook.send({ url: a })).result, "EndpointGone")
        assert.lengthOf(yield* hook.sent, 1)
      }))

    it.effect("gives onRetired a target that is safe to log, and nobody waits for it", () =>
      Effect.gen(function*() {
        const told = yield* Deferred.make<UrlPool.Target>()
        const hook = yield* open(says("disable"), {
          urls: { name: "alerts", url: a },
          pool: { onRetired: (target) => Effect.andThen(Deferred.succeed(told, target), Effect.never) }
        })
        const { result, took } = yield* hook.send()
        assert.isTrue(result.ok)
        assert.strictEqual(took, 0)
        const target = yield* Deferred.await(told)
        assert.strictEqual(target.label, "a.example#alerts")
        assert.strictEqual(Redacted.value(target.url), a)
        assert.strictEqual(JSON.stringify(target), "{\"label\":\"a.example#alerts\"}")
      }))

    it.live("comes over a real socket in any case", () =>
      Effect.gen(function*() {
        const retired: Array<string> = []
        const receiver = yield* TestReceiver.make(
          TestReceiver.reply({ status: 200, headers: { "Webhook-Delivery": "Disable" }, body: "ok" })
        )
        const [first, second] = yield* Effect.provide(
          Effect.all([Webhook.send(1), Webhook.send(2)]),
          NodeWebhook.layer({
            urls: receiver.urlOf("/hook"),
            onRetired: ({ label }) => Effect.sync(() => retired.push(label))
          })
        )
        assert.strictEqual(first._tag, "Delivered")
        assert.strictEqual(first.response, "ok")
        failedWith(second, "NoUrlAvailable")
        assert.lengthOf(yield* receiver.requests, 1)
        assert.deepStrictEqual(retired, [new URL(receiver.url).host])
      }))
  })

  describe("abort-message", () => {
    it.effect.each(
      [
        [429, "RateLimited"],
        [500, "ServerError"],
        [502, "ServerError"],
        [503, "ServerError"],
        [400, "Rejected"],
        [404, "Rejected"],
        [302, "Redirected"]
      ] as const
    )(
      "with %s ends the retries of that message with the reason that the status has",
      ([status, tag]) =>
        Effect.gen(function*() {
          const hook = yield* open((_, index) => index === 0 ? says("abort-message", { status }) : reply())
          const { result, took } = yield* hook.send()
          failedWith(result, tag)
          assert.strictEqual(result.status, status)
          assert.strictEqual(result.attempts, 1)
          assert.strictEqual(took, 0)
          // Nothing is said of the URL, and the next message is another one.
          assert.deepStrictEqual(hook.retired, [])
          assert.deepStrictEqual(yield* hook.states, ["open"])
          assert.isTrue((yield* hook.send()).result.ok)
        })
    )

    it.effect("takes nothing back of a 410: the URL is gone", () =>
      Effect.gen(function*() {
        const hook = yield* open([says("abort-message", { status: 410 }), reply()])
        const { result } = yield* hook.send()
        assert.strictEqual(failedWith(result, "EndpointGone").status, 410)
        assert.strictEqual(result.attempts, 1)
        assert.lengthOf(hook.retired, 1)
      }))

    it.effect("keeps the hint of a 429, for which others wait", () =>
      Effect.gen(function*() {
        const hook = yield* open([
          says("abort-message", { status: 429, headers: { "retry-after": "7" } }),
          reply()
        ])
        const [first, second] = yield* Effect.all([hook.send(), hook.send()], { concurrency: 2 })
        const reason = failedWith(first.result, "RateLimited")
        assert.strictEqual(Duration.toMillis(reason.retryAfter!), 7000)
        assert.strictEqual(first.result.attempts, 1)
        assert.strictEqual(first.took, 0)
        assert.isTrue(second.result.ok)
        assert.strictEqual(second.took, 7000)
        assert.deepStrictEqual(hook.retired, [])
      }))

    it.effect.each([200, 204])("with %i does nothing to a delivery", (status) =>
      Effect.gen(function*() {
        const hook = yield* open(says("abort-message", { status }))
        for (let n = 0; n < 2; n++) {
          const { result } = yield* hook.send()
          assert.strictEqual(result._tag, "Delivered")
          assert.strictEqual(result.status, status)
        }
        assert.deepStrictEqual(hook.retired, [])
        assert.deepStrictEqual(yield* hook.states, ["open"])
      }))

    it.effect("ends a send with failover too", () =>
      Effect.gen(function*() {
        for (const status of [500, 404, 429, 302]) {
          const hook = yield* open([says("abort-message", { status }), reply()], {
            urls: [a, b],
            pool: { failover: true }
          })
          const { result } = yield* hook.send()
          assert.isFalse(result.ok)
          assert.strictEqual(result.status, status)
          assert.deepStrictEqual(yield* hook.urls, [a])
        }
      }))

    it.effect("ends the message at a retry, of another URL as well", () =>
      Effect.gen(function*() {
        const hook = yield* open([refuse, reply({ status: 500 }), says("abort-message", { status: 503 }), reply()], {
          urls: [a, b],
          pool: { failover: true }
        })
        const { result } = yield* hook.send()
        failedWith(result, "ServerError")
        assert.strictEqual(result.attempts, 3)
        assert.strictEqual(result.status, 503)
      }))

    it.effect("ends the message to a URL that came with the send, and no other", () =>
      Effect.gen(function*() {
        const hook = yield* open((_, index) => index === 0 ? says("abort-message", { status: 500 }) : reply())
        failedWith((yield* hook.send({ url: customer })).result, "ServerError")
        assert.isTrue((yield* hook.send({ url: customer })).result.ok)
        assert.deepStrictEqual(hook.retired, [])
      }))
  })

  describe("its value", () => {
    it.effect.each(["disable", "DISABLE", "Disable", "  disable ", "\tdisable"])(
      "%j disables",
      (value) =>
        Effect.gen(function*() {
          const hook = yield* open(says(value, { status: 500 }))
          const { result } = yield* hook.send()
          failedWith(result, "EndpointGone")
          assert.deepStrictEqual(hook.retired, ["a.example"])
          const delivered = yield* open(says(value))
          assert.isTrue((yield* delivered.send()).result.ok)
          assert.deepStrictEqual(delivered.retired, ["a.example"])
        })
    )

    it.effect.each(["abort-message", "ABORT-MESSAGE", "Abort-Message", " abort-message\t"])(
      "%j aborts",
      (value) =>
        Effect.gen(function*() {
          const hook = yield* open([says(value, { status: 500 }), reply()])
          const { result } = yield* hook.send()
          failedWith(result, "ServerError")
          assert.strictEqual(result.attempts, 1)
        })
    )

    it.effect.each([
      "",
      "enable",
      "disabled",
      "dis able",
      "\"disable\"",
      "disable, abort-message",
      "disable;reason=1",
      "abort",
      "abort_message",
      "abort message",
      "abort-messages",
      "true",
      "1"
    ])("%j means nothing", (value) =>
      Effect.gen(function*() {
        const hook = yield* open([says(value, { status: 500 }), says(value)])
        const { result } = yield* hook.send()
        assert.strictEqual(result._tag, "Delivered")
        assert.strictEqual(result.attempts, 2)
        assert.deepStrictEqual(hook.retired, [])
        assert.deepStrictEqual(yield* hook.states, ["open"])
        const rejected = yield* open(says(value, { status: 404 }))
        failedWith((yield* rejected.send()).result, "Rejected")
        assert.deepStrictEqual(rejected.retired, [])
      }))
  })

  describe("stands below classify", () => {
    const ruled = (
      script: TestTransport.Script,
      ruling: RetryPolicy.Verdict | RetryPolicy.Ruling | undefined
    ) => open(script, { options: { classify: () => ruling } })

    it.effect.each([404, 409, 500, 503])(
      "which may retry what says disable with %i",
      (status) =>
        Effect.gen(function*() {
          const hook = yield* open([says("disable", { status }), reply()], {
            options: { classify: (reply) => reply.status === status ? "retry" : undefined }
          })
          const { result } = yield* hook.send()
          assert.strictEqual(result._tag, "Delivered", String(result))
          assert.strictEqual(result.attempts, 2)
          assert.deepStrictEqual(hook.retired, [])
          assert.deepStrictEqual(yield* hook.states, ["open"])
        })
    )

    it.effect.each([[404, "Rejected"], [500, "ServerError"], [302, "Redirected"]] as const)(
      "which may fail what says disable with %i, and the URL stays",
      ([status, tag]) =>
        Effect.gen(function*() {
          const hook = yield* ruled(says("disable", { status }), "fail")
          const { result } = yield* hook.send()
          failedWith(result, tag)
          assert.strictEqual(result.attempts, 1)
          assert.deepStrictEqual(hook.retired, [])
          assert.deepStrictEqual(yield* hook.states, ["open"])
        })
    )

    it.effect("which may retry what says abort-message", () =>
      Effect.gen(function*() {
        for (const status of [429, 500]) {
          const hook = yield* ruled([says("abort-message", { status }), reply()], undefined)
          assert.strictEqual((yield* hook.send()).result.attempts, 1)
          const other = yield* open([says("abort-message", { status }), reply()], {
            options: { classify: (reply) => reply.status === status ? { verdict: "retry" } : undefined }
          })
          const { result } = yield* other.send()
          assert.strictEqual(result._tag, "Delivered")
          assert.strictEqual(result.attempts, 2)
        }
      }))

    it.effect("which may call what says abort-message gone, or delivered", () =>
      Effect.gen(function*() {
        const gone = yield* ruled(says("abort-message", { status: 400 }), "gone")
        failedWith((yield* gone.send()).result, "EndpointGone")
        assert.deepStrictEqual(gone.retired, ["a.example"])
        const delivered = yield* ruled(says("abort-message", { status: 409 }), "delivered")
        assert.strictEqual((yield* delivered.send()).result._tag, "Delivered")
        assert.deepStrictEqual(delivered.retired, [])
      }))

    it.effect("which may retry a 2xx that says disable, and the URL stays", () =>
      Effect.gen(function*() {
        const hook = yield* open([says("disable", { status: 200, body: { ok: false } }), reply()], {
          options: {
            classify: ({ json }) => (json as { ok?: boolean } | undefined)?.ok === false ? "retry" : undefined
          }
        })
        const { result } = yield* hook.send()
        assert.strictEqual(result._tag, "Delivered", String(result))
        assert.strictEqual(result.attempts, 2)
        assert.deepStrictEqual(hook.retired, [])
      }))

    it.effect("and holds where classify says nothing of the verdict", () =>
      Effect.gen(function*() {
        for (const ruling of [undefined, {}, { scope: "global" }, { pause: "1 second" }] as const) {
          const hook = yield* ruled(says("disable", { status: 500 }), ruling)
          failedWith((yield* hook.send()).result, "EndpointGone")
          assert.deepStrictEqual(hook.retired, ["a.example"])
        }
      }))

    it.effect("and a delivery by classify retires the URL all the same: nothing more is wanted there", () =>
      Effect.gen(function*() {
        const hook = yield* ruled(says("disable", { status: 409 }), "delivered")
        assert.strictEqual((yield* hook.send()).result._tag, "Delivered")
        assert.deepStrictEqual(hook.retired, ["a.example"])
      }))
  })
})
