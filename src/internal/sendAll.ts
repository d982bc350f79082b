import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"

type Host = string | undefined

/**
 * The sends of one stream that are under way, all of them and by host.
 *
 * Items without a URL of their own count for the pool, whose host is
 * `undefined`, and for the host at which they are.
 *
 * @internal
 */
export class HostSlots {
  taken = 0
  private readonly counts = new Map<Host, number>()
  private readonly most: number
  readonly onFree: () => void

  /** `most` is how many of the slots one host may have; `onFree` is told when one is given back. */
  constructor(most: number, onFree: () => void) {
    this.most = most
    this.onFree = onFree
  }

  isFull(host: Host): boolean {
    return (this.counts.get(host) ?? 0) >= this.most
  }

  count(host: Host, by: 1 | -1): void {
    const count = (this.counts.get(host) ?? 0) + by
    if (count === 0) this.counts.delete(host)
    else this.counts.set(host, count)
  }
}

/**
 * The slot of one send. It has none while it waits for a URL to open: others
 * go meanwhile, and it takes one again although there may be no free one.
 *
 * @internal
 */
export class Slot {
  readonly slots: HostSlots
  private readonly pooled: boolean
  private host: Host
  private taken = false

  constructor(slots: HostSlots, host: Host) {
    this.slots = slots
    this.pooled = host === undefined
    this.take(host)
  }

  /** Takes a slot at a host, or goes on with the one that it has there. */
  take(host: Host): void {
    if (this.taken && host === this.host) return
    this.drop()
    this.taken = true
    this.host = host
    this.change(1)
  }

  /** Gives the slot back. */
  give(): void {
    if (this.drop()) this.slots.onFree()
  }

  private drop(): boolean {
    const { taken } = this
    if (taken) this.change(-1)
    this.taken = false
    return taken
  }

  private change(by: 1 | -1): void {
    this.slots.taken += by
    if (this.host !== undefined) this.slots.count(this.host, by)
    if (this.pooled) this.slots.count(undefined, by)
  }
}

/**
 * Sends items as slots come free, and gives each with its result when it ends.
 *
 * **Details**
 *
 * A host may have all slots but one, and so may the pool where there are items
 * for others. Items for a host that has them are set aside, so that those
 * behind them need not wait, and a send that waits for its URL to open is set
 * aside as well; no more are taken from the source than there are slots, and
 * `buffer` to set aside.
 *
 * @internal
 */
export const sendAll = <I, A, E, R>(
  items: Iterable<I> | Stream.Stream<I, E, R>,
  { buffer, concurrency }: { readonly concurrency: number; readonly buffer: number },
  hostOf: (item: I) => string | undefined,
  send: (item: I, slot: Slot) => Effect.Effect<A>
): Stream.Stream<{ readonly item: I; readonly result: A }, E, R> =>
  Stream.callback((queue) =>
    Effect.gen(function*() {
      const fibers = yield* FiberSet.make<void>()
      const fork = yield* FiberSet.runtime(fibers)()
      const aside = new Aside<I>()
      let begun = 0
      // Whether there are others for whom the pool, whose items have no host of their own, must leave a slot.
      let mixed = false
      let onRoom: (() => void) | undefined
      let closed = false

      const onFree = () => {
        for (let entry = next(); entry !== undefined; entry = next()) start(entry.item, entry.host)
        if (hasRoom()) onRoom?.()
      }
      const slots = new HostSlots(Math.max(1, concurrency - 1), onFree)
      const mayStart = (host: Host) => (host === undefined && !mixed) || !slots.isFull(host)
      const next = () => slots.taken < concurrency ? aside.take(mayStart) : undefined
      const hasRoom = () => slots.taken < concurrency && aside.size + begun - slots.taken < buffer
      const room = Effect.callback<void>((resume) => {
        const go = () => {
          onRoom = undefined
          resume(Effect.void)
        }
        if (hasRoom()) go()
        else onRoom = go
      })

      const start = (item: I, host: Host) => {
        begun++
        const slot = new Slot(slots, host)
        fork(
          Effect.flatMap(send(item, slot), (result) => Queue.offer(queue, { item, result })).pipe(
            Effect.asVoid,
            Effect.onInterrupt(() =>
              Effect.sync(() => {
                closed = true
              })
            ),
            Effect.ensuring(Effect.sync(() => {
              begun--
              slot.give()
            }))
          )
        )
      }

      const source = Stream.isStream(items) ? items : Stream.fromIterable(items, { chunkSize: 1 })
      const end = yield* Effect.exit(Stream.runForEach(source, (item) =>
        Effect.flatMap(room, () => {
          if (closed) return Effect.interrupt
          // What is wrong with an item is for its send to say.
          const host = Result.getOrUndefined(Result.try(() => hostOf(item)))
          mixed ||= host !== undefined
          if (mayStart(host)) start(item, host)
          else aside.add(item, host)
          return Effect.void
        })))
      // What is under way comes to its end, whatever became of the source.
      yield* FiberSet.awaitEmpty(fibers)
      // A sender that has closed interrupts its sends: the rest is not sent, and the stream says so.
      if (closed) return yield* Effect.interrupt
      yield* end
      yield* Queue.end(queue)
    }), { bufferSize: concurrency })

/** Items that are set aside, in the order of each host. */
class Aside<I> {
  size = 0
  private readonly byHost = new Map<Host, Array<I>>()

  add(item: I, host: Host): void {
    this.size++
    const items = this.byHost.get(host)
    if (items === undefined) this.byHost.set(host, [item])
    else items.push(item)
  }

  /** The first item of a host that may have one. Few hosts have items here: it takes nearly all slots to be full. */
  take(mayStart: (host: Host) => boolean): { readonly item: I; readonly host: Host } | undefined {
    for (const [host, items] of this.byHost) {
      if (!mayStart(host)) continue
      const item = items.shift()!
      this.size--
      if (items.length === 0) this.byHost.delete(host)
      return { item, host }
    }
    return undefined
  }
}
