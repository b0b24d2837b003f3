/** Circuits of models that stand in no chain: callers may make their names up, so there is a bound on what they hold. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CircuitBreaker as Circuits } from "effect/persistence"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/CircuitBreaker.ts"
import { Watchdog } from "../src/Watchdog.ts"
import {
  call,
  callUnlisted,
  failure,
  holdOpen,
  ignored,
  madeUp,
  model,
  opened,
  reset,
  state,
  view,
  withCircuits
} from "./circuitTools.ts"

const failThrice = (key: string) => Effect.repeat(callUnlisted(failure(), key), { times: 2 })
const stateOf = (key: string) => Effect.map(view(key), (seen) => seen.state)
const allCalled = Effect.forEach(madeUp, (key) => callUnlisted(ignored, key), { discard: true })
const allFailed = Effect.forEach(madeUp, (key) => callUnlisted(failure(), key), { discard: true })

describe("made-up models", () => {
  it.effect("have circuits as others do", () =>
    Effect.gen(function* () {
      yield* failThrice("made/up")
      assert.strictEqual(yield* stateOf("made/up"), "open")
      assert.strictEqual((yield* Effect.flip(callUnlisted(ignored, "made/up"))).state, "open")
    }).pipe(withCircuits)
  )

  it.effect("are called without a circuit beyond the bound, until an hour has passed", () =>
    Effect.gen(function* () {
      yield* allCalled
      yield* failThrice("one/more")
      yield* callUnlisted(failure(), "one/more")
      assert.strictEqual(yield* stateOf("one/more"), "closed")
      yield* failThrice("made/up-0")
      assert.strictEqual(yield* stateOf("made/up-0"), "open")
      yield* TestClock.adjust("1 hour")
      yield* failThrice("one/more")
      assert.strictEqual(yield* stateOf("one/more"), "open")
    }).pipe(withCircuits)
  )

  it.effect("take no circuit from a model of a chain, and no memory of it", () =>
    Effect.gen(function* () {
      const circuits = yield* CircuitBreaker
      yield* call(failure(), "a/once")
      yield* allFailed
      yield* opened
      assert.strictEqual(yield* state, "open")
      assert.strictEqual((yield* view("a/once")).consecutiveFailures, 1)
      const views = yield* circuits.views
      assert.isTrue(views.has("a/once") && views.has(model))
      assert.isAtMost(views.size, 10_000)
    }).pipe(withCircuits)
  )

  it.effect("beyond the bound are held open all the same where an operator says so", () =>
    Effect.gen(function* () {
      yield* allCalled
      yield* holdOpen("one/more")
      assert.strictEqual((yield* Effect.flip(callUnlisted(ignored, "one/more"))).state, "open")
      yield* reset("one/more")
      yield* callUnlisted(ignored, "one/more")
    }).pipe(withCircuits)
  )

  it.effect("reach the store in a bounded number", () => {
    const keys = new Set<string>()
    const counting = Layer.effect(
      Circuits.CircuitBreakerStore,
      Effect.map(Circuits.CircuitBreakerStore, (store) =>
        Circuits.CircuitBreakerStore.of({
          ...store,
          admit: (key) => {
            keys.add(key)
            return store.admit(key)
          }
        })
      )
    ).pipe(Layer.provide(Circuits.layerStoreMemory()))
    const circuits = CircuitBreaker.layer.pipe(Layer.provide(counting), Layer.provide(Watchdog.layer))
    return Effect.gen(function* () {
      yield* allCalled
      yield* Effect.forEach(madeUp, (key) => callUnlisted(failure(), `${key}-too`), { discard: true })
      assert.strictEqual(keys.size, 10_000)
    }).pipe(Effect.provide(circuits, { local: true }))
  })
})
