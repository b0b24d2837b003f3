/**
 * Which category are these words about? Asks the classifiers of the mode in their order; the first that is sure wins.
 * Never fails: at worst it says so, and the request goes to the default category.
 */
import type { Classification } from "@llm-router/domain/Decision"
import { detached } from "@llm-router/domain/detached"
import { ModelError } from "@llm-router/domain/ModelError"
import type { PicoDollars } from "@llm-router/domain/Money"
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { Cache, Context, Duration, Effect, Equal, Exit, Hash, Layer, Option } from "effect"
import { CircuitBreaker } from "./CircuitBreaker.ts"
import { ApiClassifier } from "./classifiers/api.ts"
import { type EmbeddedClassification, EmbeddedClassifier } from "./classifiers/embedded.ts"
import { messageOf, outcomeOf } from "./classifiers/failure.ts"
import { classifyByKeywords } from "./classifiers/keywords.ts"
import { questionAbout } from "./classifiers/prompt.ts"
import { OllamaClassifier } from "./classifiers/ollama.ts"
import { Watchdog } from "./Watchdog.ts"

export type RoutingMode = "keywords" | "embedded" | "ollama" | "api" | "hybrid"
export type Backend = "ollama" | "api"

/** The language models that a mode asks, in order, before the keyword rules. */
const backendsOf: Readonly<Record<RoutingMode, ReadonlyArray<Backend>>> = {
  keywords: [],
  embedded: [],
  ollama: ["ollama"],
  api: ["api"],
  hybrid: ["ollama", "api"]
}

const circuitPrefix = "classifier:"

/** The circuit of a classifier's backend, beside those of the models. */
export const circuitOf = (backend: Backend): string => `${circuitPrefix}${backend}`

export const isClassifierCircuit = (key: string): boolean => key.startsWith(circuitPrefix)

export interface Classified {
  readonly source: "keywords" | "embedded" | "ollama" | "api" | "default"
  /** `undefined` when nothing was sure. */
  readonly classification: Classification | undefined
  readonly latencyMillis: number
  /** The upstream's model comes first and was not asked, since only what is free was: it may say otherwise. */
  readonly foreseen?: boolean
}

type TraceHeaders = Readonly<Record<string, string>>

/** Who asks for a classification, and pays for it where nobody has asked the same before. */
export interface Asker {
  readonly requestId: string
  readonly keyId: string
  /** They go to a model of one's own, no further. */
  readonly traceHeaders: TraceHeaders
  /** Only what costs nothing is asked: what a language model of the upstream would say is not known then. */
  readonly freeOnly?: boolean
  /** What the classification cost this asker so far; of a verdict that was there already, nothing. */
  spent: PicoDollars
}

const nobody: Asker = { requestId: "", keyId: "", traceHeaders: {}, spent: 0n }

/** Equal texts under the same configuration are the same question, whoever asks. */
class Question implements Equal.Equal {
  readonly config: RouterConfig
  readonly text: string
  /** Who asked first, and pays. */
  asker: Asker
  /** The embedded classifier's, once it was asked. */
  guess: EmbeddedClassification | undefined
  #byKeywords: { readonly verdict: Classification | undefined } | undefined
  constructor(config: RouterConfig, text: string, asker: Asker) {
    this.config = config
    this.text = text
    this.asker = asker
  }
  /** For a question that is kept for its verdict. */
  forgetAsker(): void {
    this.asker = nobody
  }
  /** What the keyword rules say; they are asked first and last, and read the text once. */
  get byKeywords(): Classification | undefined {
    this.#byKeywords ??= { verdict: classifyByKeywords(this.config, this.text) }
    return this.#byKeywords.verdict
  }
  [Equal.symbol](that: unknown): boolean {
    return that instanceof Question && that.text === this.text && that.config.etag === this.config.etag
  }
  [Hash.symbol](): number {
    return Hash.string(this.text)
  }
}

type Verdict = Omit<Classified, "latencyMillis">

interface Answer {
  readonly verdict: Verdict
  /** The last model that was to be asked answered, be it that it is unsure: asked again it would say the same. */
  readonly isLasting: boolean
}

/** Questions are up to 4 kB of text each, so this is some 8 MB at the most. */
const cacheCapacity = 2_000
const cacheTimeToLive = Duration.minutes(10)

export interface ClassifierSettings {
  readonly mode: RoutingMode
  /** From this probability on the embedded classifier is sure, 0 to 1. */
  readonly embeddedThreshold: number
}

/** The best category must be so much more probable than the second. */
const leastMargin = 0.15

/**
 * Where a custom category serves a kind of request, the classifier knows that kind better than a keyword does: so sure
 * of another one, it goes before the keyword.
 */
const overrulingConfidence = 0.85

export class Classifier extends Context.Service<
  Classifier,
  {
    readonly mode: RoutingMode
    /** The language models that are asked, in order: none that cannot be. */
    readonly backends: ReadonlyArray<Backend>
    /** Where no language model is asked: the verdict, in microseconds. */
    readonly classifyAtOnce: ((config: RouterConfig, text: string, asker: Asker) => Classified) | undefined
    readonly classify: (config: RouterConfig, text: string, asker: Asker) => Effect.Effect<Classified>
  }
>()("@llm-router/router/Classifier") {
  static readonly layer = (settings: ClassifierSettings) =>
    Layer.effect(
      Classifier,
      Effect.gen(function* () {
        const circuits = yield* CircuitBreaker
        const ollama = yield* OllamaClassifier
        const api = yield* ApiClassifier
        const embedded = yield* EmbeddedClassifier
        const { now } = yield* Watchdog
        const backends = backendsOf[settings.mode].filter((backend) => backend !== "api" || api.available)
        const asksEmbedded = settings.mode === "embedded" || settings.mode === "hybrid"

        const isSure = ({ confidence, margin }: EmbeddedClassification): boolean =>
          confidence >= settings.embeddedThreshold && margin >= leastMargin

        const guessOf = (question: Question): EmbeddedClassification =>
          (question.guess ??= embedded.classify(question.config, question.text, question.byKeywords))

        /** What is known in the process already, without asking a language model; `undefined` is unsure. */
        const knownAtOnce = (question: Question): Verdict | undefined => {
          const { byKeywords, config } = question
          const guess = guessOf(question)
          if (byKeywords !== undefined && config.categories.get(byKeywords.category)?.builtin === false) {
            const overruled =
              guess.category !== byKeywords.category &&
              guess.confidence >= overrulingConfidence &&
              embedded.matchOf(config, byKeywords.category) !== undefined
            if (!overruled) return { source: "keywords", classification: byKeywords }
          }
          return isSure(guess) ? { source: "embedded", classification: guess } : undefined
        }

        /** Nobody was sure: the best guess that there is. */
        const lastResort = (question: Question): Verdict =>
          asksEmbedded ? unsureVerdict(question, guessOf(question)) : keywordVerdict(question)

        /** Asks a language model behind its circuit. */
        const ask = Effect.fnUntraced(function* (backend: Backend, question: Question) {
          const { asker, config } = question
          const permit = yield* circuits.admit(circuitOf(backend), config.circuit)
          const asked = questionAbout(config, question.text, likelyOf(question))
          const verdict = yield* (
            backend === "ollama" ? ollama.classify(asked, asker.traceHeaders) : api.classify(config, asked, asker)
          ).pipe(
            // What is broken is the backend's failure too: a probe that nobody settles keeps its circuit half-open.
            Effect.catchDefect((defect) =>
              Effect.andThen(
                Effect.logError(`The classifier ${backend} is broken.`, defect),
                Effect.fail("what it said could not be read")
              )
            ),
            Effect.tapError((error) => permit.settle(outcomeOf(error))),
            Effect.onInterrupt(() => permit.settle({ _tag: "Ignored" }))
          )
          yield* permit.settle({ _tag: "Success" })
          return verdict
        })

        const answerBy = Effect.fnUntraced(function* (
          asked: ReadonlyArray<Backend>,
          question: Question
        ): Effect.fn.Return<Answer> {
          let isLasting = false
          for (const backend of asked) {
            const verdict = yield* ask(backend, question).pipe(
              Effect.scoped,
              Effect.catch((error) =>
                typeof error === "string" || error instanceof ModelError
                  ? Effect.as(
                      Effect.logWarning(`The classifier ${backend} did not answer: ${messageOf(error)}`).pipe(
                        Effect.annotateLogs({ request_id: question.asker.requestId })
                      ),
                      undefined
                    )
                  : Effect.undefined
              )
            )
            isLasting = verdict !== undefined
            if (verdict !== undefined && verdict !== "unsure") {
              return { verdict: { source: backend, classification: verdict }, isLasting }
            }
          }
          return { verdict: lastResort(question), isLasting }
        })

        const cache = yield* Cache.makeWith(
          (question: Question) =>
            Effect.ensuring(
              answerBy(backends, question),
              Effect.sync(() => question.forgetAsker())
            ),
          {
            capacity: cacheCapacity,
            // A verdict that only stands in for a model that is away is asked again at the next request.
            timeToLive: (exit) => (Exit.isSuccess(exit) && exit.value.isLasting ? cacheTimeToLive : Duration.zero)
          }
        )

        /** A verdict that is there already, else one that nobody pays for. */
        const foreseen = Effect.fnUntraced(function* (question: Question): Effect.fn.Return<Verdict> {
          const known = yield* Cache.getSuccess(cache, question)
          if (Option.isSome(known)) return known.value.verdict
          const free = backends.filter((backend) => backend !== "api")
          const { verdict } = yield* answerBy(free, question)
          if (verdict.source === "ollama" || free.length === backends.length) return verdict
          return (yield* circuits.view(circuitOf("api"))).state === "open" ? verdict : { ...verdict, foreseen: true }
        })

        const classifyAtOnce = (config: RouterConfig, text: string, asker: Asker): Classified => {
          if (text === "") return nothingToClassify
          const startedAt = now()
          const question = new Question(config, text, asker)
          const { classification, source } = (asksEmbedded ? knownAtOnce(question) : undefined) ?? lastResort(question)
          return { source, classification, latencyMillis: now() - startedAt }
        }

        const classify = Effect.fnUntraced(function* (config: RouterConfig, text: string, asker: Asker) {
          if (text === "") return nothingToClassify
          const startedAt = now()
          const question = new Question(config, detached(text), asker)
          const known = asksEmbedded ? knownAtOnce(question) : undefined
          const asked =
            asker.freeOnly === true
              ? foreseen(question)
              : Effect.map(Cache.get(cache, question), ({ verdict }) => verdict)
          const verdict = known ?? (yield* asked)
          return { ...verdict, latencyMillis: now() - startedAt }
        })

        return Classifier.of(
          backends.length === 0
            ? {
                mode: settings.mode,
                backends,
                classifyAtOnce,
                classify: (config, text, asker) => Effect.sync(() => classifyAtOnce(config, text, asker))
              }
            : { mode: settings.mode, backends, classifyAtOnce: undefined, classify }
        )
      })
    )
}

/** As many as a language model is told that they are likely. */
const mostLikely = 3

/** What the rules here guess, the best first. */
const likelyOf = ({ byKeywords, guess }: Question): ReadonlyArray<string> =>
  (guess?.candidates ?? byKeywords?.candidates ?? []).slice(0, mostLikely).map(({ category }) => category)

const nothingSure: Verdict = { source: "default", classification: undefined }
const nothingToClassify: Classified = { ...nothingSure, latencyMillis: 0 }

const keywordVerdict = ({ byKeywords }: Question): Verdict =>
  byKeywords === undefined ? nothingSure : { source: "keywords", classification: byKeywords }

/** Sure enough to be taken before the embedded classifier's guess, where that is unsure. */
const clearKeywords = 0.75

const unsureVerdict = (question: Question, guess: EmbeddedClassification): Verdict => {
  const byKeywords = keywordVerdict(question)
  return (byKeywords.classification?.confidence ?? 0) >= clearKeywords
    ? byKeywords
    : { source: "embedded", classification: guess }
}
