/** Prices over HTTP (spec 6): what an answer costs when OpenRouter does not say, and what a restart still knows. */
import { assert, describe, it } from "@effect/vitest"
import { listing } from "@llm-router/testing/catalogue"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { custom } from "@llm-router/testing/script"
import { Effect } from "effect"
import * as fs from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { awaitModelList, chat, getJson, human, planOf, setChain, TestServer, withServer } from "./harness.ts"
import { workingDirectory } from "./routerProcess.ts"

/** A thousand tokens in, a thousand out, and not a word of what they cost. */
const bill = {
  id: "gen-1",
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1_000, completion_tokens: 1_000, total_tokens: 2_000 }
}

const withoutCost = Effect.flatMap(FakeOpenRouter, (upstream) =>
  upstream.scriptAll(custom((exchange) => exchange.json(200, bill)))
)
const lists = (...models: ReadonlyArray<ReturnType<typeof listing>>) =>
  Effect.flatMap(FakeOpenRouter, (upstream) => Effect.andThen(upstream.models(models), withoutCost))

const configured = (prices: object) => (directory: string) =>
  fs.writeFileSync(join(directory, "router_config.json"), JSON.stringify({ version: 2, prices }))

const costOf = (model: string) => Effect.map(chat({ model }), ({ headers }) => headers.get("x-router-cost-usd"))
const glm = "z-ai/glm-5"
const priced = (id: string) => listing({ id, inputPerMillion: "1", outputPerMillion: "2", contextLength: 5_000 })

describe("an answer without usage.cost", () => {
  it.live("is priced as built in where nothing else is known", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* costOf(glm), "0.0002")
    }).pipe(withServer({}, undefined, lists()))
  )

  it.live("is priced as listed over built in", () =>
    Effect.gen(function* () {
      yield* awaitModelList
      assert.strictEqual(yield* costOf(glm), "0.003")
    }).pipe(withServer({}, undefined, lists(priced(glm))))
  )

  it.live("is priced as configured over listed over built in, field by field", () =>
    Effect.gen(function* () {
      yield* awaitModelList
      assert.strictEqual(yield* costOf(glm), "0.012")
      assert.strictEqual(yield* costOf("openai/gpt-4o"), "0.0102")
      assert.strictEqual(yield* costOf("my/own"), "0.0000003")
      const { model_costs: costs } = yield* getJson("/config")
      assert.deepInclude(costs, {
        [glm]: { input: 10, output: 2 },
        "openai/gpt-4o": { input: 0.2, output: 10 },
        "my/own": { input: 0.0001, output: 0.0002 }
      })
      const { data } = yield* getJson("/v1/models")
      assert.deepStrictEqual(data.find(({ id }: { id: string }) => id === glm).pricing, {
        prompt: "0.00001",
        completion: "0.000002"
      })
    }).pipe(
      withServer(
        {},
        configured({
          [glm]: { input: 10 },
          "openai/gpt-4o": { input: "0.2" },
          "my/own": { input: "0.0001", output: 0.0002 }
        }),
        lists(priced(glm))
      )
    )
  )

  it.live("is what the plan expects, too", () =>
    Effect.gen(function* () {
      const { expected_cost_usd: cost } = yield* planOf({ model: "my/own", messages: human("x".repeat(4_000)) })
      assert.strictEqual(cost.max - cost.min, 2)
    }).pipe(withServer({}, configured({ "my/own": { input: 0, output: 1_000 } })))
  )
})

describe("configured prices", () => {
  it.live("stay in the file when a category changes, and change the ETag when they change", () =>
    Effect.gen(function* () {
      const { directory } = yield* TestServer
      yield* setChain(["a/one"])
      const file = JSON.parse(fs.readFileSync(join(directory, "router_config.json"), "utf8"))
      assert.deepStrictEqual(file.prices, { [glm]: { input: 10, output: 0.6 } })
      assert.property(file.categories, "under-test")
      yield* lists()
      fs.writeFileSync(join(directory, "router_config.json"), JSON.stringify({ ...file, prices: {} }))
      yield* setChain(["b/two"])
      assert.strictEqual(yield* costOf(glm), "0.0002")
    }).pipe(withServer({}, configured({ [glm]: { input: "10.00", output: 0.6 } }), lists()))
  )
})

/** OpenRouter with its list of models out of reach. */
const withoutList = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    const server = createServer((request, response) => {
      if (request.url?.endsWith("/models")) return void request.socket.destroy()
      request.resume()
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(bill))
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" ? address?.port : undefined
      const close = () => {
        server.close()
        server.closeAllConnections()
      }
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}/api/v1`, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const written = (path: string) =>
  Effect.sync(() => fs.existsSync(path)).pipe(
    Effect.delay("5 millis"),
    Effect.repeat({ until: (exists: boolean) => exists })
  )

const kept = (prices: object): string =>
  JSON.stringify({
    version: 1,
    fetched_at: "2026-01-01T00:00:00.000Z",
    models: [{ id: glm, tools: true, images: true, ...prices }]
  })

describe("the model list on disk", () => {
  it.live("tells a start without the list prices, contexts and tools", () =>
    Effect.gen(function* () {
      const path = join(yield* workingDirectory, "data", "models.json")
      const small = listing({ id: "a/small", contextLength: 1_000, inputPerMillion: "1", outputPerMillion: "2" })
      const plain = listing({ id: "b/plain", supportedParameters: ["max_tokens"] })
      yield* written(path).pipe(withServer({ MODEL_LIST_PATH: path }, undefined, lists(small, plain)))
      const { fetched_at: at, models } = JSON.parse(fs.readFileSync(path, "utf8"))
      assert.match(at, /^\d{4}-.*Z$/)
      assert.deepStrictEqual(models[0], {
        id: "a/small",
        context_length: 1_000,
        tools: true,
        images: false,
        prompt: "0.000001",
        completion: "0.000002"
      })

      const { url } = yield* withoutList
      yield* Effect.gen(function* () {
        assert.strictEqual((yield* getJson("/health")).checks.models.status, "unused")
        assert.strictEqual(yield* costOf("a/small"), "0.003")
        yield* setChain(["a/small", "b/plain", "c/new"])
        const tools = [{ type: "function", function: { name: "f" } }]
        const { plan } = yield* planOf({
          model: "under-test",
          messages: human("x".repeat(8_000)),
          tools
        })
        assert.deepStrictEqual(
          plan.map(({ action, model }: { action: string; model: string }) => [model, action]),
          // A model that is not in yesterday's list may be today's.
          [
            ["c/new", "try"],
            ["a/small", "skip"],
            ["b/plain", "skip"]
          ]
        )
        const { data } = yield* getJson("/v1/models")
        assert.deepInclude(
          data.find(({ id }: { id: string }) => id === "a/small"),
          { context_length: 1_000, pricing: { prompt: "0.000001", completion: "0.000002" } }
        )
      }).pipe(withServer({ MODEL_LIST_PATH: path, OPENROUTER_BASE_URL: url }))
      assert.strictEqual(JSON.parse(fs.readFileSync(path, "utf8")).fetched_at, at)
    })
  )

  const spoils: ReadonlyArray<{ readonly name: string; readonly content: string | Buffer }> = [
    { name: "cut short", content: kept({}).slice(0, -20) },
    { name: "no JSON", content: "\0\0\0" },
    { name: "no UTF-8", content: Buffer.from([0xff, 0xfe]) },
    { name: "empty", content: "" },
    { name: "of another version", content: '{"version":2,"fetched_at":"","models":[]}' },
    { name: "priced below nothing", content: kept({ prompt: "-1", completion: "1" }) },
    { name: "too large", content: kept({}) + " ".repeat(17 * 1024 * 1024) }
  ]
  it.live.each(spoils)("$name: it is left out, and replaced by the next", ({ content }) =>
    Effect.gen(function* () {
      const path = join(yield* workingDirectory, "models.json")
      fs.writeFileSync(path, content)
      yield* Effect.gen(function* () {
        yield* awaitModelList
        assert.strictEqual(yield* costOf(glm), "0.003")
        const stored = Effect.sync(() => fs.readFileSync(path, "latin1").slice(0, 500))
        yield* Effect.repeat(Effect.delay(stored, "5 millis"), { until: (text) => text.includes(`"id":"${glm}"`) })
      }).pipe(withServer({ MODEL_LIST_PATH: path }, undefined, lists(priced(glm))))
    })
  )

  it.live("in a place where no file can be: every request is served as ever", () =>
    Effect.gen(function* () {
      const path = yield* workingDirectory
      yield* Effect.gen(function* () {
        yield* awaitModelList
        assert.strictEqual(yield* costOf(glm), "0.003")
      }).pipe(withServer({ MODEL_LIST_PATH: path }, undefined, lists(priced(glm))))
      assert.deepStrictEqual(fs.readdirSync(path), [])
    })
  )
})
