/**
 * Which URL is next, when it may be used, and whether it still exists.
 *
 * A pool goes round its URLs, one per send, and prefers those that are open.
 * It learns each URL's pace from the answers: after a 429, or when a receiver
 * says that nothing remains of its window, sends wait for the instant that the
 * receiver named instead of running into it, and then go a few at a time. A
 * URL that says it is gone is retired until `restore`.
 *
 * With `failover` a send whose URL fails goes on with the next one. Then, or
 * where `circuit` is set, a URL that fails several times in a row is left alone
 * for a while; after that one send tries it, and the others wait for how it
 * fares.
 *
 * What it costs does not grow with the number of URLs.
 *
 * **Gotchas**
 *
 * The URLs are credentials. They stay `Redacted` until the socket, and a
 * `Target` has a `label` for logs: the host, and the name or the index.
 *
 * **Example** (Named URLs, and a word when one is retired)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { UrlPool } from "effect-webhooks"
 *
 * const layer = UrlPool.layer([
 *   { name: "alerts", url: "https://example.com/hooks/1" },
 *   { name: "deploys", url: "https://example.com/hooks/2" }
 * ], { onRetired: (target) => Effect.logWarning(`${target.label} is gone`) })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { Alarm, type Entry } from "./internal/alarm.ts"
import { Heap } from "./internal/heap.ts"
import { type Link, List } from "./internal/list.ts"
import { positiveMillis, wholeNumber } from "./internal/options.ts"
import { Pace } from "./internal/pace.ts"
import { countRetired } from "./internal/telemetry.ts"
import { monotonicMillis } from "./internal/time.ts"
import { parseUrl } from "./internal/url.ts"
import { Waiting } from "./internal/waiting.ts"
import { EndpointGone, InvalidOptions, type InvalidUrl, NoUrlAvailable, WebhookError } from "./WebhookError.ts"

/**
 * A URL to send to, with or without a name for logs.
 *
 * @category models
 * @since 0.1.0
 */
export type UrlInput = string | URL | Redacted.Redacted<string> | {
  readonly name: string
  readonly url: string | URL | Redacted.Redacted<string>
}

/**
 * A URL that has been checked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Target {
  /** Safe to log: the host, and the URL's name or index in the pool. */
  readonly label: string
  readonly url: Redacted.Redacted<string>
  /** Scheme, host and port. */
  readonly origin: string
}

/**
 * What became of a try, as far as it teaches something of the URL.
 *
 * **Details**
 *
 * Times are milliseconds from now. `Taken` may carry what the receiver says is
 * left of its window. `Failed` is the URL's own failure: a 5xx, or no answer.
 * `Untold` is any other end without an answer, such as a proxy's fault.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome =
  | { readonly _tag: "Taken"; readonly remaining?: number | undefined; readonly resetAfter?: number | undefined }
  | { readonly _tag: "Limited"; readonly retryAfter: number }
  | { readonly _tag: "Gone"; readonly status: number }
  | { readonly _tag: "Failed" }
  | { readonly _tag: "Untold" }

/**
 * The leave to try a URL once.
 *
 * **Details**
 *
 * With a `target` it is for that URL only, else for any. It is the caller's
 * own object, so that what it holds is known even if its fiber is interrupted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lease {
  /** When to give up waiting, in milliseconds of the monotonic clock. */
  readonly deadline: number
  /** Whether a URL should be taken only if no other is open, such as one that was tried before. */
  readonly avoid?: ((target: Target) => boolean) | undefined
  /** The caller's last reading of that clock; the pool sets it when the lease had to wait. */
  at: number
  target: Target | undefined
  held: boolean
  /** Of the pool's own bookkeeping. */
  epoch: number
}

/**
 * A URL that a send may go on with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Other {
  readonly target: Target
  readonly open: boolean
}

/**
 * The state of a URL in the pool: `"paced"` is left alone until the receiver's
 * instant, `"broken"` because it failed, `"retired"` because it is gone.
 *
 * @category models
 * @since 0.1.0
 */
export type State = "open" | "paced" | "broken" | "retired"

/**
 * The pool of URLs.
 *
 * @category services
 * @since 0.1.0
 */
export class UrlPool extends Context.Service<UrlPool, {
  /** Whether a send whose URL fails goes on with another one. */
  readonly failover: boolean
  /** The URL whose turn it is: open ones first, else the one that opens soonest. */
  readonly next: Effect.Effect<Target, NoUrlAvailable>
  /** Tells the pool what is known of a URL from elsewhere: it is limited, or gone. */
  readonly report: (target: Target, outcome: Outcome) => Effect.Effect<void>
  /** Every URL of the pool with its state. */
  readonly list: Effect.Effect<ReadonlyArray<{ readonly target: Target; readonly state: State }>>
  /** Takes a retired URL back into the pool, open. */
  readonly restore: (target: Target) => Effect.Effect<void>
  /** The target for a URL that comes with a send: one of the pool, or one of the last 4,096 that were given. */
  readonly given: (url: string | URL | Redacted.Redacted<string>) => Result.Result<Target, InvalidUrl>
  /** Waits until a URL may be tried: `true`, or `false` if the deadline comes first. */
  readonly lease: (lease: Lease) => Effect.Effect<boolean, NoUrlAvailable | EndpointGone>
  /** Another URL than those that were tried: one that is open and need not be avoided, else the first to open. */
  readonly other: (lease: Lease, tried: ReadonlySet<Target>) => Other | undefined
  /** Whether any URL is open. */
  readonly hasOpen: (lease: Lease) => boolean
  /** Whether a leased URL is still open, after a wait for something else. */
  readonly isOpen: (lease: Lease) => boolean
  /** Gives a lease back, with what the try taught. */
  readonly release: (lease: Lease, outcome: Outcome) => void
}>()("effect-webhooks/UrlPool") {}

/**
 * Options of a pool.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * Whether a send goes on with the next URL when its own fails in a way that
   * another may cure: no connection, no answer, 5xx, 429, a redirect, or 401,
   * 403, 404, 405, 410, 421. Each such try is a retry. It follows at once if
   * the URL before certainly has not taken the webhook, else after the backoff.
   *
   * @default false
   */
  readonly failover?: boolean | undefined
  /**
   * After how many failures in a row a URL is left alone, and for how long
   * until one send tries it again. Failures are 5xx and answers that do not
   * come; a proxy's fault, a 429 or any other answer is none.
   *
   * @default { failures: 5, openDuration: "30 seconds" } with failover, else false
   */
  readonly circuit?: false | {
    readonly failures?: number | undefined
    readonly openDuration?: Duration.Input | undefined
  } | undefined
  /**
   * Runs when a URL says that it is gone, also one that came with a send.
   * Nobody waits for it, and its failures are ignored.
   */
  readonly onRetired?: ((target: Target) => Effect.Effect<unknown, unknown>) | undefined
}

/**
 * The options of a pool, checked, and what a layer knows of all its receivers.
 *
 * @internal
 */
export interface Settings {
  readonly failover: boolean
  readonly circuit: { readonly failures: number; readonly openDuration: number } | undefined
  readonly onRetired: Options["onRetired"]
  /** One send goes first, also where nothing is known of the pace yet. */
  readonly slowStart: boolean
  /** A URL that is gone never comes back, so one that came with a send is left alone too. */
  readonly goneForGood: boolean
}

/**
 * Throws `RangeError` for a constant that makes no sense.
 *
 * @internal
 */
export const toSettings = ({ circuit, failover = false, onRetired }: Options = {}): Settings => {
  const breaker = circuit ?? (failover ? {} : false)
  return {
    failover,
    circuit: breaker === false ? undefined : {
      failures: wholeNumber("circuit.failures", breaker.failures ?? 5, 1),
      openDuration: positiveMillis("circuit.openDuration", breaker.openDuration ?? 30_000)
    },
    onRetired,
    slowStart: false,
    goneForGood: false
  }
}

/**
 * A pool of one URL or many, gone round one per send.
 *
 * **Details**
 *
 * Fails with `InvalidUrl` when one is not an http(s) URL or has user-info, and
 * with `InvalidOptions` when there is none.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  urls: UrlInput | ReadonlyArray<UrlInput>,
  options?: Options
): Layer.Layer<UrlPool, WebhookError> => Layer.effect(UrlPool, make(urls, options))

/**
 * A pool whose URLs come from configuration.
 *
 * **Example** (A secret from the environment)
 *
 * ```ts
 * import { Config } from "effect"
 * import { UrlPool } from "effect-webhooks"
 *
 * const layer = UrlPool.layerConfig(Config.Redacted("WEBHOOK_URL"))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  config: Config.Config<UrlInput | ReadonlyArray<UrlInput>>,
  options?: Options
): Layer.Layer<UrlPool, WebhookError | Config.ConfigError> => {
  const settings = toSettings(options)
  return Layer.effect(UrlPool, Effect.flatMap(config, (urls) => makePool(urls, settings)))
}

/**
 * A pool without URLs, for programs whose every send brings its own.
 *
 * @category layers
 * @since 0.1.0
 */
export const empty: Layer.Layer<UrlPool> = Layer.suspend(() => emptyWith({}))

/**
 * The same with a circuit for each URL, or a word when one is gone.
 *
 * **Example** (Telling the customers whose URL is gone)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { UrlPool } from "effect-webhooks"
 *
 * const layer = UrlPool.emptyWith({
 *   circuit: { failures: 10, openDuration: "1 minute" },
 *   onRetired: (target) => Effect.logWarning(`${target.label} wants no more webhooks`)
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const emptyWith = (options: Options): Layer.Layer<UrlPool> => {
  const settings = toSettings(options)
  return Layer.effect(UrlPool, emptyPool(settings))
}

/**
 * Makes a pool; see `layer`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  urls: UrlInput | ReadonlyArray<UrlInput>,
  options?: Options
): Effect.Effect<UrlPool["Service"], WebhookError> => makePool(urls, toSettings(options))

/** @internal */
export const emptyPool = (settings: Settings): Effect.Effect<UrlPool["Service"]> =>
  Effect.map(Effect.context<never>(), (context) => new Pool([], settings, context).service)

/** @internal */
export const makePool = Effect.fnUntraced(function*(
  urls: UrlInput | ReadonlyArray<UrlInput>,
  settings: Settings
): Effect.fn.Return<UrlPool["Service"], WebhookError> {
  const inputs: ReadonlyArray<UrlInput> = Array.isArray(urls) ? urls : [urls]
  if (inputs.length === 0) {
    return yield* new WebhookError({
      reason: new InvalidOptions({
        option: "urls",
        detail: "it has no URL; give at least one, or use UrlPool.empty if every send brings its own"
      })
    })
  }
  const targets: Array<Target> = []
  for (const [index, input] of inputs.entries()) {
    const named = isNamed(input) ? input : { name: String(index), url: input }
    const suffix = isNamed(input) || inputs.length > 1 ? `#${named.name}` : ""
    const target = parse(named.url, `urls[${named.name}]`, suffix)
    if (Result.isFailure(target)) return yield* new WebhookError({ reason: target.failure })
    targets.push(target.success)
  }
  return new Pool(targets, settings, yield* Effect.context<never>()).service
})

/** @internal */
export const isNamed = (input: UrlInput): input is Extract<UrlInput, { readonly name: string }> =>
  typeof input === "object" && input !== null && !(input instanceof URL) && !Redacted.isRedacted(input)

const parse = (input: unknown, field: string, suffix: string): Result.Result<Target, InvalidUrl> =>
  Result.map(parseUrl(input, field), ({ host, href, origin }) => {
    const label = host + suffix
    return { label, url: Redacted.make(href, { label }), origin }
  })

class Member implements Target {
  readonly label: string
  readonly url: Redacted.Redacted<string>
  readonly origin: string
  readonly pace: Pace
  readonly place: Link<Member> = { value: this, previous: undefined, next: undefined }
  /** False for a URL that came with a send. */
  readonly pooled: boolean
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
  (broken && pace.shut) || (epoch >= 0 && epoch <= brokenIn)

const mend = (member: Member): void => {
  member.failures = 0
  member.broken = false
}

const hold = (lease: Lease, member: Member): void => {
  lease.target = member
  lease.epoch = member.pace.epoch
  lease.held = true
}

const grant = (lease: Lease, member: Member): void => {
  member.pace.take(lease.at)
  hold(lease, member)
}

// Those whose last use lies furthest back are forgotten: a pace costs a few
// hundred bytes, and a sender may have a million customers.
const maxGiven = 4096

class Pool {
  private readonly members: Array<Member>
  private readonly pooled = new Map<string, Member>()
  private readonly givens = new Map<string, Member>()
  private readonly alarm = new Alarm()
  /** Those with room, in turn. */
  private readonly open = new List<Member>()
  private readonly shut = new Heap<Pace>()
  private readonly waiting = new Waiting<Member | null>(this.alarm, () => this.arm(), () => this.arm())
  private readonly settings: Settings
  private readonly context: Context.Context<never>
  private opening: Entry | undefined
  private retired = 0
  readonly service: UrlPool["Service"]

  constructor(targets: ReadonlyArray<Target>, settings: Settings, context: Context.Context<never>) {
    this.settings = settings
    this.context = context
    this.members = targets.map((target) => new Member(target, this, this.alarm, settings.slowStart))
    for (const member of this.members) {
      this.open.append(member.place)
      this.pooled.set(Redacted.value(member.url), member)
    }
    this.service = this.serve()
  }

  private readonly serve = (): UrlPool["Service"] => ({
    failover: this.settings.failover,
    next: Effect.withFiber((fiber) => {
      this.refresh(nowOf(fiber))
      const member = this.open.rotate() ?? this.soonest()
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
    given: (url) => this.giveTarget(url),
    lease: (lease) => lease.target === undefined ? this.leaseAny(lease) : this.leaseOne(lease, lease.target as Member),
    other: (lease, tried) => {
      this.refresh(lease.at)
      const target = this.findOpen(lease.avoid)
      return target === undefined ? this.findShut(tried) : { target, open: true }
    },
    hasOpen: (lease) => {
      this.refresh(lease.at)
      return this.open.size > 0
    },
    isOpen: (lease) => {
      const { pace, retired } = lease.target as Member
      pace.settle(lease.at)
      return lease.epoch === pace.epoch && !pace.shut && retired === undefined
    },
    release: (lease, outcome) => {
      if (!lease.held) return
      lease.held = false
      this.learn(lease.target as Member, lease.epoch, outcome, lease.at)
    }
  })

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
      grant(lease, member)
      return Effect.succeed(true)
    }
    // Every URL is shut, and none opens in time.
    if (this.shut.size === this.members.length - this.retired && this.shut.first!.at > lease.deadline) {
      return Effect.succeed(false)
    }
    return Effect.withFiber((fiber) =>
      Effect.flatMap(
        this.waiting.park(fiber, lease.deadline, (member) => {
          lease.at = nowOf(fiber)
          if (member !== null) grant(lease, member)
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

  private findShut(tried: ReadonlySet<Target>): Other | undefined {
    let target: Member | undefined
    for (const member of this.members) {
      if (member.retired !== undefined || tried.has(member)) continue
      if (target === undefined || member.pace.at < target.pace.at) target = member
    }
    return target && { target, open: false }
  }

  private leaseOne(lease: Lease, member: Member): Effect.Effect<boolean, EndpointGone> {
    const { pace } = member
    const gone = () => Effect.fail(new EndpointGone({ status: member.retired! }))
    if (member.retired !== undefined) return gone()
    pace.settle(lease.at)
    if (pace.room > 0) {
      grant(lease, member)
      return Effect.succeed(true)
    }
    if (pace.shut && pace.at > lease.deadline) return Effect.succeed(false)
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
        return pace.refuse(epoch, now, outcome.retryAfter)
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

  private soonest(): Member | undefined {
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

  private giveTarget(url: string | URL | Redacted.Redacted<string>): Result.Result<Target, InvalidUrl> {
    const value = Redacted.isRedacted(url) ? Redacted.value(url) : url
    const known = this.knownAs(value instanceof URL ? value.href : value)
    if (known !== undefined) return Result.succeed(known)
    return Result.map(parse(url, "url", ""), (target) => {
      // One URL in two spellings is one receiver.
      const href = Redacted.value(target.url)
      const member = this.knownAs(href)
      if (member !== undefined) return member
      const given = new Member(target, undefined, this.alarm, this.settings.slowStart)
      this.givens.set(href, given)
      if (this.givens.size > maxGiven) this.givens.delete(this.givens.keys().next().value!)
      return given
    })
  }

  private knownAs(href: string): Member | undefined {
    const pooled = this.pooled.get(href)
    if (pooled !== undefined) return pooled
    const given = this.givens.get(href)
    if (given !== undefined) {
      this.givens.delete(href)
      this.givens.set(href, given)
    }
    return given
  }
}
