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

// One request in fifty meets with a fault.
let faults = 0
const fault = (request: Http.IncomingMessage, response: Http.ServerResponse): boolean => {
  if (Math.random() > 0.02) return false
  switch (faults++ % 5) {
    case 0:
      request.socket.resetAndDestroy()
      return true
    case 1:
      response.writeHead(500).end("failed")
      return true
    case 2:
      response.writeHead(429, { "content-type": "application/json" }).end(`{"retry_after":0.02}`)
      return true
    case 3:
      response.writeHead(200, { "content-length": "100" }).write("half of it")
      setTimeout(() => request.socket.resetAndDestroy(), 5)
      return true
    default:
      setTimeout(() => response.writeHead(204).end(), 1500)
      return true
  }
}

// With a length, as every framework answers.
const answerWith = (response: Http.ServerResponse, type: string, body: string): void =>
  void response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body)

const answer = (request: Http.IncomingMessage, response: Http.ServerResponse): void => {
  const path = request.url!
  const chunks: Array<Uint8Array> = []
  request.on("data", (chunk: Uint8Array) => {
    if (path === "/flaky") chunks.push(chunk)
  })
  request.on("end", () => {
    if (path.startsWith("/discord")) {
      answerWith(response, "application/json", message)
    } else if (path === "/faulty") {
      if (!fault(request, response)) response.writeHead(204).end()
    } else if (path === "/paced") {
      response.writeHead(429, { "content-type": "application/json" }).end(`{"retry_after":600}`)
    } else if (path === "/flaky") {
      const body = Buffer.concat(chunks).toString()
      const again = seen.delete(body)
      if (!again) seen.add(body)
      response.writeHead(again ? 204 : 500).end()
    } else {
      answerWith(response, "text/plain", "ok")
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
