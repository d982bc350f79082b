// Packs the package, installs the tarball in an empty folder, and uses it from
// there as a consumer does: type-checks it, runs it, and looks at what it loads.
// With --runtimes it does so under Bun, Deno and a Node that is too old, too,
// which it installs there.
import { execFileSync } from "node:child_process"
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const { devDependencies, name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const consumer = mkdtempSync(join(tmpdir(), "effect-webhooks-consumer-"))

const run = (command: string, args: ReadonlyArray<string>, cwd = consumer): string => {
  try {
    return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 300_000 })
  } catch (error) {
    const { stderr, stdout } = error as { readonly stderr?: string; readonly stdout?: string }
    throw new Error(`${command} ${args.join(" ")}\n${stdout ?? ""}${stderr ?? String(error)}`, { cause: error })
  }
}
const node = (...args: ReadonlyArray<string>) => run(process.execPath, args)
const install = (...names: ReadonlyArray<string>) => {
  const wanted = names.map((name) => /\d/.test(name) ? name : `${name}@${devDependencies[name]}`)
  return run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...wanted])
}

const compile = (file: string, resolution: "nodenext" | "bundler", ...options: ReadonlyArray<string>) =>
  node(
    join(root, "node_modules/typescript/bin/tsc"),
    file,
    "--noEmit",
    "--strict",
    "--target",
    "es2022",
    "--module",
    resolution === "nodenext" ? "nodenext" : "preserve",
    "--moduleResolution",
    resolution,
    ...options
  )

const expect = (condition: boolean, message: string): void => {
  if (!condition) throw new Error(message)
}

const failures: Array<string> = []
const step = (name: string, body: () => void): boolean => {
  try {
    body()
    console.log(`ok      ${name}`)
    return true
  } catch (error) {
    failures.push(name)
    console.log(`failed  ${name}\n${error instanceof Error ? error.message : String(error)}`)
    return false
  }
}

const checkCore = (): void => {
  step("the optional peer is not there", () => {
    for (const name of ["@effect/platform-node", "undici"]) {
      expect(!existsSync(join(consumer, "node_modules", name)), `${name} was installed, nobody asked for it`)
    }
  })
  for (const resolution of ["nodenext", "bundler"] as const) {
    step(`the core and Discord's part type-check without Node's types (${resolution})`, () => {
      for (const file of ["core.ts", "discord.ts"]) {
        compile(file, resolution, "--lib", "es2023,dom,dom.iterable", "--types", "")
      }
    })
  }
  step(
    "the core runs, and loads neither undici nor @effect/platform-node, nor Discord's part, nor anything of Node",
    () => {
      const loads = node("--import", "./loads.ts", "core.ts").trim().split("\n")
      expect(loads.some((load) => load.includes("/effect-webhooks/dist/Webhook.js from")), "the modules were not seen")
      const unwanted = loads.filter((load) => {
        const [url = "", parent = ""] = load.split(" from ")
        return /\/node_modules\/(?:undici|@effect\/platform-node[^/]*)\//.test(url) ||
          /\/effect-webhooks\/dist\/(?:discord|node|outbox)\//.test(url) ||
          (url.startsWith("node:") && parent.includes("/effect-webhooks/"))
      })
      expect(unwanted.length === 0, `the core loads\n${unwanted.join("\n")}`)
    }
  )
  step("what is internal is closed, and so is every index", () => {
    const dist = join(consumer, "node_modules/effect-webhooks/dist")
    const closed = globSync(["**/internal/*.js", "**/index.js"], { cwd: dist })
      .map((file) => `effect-webhooks/${file.replace(/\.js$/, "")}`)
    expect(closed.length > 0, `there is nothing in ${dist}`)
    const open = JSON.parse(node("closed.ts", ...closed))
    expect(open.length === 0, `these can be imported: ${open.join(", ")}`)
  })
}

// What becomes of a webhook on a runtime, by the transports.
const expectEnds = (output: string, ends: Readonly<Record<string, RegExp>>): void => {
  for (const [name, end] of Object.entries(ends)) {
    const line = output.split("\n").find((line) => line.startsWith(`${name}: `))
    expect(line !== undefined && end.test(line), `${name} should say ${end}, but it says\n${output}`)
  }
}

const checkWithoutPeer = (): void => {
  step("what needs the optional peer can be imported, and says how to install it when its layer is built", () => {
    const missing = /needs @effect\/platform-node.*npm install @effect\/platform-node/
    expectEnds(node("runtime.js"), { NodeWebhook: missing, NodeTransport: missing, fetch: /delivered$/ })
  })
}

const checkRuntimes = (): void => {
  const bin = join(consumer, "node_modules/.bin")
  const delivered = /delivered$/
  const runtimes: ReadonlyArray<readonly [name: string, args: ReadonlyArray<string>, ends: Record<string, RegExp>]> = [
    ["deno@2.9.6", ["run", "--allow-all"], { NodeWebhook: delivered, NodeTransport: delivered, fetch: delivered }],
    ["bun@1.4.5", [], { NodeWebhook: /FetchHttpClient/, NodeTransport: /FetchHttpClient/, fetch: delivered }],
    ["node@20.20.2", [], { NodeWebhook: /needs Node 22\.19/, NodeTransport: /needs Node 22\.19/, fetch: delivered }]
  ]
  for (const [runtime, args, ends] of runtimes) {
    step(`${runtime} delivers, or is told what it needs`, () => {
      install(runtime)
      expectEnds(run(join(bin, runtime.split("@")[0]!), [...args, "runtime.js"]), ends)
    })
  }
}

const checkNode = (): void => {
  for (const resolution of ["nodenext", "bundler"] as const) {
    step(`a program on Node type-checks (${resolution})`, () => {
      compile("node.ts", resolution, "--types", "node")
    })
  }
  step("a webhook is delivered over a real socket", () => {
    node("node.ts")
  })
}

try {
  cpSync(join(root, "scripts/consumer"), consumer, { recursive: true })
  writeFileSync(join(consumer, "package.json"), `{ "private": true, "type": "module" }`)
  // Where one of these fails, what follows it would only fail for the same reason.
  const packed = step("the package packs", () => {
    run("npm", ["pack", "--pack-destination", consumer], root)
  })
  const installed = packed && step("the tarball installs beside effect", () => {
    install(`./${name}-${version}.tgz`, "effect", "@types/node")
  })
  if (installed) {
    checkCore()
    checkWithoutPeer()
  }
  const installedPeer = installed && step("@effect/platform-node installs beside it", () => {
    install("@effect/platform-node")
  })
  if (installedPeer) checkNode()
  if (installedPeer && process.argv.includes("--runtimes")) checkRuntimes()
} finally {
  rmSync(consumer, { recursive: true, force: true })
}

if (failures.length > 0) {
  console.log(`\n${failures.length} of the consumer's checks failed`)
  process.exitCode = 1
}
