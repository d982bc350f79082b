// `npm run bench`: this library beside what it is measured against, in one run.
//
// Every sample is a process of its own, the server another one. The contenders
// of a row take turns, and a ratio is of two samples of the same turn, so that
// what the machine does besides falls on both.
import { fork } from "node:child_process"
import { once } from "node:events"
import { cpus, totalmem } from "node:os"
import { parseArgs } from "node:util"
import type { Place } from "./contenders.ts"
import * as Memory from "./memory.ts"
import * as Size from "./size.ts"
import * as Startup from "./startup.ts"
import { type Spread, spread } from "./statistics.ts"
import * as Validation from "./validation.ts"

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    samples: { type: "string", default: "7" },
    only: { type: "string", default: "" }
  }
})
const samples = Number(values.samples)

interface Row {
  readonly what: string
  readonly against: string
  readonly concurrency?: number
  /** The highest ratio that this project allows itself. */
  readonly budget?: number
  /** Webhooks per sample, and before it. */
  readonly count?: number
}

const self = "effect-webhooks"
const bare = "undici.request"

const rows: ReadonlyArray<Row> = [
  { what: self, against: bare, budget: 1 },
  { what: self, against: bare, concurrency: 1 },
  { what: self, against: bare, concurrency: 1000 },
  { what: "effect-webhooks over TLS", against: "undici.request over TLS" },
  { what: "effect-webhooks, 64 KiB", against: "undici.request, 64 KiB", count: 5000 },
  { what: "effect-webhooks by a proxy", against: "undici ProxyAgent", budget: 1 },
  { what: "effect-webhooks over layerUndici", against: "layerUndici, execute + text", budget: 1, count: 10_000 },
  { what: "effect-webhooks over fetch", against: "fetch", count: 5000 },
  { what: "effect-webhooks, signed", against: bare },
  { what: "effect-webhooks, traced", against: bare },
  { what: "effect-webhooks, a 500 and one retry", against: "undici.request, twice", count: 10_000 },
  ...["discord.js WebhookClient", "@slack/webhook", "got", "ky", "axios + axios-retry"].map((peer): Row => ({
    what: self,
    against: peer,
    budget: 0.3,
    count: 5000
  }))
]

interface Line {
  readonly what: string
  readonly against: string
  readonly concurrency: number
  readonly budget: number | undefined
  readonly ratio: Spread
  /** CPU per webhook, in microseconds. */
  readonly cpu: { readonly what: Spread; readonly against: Spread }
}

const sample = async (
  name: string,
  place: Place,
  { concurrency = 32, count = 20_000 }: Row
): Promise<{ readonly cpu: number }> => {
  const options = { name, place, concurrency, count, warmUp: 15_000 }
  const child = fork(new URL("./sample.ts", import.meta.url), [JSON.stringify(options)])
  const [result] = await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code]) => {
      throw new Error(`${name} ended with ${code} before it had a result`)
    })
  ])
  await once(child, "exit")
  return result
}

const measure = async (place: Place, row: Row): Promise<Line> => {
  const what: Array<number> = []
  const against: Array<number> = []
  for (let turn = 0; turn < samples; turn++) {
    const order = turn % 2 === 0 ? [row.what, row.against] : [row.against, row.what]
    for (const name of order) {
      const { cpu } = await sample(name, place, row)
      ;(name === row.what ? what : against).push(cpu)
    }
  }
  return {
    what: row.what,
    against: row.against,
    concurrency: row.concurrency ?? 32,
    budget: row.budget,
    ratio: spread(what.map((cpu, turn) => cpu / against[turn]!)),
    cpu: { what: spread(what), against: spread(against) }
  }
}

const say = (text: string): void => {
  if (!values.json) console.log(text)
}

const pad = (text: string, width: number): string => text.padEnd(width)
const ratio = ({ max, median, min }: Spread): string =>
  `${median.toFixed(2)}x`.padStart(6) + `  [${min.toFixed(2)} to ${max.toFixed(2)}]`
const verdict = (value: number, budget: number | undefined): string =>
  budget === undefined ? "" : `  ${value <= budget ? "within" : "OVER"} ${budget.toFixed(2)}x`

const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  node: process.version,
  date: new Date().toISOString().slice(0, 10)
}
say(`${machine.cpu}, ${machine.cores} cores, ${machine.memory}, Node ${machine.node}, ${machine.date}`)
say(
  `CPU (user and system) per webhook, median of ${samples} ratios [lowest to highest]; the server is another process\n`
)

const server = fork(new URL("./server.ts", import.meta.url))
const [ports] = await once(server, "message")
const place: Place = {
  url: `http://127.0.0.1:${ports.http}`,
  secureUrl: `https://127.0.0.1:${ports.https}`,
  proxy: `127.0.0.1:${ports.proxy}`
}

const wanted = (name: string): boolean => name.includes(values.only)

const lines: Array<Line> = []
for (const row of rows) {
  if (!wanted(`${row.what} ${row.against}`)) continue
  const line = await measure(place, row)
  lines.push(line)
  const many = row.concurrency === undefined ? "" : ` (${row.concurrency} at once)`
  say(
    pad(line.what + many, 38) + pad(`against ${line.against}`, 40) + ratio(line.ratio) +
      `  ${line.cpu.what.median.toFixed(1)} us / ${line.cpu.against.median.toFixed(1)} us` +
      verdict(line.ratio.median, line.budget)
  )
}

const others: Record<string, unknown> = {}
const other = async (name: string, body: () => Promise<{ readonly text: string; readonly value: unknown }>) => {
  if (!wanted(name)) return
  const { text, value } = await body()
  others[name] = value
  say(pad(name, 38) + text)
}
say("")
await other("validation", () => Validation.measure(samples))
await other("startup", () => Startup.measure(place, samples))
await other("memory", () => Memory.measure(place))
await other("size", () => Size.measure())

server.disconnect()
if (values.json) console.log(JSON.stringify({ machine, samples, lines, ...others }, undefined, 2))
