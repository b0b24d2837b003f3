/** A run: who takes part, the rounds, the sections, the result. */
import { Effect } from "effect"
import { availableParallelism, cpus } from "node:os"
import { arena as makeArena, type Entrant } from "./Arena.ts"
import { type Contestant, contestants } from "./contestants.ts"
import type { Options, SectionName } from "./options.ts"
import { programsFor } from "./programs.ts"
import { runRounds } from "./rounds.ts"
import { scenarios } from "./scenarios.ts"
import { measureGrowth, measureSoak, measureStarts, measureStreams, startsOf } from "./sections.ts"
import { spreadOf } from "./statistics.ts"
import { summaryOf } from "./summary.ts"

export type Result = Effect.Success<ReturnType<typeof run>>

/** The router of the sections, which are not about modes: the best that there is. */
const representative = (taking: ReadonlyArray<Contestant>): ReadonlyArray<Contestant> =>
  taking.filter(({ name }) => name === "floor" || name === "keywords" || name === "embedded")

const soakRequests = 100_000

export const run = Effect.fnUntraced(function* (options: Options, say: (line: string) => void) {
  const isWanted = ({ name, quick }: Pick<Contestant, "name" | "quick">) =>
    name === "floor" || (options.only?.includes(name) ?? (!options.quick || quick))
  const wanted = contestants.filter(isWanted)
  const wantsSection = (name: SectionName) => options.scenarios?.includes(name) ?? !options.quick
  const chosen = scenarios.filter(({ name, quick }) => options.scenarios?.includes(name) ?? (!options.quick || quick))
  const date = new Date().toISOString()

  const programs = yield* programsFor((name) => wanted.some((contestant) => contestant.name === name), say)
  const absent = wanted.flatMap(({ absent: reasonOf, name }) => {
    const reason = reasonOf(programs)
    return reason === undefined ? [] : [{ name, reason }]
  })
  for (const { name, reason } of absent) say(`without ${name}: ${reason}`)
  const taking = wanted.filter(({ name }) => !absent.some((one) => one.name === name))

  const arena = yield* makeArena(programs)
  const sliceSeconds = options.quick ? 0.3 : 0.5
  const warmUpSeconds = options.quick ? 2.5 : 30
  const entrants: Array<Entrant> = []
  const samples = yield* Effect.scoped(
    Effect.gen(function* () {
      for (const contestant of chosen.length === 0 ? [] : taking) {
        yield* arena.enter(contestant).pipe(
          Effect.match({
            onSuccess: (entrant) => {
              say(`${contestant.name}: first answer after ${Math.round(entrant.startMillis)} ms`)
              entrants.push(entrant)
            },
            onFailure: ({ message }) => {
              say(`without ${contestant.name}: ${message}`)
              absent.push({ name: contestant.name, reason: message })
            }
          })
        )
      }
      // `performance.now()` counts from the start of the process.
      const endsAt = (options.quick ? 50 : 1200) * 1000
      const { rounds } = options
      return entrants.length === 0
        ? []
        : yield* runRounds({
            arena,
            entrants,
            scenarios: chosen,
            rounds,
            seconds: sliceSeconds,
            warmUpSeconds,
            endsAt,
            say
          })
    })
  )
  const present = taking.filter(({ name }) => !absent.some((one) => one.name === name))
  const main = representative(present)
  const modes = main.filter(({ name }) => name !== "floor").map(({ name }) => name)

  return {
    date,
    node: process.version,
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? "unknown",
    sliceSeconds,
    rounds: new Set(samples.map(({ round }) => round)).size,
    othersBusy: spreadOf(samples.map(({ othersBusy }) => othersBusy)),
    absent,
    summary: summaryOf(samples, "floor", availableParallelism() > 2 ? 2 : 1),
    starts: wantsSection("start")
      ? yield* measureStarts(arena, present, 3)
      : entrants.map((entrant) => startsOf(entrant.contestant.name, [entrant])),
    streams: wantsSection("streams") ? yield* measureStreams(arena, main, options.rounds, say) : undefined,
    growth: wantsSection("categories")
      ? (yield* Effect.forEach(modes, (mode) => measureGrowth(arena, mode, options.rounds, say))).flat()
      : undefined,
    soak: wantsSection("soak") ? yield* measureSoak(arena, main, soakRequests, say) : undefined,
    samples
  }
})
