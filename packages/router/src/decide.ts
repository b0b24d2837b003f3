/**
 * The decision of spec 2.2: forced by the caller, tools, the classifier, the default; the first that answers wins.
 */
import { isModelId, type Models, toolsCategory } from "@llm-router/domain/Category"
import type { ChatRequest } from "@llm-router/domain/ChatRequest"
import { type Classification, type Decision, type DecisionSource, directCategory } from "@llm-router/domain/Decision"
import type { PicoDollars } from "@llm-router/domain/Money"
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { UnknownModel } from "@llm-router/domain/RouterError"
import { Context, Effect, Layer } from "effect"
import { type Asker, Classifier } from "./Classifier.ts"
import { classifyByKeywords } from "./classifiers/keywords.ts"
import { type HumanWords, humanWords } from "./humanWords.ts"
import { sessionIdOf, SessionMemory } from "./sessions.ts"
import { toolsNeeded } from "./toolsNeeded.ts"
import { Watchdog } from "./Watchdog.ts"

export interface DecisionSettings {
  readonly toolsRouting: "auto" | "always"
  readonly defaultCategory: string
  /** Serves a category whose chain is not to be found. */
  readonly defaultModel: string
}

export interface Decided {
  readonly decision: Decision
  /** The chain came from the request's own `models`. */
  readonly ownsModels: boolean
  readonly sessionId: string
  /** What it cost to find out; a verdict that others paid for costs nothing. */
  readonly cost: PicoDollars
}

/** Names that ask the router to choose. */
const routedNames: ReadonlySet<string> = new Set(["", "router", "auto", "router/router", "router/auto"])

/** Decisions that a classifier made from the words themselves. */
const fromWords: ReadonlySet<DecisionSource> = new Set(["keywords", "embedded", "ollama", "api"])

/** A model id that is none is quoted in the error up to here. */
const longestQuote = 200

/** As many models as a chain of the configuration may have, the first apart. */
const mostFallbacks = 15

/** Words that say nothing by themselves: "ok", "yes, go on", "et en français ?". */
const shortWords = 4
const shortCharacters = 30

const isTooShort = (text: string): boolean =>
  text.length <= shortCharacters && text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length <= shortWords

/** "why?" and "thanks" go on with the conversation; "a poem" and "fix the bug" say by themselves what they are about. */
const tells = (config: RouterConfig, text: string): boolean => {
  if (!isTooShort(text)) return true
  const category = classifyByKeywords(config, text)?.category
  return category !== undefined && category !== "conversation" && category !== "reasoning"
}

/** A human's words that tell nothing go on with the conversation; an agent's own request (a heartbeat) does not. */
const goesOn = (config: RouterConfig, { kind, text }: HumanWords): boolean =>
  (kind === "turn" || kind === "title") && !tells(config, text)

export class Decisions extends Context.Service<
  Decisions,
  {
    readonly decide: (config: RouterConfig, request: ChatRequest) => Effect.Effect<Decided, UnknownModel>
    /** Notes what a request that is sent was about, for the short messages that follow it. */
    readonly remember: (request: ChatRequest, decision: Decision) => void
  }
>()("@llm-router/router/Decisions") {
  static readonly layer = (settings: DecisionSettings) =>
    Layer.effect(
      Decisions,
      Effect.gen(function* () {
        const classifier = yield* Classifier
        const { now } = yield* Watchdog
        const sessions = new SessionMemory()

        const chainOf = (config: RouterConfig, category: string): Models =>
          config.categories.get(category)?.models ?? [settings.defaultModel]

        const decisionOf = (
          config: RouterConfig,
          source: DecisionSource,
          classification: Classification,
          classifierLatencyMillis = 0
        ): Decision => ({
          ...classification,
          source,
          models: chainOf(config, classification.category),
          classifierLatencyMillis
        })

        const forced = (config: RouterConfig, request: ChatRequest): Effect.Effect<Decision, UnknownModel> => {
          const { model } = request
          const category = model.startsWith("router/") ? model.slice("router/".length) : model
          if (config.categories.has(category)) {
            const reasons = [`the caller asked for the category ${category}`]
            return Effect.succeed(decisionOf(config, "model", { category, confidence: 1, reasons }))
          }
          if (!isModelId(model) || model.startsWith("router/")) {
            return Effect.fail(
              new UnknownModel({ model: model.slice(0, longestQuote), known: [...config.categories.keys()] })
            )
          }
          const models: Models = [
            model,
            ...request.fallbackModels.filter((id) => id !== model && isModelId(id)).slice(0, mostFallbacks)
          ]
          return Effect.succeed({
            category: directCategory,
            source: "model",
            confidence: 1,
            models,
            reasons: [`the caller asked for the model ${model}`],
            classifierLatencyMillis: 0
          })
        }

        /** Tools decide, unless an agent attaches them to everything: then its words do. */
        const byTools = (request: ChatRequest, words: HumanWords): Classification | undefined => {
          if (request.tools.length === 0 || request.toolsForbidden) return undefined
          return settings.toolsRouting === "auto" && words.harness !== undefined
            ? toolsNeeded(words.text, request.tools)
            : { category: toolsCategory, confidence: 1, reasons: [`the request offers ${request.tools.length} tools`] }
        }

        /** Words too short to tell mean what was said before them: the last that tells, else the last short question. */
        const meaningful = (config: RouterConfig, words: HumanWords): string => {
          if (!goesOn(config, words)) return words.text
          const said = [words.text, ...words.earlier]
          return (
            said.find((text) => tells(config, text)) ??
            said.find((text) => classifyByKeywords(config, text)?.category === "reasoning") ??
            words.text
          )
        }

        const byWords = Effect.fnUntraced(function* (
          config: RouterConfig,
          request: ChatRequest,
          words: HumanWords,
          asker: Asker
        ) {
          const session = request.user
          if (session !== undefined && words.earlier.length === 0 && goesOn(config, words)) {
            const category = sessions.recall(session, now())
            if (category !== undefined && config.categories.has(category)) {
              const reasons = ["a short message goes on with the conversation's category"]
              return decisionOf(config, "keywords", { category, confidence: 0.6, reasons })
            }
          }
          const { classification, latencyMillis, source } = yield* classifier.classify(
            config,
            meaningful(config, words),
            asker
          )
          if (classification === undefined) {
            const category = config.categories.has(settings.defaultCategory) ? settings.defaultCategory : "conversation"
            const reasons = [words.kind === "turn" ? "nothing was sure" : `an agent's ${words.kind}`]
            return decisionOf(config, "default", { category, confidence: 0, reasons }, latencyMillis)
          }
          return decisionOf(config, source, classification, latencyMillis)
        })

        return Decisions.of({
          remember: ({ user }, { category, source }) => {
            if (user !== undefined && fromWords.has(source)) sessions.remember(user, category, now())
          },
          decide: Effect.fnUntraced(function* (config, request) {
            const words = humanWords(request)
            const sessionId = sessionIdOf(request, words)
            if (!routedNames.has(request.model)) {
              const decision = yield* forced(config, request)
              return { decision, ownsModels: decision.category === directCategory, sessionId, cost: 0n }
            }
            const tools = byTools(request, words)
            const asker: Asker = { requestId: request.id, keyId: request.client.keyId, spent: 0n }
            const decision =
              tools === undefined ? yield* byWords(config, request, words, asker) : decisionOf(config, "tools", tools)
            return { decision, ownsModels: false, sessionId, cost: asker.spent }
          })
        })
      })
    )
}
