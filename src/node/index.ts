/**
 * Webhooks on Node. Needs the optional peer `@effect/platform-node`.
 *
 * @since 0.1.0
 */

/**
 * Discord webhooks on Node, batteries included.
 *
 * @since 0.1.0
 */
export * as NodeDiscordWebhook from "./NodeDiscordWebhook.ts"

/**
 * The fast transport.
 *
 * @since 0.1.0
 */
export * as NodeTransport from "./NodeTransport.ts"

/**
 * Webhooks on Node, batteries included.
 *
 * @since 0.1.0
 */
export * as NodeWebhook from "./NodeWebhook.ts"

/**
 * A real HTTP server that misbehaves by script.
 *
 * @since 0.1.0
 */
export * as TestReceiver from "./TestReceiver.ts"
