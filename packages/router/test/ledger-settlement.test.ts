import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Settlement, type UnsettledEntry, unsettledOf } from "../src/ledger/entry.ts"
import { during, entryOf, hour, newPath, open, opened, outcomeOf, rowsIn, start } from "./ledgerTools.ts"

const guessed = entryOf({
  requestId: "r-1",
  timeMillis: start + 5 * hour,
  outcome: "cancelled",
  costSource: "estimated",
  cost: 700n,
  inputTokens: 10,
  outputTokens: 5,
  generationId: "gen-1"
})

/** The request that it was left with. */
const asked = outcomeOf({ requestId: "r-1", timeMillis: guessed.timeMillis, cost: 700n })

const entry: UnsettledEntry = { ...guessed, generationId: "gen-1", costSource: "estimated" }
const settlement: Settlement = {
  entry,
  settledAtMillis: start + 7 * hour,
  cost: 1_000_000_000_001n,
  inputTokens: 12,
  cachedTokens: 4,
  outputTokens: 2,
  reasoningTokens: 1
}

describe("what may be settled", () => {
  it("is what was guessed at and has a name", () => {
    assert.deepInclude(unsettledOf(guessed), { generationId: "gen-1", cost: 700n })
    assert.deepInclude(unsettledOf({ ...guessed, costSource: "unpriced" }), { costSource: "unpriced" })
    assert.isUndefined(unsettledOf({ ...guessed, generationId: undefined }))
    assert.isUndefined(unsettledOf({ ...guessed, costSource: "reported" }))
    assert.isUndefined(unsettledOf({ ...guessed, costSource: "priced" }))
  })
})

describe.each(["sqlite", "memory"])("a settlement in the %s ledger", (kind) => {
  it.effect("moves the guess to what was billed, in the hour of the attempt", () =>
    Effect.gen(function* () {
      const ledger = yield* open(kind === "memory" ? ":memory:" : yield* newPath)
      ledger.appendAttempt(guessed)
      ledger.appendRequest(asked)
      ledger.appendSettlement(settlement)
      const { rows, totals } = yield* ledger.usage({ groupBy: ["hour"] })
      assert.deepInclude(totals, {
        attempts: 1,
        cancelled: 1,
        estimated: 0,
        reported: 1,
        inputTokens: 12,
        cachedTokens: 4,
        outputTokens: 2,
        reasoningTokens: 1,
        cost: 1_000_000_000_001n,
        wasted: 1_000_000_000_001n,
        compared: 1,
        comparedReported: 1_000_000_000_001n,
        comparedComputed: 700n
      })
      assert.deepInclude(
        rows.find(({ group }) => group.hour === "2026-03-01T05:00:00.000Z"),
        { cost: 1_000_000_000_001n, attempts: 1 }
      )
      const sums = yield* ledger.totals
      assert.strictEqual(sums.cost, 1_000_000_000_001n)
      assert.strictEqual(sums.recentRequests[0]?.cost, 1_000_000_000_001n)
      assert.deepStrictEqual(ledger.drift().get("z-ai/glm-5"), {
        compared: 1,
        reported: 1_000_000_000_001n,
        computed: 700n
      })
    })
  )

  it.effect("changes the request it belongs to, of those that share its id", () =>
    Effect.gen(function* () {
      const path = kind === "memory" ? ":memory:" : yield* newPath
      const others = [
        outcomeOf({ ...asked, timeMillis: asked.timeMillis - 60_000 }),
        outcomeOf({ ...asked, keyId: "another" }),
        outcomeOf({ ...asked, timeMillis: asked.timeMillis + 60_000 })
      ] as const
      const { close, ledger } = yield* opened(path)
      ledger.appendAttempt(guessed)
      for (const outcome of [others[0], asked, others[1], others[2]]) ledger.appendRequest(outcome)
      ledger.appendSettlement(settlement)
      const { recentRequests } = yield* ledger.totals
      yield* close
      const expected = [700n, settlement.cost, 700n, 700n]
      assert.deepStrictEqual(
        recentRequests.map(({ cost }) => cost),
        expected
      )
      const again = yield* (yield* open(path)).totals
      assert.deepStrictEqual(
        again.recentRequests.map(({ cost }) => cost),
        kind === "memory" ? [] : expected
      )
    })
  )

  it.effect("gives an unpriced attempt a price, and compares it with nothing", () =>
    Effect.gen(function* () {
      const ledger = yield* open(kind === "memory" ? ":memory:" : yield* newPath)
      ledger.appendAttempt({ ...guessed, costSource: "unpriced", cost: 0n })
      ledger.appendSettlement({ ...settlement, entry: { ...entry, costSource: "unpriced", cost: 0n }, cost: 5n })
      const { totals } = yield* ledger.usage({ groupBy: [] })
      assert.deepInclude(totals, { unpriced: 0, reported: 1, cost: 5n, compared: 0 })
      assert.strictEqual((yield* ledger.totals).unpricedRequests, 0)
    })
  )

  it.effect("is awaited by whoever listens", () =>
    Effect.gen(function* () {
      const ledger = yield* open(kind === "memory" ? ":memory:" : yield* newPath)
      const heard: Array<string> = []
      ledger.onUnsettled(({ generationId }) => heard.push(generationId))
      ledger.appendAttempt(entryOf({ generationId: "gen-0" }))
      ledger.appendAttempt(guessed)
      assert.deepStrictEqual(heard, ["gen-1"])
    })
  )
})

describe("a settlement on disk", () => {
  it.effect("is kept beside its entry, which stays as it was, and counts once over restarts", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      yield* during(path, (ledger) =>
        Effect.sync(() => {
          ledger.appendAttempt(guessed)
          ledger.appendRequest(asked)
          ledger.appendSettlement(settlement)
        })
      )
      yield* during(path, (ledger) => Effect.sync(() => ledger.appendSettlement(settlement)))
      const ledger = yield* open(path)
      const { totals } = yield* ledger.usage({ groupBy: [] })
      assert.deepInclude(totals, { cost: 1_000_000_000_001n, reported: 1, estimated: 0 })
      const sums = yield* ledger.totals
      assert.strictEqual(sums.cost, 1_000_000_000_001n)
      assert.strictEqual(sums.recentRequests[0]?.cost, 1_000_000_000_001n)
      assert.strictEqual(ledger.drift().get("z-ai/glm-5")?.compared, 1)
      assert.deepStrictEqual(rowsIn(path, "SELECT cost_pico_usd, cost_source FROM attempts").map(Object.values), [
        [700, "estimated"]
      ])
      assert.strictEqual(rowsIn(path, "SELECT 1 FROM settlements").length, 1)
    })
  )

  it.effect("corrects nothing that is not there", () =>
    Effect.gen(function* () {
      const ledger = yield* open(yield* newPath)
      ledger.appendAttempt({ ...guessed, requestId: "another" })
      ledger.appendSettlement(settlement)
      const { totals } = yield* ledger.usage({ groupBy: [] })
      assert.deepInclude(totals, { cost: 700n, estimated: 1, reported: 0 })
    })
  )

  it.effect("is still to be made for the entries of an earlier run, the latest first to be kept", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const at = (index: number) => ({ ...guessed, timeMillis: start + index * hour, generationId: `gen-${index}` })
      yield* during(path, (ledger) =>
        Effect.sync(() => {
          for (let index = 0; index < 6; index++) ledger.appendAttempt({ ...at(index), requestId: `r-${index}` })
          ledger.appendAttempt(entryOf({ timeMillis: start + 9 * hour, generationId: "gen-9" }))
          ledger.appendSettlement({
            ...settlement,
            entry: { ...entry, requestId: "r-4", timeMillis: start + 4 * hour, generationId: "gen-4" }
          })
        })
      )
      const ledger = yield* open(path)
      const ids = (entries: ReadonlyArray<UnsettledEntry>) => entries.map(({ generationId }) => generationId)
      assert.deepStrictEqual(ids(yield* ledger.unsettledSince(start + hour, 10)), ["gen-1", "gen-2", "gen-3", "gen-5"])
      const [last] = yield* ledger.unsettledSince(start, 1)
      assert.deepInclude(entry, { ...last, requestId: "r-1", generationId: "gen-1" })
      assert.strictEqual(last?.generationId, "gen-5")
    })
  )
})
