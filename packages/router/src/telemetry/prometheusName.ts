/**
 * The Prometheus names of metrics and labels: those that the collector's Prometheus exporter gives what OTLP brings it
 * (OpenTelemetry specification, "Prometheus and OpenMetrics compatibility", `UnderscoreEscapingWithSuffixes`), so that a
 * dashboard reads the router's own `/metrics` and a collector's alike.
 */
import type { MetricKind } from "../telemetry.ts"

const wordOf: Readonly<Record<string, string>> = { s: "seconds", By: "bytes" }

/** `family` has no `_total` of a counter, nor the parts of a histogram; `unit` is the one that it ends with. */
export interface PrometheusName {
  readonly family: string
  readonly sample: string
  readonly unit: string | undefined
}

export const prometheusName = (metric: {
  readonly name: string
  readonly kind: MetricKind
  readonly unit: string
}): PrometheusName => {
  const base = labelName(metric.name)
  const unit = metric.unit === "1" ? (metric.kind === "gauge" ? "ratio" : undefined) : wordOf[metric.unit]
  const family = unit === undefined || base.split("_").includes(unit) ? base : `${base}_${unit}`
  return {
    family,
    sample: metric.kind === "counter" ? `${family}_total` : family,
    unit: unit !== undefined && family.endsWith(`_${unit}`) ? unit : undefined
  }
}

export const labelName = (attribute: string): string => attribute.replace(/[^A-Za-z0-9_]+/g, "_")
