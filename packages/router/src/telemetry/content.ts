/**
 * Prompts and answers on spans, for those who asked for it (`TELEMETRY_CAPTURE_CONTENT`), in the form of the GenAI
 * conventions' `gen_ai.input.messages` and `gen_ai.output.messages`. Bounded, since a request may be megabytes.
 */
import { type ChatRequest, textOf } from "@llm-router/domain/ChatRequest"
import { Effect } from "effect"
import type { ModelAnswer } from "../ModelClient.ts"
import { end, silence } from "../openrouter/Exchange.ts"
import { fieldsOf, listOf, parseFields, stringOf } from "../openrouter/json.ts"
import type { Span } from "./Span.ts"
import { attributes } from "./spans.ts"

/** Of each message, and of the answer. */
const longestText = 4_096
/** The last ones are what was asked; a conversation may have hundreds. */
const mostMessages = 16
/** Bytes of a stream that are kept to be read at its end: deltas are mostly frame. */
const longestStream = 512 * 1024

const message = (role: string, content: string) => ({
  role,
  parts: [{ type: "text", content: content.slice(0, longestText) }]
})

export const inputMessagesOf = (request: ChatRequest): string =>
  JSON.stringify(request.messages.slice(-mostMessages).map((said) => message(said.role, textOf(said))))

const outputMessages = (texts: ReadonlyArray<string>): string =>
  JSON.stringify(texts.map((text) => message("assistant", text)))

const textsOf = (body: Buffer): ReadonlyArray<string> =>
  listOf(parseFields(body.toString("utf8"))?.["choices"]).map(
    (choice) => stringOf(fieldsOf(fieldsOf(choice)["message"])["content"]) ?? ""
  )

/** What passed of a stream, up to a bound; its text is read out of it at the end. */
class StreamContent {
  readonly #parts: Array<Buffer> = []
  #length = 0

  push(chunk: Buffer): void {
    if (this.#length > longestStream) return
    this.#length += chunk.length
    this.#parts.push(chunk)
  }

  text(): string {
    return Buffer.concat(this.#parts)
      .toString("utf8")
      .split("\n")
      .filter((line) => line.startsWith("data:"))
      .map((line) => fieldsOf(listOf(parseFields(line.slice("data:".length))?.["choices"])[0]))
      .map((choice) => stringOf(fieldsOf(choice["delta"])["content"]) ?? "")
      .join("")
  }
}

/** The same answer, whose text the span has at its end. */
export const capturing = (answer: ModelAnswer, span: Span): ModelAnswer => {
  if (answer._tag === "Json") {
    span.attributes[attributes.outputMessages] = outputMessages(textsOf(answer.body))
    return answer
  }
  const content = new StreamContent()
  const told = () => {
    span.attributes[attributes.outputMessages] = outputMessages([content.text()])
  }
  return {
    ...answer,
    next: Effect.tapError(
      Effect.map(answer.next, (chunk) => {
        if (chunk === end) told()
        else if (chunk !== silence) content.push(chunk)
        return chunk
      }),
      () => Effect.sync(told)
    )
  }
}
