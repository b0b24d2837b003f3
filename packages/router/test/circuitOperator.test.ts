import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/CircuitBreaker.ts"
import {
  admit,
  call,
  calls,
  callUnlisted,
  failure,
  halfOpened,
  holdOpen,
  ignored,
  model,
  opened,
  rejected,
  reset,
  settle,
  state,
  success,
  view,
  withCircuits
} from "./circuitTools.ts"

/** More than are remembered. */
const manyOthersFail = Effect.forEach(
  Array.from({ length: 10_050 }, (_, index) => `a/${index}`),
  (key) => call(failure(), key),
  { discard: true }
)

describe("a reset", () => {
  it.effect("closes an open circuit and forgets its failures", () =>
    Effect.gen(function* () {
      yield* opened
      assert.strictEqual(yield* reset(), "open")
      assert.deepStrictEqual(yield* view(), {
        state: "closed",
        consecutiveFailures: 0,
        held: false,
        openedAtMillis: undefined,
        retryAtMillis: undefined,
        lastFailureAtMillis: undefined,
        lastError: undefined
      })
      yield* calls([failure(), failure()])
      assert.strictEqual(yield* state, "closed")
      yield* call(failure())
      assert.strictEqual(yield* state, "open")
    }).pipe(withCircuits)
  )

  it.effect("closes a half-open circuit, whose probe then changes nothing", () =>
    Effect.gen(function* () {
      yield* halfOpened
      const probe = yield* admit()
      assert.strictEqual(yield* reset(), "half_open")
      yield* probe.settle(failure())
      assert.deepInclude(yield* view(), { state: "closed", consecutiveFailures: 0, lastError: undefined })
      yield* admit()
      yield* admit()
    }).pipe(withCircuits)
  )

  it.effect("of a closed circuit forgets its failures too", () =>
    Effect.gen(function* () {
      yield* calls([failure(), failure()])
      assert.strictEqual(yield* reset(), "closed")
      yield* calls([failure(), failure()])
      assert.strictEqual(yield* state, "closed")
    }).pipe(withCircuits)
  )

  it.effect("makes the outcome of every call admitted before it count for nothing", () =>
    Effect.gen(function* () {
      const early = yield* Effect.all(Array.from({ length: 5 }, () => admit()))
      yield* opened
      yield* reset()
      yield* calls([failure(), failure()])
      yield* Effect.forEach(early.slice(0, 4), settle(failure()))
      assert.strictEqual(yield* state, "closed")
      assert.strictEqual((yield* view()).consecutiveFailures, 2)
      yield* Effect.forEach(early.slice(4), settle(success))
      yield* call(failure())
      assert.strictEqual(yield* state, "open")
    }).pipe(withCircuits)
  )

  it.effect("is not undone when many others fail", () =>
    Effect.gen(function* () {
      yield* opened
      yield* reset()
      yield* manyOthersFail
      assert.isFalse((yield* Effect.flatMap(CircuitBreaker, ({ views }) => views)).has(model))
      assert.strictEqual(yield* state, "closed")
      yield* call(success)
    }).pipe(withCircuits)
  )

  it.effect("of all names the circuits that it reset", () =>
    Effect.gen(function* () {
      const circuits = yield* CircuitBreaker
      yield* opened
      yield* holdOpen("a/held")
      yield* call(failure(), "b/once")
      assert.sameMembers([...(yield* circuits.resetAll)], [model, "a/held", "b/once"])
      const states = [...(yield* circuits.views).values()].map((seen) => seen.state)
      assert.deepStrictEqual([...new Set(states)], ["closed"])
      yield* admit("a/held")
    }).pipe(withCircuits)
  )
})

describe("a circuit that is held open", () => {
  it.effect("stays so until it is reset, however long that takes", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* holdOpen(), "closed")
      assert.deepStrictEqual(yield* rejected, {
        _tag: "CircuitRejection",
        state: "open",
        retryAfterMillis: undefined
      })
      yield* TestClock.adjust("30 days")
      assert.deepInclude(yield* view(), { state: "open", held: true, openedAtMillis: 0, retryAtMillis: undefined })
      assert.strictEqual((yield* rejected).state, "open")
      assert.strictEqual(yield* reset(), "open")
      yield* call(success)
      assert.strictEqual(yield* state, "closed")
    }).pipe(withCircuits)
  )

  it.effect("is not closed by a call that was under way", () =>
    Effect.gen(function* () {
      const early = yield* admit()
      yield* holdOpen()
      yield* early.settle(success)
      assert.strictEqual((yield* rejected).state, "open")
    }).pipe(withCircuits)
  )

  it.effect("is not forgotten when many others fail", () =>
    Effect.gen(function* () {
      yield* holdOpen("a/held")
      yield* manyOthersFail
      assert.strictEqual((yield* view("a/held")).state, "open")
      assert.strictEqual((yield* Effect.flip(admit("a/held"))).state, "open")
    }).pipe(withCircuits)
  )
})

describe("the views", () => {
  it.effect("tell when a circuit opened, when it may be asked again, and why", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("10 seconds")
      yield* calls([failure(undefined, "first"), failure(undefined, "second")])
      yield* TestClock.adjust("5 seconds")
      yield* call(failure(undefined, "third"))
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(yield* view(), {
        state: "open",
        consecutiveFailures: 3,
        held: false,
        openedAtMillis: 15_000,
        retryAtMillis: 315_000,
        lastFailureAtMillis: 15_000,
        lastError: "third"
      })
    }).pipe(withCircuits)
  )

  it.effect("have nothing to tell of circuits that never failed", () =>
    Effect.gen(function* () {
      const circuits = yield* CircuitBreaker
      yield* call(success, "a/good")
      yield* call(ignored, "a/left")
      yield* call(failure(), "a/bad")
      assert.deepStrictEqual([...(yield* circuits.views).keys()], ["a/bad"])
    }).pipe(withCircuits)
  )

  it.effect("are bounded in number, whatever callers name", () =>
    Effect.gen(function* () {
      const circuits = yield* CircuitBreaker
      const keys = Array.from({ length: 10_100 }, (_, index) => `a/${index}`)
      yield* Effect.forEach(keys, (key) => callUnlisted(failure(), key), { discard: true })
      yield* Effect.forEach(keys, (key) => circuits.reset(`reset-${key}`), { discard: true })
      const views = yield* circuits.views
      assert.isAtMost(views.size, 10_000)
      assert.isTrue(views.has("reset-a/10099"))
    }).pipe(withCircuits)
  )
})
