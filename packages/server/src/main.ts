/** The process: starts the server, stops it on a signal, and says in one line why it could not start. */
import { runMain } from "@effect/platform-node/NodeRuntime"
import { Deferred, Effect } from "effect"
import { Crashed, infoFor, program, readDotEnv, reasonToStop } from "./start.ts"

/** How long a flush may take in a process of unknown state. */
const flushMillis = 10_000

const args = process.argv.slice(2)
const info = infoFor(args)

if (info !== undefined) {
  console.log(info)
} else {
  // Whoever read the log has gone, or its disk is full: that costs no request anything.
  let isTold = false
  process.stdout.on("error", (error) => {
    if (!isTold) console.error(`llm-router: lines of the log are lost: ${error.message}`)
    isTold = true
  })
  process.stderr.on("error", () => undefined)
  let signals = 0
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    // The first drains; whoever sends a second one has waited long enough.
    process.on(signal, () => ++signals > 1 && process.exit(1))
  }
  // What nobody caught, a promise's rejection too, may have left anything half done: the ledger is flushed, then the
  // process ends, for whoever looks after it to start it anew.
  const crash = Deferred.makeUnsafe<never, Crashed>()
  process.on("uncaughtException", (error: unknown) => {
    setTimeout(() => process.exit(1), flushMillis).unref()
    Deferred.doneUnsafe(crash, Effect.fail(new Crashed({ message: String(error) })))
  })
  runMain(Effect.raceFirst(program({ args, env: process.env, dotEnv: readDotEnv }), Deferred.await(crash)), {
    disableErrorReporting: true,
    teardown: (exit, onExit) => {
      const reason = reasonToStop(exit)
      if (reason !== undefined) console.error(`llm-router: ${reason}`)
      onExit(reason === undefined ? 0 : 1)
    }
  })
}
