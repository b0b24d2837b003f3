import * as fs from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { LedgerUnusable } from "../src/CostLedger.ts"
import { migrate, migrations } from "../src/ledger/database.ts"
import { during, entryOf, hour, newPath, open, opened, rowsIn, start, until, untilRetried } from "./ledgerTools.ts"

describe("a file", () => {
  it.effect("of version 0 gets the tables, and keeps what it has got from then on", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      fs.mkdirSync(dirname(path))
      fs.writeFileSync(path, "")
      yield* during(path, (ledger) => Effect.sync(() => ledger.appendAttempt(entryOf())))
      yield* during(path, (ledger) => Effect.sync(() => ledger.appendAttempt(entryOf())))
      assert.strictEqual(rowsIn(path, "SELECT 1 FROM attempts").length, 2)
      assert.deepStrictEqual(rowsIn(path, "PRAGMA user_version").map(Object.values), [[2]])
    })
  )

  it.effect("of version 1 keeps its sums, and says what it does not know", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      fs.mkdirSync(dirname(path))
      const db = new DatabaseSync(path)
      migrate(db, migrations.slice(0, 1))
      db.exec(`INSERT INTO runs VALUES (1, ${start});
        INSERT INTO series VALUES (7, 'chat', 'm/1', 'coding', 'keywords', 'anonymous', '');`)
      for (const [table, time] of [
        ["rollup_hours", start / hour],
        ["rollup_days", start / hour / 24]
      ] as const) {
        db.exec(
          `INSERT INTO ${table} (start, series, attempts, ok, reported, cost_rest) VALUES (${time}, 7, 3, 3, 3, 9)`
        )
      }
      db.close()
      const ledger = yield* open(path)
      ledger.appendAttempt(entryOf({ model: "m/1", cost: 1n, computedCost: 2n }))
      const { totals } = yield* ledger.usage({ groupBy: ["model"] })
      assert.deepInclude(totals, { attempts: 4, cost: 10n, compared: 1, comparedReported: 1n, comparedComputed: 2n })
      assert.strictEqual((yield* ledger.totals).cost, 10n)
    })
  )

  it("is brought from its version to the next, by all steps or none", () => {
    const db = new DatabaseSync(":memory:")
    const first = "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1)"
    migrate(db, [first])
    assert.throws(() => migrate(db, [first, "ALTER TABLE a ADD COLUMN y INTEGER", "no sql"]))
    assert.deepStrictEqual(db.prepare("SELECT * FROM a").all().map(Object.values), [[1]])
    migrate(db, [first, "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 5"])
    migrate(db, [first, "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 5"])
    assert.deepStrictEqual(db.prepare("SELECT * FROM a").all().map(Object.values), [[1, 5]])
  })

  const sound = Effect.fnUntraced(function* (path: string) {
    yield* during(path, (ledger) =>
      Effect.sync(() => {
        for (let index = 0; index < 500; index++) ledger.appendAttempt(entryOf({ requestId: `r-${index}` }))
      })
    )
    return fs.readFileSync(path)
  })

  const damages: ReadonlyArray<readonly [what: string, damage: (bytes: Buffer) => Buffer, says: RegExp]> = [
    ["is text", () => Buffer.from("this is no database\n".repeat(500)), /is not an SQLite database/],
    ["has lost a page in the middle", (bytes) => bytes.fill(0xa5, 8_192, 12_288), /is corrupt/],
    ["was cut off", (bytes) => bytes.subarray(0, 20_480), /is corrupt/],
    ["is another program's", (bytes) => Buffer.from(bytes.fill(0, 60, 64)), /is the database of another program/],
    ["is of a later version", (bytes) => Buffer.from(bytes.fill(9, 63, 64)), /was written by a newer version/]
  ]

  it.effect.each(damages)("that %s is refused by its name, and left as it is", ([, damage, says]) =>
    Effect.gen(function* () {
      const path = yield* newPath
      const damaged = damage(yield* sound(path))
      fs.writeFileSync(path, damaged)
      const error = yield* Effect.flip(during(path, () => Effect.void))
      assert.instanceOf(error, LedgerUnusable)
      assert.match(error.message, says)
      assert.include(error.message, path)
      assert.isTrue(fs.readFileSync(path).equals(damaged))
    })
  )

  it.effect("that is a directory is refused", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      fs.mkdirSync(path, { recursive: true })
      const error = yield* Effect.flip(during(path, () => Effect.void))
      assert.include(error.message, `${path} is not a file`)
    })
  )

  it.effect("where no directory can be made is refused", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(during("/proc/none/at/all/ledger.sqlite", () => Effect.void))
      assert.instanceOf(error, LedgerUnusable)
      assert.include(error.message, "/proc/none")
    })
  )

  it.effect("can be copied while it is written to; a copy replaces nothing", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const copy = `${path}.copy`
      const ledger = yield* open(path)
      ledger.appendAttempt(entryOf({ cost: 5n }))
      yield* ledger.backup(copy)
      ledger.appendAttempt(entryOf({ cost: 6n }))
      yield* ledger.committed
      const report = yield* during(copy, (copied) => copied.usage({ groupBy: [] }))
      assert.strictEqual(report.totals.cost, 5n)
      assert.deepStrictEqual(
        ["", "-wal", ".copy"].map((suffix) => fs.statSync(`${path}${suffix}`).mode & 0o777),
        [0o600, 0o600, 0o600]
      )
      const error = yield* Effect.flip(ledger.backup(copy))
      assert.match(error.message, /exists already/)
      assert.deepStrictEqual(
        fs.readdirSync(dirname(path)).filter((name) => name.endsWith(".tmp")),
        []
      )
    })
  )

  it.effect("that another router writes to as well has the entries of both, whoever is asked", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const ledgers = [yield* open(path), yield* open(path)]
      let appended = 0
      const append = Effect.fnUntraced(function* (ledger: (typeof ledgers)[number]) {
        ledger.appendAttempt(entryOf({ requestId: `r-${++appended}` }))
        yield* ledger.committed
      })
      const counted = Effect.forEach(ledgers, (ledger) =>
        Effect.map(ledger.usage({ groupBy: ["model"] }), ({ totals }) => totals.attempts)
      )
      assert.deepStrictEqual(yield* counted, [0, 0])
      for (const writing of [ledgers.slice(0, 1), ledgers.slice(1), ledgers, ledgers, ledgers.slice(0, 1)]) {
        yield* Effect.forEach(writing, append)
        assert.deepStrictEqual(yield* counted, [appended, appended])
        for (const ledger of ledgers) {
          assert.deepStrictEqual(
            yield* ledger.spending(start / (24 * hour)),
            new Map([["anonymous", BigInt(appended)]])
          )
        }
      }
    })
  )

  it.effect("that took the place of one that was moved away keeps what is written by whoever comes next", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const first = yield* opened(path)
      const append = Effect.fnUntraced(function* ({ ledger }: typeof first, requestId: string) {
        ledger.appendAttempt(entryOf({ requestId }))
        yield* ledger.committed
      })
      yield* append(first, "old")
      for (const suffix of ["", "-wal", "-shm"]) fs.renameSync(`${path}${suffix}`, `${path}.old${suffix}`)
      yield* append(first, "moved")
      const second = yield* opened(path)
      for (let index = 0; index < 10; index++) {
        yield* append(first, `first-${index}`)
        yield* append(second, `second-${index}`)
      }
      yield* first.close
      yield* second.close
      yield* during(path, (ledger) => Effect.sync(() => ledger.appendAttempt(entryOf({ requestId: "third" }))))
      assert.strictEqual(rowsIn(path, "SELECT DISTINCT request_id FROM attempts").length, 22)
    })
  )

  it.effect("that is moved away is made anew, and nothing more goes into the old one", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const ledger = yield* open(path)
      ledger.appendAttempt(entryOf({ requestId: "before" }))
      yield* ledger.committed
      for (const suffix of ["", "-wal", "-shm"]) fs.renameSync(`${path}${suffix}`, `${path}.old${suffix}`)
      ledger.appendAttempt(entryOf({ requestId: "after" }))
      yield* ledger.committed
      assert.deepStrictEqual(rowsIn(path, "SELECT request_id FROM attempts").map(Object.values), [["after"]])
      assert.deepStrictEqual(rowsIn(`${path}.old`, "SELECT request_id FROM attempts").map(Object.values), [["before"]])
    })
  )

  it.effect("that is emptied is told, for it begins anew", () => {
    const lines: Array<string> = []
    const layer = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
    return Effect.gen(function* () {
      const path = yield* newPath
      const ledger = yield* open(path)
      ledger.appendAttempt(entryOf({ requestId: "before" }))
      yield* ledger.committed
      // All of it goes from the log into the file, so that nothing is left of it but what is kept in memory.
      const db = new DatabaseSync(path)
      db.exec("PRAGMA wal_checkpoint(PASSIVE)")
      db.close()
      fs.truncateSync(path, 0)
      ledger.appendAttempt(entryOf({ requestId: "after" }))
      yield* ledger.committed
      yield* until(() => ledger.status().queued === 0)
      assert.deepStrictEqual(rowsIn(path, "SELECT request_id FROM attempts").map(Object.values), [["after"]])
      assert.lengthOf(
        lines.filter((line) => line.includes("was moved, removed or emptied")),
        1
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("that cannot be read is told, until it can be again", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const ledger = yield* open(path)
      ledger.appendAttempt(entryOf())
      yield* ledger.committed
      fs.renameSync(path, `${path}.aside`)
      fs.mkdirSync(path)
      const { message } = yield* Effect.flip(ledger.spending(0))
      assert.strictEqual(ledger.status().unreadable, message)
      fs.rmdirSync(path)
      fs.renameSync(`${path}.aside`, path)
      yield* untilRetried(() => ledger.status().unreadable === undefined)
    })
  )
})
