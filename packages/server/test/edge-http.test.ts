/** The edge of the API (spec 1): every path, wrong methods, unknown paths, bodies and headers that are no good. */
import { connect } from "node:net"
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { get, getJson, post, TestServer, testServer } from "./harness.ts"

/** Spec section 1, with a path that each pattern takes. */
const surface: ReadonlyArray<readonly [path: string, pattern: string, methods: ReadonlyArray<string>]> = [
  ["/v1/chat/completions", "/v1/chat/completions", ["POST"]],
  ["/chat/completions", "/chat/completions", ["POST"]],
  ["/v1/models", "/v1/models", ["GET"]],
  ["/models", "/models", ["GET"]],
  ["/v1/route", "/v1/route", ["POST"]],
  ["/health", "/health", ["GET"]],
  ["/health/live", "/health/live", ["GET"]],
  ["/health/ready", "/health/ready", ["GET"]],
  ["/metrics", "/metrics", ["GET"]],
  ["/metrics/prometheus", "/metrics/prometheus", ["GET"]],
  ["/usage", "/usage", ["GET"]],
  ["/config", "/config", ["GET"]],
  ["/config/category", "/config/category", ["POST"]],
  ["/config/model-mapping", "/config/model-mapping", ["POST"]],
  ["/config/category/some", "/config/category/{name}", ["DELETE"]],
  ["/circuit-breaker/reset", "/circuit-breaker/reset", ["POST"]],
  ["/circuit-breaker/reset/z-ai/glm-5", "/circuit-breaker/reset/{model}", ["POST"]],
  ["/circuit-breaker/reset/z-ai%2Fglm-5", "/circuit-breaker/reset/{model}", ["POST"]],
  ["/circuit-breaker/reset-all", "/circuit-breaker/reset-all", ["POST"]],
  ["/circuit-breaker/open/z-ai/glm-5", "/circuit-breaker/open/{model}", ["POST"]],
  ["/openapi.json", "/openapi.json", ["GET"]],
  ["/docs", "/docs", ["GET"]]
]
const paths = (method: string) => surface.filter(([, , methods]) => methods.includes(method)).map(([path]) => path)

const bodies: Readonly<Record<string, unknown>> = {
  "/v1/chat/completions": { messages: [{ role: "user", content: "hi" }] },
  "/chat/completions": { messages: [{ role: "user", content: "hi" }] },
  "/v1/route": { messages: [{ role: "user", content: "hi" }] },
  "/config/category": { name: "under-test", models: ["a/one"] },
  "/config/model-mapping": { category: "code", models: ["a/one"] }
}

/** Of the OpenAPI document, as far as it is looked at here. */
interface Operation {
  readonly parameters: ReadonlyArray<{ readonly name: string; readonly in: string }>
  readonly security: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly responses: Readonly<Record<string, { readonly headers?: Readonly<Record<string, unknown>> }>>
}

const allMethods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

const answerOf = Effect.fnUntraced(function* (response: Response) {
  const text = yield* Effect.promise(() => response.text())
  return { status: response.status, headers: response.headers, text }
})

/** No 500, nothing of the machine, and the envelope. */
const isEnvelope = (answer: { readonly status: number; readonly text: string }, status: number) => {
  assert.strictEqual(answer.status, status)
  const { error } = JSON.parse(answer.text)
  assert.hasAllKeys({ metadata: 0, ...error }, ["message", "type", "param", "code", "metadata"])
  assert.isAbove(error.message.length, 0)
  assert.notMatch(answer.text, /\\n\s+at |node_modules|\/work\/|\/home\/|\.ts:\d/)
  return error
}

/** What comes back when these bytes are sent, up to the end of the connection. */
const raw = (text: string) =>
  Effect.flatMap(TestServer, ({ url }) =>
    Effect.callback<string>((resume) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(text))
      let received = ""
      socket.on("data", (piece) => {
        received += piece.toString()
      })
      socket.on("error", () => {})
      socket.on("close", () => resume(Effect.succeed(received)))
      return Effect.sync(() => socket.destroy())
    })
  )

const rawAnswer = (text: string) =>
  Effect.map(raw(text), (received) => {
    const [head = "", body = ""] = received.split("\r\n\r\n")
    return { status: Number(head.split(" ")[1]), head, text: body }
  })

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

  describe("what is no HTTP", () => {
    const malformed: ReadonlyArray<readonly [what: string, text: string, status: number]> = [
      ["no request line", "hello\r\n\r\n", 400],
      ["a request of TLS", "\u0016\u0003\u0001\u0002\u0000\u0001\r\n\r\n", 400],
      ["a method that is none", "BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400],
      ["a header without a colon", "GET /health HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n", 400],
      ["a space before the colon", "GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n", 400],
      [
        "a length and chunks",
        "POST /v1/route HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400
      ],
      ["a length that is none", "POST /v1/route HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400],
      ["two lengths", "POST /v1/route HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400],
      [
        "a chunk size that is none",
        "POST /v1/route HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        400
      ],
      [
        "headers that are too large",
        `GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`,
        431
      ],
      ["a path that is too long", `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 431]
    ]
    it.effect.each(malformed)("%s", ([, text, status]) =>
      Effect.gen(function* () {
        const answer = yield* rawAnswer(text)
        assert.strictEqual(isEnvelope(answer, status).type, "invalid_request_error")
        assert.include(answer.head.toLowerCase(), "content-type: application/json")
        assert.include(answer.head.toLowerCase(), "connection: close")
      })
    )

    it.effect("without a Host header", () =>
      Effect.gen(function* () {
        const answer = yield* rawAnswer("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert.strictEqual(isEnvelope(answer, 400).type, "invalid_request_error")
      })
    )

    it.effect("without a Host header, in HTTP/1.0, which has none", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* rawAnswer("GET /health/live HTTP/1.0\r\n\r\n")).status, 200)
      })
    )

    it.effect("nothing is upgraded: who asks for it is answered as if they had not", () =>
      Effect.gen(function* () {
        const upgrade = "Upgrade: websocket\r\nConnection: upgrade\r\nTransfer-Encoding: chunked"
        const answer = yield* rawAnswer(`GET /v1/chat/completions HTTP/1.0\r\n${upgrade}\r\n\r\n`)
        assert.strictEqual(isEnvelope(answer, 405).code, "method_not_allowed")
      })
    )

    it.effect("an expectation that cannot be met", () =>
      Effect.gen(function* () {
        const text = "POST /v1/route HTTP/1.1\r\nHost: localhost\r\nExpect: wonders\r\nContent-Length: 0\r\n\r\n"
        assert.strictEqual(isEnvelope(yield* rawAnswer(text), 417).type, "invalid_request_error")
      })
    )

    it.effect("does not harm the next one", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* get("/health/live")).status, 200)
      })
    )
  })

  describe("the document", () => {
    const operations = Effect.map(getJson("/openapi.json"), ({ paths: items }) =>
      Object.entries<Readonly<Record<string, Operation>>>(items).flatMap(([pattern, item]) =>
        Object.entries(item).map(([method, operation]) => ({
          ...operation,
          name: `${method.toUpperCase()} ${pattern}`
        }))
      )
    )

    it.effect("/openapi.json lists every path and its methods, and nothing that is not there", () =>
      Effect.gen(function* () {
        const answered = surface.flatMap(([, pattern, methods]) => methods.map((method) => `${method} ${pattern}`))
        const ofItself = new Set(["GET /openapi.json", "GET /docs"])
        assert.deepStrictEqual(
          (yield* operations).map(({ name }) => name).toSorted(),
          [...new Set(answered)].filter((name) => !ofItself.has(name)).toSorted()
        )
      })
    )

    it.effect("every operation says whose key it takes; what takes none has no 401", () =>
      Effect.gen(function* () {
        for (const { name, responses, security } of yield* operations) {
          const schemes = security.flatMap((requirement) => Object.keys(requirement))
          const whose = /^\w+ (?:\/v1)?\/(?:chat|route|models)/.test(name) ? "client" : "admin"
          const wanted = name.includes("/health") ? [] : [`${whose}Bearer`, `${whose}Header`]
          assert.deepStrictEqual(schemes, wanted, name)
          assert.strictEqual("401" in responses, wanted.length > 0, name)
        }
      })
    )

    it.effect("changes of the configuration take If-Match, and answers with its state have an ETag", () =>
      Effect.gen(function* () {
        const all = yield* operations
        const taking = all.filter(({ parameters }) =>
          parameters.some((parameter) => parameter.in === "header" && parameter.name === "if-match")
        )
        const telling = all.filter(({ responses }) =>
          Object.entries(responses).some(([status, { headers }]) => status.startsWith("2") && headers?.["etag"])
        )
        const changes = ["POST /config/category", "POST /config/model-mapping", "DELETE /config/category/{name}"]
        assert.deepStrictEqual(
          taking.map(({ name }) => name),
          changes
        )
        assert.deepStrictEqual(
          telling.map(({ name }) => name),
          ["GET /config", ...changes]
        )
      })
    )

    it.effect("/docs is a page", () =>
      Effect.gen(function* () {
        const answer = yield* answerOf(yield* get("/docs"))
        assert.match(answer.headers.get("content-type") ?? "", /^text\/html/)
        assert.match(answer.text, /^<!doctype html>/i)
      })
    )
  })
})
