import { assert, describe, it } from "@effect/vitest"
import { classifyByKeywords } from "@llm-router/router/classifiers/keywords"
import { Effect } from "effect"
import { type Dialogue, dialogues } from "../src/dialogues.ts"
import {
  builtinCatalogue,
  customCatalogue,
  type LocalClassifier,
  type ScoredTurn,
  scoredTurns
} from "../src/dialogueScores.ts"

const keywords: LocalClassifier = { source: "keywords", classify: classifyByKeywords }

const rightOf = (turns: ReadonlyArray<ScoredTurn>): number =>
  turns.filter(({ category, expected }) => category === expected).length

const humanTurns = ({ turns }: Dialogue) => turns.filter(({ role }) => role === "user")

describe("the dialogues", () => {
  it("are thirty, in four languages, each of several human turns", () => {
    assert.isAtLeast(dialogues.length, 30)
    assert.strictEqual(new Set(dialogues.map(({ id }) => id)).size, dialogues.length)
    assert.sameMembers([...new Set(dialogues.map(({ lang }) => lang))], ["en", "fr", "es", "de"])
    for (const dialogue of dialogues) assert.isAtLeast(humanTurns(dialogue).length, 4, dialogue.id)
  })

  it("begin with a human, and a tool's result follows its call", () => {
    for (const { id, turns } of dialogues) {
      assert.strictEqual(turns[0]?.role, "user", id)
      for (const [index, { role }] of turns.entries()) {
        if (role === "tool") assert.deepInclude(turns[index - 1], { role: "assistant", content: null }, id)
      }
    }
  })
})

describe.each([
  ["the built-in categories", builtinCatalogue],
  ["four more categories", customCatalogue]
] as const)("with %s", (_, catalogue) => {
  it.effect.each(["stateless", "messages", "session"] as const)(
    "no language is better without context, and hardly a dialogue: %s",
    Effect.fnUntraced(function* (sending) {
      const gains = yield* Effect.forEach(dialogues, (dialogue) =>
        Effect.gen(function* () {
          const alone = yield* scoredTurns([dialogue], catalogue, keywords, "alone")
          const inContext = yield* scoredTurns([dialogue], catalogue, keywords, sending)
          return { lang: dialogue.lang, gain: rightOf(inContext) - rightOf(alone) }
        })
      )
      for (const lang of ["en", "fr", "es", "de"]) {
        const sum = gains.filter((dialogue) => dialogue.lang === lang).reduce((total, { gain }) => total + gain, 0)
        assert.isAtLeast(sum, 0, lang)
      }
      // A first turn that the keywords got wrong is inherited: there each turn by itself may be right by chance.
      assert.isAtMost(gains.filter(({ gain }) => gain < 0).length, dialogues.length / 10)
    })
  )

  it.effect.each(["stateless", "messages", "session"] as const)(
    "context makes many turns right, and no tool loop switches: %s",
    Effect.fnUntraced(function* (sending) {
      const alone = yield* scoredTurns(dialogues, catalogue, keywords, "alone")
      const inContext = yield* scoredTurns(dialogues, catalogue, keywords, sending)
      assert.isAtLeast(rightOf(inContext), rightOf(alone) + 0.15 * alone.length)
      assert.isAtLeast(inContext.filter(({ toolRequests }) => toolRequests > 0).length, 5)
      assert.deepStrictEqual(
        inContext.filter(({ switches }) => switches > 0),
        []
      )
    })
  )
})
