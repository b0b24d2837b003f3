/**
 * A chat completion request: what the router routes on, decoded; the rest carried as the bytes that came.
 */
import { Result } from "effect"
import { isUtf8 } from "node:buffer"
import { membersOf, scanOf } from "./jsonScan.ts"
import { type Edit, firstMemberAt, type Member, withEdits } from "./jsonSpans.ts"
import { InvalidRequest } from "./RouterError.ts"

const roles = ["system", "developer", "user", "assistant", "tool", "function"] as const
export type Role = (typeof roles)[number]

/** One part of a message's content. Only `type` is certain; the rest belongs to the upstream. */
export interface ContentPart {
  readonly type: string
  readonly text?: unknown
}

export interface ChatMessage {
  readonly role: Role
  readonly content: string | ReadonlyArray<ContentPart> | null
  /** Of an earlier answer; `function_call` is the old form. */
  readonly tool_calls?: unknown
  readonly function_call?: unknown
}

/** The key id of callers without a key. */
export const anonymous = "anonymous"

/** What the caller's headers say about who and what it is. Never forwarded to the model's provider. */
export interface ClientSignals {
  /** The id of the client key it came with, never the key. */
  readonly keyId: string
  readonly userAgent: string
  /** `x-session-id`, sent by opencode among others. */
  readonly sessionId: string | undefined
  readonly traceparent: string | undefined
  readonly tracestate?: string | undefined
}

export interface ChatRequest {
  /** The `x-request-id`. */
  readonly id: string
  readonly client: ClientSignals
  readonly body: Buffer
  readonly members: ReadonlyArray<Member>
  /** As asked; empty when absent or null. */
  readonly model: string
  readonly stream: boolean
  /** `n`: how many answers the caller wants to choose from. */
  readonly choices: number
  readonly messages: ReadonlyArray<ChatMessage>
  /** `tools`, or the legacy `functions`; empty when there are none. */
  readonly tools: ReadonlyArray<unknown>
  /** `tool_choice: "none"` (or `function_call: "none"`): the tools are there, but not to be called. */
  readonly toolsForbidden: boolean
  /** OpenRouter's own `models`: further fallbacks of a request that names its model. */
  readonly fallbackModels: ReadonlyArray<string>
  /** The caller wants the extra usage chunk of a stream. */
  readonly wantsUsage: boolean
  readonly user: string | undefined
  readonly promptCacheKey: string | undefined
  readonly upstreamSessionId: string | undefined
}

const invalid = (param: string | null, expected: string): InvalidRequest =>
  new InvalidRequest({
    message: param === null ? expected : `Invalid value for ${param}: expected ${expected}.`,
    param,
    code: null,
    status: 400
  })

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isRole = (value: unknown): value is Role => roles.some((role) => role === value)

/** Roles whose message may have no content of its own: it carries tool calls, or a tool had nothing to say. */
const contentOptional: ReadonlySet<Role> = new Set(["assistant", "tool", "function"])

const messageProblem = (value: unknown, path: string): InvalidRequest | undefined => {
  if (!isObject(value)) return invalid(path, "an object")
  const { role, content } = value
  if (!isRole(role)) return invalid(`${path}.role`, `one of ${roles.join(", ")}`)
  if (typeof content === "string") return undefined
  if (Array.isArray(content)) {
    for (let index = 0; index < content.length; index++) {
      const part: unknown = content[index]
      if (!isObject(part)) return invalid(`${path}.content[${index}]`, "an object with a type")
      if (typeof part["type"] !== "string") return invalid(`${path}.content[${index}].type`, "a string")
      if (part["type"] === "text" && typeof part["text"] !== "string") {
        return invalid(`${path}.content[${index}].text`, "a string")
      }
    }
    return undefined
  }
  if ((content === null || content === undefined) && contentOptional.has(role)) return undefined
  return invalid(
    `${path}.content`,
    contentOptional.has(role) ? "a string, an array of parts or null" : "a string or an array of parts"
  )
}

const stringOr = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

const fieldProblem = (fields: Readonly<Record<string, unknown>>): InvalidRequest | undefined => {
  const { model, stream, messages, tools, functions, models } = fields
  if (model !== undefined && model !== null && typeof model !== "string") return invalid("model", "a string")
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") return invalid("stream", "a boolean")
  for (const [param, value] of [
    ["tools", tools],
    ["functions", functions],
    ["models", models]
  ] as const) {
    if (value !== undefined && value !== null && !Array.isArray(value)) return invalid(param, "an array")
  }
  if (Array.isArray(models)) {
    const wrong = models.findIndex((id) => typeof id !== "string")
    if (wrong >= 0) return invalid(`models[${wrong}]`, "a string")
  }
  if (!Array.isArray(messages) || messages.length === 0) return invalid("messages", "a non-empty array")
  for (let index = 0; index < messages.length; index++) {
    const problem = messageProblem(messages[index], `messages[${index}]`)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** Every `include_usage` in them is replaced, and a few hundred of them are no request. */
const longestStreamOptions = 4_096

const nonEmpty = (value: unknown): ReadonlyArray<unknown> | undefined =>
  Array.isArray(value) && value.length > 0 ? value : undefined

/** Reads a request body that was scanned while it came. The error names the field at fault by its path. */
export const parseChatRequest = (
  id: string,
  client: ClientSignals,
  body: Buffer,
  scan = scanOf(body)
): Result.Result<ChatRequest, InvalidRequest> => {
  // The upstream gets these bytes, not what became of them here.
  if (!isUtf8(body)) return Result.fail(invalid(null, "The request body is not valid JSON: it is not UTF-8."))
  let fields: unknown
  try {
    fields = JSON.parse(body.toString("utf8"))
  } catch {
    return Result.fail(invalid(null, "The request body is not valid JSON."))
  }
  if (!isObject(fields)) return Result.fail(invalid(null, "The request body must be a JSON object."))
  const problem = fieldProblem(fields)
  if (problem !== undefined) return Result.fail(problem)
  const members = scan.membersIn(body)
  const optionBytes = members.reduce(
    (sum, { end, name, start }) => (name === "stream_options" ? sum + end - start : sum),
    0
  )
  if (optionBytes > longestStreamOptions) {
    return Result.fail(invalid("stream_options", `at most ${longestStreamOptions} bytes`))
  }
  const streamOptions = fields["stream_options"]
  return Result.succeed({
    id,
    client,
    body,
    members,
    model: stringOr(fields["model"]) ?? "",
    stream: fields["stream"] === true,
    choices: typeof fields["n"] === "number" && fields["n"] > 1 ? fields["n"] : 1,
    // `fieldProblem` checked each message.
    messages: fields["messages"] as ReadonlyArray<ChatMessage>,
    tools: nonEmpty(fields["tools"]) ?? nonEmpty(fields["functions"]) ?? [],
    toolsForbidden: fields["tool_choice"] === "none" || fields["function_call"] === "none",
    fallbackModels: Array.isArray(fields["models"]) ? fields["models"] : [],
    wantsUsage: isObject(streamOptions) && streamOptions["include_usage"] === true,
    user: stringOr(fields["user"]),
    promptCacheKey: stringOr(fields["prompt_cache_key"]),
    upstreamSessionId: stringOr(fields["session_id"])
  })
}

/** What the router writes into the request that goes upstream. */
export interface UpstreamFields {
  readonly model: string
  /** The chain came from the request's own `models`, so OpenRouter must not walk it a second time. */
  readonly ownsModels: boolean
  readonly sessionId: string
}

const usageEdits = (request: ChatRequest): ReadonlyArray<Edit> => {
  if (!request.stream || request.wantsUsage) return []
  const options = request.members.filter((member) => member.name === "stream_options")
  if (options.length === 0) {
    const at = firstMemberAt(request.body)
    return [{ start: at, end: at, text: `"stream_options":{"include_usage":true},` }]
  }
  return options.flatMap((option): ReadonlyArray<Edit> => {
    if (request.body[option.start] !== 0x7b) {
      return [{ start: option.start, end: option.end, text: `{"include_usage":true}` }]
    }
    const members = membersOf(request.body, option.start, option.end)
    const flags = members.filter((member) => member.name === "include_usage")
    const at = firstMemberAt(request.body, option.start)
    return flags.length > 0
      ? flags.map((flag) => ({ start: flag.start, end: flag.end, text: "true" }))
      : [{ start: at, end: at, text: members.length > 0 ? `"include_usage":true,` : `"include_usage":true` }]
  })
}

/** The body for the upstream, in pieces: the caller's bytes, with only the router's own fields replaced. */
export const upstreamBody = (request: ChatRequest, fields: UpstreamFields): ReadonlyArray<Buffer | string> => {
  const model = JSON.stringify(fields.model)
  const edits: Array<Edit> = [...usageEdits(request)]
  const at = firstMemberAt(request.body)
  let hasModel = false
  for (const member of request.members) {
    if (member.name === "model") {
      hasModel = true
      edits.push({ start: member.start, end: member.end, text: model })
    } else if (member.name === "models" && fields.ownsModels) {
      edits.push({ start: member.start, end: member.end, text: `[${model}]` })
    }
  }
  if (!hasModel) edits.push({ start: at, end: at, text: `"model":${model},` })
  if (request.upstreamSessionId === undefined && !request.members.some((member) => member.name === "session_id")) {
    edits.push({ start: at, end: at, text: `"session_id":${JSON.stringify(fields.sessionId)},` })
  }
  return withEdits(request.body, edits)
}

/** The text of a message: its string, or its text parts. */
export const textOf = (message: ChatMessage): string => {
  const { content } = message
  if (typeof content === "string") return content
  if (content === null || content === undefined) return ""
  return content
    .filter((part) => part.type === "text")
    .map((part) => String(part.text))
    .join("\n\n")
}

export const hasImages = (request: ChatRequest): boolean =>
  request.messages.some(
    (message) =>
      Array.isArray(message.content) && message.content.some((part: ContentPart) => part.type === "image_url")
  )

const lengthOf = (value: unknown): number => (typeof value === "string" ? value.length : 0)

const callLength = (called: unknown): number =>
  isObject(called) ? lengthOf(called["name"]) + lengthOf(called["arguments"]) : 0

/** How long the calls of an earlier answer are: in an agent's turns they are most of it. */
const callsLength = ({ function_call, tool_calls }: ChatMessage): number => {
  let length = callLength(function_call)
  if (!Array.isArray(tool_calls)) return length
  for (const call of tool_calls) if (isObject(call)) length += callLength(call["function"])
  return length
}

/** About how many tokens the request has: a quarter of its text's length, images apart. */
export const estimatedInputTokens = ({ members, messages }: ChatRequest): number => {
  let length = 0
  for (const message of messages) length += textOf(message).length + callsLength(message)
  for (const { end, name, start } of members) if (name === "tools" || name === "functions") length += end - start
  return Math.ceil(length / 4)
}
