/**
 * One model of the chain: admitted by its circuit, timed, asked, and asked once more if the failure was a passing one.
 */
import type { ChatRequest } from "@llm-router/domain/ChatRequest"
import type { Decision } from "@llm-router/domain/Decision"
import { ModelError } from "@llm-router/domain/ModelError"
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import type { AttemptRecord, SkippedModel } from "@llm-router/domain/RouterError"
import { Duration, Effect, Schedule, type Scope } from "effect"
import type { CircuitBreaker, CircuitRejection } from "./CircuitBreaker.ts"
import type { CostLedger } from "./CostLedger.ts"
import { Meter } from "./meter.ts"
import type { AnswerFacts, ModelAnswer, ModelClient } from "./ModelClient.ts"
import type { ExchangeLimits } from "./openrouter/Exchange.ts"
import type { TokenPrices } from "./pricing.ts"
import type { UpstreamStatus } from "./UpstreamStatus.ts"

/** What happened so far to one request: the answer to "which models did you try?". */
export interface Trail {
  readonly attempts: Array<AttemptRecord>
  readonly reasons: Array<ModelError["reason"]>
  readonly skipped: Array<SkippedModel>
  readonly meters: Array<Meter>
}

export const newTrail = (skipped: ReadonlyArray<SkippedModel>): Trail => ({
  attempts: [],
  reasons: [],
  skipped: [...skipped],
  meters: []
})

export interface AttemptContext {
  readonly request: ChatRequest
  readonly config: RouterConfig
  readonly decision: Decision
  readonly trail: Trail
  readonly ownsModels: boolean
  readonly sessionId: string
  readonly limits: ExchangeLimits
}

export interface AttemptServices {
  readonly client: ModelClient["Service"]
  readonly circuits: CircuitBreaker["Service"]
  readonly ledger: CostLedger["Service"]
  readonly status: UpstreamStatus["Service"]
  readonly prices: (model: string) => TokenPrices | undefined
  readonly now: () => number
  readonly retries: number
}

/** An answer whose end its meter will see. */
export interface MeteredAnswer {
  readonly model: string
  readonly answer: ModelAnswer
  readonly meter: Meter
}

/** The same model again: soon, not in step with others, and not before it said it may be asked. */
const retryDelay = Schedule.exponential("200 millis").pipe(
  Schedule.jittered,
  Schedule.modifyDelay(({ duration, input }) =>
    Effect.succeed(
      input instanceof ModelError && input.retryAfterMillis !== undefined
        ? Duration.max(duration, Duration.millis(input.retryAfterMillis))
        : duration
    )
  )
)

const factsOf = (answer: ModelAnswer): AnswerFacts => (answer._tag === "Json" ? answer.facts : answer.facts())

const skippedBy = (model: string, rejection: CircuitRejection): SkippedModel => ({
  model,
  cause: "circuit",
  reason: rejection.state === "half_open" ? "circuit_half_open: a probe is under way" : "circuit_open",
  ...(rejection.retryAfterMillis === undefined ? {} : { retryAfterMillis: rejection.retryAfterMillis })
})

export type AttemptFailure = ModelError | CircuitRejection

/** Asks one model, with its retries. The trail says what was tried; an open answer is metered to its end. */
export const attemptModel = (
  services: AttemptServices,
  context: AttemptContext,
  model: string
): Effect.Effect<MeteredAnswer, AttemptFailure, Scope.Scope> => {
  const { circuits, client, ledger, now, prices, retries, status } = services
  const { config, decision, request, trail } = context

  const once = Effect.fnUntraced(function* (): Effect.fn.Return<MeteredAnswer, AttemptFailure, Scope.Scope> {
    const permit = yield* circuits.admit(model, config.circuit)
    const meter = new Meter({
      request,
      purpose: "chat",
      category: decision.category,
      source: decision.source,
      model,
      attempt: trail.attempts.length + 1,
      prices,
      ledger,
      permit,
      now
    })
    trail.meters.push(meter)
    const record = (outcome: string, httpStatus: number | null) =>
      trail.attempts.push({ model, outcome, status: httpStatus, duration_ms: Math.round(now() - meter.startedAt) })
    const call = { request, fields: { model, ownsModels: context.ownsModels, sessionId: context.sessionId } }
    const answer = yield* client.open({ ...call, limits: context.limits }).pipe(
      Effect.tapError((error) => {
        record(error.reason._tag, error.status)
        trail.reasons.push(error.reason)
        return Effect.andThen(
          Effect.andThen(meter.finish({ _tag: "Failed", error }, undefined), status.failed(model, error.reason)),
          Effect.logInfo(`${model} did not answer: ${error.message}`).pipe(
            Effect.annotateLogs({ request_id: request.id, model, reason: error.reason._tag })
          )
        )
      }),
      Effect.onInterrupt(() => meter.finish({ _tag: "Cancelled" }, undefined))
    )
    record("ok", 200)
    status.succeeded(model)
    if (answer._tag === "Stream") meter.firstToken()
    // Whatever ends the request before its answer ended: the caller left.
    yield* Effect.addFinalizer(() => meter.finish({ _tag: "Cancelled" }, factsOf(answer)))
    return { model, answer, meter }
  })

  return Effect.suspend(once).pipe(
    Effect.retry({
      schedule: retryDelay,
      times: retries,
      while: (error) => error._tag === "ModelError" && error.isTransient
    }),
    Effect.tapError((error) =>
      Effect.sync(() => {
        if (error._tag === "CircuitRejection") trail.skipped.push(skippedBy(model, error))
      })
    )
  )
}
