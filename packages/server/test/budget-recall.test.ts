/** What a budget makes of the ledger's entries: once one that was in trouble answers, and of those of other routers. */
import { CostLedger, type LedgerEntry, LedgerUnavailable } from "@llm-router/router/CostLedger"
import { RequestScope, withRequestScope } from "@llm-router/router/RequestScope"
import { Watchdog } from "@llm-router/router/Watchdog"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { KeyLimits } from "../src/http/KeyLimits.ts"
import { ServerSettings } from "../src/ServerSettings.ts"
import { loadSettings } from "../src/settings.ts"

const keyId = "anonymous"
const usd = (amount: number) => BigInt(amount) * 1_000_000_000_000n

const { settings, sources } = Result.getOrThrow(loadSettings({ env: { BUDGET_USD_PER_DAY: "10" }, args: [] }))
const settingsLayer = Layer.succeed(
  ServerSettings,
  ServerSettings.of({
    settings,
    sources,
    misspelt: [],
    sandbox: false,
    maxBodyBytes: settings.routerMaxBodyBytes,
    keepAliveMillis: settings.streamKeepaliveMillis,
    version: "test",
    startedAtMillis: 0
  })
)

const entryOf = (cost: bigint): LedgerEntry => ({
  timeMillis: 0,
  requestId: "r",
  purpose: "chat",
  category: "code",
  source: "keywords",
  model: "a/b",
  answeredBy: "a/b",
  attempt: 1,
  outcome: "ok",
  error: undefined,
  status: 200,
  stream: false,
  inputTokens: 1,
  cachedTokens: 0,
  outputTokens: 1,
  reasoningTokens: 0,
  cost,
  costSource: "reported",
  firstTokenMillis: 1,
  durationMillis: 2,
  generationId: undefined,
  keyId,
  computedCost: undefined
})

/** The limits, over a ledger that takes entries in and answers no question until it is mended. */
const limitsInTrouble = Effect.gen(function* () {
  let isMended = false
  let isMoved = false
  const ledgerInTrouble = Layer.effect(
    CostLedger,
    Effect.map(CostLedger, (ledger) =>
      CostLedger.of({
        ...ledger,
        spending: (day) => {
          if (isMoved) return Effect.succeed(new Map([[keyId, 1n]]))
          return isMended ? ledger.spending(day) : new LedgerUnavailable({ message: "disk I/O error" })
        }
      })
    )
  ).pipe(Layer.provide(CostLedger.layerMemory))
  const context = yield* Layer.build(
    KeyLimits.layer.pipe(
      Layer.provideMerge(ledgerInTrouble),
      Layer.provide(Layer.mergeAll(settingsLayer, Layer.fresh(Watchdog.layer)))
    )
  )
  return {
    limits: Context.get(context, KeyLimits),
    ledger: Context.get(context, CostLedger),
    mend: () => void (isMended = true),
    move: () => void (isMoved = true)
  }
})

/** What a request is told that may cost more than there is. */
const refusalOf = (limits: KeyLimits["Service"]) =>
  Effect.flip(limits.reserve(keyId, { worstCase: () => usd(100), spent: () => 0n }, new RequestScope())).pipe(
    Effect.map(({ message }) => message)
  )

it.effect("what other routers write to the ledger counts within five seconds, and of today alone", () =>
  Effect.gen(function* () {
    const { ledger, limits, mend } = yield* limitsInTrouble
    mend()
    for (const left of [7, 4]) {
      ledger.appendAttempt(entryOf(usd(3)))
      yield* TestClock.adjust("5 seconds")
      assert.include(yield* refusalOf(limits), `; ${left} USD are left.`)
      assert.isFalse(limits.isSpent(keyId))
    }
    ledger.appendAttempt(entryOf(usd(4)))
    yield* TestClock.adjust("5 seconds")
    assert.isTrue(limits.isSpent(keyId))
    yield* TestClock.adjust("1 day")
    assert.include(yield* refusalOf(limits), "; 10 USD are left.")
  })
)

it.effect("what a cut answer turned out to have cost counts within five seconds", () =>
  Effect.gen(function* () {
    const { ledger, limits, mend } = yield* limitsInTrouble
    mend()
    const entry = { ...entryOf(usd(1)), outcome: "cut", costSource: "estimated", generationId: "gen-1" } as const
    ledger.appendAttempt(entry)
    yield* TestClock.adjust("5 seconds")
    assert.include(yield* refusalOf(limits), "; 9 USD are left.")
    ledger.appendSettlement({ ...entry, entry, settledAtMillis: 0, cost: usd(10) })
    yield* TestClock.adjust("5 seconds")
    assert.isTrue(limits.isSpent(keyId))
  })
)

it.effect("what a request under way has cost so far counts once, when it has ended", () =>
  Effect.gen(function* () {
    const { ledger, limits, mend } = yield* limitsInTrouble
    mend()
    yield* withRequestScope((scope) =>
      Effect.gen(function* () {
        let cost = 0n
        yield* limits.reserve(keyId, { worstCase: () => usd(5), spent: () => cost }, scope)
        cost = usd(4)
        ledger.appendAttempt(entryOf(cost))
        yield* TestClock.adjust("5 seconds")
        assert.include(yield* refusalOf(limits), "; 10 USD are left")
      })
    )
    assert.include(yield* refusalOf(limits), "; 6 USD are left.")
    yield* TestClock.adjust("5 seconds")
    assert.include(yield* refusalOf(limits), "; 6 USD are left.")
  })
)

it.effect("a ledger that was moved away gives nothing back", () =>
  Effect.gen(function* () {
    const { ledger, limits, mend, move } = yield* limitsInTrouble
    mend()
    ledger.appendAttempt(entryOf(usd(3)))
    yield* withRequestScope((scope) => limits.reserve(keyId, { worstCase: () => usd(5), spent: () => usd(4) }, scope))
    ledger.appendAttempt(entryOf(usd(4)))
    yield* TestClock.adjust("5 seconds")
    assert.include(yield* refusalOf(limits), "; 3 USD are left.")
    move()
    yield* TestClock.adjust("5 seconds")
    assert.include(yield* refusalOf(limits), "; 3 USD are left.")
  })
)

it.effect("what was spent meanwhile counts once, beside what was spent before the start", () =>
  Effect.gen(function* () {
    const { ledger, limits, mend } = yield* limitsInTrouble
    const refusal = refusalOf(limits)
    ledger.appendAttempt(entryOf(usd(3)))
    yield* withRequestScope((scope) =>
      Effect.map(limits.reserve(keyId, { worstCase: () => usd(5), spent: () => usd(4) }, scope), () =>
        ledger.appendAttempt(entryOf(usd(4)))
      )
    )
    assert.include(yield* refusal, "; 6 USD are left.")
    mend()
    yield* TestClock.adjust("5 seconds")
    assert.include(yield* refusal, "; 3 USD are left.")
  })
)
