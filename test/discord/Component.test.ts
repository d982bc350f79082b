import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { WebhookError } from "effect-webhooks"
import { Component, Message } from "effect-webhooks/discord"
import { pathsOf, violationsOf } from "./violationsOf.ts"

const x = (n: number) => "x".repeat(n)
const many = <A>(n: number, make: (index: number) => A) => Array.from({ length: n }, (_, index) => make(index))

const query = { with_components: true }
const owned = { applicationOwned: true, query }

const inRow = (...components: ReadonlyArray<unknown>) => ({ content: "x", components: [{ type: 1, components }] })
const inV2 = (...components: ReadonlyArray<unknown>) => ({ flags: Message.Flags.IsComponentsV2, components })

const link = { type: 2, style: 5, label: "Open", url: "https://example.com" }
const go = { type: 2, style: 1, label: "Go", custom_id: "go" }
const select = { type: 3, custom_id: "s", options: [{ label: "a", value: "a" }] }
const text = { type: 10, content: "x" }
const thumbnail = { type: 11, media: { url: "https://example.com/t.png" } }

const taken = (message: unknown, context: Message.Context = owned) =>
  assert.deepStrictEqual(violationsOf(message, context), [])
const refused = (paths: ReadonlyArray<string>, message: unknown, context: Message.Context = owned) =>
  assert.deepStrictEqual(pathsOf(message, context), paths)

describe("rows", () => {
  it("have 1 to 5 buttons or one select", () => {
    taken(inRow(...many(5, () => link)), { query })
    refused(["components[0].components"], inRow(...many(6, () => link)))
    refused(["components[0].components"], inRow())
    taken(inRow(select))
    refused(["components[0].components"], inRow(go, select))
    refused(["components[0].components"], inRow(select, { ...select, custom_id: "t" }))
  })

  it("are five at most, without V2", () => {
    const rows = (n: number) => many(n, () => ({ type: 1, components: [link] }))
    taken({ components: rows(5) })
    refused(["components"], { components: rows(6) })
    taken(inV2(...rows(6)))
  })

  it("have nothing but buttons and selects", () => {
    refused(["components[0].components[0]"], inRow(text))
    refused(["components[0].components[0]"], inRow({ type: 4, custom_id: "t" }))
    refused(["components[0].components[0]"], inRow({}))
    refused(["components[0].components[0]"], inRow(null))
    refused(["components[0]"], { content: "x", components: [link] })
  })
})

describe("buttons", () => {
  const at = (key: string) => [`components[0].components[0].${key}`]

  it("need what their style is about, and exclude the rest", () => {
    refused(at("custom_id"), inRow({ type: 2, style: 1, label: "x" }))
    refused(at("url"), inRow({ ...go, url: "https://example.com" }))
    refused(at("sku_id"), inRow({ ...go, sku_id: "1" }))
    refused(at("url"), inRow({ type: 2, style: 5, label: "x" }))
    refused(at("custom_id"), inRow({ ...link, custom_id: "x" }))
    taken(inRow({ type: 2, style: 6, sku_id: "1" }))
    refused(at("sku_id"), inRow({ type: 2, style: 6 }))
    refused(at("label"), inRow({ type: 2, style: 6, sku_id: "1", label: "x" }))
    refused(at("style"), inRow({ ...link, style: 7 }))
    refused(at("style"), inRow({ ...link, style: undefined }))
  })

  it("have a label or an emoji", () => {
    refused(["components[0].components[0]"], inRow({ ...link, label: undefined }))
    refused(["components[0].components[0]"], inRow({ ...link, label: " " }))
    taken(inRow({ ...link, label: null, emoji: { name: "🔥" } }))
    taken(inRow({ ...link, label: null, emoji: { id: "1", name: "fire", animated: true } }))
    refused(at("emoji.id"), inRow({ ...link, emoji: { id: "fire" } }))
  })

  it("have no emoji where it is empty", () => {
    for (const emoji of [{}, { id: null, name: null }, { name: "" }, { name: " ", animated: true }]) {
      refused(at("emoji"), inRow({ ...link, emoji }))
      refused([...at("emoji"), "components[0].components[0]"], inRow({ ...link, label: null, emoji }))
    }
    taken(inRow({ ...link, emoji: null }))
    taken(inRow({ ...link, label: null, emoji: { id: "1" } }))
  })

  it("have limits", () => {
    taken(inRow({ ...link, label: "😀".repeat(80) }))
    refused(at("label"), inRow({ ...link, label: x(81) }))
    taken(inRow({ ...go, custom_id: x(100) }))
    refused(at("custom_id"), inRow({ ...go, custom_id: x(101) }))
    refused(at("custom_id"), inRow({ ...go, custom_id: "" }))
    taken(inRow({ ...link, url: `https://example.com/${x(492)}` }))
    refused(at("url"), inRow({ ...link, url: `https://example.com/${x(493)}` }))
    taken(inRow({ ...link, url: "discord://-/channels/1" }))
    refused(at("url"), inRow({ ...link, url: "mailto:a@example.com" }))
  })
})

describe("selects", () => {
  const at = (key: string) => [`components[0].components[0].${key}`]
  const options = (n: number) => many(n, (index) => ({ label: x(100), value: `${index}` }))

  it("have limits", () => {
    taken(inRow({ ...select, options: options(25), placeholder: x(150), min_values: 0, max_values: 25 }))
    refused(at("options"), inRow({ ...select, options: options(26) }))
    refused(at("options"), inRow({ ...select, options: [] }))
    refused(at("options"), inRow({ ...select, options: undefined }))
    refused(at("placeholder"), inRow({ ...select, placeholder: x(151) }))
    refused(at("min_values"), inRow({ ...select, min_values: 26 }))
    refused(at("max_values"), inRow({ ...select, max_values: 0 }))
    refused(at("options[0].label"), inRow({ ...select, options: [{ label: x(101), value: "v" }] }))
    refused(at("options[0].value"), inRow({ ...select, options: [{ label: "l", value: "" }] }))
    refused(
      at("options[0].description"),
      inRow({ ...select, options: [{ label: "l", value: "v", description: x(101) }] })
    )
    refused(at("custom_id"), inRow({ ...select, custom_id: undefined }))
    refused(at("options[0].emoji"), inRow({ ...select, options: [{ label: "l", value: "v", emoji: {} }] }))
  })

  it("are of users, roles, mentionables and channels too", () => {
    for (const type of [5, 6, 7, 8]) {
      const entities = many(25, (index) => ({ id: `${index}`, type: "user" }))
      taken(inRow({ type, custom_id: "s", default_values: entities }))
      refused(at("default_values"), inRow({ type, custom_id: "s", default_values: [...entities, entities[0]] }))
    }
  })
})

describe("what somebody can interact with", () => {
  it("needs a webhook that an application owns", () => {
    for (const component of [go, select, { type: 2, style: 6, sku_id: "1" }]) {
      refused(["components[0].components[0]"], inRow(component), { query })
      taken(inRow(component), { applicationOwned: true })
    }
    taken(inRow(link), { query })
  })

  it("is found in a section of a container", () => {
    const message = inV2({ type: 17, components: [{ type: 9, components: [text], accessory: go }] })
    refused(["components[0].components[0].accessory"], message, { query })
  })
})

describe("a number out of range", () => {
  it("is named", () => {
    const numbers = [
      inRow({ ...link, style: 7 }),
      inRow({ ...select, min_values: 26 }),
      inRow({ ...select, max_values: 0 }),
      inV2({ ...text, id: -1 }),
      inV2({ type: 17, components: [text], accent_color: 0x1000000 })
    ]
    assert.deepStrictEqual(numbers.flatMap((message) => violationsOf(message, owned)), [
      "components[0].components[0].style: must be a whole number from 1 to 6, but is 7",
      "components[0].components[0].min_values: must be a whole number from 0 to 25, but is 26",
      "components[0].components[0].max_values: must be a whole number from 1 to 25, but is 0",
      "components[0].id: must be a whole number from 0 to 2147483647, but is -1",
      "components[0].accent_color: must be a whole number from 0 to 16777215, but is 16777216"
    ])
  })
})

describe("Components V2", () => {
  it("has texts of 1 to 4000 characters, and 4000 over all", () => {
    taken(inV2({ type: 10, content: "😀".repeat(4000) }))
    refused(["components[0].content", "components"], inV2({ type: 10, content: x(4001) }))
    refused(["components[0].content"], inV2({ type: 10, content: "" }))
    taken(inV2({ type: 10, content: x(2000) }, { type: 17, components: [{ type: 10, content: x(2000) }] }))
    refused(
      ["components"],
      inV2({ type: 10, content: x(2000) }, { type: 17, components: [{ type: 10, content: x(2001) }] })
    )
  })

  it("has 40 components, nested ones counted", () => {
    taken(inV2(...many(40, () => text)))
    refused(["components"], inV2({ type: 17, components: many(40, () => text) }))
    taken(inV2({ type: 17, components: many(39, () => text) }))
    const section = { type: 9, components: [text], accessory: thumbnail }
    taken(inV2(...many(13, () => section), text))
    refused(["components"], inV2(...many(13, () => section), text, text))
  })

  it("has sections of 1 to 3 texts and an accessory", () => {
    const section = (n: number, accessory: unknown) => inV2({ type: 9, components: many(n, () => text), accessory })
    taken(section(1, thumbnail))
    taken(section(3, link))
    refused(["components[0].components"], section(0, thumbnail))
    refused(["components[0].components"], section(4, thumbnail))
    refused(["components[0].accessory"], section(1, undefined))
    refused(["components[0].accessory"], section(1, text))
    refused(["components[0].components[0]"], inV2({ type: 9, components: [link], accessory: link }))
  })

  it("has thumbnails nowhere else, and no container in a container", () => {
    refused(["components[0]"], inV2(thumbnail))
    refused(["components[0].components[0]"], inV2({ type: 17, components: [{ type: 17, components: [text] }] }))
    refused(["components[0].components"], inV2({ type: 17, components: [] }))
  })

  it("has galleries of 1 to 10 items", () => {
    const items = (n: number) => many(n, () => ({ media: { url: "https://example.com/a.png" } }))
    taken(inV2({ type: 12, items: items(10) }))
    refused(["components[0].items"], inV2({ type: 12, items: items(11) }))
    refused(["components[0].items"], inV2({ type: 12, items: [] }))
    const described = (description: string) => inV2({ type: 12, items: [{ ...items(1)[0], description }] })
    taken(described(x(1024)))
    refused(["components[0].items[0].description"], described(x(1025)))
    refused(["components[0].items[0].description"], described(""))
  })

  it("has files of attachments only", () => {
    taken(inV2({ type: 13, file: { url: "attachment://game.zip" }, spoiler: true }), { ...owned, files: ["game.zip"] })
    refused(["components[0].file.url"], inV2({ type: 13, file: { url: "https://example.com/game.zip" } }))
  })

  it("has separators of two sizes, and colours", () => {
    taken(inV2(text, { type: 14, spacing: 2, divider: false }, { type: 14 }))
    refused(["components[0].spacing"], inV2({ type: 14, spacing: 3 }))
    taken(inV2({ type: 17, components: [text], accent_color: 0xffffff }))
    taken(inV2({ type: 17, components: [text], accent_color: null }))
    refused(["components[0].accent_color"], inV2({ type: 17, components: [text], accent_color: 0x1000000 }))
  })

  it("has ids that are unique, but 0", () => {
    taken(inV2({ ...text, id: 0 }, { ...text, id: 0 }, { ...text, id: 2147483647 }))
    refused(["components[1].id"], inV2({ ...text, id: 7 }, { ...text, id: 7 }))
    refused(["components[0].id"], inV2({ ...text, id: 2147483648 }))
    refused(["components[0].id"], inV2({ ...text, id: -1 }))
    refused(["components[0].components[1].custom_id"], inRow(go, go))
  })
})

describe("make", () => {
  it("gives the component back", () => {
    const component = Component.make({ type: 10, content: "x" })
    assert.deepStrictEqual(component, { type: 10, content: "x" })
    assert.strictEqual(Effect.runSync(Component.makeEffect(component)), component)
  })

  it("makes what is only found inside others too", () => {
    for (const component of [link, go, select, thumbnail] as ReadonlyArray<Component.Component>) {
      assert.strictEqual(Component.make(component), component)
    }
  })

  it("tells every violation, with paths from the component", () => {
    const error = Effect.runSync(Effect.flip(Component.makeEffect({
      type: 17,
      components: [{ type: 10, content: "" }, { type: 1, components: [{ type: 2, style: 5, url: "x", label: x(81) }] }]
    })))
    assert.instanceOf(error, WebhookError.InvalidPayload)
    assert.deepStrictEqual(error.violations.map(({ path }) => path), [
      "components[0].content",
      "components[1].components[0].label",
      "components[1].components[0].url"
    ])
    assert.throws(() => Component.make({ type: 2, style: 5, url: "https://example.com" }), WebhookError.InvalidPayload)
  })

  it("survives what is deeper than any component, and cycles", () => {
    const cycle: Record<string, unknown> = { type: 17 }
    cycle.components = [cycle]
    assert.throws(() => Component.make(cycle as never), WebhookError.InvalidPayload)
  })
})
