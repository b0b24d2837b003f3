/**
 * What is not measured in rounds of slices: start-up and memory, the cost of many categories and of many streams.
 */
import { Effect } from "effect"
import { type Arena, type Entrant, jobFor, requestFor } from "./Arena.ts"
import { type Contestant, router } from "./contestants.ts"
import { residentMegabytesOf } from "./procfs.ts"
import { type Spread, spreadOf } from "./statistics.ts"

type Say = (line: string) => void

/** Spawn to the first answered chat completion, and the memory of the process that has done no more than that. */
export const startsOf = (contestant: string, entrants: ReadonlyArray<Entrant>) => ({
  contestant,
  startMillis: spreadOf(entrants.map(({ startMillis }) => startMillis)),
  startCpuMillis: spreadOf(entrants.map(({ startCpuMillis }) => startCpuMillis)),
  idleMegabytes: spreadOf(entrants.map(({ idleMegabytes }) => idleMegabytes))
})

/** Fresh processes, one after another. */
export const measureStarts = (arena: Arena, contestants: ReadonlyArray<Contestant>, times: number) =>
  Effect.forEach(contestants, (contestant) =>
    Effect.map(
      Effect.forEach(Array.from({ length: times }), () => Effect.scoped(arena.enter(contestant))),
      (entrants) => startsOf(contestant.name, entrants)
    )
  )

const chatRequest = (entrant: Entrant, stream: boolean, manner?: string): string =>
  requestFor(entrant, "chat", { topic: "code", size: "ordinary", stream, manner }) ?? ""

/** Memory and CPU time after this many requests; stops after a minute in any case. */
export const measureSoak = (arena: Arena, contestants: ReadonlyArray<Contestant>, requests: number, say: Say) =>
  Effect.forEach(contestants, (contestant) =>
    Effect.scoped(
      Effect.gen(function* () {
        say(`soak: ${contestant.name}, ${requests} requests`)
        const entrant = yield* arena.enter(contestant)
        let answers = 0
        let cpuMicros: number | undefined
        for (const deadline = performance.now() + 60_000; answers < requests && performance.now() < deadline;) {
          const pace = { kind: "closed", connections: 32, most: requests - answers } as const
          const measured = yield* arena.measure(entrant, jobFor(chatRequest(entrant, false), pace, 10, 0))
          if (measured.answers === 0) break
          answers += measured.answers
          cpuMicros = measured.cpuMicros
        }
        yield* Effect.sleep("2 seconds")
        return {
          contestant: contestant.name,
          requests: answers,
          /** For each answer of the last ten seconds: of code that is as warm as it gets. */
          cpuMicros,
          idleMegabytes: entrant.idleMegabytes,
          afterMegabytes: residentMegabytesOf(entrant.running.pids())
        }
      })
    )
  )

/** Streams send this many events a second in all, however many they are. */
const eventsPerSecond = 2000
const streamCounts = [10, 100, 1000]

/** CPU time for each chunk when the same chunks come over 10, 100 and 1,000 streams that are open. */
export const measureStreams = (arena: Arena, contestants: ReadonlyArray<Contestant>, rounds: number, say: Say) =>
  Effect.scoped(
    Effect.gen(function* () {
      const entrants = yield* Effect.forEach(contestants, (contestant) => arena.enter(contestant))
      const samples: Array<{
        readonly contestant: string
        readonly streams: number
        readonly cpuMicros: number | undefined
      }> = []
      // The first round warms up.
      for (let round = -1; round < rounds; round++) {
        say(`streams: ${round < 0 ? "warm-up" : `round ${round + 1} of ${rounds}`}`)
        for (const streams of streamCounts) {
          for (const entrant of entrants) {
            const request = chatRequest(entrant, true, `endless-${Math.round((streams * 1000) / eventsPerSecond)}`)
            const job = jobFor(request, { kind: "held", streams }, 1.5, 0)
            const { cpuMicros } = yield* arena.measure(entrant, job)
            if (round >= 0) samples.push({ contestant: entrant.contestant.name, streams, cpuMicros })
          }
        }
      }
      return contestants.map(({ name }) => ({
        contestant: name,
        cpuMicrosPerChunk: Object.fromEntries(
          streamCounts.map((streams): [string, Spread | undefined] => [
            String(streams),
            spreadOf(
              samples
                .filter((sample) => sample.contestant === name && sample.streams === streams)
                .map(({ cpuMicros }) => cpuMicros)
            )
          ])
        )
      }))
    })
  )

const categoryCounts = [0, 1, 10, 100, 1000]

/** CPU time for each decision with ever more custom categories of 50 keywords each, and the time to start with them. */
export const measureGrowth = (arena: Arena, mode: string, rounds: number, say: Say) =>
  Effect.scoped(
    Effect.gen(function* () {
      const entrants = yield* Effect.forEach(categoryCounts, (categories) =>
        Effect.map(arena.enter(router({ name: `${mode}-${categories}`, about: "", mode, categories })), (entrant) => ({
          categories,
          entrant,
          cpuMicros: new Array<number | undefined>()
        }))
      )
      for (let round = -1; round < rounds; round++) {
        say(`categories, ${mode}: ${round < 0 ? "warm-up" : `round ${round + 1} of ${rounds}`}`)
        for (const { cpuMicros, entrant } of entrants) {
          const request = requestFor(entrant, "decide", {
            topic: "code",
            size: "ordinary",
            stream: false,
            manner: undefined
          })
          const pace = { kind: "closed", connections: 16 } as const
          const measured = yield* arena.measure(entrant, jobFor(request ?? "", pace, round < 0 ? 1 : 0.4, 0))
          if (round >= 0) cpuMicros.push(measured.cpuMicros)
        }
      }
      return entrants.map(({ categories, cpuMicros, entrant }) => ({
        mode,
        categories,
        cpuMicrosPerDecision: spreadOf(cpuMicros),
        idleMegabytes: entrant.idleMegabytes,
        startMillis: entrant.startMillis
      }))
    })
  )
