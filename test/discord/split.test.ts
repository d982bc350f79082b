import { assert, describe, it } from "@effect/vitest"
import { Message } from "effect-webhooks/discord"
import { violationsOf } from "./violationsOf.ts"

const x = (n: number) => "x".repeat(n)
const fence = "```"

const sizes = (parts: ReadonlyArray<string>) => parts.map((part) => [...part].length)

describe("split", () => {
  it("leaves a short text alone", () => {
    assert.deepStrictEqual(Message.split("hello"), ["hello"])
    assert.deepStrictEqual(Message.split(x(2000)), [x(2000)])
    assert.deepStrictEqual(Message.split("😀".repeat(2000)), ["😀".repeat(2000)])
  })

  it("gives nothing for nothing", () => {
    assert.deepStrictEqual(Message.split(""), [])
    assert.deepStrictEqual(Message.split(" \n".repeat(3000)), [])
  })

  it("counts code points", () => {
    assert.deepStrictEqual(sizes(Message.split("😀".repeat(4001))), [2000, 2000, 1])
  })

  it("cuts after a paragraph, else a line, a sentence, a word", () => {
    for (const border of ["\n\n", "\n", ". ", "! ", "? ", " "]) {
      const parts = Message.split(`${x(1500)}${border}${x(1500)}`)
      assert.deepStrictEqual(parts, [`${x(1500)}${border}`, x(1500)])
    }
    const mixed = `${x(1200)}\n\n${x(300)}\n${x(300)}. ${x(100)} ${x(500)}`
    assert.deepStrictEqual(sizes(Message.split(mixed)), [1202, 1204])
  })

  it("does not make a tiny part for the sake of a better border", () => {
    const parts = Message.split(`Hi\n\n${"word ".repeat(600)}`)
    assert.deepStrictEqual(sizes(parts).map((size) => size > 1900), [true, false])
  })

  it("cuts a word only if it is longer than a part", () => {
    assert.deepStrictEqual(sizes(Message.split(x(4500))), [2000, 2000, 500])
  })

  it("keeps a fence whole", () => {
    const code = `${fence}ts\n${"const a = 1\n".repeat(100)}${fence}`
    const parts = Message.split(`${x(1500)}\n${code}\nafter`)
    assert.deepStrictEqual(parts, [`${x(1500)}\n`, `${code}\nafter`])
  })

  it("closes a fence that it must cut, and opens it again with its language", () => {
    const lines = Array.from({ length: 500 }, (_, index) => `const value${index} = ${index}\n`)
    const parts = Message.split(`Before\n${fence}ts\n${lines.join("")}${fence}\nafter`)
    assert.isAbove(parts.length, 5)
    assert.isTrue(parts[0]!.startsWith(`Before\n${fence}ts\nconst value0`))
    assert.isTrue(parts.at(-1)!.endsWith(`${fence}\nafter`))
    for (const part of parts) {
      assert.isAtMost([...part].length, 2000)
      assert.strictEqual(part.split(fence).length, 3)
      assert.include(part, `${fence}ts\nconst value`)
    }
    assert.strictEqual(
      parts.join("").replaceAll(`${fence}${fence}ts\n`, ""),
      `Before\n${fence}ts\n${lines.join("")}${fence}\nafter`
    )
  })

  it("keeps the language and the line ends of a fence whose lines end in CRLF", () => {
    const lines = Array.from({ length: 500 }, (_, index) => `const value${index} = ${index}\r\n`)
    for (const language of ["ts", ""]) {
      const text = `Before\r\n${fence}${language}\r\n${lines.join("")}${fence}\r\nafter`
      const parts = Message.split(text)
      assert.isAbove(parts.length, 5)
      for (const part of parts) {
        assert.isAtMost([...part].length, 2000)
        assert.strictEqual(part.split(fence).length, 3)
        assert.include(part, `${fence}${language}\r\nconst value`)
      }
      assert.strictEqual(parts.join("").replaceAll(`${fence}${fence}${language}\r\n`, ""), text)
    }
  })

  it("cuts a fence of one long line, with or without a language", () => {
    for (const language of ["", "\n", "json\n"]) {
      const parts = Message.split(`${fence}${language}${x(5000)}${fence}`)
      assert.deepStrictEqual(parts.length, 3)
      for (const part of parts) {
        assert.isAtMost(part.length, 2000)
        assert.isTrue(
          part.startsWith(`${fence}${language === "json\n" ? "json" : ""}\n`) && part.endsWith(`\n${fence}`)
        )
      }
      assert.strictEqual(parts.join("").replaceAll(/[^x]/g, ""), x(5000))
    }
  })

  it("reads a word alone in its fence as code, not as a language", () => {
    const text = `${fence}x\n${fence}${fence}ts\n${"y\n".repeat(1200)}${fence}`
    const parts = Message.split(text)
    assert.strictEqual(parts.length, 2)
    for (const part of parts) assert.strictEqual(part.split(fence).length % 2, 1)
  })

  it("treats a fence that never closes as text", () => {
    const text = `${fence}ts\n${"line\n".repeat(1000)}`
    assert.strictEqual(Message.split(text).join(""), text)
  })

  it("makes contents that Discord takes", () => {
    const text = `${"Some words. ".repeat(400)}\n\n${fence}js\n${"code()\n".repeat(800)}${fence}\n${
      " ".repeat(5000)
    }end`
    for (const content of Message.split(text)) assert.deepStrictEqual(violationsOf({ content }), [])
  })
})
