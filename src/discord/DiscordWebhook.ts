/**
 * Sends messages to Discord.
 *
 * A message is checked before Discord sees it, and then goes the way of every
 * webhook: the pool, proxies, retries, pace and result are those of `Webhook`.
 * What is Discord's own is here: where a message goes, its files, what an answer
 * means, and how not to be banned.
 *
 * - Sends to one webhook keep its pace, whatever its thread: one goes first,
 *   and the others as its answers allow.
 * - A 429 that holds for the whole address, Discord's global one or
 *   Cloudflare's, holds back every webhook that leaves by the same way: directly
 *   or by that proxy; by another proxy they go on. Layers over one `Transport`
 *   share that. Cloudflare's without a hint is taken for ten minutes, and any
 *   limit is put to the test again after an hour.
 * - Discord bans an address for 10,000 answers of 401, 403 or 429 within ten
 *   minutes. They are counted per way: `onInvalidRequests` runs at every 1,000,
 *   and from 9,000 on one send a minute goes.
 * - A webhook that was deleted (404, code 10015) or whose token is invalid (401,
 *   code 50027) is retired, and sends to it end without an attempt.
 *
 * **Gotchas**
 *
 * Discord has no idempotency key: a retry after an answer that was lost may post
 * a message twice. `onAmbiguous: "stop"` never retries in that case.
 *
 * **Example** (An embed in ten lines)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { DiscordWebhook, Embed } from "effect-webhooks/discord"
 * import { NodeDiscordWebhook } from "effect-webhooks/node"
 *
 * const program = Effect.gen(function*() {
 *   const embed = Embed.make({ title: "Deployed", color: "#57f287", timestamp: new Date() })
 *   const result = yield* DiscordWebhook.send("done", { embeds: [embed], username: "deploys" })
 *   if (!result.ok) yield* Effect.logWarning(result.error)
 * })
 *
 * const layer = NodeDiscordWebhook.layer({ urls: "https://discord.com/api/webhooks/123/token" })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as EgressPolicy from "../EgressPolicy.ts"
import type { Encoded } from "../internal/encode.ts"
import { checkNames, namesOf, ofTransports, unknownOption } from "../internal/optionNames.ts"
import { wholeNumber } from "../internal/options.ts"
import type { Request } from "../internal/send.ts"
import { monotonicMillis } from "../internal/time.ts"
import { userAgent, version } from "../internal/userAgent.ts"
import type * as RetryPolicy from "../RetryPolicy.ts"
import * as Transport from "../Transport.ts"
import * as UrlPool from "../UrlPool.ts"
import * as Webhook from "../Webhook.ts"
import {
  InvalidOptions,
  InvalidPayload,
  InvalidResponse,
  type InvalidUrl,
  WebhookError,
  type WebhookErrorReason
} from "../WebhookError.ts"
import { type Delivered, Failed, type WebhookResult } from "../WebhookResult.ts"
import * as DiscordMessage from "./DiscordMessage.ts"
import { api, isId, readBase, readUrl } from "./internal/address.ts"
import { defined, type Draft, draftOf, editNames, revisitNames, sendNames } from "./internal/draft.ts"
import { attach, encodeAll, uploadsOf } from "./internal/files.ts"
import { invalidRequestsOf, invalidWindow, isTold, restrain, rule } from "./internal/limits.ts"
import { lint } from "./internal/lint.ts"
import { type Context as MessageContext, messageToWire } from "./internal/message.ts"
import { type Builder, field, items, read, together } from "./internal/payload.ts"
import { Place, Webhooks } from "./internal/webhooks.ts"
import * as Message from "./Message.ts"

/**
 * What a Discord webhook's URL says.
 *
 * @category models
 * @since 0.1.0
 */
export interface ParsedUrl {
  readonly id: string
  /** Whoever has it can post. */
  readonly token: Redacted.Redacted<string>
  /** The thread to post into. */
  readonly threadId?: string
  /** Discord is to answer with the message. */
  readonly wait?: true
}

/**
 * Reads a Discord webhook's URL as people paste it.
 *
 * **Details**
 *
 * Taken are discord.com and the old discordapp.com, those of the PTB and Canary
 * clients, with or without an API version, a trailing slash, `/slack` or
 * `/github`, and a query, of which `thread_id` and `wait` are kept. Host and
 * path must match exactly: a URL that only contains Discord's is refused. The
 * error never shows the URL.
 *
 * **Example** (Reading a pasted URL)
 *
 * ```ts
 * import { Result } from "effect"
 * import { DiscordWebhook } from "effect-webhooks/discord"
 *
 * declare const pasted: string
 *
 * const id = DiscordWebhook.parseUrl(pasted).pipe(Result.map((webhook) => webhook.id))
 * ```
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseUrl = (
  url: string | URL | Redacted.Redacted<string>
): Result.Result<ParsedUrl, InvalidUrl> =>
  Result.map(readUrl(url, "url", api), ({ id, threadId, token, wait }) => ({
    id,
    token: Redacted.make(token, { label: "discord token" }),
    ...(threadId === undefined ? {} : { threadId }),
    ...(wait ? { wait } : {})
  }))

/**
 * A file that is uploaded with a message: a `File`, or a name and what is in it.
 *
 * **Details**
 *
 * `data` is bytes, a `Blob`, or a text, which is sent as UTF-8. `type` is its
 * media type, `description` what is read to those who do not see it. A message
 * refers to it as `attachment://` and its name.
 *
 * @category models
 * @since 0.1.0
 */
export type FileInput = File | {
  readonly name: string
  readonly data: string | Uint8Array | ArrayBuffer | Blob
  readonly type?: string | undefined
  readonly description?: string | undefined
  readonly spoiler?: boolean | undefined
}

/**
 * How near an address is to a ban: so many answers of 401, 403 or 429, of which
 * Discord takes 10,000 within ten minutes.
 *
 * @category models
 * @since 0.1.0
 */
export interface InvalidRequests {
  readonly count: number
  /** In what time they came. */
  readonly window: Duration.Duration
  /** The proxy by which they went; `undefined` if they went directly. */
  readonly proxy: Redacted.Redacted<string> | undefined
}

/**
 * Options of a `DiscordWebhook`: those of the `Webhook` and the pool, and
 * Discord's own.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Webhook.WebhookOptions, UrlPool.Options {
  /**
   * One webhook or many, as pasted; a `thread_id` in a query is where its
   * messages go, and `wait=true` has Discord answer with them. Left out, every
   * send brings its `url`; `undefined`, as a variable is that is not set, fails
   * the layer.
   */
  readonly urls?: UrlPool.UrlInput | ReadonlyArray<UrlPool.UrlInput> | undefined
  /** Who messages are from, where they do not say it themselves. */
  readonly username?: string | undefined
  /** The picture beside them. */
  readonly avatar_url?: string | undefined
  /**
   * Whether an application owns the webhooks, which may then send buttons and
   * selects that it answers.
   *
   * @default false
   */
  readonly applicationOwned?: boolean | undefined
  /**
   * How large a file may be, in bytes. What Discord takes depends on the boosts
   * of a server.
   *
   * @default 10485760
   */
  readonly maxFileBytes?: number | undefined
  /**
   * Where the API is: of a relay, or of a server for tests.
   *
   * @default "https://discord.com/api/v10"
   */
  readonly baseUrl?: string | URL | undefined
  /**
   * How much of an answer's body is kept, in bytes: a message may be long.
   * Discord's codes are read from it too, so with a small value no webhook is
   * found to be gone, and none is retired.
   *
   * @default 1048576
   */
  readonly maxResponseBytes?: number | undefined
  /**
   * Runs at every 1,000 answers of one way for which Discord bans an address,
   * by the layer to which the thousandth came. Nobody waits for it, and its
   * failures are ignored.
   */
  readonly onInvalidRequests?: ((event: InvalidRequests) => Effect.Effect<unknown, unknown>) | undefined
}

/** @internal */
export const optionNames: ReadonlySet<string> = new Set([
  ...Webhook.optionNames,
  ...UrlPool.optionNames,
  ...namesOf<Omit<Options, keyof Webhook.WebhookOptions | keyof UrlPool.Options>>({
    urls: true,
    username: true,
    avatar_url: true,
    applicationOwned: true,
    maxFileBytes: true,
    baseUrl: true,
    onInvalidRequests: true
  })
])

interface RequestOptions extends Webhook.SendOptions {
  /** Uploaded with the message, at most 10. */
  readonly files?: ReadonlyArray<FileInput> | undefined
}

/**
 * Options of one message: any key of a message, and those of a `Webhook`'s send.
 *
 * **Details**
 *
 * A key that is none of these is a `Failed` with `InvalidOptions`, which names
 * the nearest one. One that Discord knows and this library does not goes into
 * the message itself.
 *
 * @category options
 * @since 0.1.0
 */
export interface SendOptions extends RequestOptions, Message.Input {
  /** This webhook instead of one of the pool. */
  readonly url?: string | URL | Redacted.Redacted<string> | undefined
  /** The thread to post into, instead of the one in the webhook's URL. */
  readonly thread_id?: string | undefined
}

/**
 * What can be changed of a message; what is left out stays as it is.
 *
 * **Details**
 *
 * Without `allowed_mentions` the text pings by Discord's default again. If
 * there are `attachments`, they must list all that are to stay; without them
 * new files are added, which then have no `description`. A message becomes one
 * of Components V2 by the flag, with `content`, `embeds` and `poll` set to
 * `null`; no edit adds a poll.
 *
 * @category models
 * @since 0.1.0
 */
export type Edit = Omit<Message.Input, "username" | "avatar_url" | "tts" | "thread_name" | "applied_tags">

/**
 * Options of an edit: any key that can be changed, and those of a `Webhook`'s send.
 *
 * @category options
 * @since 0.1.0
 */
export interface EditOptions extends Omit<RequestOptions, "url">, Edit {}

/**
 * Sends messages to Discord, and changes those that it has sent.
 *
 * @category services
 * @since 0.1.0
 */
export class DiscordWebhook extends Context.Service<DiscordWebhook, {
  /** Sends a message; whatever goes wrong is in the result. */
  readonly send: (content: string | Message.Input | Builder, options?: SendOptions) => Effect.Effect<WebhookResult>
  /** Sends a message, waits until Discord has it, and gives it. */
  readonly post: (
    content: string | Message.Input | Builder,
    options?: SendOptions
  ) => Effect.Effect<DiscordMessage.DiscordMessage, WebhookError>
  /** Changes a message. */
  readonly edit: (
    message: DiscordMessage.Ref,
    changes: string | Edit | Builder,
    options?: EditOptions
  ) => Effect.Effect<DiscordMessage.DiscordMessage, WebhookError>
  /** Deletes a message. */
  readonly delete: (
    message: DiscordMessage.Ref,
    options?: Omit<Webhook.SendOptions, "url">
  ) => Effect.Effect<void, WebhookError>
  /** Reads a message. */
  readonly get: (
    message: DiscordMessage.Ref,
    options?: Omit<Webhook.SendOptions, "url">
  ) => Effect.Effect<DiscordMessage.DiscordMessage, WebhookError>
}>()("effect-webhooks/discord/DiscordWebhook") {}

/**
 * Sends a message and gives what became of it; it never fails.
 *
 * **Details**
 *
 * The message is a text, or Discord's own JSON; keys in `options` stand above
 * those in the message, and both above the layer's identity. Any part of it
 * may be a builder, or anything else with a `toJSON`, which is asked once. A
 * message that Discord would refuse is a `Failed` with `InvalidPayload`, which
 * has every violation and its path, and no attempt is made. Discord does not
 * tell whether a message was saved unless it is asked to: `post` does, and
 * `wait=true` in a webhook's URL.
 *
 * @category sending
 * @since 0.1.0
 */
export const send = (
  content: string | Message.Input | Builder,
  options?: SendOptions
): Effect.Effect<WebhookResult, never, DiscordWebhook> =>
  DiscordWebhook.use((webhook) => webhook.send(content, options))

/**
 * Sends a message, waits until Discord has saved it, and gives it.
 *
 * **Details**
 *
 * Fails as `Webhook.sendOrFail` does, and with `InvalidResponse` if the answer
 * is not a message.
 *
 * @category sending
 * @since 0.1.0
 */
export const post = (
  content: string | Message.Input | Builder,
  options?: SendOptions
): Effect.Effect<DiscordMessage.DiscordMessage, WebhookError, DiscordWebhook> =>
  DiscordWebhook.use((webhook) => webhook.post(content, options))

/**
 * Changes a message that a webhook has posted, and gives it as it is then.
 *
 * @category editing
 * @since 0.1.0
 */
export const edit = (
  message: DiscordMessage.Ref,
  changes: string | Edit | Builder,
  options?: EditOptions
): Effect.Effect<DiscordMessage.DiscordMessage, WebhookError, DiscordWebhook> =>
  DiscordWebhook.use((webhook) => webhook.edit(message, changes, options))

const deleteMessage = (
  message: DiscordMessage.Ref,
  options?: Omit<Webhook.SendOptions, "url">
): Effect.Effect<void, WebhookError, DiscordWebhook> =>
  DiscordWebhook.use((webhook) => webhook.delete(message, options))

export {
  /**
   * Deletes a message that a webhook has posted.
   *
   * @category editing
   * @since 0.1.0
   */
  deleteMessage as delete
}

/**
 * Reads a message that a webhook has posted.
 *
 * @category editing
 * @since 0.1.0
 */
export const get = (
  message: DiscordMessage.Ref,
  options?: Omit<Webhook.SendOptions, "url">
): Effect.Effect<DiscordMessage.DiscordMessage, WebhookError, DiscordWebhook> =>
  DiscordWebhook.use((webhook) => webhook.get(message, options))

/**
 * Makes a `DiscordWebhook` as a plain value whose methods need nothing.
 *
 * **Details**
 *
 * Fails with `InvalidUrl` for a URL that is not a Discord webhook's, with
 * `InvalidPayload` for an identity that Discord would refuse, and with
 * `InvalidOptions` for an option that does not exist.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options = {}
): Effect.Effect<DiscordWebhook["Service"], WebhookError, Transport.Transport> => {
  const maxFileBytes = wholeNumber("maxFileBytes", options.maxFileBytes ?? 10_485_760, 1)
  const settings = Webhook.toSettings({
    ...options,
    maxResponseBytes: options.maxResponseBytes ?? 1_048_576,
    // Every URL leads to the one host that is configured.
    egress: options.egress ?? EgressPolicy.unrestricted
  })
  const poolSettings = UrlPool.toSettings(options)
  const { applicationOwned, avatar_url, username } = options
  return Effect.gen(function*() {
    yield* checkNames(options, optionNames, ofTransports)
    yield* UrlPool.checkUrls(options)
    const base = yield* orInvalid(readBase(options.baseUrl ?? api))
    const webhooks = yield* orInvalid(Webhooks.parse(options.urls, base))
    const identity = defined({ username, avatar_url })
    yield* Effect.mapError(
      Message.makeEffect({ content: "an identity", ...identity }, {}),
      (reason) => new WebhookError({ reason })
    )
    const classify = yield* classifier(options.classify, options.onInvalidRequests, base.origin)
    const { run } = yield* Webhook.makeRun({ ...settings, classify }, { ...agent(), ...options.headers }).pipe(
      Effect.provideServiceEffect(UrlPool.UrlPool, webhooks.pool(poolSettings))
    )

    // Checks a message and writes it down, once for all attempts.
    const encode = (
      draft: Draft,
      files: ReadonlyArray<FileInput> | undefined,
      context: MessageContext
    ): Effect.Effect<Encoded, InvalidPayload> =>
      Effect.suspend(() => {
        // On an edit a list would take away the files that it does not name.
        const listed = context.edits !== true || field(draft.value, "attachments") !== undefined
        return Effect.flatMap(
          reading(() => uploadsOf(files ?? [], maxFileBytes, listed)),
          ({ uploads, violations }) => {
            const message = messageToWire(listed ? attach(draft.value, uploads) : draft.value)
            const known = { ...context, applicationOwned, files: uploads.map(({ name }) => name) }
            const all = together(draft.violations, [...violations, ...Message.violationsIn(message, known)])
            return all.length > 0
              ? Effect.fail(new InvalidPayload({ violations: all }))
              : Effect.andThen(logLints(message), encodeAll(message, uploads))
          }
        )
      })

    // A new message.
    const execute = <A, E>(
      content: string | Message.Input | Builder,
      options: SendOptions,
      wait: boolean,
      onFailed: (failed: Failed) => Effect.Effect<A, E>
    ) => {
      let place: Place
      // A thread of that name is made, so none is taken from a webhook's URL.
      let creates = false
      const prepare = Effect.fnUntraced(function*(): Effect.fn.Return<Request, WebhookErrorReason> {
        const { files, thread_id, url } = options
        const to = url === undefined ? undefined : yield* Effect.fromResult(webhooks.find(url, "url"))
        yield* checkId("thread_id", thread_id)
        const draft = yield* readDraft(content, identity, options, sendNames)
        creates = isThere(field(draft.value, "thread_name"))
        const with_components = items(draft.value, "components").length > 0
        const encoded = yield* encode(draft, files, { query: { thread_id, with_components } })
        const threaded = thread_id !== undefined || creates
        const askedOf = to !== undefined ? () => to : webhooks.asked(!threaded)
        place = new Place("POST", "", { with_components }, (target) => {
          const asked = askedOf(target)
          return { threadId: threaded ? thread_id : asked.threadId, wait: wait || asked.wait }
        })
        return { ...encoded, url: to?.url, route: place }
      })
      return {
        sent: run(prepare, options, onFailed),
        threadOf: (message: { readonly channel_id: string }) =>
          place.thread ?? (creates ? message.channel_id : undefined)
      }
    }

    // A message that is there already.
    const revisit = (
      method: "PATCH" | "DELETE" | "GET",
      message: DiscordMessage.Ref,
      options: Omit<Webhook.SendOptions, "url">,
      encoded: Effect.Effect<Edited, InvalidPayload | InvalidOptions> = nothing(options)
    ) => {
      let place: Place
      const prepare = Effect.fnUntraced(function*(): Effect.fn.Return<Request, WebhookErrorReason> {
        const to = yield* Effect.fromResult(webhooks.findOwner(message.url))
        yield* checkId("message.id", message.id)
        yield* checkId("message.thread_id", message.thread_id)
        const { with_components, ...body } = yield* encoded
        place = new Place(
          method,
          `/messages/${message.id}`,
          { with_components },
          () => ({ threadId: message.thread_id ?? to.threadId })
        )
        return { ...body, url: to.url, route: place }
      })
      return { sent: run(prepare, options, Webhook.orFail), threadOf: () => place.thread }
    }

    return {
      send: (content, options = {}) => Effect.suspend(() => execute(content, options, false, Effect.succeed).sent),
      post: (content, options = {}) =>
        Effect.suspend(() => readMessage(execute(content, options, true, Webhook.orFail))),
      edit: (message, changes, options = {}) =>
        Effect.suspend(() => {
          const encoded = Effect.gen(function*() {
            const draft = yield* readDraft(changes, {}, options, editNames)
            // An empty list removes them, and it too would be dropped.
            const query = { with_components: field(draft.value, "components") !== undefined }
            return { ...(yield* encode(draft, options.files, { edits: true, query })), ...query }
          })
          return readMessage(revisit("PATCH", message, options, encoded))
        }),
      delete: (message, options = {}) => Effect.suspend(() => Effect.asVoid(revisit("DELETE", message, options).sent)),
      get: (message, options = {}) => Effect.suspend(() => readMessage(revisit("GET", message, options)))
    }
  })
}

const orInvalid = <A, E extends WebhookErrorReason>(result: Result.Result<A, E>): Effect.Effect<A, WebhookError> =>
  Effect.fromResult(Result.mapError(result, (reason) => new WebhookError({ reason })))

// Discord refuses a User-Agent of another form; a browser sends its own.
const agent = (): Record<string, string> =>
  userAgent() === undefined
    ? {}
    : { "user-agent": `DiscordBot (https://www.npmjs.com/package/effect-webhooks, ${version})` }

const classifier = Effect.fnUntraced(function*(
  own: RetryPolicy.Classify | undefined,
  onInvalidRequests: Options["onInvalidRequests"],
  origin: string
) {
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const invalid = invalidRequestsOf(yield* Transport.Transport)
  const tell = (event: InvalidRequests) => {
    if (onInvalidRequests === undefined) return
    Effect.runForkWith(context)(Effect.ignoreCause(Effect.suspend(() => onInvalidRequests(event))))
  }
  return (reply: Transport.Reply, attempt: Parameters<RetryPolicy.Classify>[1]): RetryPolicy.Ruling | undefined => {
    const { proxy } = attempt
    const way = `${origin} ${proxy === undefined ? "" : Redacted.value(proxy)}`
    const count = invalid.count(reply, way, monotonicMillis(clock), context)
    if (count !== undefined && isTold(count)) tell({ count, window: invalidWindow, proxy })
    const ours = restrain(rule(reply, clock.currentTimeMillisUnsafe()), count ?? 0)
    const theirs = own?.(reply, attempt)
    return theirs === undefined ? ours : { ...ours, ...(typeof theirs === "string" ? { verdict: theirs } : theirs) }
  }
})

interface Edited extends Encoded {
  readonly with_components: boolean
}

const nothing = (options: object): Effect.Effect<Edited, InvalidOptions> =>
  Effect.as(checkKeys(options, revisitNames), { body: "", contentType: undefined, with_components: false })

const isThere = (value: unknown): boolean => value !== undefined && value !== null

const checkKeys = (options: object, names: ReadonlySet<string>): Effect.Effect<void, InvalidOptions> =>
  Effect.suspend(() => {
    const unknown = unknownOption(options, names)
    return unknown === undefined ? Effect.void : Effect.fail(unknown)
  })

// In the message a key may be one that Discord knows and nobody here does; beside it, it is a slip of the pen.
const readDraft = (
  content: unknown,
  identity: object,
  options: object,
  names: ReadonlySet<string>
): Effect.Effect<Draft, InvalidPayload | InvalidOptions> =>
  Effect.tap(reading(() => draftOf(content, identity, options)), checkKeys(options, names))

const reading = <A>(evaluate: () => A): Effect.Effect<A, InvalidPayload> =>
  Effect.suspend(() => Effect.fromResult(read(evaluate)))

const checkId = (option: string, id: string | undefined): Effect.Effect<void, InvalidOptions> =>
  id === undefined || isId(id)
    ? Effect.void
    : Effect.fail(new InvalidOptions({ option, detail: "it must be an id: decimal digits in a string" }))

const logLints = (message: unknown): Effect.Effect<void> => {
  const warnings = lint(message)
  return warnings.length === 0
    ? Effect.void
    : Effect.logDebug(...warnings.map(({ message, path }) => `discord message: ${path} ${message}`))
}

const isAnswer = Schema.is(DiscordMessage.Answer)

const readMessage = (
  { sent, threadOf }: {
    readonly sent: Effect.Effect<Delivered, WebhookError>
    readonly threadOf: (message: { readonly channel_id: string }) => string | undefined
  }
): Effect.Effect<DiscordMessage.DiscordMessage, WebhookError> =>
  Effect.flatMap(sent, ({ history, id, proxy, response, status, target, truncated, url }) => {
    if (isAnswer(response)) {
      // Of the keys besides, only Discord's documentation says what they are.
      return Effect.succeed({ ...response, url: url!, thread_id: threadOf(response) } as DiscordMessage.DiscordMessage)
    }
    const reason = new InvalidResponse({ status, detail: "its answer is not a message of Discord's" })
    const answer = { response, truncated }
    const result = new Failed({ id, status, url, target, proxy, history, answer, reason, delivered: "maybe" })
    return Effect.fail(new WebhookError({ reason, result }))
  })

/**
 * A `DiscordWebhook` over a `Transport`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTransport = (
  options?: Options
): Layer.Layer<DiscordWebhook, WebhookError, Transport.Transport> => Layer.effect(DiscordWebhook, make(options))

/**
 * A `DiscordWebhook` over any `HttpClient`; see `Transport.layerHttpClient`.
 *
 * **Example** (In a worker, with the URL from the environment)
 *
 * ```ts
 * import { Config, Effect, Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { DiscordWebhook } from "effect-webhooks/discord"
 *
 * const layer = Layer.unwrap(
 *   Effect.map(Config.Redacted("DISCORD_WEBHOOK_URL"), (urls) => DiscordWebhook.layer({ urls }))
 * ).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<DiscordWebhook, WebhookError, HttpClient.HttpClient> =>
  Layer.provide(layerTransport(options), Transport.layerHttpClient)
