/** The router's metrics in the form of the OpenTelemetry SDK, read anew for each export. */
import type { HrTime } from "@opentelemetry/api"
import type { resourceFromAttributes } from "@opentelemetry/resources"
import {
  AggregationTemporality,
  type CollectionResult,
  DataPointType,
  InstrumentType,
  type MetricData,
  type MetricProducer
} from "@opentelemetry/sdk-metrics"
import { type AnyFamily, HistogramSeries, type NumberSeries } from "@llm-router/router/telemetry/instruments"
import type { MetricDefinition } from "@llm-router/router/telemetry"

type Resource = ReturnType<typeof resourceFromAttributes>

const instrumentTypes = {
  counter: InstrumentType.COUNTER,
  updowncounter: InstrumentType.UP_DOWN_COUNTER,
  gauge: InstrumentType.GAUGE,
  histogram: InstrumentType.HISTOGRAM
} as const

const hrTimeOf = (millis: number): HrTime => {
  const seconds = Math.floor(millis / 1000)
  return [seconds, Math.round((millis - seconds * 1000) * 1e6)]
}

const attributesOf = ({ labels }: MetricDefinition, values: ReadonlyArray<string>) =>
  Object.fromEntries(labels.flatMap((label, index) => (values[index] ? [[label, values[index]]] : [])))

const metricOf = (family: AnyFamily, startTime: HrTime, endTime: HrTime): ReadonlyArray<MetricData> => {
  const { definition } = family
  const { description, kind, name, unit } = definition
  const series: ReadonlyArray<NumberSeries | HistogramSeries> = family.series
  const common = {
    descriptor: {
      name,
      description,
      unit,
      type: instrumentTypes[kind],
      valueType: 1,
      advice: {}
    },
    aggregationTemporality: AggregationTemporality.CUMULATIVE
  } as const
  const at = (one: NumberSeries | HistogramSeries) => ({
    startTime,
    endTime,
    attributes: attributesOf(definition, one.labels)
  })
  if (series.length === 0) return []
  if (kind === "histogram") {
    const dataPoints = series.flatMap((one) =>
      one instanceof HistogramSeries
        ? [
            {
              ...at(one),
              value: {
                buckets: { boundaries: [...one.boundaries], counts: [...one.buckets] },
                sum: one.sum,
                count: one.count
              }
            }
          ]
        : []
    )
    return [{ ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints }]
  }
  const dataPoints = series.flatMap((one) => (one instanceof HistogramSeries ? [] : [{ ...at(one), value: one.value }]))
  return kind === "gauge"
    ? [{ ...common, dataPointType: DataPointType.GAUGE, dataPoints }]
    : [{ ...common, dataPointType: DataPointType.SUM, isMonotonic: kind === "counter", dataPoints }]
}

/** `refreshed` brings what is read rather than counted up to date. */
export const metricProducer = (
  resource: Resource,
  scope: { readonly name: string; readonly version: string },
  families: ReadonlyArray<AnyFamily>,
  refreshed: () => Promise<void>
): MetricProducer => {
  const startTime = hrTimeOf(Date.now())
  return {
    collect: async (): Promise<CollectionResult> => {
      await refreshed()
      const endTime = hrTimeOf(Date.now())
      const metrics = families.flatMap((family) => metricOf(family, startTime, endTime))
      return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics }] }, errors: [] }
    }
  }
}
