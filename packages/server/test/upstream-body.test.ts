/**
 * Spec 2.1 and 2.5: what the upstream is sent and what the client gets back, to the byte; and which headers pass.
 */
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { custom, status } from "@llm-router/testing/script"
import { Effect } from "effect"
import { chat, rawChat, setChain, withServer } from "./harness.ts"

const sessionMember = /"session_id":"[^"]+",/
const usageMember = '"stream_options":{"include_usage":true},'

const hello = '"messages":[{"role":"user","content":"hello"}]'

/** Bodies with what a decoder would change. `\u0001` stands for the value of `model`. */
const bodies: ReadonlyArray<{ readonly name: string; readonly body: string }> = [
  { name: "unknown fields", body: `{"model":\u0001,"x_new":{"a":[1,{"b":null}],"":0},${hello},"y":[]}` },
  { name: "integers above 2^53", body: `{"model":\u0001,"seed":9007199254740993,"n":-12345678901234567890,${hello}}` },
  {
    name: "1.0, 1e0, -0 and 1E+2",
    body: `{"model":\u0001,"temperature":1.0,"a":1e0,"b":-0,"c":1E+2,"d":0.10,${hello}}`
  },
  {
    name: "escapes",
    body: `{"model":\u0001,"messages":[{"role":"user","content":"a\\u0062\\/\\"\\\\ \\ud83c\\udf89 é 🎉 \\u0000"}]}`
  },
  { name: "a lone surrogate", body: `{"model":\u0001,"stop":"\\ud800",${hello}}` },
  { name: "doubles", body: `{"model":\u0001,"top_p":1,"top_p":0.5,${hello},"x":1,"x":2}` },
  { name: "two models", body: `{"model":\u0001,${hello},"model":\u0001}` },
  { name: "an escaped name", body: `{"mod\\u0065l":\u0001,${hello}}` },
  {
    name: "model inside other values",
    body: `{"metadata":{"model":"pair","s":"\\"model\\":1"},"model":\u0001,${hello}}`
  },
  {
    name: "odd white space",
    body: `\r\n\t {\n  "model"\t:\r\n  \u0001 ,\n\n "messages" : [ { "role" : "user" ,\t"content" : "hello" } ]\n } \n\n`
  },
  { name: "model last", body: `{${hello},"model":\u0001}` },
  {
    name: "an agent's messages",
    body:
      `{"model":\u0001,"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}},` +
      `{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]},` +
      `{"role":"assistant","content":null,"reasoning_details":[{"type":"reasoning.encrypted","data":"x\\/y"}],` +
      `"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\\"a\\":1.0}"}}]},` +
      `{"role":"tool","tool_call_id":"c","content":"42"}]}`
  },
  { name: "names of objects' own", body: `{"__proto__":{"model":1},"constructor":1,"model":\u0001,${hello}}` }
]

const withModel = (body: string, model: string) => body.replaceAll("\u0001", JSON.stringify(model))

describe("the request's body", () => {
  it.live.each(bodies)("$name: only the model is replaced", ({ body }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"], "pair")
      const answer = yield* rawChat([withModel(body, "pair")])
      assert.strictEqual(answer.status, 200)
      const [request] = yield* upstream.requestsFor("a/one")
      const sent = request?.body.toString() ?? ""
      assert.match(sent, sessionMember)
      assert.strictEqual(sent.replace(sessionMember, ""), withModel(body, "a/one"))
    }).pipe(withServer())
  )

  it.live.each(bodies)("$name, streamed: usage is asked for besides", ({ body }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"], "pair")
      const streamed = body.replace("{", '{"stream":true,')
      const answer = yield* rawChat([withModel(streamed, "pair")])
      assert.strictEqual(answer.status, 200)
      const [request] = yield* upstream.requestsFor("a/one")
      const sent = request?.body.toString() ?? ""
      assert.include(sent, usageMember)
      assert.strictEqual(sent.replace(sessionMember, "").replace(usageMember, ""), withModel(streamed, "a/one"))
    }).pipe(withServer())
  )

  it.live.each([
    { name: "absent", member: "" },
    { name: "empty", member: '"model":"",' },
    { name: "null", member: '"model":null,' },
    { name: "router", member: '"model":"router",' },
    { name: "auto", member: '"model":"auto",' },
    { name: "router/router", member: '"model":"router/router",' }
  ])("model $name: routed, and the upstream gets one model", ({ member }) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const answer = yield* rawChat([`{${member}${hello}}`])
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers["x-router-category"], "conversation")
      const [request] = yield* upstream.awaitRequest()
      const sent = request?.body.toString().replace(sessionMember, "")
      assert.strictEqual(sent, `{"model":"${answer.headers["x-router-model"]}",${hello}}`)
    }).pipe(withServer())
  )

  it.live("every model of the chain gets the same body, but for its name", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"], "pair")
      yield* upstream.script("a/one", status(500))
      yield* rawChat([`{"model":"pair","seed":9007199254740993,${hello}}`])
      const [first] = yield* upstream.requestsFor("a/one")
      const [second] = yield* upstream.requestsFor("b/two")
      assert.strictEqual(second?.body.toString(), first?.body.toString().replace("a/one", "b/two"))
    }).pipe(withServer())
  )

  it.live("a session_id of the caller's own stays, else it is the same for a conversation's requests", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const user = { role: "user", content: "hello" }
      yield* chat({ model: "a/own", session_id: "mine" })
      yield* chat({ model: "b/derived", messages: [user] })
      yield* chat({
        model: "b/derived",
        messages: [user, { role: "assistant", content: "hi" }, { role: "user", content: "?" }]
      })
      yield* chat({ model: "b/derived", messages: [{ role: "user", content: "another" }] })
      const sessions = (yield* upstream.requests).flatMap(({ body, path }) =>
        path.endsWith("/chat/completions") ? [JSON.parse(body.toString()).session_id] : []
      )
      assert.strictEqual(sessions[0], "mine")
      assert.strictEqual(sessions[1], sessions[2])
      assert.notStrictEqual(sessions[1], sessions[3])
    }).pipe(withServer())
  )
})

describe("the request's headers", () => {
  it.live.each([true, false])("stream: %s: the caller's own do not pass, the router's do", (stream) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const headers = {
        authorization: "Bearer callers-secret",
        "x-api-key": "callers-secret",
        cookie: "session=callers-secret",
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-host": "callers-secret",
        "x-forwarded-proto": "https",
        forwarded: "for=203.0.113.9",
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        tracestate: "callers-secret=1",
        baggage: "callers-secret=1",
        "proxy-authorization": "Basic callers-secret",
        te: "trailers",
        "x-custom": "callers-secret",
        "user-agent": "callers-secret",
        "http-referer": "https://caller.example",
        "x-title": "callers-secret"
      }
      yield* rawChat([`{"model":"a/one","stream":${stream},${hello}}`], { headers })
      const [request] = yield* upstream.requestsFor("a/one")
      assert.deepInclude(request?.headers, {
        authorization: "Bearer sk-or-v1-test-key-0123456789abcdef",
        "http-referer": "https://router.example",
        "x-title": "Router under test",
        "content-type": "application/json",
        accept: stream ? "text/event-stream" : "application/json"
      })
      assert.doesNotHaveAnyKeys(request?.headers, ["cookie", "traceparent", "tracestate", "baggage", "te", "forwarded"])
      assert.notInclude(JSON.stringify(request?.headers), "callers-secret")
      assert.notInclude(JSON.stringify(request?.headers), "203.0.113.9")
      assert.notInclude(JSON.stringify(request?.headers), "x-forwarded")
    }).pipe(withServer({ OPENROUTER_REFERER: "https://router.example", OPENROUTER_TITLE: "Router under test" }))
  )

  it.live("trace headers pass when the operator wants it", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      yield* rawChat([`{"model":"a/one",${hello}}`], { headers: { traceparent } })
      const [request] = yield* upstream.requestsFor("a/one")
      assert.match(String(request?.headers["traceparent"]), /^00-0af7651916cd43dd8448eb211c80319c-/)
    }).pipe(withServer({ TRACE_PROPAGATE_UPSTREAM: "true" }))
  )
})

describe("the response", () => {
  it.live("the upstream's JSON, byte for byte, with the decision in the headers", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one"], "pair")
      const text =
        '\n\n  {"id" : "x","model":"a/one-2026-01","choices":[{"index":0,"message":{"role":"assistant",' +
        '"content":"\\u0048i 🎉"},"finish_reason":"stop"}],"new":9007199254740993,"z":1.0,' +
        '"usage":{"prompt_tokens":3,"completion_tokens":2,"cost":0.00001234}} \n'
      yield* upstream.script(
        "a/one",
        custom((exchange) => exchange.send(200, "application/json; charset=utf-8", text))
      )
      const answer = yield* rawChat([`{"model":"pair",${hello}}`])
      assert.strictEqual(answer.text, text)
      assert.match(answer.headers["content-type"] ?? "", /^application\/json/)
      assert.deepInclude(answer.headers, {
        "content-length": String(Buffer.byteLength(text)),
        "x-router-category": "pair",
        "x-router-source": "model",
        "x-router-confidence": "1.000",
        "x-router-model": "a/one",
        "x-router-attempts": "1",
        "x-router-cost-usd": "0.00001234"
      })
    }).pipe(withServer())
  )

  it.live.each([
    { name: "sane", given: "req_1.a:b-C", kept: true },
    { name: "of 128 characters", given: "x".repeat(128), kept: true },
    { name: "too long", given: "x".repeat(129), kept: false },
    { name: "with a blank", given: "a b", kept: false },
    { name: "with markup", given: "<script>", kept: false },
    { name: "empty", given: "", kept: false }
  ])("x-request-id $name: kept $kept", ({ given, kept }) =>
    Effect.gen(function* () {
      const headers = { "x-request-id": given }
      const ids = yield* Effect.forEach([{}, { stream: true }, { messages: [] }, { model: "no such" }], (more) =>
        Effect.map(chat({ model: "a/one", ...more }, { headers }), (answer) => answer.headers.get("x-request-id"))
      )
      assert.deepStrictEqual(
        ids.map((id) => id === given),
        ids.map(() => kept)
      )
      for (const id of ids) assert.match(id ?? "", /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/)
    }).pipe(withServer())
  )
})
