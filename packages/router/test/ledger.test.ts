import * as fs from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { LedgerUnusable } from "../src/CostLedger.ts"
import { migrate } from "../src/ledger/database.ts"
import { attemptRowOf } from "../src/ledger/rows.ts"
import { LedgerStore } from "../src/ledger/store.ts"
import { during, entryOf, hour, newPath, open, opened, outcomeOf, rowsIn, start, until } from "./ledgerTools.ts"

describe("an entry", () => {
  it.effect("is there with all it says when the ledger is opened again", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const entry = entryOf({
        requestId: "r-1",
        outcome: "cut",
        error: "CutOff",
        status: null,
        stream: true,
        cachedTokens: 3,
        reasoningTokens: 2,
        cost: 123_456_789_012_345n,
        generationId: "gen-1"
      })
      yield* during(path, (ledger) =>
        Effect.sync(() => {
          ledger.appendAttempt(entry)
          ledger.appendRequest(outcomeOf({ requestId: "r-1", success: false, error: "CutOff" }))
        })
      )
      assert.deepStrictEqual(
        rowsIn(path, "SELECT * FROM attempts").map((row) => ({ ...row })),
        [
          {
            id: 2 ** 40 + 1,
            time: start,
            request_id: "r-1",
            purpose: "chat",
            category: "coding",
            source: "keywords",
            model: "z-ai/glm-5",
            answered_by: "z-ai/glm-5",
            attempt: 1,
            outcome: "cut",
            error: "CutOff",
            status: null,
            stream: 1,
            input_tokens: 10,
            cached_tokens: 3,
            output_tokens: 5,
            reasoning_tokens: 2,
            cost_pico_usd: 123_456_789_012_345,
            cost_source: "reported",
            first_token_ms: 20,
            duration_ms: 40,
            generation_id: "gen-1",
            key_id: "anonymous",
            computed_pico_usd: null
          }
        ]
      )
    })
  )

  it.effect("is committed when `committed` returns, together with what was appended in one go", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const ledger = yield* open(path)
      ledger.appendAttempt(entryOf())
      ledger.appendRequest(outcomeOf())
      yield* ledger.committed
      assert.strictEqual(rowsIn(path, "SELECT 1 FROM attempts UNION ALL SELECT 1 FROM requests").length, 2)
      yield* ledger.committed
      assert.deepStrictEqual(ledger.status(), { state: "ok", message: undefined, queued: 0, lost: 0 })
    })
  )

  it.effect("fits its columns whatever an upstream reports", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      yield* during(path, (ledger) =>
        Effect.sync(() =>
          ledger.appendAttempt(
            entryOf({
              inputTokens: Number.NaN,
              outputTokens: Number.POSITIVE_INFINITY,
              cachedTokens: -1,
              reasoningTokens: 1.5,
              cost: 10n ** 40n,
              model: `x${"\uD800".repeat(1_000)}`,
              durationMillis: -5
            })
          )
        )
      )
      const [stored] = rowsIn(
        path,
        "SELECT input_tokens, output_tokens, cached_tokens, reasoning_tokens, duration_ms, CAST(cost_pico_usd AS TEXT) AS cost FROM attempts"
      )
      assert.deepStrictEqual(
        { ...stored },
        {
          input_tokens: 0,
          output_tokens: 0,
          cached_tokens: 0,
          reasoning_tokens: 2,
          duration_ms: 0,
          cost: "9223372036854775807"
        }
      )
    })
  )

  it.effect("is stored once, however often it is sent", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const store = new LedgerStore(path, undefined, start)
      const rows = [1, 2, 3].map((sequence) => attemptRowOf(sequence, entryOf({ cost: 7n })))
      store.write(rows.slice(0, 2))
      store.close()
      const again = new LedgerStore(path, store.run, start)
      again.write(rows)
      again.close()
      assert.strictEqual(rowsIn(path, "SELECT 1 FROM attempts").length, 3)
      assert.deepStrictEqual(rowsIn(path, "SELECT attempts, cost_rest FROM rollup_hours").map(Object.values), [[3, 21]])
      const next = new LedgerStore(path, undefined, start)
      next.write(rows)
      next.close()
      assert.strictEqual(rowsIn(path, "SELECT 1 FROM attempts").length, 6)
    })
  )
})

describe("batches", () => {
  it.effect("an idle ledger commits at once; what comes meanwhile is committed together, 256 at most", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const ledger = yield* open(path)
      const appended: Array<number> = []
      const queuedAfter: Array<number> = []
      // Whoever waits is released by the commit of the batch that holds its entry.
      const waiting = Effect.suspend(() => {
        ledger.appendAttempt(entryOf({ requestId: String(appended.push(appended.length)) }))
        return Effect.andThen(
          ledger.committed,
          Effect.sync(() => queuedAfter.push(ledger.status().queued))
        )
      })
      yield* Effect.all(
        Array.from({ length: 1_000 }, () => waiting),
        { concurrency: "unbounded" }
      )
      const steps = [...new Set(queuedAfter)]
      assert.isAtMost(steps.length, 6)
      assert.strictEqual(steps.at(-1), 0)
      const gaps = [1_000, ...steps].slice(0, -1).map((before, index) => before - (steps[index] ?? 0))
      assert.isAtMost(Math.max(...gaps), 256)
    })
  )
})

describe("totals", () => {
  it.effect("survive a restart, with the last requests and their latencies", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const before = yield* during(path, (ledger) =>
        Effect.gen(function* () {
          for (let index = 0; index < 1_200; index++) {
            const model = `m/${index % 3}`
            ledger.appendAttempt(
              entryOf({ model, cost: BigInt(index), costSource: index % 2 === 0 ? "priced" : "unpriced" })
            )
            ledger.appendRequest(
              outcomeOf({
                requestId: `r-${index}`,
                model,
                latencyMillis: index,
                success: index % 5 !== 0,
                cost: BigInt(index)
              })
            )
          }
          return yield* ledger.totals
        })
      )
      yield* TestClock.adjust("1 day")
      const after = yield* during(path, (ledger) => ledger.totals)
      assert.deepStrictEqual(after, before)
      assert.strictEqual(after.recentLatencies.length, 1_000)
      assert.strictEqual(after.recentRequests.at(-1)?.requestId, "r-1199")
      assert.deepStrictEqual(after.requests, { total: 1_200, success: 960, failed: 240 })
    })
  )
})

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
})

describe("retention", () => {
  it.effect("entries older than it go, bit by bit, and their sums stay", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      yield* TestClock.setTime(start + 240 * hour - 30_000)
      const ledger = yield* open(path, { retentionDays: 10 })
      for (let index = 0; index < 1_234; index++) {
        ledger.appendAttempt(entryOf())
        ledger.appendRequest(outcomeOf())
      }
      ledger.appendAttempt(entryOf({ timeMillis: start + 12 * hour }))
      yield* ledger.committed
      const left = () => rowsIn(path, "SELECT time FROM attempts UNION ALL SELECT time FROM requests")
      yield* TestClock.adjust("1 minute")
      yield* until(() => left().length === 1)
      assert.deepStrictEqual(left().map(Object.values), [[start + 12 * hour]])
      const { totals } = yield* ledger.usage({ groupBy: [] })
      assert.deepStrictEqual([totals.attempts, totals.requests, totals.cost], [1_235, 1_234, 1_235n])
    })
  )
})

describe("the end", () => {
  it.effect("stores what is queued and leaves one file", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const { close, ledger } = yield* opened(path)
      for (let index = 0; index < 3_000; index++) ledger.appendAttempt(entryOf())
      yield* close
      assert.deepStrictEqual(fs.readdirSync(dirname(path)), ["ledger.sqlite"])
      assert.strictEqual(rowsIn(path, "SELECT 1 FROM attempts").length, 3_000)
    })
  )
})
