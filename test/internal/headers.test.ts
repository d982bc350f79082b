import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result } from "effect"
import { type HeadersInput, parse } from "../../src/internal/headers.ts"

const failure = (input: HeadersInput, signing = false) => {
  const result = parse(input, signing)
  assert(Result.isFailure(result))
  return result.failure
}

describe("headers", () => {
  it("come in lower case, unwrapped", () => {
    const result = parse({ "X-A": "1", b: Redacted.make("2"), "X-Tab": "a\tb", "x-latin": "é" }, false)
    assert(Result.isSuccess(result))
    assert.deepStrictEqual(result.success, { "x-a": "1", b: "2", "x-tab": "a\tb", "x-latin": "é" })
    const none = parse(undefined, true)
    assert(Result.isSuccess(none))
    assert.deepStrictEqual(none.success, {})
  })

  it("that frame the message or belong to one hop are refused in any case", () => {
    for (
      const name of ["host", "Content-Length", "TRANSFER-ENCODING", "connection", "keep-alive", "Upgrade", "expect"]
    ) {
      assert.strictEqual(failure({ [name]: "x" }).header, name.toLowerCase())
    }
  })

  it("of the signature are refused only when signing", () => {
    assert.strictEqual(failure({ "Webhook-Id": "x" }, true).header, "webhook-id")
    assert.isTrue(Result.isSuccess(parse({ "Webhook-Id": "x" }, false)))
    assert.isTrue(Result.isSuccess(parse({ "x-webhook-id": "x" }, true)))
  })

  it("with every control character, or beyond latin-1, are refused without being shown", () => {
    for (let code = 0; code < 0x20; code++) {
      if (code === 9) continue
      assert.notInclude(failure({ "x-a": `CANARY${String.fromCharCode(code)}` }).message, "CANARY")
    }
    for (const value of ["CANARY\x7f", "CANARYĀ", "CANARY😀"]) {
      assert.notInclude(failure({ "x-a": value }).message, "CANARY")
    }
    for (const value of [undefined, null, 1, ["a"], { a: 1 }]) {
      assert.strictEqual(failure({ "x-a": value as unknown as string }).header, "x-a")
    }
  })

  it("with a name that is no token are refused", () => {
    for (const name of ["", " ", "x a", "x:a", "x\na", "x(a)", "é", "x/a", "x\"a"]) {
      assert.strictEqual(failure({ [name]: "1" }).header, name.toLowerCase())
      assert.notInclude(failure({ [name]: "1" }).message, "\n")
    }
  })
})
