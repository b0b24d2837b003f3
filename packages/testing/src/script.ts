/**
 * What a fake model can do with a call: answer well, badly, late, half or not at all.
 */
import type { OutgoingHttpHeaders } from "node:http"
import type { Effect } from "effect"
import type { ChatAsk } from "./ask.ts"
import type { Exchange } from "./Exchange.ts"

export interface ToolCall {
  readonly id?: string
  readonly name: string
  /** JSON text; `{}` when absent. */
  readonly arguments?: string
}

/** OpenRouter's `usage`; what is absent is counted from the texts and priced from the catalogue. */
export interface UsageOptions {
  readonly prompt_tokens?: number
  readonly completion_tokens?: number
  readonly cached_tokens?: number
  readonly reasoning_tokens?: number
  /** USD. */
  readonly cost?: number
}

export interface AnswerOptions {
  /** `Hello from <model>` when absent (and there are no tool calls). */
  readonly content?: string
  readonly reasoning?: string
  readonly toolCalls?: ReadonlyArray<ToolCall>
  readonly usage?: UsageOptions | false
  /** The content as it is streamed, piece by piece; word by word when absent. */
  readonly chunks?: ReadonlyArray<string>
  readonly chunkDelayMillis?: number
  readonly finishReason?: string
}

/** How a stream is left after `after` events with content. Without a stream: half a body, or an error body. */
export interface Break {
  readonly after: number
  readonly how: "cut" | "end" | "error" | "stall"
}

/** The ways an answer that is complete may still differ on the wire. */
export interface Form {
  readonly finish: boolean
  readonly done: boolean
  readonly usageInFinishChunk: boolean
  readonly newline: "\n" | "\r\n"
  readonly split: boolean
  /** Comments before the first event; with any, there is one between every two as well. */
  readonly comments: number
  readonly breaks?: Break
  /** JSON although a stream was asked for. */
  readonly json: boolean
}

export interface StatusOptions {
  readonly headers?: OutgoingHttpHeaders
  /** Instead of OpenRouter's envelope: text as it is, anything else as JSON. */
  readonly body?: unknown
  readonly message?: string
  /** `error.metadata.error_type`. */
  readonly errorType?: string
  readonly availability?: Readonly<Record<string, unknown>>
}

export type Behaviour =
  | { readonly _tag: "Answer"; readonly options: AnswerOptions; readonly form: Form }
  | { readonly _tag: "Slow"; readonly millis: number; readonly next: Behaviour }
  | { readonly _tag: "Sequence"; readonly behaviours: ReadonlyArray<Behaviour> }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "HangAfterHeaders"; readonly everyMillis: number }
  | { readonly _tag: "Reset" }
  | { readonly _tag: "Status"; readonly code: number; readonly options: StatusOptions }
  | {
      readonly _tag: "ErrorBody"
      readonly code: number | string
      readonly message: string
      readonly metadata?: unknown
    }
  | { readonly _tag: "Raw"; readonly status: number; readonly contentType: string; readonly text: string }
  | { readonly _tag: "NoChoices" }
  | { readonly _tag: "Endless"; readonly everyMillis: number }
  | { readonly _tag: "Custom"; readonly respond: Responder }

/** Answers by hand; interrupted when the client leaves. */
export type Responder = (exchange: Exchange, ask: ChatAsk) => Effect.Effect<void>

const whole: Form = {
  finish: true,
  done: true,
  usageInFinishChunk: false,
  newline: "\n",
  split: false,
  comments: 0,
  json: false
}

const answer = (form: Partial<Form>, options: AnswerOptions = {}): Behaviour => ({
  _tag: "Answer",
  options,
  form: { ...whole, ...form }
})

/** A complete answer: a stream if one was asked for, else JSON. */
export const ok = (options?: AnswerOptions): Behaviour => answer({}, options)

/** Nothing for a while, then something. */
export const slow = (millis: number, next: Behaviour = ok()): Behaviour => ({ _tag: "Slow", millis, next })

/** One behaviour per call; the last repeats. */
export const sequence = (behaviours: readonly [Behaviour, ...ReadonlyArray<Behaviour>]): Behaviour => ({
  _tag: "Sequence",
  behaviours
})

/** Accepts the request and says nothing, ever. */
export const hang: Behaviour = { _tag: "Hang" }

/** Headers and signs of life (comments in a stream, blanks in JSON), but never an answer. */
export const hangAfterHeaders = (everyMillis = 50): Behaviour => ({ _tag: "HangAfterHeaders", everyMillis })

/** The connection is reset before any header. */
export const reset: Behaviour = { _tag: "Reset" }

/** An error status with OpenRouter's envelope. */
export const status = (code: number, options: StatusOptions = {}): Behaviour => ({ _tag: "Status", code, options })

/** Status 200 and an error all the same: as the body, or as the first event of a stream. */
export const errorBody200 = (code: number | string, message: string, metadata?: unknown): Behaviour => ({
  _tag: "ErrorBody",
  code,
  message,
  ...(metadata === undefined ? {} : { metadata })
})

/** 400: the request is longer than the model's context. */
export const contextExceeded: Behaviour = status(400, {
  errorType: "context_length_exceeded",
  message: "This endpoint's maximum context length is 8192 tokens. However, you requested about 10000 tokens."
})

const raw = (code: number, contentType: string, text: string): Behaviour => ({
  _tag: "Raw",
  status: code,
  contentType,
  text
})

/** 200 with not one byte of body. */
export const emptyBody: Behaviour = raw(200, "application/json", "")

/** 200 with a web page, as from a captive portal or a proxy in between. */
export const html: Behaviour = raw(200, "text/html; charset=utf-8", "<!doctype html><title>Sign in</title>\n")

/** A status with plain text, as from a load balancer. */
export const plainTextStatus = (code: number, text: string): Behaviour => raw(code, "text/plain; charset=utf-8", text)

/** 200 with `choices: []`. */
export const noChoices: Behaviour = { _tag: "NoChoices" }

/** A complete answer with nothing in it. */
export const emptyContent: Behaviour = ok({ content: "", chunks: [] })

/** The role, then an error event before any token. */
export const roleThenError: Behaviour = answer({ breaks: { after: 0, how: "error" } })

/** `n` events with content, then the connection breaks. */
export const cut = (n: number, options?: AnswerOptions): Behaviour =>
  answer({ breaks: { after: n, how: "cut" } }, options)

/** `n` events with content, then a clean end without finish reason and without `[DONE]`. */
export const endWithoutFinish = (n: number, options?: AnswerOptions): Behaviour =>
  answer({ breaks: { after: n, how: "end" } }, options)

/** `n` events with content, then an error event and the end. */
export const errorAfter = (n: number, options?: AnswerOptions): Behaviour =>
  answer({ breaks: { after: n, how: "error" } }, options)

/** `n` events with content, then silence. */
export const stall = (n: number, options?: AnswerOptions): Behaviour =>
  answer({ breaks: { after: n, how: "stall" } }, options)

/** Complete but for `[DONE]`. */
export const noDone = (options?: AnswerOptions): Behaviour => answer({ done: false }, options)

/** Complete but for the finish reason. */
export const doneWithoutFinish = (options?: AnswerOptions): Behaviour => answer({ finish: false }, options)

/** Complete but for the usage. */
export const noUsage = (options?: Omit<AnswerOptions, "usage">): Behaviour => answer({}, { ...options, usage: false })

/** The usage stands in the chunk with the finish reason, not in one of its own. */
export const usageInFinishChunk = (options?: AnswerOptions): Behaviour => answer({ usageInFinishChunk: true }, options)

/** `n` comments before the first event and one between every two. */
export const comments = (n: number, options?: AnswerOptions): Behaviour => answer({ comments: n }, options)

/** Events framed by CRLF. */
export const crlf = (options?: AnswerOptions): Behaviour => answer({ newline: "\r\n" }, options)

/** Every event in several TCP segments, split inside UTF-8 sequences and between its two line ends too. */
export const splitBytes = (options: AnswerOptions = { content: "Naïve café, 東京 and 🎉 in pieces" }): Behaviour =>
  answer({ split: true }, options)

/** JSON although a stream was asked for. */
export const jsonForStream = (options?: AnswerOptions): Behaviour => answer({ json: true }, options)

/** Content without end, as fast as the reader takes it. */
export const endless = (everyMillis = 2): Behaviour => ({ _tag: "Endless", everyMillis })

/** Whatever else. */
export const custom = (respond: Responder): Behaviour => ({ _tag: "Custom", respond })
