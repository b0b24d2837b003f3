/**
 * Bytes in, bytes out: reads a chat request, hands it to the router, and writes the answer as JSON or as a stream.
 */
import { Api } from "@llm-router/api/Api"
import type { RoutePlan } from "@llm-router/api/ChatApi"
import { type ChatRequest, parseChatRequest } from "@llm-router/domain/ChatRequest"
import { decimalOf, dollarsOf } from "@llm-router/domain/Money"
import type { RouteError } from "@llm-router/domain/RouterError"
import type { Plan } from "@llm-router/router/plan"
import { type Routed, type RoutedAnswer, Router } from "@llm-router/router/Router"
import type { Arrival } from "@llm-router/router/telemetry/RequestTelemetry"
import { attributes } from "@llm-router/router/telemetry/spans"
import { Watchdog } from "@llm-router/router/Watchdog"
import { Cause, Effect, Exit, Fiber, type Scope, Stream } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { ServerSettings } from "../ServerSettings.ts"
import { spanOf } from "../telemetry/httpRequests.ts"
import { errorResponse, wireErrorOf } from "./errors.ts"
import { jsonBody, requestIdOf } from "./request.ts"
import { errorEvent, type EventPull, eventsOf, keepAliveEvent } from "./sse.ts"
import { modelList } from "./models.ts"

type Responded = Effect.Effect<HttpServerResponse.HttpServerResponse, never, Scope.Scope>
type Headers = Readonly<Record<string, string>>

export const ChatHandlers = HttpApiBuilder.group(
  Api,
  "chat",
  Effect.fn(function* (handlers) {
    const router = yield* Router
    const { now, after } = yield* Watchdog
    const settings = yield* ServerSettings
    const models = yield* modelList

    const readChat = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest, id: string) {
      const body = yield* jsonBody(request, settings.maxBodyBytes)
      const at = performance.now()
      const { headers } = request
      const chat = yield* Effect.fromResult(
        parseChatRequest(
          id,
          {
            userAgent: headers["user-agent"] ?? "",
            sessionId: headers["x-session-id"],
            traceparent: headers["traceparent"],
            tracestate: headers["tracestate"]
          },
          body
        )
      )
      return { at, chat }
    })

    const decisionHeaders = ({ attempts, decision, model }: Routed): Headers => ({
      "x-router-category": decision.category,
      "x-router-source": decision.source,
      "x-router-confidence": decision.confidence.toFixed(3),
      "x-router-model": model(),
      "x-router-attempts": String(attempts())
    })

    const failed = (error: RouteError, headers: Headers) => errorResponse(wireErrorOf(error), headers)

    /** Resolves when the fiber has ended, or with `false` when it has not by the keep-alive interval. */
    const settles = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<boolean> =>
      Effect.callback((resume) => {
        const cancel = after(settings.keepAliveMillis, () => resume(Effect.succeed(false)))
        const unobserve = fiber.addObserver(() => {
          cancel()
          resume(Effect.succeed(true))
        })
        // The caller left: the attempt under way ends before its connection is closed, so that it does not fail.
        return Effect.suspend(() => {
          cancel()
          unobserve()
          return Fiber.interrupt(fiber)
        })
      })

    const streamResponse = (pull: EventPull, headers: Headers): HttpServerResponse.HttpServerResponse =>
      HttpServerResponse.stream(Stream.fromPull(Effect.succeed(pull)), {
        contentType: "text/event-stream; charset=utf-8",
        headers: { ...headers, "cache-control": "no-cache", "x-accel-buffering": "no" }
      })

    const answered = (answer: RoutedAnswer, routed: Routed, id: string, base: Headers) => {
      const headers = { ...base, ...decisionHeaders(routed) }
      if (answer._tag === "Stream") return streamResponse(eventsOf(answer, id, now), headers)
      return HttpServerResponse.uint8Array(answer.body, {
        contentType: "application/json",
        headers: answer.cost === undefined ? headers : { ...headers, "x-router-cost-usd": decimalOf(answer.cost) }
      })
    }

    /** No first token for a while: the response begins all the same, with signs of life, and the chain goes on. */
    const streamBeforeAnswer = (
      fiber: Fiber.Fiber<RoutedAnswer, RouteError>,
      routed: Routed,
      id: string,
      base: Headers
    ): HttpServerResponse.HttpServerResponse => {
      const alive: EventPull = Effect.sync(() => [keepAliveEvent(id, now())] as const)
      const opening: EventPull = Effect.suspend(() => {
        const exit = fiber.pollUnsafe()
        if (exit === undefined) {
          return Effect.flatMap(settles(fiber), (settled): EventPull => (settled ? opening : alive))
        }
        pull = Exit.isSuccess(exit)
          ? exit.value._tag === "Stream"
            ? eventsOf(exit.value, id, now)
            : Effect.die("a streamed request was answered whole")
          : onceThenDone(Effect.map(Effect.flip(exit), (error) => errorEvent(wireErrorOf(error))))
        return pull
      })
      let pull: EventPull = Effect.sync(() => {
        pull = opening
        return [keepAliveEvent(id, now())] as const
      })
      return streamResponse(
        Effect.suspend(() => pull),
        { ...base, ...decisionHeaders(routed) }
      )
    }

    const complete = (chat: ChatRequest, headers: Headers, arrival: Arrival): Responded =>
      Effect.matchEffect(router.route(chat, arrival), {
        onFailure: (error) => Effect.succeed(failed(error, headers)),
        onSuccess: (routed) => {
          const respond = (opened: Effect.Effect<RoutedAnswer, RouteError, Scope.Scope>) =>
            Effect.match(opened, {
              onSuccess: (answer) => answered(answer, routed, chat.id, headers),
              onFailure: (error) => failed(error, { ...headers, ...decisionHeaders(routed) })
            })
          if (!chat.stream) return respond(routed.answer)
          return Effect.flatMap(Effect.forkChild(routed.answer, { startImmediately: true }), (fiber) =>
            Effect.flatMap(settles(fiber), (settled) =>
              settled ? respond(Fiber.join(fiber)) : Effect.succeed(streamBeforeAnswer(fiber, routed, chat.id, headers))
            )
          )
        }
      })

    const planned = (chat: ChatRequest, headers: Headers): Responded =>
      Effect.match(router.plan(chat), {
        onSuccess: (plan) => HttpServerResponse.jsonUnsafe(planView(plan, chat.id), { headers }),
        onFailure: (error) => failed(error, headers)
      })

    const handle = (
      respond: (chat: ChatRequest, headers: Headers, arrival: Arrival) => Responded,
      request: HttpServerRequest.HttpServerRequest
    ): Responded => {
      const id = requestIdOf(request)
      const headers = { "x-request-id": id }
      const span = spanOf(request)
      if (span !== undefined) span.attributes[attributes.requestId] = id
      return Effect.matchEffect(readChat(request, id), {
        onSuccess: ({ at, chat }) => respond(chat, headers, { at, span }),
        onFailure: (error) => Effect.succeed(failed(error, headers))
      })
    }

    const completions = ({ request }: { readonly request: HttpServerRequest.HttpServerRequest }): Responded =>
      handle(request.headers["x-router-dry-run"] === "true" ? planned : complete, request)

    return handlers
      .handleRaw("completions", completions)
      .handleRaw("completionsAlias", completions)
      .handleRaw("route", ({ request }) => handle(planned, request))
      .handle("models", () => models)
      .handle("modelsAlias", () => models)
  })
)

const onceThenDone = (event: Effect.Effect<Buffer, unknown>): EventPull => {
  let said = false
  return Effect.suspend((): EventPull => {
    if (said) return Cause.done()
    said = true
    return Effect.map(Effect.orDie(event), (bytes) => [bytes] as const)
  })
}

const planView = ({ cost, decision, models }: Plan, requestId: string): RoutePlan => ({
  object: "router.plan",
  request_id: requestId,
  category: decision.category,
  source: decision.source,
  confidence: decision.confidence,
  models: decision.models,
  reasons: decision.reasons,
  classifier_latency_ms: decision.classifierLatencyMillis,
  evidence: { keywords: decision.matches ?? [], candidates: decision.candidates ?? [] },
  plan: models.map(({ action, model, reason }) => ({ model, action, ...(reason === undefined ? {} : { reason }) })),
  expected_cost_usd: cost === undefined ? null : { min: dollarsOf(cost.min), max: dollarsOf(cost.max) }
})
