// `npm run bench:scale`: what becomes of this library where there is much of
// everything. Takes some minutes, `-- --soak` some more: a million sends with
// faults. Each figure is of a process of its own.
import { fork } from "node:child_process"
import { once } from "node:events"
import { parseArgs } from "node:util"

const { values } = parseArgs({ options: { soak: { type: "boolean", default: false } } })

const server = fork(new URL("./server.ts", import.meta.url))
const [{ http: port }] = await once(server, "message")

const run = async (name: string, options: object = {}): Promise<void> => {
  const child = fork(new URL("./scaled.ts", import.meta.url), [name, JSON.stringify({ port, ...options })], {
    execArgv: ["--expose-gc", "--max-old-space-size=4096"]
  })
  child.on("message", (line) => console.log(line))
  await once(child, "exit")
}

if (values.soak) {
  await run("soak")
} else {
  for (const count of [10_000, 100_000]) await run("parked", { count })
  await run("hosts")
  for (const urls of [1, 10, 100, 1_000, 10_000]) await run("pool", { urls })
  await run("customers")
}
server.disconnect()
