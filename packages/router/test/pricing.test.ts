/** What a token costs (spec 6): which source of a price wins, and that none of it is rounded. */
import { assert, describe, it } from "@effect/vitest"
import { decimalOf, dollarsOf, picoDollarsOf } from "@llm-router/domain/Money"
import type { KnownPrices } from "@llm-router/domain/RouterConfig"
import { Arbitrary, Result, Schema } from "effect"
import { configOf, configWith, parseConfigFile, serialize } from "../src/configFile.ts"
import { costOf, pricesUnder } from "../src/pricing.ts"

const builtin = "z-ai/glm-5"
const unknown = "nobody/knows"

describe("precedence, per field", () => {
  const both = (price: bigint): KnownPrices => ({ inputPrice: price, outputPrice: price })
  type Row = readonly [
    name: string,
    model: string,
    configured: KnownPrices | undefined,
    listed: KnownPrices | undefined,
    expected: readonly [input: bigint, output: bigint] | undefined
  ]
  const table: ReadonlyArray<Row> = [
    ["no source at all", unknown, undefined, undefined, undefined],
    ["built in", builtin, undefined, undefined, [50_000n, 150_000n]],
    ["listed over built in", builtin, undefined, both(2n), [2n, 2n]],
    ["listed, and never built in", unknown, undefined, both(2n), [2n, 2n]],
    ["configured over both", builtin, both(1n), both(2n), [1n, 1n]],
    ["configured, and nothing else", unknown, both(1n), undefined, [1n, 1n]],
    ["configured as free", builtin, both(0n), both(2n), [0n, 0n]],
    ["listed as free", builtin, undefined, both(0n), [0n, 0n]],
    ["input configured, output listed", builtin, { inputPrice: 1n }, both(2n), [1n, 2n]],
    ["output configured, input listed", builtin, { outputPrice: 1n }, both(2n), [2n, 1n]],
    ["input configured, output built in", builtin, { inputPrice: 1n }, undefined, [1n, 150_000n]],
    ["output listed, input built in", builtin, undefined, { outputPrice: 2n }, [50_000n, 2n]],
    ["one of each", builtin, { inputPrice: 1n }, { outputPrice: 2n }, [1n, 2n]],
    ["only input is known", unknown, { inputPrice: 1n }, { inputPrice: 2n }, undefined],
    ["only output is known", unknown, undefined, { outputPrice: 2n }, undefined]
  ]
  it.each(table)("%s", (_name, model, configured, listed, expected) => {
    const prices = expected && { input: expected[0], output: expected[1] }
    const config = { ...configOf(parsed({})), prices: new Map(configured && [[model, configured]]) }
    const list = { listed: (name: string) => (name === model ? listed : undefined) }
    assert.deepStrictEqual(pricesUnder(config, list)(model), prices)
    assert.deepStrictEqual(pricesUnder(config, list)(`${model}:nitro`), prices)
    assert.isUndefined(pricesUnder(config, list)(`${model}:free`))
  })

  it("has a variant's own price before any of its model's", () => {
    const prices = new Map([["my/model", both(1n)]])
    const config = { ...configOf(parsed({})), prices }
    const list = { listed: (name: string) => (name === "my/model:thinking" ? { inputPrice: 50n } : undefined) }
    assert.deepStrictEqual(pricesUnder(config, list)("my/model:thinking"), { input: 50n, output: 1n })
  })
})

const textOf = (prices: object): string => JSON.stringify({ version: 2, prices }, null, 2)
const parsed = (prices: object) => Result.getOrThrow(parseConfigFile(textOf(prices), builtin))
const faultOf = (text: string): string => Result.getOrThrow(Result.flip(parseConfigFile(text, builtin)))

describe("configured prices", () => {
  it.each([
    ["0.15", 150_000n],
    [0.15, 150_000n],
    [0.1, 100_000n],
    ["0.150000000", 150_000n],
    ["0.000001", 1n],
    [0.000_001, 1n],
    [0, 0n],
    ["0", 0n],
    ["1000000.000000", 1_000_000_000_000n],
    [1_000_000, 1_000_000_000_000n],
    [" 2.50 ", 2_500_000n],
    ["123456.654321", 123_456_654_321n],
    [123_456.654_321, 123_456_654_321n]
  ] as const)("%j per 1M tokens", (price, perToken) => {
    assert.deepStrictEqual(parsed({ "a/b": { input: price } }).prices.get("a/b"), { inputPrice: perToken })
  })

  it.each([
    "-1",
    -0.1,
    1_000_000.1,
    "1000000.000001",
    "0.0000001",
    "0.1500001",
    1e-7,
    "1e-3",
    "1e99",
    "0x1",
    ".5",
    "",
    "free",
    "9".repeat(70),
    null,
    true,
    {}
  ])("%j is refused, and its place named", (price) => {
    assert.match(faultOf(textOf({ "a/b": { output: price } })), /^prices\["a\/b"\]\.output: expected .*\(line 5\)/)
  })

  it.each([
    [textOf([]), "prices: expected an object"],
    [textOf({ gpt: { input: 1 } }), "prices.gpt: expected a model id of the form provider/model (line 4)"],
    [textOf({ "a/b": {} }), 'prices["a/b"]: expected input, output or both'],
    [textOf({ "a/b": { inptu: 1 } }), 'prices["a/b"].inptu: unknown key'],
    [textOf({ "a/b": 1 }), 'prices["a/b"]: expected object'],
    ['{"version":2,"prices":{"__proto__":{"input":1}}}', "prices.__proto__: expected a model id"],
    ['{"version":2,"prices":{"a/b":{"__proto__":1}}}', '["a/b"].__proto__: unknown key'],
    [
      textOf(Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`a/m${index}`, { input: 1 }]))),
      "prices: expected at most 1000 models (line 3)"
    ]
  ])("%#: what is refused", (text, expected) => assert.include(faultOf(text), expected))

  it("are part of the ETag, in whatever order they stand", () => {
    const etag = (prices: object) => configOf(parsed(prices)).etag
    assert.notStrictEqual(etag({ "a/b": { input: 1 } }), etag({}))
    assert.notStrictEqual(etag({ "a/b": { input: 1 } }), etag({ "a/b": { output: 1 } }))
    assert.strictEqual(
      etag({ "a/b": { input: "1.0" }, "c/d": { output: 2 } }),
      etag({ "c/d": { output: 2 }, "a/b": { input: 1 } })
    )
  })

  it("stay when the categories change", () => {
    const config = configOf(parsed({ "a/b": { input: "0.15", output: 0.6 } }))
    const changed = configWith({ ...config, categories: new Map() })
    assert.deepInclude(JSON.parse(serialize(changed)), { prices: { "a/b": { input: 0.15, output: 0.6 } } })
  })

  it("are none in a first version's file, which says so", () => {
    const text = JSON.stringify({ model_mappings: {}, prices: { "a/b": { input: 1 } } })
    const file = Result.getOrThrow(parseConfigFile(text, builtin))
    assert.strictEqual(file.prices.size, 0)
    assert.match(file.notes.join(), /"prices" of the first version's file/)
  })
})

const PerToken = Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: 10n ** 12n }))
const Tokens = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000_000 }))
const Calls = Schema.Array(Schema.Struct({ inputTokens: Tokens, outputTokens: Tokens }))

describe("exactness", () => {
  it.prop("any price survives file, parse and write, as text and as number", { price: PerToken }, ({ price }) => {
    const perMillion = price * 1_000_000n
    for (const written of [decimalOf(perMillion), dollarsOf(perMillion)]) {
      const file = parsed({ "a/b": { input: written, output: 0 } })
      assert.deepStrictEqual(file.prices.get("a/b"), { inputPrice: price, outputPrice: 0n })
      const again = Result.getOrThrow(parseConfigFile(serialize(configOf(file)), builtin))
      assert.deepStrictEqual(again.prices, file.prices)
    }
  })

  it.prop(
    "the sum of costs is the cost of the sums",
    { input: PerToken, output: PerToken, calls: Arbitrary.schema(Calls) },
    ({ calls, input, output }) => {
      const read = { input: picoDollarsOf(decimalOf(input)) ?? -1n, output: picoDollarsOf(decimalOf(output)) ?? -1n }
      const sum = calls.reduce((total, tokens) => total + costOf(read, tokens), 0n)
      const total = (of: "inputTokens" | "outputTokens") => BigInt(calls.reduce((all, call) => all + call[of], 0))
      assert.strictEqual(sum, input * total("inputTokens") + output * total("outputTokens"))
    }
  )

  it("1,000,000 calls cost 1,000,000 times one", () => {
    const config = configOf(parsed({ "a/b": { input: 0.1, output: "0.7" } }))
    const price = pricesUnder(config, { listed: () => undefined })("a/b") ?? { input: 0n, output: 0n }
    let sum = 0n
    for (let index = 0; index < 1_000_000; index++) sum += costOf(price, { inputTokens: 1, outputTokens: 1 })
    assert.strictEqual(decimalOf(sum), "0.8")
  })
})
