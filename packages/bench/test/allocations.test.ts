/** The regression gate on counted work: no request allocates more than it did when the baseline was written. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { type Allocations, allocationsPerRequest, baselineFile, scripts, tolerance } from "../src/allocations.ts"

const baseline: Allocations = JSON.parse(readFileSync(baselineFile, "utf8"))

/** The kinds of request that allocate more than they may, each with its figures. */
const regressionsIn = (bytes: Allocations): ReadonlyArray<string> =>
  scripts.flatMap((kind) => {
    const [now = 0, before = 0] = [bytes[kind], baseline[kind]]
    return now > before * (1 + tolerance) ? [`${kind}: ${now} bytes, ${before} before`] : []
  })

// What else the machine does can only add to a count: the least of three is taken.
const bounded = { timeout: 120_000, retry: 2 }

describe("allocations per request", () => {
  it.live(
    "stay within the baseline (accept a new one with: pnpm bench --count)",
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(regressionsIn(yield* allocationsPerRequest(scripts)), [])
      }),
    bounded
  )

  it.live(
    "are noticed when 16 kB are added",
    () =>
      Effect.gen(function* () {
        const wasteful = fileURLToPath(new URL("wasteful.ts", import.meta.url))
        const bytes = yield* allocationsPerRequest(["json"], { NODE_OPTIONS: `--import=${wasteful}` })
        assert.match(regressionsIn(bytes).join(), /^json: /)
      }),
    bounded
  )
})
