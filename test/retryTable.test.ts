import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { Transport, UrlPool, Webhook } from "effect-webhooks"
import { TestClock } from "effect/testing"

// The decision table of `sending.md`, section 1, column D: one row per line here.

type End = () => Effect.Effect<Transport.Reply, Transport.AttemptError>

const answer = (status: number, headers: Record<string, string> = {}, body = ""): End => () =>
  Effect.succeed(new Transport.Reply(status, headers, new TextEncoder().encode(body), false))

const fault = (error: Transport.AttemptError): End => () => Effect.fail(error)

interface Row {
  readonly when: string
  readonly end: End
  /** How many attempts a send with three retries makes. */
  readonly attempts: number
  /** The reason, or `undefined` if it was delivered. */
  readonly reason: string | undefined
  readonly delivered?: "no" | "maybe"
  readonly status?: number | undefined
  readonly retired?: boolean
}

const delivered = (status: number): Row => ({
  when: `${status} is delivered`,
  end: answer(status),
  attempts: 1,
  reason: undefined,
  status
})

const permanent = (status: number, reason = "Rejected"): Row => ({
  when: `${status} is permanent`,
  end: answer(status),
  attempts: 1,
  reason,
  delivered: "no",
  status
})

const retried = (status: number): Row => ({
  when: `${status} is retried and may be there`,
  end: answer(status),
  attempts: 4,
  reason: "ServerError",
  delivered: "maybe",
  status
})

const early = (code: string): Row => ({
  when: `${code} before the request was written is retried and definite`,
  end: fault(Transport.disconnected({ code }, "connecting")),
  attempts: 4,
  reason: "ConnectionError",
  delivered: "no"
})

const late = (code: string, phase: "sent" | "headers"): Row => ({
  when: `${code} in phase ${phase} is retried and may be there`,
  end: fault(Transport.disconnected({ code }, phase)),
  attempts: 4,
  reason: "ConnectionError",
  delivered: "maybe"
})

const certificate = (code: string): Row => ({
  when: `the certificate error ${code} is permanent`,
  end: fault(Transport.disconnected({ code })),
  attempts: 1,
  reason: "ConnectionError",
  delivered: "no"
})

const rows: ReadonlyArray<Row> = [
  ...[200, 201, 202, 203, 204, 205, 206, 226, 299].map(delivered),
  ...[300, 301, 302, 303, 304, 307, 308, 399].map((status) => permanent(status, "Redirected")),
  {
    when: "an opaque redirect is permanent and has no status",
    end: answer(0),
    attempts: 1,
    reason: "Redirected",
    delivered: "no"
  },
  ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 411, 412, 413, 414, 415, 416, 417, 418].map((status) =>
    permanent(status)
  ),
  ...[421, 422, 423, 424, 425, 426, 428, 431, 451, 499].map((status) => permanent(status)),
  { ...permanent(410, "EndpointGone"), when: "410 is permanent and retires the URL", retired: true },
  ...[100, 199].map((status) => permanent(status)),
  // What HTTP does not know is nobody's to retry; RFC 9110, section 15, takes it for a failure of the server.
  ...[600, 999].map((status): Row => ({ ...permanent(status), delivered: "maybe" })),
  {
    when: "429 with a hint is retried and definite",
    end: answer(429, { "retry-after": "2" }),
    attempts: 4,
    reason: "RateLimited",
    delivered: "no",
    status: 429
  },
  {
    when: "429 without a hint is retried and definite",
    end: answer(429),
    attempts: 4,
    reason: "RateLimited",
    delivered: "no",
    status: 429
  },
  ...[500, 501, 502, 504, 505, 506, 507, 508, 511, 529, 599].map(retried),
  ...[520, 521, 522, 523, 524, 525, 526, 527, 530].map(retried),
  { ...retried(503), when: "503 without Retry-After is retried and may be there" },
  {
    when: "503 with Retry-After in seconds is retried and definite",
    end: answer(503, { "retry-after": "1" }),
    attempts: 4,
    reason: "ServerError",
    delivered: "no",
    status: 503
  },
  {
    when: "503 with a Retry-After that is no hint was not taken either",
    end: answer(503, { "retry-after": "soon" }),
    attempts: 4,
    reason: "ServerError",
    delivered: "no",
    status: 503
  },
  {
    when: "500 with Retry-After may be there all the same",
    end: answer(500, { "retry-after": "1" }),
    attempts: 4,
    reason: "ServerError",
    delivered: "maybe",
    status: 500
  },
  ...["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "EAI_AGAIN", "EPROTO", "ERR_SSL_TLSV1_ALERT_X"].map(
    early
  ),
  ...["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"].map(early),
  ...["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"].flatMap((code) => [late(code, "sent"), late(code, "headers")]),
  // Without a phase the code tells it where it can.
  ...["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"].map((
    code
  ): Row => ({
    ...early(code),
    when: `${code} without a phase is retried and definite`,
    end: fault(Transport.disconnected({ code }))
  })),
  {
    ...late("ECONNRESET", "sent"),
    when: "ECONNRESET without a phase is retried and may be there",
    end: fault(Transport.disconnected({ code: "ECONNRESET" }))
  },
  {
    ...late("nothing", "sent"),
    when: "an error that says nothing is retried and may be there",
    end: fault(Transport.disconnected(undefined))
  },
  {
    when: "a connect timeout is retried and definite",
    end: fault(Transport.timedOut("connecting", 15_000)),
    attempts: 4,
    reason: "Timeout",
    delivered: "no"
  },
  ...(["sent", "headers"] as const).map((phase): Row => ({
    when: `a timeout in phase ${phase} is retried and may be there`,
    end: fault(Transport.timedOut(phase, 15_000)),
    attempts: 4,
    reason: "Timeout",
    delivered: "maybe"
  })),
  ...[
    "CERT_HAS_EXPIRED",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "ERR_TLS_CERT_ALTNAME_INVALID"
  ].map(certificate)
]

const sendOnce = (end: End) =>
  Effect.gen(function*() {
    const at: Array<number> = []
    const transport = Layer.succeed(Transport.Transport, {
      attempt: () =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          at.push(now)
          return end()
        })
    })
    return yield* Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Webhook.send({ n: 1 }))
      yield* TestClock.adjust("10 minutes")
      const result = yield* Fiber.join(fiber)
      const pool = yield* UrlPool.UrlPool
      const [first] = yield* pool.list
      return { result, at, state: first!.state }
    }).pipe(
      Effect.provide(
        Webhook.layerTransport({ maxRetries: 3 }).pipe(
          Layer.provide(transport),
          Layer.provideMerge(UrlPool.layer("https://example.com/hook"))
        )
      )
    )
  })

describe("the retry decision table", () => {
  for (const row of rows) {
    it.effect(row.when, () =>
      Effect.gen(function*() {
        const { at, result, state } = yield* sendOnce(row.end)
        assert.strictEqual(result.attempts, row.attempts)
        assert.strictEqual(at.length, row.attempts)
        assert.strictEqual(result.status, row.status)
        assert.strictEqual(state, row.retired === true ? "retired" : "open")
        if (row.reason === undefined) {
          assert.strictEqual(result._tag, "Delivered")
          return
        }
        assert(result._tag === "Failed")
        assert.strictEqual(result.reason._tag, row.reason)
        assert.strictEqual(result.delivered, row.delivered)
        assert.deepStrictEqual(
          result.history.map(({ reason }) => reason?._tag),
          Array.from({ length: row.attempts }, () => row.reason)
        )
      }))
  }

  it.effect("marks a refused certificate as one", () =>
    Effect.gen(function*() {
      const { result } = yield* sendOnce(fault(Transport.disconnected({ cause: { code: "CERT_HAS_EXPIRED" } })))
      assert(result._tag === "Failed" && result.reason._tag === "ConnectionError")
      assert.strictEqual(result.reason.certificate, true)
      assert.strictEqual(result.reason.code, "CERT_HAS_EXPIRED")
      assert.strictEqual(result.reason.phase, "connecting")
    }))

  it.effect("takes a 503's Retry-After as a floor under each wait", () =>
    Effect.gen(function*() {
      const { at } = yield* sendOnce(answer(503, { "retry-after": "20" }))
      const gaps = at.slice(1).map((now, index) => now - at[index]!)
      assert.strictEqual(gaps.length, 3)
      // The backoff's own waits are 2 s at most here, so the floor is what is waited.
      for (const gap of gaps) assert.approximately(gap, 20_000, 1)
    }))

  it.effect("waits the backoff above a 503's Retry-After that is shorter", () =>
    Effect.gen(function*() {
      const { at } = yield* sendOnce(answer(503, { "retry-after": "0.001" }))
      const gaps = at.slice(1).map((now, index) => now - at[index]!)
      assert.isAtLeast(gaps[0]!, 250)
      assert.isAtLeast(gaps[1]!, 500)
      assert.isAtLeast(gaps[2]!, 1000)
    }))

  it.effect("waits 500 ms, 1 s and 2 s at most, and half of it at least, between the attempts of a 500", () =>
    Effect.gen(function*() {
      const { at } = yield* sendOnce(answer(500))
      for (const [index, full] of [500, 1000, 2000].entries()) {
        const gap = at[index + 1]! - at[index]!
        assert.isAtLeast(gap, full / 2 - 1)
        assert.isAtMost(gap, full + 1)
      }
    }))

  it.effect("is maybe there if any attempt was, whatever the last one says", () =>
    Effect.gen(function*() {
      let n = 0
      const { result } = yield* sendOnce(() => (n++ === 0 ? answer(500) : answer(400))())
      assert(result._tag === "Failed")
      assert.strictEqual(result.reason._tag, "Rejected")
      assert.strictEqual(result.delivered, "maybe")
      assert.strictEqual(result.attempts, 2)
    }))
})
