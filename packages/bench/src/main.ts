/** `pnpm bench`: measures, prints tables, and writes what was measured. */
import { runMain } from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"
import { existsSync, writeFileSync } from "node:fs"
import { allocationsPerRequest, baselineFile, scripts } from "./allocations.ts"
import { run } from "./bench.ts"
import { helpText, optionsOf } from "./options.ts"
import { BenchError } from "./processes.ts"
import { reportOf } from "./report.ts"

const startedAt = performance.now()
const say = (line: string): void =>
  void process.stderr.write(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}\n`)

const writeBaseline = Effect.gen(function* () {
  const bytes = yield* Effect.scoped(allocationsPerRequest(scripts))
  yield* Console.log(bytes)
  writeFileSync(baselineFile, `${JSON.stringify(bytes, null, 2)}\n`)
})

const program = Effect.gen(function* () {
  const options = yield* optionsOf(process.argv.slice(2))
  if (options === undefined) return yield* Console.log(helpText)
  if (options.count) return yield* writeBaseline
  if (!existsSync("/proc/self/stat")) {
    return yield* new BenchError({ message: "the CPU time of processes is read from /proc, which only Linux has" })
  }
  const result = yield* run(options, say).pipe(
    Effect.scoped,
    Effect.timeoutOrElse({
      duration: options.quick ? "3 minutes" : "40 minutes",
      orElse: () => Effect.fail(new BenchError({ message: "it took too long" }))
    })
  )
  yield* Console.log(reportOf(result))
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, null, 1)}\n`)
  say("done")
})

runMain(
  Effect.catchTag(program, "BenchError", ({ message }) =>
    Effect.sync(() => {
      say(message)
      process.exitCode = 1
    })
  )
)
