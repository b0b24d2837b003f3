/** A machine's clock that is set while requests are under way: deadlines go by another one. */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { custom, hang, slow } from "@llm-router/testing/script"
import { Deferred, Effect, Fiber } from "effect"
import { chat, setChain, withServer } from "./harness.ts"

const hour = 3_600_000

/** For the rest of the test. */
const setClock = (byMillis: number) => {
  const real = Date.now
  return Effect.acquireRelease(
    Effect.sync(() => void (Date.now = () => real() + byMillis)),
    () => Effect.sync(() => void (Date.now = real))
  )
}

describe("a clock that is set", () => {
  it.live("forward by an hour ends no request", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const asked = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      yield* setChain(["a/one"])
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          Deferred.succeed(asked, undefined).pipe(
            Effect.andThen(Deferred.await(gate)),
            Effect.andThen(
              exchange.json(200, {
                id: "g",
                choices: [{ index: 0, message: { role: "assistant", content: "late" }, finish_reason: "stop" }]
              })
            )
          )
        )
      )
      const answer = yield* Effect.forkChild(chat({ model: "under-test" }))
      yield* Deferred.await(asked)
      yield* setClock(hour)
      // Long enough for the deadlines to be looked at.
      yield* upstream.script("b/other", slow(60))
      yield* chat({ model: "b/other" })
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(answer)).status, 200)
    }).pipe(withServer())
  )

  it.live("back by an hour keeps nobody waiting for a silent model", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"])
      yield* upstream.script("a/one", hang)
      const answer = yield* Effect.forkChild(chat({ model: "under-test", stream: true }))
      yield* upstream.awaitRequest("a/one")
      yield* setClock(-hour)
      assert.strictEqual((yield* Fiber.join(answer)).headers.get("x-router-model"), "b/two")
    }).pipe(withServer({ UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "300" }))
  )
})
