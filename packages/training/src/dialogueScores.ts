/**
 * How many turns of the dialogues get the right category, by the router's own decisions.
 */
import { builtinCategories } from "@llm-router/domain/builtinCategories"
import type { Category } from "@llm-router/domain/Category"
import type { Classification, DecisionSource } from "@llm-router/domain/Decision"
import { defaultCircuit, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { Classifier, type RoutingMode } from "@llm-router/router/Classifier"
import { Decisions } from "@llm-router/router/decide"
import { Watchdog } from "@llm-router/router/Watchdog"
import { Effect, Layer } from "effect"
import { type Dialogue, type labels, requestsOf, type Sending } from "./dialogues.ts"

/** A classifier that asks nobody. */
export interface LocalClassifier {
  readonly source: Extract<DecisionSource, RoutingMode>
  readonly classify: (config: RouterConfig, text: string) => Classification | undefined
}

const custom = (name: string, keywords: ReadonlyArray<string>, description: string): Category => ({
  name,
  models: [`under-test/${name}`],
  keywords,
  description,
  builtin: false
})

/** What an administrator would add to tell the labels of the dialogues apart. */
const customCategories: ReadonlyArray<Category> = [
  custom(
    "creative",
    [
      "story",
      "poem",
      "song",
      "joke",
      "imagine",
      "draft",
      "rewrite",
      "histoire",
      "poème",
      "invente",
      "rédige",
      "lettre"
    ],
    "Stories, poems, jokes; writing and rewriting letters, mails and other texts"
  ),
  custom(
    "translation",
    ["translate", "translation", "how do you say", "traduis", "traduire", "traduction", "comment on dit", "wie heißt"],
    "Translating between human languages"
  ),
  custom(
    "summarization",
    ["summarize", "summarise", "summary", "in short", "résume", "résumer", "résumé", "en bref"],
    "Making a text shorter"
  ),
  custom(
    "extraction",
    ["extract", "classify", "list all", "sentiment", "extrais", "classe", "relève"],
    "Finding names, fields and classes in a given text"
  )
]

const configOf = (categories: ReadonlyArray<Category>): RouterConfig => ({
  etag: `dialogues of ${categories.length} categories`,
  categories: new Map(categories.map((category) => [category.name, category])),
  circuit: defaultCircuit,
  prices: new Map()
})

type Label = (typeof labels)[number]

/** A configuration, and which of its categories serves each label. */
export interface Catalogue {
  readonly config: RouterConfig
  readonly categoryOf: Readonly<Record<Label, string>>
}

const builtin = { code: "code", conversation: "conversation", math: "reasoning", reasoning: "reasoning" } as const

/** As shipped. What must be right goes to the models that think, what must read well to those that talk. */
export const builtinCatalogue: Catalogue = {
  config: configOf(builtinCategories),
  categoryOf: {
    ...builtin,
    creative: "conversation",
    translation: "conversation",
    summarization: "reasoning",
    extraction: "reasoning"
  }
}

/** With a category of its own for every label but `math`. */
export const customCatalogue: Catalogue = {
  config: configOf([...builtinCategories, ...customCategories]),
  categoryOf: {
    ...builtin,
    creative: "creative",
    translation: "translation",
    summarization: "summarization",
    extraction: "extraction"
  }
}

const settings = { toolsRouting: "auto", defaultCategory: "conversation", defaultModel: "under-test/default" } as const

const decisionsBy = (local: LocalClassifier) =>
  Decisions.layer(settings).pipe(
    Layer.provide(
      Layer.succeed(
        Classifier,
        Classifier.of({
          mode: local.source,
          backends: [],
          classifyAtOnce: (current, text) => {
            const classification = text === "" ? undefined : local.classify(current, text)
            return {
              source: classification === undefined ? "default" : local.source,
              classification,
              latencyMillis: 0
            }
          },
          classify: () => Effect.die("It is asked at once.")
        })
      )
    ),
    Layer.provide(Watchdog.layer)
  )

/** A turn of the human, and what it was decided to be. */
export interface ScoredTurn {
  readonly dialogue: string
  readonly text: string
  readonly expected: string
  readonly category: string
  readonly reasons: ReadonlyArray<string>
  /** The first turn has no context. */
  readonly isFirst: boolean
  /** Requests of the turn's tool loop, and how many of them were decided otherwise than the turn. */
  readonly toolRequests: number
  readonly switches: number
}

/** Decides every request of the dialogues, in order. */
export const scoredTurns = (
  dialogues: ReadonlyArray<Dialogue>,
  { categoryOf, config }: Catalogue,
  local: LocalClassifier,
  sending: Sending
) =>
  Effect.gen(function* () {
    const decisions = yield* Decisions
    const turns: Array<ScoredTurn> = []
    for (const dialogue of dialogues) {
      let isFirst = true
      for (const { inToolLoop, request, turn } of requestsOf(dialogue, sending)) {
        const decided = yield* decisions.decide(config, request)
        if (sending === "messages" || sending === "session") decisions.remember(decided)
        const { category, reasons } = decided.decision
        const last = turns.at(-1)
        if (inToolLoop && last !== undefined) {
          const switches = last.switches + (category === last.category ? 0 : 1)
          turns[turns.length - 1] = { ...last, toolRequests: last.toolRequests + 1, switches }
          continue
        }
        const expected = categoryOf[turn.category]
        turns.push({
          dialogue: dialogue.id,
          text: turn.content,
          expected,
          category,
          reasons,
          isFirst,
          toolRequests: 0,
          switches: 0
        })
        isFirst = false
      }
    }
    return turns
  }).pipe(Effect.provide(decisionsBy(local), { local: true }))
