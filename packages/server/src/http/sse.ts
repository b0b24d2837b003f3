/**
 * Server-sent events as OpenAI's clients read them: signs of life, an error that ends a stream, and the end itself.
 */
import type { ModelError } from "@llm-router/domain/ModelError"
import { type WireError, wireError } from "./errors.ts"

export const done = Buffer.from("data: [DONE]\n\n")

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
export const cutOffError = ({ model }: ModelError): WireError =>
  wireError(502, "api_error", "upstream_cut_off", `${model} broke off its answer; what came so far is not complete.`)
