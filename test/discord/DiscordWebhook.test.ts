import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result } from "effect"
import { DiscordWebhook } from "effect-webhooks/discord"
import { inspect } from "node:util"

const id = "1234567890123456789"
const token = "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789_-aBcDeFgHiJkLmNoPqRsTuVwXyZ0123"
const tail = `${id}/${token}`

describe("parseUrl", () => {
  const valid = [
    `https://discord.com/api/webhooks/${tail}`,
    `https://discord.com/api/v6/webhooks/${tail}`,
    `https://discord.com/api/v10/webhooks/${tail}`,
    `https://discordapp.com/api/webhooks/${tail}`,
    `https://canary.discord.com/api/webhooks/${tail}`,
    `https://ptb.discord.com/api/webhooks/${tail}`,
    `https://ptb.discordapp.com/api/webhooks/${tail}`,
    `https://discord.com/api/webhooks/${tail}/`,
    `https://discord.com/api/webhooks/${tail}?wait=true`,
    `https://discord.com/api/webhooks/${tail}/slack`,
    `https://discord.com/api/webhooks/${tail}/github?wait=true`,
    `https://DISCORD.com:443/api/webhooks/${tail}#x`,
    `http://discord.com/api/webhooks/${tail}`,
    `  https://discord.com/api/webhooks/${tail}\n`
  ]
  for (const url of valid) {
    it(`takes ${url.replace(token, "…").trim()}`, () => {
      for (const given of [url, new URL(url), Redacted.make(url)]) {
        const parsed = Result.getOrThrow(DiscordWebhook.parseUrl(given))
        assert.strictEqual(parsed.id, id)
        assert.strictEqual(Redacted.value(parsed.token), token)
        assert.notProperty(parsed, "threadId")
      }
    })
  }

  it("keeps the thread", () => {
    const parsed = DiscordWebhook.parseUrl(`https://discord.com/api/webhooks/${tail}?wait=true&thread_id=42`)
    assert.strictEqual(Result.getOrThrow(parsed).threadId, "42")
  })

  it("keeps wait=true", () => {
    const waitOf = (query: string) =>
      Result.getOrThrow(DiscordWebhook.parseUrl(`https://discord.com/api/webhooks/${tail}?${query}`)).wait
    for (const query of ["wait=true", "wait=True", "wait=1&thread_id=42"]) assert.strictEqual(waitOf(query), true)
    for (const query of ["", "wait=false", "wait=0", "wait="]) assert.strictEqual(waitOf(query), undefined)
  })

  it("takes an empty thread for none", () => {
    const parsed = DiscordWebhook.parseUrl(`https://discord.com/api/webhooks/${tail}?thread_id=`)
    assert.notProperty(Result.getOrThrow(parsed), "threadId")
  })

  const invalid = [
    "",
    "discord",
    `discord.com/api/webhooks/${tail}`,
    `ftp://discord.com/api/webhooks/${tail}`,
    `https://evildiscord.com/api/webhooks/${tail}`,
    `https://discord.com.evil.example/api/webhooks/${tail}`,
    `https://evil.example/?u=https://discord.com/api/webhooks/${tail}`,
    `https://evil.example/https://discord.com/api/webhooks/${tail}`,
    `https://discord.com@evil.example/api/webhooks/${tail}`,
    `https://user:pass@discord.com/api/webhooks/${tail}`,
    `https://discord.com:8443/api/webhooks/${tail}`,
    `https://a.discord.com/api/webhooks/${tail}`,
    `https://discord.com./api/webhooks/${tail}`,
    `https://discord.com/webhooks/${tail}`,
    `https://discord.com/x/api/webhooks/${tail}`,
    `https://discord.com/api/webhooks/${tail}/messages/1`,
    `https://discord.com/api/webhooks/${id}`,
    `https://discord.com/api/webhooks/me/${token}`,
    `https://discord.com/api/webhooks/${id}/${token}%2F..`,
    `https://discord.com/api/webhooks/${tail}?thread_id=news`
  ]
  for (const url of invalid) {
    it(`refuses ${url.replace(token, "…")}, and does not show it`, () => {
      const parsed = DiscordWebhook.parseUrl(url)
      assert(Result.isFailure(parsed))
      assert.strictEqual(parsed.failure._tag, "InvalidUrl")
      assert.notInclude(parsed.failure.message, token)
    })
  }

  it("refuses several in one, and says how they are given", () => {
    const one = `https://discord.com/api/webhooks/${tail}`
    for (const several of [`${one},${one}`, `${one}, ${one}`, `${one}\n${one}`, new URL(`${one},${one}`)]) {
      const parsed = DiscordWebhook.parseUrl(several)
      assert(Result.isFailure(parsed))
      assert.match(parsed.failure.message, /several URLs.*list.*urlsConfig/)
      assert.notInclude(parsed.failure.message, token)
    }
  })

  it("refuses what is no URL at all", () => {
    for (const url of [undefined, null, 5, {}]) {
      assert(Result.isFailure(DiscordWebhook.parseUrl(url as never)))
    }
  })

  it("does not show the token", () => {
    const parsed = Result.getOrThrow(DiscordWebhook.parseUrl(`https://discord.com/api/webhooks/${tail}`))
    assert.notInclude(inspect(parsed) + JSON.stringify(parsed) + String(parsed.token), token)
  })
})
