/**
 * The settings of telemetry: OpenTelemetry's own names, as far as they are supported, and ours. Traces and metrics are
 * exported once an endpoint is set; `/metrics` is there in any case.
 */
import {
  attributePairs,
  baseUrl,
  boolean,
  headerPairs,
  headerText,
  integer,
  oneOf,
  share,
  someOf
} from "../settingKinds.ts"
import { optional, setting } from "../setting.ts"

const minute = 60_000

export const telemetrySettings = {
  otelSdkDisabled: setting("OTEL_SDK_DISABLED", boolean, false, "Export no telemetry, whatever else is set"),
  otelExporterOtlpEndpoint: optional(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    baseUrl,
    "OpenTelemetry collector that gets traces and metrics, such as http://localhost:4318; without one nothing is exported"
  ),
  otelExporterOtlpTracesEndpoint: optional(
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    baseUrl,
    "Where traces go, path and all, if elsewhere"
  ),
  otelExporterOtlpMetricsEndpoint: optional(
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    baseUrl,
    "Where metrics go, path and all, if elsewhere"
  ),
  otelExporterOtlpHeaders: optional(
    "OTEL_EXPORTER_OTLP_HEADERS",
    headerPairs,
    "Headers for the collector, such as authorization=Bearer%20token"
  ),
  otelExporterOtlpProtocol: setting(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    oneOf("http/protobuf", "http/json"),
    "http/protobuf",
    "Form of what is exported; grpc is not supported"
  ),
  otelExporterOtlpCompression: setting(
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    oneOf("none", "gzip"),
    "none",
    "Compression of what is exported"
  ),
  otelExporterOtlpTimeout: setting(
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    integer(1, 10 * minute),
    10_000,
    "Milliseconds that the collector has to take a batch"
  ),
  otelTracesExporter: setting("OTEL_TRACES_EXPORTER", oneOf("otlp", "none"), "otlp", "Whether traces are exported"),
  otelMetricsExporter: setting("OTEL_METRICS_EXPORTER", oneOf("otlp", "none"), "otlp", "Whether metrics are exported"),
  otelServiceName: optional(
    "OTEL_SERVICE_NAME",
    headerText,
    "Name of this service in telemetry; when unset, llm-router"
  ),
  otelResourceAttributes: optional(
    "OTEL_RESOURCE_ATTRIBUTES",
    attributePairs,
    "What telemetry says of this process, such as deployment.environment.name=production"
  ),
  otelTracesSampler: setting(
    "OTEL_TRACES_SAMPLER",
    oneOf(
      "parentbased_always_on",
      "parentbased_always_off",
      "parentbased_traceidratio",
      "always_on",
      "always_off",
      "traceidratio"
    ),
    "parentbased_always_on",
    "Which requests are traced; parentbased leaves it to callers that send traceparent"
  ),
  otelTracesSamplerArg: setting(
    "OTEL_TRACES_SAMPLER_ARG",
    share,
    1,
    "Share of requests that a traceidratio sampler takes"
  ),
  otelPropagators: setting(
    "OTEL_PROPAGATORS",
    someOf("tracecontext", "baggage", "none"),
    "tracecontext,baggage",
    "Trace headers that are read from callers and passed on"
  ),
  otelBspScheduleDelay: setting(
    "OTEL_BSP_SCHEDULE_DELAY",
    integer(1, 10 * minute),
    5_000,
    "Milliseconds that spans wait for company at most"
  ),
  otelBspMaxQueueSize: setting(
    "OTEL_BSP_MAX_QUEUE_SIZE",
    integer(1, 1_000_000),
    2_048,
    "Spans that wait for the collector at most; more are dropped and counted"
  ),
  otelBspMaxExportBatchSize: setting(
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    integer(1, 100_000),
    512,
    "Spans in one export at most"
  ),
  otelBspExportTimeout: setting(
    "OTEL_BSP_EXPORT_TIMEOUT",
    integer(1, 10 * minute),
    30_000,
    "Milliseconds after which an export of spans is given up"
  ),
  otelMetricExportInterval: setting(
    "OTEL_METRIC_EXPORT_INTERVAL",
    integer(100, 60 * minute),
    minute,
    "Milliseconds between two exports of metrics"
  ),
  otelMetricExportTimeout: setting(
    "OTEL_METRIC_EXPORT_TIMEOUT",
    integer(1, 60 * minute),
    30_000,
    "Milliseconds after which an export of metrics is given up"
  ),
  otelAttributeValueLengthLimit: optional(
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    integer(1, 1_000_000),
    "Characters of a span's attribute at most"
  ),
  otelAttributeCountLimit: setting(
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    integer(1, 1_000),
    128,
    "Attributes of a span at most"
  ),
  telemetryCaptureContent: setting(
    "TELEMETRY_CAPTURE_CONTENT",
    boolean,
    false,
    "Put the text of prompts and answers on spans, for everyone who can read the traces"
  )
}
