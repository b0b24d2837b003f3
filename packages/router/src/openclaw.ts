/**
 * What OpenClaw wraps around a human's words, and how to take it off again.
 * Observed on OpenClaw 2026.9.6; nothing here backtracks, since the text is the caller's.
 */

const carrierBegin = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>"
const carrierEnd = "<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
const contextMark = "⟦openclaw:ctx⟧"
const queuedLine =
  "[Queued user message from a previous active turn; preserved as context only. Continue with the active prompt below.]"
const continuePhrase = "Continue the current task from the existing transcript, preserving completed work."
const continueEnd = "repeat completed actions."
/** Phrase and end, with what it says of the work between them. */
const longestContinuation = 1_000
const currentMessage = "Current message:\n"
const timestamp = /^\[[A-Z][a-z]{2} \d{4}-\d{2}-\d{2} \d{2}:\d{2}[^\]\n]{0,40}\] {0,4}/
const messageNumber = /^#[\w:.-]{1,80}:[ \n]?/

/** Leading context blocks and media lines that are looked at, at most: a real message has a handful. */
const maxBlocks = 20

/** Messages that OpenClaw itself writes to make the model try again. */
const retryOpenings = ["The previous attempt did not produce a user-visible answer.", continuePhrase]

const heartbeatOpenings = [
  "Follow the heartbeat monitor scratch context",
  "[OpenClaw heartbeat poll]",
  "Continue the OpenClaw runtime event.",
  "Read HEARTBEAT.md if it exists"
]

export interface UnwrappedText {
  readonly text: string
  /** `human`: words to route on; `heartbeat` and `nothing` were written by the agent, not by a human. */
  readonly author: "human" | "heartbeat" | "nothing"
  readonly retry: boolean
}

/** The whole message is injected context, of which the human wrote nothing. */
export const isCarrier = (text: string): boolean => text.startsWith(carrierBegin) && text.trimEnd().endsWith(carrierEnd)

/** The system prompt of an OpenClaw agent turn. */
export const isOpenClawPrompt = (system: string): boolean =>
  system.startsWith("<!-- openclaw:attempt:") || system.slice(0, 400).includes("assistant running inside OpenClaw")

/** The system prompt with which OpenClaw has a session's history summarised. */
export const isCompactionPrompt = (system: string): boolean =>
  system.startsWith("You are a context summarization assistant.")

/** A user message that only OpenClaw writes like this, for when the system prompt does not tell. */
export const bearsWrappers = (text: string): boolean => {
  if (isCarrier(text) || runtimeStart(text) >= 0) return true
  const start = timestamp.exec(text)?.[0].length ?? 0
  const line = firstLine(text, start)
  return line.length < 200 && line.endsWith(contextMark)
}

const firstLine = (text: string, start: number): string => {
  const end = text.indexOf("\n", start)
  return text.slice(start, end < 0 ? text.length : end).trimEnd()
}

/** A `Runtime:` paragraph has some hundreds of characters. */
const longestRuntime = 16 * 1_024

/** Where the `Runtime:` paragraph begins, which ends the first message of a session; -1 without one. */
const runtimeStart = (text: string): number => {
  const opening = "Runtime: agent="
  const end = text.slice(-longestRuntime)
  const isWhole = end.length === text.length && text.startsWith(opening)
  const start = isWhole ? 0 : end.lastIndexOf(`\n\n${opening}`)
  if (start < 0) return -1
  const paragraph = end.slice(start).trim()
  return paragraph.includes("\n") || !paragraph.includes("| session=") ? -1 : text.length - end.length + start
}

/** The session that the `Runtime:` paragraph names. */
export const runtimeSession = (text: string): string | undefined => {
  const start = runtimeStart(text)
  return start < 0 ? undefined : /\| sessionId=([^\s|]{1,128})/.exec(text.slice(start))?.[1]
}

const withoutCarriers = (text: string): string => {
  let begin = text.indexOf(carrierBegin)
  if (begin < 0) return text
  const kept: Array<string> = []
  let from = 0
  while (begin >= 0) {
    const end = text.indexOf(carrierEnd, begin)
    if (end < 0) break
    kept.push(text.slice(from, begin))
    from = end + carrierEnd.length
    begin = text.indexOf(carrierBegin, from)
  }
  kept.push(text.slice(from))
  return kept.join("").trim()
}

const announcement = `\n\n${currentMessage}`

/** After the leading context blocks; where one does not end, it is the human's. */
const afterContextBlocks = (text: string): string => {
  let start = 0
  let announced: number | undefined
  for (let block = 0; block < maxBlocks; block++) {
    const line = firstLine(text, start)
    if (line.length <= contextMark.length || !line.endsWith(contextMark)) break
    const body = text.indexOf("\n", start) + 1
    if (body === 0) return ""
    let end: number
    if (text.startsWith("```json", body)) {
      end = text.indexOf("\n```", body)
      if (end < 0) break
      end += 4
    } else {
      // A chat history may hold blank lines; what follows it is then announced. Where nothing is, nothing is further on.
      announced ??= text.indexOf(announcement, body - 1)
      end = announced >= 0 ? announced : text.indexOf("\n\n", body - 1)
      if (end < 0) return ""
      end += 2
    }
    start = text.length - text.slice(end).trimStart().length
  }
  return text.slice(start)
}

/** After `Current message:`, the quote replied to, and the message's number. */
const afterCurrentMessage = (text: string): string => {
  if (!text.startsWith(currentMessage)) return text
  let rest = text.slice(currentMessage.length)
  if (rest.startsWith("[Replying to: ")) {
    const close = rest.startsWith(`[Replying to: "`) ? `"]\n` : "]\n"
    const end = rest.indexOf(close)
    if (end >= 0) rest = rest.slice(end + close.length)
  }
  // Without quote or number it is the human who wrote "Current message:".
  const numbered = messageNumber.exec(rest)?.[0] ?? ""
  if (numbered === "" && rest.length === text.length - currentMessage.length) return text
  const words = rest.slice(numbered.length)
  return /^\s{0,9}"\s{0,9}"\s{0,9}$/.test(words) ? "" : words
}

const afterMediaLines = (text: string): string => {
  let rest = text
  for (let block = 0; block < maxBlocks && rest.startsWith("[media attached"); block++) {
    const line = firstLine(rest, 0)
    const close = line.endsWith("]") ? line.length : line.indexOf("]") + 1
    if (close === 0) break
    rest = rest.slice(close).trimStart()
  }
  return rest
}

/** Takes OpenClaw's wrappers off a user message. Call it only for requests that come from OpenClaw. */
export const unwrapped = (message: string): UnwrappedText => {
  if (isCarrier(message)) return { text: "", author: "nothing", retry: false }
  let text = withoutCarriers(message)
  const runtime = runtimeStart(text)
  if (runtime >= 0) text = text.slice(0, runtime)
  text = text.slice(timestamp.exec(text)?.[0].length ?? 0).trim()
  let retry = false
  if (text.startsWith(queuedLine)) {
    text = text.slice(queuedLine.length).trimStart()
    retry = true
  }
  if (retryOpenings.some((opening) => text.startsWith(opening)) || isAborted(text)) {
    return { text: "", author: "nothing", retry: true }
  }
  if (text.endsWith(continueEnd)) {
    const tail = text.slice(-longestContinuation).lastIndexOf(`\n\n${continuePhrase}`)
    if (tail >= 0) {
      text = text.slice(0, Math.max(0, text.length - longestContinuation) + tail)
      retry = true
    }
  }
  if (heartbeatOpenings.some((opening) => text.startsWith(opening))) return { text: "", author: "heartbeat", retry }
  const words = afterCurrentMessage(afterContextBlocks(text))
  return { text: afterMediaLines(words).trim(), author: "human", retry }
}

/** An agent's note that the turn before was cut, which is nobody's words. */
export const isAborted = (text: string): boolean =>
  text.startsWith("<turn_aborted>") && text.trimEnd().endsWith("</turn_aborted>")
