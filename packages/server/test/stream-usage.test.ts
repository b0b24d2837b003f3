/**
 * Spec 2.4: the router asks for usage on every stream, and a client that did not ask gets no chunk of it. And a
 * provider that answers a stream whole.
 */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { custom, errorBody200, jsonForStream, noUsage, ok, usageInFinishChunk } from "@llm-router/testing/script"
import { Effect } from "effect"
import { chat, contentOf, eventsOf, getJson, setChain, withServer } from "./harness.ts"

const chunksOf = (text: string) =>
  eventsOf(text)
    .filter((data) => data !== "[DONE]")
    .map((data) => JSON.parse(data))

const usageChunks = (text: string) => chunksOf(text).filter(({ choices, usage }) => choices.length === 0 && usage)

describe("what is asked of the upstream", () => {
  it.live.each([
    { name: "nothing", given: {}, asked: { include_usage: true } },
    { name: "null", given: { stream_options: null }, asked: { include_usage: true } },
    { name: "empty", given: { stream_options: {} }, asked: { include_usage: true } },
    { name: "false", given: { stream_options: { include_usage: false } }, asked: { include_usage: true } },
    { name: "true", given: { stream_options: { include_usage: true } }, asked: { include_usage: true } },
    {
      name: "something else",
      given: { stream_options: { include_obfuscation: false, n: { a: [1] } } },
      asked: { include_usage: true, include_obfuscation: false, n: { a: [1] } }
    }
  ])("stream_options of the client: $name", ({ asked, given }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* chat({ model: "a/one", stream: true, ...given })
      const [request] = yield* upstream.requestsFor("a/one")
      assert.deepInclude(request?.json, { stream: true, stream_options: asked })
    }).pipe(withServer())
  )

  it.live("without a stream no stream_options are added", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* chat({ model: "a/one" })
      const [request] = yield* upstream.requestsFor("a/one")
      assert.notProperty(request?.json, "stream_options")
    }).pipe(withServer())
  )
})

describe("what the client gets", () => {
  it.live.each([
    { name: "did not ask", given: {}, chunks: 0 },
    { name: "asked not to", given: { stream_options: { include_usage: false } }, chunks: 0 },
    { name: "asked", given: { stream_options: { include_usage: true } }, chunks: 1 }
  ])("a client that $name: $chunks usage chunks", ({ chunks, given }) =>
    Effect.gen(function* () {
      const answer = yield* chat({ model: "a/one", stream: true, ...given })
      assert.strictEqual(usageChunks(answer.text).length, chunks)
      assert.strictEqual(contentOf(answer.text), "Hello from a/one")
      assert.strictEqual(eventsOf(answer.text).at(-1), "[DONE]")
      assert.include(answer.text, '"finish_reason":"stop"')
    }).pipe(withServer())
  )

  it.live("usage in the chunk with the finish reason passes, asked for or not", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", usageInFinishChunk())
      const answer = yield* chat({ model: "a/one", stream: true })
      const finish = chunksOf(answer.text).at(-1)
      assert.strictEqual(finish.choices[0].finish_reason, "stop")
      assert.isAbove(finish.usage.prompt_tokens, 0)
    }).pipe(withServer())
  )

  it.live.each([
    ["did not ask", {}, 0],
    ["asked", { stream_options: { include_usage: true } }, 1]
  ] as const)(
    "usage beside a choice that says nothing is a chunk of usage: for a client that %s",
    ([, given, chunks]) =>
      Effect.gen(function* () {
        const upstream = yield* FakeOpenRouter
        const event = (delta: object, finish: string | null, more = {}) =>
          `data: ${JSON.stringify({ id: "g", model: "a/one", choices: [{ index: 0, delta, finish_reason: finish }], ...more })}\n\n`
        const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, cost: 0.001 }
        const text =
          event({ role: "assistant", content: "" }, null, { usage: null }) +
          event({ content: "Hello" }, null) +
          event({ content: "" }, "stop") +
          event({ role: "assistant", content: "" }, null, { usage }) +
          "data: [DONE]\n\n"
        yield* upstream.script("a/one", { _tag: "Raw", status: 200, contentType: "text/event-stream", text })
        const answer = yield* chat({ model: "a/one", stream: true, ...given })
        assert.strictEqual(chunksOf(answer.text).filter((chunk) => chunk.usage).length, chunks)
        assert.strictEqual(chunksOf(answer.text)[0].choices[0].delta.role, "assistant")
        assert.strictEqual(eventsOf(answer.text).at(-1), "[DONE]")
        assert.strictEqual((yield* getJson("/metrics")).total_cost_usd, 0.001)
      }).pipe(withServer())
  )

  it.live("an upstream that never reports usage answers all the same", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", noUsage())
      const answer = yield* chat({ model: "a/one", stream: true, stream_options: { include_usage: true } })
      assert.strictEqual(contentOf(answer.text), "Hello from a/one")
      assert.strictEqual(eventsOf(answer.text).at(-1), "[DONE]")
    }).pipe(withServer())
  )
})

describe("an answer that comes whole becomes a stream", () => {
  it.live.each([
    { name: "did not ask", given: {}, chunks: 0 },
    { name: "asked", given: { stream_options: { include_usage: true } }, chunks: 1 }
  ])("for a client that $name for usage", ({ chunks, given }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", jsonForStream({ content: "All at once", reasoning: "hm" }))
      const answer = yield* chat({ model: "a/one", stream: true, ...given })
      assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/)
      assert.strictEqual(contentOf(answer.text), "All at once")
      const [first] = chunksOf(answer.text)
      assert.deepInclude(first, { object: "chat.completion.chunk", model: "a/one" })
      assert.deepInclude(first.choices[0].delta, { role: "assistant", reasoning: "hm" })
      assert.include(answer.text, '"finish_reason":"stop"')
      assert.strictEqual(usageChunks(answer.text).length, chunks)
      assert.strictEqual(eventsOf(answer.text).at(-1), "[DONE]")
    }).pipe(withServer())
  )

  it.live("with an index on each tool call, by which clients of streams put them together", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const call = (id: string) => ({ id, type: "function", function: { name: "look", arguments: "{}" } })
      const message = { role: "assistant", content: null, tool_calls: [call("c1"), call("c2")] }
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          exchange.json(200, { id: "x", model: "a/one", choices: [{ index: 0, message, finish_reason: "tool_calls" }] })
        )
      )
      const answer = yield* chat({ model: "a/one", stream: true })
      const calls = chunksOf(answer.text).flatMap(({ choices }) => choices[0].delta.tool_calls ?? [])
      assert.deepStrictEqual(calls, [
        { index: 0, ...call("c1") },
        { index: 1, ...call("c2") }
      ])
    }).pipe(withServer())
  )

  it.live("an error that comes whole falls back", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script(
        "a/one",
        custom((exchange) => exchange.json(200, { error: { code: 502, message: "oops" } }))
      )
      yield* upstream.script("b/two", ok())
      const answer = yield* chat({ model: "pair", stream: true })
      assert.strictEqual(contentOf(answer.text), "Hello from b/two")
    }).pipe(withServer())
  )

  it.live("and an error that comes as an event, too", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", errorBody200(502, "oops"))
      const answer = yield* chat({ model: "pair", stream: true })
      assert.strictEqual(contentOf(answer.text), "Hello from b/two")
    }).pipe(withServer())
  )
})
