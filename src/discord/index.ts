/**
 * Discord webhooks: payloads that Discord will accept, and a sender that it
 * will not ban.
 *
 * @since 0.1.0
 */

/**
 * Whom a message may ping.
 *
 * @since 0.1.0
 */
export * as AllowedMentions from "./AllowedMentions.ts"

/**
 * Buttons, selects and layout.
 *
 * @since 0.1.0
 */
export * as Component from "./Component.ts"

/**
 * What Discord says is wrong.
 *
 * @since 0.1.0
 */
export * as DiscordError from "./DiscordError.ts"

/**
 * A message that a webhook has posted.
 *
 * @since 0.1.0
 */
export * as DiscordMessage from "./DiscordMessage.ts"

/**
 * Sends messages, and changes those that were sent.
 *
 * @since 0.1.0
 */
export * as DiscordWebhook from "./DiscordWebhook.ts"

/**
 * The card with a coloured edge.
 *
 * @since 0.1.0
 */
export * as Embed from "./Embed.ts"

/**
 * A message, checked before Discord does.
 *
 * @since 0.1.0
 */
export * as Message from "./Message.ts"

/**
 * A poll in a message.
 *
 * @since 0.1.0
 */
export * as Poll from "./Poll.ts"
