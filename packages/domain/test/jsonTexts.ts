/** JSON as people and programs write it: with odd spacing, escapes, big integers and names that occur twice. */
import { Schema } from "effect"

const space = Schema.Literals(["", " ", "\n\t", "\r\n  "])

const scalars = Schema.Literals([
  "null",
  "true",
  "false",
  "0",
  "-0.0",
  "9007199254740993",
  "-123456789012345678901234567890",
  "1E+2",
  "0.10000000000000000555",
  "1e400",
  "{}",
  "[ ]"
])

/** What stands between a string's quotes. */
const inString = Schema.Literals([
  "a",
  "model",
  "é",
  "東",
  "🎉",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\\\\",
  '\\"',
  "\\/",
  "\\n",
  "\\u0041",
  "\\ud83c\\udf89",
  "\\udead"
])

interface StringText {
  readonly string: ReadonlyArray<string>
}
interface ArrayText {
  readonly items: ReadonlyArray<ValueText>
  readonly space: string
}
interface ObjectText {
  readonly members: ReadonlyArray<MemberText>
  readonly space: string
}
export type ValueText = string | StringText | ArrayText | ObjectText

export interface MemberText {
  readonly name: ReadonlyArray<string>
  readonly before: string
  readonly colon: string
  readonly value: ValueText
  readonly after: string
}

const StringText = Schema.Struct({ string: Schema.Array(inString) })

export const ValueText: Schema.Codec<ValueText> = Schema.suspend(() =>
  Schema.Union([
    scalars,
    StringText,
    Schema.Struct({ items: Schema.Array(ValueText), space }),
    Schema.Struct({ members: Schema.Array(MemberText), space })
  ])
)

export const MemberText: Schema.Codec<MemberText> = Schema.Struct({
  name: Schema.Array(inString),
  before: space,
  colon: space,
  value: ValueText,
  after: space
})

const quoted = (pieces: ReadonlyArray<string>): string => `"${pieces.join("")}"`

export const valueText = (value: ValueText): string => {
  if (typeof value === "string") return value
  if ("string" in value) return quoted(value.string)
  if ("items" in value) return `[${value.space}${value.items.map(valueText).join(`${value.space},`)}${value.space}]`
  return objectText(value.members, value.space)
}

/** A member, with another value if one is given. */
export const memberText = (member: MemberText, value = valueText(member.value)): string =>
  `${member.before}${quoted(member.name)}${member.colon}:${member.colon}${value}${member.after}`

export const objectText = (members: ReadonlyArray<MemberText>, opening: string): string =>
  `{${opening}${members.map((member) => memberText(member)).join(",")}}`

/** A member of this very text. */
export const member = (name: string, value: string): MemberText => ({
  name: [name],
  before: "\n  ",
  colon: " ",
  value,
  after: ""
})
