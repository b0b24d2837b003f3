/** `pnpm collectors [--requests N] [--clients N] [--rounds N]`: routers whose collector is no good. */
import { Effect } from "effect"
import { numbersFrom } from "./arguments.ts"
import { sickCollectors } from "./sickCollectors.ts"

/** What a sick collector may cost, beside no telemetry: the 99th percentile of latency, the heap, seconds to the exit. */
const most = { p99: 1.1, heap: 1.2, exitSeconds: 5 }

const options = numbersFrom(process.argv.slice(2), { requests: 4_000, clients: 4, rounds: 11 })
const results = await Effect.runPromise(Effect.scoped(sickCollectors(options)))
process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`)
const missed = results.filter(
  ({ exit_code, exit_s, failed, heap_ratio, p99_ratio }) =>
    failed > 0 || exit_code !== 0 || p99_ratio > most.p99 || heap_ratio > most.heap || exit_s > most.exitSeconds
)
for (const { collector } of missed) process.stdout.write(`Beyond the bounds: ${collector}\n`)
process.exitCode = missed.length === 0 ? 0 : 1
