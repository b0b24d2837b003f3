/**
 * Watches a chat completion's event stream on its way to the client. Bytes pass as they came; only what must not pass
 * is taken out: an error event, a usage chunk nobody asked for, and `[DONE]`, which the router says itself once the
 * answer is accounted for. Deltas are not decoded: an event is parsed only until the first token was seen, or when
 * its bytes hold something to account for.
 */
import { type Usage, usageOf } from "@llm-router/domain/Usage"
import type { AnswerFacts } from "../ModelClient.ts"
import { type Fields, fieldsOf, listOf, parseFields, stringOf } from "./json.ts"
import { LineEnds } from "./LineEnds.ts"

const lineFeed = 0x0a
const carriageReturn = 0x0d
/** Before an event, as they come: some tens of bytes. */
const longestComments = 4_096
const none: Buffer = Buffer.alloc(0)

/** An event longer than this is no chat completion chunk: inline images of some models reach several MiB. */
const longestEventBytes = 32 * 1024 * 1024

const isFilled = (value: unknown): boolean =>
  Array.isArray(value) || typeof value === "string" ? value.length > 0 : typeof value === "object" && value !== null

/** The members of a delta or message that are part of an answer: text, thought, tool calls, sound, pictures. */
const tokenFields = [
  "content",
  "reasoning",
  "reasoning_content",
  "reasoning_details",
  "tool_calls",
  "function_call",
  "refusal",
  "audio",
  "images"
] as const

/** Whether a delta or a message has anything in it beside its role. */
export const hasToken = (delta: unknown): boolean => {
  const fields = fieldsOf(delta)
  return tokenFields.some((name) => isFilled(fields[name]))
}

const isEmptyChoice = (choice: unknown): boolean => {
  const { delta, finish_reason: reason } = fieldsOf(choice)
  return typeof reason !== "string" && !hasToken(delta)
}

/** Where the last whole event ends: behind its empty line. */
const lastEventEnd = (bytes: Buffer): number => {
  const length = bytes.length
  if (bytes[length - 1] === lineFeed && bytes[length - 2] === lineFeed) return length
  const plain = bytes.lastIndexOf("\n\n")
  const withReturn = bytes.lastIndexOf("\n\r\n")
  return Math.max(plain < 0 ? 0 : plain + 2, withReturn < 0 ? 0 : withReturn + 3)
}

/** Whether an event ends where two chunks meet. */
const endsAtSeam = (carry: ReadonlyArray<Buffer>, chunk: Buffer): boolean => {
  // Two bytes of either side, of however many chunks.
  const seam = Buffer.concat([Buffer.concat(carry.slice(-2)).subarray(-2), chunk.subarray(0, 2)]).toString("latin1")
  return /\n\r?\n/.test(seam)
}

/** What makes an event more than a delta: an end, tokens to account for, an error. */
const notable = /"finish_reason"\s*:(?:\s|data:)*"|"usage"\s*:(?:\s|data:)*\{|"error"|\[DONE\]/

const eventField = "data:"
/** Where one begins: no text in JSON has a line end. */
const nextEventField = `\n${eventField}`

const bytesIn = (value: unknown): number => (typeof value === "string" ? Buffer.byteLength(value) : 0)

const callBytes = (called: unknown): number =>
  bytesIn(fieldsOf(called)["name"]) + bytesIn(fieldsOf(called)["arguments"])

/** Bytes of the text in a delta or a message: what is said, thought and called. */
export const textBytesOf = (delta: unknown): number => {
  const fields = fieldsOf(delta)
  let bytes = bytesIn(fields["content"]) + bytesIn(fields["refusal"]) + callBytes(fields["function_call"])
  // A thought that comes under two names is one.
  bytes += bytesIn(stringOf(fields["reasoning"]) ?? fields["reasoning_content"])
  for (const call of listOf(fields["tool_calls"])) bytes += callBytes(fieldsOf(call)["function"])
  return bytes
}

const isWholeEvent = (bytes: Buffer): boolean => {
  const lines = bytes.toString("utf8").split(/\r?\n/)
  const data = lines.flatMap((line) => (line.startsWith(eventField) ? [line.slice(eventField.length)] : [])).join("\n")
  return data.trim() === "[DONE]" || parseFields(data) !== undefined
}

interface SseScannerOptions {
  readonly dropUsageChunk: boolean
  /** How many choices were asked for: each has a finish of its own. */
  readonly choices: number
  /** Without one the events' own counts. */
  readonly generationId?: string | undefined
}

export class SseScanner implements AnswerFacts {
  /** An event with content, reasoning or a tool call came. */
  sawToken = false
  /** Non-null once a `finish_reason` came. */
  finishReason: string | undefined
  done = false
  /** The `error` member of an event, which did not pass. */
  error: unknown
  usage: Usage | undefined
  /** The model that says it answers. */
  answeredBy: string | undefined
  generationId: string | undefined
  /**
   * About how many bytes of text passed, to estimate the tokens of an answer that never reported them. What an event
   * has around its text is taken from the first one, and from those that have less in all.
   */
  textBytes = 0
  tooLong = false
  /** Whether the bytes that came last held an event, not comments alone. */
  lastHadEvents = false

  readonly #dropUsageChunk: boolean
  readonly #choices: number
  /** Of the choices that have begun, by index, whether each has finished; where several were asked for. */
  readonly #finished: Map<unknown, boolean> | undefined
  readonly #lineEnds = new LineEnds()
  /** The beginning of an event whose end has not come; put together once it has. */
  #carry: Array<Buffer> = []
  #carriedBytes = 0
  #eventOverhead = 0
  #leastOverhead = 0

  constructor(options: SseScannerOptions) {
    this.#dropUsageChunk = options.dropUsageChunk
    this.#choices = options.choices
    this.#finished = options.choices > 1 ? new Map() : undefined
    this.generationId = options.generationId
  }

  /** Whether the answer came to an end that its receiver can take for one. */
  get complete(): boolean {
    return this.done || this.#allFinished
  }

  /** The first of several choices to finish does not end the others. */
  get #allFinished(): boolean {
    if (this.finishReason === undefined || this.#finished === undefined) return this.finishReason !== undefined
    for (const hasFinished of this.#finished.values()) if (!hasFinished) return false
    // An upstream that knows of one choice only sends its usage behind that.
    return this.usage !== undefined || this.#finished.size >= this.#choices
  }

  /** Whether what has no end yet is a part of an event: not comments and empty lines alone, as far as is looked. */
  get isWithinEvent(): boolean {
    const begun = Buffer.concat(this.#carry, Math.min(this.#carriedBytes, longestComments))
    return /^[^:\r\n]/m.test(begun.toString("latin1"))
  }

  /** What may pass of the bytes so far: whole events. The rest waits for its end. */
  push(arrived: Buffer): Buffer {
    this.lastHadEvents = false
    if (this.done || this.error !== undefined) return none
    const chunk = this.#lineEnds.push(arrived)
    if (chunk.length === 0) return none
    const carries = this.#carry.length > 0
    if (lastEventEnd(chunk) === 0 && !(carries && endsAtSeam(this.#carry, chunk))) {
      this.#carry.push(chunk)
      this.#carriedBytes += chunk.length
      this.tooLong = this.#carriedBytes > longestEventBytes
      return none
    }
    const bytes = carries ? Buffer.concat([...this.#carry, chunk]) : chunk
    const boundary = lastEventEnd(bytes)
    const rest = bytes.subarray(boundary)
    this.#carry = rest.length === 0 ? [] : [rest]
    this.#carriedBytes = rest.length
    return this.#pass(rest.length === 0 ? bytes : bytes.subarray(0, boundary))
  }

  /** What the upstream left unterminated when it closed: an event all the same, if it is whole. */
  finish(): Buffer {
    const rest = Buffer.concat([...this.#carry, this.#lineEnds.finish()])
    this.#carry = []
    if (rest.length === 0 || this.done || this.error !== undefined || !isWholeEvent(rest)) return none
    return this.#pass(Buffer.concat([rest, Buffer.from("\n\n")]))
  }

  #pass(events: Buffer): Buffer {
    if (!this.sawToken) return this.#passEach(events)
    // What is looked for is ASCII, so a byte may stand for a character.
    const text = events.toString("latin1")
    const begins = text.startsWith(eventField)
    const next = begins ? 0 : text.indexOf(nextEventField)
    this.lastHadEvents = next >= 0
    if (this.lastHadEvents) this.#countText(text, begins ? 0 : next + 1)
    return this.#finished !== undefined || notable.test(text) ? this.#passEach(events) : events
  }

  /** Comments before the first event are no text. */
  #countText(text: string, first: number): void {
    let count = 1
    for (let at = text.indexOf(nextEventField, first); at >= 0; at = text.indexOf(nextEventField, at + 1)) count++
    const length = text.length - first
    const each = Math.floor(length / count)
    // What is much shorter than an event with a text, such as a ping, tells nothing of how those are framed.
    if (each < this.#leastOverhead) return
    this.#eventOverhead = Math.min(this.#eventOverhead, each)
    this.textBytes += length - count * this.#eventOverhead
  }

  /** Goes through the events one by one; what is dropped splits the bytes that pass. */
  #passEach(events: Buffer): Buffer {
    const kept: Array<Buffer> = []
    const opening = !this.sawToken
    let runStart = 0
    let eventStart = 0
    let data = ""
    let dataStart = 0
    let at = 0
    while (at < events.length && !this.done && this.error === undefined) {
      const newline = events.indexOf(lineFeed, at)
      const lineEnd = newline > at && events[newline - 1] === carriageReturn ? newline - 1 : newline
      if (lineEnd === at) {
        if (!this.#keeps(data, newline + 1 - dataStart)) {
          kept.push(events.subarray(runStart, eventStart))
          runStart = newline + 1
        }
        eventStart = newline + 1
        data = ""
        if (opening && this.sawToken) break
      } else if (events.toString("latin1", at, Math.min(at + eventField.length, lineEnd)) === eventField) {
        const text = events.toString("utf8", events[at + 5] === 0x20 ? at + 6 : at + 5, lineEnd)
        if (data === "") dataStart = at
        data = data === "" ? text : `${data}\n${text}`
      }
      at = newline + 1
    }
    kept.push(events.subarray(runStart, eventStart))
    // Behind the first token events need not be read one by one.
    const goesOn = opening && this.sawToken && !this.done && this.error === undefined
    if (goesOn && eventStart < events.length) kept.push(this.#pass(events.subarray(eventStart)))
    return kept.length === 1 && kept[0] !== undefined ? kept[0] : Buffer.concat(kept)
  }

  /** Takes in one event's data, so long as it came; false when the event must not pass. */
  #keeps(data: string, length: number): boolean {
    if (data === "") return true
    if (data.trim() === "[DONE]") {
      this.done = true
      return false
    }
    // Of several choices, each is to be seen.
    if (this.sawToken && this.#finished === undefined && !notable.test(data)) return true
    const event = parseFields(data)
    // Not ours to judge: the client reads what its upstream wrote.
    if (event === undefined) return true
    this.#account(event)
    if (event["error"] !== undefined && event["error"] !== null) {
      this.error = event["error"]
      return false
    }
    const choices = listOf(event["choices"])
    if (this.#finished !== undefined) for (const choice of choices) this.#begins(fieldsOf(choice)["index"])
    // Behind the finish, choices that say nothing are usage's company; before it they may bring a role.
    const saysNothing = choices.length === 0 || (this.#allFinished && choices.every(isEmptyChoice))
    for (const choice of choices) {
      const fields = fieldsOf(choice)
      if (!this.sawToken && hasToken(fields["delta"])) {
        this.sawToken = true
        this.textBytes = textBytesOf(fields["delta"])
        this.#eventOverhead = length - this.textBytes
        this.#leastOverhead = this.#eventOverhead / 2
      }
      const reason = fields["finish_reason"]
      if (reason === "error") {
        this.error = { message: "The model ended its answer with an error.", code: 502 }
        return false
      }
      if (typeof reason === "string") {
        this.finishReason = reason
        this.#finished?.set(fields["index"], true)
      }
    }
    return !(this.#dropUsageChunk && saysNothing && fieldsOf(event["usage"]) === event["usage"])
  }

  #begins(index: unknown): void {
    if (this.#finished?.has(index) === false) this.#finished.set(index, false)
  }

  #account(event: Fields): void {
    if (typeof event["model"] === "string") this.answeredBy = event["model"]
    this.generationId ??= stringOf(event["id"])
    if (event["usage"] !== undefined && event["usage"] !== null) this.usage = usageOf(event["usage"]) ?? this.usage
  }
}
