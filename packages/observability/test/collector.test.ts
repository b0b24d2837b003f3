/**
 * The whole way: a router under load, a real collector with our configuration, a real Prometheus with ours, and every
 * question of the dashboard and the alerts. Runs where `prometheus` is installed and a collector was built
 * (`pnpm otelcol`), or with OTELCOL_BUILD=1, which builds it.
 */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { Effect, Exit } from "effect"
import { started, workingDirectory } from "../../server/test/routerProcess.ts"
import { builtCollector, cachedCollector } from "../src/collector/build.ts"
import { alerts, pathOf } from "./files.ts"
import { forwardLines } from "./forward.ts"
import { arranged, customCategory, load, scripted, secretWords } from "./load.ts"
import { eventually, freePorts, isInstalled, page, running } from "./programs.ts"
import { filledIn, parsed } from "./promql.ts"
import { startPrometheus } from "./prometheus.ts"
import { questions } from "./queries.ts"
import { startSink } from "./sink.ts"

const collector = await Effect.runPromiseExit(
  process.env["OTELCOL_BUILD"] === "1" ? builtCollector(process.env) : cachedCollector(process.env)
)
const missing = [
  ...(isInstalled("prometheus") ? [] : ["Prometheus is not installed (apt-get install prometheus)"]),
  ...(Exit.isSuccess(collector) ? [] : [String(collector.cause)])
]
if (missing.length > 0) console.warn(`The collector is not tested: ${missing.join("; ")}`)
const binary = Exit.isSuccess(collector) ? collector.value : ""

const key = "sk-or-v1-0123456789abcdef0123456789abcdef"

/** Questions that rightly have no answer, and why. */
const emptyByDesign: Readonly<Record<string, string>> = {}

/** Series that rightly are not there, and why. */
const absentByDesign: Readonly<Record<string, string>> = {
  'up{job="llm-router"}': "only where Prometheus scrapes the router itself, instead of the collector"
}

const startCollector = Effect.fnUntraced(function* (sink: { readonly tempo: string; readonly loki: string }) {
  const [grpc = 0, http = 0, fluent = 0, metrics = 0, health = 0, own = 0] = yield* freePorts(6)
  const at = (port: number) => `127.0.0.1:${port}`
  const { said } = yield* running(
    binary,
    ["--config", pathOf("otel-collector.yaml")],
    {
      TEMPO_ENDPOINT: sink.tempo,
      LOKI_ENDPOINT: sink.loki,
      OTLP_GRPC_ADDRESS: at(grpc),
      OTLP_HTTP_ADDRESS: at(http),
      FLUENT_ADDRESS: at(fluent),
      PROMETHEUS_ADDRESS: at(metrics),
      HEALTH_ADDRESS: at(health),
      SELF_METRICS_HOST: "127.0.0.1",
      SELF_METRICS_PORT: String(own),
      COLLECTOR_LOG_LEVEL: "warn"
    },
    `http://${at(health)}`
  )
  return { said, fluent, otlp: `http://${at(http)}`, metrics: at(metrics), own: at(own) }
})

/** The names that a page of metrics declares. */
const declared = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = ""]) => name))

/** A router, a collector, a Prometheus; some hundred requests before and behind the first look. */
const observed = Effect.gen(function* () {
  const upstream = yield* FakeOpenRouter
  yield* scripted(upstream)
  const sink = yield* startSink
  const collecting = yield* startCollector(sink)
  const prometheus = yield* startPrometheus({
    "otel-collector:8889": collecting.metrics,
    "otel-collector:8888": collecting.own
  })
  const router = yield* started({
    directory: yield* workingDirectory,
    env: {
      OPENROUTER_API_KEY: key,
      OPENROUTER_BASE_URL: upstream.url,
      LOG_LEVEL: "debug",
      LOG_FORMAT: "json",
      OTEL_EXPORTER_OTLP_ENDPOINT: collecting.otlp,
      OTEL_METRIC_EXPORT_INTERVAL: "1000",
      OTEL_BSP_SCHEDULE_DELAY: "500"
    }
  })
  yield* prometheus.awaitAnswer("process_uptime_seconds")
  yield* arranged(router.url)
  const statuses = yield* load(router.url, 12)
  yield* prometheus.awaitAnswer("traces_span_metrics_calls_total")
  const more = yield* load(router.url, 12)
  yield* prometheus.awaitAnswer("increase(traces_span_metrics_calls_total[2m]) > 0")
  const own = yield* page(`${router.url}/metrics/prometheus`)
  const collected = yield* page(`http://${collecting.metrics}/metrics`)
  router.signal("SIGTERM")
  const { stderr, stdout } = yield* router.ended
  yield* forwardLines(collecting.fluent, stdout.trim().split("\n"))
  return {
    ...{ prometheus, sink, stderr, stdout, said: collecting.said },
    statuses: [...statuses, ...more],
    own: declared(own ?? ""),
    collected: declared(collected ?? "")
  }
})

describe.skipIf(missing.length > 0)("a router, a collector and a Prometheus", () => {
  it.live(
    "have an answer to every question of the dashboard and the alerts",
    () =>
      Effect.gen(function* () {
        const { collected, own, prometheus, said, sink, statuses, stdout } = yield* observed

        assert.includeMembers(statuses, [200, 503])
        const unanswered = yield* eventually(
          "answers",
          Effect.map(
            Effect.filter(questions(), ({ expression }) =>
              Effect.map(prometheus.ask(filledIn(expression, "2m")), (found) => found.length === 0)
            ),
            (open) => open
          )
        )
        assert.deepStrictEqual(
          unanswered.map(({ expression }) => expression).filter((expression) => emptyByDesign[expression] === undefined),
          []
        )

        const absent = yield* Effect.filter(
          alerts().flatMap(({ expression }) => parsed(expression).selectors.map(({ text }) => text)),
          (selector) => Effect.map(prometheus.ask(selector), (found) => found.length === 0)
        )
        assert.deepStrictEqual([...new Set(absent)], Object.keys(absentByDesign))

        const { data } = yield* prometheus.api("rules")
        const rules = data.groups.flatMap((group: { rules: ReadonlyArray<{ name: string; health: string }> }) => group.rules)
        assert.strictEqual(rules.length, alerts().length)
        assert.deepStrictEqual(
          rules.filter(({ health }: { health: string }) => health !== "ok"),
          []
        )

        console.log([...own].filter((name) => !collected.has(name)), [...collected].filter((name) => !own.has(name)))
        console.log(sink.spans().length, sink.logs().length, said(), stdout.length, customCategory, secretWords)
      }).pipe(Effect.scoped, Effect.provide(FakeOpenRouter.layer, { local: true })),
    180_000
  )
})
