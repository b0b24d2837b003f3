import { assert, describe, it } from "@effect/vitest"
import { JsonLimitScan } from "../src/jsonLimits.ts"

const limits = { depth: 3, nodes: 5 }

/** What a text goes over, read in pieces of so many bytes. */
const exceededLimit = (text: string, pieceBytes: number) => {
  const bytes = Buffer.from(text)
  const scan = new JsonLimitScan(limits)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const exceeded = scan.exceededBy(bytes.subarray(at, at + pieceBytes))
    if (exceeded !== undefined) return exceeded
  }
  return undefined
}

describe("JsonLimitScan", () => {
  it.each([
    ["", undefined],
    ["[[[1]]]", undefined],
    ["[[[[1]]]]", "depth"],
    ['"[[[[[[[[,,,,,,"', undefined],
    ['{"a":"\\"[[[[","b":2}', undefined],
    ['["\\\\",[[[', "depth"],
    ['["\\\\\\"",[["[[[[', undefined],
    ['["\\\\\\\\\\"[[[[[[[["]', undefined],
    ["[1,2,3,4]", undefined],
    ["[1,2,3,4,5]", "nodes"],
    ["[{},{},{}]", "nodes"],
    ["]]]]]]]]]]", undefined],
    ["[][][][][][]", "nodes"]
  ] as const)("%s: %s, however it comes apart", (text, expected) => {
    for (let pieceBytes = 1; pieceBytes <= text.length + 1; pieceBytes++) {
      assert.strictEqual(exceededLimit(text, pieceBytes), expected, `in pieces of ${pieceBytes}`)
    }
  })
})
