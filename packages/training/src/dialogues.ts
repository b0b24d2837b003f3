/**
 * The authored dialogues, and the requests that a client sends in them.
 */
import { type ChatRequest, parseChatRequest } from "@llm-router/domain/ChatRequest"
import { Result, Schema } from "effect"
import { readFileSync } from "node:fs"

/** Of the authored prompts and dialogues: one file of prompts each. */
export const labels = [
  "code",
  "conversation",
  "creative",
  "extraction",
  "math",
  "reasoning",
  "summarization",
  "translation"
] as const

const UserTurn = Schema.Struct({
  role: Schema.Literal("user"),
  content: Schema.String,
  category: Schema.Literals(labels)
})

/** An assistant's `null` calls a tool, whose result is the next turn. */
const Turn = Schema.Union([
  UserTurn,
  Schema.Struct({ role: Schema.Literal("assistant"), content: Schema.NullOr(Schema.String) }),
  Schema.Struct({ role: Schema.Literal("tool"), content: Schema.String })
])

const Dialogue = Schema.Struct({
  id: Schema.String,
  lang: Schema.Literals(["en", "fr", "es", "de"]),
  turns: Schema.Array(Turn)
})
export type Dialogue = typeof Dialogue.Type

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Dialogue), { onExcessProperty: "error" })

export const dialogues: ReadonlyArray<Dialogue> = readFileSync(
  new URL("../data/dialogues.jsonl", import.meta.url),
  "utf8"
)
  .trimEnd()
  .split("\n")
  .map((line) => decode(line))

/**
 * What of the conversation a request tells: nothing, its messages, or only its session's id. `stateless` sends the
 * messages to a router that remembers nothing of them, as after a restart.
 */
export type Sending = "alone" | "stateless" | "messages" | "session"

/** A point of a dialogue at which the client asks for an answer. */
export interface Asked {
  readonly request: ChatRequest
  /** The human's last turn. */
  readonly turn: typeof UserTurn.Type
  /** Tools were called for that turn before. */
  readonly inToolLoop: boolean
}

const callId = "call1"
const toolCalls = [{ id: callId, type: "function", function: { name: "exec", arguments: "{}" } }]

const wireMessage = ({ content, role }: Dialogue["turns"][number]) =>
  role === "tool"
    ? { role, content, tool_call_id: callId }
    : { role, content, ...(content === null ? { tool_calls: toolCalls } : {}) }

/** The requests of a dialogue, in order: one for each turn of the human, one for each result of a tool. */
export const requestsOf = ({ id, turns }: Dialogue, sending: Sending): ReadonlyArray<Asked> => {
  const asked: Array<Asked> = []
  let turn: typeof UserTurn.Type | undefined
  let from = 0
  for (const [index, next] of turns.entries()) {
    if (next.role === "assistant") continue
    if (next.role === "user") {
      turn = next
      from = index
    }
    if (turn === undefined) continue
    const whole = sending === "messages" || sending === "stateless"
    const messages = turns.slice(whole ? 0 : from, index + 1).map(wireMessage)
    const client = {
      keyId: "dialogues",
      userAgent: "",
      sessionId: sending === "session" ? id : undefined,
      traceparent: undefined
    }
    const body = Buffer.from(JSON.stringify({ model: "router", messages }))
    const request = Result.getOrThrow(parseChatRequest(`${id}-${index}`, client, body))
    asked.push({ request, turn, inToolLoop: next.role === "tool" })
  }
  return asked
}
