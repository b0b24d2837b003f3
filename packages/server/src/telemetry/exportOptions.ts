/** What is exported and where to, from the settings; nothing without an endpoint. */
import { Redacted } from "effect"
import { recordOf } from "../settingKinds.ts"
import type { Settings } from "../settings.ts"
import { version } from "../version.ts"

export interface ExportOptions {
  /** URL of each signal, path and all; `undefined` when it is not exported. */
  readonly tracesUrl: string | undefined
  readonly metricsUrl: string | undefined
  readonly headers: Redacted.Redacted<Readonly<Record<string, string>>>
  readonly json: boolean
  readonly gzip: boolean
  readonly timeoutMillis: number
  readonly sampler: Settings["otelTracesSampler"]
  readonly samplerRatio: number
  readonly readsTraceHeaders: boolean
  readonly readsBaggage: boolean
  readonly scheduleDelayMillis: number
  readonly mostQueued: number
  readonly mostPerBatch: number
  readonly batchTimeoutMillis: number
  readonly metricIntervalMillis: number
  readonly metricTimeoutMillis: number
  readonly longestValue: number
  readonly mostAttributes: number
  readonly capturesContent: boolean
}

export const exportOptionsOf = (settings: Settings): ExportOptions | undefined => {
  const endpoint = settings.otelExporterOtlpEndpoint
  const urlOf = (exporter: "otlp" | "none", own: string | undefined, path: string): string | undefined =>
    exporter === "none" ? undefined : (own ?? (endpoint === undefined ? undefined : `${endpoint}${path}`))
  const tracesUrl = urlOf(settings.otelTracesExporter, settings.otelExporterOtlpTracesEndpoint, "/v1/traces")
  const metricsUrl = urlOf(settings.otelMetricsExporter, settings.otelExporterOtlpMetricsEndpoint, "/v1/metrics")
  if (settings.otelSdkDisabled || (tracesUrl ?? metricsUrl) === undefined) return undefined
  const propagators = settings.otelPropagators.split(",")
  const propagates = (name: string) => propagators.includes(name) && !propagators.includes("none")
  return {
    tracesUrl,
    metricsUrl,
    headers: settings.otelExporterOtlpHeaders ?? Redacted.make({}),
    json: settings.otelExporterOtlpProtocol === "http/json",
    gzip: settings.otelExporterOtlpCompression === "gzip",
    timeoutMillis: settings.otelExporterOtlpTimeout,
    sampler: settings.otelTracesSampler,
    samplerRatio: settings.otelTracesSamplerArg,
    readsTraceHeaders: propagates("tracecontext"),
    readsBaggage: propagates("baggage"),
    scheduleDelayMillis: settings.otelBspScheduleDelay,
    mostQueued: settings.otelBspMaxQueueSize,
    mostPerBatch: Math.min(settings.otelBspMaxExportBatchSize, settings.otelBspMaxQueueSize),
    batchTimeoutMillis: settings.otelBspExportTimeout,
    metricIntervalMillis: settings.otelMetricExportInterval,
    // The SDK refuses a timeout above the interval.
    metricTimeoutMillis: Math.min(settings.otelMetricExportTimeout, settings.otelMetricExportInterval),
    longestValue: settings.otelAttributeValueLengthLimit ?? Number.POSITIVE_INFINITY,
    mostAttributes: settings.otelAttributeCountLimit,
    capturesContent: settings.telemetryCaptureContent
  }
}

/** What telemetry says of this process. Replicas are told apart by their instance's id. */
export const resourceOf = (settings: Settings, instanceId: string): Readonly<Record<string, string>> => {
  const given = recordOf(settings.otelResourceAttributes ?? "")
  return {
    "service.name": "llm-router",
    "service.version": version,
    "service.instance.id": instanceId,
    ...given,
    ...(settings.otelServiceName === undefined ? {} : { "service.name": settings.otelServiceName })
  }
}
