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
import { type Asker, type Classified, Classifier } from "./Classifier.ts"
import { classifyByKeywords } from "./classifiers/keywords.ts"
import { type Conversation, continued, inContext, resumed, type TurnInContext, type Verdict } from "./conversation.ts"
import { leaningIn, rereadTurns } from "./earlierTurns.ts"
import { type HumanWords, humanWords } from "./humanWords.ts"
import { type ConversationKeys, conversationKeys, ConversationMemory, type Recalled, sessionIdOf } from "./sessions.ts"
import { propagationHeaders } from "./telemetry/propagation.ts"
import type { Span } from "./telemetry/Span.ts"
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
  /** A human's turn to remember; `undefined` for what the caller forced and for an agent's own requests. */
  readonly turn: RememberedTurn | undefined
  /** What it cost to find out; a verdict that others paid for costs nothing. */
  readonly cost: PicoDollars
}

export interface DecideOptions {
  readonly span?: Span | undefined
  /** Nothing is asked that costs something. */
  readonly freeOnly?: boolean | undefined
}

interface RememberedTurn {
  readonly keys: ConversationKeys
  readonly before: Conversation | undefined
  readonly after: Conversation | undefined
}

interface InConversation {
  readonly decision: Decision
  readonly after: Conversation | undefined
}

/** Names that ask the router to choose. */
const routedNames: ReadonlySet<string> = new Set(["", "router", "auto", "router/router", "router/auto"])

/** A model id that is none is quoted in the error up to here. */
const longestQuote = 200

/** As many models as a chain of the configuration may have, the first apart. */
const mostFallbacks = 15

export class Decisions extends Context.Service<
  Decisions,
  {
    readonly decide: (
      config: RouterConfig,
      request: ChatRequest,
      options?: DecideOptions
    ) => Effect.Effect<Decided, UnknownModel>
    /** Notes the turn of a request that is sent, for the turns that follow. A dry run is not noted. */
    readonly remember: (decided: Decided) => void
  }
>()("@llm-router/router/Decisions") {
  static readonly layer = (settings: DecisionSettings) =>
    Layer.effect(
      Decisions,
      Effect.gen(function* () {
        const classifier = yield* Classifier
        const { now } = yield* Watchdog
        const memory = new ConversationMemory()

        const chainOf = (config: RouterConfig, category: string): Models =>
          config.categories.get(category)?.models ?? [settings.defaultModel]

        const decisionOf = (
          config: RouterConfig,
          source: DecisionSource,
          classification: Classification,
          classifierLatencyMillis = 0
        ): Decision => ({
          ...classification,
          confidence: rounded(classification.confidence),
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

        /** An agent's tool loop, or its retry, stays with what its turn was decided to be. */
        const pinned = (config: RouterConfig, words: HumanWords, recalled: Recalled | undefined) => {
          const decided = recalled?.decided
          if (decided === undefined || !(words.inToolLoop || words.retry)) return undefined
          const { category, confidence, source } = decided
          if (!config.categories.has(category)) return undefined
          const reasons = [`${words.inToolLoop ? "tool loop" : "retry"} of a ${category} turn`]
          return decisionOf(config, source, { category, confidence, reasons })
        }

        const byDefault = (config: RouterConfig, words: HumanWords, latencyMillis: number): Decision => {
          const category = config.categories.has(settings.defaultCategory) ? settings.defaultCategory : "conversation"
          const reasons = [words.kind === "turn" ? "nothing was sure" : `an agent's ${words.kind}`]
          return decisionOf(config, "default", { category, confidence: 0, reasons }, latencyMillis)
        }

        /** Verdicts on earlier turns are worth microseconds, not a language model's time. */
        const verdictsAtOnce =
          (config: RouterConfig, asker: Asker) =>
          (text: string): Verdict =>
            classifier.classifyAtOnce?.(config, text, asker) ?? {
              source: "keywords",
              classification: classifyByKeywords(config, text)
            }

        const byWords = (
          config: RouterConfig,
          words: HumanWords,
          recalled: Recalled | undefined,
          asker: Asker
        ): Effect.Effect<InConversation> => {
          const leaning = leaningIn(config, words.text)
          const known = recalled?.byUser === true && leaning !== "continuation" ? undefined : recalled?.conversation
          const reread =
            known === undefined && !isAgents(words)
              ? rereadTurns(config, words.earlier, verdictsAtOnce(config, asker))
              : undefined
          const conversation = known ?? reread?.conversation
          const before =
            conversation !== undefined && config.categories.has(conversation.category) ? conversation : undefined
          const inConversation = (turn: TurnInContext, latencyMillis = 0): InConversation => ({
            decision: decisionOf(config, turn.source, turn.classification, latencyMillis),
            after: turn.conversation
          })
          if (leaning === "continuation" && before !== undefined && before === known) {
            return Effect.succeed(inConversation(continued(before)))
          }
          // What tells nothing by itself is about what was last said to be so.
          const about = leaning === "continuation" && before !== undefined ? reread?.about : undefined
          const decided = (verdict: Classified): InConversation => {
            const turn = about === undefined ? inContext(verdict, leaning, before) : resumed(verdict)
            const found =
              turn === undefined
                ? { decision: byDefault(config, words, verdict.latencyMillis), after: before }
                : inConversation(turn, verdict.latencyMillis)
            return verdict.foreseen === true ? { ...found, decision: foreseen(found.decision) } : found
          }
          const text = about ?? words.text
          const verdict = classifier.classifyAtOnce?.(config, text, asker)
          return verdict === undefined
            ? Effect.map(classifier.classify(config, text, asker), decided)
            : Effect.succeed(decided(verdict))
        }

        return Decisions.of({
          remember: ({ decision, turn }) => {
            if (turn === undefined) return
            const { category, confidence, source } = decision
            memory.remember(turn.keys, { ...turn, decided: { category, confidence, source } }, now())
          },
          decide: (config, request, { freeOnly = false, span } = {}) => {
            const words = humanWords(request)
            if (!routedNames.has(request.model)) {
              return Effect.map(forced(config, request), (decision) => ({
                decision,
                ownsModels: decision.category === directCategory,
                sessionId: sessionIdOf(request, words),
                turn: undefined,
                cost: 0n
              }))
            }
            const keys = conversationKeys(request, words)
            const recalled = isAgents(words) ? undefined : memory.recall(keys, now())
            const before = recalled?.conversation
            const asker: Asker = {
              requestId: request.id,
              keyId: request.client.keyId,
              traceHeaders: propagationHeaders(request.client, span),
              freeOnly,
              spent: 0n
            }
            const routed = (decision: Decision, after: Conversation | undefined): Decided => ({
              decision,
              ownsModels: false,
              sessionId: keys.session,
              turn: words.kind === "turn" ? { keys, before, after } : undefined,
              cost: asker.spent
            })
            const stays = pinned(config, words, recalled)
            if (stays !== undefined) return Effect.succeed(routed(stays, recalled?.after))
            const tools = byTools(request, words)
            if (tools !== undefined) return Effect.succeed(routed(decisionOf(config, "tools", tools), before))
            return Effect.map(byWords(config, words, recalled, asker), ({ after, decision }) => routed(decision, after))
          }
        })
      })
    )
}

/** A confidence as it is shown everywhere: to three places. */
const rounded = (confidence: number): number => Math.round(confidence * 1000) / 1000

/** A guess says that it is one. */
const foreseen = (decision: Decision): Decision => ({
  ...decision,
  reasons: [...decision.reasons, "ROUTER_API_MODEL comes first, and was not asked since that costs"]
})

/** A heartbeat or a compaction belongs to nobody's conversation. */
const isAgents = ({ kind }: HumanWords): boolean => kind === "heartbeat" || kind === "compaction"
