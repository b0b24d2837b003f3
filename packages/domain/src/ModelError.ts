/**
 * Why one attempt at one model failed. The reason answers whether the next model may be tried, whether the same one
 * may be tried again, and whether the failure counts against the model's circuit (spec 2.3).
 */
import { Schema } from "effect"

/** Waits up to this long are worth a retry on the same model; a longer `Retry-After` sends the request on. */
const longestRetryAfterMillis = 2_000

/** Statuses that pass by themselves (spec 2.3). */
const transientStatuses: ReadonlySet<number> = new Set([408, 425, 500, 502, 503, 504, 529])

/** Limits of the router's own, which say nothing about a model: no free connection, and the whole request. */
const ownPhases: ReadonlySet<string> = new Set(["queue", "request"])

const Message = { message: Schema.String }
const RetryAfter = { retryAfterMillis: Schema.optionalKey(Schema.Finite) }

/** 429: too many requests or no capacity. */
const RateLimited = Schema.TaggedStruct("RateLimited", { ...Message, ...RetryAfter })
/** Network error, 408, 425, 5xx, 529; `status` is absent when no answer came. */
const Unavailable = Schema.TaggedStruct("Unavailable", {
  ...Message,
  ...RetryAfter,
  status: Schema.optionalKey(Schema.Int)
})
/** Nothing came in time; the phase names the limit that was reached. */
const TimedOut = Schema.TaggedStruct("TimedOut", {
  ...Message,
  phase: Schema.Literals(["queue", "connect", "first_token", "idle", "request"])
})
/** The request has more tokens than this model takes. */
const ContextTooLong = Schema.TaggedStruct("ContextTooLong", Message)
/** 404, 403, or no provider that the request allows: this model does not serve this request, another may. */
const NotServed = Schema.TaggedStruct("NotServed", { ...Message, status: Schema.Int })
/** 401: the router's own key is refused. Every model shares it. */
const Unauthenticated = Schema.TaggedStruct("Unauthenticated", Message)
/** 402: the account has no credits. Every model shares it. */
const CreditsExhausted = Schema.TaggedStruct("CreditsExhausted", Message)
/** A 200 that is no answer: not JSON, no choices, nothing in it. */
const InvalidOutput = Schema.TaggedStruct("InvalidOutput", Message)
/** 400, 413, 422: the caller's mistake, which every model would refuse. */
const Rejected = Schema.TaggedStruct("Rejected", {
  ...Message,
  status: Schema.Int,
  code: Schema.NullOr(Schema.String),
  param: Schema.NullOr(Schema.String)
})
/** The stream broke after its first token. */
const CutOff = Schema.TaggedStruct("CutOff", Message)

export const ModelErrorReason = Schema.Union([
  RateLimited,
  Unavailable,
  TimedOut,
  ContextTooLong,
  NotServed,
  Unauthenticated,
  CreditsExhausted,
  InvalidOutput,
  Rejected,
  CutOff
])
export type ModelErrorReason = typeof ModelErrorReason.Type

export class ModelError extends Schema.TaggedError<ModelError>()("ModelError", {
  model: Schema.String,
  reason: ModelErrorReason
}) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether the next model of the chain may answer what this one did not. */
  get canFallBack(): boolean {
    switch (this.reason._tag) {
      case "Unauthenticated":
      case "CreditsExhausted":
      case "Rejected":
      case "CutOff":
        return false
      default:
        return this.reason._tag !== "TimedOut" || !ownPhases.has(this.reason.phase)
    }
  }

  /** Whether the failure speaks against the model itself. */
  get countsForCircuit(): boolean {
    switch (this.reason._tag) {
      case "RateLimited":
      case "Unavailable":
      case "InvalidOutput":
      case "CutOff":
        return true
      case "TimedOut":
        return !ownPhases.has(this.reason.phase)
      default:
        return false
    }
  }

  /** Whether the same model is worth one more try at once. */
  get isTransient(): boolean {
    const { reason } = this
    switch (reason._tag) {
      case "Unavailable":
        return (
          (reason.status === undefined || transientStatuses.has(reason.status)) &&
          (reason.retryAfterMillis ?? 0) <= longestRetryAfterMillis
        )
      case "RateLimited":
        return reason.retryAfterMillis !== undefined && reason.retryAfterMillis <= longestRetryAfterMillis
      case "TimedOut":
        return reason.phase === "connect" || reason.phase === "first_token"
      default:
        return false
    }
  }

  get retryAfterMillis(): number | undefined {
    return "retryAfterMillis" in this.reason ? this.reason.retryAfterMillis : undefined
  }

  /** The upstream's HTTP status, where there was one. */
  get status(): number | null {
    switch (this.reason._tag) {
      case "RateLimited":
        return 429
      case "Unauthenticated":
        return 401
      case "CreditsExhausted":
        return 402
      case "ContextTooLong":
        return 400
      case "InvalidOutput":
      case "CutOff":
        return 200
      case "TimedOut":
        return null
      default:
        return this.reason.status ?? null
    }
  }
}
