/** Writes batches of entries with their sums, each batch in one transaction, and prunes old entries. */
import { statSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { openLedger } from "./database.ts"
import { hoursPerDay, Rollup, type Series, seriesColumns, seriesOfRow } from "./rollup.ts"
import type { LedgerRow, RequestRow } from "./rows.ts"
import { type Tally, tallyColumns, tallyFrom, tallySql } from "./tally.ts"

/** What has been counted for one model, category and source. */
interface EarlierSum {
  readonly model: string
  readonly category: string
  readonly source: string
  readonly tally: Tally
}

/** What `/metrics` needs of the time before this process. */
export interface Snapshot {
  readonly sinceMillis: number
  readonly sums: ReadonlyArray<EarlierSum>
  /** In milliseconds, of the last requests, oldest first. */
  readonly latencies: ReadonlyArray<number>
  readonly recent: ReadonlyArray<RequestRow>
}

/** What a commit added to the sums of an hour. */
export type SumChange = readonly [hour: number, series: number, names: Series, tally: Tally]

/** Callers may name any model: from here on a new one is summed up as `other`. Its entries keep its name. */
const mostSeries = 20_000
const mostLatencies = 1_000
const mostRecent = 10
export const rowsPerPrune = 500

const marks = (count: number): string => Array.from({ length: count }, () => "?").join(", ")

const attemptColumns =
  "id, time, request_id, purpose, category, source, model, answered_by, attempt, outcome, error, status, stream, " +
  "input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost_pico_usd, cost_source, first_token_ms, " +
  "duration_ms, generation_id, key_id, computed_pico_usd"
const settlementColumns =
  "id, time, settled_at, request_id, purpose, category, source, model, outcome, error, key_id, generation_id, " +
  "cost_source, old_cost_pico_usd, cost_pico_usd, more_input_tokens, more_cached_tokens, more_output_tokens, " +
  "more_reasoning_tokens"
const requestColumns =
  "id, time, request_id, category, source, model, success, attempts, latency_ms, cost_pico_usd, error, key_id"

const upsert = (table: string, keys: ReadonlyArray<string>): string =>
  `INSERT INTO ${table} (${[...keys, ...tallyColumns].join(", ")}) VALUES (${marks(keys.length + tallyColumns.length)})
   ON CONFLICT DO UPDATE SET ${tallyColumns.map((column) => `${column} = ${column} + excluded.${column}`).join(", ")}`

/** The entry that a sequence number stands for: its number in its run, below the run's. */
const idOf = (run: number, sequence: number): bigint => (BigInt(run) << 40n) + BigInt(sequence)

const prepareAll = (db: DatabaseSync) => ({
  attempt: db.prepare(`INSERT OR IGNORE INTO attempts (${attemptColumns}) VALUES (${marks(24)})`),
  request: db.prepare(`INSERT OR IGNORE INTO requests (${requestColumns}) VALUES (${marks(12)})`),
  // Once, and only for an attempt that is there: what it corrects was added to the sums.
  settlement: db.prepare(
    `INSERT OR IGNORE INTO settlements (${settlementColumns}) SELECT ${marks(19)} WHERE EXISTS (
       SELECT 1 FROM attempts WHERE generation_id = ? AND request_id = ?
         AND generation_id IS NOT NULL AND cost_source IN ('estimated', 'unpriced'))`
  ),
  findSeries: db.prepare(`SELECT id FROM series WHERE ${seriesColumns.map((column) => `${column} = ?`).join(" AND ")}`),
  addSeries: db.prepare(`INSERT INTO series (${seriesColumns.join(", ")}) VALUES (${marks(seriesColumns.length)})`),
  hour: db.prepare(upsert("rollup_hours", ["start", "series"])),
  day: db.prepare(upsert("rollup_days", ["start", "series"])),
  total: db.prepare(upsert("rollup_totals", ["series"])),
  commits: db.prepare("UPDATE state SET commits = commits + 1 RETURNING commits"),
  pruneAttempts: db.prepare("DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE time < ? LIMIT ?)"),
  pruneRequests: db.prepare("DELETE FROM requests WHERE id IN (SELECT id FROM requests WHERE time < ? LIMIT ?)"),
  pruneSettlements: db.prepare(
    "DELETE FROM settlements WHERE id IN (SELECT id FROM settlements WHERE time < ? LIMIT ?)"
  )
})

const newRun = (db: DatabaseSync, startedAtMillis: number): Run => ({
  id: Number(db.prepare("INSERT INTO runs (started_at) VALUES (?)").run(startedAtMillis).lastInsertRowid),
  startedAtMillis
})

const hasRun = (db: DatabaseSync, { id, startedAtMillis }: Run): boolean =>
  db.prepare("SELECT 1 FROM runs WHERE id = ? AND started_at = ?").get(id, startedAtMillis) !== undefined

/** Which file is at a path, and how large it is. */
const fileAt = (path: string): { readonly inode: bigint; readonly size: bigint } | undefined => {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat && { inode: stat.ino, size: stat.size }
}

/** One life of a process: its entries are numbered within it. */
export interface Run {
  readonly id: number
  readonly startedAtMillis: number
}

export class LedgerStore {
  readonly run: Run
  /** Whether every page was looked at. */
  readonly checked: boolean
  readonly #db: DatabaseSync
  readonly #path: string
  #file: ReturnType<typeof fileAt>
  readonly #statements: ReturnType<typeof prepareAll>
  readonly #seriesIds = new Map<string, number>()

  /**
   * Throws when it cannot be opened. A run goes on under its number when the file is opened again; in another file the
   * number may be another's, whose entries would be taken for these.
   */
  constructor(path: string, run: Run | undefined, nowMillis: number) {
    this.#path = path
    const { checked, db } = openLedger(path)
    this.checked = checked
    this.#db = db
    this.#file = fileAt(path)
    try {
      this.#statements = prepareAll(this.#db)
      this.run = run !== undefined && hasRun(this.#db, run) ? run : newRun(this.#db, nowMillis)
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  /** Whether the path still leads to this file, and no part of it is gone. */
  isCurrent(): boolean {
    const before = this.#file
    this.#file = fileAt(this.#path)
    return this.#file?.inode === before?.inode && (this.#file?.size ?? 0n) >= (before?.size ?? 0n)
  }

  #transaction<A>(body: () => A): A {
    this.#db.exec("BEGIN IMMEDIATE")
    try {
      const result = body()
      this.#db.exec("COMMIT")
      return result
    } catch (error) {
      // SQLite may have rolled back by itself. What was cached of the transaction is not there any more.
      this.#seriesIds.clear()
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK")
      throw error
    }
  }

  /** Commits the rows that are not there yet, and their sums; gives which commit of the file it is. */
  write(rows: ReadonlyArray<LedgerRow>): { readonly commit: number; readonly changes: ReadonlyArray<SumChange> } {
    return this.#transaction(() => {
      const rollup = new Rollup()
      for (const row of rows) if (this.#insert(row)) rollup.add(row, this.#summedAs(seriesOfRow(row)))
      const changes = [...rollup.sums.values()].map(({ hour, series, tally }): SumChange => {
        const id = this.#seriesId(series)
        this.#statements.hour.run(hour, id, ...tally)
        this.#statements.day.run(Math.floor(hour / hoursPerDay), id, ...tally)
        this.#statements.total.run(id, ...tally)
        return [hour, id, series, tally]
      })
      return { commit: Number(this.#statements.commits.get()?.["commits"]), changes }
    })
  }

  #insert(row: LedgerRow): boolean {
    const [kind, sequence, ...values] = row
    const attempt = row[0] === "settlement" ? [row[12], row[4]] : []
    return Number(this.#statements[kind].run(idOf(this.run.id, sequence), ...values, ...attempt).changes) === 1
  }

  #summedAs(series: Series): Series {
    if (this.#seriesIds.size < mostSeries || this.#knownId(series) !== undefined) return series
    const [purpose, , category, source, key, error] = series
    return [purpose, "other", category, source, key, error]
  }

  #knownId(series: Series): number | undefined {
    const name = series.join("\0")
    const cached = this.#seriesIds.get(name)
    if (cached !== undefined) return cached
    const found = this.#statements.findSeries.get(...series)?.["id"]
    if (typeof found !== "number") return undefined
    this.#seriesIds.set(name, found)
    return found
  }

  #seriesId(series: Series): number {
    const known = this.#knownId(series)
    if (known !== undefined) return known
    const id = Number(this.#statements.addSeries.run(...series).lastInsertRowid)
    this.#seriesIds.set(series.join("\0"), id)
    return id
  }

  /** Removes some of the entries from before this time; fewer than `rowsPerPrune` when none is left. */
  prune(beforeMillis: number): number {
    return this.#transaction(() => {
      const attempts = Number(this.#statements.pruneAttempts.run(beforeMillis, rowsPerPrune).changes)
      const requests = Number(this.#statements.pruneRequests.run(beforeMillis, rowsPerPrune - attempts).changes)
      const left = rowsPerPrune - attempts - requests
      return attempts + requests + Number(this.#statements.pruneSettlements.run(beforeMillis, left).changes)
    })
  }

  snapshot(): Snapshot {
    const since = this.#db.prepare("SELECT min(started_at) AS since FROM runs").get()?.["since"]
    const sums = this.#db.prepare(
      `SELECT s.model, s.category, s.source, ${tallySql((column) => `sum(t.${column})`)}
       FROM rollup_totals t JOIN series s ON s.id = t.series GROUP BY s.model, s.category, s.source`
    )
    sums.setReturnArrays(true)
    // As `isAttemptOf` tells which settlement is whose.
    const recent = this.#db.prepare(`SELECT ${requestColumns}, (
         SELECT sum(s.cost_pico_usd - s.old_cost_pico_usd) FROM settlements s
         WHERE s.request_id = requests.request_id AND s.key_id = requests.key_id
           AND s.time BETWEEN requests.time - requests.latency_ms AND requests.time
       ) AS settled FROM requests ORDER BY id DESC LIMIT ?`)
    recent.setReadBigInts(true)
    return {
      sinceMillis: Number(since),
      sums: sums.all().map((row) => {
        const values: ReadonlyArray<unknown> = Object.values(row)
        const [model, category, source] = values
        return {
          model: String(model),
          category: String(category),
          source: String(source),
          tally: tallyFrom(values, 3)
        }
      }),
      latencies: this.#db
        .prepare("SELECT latency_ms FROM requests ORDER BY id DESC LIMIT ?")
        .all(mostLatencies)
        .map((row) => Number(row["latency_ms"]))
        .toReversed(),
      recent: recent.all(mostRecent).map(requestRowFrom).toReversed()
    }
  }

  /** The last connection that closes writes the log into the file. */
  close(): void {
    this.#db.close()
  }
}

const requestRowFrom = (row: Readonly<Record<string, unknown>>): RequestRow => [
  "request",
  0,
  Number(row["time"]),
  String(row["request_id"]),
  String(row["category"]),
  // What a request row holds was checked when it was written.
  String(row["source"]) as RequestRow[5],
  String(row["model"]),
  row["success"] === 1n ? 1 : 0,
  Number(row["attempts"]),
  Number(row["latency_ms"]),
  BigInt(String(row["cost_pico_usd"])) + BigInt(String(row["settled"] ?? 0)),
  row["error"] === null ? null : String(row["error"]),
  String(row["key_id"])
]
