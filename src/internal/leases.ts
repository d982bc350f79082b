import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Result from "effect/Result"
import type { Outcome, Target } from "../UrlPool.ts"
import type { EndpointGone, InvalidUrl, NoUrlAvailable } from "../WebhookError.ts"

/**
 * The leave to try a URL once.
 *
 * With a `target` it is for that URL only, else for any. It is the caller's
 * own object, so that what it holds is known even if its fiber is interrupted.
 *
 * @internal
 */
export interface Lease {
  /** When to give up waiting, in milliseconds of the monotonic clock. */
  readonly deadline: number
  /** Whether the URL came with the send, and no other one will do. */
  readonly given: boolean
  /** Whether a URL should be taken only if no other is open, such as one that was tried before. */
  readonly avoid?: ((target: Target) => boolean) | undefined
  /** Told when the lease has to wait. */
  readonly onPark: () => void
  /** The caller's last reading of that clock; it is set when the lease had to wait. */
  at: number
  target: Target | undefined
  held: boolean
  /** The epoch of the pace that the lease belongs to. */
  epoch: number
}

/**
 * A URL that a send may go on with.
 *
 * @internal
 */
export interface Other {
  readonly target: Target
  readonly open: boolean
}

/**
 * What a send needs of a pool: its URLs, each when its pace lets it go.
 *
 * @internal
 */
export interface Leases {
  readonly failover: boolean
  /** The target for a URL that comes with a send: one of the pool, or one of the last 4,096 of their own. */
  readonly custom: (url: string | URL | Redacted.Redacted<string>) => Result.Result<Target, InvalidUrl>
  /** Waits until a URL may be tried: `true`, or `false` if the deadline comes first. */
  readonly lease: (lease: Lease) => Effect.Effect<boolean, NoUrlAvailable | EndpointGone>
  /** Another URL than those that were tried: one that is open and need not be avoided, else the first to open. */
  readonly other: (lease: Lease, tried: ReadonlySet<Target>) => Effect.Effect<Other | undefined>
  /** Whether any other URL than the one that is leased is open. */
  readonly hasOpen: (lease: Lease) => boolean
  /** Whether a leased URL is still open, after a wait for something else. */
  readonly isOpen: (lease: Lease) => boolean
  /** Gives a lease back, with what the try taught. */
  readonly release: (lease: Lease, outcome: Outcome) => void
}
