/** ROUTING_MODE=embedded, and hybrid where the embedded classifier is sure: over the wire, with nobody else asked. */
import { expect, it } from "@effect/vitest"
import { FakeOllama } from "@llm-router/testing/FakeOllama"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { answers } from "@llm-router/testing/ollamaScript"
import { Effect } from "effect"
import { describe } from "vitest"
import { chat, human, planOf, post, withServer } from "./harness.ts"

const judge = "qwen/qwen3-1.7b"
const embedded = { ROUTING_MODE: "embedded" }
const hybrid = { ROUTING_MODE: "hybrid" }

const decisionOf = (words: string) =>
  Effect.map(chat({ messages: human(words) }), ({ headers }) => [
    headers.get("x-router-category"),
    headers.get("x-router-source")
  ])

/** What each is about, in English and French. */
const clear = [
  ["write a python function that sorts a list", "code"],
  ["Pourquoi mon composant React se rend-il deux fois avec useEffect ?", "code"],
  ["Solve 3x + 7 = 22 and check the result.", "reasoning"],
  ["Quels sont les avantages et les inconvénients du nucléaire ?", "reasoning"],
  ["hello, how are you today?", "conversation"],
  ["Salut, ça va ? tu fais quoi de beau ?", "conversation"]
] as const

const nobodyAsked = Effect.gen(function* () {
  expect(yield* (yield* FakeOllama).requests).toEqual([])
  expect(yield* (yield* FakeOpenRouter).requestsFor(judge)).toEqual([])
})

describe.each([embedded, hybrid])("$ROUTING_MODE", (mode) => {
  it.live.each(clear)("decides by itself what %j is about", ([words, category]) =>
    Effect.gen(function* () {
      yield* (yield* FakeOllama).script(answers("reasoning"))
      expect(yield* decisionOf(words)).toEqual([category, "embedded"])
      yield* nobodyAsked
    }).pipe(withServer(mode))
  )

  it.live("shows the kind of request and how probable each category is", () =>
    Effect.gen(function* () {
      const plan = yield* planOf({ messages: human("Write a short story about a lonely dragon.") })
      expect(plan).toMatchObject({
        source: "embedded",
        reasons: [expect.stringContaining("fiction")],
        evidence: { keywords: [], archetype: "fiction" }
      })
      const { candidates } = plan.evidence
      expect(candidates[0]).toEqual({ category: plan.category, probability: plan.confidence })
      const sum = candidates.reduce((total: number, { probability }: { probability: number }) => total + probability, 0)
      expect(sum).toBeGreaterThan(0.95)
      expect(sum).toBeLessThan(1.01)
    }).pipe(withServer(mode))
  )

  it.live("gives the user's own category the kind of request that it is for, and tells what decided", () =>
    Effect.gen(function* () {
      yield* post("/config/category", { name: "traduction", models: ["a/one"] })
      yield* post("/config/category", { name: "cooking", models: ["a/two"], keywords: ["simmer"] })
      const translation = yield* planOf({ messages: human("Dis-moi en anglais : le train est en retard") })
      expect(translation).toMatchObject({
        category: "traduction",
        source: "embedded",
        models: ["a/one"],
        reasons: [expect.stringContaining("translation"), "traduction serves translation: by its name"],
        evidence: { decided_by: "archetype", archetype: "translation" }
      })
      expect(yield* planOf({ messages: human("let it simmer for two hours") })).toMatchObject({
        category: "cooking",
        source: "keywords",
        evidence: { decided_by: "keywords", archetype: null, keywords: [{ category: "cooking", keyword: "simmer" }] }
      })
    }).pipe(withServer(mode))
  )

  it.live("takes a category from its examples at the next request, and forgets them when they are taken away", () =>
    Effect.gen(function* () {
      const words = human("My order arrived broken. Where is my refund?")
      expect((yield* planOf({ messages: words })).category).not.toBe("alpha")
      const examples = [
        "I want a refund for my order, the kettle arrived broken.",
        "Where is the refund for the order that I returned?",
        "My order has not arrived. Where is my parcel?"
      ]
      const stored = yield* post("/config/category", { name: "alpha", models: ["a/one"], examples })
      expect(stored.status).toBe(201)
      expect(yield* planOf({ messages: words })).toMatchObject({
        category: "alpha",
        source: "embedded",
        models: ["a/one"],
        reasons: [expect.stringMatching(/^it reads like the examples of alpha \(\d+ %\)$/), expect.any(String)],
        evidence: { decided_by: "examples", keywords: [] }
      })
      yield* post("/config/category", { name: "alpha", models: ["a/one"], examples: [] })
      expect((yield* planOf({ messages: words })).category).not.toBe("alpha")
      yield* nobodyAsked
    }).pipe(withServer({ ...mode, EMBEDDED_THRESHOLD: "0.3" }))
  )

  it.live("lets the keywords of the user's own category win", () =>
    Effect.gen(function* () {
      yield* post("/config/category", { name: "cooking", models: ["a/one"], keywords: ["sourdough"] })
      expect(yield* decisionOf("write a python function that scales a sourdough recipe")).toEqual([
        "cooking",
        "keywords"
      ])
      expect(yield* decisionOf("write a python function that scales a bread recipe")).toEqual(["code", "embedded"])
      yield* post("/config/category", { name: "baking", models: ["a/two"], examples: ["bake a sourdough bread"] })
      expect(yield* decisionOf("how do I bake a sourdough bread")).toEqual(["cooking", "keywords"])
    }).pipe(withServer(mode))
  )
})

it.live("embedded asks nobody even when it is unsure", () =>
  Effect.gen(function* () {
    yield* (yield* FakeOllama).script(answers("reasoning"))
    const [category] = yield* decisionOf("write a python function that sorts a list")
    expect(category).toBe("code")
    yield* nobodyAsked
  }).pipe(withServer({ ...embedded, EMBEDDED_THRESHOLD: "1" }))
)
