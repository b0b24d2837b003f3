/** The server with a fake collector behind it. */
import { type CollectedSpan, FakeCollector } from "@llm-router/testing/FakeCollector"
import { Effect, Layer } from "effect"
import { testServer } from "./harness.ts"

/** JSON, so that it can be read, and soon. */
const readable = {
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  OTEL_BSP_SCHEDULE_DELAY: "10",
  OTEL_METRIC_EXPORT_INTERVAL: "100"
}

/** Runs a test against a server of its own that exports to a collector of its own. */
export const withCollector =
  (env: Readonly<Record<string, string>> = {}) =>
  <A, E, R>(test: Effect.Effect<A, E, R>) =>
    Effect.provide(
      test,
      Layer.unwrap(
        Effect.map(FakeCollector, ({ url }) => testServer({ OTEL_EXPORTER_OTLP_ENDPOINT: url, ...readable, ...env }))
      ).pipe(Layer.provideMerge(Layer.fresh(FakeCollector.layer))),
      { local: true }
    )

/** Waits for the server span of this request; gives every span that came with its trace. */
export const traceOf = (requestId: string) =>
  Effect.gen(function* () {
    const collector = yield* FakeCollector
    const root = () => collector.spans().find(({ attributes }) => attributes["llm_router.request.id"] === requestId)
    yield* collector.until(() => root() !== undefined)
    return collector.spans().filter(({ traceId }) => traceId === root()?.traceId)
  })

/** A trace as text: names, attributes and events, as a tree. */
export const drawn = (spans: ReadonlyArray<CollectedSpan>): string => {
  const known = new Set(spans.map(({ spanId }) => spanId))
  const lines = (parent: (span: CollectedSpan) => boolean, depth: number): ReadonlyArray<string> =>
    spans
      .filter(parent)
      .toSorted((one, other) => Number(one.startNanos - other.startNanos))
      .flatMap((span) => [
        `${"  ".repeat(depth)}${span.name}${span.status === 2 ? " [error]" : ""}`,
        ...Object.entries(span.attributes).map(
          ([name, value]) => `${"  ".repeat(depth)}  · ${name} = ${String(value)}`
        ),
        ...span.events.map((event) =>
          `${"  ".repeat(depth)}  ! ${event.name} ${Object.values(event.attributes).join(" ")}`.trimEnd()
        ),
        ...lines(({ parentSpanId }) => parentSpanId === span.spanId, depth + 1)
      ])
  return lines(({ parentSpanId }) => !known.has(parentSpanId), 0).join("\n")
}
