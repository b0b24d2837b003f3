/** What was used, asked by time and grouped by what rows have in common. */
import type { PicoDollars } from "@llm-router/domain/Money"
import { hourMillis, hoursPerDay, type Rollup } from "./rollup.ts"
import { addTally, amountOf, emptyTally, places, type Tally, tallyColumns } from "./tally.ts"

export const usageDimensions = ["model", "category", "source", "day", "hour", "key", "purpose", "error"] as const
export type UsageDimension = (typeof usageDimensions)[number]

export interface UsageQuery {
  /** The first hour, by any of its moments; all hours from the first entry on when absent. */
  readonly fromMillis?: number | undefined
  /** The end: an hour that has begun by then counts whole. */
  readonly toMillis?: number | undefined
  readonly groupBy: ReadonlyArray<UsageDimension>
}

export interface UsageCounts {
  /** Requests that ended, and those of them that were answered. */
  readonly requests: number
  readonly requestsOk: number
  readonly attempts: number
  readonly ok: number
  readonly failed: number
  readonly cut: number
  readonly cancelled: number
  /** Cached ones included. */
  readonly inputTokens: number
  readonly cachedTokens: number
  /** Reasoning included. */
  readonly outputTokens: number
  readonly reasoningTokens: number
  readonly cost: PicoDollars
  /** The part of the cost that failed, cut and cancelled attempts made. */
  readonly wasted: PicoDollars
  /** Attempts by where their cost comes from. */
  readonly reported: number
  readonly priced: number
  readonly estimated: number
  readonly unpriced: number
  /** Attempts whose cost was reported and could be computed too, and both sums: how far the price table is off. */
  readonly compared: number
  readonly comparedReported: PicoDollars
  readonly comparedComputed: PicoDollars
}

export interface UsageRow extends UsageCounts {
  /** Days as `2026-11-22`, hours as `2026-11-22T13:00:00.000Z`, both UTC; `error` is empty where there was none. */
  readonly group: Readonly<Partial<Record<UsageDimension, string>>>
}

export interface UsageReport {
  /** Of everything in the time asked for, also of rows left off. */
  readonly totals: UsageCounts
  /** By time where that is a group, then the dearest first. */
  readonly rows: ReadonlyArray<UsageRow>
  /** There were more rows than a report holds. */
  readonly truncated: boolean
}

/** Groups with their sums: the values in the order of the query. */
export type GroupRows = ReadonlyArray<readonly [values: ReadonlyArray<string>, tally: Tally]>

/** A report on its way from its thread: the sums in one piece, those of the totals first. */
export interface GroupedUsage {
  readonly values: ReadonlyArray<ReadonlyArray<string>>
  readonly sums: Float64Array<ArrayBuffer>
  readonly truncated: boolean
}

export const mostUsageRows = 10_000
/** Beyond the hours of every clock. */
const endOfTime = 3_000_000_000

/** The hours of a query: from the first, up to and without the last. */
export const hoursOf = ({ fromMillis, toMillis }: UsageQuery): readonly [from: number, to: number] => [
  fromMillis === undefined ? 0 : Math.max(0, Math.floor(fromMillis / hourMillis)),
  toMillis === undefined ? endOfTime : Math.max(0, Math.ceil(toMillis / hourMillis))
]

export const hourText = (hour: number): string => new Date(hour * hourMillis).toISOString()
export const dayText = (day: number): string => hourText(day * hoursPerDay).slice(0, 10)

const costPlace = places.cost_mills
const costOrder = (left: Tally, right: Tally): number =>
  (right[costPlace] ?? 0) - (left[costPlace] ?? 0) || (right[costPlace + 1] ?? 0) - (left[costPlace + 1] ?? 0)

/** Sums from two places: of the same group, or of others. */
export const joinedRows = (left: GroupRows, right: GroupRows): GroupRows => {
  if (left.length === 0 || right.length === 0) return left.length === 0 ? right : left
  const joined = new Map(left.map((row) => [row[0].join("\0"), row]))
  for (const [values, tally] of right) {
    const found = joined.get(values.join("\0"))
    if (found === undefined) joined.set(values.join("\0"), [values, tally])
    else addTally(found[1], tally)
  }
  return [...joined.values()]
}

/** Puts rows in their order and leaves those off that are too many. */
export const groupedUsage = (groupBy: UsageQuery["groupBy"], rows: GroupRows, totals: Tally): GroupedUsage => {
  const time = groupBy.includes("hour") ? groupBy.indexOf("hour") : groupBy.indexOf("day")
  const sorted = rows.toSorted(([leftValues, left], [rightValues, right]) => {
    const leftTime = leftValues[time] ?? ""
    const rightTime = rightValues[time] ?? ""
    return leftTime < rightTime ? -1 : leftTime > rightTime ? 1 : costOrder(left, right)
  })
  const kept = sorted.slice(0, mostUsageRows)
  const sums = new Float64Array((kept.length + 1) * tallyColumns.length)
  sums.set(totals)
  for (const [index, [, tally]] of kept.entries()) sums.set(tally, (index + 1) * tallyColumns.length)
  return { values: kept.map(([values]) => values), sums, truncated: sorted.length > mostUsageRows }
}

/** The same from sums in memory. */
export const usageOfRollup = (query: UsageQuery, rollup: Rollup): GroupedUsage => {
  const [from, to] = hoursOf(query)
  const groups = new Map<string, readonly [ReadonlyArray<string>, Tally]>()
  for (const { hour, series, tally } of rollup.sums.values()) {
    if (hour < from || hour >= to) continue
    const [purpose, model, category, source, key, error] = series
    const day = Math.floor(hour / hoursPerDay)
    const all = { purpose, model, category, source, key, error, hour: hourText(hour), day: dayText(day) }
    const values = query.groupBy.map((dimension) => all[dimension])
    const name = values.join("\0")
    const group = groups.get(name) ?? [values, emptyTally()]
    groups.set(name, group)
    addTally(group[1], tally)
  }
  const rows = [...groups.values()]
  const totals = emptyTally()
  for (const [, tally] of rows) addTally(totals, tally)
  return groupedUsage(query.groupBy, rows, totals)
}

/** The counts of the sums that begin there. */
const countsAt = (sums: Float64Array, from: number): UsageCounts => {
  const count = (place: number): number => sums[from + place] ?? 0
  return {
    requests: count(places.requests),
    requestsOk: count(places.requests_ok),
    attempts: count(places.attempts),
    ok: count(places.ok),
    failed: count(places.failed),
    cut: count(places.cut),
    cancelled: count(places.cancelled),
    inputTokens: count(places.input_tokens),
    cachedTokens: count(places.cached_tokens),
    outputTokens: count(places.output_tokens),
    reasoningTokens: count(places.reasoning_tokens),
    cost: amountOf(sums, "cost", from),
    wasted: amountOf(sums, "wasted", from),
    reported: count(places.reported),
    priced: count(places.priced),
    estimated: count(places.estimated),
    unpriced: count(places.unpriced),
    compared: count(places.compared),
    comparedReported: amountOf(sums, "billed", from),
    comparedComputed: amountOf(sums, "computed", from)
  }
}

export const usageReportOf = (
  groupBy: UsageQuery["groupBy"],
  { sums, truncated, values }: GroupedUsage
): UsageReport => ({
  totals: countsAt(sums, 0),
  rows: values.map((row, index) => ({
    group: Object.fromEntries(groupBy.map((dimension, at) => [dimension, row[at] ?? ""])),
    ...countsAt(sums, (index + 1) * tallyColumns.length)
  })),
  truncated
})
