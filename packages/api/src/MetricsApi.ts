/** `/metrics` as JSON, with the first version's keys and more, and as text for Prometheus (spec 8). */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { AdminAccess } from "./Authorization.ts"

const Counts = Schema.Record(Schema.String, Schema.Int)
const Dollars = Schema.Record(Schema.String, Schema.Finite)
const NullableText = Schema.NullOr(Schema.String)

const RecentRequest = Schema.Struct({
  timestamp: Schema.String,
  request_id: Schema.String,
  category: Schema.String,
  routing_mode: Schema.String,
  model: Schema.String,
  success: Schema.Boolean,
  attempts: Schema.Int,
  latency_ms: Schema.Finite,
  cost_usd: Schema.Finite,
  error: Schema.optionalKey(Schema.String)
})

export const MetricsView = Schema.Struct({
  since: Schema.String,
  since_start: Schema.String,
  uptime_s: Schema.Finite,
  requests: Schema.Struct({ total: Schema.Int, success: Schema.Int, failed: Schema.Int }),
  avg_latency_ms: Schema.Finite,
  latency: Schema.Struct({ p50_ms: Schema.Finite, p95_ms: Schema.Finite, p99_ms: Schema.Finite }),
  total_cost_usd: Schema.Finite,
  cost: Schema.Struct({ by_model: Dollars, by_category: Dollars, unpriced_requests: Schema.Int }),
  model_distribution: Counts,
  category_distribution: Counts,
  routing_mode_distribution: Counts,
  circuit_breaker: Schema.Struct({
    failures: Counts,
    open_circuits: Schema.Record(Schema.String, Schema.Boolean),
    last_failure: Schema.Record(Schema.String, Schema.String),
    states: Schema.Record(
      Schema.String,
      Schema.Struct({
        state: Schema.Literals(["closed", "open", "half_open"]),
        consecutive_failures: Schema.Int,
        opened_at: NullableText,
        retry_at: NullableText,
        last_error: NullableText
      })
    )
  }),
  config: Schema.Struct({
    routing_mode: Schema.String,
    ollama_url: Schema.String,
    ollama_model: Schema.String,
    categories: Schema.Array(Schema.String)
  }),
  recent_requests: Schema.Array(RecentRequest)
}).annotate({ identifier: "Metrics" })
export type MetricsView = typeof MetricsView.Type

const PrometheusText = Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain; version=0.0.4" }))

export class MetricsApi extends HttpApiGroup.make("metrics")
  .add(
    HttpApiEndpoint.get("metrics", "/metrics", {
      query: { format: Schema.optionalKey(Schema.Literals(["json", "prometheus", "openmetrics"])) },
      success: [MetricsView, PrometheusText]
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Requests, latency, cost, circuits and the last ten requests",
        description:
          "JSON, unless `Accept` names `application/openmetrics-text`, or `text/plain` with a version, above `application/json`: then the text that Prometheus scrapes. `format` says it outright."
      })
    )
  )
  .add(
    HttpApiEndpoint.get("prometheus", "/metrics/prometheus", { success: PrometheusText }).annotateMerge(
      OpenApi.annotations({ summary: "Metrics as text for Prometheus, whatever `Accept` says" })
    )
  )
  .middleware(AdminAccess) {}
