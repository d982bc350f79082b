/**
 * What a `Heap` holds: something with an instant. `index` is its place, or -1
 * while it is in no heap; an item is in one heap at most.
 *
 * @internal
 */
export interface Item {
  at: number
  index: number
  /** When it was added, as a count: the heap's own. */
  order?: number
}

/**
 * A binary heap with the earliest item first, from which any item can be taken.
 * Of the items of one instant the one that was added first is first.
 *
 * @internal
 */
export class Heap<A extends Item> {
  private readonly items: Array<A> = []
  private added = 0

  get size(): number {
    return this.items.length
  }

  get first(): A | undefined {
    return this.items[0]
  }

  add(item: A): void {
    item.order = this.added++
    this.place(item, this.items.length)
    this.up(item)
  }

  remove(item: A): void {
    if (item.index < 0) return
    const last = this.items.pop()!
    if (last !== item) {
      this.place(last, item.index)
      this.up(last)
      this.down(last)
    }
    item.index = -1
  }

  private place(item: A, index: number): void {
    this.items[index] = item
    item.index = index
  }

  private up(item: A): void {
    while (item.index > 0) {
      const index = item.index
      const parent = this.items[(index - 1) >> 1]!
      if (!isBefore(item, parent)) return
      this.place(item, parent.index)
      this.place(parent, index)
    }
  }

  private down(item: A): void {
    while (true) {
      const index = item.index
      const left = this.items[2 * index + 1]
      const right = this.items[2 * index + 2]
      const child = right !== undefined && isBefore(right, left!) ? right : left
      if (child === undefined || !isBefore(child, item)) return
      this.place(item, child.index)
      this.place(child, index)
    }
  }
}

const isBefore = (a: Item, b: Item): boolean => a.at < b.at || (a.at === b.at && a.order! < b.order!)
