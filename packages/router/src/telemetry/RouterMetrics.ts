/**
 * What the router counts and measures, by the names of `telemetry.ts`. It is recorded whether or not anybody reads it:
 * `/metrics` shows it at any time, a collector gets it where there is one.
 */
import { directCategory, type Decision } from "@llm-router/domain/Decision"
import type { ModelErrorReason } from "@llm-router/domain/ModelError"
import { dollarsOf, type PicoDollars } from "@llm-router/domain/Money"
import { modelsOf, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { metrics, otherValue } from "../telemetry.ts"
import { type AnyFamily, type HistogramSeries, histograms, numbers } from "./instruments.ts"
import type { Span } from "./Span.ts"

/** The categories of what no chain of the configuration was chosen for. */
const ownCategories = [directCategory, "classification", "undecided", otherValue]

const reasonNames: Readonly<Record<ModelErrorReason["_tag"], string>> = {
  RateLimited: "rate_limited",
  Unavailable: "unavailable",
  TimedOut: "timeout",
  ContextTooLong: "context_too_long",
  NotServed: "not_served",
  Unauthenticated: "unauthenticated",
  CreditsExhausted: "credits_exhausted",
  InvalidOutput: "invalid_output",
  Rejected: "rejected",
  CutOff: "cut_off"
}

/** The value of `error.type` for a failed attempt. */
export const errorTypeOf = (reason: ModelErrorReason): string => reasonNames[reason._tag]

export type AttemptRole = "primary" | "retry" | "fallback"

/** One ended call to a model. Durations in seconds. */
export interface EndedCall {
  readonly model: string
  readonly category: string
  /** `undefined` for a call that is no attempt of a chat request: the classifier's. */
  readonly role: AttemptRole | undefined
  readonly outcome: "ok" | "failed" | "cut" | "cancelled"
  readonly reason: ModelErrorReason | undefined
  readonly seconds: number
  readonly firstChunkSeconds: number | undefined
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cost: PicoDollars
  readonly costSource: "reported" | "priced" | "estimated" | "unpriced"
}

const observe = (series: HistogramSeries, value: number, span: Span | undefined): void => {
  if (span?.sampled === true) series.recordTraced(value, span.traceId, span.spanId, span.now() / 1000)
  else series.record(value)
}

export class RouterMetrics {
  /** Every metric, in the order of `telemetry.ts`. */
  readonly families: Array<AnyFamily> = []
  readonly httpDuration = this.#listed(histograms(metrics.httpDuration))
  readonly httpActive = this.#listed(numbers(metrics.httpActive))
  readonly #callDuration = this.#listed(histograms(metrics.callDuration))
  readonly #firstChunk = this.#listed(histograms(metrics.firstChunk))
  readonly #tokens = this.#listed(histograms(metrics.tokens))
  readonly #requests = this.#listed(numbers(metrics.requests))
  readonly #rescued = this.#listed(numbers(metrics.rescued))
  readonly #decisions = this.#listed(numbers(metrics.decisions))
  readonly #confidence = this.#listed(histograms(metrics.confidence))
  readonly #classifyDuration = this.#listed(histograms(metrics.classifyDuration))
  readonly #attempts = this.#listed(numbers(metrics.attempts))
  readonly #fallbacks = this.#listed(numbers(metrics.fallbacks))
  readonly breakerState = this.#listed(numbers(metrics.breakerState))
  readonly #breakerTransitions = this.#listed(numbers(metrics.breakerTransitions))
  readonly #overhead = this.#listed(histograms(metrics.overhead))
  readonly #cost = this.#listed(numbers(metrics.cost))
  readonly #costMissing = this.#listed(numbers(metrics.costMissing))
  readonly costDrift = this.#listed(numbers(metrics.costDrift))
  readonly ledgerQueue = this.#listed(numbers(metrics.ledgerQueue))
  readonly #ledgerCommit = this.#listed(histograms(metrics.ledgerCommit))
  readonly #ledgerFailures = this.#listed(numbers(metrics.ledgerFailures))
  readonly ledgerLost = this.#listed(numbers(metrics.ledgerLost))
  readonly telemetryDropped = this.#listed(numbers(metrics.telemetryDropped))
  readonly eventLoopP50 = this.#listed(numbers(metrics.eventLoopP50))
  readonly eventLoopP99 = this.#listed(numbers(metrics.eventLoopP99))
  readonly eventLoopMax = this.#listed(numbers(metrics.eventLoopMax))
  readonly cpuTime = this.#listed(numbers(metrics.cpuTime))
  readonly memory = this.#listed(numbers(metrics.memory))
  readonly startTime = this.#listed(numbers(metrics.startTime))
  readonly uptime = this.#listed(numbers(metrics.uptime))

  #config: RouterConfig | undefined
  #models: ReadonlySet<string> = new Set()
  #categories: ReadonlySet<string> = new Set()
  /** Models outside the chains that are known all the same: those that classify. */
  readonly #classifierModels: ReadonlyArray<string>

  constructor(classifierModels: ReadonlyArray<string> = []) {
    this.#classifierModels = classifierModels
  }

  #listed<A extends AnyFamily>(family: A): A {
    this.families.push(family)
    return family
  }

  /** The models and categories of this configuration are values of labels from here on, and their counters stand at 0. */
  configured(config: RouterConfig): void {
    if (config === this.#config) return
    this.#config = config
    const models = [...modelsOf(config), ...this.#classifierModels, otherValue]
    const categories = [...config.categories.keys(), ...ownCategories]
    this.#models = new Set(models)
    this.#categories = new Set(categories)
    const known = {
      models: [...this.#models],
      categories,
      serves: (category: string, model: string) =>
        category === "classification"
          ? this.#classifierModels.includes(model)
          : (config.categories.get(category)?.models.includes(model) ?? category === directCategory)
    }
    for (const family of this.families) {
      const { kind, labels } = family.definition
      if (kind === "counter" || labels.length === 0) family.zero(known)
    }
  }

  modelLabel(model: string): string {
    return this.#models.has(model) ? model : otherValue
  }

  categoryLabel(category: string): string {
    return this.#categories.has(category) ? category : otherValue
  }

  /** `classifySeconds` where a classifier was asked. */
  decided(
    { category, confidence, source }: Decision,
    classifySeconds: number | undefined,
    span: Span | undefined
  ): void {
    this.#decisions.at(this.categoryLabel(category), source).add(1)
    this.#confidence.at(source).record(confidence)
    if (classifySeconds !== undefined) observe(this.#classifyDuration.at(source), classifySeconds, span)
  }

  callEnded(call: EndedCall, span: Span | undefined): void {
    const model = this.modelLabel(call.model)
    const errorType = call.reason === undefined ? "" : errorTypeOf(call.reason)
    observe(this.#callDuration.at("chat", "openrouter", model, errorType), call.seconds, span)
    if (call.firstChunkSeconds !== undefined) {
      observe(this.#firstChunk.at("chat", "openrouter", model), call.firstChunkSeconds, span)
    }
    if (call.inputTokens > 0) this.#tokens.at("chat", "openrouter", model, "input").record(call.inputTokens)
    if (call.outputTokens > 0) this.#tokens.at("chat", "openrouter", model, "output").record(call.outputTokens)
    if (call.role !== undefined) this.#attempts.at(model, call.role, call.outcome).add(1)
    if (call.costSource === "unpriced") this.#costMissing.at(model).add(1)
    else if (call.cost > 0n) {
      this.#cost.at(model, this.categoryLabel(call.category), call.costSource).add(dollarsOf(call.cost))
    }
  }

  /** The chain goes on behind this model. */
  fellBack(model: string, reason: ModelErrorReason | "circuit_open"): void {
    const name = reason === "circuit_open" ? reason : errorTypeOf(reason)
    this.#fallbacks.at(this.modelLabel(model), name).add(1)
  }

  requestEnded(category: string, model: string, outcome: "success" | "failed" | "cancelled", rescued: boolean): void {
    const known = this.categoryLabel(category)
    this.#requests.at(known, this.modelLabel(model), outcome).add(1)
    if (rescued) this.#rescued.at(known).add(1)
  }

  answered(overheadSeconds: number, span: Span | undefined): void {
    observe(this.#overhead.at(), overheadSeconds, span)
  }

  circuitMoved(key: string, to: "closed" | "half_open" | "open"): void {
    this.#breakerTransitions.at(this.modelLabel(key), to).add(1)
  }

  ledgerCommitted(seconds: number): void {
    this.#ledgerCommit.at().record(seconds)
  }

  ledgerFailed(): void {
    this.#ledgerFailures.at().add(1)
  }

  httpEnded(method: string, route: string, status: string, seconds: number, span: Span | undefined): void {
    observe(this.httpDuration.at(method, route, status, "http"), seconds, span)
  }
}
