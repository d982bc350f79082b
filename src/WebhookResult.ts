/**
 * What became of a send: `Delivered` or `Failed`, with its history.
 *
 * A result never throws and hides nothing a program needs: the receiver's
 * status and answer, the URL (as `Redacted`), every attempt. Printed, logged or
 * turned into JSON it shows neither the URL, nor a proxy's password, nor the
 * receiver's answer.
 *
 * **Example** (Branching on a result)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Webhook, WebhookResult } from "effect-webhooks"
 *
 * const program = Effect.gen(function*() {
 *   const result = yield* Webhook.send({ text: "hello" })
 *   return WebhookResult.match(result, {
 *     onDelivered: ({ status }) => `delivered with ${status}`,
 *     onFailed: ({ error, delivered }) => `${error}; delivered: ${delivered}`
 *   })
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import { dual } from "effect/Function"
import { NodeInspectSymbol } from "effect/Inspectable"
import { hasProperty } from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import type { Delivery, WebhookErrorReason } from "./WebhookError.ts"

/**
 * Unique identifier of `WebhookResult` values.
 *
 * @category type IDs
 * @since 0.1.0
 */
export const TypeId: TypeId = "~effect-webhooks/WebhookResult"

/**
 * Type of the unique identifier of `WebhookResult` values.
 *
 * @category type IDs
 * @since 0.1.0
 */
export type TypeId = "~effect-webhooks/WebhookResult"

/**
 * One try of a send.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attempt {
  /** Which URL, as a label that is safe to log. */
  readonly target: string
  /** The proxy it went through, if any. */
  readonly proxy: Redacted.Redacted<string> | undefined
  /** The receiver's status, or `undefined` when no answer came. */
  readonly status: number | undefined
  /** Why it was not the delivery; `undefined` when it was. */
  readonly reason: WebhookErrorReason | undefined
  /** Milliseconds waited before it, for a retry, a pace or a turn. */
  readonly waited: number
  /** Milliseconds from its start to its end. */
  readonly took: number
}

/**
 * The receiver's answer as a result keeps it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly truncated: boolean
  /** JSON if the body parses, else its text, else `undefined`. */
  readonly response: unknown
}

/**
 * The fields that a result is made of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fields {
  readonly id: string
  readonly status: number | undefined
  readonly url: Redacted.Redacted<string> | undefined
  readonly target: string | undefined
  readonly proxy: Redacted.Redacted<string> | undefined
  readonly history: ReadonlyArray<Attempt>
  readonly answer: Answer | undefined
}

abstract class Base {
  /**
   * Marks this value as a `WebhookResult`.
   *
   * @since 0.1.0
   */
  readonly [TypeId]: TypeId
  /** The message's id, the same over all attempts. */
  readonly id: string
  /** The receiver's last status, or `undefined` if there was no answer. */
  readonly status: number | undefined
  /** The URL that was chosen last, or `undefined` if none was. */
  readonly url: Redacted.Redacted<string> | undefined
  /** That URL as a label that is safe to log: its host and its name or index in the pool. */
  readonly target: string | undefined
  /** The proxy that was used last, as `host:port[:user:pass]`, or `undefined`. */
  readonly proxy: Redacted.Redacted<string> | undefined
  /** Every try of this send, the last one last. */
  readonly history: ReadonlyArray<Attempt>
  readonly #answer: Answer | undefined

  constructor(fields: Fields) {
    this[TypeId] = TypeId
    this.id = fields.id
    this.status = fields.status
    this.url = fields.url
    this.target = fields.target
    this.proxy = fields.proxy
    this.history = fields.history
    this.#answer = fields.answer
  }

  /** How many tries it took, rotations of proxies included. */
  get attempts(): number {
    return this.history.length
  }

  /** The body of the receiver's last answer: JSON if it parses, else text, else `undefined`. */
  get response(): unknown {
    return this.#answer?.response
  }

  /** Whether `response` is only the beginning of what the receiver sent. */
  get truncated(): boolean {
    return this.#answer?.truncated ?? false
  }

  protected summary(): Record<string, unknown> {
    return {
      id: this.id,
      status: this.status,
      target: this.target,
      attempts: this.attempts,
      truncated: this.truncated,
      history: this.history.map(({ reason, ...attempt }) => ({ ...attempt, reason: reason?.message }))
    }
  }

  /** What is safe to print: no URL, no proxy's password, no body. */
  abstract toJSON(): unknown

  /** The same as JSON text. */
  toString(): string {
    return JSON.stringify(this)
  }

  /** The same for `util.inspect` and `console.log`. */
  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

/**
 * The receiver took the webhook.
 *
 * @category models
 * @since 0.1.0
 */
export class Delivered extends Base {
  readonly _tag = "Delivered"
  readonly ok = true

  /** What is safe to print: no URL, no proxy's password, no body. */
  toJSON(): unknown {
    return { _tag: this._tag, ok: this.ok, ...this.summary() }
  }
}

/**
 * The webhook was not delivered, or nobody can tell.
 *
 * @category models
 * @since 0.1.0
 */
export class Failed extends Base {
  readonly _tag = "Failed"
  readonly ok = false
  /** Why, for a program to act on. */
  readonly reason: WebhookErrorReason
  /** Whether the receiver may have it all the same. */
  readonly delivered: Delivery

  constructor(fields: Fields & { readonly reason: WebhookErrorReason; readonly delivered: Delivery }) {
    super(fields)
    this.reason = fields.reason
    this.delivered = fields.delivered
  }

  /** Why, in one short line that is safe to log. */
  get error(): string {
    return this.reason.message
  }

  /** What is safe to print: no URL, no proxy's password, no body. */
  toJSON(): unknown {
    return {
      _tag: this._tag,
      ok: this.ok,
      error: this.error,
      reason: this.reason._tag,
      delivered: this.delivered,
      ...this.summary()
    }
  }
}

/**
 * What `Webhook.send` gives, always.
 *
 * @category models
 * @since 0.1.0
 */
export type WebhookResult = Delivered | Failed

/**
 * Returns `true` if a value is a `WebhookResult`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isWebhookResult = (u: unknown): u is WebhookResult => hasProperty(u, TypeId)

/**
 * Returns `true` if a result is `Delivered`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isDelivered = (self: WebhookResult): self is Delivered => self._tag === "Delivered"

/**
 * Returns `true` if a result is `Failed`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isFailed = (self: WebhookResult): self is Failed => self._tag === "Failed"

/**
 * Folds a result into one value.
 *
 * @category pattern matching
 * @since 0.1.0
 */
export const match: {
  /**
   * Folds a result into one value.
   *
   * @category pattern matching
   * @since 0.1.0
   */
  <A, B>(options: {
    readonly onDelivered: (delivered: Delivered) => A
    readonly onFailed: (failed: Failed) => B
  }): (self: WebhookResult) => A | B
  /**
   * Folds a result into one value.
   *
   * @category pattern matching
   * @since 0.1.0
   */
  <A, B>(self: WebhookResult, options: {
    readonly onDelivered: (delivered: Delivered) => A
    readonly onFailed: (failed: Failed) => B
  }): A | B
} = dual(2, <A, B>(self: WebhookResult, options: {
  readonly onDelivered: (delivered: Delivered) => A
  readonly onFailed: (failed: Failed) => B
}): A | B => isDelivered(self) ? options.onDelivered(self) : options.onFailed(self))
