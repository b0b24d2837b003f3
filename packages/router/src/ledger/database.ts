/** The ledger's file: its tables, its versions, and what makes a file one that must not be written to. */
import { closeSync, existsSync, openSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { makeDirectory } from "../makeDirectory.ts"
import { seriesColumns } from "./rollup.ts"
import { driftColumns, firstColumns } from "./tally.ts"

const declared = (columns: ReadonlyArray<string>): ReadonlyArray<string> =>
  columns.map((column) => `${column} INTEGER NOT NULL DEFAULT 0`)
const sums = declared(firstColumns).join(", ")
const widened = (table: string): string =>
  declared(driftColumns)
    .map((column) => `ALTER TABLE ${table} ADD COLUMN ${column};`)
    .join(" ")

/** Each brings the file from the version of its index to the next. What has been released is never changed. */
export const migrations: ReadonlyArray<string> = [
  `CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, started_at INTEGER NOT NULL) STRICT;
   CREATE TABLE attempts (
     id INTEGER PRIMARY KEY, time INTEGER NOT NULL, request_id TEXT NOT NULL, purpose TEXT NOT NULL,
     category TEXT NOT NULL, source TEXT NOT NULL, model TEXT NOT NULL, answered_by TEXT, attempt INTEGER NOT NULL,
     outcome TEXT NOT NULL, error TEXT, status INTEGER, stream INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
     cached_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
     cost_pico_usd INTEGER NOT NULL, cost_source TEXT NOT NULL, first_token_ms INTEGER, duration_ms INTEGER NOT NULL,
     generation_id TEXT, key_id TEXT NOT NULL
   ) STRICT;
   CREATE INDEX attempts_by_time ON attempts (time);
   CREATE TABLE requests (
     id INTEGER PRIMARY KEY, time INTEGER NOT NULL, request_id TEXT NOT NULL, category TEXT NOT NULL,
     source TEXT NOT NULL, model TEXT NOT NULL, success INTEGER NOT NULL, attempts INTEGER NOT NULL,
     latency_ms INTEGER NOT NULL, cost_pico_usd INTEGER NOT NULL, error TEXT, key_id TEXT NOT NULL
   ) STRICT;
   CREATE INDEX requests_by_time ON requests (time);
   CREATE TABLE series (
     id INTEGER PRIMARY KEY, ${seriesColumns.map((column) => `${column} TEXT NOT NULL`).join(", ")},
     UNIQUE (${seriesColumns.join(", ")})
   ) STRICT;
   CREATE TABLE rollup_hours (start INTEGER NOT NULL, series INTEGER NOT NULL REFERENCES series, ${sums},
     PRIMARY KEY (start, series)) STRICT, WITHOUT ROWID;
   CREATE TABLE rollup_days (start INTEGER NOT NULL, series INTEGER NOT NULL REFERENCES series, ${sums},
     PRIMARY KEY (start, series)) STRICT, WITHOUT ROWID;`,
  // Sums of all time, so that a start adds nothing up; what was settled later; what a price table would have said.
  `${widened("rollup_hours")} ${widened("rollup_days")}
   CREATE TABLE rollup_totals (series INTEGER PRIMARY KEY REFERENCES series, ${sums}) STRICT;
   ${widened("rollup_totals")}
   INSERT INTO rollup_totals (series, ${firstColumns.join(", ")})
     SELECT series, ${firstColumns.map((column) => `sum(${column})`).join(", ")} FROM rollup_days GROUP BY series;
   CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), commits INTEGER NOT NULL) STRICT;
   INSERT INTO state VALUES (1, 0);
   ALTER TABLE attempts ADD COLUMN computed_pico_usd INTEGER;
   CREATE INDEX attempts_unsettled ON attempts (generation_id)
     WHERE generation_id IS NOT NULL AND cost_source IN ('estimated', 'unpriced');
   CREATE TABLE settlements (
     id INTEGER PRIMARY KEY, time INTEGER NOT NULL, settled_at INTEGER NOT NULL, request_id TEXT NOT NULL,
     purpose TEXT NOT NULL, category TEXT NOT NULL, source TEXT NOT NULL, model TEXT NOT NULL, outcome TEXT NOT NULL,
     error TEXT, key_id TEXT NOT NULL, generation_id TEXT NOT NULL UNIQUE, cost_source TEXT NOT NULL,
     old_cost_pico_usd INTEGER NOT NULL, cost_pico_usd INTEGER NOT NULL, more_input_tokens INTEGER NOT NULL,
     more_cached_tokens INTEGER NOT NULL, more_output_tokens INTEGER NOT NULL, more_reasoning_tokens INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX settlements_by_time ON settlements (time);
   CREATE INDEX settlements_by_request ON settlements (request_id);`
]

/**
 * `unusable`: the file is not one that this program may write to, whatever happens to the disk.
 * `trouble`: what a disk does when it is full, gone or read-only; it may pass.
 * `refused`: this data can never be stored.
 */
export interface LedgerFault {
  readonly kind: "unusable" | "trouble" | "refused"
  readonly message: string
}

class Unusable extends Error {}

/** SQLite's primary result codes. */
const corrupt = 11
const notDatabase = 26
const refusals = new Set([18, 19, 20, 25])
const unusableCodes = new Set(["EACCES", "ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "EPERM"])

const propertyOf = (error: unknown, name: "code" | "errcode"): unknown =>
  typeof error === "object" && error !== null && name in error ? Reflect.get(error, name) : undefined

export const faultOf = (path: string, error: unknown): LedgerFault => {
  const message = error instanceof Error ? error.message : String(error)
  const errcode = propertyOf(error, "errcode")
  const primary = typeof errcode === "number" ? errcode & 0xff : undefined
  const code = propertyOf(error, "code")
  if (error instanceof Unusable) return { kind: "unusable", message }
  if (primary === notDatabase) return { kind: "unusable", message: `${path} is not an SQLite database` }
  if (primary === corrupt) return { kind: "unusable", message: `${path} is corrupt (${message})` }
  if (typeof code === "string" && unusableCodes.has(code)) {
    return { kind: "unusable", message: `${path} cannot be opened: ${message}` }
  }
  const isRefusal = primary === undefined ? error instanceof TypeError : refusals.has(primary)
  return { kind: isRefusal ? "refused" : "trouble", message: `${path}: ${message}` }
}

const firstOf = (db: DatabaseSync, sql: string): unknown => Object.values(db.prepare(sql).get() ?? {})[0]

/** A check of every page takes its time; a larger file is checked in the background, once the router serves. */
const mostBytesToCheck = 16 * 1024 * 1024
/** Small whatever the file holds, and what the rest stands on. */
const tablesToCheck = ["runs", "series"]

/** Finds what is wrong with any page; nothing on a sound file. */
export const pageFault = (db: DatabaseSync, tables: ReadonlyArray<string>): string | undefined => {
  const pragmas = tables.length === 0 ? ["quick_check(1)"] : tables.map((table) => `quick_check(${table})`)
  return pragmas.map((pragma) => String(firstOf(db, `PRAGMA ${pragma}`))).find((result) => result !== "ok")
}

/**
 * Looks at what is there without writing a byte to it; gives whether it saw every page. Throws for a file that is not
 * to be used.
 */
const inspect = (path: string): boolean => {
  if (!existsSync(path)) return true
  const stat = statSync(path)
  if (!stat.isFile()) throw new Unusable(`${path} is not a file`)
  if (stat.size === 0) return true
  const db = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  try {
    const version = Number(firstOf(db, "PRAGMA user_version"))
    const tables = Number(firstOf(db, "SELECT count(*) FROM sqlite_schema"))
    if (version > migrations.length) {
      throw new Unusable(`${path} was written by a newer version of this program (schema ${version})`)
    }
    if (version === 0 && tables > 0) throw new Unusable(`${path} is the database of another program`)
    const all = version === 0 || stat.size <= mostBytesToCheck
    const fault = pageFault(db, all ? [] : tablesToCheck)
    if (fault !== undefined) throw new Unusable(`${path} is corrupt (${fault})`)
    return all
  } finally {
    db.close()
  }
}

/** Runs the steps that the file has not seen yet, all or none of them; gives whether there were any. */
export const migrate = (db: DatabaseSync, steps: ReadonlyArray<string> = migrations): boolean => {
  db.exec("BEGIN IMMEDIATE")
  try {
    const version = Number(firstOf(db, "PRAGMA user_version"))
    for (const step of steps.slice(version)) db.exec(step)
    if (version < steps.length) db.exec(`PRAGMA user_version = ${steps.length}`)
    db.exec("COMMIT")
    return version < steps.length
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK")
    throw error
  }
}

/** Makes a file that is not there yet, for this user alone; the log beside it takes after it. */
export const makePrivate = (path: string): void => {
  if (!existsSync(path)) closeSync(openSync(path, "a", 0o600))
}

/** Opens for writing, creating what is missing. Throws; `faultOf` tells what that means. */
export const openLedger = (path: string): { readonly db: DatabaseSync; readonly checked: boolean } => {
  makeDirectory(dirname(path))
  const checked = inspect(path)
  makePrivate(path)
  const db = new DatabaseSync(path, { timeout: 5000 })
  try {
    db.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; " +
        "PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864"
    )
    // What a migration leaves in the log is more than it will need: nobody reads the file yet, so it can be cut off.
    db.exec(`PRAGMA wal_checkpoint(${migrate(db) ? "TRUNCATE" : "PASSIVE"})`)
    return { db, checked }
  } catch (error) {
    db.close()
    throw error
  }
}

/** Another connection that only reads. */
export const openReader = (path: string): DatabaseSync => new DatabaseSync(path, { readOnly: true, timeout: 5000 })

/** Reads by a connection that is there for it alone. */
export const reading = <A>(path: string, read: (db: DatabaseSync) => A): A => {
  const db = openReader(path)
  try {
    return read(db)
  } finally {
    db.close()
  }
}
