/**
 * Spec 2.4: how a stream ends, well and badly; and that nothing is committed before the first token, and nothing
 * restarted after it.
 */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import {
  type Behaviour,
  custom,
  cut,
  doneWithoutFinish,
  endWithoutFinish,
  errorAfter,
  noDone,
  ok,
  stall
} from "@llm-router/testing/script"
import { Effect } from "effect"
import { circuits, contentOf, eventsOf, rawChat, setChain, withServer } from "./harness.ts"

const ask = (more: object = {}) => [
  JSON.stringify({ model: "pair", stream: true, messages: [{ role: "user", content: "hello" }], ...more })
]

const pieces = { chunks: ["one ", "two ", "three ", "four"] }

const sse = (events: ReadonlyArray<string>, ending: "end" | "cut" = "end"): Behaviour =>
  custom((exchange) =>
    Effect.gen(function* () {
      yield* exchange.head(200, { "content-type": "text/event-stream" })
      for (const event of events) yield* exchange.write(event)
      yield* exchange[ending]
    })
  )

const delta = (content: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "x", model: "a/one", choices: [{ index: 0, delta: content, finish_reason: finish }] })}\n\n`

const role = delta({ role: "assistant", content: "" })

describe("an end", () => {
  it.live.each([
    { name: "complete", behaviour: ok(pieces) },
    { name: "without [DONE]", behaviour: noDone(pieces) },
    { name: "without finish reason, with [DONE]", behaviour: doneWithoutFinish(pieces) },
    {
      name: "without the last blank line",
      behaviour: sse([role, delta({ content: "one two three four" }), delta({}, "stop").trimEnd()])
    },
    {
      name: "cut behind the finish reason",
      behaviour: sse([role, delta({ content: "one two three four" }), delta({}, "stop")], "cut")
    },
    {
      name: "words behind [DONE]",
      behaviour: sse([delta({ content: "one two three four" }, "stop"), "data: [DONE]\n\n", delta({ content: "more" })])
    }
  ])("$name: the answer and one [DONE]", ({ behaviour }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", behaviour)
      const answer = yield* rawChat(ask())
      assert.strictEqual(answer.status, 200)
      assert.isTrue(answer.complete)
      assert.strictEqual(contentOf(answer.text), "one two three four")
      assert.strictEqual(eventsOf(answer.text).filter((data) => data === "[DONE]").length, 1)
      assert.isTrue(answer.text.endsWith("data: [DONE]\n\n"))
      assert.deepStrictEqual((yield* circuits).failures, {})
    }).pipe(withServer())
  )
})

const broken: ReadonlyArray<{ readonly name: string; readonly behaviour: Behaviour; readonly content: string }> = [
  { name: "cut", behaviour: cut(2, pieces), content: "one two " },
  { name: "an end without finish reason", behaviour: endWithoutFinish(2, pieces), content: "one two " },
  { name: "an error event", behaviour: errorAfter(2, pieces), content: "one two " },
  { name: "silence", behaviour: stall(2, pieces), content: "one two " },
  {
    name: "an error event without choices",
    behaviour: sse([
      delta({ content: "one " }),
      'data: {"error":{"code":"server_error","message":"oops"},"choices":[]}\n\n'
    ]),
    content: "one "
  },
  {
    name: "a finish reason error without an error",
    behaviour: sse([delta({ content: "one " }), delta({ content: "" }, "error"), "data: [DONE]\n\n"]),
    content: "one "
  },
  {
    name: "an error event in the same read as the tokens",
    behaviour: sse([delta({ content: "one " }) + 'data: {"error":{"code":502,"message":"oops"}}\n\ndata: [DONE]\n\n']),
    content: "one "
  },
  {
    name: "an end within an event",
    behaviour: sse([delta({ content: "one " }), 'data: {"choices":[{"delta":{"cont']),
    content: "one "
  },
  {
    name: "a cut within an event",
    behaviour: sse([delta({ content: "one " }), 'data: {"choices":[{"delta":{"cont'], "cut"),
    content: "one "
  }
]

describe("after the first token", () => {
  it.live.each(broken)("$name is told as one error event, without [DONE]", ({ behaviour, content }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", behaviour)
      const answer = yield* rawChat(ask())
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers["x-router-model"], "a/one")
      assert.isTrue(answer.complete)
      assert.strictEqual(contentOf(answer.text), content)
      assert.notInclude(answer.text, "[DONE]")

      const errors = eventsOf(answer.text).filter((data) => data.includes('"error":{'))
      assert.strictEqual(errors.length, 1)
      const event = JSON.parse(eventsOf(answer.text).at(-1) ?? "")
      assert.hasAllKeys(event, ["error", "choices"])
      assert.deepStrictEqual(event.choices, [{ delta: { content: "" }, finish_reason: "error", index: 0 }])
      assert.containsAllKeys(event.error, ["message", "type", "param", "code"])
      assert.strictEqual(event.error.type, "api_error")
      assert.notInclude(answer.text, "provider_name")
      assert.notInclude(answer.text, "127.0.0.1")

      assert.strictEqual((yield* upstream.requestsFor("a/one")).length, 1)
      assert.strictEqual((yield* upstream.requestsFor("b/two")).length, 0)
      assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1 })
    }).pipe(withServer({ RETRIES_PER_MODEL: "1" }))
  )
})

it.live.each(["cut", "end"] as const)("%s behind the finish of the first of two choices is no end", (how) =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    const second = delta({ content: "second, begi" }).replace('"index":0', '"index":1')
    yield* setChain(["a/one"], "pair")
    yield* upstream.script("a/one", sse([delta({ content: "first" }), second, delta({}, "stop")], how))
    const answer = yield* rawChat(ask({ n: 2 }))
    assert.notInclude(answer.text, "[DONE]")
    assert.include(eventsOf(answer.text).at(-1), '"finish_reason":"error"')
    assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1 })
  }).pipe(withServer())
)

it.live("the words of an upstream's error do not pass: they may hold addresses, paths and keys", () =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    const message = "connect ECONNREFUSED 10.0.0.7:8443 at /srv/provider/index.js:3:1 with sk-or-v1-0123456789abcdef"
    yield* setChain(["a/one"], "pair")
    yield* upstream.script(
      "a/one",
      sse([delta({ content: "one " }), `data: ${JSON.stringify({ error: { code: 502, message } })}\n\n`])
    )
    const answer = yield* rawChat(ask())
    for (const word of ["10.0.0.7", "/srv/", "sk-or-v1"]) assert.notInclude(answer.text, word)
  }).pipe(withServer())
)

it.live.each(["content_filter", "length"])("an answer that %s ended before its first token is an answer", (reason) =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* setChain(["a/one", "b/two"], "pair")
    yield* upstream.script("a/one", sse([role, delta({ content: "" }, reason), "data: [DONE]\n\n"]))
    const answer = yield* rawChat(ask())
    assert.strictEqual(answer.headers["x-router-model"], "a/one")
    assert.include(answer.text, `"finish_reason":"${reason}"`)
    assert.isTrue(answer.text.endsWith("data: [DONE]\n\n"))
    assert.deepStrictEqual((yield* circuits).failures, {})
  }).pipe(withServer())
)

/** What is a first token: from then on the answer is this model's. */
const tokens: ReadonlyArray<{ readonly name: string; readonly fields: object; readonly commits: boolean }> = [
  { name: "content", fields: { content: "x" }, commits: true },
  { name: "reasoning", fields: { content: "", reasoning: "hm" }, commits: true },
  { name: "reasoning_content", fields: { reasoning_content: "hm" }, commits: true },
  {
    name: "a tool call",
    fields: {
      content: null,
      tool_calls: [{ index: 0, id: "c", type: "function", function: { name: "f", arguments: "" } }]
    },
    commits: true
  },
  { name: "a role", fields: { role: "assistant" }, commits: false },
  { name: "empty content", fields: { role: "assistant", content: "" }, commits: false },
  { name: "null content", fields: { role: "assistant", content: null }, commits: false },
  { name: "empty reasoning", fields: { content: "", reasoning: "" }, commits: false },
  { name: "no tool calls", fields: { content: "", tool_calls: [] }, commits: false },
  { name: "nothing", fields: {}, commits: false }
]

describe("the first token", () => {
  it.live.each(tokens)("$name commits: $commits", ({ commits, fields }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", sse([": hello\n\n", role, delta(fields)], "cut"))
      const answer = yield* rawChat(ask())
      assert.strictEqual(answer.headers["x-router-model"], commits ? "a/one" : "b/two")
      assert.strictEqual((yield* upstream.requestsFor("b/two")).length, Number(!commits))
      assert.strictEqual(answer.text.includes("[DONE]"), !commits)
    }).pipe(withServer())
  )
})
