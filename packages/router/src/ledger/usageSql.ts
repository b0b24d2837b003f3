/** Sums straight from the file: for the hours that are not in memory. */
import type { PicoDollars } from "@llm-router/domain/Money"
import type { DatabaseSync } from "node:sqlite"
import { hoursPerDay } from "./rollup.ts"
import { amountOf, tallyColumns, tallyFrom, tallySql } from "./tally.ts"
import { dayText, type GroupRows, hourText, type UsageDimension } from "./usage.ts"

const expressionOf = (dimension: UsageDimension): string =>
  dimension === "hour" ? "r.start" : dimension === "day" ? "r.day" : `s.${dimension}`

const columns = `series, ${tallyColumns.join(", ")}`

/** Whole days from their own sums, and the hours before and after them. */
const sourceOf = (
  groupBy: ReadonlyArray<UsageDimension>,
  from: number,
  to: number
): readonly [sql: string, bounds: ReadonlyArray<number>] => {
  const hours = `SELECT start, start / ${hoursPerDay} AS day, ${columns} FROM rollup_hours WHERE start >= ? AND start < ?`
  const firstDay = Math.ceil(from / hoursPerDay)
  const lastDay = Math.floor(to / hoursPerDay)
  if (groupBy.includes("hour") || firstDay >= lastDay) return [hours, [from, to]]
  const days = `SELECT 0, start AS day, ${columns} FROM rollup_days WHERE start >= ? AND start < ?`
  return [
    `${days} UNION ALL ${hours} UNION ALL ${hours}`,
    [firstDay, lastDay, from, firstDay * hoursPerDay, lastDay * hoursPerDay, to]
  ]
}

/** Groups of the hours from `from` up to and without `to`. */
export const rowsFromFile = (
  db: DatabaseSync,
  groupBy: ReadonlyArray<UsageDimension>,
  from: number,
  to: number
): GroupRows => {
  const [source, bounds] = sourceOf(groupBy, from, to)
  const groups = groupBy.map(expressionOf)
  const statement = db.prepare(
    `SELECT ${[...groups, tallySql((column) => `sum(r.${column})`)].join(", ")}
     FROM (${source}) r JOIN series s ON s.id = r.series ${groups.length === 0 ? "" : `GROUP BY ${groups.join(", ")}`}`
  )
  statement.setReturnArrays(true)
  const textOf = (dimension: UsageDimension, value: unknown): string =>
    dimension === "hour" ? hourText(Number(value)) : dimension === "day" ? dayText(Number(value)) : String(value)
  return statement.all(...bounds).map((row) => {
    const values: ReadonlyArray<unknown> = Object.values(row)
    return [groupBy.map((dimension, index) => textOf(dimension, values[index])), tallyFrom(values, groups.length)]
  })
}

/** What the entries of a day (UTC, since the epoch) cost, by key, whoever wrote them. */
export const spendingIn = (db: DatabaseSync, day: number): ReadonlyMap<string, PicoDollars> =>
  new Map(
    rowsFromFile(db, ["key"], day * hoursPerDay, (day + 1) * hoursPerDay).map(([[key = ""], tally]) => [
      key,
      amountOf(tally, "cost")
    ])
  )
