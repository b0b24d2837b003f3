/** Medians and spreads of few numbers, percentiles of many. */
import type { Distribution } from "./job.ts"

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** The value below which this share of the sorted numbers lies. */
const quantile = (sorted: ReadonlyArray<number> | Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN

export const distributionOf = (values: ReadonlyArray<number>): Distribution | undefined => {
  if (values.length === 0) return undefined
  const sorted = Float64Array.from(values).toSorted()
  return { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99) }
}

/** `undefined` of no numbers. */
export const spreadOf = (values: ReadonlyArray<number | undefined>): Spread | undefined => {
  const sorted = values
    .filter((value): value is number => value !== undefined && Number.isFinite(value))
    .toSorted((left, right) => left - right)
  if (sorted.length === 0) return undefined
  const half = sorted.length / 2
  const median =
    (quantile(sorted, 0.5) + (Number.isInteger(half) ? (sorted[half - 1] ?? 0) : quantile(sorted, 0.5))) / 2
  return { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 }
}
