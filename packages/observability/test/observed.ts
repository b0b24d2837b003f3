/** A router, a collector and a Prometheus, behind some hundred requests: what the tests of the whole way look at. */
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { Context, Effect, Layer } from "effect"
import { started, workingDirectory } from "../../server/test/routerProcess.ts"
import { pathOf } from "./files.ts"
import { forwardLines } from "./forward.ts"
import { arranged, load, scripted } from "./load.ts"
import { eventually, freePorts, page, running } from "./programs.ts"
import { type Prometheus, startPrometheus } from "./prometheus.ts"
import { type Sink, startSink } from "./sink.ts"

export const upstreamKey = "sk-or-v1-0123456789abcdef0123456789abcdef"

export class Observed extends Context.Service<
  Observed,
  {
    readonly prometheus: Prometheus
    readonly sink: Sink
    /** Of the answers to the load. */
    readonly statuses: ReadonlyArray<number>
    /** Lines that the router printed. */
    readonly lines: ReadonlyArray<string>
    /** Names of the metrics that the router offers, and those that the collector offers of them. */
    readonly ownNames: ReadonlySet<string>
    readonly collectedNames: ReadonlySet<string>
    /** Warnings of the collector. */
    readonly collectorSaid: string
  }
>()("@llm-router/observability/test/Observed") {
  /** With the collector of this path. */
  static readonly layer = (collector: string) =>
    Layer.effect(Observed, observed(collector)).pipe(Layer.provide(Layer.fresh(FakeOpenRouter.layer)))
}

const startCollector = Effect.fnUntraced(function* (collector: string, sink: Sink) {
  const [grpc = 0, http = 0, fluent = 0, metrics = 0, health = 0, own = 0] = yield* freePorts(6)
  const at = (port: number) => `127.0.0.1:${port}`
  const { said } = yield* running(
    collector,
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

const startRouter = (upstream: string, collector: string) =>
  Effect.flatMap(workingDirectory, (directory) =>
    started({
      directory,
      env: {
        OPENROUTER_API_KEY: upstreamKey,
        OPENROUTER_BASE_URL: upstream,
        LOG_LEVEL: "debug",
        LOG_FORMAT: "json",
        OTEL_EXPORTER_OTLP_ENDPOINT: collector,
        OTEL_METRIC_EXPORT_INTERVAL: "1000",
        OTEL_BSP_SCHEDULE_DELAY: "500",
        // By mistake: the collector has to stop it.
        TELEMETRY_CAPTURE_CONTENT: "true"
      }
    })
  )

/** The names that a page of metrics declares. */
const declared = (text = ""): ReadonlySet<string> =>
  new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = ""]) => name))

const observed = Effect.fnUntraced(function* (binary: string) {
  const upstream = yield* FakeOpenRouter
  yield* scripted(upstream)
  const sink = yield* startSink
  const collector = yield* startCollector(binary, sink)
  const prometheus = yield* startPrometheus({
    "otel-collector:8889": collector.metrics,
    "otel-collector:8888": collector.own
  })
  const router = yield* startRouter(upstream.url, collector.otlp)
  yield* prometheus.awaitAnswer("process_uptime_seconds")
  yield* arranged(router.url)
  // Twice, since a rate wants two points in time behind which something happened.
  const first = yield* load(router.url, 12)
  yield* prometheus.awaitAnswer("traces_span_metrics_calls_total")
  const second = yield* load(router.url, 12)
  yield* prometheus.awaitAnswer("increase(traces_span_metrics_calls_total[2m]) > 0")
  const ownNames = declared(yield* page(`${router.url}/metrics/prometheus`))
  const collectedNames = declared(yield* page(`http://${collector.metrics}/metrics`))
  router.signal("SIGTERM")
  const { stdout } = yield* router.ended
  const lines = stdout.trim().split("\n")
  yield* forwardLines(collector.fluent, lines)
  yield* eventually(
    "log lines",
    Effect.sync(() => (sink.logs().length < lines.length ? undefined : true))
  )
  return Observed.of({
    prometheus,
    sink,
    statuses: [...first, ...second],
    lines,
    ownNames,
    collectedNames,
    collectorSaid: collector.said()
  })
})
