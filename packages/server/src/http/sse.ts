/**
 * Server-sent events as OpenAI's clients read them: signs of life, an error that ends a stream, and the end itself.
 */
import type { ModelError } from "@llm-router/domain/ModelError"
import { end, silence } from "@llm-router/router/openrouter/Exchange"
import type { RoutedStream } from "@llm-router/router/Router"
import { Cause, Effect, type Pull } from "effect"
import { type WireError, wireError } from "./errors.ts"

const done = Buffer.from("data: [DONE]\n\n")

/**
 * A chunk with an empty delta. Clients' idle watchdogs count data events, not comments (OpenClaw gives a stream of
 * comments up after 300 s).
 */
export const keepAliveEvent = (requestId: string, nowMillis: number): Buffer =>
  Buffer.from(
    `data: ${JSON.stringify({
      id: requestId,
      object: "chat.completion.chunk",
      created: Math.floor(nowMillis / 1000),
      model: "router",
      choices: [{ index: 0, delta: {}, finish_reason: null }]
    })}\n\n`
  )

/** Ends a stream that was begun. No `[DONE]` follows: an end that looks complete is taken for a complete answer. */
export const errorEvent = ({ body }: WireError): Buffer =>
  Buffer.from(
    `data: ${JSON.stringify({ ...body, choices: [{ delta: { content: "" }, finish_reason: "error", index: 0 }] })}\n\n`
  )

/** In our words alone: the upstream's may hold addresses and paths. `/metrics` has them as the circuit's last error. */
const cutOffError = ({ model }: ModelError): WireError =>
  wireError(502, "api_error", "upstream_cut_off", `${model} broke off its answer; what came so far is not complete.`)

/** The pull behind a response stream: one buffer at a time, so that no two chunks become one. */
export type EventPull = Pull.Pull<readonly [Buffer]>

/** The bytes of an answer for the client, its end and its breaking off included. */
export const eventsOf = (answer: RoutedStream, requestId: string, now: () => number): EventPull => {
  let ended = false
  const pull: EventPull = Effect.matchEffect(answer.next, {
    onSuccess: (chunk): EventPull => {
      if (chunk === silence) return Effect.succeed([keepAliveEvent(requestId, now())])
      if (chunk !== end) return Effect.succeed([chunk])
      ended = true
      return Effect.as(answer.completed, [done])
    },
    onFailure: (reason): EventPull => {
      ended = true
      return Effect.map(answer.brokeOff(reason), (error) => [errorEvent(cutOffError(error))])
    }
  })
  return Effect.suspend(() => (ended ? Cause.done() : pull))
}
