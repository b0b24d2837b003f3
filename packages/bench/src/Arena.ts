/**
 * A run's processes: the upstream, the load generator, and contestants that are started on demand.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import type { Contestant, Place, Programs, Work } from "./contestants.ts"
import type { Asked, Job, Report, Told } from "./job.ts"
import { BenchError, freePort, helper, type Running, started, told } from "./processes.ts"
import { machineCpuMicros, residentMegabytesOf } from "./procfs.ts"
import { bodyOf, place as numberPlace, type RequestOptions } from "./requests.ts"

/** A contestant that answers. */
export interface Entrant {
  readonly contestant: Contestant
  readonly place: Place
  readonly running: Running
  /** From its spawn to its first answer. */
  readonly startMillis: number
  /** CPU time that it had used by then: the part of its start that does not depend on what else runs. */
  readonly startCpuMillis: number
  readonly idleMegabytes: number
}

/** What one slice of work showed. */
export interface Measured extends Report {
  /** CPU time of the contestant for each answer, or in a `held` job for each chunk. */
  readonly cpuMicros: number | undefined
  /** Calls that reached the upstream for each answer. */
  readonly upstreamCalls: number | undefined
  /** Share of a core that the upstream and the load generator used together. */
  readonly helpersBusy: number
  /** Cores that processes outside of the run used. */
  readonly othersBusy: number
}

export interface Arena {
  readonly enter: (contestant: Contestant) => Effect.Effect<Entrant, BenchError, Scope.Scope>
  readonly measure: (entrant: Entrant, job: Omit<Job, "port">) => Effect.Effect<Measured, BenchError>
}

/** The bytes of a request as this contestant wants it. */
export const requestFor = (
  { contestant, place }: Pick<Entrant, "contestant" | "place">,
  work: Work,
  options: Omit<RequestOptions, "model">
): string | undefined => {
  const call = contestant.calls[work]?.(place)
  if (call === undefined) return undefined
  const body = bodyOf({ ...options, model: call.model })
  const headers = {
    host: `127.0.0.1:${place.port}`,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...call.headers
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${call.path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`
}

const firstAnswerWithinMillis = 20_000

/** Asks until the first 200; fails when the process ends, or takes too long. */
const firstAnswer = (running: Running, origin: string, request: string): Effect.Effect<void, BenchError> => {
  const [head = "", body = ""] = request.split("\r\n\r\n")
  const [first = "", ...lines] = head.split("\r\n")
  const headers = lines
    .map((line): [string, string] => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()])
    .filter(([name]) => name !== "host" && name !== "content-length")
  const ask = Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(`${origin}${first.split(" ")[1]}`, { method: "POST", headers, body, signal })
      await response.arrayBuffer()
      return response.status === 200
    },
    catch: () => false
  }).pipe(Effect.orElseSucceed(() => false))
  const attempt: Effect.Effect<void, BenchError> = Effect.flatMap(ask, (answered) => {
    if (answered) return Effect.void
    const { exitCode, pid } = running.child
    return pid === undefined || exitCode !== null
      ? Effect.fail(new BenchError({ message: `it ended: ${running.printed().trim()}` }))
      : Effect.delay(attempt, "5 millis")
  })
  return attempt.pipe(
    Effect.timeoutOrElse({
      duration: firstAnswerWithinMillis,
      orElse: () => Effect.fail(new BenchError({ message: `it does not answer: ${running.printed().trim()}` }))
    })
  )
}

/** Starts the upstream and the load generator; everything ends with the scope. */
export const arena = Effect.fnUntraced(function* (programs: Programs) {
  const root = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "llm-router-bench-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )
  const upstream = yield* helper("upstream", "upstream", root)
  const { port: upstreamPort } = yield* told<{ readonly port: number }>(upstream)
  const load = yield* helper("load", "load", root)
  const upstreamCalls = Effect.map(told<{ readonly calls: number }>(upstream, { ask: "calls" }), ({ calls }) => calls)
  const ask = (asked: Asked) => told<Told>(load, asked)
  let entered = 0

  const enter: Arena["enter"] = Effect.fnUntraced(function* (contestant) {
    const directory = join(root, `${contestant.name}-${++entered}`)
    mkdirSync(directory)
    const port = yield* freePort
    const place = { port, upstreamPort, upstream: `http://127.0.0.1:${upstreamPort}`, directory, programs }
    for (const [name, text] of Object.entries(contestant.files(place))) writeFileSync(join(directory, name), text)
    const startedAt = performance.now()
    const running = yield* started({
      role: "contestant",
      directory,
      log: "output.log",
      command: contestant.command(place),
      env: contestant.env(place)
    })
    const work = contestant.calls.chat === undefined ? "decide" : "chat"
    const request = requestFor({ contestant, place }, work, {
      topic: "code",
      size: "ordinary",
      stream: false,
      manner: undefined
    })
    yield* firstAnswer(running, `http://127.0.0.1:${port}`, request ?? "")
    const startMillis = performance.now() - startedAt
    const startCpuMillis = running.cpuMicros() / 1000
    return {
      contestant,
      place,
      running,
      startMillis,
      startCpuMillis,
      idleMegabytes: residentMegabytesOf(running.pids())
    }
  })

  const measure: Arena["measure"] = (entrant, job) =>
    Effect.gen(function* () {
      yield* ask({ ask: "prepare", job: { ...job, port: entrant.place.port } })
      // The contestant's side of the new connections is not part of the work.
      yield* Effect.sleep("20 millis")
      const callsBefore = yield* upstreamCalls
      const helpersCpu = () => upstream.cpuMicros() + load.cpuMicros() + process.cpuUsage().user
      const [machine, helpers, before] = [machineCpuMicros(), helpersCpu(), entrant.running.cpuMicros()]
      const startedAt = performance.now()
      const answer = yield* ask({ ask: "go" })
      const used = entrant.running.cpuMicros() - before
      const helped = helpersCpu() - helpers
      const tookMicros = (performance.now() - startedAt) * 1000
      const others = machineCpuMicros() - machine - used - helped
      const calls = (yield* upstreamCalls) - callsBefore
      yield* ask({ ask: "close" })
      if (answer.told !== "report") return yield* new BenchError({ message: "the load generator gave no report" })
      const { report } = answer
      const units = job.pace.kind === "held" ? report.reads : report.answers
      return {
        ...report,
        cpuMicros: units === 0 ? undefined : used / units,
        upstreamCalls: report.answers === 0 ? undefined : calls / report.answers,
        helpersBusy: helped / tookMicros,
        othersBusy: Math.max(0, others / tookMicros)
      }
    })

  return { enter, measure } satisfies Arena
})

export const jobFor = (request: string, pace: Job["pace"], seconds: number, events: number): Omit<Job, "port"> => ({
  request,
  place: numberPlace,
  pace,
  seconds,
  events
})
