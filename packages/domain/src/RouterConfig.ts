/**
 * The configuration that one request runs under: an immutable value, read once when the request begins.
 */
import type { Category } from "./Category.ts"
import type { PicoDollars } from "./Money.ts"

export interface CircuitSettings {
  /** Consecutive counted failures that open a model's circuit. */
  readonly failureThreshold: number
  /** How long an open circuit stays open before one probe may pass, in milliseconds. */
  readonly openMillis: number
}

/** The first version's: three errors in a row, five minutes. */
export const defaultCircuit: CircuitSettings = { failureThreshold: 3, openMillis: 300_000 }

/** What a source of prices says of a model, per token; a field that it does not name is another source's. */
export interface KnownPrices {
  readonly inputPrice?: PicoDollars | undefined
  readonly outputPrice?: PicoDollars | undefined
}

export interface RouterConfig {
  /** Identifies this content: equal for equal configurations. It is the `ETag` of `GET /config`. */
  readonly etag: string
  /** Built-in categories first, then the user's in the order in which they were added. */
  readonly categories: ReadonlyMap<string, Category>
  readonly circuit: CircuitSettings
  /** Prices by model that the user gave: they win over all others. */
  readonly prices: ReadonlyMap<string, KnownPrices>
}

/** Every model of every chain, each once. */
export const modelsOf = (config: RouterConfig): ReadonlySet<string> =>
  new Set([...config.categories.values()].flatMap((category) => category.models))

/** Whether a chain has this model. */
export const isListed = (config: RouterConfig, model: string): boolean => {
  for (const { models } of config.categories.values()) if (models.includes(model)) return true
  return false
}
