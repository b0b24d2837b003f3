/**
 * The wiring of the router on one page: which service stands on which. What varies with the machine (the HTTP client,
 * the settings) comes from outside.
 */
import { Layer } from "effect"
import { CircuitBreaker } from "./CircuitBreaker.ts"
import { Classifier, type ClassifierSettings } from "./Classifier.ts"
import { ApiClassifier, type ApiClassifierSettings } from "./classifiers/api.ts"
import { EmbeddedClassifier } from "./classifiers/embedded.ts"
import { learningAhead } from "./classifiers/learningAhead.ts"
import { OllamaClassifier, type OllamaSettings } from "./classifiers/ollama.ts"
import type { ConfigFileOptions } from "./configOnDisk.ts"
import { ConfigStore } from "./ConfigStore.ts"
import { CostLedger, type LedgerOptions } from "./CostLedger.ts"
import { Decisions, type DecisionSettings } from "./decide.ts"
import { ModelCatalogue } from "./ModelCatalogue.ts"
import { ModelClient, type UpstreamSettings } from "./ModelClient.ts"
import { Router, type RouterSettings } from "./Router.ts"
import { Settlements } from "./Settlements.ts"
import { UpstreamStatus } from "./UpstreamStatus.ts"
import { Watchdog } from "./Watchdog.ts"

export interface RouterOptions {
  readonly upstream: UpstreamSettings
  readonly router: RouterSettings
  readonly decisions: DecisionSettings
  readonly classifier: ClassifierSettings
  readonly ollama: OllamaSettings
  readonly api: ApiClassifierSettings
  readonly config: ConfigFileOptions
  readonly ledger: LedgerOptions
  /** Whether OpenRouter is asked afterwards what unfinished answers cost. */
  readonly settlements: boolean
  /** The file that keeps the model list for a start without network; none when it is not to be kept. */
  readonly modelListPath: string | undefined
}

export const routerLayer = (options: RouterOptions) =>
  Router.layer(options.router).pipe(
    Layer.provideMerge(Settlements.layerOpenRouter(options.upstream, options.settlements)),
    Layer.provideMerge(Decisions.layer(options.decisions)),
    Layer.provideMerge(Classifier.layer(options.classifier)),
    Layer.provideMerge(learningAhead(options.classifier.mode)),
    Layer.provideMerge(
      Layer.mergeAll(EmbeddedClassifier.layer, OllamaClassifier.layer(options.ollama), ApiClassifier.layer(options.api))
    ),
    Layer.provideMerge(
      Layer.mergeAll(
        ModelClient.layerOpenRouter(options.upstream),
        ModelCatalogue.layerOpenRouter(options.upstream, options.modelListPath),
        UpstreamStatus.layer,
        CircuitBreaker.layerMemory,
        CostLedger.layer(options.ledger)
      )
    ),
    Layer.provideMerge(ConfigStore.layerFile(options.config)),
    Layer.provideMerge(Watchdog.layer)
  )
