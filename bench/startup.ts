// The time from the start of `node` to the answer to the first webhook.
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Place } from "./contenders.ts"
import { spread } from "./statistics.ts"

const folder = fileURLToPath(new URL("./", import.meta.url))
const peers = `${folder}peers/`

const programs: Readonly<Record<string, (url: string) => { readonly cwd: string; readonly code: string }>> = {
  "effect-webhooks/node": (url) => ({
    cwd: folder,
    code: `
      import * as Effect from "effect/Effect"
      import * as Webhook from "effect-webhooks/Webhook"
      import * as NodeWebhook from "effect-webhooks/node/NodeWebhook"
      await Effect.runPromise(Effect.provide(Webhook.send({ text: "first" }), NodeWebhook.layer({ urls: "${url}" })))`
  }),
  "effect-webhooks over fetch": (url) => ({
    cwd: folder,
    code: `
      import * as Effect from "effect/Effect"
      import * as FetchHttpClient from "effect/http/FetchHttpClient"
      import * as Layer from "effect/Layer"
      import * as UrlPool from "effect-webhooks/UrlPool"
      import * as Webhook from "effect-webhooks/Webhook"
      const layer = Webhook.layer().pipe(Layer.provide([FetchHttpClient.layer, UrlPool.layer("${url}")]))
      await Effect.runPromise(Effect.provide(Webhook.send({ text: "first" }), layer))`
  }),
  "effect's own client over fetch": (url) => ({
    cwd: folder,
    code: `
      import * as Effect from "effect/Effect"
      import * as FetchHttpClient from "effect/http/FetchHttpClient"
      import * as HttpBody from "effect/http/HttpBody"
      import * as HttpClient from "effect/http/HttpClient"
      await Effect.runPromise(
        HttpClient.post("${url}", { body: HttpBody.jsonUnsafe({ text: "first" }) }).pipe(
          Effect.flatMap((response) => response.text),
          Effect.provide(FetchHttpClient.layer)
        )
      )`
  }),
  "discord.js WebhookClient": (url) => ({
    cwd: peers,
    code: `
      import { WebhookClient } from "discord.js"
      const options = { rest: { api: "${url.replace("/hook", "/discord")}" } }
      await new WebhookClient({ id: "123456789012345678", token: "a".repeat(68) }, options).send({ content: "first" })
      process.exit()`
  }),
  "@slack/webhook": (url) => ({
    cwd: peers,
    code: `
      import { IncomingWebhook } from "@slack/webhook"
      await new IncomingWebhook("${url}").send({ text: "first" })`
  }),
  "got": (url) => ({
    cwd: peers,
    code: `
      import got from "got"
      await got.post("${url}", { json: { text: "first" } })`
  }),
  "ky": (url) => ({
    cwd: peers,
    code: `
      import ky from "ky"
      await (await ky.post("${url}", { json: { text: "first" } })).text()`
  }),
  "axios + axios-retry": (url) => ({
    cwd: peers,
    code: `
      import axios from "axios"
      import axiosRetry from "axios-retry"
      axiosRetry(axios, { retries: 3 })
      await axios.post("${url}", { text: "first" })`
  })
}

const run = promisify(execFile)

const millis = async (name: string, url: string): Promise<number> => {
  const { code, cwd } = programs[name]!(url)
  // The clock of a process begins when it does.
  const script = `${code}\nprocess.stdout.write(String(performance.now()))`.replace(
    "process.exit()\nprocess.stdout.write(String(performance.now()))",
    "process.stdout.write(String(performance.now()), () => process.exit())"
  )
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], { cwd })
  return Number(stdout)
}

export const measure = async ({ url }: Place, samples: number) => {
  const names = Object.keys(programs)
  const times = new Map<string, Array<number>>(names.map((name) => [name, []]))
  for (let turn = 0; turn < samples; turn++) {
    for (const name of turn % 2 === 0 ? names : names.toReversed()) {
      times.get(name)!.push(await millis(name, `${url}/hook`))
    }
  }
  const value = Object.fromEntries([...times].map(([name, all]) => [name, spread(all)]))
  return {
    value,
    text: "from the start of node to the first answer\n" +
      Object.entries(value).map(([name, { max, median, min }]) =>
        `  ${name.padEnd(36)}${median.toFixed(0).padStart(6)} ms  [${min.toFixed(0)} to ${max.toFixed(0)}]`
      ).join("\n")
  }
}
