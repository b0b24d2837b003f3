/**
 * Export to an OpenTelemetry collector: the SDK's batch span processor, periodic reader and OTLP exporters, which stay
 * bounded when the collector hangs. Loaded only where something is exported.
 *
 * The SDK is used directly, without `@effect/opentelemetry` and without the SDK's own tracer and spans: three spans of
 * theirs cost a request more than the rest of its telemetry, and Effect's tracer comes on top of that.
 */
import type { RouterMetrics } from "@llm-router/router/telemetry/RouterMetrics"
import type { Tracer } from "@llm-router/router/telemetry/Telemetry"
import { resourceFromAttributes } from "@opentelemetry/resources"
import { PeriodicExportingMetricReader, type PushMetricExporter } from "@opentelemetry/sdk-metrics"
import { BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base"
import { Redacted } from "effect"
import type { ExportOptions } from "./exportOptions.ts"
import { metricProducer } from "./otlpMetrics.ts"
import { ExportedSpan, tracerOf } from "./otlpSpans.ts"

export interface ExportContext {
  readonly resource: Readonly<Record<string, string>>
  readonly metrics: RouterMetrics
  /** Brings gauges up to date before they are read. */
  readonly refreshed: () => Promise<void>
  /** A signal's export failed, or works again. */
  readonly onExport: (signal: "traces" | "metrics", error: string | undefined) => void
}

export interface Export {
  readonly tracer: Tracer | undefined
  /** Sends what is queued, then closes the connections. */
  readonly shutdown: () => Promise<void>
}

/** A batch that the collector did not take is lost, and counted. */
type Exporting<Batch> = (
  batch: Batch,
  done: (result: { readonly code: number; readonly error?: Error }) => void
) => void

const watched =
  <Batch>(
    exporting: Exporting<Batch>,
    before: (batch: Batch) => number,
    lost: (items: number) => void,
    told: (error: string | undefined) => void
  ): Exporting<Batch> =>
  (batch, done) => {
    const items = before(batch)
    exporting(batch, (result) => {
      if (result.code !== 0) lost(items)
      told(result.code === 0 ? undefined : (result.error?.message ?? "no reason given"))
      done(result)
    })
  }

/** Those of the protocol that is spoken; the other's stay out of memory. */
const traceExporters = (json: boolean) =>
  json ? import("@opentelemetry/exporter-trace-otlp-http") : import("@opentelemetry/exporter-trace-otlp-proto")
const metricExporters = (json: boolean) =>
  json ? import("@opentelemetry/exporter-metrics-otlp-http") : import("@opentelemetry/exporter-metrics-otlp-proto")

export const startExport = async (options: ExportOptions, context: ExportContext): Promise<Export> => {
  const { metrics } = context
  const resource = resourceFromAttributes(context.resource)
  const scope = { name: "llm-router", version: context.resource["service.version"] ?? "" }
  const configOf = (url: string) => ({
    url,
    headers: Redacted.value(options.headers),
    timeoutMillis: options.timeoutMillis,
    // The exporter's type is an enum of these two words.
    compression: (options.gzip ? "gzip" : "none") as never
  })

  const startTraces = async (url: string) => {
    const { OTLPTraceExporter } = await traceExporters(options.json)
    const inner: SpanExporter = new OTLPTraceExporter(configOf(url))
    const dropped = metrics.telemetryDropped.at("traces")
    // The processor does not tell what it drops: its queue is bounded here, where it can be counted.
    let queued = 0
    const processor = new BatchSpanProcessor(
      {
        export: watched(
          (spans, done) => inner.export(spans, done),
          (spans) => {
            queued -= spans.length
            return spans.length
          },
          (spans) => dropped.add(spans),
          (error) => context.onExport("traces", error)
        ),
        shutdown: () => inner.shutdown()
      },
      {
        scheduledDelayMillis: options.scheduleDelayMillis,
        maxQueueSize: options.mostQueued,
        maxExportBatchSize: options.mostPerBatch,
        exportTimeoutMillis: options.batchTimeoutMillis
      }
    )
    const form = { resource, scope, options }
    const tracer = tracerOf(options, (span) => {
      if (queued >= options.mostQueued) return dropped.add(1)
      queued++
      processor.onEnd(new ExportedSpan(span, form))
    })
    return { tracer, shutdown: () => processor.shutdown() }
  }

  const startMetrics = async (url: string) => {
    const { OTLPMetricExporter } = await metricExporters(options.json)
    const inner: PushMetricExporter = new OTLPMetricExporter(configOf(url))
    const dropped = metrics.telemetryDropped.at("metrics")
    const reader = new PeriodicExportingMetricReader({
      exporter: {
        export: watched(
          (batch, done) => inner.export(batch, done),
          () => 1,
          (batches) => dropped.add(batches),
          (error) => context.onExport("metrics", error)
        ),
        forceFlush: () => inner.forceFlush(),
        shutdown: () => inner.shutdown()
      },
      exportIntervalMillis: options.metricIntervalMillis,
      exportTimeoutMillis: options.metricTimeoutMillis
    })
    reader.setMetricProducer(metricProducer(resource, scope, metrics.families, context.refreshed))
    return { shutdown: () => reader.shutdown() }
  }

  const traces = options.tracesUrl === undefined ? undefined : await startTraces(options.tracesUrl)
  const measured = options.metricsUrl === undefined ? undefined : await startMetrics(options.metricsUrl)
  return {
    tracer: traces?.tracer,
    shutdown: async () => {
      await Promise.allSettled([traces?.shutdown(), measured?.shutdown()])
    }
  }
}
