/** The edge of the API (spec 1): every path, wrong methods, unknown paths, bodies and headers that are no good. */
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { answerOf, isEnvelope, rawAnswer, surface } from "./edge.ts"
import { get, post, testServer } from "./harness.ts"

const paths = (method: string) => surface.filter(([, , methods]) => methods.includes(method)).map(([path]) => path)

const bodies: Readonly<Record<string, unknown>> = {
  "/v1/chat/completions": { messages: [{ role: "user", content: "hi" }] },
  "/chat/completions": { messages: [{ role: "user", content: "hi" }] },
  "/v1/route": { messages: [{ role: "user", content: "hi" }] },
  "/config/category": { name: "under-test", models: ["a/one"] },
  "/config/model-mapping": { category: "code", models: ["a/one"] }
}

const allMethods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

layer(testServer({ ROUTER_MAX_BODY_BYTES: "20000" }), { excludeTestServices: true })("the edge", (it) => {
  describe("every path of the contract answers", () => {
    it.effect.each(paths("GET"))("GET %s", (path) =>
      Effect.gen(function* () {
        const answer = yield* answerOf(yield* get(path))
        assert.strictEqual(answer.status, 200)
        assert.isAbove(answer.text.length, 0)
        const head = yield* answerOf(yield* get(path, { method: "HEAD" }))
        assert.strictEqual(head.status, 200)
        assert.strictEqual(head.text, "")
        assert.strictEqual(head.headers.get("content-type"), answer.headers.get("content-type"))
      })
    )

    it.effect.each(paths("POST"))("POST %s", (path) =>
      Effect.gen(function* () {
        const answer = yield* answerOf(yield* post(path, bodies[path] ?? {}))
        assert.include([200, 201], answer.status)
      })
    )

    it.effect("DELETE /config/category/{name}", () =>
      Effect.gen(function* () {
        yield* post("/config/category", { name: "some", models: ["a/one"] })
        assert.strictEqual((yield* get("/config/category/some", { method: "DELETE" })).status, 200)
      })
    )
  })

  describe("a wrong method is 405 with Allow", () => {
    it.effect.each([...surface])("%s", ([path, , methods]) =>
      Effect.gen(function* () {
        for (const method of allMethods.filter((other) => !methods.includes(other))) {
          const answer = yield* answerOf(yield* get(path, { method }))
          const error = isEnvelope(answer, 405)
          assert.strictEqual(error.code, "method_not_allowed")
          const allow = answer.headers.get("allow")?.split(", ") ?? []
          assert.includeMembers(allow, [...methods, "OPTIONS"])
          assert.notInclude(allow, method)
        }
      })
    )

    it.effect.each([...surface])("OPTIONS %s is 204 with Allow", ([path, , methods]) =>
      Effect.gen(function* () {
        const answer = yield* answerOf(yield* get(path, { method: "OPTIONS" }))
        assert.deepStrictEqual([answer.status, answer.text], [204, ""])
        assert.includeMembers(answer.headers.get("allow")?.split(", ") ?? [], [...methods, "OPTIONS"])
        assert.isNull(answer.headers.get("access-control-allow-origin"))
      })
    )
  })

  describe("a request that names the whole address", () => {
    const body = JSON.stringify({ messages: [{ role: "user", content: "hi" }] })
    it.effect.each(["http://localhost/v1/route", "HTTP://localhost:3456/v1/route?x=1", "https://localhost/v1/route"])(
      "POST %s is answered",
      (target) =>
        Effect.gen(function* () {
          const answer = yield* rawAnswer(
            `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
              `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
          )
          assert.strictEqual(answer.status, 200)
          assert.include(answer.text, '"category"')
        })
    )
  })

  it.effect.each(["GET /health", "POST /v1/chat/completions"])("%s for two hosts is for nobody", (line) =>
    Effect.gen(function* () {
      const answer = yield* rawAnswer(
        `${line} HTTP/1.1\r\nHost: localhost\r\nHost: example.com\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`
      )
      assert.strictEqual(answer.status, 400)
      assert.include(answer.text, "more than one Host header")
    })
  )

  describe("an unknown path is 404", () => {
    const unknown = [
      "/",
      "/v1",
      "/v1/",
      "/v1/completions",
      "/v2/chat/completions",
      "/healthz",
      "/config/category/a/b",
      "/circuit-breaker",
      "/.env",
      "/router_config.json",
      "/..%2f..%2fetc%2fpasswd",
      "/docs/..%2f..%2f..%2fpackage.json",
      "/%00",
      "/%ff%fe",
      "/%",
      "/%zz",
      "/__proto__",
      "/constructor/prototype",
      `/${"a".repeat(8_000)}`,
      `/config/category/${"a/".repeat(3_000)}`
    ]
    it.effect.each(unknown)("%s", (path) =>
      Effect.gen(function* () {
        for (const method of ["GET", "POST", "DELETE"]) {
          const error = isEnvelope(yield* answerOf(yield* get(path, { method })), 404)
          assert.strictEqual(error.type, "invalid_request_error")
          assert.isBelow(error.message.length, 400)
        }
      })
    )

    it.effect.each(["/../../../../etc/passwd", "/./config/../../etc", "//etc/passwd", "/docs/../../package.json"])(
      "raw %s",
      (path) =>
        Effect.gen(function* () {
          const answer = yield* rawAnswer(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
          assert.strictEqual(answer.status, 404)
          assert.notInclude(answer.text, "root:")
          assert.notInclude(answer.text, "dependencies")
        })
    )
  })

  describe("a path is what it is called, letter by letter", () => {
    const alike = [
      "GET /Config",
      "GET //config",
      "GET /config/",
      "GET /%63onfig",
      "GET /config;x",
      "GET /config#x",
      "GET /METRICS",
      "GET /metrics//prometheus",
      "GET /usage/",
      "GET /Health",
      "GET /health/live/",
      "GET /docs/",
      "GET /Openapi.json",
      "GET /V1/models",
      "GET /v1/models/",
      "GET /v1/models//z-ai/glm-5",
      "GET /v1/models/z-ai/glm-5/",
      "GET http://localhost/Config",
      "POST /config/Category",
      "POST /config/category/",
      "DELETE /Config/category/some",
      "DELETE /config/category//some",
      "POST /circuit-breaker/Reset/z-ai/glm-5",
      "POST /circuit-breaker/reset//z-ai/glm-5",
      "POST /circuit-breaker/reset/z-ai//glm-5",
      "POST /circuit-breaker/reset-all/",
      "POST /v1/Route",
      "POST /v1/chat/completions/",
      "POST //chat/completions"
    ]
    it.effect.each(alike)("%s is 404", (line) =>
      Effect.gen(function* () {
        const answer = yield* rawAnswer(
          `${line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`
        )
        assert.strictEqual(isEnvelope(answer, 404).code, "not_found")
      })
    )

    it.effect.each(["/config", "/config?x=/Config", "http://localhost/config", "/v1/models/z-ai%2fglm-5"])(
      "GET %s is answered",
      (path) =>
        Effect.gen(function* () {
          const answer = yield* rawAnswer(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
          assert.strictEqual(answer.status, 200)
        })
    )
  })

  describe("ids in paths", () => {
    const ids = [
      "a".repeat(99),
      "a".repeat(101),
      "a".repeat(500),
      "a".repeat(5_000),
      "é",
      "%F0%9F%8E%89",
      "a%0d%0ax:y",
      "a%00b"
    ]
    it.effect.each(ids)("DELETE /config/category/%s is 404", (id) =>
      Effect.gen(function* () {
        isEnvelope(yield* answerOf(yield* get(`/config/category/${id}`, { method: "DELETE" })), 404)
      })
    )
    it.effect.each(ids)("POST /circuit-breaker/reset/a/%s is 404", (id) =>
      Effect.gen(function* () {
        const answer = yield* answerOf(yield* get(`/circuit-breaker/reset/a/${id}`, { method: "POST" }))
        isEnvelope(answer, 404)
        assert.isNull(answer.headers.get("x"))
      })
    )
    it.effect.each(["%zz", "%", "a/%e0%a4"])("a broken escape, %s, is no 500", (id) =>
      Effect.gen(function* () {
        const deleted = yield* answerOf(yield* get(`/config/category/${id}`, { method: "DELETE" }))
        assert.include([400, 404], deleted.status)
        isEnvelope(deleted, deleted.status)
        const reset = yield* answerOf(yield* get(`/circuit-breaker/reset/${id}`, { method: "POST" }))
        assert.include([400, 404], reset.status)
        isEnvelope(reset, reset.status)
      })
    )
  })

  describe("bodies", () => {
    const withBody = Object.keys(bodies)
    const types = [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/jsonp",
      ""
    ]
    it.effect.each(withBody.flatMap((path) => types.map((type) => [path, type] as const)))(
      "%s: 415 for %j",
      ([path, type]) =>
        Effect.gen(function* () {
          const answer = yield* answerOf(yield* post(path, bodies[path], { headers: { "content-type": type } }))
          assert.strictEqual(isEnvelope(answer, 415).code, "unsupported_media_type")
        })
    )
    it.effect.each(withBody)("%s: a character set is fine", (path) =>
      Effect.gen(function* () {
        const headers = { "content-type": "application/json; charset=utf-8" }
        assert.include([200, 201], (yield* answerOf(yield* post(path, bodies[path], { headers }))).status)
      })
    )
    it.effect.each(withBody)("%s: 400 for what is no JSON", (path) =>
      Effect.gen(function* () {
        for (const text of ["{", "nonsense", "\u0000", "[1,", "'x'"]) {
          assert.include(isEnvelope(yield* answerOf(yield* post(path, text)), 400).message, "JSON")
        }
      })
    )
    it.effect.each(withBody)("%s: 413 for what is too large", (path) =>
      Effect.gen(function* () {
        const error = isEnvelope(yield* answerOf(yield* post(path, `{"a":"${"x".repeat(20_001)}"}`)), 413)
        assert.strictEqual(error.code, "body_too_large")
        assert.include(error.message, "20000")
      })
    )
    it.effect.each(withBody)("%s: 413 for what is too large in chunks, without a length", (path) =>
      Effect.gen(function* () {
        const chunk = `1000\r\n${"x".repeat(4_096)}\r\n`
        const answer = yield* rawAnswer(
          `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n` +
            `Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(8)}0\r\n\r\n`
        )
        assert.strictEqual(answer.status, 413)
      })
    )
    it.effect.each(withBody)("%s: nesting without end is refused, and nothing crashes", (path) =>
      Effect.gen(function* () {
        const answer = yield* answerOf(yield* post(path, `${"[".repeat(9_000)}${"]".repeat(9_000)}`))
        isEnvelope(answer, 400)
      })
    )
  })
})
