/**
 * What a fake Ollama can do with a classification.
 */
import { Option, Schema } from "effect"

const WireAsk = Schema.Struct({
  model: Schema.String,
  stream: Schema.optional(Schema.NullOr(Schema.Boolean)),
  messages: Schema.optional(
    Schema.NullOr(Schema.Array(Schema.Struct({ role: Schema.String, content: Schema.optional(Schema.String) })))
  ),
  format: Schema.optional(Schema.Unknown)
})

/** A `POST /api/chat` request. `format` is a JSON schema or `"json"`. */
export type OllamaAsk = typeof WireAsk.Type

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(WireAsk))

/** `undefined` when the body is no chat request. */
export const ollamaAskOf = (body: Buffer): OllamaAsk | undefined => Option.getOrUndefined(decode(body.toString()))

export type OllamaBehaviour =
  | { readonly _tag: "Content"; readonly content: string }
  | { readonly _tag: "FirstAllowed" }
  | { readonly _tag: "Slow"; readonly millis: number; readonly next: OllamaBehaviour }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "Reset" }
  | { readonly _tag: "Status"; readonly code: number; readonly message: unknown }
  | { readonly _tag: "ErrorLine"; readonly message: string }

/** The message's content as it is. */
export const answersWith = (content: string): OllamaBehaviour => ({ _tag: "Content", content })

/** The category as the schema wants it. */
export const answers = (category: string): OllamaBehaviour => answersWith(JSON.stringify({ category }))

/** The first category that the request's schema allows. */
export const answersFirstAllowed: OllamaBehaviour = { _tag: "FirstAllowed" }

/** A category that no schema allows. */
export const answersOutsideOfEnum: OllamaBehaviour = answers("no-such-category")

/** Nothing for a while, as when the model is being loaded. */
export const slow = (millis: number, next: OllamaBehaviour = answersFirstAllowed): OllamaBehaviour => ({
  _tag: "Slow",
  millis,
  next
})

/** Accepts the request and says nothing, ever. */
export const hang: OllamaBehaviour = { _tag: "Hang" }

/** The connection is reset before any header. */
export const reset: OllamaBehaviour = { _tag: "Reset" }

/** An error status with Ollama's `{"error": "text"}`. */
export const status = (code: number, message: unknown = `the fake was told to answer ${code}`): OllamaBehaviour => ({
  _tag: "Status",
  code,
  message
})

/** Status 200, then an error line instead of an answer. */
export const errorLine = (message = "llama runner process has terminated"): OllamaBehaviour => ({
  _tag: "ErrorLine",
  message
})
