import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { type Outcome, type Target, toSettings, type UrlPool } from "../UrlPool.ts"
import type { EndpointGone, NoUrlAvailable } from "../WebhookError.ts"
import type { Lease, Leases, Other } from "./leases.ts"
import { Pool, poolOf } from "./pool.ts"
import { sharedBy } from "./shared.ts"

/**
 * The leases of a pool of ours, or those over a pool of the user's own, which
 * all that use it share.
 *
 * @internal
 */
export const leasesOf = (service: UrlPool["Service"], context: Context.Context<never>): Leases =>
  poolOf(service) ?? foreign(service)(context)

const foreign = sharedBy((service: UrlPool["Service"]) => {
  let leases: Leases | undefined
  return (context: Context.Context<never>): Leases => leases ??= new ForeignLeases(service, context)
})

/** A pool of the user's own says which URL is next; when it may be tried is kept here, and told to it. */
class ForeignLeases implements Leases {
  readonly failover: boolean
  private readonly service: UrlPool["Service"]
  private readonly context: Context.Context<never>
  private readonly pool: Pool
  /** The targets as the user's pool knows them. */
  private readonly own = new WeakMap<Target, Target>()

  constructor(service: UrlPool["Service"], context: Context.Context<never>) {
    this.service = service
    this.context = context
    this.failover = service.failover
    this.pool = new Pool([], toSettings({ failover: service.failover }), context)
  }

  readonly custom = (url: string | URL | Redacted.Redacted<string>) => this.pool.custom(url)

  readonly lease = (lease: Lease): Effect.Effect<boolean, NoUrlAvailable | EndpointGone> =>
    lease.target !== undefined ? this.pool.lease(lease) : Effect.flatMap(this.next(lease), (target) => {
      lease.target = target
      return this.pool.lease(lease)
    })

  readonly other = (lease: Lease, tried: ReadonlySet<Target>): Effect.Effect<Other | undefined> =>
    Effect.map(this.service.list, (list) => {
      const others = list.filter(({ state }) => state !== "retired").map(({ target }) => this.adopt(target))
        .filter((target) => !tried.has(target))
      return this.pool.soonest(lease, others)
    })

  readonly hasOpen = (lease: Lease): boolean => this.pool.hasOpen(lease)

  readonly isOpen = (lease: Lease): boolean => this.pool.isOpen(lease)

  readonly release = (lease: Lease, outcome: Outcome): void => {
    const target = lease.held ? this.own.get(lease.target!) : undefined
    this.pool.release(lease, outcome)
    if (target === undefined) return
    Effect.runForkWith(this.context)(Effect.ignoreCause(Effect.suspend(() => this.service.report(target, outcome))))
  }

  // One that is open and need not be avoided, if the pool comes to it within one round.
  private readonly next = Effect.fnUntraced({ self: this }, function*(lease: Lease) {
    const first = this.adopt(yield* this.service.next)
    if (this.pool.isFree(lease, first)) return first
    const { length } = yield* this.service.list
    for (let draw = 1; draw < length; draw++) {
      const target = this.adopt(yield* this.service.next)
      if (this.pool.isFree(lease, target)) return target
    }
    return first
  })

  private adopt(target: Target): Target {
    const adopted = this.pool.adopt(target)
    this.own.set(adopted, target)
    return adopted
  }
}
