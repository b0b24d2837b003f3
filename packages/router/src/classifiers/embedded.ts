/**
 * The embedded classifier: a linear model over words, cues and structure, in the process, in microseconds. It knows
 * kinds of request (archetypes), each of which belongs to one of the configuration's categories.
 */
import type { Candidate, Classification } from "@llm-router/domain/Decision"
import { Context, Effect, Layer } from "effect"
import { type Archetype, archetypes, builtinCategoryOf } from "./embedded/archetypes.ts"
import { featuresOf } from "./embedded/features.ts"
import { modelOf } from "./embedded/model.ts"
import { readWeights } from "./embedded/weights.ts"

export interface EmbeddedClassification extends Classification {
  readonly archetype: Archetype
  /** The probability of the best category less that of the second. */
  readonly margin: number
  readonly candidates: ReadonlyArray<Candidate>
}

/** Less probable ones are not worth showing. */
const leastShown = 0.01

const rounded = (probability: number): number => Math.round(probability * 1000) / 1000

const percent = (probability: number): string => `${Math.round(probability * 100)} %`

/** Probabilities of archetypes as the categories that serve them, most probable first. */
const folded = (probabilities: Float64Array): EmbeddedClassification => {
  const sums = new Map<string, number>()
  let best = 0
  archetypes.forEach((archetype, head) => {
    const category = builtinCategoryOf[archetype]
    sums.set(category, (sums.get(category) ?? 0) + (probabilities[head] ?? 0))
  })
  const ranked = [...sums].toSorted((a, b) => b[1] - a[1])
  const [category, probability] = ranked[0] ?? ["conversation", 0]
  archetypes.forEach((archetype, head) => {
    const leads = builtinCategoryOf[archetype] === category
    const leader = builtinCategoryOf[archetypes[best] ?? "code"] === category
    if (leads && (!leader || (probabilities[head] ?? 0) > (probabilities[best] ?? 0))) best = head
  })
  const archetype = archetypes[best] ?? "conversation"
  return {
    category,
    confidence: rounded(probability),
    margin: rounded(probability - (ranked[1]?.[1] ?? 0)),
    archetype,
    reasons: [`it reads like ${archetype} (${percent(probabilities[best] ?? 0)})`],
    candidates: ranked
      .filter(([, share]) => share >= leastShown)
      .map(([name, share]) => ({ category: name, probability: rounded(share) }))
  }
}

export class EmbeddedClassifier extends Context.Service<
  EmbeddedClassifier,
  {
    /** Its best guess, however unsure. Pure and synchronous. */
    readonly classify: (text: string) => EmbeddedClassification
  }
>()("@llm-router/router/EmbeddedClassifier") {
  static readonly layer = Layer.effect(
    EmbeddedClassifier,
    Effect.map(readWeights, (weights) => {
      const model = modelOf(weights)
      return EmbeddedClassifier.of({ classify: (text) => folded(model(featuresOf(text))) })
    })
  )
}
