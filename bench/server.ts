// The receiver of all contenders, in a process of its own: it reads a request
// to its end and answers at once. Its port, and those of TLS and of a proxy, are
// what it tells its parent.
import { readFileSync } from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import { Server as Proxy } from "proxy-chain"

const message = JSON.stringify({ id: "1", channel_id: "2", content: "", embeds: [], attachments: [], components: [] })

// Of a body that was seen an odd number of times, the answer is 500.
const seen = new Set<string>()

const answer = (request: Http.IncomingMessage, response: Http.ServerResponse): void => {
  const path = request.url!
  const chunks: Array<Uint8Array> = []
  request.on("data", (chunk: Uint8Array) => {
    if (path === "/flaky") chunks.push(chunk)
  })
  request.on("end", () => {
    if (path.startsWith("/discord")) {
      response.writeHead(200, { "content-type": "application/json" }).end(message)
    } else if (path === "/flaky") {
      const body = Buffer.concat(chunks).toString()
      const again = seen.delete(body)
      if (!again) seen.add(body)
      response.writeHead(again ? 204 : 500).end()
    } else {
      response.writeHead(200, { "content-type": "text/plain" }).end("ok")
    }
  })
}

const portOf = (server: Http.Server): Promise<number> =>
  new Promise((resolve) => {
    server.keepAliveTimeout = 60_000
    server.listen(0, "0.0.0.0", () => resolve((server.address() as { readonly port: number }).port))
  })

const pem = (name: string) => readFileSync(new URL(`./${name}.pem`, import.meta.url))

const http = await portOf(Http.createServer(answer))
const https = await portOf(Https.createServer({ key: pem("key"), cert: pem("cert") }, answer))
const proxy = new Proxy({ port: 0, host: "127.0.0.1" })
await proxy.listen()

process.send!({ http, https, proxy: proxy.port })
process.on("disconnect", () => process.exit())
