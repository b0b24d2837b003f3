/**
 * Learns each configuration's categories as soon as it comes into force, a category at a time, so that no request waits
 * for it. One that comes sooner learns what is missing by itself: what was changed counts for the next request either way.
 */
import { Effect, Layer, Stream } from "effect"
import type { RoutingMode } from "../Classifier.ts"
import { ConfigStore } from "../ConfigStore.ts"
import { EmbeddedClassifier } from "./embedded.ts"

export const learningAhead = (mode: RoutingMode): Layer.Layer<never, never, ConfigStore | EmbeddedClassifier> =>
  mode === "embedded" || mode === "hybrid"
    ? Layer.effectDiscard(
        Effect.gen(function* () {
          const store = yield* ConfigStore
          const embedded = yield* EmbeddedClassifier
          yield* Effect.forkScoped(Stream.runForEach(store.changes, embedded.prepare))
        })
      )
    : Layer.empty
