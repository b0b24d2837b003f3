/**
 * Keeps the sums in memory as they are in the file: loaded day by day, the latest first, while the changes of every
 * commit come from the writing thread. What is not here yet is asked of the file.
 */
import type { DatabaseSync } from "node:sqlite"
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads"
import { openReader, reading } from "./database.ts"
import { type HourSum, UsageMirror } from "./mirror.ts"
import { hoursPerDay, seriesColumns } from "./rollup.ts"
import { tallySql } from "./tally.ts"
import type { FromFeed } from "./worker.ts"

/** Some 75 MB of them: a year of a hundred series in every hour, and more. */
const mostSums = 1_500_000

const daySql = `SELECT start, series, ${tallySql((column) => column)} FROM rollup_hours
  WHERE start >= ? AND start < ? ORDER BY start`

const commitsIn = (db: DatabaseSync): number => Number(db.prepare("SELECT commits FROM state").get()?.["commits"])

/** Of the file as it is now; 0 where it cannot be read, which questions to the file will tell. */
const committedIn = (path: string): number => {
  try {
    return reading(path, commitsIn)
  } catch {
    return 0
  }
}

export class MirrorFeed {
  mirror = new UsageMirror(mostSums)
  readonly #path: string
  readonly #port: MessagePort
  /** The last commit that is in the sums. */
  #commit = 0
  /** Another router wrote to the file: what it wrote is read when somebody asks, not at each commit of a busy one. */
  #behind = false
  #loading: DatabaseSync | undefined
  #closed = false

  constructor(path: string, port: MessagePort) {
    this.#path = path
    this.#port = port
    port.on("message", (message: FromFeed) => this.#receive(message))
  }

  /** Takes in what was committed before now, by whomever: our own was posted before anybody learned of the commit. */
  catchUp(): void {
    const committed = committedIn(this.#path)
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#receive(next.message)
    }
    if (this.#behind || this.#commit < committed) this.#load()
  }

  close(): void {
    this.#closed = true
    this.#port.close()
    this.#stopLoading()
  }

  #receive(message: FromFeed): void {
    if (message._tag === "Begun") return this.#load()
    if (message.commit <= this.#commit || this.#behind) return
    if (message.commit > this.#commit + 1) {
      this.#behind = true
      return this.#stopLoading()
    }
    this.#commit = message.commit
    for (const [hour, series, names, tally] of message.changes) {
      this.mirror.learn(series, names)
      this.mirror.add(hour, series, tally)
    }
  }

  #stopLoading(): void {
    this.#loading?.close()
    this.#loading = undefined
  }

  /** Begins anew, from one state of the file. A file that cannot be read now is read when it is opened again. */
  #load(): void {
    this.#stopLoading()
    this.#behind = false
    this.mirror = new UsageMirror(mostSums)
    try {
      const db = openReader(this.#path)
      this.#loading = db
      db.exec("BEGIN")
      this.#commit = commitsIn(db)
      for (const row of db.prepare(`SELECT id, ${seriesColumns.join(", ")} FROM series`).all()) {
        const [id, purpose = "", model = "", category = "", source = "", key = "", error = ""] =
          Object.values(row).map(String)
        this.mirror.learn(Number(id), [purpose, model, category, source, key, error])
      }
      setImmediate(() => this.#loadOn(db))
    } catch {
      // Questions go to the file meanwhile, and say what is wrong with it.
      this.#stopLoading()
    }
  }

  /**
   * Takes in what is missing of the hours from `hour` on, as far as there is room. The file's own answer takes about as
   * long, and would have to be waited for again by the next question.
   */
  loadFrom(hour: number): void {
    while (this.#loading !== undefined && this.mirror.floor > hour) this.#loadDay(this.#loading)
  }

  /** Day by day, between whatever else is to do. */
  #loadOn(db: DatabaseSync): void {
    if (this.#closed || this.#loading !== db) return
    this.#loadDay(db)
    setImmediate(() => this.#loadOn(db))
  }

  /** Takes in the latest day that is not here, until there is none or no more room, or the file cannot be read. */
  #loadDay(db: DatabaseSync): void {
    try {
      const before = Math.min(this.mirror.floor, Number.MAX_SAFE_INTEGER)
      const latest = db.prepare("SELECT max(start) AS hour FROM rollup_hours WHERE start < ?").get(before)?.["hour"]
      if (typeof latest !== "number") {
        this.mirror.floor = 0
        return this.#stopLoading()
      }
      const day = Math.floor(latest / hoursPerDay)
      const statement = db.prepare(daySql)
      statement.setReturnArrays(true)
      const rows: ReadonlyArray<unknown> = statement.all(day * hoursPerDay, (day + 1) * hoursPerDay)
      // As arrays, which is asked for, and of integers, which the columns hold; a copy of each row costs seconds.
      if (!this.mirror.addDay(day, rows as ReadonlyArray<HourSum>)) this.#stopLoading()
    } catch {
      this.#stopLoading()
    }
  }
}
