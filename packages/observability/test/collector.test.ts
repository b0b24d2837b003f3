/**
 * The whole way: a router under load, a real collector with our configuration, a real Prometheus with ours, and every
 * question of the dashboard and the alerts. Runs where `prometheus` is installed and a collector was built
 * (`pnpm otelcol`), or with OTELCOL_BUILD=1, which builds it.
 */
import { spawnSync } from "node:child_process"
import { assert, describe, it as test, layer } from "@effect/vitest"
import { Effect, Exit, Schedule } from "effect"
import { builtCollector, cachedCollector } from "../src/collector/build.ts"
import { alerts, pathOf, yamlOf } from "./files.ts"
import { customCategory, leakedKey, secretWords } from "./load.ts"
import { Observed, upstreamKey } from "./observed.ts"
import { isInstalled } from "./programs.ts"
import { filledIn, parsed } from "./promql.ts"
import { questions, searchedAttributes } from "./queries.ts"

const collector = await Effect.runPromiseExit(
  process.env["OTELCOL_BUILD"] === "1" ? builtCollector(process.env) : cachedCollector(process.env)
)
const binary = Exit.isSuccess(collector) ? collector.value : ""
const missing = [
  ...(isInstalled("prometheus") ? [] : ["Prometheus is not installed (apt-get install prometheus)"]),
  ...(binary === "" ? ["no collector was built (pnpm otelcol, which needs Go)"] : [])
]
if (missing.length > 0) process.emitWarning(`the collector's tests are skipped: ${missing.join("; ")}`)

/** Series that rightly are not there, and why. */
const absentByDesign: Readonly<Record<string, string>> = {
  'up{job="llm-router"}': "only where Prometheus scrapes the router itself, instead of the collector"
}

/** What the load brought about. Counters begin at 0, so that they are there says little. */
const happened = [
  `llm_router_requests_total{llm_router_category="${customCategory}", llm_router_outcome="success"}`,
  'llm_router_requests_total{llm_router_outcome="failed"}',
  'llm_router_requests_total{llm_router_outcome="cancelled"}',
  `llm_router_requests_rescued_total{llm_router_category="${customCategory}"}`,
  'llm_router_decisions_total{llm_router_source="model"}',
  'llm_router_decisions_total{llm_router_source="keywords"}',
  'llm_router_decisions_total{llm_router_source="default"}',
  'llm_router_attempts_total{llm_router_attempt_role="retry"}',
  'llm_router_attempts_total{llm_router_attempt_role="fallback", llm_router_attempt_outcome="ok"}',
  'llm_router_attempts_total{gen_ai_request_model="_other", llm_router_attempt_outcome="cut"}',
  'llm_router_fallbacks_total{gen_ai_request_model="down/model", llm_router_fallback_reason="unavailable"}',
  'llm_router_fallbacks_total{gen_ai_request_model="down/model", llm_router_fallback_reason="circuit_open"}',
  'llm_router_fallbacks_total{gen_ai_request_model="limited/model", llm_router_fallback_reason="rate_limited"}',
  'llm_router_breaker_state{gen_ai_request_model="down/model"}',
  'llm_router_breaker_transitions_total{llm_router_breaker_to="open"}',
  'llm_router_cost_total{llm_router_cost_source="reported"}',
  "llm_router_cost_missing_total",
  'llm_router_cost_drift_ratio{gen_ai_request_model="openai/gpt-4o-mini"}',
  'gen_ai_client_operation_duration_seconds_count{error_type="unavailable"}',
  "gen_ai_client_operation_time_to_first_chunk_seconds_count",
  'gen_ai_client_token_usage_sum{gen_ai_token_type="output"}',
  'http_server_request_duration_seconds_count{http_route="/v1/chat/completions", http_response_status_code="503"}',
  "llm_router_ledger_commit_duration_seconds_count"
]

/** What does not hold yet of a list may hold in a moment: the last of its states within half a minute. */
const settled = <A>(rest: Effect.Effect<ReadonlyArray<A>>) =>
  Effect.repeat(rest, {
    schedule: Schedule.spaced("500 millis"),
    times: 60,
    until: (left) => left.length === 0
  })

describe.skipIf(missing.length > 0)("the collector's configuration", () => {
  test.each([["otel-collector.yaml"], ["otel-collector.yaml", "docker/otel-tail-sampling.yaml"]])(
    "is valid: %s %s",
    (...files) => {
      const { status, stderr } = spawnSync(binary, ["validate", ...files.map((file) => `--config=${pathOf(file)}`)])
      assert.strictEqual(stderr.toString(), "")
      assert.strictEqual(status, 0)
    }
  )
})

// Beyond the half minute that something may take to settle.
describe.skipIf(missing.length > 0)("behind a router under load", { timeout: 60_000 }, () => {
  layer(Observed.layer(binary), { timeout: 150_000, excludeTestServices: true })((it) => {
    it.effect("every question of the dashboard has an answer", () =>
      Effect.gen(function* () {
        const { prometheus, statuses } = yield* Observed
        assert.includeMembers([...statuses], [200, 503])
        const unanswered = yield* settled(
          Effect.filter(questions(), ({ expression }) =>
            Effect.map(prometheus.ask(filledIn(expression, "2m")), (found) => found.length === 0)
          )
        )
        assert.deepStrictEqual(unanswered, [])
      })
    )

    it.effect("what happened is told", () =>
      Effect.gen(function* () {
        const { prometheus } = yield* Observed
        const silent = yield* Effect.filter(happened, (query) =>
          Effect.map(prometheus.ask(`max_over_time(${query}[5m]) > 0`), (found) => found.length === 0)
        )
        assert.deepStrictEqual(silent, [])
      })
    )

    it.effect("every alert has what it looks at, and Prometheus evaluates it", () =>
      Effect.gen(function* () {
        const { prometheus } = yield* Observed
        const selectors = alerts().flatMap(({ expression }) => parsed(expression).selectors.map(({ text }) => text))
        const absent = yield* Effect.filter(selectors, (selector) =>
          // The router has been stopped by now, so its series ended.
          Effect.map(prometheus.ask(`last_over_time(${selector}[5m])`), (found) => found.length === 0)
        )
        assert.deepStrictEqual([...new Set(absent)], Object.keys(absentByDesign))
        const unhealthy = yield* settled(
          Effect.map(prometheus.api("rules"), ({ data }) =>
            data.groups
              .flatMap(({ rules }: { rules: ReadonlyArray<{ health: string }> }) => rules)
              .filter(({ health }: { health: string }) => health !== "ok")
          )
        )
        assert.deepStrictEqual(unhealthy, [])
      })
    )

    it.effect("the dashboard's variables have values", () =>
      Effect.gen(function* () {
        const { prometheus } = yield* Observed
        const { data: categories } = yield* prometheus.api("label/llm_router_category/values")
        assert.includeMembers(categories, ["code", customCategory])
        const { data: models } = yield* prometheus.api("label/gen_ai_request_model/values")
        assert.includeMembers(models, ["z-ai/glm-5", "down/model"])
      })
    )

    it.effect("the collector offers the metrics that the router itself offers, under the same names", () =>
      Effect.gen(function* () {
        const { collectedNames, ownNames } = yield* Observed
        assert.isAbove(ownNames.size, 25)
        const fromSpans = ["traces_span_metrics_calls_total", "traces_span_metrics_duration_seconds"]
        assert.sameMembers([...ownNames, ...fromSpans], [...collectedNames])
      })
    )

    it.effect("exemplars lead to traces that were stored", () =>
      Effect.gen(function* () {
        const { prometheus, sink } = yield* Observed
        const { data } = yield* prometheus.api("query_exemplars", {
          query: "traces_span_metrics_duration_seconds_bucket",
          start: "0",
          end: String(Math.ceil(Date.now() / 1000))
        })
        const ids: ReadonlyArray<string> = data.flatMap(
          ({ exemplars }: { exemplars: ReadonlyArray<{ labels: { trace_id: string } }> }) =>
            exemplars.map(({ labels }) => labels.trace_id)
        )
        const stored = new Set(sink.spans().map(({ traceId }) => traceId))
        assert.isAbove(ids.length, 0)
        assert.deepStrictEqual(
          ids.filter((id) => !stored.has(id)),
          []
        )
      })
    )

    it.effect("each request has one trace, and its attempts are children", () =>
      Effect.gen(function* () {
        const { sink, statuses } = yield* Observed
        const chats = sink.spans().filter(({ name }) => name === "POST /v1/chat/completions")
        // Two impatient clients besides.
        assert.strictEqual(chats.length, statuses.length + 2)
        assert.strictEqual(new Set(chats.map(({ traceId }) => traceId)).size, chats.length)
        assert.deepStrictEqual(
          sink.spans().filter(({ name }) => /health|metrics/.test(name)),
          []
        )
        const parents = new Set(chats.map(({ spanId }) => spanId))
        const orphans = sink.spans().filter(({ kind, parentId }) => kind === 3 && !parents.has(parentId))
        assert.deepStrictEqual(orphans, [])
      })
    )

    it.effect("spans have every attribute that is searched for", () =>
      Effect.gen(function* () {
        const { sink } = yield* Observed
        const there = new Set(sink.spans().flatMap(({ attributes }) => attributes))
        assert.isAbove(searchedAttributes().size, 4)
        assert.deepStrictEqual(
          [...searchedAttributes()].filter((name) => !there.has(name)),
          []
        )
        const policies = yamlOf("docker/otel-tail-sampling.yaml").processors.tail_sampling.policies
        const key = policies.find(({ name }: { name: string }) => name === "fallback").boolean_attribute.key
        assert.isTrue(there.has(key), key)
      })
    )

    it.effect("log lines arrive with their traces", () =>
      Effect.gen(function* () {
        const { lines, sink } = yield* Observed
        assert.sameMembers(
          sink.logs().map(({ body }) => body),
          [...lines]
        )
        for (const { body, service, severity, spanId, traceId } of sink.logs()) {
          const { level, span_id = "", trace_id = "" } = JSON.parse(body)
          assert.deepStrictEqual([severity, traceId, spanId, service], [level, trace_id, span_id, "llm-router"])
        }
        assert.isTrue(sink.logs().some(({ traceId }) => traceId !== ""))
      })
    )

    it.effect("neither a key nor what people wrote is stored", () =>
      Effect.gen(function* () {
        const { prometheus, sink } = yield* Observed
        for (const secret of [upstreamKey, leakedKey, secretWords]) assert.isFalse(sink.raw().includes(secret), secret)
        const { data } = yield* prometheus.api("label/gen_ai_request_model/values")
        assert.notInclude(data, leakedKey)
      })
    )

    it.effect("the collector has nothing to complain about", () =>
      Effect.map(Observed, ({ collectorSaid }) => assert.strictEqual(collectorSaid, ""))
    )
  })
})
