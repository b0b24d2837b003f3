/**
 * Asks one model once. "Open" means that the answer is certain enough to hand on: a complete JSON completion, or a
 * stream whose first token is in hand. Everything before that is an ordinary failure, so the next model can be tried.
 */
import { type ChatRequest, upstreamBody, type UpstreamFields } from "@llm-router/domain/ChatRequest"
import { ModelError, type ModelErrorReason } from "@llm-router/domain/ModelError"
import type { Usage } from "@llm-router/domain/Usage"
import { Cause, Context, Effect, Layer, Redacted, Result } from "effect"
import { isFieldValue } from "./http1/headerFields.ts"
import type { Message } from "./http1/UpstreamConnection.ts"
import { UpstreamPool } from "./http1/UpstreamPool.ts"
import { byteLengthOf } from "./http1/writeMessage.ts"
import { completionOf, type JsonAnswer } from "./openrouter/completion.ts"
import { reasonOf, reasonUnderConstraints, tellable } from "./openrouter/errors.ts"
import { end, Exchange, ExchangeError, type ExchangeLimits, silence } from "./openrouter/Exchange.ts"
import { parseFields } from "./openrouter/json.ts"
import { openStream, type StreamAnswer } from "./openrouter/stream.ts"
import { propagationHeaders } from "./telemetry/propagation.ts"
import type { Span } from "./telemetry/Span.ts"
import type { RequestScope } from "./RequestScope.ts"
import { Watchdog } from "./Watchdog.ts"

export type { JsonAnswer, StreamAnswer }
export type ModelAnswer = JsonAnswer | StreamAnswer

/** What an answer says of itself: for the ledger and the response headers. */
export interface AnswerFacts {
  /** The model has said all it had to say, whether or not somebody still listened. */
  readonly complete: boolean
  readonly usage: Usage | undefined
  readonly answeredBy: string | undefined
  readonly generationId: string | undefined
  /** Bytes of text the model wrote, to estimate tokens where no usage came. */
  readonly textBytes: number
}

/** An answer that comes, is left, or was rejected. */
export interface AnswerSoFar {
  /** What is known of it; nothing before the upstream said that it answers. */
  readonly facts: () => AnswerFacts | undefined
}

export interface UpstreamSettings {
  /** Origin and path prefix, such as `https://openrouter.ai/api/v1`. */
  readonly baseUrl: string
  readonly apiKey: Redacted.Redacted | undefined
  readonly referer: string
  readonly title: string
  readonly connectTimeoutMillis: number
  readonly maxConnections: number
  readonly tracePropagation: boolean
}

export interface ModelCall {
  readonly request: ChatRequest
  readonly fields: UpstreamFields
  readonly limits: ExchangeLimits
  /** Who accounts for the call: it is given what there is to be known of the answer, however that ends. */
  readonly meter: { answer: AnswerSoFar | undefined }
  /** The request's: its end aborts an answer that has not ended. */
  readonly scope: RequestScope
  /** The attempt's, where it is traced. */
  readonly span?: Span | undefined
}

/** An error's body is read up to here, an answer's up to here; what is longer is no answer of a chat model. */
const longestErrorBytes = 1024 * 1024
/** How long an error's body may take: the next model waits for it. */
const errorBodyTime = "1 second"
const longestAnswerBytes = 128 * 1024 * 1024

export class ModelClient extends Context.Service<
  ModelClient,
  {
    /** False without an upstream key: nothing can be asked. */
    readonly configured: boolean
    /** Opens one completion. */
    readonly open: (call: ModelCall) => Effect.Effect<ModelAnswer, ModelError>
  }
>()("@llm-router/router/ModelClient") {
  static readonly layerOpenRouter = (settings: UpstreamSettings) =>
    Layer.effect(
      ModelClient,
      Effect.gen(function* () {
        const watchdog = yield* Watchdog
        const origin = new URL(settings.baseUrl)
        const pool = yield* Effect.acquireRelease(
          Effect.sync(
            () =>
              new UpstreamPool({
                origin,
                maxConnections: settings.maxConnections,
                connectTimeoutMillis: settings.connectTimeoutMillis
              })
          ),
          (opened) => Effect.sync(() => opened.close())
        )
        const key = settings.apiKey === undefined ? undefined : Redacted.value(settings.apiKey)
        const fixedHead =
          `POST ${origin.pathname.replace(/\/$/, "")}/chat/completions HTTP/1.1\r\n` +
          fieldLines({
            host: origin.host,
            "content-type": "application/json",
            "accept-encoding": "identity",
            "http-referer": settings.referer,
            "x-title": settings.title,
            ...(key === undefined ? {} : { authorization: `Bearer ${key}` })
          })

        const messageOf = ({ fields, request, span }: ModelCall): Message => {
          const body = upstreamBody(request, fields)
          const bodyBytes = byteLengthOf(body)
          const trace = settings.tracePropagation ? fieldLines(propagationHeaders(request.client, span)) : ""
          const accept = request.stream ? "text/event-stream" : "application/json"
          const head = `${fixedHead}${trace}accept: ${accept}\r\ncontent-length: ${bodyBytes}\r\n\r\n`
          return { head, body, bodyBytes }
        }

        const started = (call: ModelCall): Exchange => {
          const exchange = new Exchange(watchdog, call.limits)
          call.meter.answer = exchange
          call.scope.add(() => void exchange.leave())
          exchange.begin((caller) => pool.call(messageOf(call), caller))
          return exchange
        }

        const answer = Effect.fnUntraced(function* (call: ModelCall, exchange: Exchange) {
          yield* exchange.opened
          const type = (exchange.headers["content-type"] ?? "").toLowerCase()
          const streams = type.startsWith("text/event-stream")
          const { succeeded } = exchange
          if (succeeded && !isPlain(exchange.headers["content-encoding"])) {
            return yield* Effect.fail(invalidOutput("The upstream compressed its answer, which was not asked for."))
          }
          if (succeeded && streams && call.request.stream) {
            return yield* openStream(exchange, {
              dropUsageChunk: !call.request.wantsUsage,
              choices: call.request.choices,
              key,
              now: watchdog.now
            })
          }
          exchange.firstTokenSeen()
          if (!succeeded) {
            // The status says enough where the body breaks off or never ends.
            const body = yield* readAll(exchange, longestErrorBytes).pipe(
              Effect.timeoutOrElse({ duration: errorBodyTime, orElse: () => Effect.succeed("") }),
              Effect.orElseSucceed(() => "")
            )
            return yield* Effect.fail(
              reasonOf({
                status: exchange.status,
                retryAfterHeader: exchange.headers["retry-after"],
                error: parseFields(body.toString())?.["error"],
                nowMillis: watchdog.now()
              })
            )
          }
          if (streams) return yield* Effect.fail(invalidOutput("The upstream streamed an answer that was to be whole."))
          return yield* completionOf(exchange, exchange.whole ?? (yield* readAll(exchange, longestAnswerBytes)), {
            asStream: call.request.stream,
            wantsUsage: call.request.wantsUsage,
            retryAfterHeader: exchange.headers["retry-after"],
            nowMillis: watchdog.now()
          })
        })

        const failed = ({ fields: { model }, request }: ModelCall, error: ExchangeError | ModelErrorReason) => {
          const reason = error instanceof ExchangeError ? reasonOfExchange(error) : tellable(error, key)
          const isConstrained = request.members.some(({ name }) => name === "provider")
          return Effect.fail(new ModelError({ model, reason: isConstrained ? reasonUnderConstraints(reason) : reason }))
        }

        return ModelClient.of({
          configured: settings.apiKey !== undefined,
          open: (call) =>
            Effect.suspend(() => {
              const exchange = started(call)
              return Effect.catchCause(answer(call, exchange), (cause) => {
                exchange.abort()
                return Result.match(Cause.findError(cause), {
                  onSuccess: (error) => failed(call, error),
                  // What upstreams send has no end: what breaks on it is this answer, not the request.
                  onFailure: (broken) =>
                    Cause.hasDies(broken)
                      ? Effect.andThen(
                          Effect.logError(`An answer of ${call.fields.model} could not be read.`, broken),
                          failed(call, invalidOutput("The upstream's answer could not be read."))
                        )
                      : Effect.failCause(broken)
                })
              })
            })
        })
      })
    )
}

/** As they are sent. A client's field that could end a line is left out. */
const fieldLines = (fields: Readonly<Record<string, string>>): string => {
  let lines = ""
  for (const name in fields) {
    const value = fields[name] ?? ""
    if (isFieldValue(value)) lines += `${name}: ${value}\r\n`
  }
  return lines
}

const invalidOutput = (message: string): ModelErrorReason => ({ _tag: "InvalidOutput", message })

/**
 * We ask for `identity`. Whoever compresses all the same is not decoded: what comes out of it has no bound, and the
 * next model answers as well.
 */
const isPlain = (encoding: string | undefined): boolean => encoding === undefined || /^(?:identity)?$/i.test(encoding)

const reasonOfExchange = (error: ExchangeError): ModelErrorReason =>
  error.cause === "network"
    ? { _tag: "Unavailable", message: error.message }
    : { _tag: "TimedOut", message: error.message, phase: error.cause }

const readAll = Effect.fnUntraced(function* (exchange: Exchange, limit: number) {
  const parts: Array<Buffer> = []
  let length = 0
  while (true) {
    const chunk = yield* exchange.take
    if (chunk === end) return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
    if (chunk === silence) continue
    // Of a whole answer any byte is progress: white space keeps it alive while the model works.
    exchange.heard(true)
    length += chunk.length
    if (length > limit) return yield* Effect.fail(invalidOutput(`The upstream's answer is longer than ${limit} bytes.`))
    parts.push(chunk)
  }
})
