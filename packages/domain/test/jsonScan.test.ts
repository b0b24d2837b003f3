import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { JsonScan } from "../src/jsonScan.ts"
import { MemberText, objectText, valueText } from "./jsonTexts.ts"

const limits = { depth: 3, nodes: 5, members: 3, names: 1_000 }

/** What a text goes over, read in pieces of so many bytes. */
const exceededLimit = (text: string, pieceBytes: number, within = limits) => {
  const bytes = Buffer.from(text)
  const scan = new JsonScan(within)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const exceeded = scan.exceededBy(bytes.subarray(at, at + pieceBytes))
    if (exceeded !== undefined) return exceeded
  }
  return undefined
}

describe("JsonScan", () => {
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
    ["[][][][][][]", "nodes"],
    ['{"a":1,"b":2,"c":3}', undefined],
    ['{"a":1,"a":2,"a":3,', "members"]
  ] as const)("%s: %s, however it comes apart", (text, expected) => {
    for (let pieceBytes = 1; pieceBytes <= text.length + 1; pieceBytes++) {
      assert.strictEqual(exceededLimit(text, pieceBytes), expected, `in pieces of ${pieceBytes}`)
    }
  })

  it.each([
    ["in objects of one kind", '[{"a":1},{"a":1},{"a":1},{"a":1}]', "names"],
    ["within one another", '{"a":{"b":{"c":{"d":1}}}}', "names"],
    ["and no texts that look like them", '[{"a":"b:c:d:e:"},{"a":":"},{"a":1}]', undefined],
    ["and signs where no name is", "}:}:}:}:}:}:", "names"]
  ] as const)("counts names %s", (_, text, expected) => {
    const few = { depth: 10, nodes: 1_000, members: 100, names: 3 }
    for (let pieceBytes = 1; pieceBytes <= text.length; pieceBytes++) {
      assert.strictEqual(exceededLimit(text, pieceBytes, few), expected, `in pieces of ${pieceBytes}`)
    }
  })

  it.prop(
    "finds every member's name and bytes, however the text comes apart",
    { members: Schema.Array(MemberText), pieceBytes: Schema.Literals([1, 2, 3, 5, 8, 13, 21]) },
    ({ members, pieceBytes }) => {
      const bytes = Buffer.from(objectText(members, " "))
      const scan = new JsonScan({ depth: 100, nodes: 100_000, members: 100_000, names: 100_000 })
      for (let at = 0; at < bytes.length; at += pieceBytes) scan.exceededBy(bytes.subarray(at, at + pieceBytes))
      assert.deepStrictEqual(
        scan.membersIn(bytes).map(({ end, name, start }) => [name, bytes.toString("utf8", start, end)]),
        members.map(({ name, value }) => [JSON.parse(`"${name.join("")}"`), valueText(value)])
      )
    }
  )
})
