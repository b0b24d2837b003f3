/** What a request took is given back, whatever ends it and whatever goes wrong on the way. */
import { type RequestScope, withRequestScope } from "@llm-router/router/RequestScope"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { describe, expect, it } from "@effect/vitest"

/** A scope that notes which of its finalizers ran. */
const noting = (scope: RequestScope, notes: Array<string>) => {
  scope.add(() => void notes.push("first"))
  scope.add(() => Effect.sync(() => void notes.push("second")))
  scope.add(() => void notes.push("third"))
}
const newestFirst = ["third", "second", "first"]

describe("a request's scope", () => {
  it.effect("runs its finalizers when the request has ended, the newest first, once", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      let scope: RequestScope | undefined
      const value = yield* withRequestScope((taken) => {
        scope = taken
        noting(taken, notes)
        return Effect.sync(() => notes.length)
      })
      expect(value).toBe(0)
      expect(notes).toStrictEqual(newestFirst)
      yield* scope?.close() ?? Effect.void
      expect(notes).toStrictEqual(newestFirst)
    })
  )

  it.effect("runs them when the request fails", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      const exit = yield* Effect.exit(
        withRequestScope((scope) => {
          noting(scope, notes)
          return Effect.fail("no")
        })
      )
      expect(exit).toStrictEqual(Exit.fail("no"))
      expect(notes).toStrictEqual(newestFirst)
    })
  )

  it.effect("runs them when the caller leaves, before whoever interrupted goes on", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      const begun = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        withRequestScope((scope) => {
          noting(scope, notes)
          return Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
        })
      )
      yield* Deferred.await(begun)
      expect(notes).toStrictEqual([])
      yield* Fiber.interrupt(fiber)
      expect(notes).toStrictEqual(newestFirst)
    })
  )

  it.effect.each([
    [
      "throws",
      () => {
        throw new Error("broken")
      }
    ],
    ["dies", () => Effect.die(new Error("broken"))]
  ] as const)("runs the others where one %s, and does not hide it", ([, broken]) =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      const exit = yield* Effect.exit(
        withRequestScope((scope) => {
          noting(scope, notes)
          scope.add(broken)
          scope.add(() => void notes.push("fifth"))
          return Effect.void
        })
      )
      expect(notes).toStrictEqual(["fifth", ...newestFirst])
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("broken")
    })
  )
})
