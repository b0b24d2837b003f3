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
  /** No round begins that would end after this many seconds; the first always does. */
  readonly budgetSeconds: number
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

export const runRounds = Effect.fnUntraced(function* (options: Rounds) {
  const { arena, entrants, say, scenarios, seconds } = options
  const startedAt = performance.now()
  const samples: Array<Sample> = []
  const one = Effect.fnUntraced(function* (round: number) {
    const taken: Array<Sample> = []
    for (const scenario of scenarios) {
      for (const entrant of orderOf(entrants, round))
        taken.push(...(yield* slice(arena, entrant, scenario, round, seconds)))
    }
    return taken
  })
  // Code that is compiled for the work it does answers several times as fast as code that is new.
  say("warm-up")
  for (const entrant of entrants) {
    for (const [events, seconds] of [
      [0, 3],
      [contentEvents, 1]
    ] as const) {
      const request = requestFor(entrant, "chat", {
        topic: "code",
        size: "ordinary",
        stream: events > 0,
        manner: undefined
      })
      const pace = { kind: "closed", connections: 32, most: 10_000 } as const
      if (request !== undefined) yield* arena.measure(entrant, jobFor(request, pace, seconds, events))
    }
  }
  yield* one(0)
  let done = 0
  let longest = 0
  while (done < options.rounds) {
    const roundStartedAt = performance.now()
    if (done > 0 && (roundStartedAt - startedAt + longest) / 1000 > options.budgetSeconds) {
      say(`the time is used up after ${done} rounds`)
      break
    }
    say(`round ${done + 1} of ${options.rounds}`)
    samples.push(...(yield* one(done)))
    longest = Math.max(longest, performance.now() - roundStartedAt)
    done++
  }
  return samples
})
