import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import {
  anonymous,
  type ChatRequest,
  estimatedInputTokens,
  parseChatRequest,
  upstreamBody,
  type UpstreamFields
} from "../src/ChatRequest.ts"
import { member, MemberText, memberText, objectText, ValueText, valueText } from "./jsonTexts.ts"

const client = { keyId: anonymous, userAgent: "test", sessionId: undefined, traceparent: undefined }
const parse = (text: string) => parseChatRequest("id", client, Buffer.from(text))
const parsed = (text: string): ChatRequest => Result.getOrThrow(parse(text))
const problem = (text: string) => Result.getOrThrow(Result.flip(parse(text)))

const fields: UpstreamFields = { model: "z-ai/glm-5", ownsModels: false, sessionId: "session-1" }
const sent = (text: string, more: Partial<UpstreamFields> = {}) =>
  upstreamBody(parsed(text), { ...fields, ...more }).join("")

const messages = member("messages", '[{"role": "user", "content": "hi"}]')
const hi = '"messages":[{"role":"user","content":"hi"}]'

/** Fields that decide what is sent, so a random one must not stand beside those of a test. */
const meaningful = new Set([
  "messages",
  "model",
  "models",
  "stream",
  "stream_options",
  "session_id",
  "tools",
  "functions"
])
const isForeign = ({ name }: MemberText) => !meaningful.has(JSON.parse(`"${name.join("")}"`))

/**
 * V8 13.6 (Node 24.21) gives an object a name of another one where an escape begins like it: `{"\\n":1}` behind
 * `{"\\\\":1}`. What is compared as objects has no escapes; the bytes are compared with all of them.
 */
const isPlain = (given: MemberText) => !memberText(given).includes("\\")

const random = { before: Schema.Array(MemberText), after: Schema.Array(MemberText) }

describe("upstreamBody", () => {
  it.prop("replaces the model and leaves every other byte as it came", random, ({ after, before }) => {
    const head = before.filter(isForeign)
    const tail = after.filter(isForeign)
    const text = objectText([...head, messages, member("model", '"router"'), ...tail], "\n")
    const rest = [...head, messages].map((other) => `${memberText(other)},`).join("")
    const expected = `{"session_id":"session-1",\n${rest}${memberText(member("model", '"z-ai/glm-5"'))}${tail
      .map((other) => `,${memberText(other)}`)
      .join("")}}`
    assert.strictEqual(sent(text), expected)
  })

  it.prop("parses to the same value but for what the router owns", random, ({ after, before }) => {
    const isTaken = (other: MemberText) => isForeign(other) && isPlain(other)
    const text = objectText([...before.filter(isTaken), messages, ...after.filter(isTaken)], "")
    const theirs = JSON.parse(text)
    const ours = JSON.parse(sent(text))
    assert.strictEqual(ours.model, "z-ai/glm-5")
    assert.strictEqual(ours.session_id, "session-1")
    delete ours.model
    delete ours.session_id
    assert.strictEqual(JSON.stringify(ours), JSON.stringify(theirs))
  })

  const streamed = { options: Schema.Array(MemberText), value: ValueText }
  it.prop("asks every stream for its usage and keeps its other options", streamed, ({ options, value }) => {
    const stream = member("stream", "true")
    const others = options.filter((other) => isPlain(other) && other.name.join("") !== "include_usage")
    const given = member("stream_options", objectText([...others, member("include_usage", "false")], ""))
    const ours = JSON.parse(sent(objectText([messages, stream, given, member("seed", valueText(value))], "")))
    const wanted = JSON.parse(objectText([...others, member("include_usage", "true")], ""))
    assert.strictEqual(JSON.stringify(ours.stream_options), JSON.stringify(wanted))
    assert.strictEqual(JSON.stringify(ours.seed), JSON.stringify(JSON.parse(valueText(value))))
  })

  const table: ReadonlyArray<readonly [what: string, text: string, expected: string]> = [
    ["no model", `{${hi}}`, `{"model":"z-ai/glm-5","session_id":"session-1",${hi}}`],
    ["a model of null", `{"model":null,${hi}}`, `{"session_id":"session-1","model":"z-ai/glm-5",${hi}}`],
    [
      "the model twice, once with escapes",
      `{"model":"a",${hi},"mod\\u0065l":"router"}`,
      `{"session_id":"session-1","model":"z-ai/glm-5",${hi},"mod\\u0065l":"z-ai/glm-5"}`
    ],
    [
      "a session of its own",
      `{"session_id":"mine","model":"a",${hi}}`,
      `{"session_id":"mine","model":"z-ai/glm-5",${hi}}`
    ],
    [
      "an array of models that it did not",
      `{"model":"a","models":["a/b"],${hi}}`,
      `{"session_id":"session-1","model":"z-ai/glm-5","models":["a/b"],${hi}}`
    ],
    [
      "a stream without options",
      `{"model":"a","stream":true,${hi}}`,
      `{"stream_options":{"include_usage":true},"session_id":"session-1","model":"z-ai/glm-5","stream":true,${hi}}`
    ],
    [
      "a stream with empty options",
      `{"session_id":"s","model":"a","stream":true,"stream_options":{ },${hi}}`,
      `{"session_id":"s","model":"z-ai/glm-5","stream":true,"stream_options":{"include_usage":true },${hi}}`
    ],
    [
      "a stream with options of null",
      `{"session_id":"s","model":"a","stream":true,"stream_options": null,${hi}}`,
      `{"session_id":"s","model":"z-ai/glm-5","stream":true,"stream_options": {"include_usage":true},${hi}}`
    ],
    [
      "a stream that asks for its usage",
      `{"session_id":"s","model":"a","stream":true,"stream_options":{"include_usage":true},${hi}}`,
      `{"session_id":"s","model":"z-ai/glm-5","stream":true,"stream_options":{"include_usage":true},${hi}}`
    ],
    [
      "no stream",
      `{"session_id":"s","model":"a","stream":false,"stream_options":{"x":1},${hi}}`,
      `{"session_id":"s","model":"z-ai/glm-5","stream":false,"stream_options":{"x":1},${hi}}`
    ],
    [
      "integers beyond 2^53 and escapes",
      `{"session_id":"s","model":"a","seed":9007199254740993,"user":"\\u00e9\\/",${hi}}`,
      `{"session_id":"s","model":"z-ai/glm-5","seed":9007199254740993,"user":"\\u00e9\\/",${hi}}`
    ]
  ]
  it.each(table)("%s", (_, text, expected) => {
    assert.strictEqual(sent(text), expected)
  })

  it("an array of models that the router walks itself", () => {
    assert.strictEqual(
      sent(`{"model":"a","models":["a/b","c/d"],${hi}}`, { ownsModels: true }),
      `{"session_id":"session-1","model":"z-ai/glm-5","models":["z-ai/glm-5"],${hi}}`
    )
  })
})

describe("estimatedInputTokens", () => {
  const long = "x".repeat(4_000)
  const call = { name: "look", arguments: long }
  const turn = (more: object) => `{"messages":${JSON.stringify([{ role: "assistant", content: null, ...more }])}}`

  it.each<readonly [what: string, text: string, tokens: number]>([
    ["two letters", `{${hi}}`, 1],
    ["a long question", `{"messages":[{"role":"user","content":"${long}"}]}`, 1_000],
    ["parts", `{"messages":[{"role":"user","content":[{"type":"text","text":"${long}"},{"type":"x"}]}]}`, 1_000],
    ["tools", `{"tools":[{"type":"function","function":{"description":"${long}"}}],${hi}}`, 1_014],
    ["functions", `{"functions":[{"description":"${long}"}],${hi}}`, 1_006],
    ["a call of an earlier turn", turn({ tool_calls: [{ id: "1", function: call }, { function: call }] }), 2_002],
    ["a call in the old form", turn({ function_call: call }), 1_001],
    ["what is no call", turn({ tool_calls: [null, 1, { function: "look" }, { custom: {} }], function_call: "x" }), 0]
  ])("counts %s", (_, text, tokens) => {
    assert.strictEqual(estimatedInputTokens(parsed(text)), tokens)
  })
})

describe("parseChatRequest", () => {
  const refused: ReadonlyArray<readonly [text: string, param: string | null]> = [
    ["", null],
    ["{", null],
    ["[]", null],
    ["null", null],
    ['"messages"', null],
    ["{}", "messages"],
    ['{"messages":{}}', "messages"],
    ['{"messages":[]}', "messages"],
    ['{"messages":[1]}', "messages[0]"],
    ['{"messages":[null]}', "messages[0]"],
    ['{"messages":[{"content":"x"}]}', "messages[0].role"],
    ['{"messages":[{"role":"user","content":"x"},{"role":"robot","content":"x"}]}', "messages[1].role"],
    ['{"messages":[{"role":"constructor","content":"x"}]}', "messages[0].role"],
    ['{"messages":[{"role":"user"}]}', "messages[0].content"],
    ['{"messages":[{"role":"user","content":null}]}', "messages[0].content"],
    ['{"messages":[{"role":"system","content":7}]}', "messages[0].content"],
    ['{"messages":[{"role":"tool","content":{}}]}', "messages[0].content"],
    ['{"messages":[{"role":"user","content":["x"]}]}', "messages[0].content[0]"],
    ['{"messages":[{"role":"user","content":[{"type":"text","text":"x"},{}]}]}', "messages[0].content[1].type"],
    ['{"messages":[{"role":"user","content":[{"type":"text"}]}]}', "messages[0].content[0].text"],
    [`{"model":7,${hi}}`, "model"],
    [`{"model":{},${hi}}`, "model"],
    [`{"stream":"yes",${hi}}`, "stream"],
    [`{"tools":{},${hi}}`, "tools"],
    [`{"functions":1,${hi}}`, "functions"],
    [`{"models":"a/b",${hi}}`, "models"],
    [`{"models":["a/b",1],${hi}}`, "models[1]"]
  ]
  it.each(refused)("refuses %s and names %s", (text, param) => {
    const error = problem(text)
    assert.strictEqual(error.status, 400)
    assert.strictEqual(error.param, param)
    assert.include(error.message, param ?? "")
  })

  const accepted: ReadonlyArray<readonly [text: string, seen: Partial<ChatRequest>]> = [
    [`{${hi}}`, { model: "", stream: false, tools: [], toolsForbidden: false, wantsUsage: false, fallbackModels: [] }],
    [`{"model":"","stream":null,"tools":null,"models":null,${hi}}`, { model: "", stream: false, tools: [] }],
    [`{"model":"router","stream":true,${hi}}`, { model: "router", stream: true }],
    [`{"tools":[],"functions":[{"name":"f"}],${hi}}`, { tools: [{ name: "f" }] }],
    [`{"tools":[1],"tool_choice":"none",${hi}}`, { tools: [1], toolsForbidden: true }],
    [`{"functions":[1],"function_call":"none",${hi}}`, { tools: [1], toolsForbidden: true }],
    [`{"n":2,${hi}}`, { choices: 2 }],
    [`{"n":null,${hi}}`, { choices: 1 }],
    [`{"stream_options":{"include_usage":true},${hi}}`, { wantsUsage: true }],
    [`{"stream_options":{"include_usage":"true"},${hi}}`, { wantsUsage: false }],
    [
      `{"user":"u","prompt_cache_key":"k","session_id":"s",${hi}}`,
      { user: "u", promptCacheKey: "k", upstreamSessionId: "s" }
    ],
    ['{"messages":[{"role":"assistant","content":null,"tool_calls":[]},{"role":"assistant"}]}', { stream: false }],
    ['{"messages":[{"role":"tool","content":null},{"role":"function"},{"role":"developer","content":""}]}', {}],
    ['{"messages":[{"role":"user","content":[]}]}', {}],
    ['{"messages":[{"role":"user","content":[{"type":"video_url","x":1}]}]}', {}]
  ]
  it.each(accepted)("reads %s", (text, seen) => {
    assert.deepInclude(parsed(text), seen)
  })

  it.prop("never throws, whatever the JSON", { value: ValueText }, ({ value }) => {
    const result = parse(valueText(value))
    assert.include(["Success", "Failure"], result._tag)
    assert.include(["Success", "Failure"], parse(`{"messages":${valueText(value)}}`)._tag)
    assert.include(["Success", "Failure"], parse(`{"messages":[${valueText(value)}]}`)._tag)
  })
})
