/** The dashboard and the alerts ask for what the router has, in PromQL that parses. */
import { type MetricDefinition, metrics } from "@llm-router/router/telemetry"
import { labelName, prometheusName } from "@llm-router/router/telemetry/prometheusName"
import { describe, expect, test } from "vitest"
import { dashboard } from "../src/dashboard.ts"
import { alerts, textOf, yamlOf } from "./files.ts"
import { filledIn, parsed } from "./promql.ts"
import { panels, questions } from "./queries.ts"

const partsOf = (metric: MetricDefinition): ReadonlyArray<string> => {
  const { sample } = prometheusName(metric)
  return metric.kind === "histogram" ? [`${sample}_bucket`, `${sample}_sum`, `${sample}_count`] : [sample]
}

/** `job` and `instance` are Prometheus' own, `le` is a bucket's bound. */
const everywhere = ["job", "instance", "le"]

/** Each series of the router with its labels. */
const ours = new Map<string, ReadonlyArray<string>>(
  Object.values(metrics).flatMap((metric: MetricDefinition) =>
    partsOf(metric).map((name) => [name, [...metric.labels.map(labelName), ...everywhere]] as const)
  )
)

/** Made by the collector, by Prometheus: a real collector confirms them in collector.test.ts. */
const spanLabels = ["span_kind", "span_name", "status_code", "http_route", "gen_ai_request_model", ...everywhere]
const theirs = new Map<string, ReadonlyArray<string>>([
  ["up", everywhere],
  ["traces_span_metrics_duration_seconds_bucket", spanLabels],
  ["traces_span_metrics_calls_total", spanLabels],
  ["otelcol_receiver_accepted_spans_total", everywhere],
  ["otelcol_exporter_sent_spans_total", everywhere],
  ["otelcol_exporter_queue_size", ["exporter", "data_type", ...everywhere]],
  ["otelcol_exporter_queue_capacity", ["exporter", "data_type", ...everywhere]]
])

/** What an expression names that nobody makes. */
const unknownIn = (expression: string): ReadonlyArray<string> => {
  const { groupings, selectors } = parsed(filledIn(expression))
  const labelsOf = (metric: string) => ours.get(metric) ?? theirs.get(metric)
  return [
    ...selectors.flatMap(({ labels, metric }) => {
      const known = labelsOf(metric)
      return known === undefined ? [metric] : labels.filter((label) => !known.includes(label))
    }),
    ...groupings.filter((label) => !selectors.some(({ metric }) => labelsOf(metric)?.includes(label)))
  ]
}

test("docker/grafana/dashboards/llm-router.json is what the code makes; `pnpm test dashboard -u` writes it", async () => {
  await expect(`${JSON.stringify(dashboard(), undefined, 2)}\n`).toMatchFileSnapshot(
    "../../../docker/grafana/dashboards/llm-router.json"
  )
})

describe("every panel", () => {
  test.each(questions())("$panel: its query parses and names what there is: $expression", ({ expression }) => {
    expect(parsed(filledIn(expression)).faults).toEqual([])
    expect(unknownIn(expression)).toEqual([])
  })

  test("has a title of its own, a description and a question", () => {
    const titles = panels().map(({ title }) => title)
    expect(new Set(titles).size).toBe(titles.length)
    for (const panel of panels()) {
      expect(panel).toMatchObject({ title: expect.stringMatching(/\w/), description: expect.stringMatching(/\.$/) })
      expect(panel.targets.every(({ expr, query }) => (expr ?? query ?? "") !== "")).toBe(true)
    }
  })

  test("shows a metric of the router for each that the router has", () => {
    const shown = new Set(
      questions().flatMap(({ expression }) => parsed(filledIn(expression)).selectors.map(({ metric }) => metric))
    )
    const hidden = Object.values(metrics)
      .filter((metric) => !partsOf(metric).some((part) => shown.has(part)))
      .map(({ name }) => name)
    // Uptime says the same, and more readably.
    expect(hidden).toEqual(["process.start.time"])
  })
})

describe("every alert", () => {
  test.each(alerts())("$name parses and names what there is", ({ expression }) => {
    expect(parsed(expression).faults).toEqual([])
    expect(unknownIn(expression)).toEqual([])
  })

  test.each(alerts())("$name has a runbook", ({ name, runbook }) => {
    expect(runbook).toBe(`docs/operations.md#${name.toLowerCase()}`)
    expect(textOf("docs/operations.md")).toContain(`### ${name}\n`)
  })
})

test("a query with a name that nobody makes, a label that a metric has not, or a fault, is found", () => {
  expect(unknownIn("sum by (llm_router_category) (rate(llm_router_ledger_queue[5m]))")).toEqual(["llm_router_category"])
  expect(unknownIn('llm_router_nonsense{instance="a"}')).toEqual(["llm_router_nonsense"])
  expect(unknownIn('llm_router_ledger_queue{error_type="a"}')).toEqual(["error_type"])
  expect(parsed("sum(rate(up[5m])").faults).not.toEqual([])
})

test("the links of data sources ask for what the collector makes", () => {
  const { datasources } = yamlOf("docker/grafana/provisioning/datasources/datasources.yaml")
  const tempo = datasources.find(({ uid }: { uid: string }) => uid === "tempo").jsonData
  for (const { query } of tempo.tracesToMetrics.queries) {
    expect(unknownIn(query.replaceAll("$$__tags", 'http_route="/v1"'))).toEqual([])
    expect(parsed(query.replaceAll("$$__tags", 'http_route="/v1"')).faults).toEqual([])
  }
  expect(tempo.tracesToMetrics.tags.map(({ value }: { value: string }) => value)).toEqual([
    labelName("gen_ai.request.model"),
    labelName("http.route")
  ])
  const uids = new Set(datasources.map(({ uid }: { uid: string }) => uid))
  expect(uids).toContain(tempo.tracesToLogsV2.datasourceUid)
  expect(uids).toContain(tempo.tracesToMetrics.datasourceUid)
})
