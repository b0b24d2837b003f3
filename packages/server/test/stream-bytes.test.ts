/**
 * Spec 2.4: the upstream's bytes reach the client as they come, at the client's pace.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Exchange } from "@llm-router/testing/Exchange"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { type Behaviour, comments, crlf, custom, ok, splitBytes, usageInFinishChunk } from "@llm-router/testing/script"
import { Deferred, Effect, Fiber, Option, Queue } from "effect"
import { chat, contentOf, eventsOf, rawChat, setChain, withServer } from "./harness.ts"

const bodyOf = (more: object = {}) =>
  JSON.stringify({
    model: "a/one",
    stream: true,
    stream_options: { include_usage: true },
    messages: [{ role: "user", content: "hello" }],
    ...more
  })

/** What the fake itself sends for this request, but for the id and the time of the answer. */
const sentByFake = (body: string) =>
  Effect.flatMap(FakeOpenRouter, ({ url }) =>
    Effect.promise(async (signal) => {
      const response = await fetch(`${url}/chat/completions`, { method: "POST", body, signal })
      return timeless(await response.text())
    })
  )

const timeless = (text: string): string =>
  text.replaceAll(/"id":"gen-[\d-]+"/g, '"id":"gen"').replaceAll(/"created":\d+/g, '"created":0')

const text = 'Naïve café, 東京 and 🎉: "quotes", \\ back\nslashes, [DONE] and data: lines'

const forms: ReadonlyArray<{ readonly name: string; readonly behaviour: Behaviour }> = [
  { name: "plain events", behaviour: ok({ content: text }) },
  { name: "comments before and between", behaviour: comments(3, { content: text }) },
  { name: "events split inside UTF-8 sequences", behaviour: splitBytes() },
  { name: "reasoning", behaviour: ok({ content: text, reasoning: "let me think" }) },
  { name: "tool calls", behaviour: ok({ toolCalls: [{ name: "look", arguments: '{"at":"[DONE]"}' }] }) },
  { name: "usage in the finish chunk", behaviour: usageInFinishChunk({ content: text }) },
  {
    name: "words that look like the protocol",
    behaviour: ok({ chunks: ['"error":{}', '"usage":{}', '"finish_reason"'] })
  }
]

describe("bytes", () => {
  it.live.each(forms)("$name: to the byte", ({ behaviour }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", behaviour)
      const answer = yield* rawChat([bodyOf()])
      assert.strictEqual(timeless(answer.text), yield* sentByFake(bodyOf()))
    }).pipe(withServer())
  )

  it.live("CRLF: to the byte, but for the [DONE] which is the router's own", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", crlf({ content: text }))
      const answer = yield* rawChat([bodyOf()])
      const sent = yield* sentByFake(bodyOf())
      assert.strictEqual(timeless(answer.text), sent.replace("data: [DONE]\r\n\r\n", "data: [DONE]\n\n"))
    }).pipe(withServer())
  )

  it.live("fields nobody knows, odd numbers and white space in an event pass", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const events = [
        'data:{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"x":9007199254740993}}], "new" : 1.0}\n\n',
        'id: 7\nevent: message\ndata: {"choices":[{"index":0,"delta":{"content":"\\u0062"}}]}\n\n',
        'data: {"choices":[{"index":0,\ndata: "delta":{"content":"c"}}]}\n\n',
        'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
      ]
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          exchange.send(200, "text/event-stream; charset=utf-8", `${events.join("")}data: [DONE]\n\n`)
        )
      )
      const answer = yield* rawChat([bodyOf()])
      assert.strictEqual(answer.text, `${events.join("")}data: [DONE]\n\n`)
    }).pipe(withServer())
  )
})

describe("SSE whatever Accept says", () => {
  it.live.each(["application/json", "*/*", "text/plain", "text/event-stream"])("%s", (accept) =>
    Effect.gen(function* () {
      yield* setChain(["a/one"])
      const answer = yield* chat({ model: "under-test", stream: true }, { headers: { accept } })
      assert.strictEqual(answer.status, 200)
      assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/)
      assert.strictEqual(contentOf(answer.text), "Hello from a/one")
      assert.deepStrictEqual(
        ["category", "source", "confidence", "model", "attempts"].map((name) => answer.headers.get(`x-router-${name}`)),
        ["under-test", "model", "1.000", "a/one", "1"]
      )
      assert.isString(answer.headers.get("x-request-id"))
    }).pipe(withServer())
  )

  it.live("without a stream it is JSON whatever Accept says", () =>
    Effect.gen(function* () {
      const answer = yield* chat({ model: "a/one" }, { headers: { accept: "text/event-stream" } })
      assert.match(answer.headers.get("content-type") ?? "", /^application\/json/)
    }).pipe(withServer())
  )
})

const delta = (content: string) => `data: {"choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`
const ending = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

describe("pace", () => {
  it.live("each chunk reaches the client before the upstream sends the next", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const arrived = yield* Queue.unbounded<string>()
      const words = Array.from({ length: 20 }, (_, index) => `word${index}`)
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          Effect.gen(function* () {
            yield* exchange.head(200, { "content-type": "text/event-stream" })
            for (const word of words) {
              yield* exchange.write(delta(word))
              yield* Queue.take(arrived)
            }
            yield* exchange.write(ending)
            yield* exchange.end
          })
        )
      )
      const answer = yield* rawChat([bodyOf()], { onRead: (read) => Queue.offerUnsafe(arrived, read.toString()) })
      assert.deepStrictEqual(
        answer.reads.slice(0, words.length).map((read) => read.toString()),
        words.map(delta)
      )
      assert.strictEqual(eventsOf(answer.text).at(-1), "[DONE]")
    }).pipe(withServer({ UPSTREAM_IDLE_TIMEOUT_MS: "10000" }))
  )

  it.live("a whole event passes while the next one is still coming", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const arrived = yield* Queue.unbounded<string>()
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          Effect.gen(function* () {
            yield* exchange.head(200, { "content-type": "text/event-stream" })
            yield* exchange.write(delta("one") + delta("two").slice(0, 30))
            yield* Queue.take(arrived)
            yield* exchange.write(delta("two").slice(30) + ending)
            yield* exchange.end
          })
        )
      )
      const answer = yield* rawChat([bodyOf()], { onRead: (read) => Queue.offerUnsafe(arrived, read.toString()) })
      assert.strictEqual(answer.text, delta("one") + delta("two") + ending)
    }).pipe(withServer({ UPSTREAM_IDLE_TIMEOUT_MS: "10000" }))
  )

  it.live("a client that does not read holds the upstream back, is no silent upstream, and then gets everything", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const heldBackAt = yield* Deferred.make<number>()
      const event = delta("x".repeat(64 * 1024))
      const most = 2_000
      let written = 0
      const writeOne = (exchange: Exchange) =>
        Effect.suspend(() => {
          written++
          return Effect.timeoutOption(exchange.write(event), "1 second")
        })
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          Effect.gen(function* () {
            yield* exchange.head(200, { "content-type": "text/event-stream" })
            yield* Effect.repeat(writeOne(exchange), { until: (done) => Option.isNone(done) || written === most })
            yield* Deferred.succeed(heldBackAt, written)
            yield* exchange.write(ending)
            yield* exchange.end
          })
        )
      )
      const begin = yield* Deferred.make<() => void>()
      const answers = yield* Effect.forkChild(
        rawChat([bodyOf()], { paused: (resume) => Deferred.doneUnsafe(begin, Effect.succeed(resume)) })
      )
      const resume = yield* Deferred.await(begin)
      // What the sockets' own buffers took: far below the 128 MB that the upstream had to say.
      assert.isBelow((yield* Deferred.await(heldBackAt)) * event.length, 48 * 1024 * 1024)
      resume()
      const answer = yield* Fiber.join(answers)
      assert.isTrue(answer.complete)
      assert.strictEqual(answer.bytes.length, written * event.length + ending.length)
    }).pipe(withServer({ UPSTREAM_IDLE_TIMEOUT_MS: "400", UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "10000" }))
  )
})
