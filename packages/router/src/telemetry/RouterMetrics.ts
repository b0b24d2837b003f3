/**
 * What the router counts and measures, by the names of `telemetry.ts`. It is recorded whether or not anybody reads it:
 * `/metrics` shows it at any time, a collector gets it where there is one.
 */
import { directCategory, type Decision } from "@llm-router/domain/Decision"
import type { ModelErrorReason } from "@llm-router/domain/ModelError"
import type { PicoDollars } from "@llm-router/domain/Money"
import { modelsOf, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { metrics, otherValue } from "../telemetry.ts"
import { type AnyFamily, type HistogramSeries, histograms, numbers } from "./instruments.ts"
import type { Span } from "./Span.ts"

const picoDollarsPerDollar = 1e12

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
  /** What the price table says of a call whose cost was reported. */
  readonly tableCost: PicoDollars | undefined
}

const observe = (series: HistogramSeries, value: number, span: Span | undefined): void => {
  if (span?.sampled === true) series.recordTraced(value, span.traceId, span.spanId, span.now() / 1000)
  else series.record(value)
}

export class RouterMetrics {
  readonly httpDuration = histograms(metrics.httpDuration)
  readonly httpActive = numbers(metrics.httpActive)
  readonly #callDuration = histograms(metrics.callDuration)
  readonly #firstChunk = histograms(metrics.firstChunk)
  readonly #tokens = histograms(metrics.tokens)
  readonly #requests = numbers(metrics.requests)
  readonly #rescued = numbers(metrics.rescued)
  readonly #decisions = numbers(metrics.decisions)
  readonly #confidence = histograms(metrics.confidence)
  readonly #classifyDuration = histograms(metrics.classifyDuration)
  readonly #attempts = numbers(metrics.attempts)
  readonly #fallbacks = numbers(metrics.fallbacks)
  readonly breakerState = numbers(metrics.breakerState)
  readonly #breakerTransitions = numbers(metrics.breakerTransitions)
  readonly #overhead = histograms(metrics.overhead)
  readonly #cost = numbers(metrics.cost)
  readonly #costMissing = numbers(metrics.costMissing)
  readonly #costDrift = numbers(metrics.costDrift)
  readonly ledgerQueue = numbers(metrics.ledgerQueue)
  readonly #ledgerCommit = histograms(metrics.ledgerCommit)
  readonly #ledgerFailures = numbers(metrics.ledgerFailures)
  readonly ledgerLost = numbers(metrics.ledgerLost)
  readonly telemetryDropped = numbers(metrics.telemetryDropped)
  readonly eventLoopP50 = numbers(metrics.eventLoopP50)
  readonly eventLoopP99 = numbers(metrics.eventLoopP99)
  readonly eventLoopMax = numbers(metrics.eventLoopMax)
  readonly cpuTime = numbers(metrics.cpuTime)
  readonly memory = numbers(metrics.memory)
  readonly startTime = numbers(metrics.startTime)
  readonly uptime = numbers(metrics.uptime)

  /** Every metric, in the order of `telemetry.ts`. */
  readonly families: ReadonlyArray<AnyFamily> = [
    this.httpDuration,
    this.httpActive,
    this.#callDuration,
    this.#firstChunk,
    this.#tokens,
    this.#requests,
    this.#rescued,
    this.#decisions,
    this.#confidence,
    this.#classifyDuration,
    this.#attempts,
    this.#fallbacks,
    this.breakerState,
    this.#breakerTransitions,
    this.#overhead,
    this.#cost,
    this.#costMissing,
    this.#costDrift,
    this.ledgerQueue,
    this.#ledgerCommit,
    this.#ledgerFailures,
    this.ledgerLost,
    this.telemetryDropped,
    this.eventLoopP50,
    this.eventLoopP99,
    this.eventLoopMax,
    this.cpuTime,
    this.memory,
    this.startTime,
    this.uptime
  ]

  #config: RouterConfig | undefined
  #models: ReadonlySet<string> = new Set()
  #categories: ReadonlySet<string> = new Set()
  /** Sums of reported costs and of the table's for the same calls, by model. */
  readonly #drift = new Map<string, { reported: number; table: number }>()
  /** Models outside the chains that are known all the same: those that classify. */
  readonly #classifierModels: ReadonlyArray<string>

  constructor(classifierModels: ReadonlyArray<string> = []) {
    this.#classifierModels = classifierModels
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
      const dollars = Number(call.cost) / picoDollarsPerDollar
      this.#cost.at(model, this.categoryLabel(call.category), call.costSource).add(dollars)
      if (call.tableCost !== undefined) this.#drifted(model, dollars, Number(call.tableCost) / picoDollarsPerDollar)
    }
  }

  #drifted(model: string, reported: number, table: number): void {
    const sums = this.#drift.get(model) ?? { reported: 0, table: 0 }
    sums.reported += reported
    sums.table += table
    this.#drift.set(model, sums)
    if (sums.table > 0) this.#costDrift.at(model).set(sums.reported / sums.table - 1)
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
