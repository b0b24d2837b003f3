/**
 * Asks a small model through OpenRouter. What that costs goes to the ledger, under the request it served.
 */
import { parseChatRequest } from "@llm-router/domain/ChatRequest"
import type { Classification } from "@llm-router/domain/Decision"
import { ModelError } from "@llm-router/domain/ModelError"
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { Context, Duration, Effect, Layer } from "effect"
import type { Asker } from "../Classifier.ts"
import { CostLedger } from "../CostLedger.ts"
import { Meter, type MeterEnd } from "../meter.ts"
import { ModelCatalogue } from "../ModelCatalogue.ts"
import { ModelClient } from "../ModelClient.ts"
import { fieldsOf, listOf, parseFields } from "../openrouter/json.ts"
import { pricesUnder } from "../pricing.ts"
import { type RequestScope, withRequestScope } from "../RequestScope.ts"
import { Telemetry } from "../telemetry/Telemetry.ts"
import { Watchdog } from "../Watchdog.ts"
import type { Failed } from "./failure.ts"
import { answerSchema, type CategoryQuestion, verdictOf } from "./prompt.ts"

export interface ApiClassifierSettings {
  /** False where the upstream's models are simulated: their verdicts would be too. */
  readonly enabled: boolean
  readonly model: string
  readonly timeoutMillis: number
}

/** A verdict is some twenty tokens. */
const mostOutputTokens = 64

export class ApiClassifier extends Context.Service<
  ApiClassifier,
  {
    /** False when there is no key to ask with, or nobody real to ask. */
    readonly available: boolean
    /** The model's verdict. Fails with what went wrong, an answer outside the categories included. */
    readonly classify: (
      config: RouterConfig,
      question: CategoryQuestion,
      asker: Asker
    ) => Effect.Effect<Classification | "unsure", Failed>
  }
>()("@llm-router/router/ApiClassifier") {
  static readonly layer = (settings: ApiClassifierSettings) =>
    Layer.effect(
      ApiClassifier,
      Effect.gen(function* () {
        const client = yield* ModelClient
        const ledger = yield* CostLedger
        const catalogue = yield* ModelCatalogue
        const { monotonic, now } = yield* Watchdog
        const { metrics } = yield* Telemetry

        const bodyFor = ({ categories, messages }: CategoryQuestion): Buffer =>
          Buffer.from(
            JSON.stringify({
              model: settings.model,
              messages,
              temperature: 0,
              max_tokens: mostOutputTokens,
              reasoning: { enabled: false },
              response_format: {
                type: "json_schema",
                json_schema: { name: "category", strict: true, schema: answerSchema(categories) }
              }
            })
          )

        const classify = Effect.fnUntraced(function* (
          config: RouterConfig,
          question: CategoryQuestion,
          asker: Asker,
          scope: RequestScope
        ) {
          const { keyId, requestId } = asker
          const request = yield* Effect.fromResult(
            parseChatRequest(
              requestId,
              { keyId, userAgent: "", sessionId: undefined, traceparent: undefined },
              bodyFor(question)
            )
          )
          const meter = new Meter({
            request,
            purpose: "classification",
            category: "classification",
            source: "api",
            model: settings.model,
            attempt: 1,
            prices: pricesUnder(config, catalogue),
            ledger,
            // The classifier's own circuit is settled by whoever asks it.
            permit: { settle: () => Effect.void },
            now,
            metrics
          })
          const ended = (end: MeterEnd) => Effect.map(meter.finish(end), () => void (asker.spent += meter.cost))
          const answer = yield* client
            .open({
              request,
              fields: { model: settings.model, ownsModels: false, sessionId: requestId },
              limits: {
                firstTokenMillis: settings.timeoutMillis,
                idleMillis: settings.timeoutMillis,
                keepAliveMillis: settings.timeoutMillis,
                requestDue: monotonic() + settings.timeoutMillis
              },
              meter,
              scope
            })
            .pipe(
              Effect.tapError((error) => ended({ _tag: "Failed", error })),
              Effect.onInterrupt(() => ended({ _tag: "Cancelled" }))
            )
          if (answer._tag !== "Json") return yield* Effect.fail("The classifier's answer is a stream.")
          yield* ended({ _tag: "Complete" })
          const choice = fieldsOf(listOf(parseFields(answer.body.toString("utf8"))?.["choices"])[0])
          const verdict = verdictOf(fieldsOf(choice["message"])["content"], question.categories, settings.model)
          return verdict ?? (yield* Effect.fail("The classifier's answer is none of the categories."))
        })

        return ApiClassifier.of({
          available: settings.enabled && client.configured,
          classify: (config, question, asker) =>
            withRequestScope((scope) => classify(config, question, asker, scope)).pipe(
              Effect.timeoutOrElse({
                duration: Duration.millis(settings.timeoutMillis),
                orElse: () => Effect.fail(`${settings.model} did not answer within ${settings.timeoutMillis} ms.`)
              }),
              Effect.mapError((error) =>
                typeof error === "string" || error instanceof ModelError ? error : error.message
              )
            )
        })
      })
    )
}
