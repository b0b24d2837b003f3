/**
 * The embedded classifier: a linear model over words, cues and structure, in the process, in microseconds. It knows
 * kinds of request (archetypes), each of which belongs to one of the configuration's categories.
 */
import type { Category } from "@llm-router/domain/Category"
import type { Candidate, Classification } from "@llm-router/domain/Decision"
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { Context, Effect, Layer } from "effect"
import { type ArchetypeMatch, archetypeMatchOf, type Served, servedUnder, shareOut } from "./customCategories.ts"
import { type Archetype, archetypes } from "./embedded/archetypes.ts"
import { featuresOf } from "./embedded/features.ts"
import { modelOf } from "./embedded/model.ts"
import { readWeights, type Weights } from "./embedded/weights.ts"

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
const folded = (
  probabilities: Float64Array,
  { by, matches }: Served,
  byKeywords: Classification | undefined
): EmbeddedClassification => {
  const sums = new Map<string, number>()
  const add = (category: string, probability: number): void => {
    sums.set(category, (sums.get(category) ?? 0) + probability)
  }
  by.forEach((serving, head) => shareOut(serving, probabilities[head] ?? 0, byKeywords, add))
  const ranked = [...sums].toSorted((a, b) => b[1] - a[1])
  const [category, probability] = ranked[0] ?? ["conversation", 0]
  let best = -1
  by.forEach(({ set }, head) => {
    if (set.has(category) && (best < 0 || (probabilities[head] ?? 0) > (probabilities[best] ?? 0))) best = head
  })
  const archetype = archetypes[best] ?? "conversation"
  const match = matches.get(category)
  const reason = `it reads like ${archetype} (${percent(probabilities[best] ?? 0)})`
  return {
    category,
    confidence: rounded(probability),
    margin: rounded(probability - (ranked[1]?.[1] ?? 0)),
    archetype,
    decidedBy: "archetype",
    reasons:
      match === undefined ? [reason] : [reason, `${category} serves ${match.archetypes.join(", ")}: by ${match.by}`],
    candidates: ranked
      .filter(([, share]) => share >= leastShown)
      .map(([name, share]) => ({ category: name, probability: rounded(share) }))
  }
}

export class EmbeddedClassifier extends Context.Service<
  EmbeddedClassifier,
  {
    /**
     * Its best guess, however unsure. Pure and synchronous. What the keyword rules say divides what several of the
     * user's categories share.
     */
    readonly classify: (
      config: RouterConfig,
      text: string,
      byKeywords: Classification | undefined
    ) => EmbeddedClassification
    /** Which kinds of request a custom category serves; `undefined` for one that keywords alone tell. */
    readonly matchOf: (config: RouterConfig, category: string) => ArchetypeMatch | undefined
  }
>()("@llm-router/router/EmbeddedClassifier") {
  static readonly layerOf = (weights: Weights) =>
    Layer.sync(EmbeddedClassifier, () => {
      const model = modelOf(weights)
      const read = (text: string) => model(featuresOf(text))
      const matches = new WeakMap<Category, { readonly match: ArchetypeMatch | undefined }>()
      const matchOf = (category: Category): ArchetypeMatch | undefined => {
        const known = matches.get(category) ?? { match: archetypeMatchOf(category, read) }
        matches.set(category, known)
        return known.match
      }
      const served = new WeakMap<RouterConfig, Served>()
      const servedBy = (config: RouterConfig): Served => {
        const known = served.get(config) ?? servedUnder(config, matchOf)
        served.set(config, known)
        return known
      }
      return EmbeddedClassifier.of({
        classify: (config, text, byKeywords) => {
          // First: finding it reads texts into the buffer that the classification reads.
          const under = servedBy(config)
          return folded(read(text), under, byKeywords)
        },
        matchOf: (config, category) => servedBy(config).matches.get(category)
      })
    })

  static readonly layer = Layer.unwrap(Effect.map(readWeights, EmbeddedClassifier.layerOf))
}
