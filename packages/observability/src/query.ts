/**
 * PromQL over the router's own metrics. Names come from the router's page of names, so that a metric, a label or a value
 * that is renamed there fails the build here. Every query is narrowed by the dashboard's variables that its metric knows.
 */
import { type labelValues, metrics } from "@llm-router/router/telemetry"
import { labelName, prometheusName } from "@llm-router/router/telemetry/prometheusName"

export type MetricKey = keyof typeof metrics

/** The labels of a metric; `instance` is the replica, which Prometheus adds. */
export type LabelOf<K extends MetricKey> = (typeof metrics)[K]["labels"][number] | "instance"

type ValueOf<L> = L extends keyof typeof labelValues
  ? (typeof labelValues)[L] extends ReadonlyArray<infer V>
    ? V
    : string
  : string

/** One value, or a regular expression that a value matches or does not. */
type Condition<L> = ValueOf<L> | { readonly matches: string } | { readonly differs: string }

export interface Selection<K extends MetricKey> {
  readonly where?: { readonly [L in LabelOf<K>]?: Condition<L> }
  readonly by?: ReadonlyArray<LabelOf<K>>
}

type KeysOf<Kind> = { [K in MetricKey]: (typeof metrics)[K]["kind"] extends Kind ? K : never }[MetricKey]
export type Counter = KeysOf<"counter">
export type Histogram = KeysOf<"histogram">
export type Gauge = KeysOf<"gauge" | "updowncounter">

/** Grafana's own: at least four scrapes, wider when the panel is zoomed out. */
const window = "$__rate_interval"

/** The dashboard's variables and the label that each narrows. */
export const variables = {
  instance: "instance",
  model: "gen_ai.request.model",
  category: "llm_router.category"
} as const

const quoted = (text: string): string => `"${text}"`

const matcher = (label: string, condition: string | { matches: string } | { differs: string }): string => {
  const name = labelName(label)
  if (typeof condition === "string") return `${name}=${quoted(condition)}`
  return "matches" in condition ? `${name}=~${quoted(condition.matches)}` : `${name}!~${quoted(condition.differs)}`
}

type Part = "" | "_bucket" | "_sum" | "_count"

const selector = <K extends MetricKey>(key: K, { where = {} }: Selection<K>, part: Part = ""): string => {
  const labels = new Set<string>([...metrics[key].labels, "instance"])
  const narrowed = Object.entries(variables)
    .filter(([, label]) => labels.has(label) && !(label in where))
    .map(([variable, label]) => matcher(label, { matches: `$${variable}` }))
  const asked = Object.entries(where).map(([label, condition]) =>
    // Object.entries forgets that a key that is there has a condition.
    matcher(label, condition as Parameters<typeof matcher>[1])
  )
  return `${prometheusName(metrics[key]).sample}${part}{${[...asked, ...narrowed].join(", ")}}`
}

const grouped = (operator: string, by: ReadonlyArray<string>, inner: string): string =>
  by.length === 0 ? `${operator}(${inner})` : `${operator} by (${by.map(labelName).join(", ")}) (${inner})`

/** Events per second. */
export const rate = <K extends Counter>(key: K, selection: Selection<K> = {}, range = window): string =>
  grouped("sum", selection.by ?? [], `rate(${selector(key, selection)}[${range}])`)

/** Events in a time. */
export const increase = <K extends Counter>(key: K, selection: Selection<K>, range: string): string =>
  grouped("sum", selection.by ?? [], `increase(${selector(key, selection)}[${range}])`)

/** Observations of a histogram per second. */
export const countRate = <K extends Histogram>(key: K, selection: Selection<K> = {}, range = window): string =>
  grouped("sum", selection.by ?? [], `rate(${selector(key, selection, "_count")}[${range}])`)

/** What a histogram observed, summed, per second. */
export const sumRate = <K extends Histogram>(key: K, selection: Selection<K> = {}, range = window): string =>
  grouped("sum", selection.by ?? [], `rate(${selector(key, selection, "_sum")}[${range}])`)

/** Observations of a histogram by bucket, for a heatmap. */
export const buckets = <K extends Histogram>(key: K, selection: Selection<K> = {}): string =>
  `sum by (le) (increase(${selector(key, selection, "_bucket")}[${window}]))`

export const quantile = <K extends Histogram>(share: number, key: K, selection: Selection<K> = {}): string => {
  const inner = grouped(
    "sum",
    ["le", ...(selection.by ?? [])],
    `rate(${selector(key, selection, "_bucket")}[${window}])`
  )
  return `histogram_quantile(${share}, ${inner})`
}

/** The highest value of a gauge. */
export const highest = <K extends Gauge>(key: K, selection: Selection<K> = {}): string =>
  grouped("max", selection.by ?? [], selector(key, selection))

/** The sum of a gauge's values. */
export const total = <K extends Gauge>(key: K, selection: Selection<K> = {}): string =>
  grouped("sum", selection.by ?? [], selector(key, selection))

export const share = (part: string, whole: string): string => `${part} / ${whole}`

/** A legend made from a label's value. */
export const legend = <K extends MetricKey>(_key: K, ...labels: ReadonlyArray<LabelOf<K>>): string =>
  labels.map((label) => `{{${labelName(label)}}}`).join(" · ")
