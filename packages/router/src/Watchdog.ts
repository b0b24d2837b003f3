/**
 * One timer for all upstream exchanges: every few milliseconds it asks each watched one whose time may be up.
 * A fiber and a timer of its own for every request would cost more than the rest of the request's bookkeeping.
 */
import { Clock, Context, Effect, Latch, Layer } from "effect"

/** How late a deadline may be noticed. Deadlines are seconds; tests use hundreds of milliseconds. */
const tickMillis = 20
const nanosPerMilli = 1e6

/** Something with deadlines, by the monotonic clock. */
export interface Watched {
  /**
   * Acts on what is due, and says when it wants to be asked again: at its next deadline, or before. Nearly all have
   * seconds to go, and looking at each of thousands takes its memory into the processor's caches in place of others'.
   */
  readonly check: (time: number) => number
}

export class Watchdog extends Context.Service<
  Watchdog,
  {
    /** Milliseconds since the epoch: what is told and kept. */
    readonly now: () => number
    /** Milliseconds by a clock that nobody sets: deadlines are by it, lest one that is set ends what has just begun. */
    readonly monotonic: () => number
    /** From `due` on, in place of what it said before; without it from the next tick on. */
    readonly watch: (watched: Watched, due?: number) => void
    readonly unwatch: (watched: Watched) => void
    /** Calls back once after the delay, unless cancelled. */
    readonly after: (delayMillis: number, callback: () => void) => () => void
  }
>()("@llm-router/router/Watchdog") {
  static readonly layer = Layer.effect(
    Watchdog,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const dues = new Map<Watched, number>()
      const occupied = Latch.makeUnsafe(false)
      const now = () => clock.currentTimeMillisUnsafe()
      const monotonic = () => Number(clock.monotonicTimeNanosUnsafe()) / nanosPerMilli

      const watch = (watched: Watched, due = 0) => {
        dues.set(watched, due)
        occupied.openUnsafe()
      }
      const unwatch = (watched: Watched) => {
        dues.delete(watched)
      }

      /** Asks those whose time has come; gives what is broken. */
      const tick = (time: number): ReadonlyArray<unknown> => {
        const defects: Array<unknown> = []
        dues.forEach((due, watched) => {
          if (time < due) return
          try {
            const next = watched.check(time)
            if (dues.has(watched)) dues.set(watched, next)
          } catch (defect) {
            // One that is broken must not take everybody's deadlines with it.
            dues.delete(watched)
            defects.push(defect)
          }
        })
        return defects
      }

      yield* Effect.gen(function* () {
        while (true) {
          if (dues.size === 0) {
            occupied.closeUnsafe()
            yield* occupied.await
          }
          yield* Effect.sleep(tickMillis)
          for (const defect of tick(monotonic())) {
            yield* Effect.logError("A deadline's check failed and is not made again.", defect)
          }
        }
      }).pipe(Effect.forkScoped({ startImmediately: true }))

      return Watchdog.of({
        now,
        monotonic,
        watch,
        unwatch,
        after: (delayMillis, callback) => {
          const watched: Watched = {
            check: (time) => {
              unwatch(watched)
              callback()
              return time
            }
          }
          watch(watched, monotonic() + delayMillis)
          return () => unwatch(watched)
        }
      })
    })
  )
}
