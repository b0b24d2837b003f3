import { expect, test } from "vitest"
import { metrics } from "../src/telemetry.ts"
import { prometheusName } from "../src/telemetry/prometheusName.ts"

const all = Object.values(metrics)

test("every metric has a name, a unit and a description of its own", () => {
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
  expect(new Set(all.map((metric) => prometheusName(metric).sample)).size).toBe(all.length)
  expect(all.filter(({ name }) => !/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/.test(name))).toEqual([])
  expect(all.filter(({ description }) => !/^[A-Z].*\.$/.test(description))).toEqual([])
  expect(all.filter(({ boundaries, kind }) => (kind === "histogram") !== boundaries.length > 0)).toEqual([])
})

test("the Prometheus names are those that dashboards and alerts ask for", () => {
  expect(all.map((metric) => prometheusName(metric).sample)).toMatchInlineSnapshot(`
    [
      "http_server_request_duration_seconds",
      "http_server_active_requests",
      "gen_ai_client_operation_duration_seconds",
      "gen_ai_client_operation_time_to_first_chunk_seconds",
      "gen_ai_client_token_usage",
      "llm_router_requests_total",
      "llm_router_requests_rescued_total",
      "llm_router_decisions_total",
      "llm_router_decision_confidence",
      "llm_router_classify_duration_seconds",
      "llm_router_attempts_total",
      "llm_router_fallbacks_total",
      "llm_router_breaker_state",
      "llm_router_breaker_transitions_total",
      "llm_router_overhead_duration_seconds",
      "llm_router_cost_total",
      "llm_router_cost_missing_total",
      "llm_router_cost_drift_ratio",
      "llm_router_ledger_queue",
      "llm_router_ledger_commit_duration_seconds",
      "llm_router_ledger_write_failures_total",
      "llm_router_ledger_entries_lost_total",
      "llm_router_telemetry_dropped_total",
      "nodejs_eventloop_delay_p50_seconds",
      "nodejs_eventloop_delay_p99_seconds",
      "nodejs_eventloop_delay_max_seconds",
      "process_cpu_time_seconds_total",
      "process_memory_usage_bytes",
      "process_start_time_seconds",
      "process_uptime_seconds",
    ]
  `)
})
