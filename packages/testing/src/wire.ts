/**
 * OpenRouter's JSON: bodies, chunks, events and errors, as values.
 */
import type { Answer, WireUsage } from "./answer.ts"

/** What every body and chunk of one call repeats. */
export interface Identity {
  readonly id: string
  readonly model: string
  /** Seconds since 1970. */
  readonly created: number
}

export const provider = "Simulated"

const nativeReason = { native_finish_reason: null, logprobs: null }

const chunk = (identity: Identity, choices: ReadonlyArray<unknown>, more: object = {}): object => ({
  id: identity.id,
  provider,
  model: identity.model,
  object: "chat.completion.chunk",
  created: identity.created,
  choices,
  ...more
})

const deltaChunk = (identity: Identity, delta: object): object =>
  chunk(identity, [{ index: 0, delta: { role: "assistant", ...delta }, finish_reason: null, ...nativeReason }])

export const roleChunk = (identity: Identity): object => deltaChunk(identity, { content: "" })

export const contentChunk = (identity: Identity, content: string): object => deltaChunk(identity, { content })

const reasoningDetails = (text: string) => [{ type: "reasoning.text", text, format: "unknown", index: 0 }]

/** All chunks that carry something: reasoning, then content, then tool calls. */
export const bodyChunks = (identity: Identity, answer: Answer): ReadonlyArray<object> => [
  ...answer.reasoning.map((text) =>
    deltaChunk(identity, { content: "", reasoning: text, reasoning_details: reasoningDetails(text) })
  ),
  ...answer.pieces.map((content) => contentChunk(identity, content)),
  ...answer.toolCalls.flatMap((call, index) => [
    deltaChunk(identity, {
      content: null,
      tool_calls: [{ index, id: call.id, type: "function", function: { name: call.name, arguments: "" } }]
    }),
    deltaChunk(identity, {
      content: null,
      tool_calls: [{ index, type: "function", function: { arguments: call.arguments } }]
    })
  ])
]

export const finishChunk = (identity: Identity, finishReason: string, usage?: WireUsage): object =>
  chunk(
    identity,
    [
      {
        index: 0,
        delta: { role: "assistant", content: "" },
        finish_reason: finishReason,
        native_finish_reason: finishReason,
        logprobs: null
      }
    ],
    usage === undefined ? {} : { usage }
  )

export const usageChunk = (identity: Identity, usage: WireUsage): object => chunk(identity, [], { usage })

export const noChoicesChunk = (identity: Identity): object => chunk(identity, [])

export interface WireError {
  readonly code: number | string
  readonly message: string
  readonly metadata?: unknown
  readonly availability?: unknown
}

/** An error in the middle of a stream. */
export const errorChunk = (identity: Identity, error: WireError): object =>
  chunk(identity, [{ index: 0, delta: { content: "" }, finish_reason: "error", native_finish_reason: "error" }], {
    error
  })

/** What a provider that fails half way is reported as. */
export const providerFailure: WireError = {
  code: 502,
  message: "Provider returned error",
  metadata: { error_type: "provider_unavailable", provider_name: provider }
}

/** The body of an answer without streaming. */
export const completion = (identity: Identity, answer: Answer, finishReason: string | null): object => {
  const reasoning = answer.reasoning.join("")
  return {
    id: identity.id,
    provider,
    model: identity.model,
    object: "chat.completion",
    created: identity.created,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: answer.toolCalls.length > 0 && answer.pieces.length === 0 ? null : answer.pieces.join(""),
          refusal: null,
          ...(reasoning === "" ? {} : { reasoning, reasoning_details: reasoningDetails(reasoning) }),
          ...(answer.toolCalls.length === 0
            ? {}
            : {
                tool_calls: answer.toolCalls.map((call, index) => ({
                  index,
                  id: call.id,
                  type: "function",
                  function: { name: call.name, arguments: call.arguments }
                }))
              })
        },
        finish_reason: finishReason,
        native_finish_reason: finishReason,
        logprobs: null
      }
    ],
    ...(answer.usage === undefined ? {} : { usage: answer.usage })
  }
}

/** A body that is complete JSON but has no answer in it. */
export const completionWithoutChoices = (identity: Identity): object => ({
  id: identity.id,
  provider,
  model: identity.model,
  object: "chat.completion",
  created: identity.created,
  choices: []
})
