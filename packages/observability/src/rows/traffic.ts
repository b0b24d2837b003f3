import { heatmap, series } from "../panel.ts"
import { buckets, countRate, legend, quantile, rate, total } from "../query.ts"
import type { Row } from "../row.ts"

const api = { "http.route": { matches: "/v1/.*" } } as const

export const traffic: Row = {
  title: "Traffic and latency",
  panels: [
    series(
      { title: "Requests by route", description: "Requests per second, of every route.", unit: "reqps" },
      [[countRate("httpDuration", { by: ["http.route"] }), legend("httpDuration", "http.route")]],
      { stacked: true }
    ),
    series(
      { title: "Answers by status", description: "Answers of /v1 per second, by HTTP status.", unit: "reqps" },
      [
        [
          countRate("httpDuration", { where: api, by: ["http.response.status_code"] }),
          legend("httpDuration", "http.response.status_code")
        ]
      ],
      { stacked: true }
    ),
    series(
      {
        title: "Latency of clients",
        description:
          "Time from a request's arrival to the last byte of its answer. The dots are traces: of the router's own metrics where it is scraped itself, else of the line for traced requests.",
        unit: "s"
      },
      [
        [quantile(0.5, "httpDuration", { where: api }), "p50"],
        [quantile(0.95, "httpDuration", { where: api }), "p95"],
        [quantile(0.99, "httpDuration", { where: api }), "p99"],
        [
          'histogram_quantile(0.99, sum by (le) (rate(traces_span_metrics_duration_seconds_bucket{span_kind="SPAN_KIND_SERVER", http_route=~"/v1/.*"}[$__rate_interval])))',
          "p99 of traced requests"
        ]
      ]
    ),
    heatmap(
      {
        title: "Durations of requests",
        description: "How many requests to /v1 took how long.",
        unit: "s"
      },
      buckets("httpDuration", { where: api })
    ),
    series(
      {
        title: "Latency that the router adds",
        description: "Time to the answer, or to its first token, in which no model was waited for.",
        unit: "s",
        width: 8
      },
      [
        [quantile(0.5, "overhead"), "p50"],
        [quantile(0.95, "overhead"), "p95"],
        [quantile(0.99, "overhead"), "p99"]
      ]
    ),
    series(
      {
        title: "What became of requests",
        description: "Chat requests per second: answered, failed, or left by their client.",
        unit: "reqps",
        width: 8
      },
      [[rate("requests", { by: ["llm_router.outcome"] }), legend("requests", "llm_router.outcome")]],
      { stacked: true }
    ),
    series(
      { title: "In flight by replica", description: "Requests under way.", unit: "none", width: 8 },
      [[total("httpActive", { where: api, by: ["instance"] }), legend("httpActive", "instance")]],
      { stacked: true }
    )
  ]
}
