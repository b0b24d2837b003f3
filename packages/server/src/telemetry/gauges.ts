/** What is read when metrics are: circuits, the ledger's queue, the process. */
import type { PicoDollars } from "@llm-router/domain/Money"
import { modelsOf } from "@llm-router/domain/RouterConfig"
import { CircuitBreaker, type CircuitState } from "@llm-router/router/CircuitBreaker"
import { circuitOf } from "@llm-router/router/Classifier"
import { ConfigStore } from "@llm-router/router/ConfigStore"
import { CostLedger } from "@llm-router/router/CostLedger"
import type { RouterMetrics } from "@llm-router/router/telemetry/RouterMetrics"
import { Telemetry } from "@llm-router/router/telemetry/Telemetry"
import { Effect, Layer } from "effect"
import { monitorEventLoopDelay } from "node:perf_hooks"

const stateNumbers: Readonly<Record<CircuitState, number>> = { closed: 0, half_open: 1, open: 2 }

/** Delays of the last one to two of these are told, to whoever asks and however often. */
const delayWindowMillis = 15_000
const delayResolutionMillis = 10

/** Percentiles of the recent event loop delay, in seconds. The timer's own period is no delay. */
const eventLoopDelay = (histogram: ReturnType<typeof monitorEventLoopDelay>) => {
  let windowFrom = performance.now()
  let before = { p50: 0, p99: 0, max: 0 }
  const secondsOf = (nanos: number) =>
    Number.isFinite(nanos) ? Math.max(0, nanos / 1e9 - delayResolutionMillis / 1e3) : 0
  return () => {
    const now =
      histogram.count === 0
        ? before
        : {
            p50: secondsOf(histogram.percentile(50)),
            p99: secondsOf(histogram.percentile(99)),
            max: secondsOf(histogram.max)
          }
    if (performance.now() - windowFrom < delayWindowMillis) return now
    windowFrom = performance.now()
    before = now
    histogram.reset()
    return now
  }
}

/** Sums of what was reported and of what the price table says of the same calls, under the models that labels know. */
const driftByLabel = (drifts: ReturnType<CostLedger["Service"]["drift"]>, metrics: RouterMetrics) => {
  const sums = new Map<string, { readonly computed: PicoDollars; readonly reported: PicoDollars }>()
  for (const [model, { computed, reported }] of drifts) {
    const label = metrics.modelLabel(model)
    const sum = sums.get(label)
    sums.set(label, { computed: computed + (sum?.computed ?? 0n), reported: reported + (sum?.reported ?? 0n) })
  }
  for (const [label, { computed }] of sums) if (computed <= 0n) sums.delete(label)
  return sums
}

export const gauges = Layer.effectDiscard(
  Effect.gen(function* () {
    const telemetry = yield* Telemetry
    const circuits = yield* CircuitBreaker
    const store = yield* ConfigStore
    const ledger = yield* CostLedger
    const { metrics } = telemetry
    const histogram = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const monitor = monitorEventLoopDelay({ resolution: delayResolutionMillis })
        monitor.enable()
        return monitor
      }),
      (monitor) => Effect.sync(() => monitor.disable())
    )
    const delay = eventLoopDelay(histogram)

    const refresh = Effect.gen(function* () {
      const config = store.currentUnsafe()
      metrics.configured(config)
      const views = yield* circuits.views
      const circuitKeys = new Set([...modelsOf(config), circuitOf("ollama"), circuitOf("api")])
      metrics.breakerState.retain(circuitKeys)
      for (const key of circuitKeys) {
        metrics.breakerState.at(key).set(stateNumbers[views.get(key)?.state ?? "closed"])
      }
      const drifts = driftByLabel(ledger.drift(), metrics)
      metrics.costDrift.retain(drifts)
      for (const [model, { computed, reported }] of drifts) {
        metrics.costDrift.at(model).set(Number(reported) / Number(computed) - 1)
      }
      const { lost, queued } = ledger.status()
      metrics.ledgerQueue.at().set(queued)
      metrics.ledgerLost.at().set(lost)
      const { max, p50, p99 } = delay()
      metrics.eventLoopP50.at().set(p50)
      metrics.eventLoopP99.at().set(p99)
      metrics.eventLoopMax.at().set(max)
      const { system, user } = process.cpuUsage()
      metrics.cpuTime.at("user").set(user / 1e6)
      metrics.cpuTime.at("system").set(system / 1e6)
      metrics.memory.at().set(process.memoryUsage.rss())
      metrics.startTime.at().set(performance.timeOrigin / 1000)
      metrics.uptime.at().set(performance.now() / 1000)
    })
    yield* refresh
    yield* Effect.acquireRelease(
      Effect.sync(() => telemetry.gauges.add(refresh)),
      () => Effect.sync(() => telemetry.gauges.delete(refresh))
    )
  })
)
