import { assert, describe, it } from "@effect/vitest"
import { Ways } from "../../src/internal/ways.ts"

const origin = "https://example.com"

describe("Ways", () => {
  it("remembers a way for as long as it is closed, and no longer than until the next one closes", () => {
    const ways = new Ways()
    ways.close(origin, "proxy-1", 0, 1000)
    ways.close(origin, "proxy-2", 500, 1000)
    assert.strictEqual(ways.size, 2)
    // The first is open again, and nobody goes by it.
    ways.close(origin, undefined, 1000, 1000)
    assert.strictEqual(ways.size, 2)
    assert.strictEqual(ways.find(origin, "proxy-1"), undefined)
    assert.isDefined(ways.find(origin, "proxy-2"))
    assert.isDefined(ways.find(origin, undefined))
  })

  it("does not grow with the number of proxies that were limited once", () => {
    const ways = new Ways()
    for (let n = 0; n < 1000; n++) ways.close(origin, `proxy-${n}`, n * 1000, 1000)
    assert.strictEqual(ways.size, 1)
  })

  it("keeps a way that somebody tries, though its time is over", () => {
    const ways = new Ways()
    ways.close(origin, "proxy-1", 0, 1000)
    const tried = ways.find(origin, "proxy-1")!
    tried.pace.settle(1000)
    tried.pace.take(1000, false)
    ways.close(origin, "proxy-2", 1100, 1000)
    assert.strictEqual(ways.find(origin, "proxy-1"), tried)
    tried.pace.untold(tried.pace.epoch, 1200)
    ways.close(origin, "proxy-2", 1300, 1000)
    assert.strictEqual(ways.find(origin, "proxy-1"), undefined)
  })
})
