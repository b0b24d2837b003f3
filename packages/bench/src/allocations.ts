/**
 * Bytes that the server's heap allocates for each request of a fixed script: counted work, which is the same on a busy
 * machine and on an idle one. The compiler is held back, so that the count does not depend on when it sets in.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { requestFor } from "./Arena.ts"
import { Connection } from "./Connection.ts"
import { type Contestant, contestants } from "./contestants.ts"
import type { CountAsked, Counted } from "./counted.ts"
import { BenchError, freePort, helper, started, told } from "./processes.ts"
import { place as numberPlace } from "./requests.ts"

/** Sent one after another; the first ones are not counted. */
const uncounted = 50
/** Batches that are counted. What timers do in between can only add: the least of them is the figure. */
const batches = 6
const requestsPerBatch = 10

const script = {
  json: { work: "chat", topic: "code", size: "ordinary", stream: false },
  stream: { work: "chat", topic: "code", size: "ordinary", stream: true },
  agent: { work: "chat", topic: "code", size: "agent", stream: false },
  missing: { work: "missing", topic: "missing", size: "ordinary", stream: false }
} as const

type Script = keyof typeof script
export const scripts: ReadonlyArray<Script> = ["json", "stream", "agent", "missing"]
export type Allocations = Readonly<Partial<Record<Script, number>>>

/** What the script allocated when it was last accepted: bytes for each request. */
export const baselineFile = fileURLToPath(new URL("../allocations.json", import.meta.url))

/** Six counts of the same code lay within 0.9 % of one another, on a machine with ten times the work it could do. */
export const tolerance = 0.03

const flags = [
  "--expose-gc",
  "--max-semi-space-size=512",
  "--min-semi-space-size=512",
  "--no-opt",
  "--no-maglev",
  "--no-sparkplug",
  "--no-lazy-feedback-allocation",
  "--single-threaded-gc"
]

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "llm-router-count-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

const connected = (port: number): Effect.Effect<Connection | undefined> =>
  Effect.callback((resume) => {
    const connection = new Connection(port, () => resume(Effect.succeed(connection)))
    // A port where nobody listens yet closes at once.
    connection.onClose = () => resume(Effect.undefined)
  })

const connectedOnceUp = (port: number): Effect.Effect<Connection, BenchError> =>
  Effect.gen(function* () {
    while (true) {
      const connection = yield* connected(port)
      if (connection !== undefined) return connection
      yield* Effect.sleep("20 millis")
    }
  }).pipe(
    Effect.timeoutOrElse({
      duration: "30 seconds",
      orElse: () => Effect.fail(new BenchError({ message: "the server does not listen" }))
    })
  )

const send = (connection: Connection, request: string, number: number): Effect.Effect<void, BenchError> =>
  Effect.callback((resume) => {
    const text = request.replace(numberPlace, String(number).padStart(numberPlace.length, "0"))
    connection.send(Buffer.from(text), false, (outcome) => {
      const fault = "fault" in outcome ? outcome.fault : outcome.status === 200 ? undefined : `status ${outcome.status}`
      resume(fault === undefined ? Effect.void : Effect.fail(new BenchError({ message: fault })))
    })
  })

/** Bytes for each request, by the kind of request. `env` adds to the server's environment. */
export const allocationsPerRequest = Effect.fnUntraced(function* (
  kinds: ReadonlyArray<Script>,
  env: Readonly<Record<string, string>> = {}
) {
  const directory = yield* temporaryDirectory
  const upstream = yield* helper("upstream", "upstream", directory)
  const { port: upstreamPort } = yield* told<{ readonly port: number }>(upstream)
  const port = yield* freePort
  const programs = { nginx: undefined, portkey: undefined }
  const place = { port, upstreamPort, upstream: `http://127.0.0.1:${upstreamPort}`, directory, programs }
  const contestant: Contestant | undefined = contestants.find(({ name }) => name === "keywords")
  if (contestant === undefined) return yield* new BenchError({ message: "there is no contestant keywords" })
  for (const [name, text] of Object.entries(contestant.files(place))) writeFileSync(join(directory, name), text)
  const server = yield* started({
    role: "contestant",
    directory,
    log: "server.log",
    talks: true,
    command: [process.execPath, ...flags, fileURLToPath(new URL("counted.ts", import.meta.url))],
    env: { ...contestant.env(place), ...env }
  })
  const connection = yield* Effect.acquireRelease(connectedOnceUp(port), (open) => Effect.sync(() => open.destroy()))
  const bytes: Partial<Record<Script, number>> = {}
  for (const kind of kinds) {
    const { work, ...options } = script[kind]
    const request = requestFor({ contestant, place }, work, { ...options, manner: undefined }) ?? ""
    const repeat = (times: number) =>
      Effect.forEach(Array.from({ length: times }), (_, index) => send(connection, request, index), { discard: true })
    yield* repeat(uncounted)
    const totals = yield* Effect.forEach(
      Array.from({ length: batches }),
      Effect.fnUntraced(function* () {
        yield* told<Counted>(server, { ask: "begin" } satisfies CountAsked)
        yield* repeat(requestsPerBatch)
        return (yield* told<Counted>(server, { ask: "end" } satisfies CountAsked)).bytes
      })
    )
    bytes[kind] = Math.round(Math.min(...totals) / requestsPerBatch)
  }
  return bytes satisfies Allocations
})
