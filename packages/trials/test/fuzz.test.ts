/** A small part of `pnpm fuzz`, the same every time. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fuzz } from "../src/fuzz.ts"
import { fuzzStreams } from "../src/sseFuzz.ts"

it.live(
  "every endpoint answers what nobody meant: in time, in the envelope, and lives on",
  () =>
    Effect.gen(function* () {
      const { alive, exitCode, reports } = yield* fuzz({
        inputs: 150,
        seed: 20_261_122,
        clients: 8,
        progress: () => undefined
      })
      assert.deepStrictEqual(
        reports.map(({ family, faults }) => [family, faults]),
        ["chat", "reads", "config", "circuits", "wire"].map((family) => [family, []])
      )
      // Right requests were among them.
      assert.isAbove(reports[0]?.statuses["200"] ?? 0, 0)
      assert.isTrue(alive)
      assert.strictEqual(exitCode, 0)
    }),
  120_000
)

it("event streams are read the same however they come apart", () => {
  fuzzStreams(2_000, 20_261_122)
}, 60_000)
