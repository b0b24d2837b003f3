/** What answers cost that ended before the upstream said so: asked for afterwards, once, and corrected exactly. */
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { cut, ok } from "@llm-router/testing/script"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
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

  it.live("is not asked for without need, nor in the sandbox", () =>
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
