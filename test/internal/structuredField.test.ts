import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { parseDictionary, parseList } from "../../src/internal/structuredField.ts"

const list = (field: string) =>
  parseList(field)?.map(({ parameters, value }) => [value, Object.fromEntries(parameters)] as const)

const dictionary = (field: string) => {
  const told = parseDictionary(field)
  return told && Object.fromEntries(told)
}

// RFC 9651, sections 3.3.1 to 3.3.8.
const values = [
  "0",
  "-0",
  "042",
  "-999999999999999",
  "999999999999999",
  "4.5",
  "-123456789012.123",
  "\"\"",
  "\"a \\\"quoted\\\" \\\\ one;r=1, two\"",
  "token",
  "*",
  "a:b/c!#$%&'*+-.^_`|~9",
  "::",
  ":cHJldGVuZA==:",
  ":YQ:",
  ":YWI=:",
  ":YWI:",
  "?0",
  "?1",
  "@1659578233",
  "@-1",
  "%\"this is %c3%bc\""
]

const malformed = [
  "1000000000000000",
  "1234567890123.1",
  "1.",
  ".5",
  "1.2345",
  "+1",
  "--1",
  "\"open",
  "\"\\n\"",
  "\"\u00fc\"",
  "\"\t\"",
  "'single'",
  "#token",
  ":Y:",
  ":YQ===:",
  ":Y-Q=:",
  ":open",
  "?2",
  "?",
  "@1.5",
  "@",
  "%\"%C3\"",
  "%\"%c\"",
  "%\"open",
  "(\"inner\" \"list\")",
  ""
]

describe("parseList", () => {
  it("reads items and their parameters", () => {
    assert.deepStrictEqual(list("\"default\";r=50;t=30"), [["\"default\"", { r: "50", t: "30" }]])
    assert.deepStrictEqual(list("  a;  x ,\tb;y=?0;z*_-.1=\"1, 2\"  "), [
      ["a", { x: "?1" }],
      ["b", { y: "?0", "z*_-.1": "\"1, 2\"" }]
    ])
    assert.deepStrictEqual(list(""), [])
    assert.deepStrictEqual(list("   "), [])
  })

  it("takes the last of what is said twice", () => {
    assert.deepStrictEqual(list("a;r=1;r=2"), [["a", { r: "2" }]])
  })

  it.each(values)("takes %s as a value, as the last of several, and as a parameter", (value) => {
    assert.deepStrictEqual(list(value), [[value, {}]])
    assert.deepStrictEqual(list(`a, ${value};r=1`), [["a", {}], [value, { r: "1" }]])
    assert.deepStrictEqual(list(`a;p=${value};r=1`), [["a", { p: value, r: "1" }]])
  })

  it.each(malformed)("has no use for a list with %j", (value) => {
    if (value !== "") assert.strictEqual(list(value), undefined)
    assert.strictEqual(list(`a, ${value}`), undefined)
    assert.strictEqual(list(`${value}, a`), undefined)
    assert.strictEqual(list(`a;p=${value}`), undefined)
    assert.strictEqual(list(`a;p=${value};r=1`), undefined)
  })

  it.each([
    ",",
    "a,",
    "a, ",
    ",a",
    "a,,b",
    "a b",
    "a;",
    "a ;r=1",
    "a;\tr=1",
    "a;r =1",
    "a;r= 1",
    "a;R=1",
    "a;1=1",
    "a;r=1;",
    "a=1",
    "\ta",
    "a\n",
    "a\u00a0"
  ])("has no use for %j", (field) => {
    assert.strictEqual(list(field), undefined)
  })

  it("takes no time that grows faster than the field", () => {
    for (const hard of ["\"", ":", ";a", ";a=", "a;a=1", "a,", "%\"%aa", "1", " ", "a;a=\"\";"]) {
      assert.doesNotThrow(() => parseList(`a;b=${hard.repeat(20_000)}\n`))
      assert.doesNotThrow(() => parseDictionary(`${hard.repeat(20_000)}\n`))
    }
  })
})

describe("parseDictionary", () => {
  it("reads what is assigned, without parameters", () => {
    assert.deepStrictEqual(dictionary("limit=100, remaining=50;x=1;y,reset=5"), {
      limit: "100",
      remaining: "50",
      reset: "5"
    })
    assert.deepStrictEqual(dictionary("a, b;x=1"), { a: "?1", b: "?1" })
    assert.deepStrictEqual(dictionary("a=1, a=2"), { a: "2" })
  })

  it.each(["a=", "a=1,", "a =1", "A=1", "\"a\"=1", "a=(1 2)", "a=1 b=2"])("has no use for %j", (field) => {
    assert.strictEqual(dictionary(field), undefined)
  })
})

describe("any text", () => {
  it.prop("is read or ignored", { field: Arbitrary.schema(Schema.String) }, ({ field }) => {
    for (const text of [field, `a;b=${field}`, `a=${field}`, `a, ${field}`]) {
      const items = parseList(text)
      if (items !== undefined) assert.isArray(items)
      const told = parseDictionary(text)
      if (told !== undefined) assert.instanceOf(told, Map)
    }
  }, { arbitrary: { runs: 1000 } })
})
