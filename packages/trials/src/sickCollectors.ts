/** Routers whose collector is no good, beside one without telemetry: what it costs their clients and their memory. */
import { Agent } from "node:http"
import { createServer } from "node:net"
import { listen, type ListenError } from "@llm-router/testing/listen"
import { openRouterServer } from "@llm-router/testing/openRouterServer"
import { ok } from "@llm-router/testing/script"
import { Effect, type Scope } from "effect"
import { asked } from "./client.ts"
import { percentile } from "./percentile.ts"
import { type RouterProcess, startRouter, trialDirectory, type TrialFailed } from "./RouterProcess.ts"

/** A port that nobody listens on. */
const deadCollector = Effect.callback<string>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(`http://127.0.0.1:${port}`)))
  })
})

const collectors = {
  off: Effect.succeed(undefined),
  "dead port": deadCollector,
  "black hole": listen({ respond: () => Effect.never }),
  "503": listen({ respond: (exchange) => exchange.send(503, "application/json", "{}") }),
  "stall of 30 s": listen({
    respond: (exchange) => Effect.delay(exchange.send(200, "application/json", "{}"), "30 seconds")
  })
}

type Collector = keyof typeof collectors
const collectorNames: ReadonlyArray<Collector> = ["off", "dead port", "black hole", "503", "stall of 30 s"]

interface Contestant {
  readonly collector: Collector
  readonly router: RouterProcess
  /** The 99th percentile of each round, in milliseconds. */
  readonly p99s: Array<number>
  /** Behind each round, in bytes. */
  readonly heaps: Array<number>
  failed: number
}

interface CollectorResult {
  readonly collector: Collector
  readonly failed: number
  /** The median of the rounds. */
  readonly p99_ms: number
  /** The median of the rounds' ratios to the router without telemetry in the same round. */
  readonly p99_ratio: number
  /** The same of the heap behind a full collection. */
  readonly heap_mib: number
  readonly heap_ratio: number
  readonly exit_code: number | null
  readonly exit_s: number
}

const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5)

/** The median of what each round's value is to the other's of the same round. */
const medianRatio = (values: ReadonlyArray<number>, others: ReadonlyArray<number>): number =>
  median(values.map((value, round) => value / (others[round] ?? value)))

/** Between two requests of a client: what is compared is time that a request takes, not what a busy process can do. */
const pause = "4 millis"

/** V8 throws code away at times of its own, megabytes of it: it is kept, so that heaps can be compared. */
const nodeOptions = ["--no-flush-bytecode"]

/** So many clients, each with one request after the other. */
const slice = Effect.fnUntraced(function* (contestant: Contestant, requests: number, clients: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const taken: Array<number> = []
  yield* Effect.forEach(
    Array.from({ length: requests }, (_, number) => number),
    (number) =>
      Effect.suspend(() => {
        const from = performance.now()
        const ask = {
          id: `c-${number}`,
          stream: number % 2 === 0,
          model: "a/one",
          words: "hi",
          leavesAfterMillis: undefined
        }
        return Effect.map(asked(contestant.router.url, agent, ask), ({ seen }) => {
          taken.push(performance.now() - from)
          if (seen !== "whole") contestant.failed++
        })
      }).pipe(Effect.andThen(Effect.sleep(pause))),
    { concurrency: clients, discard: true }
  )
  agent.destroy()
  return percentile(taken, 0.99)
})

/** Rounds in which each router has its turn, in an order that turns; the first one warms up. */
export const sickCollectors = Effect.fn("sickCollectors")(function* (options: {
  /** Of each router in each round. */
  readonly requests: number
  readonly clients: number
  readonly rounds: number
}) {
  const upstream = yield* openRouterServer({
    scriptFor: () => ({ behaviour: ok(), turns: new Map() }),
    models: () => []
  })
  const contestants = yield* Effect.forEach(
    collectorNames,
    Effect.fnUntraced(function* (collector): Effect.fn.Return<Contestant, ListenError | TrialFailed, Scope.Scope> {
      const endpoint = yield* collectors[collector]
      const env = {
        OPENROUTER_API_KEY: "sk-or-v1-collectors",
        OPENROUTER_BASE_URL: upstream,
        LOG_LEVEL: "info",
        ...(endpoint === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
      }
      const router = yield* startRouter(yield* trialDirectory, env, nodeOptions)
      return { collector, router, p99s: [], heaps: [], failed: 0 }
    })
  )
  for (let round = -1; round < options.rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(turn + round + 1) % contestants.length]
      if (contestant === undefined) continue
      const p99 = yield* slice(contestant, options.requests, options.clients)
      const { heapBytes } = yield* contestant.router.facts
      if (round < 0) continue
      contestant.p99s.push(p99)
      contestant.heaps.push(heapBytes)
    }
  }
  const [off] = contestants
  const results: Array<CollectorResult> = []
  for (const { collector, failed, heaps, p99s, router } of contestants) {
    const from = performance.now()
    const exitCode = yield* router.stop
    results.push({
      collector,
      failed,
      p99_ms: median(p99s),
      p99_ratio: medianRatio(p99s, off?.p99s ?? []),
      heap_mib: median(heaps) / 1024 / 1024,
      heap_ratio: medianRatio(heaps, off?.heaps ?? []),
      exit_code: exitCode,
      exit_s: (performance.now() - from) / 1000
    })
  }
  return results
})
