/**
 * Spec 2.1: which models a request's `model` and `models` lead to.
 */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { status } from "@llm-router/testing/script"
import { Effect } from "effect"
import { chat, circuits, contentOf, errorOf, setChain, withServer } from "./harness.ts"

const modelsAsked = Effect.gen(function* () {
  const upstream = yield* FakeOpenRouter
  const chats = (yield* upstream.requests).filter(({ path }) => path.endsWith("/chat/completions"))
  return chats.map(({ model }) => model)
})

describe.each([true, false])("stream: %s", (stream) => {
  it.live("a provider-qualified id: that model, under its own circuit", () =>
    Effect.gen(function* () {
      const answer = yield* chat({ model: "openai/gpt-4o", stream })
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers.get("x-router-model"), "openai/gpt-4o")
      assert.strictEqual(answer.headers.get("x-router-source"), "model")
      assert.include(stream ? contentOf(answer.text) : answer.text, "Hello from openai/gpt-4o")
      assert.deepStrictEqual(yield* modelsAsked, ["openai/gpt-4o"])
    }).pipe(withServer())
  )

  it.live("its failures count, and its open circuit holds", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("openai/gpt-4o", status(500))
      yield* chat({ model: "openai/gpt-4o", stream })
      assert.deepStrictEqual((yield* circuits).failures, { "openai/gpt-4o": 1 })
      yield* chat({ model: "openai/gpt-4o", stream })
      const answer = yield* chat({ model: "openai/gpt-4o", stream })
      assert.strictEqual(answer.status, 503)
      assert.strictEqual(errorOf(answer.text).code, "no_model_available")
      assert.strictEqual((yield* modelsAsked).length, 2)
    }).pipe(withServer({ CIRCUIT_FAILURE_THRESHOLD: "2" }))
  )

  it.live("the request's own models are its fallbacks, each asked once by the router alone", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", status(500))
      yield* upstream.script("b/two", status(429))
      const answer = yield* chat({ model: "a/one", models: ["a/one", "b/two", "c/three"], stream })
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers.get("x-router-model"), "c/three")
      assert.strictEqual(answer.headers.get("x-router-attempts"), "3")
      assert.deepStrictEqual(yield* modelsAsked, ["a/one", "b/two", "c/three"])
      const [request] = yield* upstream.requestsFor("b/two")
      // OpenRouter must not walk the caller's list a second time.
      assert.deepInclude(request?.json, { model: "b/two", models: ["b/two"] })
    }).pipe(withServer())
  )

  it.live.each(["router/pair", "pair"])("%s: that category's chain, unclassified", (model) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", status(404))
      const answer = yield* chat({ model, stream, messages: [{ role: "user", content: "write a python function" }] })
      assert.strictEqual(answer.headers.get("x-router-category"), "pair")
      assert.strictEqual(answer.headers.get("x-router-source"), "model")
      assert.deepStrictEqual(yield* modelsAsked, ["a/one", "b/two"])
    }).pipe(withServer())
  )

  it.live("a built-in category by its bare name", () =>
    Effect.gen(function* () {
      const answer = yield* chat({ model: "code", stream })
      assert.strictEqual(answer.headers.get("x-router-category"), "code")
      assert.strictEqual(answer.headers.get("x-router-model"), "z-ai/glm-5")
    }).pipe(withServer())
  )

  it.live("an id with a variant", () =>
    Effect.gen(function* () {
      const answer = yield* chat({ model: "deepseek/deepseek-r1:free", stream })
      assert.strictEqual(answer.headers.get("x-router-model"), "deepseek/deepseek-r1:free")
      assert.deepStrictEqual(yield* modelsAsked, ["deepseek/deepseek-r1:free"])
    }).pipe(withServer())
  )

  it.live("the alias without /v1 answers the same", () =>
    Effect.gen(function* () {
      const answer = yield* chat({ model: "a/one", stream }, {}, "/chat/completions")
      assert.strictEqual(answer.status, 200)
      assert.include(stream ? contentOf(answer.text) : answer.text, "Hello from a/one")
    }).pipe(withServer())
  )
})

it.live("x-router-cost-usd tells an answer's cost, of a model whose price is known", () =>
  Effect.gen(function* () {
    const answer = yield* chat({ model: "openai/gpt-4o" })
    const { usage } = JSON.parse(answer.text)
    assert.strictEqual(Number(answer.headers.get("x-router-cost-usd")), usage.cost)
    assert.match(answer.headers.get("x-router-cost-usd") ?? "", /^0\.0*[1-9]\d*$/)
  }).pipe(withServer())
)

it.live("a fallback that is no model id is left out, and no address of it is made", () =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* upstream.script("a/one", status(500))
    const answer = yield* chat({ model: "a/one", models: ["../../admin", "router", "b/two"] })
    assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
    assert.deepStrictEqual(yield* modelsAsked, ["a/one", "b/two"])
  }).pipe(withServer())
)
