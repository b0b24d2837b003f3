/**
 * What the upstream last said of the router's own key, credits and models: `/health` shows it, and nothing else does,
 * since a client would take an upstream's 401 or 402 for its own.
 */
import type { ModelErrorReason } from "@llm-router/domain/ModelError"
import { Context, Effect, Layer } from "effect"
import { Watchdog } from "./Watchdog.ts"

export interface UpstreamReport {
  readonly lastSuccessAtMillis: number | undefined
  readonly lastFailure:
    | { readonly atMillis: number; readonly reason: ModelErrorReason; readonly model: string }
    | undefined
  /** A refused key or exhausted credits, until an attempt succeeds again. */
  readonly accountProblem: string | undefined
  /** Models that the upstream does not serve to this account, with the status it said so. */
  readonly notServed: ReadonlyMap<string, number>
}

/** Callers may name any model; the last ones are what an operator wants to see. */
const mostNotServed = 100

export class UpstreamStatus extends Context.Service<
  UpstreamStatus,
  {
    readonly succeeded: (model: string) => void
    readonly failed: (model: string, reason: ModelErrorReason) => Effect.Effect<void>
    readonly report: () => UpstreamReport
  }
>()("@llm-router/router/UpstreamStatus") {
  static readonly layer = Layer.effect(
    UpstreamStatus,
    Effect.gen(function* () {
      const { now } = yield* Watchdog
      let lastSuccessAtMillis: number | undefined
      let lastFailure: UpstreamReport["lastFailure"]
      let accountProblem: string | undefined
      const notServed = new Map<string, number>()

      return UpstreamStatus.of({
        succeeded: (model) => {
          lastSuccessAtMillis = now()
          accountProblem = undefined
          notServed.delete(model)
        },
        failed: (model, reason) =>
          Effect.suspend(() => {
            lastFailure = { atMillis: now(), reason, model }
            switch (reason._tag) {
              case "Unauthenticated":
                accountProblem = "The upstream refuses the router's key (OPENROUTER_API_KEY)."
                return Effect.logError(accountProblem)
              case "CreditsExhausted":
                accountProblem = "The upstream account has no credits left: add some (OpenRouter, Settings, Credits)."
                return Effect.logError(accountProblem)
              case "NotServed": {
                // No provider that its caller allows is no matter of the account.
                if (reason.status >= 500) return Effect.void
                notServed.delete(model)
                notServed.set(model, reason.status)
                const oldest = notServed.keys().next().value
                if (notServed.size > mostNotServed && oldest !== undefined) notServed.delete(oldest)
                return Effect.void
              }
              default:
                return Effect.void
            }
          }),
        report: () => ({ lastSuccessAtMillis, lastFailure, accountProblem, notServed: new Map(notServed) })
      })
    })
  )
}
