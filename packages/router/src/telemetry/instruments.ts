/**
 * Counters, gauges and histograms of a closed set of series each. Recording is a walk through maps to the series of
 * these label values and an addition: it allocates nothing once the series is there. What is read is read live.
 */
import { labelValues, type MetricDefinition, otherValue } from "../telemetry.ts"

/** A trace that an observation belongs to: one for each bucket, the last. */
export interface Exemplar {
  readonly traceId: string
  readonly spanId: string
  readonly value: number
  /** Seconds of Unix time. */
  readonly time: number
}

/** One number under its labels, in the order of the metric's label names. */
export class NumberSeries {
  readonly labels: ReadonlyArray<string>
  value = 0
  constructor(labels: ReadonlyArray<string>) {
    this.labels = labels
  }

  add(amount: number): void {
    this.value += amount
  }

  set(value: number): void {
    this.value = value
  }
}

/** A distribution under its labels. Its last bucket has no bound. */
export class HistogramSeries {
  readonly labels: ReadonlyArray<string>
  readonly boundaries: ReadonlyArray<number>
  readonly buckets: Float64Array
  readonly exemplars: Array<Exemplar | undefined> = []
  sum = 0
  count = 0
  constructor(labels: ReadonlyArray<string>, boundaries: ReadonlyArray<number>) {
    this.labels = labels
    this.boundaries = boundaries
    this.buckets = new Float64Array(boundaries.length + 1)
  }

  /** Answers the bucket that it fell into. */
  record(value: number): number {
    const { boundaries, buckets } = this
    let bucket = 0
    while (bucket < boundaries.length && value > (boundaries[bucket] ?? 0)) bucket++
    buckets[bucket] = (buckets[bucket] ?? 0) + 1
    this.sum += value
    this.count++
    return bucket
  }

  recordTraced(value: number, traceId: string, spanId: string, time: number): void {
    this.exemplars[this.record(value)] = { traceId, spanId, value, time }
  }
}

/** More series than a metric of any sane configuration has: what comes beyond is counted under `_other`. */
const mostSeries = 10_000

/** All series of one metric. */
export class Family<Series extends NumberSeries | HistogramSeries> {
  readonly definition: MetricDefinition
  series: Array<Series> = []
  readonly #make: (labels: ReadonlyArray<string>) => Series
  /** By the first label's value, then the second's, up to the series. */
  #root: Map<string, unknown> = new Map()

  constructor(definition: MetricDefinition, make: (labels: ReadonlyArray<string>) => Series) {
    this.definition = definition
    this.#make = make
  }

  /** The series of these label values; they come from closed sets, which is the caller's to see to. */
  at(first = "", second = "", third = "", fourth = ""): Series {
    // The leaves below the fourth level are series: only `#added` writes them.
    const level = this.#root.get(first) as Map<string, Map<string, Map<string, Series>>> | undefined
    return level?.get(second)?.get(third)?.get(fourth) ?? this.#added([first, second, third, fourth])
  }

  #added(path: ReadonlyArray<string>): Series {
    const full = this.series.length >= mostSeries
    const known = full ? path.map((value) => (value === "" ? "" : otherValue)) : path
    let level = this.#root
    for (const value of known.slice(0, -1)) {
      const below = level.get(value)
      const next: Map<string, unknown> = below instanceof Map ? below : new Map()
      level.set(value, next)
      level = next
    }
    const last = known.at(-1) ?? ""
    const existing = level.get(last)
    // The overflow's series is there already, from the second time on.
    if (existing !== undefined) return existing as Series
    const series = this.#make(known.slice(0, this.definition.labels.length))
    level.set(last, series)
    this.series.push(series)
    return series
  }

  /** Forgets what has another first label: a gauge of what is no more would tell its last value for good. */
  retain(first: { readonly has: (value: string) => boolean }): void {
    for (const value of this.#root.keys()) if (!first.has(value)) this.#root.delete(value)
    this.series = this.series.filter(({ labels: [value = ""] }) => first.has(value))
  }

  /** Makes every series of these values, at zero: a counter that appears with its first event hides that event. */
  zero({ categories, models, serves }: KnownValues): void {
    const { labels } = this.definition
    const sets = labels.map((label): ReadonlyArray<string> => {
      const values = labelValues[label]
      if (values === "models") return models
      if (values === "categories") return categories
      return values === "routes" || values === "statuses" ? [] : values
    })
    const model = labels.indexOf("gen_ai.request.model")
    const category = labels.indexOf("llm_router.category")
    for (const values of combinations(sets)) {
      const paired = model < 0 || category < 0 || serves(values[category] ?? "", values[model] ?? "")
      if (paired) this.at(values[0], values[1], values[2], values[3])
    }
  }
}

/** What the configuration knows: the values of labels, and which model stands in which category's chain. */
export interface KnownValues {
  readonly models: ReadonlyArray<string>
  readonly categories: ReadonlyArray<string>
  readonly serves: (category: string, model: string) => boolean
}

const combinations = (sets: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<ReadonlyArray<string>> =>
  sets.reduce<ReadonlyArray<ReadonlyArray<string>>>(
    (found, set) => found.flatMap((before) => set.map((value) => [...before, value])),
    [[]]
  )

export const numbers = (definition: MetricDefinition) => new Family(definition, (labels) => new NumberSeries(labels))

export const histograms = (definition: MetricDefinition) =>
  new Family(definition, (labels) => new HistogramSeries(labels, definition.boundaries))

export type AnyFamily = Family<NumberSeries> | Family<HistogramSeries>
