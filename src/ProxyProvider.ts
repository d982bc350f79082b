/**
 * Which proxy is next, and what became of the last one.
 *
 * A send that goes by proxies leases one per attempt and reports how it did:
 * `"ok"`, `"burn"` when the proxy itself is at fault, `"suspect"` when it may
 * be, `"target"` when it did its part and the receiver failed, or when it
 * opens no tunnel to this receiver. A receiver's 429 or 5xx never costs a
 * proxy, nor does what this side is short of: then nothing is reported.
 *
 * **Example** (A rotating list)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { ProxyProvider } from "effect-webhooks"
 * import { NodeTransport } from "effect-webhooks/node"
 *
 * const transport = NodeTransport.layerProxied().pipe(
 *   Layer.provide(ProxyProvider.layer([
 *     "proxy-1.example.com:8080:user:pass",
 *     "socks5://proxy-2.example.com:1080"
 *   ], { cooldown: "2 minutes" }))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { hasProperty, isObject } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { Heap, type Item } from "./internal/heap.ts"
import { type Link, List } from "./internal/list.ts"
import { checkNames, namesOf } from "./internal/optionNames.ts"
import { positiveMillis } from "./internal/options.ts"
import * as Thrown from "./internal/thrown.ts"
import { monotonicMillis } from "./internal/time.ts"
import * as Proxy from "./Proxy.ts"
import { InvalidOptions, ProxyError, WebhookError } from "./WebhookError.ts"

/**
 * How a proxy did.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "ok" | "burn" | "suspect" | "target"

/**
 * Gives proxies and takes reports of them.
 *
 * @category services
 * @since 0.1.0
 */
export class ProxyProvider extends Context.Service<ProxyProvider, {
  /** The next proxy, or a failure when there is none. */
  readonly get: Effect.Effect<Proxy.Proxy, ProxyError>
  /** Tells how a proxy that `get` gave has done. */
  readonly report: (proxy: Proxy.Proxy, outcome: Outcome) => Effect.Effect<void, ProxyError>
}>()("effect-webhooks/ProxyProvider") {}

class Entry implements Item {
  readonly proxy: Proxy.Proxy
  readonly place: Link<Entry> = { value: this, previous: undefined, next: undefined }
  /** When its rest is over. */
  at = 0
  index = -1
  /** How many times in a row it was burned. */
  burns = 0
  /** Whether it was given since its rest began. */
  given = false

  constructor(proxy: Proxy.Proxy) {
    this.proxy = proxy
  }
}

/**
 * One proxy or many, in the forms that `Proxy.parse` reads.
 *
 * @category models
 * @since 0.1.0
 */
export type Inputs =
  | string
  | URL
  | Redacted.Redacted<string>
  | ReadonlyArray<string | URL | Redacted.Redacted<string>>

/**
 * Options of a list of proxies.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * How long a suspect proxy is left alone.
   *
   * @default "60 seconds"
   */
  readonly cooldown?: Duration.Input | undefined
}

/** @internal */
export const optionNames: ReadonlySet<string> = namesOf<Options>({ cooldown: true })

/**
 * A list of proxies that are used in turn.
 *
 * **Details**
 *
 * A suspect rests for `cooldown` (60 seconds by default). A burned one rests
 * for a minute, and twice as long for each further time in a row, up to an
 * hour. While all rest, the one that is out soonest is given all the same.
 * Fails with `InvalidUrl` for a proxy that does not parse and with
 * `InvalidOptions` for an empty list, or for an option that does not exist.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  proxies: Inputs,
  options?: Options
): Layer.Layer<ProxyProvider, WebhookError> => {
  const cooldown = positiveMillis("cooldown", options?.cooldown ?? 60_000)
  return Layer.effect(
    ProxyProvider,
    Effect.gen(function*() {
      yield* checkNames(options, optionNames)
      const inputs = Array.isArray(proxies) ? proxies : [proxies]
      if (inputs.length === 0) {
        return yield* new WebhookError({
          reason: new InvalidOptions({
            option: "proxies",
            detail: "it has no proxy; give at least one, or leave it out"
          })
        })
      }
      const entries: Array<Entry> = []
      for (const [index, input] of inputs.entries()) {
        const proxy = Proxy.parse(input, `proxies[${index}]`)
        if (Result.isFailure(proxy)) return yield* new WebhookError({ reason: proxy.failure })
        entries.push(new Entry(proxy.success))
      }
      return rotate(entries, cooldown)
    })
  )
}

const firstRest = 60_000
const longestRest = 3_600_000

const rotate = (entries: ReadonlyArray<Entry>, cooldown: number): ProxyProvider["Service"] => {
  const known = new Map(entries.map((entry) => [entry.proxy, entry]))
  const ready = new List<Entry>()
  const resting = new Heap<Entry>()
  for (const entry of entries) ready.append(entry.place)

  const rested = (now: number): void => {
    for (let first = resting.first; first !== undefined && first.at <= now; first = resting.first) {
      resting.remove(first)
      ready.append(first.place)
    }
  }

  const rest = (entry: Entry, outcome: "burn" | "suspect", now: number): void => {
    if (outcome === "burn") entry.burns++
    const millis = outcome === "burn" ? Math.min(firstRest * 2 ** (entry.burns - 1), longestRest) : cooldown
    ready.remove(entry.place)
    resting.remove(entry)
    entry.at = now + millis
    entry.given = false
    resting.add(entry)
  }

  return {
    get: Effect.withFiber((fiber) => {
      if (resting.size > 0) rested(nowOf(fiber))
      const entry = ready.rotate() ?? resting.first!
      entry.given = true
      return Effect.succeed(entry.proxy)
    }),
    report(proxy, outcome) {
      const entry = known.get(proxy)
      if (entry === undefined || outcome === "target") return Effect.void
      if (outcome === "ok" && entry.burns === 0 && ready.has(entry.place)) return Effect.void
      return Effect.withFiber((fiber) => {
        if (outcome === "ok") {
          entry.burns = 0
          resting.remove(entry)
          if (!ready.has(entry.place)) ready.append(entry.place)
          // Of a burned one that rests, only what was sent by it since then tells anything new.
        } else if (entry.burns === 0 || ready.has(entry.place) || (entry.given && outcome === "burn")) {
          rest(entry, outcome, nowOf(fiber))
        }
        return Effect.void
      })
    }
  }
}

const nowOf = (fiber: Fiber.Fiber<unknown, unknown>): number => monotonicMillis(fiber.getRef(Clock.Clock))

/**
 * An object that gives proxies, sync or with Promises.
 *
 * **Details**
 *
 * `get` gives a string, a URL, a `Redacted` string, `{ url }`, or
 * `{ http, https }`; `burn` is called with that very value.
 *
 * @category models
 * @since 0.1.0
 */
export interface PlainProvider {
  get(): unknown
  // The value is whatever this provider's own get gave.
  burn?(proxy: any): unknown
}

/**
 * Returns `true` if a value is an object with a `get`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isPlainProvider = (u: unknown): u is PlainProvider =>
  isObject(u) && "get" in u && typeof u.get === "function"

/**
 * A provider out of any object with `get` and `burn`, sync or with Promises.
 *
 * **Details**
 *
 * `burn` is called for a proxy that is burned or suspect, with the very value
 * that `get` gave. Whatever the object throws, rejects or returns wrong is a
 * `ProxyError`.
 *
 * **Example** (A proxy manager of another library)
 *
 * ```ts
 * import { ProxyProvider } from "effect-webhooks"
 *
 * const list = ["proxy-1.example.com:8080", "proxy-2.example.com:8080"]
 * const layer = ProxyProvider.fromObject({
 *   get: () => list[0],
 *   burn: (proxy) => {
 *     list.splice(list.indexOf(String(proxy)), 1)
 *   }
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const fromObject = (object: PlainProvider): Layer.Layer<ProxyProvider> =>
  Layer.sync(ProxyProvider, () => {
    const given = new WeakMap<Proxy.Proxy, unknown>()
    return {
      get: Effect.flatMap(ask("get", () => object.get()), (value) => {
        const input = inputOf(value)
        if (input === undefined) {
          return Effect.fail(failure("get gave neither a string, nor a URL, nor { url }, nor { http, https }"))
        }
        return Effect.fromResult(Result.match(Proxy.parse(input, "what get gave"), {
          onFailure: (error) => Result.fail(failure(error.message)),
          onSuccess: (proxy) => {
            given.set(proxy, value)
            return Result.succeed(proxy)
          }
        }))
      }),
      report: (proxy, outcome) =>
        (outcome === "burn" || outcome === "suspect") && given.has(proxy) && object.burn !== undefined
          ? Effect.asVoid(ask("burn", () => object.burn!(given.get(proxy))))
          : Effect.void
    }
  })

const failure = (detail: string, cause?: Redacted.Redacted<unknown>): ProxyError =>
  new ProxyError({ proxy: undefined, detail, last: undefined, cause })

// One await takes a value, a Promise and a throw alike.
const ask = (method: string, f: () => unknown): Effect.Effect<unknown, ProxyError> =>
  Effect.tryPromise({
    try: () => new Promise((resolve) => resolve(f())),
    catch: (thrown) => failure(`the provider's ${method} threw`, Thrown.hide(thrown))
  })

const inputOf = (value: unknown): string | URL | Redacted.Redacted<string> | undefined => {
  if (typeof value === "string" || value instanceof URL) return value
  if (Redacted.isRedacted(value)) return value as Redacted.Redacted<string>
  if (!isObject(value)) return undefined
  if (hasProperty(value, "url")) return inputOf(value.url)
  const { http, https } = value as { readonly http?: unknown; readonly https?: unknown }
  return inputOf(https ?? http)
}
