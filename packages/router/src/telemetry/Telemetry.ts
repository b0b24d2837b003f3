/**
 * Where the router's parts leave what they have to tell. Metrics are always recorded. Spans exist only where they are
 * exported: then a request carries one, otherwise `undefined`, and nothing is made for it.
 */
import { Context, type Effect } from "effect"
import { RouterMetrics } from "./RouterMetrics.ts"
import type { Span } from "./Span.ts"

/** What a request says of the trace that it belongs to. */
export interface TraceHeaders {
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  readonly baggage: string | undefined
}

export interface Tracer {
  /** Begins the span of a request, under its caller's where it names one. */
  readonly serverSpan: (name: string, headers: TraceHeaders, attributes: Record<string, string>) => Span
}

export interface TelemetryService {
  readonly metrics: RouterMetrics
  /** `undefined` when traces are not exported. */
  readonly tracer: Tracer | undefined
  /** What the process says of itself, by the names of OpenTelemetry's resources. */
  readonly resource: Readonly<Record<string, string>>
  /** To be run before metrics are read: they bring up to date what is read rather than counted. */
  readonly gauges: Set<Effect.Effect<void>>
}

/** By default what is recorded is read by nobody: for tests of a part by itself. */
export const Telemetry = Context.Reference<TelemetryService>("@llm-router/router/Telemetry", {
  defaultValue: () => ({ metrics: new RouterMetrics(), tracer: undefined, resource: {}, gauges: new Set() })
})
