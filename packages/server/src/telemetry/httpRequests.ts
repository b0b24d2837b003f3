/**
 * Measures every request at Node's server, to the last byte of its answer, and begins the span of a chat completion,
 * which covers its whole stream.
 */
import type { Span } from "@llm-router/router/telemetry/Span"
import { attributes, spanNames } from "@llm-router/router/telemetry/spans"
import type { TelemetryService } from "@llm-router/router/telemetry/Telemetry"
import type { DrainingServer, Incoming } from "../http/DrainingServer.ts"
import { routeOf } from "../http/routes.ts"

const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
const tracedRoutes: ReadonlySet<string> = new Set(["/v1/chat/completions", "/chat/completions"])
/** Statuses whose first occurrence an alert must see. */
const zeroStatuses = ["200", "429", "500", "502", "503", "504"]

const spans = new WeakMap<object, Span>()

/** The span of a request, where it has one. */
export const spanOf = (request: Incoming): Span | undefined => spans.get(request)

const first = (header: string | Array<string> | undefined): string | undefined =>
  typeof header === "object" ? header.join(",") : header

export const measure = (server: DrainingServer, { metrics, tracer }: TelemetryService): void => {
  for (const route of tracedRoutes) {
    metrics.httpActive.at("POST", route, "http")
    for (const status of zeroStatuses) metrics.httpDuration.at("POST", route, status, "http")
  }

  const begun = (request: Incoming, method: string, route: string): Span | undefined => {
    if (tracer === undefined || method !== "POST" || !tracedRoutes.has(route)) return undefined
    const { headers } = request
    const span = tracer.serverSpan(
      spanNames.server(method, route),
      {
        traceparent: first(headers["traceparent"]),
        tracestate: first(headers["tracestate"]),
        baggage: first(headers["baggage"])
      },
      { [attributes.method]: method, [attributes.route]: route, [attributes.scheme]: "http" }
    )
    spans.set(request, span)
    return span
  }

  server.watch((request, response) => {
    const startedAt = performance.now()
    const method = methods.has(request.method ?? "") ? (request.method ?? "") : "_OTHER"
    const route = routeOf(request.url ?? "/")
    const active = metrics.httpActive.at(method, route, "http")
    active.add(1)
    const span = begun(request, method, route)
    response.once("close", () => {
      active.add(-1)
      const { statusCode } = response
      // A caller who left before the answer began has got no status.
      const status = response.headersSent ? String(statusCode) : ""
      metrics.httpEnded(method, route, status, (performance.now() - startedAt) / 1000, span)
      if (span === undefined) return
      if (status !== "") span.attributes[attributes.status] = statusCode
      const error = statusCode >= 500 ? status : undefined
      if (error !== undefined) span.attributes[attributes.errorType] = error
      if (response.writableFinished) span.end(error)
      // Its fiber is interrupted by this same event, and has its end to tell.
      else setImmediate(() => span.end(error))
    })
  })
}
