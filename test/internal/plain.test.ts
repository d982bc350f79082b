import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { plain } from "../../src/internal/plain.ts"

const int = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const key = Arbitrary.map(int(0, 5), (n) => ["a", "", "b c", "1", "toJSON", "__proto__"][n]!)

const scalar = Arbitrary.flatMap(
  int(0, 3),
  (n): Arbitrary.Arbitrary<unknown> =>
    [
      Arbitrary.schema(Schema.String),
      Arbitrary.schema(Schema.Number),
      Arbitrary.map(int(0, 5), (n) => [null, undefined, true, false, Symbol.iterator, () => 1][n]),
      Arbitrary.map(int(0, 4e9), (seconds) => new Date(seconds * 1000))
    ][n]!
)

class Instance {
  // JSON sees this one whatever the other is.
  readonly n = 0
  readonly field: unknown

  constructor(field: unknown) {
    this.field = field
  }
}

// Like a value, with its parts wrapped in all that JSON.stringify looks through.
const wrap = (value: unknown, way: number): unknown =>
  [
    value,
    { toJSON: (key: string) => [key, value] },
    {
      get read() {
        return value
      }
    },
    new Instance(value),
    Object.assign(Object.create(null), { value }),
    new Proxy(Array.isArray(value) ? value : [value], {})
  ][way]

const fromEntries = (entries: ReadonlyArray<readonly [string, unknown]>): object => {
  const object = {}
  for (const [key, value] of entries) {
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true })
  }
  return object
}

const valueOf = (depth: number): Arbitrary.Arbitrary<unknown> =>
  depth === 0 ? scalar : Arbitrary.flatMap(int(0, 3), (n) => {
    const inner = valueOf(depth - 1)
    const value: Arbitrary.Arbitrary<unknown> = n === 0
      ? scalar
      : n === 1
      ? Arbitrary.array(inner, { maxLength: 4 })
      : Arbitrary.map(Arbitrary.array(Arbitrary.all([key, inner]), { maxLength: 4 }), fromEntries)
    return Arbitrary.flatMap(value, (value) => Arbitrary.map(int(0, 5), (way) => wrap(value, way)))
  })

describe("what is read of a value", () => {
  it.prop("is what JSON sees of it", { value: valueOf(4) }, ({ value }) => {
    const { value: read, violations } = plain(value)
    assert.deepStrictEqual(violations, [])
    assert.strictEqual(JSON.stringify(read), JSON.stringify(value))
    // Nothing is left in it that could tell something else the next time.
    assert.isFalse(plain(read).changed)
  })

  it("has not changed where it is only a copy", () => {
    assert.isFalse(plain({ a: [{ b: [] }, null], c: undefined, d: () => 1 }).changed)
    assert.isTrue(plain({ a: [{ at: new Date(0) }] }).changed)
    assert.isTrue(plain({ a: [1n] }).changed)
  })

  it("has nothing that others gave the prototype of all objects", () => {
    const prototype = Object.prototype as { added?: object }
    prototype.added = { by: "others" }
    const { value } = plain({ a: { b: 1 } })
    delete prototype.added
    assert.strictEqual(JSON.stringify(value), "{\"a\":{\"b\":1}}")
  })

  it("has every violation, each where it is", () => {
    const { violations } = plain({ a: new Map(), "b c": [1n, { toJSON: () => [new Set()] }] })
    assert.deepStrictEqual(violations.map(({ path }) => path), ["a", "[\"b c\"][0]", "[\"b c\"][1][0]"])
  })

  it("names a key of any length, and not all of it", () => {
    const { violations } = plain({ ["k".repeat(100_000)]: 1n })
    assert.isBelow(violations[0]!.path.length, 300)
  })

  it("ends where it is nested as deep as no receiver reads, and not before", () => {
    const nested = (depth: number) => {
      let object: object = {}
      for (let n = 1; n < depth; n++) object = { a: object }
      return object
    }
    assert.deepStrictEqual(plain(nested(1_000)).violations, [])
    assert.deepStrictEqual(plain(nested(1_001)).violations.map(({ message }) => message), ["it is nested too deeply"])
    let depth = 0
    const endless = (): object => ({ next: ++depth < 100_000 ? { toJSON: endless } : "the end" })
    assert.deepStrictEqual(plain(endless()).violations.map(({ message }) => message), ["it is nested too deeply"])
  })
})
