/** What a change of the configuration must not be, and which field its refusal names. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { getJson, postJson, testServer, withServer } from "./harness.ts"

const models = ["a/one"]
const category = (more: Readonly<Record<string, unknown>>) => ({ name: "fine", models, ...more })
const many = (count: number) => Array.from({ length: count }, (_, index) => `a/m${index}`)
const words = (count: number) => Array.from({ length: count }, (_, index) => `word${index}`)

type Row = readonly [what: string, body: unknown, param: string | null]

const names: ReadonlyArray<Row> = [
  "",
  " ",
  "Upper",
  "1st",
  "-a",
  "a b",
  "a/b",
  "a.b",
  "été",
  "a\n",
  "a\r\nx: y",
  "../etc",
  "a".repeat(65),
  "router",
  "auto",
  "default",
  "constructor",
  "prototype",
  "__proto__"
].map((name) => [`the name ${JSON.stringify(name).slice(0, 40)}`, category({ name }), "name"])

const modelIds: ReadonlyArray<Row> = [
  "",
  "gpt-4o",
  "/gpt-4o",
  "openai/",
  "open ai/gpt",
  "openai/gpt 4",
  "openai/gpt\r\nx: y",
  "openai/../../etc",
  "openai//gpt",
  `a/${"b".repeat(200)}`,
  "a/b/c/d/e/f",
  "a/é"
].map((id) => [`the model ${JSON.stringify(id).slice(0, 40)}`, category({ models: ["a/one", id] }), "models[1]"])

const categoryRows: ReadonlyArray<Row> = [
  ...names,
  ...modelIds,
  ["no name", { models }, "name"],
  ["a name that is a number", category({ name: 7 }), "name"],
  ["a name of null", category({ name: null }), "name"],
  ["no models", { name: "fine" }, "models"],
  ["an empty chain", category({ models: [] }), "models"],
  ["models that are a string", category({ models: "a/one" }), "models"],
  ["models that are an object", category({ models: { 0: "a/one" } }), "models"],
  ["a model that is a number", category({ models: ["a/one", 7] }), "models[1]"],
  ["a model twice", category({ models: ["a/one", "b/two", "a/one"] }), "models"],
  ["17 models", category({ models: many(17) }), "models"],
  ["501 keywords", category({ keywords: words(501) }), "keywords"],
  ["a keyword of 101 characters", category({ keywords: ["ok", "k".repeat(101)] }), "keywords[1]"],
  ["an empty keyword", category({ keywords: [""] }), "keywords[0]"],
  ["a keyword of blanks", category({ keywords: ["ok", "  \t"] }), "keywords[1]"],
  ["a keyword that is a number", category({ keywords: [7] }), "keywords[0]"],
  ["keywords that are a string", category({ keywords: "one, two" }), "keywords"],
  ["keywords of null", category({ keywords: null }), "keywords"],
  ["a description of 2001 characters", category({ description: "d".repeat(2001) }), "description"],
  ["a description that is a number", category({ description: 7 }), "description"],
  ["51 examples", category({ examples: words(51) }), "examples"],
  ["an example of 2001 characters", category({ examples: ["ok", "ok", "ok", "e".repeat(2001)] }), "examples[3]"],
  ["an example of blanks", category({ examples: ["ok", " \n"] }), "examples[1]"],
  ["an example that is an object", category({ examples: [{ text: "ok" }] }), "examples[0]"],
  ["examples that are a string", category({ examples: "one" }), "examples"],
  ["examples of null", category({ examples: null }), "examples"],
  ["a field that is not known", category({ keyword: ["one"] }), "keyword"],
  ["a field that is not known beside one that is missing", { naem: "fine", models }, "naem"],
  ["a builtin that is no boolean", category({ builtin: "true" }), "builtin"],
  ["a prototype", '{"name":"fine","models":["a/one"],"__proto__":{"polluted":true}}', "__proto__"],
  ["a constructor", category({ constructor: { prototype: {} } }), "constructor"],
  ["a field of a name without end", category({ ["x".repeat(9_000)]: 1 }), "x".repeat(200)],
  ["an array", [category({})], null],
  ["null", null, null],
  ["a string", '"fine"', null],
  ["a number", "7", null]
]

const mappingRows: ReadonlyArray<Row> = [
  ["no category", { models }, "category"],
  ["a category that is a number", { category: 7, models }, "category"],
  ["no models", { category: "code" }, "models"],
  ["an empty chain", { category: "code", models: [] }, "models"],
  ["a model without a provider", { category: "code", models: ["gpt-4o"] }, "models[0]"],
  ["a model twice", { category: "code", models: ["a/one", "a/one"] }, "models"],
  ["17 models", { category: "code", models: many(17) }, "models"],
  ["a field that is not known", { category: "code", models, keywords: ["one"] }, "keywords"],
  ["the name of the other endpoint", { name: "code", models }, "name"],
  ["null", null, null]
]

const notJson = ["", "{", "{'name': 1}", "name=fine", '{"name":"fine",}', "\u0000", "[1", '"half']

layer(testServer(), { excludeTestServices: true })("on one server", (shared) => {
  const refused = (path: string) =>
    Effect.fnUntraced(function* ([, body, param]: Row) {
      const before = yield* getJson("/config")
      const { json, status } = yield* postJson(path, body)
      assert.strictEqual(status, 400)
      assert.strictEqual(json.error.type, "invalid_request_error")
      assert.strictEqual(json.error.param, param)
      assert.include(json.error.message, param ?? "")
      assert.notMatch(JSON.stringify(json), /\n\s+at |node_modules|\/work\//)
      assert.deepStrictEqual((yield* getJson("/config")).categories, before.categories)
    })

  describe("POST /config/category refuses", () => {
    shared.effect.each(categoryRows)("%s", refused("/config/category"))
  })

  describe("POST /config/model-mapping refuses", () => {
    shared.effect.each(mappingRows)("%s", refused("/config/model-mapping"))
  })

  describe("what is no JSON is 400", () => {
    const paths = ["/config/category", "/config/model-mapping"]
    shared.effect.each(paths.flatMap((path) => notJson.map((text) => [path, text] as const)))(
      "%s: %j",
      ([path, text]) =>
        Effect.gen(function* () {
          const { json, status } = yield* postJson(path, text)
          assert.strictEqual(status, 400)
          assert.strictEqual(json.error.type, "invalid_request_error")
          assert.match(json.error.message, /JSON/)
        })
    )
  })
})

it.live("a field that must be there is called required", () =>
  Effect.gen(function* () {
    const without = (path: string, body: unknown) => Effect.map(postJson(path, body), ({ json }) => json.error.message)
    assert.strictEqual(yield* without("/config/category", { models }), "name is required.")
    assert.strictEqual(yield* without("/config/model-mapping", { category: "code" }), "models is required.")
    assert.include(yield* without("/config/category", { name: "fine" }), "models: required for a new category")
  }).pipe(withServer())
)

it.live("one category more than 2,000 of one's own is refused", () =>
  Effect.gen(function* () {
    const { json, status } = yield* postJson("/config/category", category({}))
    assert.strictEqual(status, 400)
    assert.strictEqual(json.error.param, "name")
    assert.include(json.error.message, "at most 2000 categories")
    assert.strictEqual((yield* postJson("/config/category", { ...category({}), name: "c0" })).status, 200)
  }).pipe(
    withServer({}, (directory) => {
      const categories = Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`c${at}`, { models }]))
      writeFileSync(join(directory, "router_config.json"), JSON.stringify({ version: 2, categories }))
    })
  )
)

describe("what is just within the bounds is taken", () => {
  it.live("the longest of everything", () =>
    Effect.gen(function* () {
      const name = "a".repeat(64)
      const keywords = [...words(199), "k".repeat(100)]
      // Three bytes each in UTF-8, and six as an escape.
      const examples = Array.from({ length: 50 }, (_, at) => String.fromCharCode(0x4e00 + at).repeat(2000))
      const given = { name, models: many(16), keywords, description: "d".repeat(2000), examples }
      const { json, status } = yield* postJson("/config/category", given)
      assert.strictEqual(status, 201)
      assert.deepStrictEqual(json.keywords, keywords)
      assert.deepStrictEqual(json.examples, examples)
      assert.strictEqual((yield* getJson("/config")).categories[name].description.length, 2000)
    }).pipe(withServer())
  )

  it.live("the shortest of everything, and ids with a variant", () =>
    Effect.gen(function* () {
      const chain = ["a/b", "openai/gpt-4o:free", "meta-llama/llama-3.1-8b-instruct", "~anthropic/claude@latest"]
      assert.strictEqual((yield* postJson("/config/category", { name: "a", models: chain, keywords: [] })).status, 201)
      assert.deepStrictEqual((yield* getJson("/config")).categories.a.models, chain)
    }).pipe(withServer())
  )

  it.live("a category as GET /config tells it may be sent back with its name", () =>
    Effect.gen(function* () {
      yield* postJson("/config/category", category({ keywords: ["one"] }))
      const told = (yield* getJson("/config")).categories.fine
      assert.isFalse(told.builtin)
      const { json, status } = yield* postJson("/config/category", { name: "fine", ...told, builtin: true })
      assert.strictEqual(status, 200)
      assert.deepInclude(json, { category: "fine", ...told })
    }).pipe(withServer())
  )
})
