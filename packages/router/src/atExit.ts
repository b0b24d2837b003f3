/**
 * `Effect.addFinalizer` for what needs no services: it gives its finalizer the whole context again, by merging some
 * sixty services into a new map each time, which was a sixth of all that a request allocates.
 */
import { Effect, Scope } from "effect"

export const atExit = (finalizer: Effect.Effect<void>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => Scope.addFinalizer(scope, finalizer))
