/** What the router would do and why, and whom it takes a request to belong to: `/v1/route`, tools, sessions. */
import { expect, it } from "@effect/vitest"
import { listing } from "@llm-router/testing/catalogue"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { Effect } from "effect"
import { describe } from "vitest"
import {
  awaitModelList,
  chat,
  errorOf,
  getJson,
  human,
  planOf,
  post,
  postJson,
  setChain,
  withServer
} from "./harness.ts"

const chats = Effect.map(
  Effect.flatMap(FakeOpenRouter, (upstream) => upstream.requests),
  (requests) => requests.filter(({ path }) => path.endsWith("/chat/completions"))
)

describe("a dry run", () => {
  it.live("shows the decision with its evidence, and asks no model", () =>
    Effect.gen(function* () {
      const plan = yield* planOf({ model: "router", messages: human("write a python function, why not") })
      expect(plan).toMatchObject({
        object: "router.plan",
        request_id: expect.stringMatching(/^[\w-]{36}$/),
        category: "code",
        source: "keywords",
        confidence: expect.any(Number),
        models: ["z-ai/glm-5", "openrouter/aurora-alpha", "openai/gpt-4o-mini"],
        reasons: expect.arrayContaining(['keyword "python"', 'keyword "function"']),
        classifier_latency_ms: expect.any(Number),
        evidence: {
          keywords: expect.arrayContaining([
            { category: "code", keyword: "python", position: 8 },
            { category: "code", keyword: "function", position: 15 },
            { category: "reasoning", keyword: "why", position: 25 }
          ])
        },
        plan: [
          { model: "z-ai/glm-5", action: "try" },
          { model: "openrouter/aurora-alpha", action: "try" },
          { model: "openai/gpt-4o-mini", action: "try" }
        ]
      })
      const shares: ReadonlyArray<number> = plan.evidence.candidates.map(
        (candidate: { probability: number }) => candidate.probability
      )
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1)
      expect(yield* chats).toEqual([])
    }).pipe(withServer())
  )

  it.live.each(["/v1/chat/completions", "/chat/completions"])("is what x-router-dry-run makes of %s", (path) =>
    Effect.gen(function* () {
      const body = { model: "router", stream: true, messages: human("write a python function") }
      const { request_id: _, classifier_latency_ms: __, ...plan } = yield* planOf(body)
      const dry = yield* postJson(path, body, { headers: { "x-router-dry-run": "true", "x-request-id": "mine-1" } })
      expect(dry).toMatchObject({ status: 200, json: { ...plan, request_id: "mine-1" } })
      expect(dry.headers.get("content-type")).toMatch(/^application\/json/)
      expect(yield* chats).toEqual([])
    }).pipe(withServer())
  )

  it.live.each(["TRUE", "1", "yes"])("is meant by x-router-dry-run: %s too, and never answered by a model", (said) =>
    Effect.gen(function* () {
      const headers = { "x-router-dry-run": said }
      const { json } = yield* postJson("/v1/chat/completions", { messages: human("hello") }, { headers })
      expect(json).toMatchObject({ object: "router.plan" })
      expect(yield* chats).toEqual([])
    }).pipe(withServer())
  )

  it.live("expects to pay for as many tokens as the request allows", () =>
    Effect.gen(function* () {
      const costOf = (bound: object) =>
        Effect.map(planOf({ model: "code", messages: human("hi"), ...bound }), (plan) => plan.expected_cost_usd.max)
      const some = yield* costOf({ max_tokens: 1_000 })
      const many = yield* costOf({ max_completion_tokens: 100_000, max_tokens: 10, n: 2 })
      expect(many / some).toBeGreaterThan(190)
      expect(many / some).toBeLessThan(200)
    }).pipe(withServer())
  )

  it.live.each([
    [{ model: "router/code" }, { category: "code", source: "model", confidence: 1 }],
    [{ model: "code" }, { category: "code", source: "model", confidence: 1 }],
    [{ model: "openai/gpt-4o" }, { source: "model", models: ["openai/gpt-4o"] }],
    [
      { model: "a/one", models: ["b/two", "a/one"] },
      { source: "model", models: ["a/one", "b/two"] }
    ],
    [{ model: null }, { category: "conversation", source: "keywords" }],
    [{}, { category: "conversation", source: "keywords" }]
  ])("of %j", ([body, expected]) =>
    Effect.gen(function* () {
      expect(yield* planOf({ messages: human("hello there"), ...body })).toMatchObject(expected ?? {})
    }).pipe(withServer())
  )

  // A dry run is remembered as if it had been a request: Router.plan shares Decisions.decide with Router.route.
  it.live("leaves no trace in the session that `user` names", () =>
    Effect.gen(function* () {
      yield* planOf({ user: "ada", messages: human("why is the sky blue, and how do rainbows come about?") })
      expect(yield* planOf({ user: "ada", messages: human("ok") })).toMatchObject({ category: "conversation" })
    }).pipe(withServer())
  )

  it.live("of an unknown model is a 404 that says what there is", () =>
    Effect.gen(function* () {
      expect(yield* postJson("/v1/route", { model: "nope", messages: human("hi") })).toMatchObject({
        status: 404,
        json: { error: { code: "model_not_found", message: expect.stringContaining("conversation") } }
      })
    }).pipe(withServer())
  )
})

describe("models that would be skipped", () => {
  it.live("for their open circuits", () =>
    Effect.gen(function* () {
      const body = { messages: human("write a python function") }
      expect(yield* postJson("/circuit-breaker/open/z-ai/glm-5", {})).toMatchObject({ status: 200 })
      expect((yield* planOf(body)).plan[0]).toEqual({
        model: "z-ai/glm-5",
        action: "skip",
        reason: expect.stringMatching(/^circuit_open until /)
      })
      expect((yield* chat(body)).headers.get("x-router-model")).toBe("openrouter/aurora-alpha")
      yield* postJson("/circuit-breaker/reset/z-ai/glm-5", {})
      expect((yield* planOf(body)).plan[0]).toEqual({ model: "z-ai/glm-5", action: "try" })
    }).pipe(withServer())
  )

  const small = listing({ id: "a/small", contextLength: 1_000 })
  const plain = listing({ id: "b/plain", supportedParameters: ["max_tokens"] })
  const able = listing({
    id: "c/able",
    inputModalities: ["text", "image"],
    inputPerMillion: "1",
    outputPerMillion: "2"
  })
  const listed = Effect.flatMap(FakeOpenRouter, (upstream) => upstream.models([small, plain, able]))
  const chain = ["a/small", "b/plain", "c/able", "d/gone"]
  const tools = [{ type: "function", function: { name: "f" } }]
  const image = [{ type: "image_url", image_url: { url: "data:image/png;base64,AA==" } }]

  it.live.each([
    ["their context", human("x".repeat(6_000)), {}, { "a/small": "context 1000 < 1500" }],
    ["no tools", human("hello"), { tools }, { "b/plain": "no tools" }],
    ["tools that are not to be called", human("hello"), { tools, tool_choice: "none" }, {}],
    ["no images", human(image), {}, { "a/small": "no images", "b/plain": "no images" }]
  ] as const)("for %s", ([, messages, more, skipped]) =>
    Effect.gen(function* () {
      yield* setChain(chain)
      yield* awaitModelList
      const { models, plan } = yield* planOf({ model: "under-test", messages, ...more })
      expect(models).toEqual(chain)
      const reasons = plan.flatMap((entry: { model: string; action: string; reason?: string }) =>
        entry.action === "skip" ? [[entry.model, entry.reason]] : []
      )
      expect(Object.fromEntries(reasons)).toEqual({ ...skipped, "d/gone": "not in OpenRouter's model list" })
      const tried = chain.find((model) => !(model in skipped))
      const answer = yield* chat({ model: "under-test", messages, ...more })
      expect(answer.headers.get("x-router-model")).toBe(tried)
    }).pipe(withServer({}, undefined, listed))
  )

  it.live("for their context, where the only other one is gone", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/small", "d/gone"])
      yield* awaitModelList
      const answer = yield* chat({ model: "under-test", messages: human("x".repeat(6_000)) })
      expect(answer.status).toBe(400)
      expect(errorOf(answer.text).code).toBe("context_length_exceeded")
      expect(yield* upstream.requestsFor("d/gone")).toEqual([])
    }).pipe(withServer({}, undefined, listed))
  )

  it.live("are no variants of listed ones, aliases or presets", () =>
    Effect.gen(function* () {
      const names = ["c/able:nitro", "~openai/gpt-latest", "@preset/mine", "c/able:free"]
      yield* setChain([...names, "c/able"])
      yield* awaitModelList
      const { plan } = yield* planOf({ model: "under-test", messages: human("hello") })
      expect(plan.map(({ action, model }: { action: string; model: string }) => [model, action])).toEqual([
        ["c/able:nitro", "try"],
        ["~openai/gpt-latest", "try"],
        ["@preset/mine", "try"],
        ["c/able", "try"],
        ["c/able:free", "skip"]
      ])
      const { message } = (yield* getJson("/health")).checks.models
      expect(message).toContain("c/able:free.")
      expect(message).not.toMatch(/nitro|latest|preset/)
      yield* setChain(["a/small:nitro", "c/able"])
      const long = yield* planOf({ model: "under-test", messages: human("x".repeat(6_000)) })
      expect(long.plan).toContainEqual({ model: "a/small:nitro", action: "skip", reason: "context 1000 < 1500" })
      yield* setChain(["c/able:nitro"])
      const { expected_cost_usd: cost } = yield* planOf({ model: "under-test", messages: human("x".repeat(6_000)) })
      expect(cost).toEqual({ min: 0.0015, max: 0.0055 })
    }).pipe(withServer({}, undefined, listed))
  )

  const odd = { ...able, id: "e/odd", pricing: { prompt: 1e-6 }, architecture: 7, context_length: 0 }
  const oddlyListed = Effect.flatMap(FakeOpenRouter, (upstream) =>
    upstream.models([odd, { ...odd, id: "f/odd", supported_parameters: "all" }, { id: 8 }, able])
  )

  it.live("are known by what can be read of their entries in the list", () =>
    Effect.gen(function* () {
      yield* setChain(["e/odd", "f/odd", "c/able"])
      yield* awaitModelList
      const { plan } = yield* planOf({ model: "under-test", messages: human(image), tools })
      expect(plan).toEqual(["e/odd", "f/odd", "c/able"].map((model) => ({ model, action: "try" })))
    }).pipe(withServer({}, undefined, oddlyListed))
  )

  it.live("do not count in the expected cost", () =>
    Effect.gen(function* () {
      yield* setChain(["c/able", "a/small"])
      yield* awaitModelList
      const { expected_cost_usd: cost } = yield* planOf({ model: "under-test", messages: human("x".repeat(6_000)) })
      // 1,500 tokens in; nothing said, or 2,000 tokens out.
      expect(cost).toEqual({ min: 0.0015, max: 0.0055 })
    }).pipe(withServer({}, undefined, listed))
  )

  it.live("the expected cost of unpriced models is unknown", () =>
    Effect.gen(function* () {
      yield* setChain(["d/gone"])
      expect(yield* planOf({ model: "under-test", messages: human("hello") })).toMatchObject({
        expected_cost_usd: null
      })
    }).pipe(withServer())
  )
})

describe("only the human's own words are classified:", () => {
  const code = "write a python function with a class, an import and a bug in its javascript"
  const call = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } }

  it.live.each([
    ["not the system prompt", [{ role: "system", content: code }, ...human("hello there")]],
    ["not the developer's", [{ role: "developer", content: code }, ...human("hello there")]],
    ["not the answers", [...human("hello"), { role: "assistant", content: code }, ...human("how are you, my friend?")]],
    [
      "not a tool's result",
      [
        ...human("hello there"),
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "call_1", content: code }
      ]
    ],
    ["not the middle of a very long text", human(`hi ${"blah ".repeat(1_000)}${code}${" blah".repeat(1_000)}`)]
  ])("%s", ([, messages]) =>
    Effect.gen(function* () {
      const { category, evidence } = yield* planOf({ messages })
      expect(category).toBe("conversation")
      expect(evidence.keywords).not.toContainEqual(expect.objectContaining({ keyword: "python" }))
    }).pipe(withServer())
  )

  it.live("but the end of a very long text is", () =>
    Effect.gen(function* () {
      expect(yield* planOf({ messages: human(`${"blah ".repeat(2_000)}${code}`) })).toMatchObject({ category: "code" })
    }).pipe(withServer())
  )

  it.live("without any, the default category serves", () =>
    Effect.gen(function* () {
      const messages = [{ role: "system", content: code }]
      expect(yield* planOf({ messages })).toMatchObject({ category: "reasoning", source: "default", confidence: 0 })
    }).pipe(withServer({ DEFAULT_CATEGORY: "reasoning" }))
  )
})

describe("tools", () => {
  const offered = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }]
  const functions = [{ name: "get_weather", parameters: { type: "object" } }]
  const chosen = { category: "tools", source: "tools" }
  const byWords = { category: "conversation", source: "keywords" }

  it.live.each([
    ["tools", { tools: offered }, chosen],
    ["a tool that must be called", { tools: offered, tool_choice: "required" }, chosen],
    ["tools not to be called", { tools: offered, tool_choice: "none" }, byWords],
    ["legacy functions", { functions }, chosen],
    ["legacy functions not to be called", { functions, function_call: "none" }, byWords],
    ["an empty list", { tools: [] }, byWords],
    ["null", { tools: null, functions: null }, byWords],
    ["a named category", { model: "code", tools: offered }, { category: "code", source: "model" }]
  ] as const)("%s", ([, body, expected]) =>
    Effect.gen(function* () {
      expect(yield* planOf({ messages: human("hello there"), ...body })).toMatchObject(expected)
    }).pipe(withServer())
  )
})

describe("the confidence", () => {
  it.live("has three places in the plan as in the header", () =>
    Effect.gen(function* () {
      const init = { headers: { "user-agent": "opencode/1.18.33" } }
      const tools = [{ type: "function", function: { name: "bash", parameters: { type: "object" } } }]
      const words = "Open notes.txt, run the tests and send him an email"
      const body = { messages: human(words), tools }
      expect(yield* planOf(body, init)).toMatchObject({ source: "tools", confidence: 0.93 })
      expect((yield* chat(body, init)).headers.get("x-router-confidence")).toBe("0.930")
    }).pipe(withServer())
  )
})

describe("a custom category's keywords", () => {
  it.live("outrank the built-in ones, however many these are", () =>
    Effect.gen(function* () {
      yield* post("/config/category", { name: "legal", models: ["a/one"], keywords: ["Contrat", "court order"] })
      const words = "write a python function that explains why this contrat has a bug in its javascript"
      const answer = yield* chat({ messages: human(words) })
      expect(answer.headers.get("x-router-category")).toBe("legal")
      expect(answer.headers.get("x-router-model")).toBe("a/one")
      expect((yield* planOf({ messages: human(words) })).evidence.keywords).toContainEqual({
        category: "legal",
        keyword: "Contrat",
        position: words.indexOf("contrat")
      })
      expect(yield* planOf({ messages: human("a contraction ordered in court") })).not.toMatchObject({
        category: "legal"
      })
    }).pipe(withServer())
  )

  it.live("of which the longer and more numerous win, whoever was added first", () =>
    Effect.gen(function* () {
      yield* post("/config/category", { name: "short", models: ["a/one"], keywords: ["story"] })
      yield* post("/config/category", { name: "long", models: ["b/two"], keywords: ["bedtime story"] })
      expect(yield* planOf({ messages: human("tell me a bedtime story") })).toMatchObject({ category: "long" })
    }).pipe(withServer())
  )
})

describe("a conversation", () => {
  const named = { headers: { "x-session-id": "ses_1" } }
  const reasonsOf = (words: string, init: RequestInit) =>
    Effect.map(planOf({ messages: human(words) }, init), ({ reasons }) => reasons)

  it.live("is known by x-session-id, and /v1/route says what it made of the words", () =>
    Effect.gen(function* () {
      yield* chat({ messages: human("write a python function that sorts a list") }, named)
      expect(yield* reasonsOf("and for the empty one?", named)).toEqual(["follow-up of a code conversation"])
      expect(yield* reasonsOf("why is the sky blue, and how do rainbows come about?", named)).toContain(
        "leaves the code conversation"
      )
      // A dry run left no trace.
      const answer = yield* chat({ messages: human("and for the empty one?") }, named)
      expect(answer.headers.get("x-router-category")).toBe("code")
      const stranger = yield* planOf({ messages: human("and for the empty one?") })
      expect(stranger).toMatchObject({ category: "conversation", source: "default" })
    }).pipe(withServer())
  )

  it.live("is read from its messages where it is not remembered", () =>
    Effect.gen(function* () {
      const messages = [
        ...human("write a python function that sorts a list"),
        { role: "assistant", content: "def sort(items): ..." }
      ]
      for (const words of ["does it work for an empty one?", "ok"]) {
        expect(yield* planOf({ messages: [...messages, ...human(words)] })).toMatchObject({
          category: "code",
          reasons: expect.arrayContaining(["follow-up of a code conversation"])
        })
      }
    }).pipe(withServer())
  )
})

describe("the session upstream", () => {
  const turn = human("write a python function")
  const later = [...turn, { role: "assistant", content: "def f(): ..." }, ...human("now in rust")]
  const sessions = (...requests: ReadonlyArray<readonly [body: object, headers?: Record<string, string>]>) =>
    Effect.gen(function* () {
      for (const [body, headers] of requests) yield* chat({ model: "a/one", ...body }, { headers: headers ?? {} })
      const sent = yield* (yield* FakeOpenRouter).awaitRequest("a/one", requests.length)
      return sent.map(({ json }) => (json as { session_id?: unknown }).session_id)
    })

  it.live("is the one that x-session-id names", () =>
    Effect.gen(function* () {
      const named = { "x-session-id": "ses_1", "user-agent": "opencode/1.18.33" }
      expect(yield* sessions([{ messages: turn }, named], [{ messages: later }, named])).toEqual(["ses_1", "ses_1"])
    }).pipe(withServer())
  )

  it.live("is the caller's own where the body has one", () =>
    Effect.gen(function* () {
      const own = { messages: turn, session_id: "mine", prompt_cache_key: "cache" }
      expect(yield* sessions([own, { "x-session-id": "ses_1" }])).toEqual(["mine"])
    }).pipe(withServer())
  )

  it.live("stays the same over a conversation, and differs from another's", () =>
    Effect.gen(function* () {
      const system = [{ role: "system", content: "Be brief." }]
      const [first, second, other, elsewhere] = yield* sessions(
        [{ messages: [...system, ...turn] }],
        [{ messages: [...system, ...later] }],
        [{ messages: [...system, ...human("another beginning")] }],
        [{ messages: [{ role: "system", content: "Be long." }, ...turn] }]
      )
      expect(second).toBe(first)
      expect(new Set([first, other, elsewhere]).size).toBe(3)
      expect(first).toMatch(/^[\w-]{20,256}$/)
      // A digest, not the words.
      expect(first).not.toContain("python")
    }).pipe(withServer())
  )

  it.live("is the prompt_cache_key where there is one, cut to what OpenRouter takes", () =>
    Effect.gen(function* () {
      expect(yield* sessions([{ messages: turn, prompt_cache_key: "k".repeat(300) }])).toEqual(["k".repeat(256)])
    }).pipe(withServer())
  )
})
