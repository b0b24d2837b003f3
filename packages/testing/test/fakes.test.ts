import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { FakeOpenRouter } from "../src/FakeOpenRouter.ts"
import * as Script from "../src/script.ts"
import { send, shapesOf } from "./client.ts"
import { answerOf, ask, streamed, test } from "./fake.ts"

const complete = ["role", "says Hello", "says  from", "says  a/b", "finish stop", "usage", "done"]
const begun = ["role", "says Hello", "says  from"]
const bare = complete.filter((shape) => shape !== "usage")

describe("streams", () => {
  const table: ReadonlyArray<readonly [string, Script.Behaviour, ReadonlyArray<string>, boolean]> = [
    ["ok", Script.ok(), complete, true],
    ["slow", Script.slow(5, Script.ok()), complete, true],
    ["cut", Script.cut(2), begun, false],
    ["endWithoutFinish", Script.endWithoutFinish(2), begun, true],
    ["errorAfter", Script.errorAfter(2), [...begun, "error 502"], true],
    ["cut beyond the text", Script.cut(4), [...begun, "says  a/b", "says  more4"], false],
    ["roleThenError", Script.roleThenError, ["role", "error 502"], true],
    ["errorBody200", Script.errorBody200("server_error", "no"), ["error server_error"], true],
    ["noChoices", Script.noChoices, ["no choices", "done"], true],
    ["emptyContent", Script.emptyContent, ["role", "finish stop", "usage", "done"], true],
    ["noDone", Script.noDone(), complete.slice(0, -1), true],
    ["doneWithoutFinish", Script.doneWithoutFinish(), complete.filter((shape) => shape !== "finish stop"), true],
    ["noUsage", Script.noUsage(), bare, true],
    ["crlf", Script.crlf(), complete, true],
    ["comments", Script.comments(3), ["comment", "comment", ...complete.flatMap((shape) => ["comment", shape])], true],
    [
      "usageInFinishChunk",
      Script.usageInFinishChunk(),
      bare.map((shape) => (shape === "finish stop" ? "finish stop with usage" : shape)),
      true
    ],
    [
      "reasoning, chunks and a finish reason",
      Script.ok({ reasoning: "hm so", chunks: ["on", "e"], finishReason: "length" }),
      ["role", "thinks hm", "thinks  so", "says on", "says e", "finish length", "usage", "done"],
      true
    ],
    [
      "toolCalls",
      Script.ok({ toolCalls: [{ name: "ls", arguments: `{"a":1}` }] }),
      [
        "role",
        `calls {"name":"ls","arguments":""}`,
        `calls {"arguments":"{\\"a\\":1}"}`,
        "finish tool_calls",
        "usage",
        "done"
      ],
      true
    ]
  ]
  for (const [name, behaviour, shapes, whole] of table) {
    test(
      name,
      Effect.gen(function* () {
        const answer = yield* answerOf(behaviour)
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.headers["content-type"], "text/event-stream")
        assert.match(String(answer.headers["x-generation-id"]), /^gen-/)
        assert.deepStrictEqual(shapesOf(answer.text), shapes)
        assert.strictEqual(answer.complete, whole)
      })
    )
  }

  test(
    "splitBytes breaks events and characters over reads, and loses nothing",
    Effect.gen(function* () {
      const answer = yield* answerOf(Script.splitBytes({ chunks: ["é", "🎉"] }))
      assert.deepStrictEqual(shapesOf(answer.text).slice(1, 3), ["says é", "says 🎉"])
      assert.isTrue(answer.reads.some((read) => read.toString().includes("\uFFFD")))
      assert.isAbove(answer.reads.length, shapesOf(answer.text).length)
    })
  )

  test(
    "crlf frames every line",
    Effect.gen(function* () {
      const { text } = yield* answerOf(Script.crlf())
      assert.strictEqual(text.replaceAll("\r\n", "").includes("\n"), false)
    })
  )
})

describe("whole bodies", () => {
  const json = (value: unknown) => JSON.stringify(value)
  const table: ReadonlyArray<readonly [string, Script.Behaviour, number, string, RegExp, object]> = [
    ["ok", Script.ok(), 200, "application/json", /"content":"Hello from a\/b".*"finish_reason":"stop".*"cost":/, ask()],
    ["jsonForStream", Script.jsonForStream(), 200, "application/json", /"content":"Hello from a\/b"/, streamed],
    ["emptyBody", Script.emptyBody, 200, "application/json", /^$/, streamed],
    ["noChoices", Script.noChoices, 200, "application/json", /"choices":\[\]/, ask()],
    ["emptyContent", Script.emptyContent, 200, "application/json", /"content":""/, ask()],
    ["html", Script.html, 200, "text/html; charset=utf-8", /^<!doctype html>/, ask()],
    [
      "plainTextStatus",
      Script.plainTextStatus(502, "bad gateway"),
      502,
      "text/plain; charset=utf-8",
      /^bad gateway$/,
      ask()
    ],
    [
      "errorBody200",
      Script.errorBody200(502, "no"),
      200,
      "application/json",
      /^{"error":{"code":502,"message":"no"}}$/,
      ask()
    ],
    ["errorAfter", Script.errorAfter(1), 200, "application/json", /^{"error":{"code":502,/, ask()],
    ["endWithoutFinish", Script.endWithoutFinish(1), 200, "application/json", /"finish_reason":null/, ask()],
    [
      "contextExceeded",
      Script.contextExceeded,
      400,
      "application/json",
      /"error_type":"context_length_exceeded"/,
      streamed
    ],
    ["status with a body", Script.status(503, { body: { a: 1 } }), 503, "application/json", /^{"a":1}$/, ask()],
    ["status with text", Script.status(503, { body: "no" }), 503, "text/plain; charset=utf-8", /^no$/, ask()],
    ["no chat request", Script.ok(), 400, "application/json", /"invalid_request"/, { model: 1 }]
  ]
  for (const [name, behaviour, status, contentType, body, request] of table) {
    test(
      name,
      Effect.gen(function* () {
        const answer = yield* answerOf(behaviour, request)
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.headers["content-type"], contentType)
        assert.match(answer.text, body)
        assert.isTrue(answer.complete)
      })
    )
  }

  test(
    "status has headers and OpenRouter's envelope",
    Effect.gen(function* () {
      const availability = { code: "capacity_exhausted", retryable: true }
      const answer = yield* answerOf(
        Script.status(429, {
          headers: { "retry-after": "2" },
          errorType: "rate_limit_exceeded",
          availability,
          message: "no"
        })
      )
      assert.strictEqual(answer.headers["retry-after"], "2")
      const metadata = { error_type: "rate_limit_exceeded" }
      assert.strictEqual(answer.text, json({ error: { code: 429, message: "no", metadata, availability } }))
    })
  )

  test(
    "cut sends half of the promised bytes",
    Effect.gen(function* () {
      const answer = yield* answerOf(Script.cut(1), ask())
      assert.isFalse(answer.complete)
      assert.strictEqual(answer.text.length, Number(answer.headers["content-length"]) >> 1)
    })
  )
})

describe("connections", () => {
  test(
    "reset breaks the connection before any header",
    Effect.gen(function* () {
      const fake = yield* FakeOpenRouter
      assert.strictEqual(yield* Effect.flip(answerOf(Script.reset)), "ECONNRESET")
      assert.deepInclude((yield* fake.requests)[0], { aborted: false, completed: false })
    })
  )

  const silent: ReadonlyArray<readonly [string, Script.Behaviour]> = [
    ["hang", Script.hang],
    ["hangAfterHeaders", Script.hangAfterHeaders(1)],
    ["stall", Script.stall(2)],
    ["endless", Script.endless(0)],
    ["slow", Script.slow(60_000, Script.ok())],
    ["a custom one", Script.custom(() => Effect.never)]
  ]
  for (const [name, behaviour] of silent) {
    test(
      `${name} goes on until the client leaves, which is recorded`,
      Effect.gen(function* () {
        const fake = yield* FakeOpenRouter
        const client = yield* Effect.forkChild(answerOf(behaviour))
        const [seen] = yield* fake.awaitRequest("a/b")
        assert.deepInclude(seen, { aborted: false, completed: false, path: "/api/v1/chat/completions", json: streamed })
        yield* Fiber.interrupt(client)
        const [left] = yield* fake.awaitAborted()
        assert.isTrue(left?.aborted)
        assert.isBelow((left?.abortedAt ?? Infinity) - (left?.receivedAt ?? 0), 5_000)
      })
    )
  }

  const partial: ReadonlyArray<readonly [string, Script.Behaviour, number, RegExp]> = [
    ["hangAfterHeaders sends comments", Script.hangAfterHeaders(1), 60, /^(: OPENROUTER PROCESSING\n\n)+$/],
    ["stall sends what it promised", Script.stall(1), 300, /Hello/],
    ["endless sends as much as is read", Script.endless(0), 400_000, /word1000/]
  ]
  for (const [name, behaviour, leaveAfter, text] of partial) {
    test(
      name,
      Effect.gen(function* () {
        const fake = yield* FakeOpenRouter
        yield* fake.script("a/b", behaviour)
        const answer = yield* send(`${fake.url}/chat/completions`, { body: streamed, leaveAfter })
        assert.match(answer.text, text)
        yield* fake.awaitAborted()
      })
    )
  }
})
