/**
 * Entries as they travel to the ledger's worker: plain arrays, in the order of the table's columns. Whatever an
 * upstream reports, a row fits its columns, so that no entry can make the database refuse its whole batch.
 */
import { detached } from "@llm-router/domain/detached"
import type { LedgerEntry, RequestOutcome, Settlement, UnsettledEntry } from "./entry.ts"

/** Of `attempts`. The sequence number counts the entries of one run of the process. */
export type AttemptRow = readonly [
  kind: "attempt",
  sequence: number,
  time: number,
  requestId: string,
  purpose: string,
  category: string,
  source: string,
  model: string,
  answeredBy: string | null,
  attempt: number,
  outcome: LedgerEntry["outcome"],
  error: string | null,
  status: number | null,
  stream: 0 | 1,
  inputTokens: number,
  cachedTokens: number,
  outputTokens: number,
  reasoningTokens: number,
  cost: bigint,
  costSource: LedgerEntry["costSource"],
  firstTokenMillis: number | null,
  durationMillis: number,
  generationId: string | null,
  keyId: string,
  computedCost: bigint | null
]

/** Of `requests`. */
export type RequestRow = readonly [
  kind: "request",
  sequence: number,
  time: number,
  requestId: string,
  category: string,
  source: RequestOutcome["source"],
  model: string,
  success: 0 | 1,
  attempts: number,
  latencyMillis: number,
  cost: bigint,
  error: string | null,
  keyId: string
]

/** Of `settlements`: what an attempt cost in the end, and how that changes what was summed up when it ended. */
export type SettlementRow = readonly [
  kind: "settlement",
  sequence: number,
  /** The attempt's, whose sums it corrects. */
  time: number,
  settledAt: number,
  requestId: string,
  purpose: string,
  category: string,
  source: string,
  model: string,
  outcome: LedgerEntry["outcome"],
  error: string | null,
  keyId: string,
  generationId: string,
  costSource: UnsettledEntry["costSource"],
  oldCost: bigint,
  cost: bigint,
  moreInputTokens: number,
  moreCachedTokens: number,
  moreOutputTokens: number,
  moreReasoningTokens: number
]

export type LedgerRow = AttemptRow | RequestRow | SettlementRow

const largestCount = 1_000_000_000_000
const largestCost = 2n ** 63n - 1n
const longestText = 512

const countOf = (value: number): number =>
  Number.isFinite(value) ? Math.min(largestCount, Math.max(0, Math.round(value))) : 0

const textOf = (value: string): string => (value.length > longestText ? detached(value.slice(0, longestText)) : value)

const textOrNull = (value: string | undefined): string | null => (value === undefined ? null : textOf(value))

/** More than nine million dollars for one attempt is a fault of whoever reports it. */
const costOf = (cost: bigint): bigint => (cost > largestCost ? largestCost : cost < -largestCost ? -largestCost : cost)

const timeOf = (millis: number): number => Math.min(8_640_000_000_000_000, Math.max(0, Math.trunc(millis)))

export const attemptRowOf = (sequence: number, entry: LedgerEntry): AttemptRow => [
  "attempt",
  sequence,
  timeOf(entry.timeMillis),
  textOf(entry.requestId),
  entry.purpose,
  textOf(entry.category),
  textOf(entry.source),
  textOf(entry.model),
  textOrNull(entry.answeredBy),
  countOf(entry.attempt),
  entry.outcome,
  textOrNull(entry.error),
  entry.status === null ? null : countOf(entry.status),
  entry.stream ? 1 : 0,
  countOf(entry.inputTokens),
  countOf(entry.cachedTokens),
  countOf(entry.outputTokens),
  countOf(entry.reasoningTokens),
  costOf(entry.cost),
  entry.costSource,
  entry.firstTokenMillis === undefined ? null : countOf(entry.firstTokenMillis),
  countOf(entry.durationMillis),
  textOrNull(entry.generationId),
  textOf(entry.keyId),
  entry.computedCost === undefined ? null : costOf(entry.computedCost)
]

export const requestRowOf = (sequence: number, outcome: RequestOutcome): RequestRow => [
  "request",
  sequence,
  timeOf(outcome.timeMillis),
  textOf(outcome.requestId),
  textOf(outcome.category),
  textOf(outcome.source),
  textOf(outcome.model),
  outcome.success ? 1 : 0,
  countOf(outcome.attempts),
  countOf(outcome.latencyMillis),
  costOf(outcome.cost),
  textOrNull(outcome.error),
  textOf(outcome.keyId)
]

export const settlementRowOf = (sequence: number, settlement: Settlement): SettlementRow => {
  const { entry } = settlement
  return [
    "settlement",
    sequence,
    timeOf(entry.timeMillis),
    timeOf(settlement.settledAtMillis),
    textOf(entry.requestId),
    entry.purpose,
    textOf(entry.category),
    textOf(entry.source),
    textOf(entry.model),
    entry.outcome,
    textOrNull(entry.error),
    textOf(entry.keyId),
    textOf(entry.generationId),
    entry.costSource,
    costOf(entry.cost),
    costOf(settlement.cost),
    countOf(settlement.inputTokens) - countOf(entry.inputTokens),
    countOf(settlement.cachedTokens) - countOf(entry.cachedTokens),
    countOf(settlement.outputTokens) - countOf(entry.outputTokens),
    countOf(settlement.reasoningTokens) - countOf(entry.reasoningTokens)
  ]
}

/** Back from the table, as `/metrics` shows it. */
export const outcomeOfRow = (row: RequestRow): RequestOutcome => {
  const [, , timeMillis, requestId, category, source, model, success, attempts, latencyMillis, cost, error, keyId] = row
  return {
    timeMillis,
    requestId,
    category,
    source,
    model,
    success: success === 1,
    attempts,
    latencyMillis,
    cost,
    error: error ?? undefined,
    keyId
  }
}
