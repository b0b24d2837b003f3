/**
 * Spec 2.3, the second try at the same model: for what passes by itself, and soon.
 */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import {
  type Behaviour,
  contextExceeded,
  emptyBody,
  emptyContent,
  errorBody200,
  hang,
  html,
  noChoices,
  ok,
  reset,
  roleThenError,
  sequence,
  status
} from "@llm-router/testing/script"
import { Effect } from "effect"
import { chat, circuits, contentOf, setChain, withServer } from "./harness.ts"

interface Row {
  readonly name: string
  readonly behaviour: Behaviour
}

const limited = (seconds: string) => status(429, { headers: { "retry-after": seconds } })

const transient: ReadonlyArray<Row> = [
  { name: "a reset", behaviour: reset },
  { name: "a timeout", behaviour: hang },
  ...[408, 425, 500, 502, 503, 504, 529].map((code) => ({ name: `status ${code}`, behaviour: status(code) })),
  { name: "503 with Retry-After 1", behaviour: status(503, { headers: { "retry-after": "1" } }) },
  { name: "429 with Retry-After 1", behaviour: limited("1") },
  { name: "200 with an error of code 502", behaviour: errorBody200(502, "Provider returned error") },
  { name: "an error after the role", behaviour: roleThenError }
]

const lasting: ReadonlyArray<Row> = [
  { name: "429 with Retry-After 30", behaviour: limited("30") },
  { name: "429 without Retry-After", behaviour: status(429) },
  { name: "503 with Retry-After 30", behaviour: status(503, { headers: { "retry-after": "30" } }) },
  { name: "404", behaviour: status(404) },
  { name: "403", behaviour: status(403) },
  { name: "context exceeded", behaviour: contextExceeded },
  { name: "an empty body", behaviour: emptyBody },
  { name: "no choices", behaviour: noChoices },
  { name: "empty content", behaviour: emptyContent },
  { name: "a web page", behaviour: html }
]

const settings = { RETRIES_PER_MODEL: "1", UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "150" }

describe.each([true, false])("stream: %s", (stream) => {
  it.live.each(transient)("$name is tried once more on the same model", ({ behaviour }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", sequence([behaviour, ok()]))
      const answer = yield* chat({ model: "pair", stream })
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers.get("x-router-model"), "a/one")
      assert.strictEqual(answer.headers.get("x-router-attempts"), "2")
      assert.include(stream ? contentOf(answer.text) : answer.text, "Hello from a/one")
      assert.strictEqual((yield* upstream.requestsFor("a/one")).length, 2)
      assert.strictEqual((yield* upstream.requestsFor("b/two")).length, 0)
      assert.deepStrictEqual((yield* circuits).failures, {})
    }).pipe(withServer(settings))
  )

  it.live.each(lasting)("$name is not tried again on the same model", ({ behaviour }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", sequence([behaviour, ok()]))
      const answer = yield* chat({ model: "pair", stream })
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
      assert.strictEqual((yield* upstream.requestsFor("a/one")).length, 1)
    }).pipe(withServer(settings))
  )

  it.live("what fails again goes on to the next model, and both failures count", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", status(500))
      const answer = yield* chat({ model: "pair", stream })
      assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
      assert.strictEqual(answer.headers.get("x-router-attempts"), "3")
      assert.deepStrictEqual((yield* circuits).failures, { "a/one": 2 })
    }).pipe(withServer(settings))
  )

  it.live("the second try waits as long as a 429 asked", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"], "lone")
      yield* upstream.script("a/one", sequence([limited("1"), ok()]))
      yield* chat({ model: "lone", stream })
      const [first, second] = yield* upstream.requestsFor("a/one")
      assert.isAtLeast((second?.receivedAt ?? 0) - (first?.receivedAt ?? 0), 990)
    }).pipe(withServer(settings))
  )

  it.live("without retries nothing is tried twice", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", sequence([status(503), ok()]))
      const answer = yield* chat({ model: "pair", stream })
      assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
    }).pipe(withServer({ ...settings, RETRIES_PER_MODEL: "0" }))
  )

  it.live("a circuit that the first try opened ends the tries at this model", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", sequence([status(503), ok()]))
      const answer = yield* chat({ model: "pair", stream })
      assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
      assert.strictEqual((yield* upstream.requestsFor("a/one")).length, 1)
    }).pipe(withServer({ ...settings, CIRCUIT_FAILURE_THRESHOLD: "1" }))
  )
})
