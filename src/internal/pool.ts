import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Outcome, Settings, State, Target, UrlInput, UrlPool } from "../UrlPool.ts"
import { EndpointGone, type InvalidUrl, NoUrlAvailable } from "../WebhookError.ts"
import { Alarm, type Entry } from "./alarm.ts"
import { Heap } from "./heap.ts"
import type { Lease, Leases, Other } from "./leases.ts"
import { type Link, List } from "./list.ts"
import { Pace } from "./pace.ts"
import { countRetired } from "./telemetry.ts"
import { monotonicMillis } from "./time.ts"
import { parseUrl } from "./url.ts"
import { Waiting } from "./waiting.ts"

/**
 * Reads a URL as a target whose label ends in `suffix`; an error names `field`.
 *
 * @internal
 */
export const parseTarget = (input: unknown, field: string, suffix: string): Result.Result<Target, InvalidUrl> =>
  Result.map(parseUrl(input, field), ({ host, href, origin }) => {
    const label = host + suffix
    return { label, url: Redacted.make(href, { label }), origin }
  })

/**
 * The same for one of a pool: named, or else by its index.
 *
 * @internal
 */
export const targetOf = (input: UrlInput, index: number, alone = false): Result.Result<Target, InvalidUrl> => {
  const named = isNamed(input) ? input : { name: String(index), url: input }
  return parseTarget(named.url, `urls[${named.name}]`, isNamed(input) || !alone ? `#${named.name}` : "")
}

/** @internal */
export const isNamed = (input: UrlInput): input is Extract<UrlInput, { readonly name: string }> =>
  typeof input === "object" && input !== null && !(input instanceof URL) && !Redacted.isRedacted(input)

class Member implements Target {
  readonly label: string
  readonly url: Redacted.Redacted<string>
  readonly origin: string
  readonly pace: Pace
  readonly place: Link<Member> = { value: this, previous: undefined, next: undefined }
  /** False for a URL that came with a send, or was removed. */
  pooled: boolean
  removed = false
  retired: number | undefined
  /** How many failures there were in a row, and whether they made it be left alone; when last, as an epoch of its pace. */
  failures = 0
  broken = false
  brokenIn = -1

  constructor(target: Target, pool: Pool | undefined, alarm: Alarm, slowStart: boolean) {
    this.pooled = pool !== undefined
    this.label = target.label
    this.url = target.url
    this.origin = target.origin
    this.pace = pool === undefined
      ? new Pace(alarm, slowStart)
      : new Pace(alarm, slowStart, () => pool.handOver(this), () => pool.changed(this))
  }

  toJSON(): unknown {
    return { label: this.label }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

const nowOf = (fiber: Fiber.Fiber<unknown, unknown>): number => monotonicMillis(fiber.getRef(Clock.Clock))

const stateOf = ({ broken, pace, retired }: Member): State =>
  retired !== undefined ? "retired" : pace.room > 0 ? "open" : broken ? "broken" : "paced"

// What was sent before the circuit opened says nothing of how it is now.
const isPast = ({ broken, brokenIn, pace }: Member, epoch: number): boolean =>
  (broken && pace.closed) || (epoch >= 0 && epoch <= brokenIn)

const mend = (member: Member): void => {
  member.failures = 0
  member.broken = false
}

const hold = (lease: Lease, member: Member): void => {
  lease.target = member
  lease.epoch = member.pace.epoch
  lease.held = true
}

const grant = (lease: Lease, member: Member, waited: boolean): void => {
  member.pace.take(lease.at, waited)
  hold(lease, member)
}

// Those whose last use lies furthest back are forgotten: a pace costs a few
// hundred bytes, and a sender may have a million customers.
const maxCustom = 4096

const pools = new WeakMap<UrlPool["Service"], Pool>()

/**
 * The pool behind a service, if it is one of ours.
 *
 * @internal
 */
export const poolOf = (service: UrlPool["Service"]): Pool | undefined => pools.get(service)

/**
 * The state of a pool and of every URL in it, and of those that come with a send.
 *
 * @internal
 */
export class Pool implements Leases {
  readonly failover: boolean
  private readonly members: Array<Member> = []
  private readonly pooled = new Map<string, Member>()
  private readonly customs = new Map<string, Member>()
  private readonly alarm = new Alarm()
  /** Those with room, in turn. */
  private readonly open = new List<Member>()
  private readonly shut = new Heap<Pace>()
  private readonly waiting = new Waiting<Member | null>(this.alarm, () => this.arm(), () => this.arm())
  private readonly settings: Settings
  private readonly context: Context.Context<never>
  private opening: Entry | undefined
  private retired = 0
  /** The index that a URL without a name has when it is added. */
  private named = 0
  readonly service: UrlPool["Service"]

  constructor(targets: ReadonlyArray<Target>, settings: Settings, context: Context.Context<never>) {
    this.settings = settings
    this.context = context
    this.failover = settings.failover
    for (const target of targets) this.join(target)
    this.named = targets.length
    this.service = this.serve()
    pools.set(this.service, this)
  }

  private readonly serve = (): UrlPool["Service"] => ({
    failover: this.settings.failover,
    next: Effect.withFiber((fiber) => {
      this.refresh(nowOf(fiber))
      const member = this.open.rotate() ?? this.firstToOpen()
      return member === undefined ? Effect.fail(this.none()) : Effect.succeed(member)
    }),
    report: (target, outcome) =>
      Effect.withFiber((fiber) => {
        if (target instanceof Member) this.learn(target, -1, outcome, nowOf(fiber))
        return Effect.void
      }),
    list: Effect.withFiber((fiber) => {
      this.refresh(nowOf(fiber))
      return Effect.succeed(this.members.map((target) => ({ target, state: stateOf(target) })))
    }),
    restore: (target) =>
      Effect.sync(() => {
        if (target instanceof Member) this.restore(target)
      }),
    add: (input) =>
      Effect.suspend(() =>
        Effect.fromResult(Result.map(targetOf(input, this.named++), (target) => this.addTarget(target)))
      ),
    remove: (target) =>
      Effect.sync(() => {
        if (target instanceof Member && target.pooled) this.removeMember(target)
      })
  })

  readonly lease = (lease: Lease): Effect.Effect<boolean, NoUrlAvailable | EndpointGone> =>
    lease.target === undefined ? this.leaseAny(lease) : this.leaseOne(lease, lease.target as Member)

  readonly other = (lease: Lease, tried: ReadonlySet<Target>): Effect.Effect<Other | undefined> =>
    Effect.sync(() => {
      this.refresh(lease.at)
      const target = this.findOpen(lease.avoid)
      if (target !== undefined) return { target, open: true }
      return this.soonest(lease, this.members.filter((member) => member.retired === undefined && !tried.has(member)))
    })

  readonly hasOpen = (lease: Lease): boolean => {
    this.refresh(lease.at)
    return this.findOpen((target) => target === lease.target) !== undefined
  }

  readonly isOpen = (lease: Lease): boolean => {
    const { pace, retired } = lease.target as Member
    pace.settle(lease.at)
    return lease.epoch === pace.epoch && !pace.closed && retired === undefined
  }

  readonly release = (lease: Lease, outcome: Outcome): void => {
    if (!lease.held) return
    lease.held = false
    this.learn(lease.target as Member, lease.epoch, outcome, lease.at)
  }

  /** Whether a URL may be tried now, and need not be avoided. */
  isFree(lease: Lease, target: Target): boolean {
    const { pace } = target as Member
    pace.settle(lease.at)
    return pace.room > 0 && lease.avoid?.(target) !== true
  }

  /** Of these URLs the one that is open, and need not be avoided, else the first that opens in time. */
  soonest(lease: Lease, targets: ReadonlyArray<Target>): Other | undefined {
    let first: Member | undefined
    for (const member of targets as ReadonlyArray<Member>) {
      if (this.isFree(lease, member)) return { target: member, open: true }
      if (member.pace.at > lease.deadline) continue
      if (first === undefined || member.pace.at < first.pace.at) first = member
    }
    return first && { target: first, open: false }
  }

  /** Sends one that waits for any URL to this one. */
  handOver(member: Member): boolean {
    return member.retired === undefined && this.waiting.release(member)
  }

  changed(member: Member): void {
    if (!member.pooled) return
    const { pace, place } = member
    this.shut.remove(pace)
    const free = member.retired === undefined && pace.room > 0
    if (!free) this.open.remove(place)
    else if (!this.open.has(place)) this.open.append(place)
    if (member.retired === undefined && pace.shut) this.shut.add(pace)
    this.arm()
  }

  private leaseAny(lease: Lease): Effect.Effect<boolean, NoUrlAvailable> {
    if (this.retired === this.members.length) return Effect.fail(this.none())
    this.refresh(lease.at)
    const member = this.waiting.size === 0 ? this.pick(lease.avoid) : undefined
    if (member !== undefined) {
      grant(lease, member, false)
      return Effect.succeed(true)
    }
    // Every URL is shut, and none opens in time.
    if (this.shut.size === this.members.length - this.retired && this.shut.first!.at > lease.deadline) {
      return Effect.succeed(false)
    }
    lease.onPark()
    return Effect.withFiber((fiber) =>
      Effect.flatMap(
        this.waiting.park(fiber, lease.deadline, (member) => {
          lease.at = nowOf(fiber)
          if (member !== null) grant(lease, member, true)
        }),
        (member) => member === null ? Effect.fail(this.none()) : Effect.succeed(member !== undefined)
      )
    )
  }

  /** The open URL whose turn it is; one to avoid only if there is no other. */
  private pick(avoid: Lease["avoid"]): Member | undefined {
    const other = avoid === undefined ? undefined : this.findOpen(avoid)
    if (other === undefined) return this.open.rotate()
    this.open.remove(other.place)
    this.open.append(other.place)
    return other
  }

  private findOpen(avoid: Lease["avoid"]): Member | undefined {
    return this.open.find((member) => avoid === undefined || !avoid(member))
  }

  private leaseOne(lease: Lease, member: Member): Effect.Effect<boolean, NoUrlAvailable | EndpointGone> {
    const { pace } = member
    const gone = (): Effect.Effect<boolean, NoUrlAvailable | EndpointGone> => {
      if (member.retired !== undefined) return Effect.fail(new EndpointGone({ status: member.retired }))
      if (lease.given) return this.leaseOne(lease, member)
      lease.target = undefined
      return this.leaseAny(lease)
    }
    if (member.retired !== undefined || (member.removed && !lease.given)) return gone()
    pace.settle(lease.at)
    if (pace.room > 0) {
      grant(lease, member, false)
      return Effect.succeed(true)
    }
    if (pace.shut && pace.at > lease.deadline) return Effect.succeed(false)
    lease.onPark()
    return Effect.withFiber((fiber) =>
      Effect.flatMap(
        pace.park(fiber, lease.deadline, (open) => {
          lease.at = nowOf(fiber)
          if (open) hold(lease, member)
        }),
        (open) => open === false ? gone() : Effect.succeed(open === true)
      )
    )
  }

  private learn(member: Member, epoch: number, outcome: Outcome, now: number): void {
    const { pace } = member
    switch (outcome._tag) {
      case "Taken":
        this.answered(member, epoch)
        return pace.accept(epoch, now, outcome.remaining, outcome.resetAfter)
      case "Limited":
        this.answered(member, epoch)
        return pace.refuse(epoch, now, outcome.retryAfter, outcome.hinted !== false)
      case "Failed":
        return pace.untold(epoch, now, this.failed(member, epoch))
      case "Untold":
        return pace.untold(epoch, now)
      case "Gone":
        this.answered(member, epoch)
        this.retire(member, outcome.status)
        return pace.accept(epoch, now, undefined, undefined)
    }
  }

  // Effect's CircuitBreaker rejects where a send waits, and keeps its state where the pool cannot see, without a scan,
  // which URL is open. The pace has what is wanted besides: a URL that opens lets one send go first.
  private failed(member: Member, epoch: number): number | undefined {
    const { circuit } = this.settings
    if (circuit === undefined || isPast(member, epoch)) return undefined
    member.failures++
    if (!member.broken && member.failures < circuit.failures) return undefined
    member.broken = true
    member.brokenIn = member.pace.epoch
    return circuit.openDuration
  }

  private answered(member: Member, epoch: number): void {
    if (!isPast(member, epoch)) mend(member)
  }

  private join(target: Target): Member {
    const member = new Member(target, this, this.alarm, this.settings.slowStart)
    this.members.push(member)
    this.open.append(member.place)
    this.pooled.set(Redacted.value(member.url), member)
    return member
  }

  private addTarget(target: Target): Target {
    const href = Redacted.value(target.url)
    const known = this.pooled.get(href)
    if (known !== undefined) return known
    this.customs.delete(href)
    const member = this.join(target)
    while (member.pace.room > 0 && this.handOver(member));
    return member
  }

  // It goes on as a URL that comes with sends; those of the pool that wait for it look for another one.
  private removeMember(member: Member): void {
    const href = Redacted.value(member.url)
    this.members.splice(this.members.indexOf(member), 1)
    if (member.retired !== undefined) this.retired--
    this.pooled.delete(href)
    this.open.remove(member.place)
    this.shut.remove(member.pace)
    member.pooled = false
    member.removed = true
    member.pace.retire()
    if (this.retired === this.members.length) { while (this.waiting.release(null)); }
    this.arm()
  }

  private retire(member: Member, status: number): void {
    if (member.retired !== undefined) return
    countRetired(this.context)
    if (member.pooled || this.settings.goneForGood) {
      member.retired = status
      if (member.pooled) this.retired++
      this.changed(member)
      member.pace.retire()
      if (member.pooled && this.retired === this.members.length) { while (this.waiting.release(null)); }
    }
    const { onRetired } = this.settings
    if (onRetired !== undefined) {
      Effect.runForkWith(this.context)(Effect.ignoreCause(Effect.suspend(() => onRetired(member))))
    }
  }

  private restore(member: Member): void {
    if (member.retired === undefined) return
    member.retired = undefined
    mend(member)
    member.brokenIn = member.pace.epoch
    if (member.pooled) this.retired--
    member.pace.restart()
    while (member.pooled && this.handOver(member));
  }

  private firstToOpen(): Member | undefined {
    const first = this.shut.first
    return this.members.find((member) => member.retired === undefined && (first === undefined || member.pace === first))
  }

  private none(): NoUrlAvailable {
    return new NoUrlAvailable({ retired: this.retired })
  }

  private refresh(now: number): void {
    for (let first = this.shut.first; first !== undefined && first.at <= now; first = this.shut.first) {
      first.settle(now)
    }
  }

  /** While somebody waits for any URL, the first to open is watched. */
  private arm(): void {
    const at = this.waiting.size > 0 ? this.shut.first?.at : undefined
    if (at === this.opening?.at) return
    if (this.opening !== undefined) this.alarm.cancel(this.opening)
    this.opening = at === undefined ? undefined : this.alarm.set(at, () => {
      this.opening = undefined
      const first = this.shut.first
      first?.settle(at)
      this.arm()
    })
  }

  custom(url: string | URL | Redacted.Redacted<string>): Result.Result<Target, InvalidUrl> {
    const value = Redacted.isRedacted(url) ? Redacted.value(url) : url
    const known = this.knownAs(value instanceof URL ? value.href : value)
    if (known !== undefined) return Result.succeed(known)
    return Result.map(parseTarget(url, "url", ""), (target) => {
      // One URL in two spellings is one receiver.
      const href = Redacted.value(target.url)
      const member = this.knownAs(href)
      if (member !== undefined) return member
      return this.remember(target, href)
    })
  }

  /** The same for a target of somebody else's pool. */
  adopt(target: Target): Target {
    const href = Redacted.value(target.url)
    return this.knownAs(href) ?? this.remember(target, href)
  }

  private remember(target: Target, href: string): Member {
    const member = new Member(target, undefined, this.alarm, this.settings.slowStart)
    this.customs.set(href, member)
    if (this.customs.size > maxCustom) this.customs.delete(this.customs.keys().next().value!)
    return member
  }

  private knownAs(href: string): Member | undefined {
    const pooled = this.pooled.get(href)
    if (pooled !== undefined) return pooled
    const given = this.customs.get(href)
    if (given !== undefined) {
      this.customs.delete(href)
      this.customs.set(href, given)
    }
    return given
  }
}
