/** A ledger file that is damaged while the router runs: requests are served, and `/health` says so. */
import { renameSync, truncateSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { chat, get, getJson, withServer } from "./harness.ts"

const ledgerCheck = (status: string) =>
  Effect.repeat(
    Effect.map(getJson("/health"), (health) => health.checks.ledger),
    { until: (check) => check.status === status, schedule: Schedule.spaced("50 millis") }
  )

const ask = Effect.gen(function* () {
  assert.strictEqual((yield* chat({ model: "a/one" })).status, 200)
})

describe("a ledger file that loses a part", () => {
  it.live("is not written to any more: entries wait for another one, and none of those that wait is lost", () =>
    Effect.gen(function* () {
      yield* ask
      const path = String(/Entries are kept in (.+)\.$/.exec((yield* ledgerCheck("ok")).message)?.[1])
      truncateSync(path, 0)
      yield* Effect.repeat(ask, { times: 2 })
      const sick = yield* ledgerCheck("warning")
      assert.match(sick.message, /Entries cannot be stored: .+ 6 wait\./)
      assert.strictEqual((yield* get("/usage")).status, 503)
      renameSync(path, `${path}.damaged`)
      yield* Effect.repeat(getJson("/usage"), {
        until: ({ totals }) => totals?.requests === 3,
        schedule: Schedule.spaced("50 millis")
      })
      yield* ledgerCheck("ok")
    }).pipe(withServer())
  )
})
