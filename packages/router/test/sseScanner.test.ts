/** However the bytes come apart, the same bytes pass and the same is known of them. */
import { assert, describe, it } from "@effect/vitest"
import { SseScanner } from "../src/openrouter/SseScanner.ts"

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`
const delta = (content: string, finish: string | null = null) =>
  event({ id: "g", model: "m", choices: [{ index: 0, delta: { content }, finish_reason: finish }] })
const usage = event({ id: "g", model: "m", choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, cost: 0.5 } })

const streams: ReadonlyArray<readonly [what: string, text: string]> = [
  ["plain events", delta("a") + delta("é€𝄞") + delta("", "stop") + usage + "data: [DONE]\n\n"],
  ["CRLF", (delta("a") + delta("b") + delta("", "stop") + usage + "data: [DONE]\n\n").replaceAll("\n", "\r\n")],
  ["comments", `: hello\n\n${delta("a")}: still here\n\n${delta("b", "stop")}${usage}data: [DONE]\n\n`],
  ["text that looks like an end", delta('[DONE] "error" "usage": {') + delta("b", "stop") + usage + "data: [DONE]\n\n"],
  ["members over two lines", delta("a") + 'data: {"choices":[{"delta":{},"finish_reason":\ndata: "stop"}]}\n\n' + usage]
]

const withReturns = (delta("a") + ": still here\n\n" + delta("é€𝄞", "stop") + usage).replaceAll("\n", "\r")

const scanned = (text: string, size: number, dropUsageChunk: boolean) => {
  const scanner = new SseScanner({ dropUsageChunk, choices: 1 })
  const bytes = Buffer.from(text)
  const passed: Array<Buffer> = []
  for (let at = 0; at < bytes.length; at += size) passed.push(scanner.push(bytes.subarray(at, at + size)))
  passed.push(scanner.finish())
  const { complete, error, finishReason, usage: counted } = scanner
  return { passed: Buffer.concat(passed).toString(), complete, error, finishReason, counted }
}

describe.each(streams)("%s", (_, text) => {
  it.each([1, 2, 3, 7, 16, 100])("in pieces of %d bytes", (size) => {
    assert.deepStrictEqual(scanned(text, size, false), scanned(text, text.length, false))
    assert.deepStrictEqual(scanned(text, size, true), scanned(text, text.length, true))
  })

  it("passes all but the end, and the usage chunk where nobody asked for it", () => {
    const whole = scanned(text, text.length, false)
    assert.strictEqual(whole.passed, text.replace(/data: \[DONE\](?:\r?\n){2}$/, ""))
    assert.strictEqual(whole.finishReason, "stop")
    assert.strictEqual(whole.counted?.outputTokens, 2)
    assert.notInclude(scanned(text, text.length, true).passed, '"usage":{"prompt_tokens"')
  })
})

it("keeps a chunk whose usage is null", () => {
  const filter = event({ choices: [], prompt_filter_results: [], usage: null })
  assert.include(scanned(filter + delta("a", "stop"), 1000, true).passed, "prompt_filter_results")
})

describe("what few clients can read", () => {
  const plain = delta("a") + ": still here\n\n" + delta("é€𝄞", "stop") + usage
  const done = "data: [DONE]"

  it.each([1, 2, 3, 7, 16, 100, 10_000])("lines that end with CR alone, in pieces of %d bytes", (size) => {
    const expected = scanned(`${plain}${done}\n\n`, 10_000, true)
    assert.deepStrictEqual(scanned(`${withReturns}${done}\r\r`, size, true), expected)
    assert.isTrue(expected.complete)
  })

  it.each([1, 2, 3, 4, 100, 10_000])("a byte order mark, in pieces of %d bytes", (size) => {
    assert.deepStrictEqual(
      scanned(`\uFEFF${plain}${done}\n\n`, size, true),
      scanned(`${plain}${done}\n\n`, 10_000, true)
    )
  })

  it("an event of lines with CR waits for no byte behind it", () => {
    const scanner = new SseScanner({ dropUsageChunk: false, choices: 1 })
    for (const text of [delta("a"), delta("b")]) {
      assert.strictEqual(scanner.push(Buffer.from(text.replaceAll("\n", "\r"))).toString(), text)
    }
  })
})

it("passes nothing behind an event that has a token and ends in an error at once", () => {
  const failing = event({ choices: [{ delta: { content: "a" }, finish_reason: "error" }] })
  const read = scanned(failing + delta("b"), 1_000, false)
  assert.strictEqual(read.passed, "")
  assert.deepStrictEqual(read, scanned(failing + delta("b"), failing.length, false))
})

describe("of two choices", () => {
  const choice = (index: number, fields: object, finish: string | null = null) =>
    event({ id: "g", model: "m", choices: [{ index, delta: fields, finish_reason: finish }] })
  const opened = choice(0, { content: "a" }) + choice(1, { content: "b" })
  const usageEvent = event({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } })

  it.each([
    { name: "both have finished", text: opened + choice(1, {}, "stop") + choice(0, {}, "stop"), complete: true },
    { name: "one has", text: opened + choice(0, {}, "stop"), complete: false },
    { name: "one has, twice", text: opened + choice(0, {}, "stop") + choice(0, {}, "stop"), complete: false },
    {
      name: "one has, and usage came: the upstream knows of one",
      text: choice(0, { content: "a" }, "stop") + usageEvent,
      complete: true
    },
    {
      name: "one has, and usage came amid the other",
      text: opened + choice(0, {}, "stop") + usageEvent,
      complete: false
    },
    { name: "one has, and the other did not begin", text: choice(0, { content: "a" }, "stop"), complete: false },
    {
      name: "one has, and the stream says it is done",
      text: opened + choice(0, {}, "stop") + "data: [DONE]\n\n",
      complete: true
    }
  ])("$name: complete $complete", ({ complete, text }) => {
    const scanner = new SseScanner({ dropUsageChunk: true, choices: 2 })
    scanner.push(Buffer.from(text))
    assert.strictEqual(scanner.complete, complete)
  })

  it("what the second begins with passes behind the finish of the first", () => {
    const role = event({ choices: [{ index: 1, delta: { role: "assistant" } }], usage: { prompt_tokens: 1 } })
    const text = choice(0, { content: "a" }, "stop") + role
    assert.strictEqual(new SseScanner({ dropUsageChunk: true, choices: 2 }).push(Buffer.from(text)).toString(), text)
  })
})

describe("about how much text passed", () => {
  const wide = (said: object, more = {}) =>
    Buffer.from(
      event({
        id: "gen-1732600000-abcdefghij",
        provider: "Fake",
        model: "openai/gpt-4o",
        object: "chat.completion.chunk",
        created: 1_732_600_000,
        choices: [{ index: 0, delta: { role: "assistant", ...said }, finish_reason: null, logprobs: null }],
        ...more
      })
    )
  const comment = Buffer.from(": OPENROUTER PROCESSING\n\n")
  const call = (index: number, more: object) => ({ tool_calls: [{ index, function: more }] })
  const thousand = (chunk: Buffer) => Array.from({ length: 1_000 }, () => chunk)

  it.each<readonly [what: string, chunks: ReadonlyArray<Buffer>, bytes: number]>([
    ["deltas of four bytes", thousand(wide({ content: "abcd" })), 4_000],
    ["text beyond ASCII", thousand(wide({ content: "東京" })), 6_000],
    ["many deltas in a chunk", [wide({ content: "abcd" }), Buffer.concat(thousand(wide({ content: "abcd" })))], 4_004],
    ["comments alone", [wide({ content: "abcd" }), ...thousand(comment)], 4],
    ["comments before events", thousand(Buffer.concat([comment, wide({ content: "abcd" })])), 4_000],
    ["CRLF", thousand(Buffer.from(wide({ content: "abcd" }).toString().replaceAll("\n", "\r\n"))), 4_000],
    ["text about events", thousand(wide({ content: "data: 12 data: 34" })), 17_000],
    [
      "pings among them",
      [wide({ content: "abcd" }), Buffer.from("data: {}\n\n"), ...thousand(wide({ content: "abcd" }))],
      4_004
    ],
    ["usage that tells nothing", thousand(wide({ content: "abcd" }, { usage: {} })), 4_000],
    [
      "a call, whose name comes first",
      [
        wide(call(0, { name: "look_it_up", arguments: "" })),
        wide(call(0, { arguments: "" })),
        ...thousand(wide(call(0, { arguments: "abcd" })))
      ],
      4_010
    ],
    [
      "a thought, which takes more room around it",
      [
        wide({ content: "", reasoning: "well", reasoning_details: [{ type: "reasoning.text", text: "well" }] }),
        wide({ content: "" }),
        ...thousand(wide({ content: "abcd" }))
      ],
      4_004
    ]
  ])("%s", (_, chunks, bytes) => {
    const scanner = new SseScanner({ dropUsageChunk: true, choices: 1 })
    for (const chunk of chunks) scanner.push(chunk)
    assert.closeTo(scanner.textBytes, bytes, bytes / 100)
    assert.isUndefined(scanner.usage)
  })
})
