/** Callers who leave while their request waits for its step: the ledger has an entry of each. */
import { anonymous, parseChatRequest } from "@llm-router/domain/ChatRequest"
import { RequestScope, withRequestScope } from "@llm-router/router/RequestScope"
import { Router } from "@llm-router/router/Router"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Result } from "effect"
import { getJson, withServer } from "./harness.ts"

const request = Result.getOrThrow(
  parseChatRequest(
    "left-early",
    { keyId: anonymous, userAgent: "", sessionId: undefined, traceparent: undefined },
    Buffer.from(JSON.stringify({ model: "a/one", messages: [{ role: "user", content: "hello" }] }))
  )
)

/** Begins it, and leaves while it waits: in the same turn of the event loop. */
const leave = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.forkChild(effect, { startImmediately: true }), Fiber.interrupt)

/** The category under which the ledger has the request that no model was asked for. */
const recordedUnder = Effect.gen(function* () {
  const upstream = yield* FakeOpenRouter
  assert.lengthOf(yield* upstream.requestsFor("a/one"), 0)
  const { rows } = yield* getJson("/usage?group_by=category,error")
  assert.lengthOf(rows, 1)
  const { category, requests, error } = rows[0]
  assert.deepStrictEqual([requests, error], [1, "cancelled"])
  return category
})

describe("a caller who leaves before its request", () => {
  it.live("is decided", () =>
    Effect.gen(function* () {
      const { route } = yield* Router
      yield* leave(withRequestScope((scope) => route(request, scope)))
      assert.strictEqual(yield* recordedUnder, "undecided")
    }).pipe(withServer())
  )

  it.live("is asked of a model", () =>
    Effect.gen(function* () {
      const { route } = yield* Router
      const scope = new RequestScope()
      const { answer } = yield* route(request, scope)
      yield* leave(Effect.onExit(answer, () => scope.close()))
      assert.strictEqual(yield* recordedUnder, "direct")
    }).pipe(withServer())
  )
})
