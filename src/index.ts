/**
 * Webhooks with Effect.
 *
 * @since 0.1.0
 */

/**
 * Where a send may go.
 *
 * @since 0.1.0
 */
export * as EgressPolicy from "./EgressPolicy.ts"

/**
 * A proxy.
 *
 * @since 0.1.0
 */
export * as Proxy from "./Proxy.ts"

/**
 * Which proxy is next.
 *
 * @since 0.1.0
 */
export * as ProxyProvider from "./ProxyProvider.ts"

/**
 * When to try again.
 *
 * @since 0.1.0
 */
export * as RetryPolicy from "./RetryPolicy.ts"

/**
 * Signing.
 *
 * @since 0.1.0
 */
export * as Signature from "./Signature.ts"

/**
 * One attempt.
 *
 * @since 0.1.0
 */
export * as Transport from "./Transport.ts"

/**
 * Which URL is next.
 *
 * @since 0.1.0
 */
export * as UrlPool from "./UrlPool.ts"

/**
 * Sends webhooks.
 *
 * @since 0.1.0
 */
export * as Webhook from "./Webhook.ts"

/**
 * Why a send failed.
 *
 * @since 0.1.0
 */
export * as WebhookError from "./WebhookError.ts"

/**
 * What became of a send.
 *
 * @since 0.1.0
 */
export * as WebhookResult from "./WebhookResult.ts"
