/** What is made of samples: medians, spreads, percentiles, and comparisons with the floor of the same round. */
import { assert, describe, it } from "@effect/vitest"
import type { Sample } from "../src/rounds.ts"
import { distributionOf, spreadOf } from "../src/statistics.ts"
import { summaryOf } from "../src/summary.ts"

describe("spreadOf", () => {
  it("takes the middle one, or the mean of the middle two", () => {
    assert.deepStrictEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 })
    assert.deepStrictEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 })
  })

  it("leaves out what was not measured", () => {
    assert.deepStrictEqual(spreadOf([undefined, 5, Number.NaN]), { median: 5, min: 5, max: 5 })
    assert.isUndefined(spreadOf([undefined]))
  })
})

describe("distributionOf", () => {
  it("gives percentiles", () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index)
    assert.deepStrictEqual(distributionOf(values), { p50: 51, p95: 96, p99: 100 })
    assert.isUndefined(distributionOf([]))
  })
})

describe("summaryOf", () => {
  const sample = (contestant: string, round: number, perSecond: number, p50: number, busy = 0.5): Sample => ({
    round,
    scenario: "json",
    contestant,
    perSecond,
    answers: 10,
    faults: round === 1 ? { "status 502": 2 } : {},
    latency: { p50, p95: p50, p99: p50 },
    first: undefined,
    eventsPerRead: undefined,
    reads: 10,
    cpuMicros: perSecond === 0 ? undefined : 1_000_000 / perSecond,
    upstreamCalls: 1,
    helpersBusy: busy,
    othersBusy: 0
  })

  it("compares each round with its own floor", () => {
    const samples = [
      sample("floor", 0, 1000, 1),
      sample("router", 0, 500, 3),
      // A round in which the machine had half the time for us: the ratio is the same.
      sample("floor", 1, 500, 2, 0.95),
      sample("router", 1, 250, 4, 0.95)
    ]
    const line = summaryOf(samples, "floor", 1).find(({ contestant }) => contestant === "router")
    assert.deepStrictEqual(line?.throughputRatio, { median: 0.5, min: 0.5, max: 0.5 })
    assert.deepStrictEqual(line?.cpuRatio, { median: 2, min: 2, max: 2 })
    assert.deepStrictEqual(line?.addedP50, { median: 2, min: 2, max: 2 })
    assert.strictEqual(line?.faults, 2)
    assert.isFalse(line?.isLowerBound)
  })

  it("says when the load side had no time left", () => {
    assert.isTrue(summaryOf([sample("floor", 0, 1000, 1, 0.95)], "floor", 1)[0]?.isLowerBound)
    assert.isFalse(summaryOf([sample("floor", 0, 1000, 1, 0.95)], "floor", 2)[0]?.isLowerBound)
  })
})
