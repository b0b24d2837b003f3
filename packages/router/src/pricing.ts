/**
 * What a model costs per token: as the user configured it, else as OpenRouter's list says, else as built in. The
 * built-in prices are the first version's (USD per 1M tokens, input/output).
 */
import { type PicoDollars, picoDollarsOf } from "@llm-router/domain/Money"
import type { KnownPrices, RouterConfig } from "@llm-router/domain/RouterConfig"
import type { Usage } from "@llm-router/domain/Usage"
import { foundFor } from "./modelNames.ts"

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

/** The prices of a model, per field: configured over listed over built-in. `undefined` when either is unknown. */
export const pricesOf = (
  model: string,
  configured: KnownPrices | undefined,
  listed: KnownPrices | undefined
): TokenPrices | undefined => {
  const builtin = foundFor(builtinPrices, model)
  const input = configured?.inputPrice ?? listed?.inputPrice ?? builtin?.input
  const output = configured?.outputPrice ?? listed?.outputPrice ?? builtin?.output
  return input === undefined || output === undefined ? undefined : { input, output }
}

/** The price table of a request: of the configuration it runs under, and of the model list as it is by then. */
export const pricesUnder =
  (config: RouterConfig, list: { readonly lookup: (model: string) => KnownPrices | undefined }) =>
  (model: string): TokenPrices | undefined =>
    pricesOf(model, foundFor(config.prices, model), list.lookup(model))

export const costOf = (prices: TokenPrices, tokens: Pick<Usage, "inputTokens" | "outputTokens">): PicoDollars =>
  prices.input * BigInt(Math.round(tokens.inputTokens)) + prices.output * BigInt(Math.round(tokens.outputTokens))
