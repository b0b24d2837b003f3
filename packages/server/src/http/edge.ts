/**
 * The edge of every route: what the framework answers by itself (no such path, wrong method, a body that is too large
 * or does not fit its schema, a defect) gets the error envelope too.
 */
import { Api } from "@llm-router/api/Api"
import { InvalidRequest, NotFound } from "@llm-router/domain/RouterError"
import { Cause, Effect, SchemaIssue } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"
import { ServerSettings } from "../ServerSettings.ts"
import { type EdgeError, errorResponse, wireError, type WireError, wireErrorOf } from "./errors.ts"
import { bodyTooLarge, requestIdOf } from "./request.ts"

/** Paths of the API by pattern, with their methods. `*` takes the rest of a path. */
const patterns: ReadonlyMap<RegExp, ReadonlySet<string>> = (() => {
  const methods = new Map<string, Set<string>>([
    ["/openapi.json", new Set(["GET"])],
    ["/docs", new Set(["GET"])]
  ])
  for (const group of Object.values(Api.groups)) {
    for (const endpoint of Object.values(group.endpoints)) {
      const known = methods.get(endpoint.path) ?? new Set()
      methods.set(endpoint.path, known.add(endpoint.method))
    }
  }
  const patternOf = (path: string) =>
    new RegExp(`^${path.replace(/[.]/g, "\\.").replace("/*", "(?:/.*)?").replace(/:\w+/g, "[^/]+")}$`)
  return new Map([...methods].map(([path, known]) => [patternOf(path), known]))
})()

const allowedMethods = (path: string): ReadonlySet<string> => {
  const allowed = new Set<string>()
  for (const [pattern, methods] of patterns) {
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
const unrouted = (request: HttpServerRequest.HttpServerRequest, headers: Readonly<Record<string, string>>) => {
  const path = request.url.split("?")[0] ?? "/"
  const allowed = allowedMethods(path)
  if (allowed.size === 0) return errorResponse(wireErrorOf(notFound(path)), headers)
  const allow = { ...headers, allow: [...allowed].join(", ") }
  if (request.method === "OPTIONS") return HttpServerResponse.empty({ status: 204, headers: allow })
  const message = `${request.method} is not a method of ${path}; there is ${allow.allow}.`
  return errorResponse(wireError(405, "invalid_request_error", "method_not_allowed", message), allow)
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const schemaProblem = (error: HttpApiError.HttpApiSchemaError): EdgeError => {
  const issue = format(error.cause.issue).issues[0]
  const path = (issue?.path ?? []).map((part) => (typeof part === "object" ? part.key : part))
  const param = path
    .map((key, index) => (typeof key === "number" ? `[${key}]` : `${index > 0 ? "." : ""}${String(key)}`))
    .join("")
  return new InvalidRequest({
    message:
      param === "" ? (issue?.message ?? "The request is not valid.") : `Invalid value for ${param}: ${issue?.message}`,
    param: param === "" ? null : param,
    code: null,
    status: 400
  })
}

const internalError: WireError = wireError(
  500,
  "api_error",
  "internal_error",
  "The router failed to handle this request."
)

/** Answers of the framework that have no envelope: a wrong content type, a body that is too large. */
const envelopeFor = (status: number, maxBodyBytes: number): WireError => {
  switch (status) {
    case 415:
      return wireErrorOf(
        new InvalidRequest({
          message: "The content type must be application/json.",
          param: null,
          code: "unsupported_media_type",
          status: 415
        })
      )
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

/** Wraps every route. */
export const EdgeLive = HttpRouter.middleware(
  Effect.gen(function* () {
    const { maxBodyBytes } = yield* ServerSettings
    return (route) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        Effect.matchCauseEffect(route, {
          onSuccess: (response) =>
            Effect.succeed(
              response.status >= 400 && response.body._tag !== "Stream" && !isJson(response)
                ? errorResponse(envelopeFor(response.status, maxBodyBytes), { "x-request-id": requestIdOf(request) })
                : response
            ),
          onFailure: (cause) => {
            // A caller who left, or the end of the process: nobody reads an answer.
            if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
            const id = requestIdOf(request)
            const headers = { "x-request-id": id }
            const error = Cause.squash(cause)
            if (HttpServerError.isHttpServerError(error)) {
              const { reason } = error
              if (reason._tag === "RouteNotFound") return Effect.succeed(unrouted(request, headers))
              if (reason._tag === "RequestParseError") {
                const status = reason.reason === "BodyTooLarge" ? 413 : 400
                return Effect.succeed(errorResponse(envelopeFor(status, maxBodyBytes), headers))
              }
            }
            if (error instanceof HttpApiError.HttpApiSchemaError && error.kind !== "Body") {
              return Effect.succeed(errorResponse(wireErrorOf(schemaProblem(error)), headers))
            }
            return Effect.as(
              Effect.logError("A request failed in an unforeseen way.", cause).pipe(
                Effect.annotateLogs({ request_id: id })
              ),
              errorResponse(internalError, headers)
            )
          }
        })
      )
  }),
  { global: true }
)

const isJson = (response: HttpServerResponse.HttpServerResponse): boolean =>
  response.body._tag === "Uint8Array" && response.body.contentType.startsWith("application/json")
