/** Categories that are given by examples: what these teach, beside the kinds of request and other categories. */
import { builtinCategories } from "@llm-router/domain/builtinCategories"
import type { Category } from "@llm-router/domain/Category"
import { defaultCircuit, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { EmbeddedClassifier } from "../src/classifiers/embedded.ts"
import { featuresOf } from "../src/classifiers/embedded/features.ts"
import { modelOf } from "../src/classifiers/embedded/model.ts"
import { readWeights } from "../src/classifiers/embedded/weights.ts"
import { decodeFrequencies, encodeFrequencies, readFrequencies } from "../src/classifiers/embedded/wordFrequencies.ts"
import { exampleHeadOf } from "../src/classifiers/exampleHead.ts"

const given = (name: string, examples: ReadonlyArray<string>, more: Partial<Category> = {}): Category => ({
  name,
  models: ["a/b"],
  keywords: [],
  description: "",
  examples,
  builtin: false,
  ...more
})

const configOf = (...added: ReadonlyArray<Category>): RouterConfig => ({
  etag: "test",
  categories: new Map([...builtinCategories, ...added].map((category) => [category.name, category])),
  circuit: defaultCircuit,
  prices: new Map()
})

const embedded = Effect.runSync(Effect.provide(EmbeddedClassifier, EmbeddedClassifier.layer))
const guessOf = (config: RouterConfig, text: string) => embedded.classify(config, text, undefined)

const orders = [
  "My parcel has not arrived. Where is my order?",
  "I want a refund for order 4411, the kettle leaks.",
  "The carrier does not know the tracking number of my parcel.",
  "Refund my order please, the kettle arrived broken.",
  "Where is the refund for the parcel that I returned?",
  "Mon colis est arrivé cassé, je voudrais un remboursement."
]
const translations = [
  "Translate to Spanish: the train leaves at noon.",
  "Traduis en anglais : il fait beau aujourd'hui.",
  "How do you say good evening in Japanese?",
  "What is the German word for screwdriver?"
]

describe("a category with examples", () => {
  const config = configOf(given("alpha", orders))

  it.each([
    "The kettle that I ordered leaks, I want a refund for the parcel.",
    "where is my parcel? the tracking number is unknown",
    "My order arrived broken. Refund?"
  ])("gets what reads like them: %s", (text) => {
    const guess = guessOf(config, text)
    expect(guess).toMatchObject({ category: "alpha", decidedBy: "examples" })
    expect(guess.reasons[0]).toMatch(/^it reads like the examples of alpha \(\d+ %\)$/)
    expect(guess.candidates.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 1)
  })

  it.each([
    "Write a Python function that merges two sorted lists.",
    "Solve 3x + 7 = 22.",
    "hi, how are you doing?",
    "Écris un poème sur l'automne.",
    "Who wrote the novel Middlemarch and when was it published?",
    "Summarize the following article in two sentences: The council met on Monday.",
    `Summarize this: ${"The lights of the harbour went out one by one. ".repeat(80)}`
  ])("leaves all else as it was: %#", (text) => {
    const guess = guessOf(config, text)
    const without = guessOf(configOf(), text)
    expect(guess.category).toBe(without.category)
    expect(guess.decidedBy).toBe("archetype")
    expect(Math.abs(guess.confidence - without.confidence)).toBeLessThan(0.15)
  })

  it("finds its own example again when it has one only", () => {
    const one = configOf(given("alpha", ["The kettle that you sent me leaks, I want my money back."]))
    expect(guessOf(one, "The kettle that you sent me leaks, I want my money back!").category).toBe("alpha")
    expect(guessOf(one, "Tell me about the history of the kettle.").category).not.toBe("alpha")
  })

  it.each([
    ["Where is my order?", orders.slice(1, 2).concat("Where is my order?")],
    ["Translate to Spanish: the train leaves at noon.", translations],
    ["Quelle est la capitale du Pérou ?", ["quelle est la capitale du perou"]]
  ])("knows one of its examples again: %s", (text, examples) => {
    expect(guessOf(configOf(given("alpha", examples)), text)).toMatchObject({
      category: "alpha",
      decidedBy: "examples"
    })
  })

  it("is told from another by theirs", () => {
    const meals = [
      "Which sauce goes with roast lamb?",
      "How long do I roast a lamb shoulder?",
      "A sauce for roast beef?"
    ]
    const both = configOf(given("alpha", orders), given("beta", meals))
    expect(guessOf(both, "Is this sauce right for a lamb roast?").category).toBe("beta")
    expect(guessOf(both, "Refund the broken kettle of my order").category).toBe("alpha")
  })

  it("may be a built-in one", () => {
    const code = builtinCategories.find(({ name }) => name === "code")
    const text = "Refund my broken kettle, the parcel of order 12"
    expect(guessOf(configOf(), text).decidedBy).toBe("archetype")
    const changed = configOf({ ...given("code", orders), ...code, examples: orders })
    expect(guessOf(changed, text)).toMatchObject({ category: "code", decidedBy: "examples" })
    expect(guessOf(changed, "Write a Python function that merges two sorted lists.").category).toBe("code")
  })

  it("is never tools, which are chosen by their presence", () => {
    const tools = builtinCategories.find(({ name }) => name === "tools")
    const changed = configOf({ ...given("tools", orders), ...tools, examples: orders })
    expect(guessOf(changed, orders[0] ?? "").category).not.toBe("tools")
  })

  it("serves a kind whole where three examples or more are of it, and shows why", () => {
    const guess = guessOf(configOf(given("alpha", translations)), "Dis-moi en italien : où est la gare ?")
    expect(guess).toMatchObject({ category: "alpha", archetype: "translation", decidedBy: "examples" })
    expect(guess.reasons.at(-1)).toBe("alpha serves translation: by its examples")
    const two = configOf(given("alpha", translations.slice(0, 2)))
    expect(embedded.matchOf(two, "alpha")).toBeUndefined()
  })

  it("serves no kind that keywords of a field narrow, and none that a built-in category is for", () => {
    const narrowed = configOf(given("alpha", translations, { keywords: ["contract", "clause"] }))
    expect(embedded.matchOf(narrowed, "alpha")?.by).not.toBe("its examples")
    const python = [
      "Sort a list in Python",
      "Python: read a CSV file",
      "Why does this Python loop not end?",
      "pip fails"
    ]
    expect(embedded.matchOf(configOf(given("alpha", python)), "alpha")).toBeUndefined()
  })
})

describe("learning", () => {
  const frequencies = Effect.runSync(readFrequencies)
  const model = modelOf(Effect.runSync(readWeights))
  /** Counts what is read: time differs between machines, this does not. */
  const headFrom = (examples: ReadonlyArray<string>) => {
    let reads = 0
    const head = exampleHeadOf(examples, (text) => (reads++, model(featuresOf(text))), frequencies)
    return { head, reads }
  }

  it("reads each example once, and gives the same head for the same examples", () => {
    const huge = Array.from({ length: 50 }, (_, at) =>
      `${at} zebra crossing of street ${at} `.repeat(100).slice(0, 2000)
    )
    const { head, reads } = headFrom(huge)
    expect(reads).toBe(50)
    featuresOf("something else in between")
    expect(headFrom(huge).head).toEqual(head)
  })

  it("counts for the next configuration, once for each version of a category", () => {
    const text = "My order arrived broken. Refund?"
    const before = configOf(given("alpha", ["Which sauce goes with roast lamb?"]))
    expect(guessOf(before, text).category).not.toBe("alpha")
    expect(guessOf(configOf(given("alpha", orders)), text).category).toBe("alpha")
  })

  it("ahead of the first request changes nothing but the time", () => {
    const config = configOf(given("alpha", orders))
    return Effect.gen(function* () {
      yield* embedded.prepare(config)
      for (const text of orders) expect(guessOf(config, text)).toEqual(guessOf(configOf(given("alpha", orders)), text))
    }).pipe(Effect.runPromise)
  })

  it.each([
    [["\u0000\u0001", "__proto__", "constructor", "\ud800", "\u202e"]],
    [Array.from({ length: 50 }, (_, at) => String.fromCharCode(0x4e00 + at).repeat(2000))],
    [Array.from({ length: 50 }, (_, at) => `${at} the of and to in a is `.repeat(100).slice(0, 2000))]
  ])("bears hostile examples: %#", (examples) => {
    const guess = guessOf(configOf(given("alpha", examples)), "Write a Python function that sorts a list.")
    expect(guess.category).toBe("code")
    expect(guess.candidates.every(({ probability }) => probability >= 0 && probability <= 1)).toBe(true)
  })

  it("is possible for a thousand categories", () => {
    const many = Array.from({ length: 1000 }, (_, at) =>
      given(`c${at}`, [`Tell me of thing${at}`, `Is thing${at} good?`])
    )
    expect(guessOf(configOf(...many), "What of thing417, tell me?").candidates[0]?.category).toBe("c417")
  })
})

describe("the frequencies of words", () => {
  it("read back as they were counted", () => {
    const shares = Effect.runSync(decodeFrequencies(encodeFrequencies(["one two", "one", "one three"])))
    expect(Math.max(...shares)).toBeCloseTo(4 / 5, 1)
    expect(Math.min(...shares)).toBeCloseTo(1 / 5, 5)
  })

  it.each([[Buffer.from("LRF1")], [Buffer.alloc(32776)]])("are refused where they are none: %#", (bytes) => {
    expect(() => Effect.runSync(decodeFrequencies(bytes))).toThrow(/not a file of them/)
  })
})
