/** What is told of one chat request, to the metrics and to its span: its decision, its fallbacks, its answer, its end. */
import type { Decision } from "@llm-router/domain/Decision"
import type { ModelErrorReason } from "@llm-router/domain/ModelError"
import { errorTypeOf, type RouterMetrics } from "./RouterMetrics.ts"
import type { Span } from "./Span.ts"
import { attributes, events, spanNames } from "./spans.ts"

/** When a request was there to be routed, by the monotonic clock in milliseconds, and the span that it belongs to. */
export interface Arrival {
  readonly at: number
  readonly span: Span | undefined
  /** Its caller has no more to spend: what it is about is found out by what costs nothing. */
  readonly freeOnly?: boolean
}

/** Sources of decisions that no classifier was asked for. */
const unclassified: ReadonlySet<Decision["source"]> = new Set(["model", "tools"])

export class RequestTelemetry {
  readonly span: Span | undefined
  readonly #metrics: RouterMetrics
  readonly #arrivedAt: number
  #decidedFrom = 0
  #decidedFromUnix: number | undefined
  #chainFrom = 0
  #chainTo = 0
  #fallbacks = 0

  constructor(metrics: RouterMetrics, arrival: Arrival | undefined) {
    this.#metrics = metrics
    this.span = arrival?.span
    this.#arrivedAt = arrival?.at ?? performance.now()
  }

  deciding(): void {
    this.#decidedFrom = performance.now()
    this.#decidedFromUnix = this.span?.now()
  }

  decided(decision: Decision): void {
    this.#chainFrom = performance.now()
    const { category, confidence, source } = decision
    const classified = !unclassified.has(source)
    this.#metrics.decided(decision, classified ? (this.#chainFrom - this.#decidedFrom) / 1000 : undefined, this.span)
    const { span } = this
    if (span?.sampled !== true) return
    span.attributes[attributes.category] = category
    span.attributes[attributes.source] = source
    if (!classified) return
    span
      .child(
        "internal",
        spanNames.classify,
        { [attributes.source]: source, [attributes.confidence]: confidence },
        this.#decidedFromUnix
      )
      ?.end()
  }

  /** The chain goes on from one model to the next. */
  fellBack(model: string, reason: ModelErrorReason | "circuit_open"): void {
    this.#fallbacks++
    this.#metrics.fellBack(model, reason)
    this.span?.event(events.fallback, {
      [attributes.fallbackModel]: model,
      [attributes.fallbackReason]: reason === "circuit_open" ? reason : errorTypeOf(reason)
    })
  }

  /** The first answer is there: from here on no model is waited for. */
  opened(): void {
    this.#chainTo = performance.now()
  }

  /** The answer, or its first token, is handed on. */
  answered(): void {
    const waited = this.#chainTo - this.#chainFrom
    this.#metrics.answered((performance.now() - this.#arrivedAt - waited) / 1000, this.span)
  }

  ended(category: string, model: string, success: boolean, error: string | undefined, attempts: number): void {
    const outcome = success ? "success" : error === "cancelled" ? "cancelled" : "failed"
    this.#metrics.requestEnded(category, model, outcome, success && this.#fallbacks > 0)
    const { span } = this
    if (span?.sampled !== true) return
    span.attributes[attributes.model] = model
    span.attributes[attributes.attempts] = attempts
    span.attributes[attributes.outcome] = outcome
    if (this.#fallbacks > 0) span.attributes[attributes.fallback] = true
  }
}
