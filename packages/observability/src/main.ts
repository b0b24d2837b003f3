/** `pnpm otelcol`: builds the collector that the tests run, and prints where it is. */
import { Effect } from "effect"
import { builtCollector } from "./collector/build.ts"

await Effect.runPromise(
  Effect.match(builtCollector(process.env), {
    onSuccess: (binary) => console.log(binary),
    onFailure: ({ reason }) => {
      console.error(`no collector: ${reason}`)
      process.exitCode = 1
    }
  })
)
