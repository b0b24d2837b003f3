/**
 * Chat completions, from the request to its response. Nearly every request is one, so they go past the
 * framework's routing, contexts and streams; every other endpoint goes through them. Bytes in, bytes out: reads a
 * request, hands it to the router, and writes the answer as JSON or as a stream.
 */
import { type ClientSignals, parseChatRequest } from "@llm-router/domain/ChatRequest"
import { decimalOf } from "@llm-router/domain/Money"
import type { RouteError } from "@llm-router/domain/RouterError"
import { end, silence } from "@llm-router/router/openrouter/Exchange"
import { type Routed, type RoutedAnswer, type RoutedStream, Router } from "@llm-router/router/Router"
import { logIdsOf, type Span } from "@llm-router/router/telemetry/Span"
import { attributes } from "@llm-router/router/telemetry/spans"
import { type RequestScope, withRequestScope } from "@llm-router/router/RequestScope"
import { Watchdog } from "@llm-router/router/Watchdog"
import { Cause, Effect, Fiber, Layer } from "effect"
import { ServerSettings } from "../ServerSettings.ts"
import { spanOf } from "../telemetry/httpRequests.ts"
import { Admission } from "./Admission.ts"
import { clientRule } from "./authorization.ts"
import { type Incoming, NodeServer } from "./DrainingServer.ts"
import { type EdgeError, internalError, stoppingError, type WireError, wireErrorOf } from "./errors.ts"
import { KeyLimits } from "./KeyLimits.ts"
import { isLong, lingeringEnd } from "./lingeringEnd.ts"
import { PlainRequest } from "./plainRequest.ts"
import type { Outgoing } from "./PlainResponse.ts"
import { planView } from "./plan.ts"
import { readingTurns } from "./readingTurns.ts"
import { jsonBody, requestIdOf } from "./request.ts"
import { cutOffError, done, errorEvent, keepAliveEvent } from "./sse.ts"
import { StreamHead } from "./StreamHead.ts"
import { type Headers, writeEnd, writeEndAtOnce, writeError, writeJson, writePiece } from "./write.ts"

type Kind = "completion" | "plan"

const paths: ReadonlyMap<string, Kind> = new Map([
  ["/v1/chat/completions", "completion"],
  ["/chat/completions", "completion"],
  ["/v1/route", "plan"]
])

/** As settings say yes. Whoever asks for a dry run in other words must not get a real one. */
const asksForDryRun = (header: string | ReadonlyArray<string> | undefined): boolean =>
  header !== undefined && !/^(?:false|0|no|off|)$/i.test(String(header).trim())

/** Whoever takes the router for a proxy names the whole address (RFC 9112, 3.2.2). */
const pathOf = (url: string): string => {
  const path = url.startsWith("/") ? url : url.replace(/^https?:\/\/[^/?]*/i, "")
  const query = path.indexOf("?")
  return query < 0 ? path : path.slice(0, query)
}

/** What a request asks for, if it is a chat request. */
const kindOf = ({ headers, httpVersion, method, url = "" }: Incoming): Kind | undefined => {
  // Without a host, a request of HTTP/1.1 is for nobody, which the edge says.
  if (method !== "POST" || (headers.host === undefined && httpVersion === "1.1")) return undefined
  const kind = paths.get(pathOf(url))
  return kind === "completion" && asksForDryRun(headers["x-router-dry-run"]) ? "plan" : kind
}

const stringOf = (header: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof header === "string" ? header : header?.[0]

const signalsOf = ({ headers }: Incoming, keyId: string): ClientSignals => ({
  keyId,
  userAgent: headers["user-agent"] ?? "",
  sessionId: stringOf(headers["x-session-id"]),
  traceparent: stringOf(headers["traceparent"]),
  tracestate: stringOf(headers["tracestate"])
})

/** One request and where its answer goes. */
interface Call {
  readonly id: string
  readonly kind: Kind
  readonly request: Incoming
  readonly response: Outgoing
  readonly span: Span | undefined
  /** Of every answer to it, errors too. */
  readonly headers: Headers
  /** Of a stream, once it was read on. */
  head: StreamHead | undefined
  /** Once there is a decision. */
  routed: Routed | undefined
}

const decisionHeaders = ({ headers }: Call, { attempts, decision, model }: Routed): Headers => ({
  ...headers,
  "x-router-category": decision.category,
  "x-router-source": decision.source,
  "x-router-confidence": decision.confidence.toFixed(3),
  "x-router-model": model(),
  "x-router-attempts": String(attempts())
})

const idsOf = ({ id, request, span }: Call) => ({
  request_id: id,
  ...logIdsOf(span, stringOf(request.headers["traceparent"]))
})

/** What its caller is told of a request that failed, under the id that the caller has. */
const logFailure = (call: Call, { attempts, decision }: Routed, { body, status }: WireError): Effect.Effect<void> => {
  const { code, message } = body.error
  const line = `The request failed: ${message}`
  return Effect.annotateLogs(status >= 500 ? Effect.logWarning(line) : Effect.logInfo(line), {
    ...idsOf(call),
    category: decision.category,
    attempts: attempts(),
    status,
    code
  })
}

export const CompletionsLive = Layer.effectDiscard(
  Effect.gen(function* () {
    const server = yield* NodeServer
    const router = yield* Router
    const admission = yield* Admission
    const limits = yield* KeyLimits
    const watchdog = yield* Watchdog
    const { after, now } = watchdog
    const { keepAliveMillis, maxBodyBytes, sandbox, settings } = yield* ServerSettings
    const keyOf = clientRule(settings)
    const turns = readingTurns(watchdog)

    /** Hands on a stream, piece by piece. */
    const relay = ({ id, response }: Call, answer: RoutedStream): Effect.Effect<void> => {
      const step: Effect.Effect<void> = Effect.matchEffect(answer.next, {
        onSuccess: (chunk): Effect.Effect<void> => {
          if (chunk === end) return Effect.flatMap(answer.completed, () => writeEnd(response, done))
          const full = writePiece(response, chunk === silence ? keepAliveEvent(id, now()) : chunk)
          return full === undefined ? step : Effect.flatMap(full, () => step)
        },
        onFailure: (reason) =>
          Effect.flatMap(answer.brokeOff(reason), (error) => writeEnd(response, errorEvent(cutOffError(error))))
      })
      return step
    }

    const answerWhole = (call: Call, routed: Routed, { body, cost }: RoutedAnswer & { readonly _tag: "Json" }) => {
      const headers = decisionHeaders(call, routed)
      return writeJson(
        call.response,
        200,
        cost === undefined ? headers : { ...headers, "x-router-cost-usd": decimalOf(cost) },
        body
      )
    }

    const answerRouted = (call: Call, routed: Routed): Effect.Effect<void> =>
      Effect.matchEffect(routed.answer, {
        onSuccess: (answer) => {
          call.head?.stop()
          if (answer._tag === "Json") return answerWhole(call, routed, answer)
          call.head?.write()
          return relay(call, answer)
        },
        onFailure: (error: RouteError) => {
          const told = wireErrorOf(error)
          return Effect.andThen(
            logFailure(call, routed, told),
            Effect.suspend(() => tell(call, told, decisionHeaders(call, routed)))
          )
        }
      })

    /** An error, as the response that it is, or at the end of a stream that has begun. */
    const tell = (
      { head, response }: Call,
      error: WireError,
      headers: Headers,
      write = writeEnd
    ): Effect.Effect<void> => {
      head?.stop()
      return response.headersSent ? writeEnd(response, errorEvent(error)) : writeError(response, error, headers, write)
    }

    const refuse = (call: Call, error: EdgeError): Effect.Effect<void> => {
      const { headers, request } = call
      return !(request instanceof PlainRequest) && isLong(request)
        ? tell(
            call,
            wireErrorOf(error),
            { ...headers, connection: "close" },
            lingeringEnd(request, turns.toThrowAway(request), after)
          )
        : tell(call, wireErrorOf(error), headers)
    }

    const streamHeadOf = (call: Call): StreamHead =>
      new StreamHead({
        id: call.id,
        response: call.response,
        headers: () => (call.routed === undefined ? call.headers : decisionHeaders(call, call.routed)),
        keepAliveMillis,
        watchdog
      })

    /** Admits the request, reads it and decides; gives what is left to do, which is to answer. */
    const received = Effect.fnUntraced(function* (
      call: Call,
      scope: RequestScope
    ): Effect.fn.Return<Effect.Effect<void>, EdgeError> {
      const { headers, id, kind, request, response, span } = call
      const keyId = keyOf(request)
      if (typeof keyId !== "string") return yield* keyId
      yield* limits.admit(keyId)
      const ticket = admission.enter(scope)
      const { bytes, scan } = yield* jsonBody(request, response, { maxBytes: maxBodyBytes, ticket, turns })
      yield* ticket.place
      const at = performance.now()
      const chat = yield* Effect.fromResult(parseChatRequest(id, signalsOf(request, keyId), bytes, scan))
      if (kind === "plan") {
        const planned = yield* router.plan(chat)
        return writeJson(response, 200, headers, JSON.stringify(planView(planned, id)))
      }
      if (chat.stream) {
        const head = streamHeadOf(call)
        call.head = head
        head.keepAlive()
        scope.add(() => void head.stop())
      }
      const routed = yield* router.route(chat, scope, { at, span, freeOnly: limits.isSpent(keyId) })
      call.routed = routed
      yield* limits.reserve(keyId, routed, scope)
      return answerRouted(call, routed)
    })

    const answer = (call: Call, scope: RequestScope): Effect.Effect<void> =>
      Effect.matchEffect(received(call, scope), {
        onFailure: (error) => refuse(call, error),
        onSuccess: (answered) => answered
      })

    /** The router stops. */
    const stopped = ({ headers, request, response }: Call): Effect.Effect<void> => {
      if (request.socket.destroyed) return Effect.void
      if (!response.headersSent) return writeError(response, stoppingError, headers, writeEndAtOnce)
      if (!response.writableEnded) return writeEndAtOnce(response, errorEvent(stoppingError))
      return Effect.sync(() => void response.destroy())
    }

    const failed = (call: Call, cause: Cause.Cause<never>, hasLeft: boolean): Effect.Effect<void> => {
      if (Cause.hasInterruptsOnly(cause)) {
        return Effect.andThen(
          hasLeft ? Effect.sync(() => void call.response.destroy()) : stopped(call),
          Effect.annotateLogs(
            Effect.logInfo(
              `Ended before its answer was complete: ${hasLeft ? "the caller left" : "the router stops"}.`
            ),
            idsOf(call)
          )
        )
      }
      return Effect.logError("A request failed in an unforeseen way.", cause).pipe(
        Effect.annotateLogs(idsOf(call)),
        Effect.andThen(
          Effect.suspend(() => {
            if (!call.response.headersSent) return writeError(call.response, internalError, call.headers)
            call.response.destroy()
            return Effect.void
          })
        )
      )
    }

    const scope = yield* Effect.scope
    const run = Effect.runForkWith(yield* Effect.context<never>())

    const begun = (request: Incoming, response: Outgoing, kind: Kind) => {
      const id = requestIdOf(request.headers)
      const headers: Headers = sandbox ? { "x-request-id": id, "x-router-sandbox": "true" } : { "x-request-id": id }
      const span = spanOf(request)
      const call: Call = { id, kind, request, response, span, headers, head: undefined, routed: undefined }
      let hasLeft = false
      const answered = Effect.onExit(
        withRequestScope((taken) => answer(call, taken)),
        (exit) => (exit._tag === "Failure" ? failed(call, exit.cause, hasLeft) : Effect.void)
      )
      if (span !== undefined) span.attributes[attributes.requestId] = id
      const fiber = Fiber.runIn(run(answered), scope)
      if (fiber.pollUnsafe() === undefined) {
        response.once("close", () => {
          if (response.writableEnded) return
          hasLeft = true
          fiber.interruptUnsafe()
        })
      }
    }

    server.take((request) => {
      const kind = kindOf(request)
      return kind && ((response) => begun(request, response, kind))
    })
  })
)
