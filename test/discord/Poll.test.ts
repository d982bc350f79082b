import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { WebhookError } from "effect-webhooks"
import { Poll } from "effect-webhooks/discord"
import { pathsOf, violationsOf } from "./violationsOf.ts"

const x = (n: number) => "x".repeat(n)
const answers = (n: number) => Array.from({ length: n }, () => ({ poll_media: { text: "a" } }))
const answer = (poll_media: object) => ({ answers: [{ poll_media }] })
const paths = (poll: object) => pathsOf({ poll: { question: { text: "q" }, answers: answers(1), ...poll } })

describe("poll", () => {
  const valid: ReadonlyArray<object> = [
    { question: { text: x(300) } },
    { question: { text: "😀".repeat(300) } },
    { answers: answers(10) },
    answer({ text: x(55) }),
    answer({ text: "a", emoji: null }),
    answer({ text: "a", emoji: { name: "🔥" } }),
    answer({ text: "a", emoji: { id: "123", name: "fire", animated: false } }),
    { duration: 1, allow_multiselect: true, layout_type: 1 },
    { duration: 768 },
    { duration: null, allow_multiselect: null, layout_type: null }
  ]
  for (const poll of valid) {
    it(`takes ${JSON.stringify(poll).slice(0, 80)}`, () => {
      assert.deepStrictEqual(paths(poll), [])
    })
  }

  const invalid: ReadonlyArray<readonly [string, object]> = [
    ["poll.question.text", { question: { text: x(301) } }],
    ["poll.question.text", { question: { text: " " } }],
    ["poll.question.text", { question: {} }],
    ["poll.question", { question: undefined }],
    ["poll.answers", { answers: [] }],
    ["poll.answers", { answers: answers(11) }],
    ["poll.answers[0].poll_media.text", answer({ text: x(56) })],
    ["poll.answers[0].poll_media.text", answer({ text: "" })],
    ["poll.answers[0].poll_media.emoji", answer({ text: "a", emoji: {} })],
    ["poll.answers[0].poll_media.emoji", answer({ text: "a", emoji: { id: null, name: "" } })],
    ["poll.answers[0].poll_media.emoji.id", answer({ text: "a", emoji: { id: "x" } })],
    ["poll.duration", { duration: 0 }],
    ["poll.duration", { duration: 769 }],
    ["poll.duration", { duration: 1.5 }],
    ["poll.layout_type", { layout_type: 2 }],
    ["poll.allow_multiselect", { allow_multiselect: 1 }]
  ]
  for (const [path, poll] of invalid) {
    it(`refuses ${JSON.stringify(poll).slice(0, 80)}`, () => {
      assert.deepStrictEqual(paths(poll), [path])
    })
  }

  it("names a duration that is out of range", () => {
    const durationOf = (duration: number) =>
      violationsOf({ poll: { question: { text: "q" }, answers: answers(1), duration } })
    const rule = "poll.duration: must be a whole number from 1 to 768"
    assert.deepStrictEqual(durationOf(769), [`${rule}, but is 769`])
    assert.deepStrictEqual(durationOf(1.5), [`${rule}, but is 1.5`])
    assert.deepStrictEqual(durationOf(Number.NaN), [`${rule}, but is NaN`])
    assert.deepStrictEqual(durationOf("SECRET" as never), [rule])
  })

  it("has constructors", () => {
    const poll = { question: { text: "q" }, answers: answers(2) }
    assert.strictEqual(Poll.make(poll), poll)
    assert.strictEqual(Effect.runSync(Poll.makeEffect(poll)), poll)
    assert.throws(() => Poll.make({ ...poll, duration: 0 }), WebhookError.InvalidPayload)
  })
})
