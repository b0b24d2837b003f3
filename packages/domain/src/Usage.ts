/**
 * Tokens and cost as an upstream answer reports them. Read by hand: it is part of every request's way, and another
 * shape than expected is no error, only less to account for.
 */
import { type PicoDollars, picoDollarsOf, picoDollarsPerDollar } from "./Money.ts"

export interface Usage {
  /** All input tokens, the cached ones included. */
  readonly inputTokens: number
  readonly cachedTokens: number
  /** All output tokens, the reasoning ones included. */
  readonly outputTokens: number
  readonly reasoningTokens: number
  /** What OpenRouter says the call cost, where it says so. */
  readonly reportedCost: PicoDollars | undefined
}

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: unknown): Fields | undefined =>
  // Every property of an object can be read as unknown.
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined

/** Ten times what the largest models read: an upstream that says more is not believed. */
const mostTokens = 100_000_000
const highestCost = 1_000_000n * picoDollarsPerDollar

const countOf = (value: unknown): number => (typeof value === "number" && value >= 0 && value <= mostTokens ? value : 0)

const isAbsurd = (value: unknown): boolean => typeof value === "number" && value > mostTokens

const costOf = (value: unknown): PicoDollars | undefined => {
  const cost = typeof value === "number" || typeof value === "string" ? picoDollarsOf(value) : undefined
  return cost === undefined || cost < 0n || cost > highestCost ? undefined : cost
}

/**
 * The `usage` object of the OpenAI and OpenRouter APIs; `undefined` when it is absent, not one, or tells nothing: some
 * send it with every event, empty or all zeros up to the last; or when its counts cannot be and it says no cost.
 */
export const usageOf = (value: unknown): Usage | undefined => {
  const usage = fieldsOf(value)
  if (usage === undefined) return undefined
  const inputTokens = countOf(usage["prompt_tokens"])
  const outputTokens = countOf(usage["completion_tokens"])
  const reportedCost = costOf(usage["cost"])
  const isBeyondBelief = isAbsurd(usage["prompt_tokens"]) || isAbsurd(usage["completion_tokens"])
  if (isBeyondBelief && reportedCost === undefined) return undefined
  if (inputTokens === 0 && outputTokens === 0 && reportedCost === undefined) return undefined
  return {
    inputTokens,
    cachedTokens: countOf(fieldsOf(usage["prompt_tokens_details"])?.["cached_tokens"]),
    outputTokens,
    reasoningTokens: countOf(fieldsOf(usage["completion_tokens_details"])?.["reasoning_tokens"]),
    reportedCost
  }
}
