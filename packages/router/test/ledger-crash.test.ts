import { spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { vi } from "vitest"
import { attemptRowOf } from "../src/ledger/rows.ts"
import { LedgerStore } from "../src/ledger/store.ts"
import { places } from "../src/ledger/tally.ts"
import { during, entryOf, newPath, open, randomsOf, rowsIn, start, until, untilRetried } from "./ledgerTools.ts"

const writer = fileURLToPath(new URL("./fixtures/ledger-writer.ts", import.meta.url))

/** The numbers that a writing process printed before it was killed, which it is after so many. */
const killedAfter = (path: string, first: number, count: number): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(
    () =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, [writer, path, String(first), "16", "0"], {
          stdio: ["ignore", "pipe", "inherit"]
        })
        const printed: Array<string> = []
        const lines = createInterface({ input: child.stdout })
        lines.on("line", (line) => void (printed.push(line) === count && child.kill("SIGKILL")))
        lines.once("close", () => resolve(printed))
      })
  )

const storedIn = (path: string) =>
  rowsIn(path, "SELECT request_id FROM attempts").map((row) => String(row["request_id"]))

describe("kill -9", () => {
  it.effect(
    "loses no entry that was committed, in 20 rounds with 16 writers",
    () =>
      Effect.gen(function* () {
        const path = yield* newPath
        const random = randomsOf(11)
        const acknowledged: Array<string> = []
        for (let round = 0; round < 20; round++) {
          const count = 1 + Math.floor(random() * 400)
          acknowledged.push(...(yield* killedAfter(path, round * 1_000_000, count)))
        }
        const totals = yield* during(path, (ledger) => ledger.totals)
        const stored = storedIn(path)
        assert.isAbove(acknowledged.length, 1_000)
        assert.deepStrictEqual(
          acknowledged.filter((number) => !new Set(stored).has(number)),
          []
        )
        assert.strictEqual(new Set(stored).size, stored.length)
        assert.strictEqual(
          totals.cost,
          stored.reduce((sum, number) => sum + BigInt(number), 0n)
        )
      }),
    120_000
  )
})

describe("the writing thread", () => {
  it.effect("that dies is replaced, and what it had under way is stored once", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const ledger = yield* open(path)
      const posted = vi.spyOn(Worker.prototype, "postMessage")
      for (let round = 0; round < 5; round++) {
        for (let index = 0; index < 300; index++) ledger.appendAttempt(entryOf({ requestId: `${round}-${index}` }))
        posted.mockClear()
        yield* until(() => posted.mock.contexts.length > 0)
        const [worker] = posted.mock.contexts
        yield* Effect.promise(async () => worker instanceof Worker && worker.terminate())
        // Nobody waits for a ledger that is out of order.
        yield* ledger.committed
        yield* until(() => ledger.status().state === "degraded")
        yield* untilRetried(() => ledger.status().queued === 0)
        assert.strictEqual(ledger.status().state, "ok")
      }
      posted.mockRestore()
      const stored = storedIn(path)
      assert.strictEqual(stored.length, 1_500)
      assert.strictEqual(new Set(stored).size, 1_500)
      assert.strictEqual((yield* ledger.usage({ groupBy: [] })).totals.attempts, 1_500)
    })
  )
})

describe("a log that was cut off", () => {
  it.effect(
    "at any byte leaves a prefix of the commits, each whole, with its sums",
    () =>
      Effect.gen(function* () {
        const path = yield* newPath
        const random = randomsOf(3)
        const store = new LedgerStore(path, undefined, start)
        const ends = [0]
        for (let batch = 0; batch < 60; batch++) {
          const from = ends.at(-1) ?? 0
          const size = 1 + Math.floor(random() * 40)
          store.write(
            Array.from({ length: size }, (_, index) =>
              attemptRowOf(from + index + 1, entryOf({ requestId: String(from + index + 1), model: `m/${index % 3}` }))
            )
          )
          ends.push(from + size)
        }
        const whole = fs.readFileSync(path)
        const log = fs.readFileSync(`${path}-wal`)
        store.close()
        const directory = join(dirname(path), "cut")
        const cutPath = join(directory, "ledger.sqlite")
        const prefixes = new Set<number>()
        for (let round = 0; round < 300; round++) {
          fs.rmSync(directory, { recursive: true, force: true })
          fs.mkdirSync(directory)
          fs.writeFileSync(cutPath, whole)
          fs.writeFileSync(`${cutPath}-wal`, log.subarray(0, Math.floor(random() * (log.length + 1))))
          const cut = new LedgerStore(cutPath, undefined, start)
          const summed = cut.snapshot().sums.reduce((sum, { tally }) => sum + (tally[places.attempts] ?? 0), 0)
          cut.close()
          const stored = storedIn(cutPath)
          assert.deepStrictEqual(
            stored,
            stored.map((_, index) => String(index + 1))
          )
          assert.include(ends, stored.length)
          assert.strictEqual(summed, stored.length)
          prefixes.add(stored.length)
        }
        assert.isAbove(prefixes.size, 30)
      }),
    120_000
  )
})

/** Not a dependency: the machine has it, or the test is left out. */
const tracer = "strace"
const canTrace = spawnSync(tracer, ["-f", "-e", "trace=none", "true"]).status === 0

describe("a commit", () => {
  it.effect.skipIf(!canTrace)("is synced before it is told (needs strace)", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const trace = `${dirname(dirname(path))}/trace`
      const commits = 100
      const options = ["-f", "-e", "trace=fsync,fdatasync,write", "-s", "12", "-o", trace]
      const run = spawnSync(tracer, [...options, process.execPath, writer, path, "0", "1", String(commits)])
      assert.strictEqual(run.status, 0)
      // One writer that waits each time: between two printed numbers lies at least one sync that ended well.
      const events = fs
        .readFileSync(trace, "utf8")
        .split("\n")
        .flatMap((line) => {
          if (/(fsync|fdatasync)(\(| resumed).*= 0$/.test(line)) return ["sync"]
          return /write\(1, "\d+\\n"/.test(line) ? ["told"] : []
        })
        .join(" ")
      assert.strictEqual(events.match(/told/g)?.length, commits)
      assert.notMatch(events, /told told/)
      assert.isAtLeast(events.match(/sync/g)?.length ?? 0, commits)
    })
  )
})
