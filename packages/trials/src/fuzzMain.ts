/** `pnpm fuzz [--inputs N] [--seed N] [--clients N]`: inputs for each family of endpoints. */
import { Effect } from "effect"
import { numbersFrom } from "./arguments.ts"
import { fuzz } from "./fuzz.ts"

const say = (line: string) => void process.stdout.write(`${line}\n`)

const options = numbersFrom(process.argv.slice(2), { inputs: 100_000, seed: 1, clients: 16 })
const { alive, exitCode, reports } = await Effect.runPromise(Effect.scoped(fuzz({ ...options, progress: say })))
for (const report of reports) say(JSON.stringify(report, undefined, 2))
const faults = reports.reduce((sum, report) => sum + report.faults.length, 0)
say(`${faults} faults; the router ${alive ? "lives" : "is dead"} and ended with ${exitCode}.`)
process.exitCode = faults === 0 && alive && exitCode === 0 ? 0 : 1
