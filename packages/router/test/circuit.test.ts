import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect } from "effect"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/CircuitBreaker.ts"
import {
  admit,
  call,
  calls,
  failure,
  halfOpened,
  ignored,
  model,
  opened,
  rejected,
  settings,
  settle,
  state,
  success,
  view,
  withCircuits
} from "./circuitTools.ts"

describe("a closed circuit", () => {
  it.effect("opens after three failures in a row, not after two", () =>
    Effect.gen(function* () {
      yield* calls([failure(), failure()])
      assert.strictEqual(yield* state, "closed")
      yield* call(failure())
      assert.strictEqual(yield* state, "open")
      assert.deepStrictEqual(yield* rejected, {
        _tag: "CircuitRejection",
        state: "open",
        retryAfterMillis: 300_000
      })
    }).pipe(withCircuits)
  )

  it.effect("does not count what is ignored, neither for nor against", () =>
    Effect.gen(function* () {
      yield* calls(Array.from({ length: 20 }, () => ignored))
      yield* calls([failure(), ignored, failure(), ignored, ignored])
      assert.strictEqual(yield* state, "closed")
      assert.strictEqual((yield* view()).consecutiveFailures, 2)
      yield* call(failure())
      assert.strictEqual(yield* state, "open")
    }).pipe(withCircuits)
  )

  it.effect("counts anew after a success", () =>
    Effect.gen(function* () {
      yield* calls([failure(), failure(), success, failure(), failure()])
      assert.strictEqual(yield* state, "closed")
      assert.strictEqual((yield* view()).consecutiveFailures, 2)
      yield* call(failure())
      assert.strictEqual(yield* state, "open")
    }).pipe(withCircuits)
  )

  it.effect("does not open by time passing, and three failures count however far apart", () =>
    Effect.gen(function* () {
      yield* calls([failure(), failure()])
      yield* TestClock.adjust("20 minutes")
      yield* call(failure())
      assert.strictEqual(yield* state, "open")
    }).pipe(withCircuits)
  )

  it.effect("is one model's own", () =>
    Effect.gen(function* () {
      yield* opened
      assert.strictEqual((yield* view("openai/gpt-4o")).state, "closed")
      yield* call(success, "openai/gpt-4o")
    }).pipe(withCircuits)
  )

  it.effect("admits any number of calls at once", () =>
    Effect.gen(function* () {
      const permits = yield* Effect.all(Array.from({ length: 50 }, () => admit()))
      assert.strictEqual(permits.length, 50)
    }).pipe(withCircuits)
  )

  it.effect.each([1, 2, 5, 1000])("opens after as many failures as the settings say: %d", (failureThreshold) =>
    Effect.gen(function* () {
      const circuits = yield* CircuitBreaker
      const fail = Effect.flatMap(circuits.admit(model, { ...settings, failureThreshold }), settle(failure()))
      yield* Effect.forEach(Array.from({ length: failureThreshold - 1 }), () => fail, { discard: true })
      assert.strictEqual(yield* state, "closed")
      yield* fail
      assert.strictEqual(yield* state, "open")
    }).pipe(withCircuits)
  )

  it.effect("counts a call whose outcome is told twice once", () =>
    Effect.gen(function* () {
      const permit = yield* admit()
      yield* Effect.repeat(permit.settle(failure()), { times: 9 })
      assert.strictEqual((yield* view()).consecutiveFailures, 1)
      assert.strictEqual(yield* state, "closed")
      yield* call(failure())
      yield* permit.settle(success)
      yield* call(failure())
      assert.strictEqual(yield* state, "open")
    }).pipe(withCircuits)
  )
})

describe("an open circuit", () => {
  it.effect("is half-open after exactly five minutes", () =>
    Effect.gen(function* () {
      yield* opened
      yield* TestClock.adjust("299999 millis")
      assert.strictEqual(yield* state, "open")
      assert.strictEqual((yield* rejected).retryAfterMillis, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* state, "half_open")
      yield* admit()
    }).pipe(withCircuits)
  )

  it.effect("does not change by the outcome of a call that was admitted before it opened", () =>
    Effect.gen(function* () {
      const early = yield* admit()
      const alsoEarly = yield* admit()
      yield* opened
      yield* TestClock.adjust("1 minute")
      yield* early.settle(success)
      yield* alsoEarly.settle(failure(3_600_000))
      const seen = yield* view()
      assert.strictEqual(seen.state, "open")
      assert.strictEqual(seen.retryAtMillis, 300_000)
      assert.strictEqual(seen.consecutiveFailures, 3)
    }).pipe(withCircuits)
  )

  const waits: ReadonlyArray<readonly [given: string, retryAfterMillis: number | undefined, openMillis: number]> = [
    ["no Retry-After", undefined, 300_000],
    ["a shorter one", 1_000, 300_000],
    ["a longer one", 600_000, 600_000],
    ["one of an hour", 3_600_000, 3_600_000],
    ["one of a day", 86_400_000, 86_400_000],
    ["one of a week", 604_800_000, 86_400_000]
  ]
  it.effect.each(waits)("%s (%s ms) keeps it open for %d ms", ([, retryAfterMillis, openMillis]) =>
    Effect.gen(function* () {
      yield* calls([failure(), failure(), failure(retryAfterMillis)])
      assert.strictEqual((yield* rejected).retryAfterMillis, openMillis)
      assert.strictEqual((yield* view()).retryAtMillis, openMillis)
      yield* TestClock.adjust(openMillis - 1)
      assert.strictEqual(yield* state, "open")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* state, "half_open")
    }).pipe(withCircuits)
  )
})

describe("a half-open circuit", () => {
  it.effect("admits one of ten, and the other nine are told that a probe is under way", () =>
    Effect.gen(function* () {
      yield* halfOpened
      const results = yield* Effect.all(
        Array.from({ length: 10 }, () => Effect.result(admit())),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(Arr.getSuccesses(results).length, 1)
      assert.deepStrictEqual(
        Arr.getFailures(results).map((rejection) => `${rejection.state} ${rejection.retryAfterMillis}`),
        Array.from({ length: 9 }, () => "half_open undefined")
      )
    }).pipe(withCircuits)
  )

  it.effect("closes when its probe succeeds, and counts from nothing", () =>
    Effect.gen(function* () {
      yield* halfOpened
      yield* call(success)
      assert.deepInclude(yield* view(), {
        state: "closed",
        consecutiveFailures: 0,
        openedAtMillis: undefined,
        retryAtMillis: undefined
      })
      yield* calls([failure(), failure()])
      assert.strictEqual(yield* state, "closed")
    }).pipe(withCircuits)
  )

  it.effect("opens for the whole time again when its probe fails", () =>
    Effect.gen(function* () {
      yield* halfOpened
      yield* call(failure())
      assert.strictEqual((yield* rejected).retryAfterMillis, 300_000)
      assert.strictEqual((yield* view()).openedAtMillis, 300_000)
      assert.strictEqual((yield* view()).retryAtMillis, 600_000)
      yield* TestClock.adjust("5 minutes")
      yield* call(success)
      assert.strictEqual(yield* state, "closed")
    }).pipe(withCircuits)
  )

  it.effect("honours the Retry-After of its probe", () =>
    Effect.gen(function* () {
      yield* halfOpened
      yield* call(failure(900_000))
      assert.strictEqual((yield* rejected).retryAfterMillis, 900_000)
    }).pipe(withCircuits)
  )

  it.effect("lets the next probe pass when the last one's outcome is ignored", () =>
    Effect.gen(function* () {
      yield* halfOpened
      const probe = yield* admit()
      assert.strictEqual((yield* rejected).state, "half_open")
      yield* probe.settle(ignored)
      assert.strictEqual(yield* state, "half_open")
      yield* call(success)
      assert.strictEqual(yield* state, "closed")
    }).pipe(withCircuits)
  )

  it.effect("is not closed by a call that was admitted before it opened", () =>
    Effect.gen(function* () {
      const early = yield* admit()
      yield* halfOpened
      yield* admit()
      yield* early.settle(success)
      assert.strictEqual(yield* state, "half_open")
      assert.strictEqual((yield* rejected).state, "half_open")
    }).pipe(withCircuits)
  )
})
