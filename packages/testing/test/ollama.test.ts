import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { FakeOllama } from "../src/FakeOllama.ts"
import * as Script from "../src/ollamaScript.ts"
import { send } from "./client.ts"

const format = { type: "object", properties: { category: { type: "string", enum: ["code", "tools"] } } }
const body = { model: "qwen2.5:0.5b", stream: false, messages: [{ role: "user", content: "Hi" }], format }

const chat = (more: object = {}) =>
  Effect.flatMap(FakeOllama, (fake) => send(`${fake.url}/api/chat`, { body: { ...body, ...more } }))

const test = (name: string, effect: Effect.Effect<unknown, unknown, FakeOllama>) =>
  it.effect(name, () => Effect.provide(effect, FakeOllama.layer))

const table: ReadonlyArray<readonly [string, Script.OllamaBehaviour, number, RegExp]> = [
  ["answersFirstAllowed", Script.answersFirstAllowed, 200, /"content":"{\\"category\\":\\"code\\"}".*"done":true/],
  ["answers", Script.answers("tools"), 200, /"content":"{\\"category\\":\\"tools\\"}"/],
  ["answersOutsideOfEnum", Script.answersOutsideOfEnum, 200, /no-such-category/],
  ["answersWith", Script.answersWith("I think code"), 200, /"content":"I think code"/],
  ["slow", Script.slow(5), 200, /code/],
  ["status", Script.status(503, "server busy"), 503, /^{"error":"server busy"}$/],
  ["errorLine", Script.errorLine("out of memory"), 200, /^{"error":"out of memory"}\n$/]
]
for (const [name, behaviour, status, text] of table) {
  test(
    name,
    Effect.gen(function* () {
      const fake = yield* FakeOllama
      yield* fake.script(behaviour)
      const answer = yield* chat()
      assert.strictEqual(answer.status, status)
      assert.match(answer.text, text)
    })
  )
}

test(
  "a script may read the request; a stream has a line that is done; a chat without messages loads the model",
  Effect.gen(function* () {
    const fake = yield* FakeOllama
    yield* fake.script((ask) => Script.answers(ask.messages?.[0]?.content ?? ""))
    assert.include((yield* chat()).text, "Hi")
    assert.match((yield* chat({ stream: true })).text, /"done":false}\n.*"done":true/)
    assert.match((yield* chat({ messages: [] })).text, /"done_reason":"load"/)
  })
)

test(
  "hang is left by the client, reset by the server",
  Effect.gen(function* () {
    const fake = yield* FakeOllama
    yield* fake.script(Script.hang)
    const client = yield* Effect.forkChild(chat())
    yield* fake.awaitRequest()
    yield* Fiber.interrupt(client)
    assert.strictEqual((yield* fake.awaitAborted()).length, 1)
    yield* fake.script(Script.reset)
    assert.strictEqual(yield* Effect.flip(chat()), "ECONNRESET")
  })
)

test(
  "knows its models",
  Effect.gen(function* () {
    const fake = yield* FakeOllama
    const get = (path: string) => Effect.map(send(`${fake.url}${path}`, { method: "GET" }), (answer) => answer.text)
    assert.include(yield* get("/api/tags"), `"name":"qwen2.5:0.5b"`)
    assert.include(yield* get("/api/ps"), `"expires_at"`)
    assert.include(yield* get("/api/version"), `"version"`)
    assert.strictEqual((yield* chat({ model: "other" })).status, 404)
    yield* fake.models(["other"])
    assert.strictEqual((yield* chat({ model: "other" })).status, 200)
    yield* fake.reset
    assert.deepStrictEqual(yield* fake.requests, [])
  })
)
