import { assert, describe, it } from "@effect/vitest"
import { FakeDiscord, type FakeReply, type Hook } from "./fakeDiscord.ts"
import { parseMultipart } from "./multipart.ts"

const hook: Hook = { id: "1001", token: "token", channel: "500", threads: ["701"] }
const neighbour: Hook = { id: "1002", token: "token", channel: "500" }

const headers = { "user-agent": "DiscordBot (test)", "content-type": "application/json" }

const post = (hook: Hook, payload: object = { content: "x" }, query = "") => ({
  method: "POST",
  path: `/api/v10/webhooks/${hook.id}/${hook.token}${query}`,
  headers,
  bytes: new TextEncoder().encode(JSON.stringify(payload))
})

const say = ({ body, headers, status }: FakeReply) => {
  const { code, global, retry_after } = Object(body) as Record<string, unknown>
  return { status, scope: headers["X-RateLimit-Scope"], retryAfter: headers["Retry-After"], code, global, retry_after }
}

const statuses = (replies: ReadonlyArray<FakeReply>) => replies.map(({ status }) => status)

describe("the fake Discord", () => {
  it("takes 5 in 2 seconds of one webhook and route", () => {
    const discord = new FakeDiscord([hook])
    const burst = [0, 10, 20, 30, 40, 50].map((at) => discord.handle(post(hook), at))
    assert.deepStrictEqual(statuses(burst), [204, 204, 204, 204, 204, 429])
    assert.deepStrictEqual(burst.map(({ headers }) => headers["X-RateLimit-Remaining"]), ["4", "3", "2", "1", "0", "0"])
    assert.strictEqual(burst[1]!.headers["X-RateLimit-Reset-After"], "1.990")
    assert.deepStrictEqual(say(burst[5]!), {
      status: 429,
      scope: "user",
      retryAfter: "2",
      code: undefined,
      global: false,
      retry_after: 1.95
    })
    const get = { ...post(hook), method: "GET", path: `${post(hook).path}/messages/1` }
    assert.strictEqual(discord.handle(get, 60).status, 404)
    assert.deepStrictEqual(statuses([1999, 2000].map((at) => discord.handle(post(hook), at))), [429, 204])
  })

  it("takes 30 in a minute of a channel, and tells nothing of it before", () => {
    const discord = new FakeDiscord([hook, neighbour])
    const replies = Array.from({ length: 31 }, (_, n) => discord.handle(post(n % 2 === 0 ? hook : neighbour), n * 500))
    assert.deepStrictEqual(statuses(replies), [...Array<number>(30).fill(204), 429])
    const { headers } = replies[30]!
    assert.deepStrictEqual(say(replies[30]!), {
      status: 429,
      scope: "shared",
      retryAfter: "45",
      code: undefined,
      global: false,
      retry_after: 45
    })
    // The headers are those of a bucket that has room.
    assert.notStrictEqual(headers["X-RateLimit-Remaining"], "0")
    assert.isBelow(Number(headers["X-RateLimit-Reset-After"]), 2.001)
  })

  it("takes 50 in a second of an address", () => {
    const hooks = Array.from({ length: 51 }, (_, n) => ({ ...hook, id: `${n}`, channel: `${n}` }))
    const discord = new FakeDiscord(hooks)
    const replies = hooks.map((hook) => discord.handle(post(hook), 0))
    assert.deepStrictEqual(statuses(replies), [...Array<number>(50).fill(204), 429])
    assert.strictEqual(say(replies[50]!).scope, "global")
    assert.strictEqual(replies[50]!.headers["X-RateLimit-Global"], "true")
    assert.strictEqual(discord.handle(post(hooks[50]!), 0, "another").status, 204)
  })

  it("bans an address for 10,000 invalid requests in ten minutes", () => {
    const discord = new FakeDiscord([hook])
    const invalid = { ...post(hook), headers: {} }
    for (let n = 0; n < 9_999; n++) discord.handle(invalid, 0)
    assert.strictEqual(discord.handle(post(hook), 1).status, 204)
    discord.handle(invalid, 600_000)
    assert.strictEqual(discord.mostInvalid("direct"), 9_999)
    for (let n = 0; n < 9_998; n++) discord.handle(invalid, 600_000)
    assert.strictEqual(discord.handle(post(hook), 600_001).status, 204)
    discord.handle(invalid, 1_199_999)
    const { body, headers, status } = discord.handle(post(hook), 1_199_999)
    assert.deepStrictEqual({ body, headers, status }, {
      body: "error code: 1015",
      headers: { "Retry-After": "86400" },
      status: 429
    })
  })

  const refusals: ReadonlyArray<
    readonly [name: string, request: ReturnType<typeof post>, status: number, code: number]
  > = [
    ["an unknown webhook", post({ ...hook, id: "9" }), 404, 10015],
    ["another token", post({ ...hook, token: "other" }), 401, 50027],
    ["another version of the API", { ...post(hook), path: post(hook).path.replace("v10", "v9") }, 404, 0],
    ["a browser", { ...post(hook), headers: { ...headers, "user-agent": "Mozilla/5.0" } }, 403, 40333],
    ["nothing to send", post(hook, { content: " " }), 400, 50006],
    ["components that are dropped", post(hook, { components: [{ type: 1 }] }), 400, 50006],
    ["an unknown thread", post(hook, { content: "x" }, "?thread_id=9"), 404, 10003],
    ["a thread that is named and made", post(hook, { content: "x", thread_name: "t" }, "?thread_id=701"), 400, 220002],
    ["a thread in a channel that is no forum", post(hook, { content: "x", thread_name: "t" }), 400, 220003],
    ["what is no JSON", { ...post(hook), bytes: new Uint8Array([1]) }, 400, 50109]
  ]
  for (const [name, request, status, code] of refusals) {
    it(`refuses ${name}`, () => {
      const reply = say(new FakeDiscord([hook]).handle(request, 0))
      assert.deepStrictEqual([reply.status, reply.code], [status, code])
    })
  }
})

describe("a form", () => {
  it("is read to the byte", async () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, n) => n)
    const form = new FormData()
    form.append("payload_json", "{\"a\":\"ü\"}")
    form.append("files[0]", new Blob([bytes], { type: "image/png" }), "a \"b\"\r\nü.png")
    form.append("files[1]", new Blob([]), "empty")
    const response = new Response(form)
    const type = response.headers.get("content-type")!
    const parts = parseMultipart(type, new Uint8Array(await response.arrayBuffer()))
    assert.deepStrictEqual(parts, [
      { name: "payload_json", filename: undefined, type: undefined, bytes: new TextEncoder().encode("{\"a\":\"ü\"}") },
      { name: "files[0]", filename: "a \"b\"\r\nü.png", type: "image/png", bytes },
      { name: "files[1]", filename: "empty", type: "application/octet-stream", bytes: new Uint8Array() }
    ])
  })

  it("is none without a boundary, or without its end", () => {
    const bytes = new TextEncoder().encode("--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b")
    assert.isUndefined(parseMultipart("application/json", bytes))
    assert.isUndefined(parseMultipart("multipart/form-data; boundary=b", bytes))
  })
})
