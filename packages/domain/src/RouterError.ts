/**
 * Why a whole request failed. The HTTP edge turns each into one status and one OpenAI error envelope.
 */
import { Schema } from "effect"
import { ModelErrorReason } from "./ModelError.ts"

/** The request itself is at fault; `param` is the path of the field, such as `messages[2].role`. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", {
  message: Schema.String,
  param: Schema.NullOr(Schema.String),
  code: Schema.NullOr(Schema.String),
  status: Schema.Literals([400, 409, 412, 413, 415])
}) {}

/** `model` names nothing that exists here. */
export class UnknownModel extends Schema.TaggedError<UnknownModel>()("UnknownModel", {
  model: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return (
      `The model "${this.model}" does not exist. Use "router", a category ` +
      `(${this.known.join(", ")}) or a provider-qualified id such as "openai/gpt-4o".`
    )
  }
}

/** A category or a circuit that a management request names does not exist. */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {
  message: Schema.String,
  param: Schema.NullOr(Schema.String),
  code: Schema.String
}) {}

export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {
  message: Schema.String,
  status: Schema.Literals([401, 403])
}) {}

/** The router has as much to do as it may; nothing is wrong with the request. */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", {
  message: Schema.String,
  retryAfterMillis: Schema.Finite
}) {}

/** A client key has used up what it may; `code` says what of. Never a 402: clients read that as a bill of their own. */
export class OverLimit extends Schema.TaggedError<OverLimit>()("OverLimit", {
  code: Schema.Literals(["rate_limit_exceeded", "budget_exceeded"]),
  message: Schema.String,
  retryAfterMillis: Schema.Finite
}) {}

/** There is no key for the upstream; the message says how to set one. */
export class UpstreamNotConfigured extends Schema.TaggedError<UpstreamNotConfigured>()("UpstreamNotConfigured", {
  message: Schema.String
}) {}

/** One try at one model, as the error's `metadata.attempts` shows it. */
export const AttemptRecord = Schema.Struct({
  model: Schema.String,
  outcome: Schema.String,
  status: Schema.NullOr(Schema.Int),
  duration_ms: Schema.Finite
})
export type AttemptRecord = typeof AttemptRecord.Type

/** A model that was not tried, and why. */
export const SkippedModel = Schema.Struct({
  model: Schema.String,
  cause: Schema.Literals(["circuit", "capability", "context"]),
  reason: Schema.String,
  /** When it may be tried again, for a circuit that no operator holds open. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
})
export type SkippedModel = typeof SkippedModel.Type

/** No model of the chain answered. `reasons` are the attempts' failures, in the order of `attempts`. */
export class ChainExhausted extends Schema.TaggedError<ChainExhausted>()("ChainExhausted", {
  attempts: Schema.Array(AttemptRecord),
  reasons: Schema.Array(ModelErrorReason),
  skipped: Schema.Array(SkippedModel)
}) {}

/** The configuration file was changed by hand into something invalid: it is neither used nor overwritten. */
export class ConfigFileInvalid extends Schema.TaggedError<ConfigFileInvalid>()("ConfigFileInvalid", {
  path: Schema.String,
  message: Schema.String
}) {}

/** The configuration could not be written to disk; the change is not in force. */
export class ConfigNotSaved extends Schema.TaggedError<ConfigNotSaved>()("ConfigNotSaved", {
  message: Schema.String
}) {}

export type RouteError = InvalidRequest | UnknownModel | UpstreamNotConfigured | ChainExhausted
