import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { LedgerEntry } from "../src/CostLedger.ts"
import { mostUsageRows, type UsageDimension, usageDimensions } from "../src/ledger/usage.ts"
import { entryOf, hour, newPath, open, outcomeOf, randomEntry, randomsOf, start } from "./ledgerTools.ts"

const day = 24 * hour

const valueOf: Record<UsageDimension, (entry: LedgerEntry) => string> = {
  model: ({ model }) => model,
  category: ({ category }) => category,
  source: ({ source }) => source,
  key: ({ keyId }) => keyId,
  purpose: ({ purpose }) => purpose,
  error: ({ error }) => error ?? "",
  day: ({ timeMillis }) => new Date(timeMillis).toISOString().slice(0, 10),
  hour: ({ timeMillis }) => `${new Date(timeMillis).toISOString().slice(0, 13)}:00:00.000Z`
}

/** The sums by adding up the entries one by one. */
const summed = (entries: ReadonlyArray<LedgerEntry>) => {
  const count = (of: (entry: LedgerEntry) => boolean) => entries.filter(of).length
  const sum = (of: (entry: LedgerEntry) => number) => entries.reduce((total, entry) => total + of(entry), 0)
  const money = (from: ReadonlyArray<LedgerEntry>) => from.reduce((total, { cost }) => total + cost, 0n)
  return {
    requests: 0,
    requestsOk: 0,
    attempts: entries.length,
    ok: count(({ outcome }) => outcome === "ok"),
    failed: count(({ outcome }) => outcome === "failed"),
    cut: count(({ outcome }) => outcome === "cut"),
    cancelled: count(({ outcome }) => outcome === "cancelled"),
    inputTokens: sum(({ inputTokens }) => inputTokens),
    cachedTokens: sum(({ cachedTokens }) => cachedTokens),
    outputTokens: sum(({ outputTokens }) => outputTokens),
    reasoningTokens: sum(({ reasoningTokens }) => reasoningTokens),
    cost: money(entries),
    wasted: money(entries.filter(({ outcome }) => outcome !== "ok")),
    reported: count(({ costSource }) => costSource === "reported"),
    priced: count(({ costSource }) => costSource === "priced"),
    estimated: count(({ costSource }) => costSource === "estimated"),
    unpriced: count(({ costSource }) => costSource === "unpriced"),
    ...comparison(entries)
  }
}

/** The entries whose cost was reported and could be computed. */
const comparison = (entries: ReadonlyArray<LedgerEntry>) => {
  const compared = entries.filter((entry) => entry.costSource === "reported" && entry.computedCost !== undefined)
  return {
    compared: compared.length,
    comparedReported: compared.reduce((total, { cost }) => total + cost, 0n),
    comparedComputed: compared.reduce((total, { computedCost }) => total + (computedCost ?? 0n), 0n)
  }
}

const bruteForce = (entries: ReadonlyArray<LedgerEntry>, groupBy: ReadonlyArray<UsageDimension>) =>
  Object.entries(
    Object.groupBy(entries, (entry) => JSON.stringify(groupBy.map((name) => [name, valueOf[name](entry)])))
  ).map(([key, group = []]) => ({ group: Object.fromEntries(JSON.parse(key)), ...summed(group) }))

const byGroup = (left: { readonly group: object }, right: { readonly group: object }) =>
  JSON.stringify(left.group) < JSON.stringify(right.group) ? -1 : 1

const groupings: ReadonlyArray<ReadonlyArray<UsageDimension>> = [
  [],
  ...usageDimensions.map((dimension) => [dimension]),
  ...usageDimensions.flatMap((first, index) => usageDimensions.slice(index + 1).map((second) => [first, second])),
  ["day", "model", "category", "source", "key", "purpose", "error"]
]

describe.each(["sqlite", "memory"])("usage of the %s ledger", (kind) => {
  const filled = Effect.fnUntraced(function* (entries: ReadonlyArray<LedgerEntry>) {
    const ledger = yield* open(kind === "memory" ? ":memory:" : yield* newPath)
    for (const entry of entries) ledger.appendAttempt(entry)
    return ledger
  })

  it.effect("is the sum of its entries, in every grouping and time", () =>
    Effect.gen(function* () {
      const random = randomsOf(7)
      const entries = Array.from({ length: 2_000 }, () => randomEntry(random))
      const ledger = yield* filled(entries)
      const times: ReadonlyArray<readonly [from: number | undefined, to: number | undefined]> = [
        [undefined, undefined],
        [start + 5 * hour, start + 2 * day + 3 * hour],
        [start + day, start + 2 * day],
        [start + 30 * hour, start + 40 * hour],
        [start + 2 * day, undefined],
        [start + 4 * day, undefined]
      ]
      for (const [fromMillis, toMillis] of times) {
        const within = entries.filter(
          ({ timeMillis }) => timeMillis >= (fromMillis ?? 0) && timeMillis < (toMillis ?? Number.POSITIVE_INFINITY)
        )
        for (const groupBy of groupings) {
          const report = yield* ledger.usage({ fromMillis, toMillis, groupBy })
          assert.deepStrictEqual(report.totals, summed(within))
          const expected = within.length === 0 && groupBy.length === 0 ? report.rows : bruteForce(within, groupBy)
          assert.deepStrictEqual(report.rows.toSorted(byGroup), expected.toSorted(byGroup))
          assert.isFalse(report.truncated)
        }
      }
      for (let today = start / day; today < start / day + 5; today++) {
        const expected = new Map<string, bigint>()
        for (const { cost, keyId, timeMillis } of entries) {
          if (Math.floor(timeMillis / day) === today) expected.set(keyId, (expected.get(keyId) ?? 0n) + cost)
        }
        assert.deepStrictEqual(yield* ledger.spending(today), expected)
      }
    })
  )

  it.effect("counts requests beside attempts", () =>
    Effect.gen(function* () {
      const ledger = yield* filled([entryOf({ model: "a/b" }), entryOf({ model: "c/d", purpose: "classification" })])
      ledger.appendRequest(outcomeOf({ model: "a/b" }))
      ledger.appendRequest(outcomeOf({ model: "a/b", success: false, error: "ChainExhausted" }))
      const { rows, totals } = yield* ledger.usage({ groupBy: ["model"] })
      assert.deepStrictEqual([totals.requests, totals.requestsOk, totals.attempts], [2, 1, 2])
      assert.deepStrictEqual(
        rows.toSorted(byGroup).map(({ attempts, group, requests }) => [group, requests, attempts]),
        [
          [{ model: "a/b" }, 2, 1],
          [{ model: "c/d" }, 0, 1]
        ]
      )
    })
  )

  it.effect("takes a bound within an hour for the whole hour", () =>
    Effect.gen(function* () {
      const ledger = yield* filled([entryOf({ timeMillis: start + 1 }), entryOf({ timeMillis: start + hour })])
      const attempts = Effect.fnUntraced(function* (fromMillis: number, toMillis: number) {
        return (yield* ledger.usage({ fromMillis, toMillis, groupBy: [] })).totals.attempts
      })
      assert.strictEqual(yield* attempts(start + 30_000, start + hour), 1)
      assert.strictEqual(yield* attempts(start + 30_000, start + hour + 1), 2)
      assert.strictEqual(yield* attempts(start + hour, start + 2 * hour), 1)
    })
  )

  it.effect("adds the largest amounts without a digit lost", () =>
    Effect.gen(function* () {
      const largest = 2n ** 63n - 1n
      const ledger = yield* filled([
        ...Array.from({ length: 300 }, () => entryOf({ cost: largest })),
        ...Array.from({ length: 300 }, () => entryOf({ cost: 1n, outcome: "failed" })),
        entryOf({ cost: -5n })
      ])
      const { totals } = yield* ledger.usage({ groupBy: [] })
      assert.strictEqual(totals.cost, 300n * largest + 295n)
      assert.strictEqual(totals.wasted, 300n)
    })
  )

  it.effect("orders rows by time, then by cost, and says when it left some off", () =>
    Effect.gen(function* () {
      const ledger = yield* filled(
        Array.from({ length: 10_050 }, (_, index) =>
          entryOf({
            timeMillis: start + Math.floor(index / 2) * hour,
            model: `m/${index % 2}`,
            cost: BigInt(index % 2)
          })
        )
      )
      const report = yield* ledger.usage({ groupBy: ["model", "hour"] })
      assert.deepStrictEqual(
        report.rows.slice(0, 3).map(({ group }) => Object.values(group)),
        [
          ["m/1", "2026-03-01T00:00:00.000Z"],
          ["m/0", "2026-03-01T00:00:00.000Z"],
          ["m/1", "2026-03-01T01:00:00.000Z"]
        ]
      )
      assert.isTrue(report.truncated)
      assert.strictEqual(report.rows.length, mostUsageRows)
      assert.strictEqual(report.totals.attempts, 10_050)
    })
  )

  it.effect("counts attempts that the caller left as cancelled, as their request is", () =>
    Effect.gen(function* () {
      const ledger = yield* filled([entryOf(), entryOf({ outcome: "cancelled", error: undefined })])
      ledger.appendRequest(outcomeOf({ success: false, error: "cancelled" }))
      const { rows } = yield* ledger.usage({ groupBy: ["error"] })
      assert.deepStrictEqual(
        new Map(rows.map(({ attempts, group, requests }) => [group.error, [attempts, requests]])),
        new Map([
          ["", [1, 0]],
          ["cancelled", [1, 1]]
        ])
      )
    })
  )
})
