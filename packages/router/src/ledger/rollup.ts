/**
 * Sums over rows that agree in everything one can group by. Amounts are kept as thousandths of a dollar and the
 * pico-dollars below them: no sum of either leaves the integers that SQLite and JavaScript count exactly.
 */
import type { LedgerRow } from "./rows.ts"

/** What rows of one sum have in common, besides their time, in the order of the columns of `series`. */
export const seriesColumns = ["purpose", "model", "category", "source", "key", "error"] as const
export type Series = readonly [
  purpose: string,
  model: string,
  category: string,
  source: string,
  key: string,
  error: string
]

export const tallyColumns = [
  "requests",
  "requests_ok",
  "latency_ms",
  "attempts",
  "ok",
  "failed",
  "cut",
  "cancelled",
  "reported",
  "priced",
  "estimated",
  "unpriced",
  "input_tokens",
  "cached_tokens",
  "output_tokens",
  "reasoning_tokens",
  "cost_mills",
  "cost_rest",
  "wasted_mills",
  "wasted_rest"
] as const

/** The sums, by column. */
export type Tally = Record<(typeof tallyColumns)[number], number>

export const hourMillis = 3_600_000
export const hoursPerDay = 24
const picosPerMill = 1_000_000_000

export const emptyTally = (): Tally => ({
  requests: 0,
  requests_ok: 0,
  latency_ms: 0,
  attempts: 0,
  ok: 0,
  failed: 0,
  cut: 0,
  cancelled: 0,
  reported: 0,
  priced: 0,
  estimated: 0,
  unpriced: 0,
  input_tokens: 0,
  cached_tokens: 0,
  output_tokens: 0,
  reasoning_tokens: 0,
  cost_mills: 0,
  cost_rest: 0,
  wasted_mills: 0,
  wasted_rest: 0
})

const millsOf = (cost: bigint): number => Number(cost / BigInt(picosPerMill))
const restOf = (cost: bigint): number => Number(cost % BigInt(picosPerMill))

export const picosOf = (mills: number, rest: number): bigint => BigInt(mills) * BigInt(picosPerMill) + BigInt(rest)

/** Adds a sum to another. */
export const addTally = (sum: Tally, more: Readonly<Tally>): void => {
  for (const column of tallyColumns) sum[column] += more[column]
  // The rests are carried, so that they stay small however many are added.
  sum.cost_mills += Math.trunc(sum.cost_rest / picosPerMill)
  sum.cost_rest %= picosPerMill
  sum.wasted_mills += Math.trunc(sum.wasted_rest / picosPerMill)
  sum.wasted_rest %= picosPerMill
}

/** A sum as the database gives it. */
export const tallyOf = (values: ReadonlyArray<bigint>): Tally => {
  const tally = emptyTally()
  for (const [index, column] of tallyColumns.entries()) {
    const value = values[index] ?? 0n
    if (column === "cost_rest" || column === "wasted_rest") {
      tally[column] = restOf(value)
      tally[column === "cost_rest" ? "cost_mills" : "wasted_mills"] += millsOf(value)
    } else tally[column] += Number(value)
  }
  return tally
}

const tallyOfRow = (row: LedgerRow): Tally => {
  const tally = emptyTally()
  if (row[0] === "request") {
    const [, , , , , , , success, , latencyMillis] = row
    tally.requests = 1
    tally.requests_ok = success
    tally.latency_ms = latencyMillis
    return tally
  }
  const [, , , , , , , , , , outcome, , , , input, cached, output, reasoning, cost, costSource] = row
  const wasted = outcome === "ok" ? 0n : cost
  tally.attempts = 1
  tally[outcome] = 1
  tally[costSource] = 1
  tally.input_tokens = input
  tally.cached_tokens = cached
  tally.output_tokens = output
  tally.reasoning_tokens = reasoning
  tally.cost_mills = millsOf(cost)
  tally.cost_rest = restOf(cost)
  tally.wasted_mills = millsOf(wasted)
  tally.wasted_rest = restOf(wasted)
  return tally
}

export const seriesOfRow = (row: LedgerRow): Series => {
  if (row[0] === "request") {
    const [, , , , category, source, model, , , , , error, keyId] = row
    return ["chat", model, category, source, keyId, error ?? ""]
  }
  const [, , , , purpose, category, source, model, , , , error] = row
  return [purpose, model, category, source, row[23], error ?? ""]
}

/** Adds rows up by hour and series. */
export class Rollup {
  readonly sums = new Map<string, { readonly hour: number; readonly series: Series; readonly tally: Tally }>()

  add(row: LedgerRow, series = seriesOfRow(row)): void {
    const hour = Math.floor(row[2] / hourMillis)
    const key = `${hour}\0${series.join("\0")}`
    const found = this.sums.get(key)
    if (found === undefined) this.sums.set(key, { hour, series, tally: tallyOfRow(row) })
    else addTally(found.tally, tallyOfRow(row))
  }
}
