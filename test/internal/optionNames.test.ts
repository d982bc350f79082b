import { assert, describe, it } from "@effect/vitest"
import { assertNames, namesOf, unknownOption } from "../../src/internal/optionNames.ts"
import * as NodeTransport from "../../src/node/NodeTransport.ts"
import * as ProxyProvider from "../../src/ProxyProvider.ts"
import * as UrlPool from "../../src/UrlPool.ts"
import * as Webhook from "../../src/Webhook.ts"

const names = namesOf<Record<"urls" | "timeout" | "maxRetries" | "retry" | "keepAlive" | "onRetired", unknown>>({
  urls: true,
  timeout: true,
  maxRetries: true,
  retry: true,
  keepAlive: true,
  onRetired: true
})

const detailOf = (name: string) => unknownOption({ [name]: 1 }, names)?.detail

describe("an option that does not exist", () => {
  it.each([
    ["url", "did you mean urls?"],
    ["uls", "did you mean urls?"],
    ["URLS", "did you mean urls?"],
    ["timeOut", "did you mean timeout?"],
    ["tiemout", "did you mean timeout?"],
    ["time_out", "did you mean timeout?"],
    ["max_retries", "did you mean maxRetries?"],
    ["retries", "did you mean maxRetries or retry?"],
    ["keepalive", "did you mean keepAlive?"],
    ["onretire", "did you mean onRetired?"]
  ])("%s", (name, hint) => {
    assert.strictEqual(detailOf(name), `there is no such option; ${hint}`)
  })

  it("that is like none of them is told of all", () => {
    assert.strictEqual(
      detailOf("concurrency"),
      "there is no such option; there are urls, timeout, maxRetries, retry, keepAlive, onRetired"
    )
  })

  it("is named in one line, and not at any length", () => {
    const named = unknownOption({ ["a\nb".repeat(100_000)]: 1 }, names)!
    assert.isBelow(named.message.length, 400)
    assert.notInclude(named.message, "\n")
  })

  it("is the first of several, whatever its value", () => {
    assert.strictEqual(unknownOption({ urls: "", url: undefined, tls: {} }, names)?.option, "url")
  })

  it("is none of what all objects have", () => {
    assert.strictEqual(unknownOption({ toString: 1 }, names)?.option, "toString")
    assert.isUndefined(unknownOption(Object.create({ url: 1 }), names))
    assert.isUndefined(unknownOption(undefined, names))
  })

  it("is known of every layer that is composed with others", () => {
    const all = [Webhook.optionNames, UrlPool.optionNames, ProxyProvider.optionNames, NodeTransport.optionNames]
    for (const name of all.flatMap((names) => [...names])) {
      assert.doesNotThrow(() => assertNames({ [name]: 1 }, new Set()), name)
    }
  })
})
