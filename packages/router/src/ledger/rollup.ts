/** Sums over rows that agree in everything one can group by. */
import type { AttemptRow, LedgerRow, RequestRow, SettlementRow } from "./rows.ts"
import { addTally, emptyTally, places, setAmount, type Tally } from "./tally.ts"

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

export const hourMillis = 3_600_000
export const hoursPerDay = 24

const tallyOfRequest = (row: RequestRow): Tally => {
  const [, , , , , , , success, , latencyMillis] = row
  const tally = emptyTally()
  tally[places.requests] = 1
  tally[places.requests_ok] = success
  tally[places.latency_ms] = latencyMillis
  return tally
}

const compare = (tally: Tally, billed: bigint, computed: bigint): void => {
  tally[places.compared] = 1
  setAmount(tally, "billed", billed)
  setAmount(tally, "computed", computed)
}

const tallyOfAttempt = (row: AttemptRow): Tally => {
  const [, , , , , , , , , , outcome, , , , input, cached, output, reasoning, cost, costSource] = row
  const computed = row[24]
  const tally = emptyTally()
  tally[places.attempts] = 1
  tally[places[outcome]] = 1
  tally[places[costSource]] = 1
  tally[places.input_tokens] = input
  tally[places.cached_tokens] = cached
  tally[places.output_tokens] = output
  tally[places.reasoning_tokens] = reasoning
  setAmount(tally, "cost", cost)
  if (outcome !== "ok") setAmount(tally, "wasted", cost)
  if (costSource === "reported" && computed !== null) compare(tally, cost, computed)
  return tally
}

/** What a settlement changes: the attempt was summed up as it was known then. */
const tallyOfSettlement = (row: SettlementRow): Tally => {
  const [, , , , , , , , , outcome, , , , source, oldCost, cost, input, cached, output, reasoning] = row
  const tally = emptyTally()
  tally[places[source]] = -1
  tally[places.reported] = 1
  tally[places.input_tokens] = input
  tally[places.cached_tokens] = cached
  tally[places.output_tokens] = output
  tally[places.reasoning_tokens] = reasoning
  setAmount(tally, "cost", cost - oldCost)
  if (outcome !== "ok") setAmount(tally, "wasted", cost - oldCost)
  if (source !== "unpriced") compare(tally, cost, oldCost)
  return tally
}

const tallyOfRow = (row: LedgerRow): Tally => {
  switch (row[0]) {
    case "request":
      return tallyOfRequest(row)
    case "attempt":
      return tallyOfAttempt(row)
    case "settlement":
      return tallyOfSettlement(row)
  }
}

/** What a request is told to have failed of, its attempt has too. */
const errorOf = (outcome: AttemptRow[10], error: string | null): string =>
  error ?? (outcome === "cancelled" ? outcome : "")

export const seriesOfRow = (row: LedgerRow): Series => {
  switch (row[0]) {
    case "request": {
      const [, , , , category, source, model, , , , , error, keyId] = row
      return ["chat", model, category, source, keyId, error ?? ""]
    }
    case "attempt": {
      const [, , , , purpose, category, source, model, , , outcome, error] = row
      return [purpose, model, category, source, row[23], errorOf(outcome, error)]
    }
    case "settlement": {
      const [, , , , , purpose, category, source, model, outcome, error, keyId] = row
      return [purpose, model, category, source, keyId, errorOf(outcome, error)]
    }
  }
}

interface RollupSum {
  readonly hour: number
  readonly series: Series
  readonly tally: Tally
}

/** Where everything goes that is beyond what a rollup may hold: a sum for each hour and purpose. */
const overflowOf = ([purpose]: Series): Series => [purpose, "other", "other", "other", "other", "other"]
const isOverflow = ([, ...rest]: Series): boolean => rest.every((name) => name === "other")

/** Adds rows up by hour and series. */
export class Rollup {
  readonly sums = new Map<string, RollupSum>()
  readonly #mostSums: number

  /** From so many sums on, what would be a new one goes under `other`. */
  constructor(mostSums = Number.POSITIVE_INFINITY) {
    this.#mostSums = mostSums
  }

  add(row: LedgerRow, series = seriesOfRow(row)): void {
    const hour = Math.floor(row[2] / hourMillis)
    const key = `${hour}\0${series.join("\0")}`
    const found = this.sums.get(key)
    if (found !== undefined) addTally(found.tally, tallyOfRow(row))
    else if (this.sums.size >= this.#mostSums && !isOverflow(series)) this.add(row, overflowOf(series))
    else this.sums.set(key, { hour, series, tally: tallyOfRow(row) })
  }
}
