/**
 * Spec 2.3, the rows that go on to the next model: what the client gets, whether the circuit counts it, and what it
 * is when there is no next model.
 */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import {
  type Behaviour,
  contextExceeded,
  custom,
  cut,
  emptyBody,
  emptyContent,
  endWithoutFinish,
  errorBody200,
  hang,
  hangAfterHeaders,
  html,
  noChoices,
  plainTextStatus,
  reset,
  roleThenError,
  stall,
  status
} from "@llm-router/testing/script"
import { Effect } from "effect"
import { chat, circuits, contentOf, errorOf, getJson, setChain, withServer } from "./harness.ts"

interface Row {
  readonly name: string
  readonly behaviour: Behaviour
  /** The attempt's outcome and status, as the error's metadata tells them. */
  readonly outcome: string
  readonly upstreamStatus: number | null
  readonly counted: boolean
  /** What the client gets when this was the last model. */
  readonly final: number
}

const row = (
  name: string,
  behaviour: Behaviour,
  outcome: string,
  upstreamStatus: number | null,
  more: Partial<Row> = {}
): Row => ({ name, behaviour, outcome, upstreamStatus, counted: true, final: 502, ...more })

const late = { final: 504 }
const uncounted = { counted: false }
const limited = { final: 429 }

const rows: ReadonlyArray<Row> = [
  row("reset connection", reset, "Unavailable", null),
  row("hang", hang, "TimedOut", null, late),
  row("silence after headers", stall(0), "TimedOut", null, late),
  ...[408, 425, 500, 502, 503, 504, 529].map((code) => row(`status ${code}`, status(code), "Unavailable", code)),
  row("status 599", status(599), "Unavailable", 599),
  row("502 in plain text", plainTextStatus(502, "bad gateway"), "Unavailable", 502),
  row("200 with an error of code 502", errorBody200(502, "Provider returned error"), "Unavailable", 502),
  row("200 with an error of code server_error", errorBody200("server_error", "oops"), "Unavailable", 500),
  row("200 with an error of an unknown code", errorBody200("gremlins", "oops"), "Unavailable", 502),
  row("200 with an error of code 429", errorBody200(429, "slow down"), "RateLimited", 429, limited),
  row(
    "200 with an error of code rate_limit_exceeded",
    errorBody200("rate_limit_exceeded", "slow"),
    "RateLimited",
    429,
    limited
  ),
  row("200 with an error of code 403", errorBody200(403, "flagged"), "NotServed", 403, uncounted),
  row("200 with an empty body", emptyBody, "InvalidOutput", 200),
  row("200 without choices", noChoices, "InvalidOutput", 200),
  row("200 with empty content", emptyContent, "InvalidOutput", 200),
  row("200 with a web page", html, "InvalidOutput", 200),
  row(
    "200 with half a JSON",
    custom((exchange) => exchange.send(200, "application/json", '{"choices":[')),
    "InvalidOutput",
    200
  ),
  row(
    "200 with a JSON that is no object",
    custom((exchange) => exchange.json(200, [1])),
    "InvalidOutput",
    200
  ),
  row("error after the role", roleThenError, "Unavailable", 502),
  row("cut before the first token", cut(0), "Unavailable", null),
  row("429", status(429), "RateLimited", 429, limited),
  row("429 with Retry-After", status(429, { headers: { "retry-after": "7" } }), "RateLimited", 429, limited),
  row("404", status(404), "NotServed", 404, uncounted),
  row("403", status(403), "NotServed", 403, uncounted),
  row("context exceeded", contextExceeded, "ContextTooLong", 400, { counted: false, final: 400 })
]

const timings = {
  UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "500",
  UPSTREAM_IDLE_TIMEOUT_MS: "500",
  REQUEST_TIMEOUT_MS: "8000"
}

describe.each([true, false])("stream: %s", (stream) => {
  it.live.each(rows)("$name: the next model answers", ({ behaviour, counted, outcome, upstreamStatus, final }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* setChain(["a/one"], "lone")
      yield* upstream.script("a/one", behaviour)

      const answer = yield* chat({ model: "pair", stream })
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
      assert.strictEqual(answer.headers.get("x-router-attempts"), "2")
      assert.include(stream ? contentOf(answer.text) : answer.text, "Hello from b/two")
      assert.notInclude(answer.text, "a/one")
      const { failures, states } = yield* circuits
      assert.deepStrictEqual(failures, counted ? { "a/one": 1 } : {})
      assert.strictEqual(states["b/two"]?.consecutive_failures ?? 0, 0)

      const failed = yield* chat({ model: "lone", stream })
      assert.strictEqual(failed.status, final)
      assert.match(failed.headers.get("content-type") ?? "", /^application\/json/)
      const { attempts } = errorOf(failed.text).metadata
      assert.strictEqual(attempts.length, 1)
      assert.deepInclude(attempts[0], { model: "a/one", outcome, status: upstreamStatus })
      assert.isNumber(attempts[0].duration_ms)
    }).pipe(withServer(timings))
  )

  it.live("nobody listens at the upstream: 502, and it counts", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one", "b/two"], "pair")
      const answer = yield* chat({ model: "pair", stream })
      assert.strictEqual(answer.status, 502)
      assert.deepStrictEqual(
        errorOf(answer.text).metadata.attempts.map(({ outcome }: { outcome: string }) => outcome),
        ["Unavailable", "Unavailable"]
      )
      assert.notInclude(answer.text, "127.0.0.1")
      assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1, "b/two": 1 })
    }).pipe(withServer({ OPENROUTER_BASE_URL: "http://127.0.0.1:9/api/v1" }))
  )

  it.live.each([404, 403])("%i is shown in /health until the model answers", (code) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", status(code, { message: "not for you" }))
      yield* chat({ model: "pair", stream })
      const sick = yield* getJson("/health")
      assert.strictEqual(sick.status, "degraded")
      assert.strictEqual(sick.checks.openrouter.status, "warning")
      assert.include(sick.checks.openrouter.message, `a/one (${code})`)
    }).pipe(withServer())
  )

  it.live("the circuit of a 429 honours its Retry-After", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", status(429, { headers: { "retry-after": "120" } }))
      yield* upstream.script("b/two", status(500))
      const before = Date.now()
      yield* chat({ model: "pair", stream })
      const { open_circuits, states } = yield* circuits
      assert.deepStrictEqual(open_circuits, { "a/one": true, "b/two": true })
      assert.strictEqual(states["a/one"].state, "open")
      assert.isAtLeast(Date.parse(states["a/one"].retry_at) - before, 115_000)
      assert.isAtMost(Date.parse(states["b/two"].retry_at) - before, 100_000)
    }).pipe(withServer({ CIRCUIT_FAILURE_THRESHOLD: "1", CIRCUIT_OPEN_MS: "10000" }))
  )
})

describe.each([true, false])("stream: %s", (stream) => {
  it.live("a model that was given up is left: its connection is closed", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", hang)
      yield* chat({ model: "pair", stream })
      const [left] = yield* upstream.awaitAborted()
      assert.strictEqual(left?.model, "a/one")
    }).pipe(withServer(timings))
  )
})

it.live("an answer whose finish reason is error is none", () =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* setChain(["a/one", "b/two"], "pair")
    const choices = [{ index: 0, message: { role: "assistant", content: "half" }, finish_reason: "error" }]
    yield* upstream.script(
      "a/one",
      custom((exchange) => exchange.json(200, { choices }))
    )
    const answer = yield* chat({ model: "pair" })
    assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
    assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1 })
  }).pipe(withServer())
)

it.live.each(["content_filter", "length"])("an empty answer that %s ended is one", (reason) =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* setChain(["a/one", "b/two"], "pair")
    const choices = [{ index: 0, message: { role: "assistant", content: "" }, finish_reason: reason }]
    yield* upstream.script(
      "a/one",
      custom((exchange) => exchange.json(200, { choices }))
    )
    const answer = yield* chat({ model: "pair" })
    assert.strictEqual(answer.headers.get("x-router-model"), "a/one")
    assert.deepStrictEqual((yield* circuits).failures, {})
  }).pipe(withServer())
)

describe("providers that the request itself rules out", () => {
  const message = "There is no available model provider that meets your routing requirements"
  const provider = { max_price: { prompt: 0 } }

  it.live.each([
    { name: "by status", behaviour: status(503, { message }) },
    { name: "in a 200", behaviour: errorBody200(503, message) }
  ])("speak against no model, $name", ({ behaviour }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", behaviour)
      for (const stream of [true, false]) {
        const answer = yield* chat({ model: "pair", provider, stream })
        assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
      }
      assert.deepStrictEqual((yield* circuits).failures, {})
      assert.notInclude(JSON.stringify(yield* getJson("/health")), "a/one (503)")
      yield* chat({ model: "pair" })
      assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1 })
    }).pipe(withServer())
  )

  it.live("are not what a broken provider speaks of", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", status(502, { message: "The provider exceeded its memory requirements" }))
      yield* chat({ model: "pair", provider })
      assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1 })
    }).pipe(withServer())
  )
})

it.live("a request too long for all models that there are is too long, whatever is gone", () =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* setChain(["a/one", "b/two", "c/three"], "three")
    yield* upstream.script("a/one", contextExceeded)
    yield* upstream.script("b/two", status(404))
    yield* upstream.script("c/three", contextExceeded)
    const answer = yield* chat({ model: "three" })
    assert.strictEqual(answer.status, 400)
    assert.strictEqual(errorOf(answer.text).code, "context_length_exceeded")
    yield* upstream.script("b/two", status(500))
    assert.strictEqual((yield* chat({ model: "three" })).status, 502)
  }).pipe(withServer())
)

it.live("a stream that ends before its first token falls back", () =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* setChain(["a/one", "b/two"], "pair")
    yield* upstream.script("a/one", endWithoutFinish(0))
    const answer = yield* chat({ model: "pair", stream: true })
    assert.strictEqual(contentOf(answer.text), "Hello from b/two")
    assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1 })
  }).pipe(withServer())
)

it.live("an event stream with nothing in it falls back", () =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* setChain(["a/one", "b/two"], "pair")
    yield* upstream.script(
      "a/one",
      custom((exchange) => exchange.send(200, "text/event-stream", ""))
    )
    const answer = yield* chat({ model: "pair", stream: true })
    assert.strictEqual(contentOf(answer.text), "Hello from b/two")
    assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1 })
  }).pipe(withServer())
)

describe("signs of life without a token", () => {
  it.live("a stream of comments alone is given up, and the next model answers", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", hangAfterHeaders(20))
      const answer = yield* chat({ model: "pair", stream: true })
      assert.strictEqual(contentOf(answer.text), "Hello from b/two")
      assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1 })
    }).pipe(withServer(timings))
  )

  it.live("a whole answer may take longer than a first token while its upstream shows signs of life", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      const body = JSON.stringify({ id: "gen-1", model: "a/one", choices: [{ message: { content: "at last" } }] })
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          Effect.gen(function* () {
            yield* exchange.head(200, { "content-type": "application/json" })
            for (let blank = 0; blank < 8; blank++) {
              yield* exchange.write("\n")
              yield* Effect.sleep("100 millis")
            }
            yield* exchange.write(body)
            yield* exchange.end
          })
        )
      )
      const answer = yield* chat({ model: "pair" })
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers.get("x-router-model"), "a/one")
      assert.strictEqual(answer.text.trim(), body)
    }).pipe(withServer(timings))
  )

  it.live("signs of life alone end with the request's time", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"], "lone")
      yield* upstream.script("a/one", hangAfterHeaders(20))
      const answer = yield* chat({ model: "lone" })
      assert.strictEqual(answer.status, 504)
      yield* upstream.awaitAborted()
    }).pipe(withServer({ ...timings, REQUEST_TIMEOUT_MS: "1000" }))
  )
})
