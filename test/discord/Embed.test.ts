import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { WebhookError } from "effect-webhooks"
import { Embed, Message } from "effect-webhooks/discord"
import { pathsOf, violationsOf } from "./violationsOf.ts"

const take = (embed: object) => assert.deepStrictEqual(violationsOf({ embeds: [embed] }), [])
const refuse = (path: string, embed: object) =>
  assert.deepStrictEqual(pathsOf({ embeds: [embed] }), [`embeds[0]${path}`])

const x = (n: number) => "x".repeat(n)

describe("texts", () => {
  const limits: ReadonlyArray<readonly [string, number, (text: string) => object]> = [
    [".title", 256, (title) => ({ title })],
    [".description", 4096, (description) => ({ description })],
    [".footer.text", 2048, (text) => ({ footer: { text } })],
    [".author.name", 256, (name) => ({ author: { name } })],
    [".fields[0].name", 256, (name) => ({ fields: [{ name, value: "v" }] })],
    [".fields[0].value", 1024, (value) => ({ fields: [{ name: "n", value }] })],
    [".image.description", 4096, (description) => ({ image: { url: "https://example.com", description } })]
  ]
  for (const [path, limit, embed] of limits) {
    it(`${path} has at most ${limit} characters`, () => {
      take(embed(x(limit)))
      take(embed(`  ${x(limit)}\n`))
      take(embed("😀".repeat(limit)))
      refuse(path, embed(x(limit + 1)))
      assert.deepStrictEqual(violationsOf({ embeds: [embed("😀".repeat(limit + 1))] }), [
        `embeds[0]${path}: must be at most ${limit} characters, but has ${limit + 1}`
      ])
    })
  }

  it("takes fields with empty texts, but not without them", () => {
    take({ fields: [{ name: "", value: "" }] })
    refuse(".fields[0].name", { fields: [{ value: "" }] })
    refuse(".fields[0].value", { fields: [{ name: "" }] })
    refuse(".fields[0].value", { fields: [{ name: "", value: null }] })
    refuse(".fields[0].inline", { fields: [{ name: "", value: "", inline: "yes" }] })
    take({ fields: [{ name: "", value: "", inline: null }] })
  })

  it("takes 25 fields", () => {
    const fields = (count: number) => Array.from({ length: count }, () => ({ name: "n", value: "v" }))
    take({ fields: fields(25) })
    assert.deepStrictEqual(violationsOf({ embeds: [{ fields: fields(26) }] }), [
      "embeds[0].fields: must have at most 25 items, but has 26"
    ])
  })

  it("requires what a part is about", () => {
    refuse(".footer.text", { title: "t", footer: { icon_url: "https://example.com" } })
    refuse(".author.name", { title: "t", author: { url: "https://example.com" } })
    refuse(".image.url", { title: "t", image: {} })
    refuse(".thumbnail.url", { title: "t", thumbnail: { url: null } })
  })

  it("takes null wherever Discord does", () => {
    const empty = { title: null, description: null, url: null, timestamp: null, color: null }
    take({ ...empty, footer: null, image: null, thumbnail: null, author: null, fields: [{ name: "n", value: "v" }] })
    take({ ...empty, author: { name: "n", url: null, icon_url: null }, fields: null })
  })
})

describe("an embed with nothing to show", () => {
  for (const embed of [{}, { color: 5 }, { fields: [] }, { title: null }, { type: "rich" }]) {
    it(`is refused: ${JSON.stringify(embed)}`, () => refuse("", embed))
  }

  for (const key of ["image", "thumbnail"]) {
    it(`is not one with an ${key}`, () => take({ [key]: { url: "https://example.com" } }))
  }
})

describe("color", () => {
  it("is a whole number of 24 bits", () => {
    for (const color of [0, 1, 0xffffff]) take({ title: "t", color })
    for (const color of [-1, 0x1000000, 1.5, Number.NaN, "#ff0000", "5"]) refuse(".color", { title: "t", color })
  })

  it("may be #rrggbb for make", () => {
    assert.strictEqual(Embed.make({ title: "t", color: "#Ff8000" }).color, 0xff8000)
    assert.strictEqual(Embed.make({ title: "t", color: "#000000" }).color, 0)
    for (const color of ["#fff", "#gggggg", "#1234567"] as const) {
      assert.throws(() => Embed.make({ title: "t", color }), WebhookError.InvalidPayload)
    }
  })
})

describe("timestamp", () => {
  it("is ISO 8601", () => {
    for (
      const timestamp of [
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:00:00.123456+00:00",
        "2026-11-23T12:00:00-0730",
        "2024-02-29T00:00:00z",
        "2000-02-29T00:00:00Z",
        "2026-11-23T12:00Z"
      ]
    ) take({ title: "t", timestamp })
  })

  it("is nothing else", () => {
    const wrong = ["", "now", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23T24:30:00Z", 1763899200000]
    for (const day of ["2025-02-29", "2100-02-29", "2026-04-31", "2026-02-30", "2026-01-00"]) {
      refuse(".timestamp", { title: "t", timestamp: day })
      refuse(".timestamp", { title: "t", timestamp: `${day}T12:00:00Z` })
    }
    for (const timestamp of [...wrong, "Mon, 23 Nov 2026 12:00:00 GMT", "1763899200"]) {
      refuse(".timestamp", { title: "t", timestamp })
    }
  })

  it("may be a Date or a DateTime for make", () => {
    const iso = "2026-11-23T12:00:00.000Z"
    const zoned = DateTime.makeZonedUnsafe(iso, { timeZone: "Europe/Berlin" })
    for (const timestamp of [iso, new Date(iso), DateTime.makeUnsafe(iso), zoned]) {
      assert.strictEqual(Embed.make({ title: "t", timestamp }).timestamp, iso)
    }
    assert.throws(() => Embed.make({ title: "t", timestamp: new Date(Number.NaN) }), WebhookError.InvalidPayload)
  })
})

describe("URLs", () => {
  const https = "https://example.com/x"
  const long = (n: number) => `https://example.com/${x(n - 20)}`
  const places: ReadonlyArray<readonly [string, boolean, (url: string) => object]> = [
    [".url", false, (url) => ({ title: "t", url })],
    [".author.url", false, (url) => ({ author: { name: "n", url } })],
    [".author.icon_url", true, (icon_url) => ({ author: { name: "n", icon_url } })],
    [".footer.icon_url", true, (icon_url) => ({ footer: { text: "n", icon_url } })],
    [".image.url", true, (url) => ({ image: { url } })],
    [".thumbnail.url", true, (url) => ({ thumbnail: { url } })]
  ]
  for (const [path, attachments, embed] of places) {
    it(`${path} is http(s)${attachments ? " or attachment://" : ""}`, () => {
      for (const url of [https, "http://example.com", "HTTPS://EXAMPLE.COM", long(2048)]) take(embed(url))
      for (const url of ["", "example.com", "data:image/png;base64,AA", "ftp://example.com", "https://", long(2049)]) {
        refuse(path, embed(url))
      }
      refuse(path, embed("attachment://"))
      if (attachments) take(embed("attachment://my file.png"))
      else refuse(path, embed("attachment://a.png"))
    })
  }
})

describe("make", () => {
  it("gives the input back when there is nothing to bring to the wire", () => {
    const input = { title: "t", later: 1 }
    assert.strictEqual(Embed.make(input), input)
    assert.strictEqual(Effect.runSync(Embed.makeEffect(input)), input)
  })

  it("does not change its input", () => {
    const input: Embed.Input = Object.freeze({ title: "t", color: "#000001" })
    assert.deepStrictEqual(Embed.make(input), { title: "t", color: 1 })
    assert.strictEqual(input.color, "#000001")
  })

  it("tells every violation, with paths from the embed", () => {
    const embed = { title: x(257), fields: [{ name: x(257), value: x(1025) }] }
    const { violations } = Effect.runSync(Effect.flip(Embed.makeEffect(embed)))
    assert.deepStrictEqual(violations.map(({ path }) => path), ["title", "fields[0].name", "fields[0].value"])
  })

  it("holds 6,000 characters against a single embed too", () => {
    assert.throws(() => Embed.make({ description: x(4096), footer: { text: x(1905) } }), WebhookError.InvalidPayload)
  })
})

describe("gallery", () => {
  const images = (n: number) => Array.from({ length: n }, (_, index) => `https://example.com/${index}.png`)

  it("is one embed per image, of one url", () => {
    const embeds = Embed.gallery({ title: "t", url: "https://example.com", color: "#000001" }, images(3))
    assert.deepStrictEqual(embeds, [
      { title: "t", url: "https://example.com", color: 1, image: { url: "https://example.com/0.png" } },
      { url: "https://example.com", image: { url: "https://example.com/1.png" } },
      { url: "https://example.com", image: { url: "https://example.com/2.png" } }
    ])
    assert.deepStrictEqual(Message.lint({ embeds }), [])
  })

  it("has one to four images", () => {
    const embed = { title: "t", url: "https://example.com" }
    assert.strictEqual(Embed.gallery(embed, images(4)).length, 4)
    for (const n of [0, 5]) assert.throws(() => Embed.gallery(embed, images(n)), WebhookError.InvalidPayload)
  })
})
