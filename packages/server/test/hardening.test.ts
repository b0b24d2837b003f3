/** Misbehaviour of upstreams, clients and operators that once went wrong, or would be costly if it did. */
import { connect } from "node:net"
import { FakeOllama } from "@llm-router/testing/FakeOllama"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { hang } from "@llm-router/testing/ollamaScript"
import { cut, custom, endless, ok, stall, status } from "@llm-router/testing/script"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import {
  chat,
  circuits,
  contentOf,
  errorOf,
  get,
  getJson,
  human,
  post,
  setChain,
  TestServer,
  withServer
} from "./harness.ts"

describe("limits of the router's own", () => {
  it.live("a request that takes too long is cut, and its model is not held to blame", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"])
      yield* upstream.script("a/one", endless(5))
      for (let turn = 0; turn < 3; turn++) {
        const { text } = yield* chat({ model: "under-test", stream: true })
        assert.include(text, '"finish_reason":"error"')
      }
      assert.deepStrictEqual((yield* circuits).failures, {})
    }).pipe(withServer({ REQUEST_TIMEOUT_MS: "400" }))
  )

  it.live("the time that its decision took is a part of it", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* (yield* FakeOllama).script(hang)
      const answer = yield* chat({ messages: human("write a python function that sorts a list") })
      assert.strictEqual(answer.status, 504)
      assert.strictEqual(errorOf(answer.text).code, "upstream_timeout")
      const calls = (yield* upstream.requests).filter(({ method }) => method === "POST")
      assert.lengthOf(calls, 0)
    }).pipe(withServer({ ROUTING_MODE: "ollama", OLLAMA_TIMEOUT_MS: "300", REQUEST_TIMEOUT_MS: "200" }))
  )

  it.live("a request that finds no free connection is told so, and its model is not held to blame", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"])
      yield* upstream.script("a/one", stall(2))
      const first = yield* Effect.forkChild(chat({ model: "under-test", stream: true }))
      yield* upstream.awaitRequest("a/one")
      const answer = yield* chat({ model: "b/two" })
      assert.strictEqual(answer.status, 503)
      assert.strictEqual(errorOf(answer.text).code, "router_busy")
      assert.strictEqual(answer.headers.get("retry-after"), "1")
      assert.deepStrictEqual((yield* circuits).failures, {})
      yield* Fiber.interrupt(first)
    }).pipe(withServer({ UPSTREAM_MAX_CONNECTIONS: "1", UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "600" }))
  )
})

describe("answers of an upstream", () => {
  it.live("an error whose body never ends does not keep the next model waiting", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"])
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          Effect.gen(function* () {
            yield* exchange.head(503, { "content-type": "application/json" })
            yield* Effect.repeat(exchange.write(" "), Schedule.spaced("50 millis"))
          })
        )
      )
      const answer = yield* chat({ model: "under-test" })
      assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
      assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1 })
    }).pipe(withServer({ UPSTREAM_IDLE_TIMEOUT_MS: "60000" }))
  )

  it.live.each([-5, 1e9])("a cost of %d USD is not believed", (cost) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("openai/gpt-4o", ok({ usage: { prompt_tokens: 10, completion_tokens: 10, cost } }))
      yield* chat({ model: "openai/gpt-4o" })
      assert.strictEqual((yield* getJson("/metrics")).total_cost_usd, 0.000125)
    }).pipe(withServer())
  )

  it.live("a wait of ages is shortened to a day", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"])
      yield* upstream.script("a/one", status(429, { headers: { "retry-after": "1e300" } }))
      assert.strictEqual((yield* chat({ model: "under-test" })).headers.get("retry-after"), "86400")
    }).pipe(withServer())
  )
})

describe("headers", () => {
  it.live("errors and cut streams name the model that was asked", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"])
      yield* upstream.script("a/one", status(500))
      yield* upstream.script("b/two", status(500))
      const failed = yield* chat({ model: "under-test" })
      assert.strictEqual(failed.headers.get("x-router-model"), "b/two")
      assert.strictEqual(failed.headers.get("x-router-attempts"), "2")
      yield* upstream.script("b/two", cut(2))
      assert.strictEqual((yield* chat({ model: "b/two", stream: true })).headers.get("x-router-model"), "b/two")
    }).pipe(withServer())
  )
})

/** Writes to a fresh connection, more once the answer has begun, and gives all that came back. */
const onOneConnection = (url: string, request: string, more: string) =>
  Effect.callback<string>((resume) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname, () => socket.write(request))
    let text = ""
    socket.on("data", (data) => {
      text += data.toString()
      if (text.includes("data:")) socket.write(more)
    })
    socket.on("error", () => undefined)
    socket.on("close", () => resume(Effect.succeed(text)))
    return Effect.sync(() => socket.destroy())
  })

describe("clients", () => {
  it.live("what is no HTTP amid a stream ends the connection, and writes nothing into the stream", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const { url } = yield* TestServer
      yield* setChain(["a/one"])
      yield* upstream.script("a/one", stall(2))
      const body = JSON.stringify({ model: "under-test", stream: true, messages: [{ role: "user", content: "hi" }] })
      const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
      const text = yield* onOneConnection(url, head + body, "\0 no HTTP at all\r\n\r\n")
      assert.strictEqual(text.split("HTTP/1.1 ").length, 2)
      yield* upstream.awaitAborted()
    }).pipe(withServer())
  )

  it.live("a body nested a million levels deep is refused", () =>
    Effect.gen(function* () {
      const deep = "[".repeat(1_000_000) + "]".repeat(1_000_000)
      const response = yield* post("/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"x":${deep}}`)
      assert.strictEqual(response.status, 400)
      assert.include(errorOf(yield* Effect.promise(() => response.text())).message, "nested deeper")
    }).pipe(withServer())
  )

  it.live("a body with more names than any request has is refused", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const rest = '"stream":true,"messages":[{"role":"user","content":"x"}]}'
      for (const [repeated, problem] of [
        ['"model":"a/one",'.repeat(1_000), "more than 1000 members"],
        [`"x":[${'{"a":1},'.repeat(50_000)}0],`, "50000 members in all"],
        [`"stream_options":{${'"include_usage":false,'.repeat(1_000)}"x":1},`, "stream_options"],
        [`"stream_options":{${'"include_usage":false,'.repeat(100)}"x":1},`.repeat(3), "stream_options"]
      ] as const) {
        const response = yield* post("/v1/chat/completions", `{${repeated}${rest}`)
        assert.strictEqual(response.status, 400)
        assert.include(errorOf(yield* Effect.promise(() => response.text())).message, problem)
      }
      assert.deepStrictEqual(yield* upstream.requestsFor("a/one"), [])
    }).pipe(withServer())
  )

  it.live("a body that is compressed is refused, and one that is no UTF-8", () =>
    Effect.gen(function* () {
      const body = '{"messages":[{"role":"user","content":"x"}]}'
      const compressed = yield* post("/v1/chat/completions", body, {
        headers: { "content-type": "application/json", "content-encoding": "gzip" }
      })
      assert.strictEqual(compressed.status, 415)
      const latin1 = Buffer.from('{"messages":[{"role":"user","content":"\xe9"}]}', "latin1")
      const response = yield* post("/v1/chat/completions", "", { body: latin1 })
      assert.strictEqual(response.status, 400)
      assert.include(errorOf(yield* Effect.promise(() => response.text())).message, "UTF-8")
    }).pipe(withServer())
  )

  it.live("a mutation that a web page's form could send is refused", () =>
    Effect.gen(function* () {
      const headers = { "content-type": "text/plain" }
      assert.strictEqual((yield* post("/circuit-breaker/open/z-ai/glm-5", "x", { headers })).status, 415)
      assert.strictEqual((yield* get("/config")).status, 200)
    }).pipe(withServer())
  )

  it.live("a model that is in no chain cannot make the service look sick", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("some/model", status(404, { message: "gone from http://10.0.0.7" }))
      yield* chat({ model: "some/model" })
      yield* upstream.script("openai/gpt-4o", ok())
      assert.strictEqual(
        contentOf((yield* chat({ model: "openai/gpt-4o", stream: true })).text),
        "Hello from openai/gpt-4o"
      )
      const health = yield* getJson("/health")
      assert.strictEqual(health.checks.openrouter.status, "ok")
      assert.notInclude(JSON.stringify(health), "10.0.0.7")
    }).pipe(withServer())
  )
})
