import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { decimalOf, dollarsOf, picoDollarsOf, picoDollarsPerDollar } from "../src/Money.ts"

const Amount = Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: -(10n ** 30n), maximum: 10n ** 30n }))

describe("picoDollarsOf", () => {
  const table: ReadonlyArray<readonly [usd: string | number, amount: bigint | undefined]> = [
    ["0", 0n],
    ["1", picoDollarsPerDollar],
    ["0.15", 150_000_000_000n],
    ["00.150", 150_000_000_000n],
    ["1.", picoDollarsPerDollar],
    ["+1", picoDollarsPerDollar],
    ["-0.5", -500_000_000_000n],
    [" 2.5 ", 2_500_000_000_000n],
    ["0.00000005", 50_000n],
    ["5e-8", 50_000n],
    ["5E-08", 50_000n],
    ["1e3", 1000n * picoDollarsPerDollar],
    ["0.000000000001", 1n],
    ["0.0000000000005", 1n],
    ["0.00000000000049", 0n],
    ["-0.0000000000005", -1n],
    ["1e-30", 0n],
    [0.1, 100_000_000_000n],
    [0.1 + 0.2, 300_000_000_000n],
    [5e-8, 50_000n],
    [1e21, 10n ** 33n],
    [-0, 0n],
    ["", undefined],
    [" ", undefined],
    [".5", undefined],
    ["1,5", undefined],
    ["1_000", undefined],
    ["0x10", undefined],
    ["1 USD", undefined],
    ["1e9999", undefined],
    ["1e999", undefined],
    ["9".repeat(61), undefined],
    ["NaN", undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined]
  ]
  it.each(table)("of %s", (usd, amount) => {
    assert.strictEqual(picoDollarsOf(usd), amount)
  })
})

describe("decimalOf", () => {
  const table: ReadonlyArray<readonly [amount: bigint, decimal: string]> = [
    [0n, "0"],
    [1n, "0.000000000001"],
    [-1n, "-0.000000000001"],
    [150_000n, "0.00000015"],
    [picoDollarsPerDollar, "1"],
    [-1_500_000_000_000n, "-1.5"],
    [123_456_789n * picoDollarsPerDollar + 10n, "123456789.00000000001"]
  ]
  it.each(table)("of %d", (amount, decimal) => {
    assert.strictEqual(decimalOf(amount), decimal)
  })

  it.prop("is read back as the same amount", { amount: Amount }, ({ amount }) => {
    assert.strictEqual(picoDollarsOf(decimalOf(amount)), amount)
  })

  it.prop("has neither exponent nor trailing zeros", { amount: Amount }, ({ amount }) => {
    assert.match(decimalOf(amount), /^-?\d+(\.\d*[1-9])?$/)
  })
})

describe("sums", () => {
  const count = 100_000
  /** Amounts of an API's prices, by a generator that is the same in every run. */
  const amounts = (() => {
    let state = 12_345n
    return Array.from({ length: count }, () => {
      state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) % (1n << 64n)
      return state >> 30n
    })
  })()

  it("of 100,000 random amounts are exact, each read from its decimal", () => {
    const exact = amounts.reduce((sum, amount) => sum + amount, 0n)
    const read = amounts.reduce((sum, amount) => sum + (picoDollarsOf(decimalOf(amount)) ?? 0n), 0n)
    assert.strictEqual(read, exact)
  })

  it("do not drift as floats do", () => {
    const tenth = picoDollarsOf(0.1) ?? 0n
    const sum = Array.from({ length: count }, () => tenth).reduce((total, amount) => total + amount, 0n)
    assert.strictEqual(decimalOf(sum), "10000")
    assert.strictEqual(dollarsOf(sum), 10_000)
    const floats = Array.from({ length: count }, () => 0.1).reduce((total, amount) => total + amount, 0)
    assert.notStrictEqual(floats, 10_000)
  })

  it("of 1,000,000 prices do not drift", () => {
    let sum = 0n
    for (let index = 0; index < 1_000_000; index++) sum += picoDollarsOf("0.00000015") ?? 0n
    assert.strictEqual(decimalOf(sum), "0.15")
  })

  it("do not depend on the order", () => {
    const forwards = amounts.reduce((sum, amount) => sum + amount, 0n)
    const backwards = amounts.reduceRight((sum, amount) => sum + amount, 0n)
    assert.strictEqual(forwards, backwards)
  })
})

it("dollarsOf is the nearest number to the decimal", () => {
  assert.strictEqual(dollarsOf(300_000_000_000n), 0.3)
  assert.strictEqual(dollarsOf(1n), 1e-12)
  assert.strictEqual(dollarsOf(-2_500_000_000_000n), -2.5)
})

it.prop(
  "a number's own decimal is what is read",
  { value: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: -1_000_000_000, maximum: 1_000_000_000 }))) },
  ({ value }) => {
    assert.strictEqual(picoDollarsOf(value / 1000), BigInt(value) * 1_000_000_000n)
  }
)
