/**
 * Judges a whole JSON completion. Its bytes are what the client gets; they are only read here.
 */
import type { ModelErrorReason } from "@llm-router/domain/ModelError"
import { usageOf } from "@llm-router/domain/Usage"
import { Effect } from "effect"
import type { AnswerFacts } from "../ModelClient.ts"
import { reasonOf } from "./errors.ts"
import { end, type Exchange } from "./Exchange.ts"
import { type Fields, fieldsOf, listOf, parseFields, stringOf } from "./json.ts"
import { hasToken, textBytesOf } from "./SseScanner.ts"
import type { StreamAnswer } from "./stream.ts"

export interface JsonAnswer {
  readonly _tag: "Json"
  readonly body: Buffer
}

interface CompletionOptions {
  /** The client asked for a stream: a provider that answers whole is put into one. */
  readonly asStream: boolean
  readonly wantsUsage: boolean
  readonly retryAfterHeader: unknown
  readonly nowMillis: number
}

/** Ends of an answer that may rightly have nothing in it. */
const emptyEnds: ReadonlySet<unknown> = new Set(["length", "content_filter"])

/** Whether an answer without a single token is an answer: cut by a limit or a filter it is, otherwise it is none. */
export const mayBeEmpty = (finishReason: unknown): boolean => emptyEnds.has(finishReason)

const invalid = (message: string): ModelErrorReason => ({ _tag: "InvalidOutput", message })

const problemOf = (completion: Fields, options: CompletionOptions): ModelErrorReason | undefined => {
  const { error } = completion
  if (error !== undefined && error !== null) {
    return reasonOf({ status: 200, retryAfterHeader: options.retryAfterHeader, error, nowMillis: options.nowMillis })
  }
  const choices = listOf(completion["choices"]).map(fieldsOf)
  if (choices.length === 0) return invalid("The upstream's answer has no choices.")
  if (choices.some((choice) => choice["finish_reason"] === "error")) {
    return { _tag: "Unavailable", message: "The model ended its answer with an error.", status: 502 }
  }
  return choices.some((choice) => hasToken(choice["message"]) || mayBeEmpty(choice["finish_reason"]))
    ? undefined
    : invalid("The upstream's answer is empty.")
}

const textBytesIn = (completion: Fields): number =>
  listOf(completion["choices"]).reduce<number>((sum, choice) => sum + textBytesOf(fieldsOf(choice)["message"]), 0)

const factsOf = (completion: Fields, { generationId }: Exchange): AnswerFacts => {
  const usage = usageOf(completion["usage"])
  return {
    complete: true,
    usage,
    answeredBy: stringOf(completion["model"]),
    generationId: generationId ?? stringOf(completion["id"]),
    textBytes: usage === undefined ? textBytesIn(completion) : 0
  }
}

/** Clients of a stream put tool calls together by their index, which those of a whole answer need not have. */
const deltaOf = (message: unknown): Fields => {
  const fields = fieldsOf(message)
  const calls = listOf(fields["tool_calls"])
  return calls.length === 0
    ? fields
    : { ...fields, tool_calls: calls.map((call, index) => ({ index, ...fieldsOf(call) })) }
}

const chunksOf = (completion: Fields, wantsUsage: boolean): Buffer => {
  const { choices, usage, ...rest } = completion
  const base = { ...rest, object: "chat.completion.chunk" }
  const events: Array<unknown> = listOf(choices).map((choice) => {
    const { message, ...others } = fieldsOf(choice)
    return { ...base, choices: [{ ...others, delta: deltaOf(message) }] }
  })
  if (wantsUsage && usage !== undefined) events.push({ ...base, choices: [], usage })
  return Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(""))
}

/** The answer in the body of an exchange, or why there is none. */
export const completionOf = (
  exchange: Exchange,
  body: Buffer,
  options: CompletionOptions
): Effect.Effect<JsonAnswer | StreamAnswer, ModelErrorReason> => {
  if (body.length === 0) return Effect.fail(invalid("The upstream's answer is empty."))
  const completion = parseFields(body.toString("utf8"))
  if (completion === undefined) return Effect.fail(invalid("The upstream's answer is not a JSON object."))
  // What it reports to have cost counts, whatever is wrong with it.
  exchange.known = factsOf(completion, exchange)
  const problem = problemOf(completion, options)
  if (problem !== undefined) return Effect.fail(problem)
  if (!options.asStream) return Effect.succeed({ _tag: "Json", body })
  let left: Buffer | typeof end = chunksOf(completion, options.wantsUsage)
  return Effect.succeed({
    _tag: "Stream",
    next: Effect.sync(() => {
      const next = left
      left = end
      return next
    })
  })
}
