/** Small parts of `pnpm attack`. Speeds are for a quiet machine to judge; here it must only go on. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { attackNames } from "../src/attacks.ts"
import { oneHealthy, siege, slowReaders } from "../src/siege.ts"

it.live(
  "with one healthy model in the chain no failure is seen by a client",
  () =>
    Effect.gen(function* () {
      const { failed, seen } = yield* oneHealthy({ requests: 200, clients: 32, seed: 20_261_122 })
      assert.deepStrictEqual([seen, failed], [{ whole: 200 }, []])
    }),
  180_000
)

it.live(
  "a normal client is served amid attacks",
  () =>
    Effect.gen(function* () {
      const results = yield* siege({ sockets: 20, requests: 20, rounds: 1 })
      assert.deepStrictEqual(
        results.map(({ attack, failed }) => [attack, failed]),
        attackNames.map((attack) => [attack, 0])
      )
    }),
  180_000
)

it.live(
  "endless streams that nobody reads take no more memory with time",
  () =>
    Effect.gen(function* () {
      const { heap_growth_mib: growth } = yield* slowReaders({ readers: 10, seconds: 3 })
      // What sockets and queues may hold of each; a second's worth of an endless stream is far more.
      assert.isBelow(growth, 32)
    }),
  120_000
)
