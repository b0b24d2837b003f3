/** The writer's life: opened, looked after every second, told of when it is in trouble, and closed with the scope. */
import { Effect, Option } from "effect"
import { Watchdog } from "../Watchdog.ts"
import type { LedgerStatus } from "./entry.ts"
import type { LedgerWriter } from "./LedgerWriter.ts"

/** How often a trouble that lasts is told. */
const reminderMillis = 60_000

/** What is to be told of the ledger, when it is news or a reminder is due. */
const reporter = (now: () => number) => {
  let told: LedgerStatus = { state: "ok", message: undefined, queued: 0, lost: 0 }
  let toldAt = now()
  return (status: LedgerStatus): Effect.Effect<void> => {
    const changed = status.state !== told.state
    const due = now() - toldAt >= reminderMillis && (status.state === "degraded" || status.lost > told.lost)
    if (!changed && !due) return Effect.void
    told = status
    toldAt = now()
    const lost = status.lost === 0 ? "" : ` ${status.lost} entries were lost.`
    return status.state === "ok"
      ? Effect.logInfo(`The ledger is stored again.${lost}`)
      : Effect.logError(`The ledger cannot be stored: ${status.message}. ${status.queued} entries wait.${lost}`)
  }
}

/** Opened, looked after every second, and closed with the scope. Fails with why the file is not to be used. */
export const startedWriter = Effect.fnUntraced(function* (writer: LedgerWriter) {
  const { now } = yield* Watchdog
  yield* Effect.addFinalizer(() =>
    Effect.interruptible(writer.flush).pipe(
      Effect.timeoutOption("5 seconds"),
      Effect.andThen(writer.terminate),
      Effect.andThen(
        Effect.suspend(() => {
          const { queued, lost, message } = writer.status()
          return queued + lost === 0
            ? Effect.void
            : Effect.logError(
                `The ledger ends with ${queued + lost} entries lost.${message === undefined ? "" : ` ${message}`}`
              )
        })
      )
    )
  )
  const fault = yield* Effect.timeoutOption(writer.open, "30 seconds")
  if (Option.isSome(fault) && fault.value?.kind === "unusable") return yield* Effect.fail(fault.value.message)
  const report = reporter(now)
  yield* Effect.suspend(() => {
    writer.tick()
    return report(writer.status())
  }).pipe(Effect.andThen(Effect.sleep("1 second")), Effect.forever, Effect.forkScoped)
  return writer
})
