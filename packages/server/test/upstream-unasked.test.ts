/**
 * Spec 2.1: requests that are wrong are answered by the router itself, and the upstream is never asked.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { Effect } from "effect"
import { chat, errorOf, post, rawChat, testServer, withServer } from "./harness.ts"

const chatsAsked = Effect.gen(function* () {
  const upstream = yield* FakeOpenRouter
  return (yield* upstream.requests).filter(({ path }) => path.endsWith("/chat/completions")).length
})

/** The answer, for which no model was asked. */
const unasked = Effect.fnUntraced(function* <A, E, R>(asking: Effect.Effect<A, E, R>) {
  const before = yield* chatsAsked
  const answer = yield* asking
  assert.strictEqual(yield* chatsAsked, before)
  return answer
})

const user = { role: "user", content: "hello" }
const message = (value: unknown) => ({ messages: [user, value] })
const part = (value: unknown) => message({ role: "user", content: [{ type: "text", text: "hi" }, value] })

const wrong: ReadonlyArray<{ readonly name: string; readonly body: object; readonly param: string }> = [
  { name: "no messages", body: { messages: undefined }, param: "messages" },
  { name: "empty messages", body: { messages: [] }, param: "messages" },
  { name: "messages an object", body: { messages: { 0: user } }, param: "messages" },
  { name: "messages a text", body: { messages: "hello" }, param: "messages" },
  { name: "messages null", body: { messages: null }, param: "messages" },
  { name: "a message null", body: message(null), param: "messages[1]" },
  { name: "a message a text", body: message("hello"), param: "messages[1]" },
  { name: "a message an array", body: message([user]), param: "messages[1]" },
  { name: "role missing", body: message({ content: "x" }), param: "messages[1].role" },
  { name: "role unknown", body: message({ role: "robot", content: "x" }), param: "messages[1].role" },
  { name: "role of another case", body: message({ role: "User", content: "x" }), param: "messages[1].role" },
  { name: "role a number", body: message({ role: 1, content: "x" }), param: "messages[1].role" },
  {
    name: "role an object's own name",
    body: message({ role: "constructor", content: "x" }),
    param: "messages[1].role"
  },
  { name: "content missing", body: message({ role: "user" }), param: "messages[1].content" },
  { name: "content null", body: message({ role: "user", content: null }), param: "messages[1].content" },
  { name: "content null of a system", body: message({ role: "system", content: null }), param: "messages[1].content" },
  { name: "content a number", body: message({ role: "user", content: 7 }), param: "messages[1].content" },
  { name: "content an object", body: message({ role: "assistant", content: {} }), param: "messages[1].content" },
  { name: "content false of a tool", body: message({ role: "tool", content: false }), param: "messages[1].content" },
  { name: "a part a text", body: part("x"), param: "messages[1].content[1]" },
  { name: "a part null", body: part(null), param: "messages[1].content[1]" },
  { name: "a part without type", body: part({ text: "x" }), param: "messages[1].content[1].type" },
  { name: "a part's type a number", body: part({ type: 1 }), param: "messages[1].content[1].type" },
  { name: "a text part without text", body: part({ type: "text" }), param: "messages[1].content[1].text" },
  { name: "tools an object", body: { tools: {} }, param: "tools" },
  { name: "tools a text", body: { tools: "all" }, param: "tools" },
  { name: "functions an object", body: { functions: {} }, param: "functions" },
  { name: "stream a text", body: { stream: "true" }, param: "stream" },
  { name: "stream a number", body: { stream: 1 }, param: "stream" },
  { name: "model a number", body: { model: 4 }, param: "model" },
  { name: "model an array", body: { model: ["a/one"] }, param: "model" },
  { name: "models a text", body: { models: "b/two" }, param: "models" },
  { name: "models with a number", body: { models: ["b/two", 3] }, param: "models[1]" }
]

const right: ReadonlyArray<{ readonly name: string; readonly body: object }> = [
  ...["system", "developer", "user", "assistant", "tool", "function"].map((role) => ({
    name: `role ${role}`,
    body: message({ role, content: "x" })
  })),
  { name: "an assistant's content null", body: message({ role: "assistant", content: null, tool_calls: [] }) },
  { name: "an assistant without content", body: message({ role: "assistant", tool_calls: [] }) },
  { name: "a tool's content null", body: message({ role: "tool", content: null }) },
  { name: "no parts", body: message({ role: "user", content: [] }) },
  { name: "a part of a new type", body: part({ type: "input_hologram", at: 1 }) },
  { name: "tools null", body: { tools: null } },
  { name: "no tools", body: { tools: [] } },
  { name: "stream null", body: { stream: null } }
]

describe("large bodies", () => {
  const limit = 4_096
  const bodyOf = (length: number) => {
    const empty = '{"model":"a/one","messages":[{"role":"user","content":""}]}'
    return empty.replace('""', `"${"x".repeat(length - empty.length)}"`)
  }
  const halves = (body: string) => [body.slice(0, body.length / 2), body.slice(body.length / 2)]

  it.live.each([
    { name: "with a length", parts: [bodyOf(limit + 1)] },
    { name: "in chunks", parts: halves(bodyOf(limit + 1)) },
    { name: "far too large, in chunks", parts: Array.from({ length: 64 }, () => "x".repeat(64 * 1024)) }
  ])("$name: 413 above ROUTER_MAX_BODY_BYTES", ({ parts }) =>
    Effect.gen(function* () {
      const answer = yield* rawChat(parts)
      assert.strictEqual(answer.status, 413)
      assert.deepInclude(errorOf(answer.text), { type: "invalid_request_error", code: "body_too_large" })
      assert.isString(answer.headers["x-request-id"])
      assert.strictEqual(yield* chatsAsked, 0)
      assert.strictEqual((yield* chat({ model: "a/one" })).status, 200)
    }).pipe(withServer({ ROUTER_MAX_BODY_BYTES: String(limit) }))
  )

  it.live.each([
    { name: "with a length", parts: [bodyOf(limit)] },
    { name: "in chunks", parts: halves(bodyOf(limit)) }
  ])("$name: as much as is allowed passes", ({ parts }) =>
    Effect.gen(function* () {
      const answer = yield* rawChat(parts)
      assert.strictEqual(answer.status, 200)
    }).pipe(withServer({ ROUTER_MAX_BODY_BYTES: String(limit) }))
  )
})

layer(testServer(), { excludeTestServices: true })("on one server", (shared) => {
  describe("bad fields", () => {
    shared.effect.each(wrong)("$name: 400 names $param", ({ body, param }) =>
      Effect.gen(function* () {
        const answer = yield* unasked(chat({ model: "a/one", ...body }))
        assert.strictEqual(answer.status, 400)
        const error = errorOf(answer.text)
        assert.deepInclude(error, { type: "invalid_request_error", param })
        assert.include(error.message, param)
        assert.isString(answer.headers.get("x-request-id"))
      })
    )

    shared.effect.each(right)("$name is fine", ({ body }) =>
      Effect.gen(function* () {
        const answer = yield* chat({ model: "a/one", ...body })
        assert.strictEqual(answer.status, 200)
      })
    )
  })

  describe("bodies that are no request", () => {
    shared.effect.each([
      { name: "nothing", body: "" },
      { name: "a word", body: "hello" },
      { name: "half an object", body: '{"messages":[' },
      { name: "two objects", body: '{"messages":[]}{}' },
      { name: "a comment", body: '{/* */"messages":[]}' },
      { name: "a trailing comma", body: '{"messages":[],}' },
      { name: "single quotes", body: "{'messages':[]}" },
      { name: "an array", body: "[]" },
      { name: "null", body: "null" },
      { name: "a text", body: '"messages"' },
      { name: "a number", body: "1" },
      { name: "NaN", body: '{"messages":NaN}' }
    ])("$name: 400", ({ body }) =>
      Effect.gen(function* () {
        const answer = yield* unasked(rawChat([body]))
        assert.strictEqual(answer.status, 400)
        assert.deepInclude(errorOf(answer.text), { type: "invalid_request_error", param: null })
      })
    )

    shared.effect.each([
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/jsonp"
    ])("%s: 415", (type) =>
      Effect.gen(function* () {
        const answer = yield* unasked(chat({ model: "a/one" }, { headers: { "content-type": type } }))
        assert.strictEqual(answer.status, 415)
        assert.strictEqual(errorOf(answer.text).type, "invalid_request_error")
      })
    )

    shared.effect.each(["application/json", "application/json; charset=utf-8", "Application/JSON"])(
      "%s is fine",
      (type) =>
        Effect.gen(function* () {
          const answer = yield* chat({ model: "a/one" }, { headers: { "content-type": type } })
          assert.strictEqual(answer.status, 200)
        })
    )
  })

  describe("bodies that could hang or crash a careless reader", () => {
    const arrays = "[".repeat(200_000) + "]".repeat(200_000)
    const objects = '{"a":'.repeat(200_000) + "1" + "}".repeat(200_000)
    const rest = '"model":"router","messages":[{"role":"user","content":"hello"}]'

    shared.effect.each([
      { name: "arrays alone", body: arrays },
      { name: "objects alone", body: objects },
      { name: "an unknown field of arrays", body: `{"x":${arrays},${rest}}` },
      { name: "an unknown field of objects", body: `{"x":${objects},${rest}}` },
      { name: "messages", body: `{"model":"router","messages":${arrays}}` },
      { name: "content", body: `{"model":"router","messages":[{"role":"user","content":${arrays}}]}` },
      {
        name: "a part",
        body: `{"model":"router","messages":[{"role":"user","content":[{"type":"x","x":${objects}}]}]}`
      },
      { name: "tools", body: `{"tools":${arrays},${rest}}` },
      { name: "a tool", body: `{"tools":[{"type":"function","function":${objects}}],${rest}}` },
      { name: "stream_options", body: `{"stream":true,"stream_options":${objects},${rest}}` },
      { name: "never closed", body: `{"x":${"[".repeat(400_000)}` },
      { name: "a million messages", body: `{"messages":[${"1,".repeat(1_000_000)}1]}` },
      {
        name: "a hundred thousand good messages",
        body: `{"messages":[${'{"role":"user","content":"a"},'.repeat(100_000)}{"role":"user","content":"b"}]}`
      },
      { name: "a hundred thousand members", body: `{${'"a":1,'.repeat(100_000)}${rest}}` },
      { name: "a string of backslashes", body: `{"x":"${"\\\\".repeat(500_000)}",${rest}}` }
    ])("$name: an answer, and the next request is served", ({ body }) =>
      Effect.gen(function* () {
        const answer = yield* rawChat([body])
        assert.include([200, 400], answer.status)
        const next = yield* chat({ model: "a/one" })
        assert.strictEqual(next.status, 200)
      })
    )
  })

  describe("models that do not exist", () => {
    shared.effect.each([
      "gpt-4o",
      "router/unknown",
      "unknown",
      "router/",
      "a/",
      "/one",
      "a b/c",
      "__proto__",
      "constructor",
      "a/../b"
    ])("%s: 404 with what exists", (model) =>
      Effect.gen(function* () {
        const answer = yield* unasked(chat({ model }))
        assert.strictEqual(answer.status, 404)
        const error = errorOf(answer.text)
        assert.deepInclude(error, { type: "invalid_request_error", code: "model_not_found", param: "model" })
        assert.include(error.message, "conversation")
      })
    )

    shared.effect("so it is by the dry run, and by the path without /v1", () =>
      Effect.gen(function* () {
        const messages = [{ role: "user", content: "hello" }]
        const answers = yield* Effect.forEach(["/v1/route", "/chat/completions"], (path) =>
          post(path, { model: "gpt-4o", messages })
        )
        assert.deepStrictEqual(
          answers.map(({ status }) => status),
          [404, 404]
        )
      })
    )
  })
})
