/** The thread that answers what takes time: a long query here keeps no entry from being committed. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { parentPort, workerData } from "node:worker_threads"
import { makePrivate, openReader, pageFault } from "./database.ts"
import { hoursPerDay, tallyColumns, tallyOf } from "./rollup.ts"
import {
  dayText,
  type GroupedUsage,
  groupedUsage,
  hoursOf,
  hourText,
  type UsageDimension,
  type UsageQuery
} from "./usage.ts"

export type Question =
  | { readonly _tag: "Usage"; readonly query: UsageQuery }
  | { readonly _tag: "Backup"; readonly path: string }
  | { readonly _tag: "Check" }

export type ToReader = Question & { readonly id: number }

export type ReaderAnswer =
  | { readonly _tag: "Usage"; readonly grouped: GroupedUsage }
  | { readonly _tag: "Done" }
  | { readonly _tag: "Failed"; readonly message: string }

export type FromReader = ReaderAnswer & { readonly id: number }

// Only the ledger starts this file.
const { path } = workerData as { readonly path: string }

const expressionOf = (dimension: UsageDimension): string =>
  dimension === "hour" ? "r.start" : dimension === "day" ? "r.day" : `s.${dimension}`

const columns = `series, ${tallyColumns.join(", ")}`

/** Whole days from their own sums, and the hours before and after them. */
const sourceOf = (query: UsageQuery): readonly [sql: string, bounds: ReadonlyArray<number>] => {
  const [from, to] = hoursOf(query)
  const hours = `SELECT start, start / ${hoursPerDay} AS day, ${columns} FROM rollup_hours WHERE start >= ? AND start < ?`
  const firstDay = Math.ceil(from / hoursPerDay)
  const lastDay = Math.floor(to / hoursPerDay)
  if (query.groupBy.includes("hour") || firstDay >= lastDay) return [hours, [from, to]]
  const days = `SELECT 0, start AS day, ${columns} FROM rollup_days WHERE start >= ? AND start < ?`
  return [
    `${days} UNION ALL ${hours} UNION ALL ${hours}`,
    [firstDay, lastDay, from, firstDay * hoursPerDay, lastDay * hoursPerDay, to]
  ]
}

const usage = (db: DatabaseSync, query: UsageQuery): GroupedUsage => {
  const [source, bounds] = sourceOf(query)
  const groups = query.groupBy.map(expressionOf)
  const statement = db.prepare(
    `SELECT ${[...groups, ...tallyColumns.map((column) => `sum(r.${column})`)].join(", ")}
     FROM (${source}) r JOIN series s ON s.id = r.series ${groups.length === 0 ? "" : `GROUP BY ${groups.join(", ")}`}`
  )
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  const textOf = (dimension: UsageDimension, value: unknown): string =>
    dimension === "hour" ? hourText(Number(value)) : dimension === "day" ? dayText(Number(value)) : String(value)
  return groupedUsage(
    query.groupBy,
    statement.all(...bounds).map((row) => {
      const values: ReadonlyArray<unknown> = Object.values(row)
      return [
        query.groupBy.map((dimension, index) => textOf(dimension, values[index])),
        // The sum of nothing is null.
        tallyOf(values.slice(groups.length).map((value) => (typeof value === "bigint" ? value : 0n)))
      ]
    })
  )
}

/** A whole copy under its name once it is on disk, never a part of one. */
const backUp = (db: DatabaseSync, target: string): void => {
  if (existsSync(target)) throw new Error(`${target} exists already`)
  const temporary = `${target}.tmp`
  rmSync(temporary, { force: true })
  try {
    makePrivate(temporary)
    db.prepare("VACUUM INTO ?").run(temporary)
    const file = openSync(temporary, "r")
    fsyncSync(file)
    closeSync(file)
    renameSync(temporary, target)
  } finally {
    rmSync(temporary, { force: true })
  }
}

const answerTo = (question: Question): ReaderAnswer => {
  const db = openReader(path)
  try {
    switch (question._tag) {
      case "Usage":
        return { _tag: "Usage", grouped: usage(db, question.query) }
      case "Backup":
        backUp(db, question.path)
        return { _tag: "Done" }
      case "Check": {
        const fault = pageFault(db, [])
        return fault === undefined ? { _tag: "Done" } : { _tag: "Failed", message: `${path} is corrupt (${fault})` }
      }
    }
  } finally {
    db.close()
  }
}

const answer = (message: FromReader): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- to a thread, not to a window
  parentPort?.postMessage(message)
}

parentPort?.on("message", ({ id, ...question }: ToReader) => {
  try {
    answer({ ...answerTo(question), id })
  } catch (error) {
    const message = `${path}: ${error instanceof Error ? error.message : String(error)}`
    answer({ _tag: "Failed", message, id })
  }
})
