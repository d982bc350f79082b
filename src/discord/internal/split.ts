import { codePoints, endOf, isBlank } from "./text.ts"

// A fence, its first line (its language, if code comes after it), and what it holds.
const fence = /```(?:([\w+\-.#]{1,64}\r?\n)(?!```))?([\s\S]+?)```/g

/**
 * Cuts a text into parts of at most `limit` code points.
 *
 * **Details**
 *
 * The parts are the text, in order, with nothing left out but parts of mere
 * whitespace, which Discord refuses; a fence that is cut is closed and opened
 * again with its language.
 *
 * @internal
 */
export const split = (text: string, limit: number): Array<string> => {
  const parts: Array<string> = []
  let part = ""
  let room = limit

  const flush = () => {
    if (!isBlank(part)) parts.push(part)
    part = ""
    room = limit
  }
  const add = (piece: string, size: number) => {
    part += piece
    room -= size
  }

  const addPlain = (plain: string): void => {
    let start = 0
    while (start < plain.length) {
      const end = endOf(plain, room, start)
      if (end === plain.length) return add(plain.slice(start), codePoints(plain.slice(start)))
      const border = borderIn(plain, start, end)
      // A word that a new part has room for is not cut.
      if (border !== undefined || part === "") {
        const stop = border ?? end
        part += plain.slice(start, stop)
        start = stop
      }
      flush()
    }
  }

  const addFence = (whole: string, first: string, body: string): void => {
    const size = codePoints(whole)
    if (size <= room) return add(whole, size)
    if (size <= limit) {
      flush()
      return add(whole, size)
    }
    if (room < limit / 2) flush()
    const lineBreak = /^\r?\n/.exec(body)?.[0] ?? ""
    const open = `\`\`\`${first || lineBreak || "\n"}`
    // Between the fences, a line break at the end belongs to the fence if the text has none there.
    const around = codePoints(open) + "\n```".length
    let start = first === "" ? lineBreak.length : 0
    while (start < body.length) {
      const end = endOf(body, room - around, start)
      const line = end === body.length ? end : body.lastIndexOf("\n", end - 1) + 1
      const stop = line > start ? line : end
      const piece = body.slice(start, stop)
      const closed = `${open}${piece}${piece.endsWith("\n") ? "" : "\n"}\`\`\``
      add(closed, codePoints(closed))
      start = stop
      if (start < body.length) flush()
    }
  }

  let seen = 0
  for (const match of text.matchAll(fence)) {
    const [whole, first, body] = match
    addPlain(text.slice(seen, match.index))
    addFence(whole, first ?? "", body!)
    seen = match.index + whole.length
  }
  addPlain(text.slice(seen))
  flush()
  return parts
}

const borders = ["\n\n", "\n", ". ", "! ", "? ", " "]

// After the last paragraph, line, sentence or word that ends in the second half
// of what there is room for, else after the last word anywhere.
const borderIn = (text: string, start: number, end: number): number | undefined => {
  const room = text.slice(start, end)
  for (const border of borders) {
    const stop = room.lastIndexOf(border) + border.length
    if (stop > border.length && stop >= room.length / 2) return start + stop
  }
  const last = Math.max(room.lastIndexOf("\n"), room.lastIndexOf(" "))
  return last > 0 ? start + last + 1 : undefined
}
