/** `/metrics`: as JSON from the ledger's sums and the live state of the circuits, as text from the instruments. */
import { Api } from "@llm-router/api/Api"
import type { MetricsView } from "@llm-router/api/MetricsApi"
import { dollarsOf } from "@llm-router/domain/Money"
import { CircuitBreaker, type CircuitView } from "@llm-router/router/CircuitBreaker"
import { isClassifierCircuit } from "@llm-router/router/Classifier"
import { ConfigStore } from "@llm-router/router/ConfigStore"
import { CostLedger, dollarsByKey, type RequestOutcome } from "@llm-router/router/CostLedger"
import { contentTypes, prometheusText, type TextFormat } from "@llm-router/router/telemetry/prometheusText"
import { Telemetry } from "@llm-router/router/telemetry/Telemetry"
import { Watchdog } from "@llm-router/router/Watchdog"
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { ServerSettings } from "../ServerSettings.ts"
import { formatAccepted } from "./acceptedFormat.ts"

const isoTime = (millis: number): string => new Date(millis).toISOString()
const isoTimeOrNull = (millis: number | undefined): string | null => (millis === undefined ? null : isoTime(millis))
const rounded = (value: number): number => Math.round(value * 100) / 100

/** The nearest-rank percentile of an ascending list; 0 of an empty one. */
const percentile = (ascending: ReadonlyArray<number>, share: number): number =>
  ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? 0

const recentView = (outcome: RequestOutcome): MetricsView["recent_requests"][number] => ({
  timestamp: isoTime(outcome.timeMillis),
  request_id: outcome.requestId,
  category: outcome.category,
  routing_mode: outcome.source,
  model: outcome.model,
  success: outcome.success,
  attempts: outcome.attempts,
  latency_ms: rounded(outcome.latencyMillis),
  cost_usd: dollarsOf(outcome.cost),
  ...(outcome.error === undefined ? {} : { error: outcome.error })
})

const circuitsView = (views: ReadonlyMap<string, CircuitView>): MetricsView["circuit_breaker"] => {
  // The first version's maps are about models alone.
  const present = <A>(of: (view: CircuitView) => A | undefined): Record<string, A> =>
    Object.fromEntries(
      [...views].flatMap(([key, view]) => {
        const value = isClassifierCircuit(key) ? undefined : of(view)
        return value === undefined ? [] : [[key, value]]
      })
    )
  return {
    failures: present(({ consecutiveFailures }) => (consecutiveFailures > 0 ? consecutiveFailures : undefined)),
    open_circuits: present(({ state }) => (state === "open" ? true : undefined)),
    last_failure: present(({ lastFailureAtMillis }) =>
      lastFailureAtMillis === undefined ? undefined : isoTime(lastFailureAtMillis)
    ),
    states: Object.fromEntries(
      [...views].map(([key, view]) => [
        key,
        {
          state: view.state,
          consecutive_failures: view.consecutiveFailures,
          opened_at: isoTimeOrNull(view.openedAtMillis),
          retry_at: isoTimeOrNull(view.retryAtMillis),
          last_error: view.lastError ?? null
        }
      ])
    )
  }
}

export const MetricsHandlers = HttpApiBuilder.group(
  Api,
  "metrics",
  Effect.fn(function* (handlers) {
    const ledger = yield* CostLedger
    const circuits = yield* CircuitBreaker
    const store = yield* ConfigStore
    const { now } = yield* Watchdog
    const { settings, startedAtMillis } = yield* ServerSettings

    const { gauges, metrics, resource } = yield* Telemetry
    /** What a cache may hold under this path depends on what was asked for. */
    const vary = { vary: "Accept" }

    const textView = Effect.fnUntraced(function* (format: TextFormat) {
      yield* Effect.all([...gauges], { discard: true })
      const text = prometheusText(metrics.families, resource, format)
      return HttpServerResponse.text(text, { contentType: contentTypes[format], headers: vary })
    })

    const jsonView = Effect.gen(function* () {
      const totals = yield* ledger.totals
      const views = yield* circuits.views
      const { categories } = store.currentUnsafe()
      const view: MetricsView = {
        since: isoTime(totals.sinceMillis),
        since_start: isoTime(startedAtMillis),
        uptime_s: rounded((now() - startedAtMillis) / 1000),
        requests: totals.requests,
        avg_latency_ms: rounded(totals.averageLatencyMillis),
        latency: {
          p50_ms: rounded(percentile(totals.recentLatencies, 0.5)),
          p95_ms: rounded(percentile(totals.recentLatencies, 0.95)),
          p99_ms: rounded(percentile(totals.recentLatencies, 0.99))
        },
        total_cost_usd: dollarsOf(totals.cost),
        cost: {
          by_model: dollarsByKey(totals.costByModel),
          by_category: dollarsByKey(totals.costByCategory),
          unpriced_requests: totals.unpricedRequests
        },
        model_distribution: Object.fromEntries(totals.requestsByModel),
        category_distribution: Object.fromEntries(totals.requestsByCategory),
        routing_mode_distribution: Object.fromEntries(totals.requestsBySource),
        circuit_breaker: circuitsView(views),
        config: {
          routing_mode: settings.routingMode,
          ollama_url: settings.ollamaBaseUrl,
          ollama_model: settings.ollamaRouterModel,
          categories: [...categories.keys()]
        },
        recent_requests: totals.recentRequests.map(recentView)
      }
      return HttpServerResponse.jsonUnsafe(view, { headers: vary })
    })

    return handlers
      .handle("metrics", ({ query, request }) => {
        const format = query.format ?? formatAccepted(request.headers["accept"])
        return format === "json" ? jsonView : textView(format)
      })
      .handle("prometheus", ({ request }) => {
        const format = formatAccepted(request.headers["accept"])
        return textView(format === "json" ? "prometheus" : format)
      })
  })
)
