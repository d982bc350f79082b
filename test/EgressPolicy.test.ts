import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { EgressPolicy } from "effect-webhooks"
import { IpNetwork, NetAddress } from "effect/net"

const { allow, checkUrl, isAllowed, publicOnly, unrestricted } = EgressPolicy

// The special-purpose registries of IANA, as they stood on 2026-11-23, multicast and class E.
const special = [
  "0.0.0.0/8",
  "0.0.0.0/32",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.0.0/29",
  "192.0.0.8/32",
  "192.0.0.9/32",
  "192.0.0.10/32",
  "192.0.0.170/32",
  "192.0.0.171/32",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "255.255.255.255/32",
  "::/128",
  "::1/128",
  "::/96",
  "::ffff:0:0/96",
  "64:ff9b:1::/48",
  "100::/64",
  "100:0:0:1::/64",
  "2001::/23",
  "2001::/32",
  "2001:1::1/128",
  "2001:2::/48",
  "2001:3::/32",
  "2001:4:112::/48",
  "2001:10::/28",
  "2001:20::/28",
  "2001:30::/28",
  "2001:db8::/32",
  "2002::/16",
  "2620:4f:8000::/48",
  "3fff::/20",
  "4000::/3",
  "5f00::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8"
]

const toBigInt = (address: NetAddress.IpAddress): bigint =>
  NetAddress.isIpv4Address(address)
    ? NetAddress.ipv4ToOctets(address).reduce((sum, octet) => sum * 256n + BigInt(octet), 0n)
    : NetAddress.ipv6ToSegments(address).reduce((sum, segment) => sum * 65536n + BigInt(segment), 0n)

const fromBigInt = (value: bigint, width: number): string =>
  width === 32
    ? [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".")
    : Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 65535n).toString(16)).join(":")

const at = (cidr: string, fraction: number): string => {
  const network = IpNetwork.fromInputUnsafe(cidr)
  const offset = (IpNetwork.addressCount(network) - 1n) * BigInt(Math.floor(fraction * 1e9)) / 1_000_000_000n
  return fromBigInt(toBigInt(network.address) + offset, NetAddress.width(network.address))
}

// What a URL may put in the place of a character, and the WHATWG parser takes for it.
const disguises: ReadonlyArray<(character: string) => string> = [
  (character) => character,
  (character) => character.toUpperCase(),
  (character) => `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  // Full-width forms, for the dot too.
  (character) => String.fromCodePoint(character.charCodeAt(0) + 0xfee0),
  (character) => /[a-z]/.test(character) ? String.fromCodePoint(character.charCodeAt(0) - 97 + 0x24d0) : character,
  (character) => character === "." ? "\u3002" : character,
  // A soft hyphen, a zero-width space, and what the parser drops.
  (character) => `\u00ad${character}`,
  (character) => `${character}\u200b`,
  (character) => `\t${character}`,
  (character) => `${character}\n`
]

const localNames = [
  "localhost",
  "api.localhost",
  "intranet",
  "metadata.google.internal",
  "metadata.goog",
  "metadata.tencentyun.com",
  "localhost.localdomain",
  "localhost6.localdomain6",
  "printer.local",
  "router.lan",
  "mail.corp",
  "nas.home",
  "nas.home.arpa",
  "wiki.intranet",
  "db.private",
  "mx.mail",
  "hooks.default.svc",
  "hooks.default.svc.cluster.local",
  "10-0-0-7.default.pod"
]

const isBlocked = (policy: EgressPolicy.EgressPolicy, url: string) => Result.isFailure(checkUrl(policy, url))

describe("EgressPolicy", () => {
  for (const cidr of special) {
    it(`refuses the first and the last address of ${cidr}`, () => {
      assert.isFalse(isAllowed(publicOnly, at(cidr, 0)))
      assert.isFalse(isAllowed(publicOnly, at(cidr, 1)))
    })
    it.prop(
      `refuses what lies inside ${cidr}`,
      [Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))],
      ([fraction]) => {
        assert.isFalse(isAllowed(publicOnly, at(cidr, fraction)))
      }
    )
  }

  it("allows public addresses, also next to a closed range", () => {
    for (
      const address of [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "172.15.255.255",
        "172.32.0.0",
        "192.88.98.255",
        "192.88.100.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2606:4700:4700::1111",
        "2620:4f:7fff:ffff::1",
        "2003::1",
        "3fff:1000::1",
        "3fff:ffff::1"
      ]
    ) assert.isTrue(isAllowed(publicOnly, address), address)
  })

  it("refuses the host of Azure's virtual machines", () => {
    assert.isFalse(isAllowed(publicOnly, "168.63.129.16"))
  })

  it("judges NAT64 by the IPv4 address inside", () => {
    assert.isTrue(isAllowed(publicOnly, "64:ff9b::5db8:d822"))
    assert.isFalse(isAllowed(publicOnly, "64:ff9b::7f00:1"))
    assert.isFalse(isAllowed(publicOnly, "64:ff9b::a9fe:a9fe"))
    assert.isTrue(isAllowed(allow("10.0.0.0/8"), "64:ff9b::a00:1"))
  })

  it("refuses what is not an address", () => {
    for (const address of ["", "localhost", "1.2.3", "0177.0.0.1", "1.2.3.4.5", "fe80::1%eth0"]) {
      assert.isFalse(isAllowed(publicOnly, address), address)
    }
  })

  it("opens networks, single addresses and exact hosts", () => {
    const policy = allow("10.1.0.0/16", "127.0.0.1", "fd00::/8", "Hooks.Internal")
    assert.isTrue(isAllowed(policy, "10.1.255.255"))
    assert.isFalse(isAllowed(policy, "10.2.0.0"))
    assert.isTrue(isAllowed(policy, "127.0.0.1"))
    assert.isFalse(isAllowed(policy, "127.0.0.2"))
    assert.isTrue(isAllowed(policy, "fd12::1"))
    assert.isFalse(isBlocked(policy, "https://hooks.internal/x"))
    assert.isFalse(isBlocked(policy, "https://HOOKS.internal./x"))
    assert.isTrue(isBlocked(policy, "https://evil.hooks.internal/x"))
    assert.isTrue(isAllowed(policy, "8.8.8.8"))
  })

  it("throws for an exception that is neither a network, nor an address, nor a host", () => {
    for (const input of ["10.0.0.0/33", "http://x/", "*.internal", "", ".", "a..b", "a b", "10.0.0.1/8", "127.1"]) {
      assert.throws(() => allow(input), RangeError, undefined, input)
    }
  })

  it("lets everything through when unrestricted, but what is not http", () => {
    assert.isTrue(isAllowed(unrestricted, "127.0.0.1"))
    assert.isFalse(isBlocked(unrestricted, "http://localhost/"))
    assert.isTrue(isBlocked(unrestricted, "ftp://example.com/"))
  })

  for (
    const url of [
      "http://LOCALHOST/",
      "http://localhost./",
      "http://a.localhost/",
      "http://intranet/",
      "http://x.internal/",
      "http://metadata.google.internal/",
      "http://metadata.goog/",
      "http://127.1/",
      "http://0/",
      "http://2852039166/",
      "http://0xA9FEA9FE/",
      "http://0251.0376.0251.0376/",
      "http://[::1]/",
      "http://[::ffff:10.0.0.1]/",
      "http://[2002:7f00:1::1]:8080/",
      "http://127\u30020\u30020\u30021/",
      "http://%31%32%37.0.0.1/",
      "http://127.1.1.1:80\\@example.com/",
      "http://127.0.0.1.",
      "http://127.0.0.1..",
      "http://localhost../",
      "http://metadata.google.internal../",
      "http://localhost。。/",
      "http://a..localhost/",
      "http://.localhost/",
      "http://./",
      "http://../",
      `http://${"a".repeat(64)}.example.com/`,
      `http://${"a.".repeat(126)}com/`,
      "http://-a.example.com/",
      "http://a!b.example.com/"
    ]
  ) {
    it(`blocks ${url}`, () => {
      const result = checkUrl(publicOnly, url)
      assert.isTrue(Result.isFailure(result) && result.failure._tag === "EgressBlocked")
    })
  }

  it.prop(
    "refuses a local name in any spelling, with any number of dots behind it, and opens it by its name",
    [
      Schema.Literals(localNames),
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: disguises.length - 1 }))),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 }))
    ],
    ([name, picks, dots]) => {
      const spelling = [...name + ".".repeat(dots)]
        .map((character, index) => disguises[picks[index % picks.length] ?? 0]!(character))
        .join("")
      const url = `https://${spelling}/hook`
      assert.isTrue(isBlocked(publicOnly, url), url)
      assert.strictEqual(isBlocked(allow(name), url), dots > 1, url)
      assert.strictEqual(isBlocked(allow(`${name}.`), url), dots > 1, url)
    }
  )

  it("leaves public names alone that only look like local ones", () => {
    for (
      const host of [
        "example.com",
        "example.com.",
        "local.example.com",
        "mylan.com",
        "home.example",
        "arpa.home.example",
        "my-corp.com",
        "lan.net",
        "_hook.example.com",
        "xn--bcher-kva.example",
        "b\u00fccher.example",
        `${"a".repeat(63)}.com`
      ]
    ) assert.isFalse(isBlocked(publicOnly, `https://${host}/hook`), host)
  })

  it("opens a name that is written in its own script", () => {
    assert.isFalse(isBlocked(allow("b\u00fccher.lan"), "https://xn--bcher-kva.lan/"))
    assert.isTrue(isBlocked(publicOnly, "https://b\u00fccher.lan/"))
  })

  for (
    const url of ["file:///etc/passwd", "ftp://x.example/", "unix:/x", "http://[127.0.0.1]/", "http://u:p@example.com/"]
  ) {
    it(`calls ${url} an invalid URL`, () => {
      const result = checkUrl(publicOnly, url)
      assert.isTrue(Result.isFailure(result) && result.failure._tag === "InvalidUrl")
    })
  }

  it("says that a host is no name, and not that it could be allowed", () => {
    const result = checkUrl(publicOnly, "http://localhost../SECRET")
    assert(Result.isFailure(result))
    assert.strictEqual(result.failure.message, "localhost.. is not a host name")
  })

  it("says which address, which range, and how to allow it", () => {
    const result = checkUrl(publicOnly, "http://10.1.2.3/SECRET")
    assert.isTrue(Result.isFailure(result))
    if (Result.isFailure(result)) {
      assert.strictEqual(
        result.failure.message,
        "10.1.2.3 (10.0.0.0/8) is not a public address; egress: EgressPolicy.allow(\"10.1.2.3\") would allow it"
      )
    }
  })
})
