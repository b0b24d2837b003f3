import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { usageOf } from "../src/Usage.ts"

const nothing = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0, reportedCost: undefined }

describe("usageOf", () => {
  it("reads OpenRouter's usage", () => {
    assert.deepStrictEqual(
      usageOf({
        prompt_tokens: 194,
        completion_tokens: 2,
        total_tokens: 196,
        cost: 0.00014,
        prompt_tokens_details: { cached_tokens: 64, cache_write_tokens: 100 },
        completion_tokens_details: { reasoning_tokens: 1 },
        cost_details: { upstream_inference_cost: null }
      }),
      { inputTokens: 194, cachedTokens: 64, outputTokens: 2, reasoningTokens: 1, reportedCost: 140_000_000n }
    )
  })

  const table: ReadonlyArray<readonly [usage: unknown, expected: unknown]> = [
    [undefined, undefined],
    [null, undefined],
    ["usage", undefined],
    [7, undefined],
    [[], undefined],
    [{}, undefined],
    [{ prompt_tokens: null, completion_tokens: null }, undefined],
    [{ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }, undefined],
    [{ prompt_tokens: "7", completion_tokens: -1 }, undefined],
    [{ prompt_tokens: Number.NaN, completion_tokens: Number.POSITIVE_INFINITY }, undefined],
    [{ prompt_tokens_details: null, completion_tokens_details: [] }, undefined],
    [{ prompt_tokens: 1e18, completion_tokens: 7 }, undefined],
    [
      { prompt_tokens: 1e18, completion_tokens: 7, cost: 0 },
      { ...nothing, outputTokens: 7, reportedCost: 0n }
    ],
    [{ prompt_tokens: 7 }, { ...nothing, inputTokens: 7 }],
    [{ completion_tokens: 7 }, { ...nothing, outputTokens: 7 }],
    [{ cost: 0 }, { ...nothing, reportedCost: 0n }],
    [{ cost: "0.00000005" }, { ...nothing, reportedCost: 50_000n }],
    [{ cost: null }, undefined],
    [{ cost: true }, undefined],
    [{ cost: "free" }, undefined]
  ]
  it.each(table)("of %j", (usage, expected) => {
    assert.deepStrictEqual(usageOf(usage), expected as ReturnType<typeof usageOf>)
  })

  it.prop("never throws, and never counts below nothing", { usage: Schema.Json }, ({ usage }) => {
    const { inputTokens, outputTokens } = usageOf({ prompt_tokens: usage, completion_tokens: usage }) ?? nothing
    assert.isAtLeast(inputTokens, 0)
    assert.isAtLeast(outputTokens, 0)
  })
})
