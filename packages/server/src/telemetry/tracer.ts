/** The tracer that begins the router's spans, by the samplers of the OpenTelemetry SDK. */
import { baggageOf, remoteParentOf, Span, type Trace, traceStateOf } from "@llm-router/router/telemetry/Span"
import type { Tracer } from "@llm-router/router/telemetry/Telemetry"
import { ROOT_CONTEXT, SpanKind, trace, TraceFlags } from "@opentelemetry/api"
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler
} from "@opentelemetry/sdk-trace-base"
import type { ExportOptions } from "./exportOptions.ts"

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
