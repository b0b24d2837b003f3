/**
 * What a fake model says, and what it says it cost: pure values, before any framing.
 */
import { dollarsOf } from "@llm-router/domain/Money"
import type { ChatAsk } from "./ask.ts"
import { costOf } from "./catalogue.ts"
import type { AnswerOptions, UsageOptions } from "./script.ts"

export interface WireUsage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly cost: number
  readonly cost_details: { readonly upstream_inference_cost: number }
  readonly prompt_tokens_details: { readonly cached_tokens: number; readonly cache_write_tokens: number }
  readonly completion_tokens_details: { readonly reasoning_tokens: number }
}

export interface WireToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

export interface Answer {
  /** The content as a stream gives it. */
  readonly pieces: ReadonlyArray<string>
  readonly reasoning: ReadonlyArray<string>
  readonly toolCalls: ReadonlyArray<WireToolCall>
  readonly finishReason: string
  readonly usage: WireUsage | undefined
}

/** Word by word, the blanks kept, so that joining gives the text again. */
const wordsOf = (text: string): ReadonlyArray<string> => text.match(/\s*\S+\s*?(?=\s|$)|\s+$/g) ?? []

const tokensOf = (text: string): number => Math.ceil(text.length / 4)

const usageOf = (ask: ChatAsk, said: string, thought: string, options: UsageOptions): WireUsage => {
  const reasoning = options.reasoning_tokens ?? tokensOf(thought)
  const input = options.prompt_tokens ?? Math.max(1, tokensOf(ask.messages.map(({ text }) => text).join("\n")))
  const output = options.completion_tokens ?? tokensOf(said) + reasoning
  const cost = options.cost ?? dollarsOf(costOf(ask.model, input, output))
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    cost,
    cost_details: { upstream_inference_cost: cost },
    prompt_tokens_details: { cached_tokens: options.cached_tokens ?? 0, cache_write_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoning }
  }
}

/** The answer to `ask`, with at least so many pieces of content that a break after some of them is a break. */
export const answerOf = (ask: ChatAsk, options: AnswerOptions, atLeast = 0): Answer => {
  const toolCalls = (options.toolCalls ?? []).map((call, index) => ({
    id: call.id ?? `call_${index + 1}`,
    name: call.name,
    arguments: call.arguments ?? "{}"
  }))
  const content = options.content ?? (toolCalls.length > 0 ? "" : `Hello from ${ask.model}`)
  const given = options.chunks ?? wordsOf(content)
  const missing = Math.max(0, atLeast - given.length)
  const pieces = [...given, ...Array.from({ length: missing }, (_, index) => ` more${given.length + index + 1}`)]
  const reasoning = options.reasoning ?? ""
  const said = pieces.join("") + toolCalls.map((call) => call.name + call.arguments).join("")
  return {
    pieces,
    reasoning: wordsOf(reasoning),
    toolCalls,
    finishReason: options.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop"),
    usage: options.usage === false ? undefined : usageOf(ask, said, reasoning, options.usage ?? {})
  }
}
