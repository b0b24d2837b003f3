/**
 * Interleaved rounds: in each one every scenario is given to every contestant in turn, so that what the machine does
 * besides meets them all, and each is compared with the floor of its own round.
 */
import { Effect } from "effect"
import { type Arena, type Entrant, jobFor, type Measured, requestFor } from "./Arena.ts"
import { contentEvents } from "./answers.ts"
import type { BenchError } from "./processes.ts"
import type { Scenario } from "./scenarios.ts"

export interface Sample extends Measured {
  readonly round: number
  readonly scenario: string
  readonly contestant: string
}

interface Rounds {
  readonly arena: Arena
  readonly entrants: ReadonlyArray<Entrant>
  readonly scenarios: ReadonlyArray<Scenario>
  readonly rounds: number
  /** Length of a slice. */
  readonly seconds: number
  /** Each contestant answers for so long before the first round, unless it has answered enough before. */
  readonly warmUpSeconds: number
  /** No round begins that would end later than this, by `performance.now()`; the first always does. */
  readonly endsAt: number
  readonly say: (line: string) => void
}

/** Each round begins with another contestant, every other one runs backwards. */
const orderOf = (entrants: ReadonlyArray<Entrant>, round: number): ReadonlyArray<Entrant> => {
  const turned = entrants
    .map((_, index) => entrants[(index + round) % entrants.length])
    .filter((entrant) => entrant !== undefined)
  return round % 2 === 0 ? turned : turned.toReversed()
}

const slice = (
  arena: Arena,
  entrant: Entrant,
  scenario: Scenario,
  round: number,
  seconds: number
): Effect.Effect<ReadonlyArray<Sample>, BenchError> => {
  const { events, load, manner, size, topic, work } = scenario
  const request = requestFor(entrant, work, { topic, size, stream: events > 0, manner })
  if (request === undefined) return Effect.succeed([])
  const pace = load.kind === "open" ? { ...load, seed: round + 1 } : load
  return Effect.map(arena.measure(entrant, jobFor(request, pace, seconds * scenario.length, events)), (measured) => [
    { round, scenario: scenario.name, contestant: entrant.contestant.name, ...measured }
  ])
}

/** After so many answers the compiler has little left to do. */
const warmAnswers = 30_000

/** Code that is compiled for the work it does answers several times as fast as code that is new. */
const warmUp = Effect.fnUntraced(function* ({ arena, entrants, scenarios, seconds, warmUpSeconds }: Rounds) {
  for (const entrant of entrants) {
    for (const events of [0, contentEvents]) {
      const request = requestFor(entrant, "chat", {
        topic: "code",
        size: "ordinary",
        stream: events > 0,
        manner: undefined
      })
      const pace = { kind: "closed", connections: 32, most: warmAnswers / 2 } as const
      if (request !== undefined) yield* arena.measure(entrant, jobFor(request, pace, warmUpSeconds / 2, events))
    }
  }
  for (const scenario of scenarios) {
    for (const entrant of entrants) yield* slice(arena, entrant, scenario, 0, seconds / 2)
  }
})

export const runRounds = Effect.fnUntraced(function* (options: Rounds) {
  const { arena, entrants, say, scenarios, seconds } = options
  const samples: Array<Sample> = []
  say("warm-up")
  yield* warmUp(options)
  let done = 0
  let longest = 0
  while (done < options.rounds) {
    const roundStartedAt = performance.now()
    if (done > 0 && roundStartedAt + longest > options.endsAt) {
      say(`the time is used up after ${done} rounds`)
      break
    }
    say(`round ${done + 1} of ${options.rounds}`)
    for (const scenario of scenarios) {
      for (const entrant of orderOf(entrants, done)) {
        samples.push(...(yield* slice(arena, entrant, scenario, done, seconds)))
      }
    }
    longest = Math.max(longest, performance.now() - roundStartedAt)
    done++
  }
  return samples
})
