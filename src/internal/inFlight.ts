import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * The fibers that are sending, so that closing can give them a grace.
 *
 * @internal
 */
export class InFlight {
  closed = false
  private readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  private onIdle: (() => void) | undefined

  add(fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fibers.add(fiber)
  }

  delete(fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fibers.delete(fiber)
    if (this.fibers.size === 0) this.onIdle?.()
  }

  /** Lets nobody begin any more, waits for those who have, and interrupts them after `grace`. */
  close(grace: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.closed = true
      return Effect.callback<void>((resume) => {
        this.onIdle = () => resume(Effect.void)
        if (this.fibers.size === 0) this.onIdle()
      })
    }).pipe(
      Effect.timeoutOption(Duration.millis(grace)),
      Effect.andThen(Effect.suspend(() => Fiber.interruptAll(this.fibers))),
      Effect.asVoid
    )
  }
}
