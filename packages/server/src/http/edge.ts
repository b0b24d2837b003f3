/**
 * The edge of every route: what the framework answers by itself (no such path, wrong method, a body that is too large
 * or does not fit its schema, a defect) gets the error envelope too.
 */
import { toIncomingMessage } from "@effect/platform-node/NodeHttpServerRequest"
import { InvalidRequest, NotFound } from "@llm-router/domain/RouterError"
import { Cause, Effect, SchemaIssue } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"
import { ServerSettings } from "../ServerSettings.ts"
import { type EdgeError, errorResponse, internalError, wireError, type WireError, wireErrorOf } from "./errors.ts"
import { bodyTooLarge, otherBodyBytes, requestIdOf, unsupportedMediaType } from "./request.ts"
import { routeOf, routes } from "./routes.ts"

const allowedMethods = (path: string): ReadonlySet<string> => {
  const allowed = new Set<string>()
  for (const { methods, pattern } of routes) {
    if (!pattern.test(path)) continue
    for (const method of methods) allowed.add(method)
  }
  if (allowed.has("GET")) allowed.add("HEAD")
  if (allowed.size > 0) allowed.add("OPTIONS")
  return allowed
}

const notFound = (path: string): EdgeError =>
  new NotFound({
    message: `There is nothing at ${path.slice(0, 200)}. GET /docs lists what there is.`,
    param: null,
    code: "not_found"
  })

/** No route took the request: the path is unknown, or its method is. */
export const unrouted = (request: HttpServerRequest.HttpServerRequest) => {
  const path = request.url.split("?")[0] ?? "/"
  const allowed = allowedMethods(path)
  // A path that its own pattern and method do not take has a part that is longer than any name here.
  const takesMethod = request.method !== "OPTIONS" && allowed.has(request.method)
  if (allowed.size === 0 || takesMethod) return errorResponse(wireErrorOf(notFound(path)))
  const allow = { allow: [...allowed].join(", ") }
  if (request.method === "OPTIONS") return HttpServerResponse.empty({ status: 204, headers: allow })
  const message = `${request.method} is not a method of ${path}; there is ${allow.allow}.`
  return errorResponse(wireError(405, "invalid_request_error", "method_not_allowed", message), allow)
}

const unknownField = "unknown field"
const missingField = "missing field"
const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (leaf) => {
    if (leaf._tag === "UnexpectedKey") return unknownField
    return leaf._tag === "MissingKey" ? missingField : SchemaIssue.defaultLeafHook(leaf)
  }
})
/** How much is told of a field's path, whose last name the caller may have made up. */
const mostPathLength = 200

const messageAbout = (param: string, what: string | undefined): string => {
  if (what === unknownField) return `Unknown field: ${param}`
  if (what === missingField) return `${param} is required.`
  return param === "" ? "The request body must be a JSON object." : `Invalid value for ${param}: ${what}`
}

const schemaProblem = (error: HttpApiError.HttpApiSchemaError): EdgeError => {
  const issue = format(error.cause.issue).issues[0]
  const found = (issue?.path ?? []).map((part) => (typeof part === "object" ? part.key : part))
  // An element that is not there is one too few of its list.
  const tooFew = typeof found.at(-1) === "number" && issue?.message === missingField
  const path = tooFew ? found.slice(0, -1) : found
  const what = tooFew ? "too few values" : issue?.message
  const param = path
    .map((key, index) => (typeof key === "number" ? `[${key}]` : `${index > 0 ? "." : ""}${String(key)}`))
    .join("")
    .slice(0, mostPathLength)
  return new InvalidRequest({
    message: messageAbout(param, what),
    param: param === "" ? null : param,
    code: null,
    status: 400
  })
}

/** Answers of the framework that have no envelope: a wrong content type, a body that is too large. */
const envelopeFor = (status: number, maxBodyBytes: number): WireError => {
  switch (status) {
    case 415:
      return wireErrorOf(unsupportedMediaType())
    case 413:
      return wireErrorOf(bodyTooLarge(maxBodyBytes))
    default:
      return wireError(
        status,
        status < 500 ? "invalid_request_error" : "api_error",
        null,
        `The request failed (${status}).`
      )
  }
}

/** What became of a route that failed: the answer of a framework's error, or of a defect, which is logged. */
const failureResponse = (
  cause: Cause.Cause<unknown>,
  request: HttpServerRequest.HttpServerRequest,
  maxBodyBytes: number
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const error = Cause.squash(cause)
  if (HttpServerError.isHttpServerError(error)) {
    const { reason } = error
    if (reason._tag === "RouteNotFound") return Effect.succeed(unrouted(request))
    if (reason._tag === "RequestParseError") {
      return Effect.succeed(errorResponse(envelopeFor(reason.reason === "BodyTooLarge" ? 413 : 400, maxBodyBytes)))
    }
  }
  if (error instanceof HttpApiError.HttpApiSchemaError && error.kind !== "Body") {
    return Effect.succeed(errorResponse(wireErrorOf(schemaProblem(error))))
  }
  return Effect.logError("A request failed in an unforeseen way.", cause).pipe(
    Effect.annotateLogs({ request_id: requestIdOf(request.headers) }),
    Effect.as(errorResponse(internalError))
  )
}

/** Wraps every route. */
export const EdgeLive = HttpRouter.middleware(
  Effect.gen(function* () {
    const { maxBodyBytes: mostBytes, sandbox } = yield* ServerSettings
    const maxBodyBytes = otherBodyBytes(mostBytes)

    /** Every error has the envelope and an id to ask about; every answer of the sandbox says that it is one. */
    const finished = (
      request: HttpServerRequest.HttpServerRequest,
      response: HttpServerResponse.HttpServerResponse
    ): HttpServerResponse.HttpServerResponse => {
      const failed = response.status >= 400
      if (!failed && !sandbox) return response
      const enveloped =
        failed && response.body._tag !== "Stream" && !isJson(response)
          ? errorResponse(envelopeFor(response.status, maxBodyBytes))
          : response
      const id = enveloped.headers["x-request-id"] ?? requestIdOf(request.headers)
      return HttpServerResponse.setHeaders(enveloped, {
        ...(failed ? { "x-request-id": id } : {}),
        ...(sandbox ? { "x-router-sandbox": "true" } : {})
      })
    }

    return (route) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
        const refused = refusalOf(request)
        return Effect.matchCauseEffect(refused === undefined ? route : Effect.succeed(refused), {
          onSuccess: (response) => Effect.succeed(finished(request, response)),
          onFailure: (cause) =>
            // A caller who left, or the end of the process: nobody reads an answer.
            Cause.hasInterruptsOnly(cause)
              ? Effect.failCause(cause)
              : Effect.map(failureResponse(cause, request, maxBodyBytes), (response) => finished(request, response))
        })
      })
  }),
  { global: true }
)

/** Who asks for which host must be said since HTTP/1.1 (RFC 9112, 3.2). */
const lacksHost = (request: HttpServerRequest.HttpServerRequest): boolean =>
  request.headers["host"] === undefined && toIncomingMessage(request).httpVersion === "1.1"

const hostMissing: WireError = wireError(400, "invalid_request_error", null, "The Host header is missing.")

/** What is no route's to answer. The framework takes paths that only look like one of its own, as such. */
const refusalOf = (request: HttpServerRequest.HttpServerRequest): HttpServerResponse.HttpServerResponse | undefined => {
  if (lacksHost(request)) return errorResponse(hostMissing)
  return routeOf(request.url) === "" ? unrouted(request) : undefined
}

const isJson = (response: HttpServerResponse.HttpServerResponse): boolean =>
  response.body._tag === "Uint8Array" && response.body.contentType.startsWith("application/json")
