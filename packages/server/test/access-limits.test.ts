/** What one client key may use (spec 12): requests per minute, dollars per day. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { cut, hang, hangAfterHeaders, ok, slow, status } from "@llm-router/testing/script"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Result, Schedule } from "effect"
import { loadSettings } from "../src/settings.ts"
import { chat, setChain, errorOf, get, getJson, human, planOf, post, withServer } from "./harness.ts"

const model = "openai/gpt-4o"
const withKey = (key: string) => ({ headers: { "x-api-key": key } })

/** At most 100 tokens of 10 USD per million, and a few of input: a little more than 0.001 USD. */
const ask = (more: object = {}, init: RequestInit = {}) => chat({ model, max_tokens: 100, ...more }, init)

const costing = (usd: number) =>
  Effect.flatMap(FakeOpenRouter, (upstream) => upstream.script(model, ok({ usage: { cost: usd } })))

const secondsToMidnight = () => (86_400_000 - (Date.now() % 86_400_000)) / 1000

describe("requests per minute", () => {
  it.live("beyond the limit are 429 with the time to come back", () =>
    Effect.gen(function* () {
      for (let turn = 0; turn < 2; turn++) assert.strictEqual((yield* ask()).status, 200)
      const refused = yield* ask({ stream: true })
      assert.strictEqual(refused.status, 429)
      assert.include(errorOf(refused.text), { type: "rate_limit_error", code: "rate_limit_exceeded" })
      const seconds = Number(refused.headers.get("retry-after"))
      assert.isTrue(seconds >= 1 && seconds <= 30, `${seconds}`)
      const upstream = yield* FakeOpenRouter
      assert.strictEqual((yield* upstream.requestsFor(model)).length, 2)
      assert.strictEqual((yield* get("/health")).status, 200)
      assert.strictEqual((yield* get("/v1/models")).status, 200)
    }).pipe(withServer({ RATE_LIMIT_REQUESTS_PER_MINUTE: "2" }))
  )

  it.live("are each key's own, and some keys have others or none", () =>
    Effect.gen(function* () {
      const granted: Record<string, number> = { common: 0, large: 0, free: 0 }
      for (const key of Object.keys(granted)) {
        for (let turn = 0; turn < 5; turn++) {
          if ((yield* ask({}, withKey(key))).status === 200) granted[key] = (granted[key] ?? 0) + 1
        }
      }
      assert.deepStrictEqual(granted, { common: 1, large: 3, free: 5 })
    }).pipe(
      withServer({
        ROUTER_API_KEYS: "a:common,b:large,c:free",
        RATE_LIMIT_REQUESTS_PER_MINUTE: "1, b=3, c=off"
      })
    )
  )
})

describe("a budget per day", () => {
  it.live("ends in 429, never 402, with the time to midnight", () =>
    Effect.gen(function* () {
      yield* costing(0.004)
      for (let turn = 0; turn < 3; turn++) assert.strictEqual((yield* ask({ stream: turn === 1 })).status, 200)
      const refused = yield* ask()
      assert.strictEqual(refused.status, 429)
      assert.include(errorOf(refused.text), { type: "rate_limit_error", code: "budget_exceeded" })
      assert.approximately(Number(refused.headers.get("retry-after")), secondsToMidnight(), 60)
    }).pipe(withServer({ BUDGET_USD_PER_DAY: "0.01" }))
  )

  it.live("is not spent twice by requests at once: what they may cost is set aside, what they cost is taken", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script(model, slow(500, ok({ usage: { cost: 0.0001 } })))
      const answers = yield* Effect.all(
        Array.from({ length: 6 }, () => ask()),
        { concurrency: "unbounded" }
      )
      const statuses = answers.map((answer) => answer.status).toSorted()
      assert.deepStrictEqual(statuses, [200, 200, 429, 429, 429, 429])
      const refused = answers.find((answer) => answer.status === 429)
      assert.strictEqual(refused?.headers.get("retry-after"), "5")
      assert.strictEqual((yield* upstream.requestsFor(model)).length, 2)
      assert.strictEqual((yield* ask()).status, 200)
    }).pipe(withServer({ BUDGET_USD_PER_DAY: "0.0025" }))
  )

  it.live("counts by max_tokens, and by a bound where there is none", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask()).status, 200)
      assert.strictEqual((yield* ask({ max_tokens: 2_000 })).status, 429)
      assert.strictEqual((yield* ask({ max_completion_tokens: 2_000 })).status, 429)
      assert.strictEqual((yield* ask({ max_completion_tokens: 3, max_tokens: 2_000 })).status, 429)
      assert.strictEqual((yield* ask({ n: 100 })).status, 429)
      assert.strictEqual((yield* ask({ max_tokens: undefined })).status, 429)
    }).pipe(withServer({ BUDGET_USD_PER_DAY: "0.01" }))
  )

  it.live.each([
    ["a part of an answer", `"model":"${model}","n":0.00001,"max_tokens":100000`],
    ["less than a token", `"model":"${model}","max_tokens":0.5`],
    ["tokens in many digits", `"model":"${model}","max_tokens":1.${"0".repeat(40)}e5`],
    ["a variant of a model", `"model":"${model}:nitro","max_tokens":100000`]
  ])("is not evaded by who asks for %s", ([, fields]) =>
    Effect.gen(function* () {
      const answer = yield* post("/v1/chat/completions", `{${fields},"messages":[{"role":"user","content":"hi"}]}`)
      assert.strictEqual(answer.status, 429)
      const upstream = yield* FakeOpenRouter
      assert.deepStrictEqual(
        (yield* upstream.requests).filter(({ path }) => path.endsWith("/chat/completions")),
        []
      )
    }).pipe(withServer({ BUDGET_USD_PER_DAY: "0.01" }))
  )

  it.live("lets requests come one by one whose model the caller names and nobody knows the price of", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const unpriced = "@preset/mine"
      yield* upstream.script(unpriced, slow(500, ok({ usage: { cost: 0.004 } })))
      const askUnpriced = ask({ model: unpriced })
      const answers = yield* Effect.all(
        [...Array.from({ length: 4 }, () => askUnpriced), ask({ model: "z-ai/glm-5" })],
        {
          concurrency: "unbounded"
        }
      )
      // One of them, and whose price is known.
      assert.deepStrictEqual(answers.map((answer) => answer.status).toSorted(), [200, 200, 429, 429, 429])
      const refused = answers.find((answer) => answer.status === 429)
      assert.strictEqual(refused?.headers.get("retry-after"), "5")
      assert.include(errorOf(String(refused?.text)).message, "its model has no price")
      for (const next of [200, 200, 429]) assert.strictEqual((yield* askUnpriced).status, next)
    }).pipe(withServer({ BUDGET_USD_PER_DAY: "0.01" }))
  )

  it.live("is given back by requests that cost nothing: failed ones, and those whose client left", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script(model, status(500))
      for (let turn = 0; turn < 2; turn++) assert.strictEqual((yield* ask()).status, 502)
      yield* upstream.script(model, hang)
      const leaving = yield* Effect.forkChild(ask())
      yield* upstream.awaitRequest(model, 3)
      assert.strictEqual((yield* ask()).status, 429)
      yield* Fiber.interrupt(leaving)
      yield* upstream.awaitAborted()
      yield* costing(0)
      yield* Effect.repeat(ask(), { until: (answer) => answer.status === 200, times: 100 })
      assert.strictEqual((yield* ask()).status, 200)
    }).pipe(withServer({ BUDGET_USD_PER_DAY: "0.0015" }))
  )

  it.live("takes what a stream cost that was cut", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script(
        model,
        cut(2, { content: "words ".repeat(400), chunks: ["a".repeat(2_000), "b".repeat(2_000)] })
      )
      assert.strictEqual((yield* ask({ stream: true })).status, 200)
      // A thousand tokens were produced, so of 0.01 USD nothing is left for another.
      assert.strictEqual((yield* ask()).status, 429)
    }).pipe(withServer({ BUDGET_USD_PER_DAY: "0.01" }))
  )

  it.live.each([true, false])("takes what an answer cost whose client left before any of it, stream %s", (stream) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script(model, hangAfterHeaders())
      yield* upstream.generations({ cost: 1, promptTokens: 10, completionTokens: 100_000 })
      const leaving = yield* Effect.forkChild(ask({ stream }))
      yield* upstream.awaitRequest(model)
      yield* Effect.forEach([1, 2, 3], () => get("/health"))
      yield* Fiber.interrupt(leaving)
      yield* upstream.awaitAborted()
      yield* costing(0)
      // It is asked for after three seconds, and the ledger after five.
      yield* Effect.repeat(ask(), {
        until: (answer) => answer.status === 429,
        schedule: Schedule.spaced("200 millis")
      })
      assert.strictEqual((yield* getJson("/usage")).totals.cost_usd, 1)
    }).pipe(withServer({ BUDGET_USD_PER_DAY: "0.01" }))
  )

  it.live("is not renewed by a restart", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "llm-router-budget-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const env = { BUDGET_USD_PER_DAY: "0.01", LEDGER_PATH: join(directory, "ledger.sqlite") }
      const statuses = Effect.gen(function* () {
        yield* costing(0.0095)
        return [(yield* ask()).status, (yield* ask()).status]
      })
      assert.deepStrictEqual(yield* withServer(env)(statuses), [200, 429])
      assert.deepStrictEqual(yield* withServer(env)(statuses), [429, 429])
    })
  )

  it.live("is each key's own, also over a restart", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "llm-router-budget-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const server = withServer({
        ROUTER_API_KEYS: "a:spender,b:saver",
        BUDGET_USD_PER_DAY: "0.01,b=0.02",
        LEDGER_PATH: join(directory, "ledger.sqlite")
      })
      const statusOf = (key: string) => Effect.map(ask({}, withKey(key)), ({ status: answered }) => answered)
      yield* server(Effect.andThen(costing(0.0095), ask({}, withKey("spender"))))
      assert.deepStrictEqual(yield* server(Effect.all([statusOf("spender"), statusOf("saver")])), [429, 200])
    })
  )

  it.live("and other limits are in GET /config as they were written", () =>
    Effect.gen(function* () {
      const { settings } = yield* getJson("/config")
      assert.deepStrictEqual(settings.BUDGET_USD_PER_DAY, { value: "5,anonymous=2.5", source: "environment" })
      assert.deepStrictEqual(settings.RATE_LIMIT_REQUESTS_PER_MINUTE, { value: null, source: "default" })
    }).pipe(withServer({ BUDGET_USD_PER_DAY: "5,anonymous=2.5" }))
  )
})

describe("a budget per day, where a model that costs something classifies,", () => {
  const judge = "qwen/qwen3-1.7b"
  const judgeCosting = (usd: number) =>
    Effect.flatMap(FakeOpenRouter, (upstream) =>
      upstream.script(judge, ok({ content: '{"category":"reasoning","confidence":0.9}', usage: { cost: usd } }))
    )
  const questions = Effect.map(
    Effect.flatMap(FakeOpenRouter, (upstream) => upstream.requestsFor(judge)),
    ({ length }) => length
  )
  /** No two of these texts are equal, so that each is a question of its own. */
  const askAbout = (what: string, more: object = {}) => ask({ model: "router", messages: human(what), ...more })

  const settings = { ROUTING_MODE: "api", BUDGET_USD_PER_DAY: "0.01" }

  it.live("pays for none once it is spent", () =>
    Effect.gen(function* () {
      yield* judgeCosting(0.01)
      assert.strictEqual((yield* askAbout("green chair nine")).status, 200)
      const refused = yield* askAbout("blue table ten")
      assert.strictEqual(refused.status, 429)
      assert.include(errorOf(refused.text), { type: "rate_limit_error", code: "budget_exceeded" })
      assert.include(errorOf(refused.text).message, "; 0 USD are left. ")
      assert.approximately(Number(refused.headers.get("retry-after")), secondsToMidnight(), 60)
      assert.strictEqual((yield* askAbout("red lamp eleven", { stream: true })).status, 429)
      assert.strictEqual(yield* questions, 1)
      // A plan costs nothing.
      assert.notStrictEqual((yield* planOf({ messages: human("grey stone twelve") })).source, "api")
    }).pipe(withServer(settings))
  )

  it.live("of nothing pays for none, and serves what costs nothing", () =>
    Effect.gen(function* () {
      yield* judgeCosting(0.01)
      yield* setChain(["free/one"], "conversation")
      const free = yield* askAbout("hello again")
      assert.strictEqual(free.status, 200)
      assert.strictEqual(free.headers.get("x-router-model"), "free/one")
      assert.strictEqual(yield* questions, 0)
    }).pipe(withServer({ ...settings, BUDGET_USD_PER_DAY: "0" }))
  )

  it.live("takes what a verdict cost whose request it then refuses", () =>
    Effect.gen(function* () {
      yield* judgeCosting(0.006)
      for (const [what, left] of [
        ["green chair nine", "0.004"],
        ["blue table ten", "0"]
      ] as const) {
        const refused = yield* askAbout(what, { max_tokens: 1_000_000 })
        assert.strictEqual(refused.status, 429)
        assert.include(errorOf(refused.text).message, `; ${left} USD are left.`)
      }
      assert.strictEqual(yield* questions, 2)
      assert.strictEqual((yield* ask()).status, 429)
    }).pipe(withServer(settings))
  )

  it.live("takes a verdict from who asked first, who has left, and not from who waited for it too", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const verdict = ok({ content: '{"category":"reasoning","confidence":0.9}', usage: { cost: 0.5 } })
      yield* upstream.script(judge, slow(1_000, verdict))
      yield* upstream.scriptAll(ok({ usage: { cost: 0 } }))
      const question = { model: "router", messages: human("green chair nine") }
      const first = yield* Effect.forkChild(ask(question, withKey("one")))
      yield* upstream.awaitRequest(judge)
      const second = yield* Effect.forkChild(ask(question, withKey("two")))
      yield* Effect.forEach([1, 2, 3], () => get("/health"))
      yield* Fiber.interrupt(first)
      assert.strictEqual((yield* Fiber.join(second)).status, 200)
      assert.strictEqual(yield* questions, 1)
      yield* Effect.repeat(ask({}, withKey("one")), {
        until: (answer) => answer.status === 429,
        schedule: Schedule.spaced("200 millis")
      })
      assert.strictEqual((yield* ask({}, withKey("two"))).status, 200)
    }).pipe(
      withServer({
        ...settings,
        BUDGET_USD_PER_DAY: "0.4",
        ROUTER_API_KEYS: "a:one,b:two",
        ROUTER_API_TIMEOUT_MS: "10000"
      })
    )
  )
})

describe("a limit that is none stops the start", () => {
  it.each(["x", "-1", "0", "1.5", "60,70", "off", "60,alice", "alice=1,alice=2", "1,,2", "60,nobody=5"])(
    "RATE_LIMIT_REQUESTS_PER_MINUTE=%s",
    (text) => {
      const env = { ROUTER_API_KEYS: "alice:k", RATE_LIMIT_REQUESTS_PER_MINUTE: text }
      const loaded = loadSettings({ env, args: [] })
      assert.match(
        Result.isFailure(loaded) ? loaded.failure.message : "",
        /^RATE_LIMIT_REQUESTS_PER_MINUTE: got .*expected/
      )
    }
  )
})
