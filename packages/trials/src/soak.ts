/**
 * Many requests against a router whose upstream fails, whose clients leave, whose operator changes things and whose
 * disk is full now and then. Afterwards every request is accounted for exactly once, and nothing is left open.
 */
import { mkdirSync } from "node:fs"
import { Agent } from "node:http"
import { join } from "node:path"
import { FakeOllama } from "@llm-router/testing/FakeOllama"
import { openRouterServer } from "@llm-router/testing/openRouterServer"
import { Effect, Fiber } from "effect"
import { type Accounts, accountsOf } from "./accounts.ts"
import { asked, type Outcome, type Seen } from "./client.ts"
import { diskAt } from "./disk.ts"
import { disturb } from "./disturbances.ts"
import { behaviourBy } from "./faults.ts"
import type { ProcessFacts } from "./probe.ts"
import { pick, randomFrom } from "./random.ts"
import { startRouter, trialDirectory } from "./RouterProcess.ts"

export interface SoakOptions {
  readonly requests: number
  /** Ends earlier, with the requests made by then. */
  readonly minutes: number
  readonly clients: number
  readonly seed: number
  /** Of upstream calls, in percent. */
  readonly faults: number
  /** Of clients, in percent. */
  readonly leavers: number
  readonly progress: (line: string) => void
}

export interface SoakReport {
  readonly asked: number
  readonly seconds: number
  readonly accounts: Accounts
  /** `requests` of `/metrics`, once all had ended. */
  readonly metrics: { readonly total: number; readonly success: number; readonly failed: number }
  readonly upstreamCalls: number
  readonly disturbances: Readonly<Record<string, number>>
  /** The first answers that the contract does not know. */
  readonly wrong: ReadonlyArray<string>
  readonly descriptors: { readonly before: number; readonly after: number }
  readonly before: ProcessFacts
  readonly warm: ProcessFacts
  readonly after: ProcessFacts
  readonly exitCode: number | null
}

const settings = {
  ROUTING_MODE: "hybrid",
  OPENROUTER_API_KEY: "sk-or-v1-soak",
  LOG_LEVEL: "info",
  UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "150",
  UPSTREAM_IDLE_TIMEOUT_MS: "150",
  STREAM_KEEPALIVE_MS: "100",
  REQUEST_TIMEOUT_MS: "3000",
  OLLAMA_TIMEOUT_MS: "50",
  ROUTER_API_TIMEOUT_MS: "100",
  CIRCUIT_OPEN_MS: "500",
  RETRIES_PER_MODEL: "1"
} as const

const subjects = [
  "write a python function",
  "why is the sky blue",
  "hello",
  "bonjour à tous",
  "keyword3 please"
] as const
const models = ["router", "auto", "a/one", "code", "router/reasoning", "custom-1", "z-ai/glm-5"] as const

/** The fakes close a connection that has brought nothing for five seconds. */
const idleConnectionsEnd = "6 seconds"
/** What an answer cost that was cut or left is asked for afterwards, twenty a second; a thousand wait at the most. */
const mostSettlingSeconds = 120

/** What is open closes by itself: connections to the upstream are in use until all costs are known. */
const settled = Effect.fnUntraced(function* (descriptors: () => number, wanted: number) {
  for (let second = 0; second < mostSettlingSeconds && descriptors() > wanted; second++) yield* Effect.sleep("1 second")
  return descriptors()
})

export const soak = Effect.fn("soak")(function* (options: SoakOptions) {
  const random = randomFrom(options.seed)
  const directory = yield* trialDirectory
  const data = join(directory, "data")
  mkdirSync(data)
  const disk = yield* diskAt(data)
  options.progress(
    disk === undefined ? "No disk of its own may be mounted: it will not be full." : "The disk can be full."
  )
  const ollama = yield* FakeOllama
  let upstreamCalls = 0
  const upstream = yield* openRouterServer({
    scriptFor: () => {
      upstreamCalls++
      return { behaviour: behaviourBy(random, options.faults / 100), turns: new Map() }
    },
    models: () => [],
    // More than there are calls in the time until the last cost is asked for.
    generationsKept: 100_000
  })
  const router = yield* startRouter(directory, {
    ...settings,
    OPENROUTER_BASE_URL: upstream,
    OLLAMA_BASE_URL: ollama.url,
    LEDGER_PATH: join(data, "ledger.sqlite"),
    ROUTER_CONFIG_PATH: join(directory, "config.json"),
    MODEL_LIST_PATH: join(directory, "models.json")
  })
  // The thread that answers questions opens the ledger for the first of them.
  yield* Effect.promise(() =>
    fetch(`${router.url}/usage`, { headers: { connection: "close" } }).then((response) => response.text())
  )
  // The start asked for the list of models.
  yield* Effect.sleep(idleConnectionsEnd)
  const before = yield* router.facts
  const descriptorsBefore = router.descriptors()

  const agent = new Agent({ keepAlive: true, maxSockets: options.clients })
  const ends: Array<Seen> = []
  const wrong: Array<string> = []
  const startedAt = performance.now()
  let next = 0
  let warm = before

  const isOver = () => next >= options.requests || performance.now() - startedAt >= options.minutes * 60_000
  const one = Effect.suspend(() => {
    const number = next++
    const leaves = random() < options.leavers / 100
    const ask = {
      id: `s-${number}`,
      stream: random() < 0.6,
      model: pick(random, models),
      words: `${pick(random, subjects)} ${Math.floor(random() * 100)}`,
      leavesAfterMillis: leaves ? random() * 40 : undefined
    }
    return Effect.map(asked(router.url, agent, ask), ({ note, seen }: Outcome) => {
      ends[number] = seen
      if (seen === "wrong" && wrong.length < 20) wrong.push(`s-${number} ${note}`)
    })
  })
  const client = Effect.whileLoop({ while: () => !isOver(), body: () => one, step: () => undefined })

  const disturbances: Record<string, number> = {}
  const did = (what: string) => void (disturbances[what] = (disturbances[what] ?? 0) + 1)
  const disturbing = yield* Effect.forkScoped(disturb({ url: router.url, ollama, disk, random, did }))
  const watching = yield* Effect.forkScoped(
    Effect.gen(function* () {
      for (let tenth = 1; tenth < 10; tenth++) {
        while (next < (options.requests * tenth) / 10) yield* Effect.sleep("200 millis")
        const facts = yield* router.facts
        if (tenth === 2) warm = facts
        const megabytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(1)
        options.progress(
          `${next} requests, ${((performance.now() - startedAt) / 1000).toFixed(0)} s: resident ` +
            `${megabytes(facts.residentBytes)} MiB, heap ${megabytes(facts.heapBytes)} MiB, ` +
            `buffers ${megabytes(facts.externalBytes)} MiB, descriptors ${router.descriptors()}`
        )
      }
    })
  )
  yield* Effect.all(
    Array.from({ length: options.clients }, () => client),
    { concurrency: "unbounded", discard: true }
  )
  const seconds = (performance.now() - startedAt) / 1000
  options.progress(`All ${next} requests have ended after ${seconds.toFixed(0)} s.`)
  yield* Fiber.interrupt(watching)
  yield* Fiber.interrupt(disturbing)
  agent.destroy()
  yield* ollama.reset
  const descriptorsAfter = yield* settled(router.descriptors, descriptorsBefore)
  const { requests } = yield* Effect.promise(
    async () =>
      // `/metrics` is checked against its declaration by the server's own tests.
      (await (await fetch(`${router.url}/metrics`, { headers: { connection: "close" } })).json()) as {
        readonly requests: SoakReport["metrics"]
      }
  )
  const after = yield* router.facts
  const exitCode = yield* router.stop
  return {
    asked: next,
    seconds,
    accounts: accountsOf(join(data, "ledger.sqlite"), ends),
    metrics: requests,
    upstreamCalls,
    disturbances,
    wrong,
    descriptors: { before: descriptorsBefore, after: descriptorsAfter },
    before,
    warm,
    after,
    exitCode
  } satisfies SoakReport
})

/** What a run must show, each with what it was; empty when all is well. Memory is judged by who knows the run's length. */
export const faultsOf = (report: SoakReport): ReadonlyArray<string> => {
  const { accounts, metrics } = report
  const must: ReadonlyArray<readonly [what: string, is: number | null, wanted: number]> = [
    ["requests lost", accounts.lost, 0],
    ["requests counted twice", accounts.doubled, 0],
    ["requests whose client saw another end", accounts.contradicted, 0],
    ["requests nobody asked", accounts.unknown, 0],
    ["requests with attempts astray", accounts.attemptsAstray, 0],
    ["answers against the contract", accounts.seen.wrong, 0],
    ["metrics' requests beside the ledger's", metrics.total, accounts.ledgerRequests],
    ["descriptors left open", Math.max(0, report.descriptors.after - report.descriptors.before), 0],
    ["exit code", report.exitCode, 0]
  ]
  return must.flatMap(([what, is, wanted]) => (is === wanted ? [] : [`${what}: ${is}, not ${wanted}`]))
}
