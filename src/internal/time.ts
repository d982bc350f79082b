import type * as Clock from "effect/Clock"

/**
 * Milliseconds of the monotonic clock: a wall clock that is set while a send
 * waits must neither end the send nor prolong it.
 *
 * @internal
 */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
