/**
 * What an upstream's failure means (the table of spec 2.3). OpenRouter says more than the status, in the body and in
 * stream events: `error.metadata.error_type` and `error.availability` win over it (OpenRouter documentation, "Errors
 * and debugging" and "Model availability").
 */
import { detached } from "@llm-router/domain/detached"
import type { ModelErrorReason } from "@llm-router/domain/ModelError"
import { type Fields, fieldsOf, stringOf } from "./json.ts"

/** OpenRouter's stable error types, as the status that says the same; `context` stands for too many tokens. */
const statusOfType: ReadonlyMap<string, number | "context"> = new Map<string, number | "context">([
  ["context_length_exceeded", "context"],
  ["max_tokens_exceeded", "context"],
  ["token_limit_exceeded", "context"],
  ["authentication", 401],
  ["payment_required", 402],
  ["permission_denied", 403],
  ["content_policy_violation", 403],
  ["refusal", 403],
  ["not_found", 404],
  ["timeout", 504],
  ["rate_limit_exceeded", 429],
  ["provider_overloaded", 503],
  ["provider_unavailable", 502],
  ["server", 500],
  ["server_error", 500],
  ["unmapped", 500],
  ["invalid_request", 400],
  ["invalid_prompt", 400],
  ["string_too_long", 400],
  ["precondition_failed", 400],
  ["payload_too_large", 413],
  ["unprocessable", 422]
])

/** `error.availability.code` of OpenRouter: why a model is not to be had. */
const statusOfAvailability: ReadonlyMap<string, number> = new Map([
  ["model_not_found", 404],
  ["wrong_endpoint", 404],
  ["no_endpoints", 404],
  ["model_deprecated", 404],
  ["free_variant_ended", 404],
  ["region_restricted", 403],
  ["privacy_restricted", 403],
  ["constraint_filtered", 404],
  ["model_unavailable_upstream", 404],
  ["capacity_exhausted", 429],
  ["temporarily_unavailable", 503]
])

/** Providers that do not name the type say it in words. */
const contextWords =
  /context[ _-]?(?:length|window)|maximum context|too many tokens|prompt is too long|input is too long|reduce the length/i

/** OpenRouter's words for a request whose own `provider` nobody can meet (its documentation, "Errors": 503). */
const constraintWords = /\bproviders?\b.{0,100}\brequirements?\b|\bno (?:allowed|eligible|matching) providers?\b/i

/** Keys of OpenRouter and OpenAI, should an upstream quote one. */
const keyPattern = /\bsk-[A-Za-z0-9_-]{6,}/g
/** As much of an upstream's words as is told. */
const longestMessage = 1_000
/** A day: whoever says more means "never". */
const longestWaitMillis = 24 * 60 * 60 * 1_000

const messageOf = (error: unknown, fallback: string): string => {
  const fields = fieldsOf(error)
  const message = stringOf(error) ?? stringOf(fields["message"]) ?? fallback
  return message.replace(keyPattern, "[redacted]")
}

/** `Retry-After` in milliseconds: seconds or an HTTP date. */
const retryAfterMillis = (header: unknown, nowMillis: number): number | undefined => {
  if (typeof header !== "string" && typeof header !== "number") return undefined
  const seconds = Number(header)
  if (Number.isFinite(seconds))
    return seconds >= 0 ? Math.min(longestWaitMillis, Math.ceil(seconds * 1_000)) : undefined
  const date = Date.parse(String(header))
  return Number.isNaN(date) ? undefined : Math.min(longestWaitMillis, Math.max(0, date - nowMillis))
}

export interface UpstreamFailure {
  /** The HTTP status; 200 when the error came in the body or in an event. */
  readonly status: number
  readonly retryAfterHeader: unknown
  /** The `error` member of the answer, or its text. */
  readonly error: unknown
  readonly nowMillis: number
}

/** A status that stands for an error; a code may be anything else. */
const errorStatusOf = (code: unknown): number | undefined => {
  const status = typeof code === "string" ? Number(code) : code
  return typeof status === "number" && Number.isInteger(status) && status >= 400 && status < 600 ? status : undefined
}

/** What type, code and HTTP status say, in this order. */
const statedStatusOf = (failure: UpstreamFailure, error: Fields): number | "context" => {
  for (const name of [fieldsOf(error["metadata"])["error_type"], error["type"], error["code"]]) {
    const byType = statusOfType.get(stringOf(name) ?? "")
    if (byType !== undefined) return byType
  }
  const status = failure.status >= 400 ? failure.status : (errorStatusOf(error["code"]) ?? 502)
  return status === 400 && contextWords.test(messageOf(failure.error, "")) ? "context" : status
}

const statusOf = (failure: UpstreamFailure): number | "context" => {
  const error = fieldsOf(failure.error)
  const availability = fieldsOf(error["availability"])
  const byAvailability = statusOfAvailability.get(stringOf(availability["code"]) ?? "")
  if (byAvailability !== undefined) return byAvailability
  if (availability["retryable"] === false) return 404
  const stated = statedStatusOf(failure, error)
  // A status that passes by itself says more than "retryable": a 429 stays one.
  const passes = stated === 408 || stated === 425 || stated === 429 || (stated !== "context" && stated >= 500)
  return availability["retryable"] === true && !passes ? 503 : stated
}

/** The reason for an answer that is an error. */
export const reasonOf = (failure: UpstreamFailure): ModelErrorReason => {
  const status = statusOf(failure)
  const error = fieldsOf(failure.error)
  if (status === "context") {
    return { _tag: "ContextTooLong", message: messageOf(failure.error, "The request is too long for this model.") }
  }
  const message = messageOf(failure.error, `The upstream answered ${status}.`)
  const after =
    retryAfterMillis(fieldsOf(error["availability"])["retry_after"], failure.nowMillis) ??
    retryAfterMillis(failure.retryAfterHeader, failure.nowMillis)
  const retryAfter = after === undefined ? {} : { retryAfterMillis: after }
  switch (status) {
    case 401:
      return { _tag: "Unauthenticated", message }
    case 402:
      return { _tag: "CreditsExhausted", message }
    case 429:
      return { _tag: "RateLimited", message, ...retryAfter }
    case 400:
    case 413:
    case 422:
      return {
        _tag: "Rejected",
        message,
        status,
        code: stringOf(fieldsOf(error["metadata"])["error_type"]) ?? stringOf(error["code"]) ?? null,
        param: stringOf(error["param"]) ?? null
      }
    case 408:
    case 425:
      return { _tag: "Unavailable", message, status, ...retryAfter }
    default:
      return status >= 400 && status < 500
        ? { _tag: "NotServed", message, status }
        : { _tag: "Unavailable", message, status, ...retryAfter }
  }
}

/** The reason of a request that says which providers may answer it: that none may speaks against no model. */
export const reasonUnderConstraints = (reason: ModelErrorReason): ModelErrorReason =>
  reason._tag === "Unavailable" && reason.status === 503 && constraintWords.test(reason.message)
    ? { _tag: "NotServed", message: reason.message, status: 503 }
    : reason

/**
 * The same reason, as it may be told: without the router's own key in what the upstream says, since some quote what they
 * were sent, and cut only then, lest a part of the key stay.
 */
export const tellable = <Reason extends ModelErrorReason>(reason: Reason, key: string | undefined): Reason => {
  const clean = key === undefined ? reason.message : reason.message.replaceAll(key, "[redacted]")
  return clean.length <= longestMessage && clean === reason.message
    ? reason
    : { ...reason, message: detached(clean.slice(0, longestMessage)) }
}
