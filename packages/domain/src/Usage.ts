/**
 * Tokens and cost as an upstream answer reports them.
 */
import { Option, Schema } from "effect"
import { type PicoDollars, picoDollarsOf } from "./Money.ts"

const Count = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))
const nullish = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))

/** The `usage` object of the OpenAI and OpenRouter APIs. `prompt_tokens` includes the cached ones. */
const WireUsage = Schema.Struct({
  prompt_tokens: nullish(Count),
  completion_tokens: nullish(Count),
  prompt_tokens_details: nullish(Schema.Struct({ cached_tokens: nullish(Count) })),
  completion_tokens_details: nullish(Schema.Struct({ reasoning_tokens: nullish(Count) })),
  cost: nullish(Schema.Finite)
})

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

const decodeUsage = Schema.decodeUnknownOption(WireUsage)

/** Reads a `usage` object; `undefined` when it is absent or not one. */
export const usageOf = (value: unknown): Usage | undefined =>
  Option.getOrUndefined(
    Option.map(decodeUsage(value), (usage) => ({
      inputTokens: usage.prompt_tokens ?? 0,
      cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
      outputTokens: usage.completion_tokens ?? 0,
      reasoningTokens: usage.completion_tokens_details?.reasoning_tokens ?? 0,
      reportedCost: typeof usage.cost === "number" ? picoDollarsOf(usage.cost) : undefined
    }))
  )
