import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { TestClock } from "effect/testing"
import { during, entryOf, newPath, open, opened, outcomeOf, rowsIn, until, untilRetried } from "./ledgerTools.ts"

/** Not dependencies: a machine that lets us mount has them. */
const [mount, unmount] = ["mount", "umount"]

const mounted = (directory: string, options: string): boolean =>
  spawnSync(mount, ["-t", "tmpfs", "-o", options, "tmpfs", directory]).status === 0

const canMount = (() => {
  const directory = fs.mkdtempSync(join(tmpdir(), "ledger-mount-"))
  const can = mounted(directory, "size=64k")
  if (can) spawnSync(unmount, [directory])
  fs.rmSync(directory, { recursive: true })
  return can
})()

/** The path of a ledger on a disk of its own, of half a megabyte. */
const smallDisk = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = fs.mkdtempSync(join(tmpdir(), "ledger-disk-"))
    mounted(directory, "size=512k")
    return directory
  }),
  (directory) =>
    Effect.sync(() => {
      spawnSync(unmount, ["-l", directory])
      fs.rmSync(directory, { recursive: true })
    })
).pipe(Effect.map((directory) => join(directory, "ledger.sqlite")))

/** Takes all the space there is. */
const fill = (path: string): void => {
  const file = fs.openSync(join(dirname(path), "filler"), "a")
  try {
    for (;;) fs.writeSync(file, Buffer.alloc(1_024))
  } catch {
    fs.closeSync(file)
  }
}
const free = (path: string): void => fs.rmSync(join(dirname(path), "filler"))

const remount = (path: string, how: "ro" | "rw"): void =>
  assert.strictEqual(spawnSync(mount, ["-o", `remount,${how}`, dirname(path)]).status, 0)

const countIn = (path: string): number => rowsIn(path, "SELECT 1 FROM attempts").length

/** What was logged. */
const captured = () => {
  const lines: Array<string> = []
  return { lines, layer: Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]) }
}

describe.skipIf(!canMount)("a full disk (needs root, to mount a small one)", () => {
  it.effect("lets nobody wait, is told once a minute, and everything is stored when there is space again", () => {
    const { layer, lines } = captured()
    return Effect.gen(function* () {
      const path = yield* smallDisk
      const ledger = yield* open(path)
      ledger.appendAttempt(entryOf({ requestId: "before" }))
      yield* ledger.committed
      fill(path)
      for (let index = 0; index < 3_000; index++) ledger.appendAttempt(entryOf({ cost: 2n }))
      yield* ledger.committed
      assert.strictEqual(ledger.status().state, "degraded")
      assert.match(ledger.status().message ?? "", /ledger\.sqlite: .*full/)
      yield* ledger.committed
      yield* TestClock.adjust("150 seconds")
      const told = lines.filter((line) => line.includes("cannot be stored"))
      assert.strictEqual(told.length, 3)
      ledger.appendRequest(outcomeOf())
      yield* ledger.committed
      free(path)
      yield* untilRetried(() => ledger.status().state === "ok" && ledger.status().queued < 3_002)
      assert.strictEqual(ledger.status().lost, 0)
      assert.strictEqual((yield* ledger.totals).cost, 6_001n)
    }).pipe(Effect.provide(layer))
  })

  it.effect("loses only what the queue does not hold, and counts it; the rest is stored once", () =>
    Effect.gen(function* () {
      const path = yield* smallDisk
      const ledger = yield* open(path, { queueEntries: 100 })
      fill(path)
      for (let index = 0; index < 100; index++) ledger.appendAttempt(entryOf({ requestId: `r-${index}` }))
      yield* ledger.committed
      yield* until(() => ledger.status().state === "degraded")
      for (let index = 0; index < 150; index++) ledger.appendAttempt(entryOf())
      const { lost, queued } = ledger.status()
      assert.strictEqual(queued, 100)
      assert.isAtLeast(lost, 150)
      free(path)
      yield* untilRetried(() => ledger.status().queued === 0)
      assert.strictEqual(countIn(path), 250 - lost)
      ledger.appendAttempt(entryOf())
      yield* ledger.committed
      assert.strictEqual(countIn(path), 251 - lost)
      assert.strictEqual(ledger.status().lost, lost)
      assert.strictEqual((yield* ledger.usage({ groupBy: [] })).totals.attempts, 251 - lost)
    })
  )

  it.effect("at the start does not keep the router from starting; what was there before is added later", () =>
    Effect.gen(function* () {
      const path = yield* smallDisk
      yield* during(path, (ledger) => Effect.sync(() => ledger.appendAttempt(entryOf({ cost: 5n }))))
      fill(path)
      const ledger = yield* open(path)
      assert.strictEqual(ledger.status().state, "degraded")
      ledger.appendAttempt(entryOf({ cost: 7n }))
      yield* ledger.committed
      assert.strictEqual((yield* ledger.totals).cost, 7n)
      free(path)
      yield* untilRetried(() => ledger.status().state === "ok" && ledger.status().queued === 0)
      assert.strictEqual((yield* ledger.totals).cost, 12n)
      assert.strictEqual(countIn(path), 2)
    })
  )

  it.effect("at the end holds nothing up", () =>
    Effect.gen(function* () {
      const path = yield* smallDisk
      const { close, ledger } = yield* opened(path)
      fill(path)
      for (let index = 0; index < 3_000; index++) ledger.appendAttempt(entryOf())
      yield* ledger.committed
      yield* close
      free(path)
      const reopened = yield* open(path)
      assert.strictEqual(reopened.status().state, "ok")
    })
  )
})

describe.skipIf(!canMount)("a read-only disk (needs root, to mount one)", () => {
  it.effect("is waited for, and written to once it can be", () =>
    Effect.gen(function* () {
      const path = yield* smallDisk
      yield* during(path, (ledger) => Effect.sync(() => ledger.appendAttempt(entryOf())))
      remount(path, "ro")
      const ledger = yield* open(path)
      ledger.appendAttempt(entryOf())
      yield* ledger.committed
      assert.strictEqual(ledger.status().state, "degraded")
      assert.strictEqual(ledger.status().queued, 1)
      const error = yield* Effect.flip(ledger.usage({ groupBy: [] }))
      assert.strictEqual(error._tag, "LedgerUnavailable")
      remount(path, "rw")
      yield* untilRetried(() => ledger.status().state === "ok" && ledger.status().queued === 0)
      assert.strictEqual(countIn(path), 2)
    })
  )
})

describe("a disk that does not answer", () => {
  it.effect("holds nobody up for longer than a moment", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const ledger = yield* open(path)
      // Whoever holds the lock keeps the writing thread waiting, as a disk does that hangs.
      const other = new DatabaseSync(path)
      other.exec("BEGIN IMMEDIATE")
      ledger.appendAttempt(entryOf())
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(ledger.status().state, "ok")
      yield* TestClock.adjust("2 seconds")
      assert.match(ledger.status().message ?? "", /has not answered for \d s/)
      yield* ledger.committed
      other.exec("ROLLBACK")
      other.close()
      yield* until(() => ledger.status().state === "ok")
      assert.strictEqual(countIn(path), 1)
    })
  )
})
