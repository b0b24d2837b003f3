/** Requests that are not HTTP enough for a route, or ask for what only a proxy does. */
import { connect } from "node:net"
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { isEnvelope, raw, rawAnswer } from "./edge.ts"
import { get, TestServer, testServer } from "./harness.ts"

layer(testServer(), { excludeTestServices: true })("the edge", (it) => {
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

    const connects = ["example.com:443", "localhost:3456", "127.0.0.1:22"]
    it.effect.each(connects)("CONNECT %s: this is no proxy", (target) =>
      Effect.gen(function* () {
        const answer = yield* rawAnswer(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n\u0016\u0003\u0001`)
        assert.strictEqual(isEnvelope(answer, 405).code, "method_not_allowed")
        assert.match(answer.head, /^HTTP\/1\.1 405 Method Not Allowed\r\n/)
        assert.match(answer.head, /^allow:/im)
        assert.include(answer.head.toLowerCase(), "connection: close")
      })
    )

    it.effect("a CONNECT behind a request that is being answered is not answered in its place", () =>
      Effect.gen(function* () {
        const connecting = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n"
        const received = yield* raw(`GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n${connecting}`)
        assert.notInclude(received, "method_not_allowed")
      })
    )

    it.effect("a CONNECT whose client resets its connection does no harm", () =>
      Effect.gen(function* () {
        const { url } = yield* TestServer
        yield* Effect.all(
          Array.from({ length: 50 }, () =>
            Effect.callback<void>((resume) => {
              const socket = connect(Number(new URL(url).port), "127.0.0.1", () => {
                socket.write("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n", () => {
                  socket.resetAndDestroy()
                })
              })
              socket.on("close", () => resume(Effect.void))
            })
          ),
          { concurrency: "unbounded" }
        )
        assert.strictEqual((yield* get("/health/live")).status, 200)
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
})

const tooMany = Array.from({ length: 99 }, (_, index) => `X-${index}: x\r\n`).join("")

/** What is answered before a request reaches a route; `named` has a head that could be read, with an id. */
const early: ReadonlyArray<readonly [what: string, text: string, status: number, named: boolean]> = [
  ["no HTTP", "hello\r\n\r\n", 400, false],
  ["a method that is none", "BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, false],
  ["a header that is too large", `GET /health HTTP/1.1\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`, 431, false],
  ["too many headers", `GET /health HTTP/1.1\r\nX-Request-Id: me-1\r\nHost: localhost\r\n${tooMany}\r\n`, 431, true],
  ["two hosts", "GET /health HTTP/1.1\r\nX-Request-Id: me-1\r\nHost: localhost\r\nHost: a\r\n\r\n", 400, true],
  ["no host", "GET /health HTTP/1.1\r\nX-Request-Id: me-1\r\nConnection: close\r\n\r\n", 400, true],
  ["an expectation", "POST /v1/route HTTP/1.1\r\nX-Request-Id: me-1\r\nHost: a\r\nExpect: wonders\r\n\r\n", 417, true],
  ["CONNECT", "CONNECT a:443 HTTP/1.1\r\nX-Request-Id: me-1\r\nHost: a:443\r\n\r\n", 405, true],
  [
    "a method of other servers",
    "PROPFIND /health HTTP/1.1\r\nX-Request-Id: me-1\r\nHost: a\r\nConnection: close\r\n\r\n",
    405,
    true
  ],
  [
    "a method of other servers for the chat",
    "QUERY /v1/chat/completions HTTP/1.1\r\nX-Request-Id: me-1\r\nHost: a\r\nConnection: close\r\n\r\n",
    405,
    true
  ]
]

const idOf = (head: string) => /^x-request-id: (\S+)\r?$/im.exec(head)?.[1]
const saysSandbox = (head: string) => /^x-router-sandbox: true\r?$/im.test(head)

layer(testServer({ ROUTER_SANDBOX: "true" }), { excludeTestServices: true })("the edge of the sandbox", (it) => {
  it.effect.each(early)("says what it is, and under which id, to %s", ([, text, status, named]) =>
    Effect.gen(function* () {
      const answer = yield* rawAnswer(text)
      isEnvelope(answer, status)
      assert.isTrue(saysSandbox(answer.head))
      if (named) assert.strictEqual(idOf(answer.head), "me-1")
      else assert.match(idOf(answer.head) ?? "", /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    })
  )
})

layer(testServer(), { excludeTestServices: true })("the edge of what is no sandbox", (it) => {
  it.effect.each(early)("does not say so to %s; an id it has", ([, text]) =>
    Effect.gen(function* () {
      const { head } = yield* rawAnswer(text)
      assert.isFalse(saysSandbox(head))
      assert.isDefined(idOf(head))
    })
  )
})
