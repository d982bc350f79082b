import { Effect } from "effect"
import { Message } from "effect-webhooks/discord"

/** The violations of a message as `path: sentence`; none if it is valid. */
export const violationsOf = (message: unknown, context?: Message.Context): ReadonlyArray<string> =>
  Effect.runSync(Effect.match(Message.validate(message as Message.Message, context), {
    onFailure: ({ violations }) => violations.map(({ message, path }) => `${path}: ${message}`),
    onSuccess: () => []
  }))

/** The paths of the violations of a message. */
export const pathsOf = (message: unknown, context?: Message.Context): ReadonlyArray<string> =>
  violationsOf(message, context).map((violation) => violation.slice(0, violation.indexOf(":")))
