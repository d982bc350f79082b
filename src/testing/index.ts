/**
 * For tests of programs that send webhooks; runs anywhere.
 *
 * @since 0.1.0
 */

/**
 * A transport that answers from a script.
 *
 * @since 0.1.0
 */
export * as TestTransport from "./TestTransport.ts"
