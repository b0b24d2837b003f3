/**
 * How much is worked on at once. A request is read first, so that a slow sender keeps nobody waiting; then it takes a
 * place or waits in a bounded queue, and what is beyond it is told to come back. What bodies hold in memory is bounded
 * over all requests together.
 */
import { Overloaded } from "@llm-router/domain/RouterError"
import type { RequestScope } from "@llm-router/router/RequestScope"
import { Watchdog } from "@llm-router/router/Watchdog"
import { Context, Effect, Layer } from "effect"
import { ServerSettings } from "../ServerSettings.ts"

/** A caller who has waited this long is told to come back: its own patience is about to end. */
export const longestWaitMillis = 30_000
/** When to come back: places become free all the time. */
const retryAfterMillis = 1_000
/** What bodies and what they say take in memory at once, unless one alone may be larger. */
const bodyBytes = 512 * 1024 * 1024

/** One request's share. It is given back with the request's scope. */
export interface Ticket {
  /** Counts what is kept of the body, in bytes; false when there is no room for them. */
  readonly hold: (bytes: number) => boolean
  /** Returns once there is a place to work. */
  readonly place: Effect.Effect<void, Overloaded>
}

export class Admission extends Context.Service<
  Admission,
  {
    readonly enter: (scope: RequestScope) => Ticket
  }
>()("@llm-router/server/Admission") {
  static readonly layer = Layer.effect(
    Admission,
    Effect.gen(function* () {
      const { maxBodyBytes, settings } = yield* ServerSettings
      const { after } = yield* Watchdog
      const mostBytes = Math.max(bodyBytes, 2 * maxBodyBytes)
      const waiting = new Set<() => void>()
      let working = 0
      let held = 0

      const release = () => {
        const [next] = waiting
        if (next === undefined) working--
        else next()
      }

      const enter = (scope: RequestScope): Ticket => {
        let bytes = 0
        let placed = false
        const ticket: Ticket = {
          hold: (more) => {
            if (held + more > mostBytes) return false
            held += more
            bytes += more
            return true
          },
          place: Effect.suspend(() => {
            if (working < settings.maxConcurrentRequests) {
              working++
              placed = true
              return Effect.void
            }
            if (waiting.size >= settings.maxQueuedRequests) return Effect.fail(full)
            return Effect.callback<void, Overloaded>((resume) => {
              const leave = () => {
                waiting.delete(take)
                cancel()
              }
              const take = () => {
                leave()
                placed = true
                // Not within whoever gave the place back: a queue of requests that end at once would nest in one another.
                queueMicrotask(() => resume(Effect.void))
              }
              const cancel = after(longestWaitMillis, () => {
                leave()
                resume(Effect.fail(full))
              })
              waiting.add(take)
              return Effect.sync(leave)
            })
          })
        }
        // Registered before anything is taken: whatever ends the request gives it all back.
        scope.add(() => {
          held -= bytes
          if (placed) release()
        })
        return ticket
      }

      return Admission.of({ enter })
    })
  )
}

const full = new Overloaded({
  message: "The router works on as many requests as it may (MAX_CONCURRENT_REQUESTS, MAX_QUEUED_REQUESTS).",
  retryAfterMillis
})

/** There is no room or no time for this body beside those of the other requests. */
export const noRoomForBody = new Overloaded({
  message: "The router reads and holds as much of request bodies as it may.",
  retryAfterMillis
})
