import { builtinCategories } from "@llm-router/domain/builtinCategories"
import { defaultCircuit, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { Effect, Exit } from "effect"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { archetypes } from "../src/classifiers/embedded/archetypes.ts"
import { featureCount, featuresOf, regions } from "../src/classifiers/embedded/features.ts"
import { decodeWeights, encodeWeights, readWeights, weightsFile } from "../src/classifiers/embedded/weights.ts"
import { EmbeddedClassifier } from "../src/classifiers/embedded.ts"

const shipped: RouterConfig = {
  etag: "shipped",
  categories: new Map(builtinCategories.map((category) => [category.name, category])),
  circuit: defaultCircuit,
  prices: new Map()
}

const classify = (text: string) =>
  Effect.runSync(
    Effect.map(EmbeddedClassifier, (embedded) => embedded.classify(shipped, text, undefined)).pipe(
      Effect.provide(EmbeddedClassifier.layer)
    )
  )

const copyOf = (text: string) => {
  const { indices, length, values } = featuresOf(text)
  return { indices: [...indices.subarray(0, length)], values: [...values.subarray(0, length)] }
}

describe("kinds of request", () => {
  it.each([
    ["Write a Python function that merges two sorted lists.", "code"],
    ['def add(a, b):\n    """Return the sum of a and b."""\n', "code"],
    ["Comment trier un tableau en JavaScript ?", "code"],
    ["Solve 3x + 7 = 22.", "math"],
    ["Marie a 12 pommes et en donne la moitié. Combien de pommes lui reste-t-il ?", "math"],
    ["Who wrote the novel Middlemarch and when was it published?", "knowledge"],
    ["Which of these is a mammal?\nA) shark\nB) whale\nC) trout\nD) gecko", "knowledge"],
    ["hi, how are you doing?", "conversation"],
    ["je m'ennuie, on discute un peu ?", "conversation"],
    ["Write a short story about a dragon who is afraid of heights.", "fiction"],
    ["Écris un poème sur l'automne.", "fiction"],
    ["Rewrite this email so that it sounds more polite: send me the file now.", "writing"],
    ["Translate to Spanish: the train leaves at noon.", "translation"],
    ["Traduis en anglais : il fait beau.", "translation"],
    ["Summarize the following article in two sentences: The council met on Monday.", "summarization"],
    ["Résume ce texte en trois points : Le conseil s'est réuni lundi.", "summarization"],
    ["Extract all names and dates from the text below as JSON.\n\nAnna met Paul on 3 May.", "extraction"]
  ])("%j is %s", (text, archetype) => {
    expect(classify(text).archetype).toBe(archetype)
  })

  it("are probabilities of the categories, most probable first", () => {
    const { candidates, category, confidence, margin } = classify("Why is the sky blue?")
    expect(candidates[0]).toEqual({ category, probability: confidence })
    expect(candidates.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 1)
    expect(margin).toBeCloseTo(confidence - (candidates[1]?.probability ?? 0), 2)
  })
})

describe("features", () => {
  it("are the same for the same text, whatever was read before", () => {
    const text = "Comment trier un tableau en JavaScript ?"
    const before = copyOf(text)
    featuresOf("def f(x):\n  return x\n".repeat(500))
    expect(copyOf(text)).toEqual(before)
  })

  it("see neither case nor accents in words", () => {
    const wordsOf = (text: string) => copyOf(text).indices.filter((index) => index >= regions.words.start)
    expect(wordsOf("ECRIS UN POEME")).toEqual(wordsOf("écris un poème"))
  })

  it.each([
    ["", "nothing"],
    [" \n\t ", "spaces"],
    ["\u0000\u0001", "control characters"],
    ["\uD800", "half a character"],
    ["a".repeat(1_000_000), "one word"],
    ["=".repeat(1_000_000), "signs"],
    ["汉".repeat(1_000_000), "ideographs"],
    ["summarize translate python ".repeat(50_000), "cues"],
    ["a ".repeat(1_000_000), "short words"],
    ["\n".repeat(1_000_000), "lines"]
  ])("of a hostile text stay within their regions: %#, %2$s", (text) => {
    const { indices, values } = copyOf(text)
    expect(indices.length).toBeLessThan(12_000)
    expect(indices.every((index) => index >= 0 && index < featureCount)).toBe(true)
    expect(values.every((value) => Number.isFinite(value))).toBe(true)
    expect(classify(text).confidence).toBeLessThanOrEqual(1)
  })

  it("are those that the weights were trained with: where they change, so does `featureVersion`", () => {
    const texts = [
      "Hello, could you please sum 3.14, 1,000 and v2.x?\r\n  - getUserName(user_id, HTTPServer);\n\tA) œuvre\n\n(b) «Ça»",
      "Привет, мир! 你好，世界。 ế Ấ \u2019tis \u201cso\u201d \u{1f600} \ud800 x\ufeffy",
      `Résume ce texte : ${"Le conseil s'est réuni lundi; 12 voix pour, 3,5 % contre. ".repeat(80)} Merci !`
    ]
    const digest = createHash("sha256")
    for (const text of texts) digest.update(JSON.stringify(copyOf(text)))
    expect(digest.digest("hex").slice(0, 16)).toBe("58dc9fe93a2be8b6")
  })

  it("of a long text are those of its beginning and its end", () => {
    const asked = "Translate to French what follows."
    const pasted = "The lights of the harbour went out one by one. "
    const ends = [asked + pasted.repeat(1000), asked + pasted.repeat(2000)]
    const [first, second] = ends.map((text) => copyOf(text).indices.filter((index) => index >= regions.cues.start))
    expect(first).toEqual(second)
    expect(classify(ends[0] ?? "").archetype).toBe("translation")
  })
})

describe("the weights file", () => {
  const weights = Effect.runSync(readWeights)
  const failureOf = (bytes: Buffer) => Exit.isFailure(Effect.runSyncExit(decodeWeights(bytes)))

  it("fits into what the product may ship, and reads back as it was written", () => {
    expect(readFileSync(weightsFile).length).toBeLessThan(400_000)
    expect(encodeWeights(weights).equals(readFileSync(weightsFile))).toBe(true)
    expect(weights.archetypes).toEqual(archetypes)
  })

  it("is refused where it was trained for other features, and says so", () => {
    const other = encodeWeights({ ...weights, featureVersion: weights.featureVersion + 1 })
    expect(() => Effect.runSync(decodeWeights(other))).toThrow(/train them again \(pnpm train:classifier\)/)
  })

  it("is refused where it is cut, empty or something else", () => {
    const bytes = encodeWeights(weights)
    expect([bytes.subarray(0, -1), bytes.subarray(0, 20), Buffer.alloc(0), Buffer.from("{}")].map(failureOf)).toEqual([
      true,
      true,
      true,
      true
    ])
  })
})
