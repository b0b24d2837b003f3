/**
 * The one place where a failure becomes a status and an OpenAI error envelope. Only what is written here reaches a
 * client: upstream bodies, keys, addresses and paths do not pass by accident.
 */
import type { ErrorBody, ErrorType } from "@llm-router/api/OpenAi"
import type {
  ChainExhausted,
  ConfigFileInvalid,
  ConfigNotSaved,
  InvalidRequest,
  NotFound,
  Overloaded,
  OverLimit,
  RouteError,
  Unauthorized
} from "@llm-router/domain/RouterError"
import { Headers, HttpServerResponse } from "effect/http"

export interface WireError {
  readonly status: number
  readonly body: ErrorBody
  /** Seconds. */
  readonly retryAfter?: number | undefined
}

export type EdgeError =
  | RouteError
  | NotFound
  | Unauthorized
  | ConfigFileInvalid
  | ConfigNotSaved
  | InvalidRequest
  | Overloaded
  | OverLimit

interface Details {
  readonly param?: string | null
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly retryAfterMillis?: number | undefined
}

export const wireError = (
  status: number,
  type: ErrorType,
  code: string | null,
  message: string,
  details: Details = {}
): WireError => ({
  status,
  body: {
    error: {
      message,
      type,
      param: details.param ?? null,
      code,
      ...(details.metadata === undefined ? {} : { metadata: details.metadata })
    }
  },
  // Whole seconds, never zero: a client told "0" comes back at once.
  retryAfter:
    details.retryAfterMillis === undefined ? undefined : Math.max(1, Math.ceil(details.retryAfterMillis / 1000))
})

const smallest = (values: ReadonlyArray<number | undefined>): number | undefined =>
  values.reduce(
    (least, value) => (value === undefined || (least !== undefined && least <= value) ? least : value),
    undefined
  )

const contextExceeded = (message: string, metadata: Readonly<Record<string, unknown>>): WireError =>
  wireError(400, "invalid_request_error", "context_length_exceeded", message, { param: "messages", metadata })

/** Nothing was tried: every model was left out, or it took too long to decide whom to ask. */
const nothingTried = ({ skipped }: ChainExhausted, metadata: Readonly<Record<string, unknown>>): WireError => {
  if (skipped.length === 0) {
    const message = "The request's time was over before a model could be asked (REQUEST_TIMEOUT_MS)."
    return wireError(504, "api_error", "upstream_timeout", message, { metadata })
  }
  const circuits = skipped.filter(({ cause }) => cause === "circuit")
  if (circuits.length === 0 && skipped.some(({ cause }) => cause === "context")) {
    return contextExceeded("The request is longer than the context of every model of its chain.", metadata)
  }
  const list = skipped.map(({ model, reason }) => `${model}: ${reason}`).join("; ")
  return wireError(503, "api_error", "no_model_available", `No model can be asked now (${list}).`, {
    metadata,
    retryAfterMillis: smallest(circuits.map(({ retryAfterMillis }) => retryAfterMillis))
  })
}

const exhausted = (error: ChainExhausted): WireError => {
  const { attempts, reasons, skipped } = error
  const metadata = { attempts, skipped: skipped.map(({ model, reason }) => ({ model, reason })) }
  const last = reasons.at(-1)
  if (last === undefined) return nothingTried(error, metadata)
  if (last._tag === "Rejected") {
    return wireError(last.status, "invalid_request_error", last.code, last.message, { param: last.param, metadata })
  }
  if (last._tag === "Unauthenticated") {
    const message = "The upstream refuses the router's own key. The operator has to set a valid OPENROUTER_API_KEY."
    return wireError(502, "api_error", "upstream_auth", message, { metadata })
  }
  if (last._tag === "CreditsExhausted") {
    const message = "The router's upstream account has no credits left. The operator has to add some."
    return wireError(503, "api_error", "upstream_credits_exhausted", message, { metadata })
  }
  if (last._tag === "TimedOut" && last.phase === "queue") {
    const message = "The router has no free connection to its upstream (UPSTREAM_MAX_CONNECTIONS)."
    return wireError(503, "api_error", "router_busy", message, { metadata, retryAfterMillis: 1_000 })
  }
  if (reasons.every(({ _tag }) => _tag === "RateLimited")) {
    const retryAfterMillis = smallest(
      reasons.map((reason) => (reason._tag === "RateLimited" ? reason.retryAfterMillis : undefined))
    )
    const message = "Every model that was asked is rate limited upstream."
    return wireError(429, "rate_limit_error", "rate_limit_exceeded", message, { metadata, retryAfterMillis })
  }
  // A model that is gone hides nothing: for those that there are the request is too long.
  const tooLong = reasons.findLast(({ _tag }) => _tag === "ContextTooLong")
  if (tooLong !== undefined && reasons.every(({ _tag }) => _tag === "ContextTooLong" || _tag === "NotServed")) {
    return contextExceeded(tooLong.message, metadata)
  }
  const tried = attempts.map(({ model, outcome }) => `${model}: ${outcome}`).join("; ")
  return last._tag === "TimedOut"
    ? wireError(504, "api_error", "upstream_timeout", `No model answered in time (${tried}).`, { metadata })
    : wireError(502, "api_error", "upstream_error", `No model answered (${tried}).`, { metadata })
}

/** Every failure of every endpoint, as it goes over the wire. */
export const wireErrorOf = (error: EdgeError): WireError => {
  switch (error._tag) {
    case "InvalidRequest":
      return wireError(error.status, "invalid_request_error", error.code, error.message, { param: error.param })
    case "UnknownModel":
      return wireError(404, "invalid_request_error", "model_not_found", error.message, { param: "model" })
    case "NotFound":
      return wireError(404, "invalid_request_error", error.code, error.message, { param: error.param })
    case "Unauthorized":
      return error.status === 401
        ? wireError(401, "authentication_error", "invalid_api_key", error.message)
        : wireError(403, "permission_error", "forbidden", error.message)
    case "Overloaded":
      return wireError(503, "api_error", "router_busy", error.message, { retryAfterMillis: error.retryAfterMillis })
    case "OverLimit":
      return wireError(429, "rate_limit_error", error.code, error.message, {
        retryAfterMillis: error.retryAfterMillis
      })
    case "UpstreamNotConfigured":
      return wireError(503, "api_error", "upstream_not_configured", error.message)
    case "ConfigFileInvalid": {
      const message = `The configuration file was changed by hand and is not valid; mend it first. ${error.message}`
      return wireError(409, "invalid_request_error", "config_file_invalid", message.replaceAll(error.path, "The file"))
    }
    case "ConfigNotSaved":
      return wireError(
        503,
        "api_error",
        "config_not_saved",
        "The change could not be written to disk; it is not in force."
      )
    case "ChainExhausted":
      return exhausted(error)
  }
}

/** A defect: what went wrong stands in the log. */
export const internalError: WireError = wireError(
  500,
  "api_error",
  "internal_error",
  "The router failed to handle this request."
)

/** What the time to finish was too short for. */
export const stoppingError: WireError = wireError(
  503,
  "api_error",
  "router_stopping",
  "The router stops, and the time for what was under way is over (SHUTDOWN_GRACE_MS).",
  { retryAfterMillis: 1_000 }
)

/** A response with the envelope. */
export const errorResponse = (
  { body, retryAfter, status }: WireError,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(body, {
    status,
    headers: Headers.fromInput(retryAfter === undefined ? headers : { ...headers, "retry-after": String(retryAfter) })
  })
