/**
 * Metrics as text: Prometheus exposition format 0.0.4 and OpenMetrics 1.0, which differ in how a counter's family is
 * called, in units, in how numbers of labels are written, and in exemplars.
 */
import { type AnyFamily, type Exemplar, HistogramSeries, type NumberSeries } from "./instruments.ts"
import { labelName, prometheusName } from "./prometheusName.ts"

export type TextFormat = "prometheus" | "openmetrics"

export const contentTypes: Readonly<Record<TextFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
}

const escaped = (value: string): string => value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')

const pairs = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(",")

const braced = (inner: string): string => (inner === "" ? "" : `{${inner}}`)

const numberOf = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? "+Inf" : value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value)

/** OpenMetrics wants the bounds of buckets to look like floating point numbers: `1.0`. */
const boundOf = (bound: number, format: TextFormat): string =>
  format === "openmetrics" && Number.isInteger(bound) ? bound.toFixed(1) : numberOf(bound)

const exemplarOf = (exemplar: Exemplar | undefined, format: TextFormat): string =>
  exemplar === undefined || format === "prometheus"
    ? ""
    : ` # {trace_id="${exemplar.traceId}",span_id="${exemplar.spanId}"} ${numberOf(exemplar.value)} ${exemplar.time.toFixed(3)}`

const histogramLines = (name: string, labels: string, series: HistogramSeries, format: TextFormat): Array<string> => {
  const prefix = labels === "" ? "" : `${labels},`
  let below = 0
  const lines: Array<string> = []
  series.buckets.forEach((count, bucket) => {
    below += count
    const bound = boundOf(series.boundaries[bucket] ?? Number.POSITIVE_INFINITY, format)
    lines.push(`${name}_bucket{${prefix}le="${bound}"} ${below}${exemplarOf(series.exemplars[bucket], format)}`)
  })
  lines.push(`${name}_sum${braced(labels)} ${numberOf(series.sum)}`, `${name}_count${braced(labels)} ${series.count}`)
  return lines
}

const familyLines = (family: AnyFamily, format: TextFormat): Array<string> => {
  const { definition } = family
  const series: ReadonlyArray<NumberSeries | HistogramSeries> = family.series
  if (series.length === 0) return []
  const { family: familyName, sample, unit } = prometheusName(definition)
  const described = format === "openmetrics" ? familyName : sample
  const type = definition.kind === "updowncounter" ? "gauge" : definition.kind
  const names = definition.labels.map(labelName)
  const labelsOf = (values: ReadonlyArray<string>): string =>
    pairs(Object.fromEntries(names.flatMap((name, index) => (values[index] ? [[name, values[index]]] : []))))
  return [
    `# HELP ${described} ${definition.description.replaceAll("\\", "\\\\")}`,
    `# TYPE ${described} ${type}`,
    ...(format === "openmetrics" && unit !== undefined ? [`# UNIT ${described} ${unit}`] : []),
    ...series.flatMap((one) =>
      one instanceof HistogramSeries
        ? histogramLines(sample, labelsOf(one.labels), one, format)
        : [`${sample}${braced(labelsOf(one.labels))} ${numberOf(one.value)}`]
    )
  ]
}

/** The metrics, and `target_info` with what the process says of itself. */
export const prometheusText = (
  families: ReadonlyArray<AnyFamily>,
  resource: Readonly<Record<string, string>>,
  format: TextFormat
): string => {
  const target = Object.fromEntries(Object.entries(resource).map(([name, value]) => [labelName(name), value]))
  const info = format === "openmetrics" ? ["target", "info"] : ["target_info", "gauge"]
  return [
    `# HELP ${info[0]} What this process says of itself.`,
    `# TYPE ${info.join(" ")}`,
    `target_info${braced(pairs(target))} 1`,
    ...families.flatMap((family) => familyLines(family, format)),
    ...(format === "openmetrics" ? ["# EOF"] : []),
    ""
  ].join("\n")
}
