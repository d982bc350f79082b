import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { InvalidOptions, WebhookError } from "../../WebhookError.ts"

/** What may come from configuration. */
type Setting<A> = A | Config.Config<A>

/** A record of which each value may come from configuration. */
type Settings<A> = { readonly [Key in keyof A]: Setting<A[Key]> }

/** What is written in a program only. */
type Written = "retry" | "signer" | "egress" | "classify" | "onRetired" | "onInvalidRequests"

/** Records of settings. */
type Group = "headers" | "circuit" | "tls"

/** Options of which each setting may come from configuration. Their docs are those of the layers that take them. */
export type Configured<Options> = {
  readonly [Key in keyof Options]: Key extends Written ? Options[Key]
    : Key extends Group ? Setting<Options[Key]> | Settings<Extract<Options[Key], object>>
    : Setting<Options[Key]>
}

const groups: ReadonlySet<string> = new Set<Group>(["headers", "circuit", "tls"])

/**
 * A layer whose options come from configuration. A value that makes no sense
 * throws where it stands in a program; here it fails the layer.
 *
 * @internal
 */
export const layerConfig = <Options extends object, A>(
  options: Configured<Options> | Config.Config<Options>,
  layer: (options: Options) => Layer.Layer<A, WebhookError>
): Layer.Layer<A, WebhookError | Config.ConfigError> =>
  Layer.unwrap(
    Effect.flatMap(Config.isConfig(options) ? options : read(options, groups), (options) =>
      Effect.try({
        try: () => layer(options as Options),
        catch: (error) =>
          new WebhookError({ reason: new InvalidOptions({ option: "of the configuration", detail: String(error) }) })
      }))
  )

/** Reads a record of values and of their `Config`s, and those within it that have one of these names. */
const read = (record: object, within: ReadonlySet<string>): Config.Config<object> =>
  Config.all(Object.fromEntries(
    Object.entries(record).map(([name, value]): [string, Config.Config<unknown>] => [
      name,
      Config.isConfig(value)
        ? value
        : within.has(name) && isRecord(value)
        ? read(value, none)
        : Config.succeed(value)
    ])
  ))

const none: ReadonlySet<string> = new Set()

const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
