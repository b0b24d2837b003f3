/** When OpenRouter is asked what an unfinished answer cost, how often, and what a restart remembers. */
import { join } from "node:path"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { CostLedger, type LedgerEntry } from "@llm-router/router/CostLedger"
import { Settlements } from "@llm-router/router/Settlements"
import { Watchdog } from "@llm-router/router/Watchdog"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { ok } from "@llm-router/testing/script"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { workingDirectory } from "./routerProcess.ts"

/** The ledger and who settles its entries, until the scope ends. */
const running = (
  path: string,
  url: string,
  { enabled = true, key = "key" }: { enabled?: boolean; key?: string } = {}
) =>
  Layer.build(
    Settlements.layerOpenRouter(
      {
        baseUrl: url,
        apiKey: key === "" ? undefined : Redacted.make(key),
        referer: "",
        title: "",
        connectTimeoutMillis: 1_000,
        maxConnections: 8,
        tracePropagation: false
      },
      enabled
    ).pipe(
      Layer.provideMerge(CostLedger.layer({ path, retentionDays: 90, queueEntries: 1_000 })),
      Layer.provide(Layer.mergeAll(Layer.fresh(Watchdog.layer), NodeHttpClient.layerUndici))
    )
  ).pipe(
    Effect.map((context) => ({
      ledger: Context.get(context, CostLedger),
      settlements: Context.get(context, Settlements)
    }))
  )

/** A generation that OpenRouter knows, at this cost. */
const generated = Effect.fnUntraced(function* (cost: number) {
  const upstream = yield* FakeOpenRouter
  yield* upstream.scriptAll(ok({ usage: { prompt_tokens: 30, completion_tokens: 3, cost } }))
  const response = yield* Effect.promise(() =>
    fetch(`${upstream.url}/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "a/b", messages: [{ role: "user", content: "hello" }] })
    })
  )
  yield* Effect.promise(() => response.arrayBuffer())
  return response.headers.get("x-generation-id") ?? ""
})

const guessed = (generationId: string, timeMillis: number): LedgerEntry => ({
  timeMillis,
  requestId: generationId,
  purpose: "chat",
  category: "code",
  source: "keywords",
  model: "a/b",
  answeredBy: "a/b",
  attempt: 1,
  outcome: "cancelled",
  error: undefined,
  status: null,
  stream: true,
  inputTokens: 10,
  cachedTokens: 0,
  outputTokens: 5,
  reasoningTokens: 0,
  cost: 77n,
  costSource: "estimated",
  firstTokenMillis: 1,
  durationMillis: 2,
  generationId,
  keyId: "anonymous",
  computedCost: undefined
})

/** Waits for work of the event loop, not for time. */
const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const look = () => (holds() ? resume(Effect.void) : void setImmediate(look))
    look()
  })

const askedFor = Effect.gen(function* () {
  const upstream = yield* FakeOpenRouter
  return (yield* upstream.requests).filter(({ path }) => path === "/api/v1/generation").length
})

/** Lets so many seconds pass, one by one: each may ask. */
const pass = (seconds: number) =>
  Effect.repeat(
    Effect.andThen(
      TestClock.adjust("1 second"),
      Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    ),
    { times: seconds - 1 }
  )

describe("a cost that was guessed at", () => {
  it.effect("is asked for until OpenRouter knows it", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const id = yield* generated(0.25)
      yield* upstream.generations({ missing: 2 })
      const { ledger, settlements } = yield* running(":memory:", upstream.url)
      ledger.appendAttempt(guessed(id, 0))
      assert.strictEqual(settlements.status().waiting, 1)
      yield* pass(4)
      yield* upstream.awaitGenerations(1)
      yield* pass(15)
      yield* upstream.awaitGenerations(2)
      yield* pass(40)
      yield* until(() => settlements.status().settled === 1)
      assert.deepStrictEqual(settlements.status(), { waiting: 0, settled: 1, givenUp: 0, dropped: 0 })
      assert.strictEqual((yield* ledger.totals).cost, 250_000_000_000n)
      const { totals } = yield* ledger.usage({ groupBy: [] })
      assert.deepInclude(totals, { reported: 1, estimated: 0, inputTokens: 30, outputTokens: 3 })
    }).pipe(Effect.provide(FakeOpenRouter.layer))
  )

  it.effect("stays a guess when OpenRouter does not know it in five tries, or answers nonsense", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const id = yield* generated(0.25)
      yield* upstream.generations({ status: 500 })
      const { ledger, settlements } = yield* running(":memory:", upstream.url)
      ledger.appendAttempt(guessed(id, 0))
      ledger.appendAttempt(guessed("gen-unknown", 0))
      ledger.appendAttempt(guessed("gen with ? and &", 0))
      assert.strictEqual(settlements.status().waiting, 2)
      for (const [index, seconds] of [5, 15, 40, 130, 620].entries()) {
        yield* pass(seconds)
        yield* upstream.awaitGenerations(2 * (index + 1))
      }
      yield* until(() => settlements.status().givenUp === 2)
      yield* pass(100)
      assert.strictEqual(yield* askedFor, 10)
      assert.strictEqual((yield* ledger.totals).cost, 3n * 77n)
    }).pipe(Effect.provide(FakeOpenRouter.layer))
  )

  it.effect("waits with a thousand others at the most", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const { ledger, settlements } = yield* running(":memory:", upstream.url)
      for (let index = 0; index < 1_500; index++) ledger.appendAttempt(guessed(`gen-${index}`, 0))
      assert.deepStrictEqual(settlements.status(), { waiting: 1_000, settled: 0, givenUp: 0, dropped: 500 })
    }).pipe(Effect.provide(FakeOpenRouter.layer))
  )

  it.effect("is asked for after a restart, if it is of the last day", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const path = join(yield* workingDirectory, "ledger.sqlite")
      const id = yield* generated(0.5)
      const dayMillis = 86_400_000
      yield* TestClock.setTime(10 * dayMillis)
      yield* Effect.scoped(
        Effect.map(running(path, upstream.url), ({ ledger }) => {
          ledger.appendAttempt(guessed(id, 10 * dayMillis - 1_000))
          ledger.appendAttempt(guessed("gen-old", 8 * dayMillis))
        })
      )
      const { ledger, settlements } = yield* running(path, upstream.url)
      yield* pass(3)
      yield* until(() => settlements.status().waiting === 1)
      yield* pass(5)
      yield* until(() => settlements.status().settled === 1)
      const { totals } = yield* ledger.usage({ groupBy: [] })
      assert.deepInclude(totals, { reported: 1, estimated: 1, cost: 500_000_000_077n })
      assert.strictEqual((yield* ledger.totals).cost, 500_000_000_077n)
    }).pipe(Effect.provide(FakeOpenRouter.layer))
  )

  it.effect.each([{ enabled: false }, { key: "" }])("is not asked for where nobody could be asked: %j", (options) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const { ledger, settlements } = yield* running(":memory:", upstream.url, options)
      ledger.appendAttempt(guessed("gen-1", 0))
      yield* pass(30)
      assert.strictEqual(settlements.status().waiting, 0)
      assert.strictEqual(yield* askedFor, 0)
    }).pipe(Effect.provide(FakeOpenRouter.layer))
  )
})
