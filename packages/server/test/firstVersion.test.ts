/** What the first version's users, scripts and dashboards see must go on being there. */
import { expect, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { noUsage, ok, status } from "@llm-router/testing/script"
import { Effect } from "effect"
import { describe } from "vitest"
import { awaitModelList, chat, getJson, human, planOf, post, postJson, setChain, withServer } from "./harness.ts"

const text = expect.any(String)
const number = expect.any(Number)
const builtin = ["tools", "code", "reasoning", "conversation"]

describe("GET /health", () => {
  it.live("has the first version's keys", () =>
    Effect.gen(function* () {
      expect(yield* getJson("/health")).toMatchObject({
        status: "healthy",
        service: "llm-router",
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        routing_mode: "keywords",
        ollama_url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        ollama_model: "qwen2.5:0.5b",
        categories: builtin
      })
    }).pipe(withServer())
  )
})

describe("GET /models", () => {
  it.live.each(["/models", "/v1/models"])("%s lists the router first", (path) =>
    Effect.gen(function* () {
      const list = yield* getJson(path)
      const entry = { id: text, object: "model", created: number, owned_by: text }
      expect(list).toEqual({ object: "list", data: expect.arrayContaining([expect.objectContaining(entry)]) })
      expect(list.data[0]).toEqual({ ...entry, id: "router" })
    }).pipe(withServer())
  )
})

/** One that fails over, one that fails, one that works; they count three. */
const someRequests = Effect.gen(function* () {
  const upstream = yield* FakeOpenRouter
  yield* upstream.script("a/broken", status(500))
  yield* setChain(["a/broken", "b/works"], "rescued")
  yield* setChain(["a/broken", "a/broken-too"], "hopeless")
  yield* upstream.script("a/broken-too", status(500))
  yield* chat({ model: "rescued" })
  yield* chat({ model: "hopeless" })
  yield* chat({ model: "router", messages: human("hello there") })
})

describe("GET /metrics", () => {
  it.live("is empty before the first request", () =>
    Effect.gen(function* () {
      expect(yield* getJson("/metrics")).toMatchObject({
        requests: { total: 0, success: 0, failed: 0 },
        avg_latency_ms: 0,
        total_cost_usd: 0,
        model_distribution: {},
        category_distribution: {},
        routing_mode_distribution: {},
        circuit_breaker: { failures: {}, open_circuits: {}, last_failure: {} },
        recent_requests: []
      })
    }).pipe(withServer())
  )

  it.live("has the first version's keys; a request counts once, whatever its attempts", () =>
    Effect.gen(function* () {
      yield* someRequests
      const metrics = yield* getJson("/metrics")
      expect(metrics).toMatchObject({
        requests: { total: 3, success: 2, failed: 1 },
        avg_latency_ms: number,
        total_cost_usd: number,
        model_distribution: { "b/works": 1, "a/broken-too": 1, "z-ai/glm-5": 1 },
        category_distribution: { rescued: 1, hopeless: 1, conversation: 1 },
        routing_mode_distribution: { model: 2, keywords: 1 },
        circuit_breaker: {
          failures: { "a/broken": 2, "a/broken-too": 1 },
          open_circuits: {},
          last_failure: { "a/broken": expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), "a/broken-too": text }
        },
        config: {
          routing_mode: "keywords",
          ollama_url: expect.stringMatching(/^http:/),
          ollama_model: "qwen2.5:0.5b",
          categories: [...builtin, "rescued", "hopeless"]
        }
      })
      const recent = { timestamp: expect.stringMatching(/^\d{4}-.*Z$/), latency_ms: number, cost_usd: number }
      expect(metrics.recent_requests).toEqual([
        expect.objectContaining({
          ...recent,
          category: "rescued",
          model: "b/works",
          success: true,
          attempts: 2,
          routing_mode: "model"
        }),
        expect.objectContaining({
          ...recent,
          category: "hopeless",
          model: "a/broken-too",
          success: false,
          error: text,
          attempts: 2
        }),
        expect.objectContaining({ ...recent, category: "conversation", success: true, routing_mode: "keywords" })
      ])
      expect(metrics.recent_requests[2]).not.toHaveProperty("error")
    }).pipe(withServer())
  )

  it.live("rounds latencies to two decimals and averages them", () =>
    Effect.gen(function* () {
      yield* someRequests
      const { avg_latency_ms: average, recent_requests: recent } = yield* getJson("/metrics")
      const latencies: ReadonlyArray<number> = recent.map((request: { latency_ms: number }) => request.latency_ms)
      for (const value of [average, ...latencies]) expect(String(value)).toMatch(/^\d+(\.\d{1,2})?$/)
      expect(average).toBeCloseTo(latencies.reduce((sum, value) => sum + value, 0) / latencies.length, 1)
    }).pipe(withServer())
  )

  it.live("shows the last ten requests, newest last", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      const ids = Array.from({ length: 12 }, (_, index) => `request-${index + 1}`)
      yield* Effect.forEach(ids, (id) => chat({ model: "under-test" }, { headers: { "x-request-id": id } }))
      const { recent_requests: recent, requests } = yield* getJson("/metrics")
      expect(recent.map((request: { request_id: string }) => request.request_id)).toEqual(ids.slice(2))
      expect(requests.total).toBe(12)
    }).pipe(withServer())
  )

  it.live("sums what the upstream charged", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      yield* (yield* FakeOpenRouter).script("a/one", ok({ usage: { cost: 0.1 } }))
      yield* Effect.forEach([1, 2, 3], () => chat({ model: "under-test" }))
      const { cost, recent_requests: recent, total_cost_usd: total } = yield* getJson("/metrics")
      // Exactly, which binary floats would not give.
      expect(total).toBe(0.3)
      expect(cost).toMatchObject({ by_model: { "a/one": 0.3 }, by_category: { "under-test": 0.3 } })
      expect(recent.map((request: { cost_usd: number }) => request.cost_usd)).toEqual([0.1, 0.1, 0.1])
    }).pipe(withServer())
  )

  it.live("shows an unpriced model as unpriced, and does not charge it 0.05/0.15", () =>
    Effect.gen(function* () {
      yield* awaitModelList
      yield* setChain(["nobody/knows-its-price"])
      yield* (yield* FakeOpenRouter).scriptAll(noUsage())
      const answer = yield* chat({ model: "under-test" })
      expect(answer.headers.has("x-router-cost-usd")).toBe(false)
      const metrics = yield* getJson("/metrics")
      expect(metrics).toMatchObject({ total_cost_usd: 0, cost: { unpriced_requests: 1 }, requests: { success: 1 } })
      const { model_costs: costs } = yield* getJson("/config")
      expect(costs).not.toHaveProperty(["nobody/knows-its-price"])
    }).pipe(withServer())
  )
})

describe("GET /config", () => {
  it.live("has the first version's keys", () =>
    Effect.gen(function* () {
      yield* post("/config/category", {
        name: "creative",
        models: ["openrouter/aurora-alpha", "z-ai/glm-5"],
        keywords: ["story", "poem"],
        description: "Creative writing tasks"
      })
      const config = yield* getJson("/config")
      const creative = {
        description: "Creative writing tasks",
        models: ["openrouter/aurora-alpha", "z-ai/glm-5"],
        keywords: ["story", "poem"]
      }
      expect(config).toMatchObject({
        routing_mode: "keywords",
        ollama: { base_url: expect.stringMatching(/^http:/), model: "qwen2.5:0.5b" },
        api: { model: "qwen/qwen3-1.7b" },
        model_mappings: {
          tools: ["openrouter/aurora-alpha", "moonshotai/kimi-k2.5", "z-ai/glm-5"],
          code: ["z-ai/glm-5", "openrouter/aurora-alpha", "openai/gpt-4o-mini"],
          reasoning: ["openrouter/aurora-alpha", "z-ai/glm-5", "moonshotai/kimi-k2.5"],
          conversation: ["z-ai/glm-5", "openai/gpt-4o-mini", "openrouter/aurora-alpha"],
          creative: creative.models
        },
        keywords: { creative: creative.keywords, code: expect.arrayContaining(["python", "function"]) },
        custom_categories: { creative }
      })
      expect(Object.keys(config.custom_categories)).toEqual(["creative"])
    }).pipe(withServer())
  )

  it.live("has the first version's prices where the upstream lists none", () =>
    Effect.gen(function* () {
      const { model_costs: costs } = yield* getJson("/config")
      expect(costs).toEqual({
        "openrouter/aurora-alpha": { input: 0.15, output: 0.6 },
        "moonshotai/kimi-k2.5": { input: 0.1, output: 0.3 },
        "z-ai/glm-5": { input: 0.05, output: 0.15 },
        "openai/gpt-4o-mini": { input: 0.15, output: 0.6 },
        "openai/gpt-4o": { input: 2.5, output: 10 },
        "qwen/qwen3-1.7b": { input: 0.01, output: 0.02 }
      })
    }).pipe(
      withServer(
        {},
        undefined,
        Effect.flatMap(FakeOpenRouter, (upstream) => upstream.models([]))
      )
    )
  )
})

describe("categories over HTTP", () => {
  it.live("are added, changed and deleted", () =>
    Effect.gen(function* () {
      const body = { name: "creative", models: ["z-ai/glm-5"], keywords: ["poem"], description: "Verse" }
      expect(yield* postJson("/config/category", body)).toMatchObject({
        status: 201,
        json: { status: "ok", category: "creative", models: ["z-ai/glm-5"] }
      })
      expect(yield* planOf({ messages: human("a poem, please") })).toMatchObject({ category: "creative" })
      expect(yield* postJson("/config/category", { name: "creative", models: ["openai/gpt-4o"] })).toMatchObject({
        status: 200,
        json: { status: "ok", category: "creative", models: ["openai/gpt-4o"] }
      })
      expect(yield* postJson("/config/category/creative", undefined, { method: "DELETE" })).toMatchObject({
        status: 200,
        json: { status: "ok", deleted: "creative" }
      })
      expect(yield* planOf({ messages: human("a poem, please") })).toMatchObject({ category: "conversation" })
      expect((yield* getJson("/health")).categories).toEqual(builtin)
    }).pipe(withServer())
  )

  it.live("get other chains", () =>
    Effect.gen(function* () {
      const body = { category: "code", models: ["a/one", "b/two"] }
      expect(yield* postJson("/config/model-mapping", body)).toMatchObject({
        status: 200,
        json: { status: "ok", ...body }
      })
      expect((yield* chat({ messages: human("a python function") })).headers.get("x-router-model")).toBe("a/one")
    }).pipe(withServer())
  )

  it.live.each([
    ["POST", "/circuit-breaker/reset/z-ai/glm-5", { status: "ok", model: "z-ai/glm-5" }],
    ["POST", "/circuit-breaker/reset/z-ai%2Fglm-5", { status: "ok", model: "z-ai/glm-5" }],
    ["DELETE", "/config/category/creative", { status: "ok", deleted: "creative" }]
  ] as const)("need no body and no content type, as in the README's curl lines: %s %s", ([method, path, answer]) =>
    Effect.gen(function* () {
      yield* setChain(["a/one"], "creative")
      expect(yield* getJson(path, { method })).toMatchObject(answer)
    }).pipe(withServer())
  )

  it.live.each([
    ["a chain for no category", "/config/model-mapping", { category: "nope", models: ["a/one"] }, {}, 404],
    ["a built-in category's end", "/config/category/code", undefined, { method: "DELETE" }, 409],
    ["the end of no category", "/config/category/nope", undefined, { method: "DELETE" }, 404],
    ["a category without models", "/config/category", { name: "creative", models: [] }, {}, 400],
    ["the reset of an unknown model", "/circuit-breaker/reset/no/such-model", {}, {}, 404]
  ] as const)("refuse %s", ([, path, body, init, code]) =>
    Effect.gen(function* () {
      expect(yield* postJson(path, body, init)).toMatchObject({ status: code, json: { error: { message: text } } })
    }).pipe(withServer())
  )
})
