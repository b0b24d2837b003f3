/** What a router under attack still does for its other clients, and what it takes of the machine's memory. */
import { readFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { openRouterServer } from "@llm-router/testing/openRouterServer"
import { type Behaviour, cut, endless, errorAfter, ok, stall } from "@llm-router/testing/script"
import { Effect, Schedule } from "effect"
import { attackedBy, type Tally } from "./attackers.ts"
import { attackNames } from "./attacks.ts"
import { asked, type Seen } from "./client.ts"
import { failures } from "./faults.ts"
import { percentile } from "./percentile.ts"
import { pick, randomFrom } from "./random.ts"
import { type RouterProcess, startRouter, trialDirectory } from "./RouterProcess.ts"

const started = Effect.fnUntraced(function* (
  behaviourOf: (model: string, stream: boolean) => Behaviour,
  env: Readonly<Record<string, string>> = {}
) {
  const upstream = yield* openRouterServer({
    scriptFor: ({ model, stream }) => ({ behaviour: behaviourOf(model, stream), turns: new Map() }),
    models: () => []
  })
  return yield* startRouter(yield* trialDirectory, {
    OPENROUTER_API_KEY: "sk-or-v1-siege",
    OPENROUTER_BASE_URL: upstream,
    LOG_LEVEL: "info",
    ...env
  })
})

/** Resident bytes, without a collection first. */
const residentBytes = ({ pid }: RouterProcess): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024

/**
 * Requests to a chain of three models of which the last is well and the others fail in every way that may be fallen
 * back from. Without a stream an answer that breaks off is one of those; a stream that has begun cannot be taken back.
 */
export const oneHealthy = Effect.fn("oneHealthy")(function* (options: {
  readonly requests: number
  readonly clients: number
  readonly seed: number
}) {
  const random = randomFrom(options.seed)
  const [first, ...rest] = failures
  // Blanks before a whole answer are how OpenRouter says that it is coming: only the request's own time bounds them.
  const wholeFailures = [
    first,
    ...rest.filter(({ _tag }) => _tag !== "HangAfterHeaders"),
    cut(2),
    errorAfter(2)
  ] as const
  const router = yield* started(
    (model, stream) => (model === "good/one" ? ok() : pick(random, stream ? failures : wholeFailures)),
    // Circuits that never open: each request meets the failures.
    { CIRCUIT_FAILURE_THRESHOLD: "1000", UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "2000", UPSTREAM_IDLE_TIMEOUT_MS: "2000" }
  )
  yield* Effect.promise(async () => {
    const body = JSON.stringify({ name: "under-test", models: ["bad/one", "bad/two", "good/one"] })
    const headers = { "content-type": "application/json" }
    await (await fetch(`${router.url}/config/category`, { method: "POST", headers, body })).text()
  })
  const agent = new Agent({ keepAlive: true, maxSockets: options.clients })
  const seen: Partial<Record<Seen, number>> = {}
  const failed: Array<string> = []
  yield* Effect.forEach(
    Array.from({ length: options.requests }, (_, number) => number),
    (number) =>
      Effect.map(
        asked(router.url, agent, {
          id: `h-${number}`,
          stream: random() < 0.5,
          model: "under-test",
          words: "hello",
          leavesAfterMillis: undefined
        }),
        (outcome) => {
          seen[outcome.seen] = (seen[outcome.seen] ?? 0) + 1
          if (outcome.seen !== "whole" && failed.length < 5) failed.push(`${outcome.status} ${outcome.note}`)
        }
      ),
    { concurrency: options.clients, discard: true }
  )
  agent.destroy()
  return { seen, failed }
})

const sumOf = (tallies: ReadonlyArray<Tally>, of: (tally: Tally) => number): number =>
  tallies.reduce((sum, tally) => sum + of(tally), 0)

const answersOf = (tallies: ReadonlyArray<Tally>): Readonly<Record<string, number>> => {
  const all: Record<string, number> = {}
  for (const { answers } of tallies) {
    for (const [status, count] of Object.entries(answers)) all[status] = (all[status] ?? 0) + count
  }
  return all
}

/** A well-behaved client, one request after the other: how long each took, in milliseconds. */
const latencies = Effect.fnUntraced(function* (url: string, requests: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const taken: Array<number> = []
  let failed = 0
  for (let number = 0; number < requests; number++) {
    const from = performance.now()
    const ask = { id: `n-${number}`, stream: false, model: "good/one", words: "hi", leavesAfterMillis: undefined }
    const { seen } = yield* asked(url, agent, ask)
    taken.push(performance.now() - from)
    if (seen !== "whole") failed++
    yield* Effect.sleep("2 millis")
  }
  agent.destroy()
  return { taken, failed }
})

interface SiegeResult {
  readonly attack: string
  /** Requests of the normal client that were not answered as they should be. */
  readonly failed: number
  readonly quiet_p50_ms: number
  readonly besieged_p50_ms: number
  readonly quiet_p99_ms: number
  readonly besieged_p99_ms: number
  readonly p99_ratio: number
  readonly resident_mib: number
  /** What the attackers reached. */
  readonly attackers: {
    readonly connections_per_s: number
    readonly mib_per_s: number
    /** By status. */
    readonly answers: Readonly<Record<string, number>>
  }
}

const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5)

/**
 * Quiet times and times amid each attack, in turns: the median of the rounds' p99 of a normal client amid it, to that
 * in quiet. One round that something else on the machine disturbs decides nothing.
 */
export const siege = Effect.fn("siege")(function* (options: {
  readonly sockets: number
  /** Of the normal client, in each part of each round. */
  readonly requests: number
  readonly rounds: number
}) {
  const router = yield* started(() => ok())
  yield* latencies(router.url, 500)
  const results: Array<SiegeResult> = []
  for (const attack of attackNames) {
    const quiet: Array<ReadonlyArray<number>> = []
    const besieged: Array<ReadonlyArray<number>> = []
    const tallies: Array<Tally> = []
    let failed = 0
    for (let round = 0; round < options.rounds; round++) {
      const before = yield* latencies(router.url, options.requests)
      const amid = yield* Effect.scoped(
        Effect.gen(function* () {
          const tally = yield* attackedBy(attack, { url: router.url, sockets: options.sockets })
          yield* Effect.repeat(Effect.delay(tally, "100 millis"), {
            until: ({ connections }) => connections >= options.sockets
          })
          const measured = yield* latencies(router.url, options.requests)
          tallies.push(yield* tally)
          return measured
        })
      )
      yield* Effect.sleep("1 second")
      quiet.push(before.taken)
      besieged.push(amid.taken)
      failed += before.failed + amid.failed
    }
    const p99 = (parts: ReadonlyArray<ReadonlyArray<number>>) => median(parts.map((part) => percentile(part, 0.99)))
    const seconds = sumOf(tallies, (tally) => tally.seconds)
    results.push({
      attack,
      failed,
      quiet_p50_ms: median(quiet.flat()),
      besieged_p50_ms: median(besieged.flat()),
      quiet_p99_ms: p99(quiet),
      besieged_p99_ms: p99(besieged),
      p99_ratio: p99(besieged) / p99(quiet),
      resident_mib: residentBytes(router) / 1024 / 1024,
      attackers: {
        connections_per_s: sumOf(tallies, (tally) => tally.connections) / seconds,
        mib_per_s: sumOf(tallies, (tally) => tally.sentBytes) / 1024 / 1024 / seconds,
        answers: answersOf(tallies)
      }
    })
  }
  return results
})

/** Streams whose first token has come and then nothing: how many stand, and the bytes each takes. */
export const idleStreams = Effect.fn("idleStreams")(function* (options: { readonly streams: number }) {
  const limit = String(options.streams + 1_000)
  const router = yield* started(() => stall(1), {
    MAX_CONCURRENT_REQUESTS: limit,
    MAX_CONNECTIONS: limit,
    UPSTREAM_MAX_CONNECTIONS: limit,
    STREAM_KEEPALIVE_MS: "3600000",
    UPSTREAM_IDLE_TIMEOUT_MS: "3600000",
    UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "120000",
    UPSTREAM_CONNECT_TIMEOUT_MS: "120000"
  })
  const before = yield* router.facts
  const agent = new Agent({ keepAlive: false })
  let standing = 0
  const body = JSON.stringify({ model: "a/one", stream: true, messages: [{ role: "user", content: "hi" }] })
  const opened = Effect.callback<void>((resume) => {
    const headers = { "content-type": "application/json" }
    const call = request(`${router.url}/v1/chat/completions`, { method: "POST", agent, headers }, (response) => {
      response.once("data", () => {
        standing++
        resume(Effect.void)
      })
      response.on("close", () => standing--)
      response.on("error", () => undefined)
    })
    call.on("error", () => resume(Effect.void))
    call.end(body)
  })
  yield* Effect.forEach(Array.from({ length: options.streams }), () => opened, { concurrency: 100, discard: true })
  const amid = yield* router.facts
  const result = {
    asked: options.streams,
    standing,
    resident_mib: amid.residentBytes / 1024 / 1024,
    heap_mib: amid.heapBytes / 1024 / 1024,
    resident_kib_per_stream: (amid.residentBytes - before.residentBytes) / 1024 / standing
  }
  agent.destroy()
  return result
})

/** Clients that ask for endless streams and read nothing of them: the largest resident memory, second by second. */
export const slowReaders = Effect.fn("slowReaders")(function* (options: {
  readonly readers: number
  readonly seconds: number
}) {
  const router = yield* started(() => endless(0), { CLIENT_STALL_TIMEOUT_MS: "600000" })
  const before = yield* router.facts
  const agent = new Agent({ keepAlive: false })
  const body = JSON.stringify({ model: "a/one", stream: true, messages: [{ role: "user", content: "hi" }] })
  for (let reader = 0; reader < options.readers; reader++) {
    const headers = { "content-type": "application/json" }
    request(`${router.url}/v1/chat/completions`, { method: "POST", agent, headers }, (response) => response.pause())
      .on("error", () => undefined)
      .end(body)
  }
  let most = 0
  yield* Effect.repeat(
    Effect.sync(() => {
      most = Math.max(most, residentBytes(router))
    }),
    Schedule.spaced("1 second").pipe(Schedule.upTo({ times: options.seconds }))
  )
  const after = yield* router.facts
  agent.destroy()
  return {
    readers: options.readers,
    before_mib: before.residentBytes / 1024 / 1024,
    most_mib: most / 1024 / 1024,
    heap_growth_mib: (after.heapBytes - before.heapBytes) / 1024 / 1024
  }
})
