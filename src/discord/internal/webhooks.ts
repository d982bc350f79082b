import type * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { isNamed } from "../../internal/pool.ts"
import type { Route } from "../../internal/send.ts"
import * as UrlPool from "../../UrlPool.ts"
import { InvalidOptions, type InvalidUrl, type WebhookError } from "../../WebhookError.ts"
import { readUrl } from "./address.ts"

/**
 * A webhook's address, by which it is paced and retired, and what its URL's
 * query asks for.
 *
 * @internal
 */
export interface Address extends Asked {
  readonly url: Redacted.Redacted<string>
}

interface Asked {
  readonly threadId: string | undefined
  readonly wait?: boolean | undefined
}

/** What the URLs of one webhook ask for, and whose turn it is. */
interface Turns {
  readonly asked: Array<Asked>
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
  private readonly known: ReadonlyMap<string, Turns>

  private constructor(
    base: URL,
    urls: ReadonlyArray<UrlPool.UrlInput> | undefined,
    known: ReadonlyMap<string, Turns>
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
    const known = new Map<string, Turns>()
    for (const [index, input] of inputs.entries()) {
      const named = isNamed(input)
      const address = addressOf(named ? input.url : input, `urls[${named ? input.name : index}]`, base)
      if (Result.isFailure(address)) return Result.fail(address.failure)
      const { url } = address.success
      const turns = known.get(Redacted.value(url))
      if (turns === undefined) {
        known.set(Redacted.value(url), { asked: [address.success], turn: 0 })
        urls.push(named ? { name: input.name, url } : url)
      } else {
        turns.asked.push(address.success)
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
      ? Result.succeed({ url: Redacted.make(first[0]), threadId: first[1].asked[0]!.threadId })
      : Result.fail(
        new InvalidOptions({
          option: "message.url",
          detail: `the layer has ${this.known.size} webhooks, and only the one that posted a message can change it`
        })
      )
  }

  /**
   * For one send: what a webhook's own URL asks for; of several, each in turn.
   * A send that brings its thread takes no turn.
   */
  asked(takesTurn: boolean): (target: UrlPool.Target) => Asked {
    const chosen = new Map<UrlPool.Target, Asked>()
    return (target) => {
      // A retry goes where the first try at this webhook went.
      let asked = chosen.get(target)
      if (asked === undefined) {
        const turns = this.known.get(Redacted.value(target.url))
        asked = turns?.asked[turns.turn % turns.asked.length] ?? nothing
        if (turns !== undefined && takesTurn) turns.turn++
        chosen.set(target, asked)
      }
      return asked
    }
  }
}

const nothing: Asked = { threadId: undefined }

const addressOf = (input: unknown, field: string, base: URL): Result.Result<Address, InvalidUrl> =>
  Result.map(readUrl(input, field, base), ({ id, threadId, token, wait }) => ({
    url: Redacted.make(`${base.href.replace(/\/$/, "")}/webhooks/${id}/${token}`, { label: `discord webhook ${id}` }),
    threadId,
    wait
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
  private readonly askedOf: (target: UrlPool.Target) => Asked

  constructor(
    method: Route["method"],
    path: string,
    query: { readonly with_components?: boolean },
    askedOf: (target: UrlPool.Target) => Asked
  ) {
    this.method = method
    this.path = path
    this.query = query.with_components === true ? "&with_components=true" : ""
    this.askedOf = askedOf
  }

  urlOf(target: UrlPool.Target): Redacted.Redacted<string> {
    const { threadId, wait } = this.askedOf(target)
    this.thread = threadId
    const query = (wait === true ? "&wait=true" : "") + this.query +
      (threadId === undefined ? "" : `&thread_id=${threadId}`)
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
