/** The thread that answers what takes time: a long query here keeps no entry from being committed. */
import type { PicoDollars } from "@llm-router/domain/Money"
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { parentPort, workerData } from "node:worker_threads"
import type { UnsettledEntry } from "./entry.ts"
import { makePrivate, pageFault, reading } from "./database.ts"
import { MirrorFeed } from "./mirrorFeed.ts"
import { addTally, emptyTally, type Tally } from "./tally.ts"
import { unsettledIn } from "./unsettled.ts"
import { type GroupedUsage, groupedUsage, hoursOf, joinedRows, type UsageQuery } from "./usage.ts"
import { rowsFromFile, spendingIn } from "./usageSql.ts"
import { type UsageFormat, usageText } from "./usageText.ts"
import type { ToFeed } from "./worker.ts"

export type Question =
  | { readonly _tag: "Usage"; readonly query: UsageQuery }
  | { readonly _tag: "UsageText"; readonly query: UsageQuery; readonly format: UsageFormat }
  /** Days since the epoch. */
  | { readonly _tag: "Spending"; readonly day: number }
  | { readonly _tag: "Backup"; readonly path: string }
  | { readonly _tag: "Check" }
  | { readonly _tag: "Unsettled"; readonly sinceMillis: number; readonly most: number }

export type ToReader = (Question & { readonly id: number }) | ToFeed

export type ReaderAnswer =
  | { readonly _tag: "Usage"; readonly grouped: GroupedUsage }
  | { readonly _tag: "UsageText"; readonly text: Uint8Array<ArrayBuffer> }
  | { readonly _tag: "Spending"; readonly byKey: ReadonlyMap<string, PicoDollars> }
  | { readonly _tag: "Unsettled"; readonly entries: ReadonlyArray<UnsettledEntry> }
  | { readonly _tag: "Done" }
  | { readonly _tag: "Failed"; readonly message: string }

export type FromReader = ReaderAnswer & { readonly id: number }

// Only the ledger starts this file.
const { path } = workerData as { readonly path: string }

let feed: MirrorFeed | undefined

const totalsOf = (rows: ReadonlyArray<readonly [unknown, Tally]>): Tally => {
  const totals = emptyTally()
  for (const [, tally] of rows) addTally(totals, tally)
  return totals
}

/** From memory, and what is not there from the file. */
const usage = (query: UsageQuery): GroupedUsage => {
  const { groupBy } = query
  const [from, to] = hoursOf(query)
  feed?.catchUp()
  feed?.loadFrom(from)
  const floor = feed?.mirror.floor ?? Number.POSITIVE_INFINITY
  const filed = from < floor ? reading(path, (db) => rowsFromFile(db, groupBy, from, Math.min(to, floor))) : []
  const totals = totalsOf(filed)
  if (feed === undefined || to <= floor) return groupedUsage(groupBy, filed, totals)
  const recent = feed.mirror.ask(groupBy, Math.max(from, floor), to)
  addTally(totals, recent.totals)
  return groupedUsage(groupBy, joinedRows(filed, recent.rows), totals)
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
  switch (question._tag) {
    case "Usage":
      return { _tag: "Usage", grouped: usage(question.query) }
    case "UsageText":
      return { _tag: "UsageText", text: usageText(question.query, usage(question.query), question.format) }
    case "Spending":
      return { _tag: "Spending", byKey: reading(path, (db) => spendingIn(db, question.day)) }
    case "Backup":
      reading(path, (db) => backUp(db, question.path))
      return { _tag: "Done" }
    case "Check": {
      const fault = reading(path, (db) => pageFault(db, []))
      return fault === undefined ? { _tag: "Done" } : { _tag: "Failed", message: `${path} is corrupt (${fault})` }
    }
    case "Unsettled":
      return { _tag: "Unsettled", entries: reading(path, (db) => unsettledIn(db, question.sinceMillis, question.most)) }
  }
}

/** What is large is handed over, not copied. */
const handedOver = (answer: ReaderAnswer): Array<ArrayBuffer> =>
  answer._tag === "Usage" ? [answer.grouped.sums.buffer] : answer._tag === "UsageText" ? [answer.text.buffer] : []

const answer = (message: FromReader): void => parentPort?.postMessage(message, handedOver(message))

parentPort?.on("message", (message: ToReader) => {
  if (message._tag === "Feed") {
    feed?.close()
    feed = new MirrorFeed(path, message.port)
    return
  }
  const { id, ...question } = message
  try {
    answer({ ...answerTo(question), id })
  } catch (error) {
    const problem = `${path}: ${error instanceof Error ? error.message : String(error)}`
    answer({ _tag: "Failed", message: problem, id })
  }
})
