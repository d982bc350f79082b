import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import { Proxy } from "effect-webhooks"
import { inspect } from "node:util"

const parsed = (input: Parameters<typeof Proxy.parse>[0]) => {
  const { credentials, host, label, port, protocol, url } = Result.getOrThrow(Proxy.parse(input))
  return { protocol, host, port, label, url: Redacted.value(url), ...(credentials && Redacted.value(credentials)) }
}

const refused = (input: unknown, field?: string) => {
  const result = Proxy.parse(input as string, field)
  assert(Result.isFailure(result), `expected a failure for ${String(input)}`)
  assert.strictEqual(result.failure._tag, "InvalidUrl")
  return result.failure
}

describe("Proxy", () => {
  describe("host:port", () => {
    it("reads a name and a port", () => {
      assert.deepStrictEqual(parsed("Proxy.Example.com:8080"), {
        protocol: "http",
        host: "proxy.example.com",
        port: 8080,
        label: "proxy.example.com:8080",
        url: "proxy.example.com:8080"
      })
    })

    it("reads an IPv4 address and a single label", () => {
      assert.strictEqual(parsed("10.0.0.1:3128").host, "10.0.0.1")
      assert.strictEqual(parsed("squid:3128").host, "squid")
    })

    it("reads an IPv6 address in brackets", () => {
      const proxy = parsed("[2001:DB8::1]:8080:user:pass")
      assert.strictEqual(proxy.host, "2001:db8::1")
      assert.strictEqual(proxy.label, "[2001:db8::1]:8080")
      assert.strictEqual(proxy.url, "[2001:db8::1]:8080:user:pass")
    })

    it("passes over space around it, as in a line of a file", () => {
      assert.strictEqual(parsed("  proxy.example.com:8080\r\n").url, "proxy.example.com:8080")
    })

    it("takes a Redacted string", () => {
      assert.strictEqual(parsed(Redacted.make("proxy.example.com:8080:user:pass")).password, "pass")
    })
  })

  describe("host:port:user:pass", () => {
    const passwords = [
      "pass",
      "pa:ss:word",
      ":",
      "::",
      " leading and trailing ",
      "p@ss@host:80",
      "100%25",
      "%zz",
      "http://other.example.com:80",
      "pässwörd",
      "密码🔑",
      "a/b?c#d",
      "\"'`\\",
      "a\nb",
      ""
    ]

    it.each(passwords)("takes the password as it is: %j", (password) => {
      const canonical = `proxy.example.com:8080:user:${password}`
      const proxy = parsed(canonical)
      assert.strictEqual(proxy.username, "user")
      assert.strictEqual(proxy.password, password)
      assert.strictEqual(proxy.url, canonical)
    })

    it.prop("takes any password", [Schema.String], ([password]) => {
      assert.strictEqual(parsed(`proxy.example.com:8080:user:${password}`).password, password)
    })

    it.prop("comes through any URL that is encoded as URLs are", [Schema.String], ([password]) => {
      if (/[\ud800-\udfff]/u.test(password)) return
      assert.strictEqual(
        parsed(`http://user:${encodeURIComponent(password)}@proxy.example.com:8080`).url,
        `proxy.example.com:8080:user:${password}`
      )
    })

    it("takes the user as it is", () => {
      assert.strictEqual(parsed("proxy.example.com:8080:us er@x%20:pass").username, "us er@x%20")
    })

    it("takes a password without a user", () => {
      const proxy = parsed("proxy.example.com:8080::token")
      assert.strictEqual(proxy.username, "")
      assert.strictEqual(proxy.password, "token")
      assert.strictEqual(proxy.url, "proxy.example.com:8080::token")
    })

    it("has no credentials when both are empty", () => {
      assert.strictEqual(parsed("proxy.example.com:8080::").url, "proxy.example.com:8080")
      assert.isUndefined(Result.getOrThrow(Proxy.parse("proxy.example.com:8080::")).credentials)
    })
  })

  describe("URLs", () => {
    it.each(
      [
        ["http://proxy.example.com:8080", "http", 8080],
        ["http://proxy.example.com", "http", 80],
        ["http://proxy.example.com:80/", "http", 80],
        ["https://proxy.example.com", "https", 443],
        ["HTTPS://Proxy.Example.com:8443", "https", 8443],
        ["socks5://proxy.example.com", "socks5", 1080],
        ["socks5h://proxy.example.com:1081", "socks5", 1081],
        ["SOCKS5://Proxy.Example.com:1081", "socks5", 1081]
      ] as const
    )("reads %s", (input, protocol, port) => {
      const proxy = parsed(input)
      assert.strictEqual(proxy.protocol, protocol)
      assert.strictEqual(proxy.port, port)
      assert.strictEqual(proxy.url, `proxy.example.com:${port}`)
    })

    it.each(["http", "https", "socks5"])("decodes user and password of %s://", (scheme) => {
      const proxy = parsed(`${scheme}://us%20er%40x:p%3Aa%2Fs%25s%C3%A4@proxy.example.com:8080`)
      assert.strictEqual(proxy.username, "us er@x")
      assert.strictEqual(proxy.password, "p:a/s%sä")
      assert.strictEqual(proxy.url, "proxy.example.com:8080:us er@x:p:a/s%sä")
    })

    it("takes a URL object", () => {
      assert.strictEqual(parsed(new URL("https://user:pass@proxy.example.com")).url, "proxy.example.com:443:user:pass")
    })

    it.each(["http://[::1]:8080", "socks5://[::1]:8080"])("reads an IPv6 address in %s", (input) => {
      const proxy = parsed(input)
      assert.strictEqual(proxy.host, "::1")
      assert.strictEqual(proxy.url, "[::1]:8080")
    })

    it("gives one canonical string for one proxy", () => {
      assert.deepStrictEqual(
        parsed("http://user:p%3Ass@PROXY.example.com:8080"),
        parsed("proxy.example.com:8080:user:p:ss")
      )
    })

    it("reads its own canonical string", () => {
      const { url } = parsed("http://us%20er:p%3Ass@[::1]:8080")
      assert.strictEqual(parsed(url).url, url)
    })
  })

  describe("a host", () => {
    const forbidden = [..."#\\/?%<>^|`{}\"'!$&()*+,;=~ \t\n\r\f\v\0\u0001\u001f\u007f\u00a0\u2028"]
    const wrap: ReadonlyArray<(host: string) => string> = [
      (host) => `${host}:8080`,
      (host) => `${host}:8080:user:pass`,
      (host) => `http://${host}:8080`,
      (host) => `http://user:pass@${host}:8080/`,
      (host) => `https://${host}`,
      (host) => `socks5://${host}:1080`,
      (host) => `socks5://user:pass@${host}`
    ]
    const label = Schema.Literals(["a", "proxy", "example.com", "10.0.0.1", "x_1"])

    it.prop(
      "with a character that no name has is refused in every form, wherever it stands",
      [label, Schema.Literals(forbidden), label, Schema.Literals([0, 1, 2, 3, 4, 5, 6])],
      ([before, character, after, form]) => {
        refused(wrap[form]!(`${before}${character}${after}`))
      },
      { arbitrary: { runs: 1000 } }
    )

    it.each(forbidden)("with %j at its end, or its beginning, is refused", (character) => {
      for (const form of wrap) {
        const [first, last] = [form(`${character}proxy`), form(`proxy${character}`)]
        // White space around the whole is passed over, and a URL may end in a slash.
        if (first.trimStart() === first) refused(first)
        if (!last.endsWith(character) || !/[\s/]/.test(character)) refused(last)
      }
    })

    it.each(["..", "a..b", ".a", "a..", ".", "-a", "a-", `${"a".repeat(64)}.com`, "1.2.3", "256.1.1.1", "0x7f.1"])(
      "that is no name is refused: %s",
      (host) => {
        refused(`${host}:8080`)
        refused(`socks5://${host}:8080`)
      }
    )

    it.each(["http://user:12/34@proxy:80", "http://user:12#34@proxy:80", "http://user:12?34@proxy:80"])(
      "is never what stands before a password that is not percent-encoded: %s",
      (input) => {
        assert.notInclude(refused(input).message, "34")
      }
    )

    it.each([
      "http://proxy:80/path",
      "http://proxy:80/?a",
      "http://proxy:80#a",
      "http://proxy:80?",
      "http://proxy:80#"
    ])(
      "is all that a URL has: %s",
      (input) => {
        refused(input)
      }
    )

    it("may be an address, or a name of any script", () => {
      assert.strictEqual(parsed("[2001:0DB8:0:0::1]:80").url, "[2001:db8::1]:80")
      assert.strictEqual(parsed("b\u00fccher.example:80").host, "xn--bcher-kva.example")
      assert.strictEqual(parsed("http://b\u00fccher.example:80").host, "xn--bcher-kva.example")
      assert.strictEqual(parsed("my_proxy:80").host, "my_proxy")
      assert.strictEqual(parsed("proxy.example.com.:80").host, "proxy.example.com.")
      assert.strictEqual(parsed("http://proxy.example.com:8080/\r\n").url, "proxy.example.com:8080")
    })
  })

  describe("what is not a proxy", () => {
    const secret = "hunter2"

    it.each([
      "",
      "proxy.example.com",
      `proxy.example.com:8080:${secret}`,
      `proxy.example.com:${secret}:user:pass`,
      `proxy.example.com:0:user:${secret}`,
      `proxy.example.com:65536:user:${secret}`,
      `proxy.example.com:123456:user:${secret}`,
      `user:${secret}@proxy.example.com:8080`,
      `2001:db8::1:8080:user:${secret}`,
      `[::1:8080:user:${secret}`,
      `ftp://user:${secret}@proxy.example.com:8080`,
      `socks4://user:${secret}@proxy.example.com:8080`,
      `http://user:${secret}@proxy.example.com:0`,
      `socks5://user:${secret}@proxy.example.com:0`,
      `http://user:${secret}@proxy.example.com:99999`,
      `http://user:${secret}%zz@proxy.example.com:8080`,
      `http://proxy.example.com:8080:user:${secret}`,
      `socks5://user:${secret}@:1080`,
      `http://[${secret}`,
      "://"
    ])("refuses %j and shows nothing of it", (input) => {
      const error = refused(input, "proxies[3]")
      assert.strictEqual(error.field, "proxies[3]")
      assert.include(error.message, "proxies[3]")
      for (const printed of [String(error), JSON.stringify(error), inspect(error, { depth: 10 }), error.stack]) {
        assert.notInclude(printed, secret)
        assert.notInclude(printed, "example.com")
      }
    })

    it.each([undefined, null, 8080, {}, [], Symbol("proxy"), Redacted.make(8080)])(
      "refuses a value of type %o",
      (u) => {
        assert.strictEqual(refused(u).field, "proxy")
      }
    )
  })

  it("prints as host:port", () => {
    const proxy = Result.getOrThrow(Proxy.parse("proxy.example.com:8080:user42:hunter2"))
    for (const value of [proxy.url, proxy]) {
      const json = JSON.stringify(value)
      const inspected = inspect(value, { depth: 10, showHidden: true })
      assert.include(json, "proxy.example.com:8080")
      assert.include(inspected, "proxy.example.com:8080")
      for (const printed of [String(value), `${value}`, json, inspected]) {
        assert.notInclude(printed, "user42")
        assert.notInclude(printed, "hunter2")
      }
    }
    assert.include(String(proxy.url), "proxy.example.com:8080")
  })
})
