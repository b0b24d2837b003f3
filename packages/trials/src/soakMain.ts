/** `pnpm soak [--requests N] [--minutes N] [--clients N] [--seed N] [--faults PERCENT] [--leavers PERCENT]` */
import { FakeOllama } from "@llm-router/testing/FakeOllama"
import { Effect } from "effect"
import { numbersFrom } from "./arguments.ts"
import { faultsOf, soak } from "./soak.ts"

const say = (line: string) => void process.stdout.write(`${line}\n`)

const options = numbersFrom(process.argv.slice(2), {
  requests: 20_000,
  minutes: 20,
  clients: 48,
  seed: 1,
  faults: 20,
  leavers: 5
})

const report = await Effect.runPromise(
  Effect.scoped(soak({ ...options, progress: say })).pipe(Effect.provide(FakeOllama.layer))
)
const growth = report.after.residentBytes / report.warm.residentBytes - 1
const faults = faultsOf(report)
say(JSON.stringify(report, undefined, 2))
say(`Resident memory since a fifth of the run: ${(growth * 100).toFixed(1)} %.`)
say(faults.length === 0 ? "Every request is accounted for exactly once." : `Failed: ${faults.join("; ")}.`)
process.exitCode = faults.length === 0 ? 0 : 1
