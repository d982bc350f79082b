/**
 * Another reading of what a pool may do. It knows only what came back of each
 * attempt at one URL, and says where it was wrong to go.
 */

/** What came back: `"cut"` is an attempt that was interrupted, or ended by the deadline of its send. */
export type Came = { readonly status: number; readonly wait?: number | undefined } | "failure" | "cut"

/** Everything that happened at one URL, in order. */
export type Event =
  | { readonly at: number; readonly kind: "begin"; readonly index: number; readonly id: string }
  | { readonly at: number; readonly kind: "end"; readonly index: number; readonly id: string; readonly came: Came }

export interface Rules {
  readonly failures: number
  readonly openDuration: number
  /** Whether a 410 is for good. */
  readonly retires: boolean
}

export const isAnswer = (came: Came): came is Exclude<Came, string> => typeof came !== "string" && came.status < 500

export const begun = (events: ReadonlyArray<Event>) => events.filter(({ kind }) => kind === "begin")

export const taken = (events: ReadonlyArray<Event>) =>
  events.filter((event) => event.kind === "end" && isAnswer(event.came) && event.came.status === 204)

export const failed = (events: ReadonlyArray<Event>) =>
  events.filter((event) => event.kind === "end" && event.came !== "cut" && !isAnswer(event.came))

export const wrong = (events: ReadonlyArray<Event>, { failures, openDuration, retires }: Rules) => {
  let inRow = 0
  let opened = -1
  let openUntil = -1
  let told = -1
  let waitUntil = -1
  let halfOpen = false
  let gone: number | undefined
  const probes = new Set<number>()
  const began = new Map<number, number>()
  const wrong: Array<string> = []
  for (const event of events) {
    const { at, index } = event
    if (event.kind === "begin") {
      began.set(index, at)
      if (gone !== undefined && at > gone) wrong.push(`at ${at}: it is gone`)
      // At one and the same instant it may have been on its way already.
      if (at > opened && at < openUntil) wrong.push(`at ${at}: its circuit is open until ${openUntil}`)
      if (at > told && at < waitUntil) wrong.push(`at ${at}: it says to wait until ${waitUntil}`)
      if (openUntil >= 0 && at >= openUntil) halfOpen = true
      if (halfOpen) {
        if (probes.size > 0) wrong.push(`at ${at}: it is being tried by another`)
        probes.add(index)
      }
      continue
    }
    const { came } = event
    const old = began.get(index)! <= opened
    probes.delete(index)
    if (came === "cut") continue
    if (isAnswer(came)) {
      if (!old) {
        inRow = 0
        halfOpen = false
        openUntil = -1
        probes.clear()
      }
      if (came.status === 410 && retires) gone ??= at
      // An alarm rings on whole milliseconds, and a sum of fractions may be off by less than that.
      if (came.wait !== undefined && at + came.wait - 0.001 > waitUntil) {
        if (at >= waitUntil) told = at
        waitUntil = at + came.wait - 0.001
      }
    } else if (!old) {
      inRow++
      if (halfOpen || inRow >= failures) {
        opened = at
        openUntil = at + openDuration
        halfOpen = false
        probes.clear()
      }
    }
  }
  return wrong
}
