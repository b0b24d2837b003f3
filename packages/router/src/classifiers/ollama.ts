/**
 * Asks a small local model through Ollama's own API (`POST /api/chat`), whose answer is constrained to the categories.
 */
import { detached } from "@llm-router/domain/detached"
import type { Classification } from "@llm-router/domain/Decision"
import { Context, Duration, Effect, Layer } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { textWithin } from "../boundedBody.ts"
import { fieldsOf, parseFields, stringOf } from "../openrouter/json.ts"
import { answerSchema, type CategoryQuestion, verdictOf } from "./prompt.ts"

export interface OllamaSettings {
  /** Origin, such as `http://127.0.0.1:11434`; the native API, not the one under `/v1`. */
  readonly baseUrl: string
  readonly model: string
  readonly timeoutMillis: number
}

/** So that the model is still loaded when the next request comes. */
const keepAlive = "30m"

/** A verdict is some twenty tokens. */
const mostOutputTokens = 48
const longestAnswerBytes = 256 * 1024

export class OllamaClassifier extends Context.Service<
  OllamaClassifier,
  {
    /** The model's verdict. Fails with what went wrong, an answer outside the categories included. */
    readonly classify: (
      question: CategoryQuestion,
      traceHeaders: Readonly<Record<string, string>>
    ) => Effect.Effect<Classification | "unsure", string>
  }
>()("@llm-router/router/OllamaClassifier") {
  static readonly layer = (settings: OllamaSettings) =>
    Layer.effect(
      OllamaClassifier,
      Effect.gen(function* () {
        const client = yield* HttpClient.HttpClient
        const classify = Effect.fnUntraced(function* (
          { categories, messages }: CategoryQuestion,
          traceHeaders: Readonly<Record<string, string>>
        ) {
          const request = HttpClientRequest.post(`${settings.baseUrl}/api/chat`).pipe(
            HttpClientRequest.setHeaders(traceHeaders),
            HttpClientRequest.bodyJsonUnsafe({
              model: settings.model,
              messages,
              stream: false,
              format: answerSchema(categories),
              options: { temperature: 0, num_predict: mostOutputTokens },
              keep_alive: keepAlive
            })
          )
          const response = yield* client.execute(request)
          const body = fieldsOf(parseFields(yield* textWithin(response, longestAnswerBytes)))
          if (response.status !== 200) {
            return yield* Effect.fail(
              `Ollama answered ${response.status}: ${detached((stringOf(body["error"]) ?? "").slice(0, 200))}`
            )
          }
          const verdict = verdictOf(fieldsOf(body["message"])["content"], categories, settings.model)
          return verdict ?? (yield* Effect.fail("Ollama's answer is none of the categories."))
        })
        return OllamaClassifier.of({
          classify: (question, traceHeaders) =>
            classify(question, traceHeaders).pipe(
              Effect.timeoutOrElse({
                duration: Duration.millis(settings.timeoutMillis),
                orElse: () => Effect.fail(`Ollama did not answer within ${settings.timeoutMillis} ms.`)
              }),
              Effect.mapError((error) => (typeof error === "string" ? error : error.message))
            )
        })
      })
    )
}
