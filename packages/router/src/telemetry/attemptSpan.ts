/** The span of one attempt at a model: `chat {model}`, by the conventions of GenAI inference spans. */
import type { ChatRequest } from "@llm-router/domain/ChatRequest"
import { dollarsOf } from "@llm-router/domain/Money"
import type { ModelErrorReason } from "@llm-router/domain/ModelError"
import type { LedgerEntry } from "../CostLedger.ts"
import { inputMessagesOf } from "./content.ts"
import { type AttemptRole, errorTypeOf } from "./RouterMetrics.ts"
import type { AttributeValue, Span } from "./Span.ts"
import { attributes, spanNames } from "./spans.ts"

/** Begins it. What is known by then is there at once. */
export const attemptSpan = (
  parent: Span,
  request: ChatRequest,
  model: string,
  attempt: number,
  role: AttemptRole
): Span | undefined => {
  if (!parent.sampled) return undefined
  const known: Record<string, AttributeValue> = {
    [attributes.operation]: "chat",
    [attributes.provider]: "openrouter",
    [attributes.requestModel]: model,
    [attributes.attempt]: attempt,
    [attributes.role]: role
  }
  if (request.stream) known[attributes.requestStream] = true
  if (parent.trace.capturesContent) known[attributes.inputMessages] = inputMessagesOf(request)
  return parent.child("client", spanNames.attempt(model), known)
}

/** Ends it with what the ledger knows of the attempt. */
export const endAttemptSpan = (span: Span, entry: LedgerEntry, reason: ModelErrorReason | undefined): void => {
  const { attributes: known } = span
  known[attributes.attemptOutcome] = entry.outcome
  if (entry.answeredBy !== undefined) known[attributes.responseModel] = entry.answeredBy
  if (entry.generationId !== undefined) known[attributes.responseId] = entry.generationId
  if (entry.firstTokenMillis !== undefined) known[attributes.firstChunk] = entry.firstTokenMillis / 1000
  if (entry.inputTokens + entry.outputTokens > 0) {
    known[attributes.inputTokens] = entry.inputTokens
    known[attributes.outputTokens] = entry.outputTokens
  }
  if (entry.cachedTokens > 0) known[attributes.cachedTokens] = entry.cachedTokens
  if (entry.reasoningTokens > 0) known[attributes.reasoningTokens] = entry.reasoningTokens
  if (entry.costSource !== "unpriced" && entry.cost > 0n) {
    known[attributes.costAmount] = dollarsOf(entry.cost)
    known[attributes.costCurrency] = "USD"
    known[attributes.costSource] = entry.costSource === "reported" ? "provider" : "local"
  }
  if (reason === undefined) return span.end()
  known[attributes.errorType] = errorTypeOf(reason)
  if (entry.status !== null) known[attributes.status] = entry.status
  span.end(errorTypeOf(reason))
}
