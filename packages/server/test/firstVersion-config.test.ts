/** The first version's `router_config.json` is read as it is and carried over. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { describe } from "vitest"
import { chat, getJson, human, planOf, post, TestServer, withServer } from "./harness.ts"

const list = (text: string): ReadonlyArray<string> => text.split(",").map((word) => word.trimStart())

/** As the first version wrote it after a few weeks of use: its defaults in full, two categories, a changed chain. */
const firstVersionFile = {
  model_mappings: {
    tools: ["openrouter/aurora-alpha", "moonshotai/kimi-k2.5", "z-ai/glm-5"],
    code: ["openai/gpt-4o", "z-ai/glm-5"],
    reasoning: ["openrouter/aurora-alpha", "z-ai/glm-5", "moonshotai/kimi-k2.5"],
    conversation: ["z-ai/glm-5", "openai/gpt-4o-mini", "openrouter/aurora-alpha"],
    creative: ["openrouter/aurora-alpha", "z-ai/glm-5"],
    traduction: []
  },
  keywords: {
    code: list(
      "code, python, javascript, function, class, def , import , bug, debug, error, refactor, api, http, json, sql, file, script, terminal, git, commit, push, pull, react, vue, node, typescript, java, c++, rust, go"
    ),
    reasoning: [
      ...list("why, how, explain, analyze, think, reason, prove, math, calculate, solution, logic, problem, determine"),
      "sudoku"
    ],
    conversation: list(
      "hello, hi, hey, thanks, thank you, please, sorry, yes, no, ok, okay, sure, what, who, when, where, weather, news, info, help"
    ),
    creative: ["story", "poem", "creative", "fiction"],
    traduction: ["traduis", "translate into"]
  },
  custom_categories: {
    creative: {
      description: "Creative writing tasks",
      models: ["openrouter/aurora-alpha", "z-ai/glm-5"],
      keywords: ["story", "poem", "creative", "fiction"]
    },
    traduction: { description: "Traductions", models: [], keywords: ["traduis", "translate into"] }
  }
}

const fileText = JSON.stringify(firstVersionFile, null, 2)

const withFile = (env: Readonly<Record<string, string>> = {}) =>
  withServer(env, (directory) => writeFileSync(join(directory, "router_config.json"), fileText))

const inDirectory = <A>(read: (directory: string) => A) => Effect.map(TestServer, ({ directory }) => read(directory))

describe("the first version's router_config.json", () => {
  it.live("shows in GET /config, its chains, keywords and categories", () =>
    Effect.gen(function* () {
      const config = yield* getJson("/config")
      expect(config.custom_categories).toEqual({
        creative: firstVersionFile.custom_categories.creative,
        // An empty chain meant DEFAULT_MODEL.
        traduction: { ...firstVersionFile.custom_categories.traduction, models: ["openai/gpt-4o-mini"] }
      })
      expect(config.model_mappings).toEqual({
        ...firstVersionFile.model_mappings,
        traduction: ["openai/gpt-4o-mini"]
      })
      expect(config.keywords.reasoning).toEqual(firstVersionFile.keywords.reasoning)
      expect(config.version).toBe(2)
    }).pipe(withFile({ DEFAULT_MODEL: "openai/gpt-4o-mini" }))
  )

  it.live("gives its untouched lists of keywords up for ours", () =>
    Effect.gen(function* () {
      const { keywords } = yield* getJson("/config")
      expect(keywords.code).toContain("fonction")
      expect(keywords.conversation).toContain("bonjour")
      expect(yield* planOf({ messages: human("good morning, this is nice") })).toMatchObject({
        category: "conversation"
      })
    }).pipe(withFile())
  )

  it.live.each([
    ["tell me a story about a python", "creative", "openrouter/aurora-alpha"],
    ["traduis ceci: bonjour", "traduction", "z-ai/glm-5"],
    ["a python function, please", "code", "openai/gpt-4o"],
    ["this sudoku", "reasoning", "openrouter/aurora-alpha"]
  ])("routes as its owner set it up: %s", ([words, category, model]) =>
    Effect.gen(function* () {
      const answer = yield* chat({ messages: human(words) })
      expect(answer.headers.get("x-router-category")).toBe(category)
      expect(answer.headers.get("x-router-model")).toBe(model)
    }).pipe(withFile())
  )

  it.live("is kept beside ours, byte for byte", () =>
    Effect.gen(function* () {
      const names = yield* inDirectory((directory) => readdirSync(directory).toSorted())
      expect(names).toEqual(["router_config.json", "router_config.json.v1.bak"])
      const read = (name: string) => inDirectory((directory) => readFileSync(join(directory, name), "utf8"))
      expect(yield* read("router_config.json.v1.bak")).toBe(fileText)
      expect(JSON.parse(yield* read("router_config.json"))).toMatchObject({
        version: 2,
        categories: {
          code: { models: ["openai/gpt-4o", "z-ai/glm-5"] },
          creative: { description: "Creative writing tasks" }
        }
      })
    }).pipe(withFile())
  )

  it.live("starts the router with what of it is usable", () =>
    Effect.gen(function* () {
      const { model_mappings } = yield* getJson("/config")
      expect(model_mappings.code).toEqual(["z-ai/glm-5"])
      expect(model_mappings.tools).toHaveLength(16)
    }).pipe(
      withServer({}, (directory) => {
        const tools = Array.from({ length: 17 }, (_, at) => `a/m${at}`)
        const file = { model_mappings: { code: ["z-ai/glm-5", "gpt-4o"], tools } }
        writeFileSync(join(directory, "router_config.json"), JSON.stringify(file))
      })
    )
  )

  it.live("takes changes, and then a change survives beside what was carried over", () =>
    Effect.gen(function* () {
      yield* post("/config/category", { name: "legal", models: ["a/one"], keywords: ["contract"] })
      const saved = yield* inDirectory((directory) => readFileSync(join(directory, "router_config.json"), "utf8"))
      expect(Object.keys(JSON.parse(saved).categories).toSorted()).toEqual([
        "code",
        "creative",
        "legal",
        "reasoning",
        "traduction"
      ])
      const kept = yield* inDirectory((directory) => readFileSync(join(directory, "router_config.json.v1.bak"), "utf8"))
      expect(kept).toBe(fileText)
    }).pipe(withFile())
  )
})
