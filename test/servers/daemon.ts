import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pause, until } from "../node/servers.ts"

const folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin"]

const find = (command: string): string | undefined =>
  folders.map((folder) => join(folder, command)).find((file) => existsSync(file))

/** Whether all of these are installed. Where one is missing it is said which, once. */
export const installed = (...commands: ReadonlyArray<string>): boolean => {
  const missing = commands.filter((command) => find(command) === undefined)
  if (missing.length > 0) {
    process.stdout.write(`skipped: ${missing.join(", ")} is not installed (apt-get install ${missing.join(" ")})\n`)
  }
  return missing.length === 0
}

export interface Daemon {
  readonly port: number
  readonly folder: string
  readonly stop: Effect.Effect<void>
  readonly start: Effect.Effect<void>
  /** Replaces text of one of its files, and lets it read them anew. */
  readonly reload: (file: string, text: string, by: string) => Effect.Effect<void>
}

/**
 * A server of the system, in the foreground, with a configuration in a folder of
 * its own. It listens on a port of loopback that nobody else has.
 */
export const daemon = (
  command: string,
  args: (folder: string, port: number) => ReadonlyArray<string>,
  files: (folder: string, port: number) => Readonly<Record<string, string>>
): Effect.Effect<Daemon, never, Scope.Scope> =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), `effect-webhooks-${command}-`))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    // Started by root, some become another user.
    chmodSync(folder, 0o777)
    const port = yield* freePort
    for (const [name, text] of Object.entries(files(folder, port))) {
      mkdirSync(join(folder, name, ".."), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    let child: ChildProcess | undefined
    let output = ""
    const start = Effect.gen(function*() {
      child = spawn(find(command)!, args(folder, port), { cwd: folder, stdio: ["ignore", "pipe", "pipe"] })
      for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk) => output += chunk)
      for (let i = 0; i < 100; i++) {
        if (yield* answers(port)) return
        yield* pause(100)
      }
      return yield* Effect.die(new Error(`${command} does not listen: ${output}`))
    })
    const stop = Effect.gen(function*() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const { pid } = child
      child.kill("SIGTERM")
      yield* until(() => child!.exitCode !== null || child!.signalCode !== null, `${command} (${pid}) ends`)
    })
    yield* Effect.acquireRelease(start, () => stop)
    const reload = (file: string, text: string, by: string) =>
      Effect.sync(() => {
        const path = join(folder, file)
        writeFileSync(path, readFileSync(path, "utf8").replaceAll(text, by))
        child!.kill("SIGHUP")
      })
    return { port, folder, start, stop, reload }
  })

const freePort = Effect.callback<number>((resume) => {
  const server = Net.createServer()
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as Net.AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

const answers = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = Net.connect(port, "127.0.0.1")
    const end = (listens: boolean) => {
      socket.destroy()
      resume(Effect.succeed(listens))
    }
    socket.once("connect", () => end(true))
    socket.once("error", () => end(false))
  })

// What squid shares between its processes goes by its name, also after it was killed.
const squidArgs = (folder: string, port: number) => ["-N", "-n", `t${port}`, "-f", `${folder}/squid.conf`]

const squidConf = (folder: string, port: number, lines: ReadonlyArray<string>): string =>
  [
    `http_port 127.0.0.1:${port}`,
    "cache deny all",
    `pid_filename ${folder}/squid.pid`,
    `access_log none`,
    `cache_log /dev/null`,
    `coredump_dir ${folder}`,
    "shutdown_lifetime 0 seconds",
    "connect_timeout 2 seconds",
    ...lines,
    "http_access allow localhost",
    "http_access deny all",
    ""
  ].join("\n")

const squidWith = (files: Parameters<typeof daemon>[2]) =>
  Effect.tap(daemon("squid", squidArgs, files), ({ port }) =>
    Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const part of ["metadata", "queues", "readers"]) {
          rmSync(`/dev/shm/t${port}-cf__${part}.shm`, { force: true })
        }
      })
    ))

/** squid; `lines` stand before it lets everybody in. */
export const squid = (...lines: ReadonlyArray<string>) =>
  squidWith((folder, port) => ({ "squid.conf": squidConf(folder, port, lines) }))

/** squid that wants the user "user" with the password "hunter2". */
export const squidWithPassword = squidWith(
  (folder, port) => ({
    // As htpasswd writes it.
    users: "user:$apr1$webhooks$.dp6PN3Q0pzzr4WFi8B4h0\n",
    "squid.conf": squidConf(folder, port, [
      `auth_param basic program /usr/lib/squid/basic_ncsa_auth ${folder}/users`,
      "acl known proxy_auth REQUIRED",
      "http_access deny !known"
    ])
  })
)

/** tinyproxy; `lines` are added to its configuration. */
export const tinyproxy = (...lines: ReadonlyArray<string>) =>
  daemon(
    "tinyproxy",
    (folder) => ["-d", "-c", `${folder}/tinyproxy.conf`],
    (folder, port) => ({
      "tinyproxy.conf": [
        `Port ${port}`,
        "Listen 127.0.0.1",
        "Timeout 60",
        "MaxClients 200",
        `LogFile "${folder}/log"`,
        "LogLevel Error",
        ...lines,
        ""
      ].join("\n")
    })
  )

/** nginx with the zones of `http` and, for all that is asked of it, the lines of `location`; behind them `upstream` answers. */
export const nginx = (upstream: string, http: string, location: string) =>
  daemon(
    "nginx",
    (folder) => ["-p", folder, "-c", `${folder}/nginx.conf`, "-g", "daemon off;"],
    (folder, port) => ({
      "nginx.conf": `
worker_processes 1;
pid ${folder}/nginx.pid;
error_log /dev/null crit;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  ${http}
  server {
    listen 127.0.0.1:${port};
    location / {
      ${location}
      proxy_pass ${upstream};
    }
  }
}
`
    })
  )
