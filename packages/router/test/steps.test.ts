import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { atStep, inStep } from "../src/steps.ts"

/** Once the turn of the event loop that has begun is over. */
const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

const request = (log: Array<string>, name: string): void =>
  inStep("read", () => {
    log.push(`read ${name}`)
    inStep("decide", () => {
      log.push(`decide ${name}`)
      inStep("ask", () => log.push(`ask ${name}`))
    })
  })

describe("the steps of requests", () => {
  it.effect("are taken together by those that came together, in their order", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      for (const name of ["a", "b", "c"]) request(log, name)
      expect(log).toEqual([])
      yield* turn
      expect(log).toEqual(["read", "decide", "ask"].flatMap((step) => ["a", "b", "c"].map((name) => `${step} ${name}`)))
    })
  )

  it.effect("are taken by sixteen at most; the rest has the next turn, and nobody is passed over", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const names = Array.from({ length: 40 }, (_, index) => String(index))
      for (const name of names) request(log, name)
      yield* turn
      expect(log).toHaveLength(48)
      yield* turn
      yield* turn
      for (const step of ["read", "decide", "ask"]) {
        expect(log.filter((line) => line.startsWith(step))).toEqual(names.map((name) => `${step} ${name}`))
      }
    })
  )

  it.effect("are waited for by effects, one of which may leave", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const stepping = (name: string) =>
        atStep.decide.pipe(
          Effect.andThen(Effect.sync(() => log.push(`decide ${name}`))),
          Effect.andThen(atStep.settle),
          Effect.andThen(Effect.sync(() => log.push(`settle ${name}`)))
        )
      const [left, stayed] = [yield* Effect.forkChild(stepping("a")), yield* Effect.forkChild(stepping("b"))]
      yield* Effect.yieldNow
      expect(Exit.hasInterrupts(yield* Effect.flatMap(Fiber.interrupt(left), () => Fiber.await(left)))).toBe(true)
      yield* Fiber.join(stayed)
      expect(log).toEqual(["decide b", "settle b"])
    })
  )
})
