import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { membersOf } from "../src/jsonScan.ts"
import { firstMemberAt, withEdits } from "../src/jsonSpans.ts"
import { MemberText, objectText, valueText } from "./jsonTexts.ts"

const spans = (text: string) => {
  const bytes = Buffer.from(text)
  return membersOf(bytes).map(({ end, name, start }) => [name, bytes.toString("utf8", start, end)])
}

describe("membersOf", () => {
  const table: ReadonlyArray<readonly [text: string, members: ReadonlyArray<readonly [string, string]>]> = [
    ["{}", []],
    [" \n\t\r { } ", []],
    ['{"a":1}', [["a", "1"]]],
    [
      '{"a" : 1 , "b":\t[1, 2]\n}',
      [
        ["a", "1"],
        ["b", "[1, 2]"]
      ]
    ],
    [
      '{"a":{"a":{"a":"}"}},"b":"{"}',
      [
        ["a", '{"a":{"a":"}"}}'],
        ["b", '"{"']
      ]
    ],
    [
      '{"a":"\\"","b":"\\\\","c":"\\\\\\""}',
      [
        ["a", '"\\""'],
        ["b", '"\\\\"'],
        ["c", '"\\\\\\""']
      ]
    ],
    ['{"mod\\u0065l":"x"}', [["model", '"x"']]],
    [
      '{"a":1,"a":2}',
      [
        ["a", "1"],
        ["a", "2"]
      ]
    ],
    ['{"":null}', [["", "null"]]],
    ['{"__proto__":{"x":1}}', [["__proto__", '{"x":1}']]],
    [
      '{"n":-12.5e+3,"m":9007199254740993}',
      [
        ["n", "-12.5e+3"],
        ["m", "9007199254740993"]
      ]
    ],
    ['{"é東🎉":"é東🎉"}', [["é東🎉", '"é東🎉"']]]
  ]
  it.each(table)("of %s", (text, members) => {
    assert.deepStrictEqual(
      spans(text),
      members.map((pair) => [...pair])
    )
  })

  it("of an object inside another", () => {
    const bytes = Buffer.from('{"a": {"b": 1}}')
    const [outer] = membersOf(bytes)
    assert.deepStrictEqual(membersOf(bytes, outer?.start), [{ name: "b", start: 12, end: 13 }])
    assert.strictEqual(firstMemberAt(bytes, outer?.start), 7)
  })

  it("of nesting that would exhaust the stack", () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`
    assert.deepStrictEqual(spans(`{"a":${deep},"b":1}`).at(-1), ["b", "1"])
  })

  it.prop("finds every member's name and bytes", { members: Schema.Array(MemberText) }, ({ members }) => {
    assert.deepStrictEqual(
      spans(objectText(members, " ")),
      members.map(({ name, value }) => [JSON.parse(`"${name.join("")}"`), valueText(value)])
    )
  })
})

describe("withEdits", () => {
  it("replaces and inserts, whatever the order of the edits", () => {
    const edits = [
      { start: 3, end: 5, text: "x" },
      { start: 0, end: 1, text: "" },
      { start: 7, end: 7, text: "é" },
      { start: 7, end: 7, text: "!" }
    ]
    assert.strictEqual(withEdits(Buffer.from("0123456"), edits).join(""), "12x56é!")
    assert.strictEqual(withEdits(Buffer.from("same"), []).join(""), "same")
  })
})
