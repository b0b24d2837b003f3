/**
 * The embedded classifier: a linear model over words, cues and structure, in the process, in microseconds. It knows
 * kinds of request (archetypes), each of which belongs to one of the configuration's categories, and for each category
 * with examples what these teach.
 */
import { type Category, toolsCategory } from "@llm-router/domain/Category"
import type { Candidate, Classification } from "@llm-router/domain/Decision"
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { Context, Effect, Layer } from "effect"
import { type ArchetypeMatch, archetypeMatchOf, type Served, servedUnder, shareOut } from "./customCategories.ts"
import { type Archetype, archetypes } from "./embedded/archetypes.ts"
import { featuresOf } from "./embedded/features.ts"
import { modelOf } from "./embedded/model.ts"
import { readWeights, type Weights } from "./embedded/weights.ts"
import { readFrequencies, type WordFrequencies } from "./embedded/wordFrequencies.ts"
import { type ExampleHead, exampleHeadOf, repeatedOnly } from "./exampleHead.ts"
import { type ExampleHeads, exampleHeadsOf } from "./exampleHeads.ts"

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

/** What the classifier knows of one version of a category. */
interface Known {
  readonly match: ArchetypeMatch | undefined
  readonly head: ExampleHead | undefined
}

/** Who serves what under one configuration. */
interface Serving extends Served {
  /** `undefined` where no category has examples. */
  readonly heads: ExampleHeads | undefined
}

const noExamples: ReadonlyMap<string, number> = new Map()

/** What the examples of categories say of the text that was read last. */
const heardIn = ({ names, probabilitiesOf }: ExampleHeads, kinds: Float64Array): ReadonlyMap<string, number> => {
  const heard = new Map<string, number>()
  probabilitiesOf(kinds).forEach((probability, head) => {
    if (probability >= leastShown) heard.set(names[head] ?? "", probability)
  })
  return heard
}

/** The likeliest archetype, of those that a category serves if it serves one. */
const archetypeFor = (category: string, probabilities: Float64Array, { by }: Served): number => {
  const serves = by.some(({ set }) => set.has(category))
  let best = -1
  by.forEach(({ set }, head) => {
    if (serves && !set.has(category)) return
    if (best < 0 || (probabilities[head] ?? 0) > (probabilities[best] ?? 0)) best = head
  })
  return best
}

/** Probabilities of archetypes as the categories that serve them, most probable first; examples are heard before. */
const folded = (
  probabilities: Float64Array,
  serving: Serving,
  byKeywords: Classification | undefined
): EmbeddedClassification => {
  const { by, heads, matches } = serving
  const sums = new Map<string, number>()
  const add = (category: string, probability: number): void => {
    sums.set(category, (sums.get(category) ?? 0) + probability)
  }
  const byExamples = heads === undefined ? noExamples : heardIn(heads, probabilities)
  let others = 1
  for (const [name, share] of byExamples) {
    add(name, share)
    others -= share
  }
  by.forEach((served, head) => shareOut(served, others * (probabilities[head] ?? 0), byKeywords, add))
  const ranked = [...sums].toSorted((a, b) => b[1] - a[1])
  const [category, probability] = ranked[0] ?? ["conversation", 0]
  const best = archetypeFor(category, probabilities, serving)
  const archetype = archetypes[best] ?? "conversation"
  const match = matches.get(category)
  const ofExamples = byExamples.get(category) ?? 0
  const readsLikeExamples = 2 * ofExamples >= probability
  const reasons = [`it reads like ${archetype} (${percent(probabilities[best] ?? 0)})`]
  if (readsLikeExamples) reasons.unshift(`it reads like the examples of ${category} (${percent(ofExamples)})`)
  if (match !== undefined) reasons.push(`${category} serves ${match.archetypes.join(", ")}: by ${match.by}`)
  return {
    category,
    confidence: rounded(probability),
    margin: rounded(probability - (ranked[1]?.[1] ?? 0)),
    archetype,
    decidedBy: readsLikeExamples || match?.by === "its examples" ? "examples" : "archetype",
    reasons,
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
    /** Which kinds of request a custom category serves; `undefined` for one that keywords or examples alone tell. */
    readonly matchOf: (config: RouterConfig, category: string) => ArchetypeMatch | undefined
    /**
     * Learns the categories of a configuration, one at a time with room for other work between them. Without it the
     * first request under the configuration does that at once.
     */
    readonly prepare: (config: RouterConfig) => Effect.Effect<void>
  }
>()("@llm-router/router/EmbeddedClassifier") {
  static readonly layerOf = (weights: Weights, frequencies: WordFrequencies) =>
    Layer.sync(EmbeddedClassifier, () => {
      const model = modelOf(weights)
      const read = (text: string) => model(featuresOf(text))
      const learn = (category: Category): Known => {
        const { examples } = category
        const head = examples === undefined ? undefined : exampleHeadOf(examples, read, frequencies)
        return { match: category.builtin ? undefined : archetypeMatchOf(category, read, head?.served), head }
      }
      const categories = new WeakMap<Category, Known>()
      const knownOf = (category: Category): Known => {
        const known = categories.get(category) ?? learn(category)
        categories.set(category, known)
        return known
      }
      const servingUnder = (config: RouterConfig): Serving => {
        const heads = new Map<string, ExampleHead>()
        for (const category of config.categories.values()) {
          const { head, match } = knownOf(category)
          // Like keywords, no example leads to tools: they are chosen by their presence.
          if (head === undefined || category.name === toolsCategory) continue
          heads.set(category.name, match === undefined || head.served.length === 0 ? head : repeatedOnly(head))
        }
        return {
          ...servedUnder(config, (category) => knownOf(category).match),
          heads: heads.size === 0 ? undefined : exampleHeadsOf(heads)
        }
      }
      const servings = new WeakMap<RouterConfig, Serving>()
      const servingOf = (config: RouterConfig): Serving => {
        const known = servings.get(config) ?? servingUnder(config)
        servings.set(config, known)
        return known
      }
      return EmbeddedClassifier.of({
        classify: (config, text, byKeywords) => {
          // First: finding it reads texts into the buffer that the classification reads.
          const serving = servingOf(config)
          return folded(read(text), serving, byKeywords)
        },
        matchOf: (config, category) => servingOf(config).matches.get(category),
        prepare: (config) =>
          Effect.forEach(
            config.categories.values(),
            (category) =>
              Effect.andThen(
                Effect.yieldNow,
                Effect.sync(() => void knownOf(category))
              ),
            { discard: true }
          ).pipe(Effect.andThen(Effect.sync(() => void servingOf(config))))
      })
    })

  static readonly layer = Layer.unwrap(
    Effect.map(Effect.all([readWeights, readFrequencies]), ([weights, frequencies]) =>
      EmbeddedClassifier.layerOf(weights, frequencies)
    )
  )
}
