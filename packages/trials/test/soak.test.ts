/** A small part of `pnpm soak`. */
import { FakeOllama } from "@llm-router/testing/FakeOllama"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { faultsOf, soak } from "../src/soak.ts"

it.live(
  "amid faults, leavers, changes and a full disk every request is accounted for exactly once",
  () =>
    Effect.gen(function* () {
      const report = yield* soak({
        requests: 1_500,
        minutes: 1,
        clients: 32,
        seed: 20_261_122,
        faults: 20,
        leavers: 5,
        progress: () => undefined
      })
      assert.deepStrictEqual(faultsOf(report), [])
      assert.deepStrictEqual(report.wrong, [])
      const { cut, failed, left, whole } = report.accounts.seen
      for (const count of [whole, failed, cut, left]) assert.isAbove(count, 0)
    }).pipe(Effect.provide(FakeOllama.layer)),
  180_000
)
