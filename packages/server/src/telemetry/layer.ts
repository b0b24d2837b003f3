/** The process's telemetry: metrics always, export where an endpoint is set. */
import { circuitOf } from "@llm-router/router/Classifier"
import { RouterMetrics } from "@llm-router/router/telemetry/RouterMetrics"
import { Telemetry } from "@llm-router/router/telemetry/Telemetry"
import { Effect, Layer } from "effect"
import { randomUUID } from "node:crypto"
import type { Settings } from "../settings.ts"
import { type ExportOptions, exportOptionsOf, resourceOf } from "./exportOptions.ts"

/** What is queued has this long to be sent when the process ends (spec 10: five seconds for all of it). */
const flushTime = "3 seconds"
/** How often a collector that stays away is told of. */
const reminderMillis = 60_000

type Signal = "traces" | "metrics"

/** Says when a collector goes away and when it is back, not with every batch. */
const reporter = (tell: (report: Effect.Effect<void>) => void, urls: Readonly<Record<Signal, string | undefined>>) => {
  const toldAt = new Map<Signal, number>()
  return (signal: Signal, error: string | undefined): void => {
    const before = toldAt.get(signal)
    if (error === undefined) {
      if (toldAt.delete(signal)) tell(Effect.logInfo(`The collector takes ${signal} again.`))
      return
    }
    const time = performance.now()
    if (before !== undefined && time - before < reminderMillis) return
    toldAt.set(signal, time)
    tell(Effect.logWarning(`The collector at ${urls[signal]} does not take ${signal}: ${error}`))
  }
}

const exporting = Effect.fnUntraced(function* (
  options: ExportOptions,
  resource: Readonly<Record<string, string>>,
  metrics: RouterMetrics,
  gauges: ReadonlySet<Effect.Effect<void>>
) {
  const context = yield* Effect.context<never>()
  const run = Effect.runForkWith(context)
  // The SDK is some fifty modules, which a start without it does not wait for.
  const { startExport } = yield* Effect.promise(() => import("./otlp.ts"))
  return yield* Effect.acquireRelease(
    Effect.promise(() =>
      startExport(options, {
        resource,
        metrics,
        refreshed: () =>
          Effect.runPromiseWith(context)(Effect.suspend(() => Effect.all([...gauges], { discard: true }))),
        onExport: reporter((report) => void run(report), { traces: options.tracesUrl, metrics: options.metricsUrl })
      })
    ),
    ({ shutdown }) =>
      Effect.promise(shutdown).pipe(Effect.interruptible, Effect.timeoutOption(flushTime), Effect.ignore)
  )
})

export const telemetryLayer = (settings: Settings) =>
  Layer.effect(
    Telemetry,
    Effect.gen(function* () {
      const metrics = new RouterMetrics([settings.routerApiModel, circuitOf("ollama"), circuitOf("api")])
      const gauges = new Set<Effect.Effect<void>>()
      const resource = resourceOf(settings, randomUUID())
      const options = exportOptionsOf(settings)
      const exported = options === undefined ? undefined : yield* exporting(options, resource, metrics, gauges)
      return { metrics, resource, gauges, tracer: exported?.tracer }
    })
  )
