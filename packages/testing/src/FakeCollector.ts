/**
 * An OpenTelemetry collector's OTLP/HTTP receiver for tests: a real HTTP server that keeps what it gets. JSON is decoded;
 * of protobuf it keeps the bytes. It can be told to misbehave.
 */
import { Context, Effect, Layer } from "effect"
import { gunzipSync } from "node:zlib"
import { listen } from "./listen.ts"

type Json = Readonly<Record<string, unknown>>

export interface OtlpRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  /** As it was before its compression. */
  readonly body: Buffer
}

export interface CollectedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  /** Empty for a root. */
  readonly parentSpanId: string
  /** OTLP's number: 1 internal, 2 server, 3 client. */
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: ReadonlyArray<{ readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }>
  /** OTLP's number: 0 unset, 2 error. */
  readonly status: number
  readonly startNanos: bigint
  readonly endNanos: bigint
  readonly traceState: string
  readonly resource: Readonly<Record<string, unknown>>
}

export interface CollectedMetric {
  readonly name: string
  readonly unit: string
  readonly kind: "gauge" | "sum" | "histogram"
  readonly monotonic: boolean
  readonly points: ReadonlyArray<{ readonly attributes: Readonly<Record<string, unknown>>; readonly value: unknown }>
}

/** `silent` accepts and never answers; a number is a status that it answers with. */
type Behaviour = "ok" | "silent" | number

const list = (value: unknown): ReadonlyArray<Json> =>
  // OTLP's arrays hold objects.
  Array.isArray(value) ? (value as ReadonlyArray<Json>) : []

const object = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {})

/** OTLP/JSON's `AnyValue`: an object with one member, whose name is the type. */
const valueOf = (value: unknown): unknown => {
  const [type, inner] = Object.entries(object(value))[0] ?? []
  if (type === "arrayValue") return list(object(inner)["values"]).map(valueOf)
  return type === "intValue" ? Number(inner) : inner
}

const attributesOf = (value: unknown): Readonly<Record<string, unknown>> =>
  Object.fromEntries(list(value).map((pair) => [String(pair["key"]), valueOf(pair["value"])]))

const spansOf = (body: Json): ReadonlyArray<CollectedSpan> =>
  list(body["resourceSpans"]).flatMap((resourceSpans) =>
    list(resourceSpans["scopeSpans"]).flatMap((scopeSpans) =>
      list(scopeSpans["spans"]).map((span) => ({
        name: String(span["name"]),
        traceId: String(span["traceId"]),
        spanId: String(span["spanId"]),
        parentSpanId: String(span["parentSpanId"] ?? ""),
        kind: Number(span["kind"]),
        attributes: attributesOf(span["attributes"]),
        events: list(span["events"]).map((event) => ({
          name: String(event["name"]),
          attributes: attributesOf(event["attributes"])
        })),
        status: Number(object(span["status"])["code"] ?? 0),
        startNanos: BigInt(String(span["startTimeUnixNano"])),
        endNanos: BigInt(String(span["endTimeUnixNano"])),
        traceState: String(span["traceState"] ?? ""),
        resource: attributesOf(object(resourceSpans["resource"])["attributes"])
      }))
    )
  )

const metricOf = (metric: Json): CollectedMetric => {
  const kind = "histogram" in metric ? "histogram" : "sum" in metric ? "sum" : "gauge"
  const data = object(metric[kind])
  return {
    name: String(metric["name"]),
    unit: String(metric["unit"] ?? ""),
    kind,
    monotonic: data["isMonotonic"] === true,
    points: list(data["dataPoints"]).map((point) => ({
      attributes: attributesOf(point["attributes"]),
      value: point["count"] ?? point["asDouble"] ?? point["asInt"]
    }))
  }
}

const metricsOf = (body: Json): ReadonlyArray<CollectedMetric> =>
  list(body["resourceMetrics"]).flatMap((resourceMetrics) =>
    list(resourceMetrics["scopeMetrics"]).flatMap((scopeMetrics) => list(scopeMetrics["metrics"]).map(metricOf))
  )

export class FakeCollector extends Context.Service<
  FakeCollector,
  {
    /** Origin: what `OTEL_EXPORTER_OTLP_ENDPOINT` names. */
    readonly url: string
    readonly behave: (behaviour: Behaviour) => Effect.Effect<void>
    readonly requests: () => ReadonlyArray<OtlpRequest>
    /** Of the JSON that came. */
    readonly spans: () => ReadonlyArray<CollectedSpan>
    /** Of the last export that came as JSON. */
    readonly metrics: () => ReadonlyArray<CollectedMetric>
    /** Waits until it holds; it is asked again with every request that comes. */
    readonly until: (holds: () => boolean) => Effect.Effect<void>
  }
>()("@llm-router/testing/FakeCollector") {
  static readonly layer = Layer.effect(
    FakeCollector,
    Effect.gen(function* () {
      const requests: Array<OtlpRequest> = []
      const waiting = new Set<() => void>()
      let behaviour: Behaviour = "ok"
      const url = yield* listen({
        respond: (exchange) =>
          behaviour === "silent"
            ? Effect.never
            : exchange.send(behaviour === "ok" ? 200 : behaviour, "application/json", "{}"),
        onRequest: ({ body, path, request }) => {
          const bytes = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body
          requests.push({ path, headers: request.headers, body: bytes })
          for (const look of waiting) look()
        }
      })
      const decoded = (path: string): ReadonlyArray<Json> =>
        requests
          .filter(
            (request) => request.path.startsWith(path) && String(request.headers["content-type"]).includes("json")
          )
          .map(({ body }) => object(JSON.parse(body.toString())))
      return FakeCollector.of({
        url,
        behave: (next) =>
          Effect.sync(() => {
            behaviour = next
          }),
        requests: () => [...requests],
        spans: () => decoded("/v1/traces").flatMap(spansOf),
        metrics: () => decoded("/v1/metrics").slice(-1).flatMap(metricsOf),
        until: (holds) =>
          Effect.callback((resume) => {
            const look = () => {
              if (!holds()) return
              waiting.delete(look)
              resume(Effect.void)
            }
            waiting.add(look)
            look()
            return Effect.sync(() => waiting.delete(look))
          })
      })
    })
  )
}
