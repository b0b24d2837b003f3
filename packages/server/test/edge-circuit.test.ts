/** Circuits seen over HTTP: opened by failing models, probed, reset, held open. */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { type Behaviour, custom, cut, ok, stall, status } from "@llm-router/testing/script"
import { Deferred, Effect, Fiber } from "effect"
import {
  chat,
  circuits,
  errorOf,
  getJson,
  human,
  planOf,
  post,
  postJson,
  setChain,
  TestServer,
  withServer
} from "./harness.ts"

const ask = chat({ model: "under-test" })
const askStream = chat({ model: "under-test", stream: true })
const model = "a/one"

const stateOf = (name = model) =>
  Effect.map(circuits, ({ states }): { state: string; consecutive_failures: number } => states[name])

const failThrice = Effect.gen(function* () {
  const upstream = yield* FakeOpenRouter
  yield* setChain([model, "b/two"])
  yield* upstream.script(model, status(500))
  yield* Effect.all([ask, ask, ask])
})

const asked = (name = model) =>
  Effect.flatMap(FakeOpenRouter, (upstream) => Effect.map(upstream.requestsFor(name), (requests) => requests.length))

const awaitState = (state: string) => Effect.repeat(stateOf(), { until: (seen) => seen?.state === state })

const chunkOf = (delta: object, finishReason: string | null) =>
  `data: ${JSON.stringify({ id: "g", model, choices: [{ index: 0, delta, finish_reason: finishReason }] })}\n\n`

/** A stream whose first token comes at once, and whose end comes when the gate opens. */
const gated = (gate: Deferred.Deferred<void>): Behaviour =>
  custom(
    Effect.fnUntraced(function* (exchange) {
      yield* exchange.head(200, { "content-type": "text/event-stream" })
      yield* exchange.write(chunkOf({ content: "first" }, null))
      yield* Deferred.await(gate)
      yield* exchange.write(chunkOf({ content: "" }, "stop"))
      yield* exchange.write("data: [DONE]\n\n")
      yield* exchange.end
    })
  )

/** Begins a stream, reads up to this and leaves. */
const leaveAt = Effect.fnUntraced(function* (last: string) {
  const { url } = yield* TestServer
  const controller = new AbortController()
  yield* Effect.promise(async () => {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "under-test", stream: true, messages: [{ role: "user", content: "hi" }] }),
      signal: controller.signal
    })
    const reader = response.body?.getReader()
    let text = ""
    while (!text.includes(last)) text += Buffer.from((await reader?.read())?.value ?? []).toString()
  })
  controller.abort()
})

const leave = leaveAt("data:")

describe("a model that fails three times", () => {
  it.live("is skipped and not asked, and the next one answers", () =>
    Effect.gen(function* () {
      yield* failThrice
      assert.deepInclude(yield* stateOf(), { state: "open", consecutive_failures: 3 })
      assert.strictEqual(yield* asked(), 3)
      const answer = yield* ask
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
      assert.strictEqual(answer.headers.get("x-router-attempts"), "1")
      assert.strictEqual(yield* asked(), 3)
      const plan = yield* planOf({ model: "under-test", messages: human("hi") })
      assert.strictEqual(plan.plan[0].action, "skip")
      assert.match(plan.plan[0].reason, /^circuit_open until \d{4}-/)
      const health = yield* getJson("/health")
      assert.strictEqual(health.status, "degraded")
      assert.include(health.checks.circuits.message, model)
    }).pipe(withServer())
  )

  it.live("and is alone in its chain: 503, and when to come back", () =>
    Effect.gen(function* () {
      yield* failThrice
      yield* setChain([model])
      const answer = yield* ask
      assert.strictEqual(answer.status, 503)
      assert.strictEqual(errorOf(answer.text).code, "no_model_available")
      assert.isAbove(Number(answer.headers.get("retry-after")), 290)
      assert.isAtMost(Number(answer.headers.get("retry-after")), 300)
    }).pipe(withServer())
  )

  it.live("gets one probe when its time is over, however many ask", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const gate = yield* Deferred.make<void>()
      yield* failThrice
      yield* awaitState("half_open")
      yield* upstream.script(model, gated(gate))
      const before = yield* asked("b/two")
      const ten = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 10 }, () => askStream),
          { concurrency: "unbounded" }
        )
      )
      yield* upstream.awaitRequest("b/two", before + 9)
      yield* upstream.awaitRequest(model, 4)
      assert.strictEqual(yield* asked(), 4)
      assert.strictEqual((yield* stateOf()).state, "half_open")
      yield* Deferred.succeed(gate, undefined)
      const answers = yield* Fiber.join(ten)
      const by = answers.map(({ headers }) => headers.get("x-router-model"))
      assert.strictEqual(by.filter((name) => name === model).length, 1)
      assert.strictEqual(by.filter((name) => name === "b/two").length, 9)
      assert.strictEqual((yield* stateOf()).state, "closed")
      assert.strictEqual(yield* asked(), 4)
    }).pipe(withServer({ CIRCUIT_OPEN_MS: "200", UPSTREAM_IDLE_TIMEOUT_MS: "10000" }))
  )

  it.live("and is alone in its chain while its probe is under way: 503, and to come back soon", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const gate = yield* Deferred.make<void>()
      yield* failThrice
      yield* setChain([model])
      yield* awaitState("half_open")
      yield* upstream.script(model, gated(gate))
      const probe = yield* Effect.forkChild(askStream)
      yield* upstream.awaitRequest(model, 4)
      const answer = yield* ask
      assert.strictEqual(answer.status, 503)
      assert.strictEqual(errorOf(answer.text).code, "no_model_available")
      assert.strictEqual(answer.headers.get("retry-after"), "5")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(probe)
      assert.strictEqual((yield* ask).headers.get("x-router-model"), model)
    }).pipe(withServer({ CIRCUIT_OPEN_MS: "200", UPSTREAM_IDLE_TIMEOUT_MS: "10000" }))
  )

  it.live("opens again when its probe fails", () =>
    Effect.gen(function* () {
      yield* failThrice
      yield* awaitState("half_open")
      yield* ask
      assert.strictEqual(yield* asked(), 4)
      yield* awaitState("half_open")
      const upstream = yield* FakeOpenRouter
      yield* upstream.script(model, ok())
      assert.strictEqual((yield* ask).headers.get("x-router-model"), model)
      assert.strictEqual((yield* stateOf()).state, "closed")
    }).pipe(withServer({ CIRCUIT_OPEN_MS: "200" }))
  )

  it.live("frees the probe's place when the probe's client leaves", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* failThrice
      yield* awaitState("half_open")
      yield* upstream.script(model, stall(1))
      yield* leave
      yield* upstream.awaitAborted(1)
      yield* upstream.script(model, ok())
      const answer = yield* Effect.repeat(ask, { until: ({ headers }) => headers.get("x-router-model") === model })
      assert.strictEqual(answer.status, 200)
      assert.strictEqual((yield* stateOf()).state, "closed")
    }).pipe(withServer({ CIRCUIT_OPEN_MS: "200", UPSTREAM_IDLE_TIMEOUT_MS: "10000" }))
  )
})

describe("a stream", () => {
  it.live("is a success at its end, not at its start", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const gate = yield* Deferred.make<void>()
      yield* setChain([model, "b/two"])
      yield* upstream.script(model, status(500))
      yield* Effect.all([ask, ask])
      yield* upstream.script(model, gated(gate))
      const response = yield* post("/v1/chat/completions", {
        model: "under-test",
        stream: true,
        messages: [{ role: "user", content: "hi" }]
      })
      assert.strictEqual(response.headers.get("x-router-model"), model)
      assert.strictEqual((yield* circuits).failures[model], 2)
      yield* Deferred.succeed(gate, undefined)
      assert.include(yield* Effect.promise(() => response.text()), "[DONE]")
      assert.isUndefined((yield* circuits).failures[model])
    }).pipe(withServer({ UPSTREAM_IDLE_TIMEOUT_MS: "10000" }))
  )

  it.live("that is cut is a failure", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain([model, "b/two"])
      yield* upstream.script(model, cut(2))
      yield* Effect.all([askStream, askStream])
      assert.deepInclude(yield* stateOf(), { state: "closed", consecutive_failures: 2 })
      yield* askStream
      assert.strictEqual((yield* stateOf()).state, "open")
      assert.strictEqual((yield* askStream).headers.get("x-router-model"), "b/two")
      assert.strictEqual(yield* asked(), 3)
    }).pipe(withServer())
  )

  it.live("whose client leaves is neither", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain([model, "b/two"])
      yield* upstream.script(model, status(500))
      yield* Effect.all([ask, ask])
      yield* upstream.script(model, stall(1))
      yield* Effect.all([leave, leave, leave, leave, leave])
      yield* upstream.awaitAborted(5)
      assert.deepInclude(yield* stateOf(), { state: "closed", consecutive_failures: 2 })
      yield* upstream.script(model, status(500))
      yield* ask
      assert.strictEqual((yield* stateOf()).state, "open")
    }).pipe(withServer({ UPSTREAM_IDLE_TIMEOUT_MS: "10000" }))
  )
})

describe("a client that leaves at the finish reason, before [DONE]", () => {
  const finish = chunkOf({}, "stop")
  const usage = `data: ${JSON.stringify({ id: "g", model, choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, cost: 0.25 } })}\n\n`

  /** All of an answer but its last word. */
  const unended = (ending: string): Behaviour =>
    custom(
      Effect.fnUntraced(function* (exchange) {
        yield* exchange.head(200, { "content-type": "text/event-stream" })
        yield* exchange.write(chunkOf({ content: "all" }, null))
        yield* exchange.write(ending)
        return yield* Effect.never
      })
    )

  it.live.each([
    { name: "with its usage", ending: usage + finish, costs: 0.25 },
    { name: "before its usage", ending: finish, costs: 0 }
  ])("has its answer, $name: its probe closes the circuit", ({ costs, ending }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* failThrice
      yield* awaitState("half_open")
      yield* upstream.script(model, unended(ending))
      yield* leaveAt('"stop"')
      yield* upstream.awaitAborted(1)
      yield* awaitState("closed")
      const { recent_requests: recent, requests } = yield* Effect.repeat(getJson("/metrics"), {
        until: (metrics) => metrics.requests.total === 4
      })
      assert.strictEqual(requests.success, 4)
      assert.deepInclude(recent.at(-1), { model, success: true, cost_usd: costs })
    }).pipe(withServer({ CIRCUIT_OPEN_MS: "200", UPSTREAM_IDLE_TIMEOUT_MS: "10000" }))
  )
})

describe("POST /circuit-breaker", () => {
  it.live.each(["/circuit-breaker/reset/a/one", "/circuit-breaker/reset/a%2Fone"])("%s closes the circuit", (path) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* failThrice
      yield* upstream.script(model, ok())
      const { json, status: code } = yield* postJson(path, {})
      assert.strictEqual(code, 200)
      assert.deepStrictEqual(json, { status: "ok", model, state: "closed", was: "open" })
      assert.strictEqual((yield* ask).headers.get("x-router-model"), model)
      assert.deepInclude(yield* stateOf(), { state: "closed", consecutive_failures: 0 })
    }).pipe(withServer())
  )

  it.live("reset needs no body and no content type", () =>
    Effect.gen(function* () {
      const { url } = yield* TestServer
      yield* failThrice
      const response = yield* Effect.promise(() => fetch(`${url}/circuit-breaker/reset/a/one`, { method: "POST" }))
      assert.strictEqual(response.status, 200)
      assert.strictEqual((yield* stateOf()).state, "closed")
    }).pipe(withServer())
  )

  it.live.each(["reset", "open"])("%s of a model that no chain knows is 404", (action) =>
    Effect.gen(function* () {
      const { json, status: code } = yield* postJson(`/circuit-breaker/${action}/who/knows`, {})
      assert.strictEqual(code, 404)
      assert.strictEqual(json.error.code, "model_not_found")
      assert.strictEqual(json.error.param, "model")
      assert.include(json.error.message, "who/knows")
    }).pipe(withServer())
  )

  it.live.each(["/circuit-breaker/reset", "/circuit-breaker/reset/", "/circuit-breaker/reset-all"])(
    "%s closes all circuits",
    (path) =>
      Effect.gen(function* () {
        yield* failThrice
        const { json, status: code } = yield* postJson(path, {})
        assert.strictEqual(code, 200)
        assert.deepStrictEqual(json, { status: "ok", model: "*", state: "closed", reset: [model] })
        assert.strictEqual((yield* stateOf()).state, "closed")
      }).pipe(withServer())
  )

  it.live("open holds a circuit until it is reset", () =>
    Effect.gen(function* () {
      yield* setChain([model, "b/two"])
      const drill = yield* postJson("/circuit-breaker/open/a/one", {})
      assert.strictEqual(drill.status, 200)
      assert.deepStrictEqual(drill.json, { status: "ok", model, state: "open", was: "closed" })
      assert.strictEqual((yield* ask).headers.get("x-router-model"), "b/two")
      assert.strictEqual(yield* asked(), 0)
      const plan = yield* planOf({ model: "under-test", messages: human("hi") })
      assert.strictEqual(plan.plan[0].reason, "circuit_open until it is reset")
      const reset = yield* postJson("/circuit-breaker/reset/a/one", {})
      assert.strictEqual(reset.json.was, "open")
      assert.strictEqual((yield* ask).headers.get("x-router-model"), model)
    }).pipe(withServer({ CIRCUIT_OPEN_MS: "1" }))
  )

  it.live("open without a model is 404 and opens nothing", () =>
    Effect.gen(function* () {
      yield* setChain([model])
      const { status: code } = yield* postJson("/circuit-breaker/open", {})
      assert.strictEqual(code, 404)
      assert.strictEqual((yield* ask).status, 200)
    }).pipe(withServer())
  )
})
