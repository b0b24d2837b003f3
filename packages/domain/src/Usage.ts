/**
 * Tokens and cost as an upstream answer reports them. Read by hand: it is part of every request's way, and another
 * shape than expected is no error, only less to account for.
 */
import { type PicoDollars, picoDollarsOf } from "./Money.ts"

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

const countOf = (value: unknown): number =>
  typeof value === "number" && value >= 0 && Number.isFinite(value) ? value : 0

/** The `usage` object of the OpenAI and OpenRouter APIs; `undefined` when it is absent or not one. */
export const usageOf = (value: unknown): Usage | undefined => {
  const usage = fieldsOf(value)
  if (usage === undefined) return undefined
  const { cost } = usage
  return {
    inputTokens: countOf(usage["prompt_tokens"]),
    cachedTokens: countOf(fieldsOf(usage["prompt_tokens_details"])?.["cached_tokens"]),
    outputTokens: countOf(usage["completion_tokens"]),
    reasoningTokens: countOf(fieldsOf(usage["completion_tokens_details"])?.["reasoning_tokens"]),
    reportedCost: typeof cost === "number" || typeof cost === "string" ? picoDollarsOf(cost) : undefined
  }
}
