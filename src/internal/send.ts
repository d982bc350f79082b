import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import type * as Redacted from "effect/Redacted"
import type * as Tracer from "effect/Tracer"
import type { Proxy } from "../Proxy.ts"
import type { Reply } from "../Transport.ts"
import type { Target } from "../UrlPool.ts"
import type { SendOptions } from "../Webhook.ts"
import { DeadlineExceeded, type WebhookError, type WebhookErrorReason } from "../WebhookError.ts"
import type { Attempt, Fields } from "../WebhookResult.ts"
import type { Encoded } from "./encode.ts"
import type { Lease } from "./leases.ts"
import type { Slot } from "./sendAll.ts"
import { monotonicMillis } from "./time.ts"
import type { Line } from "./turns.ts"
import type { Way } from "./ways.ts"

/**
 * What a send sends: its body, and where a layer over this one wants it.
 *
 * @internal
 */
export interface Request extends Encoded {
  /** Stands above the `url` of the send's options. */
  readonly url?: Redacted.Redacted<string> | undefined
  readonly route?: Route | undefined
}

/**
 * Where at a target a request goes, and how.
 *
 * @internal
 */
export interface Route {
  readonly method: "POST" | "PATCH" | "DELETE" | "GET"
  readonly urlOf: (target: Target) => Redacted.Redacted<string>
}

/**
 * How a send stands. It belongs to one send alone.
 *
 * @internal
 */
export class Send implements Lease {
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly clock: Clock.Clock
  readonly id: string
  readonly history: Array<Attempt> = []
  readonly options: SendOptions
  /** Gone as soon as it has run, and the payload with it: a send may wait for long. */
  prepare: (() => Effect.Effect<Request, WebhookErrorReason>) | undefined
  readonly started: number
  timeout: number
  allowed: number
  /** Whether the URL came with the send. */
  given = false
  /** Whether the URL is settled, because it came with the send or was tried already. */
  pinned = false
  /** The URLs that were tried in this round, where a send may go on with another one; and whether it is not the first. */
  tried: Set<Target> | undefined = undefined
  again = false
  /** Those of them that will not take it, however long it waits. */
  hopeless: Set<Target> | undefined = undefined
  avoid: ((target: Target) => boolean) | undefined = undefined
  /** Of a send of a stream: where it has a slot. */
  readonly slot: Slot | undefined
  target: Target | undefined = undefined
  /** The URL of the last attempt. */
  attempted: Target | undefined = undefined
  held = false
  epoch = 0
  /** A turn that this send holds. */
  turn: Line | undefined = undefined
  proxy: Proxy | undefined = undefined
  /** A turn at that proxy. */
  proxyTurn: Line | undefined = undefined
  /** A way that was closed, and on which this send may go. */
  way: Way | undefined = undefined
  wayEpoch = 0
  /** The closed ways that it has met, with the proxies by which they lead. */
  detours: Map<Way, Proxy | undefined> | undefined = undefined
  /** The proxy that is next: the one for whose way it has waited, or another one than those that failed. */
  reserved: Proxy | undefined = undefined
  /** The proxies that failed. */
  triedProxies: Set<string> | undefined = undefined
  /** How many retries, and how many rotations of the proxy, there have been. */
  retries = 0
  rotations = 0
  /** The proxy through which a certificate was refused. */
  distrusted: string | undefined = undefined
  /** Whether an attempt is under way. */
  trying = false
  /** When the last attempt ended. */
  ended: number
  at: number
  reply: Reply | undefined = undefined
  last: WebhookErrorReason | undefined = undefined
  maybe = false
  method: Route["method"] = "POST"
  span: Tracer.Span | undefined = undefined
  /** Why it failed in the end. */
  failure: WebhookErrorReason | undefined = undefined
  step: Step | undefined = undefined

  constructor(
    fiber: Fiber.Fiber<unknown, unknown>,
    id: string,
    settings: { readonly timeout: number; readonly deadline: number },
    prepare: () => Effect.Effect<Request, WebhookErrorReason>,
    options: SendOptions,
    slot: Slot | undefined
  ) {
    this.fiber = fiber
    this.prepare = prepare
    this.options = options
    this.slot = slot
    this.avoid = slot && ((target) => slot.slots.isFull(target.origin))
    this.clock = fiber.getRef(Clock.Clock)
    this.id = id
    this.timeout = settings.timeout
    this.allowed = settings.deadline
    this.started = this.ended = this.at = monotonicMillis(this.clock)
  }

  /** Reads the clock: half a microsecond, so where no time can have passed `at` will do. */
  now(): number {
    return this.at = monotonicMillis(this.clock)
  }

  /** A send that waits for a URL to open leaves its slot to others. */
  onPark(): void {
    this.slot?.give()
  }

  get deadline(): number {
    return this.started + this.allowed
  }

  /** The URL that the result is of. */
  get shown(): Target | undefined {
    return this.attempted ?? this.target
  }

  fields(): Fields {
    return {
      id: this.id,
      status: this.reply?.status || undefined,
      url: this.shown?.url,
      target: this.shown?.label,
      proxy: this.proxy?.url,
      history: this.history,
      answer: this.reply
    }
  }

  exceeded(during: DeadlineExceeded["during"]): DeadlineExceeded {
    return new DeadlineExceeded({ deadline: Duration.millis(this.allowed), during, last: this.last })
  }
}

type Step = (now: number, input: WebhookError) => Pull.Pull<[unknown, Duration.Duration], never, unknown>
