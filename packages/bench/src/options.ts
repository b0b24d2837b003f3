/** The command line. */
import { Effect } from "effect"
import { parseArgs } from "node:util"
import { contestants } from "./contestants.ts"
import { BenchError } from "./processes.ts"
import { scenarios } from "./scenarios.ts"

/** What is measured beside the scenarios, and named like them. */
export const sectionNames = ["streams", "categories", "start", "soak"] as const
export type SectionName = (typeof sectionNames)[number]

export interface Options {
  readonly quick: boolean
  readonly rounds: number
  /** Names of contestants; without any, those of `quick` or all. The floor always takes part. */
  readonly only: ReadonlyArray<string> | undefined
  /** Names of scenarios and sections; without any, those of `quick` or all. */
  readonly scenarios: ReadonlyArray<string> | undefined
  readonly json: string | undefined
  /** Counts allocations instead of measuring. */
  readonly count: boolean
}

export const helpText = `Compares the router with others, in interleaved rounds on this machine.

Usage: pnpm bench [options]

  --quick             less of everything, in less than a minute
  --only A,B          these contestants (${contestants.map(({ name }) => name).join(", ")})
  --scenarios A,B     these scenarios (${[...scenarios.map(({ name }) => name), ...sectionNames].join(", ")})
  --rounds N          rounds, 1 to 100 (5; 3 with --quick)
  --count             counts what a request allocates, and writes it down as the baseline of the regression test
  --json FILE         writes all that was measured to this file
  --help              prints this text
`

const names = (text: string | undefined, known: ReadonlyArray<string>) => {
  const list = text?.split(",").map((name) => name.trim())
  const unknown = list?.find((name) => !known.includes(name))
  return unknown === undefined
    ? Effect.succeed(list)
    : Effect.fail(new BenchError({ message: `unknown name "${unknown}", expected of ${known.join(", ")}` }))
}

/** `undefined` when help is asked for. */
export const optionsOf = Effect.fnUntraced(function* (args: ReadonlyArray<string>) {
  const { values } = yield* Effect.try({
    try: () =>
      parseArgs({
        // pnpm hands its own `--` on.
        args: args.filter((arg) => arg !== "--"),
        options: {
          quick: { type: "boolean", default: false },
          only: { type: "string" },
          scenarios: { type: "string" },
          rounds: { type: "string" },
          json: { type: "string" },
          count: { type: "boolean", default: false },
          help: { type: "boolean", default: false }
        }
      }),
    catch: (error) => new BenchError({ message: error instanceof Error ? error.message : String(error) })
  })
  if (values.help) return undefined
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 5))
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) {
    return yield* new BenchError({ message: `--rounds: got ${values.rounds}, expected 1 to 100` })
  }
  return {
    quick: values.quick,
    rounds,
    only: yield* names(
      values.only,
      contestants.map(({ name }) => name)
    ),
    scenarios: yield* names(values.scenarios, [...scenarios.map(({ name }) => name), ...sectionNames]),
    json: values.json,
    count: values.count
  } satisfies Options
})
