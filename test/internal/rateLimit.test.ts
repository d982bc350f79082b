import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { exhausted, rateLimit } from "../../src/internal/rateLimit.ts"

const now = 1_700_000_000_000

const int = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const oneOf = <A>(values: ReadonlyArray<A>) => Arbitrary.map(int(0, values.length - 1), (index) => values[index]!)

type Headers = Record<string, string>

describe("rateLimit", () => {
  it.each<readonly [Headers, number, number]>([
    [{ "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "2.5" }, 4, 2500],
    [{ "x-ratelimit-remaining": " 0 ", "x-ratelimit-reset-after": " 1 " }, 0, 1000],
    [{ "x-ratelimit-remaining": "1", "x-ratelimit-reset": "60" }, 1, 60_000],
    [{ "x-ratelimit-remaining": "1", "x-ratelimit-reset": "1700000003" }, 1, 3000],
    [{ "x-ratelimit-remaining": "1", "x-ratelimit-reset": "1700000003.25" }, 1, 3250],
    [{ "x-ratelimit-remaining": "1", "x-ratelimit-reset": "1700000004500" }, 1, 4500],
    [{ "x-ratelimit-remaining": "1", "x-ratelimit-reset": "9", "x-ratelimit-reset-after": "7" }, 1, 7000],
    [{ "ratelimit-remaining": "3", "ratelimit-reset": "60" }, 3, 60_000],
    [{ "ratelimit-limit": "10, 10;w=60", "ratelimit-remaining": "0", "ratelimit-reset": "7" }, 0, 7000],
    [{ ratelimit: "\"default\";r=50;t=30" }, 50, 30_000],
    [{ ratelimit: "default;r=50;t=30" }, 50, 30_000],
    [{ ratelimit: "\"default\"; r=0; t=9; pk=:dHJpYWwxMjEzMjM=:" }, 0, 9000],
    [{ ratelimit: "\"d\";acme-x=1.5;r=2;acme-y=tok;t=3;acme-z=?0;u;since=@1659578233;say=%\"%c3%bc\"" }, 2, 3000],
    [{ ratelimit: "\"a;r=1, b\";r=6;t=3" }, 6, 3000],
    [{ ratelimit: "limit=100, remaining=50, reset=5" }, 50, 5000],
    [{ ratelimit: "limit=100,remaining=0,reset=5" }, 0, 5000]
  ])("reads %j", (headers, remaining, resetAfter) => {
    const told = rateLimit(headers, now)
    assert.strictEqual(told?.remaining, remaining)
    assert.approximately(told!.resetAfter, resetAfter, 0.001)
  })

  it.each<Headers>([
    {},
    { "x-ratelimit-remaining": "4" },
    { "x-ratelimit-reset-after": "4" },
    { "x-ratelimit-remaining": "-1", "x-ratelimit-reset-after": "4" },
    { "x-ratelimit-remaining": "some", "x-ratelimit-reset-after": "4" },
    { "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "0" },
    { "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "-4" },
    { "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "1e9" },
    { "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "9".repeat(400) },
    { "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "9".repeat(307) },
    { "x-ratelimit-remaining": "9".repeat(400), "x-ratelimit-reset-after": "4" },
    { "x-ratelimit-remaining": "4", "x-ratelimit-reset": "1600000000" },
    { "x-ratelimit-remaining": "4", "x-ratelimit-reset": "1699999999999" },
    { "ratelimit-remaining": "4" },
    { "ratelimit-reset": "4" },
    { "ratelimit-remaining": "0", "ratelimit-reset": "0" },
    { "ratelimit-remaining": "0", "ratelimit-reset": "-4" },
    { "ratelimit-remaining": "0", "ratelimit-reset": "1700000003" },
    { "ratelimit-remaining": "0", "x-ratelimit-reset": "4" },
    { ratelimit: "" },
    { ratelimit: "\"default\"" },
    { ratelimit: "\"default\";r=50" },
    { ratelimit: "\"default\";t=50" },
    { ratelimit: "\"default\";r=0;t=0" },
    { ratelimit: "\"default\";r=-1;t=5" },
    { ratelimit: "\"default\";r=1.0;t=5" },
    { ratelimit: "\"default\";r=\"1\";t=5" },
    { ratelimit: "\"default\";r=0;t=5.5" },
    { ratelimit: "\"default\";r=0;t=?1" },
    { ratelimit: "\"default\";r=0;t=1e3" },
    { ratelimit: "\"default\";R=0;T=5" },
    { ratelimit: "7;r=0;t=5" },
    { ratelimit: "(\"a\" \"b\");r=0;t=5" },
    { ratelimit: "\"a\";r=0;t=5," },
    { ratelimit: "\"a\";r=0;t=5, \"b" },
    { ratelimit: "\"a\";r=0;t=5, \"b\";t=9" },
    { ratelimit: "\"a\";r=0;t=5, \"b\";r=-1;t=9" },
    { ratelimit: "\"a\";r=0;t=5, \"b\";r=1;t=9.5" },
    { ratelimit: "remaining=0" },
    { ratelimit: "remaining=0, reset=-5" },
    { ratelimit: "remaining=0, reset=5, " },
    { "ratelimit-policy": "\"default\";q=0;w=10" }
  ])("has no use for %j", (headers) => {
    assert.strictEqual(rateLimit(headers, now), undefined)
  })

  it.each<readonly [string, number, number]>([
    ["\"a\";r=0;t=5, \"b\";r=0;t=60, \"c\";r=0;t=30", 0, 60_000],
    ["\"a\";r=9;t=600, \"b\";r=0;t=5, \"c\";r=1;t=60", 0, 5000],
    ["\"perhour\";r=40;t=3000, \"permin\";r=7;t=20", 7, 20_000],
    ["\"permin\";r=7;t=20, \"perhour\";r=40;t=3000", 7, 20_000],
    ["\"a\";r=5;t=10, \"b\";r=5;t=20", 5, 20_000],
    ["\"a\";r=0, \"b\";r=5;t=20", 5, 20_000]
  ])("takes the policy that binds first of %s", (ratelimit, remaining, resetAfter) => {
    assert.deepStrictEqual(rateLimit({ ratelimit }, now), { _tag: "Taken", remaining, resetAfter })
  })

  it("prefers RateLimit, then RateLimit-*, then X-RateLimit-*, as far as they make sense", () => {
    const old = { "ratelimit-remaining": "2", "ratelimit-reset": "20" }
    const custom = { "x-ratelimit-remaining": "3", "x-ratelimit-reset": "30" }
    const remains = (headers: Headers) => rateLimit(headers, now)?.remaining
    assert.strictEqual(remains({ ...custom, ...old, ratelimit: "\"a\";r=1;t=10" }), 1)
    assert.strictEqual(remains({ ...custom, ...old, ratelimit: "\"a\";r=1" }), 2)
    assert.strictEqual(remains({ ...custom, ...old, ratelimit: "nonsense(" }), 2)
    assert.strictEqual(remains({ ...custom, ...old, "ratelimit-reset": "soon" }), 3)
  })

  const names = ["ratelimit", "ratelimit-remaining", "ratelimit-reset"]
    .concat(["x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-reset-after"])

  const value = Arbitrary.flatMap(
    int(0, 3),
    (kind) =>
      kind === 0
        ? Arbitrary.schema(Schema.String)
        : kind === 1
        ? Arbitrary.map(Arbitrary.schema(Schema.Number), String)
        : kind === 2
        ? oneOf([
          "0",
          "-0",
          "-1",
          "0.0",
          "0.001",
          "1700000000",
          "1700000001",
          "1700000000001",
          "9".repeat(308),
          "1e400"
        ])
        : Arbitrary.map(
          Arbitrary.array(Arbitrary.all([
            oneOf(["\"a\"", "b", "c=1", "remaining=0", "reset=7", "3", "(x)"]),
            oneOf(["", ";r=0", ";r=-1", ";r=7", ";r=999999999999999"]),
            oneOf(["", ";t=0", "; t=3", ";t=-3", ";t=999999999999999", ";t=9999999999999999"])
          ])),
          (members) => members.map((member) => member.join("")).join(", ")
        )
  )

  it.prop("never throws, and never tells a time that is not ahead and finite, whatever the headers hold", {
    values: Arbitrary.array(value, { minLength: names.length, maxLength: names.length })
  }, ({ values }) => {
    const headers = Object.fromEntries(names.map((name, index) => [name, values[index]!]))
    const told = rateLimit(headers, now)
    if (told !== undefined) {
      assert.isTrue(told.resetAfter > 0 && told.resetAfter < Infinity, String(told.resetAfter))
      assert.isTrue(told.remaining >= 0 && told.remaining < Infinity, String(told.remaining))
    }
    assert.strictEqual(exhausted(headers, now), told?.remaining === 0 ? told.resetAfter : undefined)
  }, { arbitrary: { runs: 2000 } })

  it.prop("reads back what was written, in every form", {
    name: Arbitrary.schema(Schema.String.check(Schema.isPattern(/^[ -~]*$/))),
    remaining: int(0, 999_999),
    seconds: int(1, 99_999_999)
  }, ({ name, remaining, seconds }) => {
    const written = `"${name.replace(/["\\]/g, "\\$&")}"`
    const expected = { _tag: "Taken", remaining, resetAfter: seconds * 1000 } as const
    for (
      const headers of [
        { ratelimit: `${written};r=${remaining};t=${seconds}` },
        { ratelimit: `${written};note=${written};t=${seconds};pk=:cHs=:;r=${remaining}` },
        { ratelimit: `limit=${remaining}, remaining=${remaining}, reset=${seconds}` },
        { "ratelimit-remaining": `${remaining}`, "ratelimit-reset": `${seconds}` },
        { "x-ratelimit-remaining": `${remaining}`, "x-ratelimit-reset-after": `${seconds}` },
        { "x-ratelimit-remaining": `${remaining}`, "x-ratelimit-reset": `${now / 1000 + seconds}` },
        { "x-ratelimit-remaining": `${remaining}`, "x-ratelimit-reset": `${now + seconds * 1000}` }
      ]
    ) assert.deepStrictEqual(rateLimit(headers, now), expected, JSON.stringify(headers))
  }, { arbitrary: { runs: 500 } })
})
