import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { Target } from "../UrlPool.ts"

// How many items are looked at, for each slot, while their host has all the slots that it may have.
const lookahead = 4

/**
 * The hosts to which the sends of one stream are under way, and those of them
 * that have as many slots as one host may have.
 *
 * @internal
 */
export class Spread {
  private readonly counts = new Map<string, number>()
  private readonly most: number

  constructor(most: number) {
    this.most = most
  }

  readonly isFull = ({ origin }: Target): boolean => (this.counts.get(origin) ?? 0) >= this.most

  /** A send goes from one URL to another; from none when it begins, and to none when it ends. */
  move(from: Target | undefined, to: Target | undefined): void {
    if (from === to) return
    if (from !== undefined) this.add(from.origin, -1)
    if (to !== undefined) this.add(to.origin, 1)
  }

  private add(origin: string, by: number): void {
    const count = (this.counts.get(origin) ?? 0) + by
    if (count === 0) this.counts.delete(origin)
    else this.counts.set(origin, count)
  }
}

/**
 * Sends items as slots come free, and gives each with its result when it ends.
 *
 * **Details**
 *
 * A host may have all slots but one, and so may the pool where there are items
 * for others. Items for a host that has them are set aside, so that those behind them need not wait; no more are taken from the
 * source than there are slots, and a few to set aside.
 *
 * @internal
 */
export const sendAll = <I, A, E, R>(
  items: Iterable<I> | Stream.Stream<I, E, R>,
  concurrency: number,
  hostOf: (item: I) => string | undefined,
  send: (item: I, spread: Spread) => Effect.Effect<A>
): Stream.Stream<{ readonly item: I; readonly result: A }, E, R> =>
  Stream.callback((queue) =>
    Effect.gen(function*() {
      const most = Math.max(1, concurrency - 1)
      const spread = new Spread(most)
      const fibers = yield* FiberSet.make<void>()
      const fork = yield* FiberSet.runtime(fibers)()
      const perHost = new Map<string | undefined, number>()
      const aside: Array<{ readonly item: I; readonly host: string | undefined }> = []
      let free = concurrency
      // Whether there are others for whom the pool, whose items have no host of their own, must leave a slot.
      let mixed = false
      let onRoom: (() => void) | undefined
      let closed = false

      const hasRoom = () => free > 0 && aside.length < lookahead * concurrency
      const room = Effect.callback<void>((resume) => {
        const go = () => {
          onRoom = undefined
          resume(Effect.void)
        }
        if (hasRoom()) go()
        else onRoom = go
      })

      const count = (host: string | undefined, by: number) => {
        perHost.set(host, (perHost.get(host) ?? 0) + by)
        if (perHost.get(host) === 0) perHost.delete(host)
      }
      const start = (item: I, host: string | undefined) => {
        free--
        count(host, 1)
        fork(
          Effect.flatMap(send(item, spread), (result) => Queue.offer(queue, { item, result })).pipe(
            Effect.asVoid,
            Effect.onInterrupt(() =>
              Effect.sync(() => {
                closed = true
              })
            ),
            Effect.ensuring(Effect.sync(() => {
              free++
              count(host, -1)
              startAside()
              if (hasRoom()) onRoom?.()
            }))
          )
        )
      }
      const mayStart = (host: string | undefined) => (host === undefined && !mixed) || (perHost.get(host) ?? 0) < most
      const startAside = () => {
        for (const entry of aside.splice(0)) {
          if (free > 0 && mayStart(entry.host)) start(entry.item, entry.host)
          else aside.push(entry)
        }
      }

      const source = Stream.isStream(items) ? items : Stream.fromIterable(items, { chunkSize: 1 })
      const end = yield* Effect.exit(Stream.runForEach(source, (item) =>
        Effect.flatMap(room, () => {
          if (closed) return Effect.interrupt
          // What is wrong with an item is for its send to say.
          const host = Result.getOrUndefined(Result.try(() => hostOf(item)))
          mixed ||= host !== undefined
          if (mayStart(host)) start(item, host)
          else aside.push({ item, host })
          return Effect.void
        })))
      // What is under way comes to its end, whatever became of the source.
      yield* FiberSet.awaitEmpty(fibers)
      // A sender that has closed interrupts its sends: the rest is not sent, and the stream says so.
      if (closed) return yield* Effect.interrupt
      yield* end
      yield* Queue.end(queue)
    }), { bufferSize: concurrency })
