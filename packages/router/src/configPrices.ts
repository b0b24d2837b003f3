/**
 * The `prices` of `router_config.json`: USD per 1M tokens there, exact pico-dollars per token here.
 */
import { isModelId } from "@llm-router/domain/Category"
import { dollarsOf, type PicoDollars, picoDollarsOf } from "@llm-router/domain/Money"
import type { KnownPrices } from "@llm-router/domain/RouterConfig"
import { Result, Schema, type SchemaAST, SchemaParser } from "effect"
import { describeIssue, faultAt, spelledOut } from "./configFaults.ts"

/** USD per 1M tokens, as the file has it. */
interface StoredPrices {
  readonly input?: number
  readonly output?: number
}

const tokensPerPrice = 1_000_000n
const mostModels = 1_000
const highest = picoDollarsOf("1000000") ?? 0n
// The seventh decimal would be less than a pico-dollar per token. A number of so few decimals has no exponent either.
const sixDecimals = /^\d+(?:\.\d{0,6}0*)?$/

const perTokenOf = (perMillion: string | number): PicoDollars | undefined => {
  const text = String(perMillion).trim()
  const amount = sixDecimals.test(text) ? picoDollarsOf(text) : undefined
  return amount === undefined || amount > highest ? undefined : amount / tokensPerPrice
}

const Price = Schema.Union([Schema.String, Schema.Number]).check(
  Schema.makeFilter((price: string | number) =>
    perTokenOf(price) === undefined ? "USD per 1M tokens from 0 to 1000000, with at most 6 decimals" : true
  )
)

const Prices = Schema.Struct({
  input: Schema.optionalKey(Price),
  output: Schema.optionalKey(Price)
}).check(Schema.makeFilter((prices) => (Object.keys(prices).length === 0 ? "input, output or both" : true)))

const strict: SchemaAST.ParseOptions = { errors: "all", onExcessProperty: "error", reportInput: true }
const decodePrices = SchemaParser.decodeUnknownResult(Prices, strict)

const knownOf = ({ input, output }: typeof Prices.Type): KnownPrices => ({
  ...(input === undefined ? {} : { inputPrice: perTokenOf(input) }),
  ...(output === undefined ? {} : { outputPrice: perTokenOf(output) })
})

/** The prices of the section, or what is wrong with it and where. */
export const pricesIn = (section: object, text: string): Result.Result<ReadonlyMap<string, KnownPrices>, string> => {
  const entries: ReadonlyArray<[string, unknown]> = Object.entries(section)
  if (entries.length > mostModels)
    return Result.fail(faultAt(text, ["prices"], `expected at most ${mostModels} models`))
  const prices = new Map<string, KnownPrices>()
  const faults: Array<() => string> = []
  for (const [model, value] of entries) {
    const decoded = decodePrices(value)
    if (!isModelId(model)) {
      faults.push(() => faultAt(text, ["prices", model], "expected a model id of the form provider/model"))
    } else if (Result.isFailure(decoded)) {
      faults.push(() => describeIssue(text, ["prices", model], decoded.failure))
    } else {
      prices.set(model, knownOf(decoded.success))
    }
  }
  return faults.length === 0 ? Result.succeed(prices) : Result.fail(spelledOut(faults, (spell) => spell()).join("; "))
}

// At most 13 digits: any number of so few is written as it was read.
const perMillionOf = (perToken: PicoDollars): number => dollarsOf(perToken * tokensPerPrice)

/** The section as the file has it. */
export const storedPrices = (prices: ReadonlyMap<string, KnownPrices>): Readonly<Record<string, StoredPrices>> =>
  Object.fromEntries(
    [...prices].map(([model, { inputPrice, outputPrice }]) => [
      model,
      {
        ...(inputPrice === undefined ? {} : { input: perMillionOf(inputPrice) }),
        ...(outputPrice === undefined ? {} : { output: perMillionOf(outputPrice) })
      }
    ])
  )
