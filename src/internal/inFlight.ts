import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * The fibers that are sending, so that draining can give them a grace.
 *
 * @internal
 */
export class InFlight {
  closed = false
  private readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  private readonly onIdle = new Set<() => void>()

  add(fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fibers.add(fiber)
  }

  delete(fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fibers.delete(fiber)
    if (this.fibers.size === 0) { for (const idle of this.onIdle) idle() }
  }

  /** Lets nobody begin any more, waits for those who have, and interrupts them after `grace`. */
  drain(grace: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.closed = true
      return this.idle
    }).pipe(
      Effect.timeoutOption(Duration.millis(grace)),
      Effect.andThen(Effect.suspend(() => Fiber.interruptAll(this.fibers))),
      Effect.asVoid
    )
  }

  private readonly idle: Effect.Effect<void> = Effect.callback((resume) => {
    const idle = () => resume(Effect.void)
    if (this.fibers.size === 0) idle()
    this.onIdle.add(idle)
    return Effect.sync(() => this.onIdle.delete(idle))
  })
}
