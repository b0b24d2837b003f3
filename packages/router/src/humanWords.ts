/**
 * The human's own words in a chat request: what the classifier reads.
 * Agents wrap, repeat and surround these words; every request of one agent turn must give the same ones.
 */
import { type ChatMessage, type ChatRequest, textOf } from "@llm-router/domain/ChatRequest"
import {
  bearsWrappers,
  isAborted,
  isCarrier,
  isCompactionPrompt,
  isOpenClawPrompt,
  runtimeSession,
  unwrapped,
  type UnwrappedText
} from "./openclaw.ts"

/** An agent that attaches its tools to every turn, needed or not. */
export type Harness = "openclaw" | "opencode"

export interface HumanWords {
  /** The last message a human wrote, wrappers removed, at most its first and last 2,000 characters. */
  readonly text: string
  /** The human messages before it, newest first, cleaned likewise, at most 5. */
  readonly earlier: ReadonlyArray<string>
  readonly harness: Harness | undefined
  /** `heartbeat` and `compaction` are the agent's own requests: their `text` is empty. */
  readonly kind: "turn" | "heartbeat" | "compaction" | "title"
  /** Tools were called for these words, and the request brings what they gave. */
  readonly inToolLoop: boolean
  /** The agent asks again for an answer that failed, came back empty or was cut. */
  readonly retry: boolean
  /** From OpenClaw's `Runtime:` paragraph. */
  readonly sessionId: string | undefined
}

const maxSide = 2000
const maxEarlier = 5
/** Wrappers that tell the harness stand at the beginning and at the end of a conversation. */
const maxProbed = 4
const titleRequest = "Generate a title for this conversation:"

const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff

const clipped = (text: string): string => {
  if (text.length <= 2 * maxSide) return text
  const headEnd = isLowSurrogate(text.charCodeAt(maxSide)) ? maxSide - 1 : maxSide
  const tailStart = text.length - maxSide
  const tail = isLowSurrogate(text.charCodeAt(tailStart)) ? tailStart + 1 : tailStart
  return `${text.slice(0, headEnd).trimEnd()}\n…\n${text.slice(tail).trimStart()}`
}

const systemPrompt = (messages: ReadonlyArray<ChatMessage>): string => {
  const message = messages.find(({ role }) => role === "system" || role === "developer")
  return message === undefined ? "" : textOf(message)
}

/** The texts of the first and last user messages, where agents leave their marks. */
const probedTexts = (messages: ReadonlyArray<ChatMessage>): ReadonlyArray<string> => {
  const texts: Array<string> = []
  for (let index = 0; index < messages.length && texts.length < maxProbed; index++) {
    const message = messages[index]
    if (message?.role === "user") texts.push(textOf(message))
  }
  const last = messages.findLast(({ role }) => role === "user")
  if (last !== undefined) texts.push(textOf(last))
  return texts
}

const harnessOf = (request: ChatRequest, system: string, probed: ReadonlyArray<string>): Harness | undefined => {
  if (/^opencode\//i.test(request.client.userAgent) || system.startsWith("You are opencode")) return "opencode"
  if (isOpenClawPrompt(system) || probed.some(bearsWrappers)) return "openclaw"
  if (isCompactionPrompt(system) && probed.some((text) => text.startsWith("<conversation>"))) return "openclaw"
  if (system.startsWith("You are a title generator.") && probed.some(isTitleRequest)) return "opencode"
  return undefined
}

const isTitleRequest = (text: string): boolean => text.startsWith(titleRequest)

/** `opencode run` sends the words as a JSON string. */
const withoutJsonQuotes = (text: string): string => {
  if (text.length < 2 || !text.startsWith(`"`) || !text.endsWith(`"`)) return text
  try {
    const words: unknown = JSON.parse(text)
    return typeof words === "string" ? words.trim() : text
  } catch {
    return text
  }
}

const reminderBegin = "<system-reminder>"
const reminderEnd = "</system-reminder>"

/** opencode's text parts: the human's, its own reminders, and files that it read into the message. */
const opencodeWords = (message: ChatMessage): string => {
  const { content } = message
  const parts = Array.isArray(content)
    ? content.flatMap((part) => (part.type === "text" && typeof part.text === "string" ? [part.text] : []))
    : [textOf(message)]
  return parts
    .map((part) => part.trim())
    .filter((part) => !(part.startsWith(reminderBegin) && part.endsWith(reminderEnd)))
    .filter((part) => !part.startsWith("Called the Read tool with the following input:"))
    .map(withoutJsonQuotes)
    .join("\n\n")
}

const readMessage = (message: ChatMessage, harness: Harness | undefined): UnwrappedText => {
  if (harness === "openclaw") return unwrapped(textOf(message))
  const text = harness === "opencode" ? opencodeWords(message) : textOf(message).trim()
  if (isAborted(text)) return { text: "", author: "nothing", retry: true }
  if (isCarrier(text) || (harness === "opencode" && isTitleRequest(text) && text.length < titleRequest.length + 8)) {
    return { text: "", author: "nothing", retry: false }
  }
  return { text, author: "human", retry: false }
}

const carriesMedia = (message: ChatMessage): boolean =>
  Array.isArray(message.content) && message.content.some((part) => part.type !== "text")

/**
 * Finds the human's own words: never a system prompt, a tool's result or what an agent injected. Pure; linear in the
 * request's size.
 */
export const humanWords = (request: ChatRequest): HumanWords => {
  const { messages } = request
  const system = systemPrompt(messages)
  const probed = probedTexts(messages)
  const harness = harnessOf(request, system, probed)
  const sessionId = harness === "openclaw" ? firstDefined(probed, runtimeSession) : undefined
  if (harness === "openclaw" && isCompactionPrompt(system)) {
    return { text: "", earlier: [], harness, kind: "compaction", inToolLoop: false, retry: false, sessionId }
  }
  const title =
    harness === "opencode" && (system.startsWith("You are a title generator.") || probed.some(isTitleRequest))
  let kind: HumanWords["kind"] = title ? "title" : "turn"
  let text: string | undefined
  let retry = false
  let inToolLoop = false
  const earlier: Array<string> = []
  for (let index = messages.length - 1; index >= 0 && earlier.length < maxEarlier; index--) {
    const message = messages[index]
    if (text === undefined && (message?.role === "tool" || message?.role === "function")) inToolLoop = true
    if (message?.role !== "user") continue
    const read = readMessage(message, harness)
    if (text === undefined) {
      retry ||= read.retry
      if (read.author === "heartbeat") {
        kind = "heartbeat"
        text = ""
      } else if (read.author === "human" && (read.text !== "" || carriesMedia(message))) text = clipped(read.text)
    } else if (read.author === "human" && read.text !== "") {
      const words = clipped(read.text)
      // A retry repeats the message it retries.
      if (words !== text) earlier.push(words)
    }
  }
  return { text: text ?? "", earlier, harness, kind, inToolLoop, retry, sessionId }
}

const firstDefined = (texts: ReadonlyArray<string>, read: (text: string) => string | undefined): string | undefined => {
  for (const text of texts) {
    const value = read(text)
    if (value !== undefined) return value
  }
  return undefined
}
