/** The modes that ask nobody, as the dialogues are decided by them. */
import { Classifier } from "@llm-router/router/Classifier"
import { readWeights } from "@llm-router/router/classifiers/embedded/weights"
import { readFrequencies } from "@llm-router/router/classifiers/embedded/wordFrequencies"
import { classifyByKeywords } from "@llm-router/router/classifiers/keywords"
import { Effect } from "effect"
import { asker, classifierBy } from "./customDecisions.ts"
import type { LocalClassifier } from "./dialogueScores.ts"

export const byKeywords: LocalClassifier = { source: "keywords", classify: classifyByKeywords }

/** As shipped: the router's own order of keywords, weights and best guesses. */
export const shippedEmbedded = Effect.gen(function* () {
  const layer = classifierBy(yield* readWeights, yield* readFrequencies)
  const { classifyAtOnce } = yield* Effect.provide(Classifier, layer)
  const classify: LocalClassifier["classify"] = (config, text) => classifyAtOnce?.(config, text, asker).classification
  return { source: "embedded", classify } satisfies LocalClassifier
})
