/**
 * Opens a streamed completion: reads up to the first token, then hands on the bytes as they come.
 */
import type { ModelErrorReason } from "@llm-router/domain/ModelError"
import { Effect } from "effect"
import { mayBeEmpty } from "./completion.ts"
import { reasonOf, tellable } from "./errors.ts"
import { type Chunk, end, type Exchange, type ExchangeError, silence } from "./Exchange.ts"
import { SseScanner } from "./SseScanner.ts"

export interface StreamAnswer {
  readonly _tag: "Stream"
  /**
   * The next bytes for the client, `silence` when nothing came for the keep-alive interval, or `end` after a complete
   * answer (`data: [DONE]` is the caller's to write). Fails when the stream breaks.
   */
  readonly next: Effect.Effect<Chunk, ModelErrorReason>
}

interface StreamOptions {
  readonly dropUsageChunk: boolean
  readonly choices: number
  /** The router's own, which the upstream may quote. */
  readonly key: string | undefined
  readonly now: () => number
}

/** What may come before the first token: a role, comments. More is no chat completion. */
const longestPrefixBytes = 40 * 1024 * 1024

const failureOf = (scanner: SseScanner, { key, now }: StreamOptions): ModelErrorReason =>
  tellable(reasonOf({ status: 200, retryAfterHeader: undefined, error: scanner.error, nowMillis: now() }), key)

const cutOff = (message: string): ModelErrorReason => ({ _tag: "CutOff", message })

/** The request's own limit, which says nothing about the model. */
const requestOver: ModelErrorReason = {
  _tag: "TimedOut",
  message: "The request took longer than it may.",
  phase: "request"
}

/** Reads until the first token is there, or until it is certain that none will come. */
const readPrefix = Effect.fnUntraced(function* (exchange: Exchange, scanner: SseScanner, options: StreamOptions) {
  const parts: Array<Buffer> = []
  let length = 0
  while (!scanner.sawToken) {
    const chunk = yield* exchange.take
    if (chunk === silence) continue
    const passed = chunk === end ? scanner.finish() : scanner.push(chunk)
    parts.push(passed)
    length += passed.length
    if (scanner.error !== undefined && !scanner.sawToken) {
      return yield* Effect.fail(failureOf(scanner, options))
    }
    if (scanner.tooLong || length > longestPrefixBytes) {
      return yield* Effect.fail<ModelErrorReason>({
        _tag: "InvalidOutput",
        message: "The upstream's events are too long."
      })
    }
    if ((chunk === end || scanner.done) && !scanner.sawToken) {
      if (mayBeEmpty(scanner.finishReason)) break
      return yield* Effect.fail<ModelErrorReason>({
        _tag: "InvalidOutput",
        message: "The upstream's stream ended without a token."
      })
    }
  }
  return Buffer.concat(parts)
})

/** Opens the stream of an exchange whose headers have come. */
export const openStream = (
  exchange: Exchange,
  options: StreamOptions
): Effect.Effect<StreamAnswer, ModelErrorReason | ExchangeError> => {
  const { choices, dropUsageChunk } = options
  const scanner = new SseScanner({ choices, dropUsageChunk, generationId: exchange.generationId })
  exchange.known = scanner
  return Effect.map(readPrefix(exchange, scanner, options), (prefix) => {
    exchange.firstTokenSeen()
    let pending: Buffer | undefined = prefix.length > 0 ? prefix : undefined
    let upstreamEnded = false

    const afterEnd = (): Effect.Effect<Chunk, ModelErrorReason> => {
      exchange.release()
      return scanner.complete ? Effect.succeed(end) : Effect.fail(cutOff("The stream ended before the answer did."))
    }

    // One step for a chunk: it is taken some twenty times for each answer.
    const read: Effect.Effect<Chunk, ModelErrorReason> = Effect.matchEffect(exchange.take, {
      onSuccess: (chunk): Effect.Effect<Chunk, ModelErrorReason> => {
        if (chunk === silence) return Effect.succeed(silence)
        if (chunk === end) upstreamEnded = true
        const passed = chunk === end ? scanner.finish() : scanner.push(chunk)
        exchange.heard(scanner.lastHadEvents || scanner.isWithinEvent, scanner.lastHadEvents)
        return passed.length > 0 ? Effect.succeed(passed) : next
      },
      onFailure: (error): Effect.Effect<Chunk, ModelErrorReason> => {
        // A connection that breaks behind the end of the answer takes nothing away from it.
        if (!scanner.complete) return Effect.fail(error.cause === "request" ? requestOver : cutOff(error.message))
        upstreamEnded = true
        return next
      }
    })

    const next: Effect.Effect<Chunk, ModelErrorReason> = Effect.suspend(() => {
      if (pending !== undefined) {
        const first = pending
        pending = undefined
        return Effect.succeed<Chunk>(first)
      }
      if (scanner.error !== undefined) {
        exchange.abort()
        return Effect.fail(cutOff(failureOf(scanner, options).message))
      }
      if (scanner.tooLong) return Effect.fail(cutOff("The upstream's events are too long."))
      return scanner.done || upstreamEnded ? afterEnd() : read
    })

    return { _tag: "Stream", next }
  })
}
