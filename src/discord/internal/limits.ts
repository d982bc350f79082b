import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Metric from "effect/Metric"
import { sharedBy } from "../../internal/shared.ts"
import * as RetryPolicy from "../../RetryPolicy.ts"
import type { Reply } from "../../Transport.ts"
import { field } from "./payload.ts"

/** A ruling whose pause is in milliseconds. */
interface Ruling extends RetryPolicy.Ruling {
  readonly pause?: number
}

const minute = 60_000

// Cloudflare's block without a hint: as long as the window that led to it.
const cooldown = 10 * minute

// 40004, 40006 and 130000 are disabled or overloaded for now; the others are limits that Discord does not answer
// with a 429 alone.
const passing = new Set<unknown>([40004, 40006, 130000, 20016, 20028, 20029, 30046, 40062])

/**
 * What Discord means by an answer, where HTTP alone does not tell.
 *
 * @internal
 */
export const rule = (reply: Reply, now: number): Ruling | undefined => {
  const { headers, status } = reply
  if (status < 400) return undefined
  if (status === 429) return limit(reply, now)
  const code = field(reply.json, "code")
  if ((status === 404 && code === 10015) || (status === 401 && code === 50027)) return { verdict: "gone" }
  if (passing.has(code)) return { verdict: "retry" }
  // Of the call, or of all webhooks, so no other one is tried. Discord has no 410, and a relay may ask for more.
  return status < 500 && status !== 410 && headers["webhook-delivery"] === undefined ? { verdict: "fail" } : undefined
}

const lower = (header: string | undefined): string | undefined => header?.trim().toLowerCase()

const scopeOf = ({ headers }: Reply): string | undefined => lower(headers["x-ratelimit-scope"])

const limit = (reply: Reply, now: number): Ruling => {
  const { headers, json } = reply
  const told = RetryPolicy.retryAfter(reply, now)
  const named = scopeOf(reply)
  // What Discord itself answers came by way of a proxy that says so, or says whose limit it is; in front of it
  // Cloudflare limits the whole address.
  const discords = named !== undefined || headers["x-ratelimit-limit"] !== undefined ||
    field(json, "retry_after") !== undefined || (headers["via"] !== undefined && typeof json === "object")
  if (!discords) {
    const wait = told ?? cooldown
    return { scope: "address", retryAfter: wait, pause: wait }
  }
  const global = lower(headers["x-ratelimit-global"]) === "true" || field(json, "global") === true
  const scope = named === "user" || named === "shared" ? named : named === "global" || global ? "global" : "user"
  return {
    ...(scope === "user" ? {} : { scope }),
    ...(scope === "global" ? { pause: told ?? 1_000 } : {})
  }
}

// Discord bans an address for more than 10,000 of them in ten minutes.
const window = 10
const tellEvery = 1_000
const most = 9_000

/**
 * In what time Discord counts the requests for which it bans an address.
 *
 * @internal
 */
export const invalidWindow = Duration.minutes(window)

/**
 * Whether a program is told of so many.
 *
 * @internal
 */
export const isTold = (count: number): boolean => count % tellEvery === 0

/**
 * Where there were too many, their way is left alone for a minute besides.
 *
 * @internal
 */
export const restrain = (ruling: Ruling | undefined, count: number): Ruling | undefined =>
  count < most ? ruling : { ...ruling, pause: Math.max(minute, ruling?.pause ?? 0) }

const counter = Metric.counter("webhook.discord.invalid_requests", {
  description: "Answers that Discord counts towards a ban of the address",
  incremental: true
})

/**
 * Counts, per way out, the requests for which Discord bans an address: 401, 403
 * and 429, except those of a limit that others share.
 */
class InvalidRequests {
  private readonly tallies = new Map<string, Array<{ readonly minute: number; count: number }>>()

  /** How many there were in the window by this way, with this reply; nothing if it does not count. */
  count(reply: Reply, way: string, now: number, context: Context.Context<never>): number | undefined {
    const { status } = reply
    if (status !== 401 && status !== 403 && status !== 429) return undefined
    if (scopeOf(reply) === "shared") return undefined
    counter.updateUnsafe(1, context)
    return this.add(way, Math.floor(now / minute))
  }

  /** How many ways are remembered. */
  get size(): number {
    return this.tallies.size
  }

  private add(key: string, at: number): number {
    let tally = this.tallies.get(key)
    if (tally === undefined) {
      this.sweep(at)
      tally = []
      this.tallies.set(key, tally)
    }
    while (tally.length > 0 && tally[0]!.minute < at - window) tally.shift()
    const last = tally[tally.length - 1]
    if (last?.minute === at) last.count++
    else tally.push({ minute: at, count: 1 })
    return tally.reduce((total, { count }) => total + count, 0)
  }

  // A proxy that nobody goes by any more would be remembered for ever.
  private sweep(at: number): void {
    for (const [key, tally] of this.tallies) {
      if (tally[tally.length - 1]!.minute < at - window) this.tallies.delete(key)
    }
  }
}

/**
 * The invalid requests over a transport, of all that use it: the address that
 * is banned is theirs together.
 *
 * @internal
 */
export const invalidRequestsOf: (transport: object) => InvalidRequests = sharedBy(() => new InvalidRequests())
