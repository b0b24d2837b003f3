/** What answers cost that ended before the upstream said so: asked for afterwards, once, and corrected exactly. */
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { custom, cut, hang, hangAfterHeaders, ok } from "@llm-router/testing/script"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schedule } from "effect"
import { chat, getJson, setChain, withServer } from "./harness.ts"

const model = "z-ai/glm-5"

/** One answer that is cut after two words. */
const cutAnswer = Effect.gen(function* () {
  const upstream = yield* FakeOpenRouter
  yield* setChain([model], "lone")
  yield* upstream.script(model, cut(2))
  yield* chat({ model: "lone", stream: true })
})

/** The usage once it has so many reported costs. */
const usageWith = (reported: number) =>
  Effect.repeat(getJson("/usage?group_by=model"), {
    until: (usage) => usage.totals.reported === reported,
    schedule: Schedule.spaced("100 millis")
  })

describe("an answer that was cut", () => {
  it.live("costs what OpenRouter says of it some seconds later, in every sum", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.generations({ cost: 0.000123456789, promptTokens: 321, completionTokens: 45 })
      yield* cutAnswer
      const before = yield* getJson("/usage")
      assert.deepInclude(before.totals, { attempts: 1, cut: 1, estimated: 1, reported: 0, compared: 0 })
      const { rows, totals } = yield* usageWith(1)
      const settled = {
        attempts: 1,
        cut: 1,
        estimated: 0,
        reported: 1,
        input_tokens: 321,
        output_tokens: 45,
        cost_usd_exact: "0.000123456789",
        wasted_usd: 0.000123456789,
        compared: 1,
        compared_reported_usd: 0.000123456789,
        compared_computed_usd: before.totals.cost_usd
      }
      assert.deepInclude(totals, settled)
      assert.deepInclude(rows[0], { model, ...settled })
      const metrics = yield* getJson("/metrics")
      assert.strictEqual(metrics.total_cost_usd, 0.000123456789)
      assert.deepInclude(metrics.cost.by_model, { [model]: 0.000123456789 })
      assert.strictEqual(metrics.recent_requests.at(-1).cost_usd, 0.000123456789)
      const [asked, ...more] = yield* upstream.awaitGenerations()
      assert.match(String(asked?.headers["authorization"]), /^Bearer sk-or-v1-test/)
      assert.deepStrictEqual(more, [])
    }).pipe(withServer())
  )

  it.live("is not asked for where the upstream said what it cost", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script(model, ok())
      yield* chat({ model, stream: true })
      yield* chat({ model })
      const asked = (yield* upstream.requests).filter(({ path }) => path === "/api/v1/generation")
      assert.deepStrictEqual(asked, [])
    }).pipe(withServer())
  )
})

describe("an answer whose caller left before any of it came", () => {
  it.live.each([
    ["in a stream", true, "text/event-stream"],
    ["in a body", false, "application/json"]
  ] as const)("is estimated by its question, and settled by the id in its head: %s", ([, stream, type]) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.generations({ cost: 0.5, promptTokens: 321, completionTokens: 45 })
      const begun = yield* Deferred.make<void>()
      const onlyHead = custom((exchange) =>
        exchange
          .head(200, { "content-type": type })
          .pipe(Effect.andThen(Deferred.succeed(begun, undefined)), Effect.andThen(Effect.never))
      )
      yield* upstream.script(model, onlyHead)
      const asking = yield* Effect.forkChild(chat({ model, stream }))
      yield* Deferred.await(begun)
      // A question of its own goes through the router, behind the head.
      yield* getJson("/metrics")
      yield* Fiber.interrupt(asking)
      yield* upstream.awaitAborted()
      const { totals } = yield* Effect.repeat(getJson("/usage"), { until: (usage) => usage.totals.attempts === 1 })
      assert.deepInclude(totals, { cancelled: 1, estimated: 1, input_tokens: 2, output_tokens: 0 })
      const settled = yield* usageWith(1)
      assert.deepInclude(settled.totals, { cancelled: 1, estimated: 0, cost_usd: 0.5, output_tokens: 45 })
    }).pipe(withServer())
  )

  it.live("costs nothing where the upstream had not begun to answer", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script(model, hang)
      const asking = yield* Effect.forkChild(chat({ model }))
      yield* upstream.awaitRequest(model)
      yield* Fiber.interrupt(asking)
      yield* upstream.awaitAborted()
      const { totals } = yield* Effect.repeat(getJson("/usage"), { until: (usage) => usage.totals.attempts === 1 })
      assert.deepInclude(totals, { cancelled: 1, estimated: 1, input_tokens: 0, cost_usd: 0 })
    }).pipe(withServer())
  )
})

it.live("an answer that did not come in time is settled, once its head had come", () =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* upstream.generations({ cost: 0.5, promptTokens: 321, completionTokens: 45 })
    yield* setChain([model, "openai/gpt-4o"], "late")
    yield* upstream.script(model, hangAfterHeaders())
    yield* upstream.script("openai/gpt-4o", ok({ usage: { cost: 0.25 } }))
    const answer = yield* chat({ model: "late", stream: true })
    assert.strictEqual(answer.status, 200)
    const { totals } = yield* usageWith(2)
    assert.deepInclude(totals, { attempts: 2, failed: 1, cut: 0, cost_usd: 0.75 })
  }).pipe(withServer({ UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "1500" }))
)
