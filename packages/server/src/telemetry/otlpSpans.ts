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

interface Form {
  readonly resource: Resource
  readonly scope: { readonly name: string; readonly version: string }
  readonly options: ExportOptions
}

/**
 * The span as the exporter reads it, within the limits for attributes. Thousands of them wait while a collector is away:
 * one that waits is small, and takes the exporter's form when it is read.
 */
export class ExportedSpan implements ReadableSpan {
  readonly name: string
  readonly links: ReadableSpan["links"] = none
  readonly ended = true
  readonly droppedEventsCount = 0
  readonly droppedLinksCount = 0
  readonly #form: Form
  readonly #trace: Span["trace"]
  readonly #kind: Span["kind"]
  readonly #spanId: string
  readonly #parentId: string
  readonly #startedAt: number
  readonly #endedAt: number
  readonly #error: string | undefined
  /** Names and values in turn: an object of so many properties is a hash table, three times as large. */
  readonly #attributes: ReadonlyArray<AttributeValue>
  readonly #events: Span["events"]

  constructor(span: Span, form: Form) {
    this.name = span.name
    this.#form = form
    this.#trace = span.trace
    this.#kind = span.kind
    this.#spanId = span.spanId
    this.#parentId = span.parentId
    this.#startedAt = span.startedAt
    this.#endedAt = span.endedAt
    this.#error = span.error
    const names = Object.keys(span.attributes)
    // Of its exact size: one that grows keeps room to grow further.
    this.#attributes = Array.from({ length: 2 * names.length }, (_, at): AttributeValue => {
      const name = names[at >> 1] ?? ""
      return at % 2 === 0 ? name : (span.attributes[name] ?? "")
    })
    this.#events = span.events
  }

  /** Absent where there is none, which the SDK's type does not let a getter say. */
  get parentSpanContext(): SpanContext {
    return (this.#parentId === "" ? undefined : this.#contextOf(this.#parentId, this.#kind === "server")) as SpanContext
  }

  get kind(): SpanKind {
    return kinds[this.#kind]
  }

  get resource(): Resource {
    return this.#form.resource
  }

  get instrumentationScope(): Form["scope"] {
    return this.#form.scope
  }

  get startTime(): HrTime {
    return hrTimeOf(this.#startedAt)
  }

  get endTime(): HrTime {
    return hrTimeOf(this.#endedAt)
  }

  get duration(): HrTime {
    return hrTimeOf(this.#endedAt - this.#startedAt)
  }

  get status(): SpanStatus {
    return this.#error === undefined ? unset : { code: SpanStatusCode.ERROR, message: this.#error }
  }

  get attributes(): ReadableSpan["attributes"] {
    return limited(this.#entries(), this.#form.options)
  }

  get droppedAttributesCount(): number {
    return Math.max(0, this.#attributes.length / 2 - this.#form.options.mostAttributes)
  }

  get events(): ReadableSpan["events"] {
    return (
      this.#events?.map(({ attributes, name, time }) => ({
        name,
        attributes: limited(Object.entries(attributes), this.#form.options),
        time: hrTimeOf(time)
      })) ?? none
    )
  }

  spanContext(): SpanContext {
    return this.#contextOf(this.#spanId, false)
  }

  #contextOf(spanId: string, isRemote: boolean): SpanContext {
    const context = { traceId: this.#trace.traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote }
    const traceState = opaqueState(this.#trace.state)
    return traceState === undefined ? context : { ...context, traceState }
  }

  #entries(): ReadonlyArray<readonly [string, AttributeValue]> {
    const entries: Array<readonly [string, AttributeValue]> = []
    for (let at = 0; at < this.#attributes.length; at += 2) {
      entries.push([String(this.#attributes[at]), this.#attributes[at + 1] ?? ""])
    }
    return entries
  }
}

const none: Array<never> = []
const unset: SpanStatus = { code: SpanStatusCode.UNSET }

const limited = (
  entries: ReadonlyArray<readonly [string, AttributeValue]>,
  { longestValue, mostAttributes }: ExportOptions
): ReadableSpan["attributes"] =>
  Object.fromEntries(
    entries
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
