/** Health of the service and its parts (spec 9). Nobody needs a key to ask. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"

const Check = Schema.Struct({
  status: Schema.Literals(["ok", "warning", "error", "unused"]),
  /** What it means and what to do. */
  message: Schema.String
})
export type Check = typeof Check.Type

export const HealthView = Schema.Struct({
  status: Schema.Literals(["healthy", "degraded", "unhealthy"]),
  service: Schema.Literal("llm-router"),
  version: Schema.String,
  routing_mode: Schema.String,
  ollama_url: Schema.String,
  ollama_model: Schema.String,
  categories: Schema.Array(Schema.String),
  uptime_s: Schema.Finite,
  checks: Schema.Record(Schema.String, Check)
}).annotate({ identifier: "Health" })
export type HealthView = typeof HealthView.Type

const ProbeView = Schema.Struct({ status: Schema.String }).annotate({ identifier: "Probe" })

export class HealthApi extends HttpApiGroup.make("health").add(
  HttpApiEndpoint.get("health", "/health", {
    success: [HealthView, HealthView.pipe(HttpApiSchema.status(503))]
  }).annotateMerge(OpenApi.annotations({ summary: "The service and its parts; 503 when no model can be asked" })),
  HttpApiEndpoint.get("live", "/health/live", { success: ProbeView }).annotateMerge(
    OpenApi.annotations({ summary: "The process answers" })
  ),
  HttpApiEndpoint.get("ready", "/health/ready", {
    success: [ProbeView, ProbeView.pipe(HttpApiSchema.status(503))]
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Whether the process takes requests, whatever its upstreams do; 503 while it stops"
    })
  )
) {}
