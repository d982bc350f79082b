/** @internal */
export const version = "0.1.0"

/**
 * The `User-Agent` that names this library, or `undefined` in a browser, where
 * a header of one's own makes cross-origin requests ask for leave first.
 *
 * @internal
 */
export const userAgent = (): string | undefined =>
  globalThis.navigator?.userAgent?.startsWith("Mozilla/") ? undefined : `effect-webhooks/${version}`
