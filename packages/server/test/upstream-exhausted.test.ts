/**
 * Spec 2.3, "nothing worked": the one error that stands for all attempts. And what no error may tell.
 */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { type Behaviour, contextExceeded, hang, hangAfterHeaders, reset, status } from "@llm-router/testing/script"
import { Effect } from "effect"
import { chat, errorOf, post, setChain, TestServer, withServer } from "./harness.ts"

const limited = (seconds: string) => status(429, { headers: { "retry-after": seconds } })

interface Row {
  readonly name: string
  readonly one: Behaviour
  readonly two: Behaviour
  readonly is: {
    readonly status: number
    readonly type: string
    readonly code: string
    readonly retryAfter: string | null
  }
}

const gateway = { status: 502, type: "api_error", code: "upstream_error", retryAfter: null }
const timeout = { status: 504, type: "api_error", code: "upstream_timeout", retryAfter: null }
const tooMany = { status: 429, type: "rate_limit_error", code: "rate_limit_exceeded" }

const rows: ReadonlyArray<Row> = [
  { name: "429, 429", one: limited("30"), two: limited("12"), is: { ...tooMany, retryAfter: "12" } },
  { name: "429 without a time, 429", one: status(429), two: limited("12"), is: { ...tooMany, retryAfter: "12" } },
  { name: "429, 429 without times", one: status(429), two: status(429), is: { ...tooMany, retryAfter: null } },
  { name: "429, 500", one: limited("30"), two: status(500), is: gateway },
  { name: "500, 429", one: status(500), two: limited("30"), is: gateway },
  { name: "500, timeout", one: status(500), two: hang, is: timeout },
  { name: "500, comments without end", one: status(500), two: hangAfterHeaders(20), is: timeout },
  { name: "timeout, 500", one: hang, two: status(500), is: gateway },
  { name: "404, 403", one: status(404), two: status(403), is: gateway },
  { name: "reset, reset", one: reset, two: reset, is: gateway },
  {
    name: "context exceeded, context exceeded",
    one: contextExceeded,
    two: contextExceeded,
    is: { status: 400, type: "invalid_request_error", code: "context_length_exceeded", retryAfter: null }
  },
  {
    name: "500, 401",
    one: status(500),
    two: status(401),
    is: { status: 502, type: "api_error", code: "upstream_auth", retryAfter: null }
  }
]

const quick = {
  UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "400",
  UPSTREAM_IDLE_TIMEOUT_MS: "150",
  REQUEST_TIMEOUT_MS: "2000"
}

describe.each([true, false])("stream: %s", (stream) => {
  it.live.each(rows)("$name", ({ is, one, two }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", one)
      yield* upstream.script("b/two", two)
      const answer = yield* chat({ model: "pair", stream }, { headers: { "x-request-id": "trace-me.1" } })
      const error = errorOf(answer.text)
      assert.deepStrictEqual(
        {
          status: answer.status,
          type: error.type,
          code: error.code,
          retryAfter: answer.headers.get("retry-after")
        },
        is
      )
      assert.hasAllKeys(error, ["message", "type", "param", "code", "metadata"])
      assert.isString(error.message)
      assert.deepStrictEqual(
        error.metadata.attempts.map((attempt: object) => Object.keys(attempt).toSorted()),
        Array.from({ length: 2 }, () => ["duration_ms", "model", "outcome", "status"])
      )
      assert.deepStrictEqual(
        ["x-request-id", "x-router-category", "x-router-source", "x-router-confidence", "x-router-attempts"].map(
          (name) => answer.headers.get(name)
        ),
        ["trace-me.1", "pair", "model", "1.000", "2"]
      )
    }).pipe(withServer(quick))
  )

  it.live("all circuits open: 503 with the soonest half-open", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", limited("900"))
      yield* upstream.script("b/two", limited("400"))
      yield* chat({ model: "pair", stream })
      const answer = yield* chat({ model: "pair", stream })
      const error = errorOf(answer.text)
      assert.strictEqual(answer.status, 503)
      assert.deepInclude(error, { type: "api_error", code: "no_model_available" })
      assert.isAtMost(Number(answer.headers.get("retry-after")), 400)
      assert.isAtLeast(Number(answer.headers.get("retry-after")), 380)
      assert.deepStrictEqual(error.metadata.attempts, [])
      assert.strictEqual(answer.headers.get("x-router-attempts"), "0")
      assert.strictEqual((yield* upstream.requestsFor("a/one")).length, 1)
      assert.strictEqual((yield* upstream.requestsFor("b/two")).length, 1)
    }).pipe(withServer({ CIRCUIT_FAILURE_THRESHOLD: "1", CIRCUIT_OPEN_MS: "60000" }))
  )

  it.live("a Retry-After that is a date is told in seconds", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"], "lone")
      yield* upstream.script("a/one", limited(new Date(Date.now() + 90_000).toUTCString()))
      const answer = yield* chat({ model: "lone", stream })
      assert.strictEqual(answer.status, 429)
      assert.isAtLeast(Number(answer.headers.get("retry-after")), 60)
      assert.isAtMost(Number(answer.headers.get("retry-after")), 90)
    }).pipe(withServer())
  )

  it.live("retry_after of OpenRouter's availability counts as Retry-After", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"], "lone")
      const availability = { code: "capacity_exhausted", retryable: true, retry_after: 17 }
      yield* upstream.script("a/one", status(429, { availability }))
      const answer = yield* chat({ model: "lone", stream })
      assert.strictEqual(answer.headers.get("retry-after"), "17")
    }).pipe(withServer())
  )

  it.live("an open circuit is skipped, and the rest of the chain decides the error", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("b/two", limited("30"))
      yield* post("/circuit-breaker/open/a/one", {})
      const answer = yield* chat({ model: "pair", stream })
      assert.strictEqual(answer.status, 429)
      assert.strictEqual(answer.headers.get("retry-after"), "30")
      assert.deepStrictEqual(
        errorOf(answer.text).metadata.attempts.map(({ model }: { model: string }) => model),
        ["b/two"]
      )
      assert.strictEqual((yield* upstream.requestsFor("a/one")).length, 0)
    }).pipe(withServer())
  )

  it.live("the time for the whole request ends the chain: 504", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", hang)
      const answer = yield* chat({ model: "pair", stream })
      assert.strictEqual(answer.status, 504)
      assert.strictEqual(errorOf(answer.text).code, "upstream_timeout")
      assert.strictEqual((yield* upstream.requestsFor("b/two")).length, 0)
    }).pipe(withServer({ REQUEST_TIMEOUT_MS: "150", UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "10000" }))
  )

  it.live.each([
    { name: "reset", behaviour: reset },
    { name: "hang", behaviour: hang },
    { name: "401", behaviour: status(401, { message: "key sk-or-v1-test-key-0123456789abcdef is bad" }) },
    {
      name: "500 with a stack",
      behaviour: status(500, { body: "Error: boom\n    at handler (/srv/app/index.js:3:1)" })
    },
    { name: "404", behaviour: status(404) },
    { name: "400", behaviour: status(400, { message: "key sk-or-v1-test-key-0123456789abcdef is bad" }) }
  ])("$name: no key, stack, path or address in the error", ({ behaviour }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const { directory } = yield* TestServer
      yield* setChain(["a/one"], "lone")
      yield* upstream.script("a/one", behaviour)
      const answer = yield* chat({ model: "lone", stream })
      const told = answer.text + JSON.stringify([...answer.headers])
      for (const secret of [
        "sk-or-v1",
        "127.0.0.1",
        new URL(upstream.url).port,
        directory,
        "    at ",
        "/srv/",
        ".ts:"
      ]) {
        assert.notInclude(told, secret)
      }
    }).pipe(withServer(quick))
  )
})
