/** Whose key it was, who pays for a classification, and how far the price table is off. */
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { ok, sequence, status } from "@llm-router/testing/script"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chat, getJson, human, setChain, withServer } from "./harness.ts"

const classifier = "qwen/qwen3-1.7b"
const classification = 0.000001
const answer = 0.002

const withKey = (key: string): RequestInit => ({ headers: { authorization: `Bearer ${key}` } })
const keys = { ROUTER_API_KEYS: "alice:key-of-alice-0123456789,bob:key-of-bob-0123456789" }
const [alice, bob] = [withKey("key-of-alice-0123456789"), withKey("key-of-bob-0123456789")]

const rowsByKey = Effect.map(getJson("/usage?group_by=key"), ({ rows }) =>
  Object.fromEntries(rows.map((row: Readonly<Record<string, unknown>>) => [row["key"], row]))
)

describe("/usage?group_by=key", () => {
  it.live("tells the entries and requests of each client key", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.scriptAll(ok({ usage: { cost: answer } }))
      yield* upstream.script("a/down", status(404))
      yield* chat({ model: "z-ai/glm-5" }, alice)
      yield* chat({ model: "z-ai/glm-5", stream: true }, alice)
      yield* chat({ model: "a/down" }, bob)
      assert.strictEqual((yield* chat({ model: "z-ai/glm-5" })).status, 401)
      const rows = yield* rowsByKey
      assert.deepStrictEqual(Object.keys(rows).toSorted(), ["alice", "bob"])
      assert.deepInclude(rows["alice"], { requests: 2, requests_ok: 2, attempts: 2, cost_usd: 2 * answer })
      assert.deepInclude(rows["bob"], { requests: 1, requests_ok: 0, attempts: 1, failed: 1, cost_usd: 0 })
    }).pipe(withServer(keys))
  )

  it.live("calls everyone anonymous where no key is wanted", () =>
    Effect.gen(function* () {
      yield* chat({ model: "z-ai/glm-5" }, alice)
      const rows = yield* rowsByKey
      assert.deepStrictEqual(Object.keys(rows), ["anonymous"])
      assert.deepInclude(rows["anonymous"], { requests: 1, attempts: 1 })
    }).pipe(withServer())
  )
})

describe("a classification that cost something", () => {
  const verdict = ok({ content: JSON.stringify({ category: "code" }), usage: { cost: classification } })
  const question = { model: "router", messages: human("please look at this thing over there for me, would you?") }

  it.live("is paid by the request that asked first, under its key", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.scriptAll(ok({ usage: { cost: answer } }))
      yield* upstream.script(classifier, verdict)
      const first = yield* chat(question, alice)
      const second = yield* chat(question, bob)
      assert.strictEqual(first.headers.get("x-router-cost-usd"), "0.002001")
      assert.strictEqual(second.headers.get("x-router-cost-usd"), "0.002")
      const { recent_requests } = yield* getJson("/metrics")
      assert.deepStrictEqual(
        recent_requests.map((request: { readonly cost_usd: number }) => request.cost_usd),
        [answer + classification, answer]
      )
      const rows = yield* rowsByKey
      assert.deepInclude(rows["alice"], { cost_usd: answer + classification, attempts: 2, requests: 1 })
      assert.deepInclude(rows["bob"], { cost_usd: answer, attempts: 1, requests: 1 })
    }).pipe(withServer({ ...keys, ROUTING_MODE: "api" }))
  )

  it.live("is paid also when its verdict was of no use", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.scriptAll(ok({ usage: { cost: answer } }))
      yield* upstream.script(classifier, ok({ content: "I would rather not", usage: { cost: classification } }))
      const { headers } = yield* chat(question)
      assert.strictEqual(headers.get("x-router-cost-usd"), "0.002001")
    }).pipe(withServer({ ROUTING_MODE: "api" }))
  )
})

describe("drift", () => {
  it.live("compares what was reported with what the price table makes of the same tokens, by model", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const usage = { prompt_tokens: 1_000, completion_tokens: 100 }
      // 0.05 and 0.15 USD per million tokens: 0.000065 for these.
      yield* upstream.script(
        "z-ai/glm-5",
        sequence([ok({ usage: { ...usage, cost: 0.000065 } }), ok({ usage: { ...usage, cost: 0.00013 } })])
      )
      yield* upstream.script("nobody/knows", ok({ usage: { ...usage, cost: 0.5 } }))
      yield* setChain(["z-ai/glm-5"], "lone")
      yield* chat({ model: "lone" })
      yield* chat({ model: "lone", stream: true })
      yield* chat({ model: "nobody/knows" })
      const { rows } = yield* getJson("/usage?group_by=model")
      const byModel = Object.fromEntries(rows.map((row: { readonly model: string }) => [row.model, row]))
      assert.deepInclude(byModel["z-ai/glm-5"], {
        compared: 2,
        compared_reported_usd: 0.000195,
        compared_computed_usd: 0.00013,
        drift_ratio: 1.5
      })
      assert.deepInclude(byModel["nobody/knows"], { compared: 0, drift_ratio: null })
    }).pipe(withServer())
  )
})
