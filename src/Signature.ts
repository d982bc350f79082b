/**
 * Signing: what a receiver needs to know that a webhook is yours.
 *
 * A `Signer` is asked once per attempt, so that timestamp and signature are
 * fresh on every retry while the id stays. It may do anything an effect can,
 * such as asking a key service.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { SignerError } from "./WebhookError.ts"

/**
 * Gives the headers that sign one attempt.
 *
 * **Details**
 *
 * `timestamp` is in unix seconds; `body` is the very bytes that are sent. The
 * headers may have any name but those that HTTP itself owns.
 *
 * @category models
 * @since 0.1.0
 */
export type Signer = (input: {
  readonly id: string
  readonly timestamp: number
  readonly body: Uint8Array
}) => Effect.Effect<Record<string, string>, SignerError>
