/** The router's own decisions in the mode `embedded`, by weights that are given. */
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { CircuitBreaker } from "@llm-router/router/CircuitBreaker"
import { Classifier } from "@llm-router/router/Classifier"
import { ApiClassifier } from "@llm-router/router/classifiers/api"
import { EmbeddedClassifier } from "@llm-router/router/classifiers/embedded"
import type { Weights } from "@llm-router/router/classifiers/embedded/weights"
import type { WordFrequencies } from "@llm-router/router/classifiers/embedded/wordFrequencies"
import { OllamaClassifier } from "@llm-router/router/classifiers/ollama"
import { Watchdog } from "@llm-router/router/Watchdog"
import { Effect, Layer } from "effect"

/** The default of `EMBEDDED_THRESHOLD`. */
const embeddedThreshold = 0.55

const nobody = { classify: () => Effect.fail("nobody is asked") }

export const classifierBy = (weights: Weights, frequencies: WordFrequencies) =>
  Classifier.layer({ mode: "embedded", embeddedThreshold }).pipe(
    Layer.provide(EmbeddedClassifier.layerOf(weights, frequencies)),
    Layer.provide(Layer.succeed(OllamaClassifier, OllamaClassifier.of(nobody))),
    Layer.provide(Layer.succeed(ApiClassifier, ApiClassifier.of({ available: false, ...nobody }))),
    Layer.provide(CircuitBreaker.layerMemory),
    Layer.provideMerge(Watchdog.layer)
  )

/** Whoever measures. */
export const asker = { requestId: "", keyId: "", traceHeaders: {}, spent: 0n }

export interface SaidOf {
  /** What is unsure goes to `conversation`, the default category. */
  readonly category: string
  readonly confidence: number
}

/** What the classifier says of each text, in their order. */
export const decisionsOn = Effect.fnUntraced(function* (config: RouterConfig, texts: ReadonlyArray<string>) {
  const classifier = yield* Classifier
  return yield* Effect.forEach(texts, (text) =>
    Effect.map(classifier.classify(config, text, asker), ({ classification }): SaidOf => ({
      category: classification?.category ?? "conversation",
      confidence: classification?.confidence ?? 0
    }))
  )
})
