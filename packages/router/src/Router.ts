/**
 * The story of a request: decide what it is about, walk the chain of that category, hand on the first answer.
 */
import type { ChatRequest } from "@llm-router/domain/ChatRequest"
import { type Decision, directCategory } from "@llm-router/domain/Decision"
import { ModelError, type ModelErrorReason } from "@llm-router/domain/ModelError"
import type { PicoDollars } from "@llm-router/domain/Money"
import { ChainExhausted, type RouteError, UpstreamNotConfigured } from "@llm-router/domain/RouterError"
import { Context, Effect, Layer } from "effect"
import { type AttemptContext, attemptModel, type AttemptServices, type MeteredAnswer, newTrail } from "./attempt.ts"
import { chainFor, largerContextFirst, needsOf } from "./chain.ts"
import { CircuitBreaker } from "./CircuitBreaker.ts"
import { ConfigStore } from "./ConfigStore.ts"
import { CostLedger } from "./CostLedger.ts"
import { Decisions } from "./decide.ts"
import { ModelCatalogue } from "./ModelCatalogue.ts"
import type { MeterEnd } from "./meter.ts"
import { ModelClient } from "./ModelClient.ts"
import type { Chunk } from "./openrouter/Exchange.ts"
import { leftUndecided, type OutcomeRecorder, outcomeRecorder } from "./outcome.ts"
import { type Plan, planOf } from "./plan.ts"
import { pricesUnder } from "./pricing.ts"
import type { RequestScope } from "./RequestScope.ts"
import { atStep } from "./steps.ts"
import { type Arrival, RequestTelemetry } from "./telemetry/RequestTelemetry.ts"
import { logIdsOf } from "./telemetry/Span.ts"
import { Telemetry } from "./telemetry/Telemetry.ts"
import { UpstreamStatus } from "./UpstreamStatus.ts"
import { Watchdog } from "./Watchdog.ts"
import { worstCaseOf } from "./worstCase.ts"

export interface RouterSettings {
  readonly firstTokenTimeoutMillis: number
  readonly idleTimeoutMillis: number
  readonly keepAliveMillis: number
  readonly requestTimeoutMillis: number
  readonly retriesPerModel: number
}

/** A request that has its decision and waits for its answer. */
export interface Routed {
  readonly decision: Decision
  /** How many attempts were begun so far. */
  readonly attempts: () => number
  /** The model that was asked last; before the first attempt, the first of the chain. */
  readonly model: () => string
  /** The most it is expected to cost; `undefined` when nobody knows. */
  readonly worstCase: () => PicoDollars | undefined
  /** What its attempts and its classification have cost, once they have ended. */
  readonly spent: () => PicoDollars
  /** Walks the chain up to the first answer. */
  readonly answer: Effect.Effect<RoutedAnswer, RouteError>
}

export type RoutedAnswer = RoutedJson | RoutedStream

interface RoutedJson {
  readonly _tag: "Json"
  readonly model: string
  readonly body: Buffer
  /**
   * Of the whole request: this answer, attempts before it that cost something, and the classification where this
   * request paid for one. `undefined` when nobody knows the answer's price.
   */
  readonly cost: PicoDollars | undefined
}

export interface RoutedStream {
  readonly _tag: "Stream"
  readonly model: string
  /** The next bytes, `silence` or `end`; fails when the upstream breaks off. */
  readonly next: Effect.Effect<Chunk, ModelErrorReason>
  /** To be run at the `end`, before the last byte goes out: the ledger has the answer's entry then. */
  readonly completed: Effect.Effect<void>
  /** To be run when `next` failed: accounts for what was produced. */
  readonly brokeOff: (reason: ModelErrorReason) => Effect.Effect<ModelError>
}

export class Router extends Context.Service<
  Router,
  {
    /** What it takes it gives back with the scope, which the answer must not outlive. */
    readonly route: (request: ChatRequest, scope: RequestScope, arrival?: Arrival) => Effect.Effect<Routed, RouteError>
    /** The decision and what would be tried; asks no model of the chain. */
    readonly plan: (request: ChatRequest) => Effect.Effect<Plan, RouteError>
  }
>()("@llm-router/router/Router") {
  static readonly layer = (settings: RouterSettings) =>
    Layer.effect(
      Router,
      Effect.gen(function* () {
        const store = yield* ConfigStore
        const decisions = yield* Decisions
        const catalogue = yield* ModelCatalogue
        const client = yield* ModelClient
        const circuits = yield* CircuitBreaker
        const ledger = yield* CostLedger
        const status = yield* UpstreamStatus
        const { monotonic, now } = yield* Watchdog
        const { metrics } = yield* Telemetry
        const services: AttemptServices = {
          client,
          circuits,
          ledger,
          status,
          now,
          monotonic,
          catalogue,
          retries: settings.retriesPerModel,
          metrics
        }

        /** Tries the models in order; the trail keeps what became of each. */
        const firstAnswer = (
          context: AttemptContext,
          models: ReadonlyArray<string>
        ): Effect.Effect<MeteredAnswer, ChainExhausted> => {
          const [model, ...rest] = models
          if (model === undefined || monotonic() >= context.limits.requestDue) {
            const { attempts, reasons, skipped } = context.trail
            return new ChainExhausted({ attempts, reasons, skipped })
          }
          return Effect.catch(attemptModel(services, context, model), (failure) => {
            const goesOn = failure._tag === "CircuitRejection" || failure.canFallBack
            if (!goesOn) return firstAnswer(context, [])
            if (rest.length > 0) {
              context.told.fellBack(model, failure._tag === "CircuitRejection" ? "circuit_open" : failure.reason)
            }
            if (failure._tag === "CircuitRejection") return firstAnswer(context, rest)
            const tooLong = failure.reason._tag === "ContextTooLong"
            return firstAnswer(context, tooLong ? largerContextFirst(model, rest, catalogue) : rest)
          })
        }

        const metered = (
          request: ChatRequest,
          { answer, meter, model }: MeteredAnswer,
          { record, spent }: OutcomeRecorder,
          told: RequestTelemetry
        ): Effect.Effect<RoutedAnswer> => {
          told.opened()
          /** The answer has ended: the ledger has it before its last byte goes out. */
          const ended = (end: MeterEnd, error?: string): Effect.Effect<void> =>
            atStep.settle.pipe(
              Effect.andThen(meter.finish(end)),
              Effect.flatMap(() => {
                record(error)
                return ledger.committed
              })
            )
          if (answer._tag === "Json") {
            return Effect.map(ended({ _tag: "Complete" }), () => {
              told.answered()
              return { _tag: "Json", model, body: answer.body, cost: meter.isPriced ? spent() : undefined }
            })
          }
          told.answered()
          return Effect.succeed({
            _tag: "Stream",
            model,
            next: answer.next,
            completed: ended({ _tag: "Complete" }),
            brokeOff: (reason) => {
              const error = new ModelError({ model, reason })
              return ended({ _tag: "Failed", error }, reason._tag).pipe(
                Effect.andThen(Effect.logWarning(`${model} broke off its answer: ${error.message}`)),
                Effect.annotateLogs({
                  request_id: request.id,
                  model,
                  reason: reason._tag,
                  ...logIdsOf(told.span, request.client.traceparent)
                }),
                Effect.as(error)
              )
            }
          })
        }

        /** A model that the caller names is tried whatever the list says of it. */
        const chainOf = (decision: Decision, request: ChatRequest) =>
          decision.category === directCategory
            ? { models: decision.models, skipped: [] }
            : chainFor(decision.models, needsOf(request), catalogue)

        return Router.of({
          plan: Effect.fnUntraced(function* (request) {
            const config = store.currentUnsafe()
            const { decision } = yield* decisions.decide(config, request, { freeOnly: true })
            const prices = pricesUnder(config, catalogue)
            return yield* planOf(decision, chainOf(decision, request), request, { circuits, prices })
          }),
          route: Effect.fnUntraced(function* (request, scope, arrival) {
            const [startedAt, requestDue] = [now(), monotonic() + settings.requestTimeoutMillis]
            const told = new RequestTelemetry(metrics, arrival)
            const deciding = Effect.andThen(
              atStep.decide,
              Effect.suspend(() => {
                const config = store.currentUnsafe()
                metrics.configured(config)
                told.deciding()
                const options = { freeOnly: arrival?.freeOnly, span: told.span }
                return Effect.map(decisions.decide(config, request, options), (decided) => ({ config, decided }))
              })
            )
            const { config, decided } = yield* Effect.onInterrupt(deciding, () =>
              Effect.sync(() => {
                ledger.appendRequest(leftUndecided(request, startedAt, now()))
                told.ended("undecided", "none", false, "cancelled", 0)
              })
            )
            const { decision, ownsModels, sessionId } = decided
            told.decided(decision)
            decisions.remember(decided)
            const chain = chainOf(decision, request)
            const trail = newTrail(chain.skipped)
            const recorder = outcomeRecorder({ ledger, now, request, decided, trail, startedAt, told })
            const { open, record } = recorder
            const limits = {
              firstTokenMillis: settings.firstTokenTimeoutMillis,
              idleMillis: settings.idleTimeoutMillis,
              keepAliveMillis: settings.keepAliveMillis,
              requestDue
            }
            const context = { request, config, decision, trail, ownsModels, sessionId, limits, scope, told }
            const opened: Effect.Effect<MeteredAnswer, RouteError> = client.configured
              ? firstAnswer(context, chain.models)
              : notConfigured
            return {
              decision,
              worstCase: () =>
                worstCaseOf(
                  request,
                  { models: chain.models, namedByCaller: decision.category === directCategory },
                  pricesUnder(config, catalogue)
                ),
              spent: recorder.spent,
              attempts: () => trail.meters.length,
              model: () => trail.meters.at(-1)?.model ?? decision.models[0],
              answer: Effect.suspend(() => {
                // Added first, it runs last, after the meters' own: who left is no success, but behind the answer's end.
                scope.add(() => void record(trail.meters.at(-1)?.answered === true ? undefined : "cancelled"))
                return atStep.ask.pipe(
                  Effect.andThen(
                    Effect.suspend(() => {
                      open()
                      return opened
                    })
                  ),
                  Effect.matchEffect({
                    onSuccess: (answer) => metered(request, answer, recorder, told),
                    onFailure: (error): Effect.Effect<RoutedAnswer, RouteError> => {
                      record(error._tag)
                      return Effect.andThen(ledger.committed, Effect.fail(error))
                    }
                  })
                )
              })
            }
          })
        })
      })
    )
}

const notConfigured = Effect.fail(
  new UpstreamNotConfigured({
    message:
      "There is no OpenRouter key. Set OPENROUTER_API_KEY (environment or .env) and start the router again, " +
      "or start it with --sandbox to try it with simulated models."
  })
)
