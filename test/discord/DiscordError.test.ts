import { assert, describe, it } from "@effect/vitest"
import { DiscordError } from "effect-webhooks/discord"

const required = { _errors: [{ code: "BASE_TYPE_REQUIRED", message: "This field is required" }] }

describe("API v10", () => {
  it("flattens the tree", () => {
    const error = DiscordError.decode({
      code: 50035,
      message: "Invalid Form Body",
      errors: {
        embeds: { 0: { fields: { 2: { value: required } }, footer: required } },
        content: { _errors: [{ code: "A", message: "one" }, { code: "B", message: "two" }] }
      }
    })
    assert.strictEqual(error.code, 50035)
    assert.deepStrictEqual(error.issues[0], {
      path: "embeds[0].fields[2].value",
      code: "BASE_TYPE_REQUIRED",
      message: "This field is required"
    })
    assert.deepStrictEqual(error.lines, [
      "embeds[0].fields[2].value: This field is required",
      "embeds[0].footer: This field is required",
      "content: one",
      "content: two"
    ])
    assert.strictEqual(error.message, `Invalid Form Body (50035)\n${error.lines.join("\n")}`)
  })

  it("takes errors at the root, and on an object", () => {
    const at = (errors: unknown) => DiscordError.decode({ code: 50035, message: "Invalid Form Body", errors }).issues
    assert.deepStrictEqual(at(required), [
      { path: "", code: "BASE_TYPE_REQUIRED", message: "This field is required" }
    ])
    assert.deepStrictEqual(at({ allowed_mentions: required })[0]?.path, "allowed_mentions")
    assert.deepStrictEqual(at({ a: { ...required, b: required } }).map(({ path }) => path), ["a", "a.b"])
  })

  it("gives the code of a leaf that has no message", () => {
    const errors = { content: { _errors: [{ code: "BASE_TYPE_REQUIRED" }, { code: 5 }, {}, "only a text"] } }
    assert.deepStrictEqual(DiscordError.decode({ code: 50035, message: "Invalid Form Body", errors }).issues, [
      { path: "content", code: "BASE_TYPE_REQUIRED", message: "BASE_TYPE_REQUIRED" },
      { path: "content", code: undefined, message: "5" },
      { path: "content", code: undefined, message: "only a text" }
    ])
  })

  it("makes no path of an object under _errors", () => {
    const linesOf = (_errors: unknown) =>
      DiscordError.decode({ code: 50035, message: "Invalid Form Body", errors: { content: { _errors } } }).lines
    assert.deepStrictEqual(linesOf({ code: "A", message: "one" }), ["content: one"])
    assert.deepStrictEqual(linesOf({ 0: { code: "A", message: "one" }, 1: { code: "B" } }), [
      "content: one",
      "content: B"
    ])
  })

  it("takes lists where objects with indices are meant", () => {
    const errors = { embeds: [{}, { title: required }, "too many", { _errors: [{ code: "A", message: "one" }] }] }
    assert.deepStrictEqual(DiscordError.decode({ code: 50035, message: "Invalid Form Body", errors }).lines, [
      "embeds[1].title: This field is required",
      "embeds: too many",
      "embeds[3]: one"
    ])
  })

  it("takes answers without a tree", () => {
    const error = DiscordError.decode({ message: "Unknown Webhook", code: 10015 })
    assert.strictEqual(error.message, "Unknown Webhook (10015)")
    assert.deepStrictEqual(error.issues, [])
    assert.isTrue(DiscordError.isDiscordError(error))
    assert.isFalse(DiscordError.isDiscordError({}))
  })

  it("takes a rate limit, which has no code", () => {
    const error = DiscordError.decode({ message: "You are being rate limited.", retry_after: 1.5, global: false })
    assert.strictEqual(error.code, undefined)
    assert.strictEqual(error.message, "You are being rate limited.")
  })
})

describe("API v6", () => {
  it("is the tree itself", () => {
    const error = DiscordError.decode({ username: ["Must be between 1 and 80 in length."], _misc: ["No."] })
    assert.strictEqual(error.code, undefined)
    assert.deepStrictEqual(error.issues, [
      { path: "username", code: undefined, message: "Must be between 1 and 80 in length." },
      { path: "", code: undefined, message: "No." }
    ])
  })

  it("has lists of trees", () => {
    assert.deepStrictEqual(
      DiscordError.decode({ embeds: [{}, { title: ["bad"], fields: [[{ name: ["bad"] }]] }] }).lines,
      [
        "embeds[1].title: bad",
        "embeds[1].fields[0][0].name: bad"
      ]
    )
  })

  it("names the item when that is all it says", () => {
    assert.deepStrictEqual(DiscordError.decode({ embeds: ["0", "3"] }).lines, [
      "embeds[0]: is not valid",
      "embeds[3]: is not valid"
    ])
  })
})

describe("what is not Discord's JSON", () => {
  const bodies: ReadonlyArray<readonly [unknown, string]> = [
    [undefined, "the answer has no body"],
    ["", "the answer has no body"],
    ["<html>SECRET</html>", "the answer is not Discord's JSON"],
    ["error code: 1015", "Cloudflare answered with error code 1015"],
    ["<html>Error code: 1015 SECRET", "Cloudflare answered with error code 1015"],
    [[1], "the answer is not Discord's JSON"],
    [{}, "the answer is not Discord's JSON"],
    [5, "the answer is not Discord's JSON"]
  ]
  for (const [body, message] of bodies) {
    it(`${JSON.stringify(body)} is told in a sentence`, () => {
      const error = DiscordError.decode(body)
      assert.strictEqual(error.message, message)
      assert.deepStrictEqual(error.issues, [])
    })
  }

  it("cannot make the error large, deep or of more lines than it has issues", () => {
    let deep: unknown = required
    for (let n = 0; n < 20_000; n++) deep = { a: deep }
    assert.deepStrictEqual(DiscordError.decode({ message: "m", code: 1, errors: deep }).issues, [])

    for (
      const wrap of [(inner: unknown) => [inner], (_misc: unknown) => ({ _misc }), (_errors: unknown) => ({ _errors })]
    ) {
      let deep: unknown = required
      for (let n = 0; n < 20_000; n++) deep = wrap(deep)
      assert.deepStrictEqual(DiscordError.decode({ message: "m", code: 1, errors: deep }).issues, [])
    }

    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`k${n}`, required]))
    assert.strictEqual(DiscordError.decode({ message: "m", code: 1, errors: wide }).issues.length, 100)

    const long = DiscordError.decode({
      message: `a\nb\u2028c ${"x".repeat(9999)}`,
      errors: { "k\r\nv": { _errors: [{ message: "p\nq" }] } }
    })
    assert.strictEqual(long.message.split("\n").length, 2)
    assert.isBelow(long.message.length, 600)
  })
})
