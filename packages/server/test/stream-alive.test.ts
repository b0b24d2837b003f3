/**
 * Spec 2.4: signs of life before the first token and in a long silence after it, as data events.
 */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { type Behaviour, custom, hang, hangAfterHeaders, ok, slow, stall, status } from "@llm-router/testing/script"
import { Effect, Queue } from "effect"
import { circuits, contentOf, eventsOf, rawChat, setChain, withServer } from "./harness.ts"

const body = [JSON.stringify({ model: "pair", stream: true, messages: [{ role: "user", content: "hello" }] })]

const isSignOfLife = (data: string) => data.includes('"model":"router"')
const signsOf = (text: string) => eventsOf(text).filter(isSignOfLife)

const eager = { STREAM_KEEPALIVE_MS: "50", UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "300", UPSTREAM_IDLE_TIMEOUT_MS: "400" }

describe("before the first token", () => {
  it.live("a slow model: 200 at once, chunks with an empty delta, then its answer", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", slow(200))
      const answer = yield* rawChat(body, { headers: { "x-request-id": "me-1" } })
      assert.strictEqual(answer.status, 200)
      assert.match(answer.headers["content-type"] ?? "", /^text\/event-stream/)
      assert.strictEqual(answer.headers["x-request-id"], "me-1")
      assert.strictEqual(answer.headers["x-router-category"], "pair")
      assert.strictEqual(answer.headers["x-router-source"], "model")
      const signs = signsOf(answer.text)
      assert.isNotEmpty(signs)
      for (const sign of signs) {
        assert.deepInclude(JSON.parse(sign), {
          object: "chat.completion.chunk",
          model: "router",
          choices: [{ index: 0, delta: {}, finish_reason: null }]
        })
      }
      assert.deepStrictEqual(eventsOf(answer.text).slice(0, signs.length), signs)
      assert.strictEqual(contentOf(answer.text), "Hello from a/one")
      assert.strictEqual(eventsOf(answer.text).at(-1), "[DONE]")
      assert.deepStrictEqual((yield* circuits).failures, {})
    }).pipe(withServer(eager))
  )

  const question = { model: "router", stream: true, messages: [{ role: "user", content: "grey stone" }] }
  const judge = "qwen/qwen3-1.7b"
  const verdict = ok({ content: '{"category":"pair","confidence":0.9}', usage: { cost: 0.02 } })

  it.live("a slow classification: signs of life before there is a decision, then the answer", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"], "pair")
      yield* upstream.script(judge, slow(300, verdict))
      const answer = yield* rawChat([JSON.stringify(question)], { headers: { "x-request-id": "me-2" } })
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers["x-request-id"], "me-2")
      assert.notProperty(answer.headers, "x-router-category")
      assert.isNotEmpty(signsOf(answer.text))
      assert.strictEqual(contentOf(answer.text), "Hello from a/one")
      assert.strictEqual(eventsOf(answer.text).at(-1), "[DONE]")
    }).pipe(withServer({ ...eager, ROUTING_MODE: "api" }))
  )

  it.live("a slow classification of what is refused then: an error event ends the stream", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["openai/gpt-4o"], "pair")
      yield* upstream.script(judge, slow(300, verdict))
      const answer = yield* rawChat([JSON.stringify({ ...question, max_tokens: 1_000_000 })])
      assert.strictEqual(answer.status, 200)
      const last = JSON.parse(eventsOf(answer.text).at(-1) ?? "")
      assert.strictEqual(last.error.code, "budget_exceeded")
      assert.strictEqual(last.choices[0].finish_reason, "error")
      assert.deepStrictEqual(yield* upstream.requestsFor("openai/gpt-4o"), [])
    }).pipe(withServer({ ...eager, ROUTING_MODE: "api", BUDGET_USD_PER_DAY: "0.01" }))
  )

  it.live("the first sign of life reaches the client while the model is still silent", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const arrived = yield* Queue.unbounded<string>()
      yield* setChain(["a/one"], "pair")
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          Effect.gen(function* () {
            yield* Queue.take(arrived)
            yield* exchange.send(200, "text/event-stream", `${delta("late", "stop")}data: [DONE]\n\n`)
          })
        )
      )
      const answer = yield* rawChat(body, { onRead: (read) => Queue.offerUnsafe(arrived, read.toString()) })
      assert.strictEqual(contentOf(answer.text), "late")
    }).pipe(withServer({ STREAM_KEEPALIVE_MS: "50", UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "10000" }))
  )

  it.live.each([
    { name: "hangs", behaviour: hang },
    { name: "only sends comments", behaviour: hangAfterHeaders(20) },
    { name: "only sends a role", behaviour: stall(0) },
    { name: "fails late", behaviour: slow(150, status(500)) }
  ])("a model that $name: signs of life, then the answer of the next model", ({ behaviour }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", behaviour)
      const answer = yield* rawChat(body)
      assert.strictEqual(answer.status, 200)
      assert.isNotEmpty(signsOf(answer.text))
      assert.strictEqual(contentOf(answer.text), "Hello from b/two")
      assert.notInclude(answer.text, "a/one")
      assert.notInclude(answer.text, '"error":{')
      assert.strictEqual(eventsOf(answer.text).at(-1), "[DONE]")
      assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1 })
    }).pipe(withServer(eager))
  )

  it.live.each([
    { name: "500s", behaviour: slow(150, status(500)), code: "upstream_error", attempts: 2 },
    { name: "timeouts", behaviour: hang, code: "upstream_timeout", attempts: 2 },
    { name: "429s", behaviour: slow(150, status(429)), code: "rate_limit_exceeded", attempts: 2 },
    { name: "a 401", behaviour: slow(150, status(401)), code: "upstream_auth", attempts: 1 },
    { name: "a 402", behaviour: slow(150, status(402)), code: "upstream_credits_exhausted", attempts: 1 },
    {
      name: "a 400",
      behaviour: slow(150, status(400, { errorType: "invalid_prompt" })),
      code: "invalid_prompt",
      attempts: 1
    }
  ])("$name of all models: an error event without [DONE]", ({ attempts, behaviour, code }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.scriptAll(behaviour)
      const answer = yield* rawChat(body)
      assert.strictEqual(answer.status, 200)
      assert.isTrue(answer.complete)
      assert.notInclude(answer.text, "[DONE]")
      const events = eventsOf(answer.text)
      assert.deepStrictEqual(events.slice(0, -1), signsOf(answer.text))
      const last = JSON.parse(events.at(-1) ?? "")
      assert.deepStrictEqual(last.choices, [{ delta: { content: "" }, finish_reason: "error", index: 0 }])
      assert.strictEqual(last.error.code, code)
      assert.strictEqual(last.error.metadata.attempts.length, attempts)
    }).pipe(withServer(eager))
  )

  it.live("a quick answer has no signs of life", () =>
    Effect.gen(function* () {
      yield* setChain(["a/one"], "pair")
      const answer = yield* rawChat(body)
      assert.deepStrictEqual(signsOf(answer.text), [])
    }).pipe(withServer())
  )

  it.live("an answer that is not streamed has none either", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", slow(200))
      const answer = yield* rawChat([
        JSON.stringify({ model: "a/one", messages: [{ role: "user", content: "hello" }] })
      ])
      assert.strictEqual(JSON.parse(answer.text).choices[0].message.content, "Hello from a/one")
    }).pipe(withServer(eager))
  )
})

const delta = (content: string, finish: string | null = null) =>
  `data: {"choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":${JSON.stringify(finish)}}]}\n\n`

/** Streams these pieces; each but the first waits for a sign of life at the client. */
const untilSigns = (signs: Queue.Queue<void>, pieces: ReadonlyArray<string>): Behaviour =>
  custom((exchange) =>
    Effect.gen(function* () {
      yield* exchange.head(200, { "content-type": "text/event-stream" })
      for (const piece of pieces) {
        yield* exchange.write(piece)
        yield* Queue.take(signs)
      }
      yield* exchange.write(`${delta("end", "stop")}data: [DONE]\n\n`)
      yield* exchange.end
    })
  )

describe("after the first token", () => {
  it.live("silence gets signs of life, then the idle timeout cuts", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", stall(2, { chunks: ["one ", "two ", "three"] }))
      const answer = yield* rawChat(body)
      assert.isNotEmpty(signsOf(answer.text))
      assert.strictEqual(contentOf(answer.text), "one two ")
      assert.notInclude(answer.text, "[DONE]")
      const last = JSON.parse(eventsOf(answer.text).at(-1) ?? "")
      assert.strictEqual(last.choices[0].finish_reason, "error")
      assert.strictEqual(last.error.type, "api_error")
      assert.strictEqual((yield* upstream.requestsFor("b/two")).length, 0)
      assert.strictEqual((yield* upstream.awaitAborted()).length, 1)
      assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1 })
    }).pipe(withServer(eager))
  )

  it.live.each([
    { name: "between events", pieces: [delta("one "), delta("two ")] },
    { name: "within an event", pieces: [delta("one "), delta("two ").slice(0, 40), delta("two ").slice(40)] }
  ])("signs of life $name do not disturb the answer", ({ pieces }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const signs = yield* Queue.unbounded<void>()
      yield* setChain(["a/one"], "pair")
      yield* upstream.script("a/one", untilSigns(signs, pieces))
      const answer = yield* rawChat(body, {
        onRead: (read) => signsOf(read.toString()).forEach(() => Queue.offerUnsafe(signs, undefined))
      })
      assert.strictEqual(contentOf(answer.text), "one two end")
      assert.strictEqual(eventsOf(answer.text).at(-1), "[DONE]")
    }).pipe(withServer({ ...eager, UPSTREAM_IDLE_TIMEOUT_MS: "10000" }))
  )

  it.live("comments are no progress: a silence full of them is cut by the idle timeout", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"], "pair")
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          Effect.gen(function* () {
            yield* exchange.head(200, { "content-type": "text/event-stream" })
            yield* exchange.write(delta("one "))
            return yield* Effect.forever(
              Effect.andThen(exchange.write(": OPENROUTER PROCESSING\n\n"), Effect.sleep("20 millis"))
            )
          })
        )
      )
      const answer = yield* rawChat(body)
      assert.strictEqual(contentOf(answer.text), "one ")
      assert.notInclude(answer.text, "[DONE]")
      assert.include(eventsOf(answer.text).at(-1), '"finish_reason":"error"')
      assert.deepStrictEqual((yield* circuits).failures, { "a/one": 1 })
      // The request's own limit would end it too, and count against nobody.
    }).pipe(withServer({ ...eager, REQUEST_TIMEOUT_MS: "3000" }))
  )

  it.live("comments are no events: a silence full of them gets signs of life, too", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const signs = yield* Queue.unbounded<void>()
      yield* setChain(["a/one"], "pair")
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          Effect.gen(function* () {
            yield* exchange.head(200, { "content-type": "text/event-stream" })
            yield* exchange.write(delta("one "))
            yield* Effect.race(
              Queue.take(signs),
              Effect.forever(Effect.andThen(exchange.write(": OPENROUTER PROCESSING\n\n"), Effect.sleep("10 millis")))
            )
            yield* exchange.write(`${delta("end", "stop")}data: [DONE]\n\n`)
            yield* exchange.end
          })
        )
      )
      const answer = yield* rawChat(body, {
        onRead: (read) => signsOf(read.toString()).forEach(() => Queue.offerUnsafe(signs, undefined))
      })
      assert.strictEqual(contentOf(answer.text), "one end")
      assert.strictEqual(eventsOf(answer.text).at(-1), "[DONE]")
    }).pipe(withServer({ ...eager, REQUEST_TIMEOUT_MS: "2000" }))
  )
})
