/** Changes of the configuration over HTTP (spec 4): none is lost, and each is in force when it is acknowledged. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { custom } from "@llm-router/testing/script"
import { Deferred, Effect, Fiber } from "effect"
import { chat, get, getJson, human, planOf, post, postJson, setChain, TestServer, withServer } from "./harness.ts"

const models = ["a/one"]

const fileOf = Effect.map(TestServer, ({ directory }) =>
  JSON.parse(readFileSync(join(directory, "router_config.json"), "utf8"))
)

const remove = (name: string, init: RequestInit = {}) =>
  Effect.flatMap(TestServer, ({ url }) =>
    Effect.promise(async () => {
      const response = await fetch(`${url}/config/category/${name}`, { method: "DELETE", ...init })
      return { status: response.status, json: JSON.parse(await response.text()), etag: response.headers.get("etag") }
    })
  )

const etag = Effect.map(get("/config"), ({ headers }) => headers.get("etag") ?? "")

describe("POST /config/category", () => {
  it.live("200 at once: every one is in GET /config and in the file", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 200 }, (_, index) => `c-${index}`)
      const answers = yield* Effect.all(
        names.map((name, index) =>
          postJson("/config/category", { name, models: [`a/m${index}`], keywords: [`k${index}`] })
        ),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([...new Set(answers.map(({ status }) => status))], [201])
      const config = yield* getJson("/config")
      assert.includeMembers(Object.keys(config.categories), names)
      const file = yield* fileOf
      assert.sameMembers(Object.keys(file.categories), names)
      assert.deepStrictEqual(file.categories["c-199"], { models: ["a/m199"], keywords: ["k199"], description: "" })
    }).pipe(withServer())
  )

  it.live("concurrent changes of one category: the last acknowledged is what is there", () =>
    Effect.gen(function* () {
      yield* Effect.all(
        Array.from({ length: 50 }, (_, index) => setChain([`a/m${index}`])),
        { concurrency: "unbounded" }
      )
      const config = yield* getJson("/config")
      const file = yield* fileOf
      assert.deepStrictEqual(file.categories["under-test"].models, config.categories["under-test"].models)
    }).pipe(withServer())
  )

  it.live("leaves alone what it leaves out, the chain too", () =>
    Effect.gen(function* () {
      yield* postJson("/config/category", { name: "creative", models, keywords: ["poem"], description: "Poetry" })
      const { json, status } = yield* postJson("/config/category", { name: "creative", keywords: ["novel"] })
      assert.strictEqual(status, 200)
      assert.deepInclude(json, { models, keywords: ["novel"], description: "Poetry" })
      const { json: builtin } = yield* postJson("/config/category", { name: "code", keywords: ["novel"] })
      assert.deepInclude(builtin, { models: ["z-ai/glm-5", "openrouter/aurora-alpha", "openai/gpt-4o-mini"] })
    }).pipe(withServer())
  )

  it.live("is 201 when new and 200 when changed, and tells the stored category", () =>
    Effect.gen(function* () {
      const given = { name: "poems", models, keywords: [" Poem", "poem", "ode "], description: "Poetry" }
      const stored = { models, keywords: ["Poem", "ode"], description: "Poetry", examples: [], builtin: false }
      const created = yield* postJson("/config/category", given)
      assert.strictEqual(created.status, 201)
      assert.deepStrictEqual(created.json, { status: "ok", category: "poems", ...stored })
      const changed = yield* postJson("/config/category", { name: "poems", models: ["b/two"] })
      assert.strictEqual(changed.status, 200)
      assert.deepStrictEqual(changed.json, { status: "ok", category: "poems", ...stored, models: ["b/two"] })
      assert.deepStrictEqual((yield* getJson("/config")).categories.poems, { ...stored, models: ["b/two"] })
    }).pipe(withServer())
  )

  it.live("changes a built-in category, which stays one", () =>
    Effect.gen(function* () {
      const changed = yield* postJson("/config/category", { name: "code", models, keywords: ["zig"] })
      assert.strictEqual(changed.status, 200)
      assert.isTrue(changed.json.builtin)
      assert.deepStrictEqual((yield* getJson("/config")).model_mappings.code, models)
    }).pipe(withServer())
  )

  it.live("is in force for the next request: its chain, its keywords, its name as a model", () =>
    Effect.gen(function* () {
      yield* postJson("/config/category", { name: "gardens", models: ["g/one"], keywords: ["chrysanthemum"] })
      const asked = { messages: human("tell me of the chrysanthemum") }
      assert.strictEqual((yield* chat(asked)).headers.get("x-router-model"), "g/one")
      yield* postJson("/config/model-mapping", { category: "gardens", models: ["g/two"] })
      assert.strictEqual((yield* chat(asked)).headers.get("x-router-model"), "g/two")
      assert.strictEqual((yield* chat({ model: "router/gardens" })).headers.get("x-router-model"), "g/two")
      const list = yield* getJson("/v1/models")
      const ids = list.data.map(({ id }: { id: string }) => id)
      assert.includeMembers(ids, ["router/gardens", "g/two"])
      assert.notInclude(ids, "g/one")
      yield* remove("gardens")
      assert.strictEqual((yield* chat({ model: "router/gardens" })).status, 404)
      assert.notStrictEqual((yield* planOf(asked)).category, "gardens")
    }).pipe(withServer())
  )

  it.live("leaves the requests under way with the configuration they began with", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const gate = yield* Deferred.make<void>()
      yield* setChain(["a/one", "b/two"])
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          Effect.andThen(Deferred.await(gate), exchange.json(500, { error: { code: 500, message: "late" } }))
        )
      )
      const underWay = yield* Effect.forkChild(chat({ model: "under-test" }))
      yield* upstream.awaitRequest("a/one")
      yield* setChain(["c/three"])
      assert.strictEqual((yield* chat({ model: "under-test" })).headers.get("x-router-model"), "c/three")
      yield* remove("under-test")
      yield* Deferred.succeed(gate, undefined)
      const answer = yield* Fiber.join(underWay)
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers.get("x-router-model"), "b/two")
      assert.strictEqual(answer.headers.get("x-router-category"), "under-test")
    }).pipe(withServer({ UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "10000" }))
  )
})

describe("POST /config/model-mapping", () => {
  it.live("changes the chain and nothing else", () =>
    Effect.gen(function* () {
      yield* postJson("/config/category", { name: "poems", models, keywords: ["ode"], description: "Poetry" })
      const { json, status } = yield* postJson("/config/model-mapping", {
        category: "poems",
        models: ["b/two", "a/one"]
      })
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(json, { status: "ok", category: "poems", models: ["b/two", "a/one"] })
      assert.deepStrictEqual((yield* getJson("/config")).categories.poems, {
        models: ["b/two", "a/one"],
        keywords: ["ode"],
        description: "Poetry",
        examples: [],
        builtin: false
      })
    }).pipe(withServer())
  )

  it.live.each(["nowhere", "", "constructor", "__proto__", "toString", "direct"])(
    "of the category %j is 404",
    (category) =>
      Effect.gen(function* () {
        const { json, status } = yield* postJson("/config/model-mapping", { category, models })
        assert.strictEqual(status, 404)
        assert.strictEqual(json.error.code, "category_not_found")
        assert.strictEqual(json.error.param, "category")
        assert.include(json.error.message, "conversation")
      }).pipe(withServer())
  )
})

describe("DELETE /config/category", () => {
  it.live("deletes a custom category, from the file too", () =>
    Effect.gen(function* () {
      yield* setChain(models)
      const gone = yield* remove("under-test")
      assert.deepStrictEqual([gone.status, gone.json], [200, { status: "ok", deleted: "under-test" }])
      assert.notProperty((yield* getJson("/config")).categories, "under-test")
      assert.deepStrictEqual((yield* fileOf).categories, {})
      assert.strictEqual((yield* remove("under-test")).status, 404)
    }).pipe(withServer())
  )

  it.live.each(["tools", "code", "reasoning", "conversation"])("of the built-in %s is 409", (name) =>
    Effect.gen(function* () {
      const { json, status } = yield* remove(name)
      assert.strictEqual(status, 409)
      assert.strictEqual(json.error.code, "builtin_category")
      assert.property((yield* getJson("/config")).categories, name)
    }).pipe(withServer())
  )

  it.live.each(["nowhere", "constructor", "__proto__", "%2e%2e", "..%2f..%2fetc", "a".repeat(500)])(
    "of %s is 404",
    (name) =>
      Effect.gen(function* () {
        const { json, status } = yield* remove(name)
        assert.strictEqual(status, 404)
        assert.strictEqual(json.error.type, "invalid_request_error")
      }).pipe(withServer())
  )
})

describe("ETag and If-Match", () => {
  const changes = {
    category: (ifMatch: string) =>
      post("/config/category", { name: "next", models }, { headers: { "if-match": ifMatch } }),
    mapping: (ifMatch: string) =>
      post("/config/model-mapping", { category: "code", models }, { headers: { "if-match": ifMatch } }),
    deletion: (ifMatch: string) =>
      Effect.flatMap(TestServer, ({ url }) =>
        Effect.promise(() =>
          fetch(`${url}/config/category/under-test`, { method: "DELETE", headers: { "if-match": ifMatch } })
        )
      )
  }

  it.live.each(["category", "mapping", "deletion"] as const)("a stale one is 412 and changes nothing: %s", (kind) =>
    Effect.gen(function* () {
      const stale = yield* etag
      yield* setChain(models)
      const before = yield* etag
      assert.notStrictEqual(before, stale)
      const refused = yield* changes[kind](stale)
      assert.strictEqual(refused.status, 412)
      const { error } = JSON.parse(yield* Effect.promise(() => refused.text()))
      assert.deepInclude(error, { code: "config_changed", param: "if-match", type: "invalid_request_error" })
      assert.strictEqual(yield* etag, before)
      const accepted = yield* changes[kind](before)
      assert.include([200, 201], accepted.status)
      assert.strictEqual(accepted.headers.get("etag"), yield* etag)
      assert.notStrictEqual(yield* etag, before)
    }).pipe(withServer())
  )

  it.live("of many with the same one, exactly one is accepted", () =>
    Effect.gen(function* () {
      const tag = yield* etag
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, (_, index) =>
          post("/config/category", { name: `c-${index}`, models }, { headers: { "if-match": tag } })
        ),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers.map(({ status }) => status).toSorted(), [
        201,
        ...Array.from({ length: 19 }, () => 412)
      ])
      assert.strictEqual(Object.keys((yield* getJson("/config")).custom_categories).length, 1)
    }).pipe(withServer())
  )

  it.live("a list, a star and equal content", () =>
    Effect.gen(function* () {
      const first = yield* etag
      assert.match(first, /^"[\w-]+"$/)
      assert.strictEqual((yield* changes.category(`"other", ${first}`)).status, 201)
      assert.strictEqual((yield* changes.category("*")).status, 200)
      assert.strictEqual((yield* changes.category(`W/${yield* etag}`)).status, 412)
      yield* remove("next")
      assert.strictEqual(yield* etag, first)
    }).pipe(withServer())
  )
})
