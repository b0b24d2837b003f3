import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Watchdog } from "../src/Watchdog.ts"

const withWatchdog = <A, E, R>(test: Effect.Effect<A, E, R>) => Effect.provide(test, Watchdog.layer, { local: true })

describe("after", () => {
  it.effect("calls back once, within a tick of its time", () =>
    Effect.gen(function* () {
      const { after, now } = yield* Watchdog
      const calls: Array<number> = []
      after(400, () => calls.push(now()))
      yield* TestClock.adjust("399 millis")
      assert.deepStrictEqual(calls, [])
      yield* TestClock.adjust("21 millis")
      assert.strictEqual(calls.length, 1)
      assert.isAtLeast(calls[0] ?? 0, 400)
      assert.isAtMost(calls[0] ?? 0, 420)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(calls.length, 1)
    }).pipe(withWatchdog)
  )

  it.effect("does not call back when it was cancelled", () =>
    Effect.gen(function* () {
      const { after } = yield* Watchdog
      const calls: Array<string> = []
      const cancel = after(100, () => calls.push("cancelled"))
      after(100, () => calls.push("kept"))
      yield* TestClock.adjust("50 millis")
      cancel()
      cancel()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(calls, ["kept"])
    }).pipe(withWatchdog)
  )

  it.effect("keeps the order of many deadlines, and wakes up again after a rest", () =>
    Effect.gen(function* () {
      const { after } = yield* Watchdog
      const calls: Array<number> = []
      for (const delay of [900, 100, 500, 300]) after(delay, () => calls.push(delay))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(calls, [100, 300, 500, 900])
      yield* TestClock.adjust("1 hour")
      after(50, () => calls.push(50))
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(calls, [100, 300, 500, 900, 50])
    }).pipe(withWatchdog)
  )

  it.effect("may set its next deadline from inside its callback", () =>
    Effect.gen(function* () {
      const { after } = yield* Watchdog
      let rounds = 0
      const again = () => {
        rounds++
        after(100, again)
      }
      after(100, again)
      yield* TestClock.adjust("1 second")
      assert.isAtLeast(rounds, 8)
      assert.isAtMost(rounds, 10)
    }).pipe(withWatchdog)
  )
})

describe("watch", () => {
  it.effect("asks at the next tick, and from then on when it is told to", () =>
    Effect.gen(function* () {
      const { watch } = yield* Watchdog
      const times: Array<number> = []
      const watched = {
        check: (time: number) => {
          times.push(time)
          return time + 50
        }
      }
      watch(watched)
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(times, [20, 80, 140, 200])
      watch(watched, 1000)
      yield* TestClock.adjust("799 millis")
      assert.strictEqual(times.length, 4)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(times.slice(4), [1000])
    }).pipe(withWatchdog)
  )

  it.effect("asks every 20 ms with the time what is always due, until unwatched", () =>
    Effect.gen(function* () {
      const { watch, unwatch } = yield* Watchdog
      const times: Array<number> = []
      const watched = {
        check: (time: number) => {
          times.push(time)
          return time
        }
      }
      watch(watched)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(times, [20, 40, 60, 80, 100])
      unwatch(watched)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(times.length, 5)
    }).pipe(withWatchdog)
  )

  it.effect("goes on with the others when one of them throws", () =>
    Effect.gen(function* () {
      const { after, watch } = yield* Watchdog
      const calls: Array<string> = []
      watch({
        check: () => {
          throw new Error("a check that is broken")
        }
      })
      after(100, () => calls.push("called"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(calls, ["called"])
    }).pipe(withWatchdog)
  )

  it.effect("ends with its scope", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const times: Array<number> = []
      const { watch } = yield* Effect.provide(Watchdog, Watchdog.layer, { local: true }).pipe(Scope.provide(scope))
      watch({ check: (time) => times.push(time) })
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(times, [])
    })
  )
})
