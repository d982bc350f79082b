/**
 * A proxy: an HTTP or HTTPS proxy that tunnels by CONNECT, or a SOCKS5 proxy.
 *
 * Its canonical string is `host:port`, or `host:port:user:pass` with
 * credentials. That string is `Redacted`, and prints as `host:port`.
 *
 * **Example** (The forms that providers use)
 *
 * ```ts
 * import { Result } from "effect"
 * import { Proxy } from "effect-webhooks"
 *
 * const proxies = Result.all([
 *   Proxy.parse("proxy.example.com:8080"),
 *   Proxy.parse("proxy.example.com:8080:user:pa:ss"),
 *   Proxy.parse("socks5://user:pass@proxy.example.com:1080")
 * ])
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { InvalidUrl } from "./WebhookError.ts"

/**
 * How the proxy is spoken to.
 *
 * @category models
 * @since 0.1.0
 */
export type Protocol = "http" | "https" | "socks5"

/**
 * A proxy that has been checked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Proxy {
  readonly protocol: Protocol
  /** A name or an address; IPv6 without brackets. */
  readonly host: string
  readonly port: number
  readonly credentials: Redacted.Redacted<{ readonly username: string; readonly password: string }> | undefined
  /** The canonical string `host:port[:user:pass]`. */
  readonly url: Redacted.Redacted<string>
  /** `host:port`, safe to log. */
  readonly label: string
}

/**
 * Reads a proxy from `host:port`, `host:port:user:pass` (the password may hold
 * colons and anything else), or an `http://`, `https://` or `socks5://` URL.
 *
 * **Details**
 *
 * In a URL, user and password are percent-decoded; in the other forms they are
 * taken as they are. Without a port a URL means 80, 443 or 1080. An IPv6
 * address stands in brackets. The host is an IP address or a name that DNS may
 * have, and a URL has nothing behind it but a slash. `field` names the input in
 * the error.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (
  input: string | URL | Redacted.Redacted<string>,
  field = "proxy"
): Result.Result<Proxy, InvalidUrl> => {
  const value: unknown = Redacted.isRedacted(input) ? Redacted.value(input) : input
  const fail = (detail: string) => Result.fail(new InvalidUrl({ field, detail }))
  if (typeof value !== "string" && !(value instanceof URL)) {
    return fail("a proxy is a string, a URL, or a Redacted string")
  }
  // What stands at the end of a password may be a part of it.
  const text = String(value).trimStart()
  return /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? parseUrl(text, fail) : parseColons(text, fail)
}

const forms = "give host:port, host:port:user:pass, or an http://, https:// or socks5:// URL"

type Fail = (detail: string) => Result.Result<never, InvalidUrl>

const defaultPorts: Record<string, number> = { "http:": 80, "https:": 443, "socks5:": 1080, "socks5h:": 1080 }

const parseUrl = (input: string, fail: Fail): Result.Result<Proxy, InvalidUrl> => {
  const text = input.trimEnd()
  if (!URL.canParse(text)) return fail(`it does not parse; ${forms}`)
  const [, authority] = /:\/\/(.*?)\/?$/s.exec(text)!
  // What the URL parser drops, or takes for the end of the host, is a mistake: often of a password.
  if (/[/\\?#\p{Cc}]/u.test(authority!)) {
    return fail("it has more than host and port; /, ?, # and \\ in a user or a password are percent-encoded")
  }
  // It would be decoded.
  if (authority!.slice(authority!.lastIndexOf("@") + 1).includes("%")) return fail(noHost)
  const url = new URL(text)
  const defaultPort = defaultPorts[url.protocol]
  if (defaultPort === undefined) {
    return fail(`its scheme must be http, https or socks5, not ${url.protocol.slice(0, -1)}`)
  }
  if (url.hostname === "") return fail(`it has no host; ${forms}`)
  const decoded = Result.try(() => [decodeURIComponent(url.username), decodeURIComponent(url.password)] as const)
  if (Result.isFailure(decoded)) return fail("its user or password is not percent-encoded as a URL has it")
  const [username, password] = decoded.success
  const protocol = url.protocol === "http:" ? "http" : url.protocol === "https:" ? "https" : "socks5"
  return make(protocol, url.hostname, url.port === "" ? defaultPort : Number(url.port), username, password, fail)
}

const parseColons = (text: string, fail: Fail): Result.Result<Proxy, InvalidUrl> => {
  const match = /^(\[[\da-f:.]+\]|[^\s:/@[\]]+):(\d{1,5})(?:\s*|:([^:]*):([\s\S]*))$/i.exec(text)
  if (match === null) return fail(`it does not parse; ${forms}`)
  return make("http", match[1]!, Number(match[2]), match[3] ?? "", match[4] ?? "", fail)
}

const noHost = `its host is neither an IP address nor a name; ${forms}`

const hostOf = (hostname: string): string | undefined => {
  // A zone, and the root of all names.
  if (hostname.includes("%") || hostname === ".") return undefined
  const host = hostname.startsWith("[")
    ? NetAddress.ipv6FromString(hostname.slice(1, -1))
    : Host.hostFromString(hostname)
  return Result.isSuccess(host) ? Host.formatHost(host.success) : undefined
}

const make = (
  protocol: Protocol,
  hostname: string,
  port: number,
  username: string,
  password: string,
  fail: Fail
): Result.Result<Proxy, InvalidUrl> => {
  if (port < 1 || port > 65535) return fail("its port must be from 1 to 65535")
  const host = hostOf(hostname)
  if (host === undefined) return fail(noHost)
  const label = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
  const anonymous = username === "" && password === ""
  return Result.succeed({
    protocol,
    host,
    port,
    credentials: anonymous ? undefined : Redacted.make({ username, password }, { label: "credentials" }),
    url: Redacted.make(anonymous ? label : `${label}:${username}:${password}`, { label }),
    label
  })
}
