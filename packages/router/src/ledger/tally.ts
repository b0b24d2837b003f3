/**
 * What is summed up of the ledger's rows, as a list of numbers with a place for each. An amount is kept as thousandths
 * of a dollar and the pico-dollars below them: no sum of either leaves the integers that SQLite and JavaScript count
 * exactly.
 */

/** The columns of version 1 of the file; an amount is a pair of them. */
export const firstColumns = [
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

/**
 * Of attempts whose cost the upstream reported and this program knew a price for: how many, what was reported and what
 * it would have computed itself.
 */
export const driftColumns = ["compared", "billed_mills", "billed_rest", "computed_mills", "computed_rest"] as const

export const tallyColumns = [...firstColumns, ...driftColumns] as const
export type TallyColumn = (typeof tallyColumns)[number]

/** Sums, in the order of `tallyColumns`. */
export type Tally = Array<number> | Float64Array<ArrayBuffer>

const amounts = ["cost", "wasted", "billed", "computed"] as const
export type Amount = (typeof amounts)[number]

/** The place of each column, resolved once: entries are added on every request. */
// `fromEntries` does not keep the names of what it is given.
export const places = Object.fromEntries(tallyColumns.map((column, index) => [column, index])) as Readonly<
  Record<TallyColumn, number>
>

/** The place of an amount's thousandths. The rest stands behind them. */
export const millsAt: Readonly<Record<Amount, number>> = {
  cost: places.cost_mills,
  wasted: places.wasted_mills,
  billed: places.billed_mills,
  computed: places.computed_mills
}
const millsPlaces = amounts.map((amount) => millsAt[amount])

export const picosPerMill = 1_000_000_000

const zeros: ReadonlyArray<number> = tallyColumns.map(() => 0)

// One is made for every row: a copy of an array takes a thirtieth of making one from a list.
export const emptyTally = (): Tally => [...zeros]

/** Carries the rests into their thousandths, so that they stay small however many are added. */
export const carry = (tally: Tally): Tally => {
  for (const mills of millsPlaces) {
    const rest = tally[mills + 1] ?? 0
    if (rest >= picosPerMill || rest <= -picosPerMill) {
      tally[mills] = (tally[mills] ?? 0) + Math.trunc(rest / picosPerMill)
      tally[mills + 1] = rest % picosPerMill
    }
  }
  return tally
}

/** Adds a sum to another. */
export const addTally = (sum: Tally, more: ArrayLike<number>): void => {
  for (let index = 0; index < sum.length; index++) sum[index] = (sum[index] ?? 0) + (more[index] ?? 0)
  carry(sum)
}

export const setAmount = (tally: Tally, amount: Amount, picos: bigint): void => {
  const mills = millsAt[amount]
  tally[mills] = Number(picos / BigInt(picosPerMill))
  tally[mills + 1] = Number(picos % BigInt(picosPerMill))
}

/** In pico-dollars, of the sums that begin at an index of a longer list. */
export const amountOf = (sums: ArrayLike<number>, amount: Amount, from = 0): bigint => {
  const mills = from + millsAt[amount]
  return BigInt(sums[mills] ?? 0) * BigInt(picosPerMill) + BigInt(sums[mills + 1] ?? 0)
}

/**
 * What the database is asked for to get a tally whose numbers are exact in JavaScript too: rests that were added up in
 * the file are carried there.
 */
export const tallySql = (valueOf: (column: TallyColumn) => string): string =>
  tallyColumns
    .map((column) => {
      if (column.endsWith("_rest")) return `${valueOf(column)} % ${picosPerMill}`
      const rest = tallyColumns.find((other) => other === column.replace(/_mills$/, "_rest"))
      return column.endsWith("_mills") && rest !== undefined
        ? `${valueOf(column)} + ${valueOf(rest)} / ${picosPerMill}`
        : valueOf(column)
    })
    .join(", ")

/** A tally as the database gives it, from a place of a row on; the sum of nothing is null there. */
export const tallyFrom = (row: ReadonlyArray<unknown>, from: number): Tally =>
  Array.from(tallyColumns, (_, index) => {
    const value = row[from + index]
    return typeof value === "number" ? value : 0
  })
