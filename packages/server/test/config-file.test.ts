/** The configuration file under a running server: edited by hand, broken, deleted. */
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { getJson, postJson, setChain, TestServer, withServer } from "./harness.ts"

const path = Effect.map(TestServer, ({ directory }) => join(directory, "router_config.json"))
const text = Effect.map(path, (file) => readFileSync(file, "utf8"))
const write = (content: string) => Effect.map(path, (file) => writeFileSync(file, content))

const fileWith = (name: string) =>
  JSON.stringify({ version: 2, categories: { [name]: { models: ["h/one"], keywords: [], description: "" } } })

const awaitCategory = (name: string) =>
  Effect.repeat(getJson("/config"), { until: ({ categories }) => Object.hasOwn(categories, name) })

const awaitDegraded = Effect.repeat(getJson("/health"), {
  until: ({ checks }) => checks.config.status !== "ok"
})

const broken: ReadonlyArray<readonly [what: string, content: string]> = [
  ["no JSON", '{"version": 2,\n  "categories": {oops'],
  ["a wrong field", '{"version": 2, "categories": {"code": {"models": ["no-slash"]}}}'],
  ["a reserved name", '{"version": 2, "categories": {"__proto__": {"models": ["a/b"]}}}'],
  ["an empty file", ""]
]

describe("a file that is edited by hand", () => {
  it.live("is in force, and the changes that follow keep it", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"], "first")
      yield* write(fileWith("by-hand"))
      const config = yield* awaitCategory("by-hand")
      assert.notProperty(config.categories, "first")
      yield* setChain(["a/one"], "second")
      assert.sameMembers(Object.keys(JSON.parse(yield* text).categories), ["by-hand", "second"])
    }).pipe(withServer())
  )

  it.live("right before a change is not lost by it", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"], "first")
      yield* write(fileWith("by-hand"))
      const { status } = yield* postJson("/config/category", { name: "second", models: ["a/one"] })
      assert.strictEqual(status, 201)
      assert.containsAllKeys((yield* getJson("/config")).categories, ["by-hand", "second"])
    }).pipe(withServer())
  )

  it.live.each(broken)("%s: the old one stays, /health says so, changes are refused, the file is left", ([, content]) =>
    Effect.gen(function* () {
      yield* setChain(["a/one"], "before")
      yield* write(content)
      const health = yield* awaitDegraded
      assert.strictEqual(health.status, "degraded")
      assert.strictEqual(health.checks.config.status, "warning")
      assert.property((yield* getJson("/config")).categories, "before")
      for (const [to, body] of [
        ["/config/category", { name: "after", models: ["a/one"] }],
        ["/config/model-mapping", { category: "before", models: ["b/two"] }]
      ] as const) {
        const { json, status } = yield* postJson(to, body)
        assert.strictEqual(status, 409)
        assert.strictEqual(json.error.code, "config_file_invalid")
        assert.notInclude(json.error.message, yield* path)
      }
      assert.strictEqual(yield* text, content)
      yield* write(fileWith("mended"))
      yield* awaitCategory("mended")
      assert.strictEqual((yield* getJson("/health")).checks.config.status, "ok")
      assert.strictEqual((yield* postJson("/config/category", { name: "after", models: ["a/one"] })).status, 201)
    }).pipe(withServer())
  )

  it.live("the 409 names the line and the field at fault", () =>
    Effect.gen(function* () {
      yield* write('{\n  "version": 2,\n  "categories": {\n    "code": { "models": ["no-slash"] }\n  }\n}')
      const { json } = yield* postJson("/config/category", { name: "after", models: ["a/one"] })
      assert.include(json.error.message, "categories.code.models[0]")
      assert.include(json.error.message, "line 4")
    }).pipe(withServer())
  )

  it.live("is deleted: what it held stays in force, and the next change writes it again", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"], "before")
      rmSync(yield* path)
      yield* awaitDegraded
      assert.property((yield* getJson("/config")).categories, "before")
      yield* setChain(["a/one"], "after")
      assert.sameMembers(Object.keys(JSON.parse(yield* text).categories), ["before", "after"])
      assert.strictEqual((yield* getJson("/health")).checks.config.status, "ok")
    }).pipe(withServer())
  )
})

it.live("a configuration that cannot be written is 503, and not in force", () =>
  Effect.gen(function* () {
    const { json, status } = yield* postJson("/config/category", { name: "after", models: ["a/one"] })
    assert.strictEqual(status, 503)
    assert.strictEqual(json.error.code, "config_not_saved")
    assert.notInclude(json.error.message, tmpdir())
    assert.notProperty((yield* getJson("/config")).categories, "after")
    // The file's name is just short enough; the temporary file's, which is longer, is not.
  }).pipe(withServer({ ROUTER_CONFIG_PATH: join(tmpdir(), "x".repeat(250)) }))
)
