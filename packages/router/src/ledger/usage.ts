/** What was used, asked by time and grouped by what rows have in common. */
import type { PicoDollars } from "@llm-router/domain/Money"
import { addTally, emptyTally, hourMillis, hoursPerDay, picosOf, type Rollup, type Tally } from "./rollup.ts"

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

/** A report on its way from the worker: the values of the groups, in the order of the query, with their sums. */
export interface GroupedUsage {
  readonly totals: Tally
  readonly rows: ReadonlyArray<readonly [values: ReadonlyArray<string>, tally: Tally]>
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

const costOrder = (left: Tally, right: Tally): number =>
  right.cost_mills - left.cost_mills || right.cost_rest - left.cost_rest

/** Puts rows in their order and leaves those off that are too many. */
export const groupedUsage = (groupBy: UsageQuery["groupBy"], rows: GroupedUsage["rows"]): GroupedUsage => {
  const totals = emptyTally()
  for (const [, tally] of rows) addTally(totals, tally)
  const time = groupBy.includes("hour") ? groupBy.indexOf("hour") : groupBy.indexOf("day")
  const sorted = rows.toSorted(([leftValues, left], [rightValues, right]) => {
    const leftTime = leftValues[time] ?? ""
    const rightTime = rightValues[time] ?? ""
    return leftTime < rightTime ? -1 : leftTime > rightTime ? 1 : costOrder(left, right)
  })
  return { totals, rows: sorted.slice(0, mostUsageRows), truncated: sorted.length > mostUsageRows }
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
  return groupedUsage(query.groupBy, [...groups.values()])
}

const countsOf = (tally: Tally): UsageCounts => ({
  requests: tally.requests,
  requestsOk: tally.requests_ok,
  attempts: tally.attempts,
  ok: tally.ok,
  failed: tally.failed,
  cut: tally.cut,
  cancelled: tally.cancelled,
  inputTokens: tally.input_tokens,
  cachedTokens: tally.cached_tokens,
  outputTokens: tally.output_tokens,
  reasoningTokens: tally.reasoning_tokens,
  cost: picosOf(tally.cost_mills, tally.cost_rest),
  wasted: picosOf(tally.wasted_mills, tally.wasted_rest),
  reported: tally.reported,
  priced: tally.priced,
  estimated: tally.estimated,
  unpriced: tally.unpriced
})

export const usageReportOf = (groupBy: UsageQuery["groupBy"], grouped: GroupedUsage): UsageReport => ({
  totals: countsOf(grouped.totals),
  rows: grouped.rows.map(([values, tally]) => ({
    group: Object.fromEntries(groupBy.map((dimension, index) => [dimension, values[index] ?? ""])),
    ...countsOf(tally)
  })),
  truncated: grouped.truncated
})
