/** `/metrics` as text (spec 8): who gets it, that it is well formed, and what it says. */
import { spawnSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { FakeCollector } from "@llm-router/testing/FakeCollector"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { ok, status } from "@llm-router/testing/script"
import { metrics } from "@llm-router/router/telemetry"
import { Effect } from "effect"
import { traceOf, withCollector } from "./collector.ts"
import { chat, get, getJson, human, post, setChain, withServer } from "./harness.ts"
import { type Family, readOpenMetrics } from "./openMetrics.ts"

const scraped = (path: string, accept?: string) =>
  Effect.flatMap(get(path, accept === undefined ? {} : { headers: { accept } }), (response) =>
    Effect.promise(async () => ({
      status: response.status,
      type: response.headers.get("content-type"),
      vary: response.headers.get("vary"),
      text: await response.text()
    }))
  )

const openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"
const prometheus = "text/plain; version=0.0.4; charset=utf-8"
const prometheus2 =
  "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
const prometheus3 =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"

const forms: ReadonlyArray<readonly [who: string, accept: string | undefined, type: string]> = [
  ["Prometheus 2", prometheus2, openMetrics],
  ["Prometheus 3", prometheus3, openMetrics],
  ["a scraper of the older text", "text/plain;version=0.0.4;q=1,*/*;q=0.1", prometheus],
  ["nobody in particular", undefined, "application/json"],
  ["curl", "*/*", "application/json"],
  ["axios", "application/json, text/plain, */*", "application/json"],
  ["a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"],
  ["who likes JSON as well", "application/json, application/openmetrics-text", "application/json"],
  ["who likes JSON less", "application/json;q=0.1, application/openmetrics-text;q=0.2", openMetrics],
  ["who refuses the text", "application/openmetrics-text;q=0", "application/json"],
  ["who sends nonsense", ";;q=,,=;version=;q=x", "application/json"]
]

/** Sum of the samples of this name whose labels hold these. */
const sumOf = (families: ReadonlyArray<Family>, name: string, labels: Readonly<Record<string, string>> = {}): number =>
  families
    .flatMap(({ samples }) => samples)
    .filter(
      (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value)
    )
    .reduce((sum, { value }) => sum + value, 0)

const scrape = Effect.map(scraped("/metrics", prometheus2), ({ text }) => readOpenMetrics(text))

/** What the collector's Prometheus exporter makes of a metric that comes by OTLP (OpenTelemetry specification). */
const translated = (metric: {
  readonly name: string
  readonly unit: string
  readonly kind: string
  readonly monotonic: boolean
}) => {
  const words: Readonly<Record<string, string>> = { s: "seconds", By: "bytes", ms: "milliseconds" }
  const parts = metric.name.split(/[^a-zA-Z0-9]+/)
  const unit = metric.unit.startsWith("{") ? "" : (words[metric.unit] ?? "")
  if (unit !== "" && !parts.includes(unit)) parts.push(unit)
  if (metric.unit === "1" && metric.kind === "gauge") parts.push("ratio")
  if (metric.kind === "sum" && metric.monotonic) parts.push("total")
  return parts.join("_")
}

describe("/metrics", () => {
  it.live("is JSON for people and text for scrapers", () =>
    Effect.gen(function* () {
      for (const [who, accept, type] of forms) {
        const answer = yield* scraped("/metrics", accept)
        assert.deepStrictEqual([answer.status, answer.type, answer.vary], [200, type, "Accept"], who)
      }
      assert.strictEqual((yield* scraped("/metrics?format=prometheus")).type, prometheus)
      assert.strictEqual((yield* scraped("/metrics?format=openmetrics")).type, openMetrics)
      assert.strictEqual((yield* scraped("/metrics?format=json", prometheus2)).type, "application/json")
      assert.strictEqual((yield* scraped("/metrics?format=xml")).status, 400)
      assert.strictEqual((yield* scraped("/metrics/prometheus")).type, prometheus)
      assert.strictEqual((yield* scraped("/metrics/prometheus", "application/json")).type, prometheus)
      assert.strictEqual((yield* scraped("/metrics/prometheus", prometheus2)).type, openMetrics)
    }).pipe(withServer())
  )

  it.live("is the admin's, as text too", () =>
    Effect.gen(function* () {
      for (const path of ["/metrics", "/metrics/prometheus", "/metrics?format=openmetrics"]) {
        assert.strictEqual((yield* scraped(path, prometheus2)).status, 401)
      }
    }).pipe(withServer({ ROUTER_ADMIN_KEY: "the-admin-key" }))
  )

  it.live("shows every metric, and every counter at zero before anything happened", () =>
    Effect.gen(function* () {
      const families = yield* scrape
      const named = (name: string) => families.find((family) => family.name === name)?.samples ?? []
      const transitions = named("llm_router_breaker_transitions")
      // The four models of the built-in chains, the classifier's three and the rest, by three states.
      assert.lengthOf(transitions, 8 * 3)
      assert.isTrue(families.filter(({ type }) => type === "counter").every(({ samples }) => samples.length > 0))
      const counted = families.filter(({ name, type }) => type === "counter" && name.startsWith("llm_router"))
      assert.strictEqual(
        counted.flatMap(({ samples }) => samples).reduce((sum, { value }) => sum + value, 0),
        0
      )
      assert.isNotEmpty(
        named("llm_router_requests").filter(
          ({ labels }) => labels["llm_router_category"] === "code" && labels["gen_ai_request_model"] === "z-ai/glm-5"
        )
      )
      yield* post("/config/category", { name: "law", models: ["new/model"], keywords: ["lawsuit"] })
      const models = (yield* scrape)
        .find(({ name }) => name === "llm_router_attempts")
        ?.samples.map(({ labels }) => labels["gen_ai_request_model"])
      assert.isTrue(models?.includes("new/model"))
    }).pipe(withServer())
  )

  it.live("counts what happened: an answer, a rescue, a failure, and what they cost", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "code")
      const question = { messages: human("write a python quicksort") }
      yield* chat(question)
      yield* upstream.script("a/one", status(503))
      yield* chat({ ...question, stream: true })
      yield* upstream.script("b/two", status(500))
      assert.strictEqual((yield* chat(question)).status, 502)
      yield* chat({ model: `made/up-${"x".repeat(50)}` })
      const families = yield* scrape
      const sum = (name: string, labels: Readonly<Record<string, string>> = {}) => sumOf(families, name, labels)
      const code = { llm_router_category: "code" }
      assert.strictEqual(sum("llm_router_requests_total", { ...code, llm_router_outcome: "success" }), 2)
      assert.strictEqual(sum("llm_router_requests_total", { ...code, llm_router_outcome: "failed" }), 1)
      assert.strictEqual(sum("llm_router_requests_rescued_total", code), 1)
      assert.strictEqual(sum("llm_router_decisions_total", { ...code, llm_router_source: "keywords" }), 3)
      assert.strictEqual(sum("llm_router_fallbacks_total", { gen_ai_request_model: "a/one" }), 2)
      assert.strictEqual(sum("llm_router_attempts_total", { llm_router_attempt_role: "fallback" }), 2)
      assert.strictEqual(sum("llm_router_attempts_total", { llm_router_attempt_outcome: "failed" }), 3)
      assert.strictEqual(sum("llm_router_overhead_duration_seconds_count"), 3)
      assert.strictEqual(sum("gen_ai_client_operation_time_to_first_chunk_seconds_count"), 1)
      const json = yield* getJson("/metrics")
      assert.closeTo(sum("llm_router_cost_total"), json.total_cost_usd, 1e-12)
      // A caller's invention is no label.
      assert.strictEqual(sum("llm_router_requests_total", { gen_ai_request_model: "_other" }), 1)
      assert.notInclude((yield* scraped("/metrics/prometheus")).text, "made/up")
      const http = { http_route: "/v1/chat/completions", http_request_method: "POST" }
      assert.strictEqual(
        sum("http_server_request_duration_seconds_count", { ...http, http_response_status_code: "200" }),
        3
      )
      assert.strictEqual(
        sum("http_server_request_duration_seconds_count", { ...http, http_response_status_code: "502" }),
        1
      )
      assert.strictEqual(sum("http_server_active_requests", http), 0)
    }).pipe(withServer())
  )

  it.live("shows circuits: what state they are in and how they got there", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"], "code")
      yield* upstream.script("a/one", status(500))
      yield* chat({ model: "code" })
      const opened = yield* scrape
      const one = { gen_ai_request_model: "a/one" }
      assert.strictEqual(sumOf(opened, "llm_router_breaker_state", one), 2)
      assert.strictEqual(
        sumOf(opened, "llm_router_breaker_transitions_total", { ...one, llm_router_breaker_to: "open" }),
        1
      )
      yield* post("/circuit-breaker/reset/a/one", undefined)
      const closed = yield* scrape
      assert.strictEqual(sumOf(closed, "llm_router_breaker_state", one), 0)
      assert.strictEqual(
        sumOf(closed, "llm_router_breaker_transitions_total", { ...one, llm_router_breaker_to: "closed" }),
        1
      )
    }).pipe(withServer({ CIRCUIT_FAILURE_THRESHOLD: "1" }))
  )

  it.live("gauges of a model end with its place in the chains", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const names = ["llm_router_breaker_state", "llm_router_cost_drift_ratio"]
      const shown = Effect.map(scrape, (families) =>
        families.filter(({ name }) => names.includes(name)).flatMap(({ samples }) => samples)
      )
      const one = { gen_ai_request_model: "openai/gpt-4o" }
      yield* setChain([one.gen_ai_request_model], "code")
      yield* upstream.script(
        one.gen_ai_request_model,
        ok({ usage: { prompt_tokens: 1, completion_tokens: 1, cost: 1 } })
      )
      yield* chat({ model: "code" })
      yield* upstream.script(one.gen_ai_request_model, status(500))
      yield* chat({ model: "code" })
      const before = yield* shown
      assert.deepStrictEqual(
        before
          .filter(({ labels }) => labels["gen_ai_request_model"] === one.gen_ai_request_model)
          .map(({ name }) => name),
        names
      )
      yield* setChain(["b/two"], "code")
      const after = yield* shown
      assert.deepStrictEqual(
        after.filter(({ labels }) => labels["gen_ai_request_model"] === one.gen_ai_request_model),
        []
      )
      assert.isNotEmpty(after.filter(({ labels }) => labels["gen_ai_request_model"] === "b/two"))
      // Its circuit is as it was: back in a chain, it is told again.
      yield* setChain([one.gen_ai_request_model], "code")
      assert.strictEqual(sumOf(yield* scrape, "llm_router_breaker_state", one), 2)
    }).pipe(withServer({ CIRCUIT_FAILURE_THRESHOLD: "1" }))
  )

  it.live("names traces on its latencies, and is called as the collector would call it", () =>
    Effect.gen(function* () {
      const collector = yield* FakeCollector
      const answer = yield* chat({ model: "code", stream: true })
      const [span] = yield* traceOf(answer.headers.get("x-request-id") ?? "")
      const families = yield* scrape
      const exemplars = families.flatMap(({ name, samples }) =>
        samples.flatMap(({ exemplar }) => (exemplar === undefined ? [] : [[name, exemplar["trace_id"]]]))
      )
      assert.deepStrictEqual(
        exemplars.map(([name]) => name),
        [
          "http_server_request_duration_seconds",
          "gen_ai_client_operation_duration_seconds",
          "gen_ai_client_operation_time_to_first_chunk_seconds",
          "llm_router_overhead_duration_seconds"
        ]
      )
      assert.deepStrictEqual(new Set(exemplars.map(([, trace]) => trace)), new Set([span?.traceId]))
      const calls = () =>
        collector.metrics().find(({ name }) => name === "gen_ai.client.operation.duration")?.points ?? []
      yield* collector.until(() => calls().length > 0)
      const exported = new Set(collector.metrics().map(translated))
      const shown = families
        .filter(({ name }) => name !== "target")
        .map(({ name, type }) => (type === "counter" ? `${name}_total` : name))
      assert.deepStrictEqual(exported, new Set(shown))
      // What has no series yet: nobody was priced differently from the table so far.
      const silent = Object.values(metrics).filter(({ name }) => !collector.metrics().some((one) => one.name === name))
      assert.isAtMost(silent.length, 2)
    }).pipe(withCollector())
  )

  it.live("is text that promtool accepts", ({ skip }) =>
    Effect.gen(function* () {
      if (spawnSync("promtool", ["--version"]).error !== undefined) {
        return skip("promtool is not installed (apt-get install prometheus)")
      }
      yield* chat({ model: "code", stream: true })
      const { text } = yield* scraped("/metrics/prometheus")
      const checked = spawnSync("promtool", ["check", "metrics"], { input: text })
      assert.deepStrictEqual([checked.status, checked.stdout.toString(), checked.stderr.toString()], [0, "", ""])
    }).pipe(withServer())
  )
})

describe("the reader of OpenMetrics", () => {
  const good = '# TYPE a counter\na_total{b="c"} 1\n# EOF\n'
  const wrong: ReadonlyArray<readonly [what: string, text: string]> = [
    ["no end", good.replace("# EOF\n", "")],
    ["a counter without its suffix", good.replace("a_total", "a")],
    ["a label without quotes", good.replace('"c"', "c")],
    ["a sample twice", good.replace("# EOF", 'a_total{b="c"} 2\n# EOF')],
    ["an empty line", good.replace("# EOF", "\n# EOF")],
    ["a unit that the name does not have", good.replace("# TYPE", "# UNIT a seconds\n# TYPE")]
  ]
  it("takes what is right", () => {
    assert.lengthOf(readOpenMetrics(good), 1)
  })
  it.each([...wrong])("refuses %s", (_, text) => {
    assert.throws(() => readOpenMetrics(text))
  })
})
