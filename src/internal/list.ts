/**
 * A place in a `List`.
 *
 * @internal
 */
export interface Link<A> {
  readonly value: A
  previous: Link<A> | undefined
  next: Link<A> | undefined
}

/**
 * A doubly linked list: every step is constant in time, also the removal from
 * the middle that an interrupted fiber or a closed URL needs.
 *
 * @internal
 */
export class List<A> {
  size = 0
  private head: Link<A> | undefined
  private tail: Link<A> | undefined

  link(value: A): Link<A> {
    return { value, previous: undefined, next: undefined }
  }

  has(link: Link<A>): boolean {
    return link.previous !== undefined || link === this.head
  }

  append(link: Link<A>): void {
    link.previous = this.tail
    if (this.tail === undefined) this.head = link
    else this.tail.next = link
    this.tail = link
    this.size++
  }

  remove(link: Link<A>): void {
    if (!this.has(link)) return
    if (link.previous === undefined) this.head = link.next
    else link.previous.next = link.next
    if (link.next === undefined) this.tail = link.previous
    else link.next.previous = link.previous
    link.previous = link.next = undefined
    this.size--
  }

  shift(): A | undefined {
    const link = this.head
    if (link === undefined) return undefined
    this.remove(link)
    return link.value
  }

  /** The first value that is looked for. */
  find(predicate: (value: A) => boolean): A | undefined {
    let link = this.head
    while (link !== undefined && !predicate(link.value)) link = link.next
    return link?.value
  }

  /** The first value, which goes to the end of the line. */
  rotate(): A | undefined {
    const link = this.head
    if (link === undefined) return undefined
    if (link !== this.tail) {
      this.remove(link)
      this.append(link)
    }
    return link.value
  }
}
