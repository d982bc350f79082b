// One sample: one contender in a process of its own, warmed up, and then the
// CPU that it takes per webhook. In one process the garbage of one contender
// would be charged to another.
import { type Contender, contenders, type Place } from "./contenders.ts"

const { concurrency, count, name, place, warmUp }: {
  readonly name: string
  readonly place: Place
  readonly concurrency: number
  readonly warmUp: number
  readonly count: number
} = JSON.parse(process.argv[2]!)

// The peers are installed on demand, so nothing names their folder to the compiler.
const peers: string = "./peers/contenders.js"
const contender: Contender = contenders[name] ?? (await import(peers)).contenders[name]

const sender = await contender(place)
const loop = typeof sender === "function"
  ? async (next: () => number | undefined) => {
    for (let n = next(); n !== undefined; n = next()) await sender(n)
  }
  : sender.loop

let sent = 0
const run = async (total: number): Promise<void> => {
  const until = sent + total
  const next = () => sent < until ? sent++ : undefined
  await Promise.all(Array.from({ length: concurrency }, () => loop(next)))
}

await run(warmUp)
const cpu = process.cpuUsage()
const started = performance.now()
await run(count)
const { system, user } = process.cpuUsage(cpu)
const wall = (performance.now() - started) * 1000
process.send!({ cpu: (user + system) / count, wall: wall / count })
process.exit()
