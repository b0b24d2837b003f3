/** What a language model's failure to classify means for its circuit. */
import type { ModelError } from "@llm-router/domain/ModelError"
import type { CircuitOutcome } from "../CircuitBreaker.ts"

/** What went wrong: in the words of the classifier, or of the upstream. */
export type Failed = string | ModelError

export const messageOf = (error: Failed): string => (typeof error === "string" ? error : error.message)

/**
 * Whether a failure tells of other texts too. A classifier has no other model to go on to: one that is gone, takes no such
 * question or does not answer within its time does so for all of them. These very words may be moderated, though, and
 * the account is every model's.
 */
const tellsOfOthers = ({ countsForCircuit, reason }: ModelError): boolean => {
  switch (reason._tag) {
    case "NotServed":
      return reason.status !== 403
    case "Rejected":
      return reason.code !== "invalid_prompt"
    case "TimedOut":
      return reason.phase !== "queue"
    default:
      return countsForCircuit
  }
}

export const outcomeOf = (error: Failed): CircuitOutcome => {
  if (typeof error === "string") return { _tag: "Failure", error, retryAfterMillis: undefined }
  return tellsOfOthers(error)
    ? { _tag: "Failure", error: error.message, retryAfterMillis: error.retryAfterMillis }
    : { _tag: "Ignored" }
}
