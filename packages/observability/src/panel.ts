/** The kinds of panels over metrics, each as all of its kind are: data source, legend, exemplars, links to traces. */
import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog"
import {
  BigValueColorMode,
  BigValueGraphMode,
  type DataSourceRef,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder
} from "@grafana/grafana-foundation-sdk/common"
import {
  MappingType,
  type Panel,
  ThresholdsConfigBuilder,
  ThresholdsMode
} from "@grafana/grafana-foundation-sdk/dashboard"
import {
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder
} from "@grafana/grafana-foundation-sdk/heatmap"
import { DataqueryBuilder as PromQuery, PromQueryFormat } from "@grafana/grafana-foundation-sdk/prometheus"
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat"
import { PanelBuilder as TimelineBuilder } from "@grafana/grafana-foundation-sdk/statetimeline"
import { PanelBuilder as TableBuilder } from "@grafana/grafana-foundation-sdk/table"
import { PanelBuilder as SeriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries"
import { tracesOf } from "./tracePanel.ts"

/** A variable, so that the file fits a Grafana that names its data sources otherwise. */
export const metricsSource: DataSourceRef = { type: "prometheus", uid: "${metrics}" }

/** Grafana's ids of units. */
export type Unit = "reqps" | "s" | "percentunit" | "currencyUSD" | "short" | "cps" | "bytes" | "none" | "ops" | "string"

export interface Heading {
  readonly title: string
  /** What one reads off it, in a sentence or two. */
  readonly description: string
  readonly unit: Unit
  /** Of the dashboard's 24 columns. */
  readonly width?: number
  /** In the grid's units; 8 for what has a time axis, 4 for a number. */
  readonly height?: number
}

export type Query = readonly [expression: string, legend: string]

const refId = (index: number): string => String.fromCharCode(65 + index)

const promQueries = (queries: ReadonlyArray<Query>): Array<Builder<Dataquery>> =>
  queries.map(([expression, legend], index) =>
    new PromQuery().expr(expression).legendFormat(legend).refId(refId(index)).range().exemplar(true)
  )

const latest = (queries: ReadonlyArray<Query>): Array<Builder<Dataquery>> =>
  queries.map(([expression, legend], index) =>
    new PromQuery().expr(expression).legendFormat(legend).refId(refId(index)).instant().format(PromQueryFormat.Table)
  )

const sortedTooltip = () =>
  // oxlint-disable-next-line unicorn/no-array-sort -- it is no array
  new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending).hideZeros(true)

const tableLegend = (calculation: string) =>
  new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.Table)
    .placement(LegendPlacement.Bottom)
    .showLegend(true)
    .calcs([calculation])

interface SeriesOptions {
  /** Areas upon one another. */
  readonly stacked?: boolean
  /** A label, by the name of its attribute: each series then leads to its traces. */
  readonly traces?: string
  /** Values may be below 0. */
  readonly signed?: boolean
}

/** Lines over time. */
export const series = (
  { description, title, unit, width = 12 }: Heading,
  queries: ReadonlyArray<Query>,
  { signed = false, stacked = false, traces }: SeriesOptions = {}
): Builder<Panel> => {
  const panel = new SeriesBuilder()
    .title(title)
    .description(description)
    .datasource(metricsSource)
    .unit(unit)
    .span(width)
    .height(8)
    .targets(promQueries(queries))
    .legend(tableLegend(stacked ? "mean" : "lastNotNull"))
    .tooltip(sortedTooltip())
    .showPoints(VisibilityMode.Never)
    .fillOpacity(stacked ? 30 : 8)
    .lineWidth(1)
  if (!signed) panel.min(0)
  if (stacked) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
  return traces === undefined ? panel : panel.dataLinks([tracesOf(traces)])
}

/** The value from which on a number is yellow, then red; descending when less is worse. */
export interface Limits {
  readonly warn: number
  readonly bad: number
}

/** One number, with its course behind it. */
export const stat = (
  { description, height = 4, title, unit, width = 3 }: Heading,
  expression: string,
  limits?: Limits
): Builder<Panel> => {
  const panel = new StatBuilder()
    .title(title)
    .description(description)
    .datasource(metricsSource)
    .unit(unit)
    .span(width)
    .height(height)
    .targets(promQueries([[expression, title]]))
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .graphMode(BigValueGraphMode.Area)
    .colorMode(BigValueColorMode.Value)
  const steps =
    limits === undefined
      ? [{ value: null, color: "blue" }]
      : limits.warn < limits.bad
        ? [
            { value: null, color: "green" },
            { value: limits.warn, color: "yellow" },
            { value: limits.bad, color: "red" }
          ]
        : [
            { value: null, color: "red" },
            { value: limits.bad, color: "yellow" },
            { value: limits.warn, color: "green" }
          ]
  return panel.thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps))
}

/** The values of now, one row for each combination of labels. */
export const table = (
  { description, title, unit, width = 12 }: Heading,
  queries: ReadonlyArray<Query>
): Builder<Panel> =>
  new TableBuilder()
    .title(title)
    .description(description)
    .datasource(metricsSource)
    .unit(unit)
    .span(width)
    .height(8)
    .targets(latest(queries))
    .withTransformation({ id: "organize", options: { excludeByName: { Time: true } } })

/** How often each duration came, over time. */
export const heatmap = ({ description, title, unit, width = 12 }: Heading, expression: string): Builder<Panel> =>
  new HeatmapBuilder()
    .title(title)
    .description(description)
    .datasource(metricsSource)
    .span(width)
    .height(8)
    .calculate(false)
    .color(new HeatmapColorOptionsBuilder().scheme("Oranges").steps(64))
    .yAxis(new YAxisConfigBuilder().unit(unit))
    .withTarget(
      new PromQuery()
        .expr(expression)
        .legendFormat("{{le}}")
        .refId("A")
        .range()
        .exemplar(true)
        .format(PromQueryFormat.Heatmap)
    )

/** The state of each thing as a coloured band. */
export const timeline = (
  { description, title, width = 24 }: Omit<Heading, "unit">,
  query: Query,
  states: Readonly<Record<string, { readonly text: string; readonly color: string }>>
): Builder<Panel> =>
  new TimelineBuilder()
    .title(title)
    .description(description)
    .datasource(metricsSource)
    .span(width)
    .height(8)
    .targets(promQueries([query]))
    .mergeValues(true)
    .fillOpacity(80)
    .mappings([{ type: MappingType.ValueToText, options: { ...states } }])
