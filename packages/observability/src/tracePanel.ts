/** What leads to traces: panels that search in Tempo, and links to such a search. */
import type { Builder } from "@grafana/grafana-foundation-sdk/cog"
import { type DataSourceRef, VisibilityMode } from "@grafana/grafana-foundation-sdk/common"
import { DashboardLinkBuilder, type Panel } from "@grafana/grafana-foundation-sdk/dashboard"
import { PanelBuilder as TableBuilder } from "@grafana/grafana-foundation-sdk/table"
import { DataqueryBuilder as TempoQuery, SearchTableType } from "@grafana/grafana-foundation-sdk/tempo"
import { PanelBuilder as SeriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries"
import { labelName } from "@llm-router/router/telemetry/prometheusName"
import type { Heading } from "./panel.ts"

/** A variable, so that the file fits a Grafana that names its data sources otherwise. */
const tracesSource: DataSourceRef = { type: "tempo", uid: "${traces}" }

/** Opens Tempo's search for what a series stands for. */
export const tracesOf = (attribute: string): DashboardLinkBuilder => {
  const label = `\${__field.labels.${labelName(attribute)}}`
  const panes = JSON.stringify({
    traces: {
      datasource: "${traces}",
      queries: [{ refId: "A", queryType: "traceql", query: `{ span.${attribute} = "${label}" }` }],
      range: { from: "${__from}", to: "${__to}" }
    }
  })
  // Grafana fills in its variables where they stand as they are.
  const encoded = encodeURIComponent(panes).replace(/%24%7B([\w.%]+?)%7D/g, (_, name: string) => `\${${name}}`)
  return new DashboardLinkBuilder("Traces").url(`/explore?schemaVersion=1&panes=${encoded}`).targetBlank(true)
}

/** Traces that a TraceQL search finds. */
export const traces = ({ description, title, width = 12 }: Omit<Heading, "unit">, search: string): Builder<Panel> =>
  new TableBuilder()
    .title(title)
    .description(description)
    .datasource(tracesSource)
    .span(width)
    .height(8)
    .withTarget(
      new TempoQuery().queryType("traceql").query(search).limit(20).tableType(SearchTableType.Traces).refId("A")
    )

/** A TraceQL metric over time. */
export const traceSeries = ({ description, title, unit, width = 12 }: Heading, search: string): Builder<Panel> =>
  new SeriesBuilder()
    .title(title)
    .description(description)
    .datasource(tracesSource)
    .unit(unit)
    .span(width)
    .height(8)
    .withTarget(new TempoQuery().queryType("traceql").query(search).refId("A"))
    .showPoints(VisibilityMode.Never)
