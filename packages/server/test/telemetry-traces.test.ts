/** Traces of chat requests, as a collector gets them (spec 7). */
import { assert, describe, it } from "@effect/vitest"
import { FakeCollector } from "@llm-router/testing/FakeCollector"
import { FakeOllama } from "@llm-router/testing/FakeOllama"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { cut, status } from "@llm-router/testing/script"
import { Effect } from "effect"
import { drawn, traceOf, withCollector } from "./collector.ts"
import { chat, get, human, setChain } from "./harness.ts"

const parent = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" }
const traceparent = `00-${parent.traceId}-${parent.spanId}-01`

/** What differs from run to run is left out. */
const stable = (text: string): string =>
  text
    .replace(/(gen_ai\.response\.id|time_to_first_chunk|llm_router\.confidence) = .*/g, "$1 = …")
    .replace(/(llm_router\.request\.id) = .*/g, "$1 = …")

describe("a trace", () => {
  it.live("of a fallback: the request, its classification, the attempt that failed and the one that answered", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "code")
      yield* upstream.script("a/one", status(503))
      const answer = yield* chat({ stream: true, messages: human("write a python quicksort") })
      assert.strictEqual(answer.status, 200)
      const spans = yield* traceOf(answer.headers.get("x-request-id") ?? "")
      assert.strictEqual(
        stable(drawn(spans)),
        `POST /v1/chat/completions
  · http.request.method = POST
  · http.route = /v1/chat/completions
  · url.scheme = http
  · llm_router.request.id = …
  · llm_router.category = code
  · llm_router.source = keywords
  · llm_router.model = b/two
  · llm_router.attempts = 2
  · llm_router.outcome = success
  · llm_router.fallback = true
  · http.response.status_code = 200
  ! llm_router.fallback a/one unavailable
  classify
    · llm_router.source = keywords
    · llm_router.confidence = …
  chat a/one [error]
    · gen_ai.operation.name = chat
    · gen_ai.provider.name = openrouter
    · gen_ai.request.model = a/one
    · llm_router.attempt.number = 1
    · llm_router.attempt.role = primary
    · gen_ai.request.stream = true
    · llm_router.attempt.outcome = failed
    · error.type = unavailable
    · http.response.status_code = 503
  chat b/two
    · gen_ai.operation.name = chat
    · gen_ai.provider.name = openrouter
    · gen_ai.request.model = b/two
    · llm_router.attempt.number = 2
    · llm_router.attempt.role = fallback
    · gen_ai.request.stream = true
    · llm_router.attempt.outcome = ok
    · gen_ai.response.model = b/two
    · gen_ai.response.id = …
    · gen_ai.response.time_to_first_chunk = …
    · gen_ai.usage.input_tokens = 6
    · gen_ai.usage.output_tokens = 4
    · gen_ai.usage.cost.amount = 0.0000033
    · gen_ai.usage.cost.currency = USD
    · gen_ai.usage.cost.source = provider
    ! llm_router.first_token`
      )
      assert.deepStrictEqual(
        spans.map(({ kind, name }) => [name, kind]),
        [
          ["classify", 1],
          ["chat a/one", 3],
          ["chat b/two", 3],
          ["POST /v1/chat/completions", 2]
        ]
      )
      const [server] = spans.slice(-1)
      assert.isTrue(spans.every(({ endNanos, startNanos }) => endNanos >= startNanos))
      assert.isTrue(spans.every((span) => server !== undefined && span.endNanos <= server.endNanos))
    }).pipe(withCollector())
  )

  it.live("goes on from the caller's, with its state", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const answer = yield* chat(
        { model: "a/one" },
        { headers: { traceparent, tracestate: "vendor=value", baggage: "tenant=blue", b3: "0" } }
      )
      const spans = yield* traceOf(answer.headers.get("x-request-id") ?? "")
      const server = spans.find(({ kind }) => kind === 2)
      const call = spans.find(({ kind }) => kind === 3)
      assert.deepInclude(server, {
        traceId: parent.traceId,
        parentSpanId: parent.spanId,
        traceState: "vendor=value"
      })
      const [asked] = yield* upstream.requestsFor("a/one")
      assert.strictEqual(asked?.headers["traceparent"], `00-${parent.traceId}-${call?.spanId}-01`)
      assert.strictEqual(asked?.headers["tracestate"], "vendor=value")
      assert.strictEqual(asked?.headers["baggage"], "tenant=blue")
      assert.notProperty(asked?.headers, "b3")
    }).pipe(withCollector({ TRACE_PROPAGATE_UPSTREAM: "true" }))
  )

  it.live("goes on to Ollama, not to OpenRouter", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const ollama = yield* FakeOllama
      const answer = yield* chat({ messages: human("write a python quicksort") }, { headers: { traceparent } })
      const server = (yield* traceOf(answer.headers.get("x-request-id") ?? "")).find(({ kind }) => kind === 2)
      const [classified] = yield* ollama.requests
      assert.strictEqual(classified?.headers["traceparent"], `00-${parent.traceId}-${server?.spanId}-01`)
      assert.notProperty(classified?.headers, "b3")
      const asked = yield* upstream.requests
      assert.isTrue(asked.every(({ headers }) => headers["traceparent"] === undefined))
    }).pipe(withCollector({ ROUTING_MODE: "ollama" }))
  )

  const headers: ReadonlyArray<readonly [what: string, header: string, taken: boolean]> = [
    ["another version with more behind it", `cc-${parent.traceId}-${parent.spanId}-01-what-the-future-brings`, true],
    ["the version that is none", `ff-${parent.traceId}-${parent.spanId}-01`, false],
    ["version 00 with more behind it", `${traceparent}-more`, false],
    ["an id of zeros", `00-${"0".repeat(32)}-${parent.spanId}-01`, false],
    ["capitals", traceparent.toUpperCase(), false],
    ["an attack", `${traceparent}${"x".repeat(5_000)}`, false]
  ]
  it.live.each([...headers])("takes a traceparent for what it is: %s", ([, header, taken]) =>
    Effect.gen(function* () {
      const answer = yield* chat({ model: "a/one" }, { headers: { traceparent: header } })
      const spans = yield* traceOf(answer.headers.get("x-request-id") ?? "")
      assert.strictEqual(spans[0]?.traceId === parent.traceId, taken)
    }).pipe(withCollector())
  )

  it.live("tells that a stream broke, and that the request ended as an error or was refused", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", cut(2))
      yield* upstream.script("b/two", status(500))
      const broken = yield* chat({ model: "a/one", stream: true })
      const failed = yield* chat({ model: "b/two" })
      const refused = yield* chat({ messages: [] })
      const endOf = Effect.fnUntraced(function* (answer: { readonly headers: Headers }) {
        const spans = yield* traceOf(answer.headers.get("x-request-id") ?? "")
        return spans
          .toSorted((one, other) => other.kind - one.kind)
          .map(({ attributes, status: code }) => [
            attributes["llm_router.attempt.outcome"] ?? attributes["llm_router.outcome"],
            attributes["error.type"],
            code
          ])
      })
      assert.deepStrictEqual(yield* endOf(broken), [
        ["cut", "cut_off", 2],
        ["failed", undefined, 0]
      ])
      assert.deepStrictEqual(yield* endOf(failed), [
        ["failed", "unavailable", 2],
        ["failed", "502", 2]
      ])
      assert.deepStrictEqual(yield* endOf(refused), [[undefined, undefined, 0]])
    }).pipe(withCollector())
  )

  it.live("has the transition of a circuit that the request opened", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", status(500))
      const answer = yield* chat({ model: "a/one" })
      const spans = yield* traceOf(answer.headers.get("x-request-id") ?? "")
      assert.deepStrictEqual(spans.find(({ kind }) => kind === 2)?.events, [
        {
          name: "llm_router.breaker.transition",
          attributes: {
            "gen_ai.request.model": "a/one",
            "llm_router.breaker.from": "closed",
            "llm_router.breaker.to": "open"
          }
        }
      ])
    }).pipe(withCollector({ CIRCUIT_FAILURE_THRESHOLD: "1" }))
  )

  it.live("is made of chat requests alone, without their query and without their words", () =>
    Effect.gen(function* () {
      const collector = yield* FakeCollector
      for (const path of ["/health", "/metrics", "/v1/models", "/nowhere"]) yield* get(path)
      const answer = yield* chat(
        { messages: human("a very private question") },
        {},
        "/v1/chat/completions?key=query-secret"
      )
      yield* traceOf(answer.headers.get("x-request-id") ?? "")
      assert.deepStrictEqual(
        new Set(collector.spans().map(({ name }) => name.split(" ")[0])),
        new Set(["POST", "classify", "chat"])
      )
      const exported = collector.requests().map(({ body }) => body.toString())
      assert.notMatch(exported.join("\n"), /query-secret|very private|Hello from/)
    }).pipe(withCollector())
  )

  it.live("has the words on request, up to a bound", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const question = `what is ${"very ".repeat(4_000)}long?`
      const contentOf = Effect.fnUntraced(function* (stream: boolean) {
        const answer = yield* chat({ model: "a/one", stream, messages: human(question) })
        const spans = yield* traceOf(answer.headers.get("x-request-id") ?? "")
        const call = spans.find(({ kind }) => kind === 3)
        return ["gen_ai.input.messages", "gen_ai.output.messages"].map((name) =>
          JSON.parse(String(call?.attributes[name]))
        )
      })
      const said = (role: string, content: string) => [{ role, parts: [{ type: "text", content }] }]
      const expected = [said("user", question.slice(0, 4_096)), said("assistant", "Hello from a/one")]
      assert.deepStrictEqual(yield* contentOf(false), expected)
      assert.deepStrictEqual(yield* contentOf(true), expected)
      assert.lengthOf(yield* upstream.requestsFor("a/one"), 2)
    }).pipe(withCollector({ TELEMETRY_CAPTURE_CONTENT: "true" }))
  )
})
