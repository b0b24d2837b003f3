/** The router's spans in the form of the OpenTelemetry SDK, and the tracer that begins them by the SDK's sampler. */
import { baggageOf, remoteParentOf, Span, traceStateOf } from "@llm-router/router/telemetry/Span"
import type { AttributeValue, Trace } from "@llm-router/router/telemetry/Span"
import type { Tracer } from "@llm-router/router/telemetry/Telemetry"
import {
  type HrTime,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
  trace,
  TraceFlags,
  type TraceState
} from "@opentelemetry/api"
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

type Attributes = Readonly<Record<string, AttributeValue>>

interface Form {
  readonly resource: Resource
  readonly scope: { readonly name: string; readonly version: string }
  readonly options: ExportOptions
}

/** The span as the exporter reads it, within the limits for attributes. */
export class ExportedSpan implements ReadableSpan {
  readonly name: string
  readonly kind: SpanKind
  readonly parentSpanContext?: SpanContext
  readonly startTime: HrTime
  readonly endTime: HrTime
  readonly duration: HrTime
  readonly status: SpanStatus
  readonly attributes: ReadableSpan["attributes"]
  readonly links: ReadableSpan["links"] = none
  readonly events: ReadableSpan["events"]
  readonly ended = true
  readonly resource: Resource
  readonly instrumentationScope: Form["scope"]
  readonly droppedAttributesCount: number
  readonly droppedEventsCount = 0
  readonly droppedLinksCount = 0
  readonly #context: SpanContext

  constructor(span: Span, { options, resource, scope }: Form) {
    const traceState = opaqueState(span.trace.state)
    const contextOf = (spanId: string, isRemote: boolean): SpanContext => {
      const context = { traceId: span.traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote }
      return traceState === undefined ? context : { ...context, traceState }
    }
    this.name = span.name
    this.kind = kinds[span.kind]
    if (span.parentId !== "") this.parentSpanContext = contextOf(span.parentId, span.kind === "server")
    this.#context = contextOf(span.spanId, false)
    this.startTime = hrTimeOf(span.startedAt)
    this.endTime = hrTimeOf(span.endedAt)
    this.duration = hrTimeOf(span.endedAt - span.startedAt)
    this.status = span.error === undefined ? unset : { code: SpanStatusCode.ERROR, message: span.error }
    this.attributes = limited(span.attributes, options)
    this.droppedAttributesCount = Object.keys(span.attributes).length - Object.keys(this.attributes).length
    this.events =
      span.events === undefined
        ? none
        : span.events.map(({ attributes, name, time }) => ({
            name,
            attributes: limited(attributes, options),
            time: hrTimeOf(time)
          }))
    this.resource = resource
    this.instrumentationScope = scope
  }

  spanContext(): SpanContext {
    return this.#context
  }
}

const none: Array<never> = []
const unset: SpanStatus = { code: SpanStatusCode.UNSET }

/** More than a span of the router ever has: a limit above it is none. */
const attributesOfAnySpan = 64

const limited = (attributes: Attributes, { longestValue, mostAttributes }: ExportOptions): ReadableSpan["attributes"] =>
  longestValue === Number.POSITIVE_INFINITY && mostAttributes >= attributesOfAnySpan
    ? // The SDK's type has mutable arrays; it changes none.
      (attributes as ReadableSpan["attributes"])
    : Object.fromEntries(
        Object.entries(attributes)
          .slice(0, mostAttributes)
          .map(([name, value]) => [
            name,
            typeof value === "string"
              ? value.slice(0, longestValue)
              : typeof value === "object"
                ? value.map((text) => text.slice(0, longestValue))
                : value
          ])
      )

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
