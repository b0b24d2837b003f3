import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { startSandbox } from "../src/sandbox.ts"
import { send, shapesOf } from "./client.ts"

const ask = (more: object = {}) =>
  Effect.flatMap(startSandbox, ({ url }) =>
    send(`${url}/chat/completions`, {
      body: { model: "z-ai/glm-5", messages: [{ role: "user", content: "Say it in 日本語, please" }], ...more }
    })
  )

it.effect("says that it is simulated, by which model, and quotes the user", () =>
  Effect.gen(function* () {
    const { text } = yield* ask()
    assert.match(text, /simulated answer from z-ai\/glm-5.*You wrote: \\"Say it in 日本語, please\\"\..*"cost":0\.0000/)
    const long = yield* ask({ messages: [{ role: "user", content: "🎉".repeat(100) }] })
    assert.include(long.text, `${"🎉".repeat(80)}…`)
  })
)

it.effect("streams word by word and ends with usage", () =>
  Effect.gen(function* () {
    const { reads, text } = yield* ask({ stream: true })
    assert.isAbove(reads.length, 10)
    assert.deepStrictEqual(shapesOf(text).slice(-3), ["finish stop", "usage", "done"])
  })
)

it.effect("calls a tool that the user mentions", () =>
  Effect.gen(function* () {
    const tools = [{ type: "function", function: { name: "list_files" } }]
    const messages = [{ role: "user", content: "Please list_files" }]
    assert.match((yield* ask({ tools, messages })).text, /"name":"list_files","arguments":"{}"/)
    assert.notInclude((yield* ask({ tools })).text, "tool_calls")
  })
)

it.effect("classifies with the first category", () =>
  Effect.gen(function* () {
    const schema = { type: "object", properties: { category: { type: "string", enum: ["code", "tools"] } } }
    const { text } = yield* ask({ response_format: { type: "json_schema", json_schema: { name: "c", schema } } })
    assert.include(text, String.raw`"content":"{\"category\":\"code\"}"`)
  })
)

it.effect("shows trouble where a model's name asks for it", () =>
  Effect.gen(function* () {
    assert.strictEqual((yield* ask({ model: "sim/fail" })).status, 500)
    const cut = yield* ask({ model: "sim/cut", stream: true })
    assert.isFalse(cut.complete)
    assert.strictEqual(shapesOf(cut.text).length, 7)
  })
)
