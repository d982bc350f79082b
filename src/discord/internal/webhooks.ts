import type * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Route } from "../../internal/send.ts"
import * as UrlPool from "../../UrlPool.ts"
import { InvalidOptions, type InvalidUrl, type WebhookError } from "../../WebhookError.ts"
import { readUrl } from "./address.ts"

/**
 * A webhook's address, without its thread: what it is paced and retired by.
 *
 * @internal
 */
export interface Address {
  readonly url: Redacted.Redacted<string>
  readonly threadId: string | undefined
}

/** The threads that the URLs of one webhook name, and whose turn it is. */
interface Threads {
  readonly ids: Array<string | undefined>
  turn: number
}

/**
 * The webhooks of a layer: one address each, whatever the threads.
 *
 * @internal
 */
export class Webhooks {
  private readonly base: URL
  private readonly urls: ReadonlyArray<UrlPool.UrlInput> | undefined
  private readonly known: ReadonlyMap<string, Threads>

  private constructor(
    base: URL,
    urls: ReadonlyArray<UrlPool.UrlInput> | undefined,
    known: ReadonlyMap<string, Threads>
  ) {
    this.base = base
    this.urls = urls
    this.known = known
  }

  static parse(
    input: UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput> | undefined,
    base: URL
  ): Result.Result<Webhooks, InvalidUrl> {
    const inputs: ReadonlyArray<UrlPool.UrlInput> = input === undefined ? [] : Array.isArray(input) ? input : [input]
    const urls: Array<UrlPool.UrlInput> = []
    const known = new Map<string, Threads>()
    for (const [index, input] of inputs.entries()) {
      const named = UrlPool.isNamed(input)
      const address = addressOf(named ? input.url : input, `urls[${named ? input.name : index}]`, base)
      if (Result.isFailure(address)) return Result.fail(address.failure)
      const { threadId, url } = address.success
      const threads = known.get(Redacted.value(url))
      if (threads === undefined) {
        known.set(Redacted.value(url), { ids: [threadId], turn: 0 })
        urls.push(named ? { name: input.name, url } : url)
      } else {
        threads.ids.push(threadId)
      }
    }
    return Result.succeed(new Webhooks(base, input === undefined ? undefined : urls, known))
  }

  pool(settings: UrlPool.Settings): Effect.Effect<UrlPool.UrlPool["Service"], WebhookError> {
    const receivers: UrlPool.Settings = { ...settings, slowStart: true, goneForGood: true }
    return this.urls === undefined ? UrlPool.emptyPool(receivers) : UrlPool.makePool(this.urls, receivers)
  }

  /** The address that a URL names. */
  find(url: unknown, field: string): Result.Result<Address, InvalidUrl> {
    return addressOf(url, field, this.base)
  }

  /** The address of the webhook that posted a message; it may be left out where there is only one. */
  findOwner(url: unknown): Result.Result<Address, InvalidUrl | InvalidOptions> {
    if (url !== undefined) return this.find(url, "message.url")
    const [first] = this.known
    return first !== undefined && this.known.size === 1
      ? Result.succeed({ url: Redacted.make(first[0]), threadId: first[1].ids[0] })
      : Result.fail(
        new InvalidOptions({
          option: "message.url",
          detail: `the layer has ${this.known.size} webhooks, and only the one that posted a message can change it`
        })
      )
  }

  /** For one send: the thread that a webhook's own URLs name; of several, each in turn. */
  threads(): (target: UrlPool.Target) => string | undefined {
    const chosen = new Map<UrlPool.Target, string | undefined>()
    return (target) => {
      // A retry goes where the first try at this webhook went.
      if (!chosen.has(target)) {
        const threads = this.known.get(Redacted.value(target.url))
        chosen.set(target, threads?.ids[threads.turn++ % threads.ids.length])
      }
      return chosen.get(target)
    }
  }
}

const addressOf = (input: unknown, field: string, base: URL): Result.Result<Address, InvalidUrl> =>
  Result.map(readUrl(input, field, base), ({ id, threadId, token }) => ({
    url: Redacted.make(`${base.href.replace(/\/$/, "")}/webhooks/${id}/${token}`, { label: `discord webhook ${id}` }),
    threadId
  }))

/**
 * Where at a webhook one request goes; the thread is known when the webhook is.
 *
 * @internal
 */
export class Place implements Route {
  readonly method: Route["method"]
  thread: string | undefined
  private readonly path: string
  private readonly query: string
  private readonly threadOf: (target: UrlPool.Target) => string | undefined

  constructor(
    method: Route["method"],
    path: string,
    query: { readonly wait?: boolean; readonly with_components?: boolean },
    threadOf: (target: UrlPool.Target) => string | undefined
  ) {
    this.method = method
    this.path = path
    this.query = (query.wait === true ? "&wait=true" : "") +
      (query.with_components === true ? "&with_components=true" : "")
    this.threadOf = threadOf
  }

  urlOf(target: UrlPool.Target): Redacted.Redacted<string> {
    this.thread = this.threadOf(target)
    const query = this.thread === undefined ? this.query : `${this.query}&thread_id=${this.thread}`
    return under(target, query === "" ? this.path : `${this.path}?${query.slice(1)}`)
  }
}

const places = new WeakMap<UrlPool.Target, Map<string, Redacted.Redacted<string>>>()
const mostPlaces = 32

// NodeTransport parses a Redacted that it has seen only once, and most requests go to the same few places.
const under = (target: UrlPool.Target, tail: string): Redacted.Redacted<string> => {
  if (tail === "") return target.url
  let known = places.get(target)
  if (known === undefined) places.set(target, known = new Map())
  let place = known.get(tail)
  if (place === undefined) {
    if (known.size === mostPlaces) known.clear()
    known.set(tail, place = Redacted.make(Redacted.value(target.url) + tail, { label: target.label }))
  }
  return place
}
