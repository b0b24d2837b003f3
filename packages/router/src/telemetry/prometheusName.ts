/**
 * The Prometheus names of metrics and labels: those that the collector's Prometheus exporter gives what OTLP brings it
 * (OpenTelemetry specification, "Prometheus and OpenMetrics compatibility", `UnderscoreEscapingWithSuffixes`), so that a
 * dashboard reads the router's own `/metrics` and a collector's alike.
 */
import type { MetricKind } from "../telemetry.ts"

const wordOf: Readonly<Record<string, string>> = { s: "seconds", By: "bytes" }

/** A metric's family, without the `_total` of a counter or the parts of a histogram. */
const familyOf = (name: string, kind: MetricKind, unit: string): string => {
  const base = labelName(name)
  const word = unit === "1" ? (kind === "gauge" ? "ratio" : undefined) : wordOf[unit]
  return word === undefined || base.split("_").includes(word) ? base : `${base}_${word}`
}

export const prometheusName = (metric: {
  readonly name: string
  readonly kind: MetricKind
  readonly unit: string
}): { readonly family: string; readonly sample: string } => {
  const family = familyOf(metric.name, metric.kind, metric.unit)
  return { family, sample: metric.kind === "counter" ? `${family}_total` : family }
}

export const labelName = (attribute: string): string => attribute.replace(/[^A-Za-z0-9_]+/g, "_")
