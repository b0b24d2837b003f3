/** A whole run, as short as it gets: the processes work together, and every answer is the one that was asked for. */
import { existsSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "../src/bench.ts"
import { reportOf } from "../src/report.ts"

const shortest = { quick: true, rounds: 1, json: undefined, count: false }

describe.runIf(existsSync("/proc/self/stat"))("a run", () => {
  it.live(
    "measures the router and the floor without a fault",
    () =>
      Effect.gen(function* () {
        const scenarios = ["json", "stream", "missing"]
        const lines: Array<string> = []
        const result = yield* Effect.scoped(
          run({ ...shortest, only: ["keywords"], scenarios }, (line) => void lines.push(line))
        )
        assert.deepStrictEqual(
          result.summary.map(({ contestant, faults, scenario, upstreamCalls }) => ({
            scenario,
            contestant,
            faults,
            calls: Math.round(upstreamCalls?.median ?? 0)
          })),
          scenarios.flatMap((scenario) =>
            ["floor", "keywords"].map((contestant) => ({
              scenario,
              contestant,
              faults: 0,
              calls: scenario === "missing" ? 2 : 1
            }))
          )
        )
        assert.include(lines, "round 1 of 1")
        assert.match(reportOf(result), /\| floor .*\| 1\.00 \[1\.00 to 1\.00\]/)
      }),
    120_000
  )
})
