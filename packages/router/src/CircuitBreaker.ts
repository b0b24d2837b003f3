/**
 * A circuit per model. The state machine is Effect's (`effect/persistence` `CircuitBreakerStore`: in memory, or shared
 * through Redis); this service gives it the outcomes of our attempts, resets, drills and the views users see.
 *
 * The store is used directly, not through `CircuitBreaker.execute`: a streamed answer is admitted when it opens and
 * counts when it ends, long after the effect that opened it has returned.
 */
import type { CircuitSettings } from "@llm-router/domain/RouterConfig"
import { Context, Duration, Effect, Layer } from "effect"
import { CircuitBreaker as Circuits } from "effect/persistence"
import { CircuitRecords, freshRecord, idleMillis } from "./circuitRecords.ts"
import { attributes, events } from "./telemetry/spans.ts"
import { logIdsOf, type Span } from "./telemetry/Span.ts"
import { Telemetry } from "./telemetry/Telemetry.ts"
import { Watchdog } from "./Watchdog.ts"

export type CircuitState = "closed" | "open" | "half_open"

export interface CircuitView {
  readonly state: CircuitState
  readonly consecutiveFailures: number
  /** Held open by an operator until reset. */
  readonly held: boolean
  readonly openedAtMillis: number | undefined
  /** When the next probe may pass; `undefined` when closed or held. */
  readonly retryAtMillis: number | undefined
  readonly lastFailureAtMillis: number | undefined
  readonly lastError: string | undefined
}

/** The circuit does not let a call pass now. */
export interface CircuitRejection {
  readonly _tag: "CircuitRejection"
  readonly state: "open" | "half_open"
  /** `undefined` when nobody knows: held open, or a probe is under way. */
  readonly retryAfterMillis: number | undefined
}

export type CircuitOutcome =
  | { readonly _tag: "Success" }
  | { readonly _tag: "Ignored" }
  | { readonly _tag: "Failure"; readonly error: string; readonly retryAfterMillis: number | undefined }

/** Permission for one call. Its outcome is told exactly once; telling it again changes nothing. */
export interface Permit {
  readonly settle: (outcome: CircuitOutcome) => Effect.Effect<void>
}

/** A `Retry-After` may keep a circuit open no longer than this: a day. */
const longestOpenMillis = 24 * 60 * 60 * 1_000

export class CircuitBreaker extends Context.Service<
  CircuitBreaker,
  {
    /**
     * Asks for permission to call. A half-open circuit admits one probe; its slot is free again with its outcome.
     * `unlisted` is a model that stands in no chain: callers may make its name up, so the circuits of these have a bound,
     * and what is beyond it is called without one.
     */
    readonly admit: (
      key: string,
      settings: CircuitSettings,
      span?: Span,
      unlisted?: boolean
    ) => Effect.Effect<Permit, CircuitRejection>
    readonly view: (key: string) => Effect.Effect<CircuitView>
    /** Every circuit that has something to tell. */
    readonly views: Effect.Effect<ReadonlyMap<string, CircuitView>>
    /** Closes a circuit and forgets its failures. Answers the state it was in. */
    readonly reset: (key: string) => Effect.Effect<CircuitState>
    readonly resetAll: Effect.Effect<ReadonlyArray<string>>
    /** Holds a circuit open until it is reset, for a drill or an incident. */
    readonly holdOpen: (key: string) => Effect.Effect<CircuitState>
  }
>()("@llm-router/router/CircuitBreaker") {
  static readonly layer = Layer.effect(
    CircuitBreaker,
    Effect.gen(function* () {
      const store = yield* Circuits.CircuitBreakerStore
      const { now } = yield* Watchdog
      const { metrics } = yield* Telemetry
      const records = new CircuitRecords(now())

      /** The store in memory, which is the only one, leaves nothing to a scope: a permit is given back by its outcome. */
      const admittedByStore = (key: string) =>
        store.admit(key) as Effect.Effect<Circuits.Admission, Circuits.CircuitBreakerError>
      const eraOf = (key: string) => records.get(key)?.era ?? 0

      const view = Effect.fnUntraced(function* (key: string) {
        const record = records.get(key) ?? freshRecord(0, false)
        const state = yield* store.state(records.storeKey(key)).pipe(
          Effect.catch((error) =>
            Effect.as(Effect.logWarning("The circuit's state cannot be read.", error), {
              _tag: "Closed" as const,
              key
            })
          )
        )
        const open = record.held || state._tag === "Open"
        return {
          // An open circuit whose time is over lets the next call through as its probe.
          state: record.held
            ? "open"
            : state._tag === "Closed"
              ? "closed"
              : state._tag === "Open" && Duration.toMillis(state.retryAfter) > 0
                ? "open"
                : "half_open",
          consecutiveFailures: record.consecutiveFailures,
          held: record.held,
          openedAtMillis: state._tag === "Closed" && !record.held ? undefined : record.openedAtMillis,
          retryAtMillis:
            open && state._tag === "Open" && !record.held ? now() + Duration.toMillis(state.retryAfter) : undefined,
          lastFailureAtMillis: record.lastFailureAtMillis,
          lastError: record.lastError
        } satisfies CircuitView
      })

      const settle = (
        key: string,
        usedKey: string,
        usedEra: number,
        admission: Circuits.Admission,
        settings: CircuitSettings,
        outcome: CircuitOutcome,
        span: Span | undefined
      ): Effect.Effect<void> => {
        if (records.storeKey(key) === usedKey && eraOf(key) === usedEra) note(key, outcome)
        const openMillis =
          outcome._tag === "Failure"
            ? Math.max(settings.openMillis, Math.min(outcome.retryAfterMillis ?? 0, longestOpenMillis))
            : 0
        const recorded = store.record({
          key: usedKey,
          generation: admission.generation,
          outcome: outcome._tag,
          tripPolicy: Circuits.consecutive(settings.failureThreshold),
          openFor: Duration.millis(openMillis)
        })
        return Effect.matchEffect(recorded, {
          onSuccess: (transition) => (transition === undefined ? Effect.void : moved(key, transition, span)),
          onFailure: (error) => Effect.logWarning("The circuit's outcome was not stored.", error)
        })
      }

      /** What the views tell of an outcome. */
      const note = (key: string, outcome: CircuitOutcome): void => {
        if (outcome._tag === "Success") {
          const record = records.get(key)
          if (record !== undefined) record.consecutiveFailures = 0
        } else if (outcome._tag === "Failure") {
          const record = records.of(key)
          record.consecutiveFailures++
          record.lastFailureAtMillis = now()
          record.lastError = outcome.error
        }
      }

      const observed = (key: string, transition: Circuits.Transition, span: Span | undefined): CircuitState => {
        const to = nameOf(transition.to)
        metrics.circuitMoved(key, to)
        span?.event(events.breakerTransition, {
          [attributes.requestModel]: key,
          [attributes.breakerFrom]: nameOf(transition.from),
          [attributes.breakerTo]: to
        })
        return to
      }

      const moved = (key: string, transition: Circuits.Transition, span: Span | undefined): Effect.Effect<void> => {
        const record = records.of(key)
        record.era++
        if (transition.to === "Open") record.openedAtMillis = now()
        const to = observed(key, transition, span)
        return Effect.logWarning(`The circuit of ${key} is now ${to}.`).pipe(
          Effect.annotateLogs({ model: key, from: nameOf(transition.from), to, ...logIdsOf(span) })
        )
      }

      const admit = (
        key: string,
        settings: CircuitSettings,
        span?: Span,
        unlisted = false
      ): Effect.Effect<Permit, CircuitRejection> => {
        const record = records.get(key)
        if (record?.held === true) return Effect.fail(rejection("open", undefined))
        if (unlisted && !records.takesUnlisted(key, now())) return Effect.succeed(unrecorded)
        if (record !== undefined && !unlisted) record.unlisted = false
        const usedKey = records.storeKey(key)
        const usedEra = eraOf(key)
        return Effect.matchEffect(admittedByStore(usedKey), {
          onSuccess: (admission) => {
            // The probe's admission is what half-opens a circuit.
            if (admission.transition !== undefined) observed(key, admission.transition, span)
            let settled = false
            return Effect.succeed({
              settle: (outcome) =>
                Effect.suspend(() => {
                  if (settled) return Effect.void
                  settled = true
                  return settle(key, usedKey, usedEra, admission, settings, outcome, span)
                })
            })
          },
          onFailure: ({ reason }) => {
            switch (reason._tag) {
              case "CircuitOpen":
                return Effect.fail(rejection("open", Duration.toMillis(reason.retryAfter)))
              case "CircuitHalfOpen":
                return Effect.fail(rejection("half_open", undefined))
              case "CircuitBreakerStoreError":
                // A store that is away must not stop the traffic.
                return Effect.as(Effect.logWarning("The circuit's store is not to be reached.", reason), unrecorded)
            }
          }
        })
      }

      const reset = Effect.fn("CircuitBreaker.reset")(function* (key: string) {
        const { state } = yield* view(key)
        records.renew(key)
        if (state !== "closed") metrics.circuitMoved(key, "closed")
        return state
      })

      const views = Effect.suspend(() =>
        Effect.map(
          Effect.forEach(records.keys(), (key) => Effect.map(view(key), (seen) => [key, seen] as const)),
          (entries) => new Map(entries)
        )
      )

      return CircuitBreaker.of({
        admit,
        view,
        views,
        reset,
        resetAll: Effect.gen(function* () {
          const keys = records.keys()
          yield* Effect.forEach(keys, reset, { discard: true })
          return keys
        }),
        holdOpen: Effect.fn("CircuitBreaker.holdOpen")(function* (key: string) {
          const { state } = yield* view(key)
          const record = records.of(key)
          record.held = true
          record.openedAtMillis = now()
          if (state !== "open") metrics.circuitMoved(key, "open")
          return state
        })
      })
    })
  )

  /** State of this process alone. */
  static readonly layerMemory = CircuitBreaker.layer.pipe(
    Layer.provide(Circuits.layerStoreMemory({ idleTimeToLive: idleMillis }))
  )
}

const nameOf = (state: "Open" | "HalfOpen" | "Closed"): CircuitState =>
  state === "HalfOpen" ? "half_open" : state === "Open" ? "open" : "closed"

/** Of a call that was let through without a circuit. */
const unrecorded: Permit = { settle: () => Effect.void }

const rejection = (state: "open" | "half_open", retryAfterMillis: number | undefined): CircuitRejection => ({
  _tag: "CircuitRejection",
  state,
  retryAfterMillis
})
