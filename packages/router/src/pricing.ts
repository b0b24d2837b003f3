/**
 * What a model costs per token: as the user configured it, else as OpenRouter's list says, else as built in. The
 * built-in prices are the first version's (USD per 1M tokens, input/output).
 */
import { type PicoDollars, picoDollarsOf } from "@llm-router/domain/Money"
import type { KnownPrices, RouterConfig } from "@llm-router/domain/RouterConfig"
import type { Usage } from "@llm-router/domain/Usage"
import { variantOf } from "./modelNames.ts"

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

/** What tables say of one name, per field: configured over listed over built-in. */
const knownOf = (model: string, configured: KnownPrices | undefined, listed: KnownPrices | undefined) => {
  const builtin = builtinPrices.get(model)
  return {
    input: configured?.inputPrice ?? listed?.inputPrice ?? builtin?.input,
    output: configured?.outputPrice ?? listed?.outputPrice ?? builtin?.output
  }
}

/**
 * The price table of a request: of the configuration it runs under, and of the model list as it is by then. What nothing
 * says of a variant is as for its model. `undefined` when either price is unknown.
 */
export const pricesUnder = (
  config: RouterConfig,
  list: { readonly listed: (model: string) => KnownPrices | undefined }
) => {
  const known = (model: string) => knownOf(model, config.prices.get(model), list.listed(model))
  return (model: string): TokenPrices | undefined => {
    const own = known(model)
    const variant = variantOf(model)
    const base = variant === undefined ? own : known(variant)
    const input = own.input ?? base.input
    const output = own.output ?? base.output
    return input === undefined || output === undefined ? undefined : { input, output }
  }
}

export const costOf = (prices: TokenPrices, tokens: Pick<Usage, "inputTokens" | "outputTokens">): PicoDollars =>
  prices.input * BigInt(Math.round(tokens.inputTokens)) + prices.output * BigInt(Math.round(tokens.outputTokens))
