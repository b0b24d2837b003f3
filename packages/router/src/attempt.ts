/**
 * One model of the chain: admitted by its circuit, timed, asked, and asked once more if the failure was a passing one.
 */
import type { ChatRequest } from "@llm-router/domain/ChatRequest"
import { type Decision, directCategory } from "@llm-router/domain/Decision"
import { ModelError } from "@llm-router/domain/ModelError"
import { isListed, type RouterConfig } from "@llm-router/domain/RouterConfig"
import type { AttemptRecord, SkippedModel } from "@llm-router/domain/RouterError"
import { Duration, Effect, Schedule } from "effect"
import type { CircuitBreaker, CircuitRejection } from "./CircuitBreaker.ts"
import type { CostLedger } from "./CostLedger.ts"
import { Meter } from "./meter.ts"
import type { ModelCatalogue } from "./ModelCatalogue.ts"
import type { ModelAnswer, ModelClient } from "./ModelClient.ts"
import type { ExchangeLimits } from "./openrouter/Exchange.ts"
import { pricesUnder } from "./pricing.ts"
import type { RequestScope } from "./RequestScope.ts"
import { attemptSpan } from "./telemetry/attemptSpan.ts"
import { capturing } from "./telemetry/content.ts"
import type { RequestTelemetry } from "./telemetry/RequestTelemetry.ts"
import { logIdsOf } from "./telemetry/Span.ts"
import type { AttemptRole, RouterMetrics } from "./telemetry/RouterMetrics.ts"
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
  readonly scope: RequestScope
  readonly told: RequestTelemetry
}

export interface AttemptServices {
  readonly client: ModelClient["Service"]
  readonly circuits: CircuitBreaker["Service"]
  readonly ledger: CostLedger["Service"]
  readonly status: UpstreamStatus["Service"]
  readonly catalogue: ModelCatalogue["Service"]
  readonly now: () => number
  readonly monotonic: () => number
  readonly retries: number
  readonly metrics: RouterMetrics
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

/** When to come back to a model whose probe is under way. Nobody knows how long that takes: most answers take seconds. */
const probeMillis = 5_000

const skippedBy = (model: string, { retryAfterMillis, state }: CircuitRejection): SkippedModel =>
  state === "half_open"
    ? { model, cause: "circuit", reason: "circuit_half_open: a probe is under way", retryAfterMillis: probeMillis }
    : {
        model,
        cause: "circuit",
        reason: "circuit_open",
        ...(retryAfterMillis === undefined ? {} : { retryAfterMillis })
      }

export type AttemptFailure = ModelError | CircuitRejection

const roleOf = ({ meters }: Trail, model: string): AttemptRole =>
  meters.length === 0 ? "primary" : meters.at(-1)?.model === model ? "retry" : "fallback"

/** One try at one model. */
const tryOnce = Effect.fnUntraced(function* (
  services: AttemptServices,
  context: AttemptContext,
  model: string
): Effect.fn.Return<MeteredAnswer, AttemptFailure> {
  const { catalogue, ledger, now, status } = services
  const { decision, limits, ownsModels, request, scope, sessionId, trail } = context
  const attempt = trail.attempts.length + 1
  const role = roleOf(trail, model)
  const unlisted = context.decision.category === directCategory && !isListed(context.config, model)
  const permit = yield* services.circuits.admit(model, context.config.circuit, context.told.span, unlisted)
  const span = context.told.span && attemptSpan(context.told.span, request, model, attempt, role)
  const { category, source } = decision
  const prices = pricesUnder(context.config, catalogue)
  const meter = new Meter({
    request,
    purpose: "chat",
    category,
    source,
    model,
    attempt,
    prices,
    ledger,
    permit,
    now,
    metrics: services.metrics,
    role,
    span
  })
  trail.meters.push(meter)
  // Whatever ends the request before its answer has ended: the caller left.
  scope.add(() => (meter.hasEnded ? undefined : meter.finish({ _tag: "Cancelled" })))
  const record = (outcome: string, httpStatus: number | null) =>
    trail.attempts.push({ model, outcome, status: httpStatus, duration_ms: Math.round(now() - meter.startedAt) })
  let answer = yield* Effect.catch(
    services.client.open({ request, fields: { model, ownsModels, sessionId }, limits, meter, scope, span }),
    (error) => {
      record(error.reason._tag, error.status)
      trail.reasons.push(error.reason)
      return meter.finish({ _tag: "Failed", error }).pipe(
        Effect.andThen(status.failed(model, error.reason)),
        Effect.andThen(Effect.logInfo(`${model} did not answer: ${error.message}`)),
        Effect.annotateLogs({
          request_id: request.id,
          model,
          reason: error.reason._tag,
          ...logIdsOf(context.told.span, request.client.traceparent)
        }),
        Effect.andThen(Effect.fail(error))
      )
    }
  )
  if (span?.trace.capturesContent === true) answer = capturing(answer, span)
  record("ok", 200)
  status.succeeded(model)
  if (answer._tag === "Stream") meter.firstToken()
  return { model, answer, meter }
})

/** Asks one model, with its retries. The trail says what was tried; an open answer is metered to its end. */
export const attemptModel = (
  services: AttemptServices,
  context: AttemptContext,
  model: string
): Effect.Effect<MeteredAnswer, AttemptFailure> =>
  Effect.catch(tryOnce(services, context, model), (error): Effect.Effect<MeteredAnswer, AttemptFailure> => {
    if (error._tag === "CircuitRejection") {
      context.trail.skipped.push(skippedBy(model, error))
      return Effect.fail(error)
    }
    // A schedule costs something to set up, which the attempts that succeed at once do not pay.
    return error.isTransient && services.retries > 0 ? retried(services, context, model, error) : Effect.fail(error)
  })

const retried = (services: AttemptServices, context: AttemptContext, model: string, failure: ModelError) => {
  let first: ModelError | undefined = failure
  return Effect.suspend(() => {
    const failed = first
    first = undefined
    return failed === undefined ? tryOnce(services, context, model) : Effect.fail(failed)
  }).pipe(
    Effect.retry({
      // A try that would begin behind the request's end is not worth the wait for it.
      schedule: Schedule.while(retryDelay, ({ duration }) =>
        Effect.succeed(services.monotonic() + Duration.toMillis(duration) < context.limits.requestDue)
      ),
      times: services.retries,
      while: (error) => error._tag === "ModelError" && error.isTransient
    }),
    // The failures opened the circuit: the model's last word stands.
    Effect.mapError((error) => (error._tag === "CircuitRejection" ? failure : error))
  )
}
