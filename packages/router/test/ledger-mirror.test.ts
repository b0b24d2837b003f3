import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { UsageMirror } from "../src/ledger/mirror.ts"
import { hoursPerDay, Rollup, type Series } from "../src/ledger/rollup.ts"
import { attemptRowOf } from "../src/ledger/rows.ts"
import { addTally, places } from "../src/ledger/tally.ts"
import { groupedUsage, type UsageDimension, usageOfRollup, usageReportOf } from "../src/ledger/usage.ts"
import { entryOf, hour, newPath, open, opened, randomEntry, randomsOf, start } from "./ledgerTools.ts"

const rowsOf = (seed: number, count: number) => {
  const random = randomsOf(seed)
  return Array.from({ length: count }, () => attemptRowOf(0, randomEntry(random)))
}

/** The rows' sums, with numbers for their series. */
const numbered = (rows: ReturnType<typeof rowsOf>, numbers: Map<string, number>) => {
  const rollup = new Rollup()
  for (const row of rows) rollup.add(row)
  return [...rollup.sums.values()].map((sum) => {
    const name = sum.series.join("\0")
    const number = numbers.get(name) ?? numbers.size + 1
    numbers.set(name, number)
    return { ...sum, number }
  })
}

const firstDay = start / (hoursPerDay * hour)

/** A mirror that loaded `before` and was told of `after` in commits of some rows each. */
const mirrorOf = (before: ReturnType<typeof rowsOf>, after: ReturnType<typeof rowsOf>, mostSums = 1_000_000) => {
  const numbers = new Map<string, number>()
  const mirror = new UsageMirror(mostSums)
  const learn = (number: number, series: Series) => mirror.learn(number, series)
  const loaded = numbered(before, numbers)
  for (const { number, series } of loaded) learn(number, series)
  for (const day of [2, 1, 0].map((each) => firstDay + each)) {
    const sums = loaded.filter((sum) => Math.floor(sum.hour / hoursPerDay) === day)
    const inOrder = sums.toSorted((left, right) => left.hour - right.hour)
    if (
      !mirror.addDay(
        day,
        inOrder.map(({ hour: at, number, tally }) => [at, number, ...tally])
      )
    )
      return mirror
  }
  for (let index = 0; index < after.length; index += 7) {
    for (const { hour: at, number, series, tally } of numbered(after.slice(index, index + 7), numbers)) {
      learn(number, series)
      mirror.add(at, number, tally)
    }
  }
  return mirror
}

const groupings: ReadonlyArray<ReadonlyArray<UsageDimension>> = [
  [],
  ["model"],
  ["hour"],
  ["day"],
  ["day", "hour", "key"],
  ["hour", "model", "category", "source"],
  ["error", "purpose"]
]

describe("sums in memory", () => {
  it("are those of their rows, loaded or told of, in every grouping and time", () => {
    const [before, after] = [rowsOf(3, 2_000), rowsOf(4, 7_000)]
    const mirror = mirrorOf(before, after)
    const rollup = new Rollup()
    for (const row of [...before, ...after]) rollup.add(row)
    for (const [fromMillis, toMillis] of [
      [start, start + 72 * hour],
      [start + 5 * hour, start + 29 * hour],
      [start + 24 * hour, start + 48 * hour],
      [start + 90 * hour, start + 91 * hour]
    ] as const) {
      for (const groupBy of groupings) {
        const { rows, totals } = mirror.ask(groupBy, fromMillis / hour, toMillis / hour)
        const report = usageReportOf(groupBy, groupedUsage(groupBy, rows, totals))
        const expected = usageReportOf(groupBy, usageOfRollup({ fromMillis, toMillis, groupBy }, rollup))
        assert.deepStrictEqual(report.totals, expected.totals)
        const byGroup = (left: { readonly group: object }, right: { readonly group: object }) =>
          JSON.stringify(left.group) < JSON.stringify(right.group) ? -1 : 1
        assert.deepStrictEqual(report.rows.toSorted(byGroup), expected.rows.toSorted(byGroup))
      }
    }
  })

  it("are of as many days as there is room for, the latest", () => {
    const mirror = mirrorOf(rowsOf(5, 30_000), [], 10_000)
    assert.isAtMost(mirror.size, 10_000)
    assert.isAbove(mirror.floor, start / hour)
    assert.isBelow(mirror.floor, start / hour + 72)
  })

  it("give up the earliest day when later ones take its room", () => {
    const rows = rowsOf(6, 4_000)
    const mirror = mirrorOf(rows, [], 12_000)
    const floor = mirror.floor
    assert.strictEqual(floor, start / hour)
    const later = rowsOf(7, 30_000).map((row) => row.with(2, Number(row[2]) + 72 * hour) as unknown as typeof row)
    const numbers = new Map<string, number>()
    for (const { hour: at, number, series, tally } of numbered(later, numbers)) {
      mirror.learn(10_000 + number, series)
      mirror.add(at, 10_000 + number, tally)
    }
    assert.isAbove(mirror.floor, floor)
    assert.isAtMost(mirror.size, 12_000)
  })
})

describe("a ledger that answers from memory", () => {
  it.effect("knows of each commit, also while the sums are loaded", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const earlier = yield* opened(path)
      for (let index = 0; index < 500; index++)
        earlier.ledger.appendAttempt(entryOf({ timeMillis: start - index * hour }))
      yield* earlier.close
      const ledger = yield* open(path)
      for (let index = 1; index <= 300; index++) {
        ledger.appendAttempt(entryOf({ timeMillis: start + index * 60_000, model: `m/${index % 5}` }))
        const { rows, totals } = yield* ledger.usage({ groupBy: index % 2 === 0 ? ["hour", "model"] : ["model"] })
        assert.strictEqual(totals.attempts, 500 + index)
        assert.strictEqual(
          rows.reduce((sum, { attempts }) => sum + attempts, 0),
          500 + index
        )
      }
    })
  )
})

describe("sums that live as long as the process", () => {
  it("are bounded: what is beyond goes under other, and is not lost", () => {
    const rollup = new Rollup(100)
    for (let index = 0; index < 1_000; index++) rollup.add(attemptRowOf(0, entryOf({ model: `m/${index}`, cost: 1n })))
    assert.isAtMost(rollup.sums.size, 101)
    const total = Array.from({ length: 25 }, () => 0)
    for (const { tally } of rollup.sums.values()) addTally(total, tally)
    assert.strictEqual(total[places.attempts], 1_000)
    assert.strictEqual(total[places.cost_rest], 1_000)
  })
})
