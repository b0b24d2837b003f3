/** The process: starts the server, stops it on a signal, and says in one line why it could not start. */
import { runMain } from "@effect/platform-node/NodeRuntime"
import { infoFor, program, readDotEnv, reasonToStop } from "./start.ts"

const args = process.argv.slice(2)
const info = infoFor(args)

if (info !== undefined) {
  console.log(info)
} else {
  let signals = 0
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    // The first drains; whoever sends a second one has waited long enough.
    process.on(signal, () => ++signals > 1 && process.exit(1))
  }
  runMain(program({ args, env: process.env, dotEnv: readDotEnv() }), {
    disableErrorReporting: true,
    teardown: (exit, onExit) => {
      const reason = reasonToStop(exit)
      if (reason !== undefined) console.error(`llm-router: ${reason}`)
      onExit(reason === undefined ? 0 : 1)
    }
  })
}
