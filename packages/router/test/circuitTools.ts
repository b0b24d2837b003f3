/** Circuits under a test's clock, and calls that end as a test says. */
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { CircuitBreaker, type CircuitOutcome, type Permit } from "../src/CircuitBreaker.ts"
import { Watchdog } from "../src/Watchdog.ts"

export const model = "z-ai/glm-5"
export const settings = { failureThreshold: 3, openMillis: 300_000 }

export const success: CircuitOutcome = { _tag: "Success" }
export const ignored: CircuitOutcome = { _tag: "Ignored" }
export const failure = (retryAfterMillis?: number, error = "503"): CircuitOutcome => ({
  _tag: "Failure",
  error,
  retryAfterMillis
})

export const withCircuits = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  Effect.provide(test, CircuitBreaker.layerMemory.pipe(Layer.provideMerge(Watchdog.layer)), { local: true })

export const admit = (key = model) => Effect.flatMap(CircuitBreaker, (circuits) => circuits.admit(key, settings))
export const view = (key = model) => Effect.flatMap(CircuitBreaker, (circuits) => circuits.view(key))
export const reset = (key = model) => Effect.flatMap(CircuitBreaker, (circuits) => circuits.reset(key))
export const holdOpen = (key = model) => Effect.flatMap(CircuitBreaker, (circuits) => circuits.holdOpen(key))
export const settle = (outcome: CircuitOutcome) => (permit: Permit) => permit.settle(outcome)

/** As many models of no chain as get a circuit within an hour; callers may make their names up. */
export const madeUp: ReadonlyArray<string> = Array.from({ length: 10_000 }, (_, index) => `made/up-${index}`)
/** One call of a model of no chain. */
export const callUnlisted = (outcome: CircuitOutcome, key: string) =>
  Effect.flatMap(CircuitBreaker, (circuits) =>
    Effect.flatMap(circuits.admit(key, settings, undefined, true), settle(outcome))
  )

/** One call that is admitted and ends so. */
export const call = (outcome: CircuitOutcome, key = model) => Effect.flatMap(admit(key), settle(outcome))
export const calls = (outcomes: ReadonlyArray<CircuitOutcome>, key = model) =>
  Effect.forEach(outcomes, (outcome) => call(outcome, key), { discard: true })

export const opened = calls([failure(), failure(), failure()])
export const halfOpened = Effect.andThen(opened, TestClock.adjust("5 minutes"))
export const state = Effect.map(view(), (seen) => seen.state)
export const rejected = Effect.flip(admit())
