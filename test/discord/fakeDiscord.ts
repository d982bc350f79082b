import { Clock, Effect, Layer, Redacted } from "effect"
import { ProxyProvider, Transport } from "effect-webhooks"
import { TestReceiver } from "effect-webhooks/node"
import { TestTransport } from "effect-webhooks/testing"
import { parseMultipart } from "./multipart.ts"

/** A webhook that the fake knows. */
export interface Hook {
  readonly id: string
  readonly token: string
  readonly channel: string
  readonly applicationOwned?: boolean
  /** Its channel takes posts, which are threads, and no messages. */
  readonly forum?: boolean
  /** The threads of its channel. */
  readonly threads?: ReadonlyArray<string>
}

export interface FakeRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Under lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Uint8Array
}

export interface FakeReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: object | string | undefined
}

/** What became of a request: it was taken, it was refused, or a limit held. */
export type Verdict = "taken" | "refused" | "user" | "shared" | "global" | "cloudflare"

export interface Upload {
  readonly name: string
  readonly type: string | undefined
  readonly bytes: Uint8Array
}

/** A request as the fake remembers it. */
export interface Arrival {
  readonly at: number
  readonly address: string
  readonly method: string
  readonly path: string
  /** The method and the kind of path, as limits know them; `undefined` for a path that the API does not have. */
  readonly route: string | undefined
  readonly hook: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly payload: Payload | undefined
  readonly files: ReadonlyArray<Upload>
  readonly status: number
  readonly verdict: Verdict
}

export interface Payload {
  readonly content?: string | null
  readonly username?: string | null
  readonly avatar_url?: string | null
  readonly embeds?: ReadonlyArray<object> | null
  readonly components?: ReadonlyArray<Node> | null
  readonly attachments?: ReadonlyArray<{ readonly id: string | number; readonly [key: string]: unknown }> | null
  readonly poll?: object | null
  readonly thread_name?: string | null
  readonly [key: string]: unknown
}

interface Node {
  readonly type?: number
  readonly style?: number
  readonly components?: ReadonlyArray<Node>
  readonly accessory?: Node
}

export type Message = Readonly<Record<string, unknown>> & {
  readonly id: string
  readonly channel_id: string
  readonly webhook_id: string
  readonly content: string
  readonly attachments: ReadonlyArray<{ readonly id: string; readonly filename: string; readonly size: number }>
}

/** How Cloudflare turns an address away. */
export type Block =
  | { readonly kind: "1015"; readonly retryAfter?: number }
  | { readonly kind: "blocked" }

interface Limit {
  readonly requests: number
  readonly millis: number
}

export interface Limits {
  /** Of one webhook and one route. */
  readonly bucket: Limit
  /** Of a channel, over all its webhooks. */
  readonly channel: Limit
  /** Of an address. */
  readonly global: Limit
  /** How large a file may be. */
  readonly fileBytes: number
}

// What staff have said and users have seen; Discord publishes no numbers.
const observed: Limits = {
  bucket: { requests: 5, millis: 2_000 },
  channel: { requests: 30, millis: 60_000 },
  global: { requests: 50, millis: 1_000 },
  fileBytes: 10_485_760
}

/** A window of so many requests. It begins with the first of them. */
class Window {
  private readonly limit: Limit
  private end = -Infinity
  private taken = 0

  constructor(limit: Limit) {
    this.limit = limit
  }

  take(now: number): boolean {
    if (now >= this.end) {
      this.end = now + this.limit.millis
      this.taken = 0
    }
    if (this.taken === this.limit.requests) return false
    this.taken++
    return true
  }

  resetAfter(now: number): number {
    return Math.max(0, this.end - now)
  }

  headers(now: number): Record<string, string> {
    return {
      "X-RateLimit-Limit": String(this.limit.requests),
      "X-RateLimit-Remaining": String(this.limit.requests - this.taken),
      "X-RateLimit-Reset": seconds(epoch + now + this.resetAfter(now)),
      "X-RateLimit-Reset-After": seconds(this.resetAfter(now))
    }
  }
}

// Where the fake's clock begins, in milliseconds since 1970.
const epoch = 1_700_000_000_000

const seconds = (millis: number): string => (Math.ceil(millis) / 1000).toFixed(3)

/** Why the API does not do what it is asked to. */
class Refusal extends Error {
  readonly status: number
  readonly code: number
  readonly errors: object | undefined

  constructor(status: number, code: number, message: string, errors?: object) {
    super(message)
    this.status = status
    this.code = code
    this.errors = errors
  }
}

const invalidForm = (key: string, code: string, message: string): Refusal =>
  new Refusal(400, 50035, "Invalid Form Body", { [key]: { _errors: [{ code, message }] } })

interface Answer extends FakeReply {
  readonly verdict: Verdict
}

interface Form {
  readonly payload: Payload
  readonly files: ReadonlyMap<string, Upload>
}

/** What a path asks for. */
interface Asked {
  readonly id: string
  readonly token: string
  readonly message: string | undefined
  readonly query: URLSearchParams
  /** The same for all webhooks. */
  readonly route: string
}

const paths = /^\/api\/v10\/webhooks\/(\d+)\/([\w-]+)(?:\/messages\/(\d+))?$/

const read = ({ method, path }: FakeRequest): Asked | undefined => {
  const { pathname, searchParams } = new URL(path, "http://discord")
  const [, id, token, message] = paths.exec(pathname) ?? []
  if (id === undefined || token === undefined) return undefined
  if (method !== "POST" && message === undefined || method === "POST" && message !== undefined) return undefined
  const route = `${method} /webhooks/:id/:token${message === undefined ? "" : "/messages/:id"}`
  return { id, token, message, query: searchParams, route }
}

/**
 * Discord as far as a webhook sees it, without a clock and without a socket: a
 * request and the time go in, an answer comes out.
 */
export class FakeDiscord {
  /** Every request, in order. */
  readonly arrivals: Array<Arrival> = []
  private readonly limits: Limits
  private readonly hooks = new Map<string, Hook>()
  /** The channel of every thread. */
  private readonly threads = new Map<string, string>()
  private readonly messages = new Map<string, Message>()
  private readonly windows = new Map<string, Window>()
  private readonly blocks = new Map<string, Block>()
  private readonly invalid = new Map<string, { readonly times: Array<number>; readonly most: number }>()
  private ids = 0

  constructor(hooks: ReadonlyArray<Hook>, limits: Partial<Limits> = {}) {
    this.limits = { ...observed, ...limits }
    for (const hook of hooks) this.add(hook)
  }

  add(hook: Hook): void {
    this.hooks.set(hook.id, hook)
    for (const thread of hook.threads ?? []) this.threads.set(thread, hook.channel)
  }

  /** Deletes a webhook. */
  remove(hook: Hook): void {
    this.hooks.delete(hook.id)
  }

  /** Has Cloudflare turn an address away; without a block it is let in again. */
  block(address: string, block: Block | undefined): void {
    if (block === undefined) this.blocks.delete(address)
    else this.blocks.set(address, block)
  }

  /** The messages that are there, oldest first. */
  get posted(): ReadonlyArray<Message> {
    return [...this.messages.values()]
  }

  /** How many of an address's requests were invalid within any ten minutes, at most: 10,000 are a ban. */
  mostInvalid(address: string): number {
    return this.invalid.get(address)?.most ?? 0
  }

  handle(request: FakeRequest, now: number, address = "direct"): FakeReply {
    const asked = read(request)
    const form = readForm(request)
    const { verdict, ...reply } = this.answer(request, asked, form, now, address)
    const { headers, method, path } = request
    const { status } = reply
    this.arrivals.push({
      at: now,
      address,
      method,
      path,
      route: asked?.route,
      hook: asked?.id,
      headers,
      payload: form instanceof Refusal ? undefined : form.payload,
      files: form instanceof Refusal ? [] : [...form.files.values()],
      status,
      verdict
    })
    if ((status === 401 || status === 403 || status === 429) && verdict !== "shared") this.countInvalid(address, now)
    return reply
  }

  private countInvalid(address: string, now: number): void {
    const { most, times } = this.invalid.get(address) ?? { most: 0, times: [] }
    while (times.length > 0 && times[0]! <= now - 600_000) times.shift()
    times.push(now)
    this.invalid.set(address, { times, most: Math.max(most, times.length) })
    if (times.length >= 10_000) this.block(address, { kind: "1015", retryAfter: 86_400 })
  }

  // From the outside in: Cloudflare, the API's gate, the limits, the webhook.
  private answer(
    request: FakeRequest,
    asked: Asked | undefined,
    form: Form | Refusal,
    now: number,
    address: string
  ): Answer {
    const block = this.blocks.get(address)
    if (block !== undefined) return turnedAway(block)
    if (!request.headers["user-agent"]?.startsWith("DiscordBot (")) {
      return refused(new Refusal(403, 40333, "internal network error"))
    }
    const global = this.windowOf(`global ${address}`, this.limits.global)
    if (!global.take(now)) return limited("global", global.resetAfter(now))
    if (asked === undefined) return refused(new Refusal(404, 0, "404: Not Found"))
    const bucket = this.windowOf(`${asked.route} ${asked.id}/${asked.token}`, this.limits.bucket)
    const fits = bucket.take(now)
    // The name of a bucket says nothing of the webhook.
    const headers = { ...bucket.headers(now), "X-RateLimit-Bucket": Buffer.from(asked.route).toString("hex") }
    const answer = fits
      ? attempt(() => this.serve(request.method, asked, form, now))
      : limited("user", bucket.resetAfter(now))
    return { ...answer, headers: { ...headers, ...answer.headers } }
  }

  private windowOf(key: string, limit: Limit): Window {
    let window = this.windows.get(key)
    if (window === undefined) this.windows.set(key, window = new Window(limit))
    return window
  }

  private serve(method: string, asked: Asked, form: Form | Refusal, now: number): Answer {
    const hook = this.hooks.get(asked.id)
    if (hook === undefined) throw new Refusal(404, 10015, "Unknown Webhook")
    if (hook.token !== asked.token) throw new Refusal(401, 50027, "Invalid Webhook Token")
    if (method === "POST") {
      // It is the channel's, and the headers go on telling of the webhook's own bucket.
      const channel = this.windowOf(`channel ${hook.channel}`, this.limits.channel)
      if (!channel.take(now)) return limited("shared", channel.resetAfter(now))
      return this.execute(hook, asked.query, valid(form), now)
    }
    const message = this.find(hook, asked)
    switch (method) {
      case "GET":
        return taken(message)
      case "PATCH":
        return taken(this.edit(hook, message, asked.query, valid(form), now))
      default:
        this.messages.delete(message.id)
        return taken()
    }
  }

  private execute(hook: Hook, query: URLSearchParams, { files, payload }: Form, now: number): Answer {
    const kept = keptComponents(hook, query, payload)
    const id = this.makeId()
    const channel_id = this.placeOf(hook, query, payload, id)
    checkPayload(payload)
    const attachments = this.attach(channel_id, payload, files)
    if (isEmpty({ ...payload, components: kept }) && files.size === 0) {
      throw new Refusal(400, 50006, "Cannot send an empty message")
    }
    if (channel_id === id) this.threads.set(id, hook.channel)
    const { content, embeds, flags = 0, poll, tts = false, username } = payload
    const message: Message = {
      id,
      type: 0,
      channel_id,
      webhook_id: hook.id,
      author: { id: hook.id, username: username ?? "a webhook", bot: true },
      content: content ?? "",
      embeds: shown(embeds),
      components: kept,
      attachments,
      flags,
      tts,
      ...(poll === undefined || poll === null ? {} : { poll }),
      timestamp: new Date(epoch + now).toISOString(),
      edited_timestamp: null
    }
    this.messages.set(id, message)
    return query.get("wait") === "true" ? taken(message) : taken()
  }

  private edit(
    hook: Hook,
    message: Message,
    query: URLSearchParams,
    { files, payload }: Form,
    now: number
  ): Message {
    checkPayload(payload)
    const { attachments, components, content, embeds, flags } = payload
    // A list of attachments has those that stay; without one all do.
    const staying = message.attachments.filter(({ id }) =>
      attachments === undefined || attachments?.some((attachment) => attachment.id === id)
    )
    const edited: Message = {
      ...message,
      ...(content === undefined ? {} : { content: content ?? "" }),
      ...(embeds === undefined ? {} : { embeds: shown(embeds) }),
      ...(components === undefined || dropsComponents(hook, query)
        ? {}
        : { components: keptComponents(hook, query, payload) }),
      ...(flags === undefined ? {} : { flags }),
      attachments: [...staying, ...this.attach(message.channel_id, payload, files)],
      edited_timestamp: new Date(epoch + now).toISOString()
    }
    this.messages.set(edited.id, edited)
    return edited
  }

  private find(hook: Hook, { message, query }: Asked): Message {
    const found = this.messages.get(message!)
    const place = this.placeOf(hook, query, {}, undefined)
    if (found === undefined || found.webhook_id !== hook.id || found.channel_id !== place) {
      throw new Refusal(404, 10008, "Unknown Message")
    }
    return found
  }

  /** The channel or thread that is meant; `post` is the id of a thread that is made. */
  private placeOf(hook: Hook, query: URLSearchParams, payload: Payload, post: string | undefined): string {
    const thread = query.get("thread_id")
    const named = payload.thread_name !== undefined && payload.thread_name !== null
    if (thread !== null && named) {
      throw new Refusal(400, 220002, "Webhooks posted to forum channels cannot have both a thread_name and thread_id")
    }
    if (thread !== null) {
      if (this.threads.get(thread) !== hook.channel) throw new Refusal(404, 10003, "Unknown Channel")
      return thread
    }
    if (named && hook.forum !== true) {
      throw new Refusal(400, 220003, "Webhooks can only create threads in forum channels")
    }
    if (hook.forum === true && post !== undefined && !named) {
      throw new Refusal(400, 220001, "Webhooks posted to forum channels must have a thread_name or thread_id")
    }
    return named ? post! : hook.channel
  }

  private attach(channel: string, payload: Payload, files: ReadonlyMap<string, Upload>): Message["attachments"] {
    if (files.size > 10) throw new Refusal(400, 30015, "Maximum number of attachments in a message reached (10)")
    return [...files].map(([n, { bytes, name, type }]) => {
      if (bytes.length > this.limits.fileBytes) throw new Refusal(413, 40005, "Request entity too large")
      const { id: _, ...about } = payload.attachments?.find(({ id }) => String(id) === n) ?? { id: n }
      const id = this.makeId()
      const filename = typeof about["filename"] === "string" ? about["filename"] : name
      const url = `https://cdn.discordapp.com/attachments/${channel}/${id}/${filename}`
      return { ...about, id, filename, size: bytes.length, url, content_type: type }
    })
  }

  private makeId(): string {
    return `1${String(++this.ids).padStart(18, "0")}`
  }
}

const attempt = (serve: () => Answer): Answer => {
  try {
    return serve()
  } catch (error) {
    if (error instanceof Refusal) return refused(error)
    throw error
  }
}

// What is Discord's own came through a proxy that says so; Cloudflare's did not.
const discords = { "Via": "1.1 google" }

const taken = (body?: object): Answer => ({
  verdict: "taken",
  status: body === undefined ? 204 : 200,
  headers: discords,
  body
})

const refused = ({ code, errors, message, status }: Refusal): Answer => ({
  verdict: "refused",
  status,
  headers: discords,
  body: { message, code, ...(errors === undefined ? {} : { errors }) }
})

const limited = (scope: "user" | "shared" | "global", millis: number): Answer => ({
  verdict: scope,
  status: 429,
  headers: {
    ...discords,
    "Retry-After": String(Math.ceil(millis / 1000)),
    "X-RateLimit-Scope": scope,
    ...(scope === "global" ? { "X-RateLimit-Global": "true" } : {})
  },
  body: {
    message: scope === "shared" ? "The resource is being rate limited." : "You are being rate limited.",
    retry_after: Number(seconds(millis)),
    global: scope === "global"
  }
})

const turnedAway = (block: Block): Answer => ({
  verdict: "cloudflare",
  status: 429,
  headers: block.kind === "1015" && block.retryAfter !== undefined ? { "Retry-After": String(block.retryAfter) } : {},
  body: block.kind === "1015" ? "error code: 1015" : {
    code: 0,
    message: "You are being blocked from accessing our API temporarily due to exceeding our rate limits frequently. " +
      "Please read our docs at https://discord.com/developers/docs/topics/rate-limits to prevent this moving forward."
  }
})

const decoder = new TextDecoder()

/** What a body says, as JSON or as a form with files. */
const readForm = ({ bytes, headers }: FakeRequest): Form | Refusal => {
  const type = headers["content-type"] ?? ""
  const parts = parseMultipart(type, bytes)
  const json = parts === undefined ? bytes : parts.find(({ name }) => name === "payload_json")?.bytes
  const files = new Map<string, Upload>()
  for (const { bytes, filename, name, type } of parts ?? []) {
    const n = /^files\[(\d+)\]$/.exec(name)?.[1]
    if (n !== undefined && filename !== undefined) files.set(n, { name: filename, type, bytes })
  }
  try {
    const payload: unknown = json === undefined || json.length === 0 ? {} : JSON.parse(decoder.decode(json))
    return typeof payload === "object" && payload !== null
      ? { payload: payload as Payload, files }
      : new Refusal(400, 50035, "Invalid Form Body")
  } catch {
    return new Refusal(400, 50109, "The request body contains invalid JSON.")
  }
}

const valid = (form: Form | Refusal): Form => {
  if (form instanceof Refusal) throw form
  return form
}

/** Rules that a client checks too, and one that Discord keeps to itself. */
const checkPayload = ({ content, username }: Payload): void => {
  if (content !== undefined && content !== null && Array.from(content).length > 2000) {
    throw invalidForm("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.")
  }
  if (username === "everyone" || username === "here") {
    throw invalidForm("username", "USERNAME_INVALID", "Username cannot be \"everyone\" or \"here\"")
  }
}

/** A plain webhook's components are dropped without a word, unless it asks for them. */
const dropsComponents = (hook: Hook, query: URLSearchParams): boolean =>
  hook.applicationOwned !== true && query.get("with_components") !== "true"

const keptComponents = (hook: Hook, query: URLSearchParams, { components }: Payload): ReadonlyArray<Node> => {
  if (dropsComponents(hook, query)) return []
  if (hook.applicationOwned !== true && (components ?? []).some(isInteractive)) {
    throw invalidForm("components", "UNKNOWN_COMPONENT", "This webhook cannot send interactive components")
  }
  return components ?? []
}

const isInteractive = ({ accessory, components = [], style, type }: Node): boolean =>
  type === 2 && style !== 5 || type !== undefined && type >= 3 && type <= 8 ||
  components.some(isInteractive) || accessory !== undefined && isInteractive(accessory)

const isEmpty = ({ components, content, embeds, poll }: Payload): boolean =>
  (content ?? "").trim() === "" && (embeds ?? []).length === 0 && (components ?? []).length === 0 &&
  (poll ?? undefined) === undefined

const shown = (embeds: Payload["embeds"]): ReadonlyArray<object> =>
  (embeds ?? []).map((embed) => ({ type: "rich", ...embed }))

/** The fake on a real socket, in real time. */
export const onSocket = (
  discord: FakeDiscord,
  fault: (request: TestReceiver.ReceivedRequest, index: number) => TestReceiver.Behavior | undefined = () => undefined
): TestReceiver.Script =>
(request, index) => fault(request, index) ?? TestReceiver.reply(discord.handle(request, performance.now()))

/** The fake under `TestClock`; every answer takes `delay` milliseconds. */
export const inTestTime = (discord: FakeDiscord, delay = 20): TestTransport.Script => (sent) =>
  TestTransport.reply({ ...discord.handle(requestOf(sent), sent.at), delay })

/** The fake under `TestClock`, behind proxies: each is an address. */
export const byProxies = (
  discord: FakeDiscord,
  proxies: ReadonlyArray<string>,
  delay = 20
): Layer.Layer<Transport.Transport> =>
  Layer.effect(
    Transport.Transport,
    Effect.map(ProxyProvider.ProxyProvider, (provider) => ({
      proxies: provider,
      attempt: ({ body, headers, method = "POST", url }, proxy) =>
        Effect.gen(function*() {
          const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body
          const request = requestOf({ method, url, headers, bytes })
          const reply = discord.handle(request, yield* Clock.currentTimeMillis, proxy!.label)
          yield* Effect.sleep(delay)
          return replyOf(reply)
        })
    }))
  ).pipe(Layer.provide(ProxyProvider.layer(proxies)), Layer.orDie)

const requestOf = (
  { bytes, headers, method, url }: Pick<TestTransport.Sent, "bytes" | "headers" | "method" | "url">
): FakeRequest => {
  const { pathname, search } = new URL(Redacted.value(url))
  return { method, path: pathname + search, headers, bytes }
}

const replyOf = ({ body, headers, status }: FakeReply): Transport.Reply => {
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body)
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return new Transport.Reply(status, lower, new TextEncoder().encode(text), false)
}
