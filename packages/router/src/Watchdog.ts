/**
 * One timer for all upstream exchanges: every few milliseconds it asks each watched one whether its time is up.
 * A fiber and a timer of its own for every request would cost more than the rest of the request's bookkeeping.
 */
import { Clock, Context, Effect, Latch, Layer } from "effect"

/** How late a deadline may be noticed. Deadlines are seconds; tests use hundreds of milliseconds. */
const tickMillis = 20

/** Something with deadlines. `check` is called about every 20 ms with the time and acts on what is due. */
export interface Watched {
  readonly check: (nowMillis: number) => void
}

export class Watchdog extends Context.Service<
  Watchdog,
  {
    readonly now: () => number
    readonly watch: (watched: Watched) => void
    readonly unwatch: (watched: Watched) => void
    /** Calls back once after the delay, unless cancelled. */
    readonly after: (delayMillis: number, callback: () => void) => () => void
  }
>()("@llm-router/router/Watchdog") {
  static readonly layer = Layer.effect(
    Watchdog,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const active = new Set<Watched>()
      const occupied = Latch.makeUnsafe(false)
      const now = () => clock.currentTimeMillisUnsafe()

      const watch = (watched: Watched) => {
        active.add(watched)
        occupied.openUnsafe()
      }
      const unwatch = (watched: Watched) => {
        active.delete(watched)
      }

      yield* Effect.gen(function* () {
        while (true) {
          if (active.size === 0) {
            occupied.closeUnsafe()
            yield* occupied.await
          }
          yield* Effect.sleep(tickMillis)
          const time = now()
          for (const watched of active) {
            try {
              watched.check(time)
            } catch (defect) {
              // One that is broken must not take everybody's deadlines with it.
              active.delete(watched)
              yield* Effect.logError("A deadline's check failed and is not made again.", defect)
            }
          }
        }
      }).pipe(Effect.forkScoped({ startImmediately: true }))

      return Watchdog.of({
        now,
        watch,
        unwatch,
        after: (delayMillis, callback) => {
          const due = now() + delayMillis
          const watched: Watched = {
            check: (time) => {
              if (time < due) return
              unwatch(watched)
              callback()
            }
          }
          watch(watched)
          return () => unwatch(watched)
        }
      })
    })
  )
}
