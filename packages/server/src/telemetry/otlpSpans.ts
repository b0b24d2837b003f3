/** The router's spans in the form of the OpenTelemetry SDK, and the tracer that begins them by the SDK's sampler. */
import { baggageOf, remoteParentOf, Span, traceStateOf } from "@llm-router/router/telemetry/Span"
import type { AttributeValue, Trace } from "@llm-router/router/telemetry/Span"
import type { Tracer } from "@llm-router/router/telemetry/Telemetry"
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags, type TraceState } from "@opentelemetry/api"
import type { resourceFromAttributes } from "@opentelemetry/resources"
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  RandomIdGenerator,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler
} from "@opentelemetry/sdk-trace-base"
import type { ExportOptions } from "./exportOptions.ts"
import { hrTimeOf } from "./otlpMetrics.ts"

type Resource = ReturnType<typeof resourceFromAttributes>

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const

/** A caller's `tracestate` goes on as it came: nobody here reads it. */
const opaqueState = (text: string | undefined): TraceState | undefined => {
  if (text === undefined) return undefined
  const state: TraceState = { get: () => undefined, set: () => state, unset: () => state, serialize: () => text }
  return state
}

/** The span as the exporter reads it, within the limits for attributes. */
export const readableSpanOf =
  (
    resource: Resource,
    instrumentationScope: { readonly name: string; readonly version: string },
    { longestValue, mostAttributes }: ExportOptions
  ) =>
  (span: Span): ReadableSpan => {
    const traceState = opaqueState(span.trace.state)
    const contextOf = (spanId: string, isRemote: boolean) => ({
      traceId: span.traceId,
      spanId,
      traceFlags: TraceFlags.SAMPLED,
      isRemote,
      ...(traceState === undefined ? {} : { traceState })
    })
    const context = contextOf(span.spanId, false)
    const { attributes, dropped } = limited(span.attributes, longestValue, mostAttributes)
    return {
      name: span.name,
      kind: kinds[span.kind],
      spanContext: () => context,
      ...(span.parentId === "" ? {} : { parentSpanContext: contextOf(span.parentId, span.kind === "server") }),
      startTime: hrTimeOf(span.startedAt),
      endTime: hrTimeOf(span.endedAt),
      duration: hrTimeOf(span.endedAt - span.startedAt),
      status: span.error === undefined ? unset : { code: SpanStatusCode.ERROR, message: span.error },
      attributes,
      links: [],
      events: (span.events ?? []).map((event) => ({
        name: event.name,
        attributes: limited(event.attributes, longestValue, mostAttributes).attributes,
        time: hrTimeOf(event.time)
      })),
      ended: true,
      resource,
      instrumentationScope,
      droppedAttributesCount: dropped,
      droppedEventsCount: 0,
      droppedLinksCount: 0
    }
  }

const unset = { code: SpanStatusCode.UNSET } as const

type Attributes = Readonly<Record<string, AttributeValue>>

const limited = (
  attributes: Attributes,
  longest: number,
  most: number
): { readonly attributes: Record<string, string | number | boolean | Array<string>>; readonly dropped: number } => {
  const kept: Record<string, string | number | boolean | Array<string>> = {}
  let count = 0
  for (const name in attributes) {
    if (++count > most) continue
    const value = attributes[name]
    if (value === undefined) continue
    if (typeof value === "string") kept[name] = value.length > longest ? value.slice(0, longest) : value
    else if (typeof value === "object") kept[name] = value.map((text) => text.slice(0, longest))
    else kept[name] = value
  }
  return { attributes: kept, dropped: Math.max(0, count - most) }
}

const samplerOf = ({ sampler, samplerRatio }: ExportOptions): Sampler => {
  switch (sampler) {
    case "always_on":
      return new AlwaysOnSampler()
    case "always_off":
      return new AlwaysOffSampler()
    case "traceidratio":
      return new TraceIdRatioBasedSampler(samplerRatio)
    case "parentbased_always_on":
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() })
    case "parentbased_traceidratio":
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(samplerRatio) })
  }
}

/** The sampler is asked once for a request: its children follow, whatever the sampler, since they share its trace id. */
export const tracerOf = (options: ExportOptions, ended: (span: Span) => void): Tracer => {
  const ids = new RandomIdGenerator()
  const sampler = samplerOf(options)
  const newSpanId = () => ids.generateSpanId()
  return {
    serverSpan: (name, headers, attributes) => {
      const parent = options.readsTraceHeaders ? remoteParentOf(headers.traceparent) : undefined
      const traceId = parent?.traceId ?? ids.generateTraceId()
      const context =
        parent === undefined
          ? ROOT_CONTEXT
          : trace.setSpanContext(ROOT_CONTEXT, {
              traceId,
              spanId: parent.spanId,
              traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
              isRemote: true
            })
      const { decision } = sampler.shouldSample(context, traceId, name, SpanKind.SERVER, attributes, [])
      const ofTrace: Trace = {
        traceId,
        sampled: decision === SamplingDecision.RECORD_AND_SAMPLED,
        state: parent === undefined ? undefined : traceStateOf(headers.tracestate),
        baggage: options.readsBaggage ? baggageOf(headers.baggage) : undefined,
        propagates: options.readsTraceHeaders,
        capturesContent: options.capturesContent,
        newSpanId,
        ended,
        clockOffset: Date.now() - performance.now()
      }
      return new Span(ofTrace, parent?.spanId ?? "", "server", name, attributes)
    }
  }
}
