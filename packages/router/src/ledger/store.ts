/** Writes batches of entries with their sums, each batch in one transaction, and prunes old entries. */
import { statSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { openLedger } from "./database.ts"
import {
  hoursPerDay,
  Rollup,
  type Series,
  seriesColumns,
  seriesOfRow,
  type Tally,
  tallyColumns,
  tallyOf
} from "./rollup.ts"
import type { LedgerRow, RequestRow } from "./rows.ts"

/** What `/metrics` needs of the time before this process. */
export interface Snapshot {
  readonly sinceMillis: number
  readonly sums: ReadonlyArray<readonly [series: Series, tally: Tally]>
  /** In milliseconds, of the last requests, oldest first. */
  readonly latencies: ReadonlyArray<number>
  readonly recent: ReadonlyArray<RequestRow>
}

/** Callers may name any model: from here on a new one is summed up as `other`. Its entries keep its name. */
const mostSeries = 20_000
const mostLatencies = 1_000
const mostRecent = 10
export const rowsPerPrune = 500

const marks = (count: number): string => Array.from({ length: count }, () => "?").join(", ")

const attemptColumns =
  "id, time, request_id, purpose, category, source, model, answered_by, attempt, outcome, error, status, stream, " +
  "input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost_pico_usd, cost_source, first_token_ms, " +
  "duration_ms, generation_id, key_id"
const requestColumns =
  "id, time, request_id, category, source, model, success, attempts, latency_ms, cost_pico_usd, error, key_id"

const upsert = (table: string): string =>
  `INSERT INTO ${table} (start, series, ${tallyColumns.join(", ")}) VALUES (?, ?, ${marks(tallyColumns.length)})
   ON CONFLICT DO UPDATE SET ${tallyColumns.map((column) => `${column} = ${column} + excluded.${column}`).join(", ")}`

/** The entry that a sequence number stands for: its number in its run, below the run's. */
const idOf = (run: number, sequence: number): bigint => (BigInt(run) << 40n) + BigInt(sequence)

const prepareAll = (db: DatabaseSync) => ({
  attempt: db.prepare(`INSERT OR IGNORE INTO attempts (${attemptColumns}) VALUES (${marks(23)})`),
  request: db.prepare(`INSERT OR IGNORE INTO requests (${requestColumns}) VALUES (${marks(12)})`),
  findSeries: db.prepare(`SELECT id FROM series WHERE ${seriesColumns.map((column) => `${column} = ?`).join(" AND ")}`),
  addSeries: db.prepare(`INSERT INTO series (${seriesColumns.join(", ")}) VALUES (${marks(seriesColumns.length)})`),
  hour: db.prepare(upsert("rollup_hours")),
  day: db.prepare(upsert("rollup_days")),
  pruneAttempts: db.prepare("DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE time < ? LIMIT ?)"),
  pruneRequests: db.prepare("DELETE FROM requests WHERE id IN (SELECT id FROM requests WHERE time < ? LIMIT ?)")
})

const newRun = (db: DatabaseSync, nowMillis: number): number =>
  Number(db.prepare("INSERT INTO runs (started_at) VALUES (?)").run(nowMillis).lastInsertRowid)

const inodeOf = (path: string): bigint | undefined => statSync(path, { bigint: true, throwIfNoEntry: false })?.ino

export class LedgerStore {
  readonly run: number
  /** Whether every page was looked at. */
  readonly checked: boolean
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #inode: bigint | undefined
  readonly #statements: ReturnType<typeof prepareAll>
  readonly #seriesIds = new Map<string, bigint>()

  /** Throws when it cannot be opened. A run goes on under its number when the file is opened again. */
  constructor(path: string, run: number | undefined, nowMillis: number) {
    this.#path = path
    const { checked, db } = openLedger(path)
    this.checked = checked
    this.#db = db
    this.#inode = inodeOf(path)
    try {
      this.#statements = prepareAll(this.#db)
      this.run = run ?? newRun(this.#db, nowMillis)
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  /** Whether the path still leads to this file. */
  isCurrent(): boolean {
    return inodeOf(this.#path) === this.#inode
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

  /** Commits the rows that are not there yet, and their sums. */
  write(rows: ReadonlyArray<LedgerRow>): void {
    this.#transaction(() => {
      const rollup = new Rollup()
      for (const row of rows) if (this.#insert(row)) rollup.add(row, this.#summedAs(seriesOfRow(row)))
      for (const { hour, series, tally } of rollup.sums.values()) {
        const id = this.#seriesId(series)
        const values = tallyColumns.map((column) => tally[column])
        this.#statements.hour.run(hour, id, ...values)
        this.#statements.day.run(Math.floor(hour / hoursPerDay), id, ...values)
      }
    })
  }

  #insert(row: LedgerRow): boolean {
    const [kind, sequence, ...values] = row
    return Number(this.#statements[kind].run(idOf(this.run, sequence), ...values).changes) === 1
  }

  #summedAs(series: Series): Series {
    if (this.#seriesIds.size < mostSeries || this.#knownId(series) !== undefined) return series
    const [purpose, , category, source, key, error] = series
    return [purpose, "other", category, source, key, error]
  }

  #knownId(series: Series): bigint | undefined {
    const name = series.join("\0")
    const cached = this.#seriesIds.get(name)
    if (cached !== undefined) return cached
    const found = this.#statements.findSeries.get(...series)?.["id"]
    if (typeof found !== "number") return undefined
    this.#seriesIds.set(name, BigInt(found))
    return BigInt(found)
  }

  #seriesId(series: Series): bigint {
    const known = this.#knownId(series)
    if (known !== undefined) return known
    const id = BigInt(this.#statements.addSeries.run(...series).lastInsertRowid)
    this.#seriesIds.set(series.join("\0"), id)
    return id
  }

  /** Removes some of the entries from before this time; fewer than `rowsPerPrune` when none is left. */
  prune(beforeMillis: number): number {
    return this.#transaction(() => {
      const attempts = Number(this.#statements.pruneAttempts.run(beforeMillis, rowsPerPrune).changes)
      if (attempts === rowsPerPrune) return attempts
      return attempts + Number(this.#statements.pruneRequests.run(beforeMillis, rowsPerPrune - attempts).changes)
    })
  }

  snapshot(): Snapshot {
    const since = this.#db.prepare("SELECT min(started_at) AS since FROM runs").get()?.["since"]
    const width = seriesColumns.length
    const sums = this.#db.prepare(
      `SELECT ${seriesColumns.map((column) => `s.${column}`).join(", ")},
              ${tallyColumns.map((column) => `sum(${column})`).join(", ")}
       FROM rollup_days JOIN series s ON s.id = series GROUP BY series`
    )
    sums.setReadBigInts(true)
    sums.setReturnArrays(true)
    const recent = this.#db.prepare(`SELECT ${requestColumns} FROM requests ORDER BY id DESC LIMIT ?`)
    recent.setReadBigInts(true)
    return {
      sinceMillis: Number(since),
      sums: sums.all().map((values) => {
        const all: ReadonlyArray<unknown> = Object.values(values)
        const [purpose = "", model = "", category = "", source = "", key = "", error = ""] = all
          .slice(0, width)
          .map(String)
        return [
          [purpose, model, category, source, key, error],
          tallyOf(all.slice(width).map((value) => BigInt(String(value))))
        ]
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
  BigInt(String(row["cost_pico_usd"])),
  row["error"] === null ? null : String(row["error"]),
  String(row["key_id"])
]
