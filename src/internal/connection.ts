import { hasProperty, isString } from "effect/Predicate"
import { ConnectionError, type Phase } from "../WebhookError.ts"

/**
 * The first `code` in a chain of causes. Messages are not kept: some platforms
 * put the URL into them.
 *
 * @internal
 */
export const codeOf = (cause: unknown): string | undefined => {
  for (let depth = 0, current = cause; depth < 5 && typeof current === "object" && current !== null; depth++) {
    if (hasProperty(current, "code") && isString(current.code)) return current.code
    current = hasProperty(current, "cause") ? current.cause : undefined
  }
  return undefined
}

// Node's names for what OpenSSL's certificate verification says, and its own.
const certificate =
  /^(?:ERR_TLS_CERT_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|ERROR_IN_CERT_)/

/** @internal */
export const isCertificate = (code: string | undefined): boolean => code !== undefined && certificate.test(code)

// What can only happen before a request is written.
const connecting =
  /^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|EMFILE|ENFILE|ENOTFOUND|EAI_\w+|EPROTO|ERR_SSL_\w+|UND_ERR_CONNECT_TIMEOUT)$/

/**
 * Whether a code says that this side has no network, no port or no descriptor
 * left, whoever the receiver is.
 *
 * @internal
 */
export const isOwn = (code: string | undefined): boolean =>
  code !== undefined && /^(?:ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|EMFILE|ENFILE|ENOBUFS)$/.test(code)

/**
 * The same of a code that a proxy was to be reached with. An address without a
 * way to it and a resolver that does not answer are this side's too: they would
 * take all proxies out one after the other.
 *
 * @internal
 */
export const isOwnToProxy = (code: string | undefined): boolean =>
  isOwn(code) || (code !== undefined && /^(?:EHOSTUNREACH|EAI_\w+)$/.test(code))

/**
 * What a platform's error means. `phase` is what the transport knows for
 * itself; without it, the code decides where it can.
 *
 * @internal
 */
export const connectionError = (cause: unknown, phase?: Phase): ConnectionError => {
  const code = codeOf(cause)
  const refused = isCertificate(code)
  const early = refused || (code !== undefined && connecting.test(code))
  return new ConnectionError({
    phase: phase ?? (early ? "connecting" : "sent"),
    code,
    certificate: refused,
    ...(phase === undefined && code === undefined && { detail: untold })
  })
}

// In browsers fetch keeps it from the page, and says the same of all of these.
const untold = "fetch gave no reason: no connection, DNS, CORS or a lost connection"
