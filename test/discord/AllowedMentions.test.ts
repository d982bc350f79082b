import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { WebhookError } from "effect-webhooks"
import { AllowedMentions } from "effect-webhooks/discord"
import { pathsOf } from "./violationsOf.ts"

const paths = (allowed_mentions: unknown) => pathsOf({ content: "x", allowed_mentions })
const ids = (n: number) => Array.from({ length: n }, (_, index) => `${100 + index}`)

describe("allowed_mentions", () => {
  const valid: ReadonlyArray<unknown> = [
    null,
    {},
    { parse: [] },
    { parse: null, users: null, roles: null, replied_user: null },
    { parse: ["users", "roles", "everyone"], replied_user: false },
    { users: ids(100), roles: ids(100) },
    { parse: ["users"], users: [] },
    { parse: ["users"], users: null },
    { parse: ["users"], roles: ids(2) },
    { parse: ["everyone"], users: ids(2) },
    { users: ["0"] },
    { users: [null] }
  ]
  for (const mentions of valid) {
    it(`takes ${JSON.stringify(mentions).slice(0, 80)}`, () => {
      assert.deepStrictEqual(paths(mentions), [])
    })
  }

  const invalid: ReadonlyArray<readonly [string, unknown]> = [
    ["allowed_mentions", { parse: ["users"], users: ids(1) }],
    ["allowed_mentions", { parse: ["roles"], roles: ids(1) }],
    ["allowed_mentions.users", { users: ids(101) }],
    ["allowed_mentions.roles", { roles: ids(101) }],
    ["allowed_mentions.users", { users: ["1", "1"] }],
    ["allowed_mentions.parse", { parse: ["everyone", "everyone"] }],
    ["allowed_mentions.parse[0]", { parse: ["here"] }],
    ["allowed_mentions.users[0]", { users: ["@bob"] }],
    ["allowed_mentions.users[0]", { users: ["01"] }],
    ["allowed_mentions.users[0]", { users: [1] }],
    ["allowed_mentions.replied_user", { replied_user: "yes" }],
    ["allowed_mentions", []]
  ]
  for (const [path, mentions] of invalid) {
    it(`refuses ${JSON.stringify(mentions).slice(0, 80)}`, () => {
      assert.deepStrictEqual(paths(mentions).slice(0, 1), [path])
    })
  }

  it("has constructors", () => {
    assert.deepStrictEqual(AllowedMentions.make({ users: ids(1) }), { users: ids(1) })
    assert.deepStrictEqual(Effect.runSync(AllowedMentions.makeEffect(AllowedMentions.none)), { parse: [] })
    assert.throws(() => AllowedMentions.make({ users: ["x"] }), WebhookError.InvalidPayload)
  })
})
