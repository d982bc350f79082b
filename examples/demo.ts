// Six sends that meet with trouble, and every attempt they took; and one that is refused before it is sent.
import { Console, Effect } from "effect"
import { Server } from "proxy-chain"
import { DiscordWebhook } from "../src/discord/index.ts"
import { RetryPolicy, Webhook, type WebhookResult } from "../src/index.ts"
import { NodeDiscordWebhook, NodeWebhook, TestReceiver } from "../src/node/index.ts"

// A webhook URL is a credential: this stands in for the part that nobody should see.
const token = "tok_b2f1c09e7a"

const routes: TestReceiver.Routes = {
  [`/flaky/${token}`]: [
    TestReceiver.reply({ status: 500 }),
    TestReceiver.reply({ status: 429, body: { retry_after: 0.4 } }),
    TestReceiver.reply({ status: 204 })
  ],
  [`/gone/${token}`]: TestReceiver.reply({ status: 410 }),
  [`/drips/${token}`]: TestReceiver.drip({ status: 200 }),
  [`/hangs/${token}`]: TestReceiver.hang,
  [`/proxied/${token}`]: TestReceiver.reply()
}

const names = ["flaky", "gone", "drips", "hangs"]

const program = Effect.gen(function*() {
  const receiver = yield* TestReceiver.make(routes)
  yield* Console.log(`${receiver.url} is unkind. Each of its URLs ends in a token, which is printed nowhere.\n`)

  // The pool goes round its URLs, one per send, so that each send gets one of the four.
  const layer = NodeWebhook.layer({
    urls: names.map((name) => ({ name, url: receiver.urlOf(`/${name}/${token}`) })),
    timeout: "400 millis",
    maxRetries: 2,
    retry: RetryPolicy.backoff({ base: "200 millis" })
  })
  const direct = yield* Effect.forEach(names, (name) => Webhook.send({ content: `to ${name}` }), {
    concurrency: "unbounded"
  }).pipe(Effect.provide(layer))

  // The first proxy is dead, the second is alive.
  const proxied = yield* Webhook.send({ content: "by a proxy" }).pipe(
    Effect.provide(NodeWebhook.layer({
      urls: { name: "proxied", url: receiver.urlOf(`/proxied/${token}`) },
      proxies: ["127.0.0.1:9:user:secret", yield* liveProxy]
    }))
  )

  // A URL that somebody else chose: the metadata service of many clouds.
  const blocked = yield* Webhook.send({ content: "to a stranger's URL" }, {
    url: `http://169.254.169.254/${token}`
  }).pipe(Effect.provide(NodeWebhook.layer({})))

  const results = [...direct, proxied, blocked]
  yield* Console.log(table([
    ["target", "proxy", "status", "waited", "took", "outcome"],
    ...results.flatMap(({ history }) => history.map(row))
  ]))
  for (const result of results) yield* Console.log(line(result))

  // Discord would refuse it, so nothing is sent.
  const refused = yield* DiscordWebhook.send("x".repeat(2001), {
    embeds: [{ title: "deploy", fields: [{ name: "version", value: "v".repeat(1025) }], image: { url: "cat.png" } }]
  }).pipe(Effect.provide(NodeDiscordWebhook.layer({
    urls: `https://discord.com/api/webhooks/1234567890/${token}`,
    baseUrl: receiver.url
  })))
  yield* Console.log(`\nTo Discord, attempts ${refused.attempts}:`)
  if (!refused.ok && refused.reason._tag === "InvalidPayload") {
    for (const { message, path } of refused.reason.violations) yield* Console.log(`  ${path} ${message}`)
  }
}).pipe(Effect.scoped)

const liveProxy = Effect.map(
  Effect.acquireRelease(
    Effect.suspend(() => {
      const server = new Server({ port: 0, host: "127.0.0.1" })
      return Effect.as(Effect.promise(() => server.listen()), server)
    }),
    (server) => Effect.promise(() => server.close(true))
  ),
  (server) => `127.0.0.1:${server.port}`
)

const row = ({ proxy, reason, status, target, took, waited }: WebhookResult.Attempt): ReadonlyArray<string> => [
  target,
  proxy === undefined ? "none" : String(proxy),
  String(status ?? "none"),
  `${Math.round(waited)} ms`,
  `${Math.round(took)} ms`,
  reason?.message ?? "delivered"
]

const line = (result: WebhookResult.WebhookResult): string =>
  result.ok
    ? `${result.url}: delivered, attempts ${result.attempts}, answer cut off: ${result.truncated ? "yes" : "no"}`
    : `${result.url}: failed, attempts ${result.attempts}, delivered: ${result.delivered}, ${
      result.reason._tag === "EgressBlocked" ? result.error : result.reason._tag
    }`

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()).join("\n") +
    "\n"
}

await Effect.runPromise(program)
