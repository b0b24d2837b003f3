/**
 * What a model costs per token. The built-in prices are the first version's (USD per 1M tokens, input/output).
 */
import { type PicoDollars, picoDollarsOf } from "@llm-router/domain/Money"
import type { Usage } from "@llm-router/domain/Usage"

export interface TokenPrices {
  /** Per input token. */
  readonly input: PicoDollars
  /** Per output token. */
  readonly output: PicoDollars
}

const tokensPerPrice = 1_000_000n

const perMillion = (input: string, output: string): TokenPrices => ({
  input: (picoDollarsOf(input) ?? 0n) / tokensPerPrice,
  output: (picoDollarsOf(output) ?? 0n) / tokensPerPrice
})

export const builtinPrices: ReadonlyMap<string, TokenPrices> = new Map([
  ["openrouter/aurora-alpha", perMillion("0.15", "0.60")],
  ["moonshotai/kimi-k2.5", perMillion("0.10", "0.30")],
  ["z-ai/glm-5", perMillion("0.05", "0.15")],
  ["openai/gpt-4o-mini", perMillion("0.15", "0.60")],
  ["openai/gpt-4o", perMillion("2.50", "10.00")],
  ["qwen/qwen3-1.7b", perMillion("0.01", "0.02")]
])

/** What the model list knows of prices, per field. */
interface ListedPrices {
  readonly inputPrice: PicoDollars | undefined
  readonly outputPrice: PicoDollars | undefined
}

/** The prices of a model: the refreshed list's over the built-in, per field. `undefined` when either is unknown. */
export const pricesOf = (model: string, listed: ListedPrices | undefined): TokenPrices | undefined => {
  const builtin = builtinPrices.get(model)
  const input = listed?.inputPrice ?? builtin?.input
  const output = listed?.outputPrice ?? builtin?.output
  return input === undefined || output === undefined ? undefined : { input, output }
}

export const costOf = (prices: TokenPrices, tokens: Pick<Usage, "inputTokens" | "outputTokens">): PicoDollars =>
  prices.input * BigInt(Math.round(tokens.inputTokens)) + prices.output * BigInt(Math.round(tokens.outputTokens))
