import { assert, describe, it } from "@effect/vitest"
import { type Budget, closesUrl, decide, type Decision, type View } from "../../../src/internal/send/decide.ts"

type Setback = Parameters<typeof decide>[0]

const base: Setback = { retry: true, rotate: false, maybe: false, limited: false, hint: undefined, pause: undefined }

// What a send meets.
const failed: Setback = { ...base, maybe: true }
const unreachable: Setback = base
const limited: Setback = { ...base, limited: true }
const limitedFor: Setback = { ...limited, hint: 5000 }
const unavailableFor: Setback = { ...base, hint: 5000 }
const rejected: Setback = { ...base, retry: false }
const proxyFailed: Setback = { ...base, rotate: true }
const proxyLostIt: Setback = { ...base, rotate: true, maybe: true }
const addressLimited: Setback = { ...limited, hint: 5000, pause: 5000 }
const addressLimitedShorter: Setback = { ...limited, hint: 5000, pause: 1000 }

const alone: View = {
  otherProxy: false,
  failover: false,
  other: undefined,
  firstLap: true,
  anyOpen: false,
  proxied: false
}
const proxied: View = { ...alone, proxied: true }
const another: View = { ...alone, failover: true, anyOpen: true, other: { open: true, same: false } }
const anotherShut: View = { ...alone, failover: true, other: { open: false, same: false } }
const allTried: View = { ...another, firstLap: false }
const allShut: View = { ...anotherShut, firstLap: false }
const itself: View = { ...alone, failover: true, firstLap: false, other: { open: false, same: true } }

const plenty: Budget = { retries: 3, rotations: 3, stopOnMaybe: false }
const last: Budget = { ...plenty, retries: 1 }
const spent: Budget = { ...plenty, retries: 0 }
const careful: Budget = { ...plenty, stopOnMaybe: true }

const stop: Decision = { _tag: "Stop" }
const rotate: Decision = { _tag: "Rotate" }
const retry = (to: "same" | "any" | "other", wait: "none" | "gate" | "backoff" | "hinted"): Decision => ({
  _tag: "Retry",
  to,
  wait
})

const rows: ReadonlyArray<readonly [string, Setback, Budget, View, Decision]> = [
  // What happens on each answer.
  ["a 429 waits as long as it says", limitedFor, plenty, alone, retry("same", "hinted")],
  ["a 429 without a hint backs off", limited, plenty, alone, retry("same", "hinted")],
  [
    "a 503 with a hint waits for the longer of hint and backoff",
    unavailableFor,
    plenty,
    alone,
    retry("same", "hinted")
  ],
  ["a 5xx backs off", failed, plenty, alone, retry("same", "hinted")],
  ["a connection that is not made backs off", unreachable, plenty, alone, retry("same", "hinted")],
  ["what is final ends the send", rejected, plenty, alone, stop],
  ["no retry is left", failed, spent, alone, stop],
  ["a maybe ends the send where it is asked for", failed, careful, alone, stop],
  ["what is certainly not delivered does not", unreachable, careful, alone, retry("same", "hinted")],
  // Proxies.
  ["a proxy that failed: the next one, at once", proxyFailed, plenty, { ...proxied, otherProxy: true }, rotate],
  ["it is no retry", proxyFailed, spent, { ...proxied, otherProxy: true }, rotate],
  ["a proxy that lost a request: the next one too", proxyLostIt, plenty, { ...proxied, otherProxy: true }, rotate],
  ["unless a maybe ends the send", proxyLostIt, careful, { ...proxied, otherProxy: true }, stop],
  ["no other proxy: a retry like any other", proxyFailed, plenty, proxied, retry("same", "hinted")],
  [
    "no rotation is left: a retry like any other",
    proxyFailed,
    { ...plenty, rotations: 0 },
    { ...proxied, otherProxy: true },
    retry("same", "hinted")
  ],
  ["neither proxy nor retry is left", proxyFailed, spent, proxied, stop],
  ["a limit of the address: another proxy may lead there", addressLimited, plenty, proxied, retry("same", "gate")],
  ["a limit of the address, directly", addressLimited, plenty, alone, retry("same", "hinted")],
  // The next URL when one fails.
  ["nobody has it, and another URL is open: at once", unreachable, plenty, another, retry("any", "none")],
  ["a 429, and another URL is open: at once", limitedFor, plenty, another, retry("any", "none")],
  ["a refusal that another URL may not share: at once", rejected, plenty, another, retry("any", "none")],
  ["it may have it: after the backoff", failed, plenty, another, retry("any", "backoff")],
  ["the others are shut: this one is tried again", unreachable, plenty, anotherShut, retry("any", "hinted")],
  [
    "the others are shut, and this one refused it: theirs is waited for",
    rejected,
    plenty,
    anotherShut,
    retry("other", "none")
  ],
  ["the last try goes to another URL, shut as it is", unreachable, last, anotherShut, retry("other", "none")],
  ["the last try after a maybe, too, after the backoff", failed, last, anotherShut, retry("other", "backoff")],
  ["the last try after a 429 goes where it opens first", limitedFor, last, anotherShut, retry("any", "gate")],
  ["all have been tried: round again after the backoff", unreachable, plenty, allTried, retry("any", "hinted")],
  ["all have been tried, and this one is limited", limitedFor, plenty, allTried, retry("any", "backoff")],
  ["all are limited: the first to open", limitedFor, plenty, allShut, retry("any", "gate")],
  ["all have been tried, and this one refused it", rejected, plenty, allShut, retry("other", "hinted")],
  ["only this one is left", unreachable, last, itself, retry("any", "hinted")],
  ["only this one is left, and it refused it", rejected, plenty, { ...itself, other: undefined }, stop],
  ["no retry is left for another URL", unreachable, spent, another, stop]
]

describe("decide", () => {
  it.each(rows)("%s", (_, setback, budget, view, expected) => {
    assert.deepStrictEqual(decide(setback, budget, view), expected)
  })

  // The same rules in another order and other words: first what there is to go to, then when.
  const model = (setback: Setback, budget: Budget, view: View): Decision => {
    const gives = setback.maybe && budget.stopOnMaybe
    const canRotate = setback.rotate && view.otherProxy && budget.rotations >= 1
    const canRetry = (setback.retry || view.other !== undefined) && budget.retries >= 1
    if (gives || !(canRotate || canRetry)) return stop
    if (canRotate) return rotate

    const shutElsewhere = view.other !== undefined && !view.other.open && !view.other.same
    const mustLeave = !setback.retry
    const shouldLeave = budget.retries === 1 && !setback.limited
    const there = shutElsewhere && (mustLeave || shouldLeave)
    const to = there ? "other" : view.failover ? "any" : "same"

    const fresh = view.firstLap && (there || view.other?.open === true)
    if (fresh && !setback.maybe) return retry(to, "none")
    if (fresh) return retry(to, "backoff")
    if (setback.limited) {
      const wayIsShut = setback.pause !== undefined
      const urlIsShut = !wayIsShut || setback.pause! < (setback.hint ?? 0)
      if (wayIsShut && view.proxied) return retry(to, "gate")
      if (urlIsShut && view.failover && view.anyOpen) return retry(to, "backoff")
      if (urlIsShut && view.failover) return retry(to, "gate")
    }
    return retry(to, "hinted")
  }

  it("agrees with a model over every combination", () => {
    const both = [false, true]
    let count = 0
    for (const retry of both) {
      for (const rotate of both) {
        for (const maybe of both) {
          for (const limited of both) {
            for (const hint of [undefined, 0.5, 1000]) {
              for (const pause of [undefined, 500, 1000, 2000]) {
                for (const retries of [0, 1, 2]) {
                  for (const rotations of [0, 1]) {
                    for (const stopOnMaybe of both) {
                      for (const failover of both) {
                        for (const firstLap of both) {
                          for (const anyOpen of both) {
                            for (const otherProxy of both) {
                              for (const proxied of both) {
                                const others = failover
                                  ? [undefined, { open: true, same: false }, { open: false, same: false }, {
                                    open: false,
                                    same: true
                                  }]
                                  : [undefined]
                                for (const other of others) {
                                  const setback = { retry, rotate, maybe, limited, hint, pause }
                                  const budget = { retries, rotations, stopOnMaybe }
                                  const view = { failover, firstLap, anyOpen, otherProxy, proxied, other }
                                  const decision = decide(setback, budget, view)
                                  const expected = model(setback, budget, view)
                                  count++
                                  if (JSON.stringify(decision) === JSON.stringify(expected)) continue
                                  assert.deepStrictEqual(decision, expected, JSON.stringify({ setback, budget, view }))
                                }
                              }
                            }
                          }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    assert.isAbove(count, 100_000)
  })

  it.each([
    [limited, true],
    [limitedFor, true],
    [addressLimited, false],
    [addressLimitedShorter, true],
    [failed, false],
    [unavailableFor, false]
  ])("a refusal closes its URL, unless the way to it is closed for as long: %j", (setback, closes) => {
    assert.strictEqual(closesUrl(setback), closes)
  })
})
