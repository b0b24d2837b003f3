/**
 * Export to an OpenTelemetry collector: the SDK's periodic reader, samplers and OTLP transport, which stay bounded when
 * the collector hangs. Loaded only where something is exported.
 *
 * The SDK is used directly, without `@effect/opentelemetry` and without the SDK's own tracer and spans: three spans of
 * theirs cost a request more than the rest of its telemetry, and Effect's tracer comes on top of that. Its batch
 * processor keeps spans as objects and has a batch of 512 written in one go, which holds up every request by 6 ms.
 */
import type { RouterMetrics } from "@llm-router/router/telemetry/RouterMetrics"
import type { Tracer } from "@llm-router/router/telemetry/Telemetry"
import { resourceFromAttributes } from "@opentelemetry/resources"
import { PeriodicExportingMetricReader, type PushMetricExporter } from "@opentelemetry/sdk-metrics"
import { Redacted } from "effect"
import type { ExportOptions } from "./exportOptions.ts"
import { metricProducer } from "./otlpMetrics.ts"
import { jsonBatches, protobufBatches, type SpanBatch } from "./spanBatch.ts"
import { SpanQueue } from "./SpanQueue.ts"
import { tracerOf } from "./tracer.ts"

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
    sizeOf: (batch: Batch) => number,
    lost: (items: number) => void,
    told: (error: string | undefined) => void
  ): Exporting<Batch> =>
  (batch, done) => {
    exporting(batch, (result) => {
      if (result.code !== 0) lost(sizeOf(batch))
      told(result.code === 0 ? undefined : (result.error?.message ?? "no reason given"))
      done(result)
    })
  }

/** That of the protocol that is spoken; the other's stays out of memory. */
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
    const { createOtlpHttpExportDelegate, convertLegacyHttpOptions } =
      await import("@opentelemetry/otlp-exporter-base/node-http")
    const { JsonTraceSerializer, ProtobufTraceSerializer } = await import("@opentelemetry/otlp-transformer")
    const dropped = metrics.telemetryDropped.at("traces")
    const form = { resource: context.resource, scope, limits: options }
    const { deserializeResponse } = options.json ? JsonTraceSerializer : ProtobufTraceSerializer
    const exporter = createOtlpHttpExportDelegate(
      convertLegacyHttpOptions(configOf(url), "TRACES", "v1/traces", {
        "Content-Type": options.json ? "application/json" : "application/x-protobuf"
      }),
      { serializeRequest: (batch: SpanBatch) => batch.body(), deserializeResponse },
      "otlp_http_span_exporter",
      { name: "span", countItems: ({ size }) => size },
      undefined
    )
    const exporting = watched<SpanBatch>(
      (batch, done) => exporter.export(batch, done),
      ({ size }) => size,
      (spans) => dropped.add(spans),
      (error) => context.onExport("traces", error)
    )
    const queue = new SpanQueue({
      limits: options,
      newBatch: options.json ? jsonBatches(form) : protobufBatches(form),
      send: (batch) =>
        new Promise<void>((resolve) => exporting(batch, () => resolve())).catch((error: unknown) => {
          // What the exporter throws is its fault, not the requests'.
          dropped.add(batch.size)
          context.onExport("traces", String(error))
        }),
      dropped: () => dropped.add(1)
    })
    return {
      tracer: tracerOf(options, (span) => queue.add(span)),
      shutdown: async () => {
        await queue.flush()
        await exporter.shutdown()
      }
    }
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
