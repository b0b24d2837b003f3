/** A classifier that breaks, whatever it breaks on, is a backend that failed. */
import { describe, expect, it } from "@effect/vitest"
import { builtinCategories } from "@llm-router/domain/builtinCategories"
import { defaultCircuit, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/CircuitBreaker.ts"
import { type Asker, Classifier } from "../src/Classifier.ts"
import { ApiClassifier } from "../src/classifiers/api.ts"
import { EmbeddedClassifier } from "../src/classifiers/embedded.ts"
import { OllamaClassifier } from "../src/classifiers/ollama.ts"
import { Watchdog } from "../src/Watchdog.ts"

const config: RouterConfig = {
  etag: "1",
  categories: new Map(builtinCategories.map((category) => [category.name, category])),
  circuit: defaultCircuit,
  prices: new Map()
}

const broken = () => Effect.die(new RangeError("Maximum call stack size exceeded"))
const layer = Classifier.layer({ mode: "ollama", embeddedThreshold: 0.7 }).pipe(
  Layer.provide(Layer.succeed(OllamaClassifier, OllamaClassifier.of({ classify: broken }))),
  Layer.provide(Layer.succeed(ApiClassifier, ApiClassifier.of({ available: false, classify: broken }))),
  Layer.provide(EmbeddedClassifier.layer),
  Layer.provideMerge(CircuitBreaker.layerMemory),
  Layer.provideMerge(Watchdog.layer)
)

const asker: Asker = { requestId: "1", keyId: "anonymous", traceHeaders: {}, spent: 0n }
const ask = (words: string) =>
  Effect.flatMap(Classifier, (classifier) =>
    classifier.classify(config, `write a python function that ${words}`, asker)
  )
const circuit = Effect.flatMap(CircuitBreaker, (circuits) => circuits.view("classifier:ollama"))

describe("a classifier that breaks", () => {
  it.effect("leaves the decision to the keywords, and its circuit neither closed nor half-open for good", () =>
    Effect.gen(function* () {
      for (const words of ["adds", "sorts", "sums"]) {
        expect(yield* ask(words)).toMatchObject({ source: "keywords", classification: { category: "code" } })
      }
      expect((yield* circuit).state).toBe("open")
      yield* TestClock.adjust("5 minutes")
      yield* ask("probes")
      expect((yield* circuit).state).toBe("open")
    }).pipe(Effect.provide(layer))
  )
})
