/**
 * What a `Heap` holds: something with an instant. `index` is its place, or -1
 * while it is in no heap; an item is in one heap at most.
 *
 * @internal
 */
export interface Item {
  at: number
  index: number
}

/**
 * A binary heap with the earliest item first, from which any item can be taken.
 *
 * @internal
 */
export class Heap<A extends Item> {
  private readonly items: Array<A> = []

  get size(): number {
    return this.items.length
  }

  get first(): A | undefined {
    return this.items[0]
  }

  add(item: A): void {
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
      if (parent.at <= item.at) return
      this.place(item, parent.index)
      this.place(parent, index)
    }
  }

  private down(item: A): void {
    while (true) {
      const index = item.index
      const left = this.items[2 * index + 1]
      const right = this.items[2 * index + 2]
      const child = right !== undefined && right.at < left!.at ? right : left
      if (child === undefined || child.at >= item.at) return
      this.place(item, child.index)
      this.place(child, index)
    }
  }
}
