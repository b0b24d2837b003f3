/** The dashboard of the router, as Grafana reads it (docker/grafana/dashboards/llm-router.json). */
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort
} from "@grafana/grafana-foundation-sdk/dashboard"
import { metrics } from "@llm-router/router/telemetry"
import { labelName, prometheusName } from "@llm-router/router/telemetry/prometheusName"
import { metricsSource } from "./panel.ts"
import { increase, type MetricKey, variables } from "./query.ts"
import type { Row } from "./row.ts"
import { cost } from "./rows/cost.ts"
import { fallbacks } from "./rows/fallbacks.ts"
import { ledger } from "./rows/ledger.ts"
import { models } from "./rows/models.ts"
import { overview } from "./rows/overview.ts"
import { process } from "./rows/process.ts"
import { routing } from "./rows/routing.ts"
import { telemetry } from "./rows/telemetry.ts"
import { traces } from "./rows/traces.ts"
import { traffic } from "./rows/traffic.ts"

const rows: ReadonlyArray<Row> = [
  overview,
  traffic,
  routing,
  models,
  fallbacks,
  cost,
  ledger,
  process,
  telemetry,
  traces
]

/** The values that a label has had, of a metric that always has it. */
const labelVariable = (name: keyof typeof variables, label: string, key: MetricKey): QueryVariableBuilder =>
  new QueryVariableBuilder(name)
    .label(label)
    .datasource(metricsSource)
    .query({
      qryType: 1,
      query: `label_values(${prometheusName(metrics[key]).sample}, ${labelName(variables[name])})`,
      refId: name
    })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    // oxlint-disable-next-line unicorn/no-array-sort -- it is no array
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    // Not the list of the values: a series without the label belongs to all of them.
    .allValue(".*")
    .current({ selected: true, text: "All", value: "$__all" })

export const dashboard = (): Dashboard => {
  const builder = new DashboardBuilder("LLM Router")
    .uid("llm-router")
    .description("Requests, decisions, models, fallbacks, cost and the router itself. docs/operations.md explains it.")
    .tags(["llm-router"])
    .timezone("browser")
    .time({ from: "now-1h", to: "now" })
    .refresh("30s")
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder("metrics").label("Metrics").type("prometheus"))
    .withVariable(new DatasourceVariableBuilder("traces").label("Traces").type("tempo"))
    .withVariable(labelVariable("instance", "Replica", "uptime"))
    .withVariable(labelVariable("model", "Model", "attempts"))
    .withVariable(labelVariable("category", "Category", "decisions"))
    .annotation(
      new AnnotationQueryBuilder()
        .name("Circuits that opened")
        .datasource(metricsSource)
        .enable(true)
        .iconColor("red")
        .expr(
          `${increase("breakerTransitions", { where: { "llm_router.breaker.to": "open" }, by: ["gen_ai.request.model"] }, "5m")} > 0`
        )
    )
  for (const { panels, title } of rows) {
    builder.withRow(new RowBuilder(title))
    for (const panel of panels) builder.withPanel(panel)
  }
  const built = builder.build()
  // Grafana knows a panel by its number in links; the place in the list will do.
  return { ...built, panels: built.panels?.map((panel, index) => ({ ...panel, id: index + 1 })) ?? [] }
}
