/**
 * Watches one attempt and tells, exactly once, how it ended: to the ledger and to the model's circuit.
 */
import { type ChatRequest, estimatedInputTokens } from "@llm-router/domain/ChatRequest"
import type { Decision } from "@llm-router/domain/Decision"
import type { ModelError } from "@llm-router/domain/ModelError"
import type { PicoDollars } from "@llm-router/domain/Money"
import { Effect } from "effect"
import type { CircuitOutcome, Permit } from "./CircuitBreaker.ts"
import type { CostLedger } from "./CostLedger.ts"
import type { CostSource, LedgerEntry } from "./ledger/entry.ts"
import type { AnswerFacts, AnswerSoFar } from "./ModelClient.ts"
import { costOf, type TokenPrices } from "./pricing.ts"
import { endAttemptSpan } from "./telemetry/attemptSpan.ts"
import type { AttemptRole, RouterMetrics } from "./telemetry/RouterMetrics.ts"
import type { Span } from "./telemetry/Span.ts"
import { events } from "./telemetry/spans.ts"

/** About four characters make a token, in English and in code. */
const bytesPerToken = 4

export interface MeterContext {
  readonly request: ChatRequest
  readonly purpose: LedgerEntry["purpose"]
  readonly category: string
  readonly source: Decision["source"]
  readonly model: string
  readonly attempt: number
  readonly prices: (model: string) => TokenPrices | undefined
  readonly ledger: CostLedger["Service"]
  readonly permit: Permit
  readonly now: () => number
  readonly metrics?: RouterMetrics
  /** The attempt's place in its request; of a classifier's call there is none. */
  readonly role?: AttemptRole
  readonly span?: Span | undefined
}

export type MeterEnd =
  | { readonly _tag: "Complete" }
  | { readonly _tag: "Failed"; readonly error: ModelError }
  | { readonly _tag: "Cancelled" }

interface Charge {
  readonly cost: PicoDollars
  readonly costSource: CostSource
  readonly inputTokens: number
  readonly outputTokens: number
  readonly computedCost: PicoDollars | undefined
}

export class Meter {
  readonly startedAt: number
  /** Given by whoever makes the call. */
  answer: AnswerSoFar | undefined
  #firstTokenAt: number | undefined
  #ended: LedgerEntry | undefined
  readonly #context: MeterContext

  constructor(context: MeterContext) {
    this.#context = context
    this.startedAt = context.now()
  }

  get model(): string {
    return this.#context.model
  }

  firstToken(): void {
    this.#firstTokenAt = this.#context.now()
    this.#context.span?.event(events.firstToken)
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined
  }

  /** What the attempt cost, once it has ended. */
  get cost(): PicoDollars {
    return this.#ended?.cost ?? 0n
  }

  /** Whether that is known: it has ended, and its model has a price. */
  get isPriced(): boolean {
    return this.#ended !== undefined && this.#ended.costSource !== "unpriced"
  }

  /** Whether it has ended with an answer. */
  get answered(): boolean {
    return this.#ended?.outcome === "ok"
  }

  /**
   * The end of the attempt; what comes after the first end is not counted again. A caller who leaves behind the answer's
   * end, as some do at the finish reason, takes nothing away from it.
   */
  readonly finish = (told: MeterEnd): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (this.#ended !== undefined) return Effect.void
      const { ledger, permit } = this.#context
      const hadAll = told._tag === "Cancelled" && this.answer?.facts()?.complete === true
      const end: MeterEnd = hadAll ? { _tag: "Complete" } : told
      this.#ended = this.#entry(end, this.#accountableFacts(end))
      ledger.appendAttempt(this.#ended)
      this.#observe(this.#ended, end)
      return permit.settle(outcomeOf(end))
    })

  #observe(entry: LedgerEntry, end: MeterEnd): void {
    const { metrics, role, span } = this.#context
    const reason = end._tag === "Failed" ? end.error.reason : undefined
    if (span !== undefined) endAttemptSpan(span, entry, reason)
    if (metrics === undefined) return
    metrics.callEnded(
      {
        model: entry.model,
        category: entry.category,
        role,
        outcome: entry.outcome,
        reason,
        seconds: entry.durationMillis / 1000,
        firstChunkSeconds: entry.firstTokenMillis === undefined ? undefined : entry.firstTokenMillis / 1000,
        inputTokens: entry.inputTokens,
        outputTokens: entry.outputTokens,
        cost: entry.cost,
        costSource: entry.costSource
      },
      span
    )
  }

  #entry(end: MeterEnd, facts: AnswerFacts | undefined): LedgerEntry {
    const { attempt, category, model, now, purpose, request, source } = this.#context
    const time = now()
    const charge = this.#charge(facts)
    // What had begun to answer and failed was cut, whatever cut it.
    const cut = end._tag === "Failed" && this.#firstTokenAt !== undefined
    return {
      timeMillis: time,
      requestId: request.id,
      purpose,
      category,
      source,
      model,
      answeredBy: facts?.answeredBy,
      attempt,
      outcome: end._tag === "Complete" ? "ok" : end._tag === "Cancelled" ? "cancelled" : cut ? "cut" : "failed",
      error: end._tag === "Failed" ? end.error.reason._tag : undefined,
      status: end._tag === "Complete" ? 200 : end._tag === "Failed" ? end.error.status : null,
      stream: request.stream,
      ...charge,
      cachedTokens: facts?.usage?.cachedTokens ?? 0,
      reasoningTokens: facts?.usage?.reasoningTokens ?? 0,
      firstTokenMillis: this.#firstTokenAt === undefined ? undefined : this.#firstTokenAt - this.startedAt,
      durationMillis: time - this.startedAt,
      generationId: facts?.generationId,
      keyId: request.client.keyId
    }
  }

  /**
   * OpenRouter does not charge for an attempt that failed and produced nothing ("zero completion insurance"), unless it
   * says that it does. One that was left may go on there: without a status it was the connection or a limit of ours that
   * ended it.
   */
  #accountableFacts(end: MeterEnd): AnswerFacts | undefined {
    const facts = this.answer?.facts()
    const isInsured = end._tag === "Failed" && this.#firstTokenAt === undefined && end.error.status !== null
    return isInsured && facts?.usage?.reportedCost === undefined ? undefined : facts
  }

  #charge(facts: AnswerFacts | undefined): Charge {
    if (facts === undefined) {
      return { cost: 0n, costSource: "estimated", inputTokens: 0, outputTokens: 0, computedCost: undefined }
    }
    const { usage } = facts
    const tokens = usage ?? {
      inputTokens: estimatedInputTokens(this.#context.request),
      outputTokens: Math.ceil(facts.textBytes / bytesPerToken)
    }
    const prices =
      this.#context.prices(this.#context.model) ??
      (facts.answeredBy === undefined ? undefined : this.#context.prices(facts.answeredBy))
    const { inputTokens, outputTokens } = tokens
    const computed = prices === undefined ? undefined : costOf(prices, tokens)
    if (usage?.reportedCost !== undefined) {
      return { cost: usage.reportedCost, costSource: "reported", inputTokens, outputTokens, computedCost: computed }
    }
    return {
      cost: computed ?? 0n,
      costSource: computed === undefined ? "unpriced" : usage === undefined ? "estimated" : "priced",
      inputTokens,
      outputTokens,
      computedCost: undefined
    }
  }
}

const outcomeOf = (end: MeterEnd): CircuitOutcome => {
  switch (end._tag) {
    case "Complete":
      return { _tag: "Success" }
    case "Cancelled":
      return { _tag: "Ignored" }
    case "Failed":
      return end.error.countsForCircuit
        ? { _tag: "Failure", error: end.error.message, retryAfterMillis: end.error.retryAfterMillis }
        : { _tag: "Ignored" }
  }
}
