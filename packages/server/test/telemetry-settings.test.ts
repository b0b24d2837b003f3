/** Each OTEL_* setting, by what a collector gets; and collectors that are no good. */
import { assert, describe, it } from "@effect/vitest"
import { FakeCollector } from "@llm-router/testing/FakeCollector"
import { Effect, Layer } from "effect"
import { traceOf, withCollector } from "./collector.ts"
import { chat, get, getJson, human, testServer } from "./harness.ts"
import { run, workingDirectory } from "./routerProcess.ts"

const question = { model: "code", messages: human("write a python quicksort") }

/** One chat, whose trace has come; gives its spans. */
const traced = Effect.flatMap(chat(question), ({ headers }) => traceOf(headers.get("x-request-id") ?? ""))

/** Waits for an export of metrics: whatever else was to come by then, came. */
const awaitMetrics = Effect.gen(function* () {
  const collector = yield* FakeCollector
  const isMetrics = ({ path }: { readonly path: string }) => path.endsWith("/metrics")
  const before = collector.requests().filter(isMetrics).length
  yield* collector.until(() => collector.requests().filter(isMetrics).length > before + 1)
})

const pathsAsked = Effect.map(FakeCollector, (collector) => new Set(collector.requests().map(({ path }) => path)))

const sampled = (sampler: string, argument: string, traceparent: string | undefined) =>
  Effect.gen(function* () {
    const headers = traceparent === undefined ? {} : { traceparent }
    for (let count = 0; count < 8; count++) yield* chat(question, { headers })
    yield* awaitMetrics
    const collector = yield* FakeCollector
    return collector.spans().filter(({ kind }) => kind === 2).length
  }).pipe(withCollector({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: argument }))

const yes = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
const no = yes.replace(/01$/, "00")

describe("a setting of OpenTelemetry", () => {
  it.live("none: nothing is exported, and nothing is traced", () =>
    Effect.gen(function* () {
      const collector = yield* FakeCollector
      assert.strictEqual((yield* chat(question)).status, 200)
      assert.lengthOf(collector.requests(), 0)
      // The values as the exporters' own code would find them in the environment: it is not asked.
    }).pipe(withCollector({ OTEL_SDK_DISABLED: "true" }))
  )

  it.live("OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER: none", () =>
    Effect.gen(function* () {
      const asked = (env: Readonly<Record<string, string>>, wait: typeof awaitMetrics | typeof traced) =>
        chat(question).pipe(Effect.andThen(wait), Effect.andThen(pathsAsked), withCollector(env))
      assert.deepStrictEqual(yield* asked({ OTEL_TRACES_EXPORTER: "none" }, awaitMetrics), new Set(["/v1/metrics"]))
      assert.deepStrictEqual(yield* asked({ OTEL_METRICS_EXPORTER: "none" }, traced), new Set(["/v1/traces"]))
    })
  )

  it.live("the endpoints of each signal, headers, compression, protobuf", () =>
    Effect.gen(function* () {
      const collector = yield* FakeCollector
      yield* Effect.gen(function* () {
        yield* chat(question)
        const paths = () => new Set(collector.requests().map(({ path }) => path))
        yield* collector.until(() => paths().size > 1)
        assert.deepStrictEqual(paths(), new Set(["/of/metrics", "/of/traces"]))
        for (const { body, headers } of collector.requests()) {
          assert.strictEqual(headers["content-type"], "application/x-protobuf")
          assert.strictEqual(headers["content-encoding"], "gzip")
          assert.strictEqual(headers["authorization"], "Bearer of-collector")
          assert.strictEqual(headers["x-tenant"], "blue, green")
          assert.include(body.toString("latin1"), "llm-router")
        }
      }).pipe((test) =>
        Effect.provide(
          test,
          testServer({
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/of/traces`,
            OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${collector.url}/of/metrics`,
            OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20of-collector,x-tenant=blue%2C%20green",
            OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
            OTEL_BSP_SCHEDULE_DELAY: "10",
            OTEL_METRIC_EXPORT_INTERVAL: "100"
          }),
          { local: true }
        )
      )
    }).pipe((test) => Effect.provide(test, Layer.fresh(FakeCollector.layer), { local: true }))
  )

  it.live("OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say what the process is, to Prometheus too", () =>
    Effect.gen(function* () {
      const [span] = yield* traced
      const { "service.instance.id": instance, ...rest } = span?.resource ?? {}
      assert.match(String(instance), /^[0-9a-f-]{36}$/)
      assert.deepStrictEqual(rest, {
        "service.name": "named",
        "service.version": "1.0.0",
        "deployment.environment.name": "a b"
      })
      const text = yield* Effect.flatMap(get("/metrics/prometheus"), (response) =>
        Effect.promise(() => response.text())
      )
      assert.include(
        text,
        `target_info{service_name="named",service_version="1.0.0",service_instance_id="${String(instance)}",deployment_environment_name="a b"} 1`
      )
    }).pipe(
      withCollector({
        OTEL_SERVICE_NAME: "named",
        OTEL_RESOURCE_ATTRIBUTES: "service.name=other,deployment.environment.name=a%20b"
      })
    )
  )

  const samplers: ReadonlyArray<
    readonly [sampler: string, argument: string, parent: string | undefined, count: number]
  > = [
    ["always_off", "1", yes, 0],
    ["always_on", "1", no, 8],
    ["traceidratio", "0", yes, 0],
    ["traceidratio", "1", no, 8],
    ["parentbased_always_on", "1", no, 0],
    ["parentbased_always_off", "1", yes, 8],
    ["parentbased_always_off", "1", undefined, 0],
    ["parentbased_traceidratio", "0", yes, 8],
    ["parentbased_traceidratio", "0", undefined, 0]
  ]
  it.live.each([...samplers])("OTEL_TRACES_SAMPLER %s", ([sampler, argument, parent, count]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* sampled(sampler, argument, parent), count)
    })
  )

  it.live("OTEL_PROPAGATORS=none: a caller's trace is neither joined nor passed on", () =>
    Effect.gen(function* () {
      const { headers } = yield* chat(question, { headers: { traceparent: yes } })
      const [span] = yield* traceOf(headers.get("x-request-id") ?? "")
      assert.notStrictEqual(span?.traceId, yes.split("-")[1])
    }).pipe(withCollector({ OTEL_PROPAGATORS: "none" }))
  )

  it.live("limits of attributes", () =>
    Effect.gen(function* () {
      const spans = yield* traced
      for (const { attributes } of spans) {
        assert.isAtMost(Object.keys(attributes).length, 5)
        assert.isTrue(Object.values(attributes).every((value) => typeof value !== "string" || value.length <= 36))
      }
      assert.strictEqual(spans.find(({ kind }) => kind === 2)?.attributes["http.route"], "/v1/chat/completions")
    }).pipe(withCollector({ OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "36", OTEL_ATTRIBUTE_COUNT_LIMIT: "5" }))
  )

  it.live("OTEL_BSP_*: spans beyond the queue are dropped, and counted", () =>
    Effect.gen(function* () {
      const collector = yield* FakeCollector
      yield* collector.behave("silent")
      for (let count = 0; count < 10; count++) assert.strictEqual((yield* chat(question)).status, 200)
      yield* collector.behave("ok")
      const dropped = () =>
        collector
          .metrics()
          .find(({ name }) => name === "llm_router.telemetry.dropped")
          ?.points.find(({ attributes }) => attributes["llm_router.telemetry.signal"] === "traces")?.value
      // Two of each request; a batch of two may be on its way, and four wait.
      yield* collector.until(() => Number(dropped()) >= 10 * 2 - 6)
      assert.isAtMost(Number(dropped()), 10 * 2 - 4)
    }).pipe(
      withCollector({
        OTEL_BSP_MAX_QUEUE_SIZE: "4",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "2",
        OTEL_EXPORTER_OTLP_TIMEOUT: "60000"
      })
    )
  )

  it.live("OTEL_EXPORTER_OTLP_PROTOCOL=grpc, and others that are wrong, stop the start", () =>
    Effect.gen(function* () {
      const directory = yield* workingDirectory
      const { code, stderr } = yield* run({
        directory,
        env: {
          OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
          OTEL_TRACES_SAMPLER: "sometimes",
          OTEL_TRACES_SAMPLER_ARG: "1.5",
          OTEL_PROPAGATORS: "b3",
          OTEL_EXPORTER_OTLP_HEADERS: "authorization: Bearer not-to-be-shown",
          OTEL_RESOURCE_ATTRIBUTES: "a=%zz",
          OTEL_EXPORTER_OTLP_ENDPOINT: "localhost:4317"
        }
      })
      assert.strictEqual(code, 1)
      assert.include(stderr, 'OTEL_EXPORTER_OTLP_PROTOCOL: got "grpc", expected http/protobuf or http/json')
      for (const name of ["TRACES_SAMPLER", "TRACES_SAMPLER_ARG", "PROPAGATORS", "EXPORTER_OTLP_HEADERS"]) {
        assert.include(stderr, `OTEL_${name}: got `)
      }
      for (const name of ["RESOURCE_ATTRIBUTES", "EXPORTER_OTLP_ENDPOINT"]) assert.include(stderr, `OTEL_${name}: got `)
      assert.notInclude(stderr, "not-to-be-shown")
    })
  )
})

describe("a collector that fails", () => {
  const faults: ReadonlyArray<readonly [what: string, behaviour: "silent" | number]> = [
    ["answers 503", 503],
    ["answers 400", 400],
    ["never answers", "silent"]
  ]
  it.live.each([...faults])("and %s: requests are answered, what is lost is counted", ([, behaviour]) =>
    Effect.gen(function* () {
      const collector = yield* FakeCollector
      yield* collector.behave(behaviour)
      assert.strictEqual((yield* chat(question)).status, 200)
      const dropped = Effect.map(
        Effect.flatMap(get("/metrics/prometheus"), (response) => Effect.promise(() => response.text())),
        (text) =>
          Number(/^llm_router_telemetry_dropped_total\{llm_router_telemetry_signal="traces"\} (\d+)/m.exec(text)?.[1])
      )
      yield* Effect.repeat(dropped, { until: (count) => count === 2 })
      assert.strictEqual((yield* getJson("/health")).status, "healthy")
    }).pipe(withCollector({ OTEL_EXPORTER_OTLP_TIMEOUT: "200", OTEL_BSP_SCHEDULE_DELAY: "1000" }))
  )
})
