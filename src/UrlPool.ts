/**
 * Which URL is next, when it may be used, and whether it still exists.
 *
 * A pool goes round its URLs, one per send, and prefers those that are open.
 * It learns each URL's pace from the answers: after a 429, or when a receiver
 * says that nothing remains of its window, sends wait for the instant that the
 * receiver named instead of running into it, and then go a few at a time. A
 * URL that says it is gone is retired until `restore`.
 *
 * With `failover` a send whose URL fails goes on with the next one. Then, or
 * where `circuit` is set, a URL that fails several times in a row is left alone
 * for a while; after that one send tries it, and the others wait for how it
 * fares.
 *
 * What it costs does not grow with the number of URLs.
 *
 * **Gotchas**
 *
 * The URLs are credentials. They stay `Redacted` until the socket, and a
 * `Target` has a `label` for logs: the host, and the name or the index.
 *
 * **Example** (Named URLs, and a word when one is retired)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { UrlPool } from "effect-webhooks"
 *
 * const layer = UrlPool.layer([
 *   { name: "alerts", url: "https://example.com/hooks/1" },
 *   { name: "deploys", url: "https://example.com/hooks/2" }
 * ], { onRetired: (target) => Effect.logWarning(`${target.label} is gone`) })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { assertNames, checkNames, namesOf } from "./internal/optionNames.ts"
import { positiveMillis, wholeNumber } from "./internal/options.ts"
import { Pool, targetOf } from "./internal/pool.ts"
import { InvalidOptions, type InvalidUrl, type NoUrlAvailable, WebhookError } from "./WebhookError.ts"

/**
 * A URL to send to, with or without a name for logs.
 *
 * @category models
 * @since 0.1.0
 */
export type UrlInput = string | URL | Redacted.Redacted<string> | {
  readonly name: string
  readonly url: string | URL | Redacted.Redacted<string>
}

/**
 * A URL that has been checked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Target {
  /** Safe to log: the host, and the URL's name or index in the pool. */
  readonly label: string
  readonly url: Redacted.Redacted<string>
  /** Scheme, host and port. */
  readonly origin: string
}

/**
 * What became of a try, as far as it teaches something of the URL.
 *
 * **Details**
 *
 * Times are milliseconds from now. `Taken` may carry what the receiver says is
 * left of its window. `Limited` is a 429; its time is the receiver's own, unless
 * `hinted` is false. `Failed` is the URL's own failure: a 5xx, or no answer.
 * `Untold` is any other end without an answer, such as a proxy's fault.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome =
  | { readonly _tag: "Taken"; readonly remaining?: number | undefined; readonly resetAfter?: number | undefined }
  | { readonly _tag: "Limited"; readonly retryAfter: number; readonly hinted?: boolean | undefined }
  | { readonly _tag: "Gone"; readonly status: number }
  | { readonly _tag: "Failed" }
  | { readonly _tag: "Untold" }

/**
 * The state of a URL in the pool: `"paced"` is left alone until the receiver's
 * instant, `"broken"` because it failed, `"retired"` because it is gone.
 *
 * @category models
 * @since 0.1.0
 */
export type State = "open" | "paced" | "broken" | "retired"

/**
 * The pool of URLs.
 *
 * @category services
 * @since 0.1.0
 */
export class UrlPool extends Context.Service<UrlPool, {
  /** Whether a send whose URL fails goes on with another one. */
  readonly failover: boolean
  /** The URL whose turn it is: open ones first, else the one that opens soonest. */
  readonly next: Effect.Effect<Target, NoUrlAvailable>
  /** Tells the pool what is known of a URL from elsewhere: it is limited, or gone. */
  readonly report: (target: Target, outcome: Outcome) => Effect.Effect<void>
  /** Every URL of the pool with its state. */
  readonly list: Effect.Effect<ReadonlyArray<{ readonly target: Target; readonly state: State }>>
  /** Takes a retired URL back into the pool, open. */
  readonly restore: (target: Target) => Effect.Effect<void>
  /** Puts a URL into the pool, while sends run too; one that is there already stays as it is. */
  readonly add: (url: UrlInput) => Effect.Effect<Target, InvalidUrl>
  /**
   * Takes a URL out of the pool: what waits for it goes to another one, or fails
   * with `NoUrlAvailable`; an attempt that is under way ends as it does.
   */
  readonly remove: (target: Target) => Effect.Effect<void>
}>()("effect-webhooks/UrlPool") {}

/**
 * Options of a pool.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * Whether a send goes on with the next URL when its own fails in a way that
   * another may cure: no connection, no answer, 5xx, 429, a redirect, or 401,
   * 403, 404, 405, 410, 421. Each such try is a retry. It follows at once if
   * the URL before certainly has not taken the webhook, else after the backoff.
   *
   * @default false
   */
  readonly failover?: boolean | undefined
  /**
   * After how many failures in a row a URL is left alone, and for how long
   * until one send tries it again. Failures are 5xx and answers that do not
   * come; a proxy's fault, a 429 or any other answer is none, nor is that this
   * side has no network or no sockets left.
   *
   * @default { failures: 5, openDuration: "30 seconds" } with failover, else false
   */
  readonly circuit?: false | {
    readonly failures?: number | undefined
    readonly openDuration?: Duration.Input | undefined
  } | undefined
  /**
   * Runs when a URL says that it is gone, also one that came with a send.
   * Nobody waits for it, and its failures are ignored.
   */
  readonly onRetired?: ((target: Target) => Effect.Effect<unknown, unknown>) | undefined
}

/** @internal */
export const optionNames: ReadonlySet<string> = namesOf<Options>({ failover: true, circuit: true, onRetired: true })

/**
 * The options of a pool, checked, and what a layer knows of all its receivers.
 *
 * @internal
 */
export interface Settings {
  readonly failover: boolean
  readonly circuit: { readonly failures: number; readonly openDuration: number } | undefined
  readonly onRetired: Options["onRetired"]
  /** One send goes first, also where nothing is known of the pace yet. */
  readonly slowStart: boolean
  /** A URL that is gone never comes back, so one that came with a send is left alone too. */
  readonly goneForGood: boolean
}

/**
 * Throws `RangeError` for a constant that makes no sense.
 *
 * @internal
 */
export const toSettings = ({ circuit, failover = false, onRetired }: Options = {}): Settings => {
  const breaker = circuit ?? (failover ? {} : false)
  return {
    failover,
    circuit: breaker === false ? undefined : {
      failures: wholeNumber("circuit.failures", breaker.failures ?? 5, 1),
      openDuration: positiveMillis("circuit.openDuration", breaker.openDuration ?? 30_000)
    },
    onRetired,
    slowStart: false,
    goneForGood: false
  }
}

/**
 * A pool of one URL or many, gone round one per send.
 *
 * **Details**
 *
 * Fails with `InvalidUrl` when one is not an http(s) URL or has user-info, and
 * with `InvalidOptions` when there is none, or for an option that does not exist.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  urls: UrlInput | ReadonlyArray<UrlInput>,
  options?: Options
): Layer.Layer<UrlPool, WebhookError> => Layer.effect(UrlPool, make(urls, options))

/**
 * A pool whose URLs come from configuration.
 *
 * **Example** (A secret from the environment)
 *
 * ```ts
 * import { Config } from "effect"
 * import { UrlPool } from "effect-webhooks"
 *
 * const layer = UrlPool.layerConfig(Config.Redacted("WEBHOOK_URL"))
 * ```
 *
 * @see {@link urlsConfig} for several URLs in one variable
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  config: Config.Config<UrlInput | ReadonlyArray<UrlInput>>,
  options?: Options
): Layer.Layer<UrlPool, WebhookError | Config.ConfigError> => {
  const settings = toSettings(options)
  return Layer.effect(
    UrlPool,
    Effect.andThen(checkNames(options, optionNames), Effect.flatMap(config, (urls) => makePool(urls, settings)))
  )
}

/**
 * A list of URLs in one variable of the configuration, each `Redacted`.
 *
 * **Details**
 *
 * They are separated by commas or line breaks. Blanks around them, and empty
 * entries, are left out. A comma within a URL belongs to it, unless a blank or
 * the scheme of another URL follows. A variable without a URL in it is a
 * `ConfigError` that names it, as a missing one is.
 *
 * **Example** (All URLs in one variable)
 *
 * ```ts
 * import { UrlPool } from "effect-webhooks"
 * import { NodeWebhook } from "effect-webhooks/node"
 *
 * // WEBHOOK_URLS="https://example.com/hooks/1, https://example.com/hooks/2"
 * const layer = NodeWebhook.layerConfig({ urls: UrlPool.urlsConfig("WEBHOOK_URLS") })
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export const urlsConfig = (name?: string): Config.Config<ReadonlyArray<Redacted.Redacted<string>>> =>
  Config.map(Config.schema(listed(), name), (urls) => urls.map((url) => Redacted.make(url)))

const listed = () =>
  Schema.String.pipe(Schema.decodeTo(
    Schema.Array(Schema.String).check(
      Schema.makeFilter((urls) => urls.length > 0 ? undefined : "must have at least one URL in it")
    ),
    SchemaTransformation.transform<ReadonlyArray<string>, string>({
      decode: (text) => text.split(separator).map((url) => url.trim()).filter((url) => url !== ""),
      encode: (urls) => urls.join("\n")
    })
  ))

const separator = /[\r\n]|,(?=\s|,|$|[a-z][a-z0-9+.-]*:\/\/)/i

/**
 * A pool without URLs, for programs whose every send brings its own.
 *
 * @category layers
 * @since 0.1.0
 */
export const empty: Layer.Layer<UrlPool> = Layer.suspend(() => emptyWith({}))

/**
 * The same with a circuit for each URL, or a word when one is gone.
 *
 * **Details**
 *
 * It cannot fail, so an option that does not exist throws `RangeError` here.
 *
 * **Example** (Telling the customers whose URL is gone)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { UrlPool } from "effect-webhooks"
 *
 * const layer = UrlPool.emptyWith({
 *   circuit: { failures: 10, openDuration: "1 minute" },
 *   onRetired: (target) => Effect.logWarning(`${target.label} wants no more webhooks`)
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const emptyWith = (options: Options): Layer.Layer<UrlPool> => {
  assertNames(options, optionNames)
  const settings = toSettings(options)
  return Layer.effect(UrlPool, emptyPool(settings))
}

/**
 * Makes a pool; see `layer`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  urls: UrlInput | ReadonlyArray<UrlInput>,
  options?: Options
): Effect.Effect<UrlPool["Service"], WebhookError> => {
  const settings = toSettings(options)
  return Effect.andThen(checkNames(options, optionNames), makePool(urls, settings))
}

/** @internal */
export const emptyPool = (settings: Settings): Effect.Effect<UrlPool["Service"]> =>
  Effect.map(Effect.context<never>(), (context) => new Pool([], settings, context).service)

/** @internal */
export const makePool = Effect.fnUntraced(function*(
  urls: UrlInput | ReadonlyArray<UrlInput>,
  settings: Settings
): Effect.fn.Return<UrlPool["Service"], WebhookError> {
  const inputs: ReadonlyArray<UrlInput> = Array.isArray(urls) ? urls : [urls]
  if (inputs.length === 0) {
    return yield* new WebhookError({
      reason: new InvalidOptions({
        option: "urls",
        detail: "it has no URL; give at least one, or use UrlPool.empty if every send brings its own"
      })
    })
  }
  const targets: Array<Target> = []
  for (const [index, input] of inputs.entries()) {
    const target = targetOf(input, index, inputs.length === 1)
    if (Result.isFailure(target)) return yield* new WebhookError({ reason: target.failure })
    targets.push(target.success)
  }
  return new Pool(targets, settings, yield* Effect.context<never>()).service
})

/**
 * Fails where `urls` is given and is undefined, as a variable is that is not
 * set: that is no wish to go without.
 *
 * @internal
 */
export const checkUrls = (options: { readonly urls?: unknown }): Effect.Effect<void, WebhookError> =>
  Effect.suspend(() =>
    "urls" in options && options.urls === undefined
      ? Effect.fail(
        new WebhookError({
          reason: new InvalidOptions({
            option: "urls",
            detail: "it is undefined, as a variable is that is not set; leave it out if every send brings its own url"
          })
        })
      )
      : Effect.void
  )
