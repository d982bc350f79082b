// `npm run --silent bench -- --json | npm run --silent bench:chart`: the figures
// as the picture and the table of the README.
import { readFileSync, writeFileSync } from "node:fs"
import type { Spread } from "./statistics.ts"

interface Line {
  readonly what: string
  readonly against: string
  readonly concurrency: number
  readonly budget?: number
  readonly ratio: Spread
  readonly cpu: { readonly what: Spread; readonly against: Spread }
}

const { lines, machine, samples }: {
  readonly machine: Readonly<Record<"cpu" | "cores" | "memory" | "node" | "date", string>>
  readonly samples: number
  readonly lines: ReadonlyArray<Line>
} = JSON.parse(readFileSync(0, "utf8"))

const self = "effect-webhooks"
const bare = "undici.request"

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

// Everybody as a multiple of the bare call: a peer's ratio is that of this library to it, turned round.
const own = lines.find((line) => line.what === self && line.against === bare && line.concurrency === 32)!.ratio.median
const peers = lines.filter((line) => line.budget === 0.3)
const bars = [
  { name: self, value: own },
  { name: bare, value: 1 },
  ...peers.map(({ against, ratio }) => ({ name: against, value: own / ratio.median }))
].toSorted((a, b) => a.value - b.value)

const width = 720
const left = 190
const step = 34
const scale = (width - left - 70) / Math.max(...bars.map(({ value }) => value))
const height = bars.length * step + 64

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

const svg =
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="CPU per webhook, as a multiple of a bare undici.request" font-family="system-ui, sans-serif" font-size="14">
  <rect width="${width}" height="${height}" rx="6" fill="#ffffff"/>
  <text x="16" y="28" font-weight="600" fill="#1f2328">CPU per webhook, as a multiple of a bare undici.request</text>
${
    bars.map(({ name, value }, index) => {
      const y = 44 + index * step
      const fill = name === self ? "#2da44e" : name === bare ? "#57606a" : "#afb8c1"
      return `  <text x="${left - 12}" y="${y + 17}" text-anchor="end" fill="#1f2328">${escape(name)}</text>
  <rect x="${left}" y="${y}" width="${Math.max(2, value * scale).toFixed(1)}" height="24" rx="3" fill="${fill}"/>
  <text x="${(left + value * scale + 8).toFixed(1)}" y="${y + 17}" fill="#1f2328">${value.toFixed(1)}x</text>`
    }).join("\n")
  }
  <text x="16" y="${height - 10}" font-size="11" fill="#57606a">Lower is better. ${
    escape(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${machine.date}; medians of ${samples}`)
  }</text>
</svg>
`
writeFileSync(new URL("../docs/bench.svg", import.meta.url), svg)

const micros = ({ median }: Spread): string => median.toFixed(0)
console.log("| what | against | ratio | lowest to highest | CPU, us | budget |")
console.log("| --- | --- | --- | --- | --- | --- |")
for (const { against, budget, concurrency, cpu, ratio, what } of lines) {
  const many = concurrency === 32 ? "" : `, ${concurrency} at once`
  console.log(
    `| ${what}${many} | ${against} | ${ratio.median.toFixed(2)}x | ${ratio.min.toFixed(2)} to ${
      ratio.max.toFixed(2)
    } | ` +
      `${micros(cpu.what)} / ${micros(cpu.against)} | ${budget === undefined ? "" : `${budget.toFixed(2)}x`} |`
  )
}
console.log(
  `\nthe peers, against a bare call: ${median(peers.map(({ ratio }) => own / ratio.median)).toFixed(1)}x in the middle`
)
