/** More of everything than the router may take at once: it says so, and what it has taken goes on. */
import { connect, type Socket } from "node:net"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { custom, endless, hang, ok, slow, stall } from "@llm-router/testing/script"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { chat, errorOf, get, rawChat, setChain, TestServer, withServer } from "./harness.ts"

const ask = (more: object = {}) => chat({ model: "a/one", ...more })

/** A connection of its own, closed with the scope. */
const connection = Effect.flatMap(TestServer, ({ url }) =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const { hostname, port } = new URL(url)
      const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true }, () =>
        resume(Effect.succeed(socket))
      )
      socket.on("error", () => undefined)
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
)

const closed = (socket: Socket) =>
  Effect.callback<void>((resume) => {
    if (socket.destroyed) return resume(Effect.void)
    socket.on("close", () => resume(Effect.void))
    socket.on("end", () => resume(Effect.void))
  })

/** What comes next, or nothing when the connection ends. */
const nextRead = (socket: Socket) =>
  Effect.callback<string>((resume) => {
    if (socket.readableEnded) return resume(Effect.succeed(""))
    socket.once("data", (piece: Buffer) => resume(Effect.succeed(piece.toString())))
    socket.once("end", () => resume(Effect.succeed("")))
  })

const requestText = (body: string, connectionLine = "connection: keep-alive") =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n${connectionLine}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

const streamBody = JSON.stringify({ model: "a/one", stream: true, messages: [{ role: "user", content: "hi" }] })

describe("more requests than may be worked on", () => {
  it.live("wait for their turn, and beyond the queue are told when to come back", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", slow(400))
      const answers = yield* Effect.all(
        Array.from({ length: 5 }, () => ask()),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers.map(({ status }) => status).toSorted(), [200, 200, 200, 503, 503])
      const refused = answers.find(({ status }) => status === 503)
      assert.strictEqual(errorOf(refused?.text ?? "").code, "router_busy")
      assert.strictEqual(refused?.headers.get("retry-after"), "1")
      // Every place was given back.
      assert.strictEqual((yield* ask()).status, 200)
    }).pipe(withServer({ MAX_CONCURRENT_REQUESTS: "1", MAX_QUEUED_REQUESTS: "2" }))
  )

  it.live("count for what their bodies say, not for their bytes alone", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", hang)
      // A megabyte each, but half a million values that may take a hundred bytes.
      const large = { x: Array.from({ length: 490_000 }, () => 1) }
      const busy = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 10 }, () => ask(large)),
          { concurrency: "unbounded" }
        )
      )
      yield* upstream.awaitRequest("a/one", 10)
      const refused = yield* ask(large)
      assert.strictEqual(refused.status, 503)
      assert.strictEqual(errorOf(refused.text).code, "router_busy")
      yield* Fiber.interrupt(busy)
    }).pipe(withServer())
  )

  it.live("leave health and metrics unharmed", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", stall(1))
      const busy = yield* Effect.forkChild(ask({ stream: true }))
      yield* upstream.awaitRequest("a/one")
      assert.strictEqual((yield* ask()).status, 503)
      for (const path of ["/health", "/metrics", "/v1/models"]) assert.strictEqual((yield* get(path)).status, 200)
      yield* Fiber.interrupt(busy)
    }).pipe(withServer({ MAX_CONCURRENT_REQUESTS: "1", MAX_QUEUED_REQUESTS: "0" }))
  )

  it.live("a place is given back by a client that leaves, in its turn or before", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", stall(1))
      const working = yield* Effect.forkChild(ask({ stream: true }))
      yield* upstream.awaitRequest("a/one")
      // One of the two waits, the other is refused; then the one that waits leaves.
      assert.strictEqual((yield* Effect.raceFirst(ask(), ask())).status, 503)
      yield* Fiber.interrupt(working)
      yield* upstream.awaitAborted()
      yield* upstream.script("a/one", ok())
      yield* Effect.repeat(ask(), { until: ({ status }) => status === 200, times: 100 })
      assert.strictEqual((yield* ask()).status, 200)
    }).pipe(withServer({ MAX_CONCURRENT_REQUESTS: "1", MAX_QUEUED_REQUESTS: "1" }))
  )

  it.live("a thousand that wait, and end as soon as they have a place, are all answered", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", stall(1))
      const busy = yield* Effect.forkChild(ask({ stream: true }))
      yield* upstream.awaitRequest("a/one")
      const sockets = yield* Effect.replicateEffect(connection, 1_000)
      const answers = sockets.map(
        (socket) => new Promise<string>((resolve) => socket.once("data", (piece: Buffer) => resolve(piece.toString())))
      )
      for (const socket of sockets) socket.write(requestText("{}"))
      // By then the server has read what was sent before.
      yield* Effect.replicateEffect(get("/health/live"), 20)
      yield* Fiber.interrupt(busy)
      const statuses = (yield* Effect.promise(() => Promise.all(answers))).map((text) => text.split(" ")[1])
      assert.deepStrictEqual(new Set(statuses), new Set(["400"]))
      yield* upstream.script("a/one", ok())
      assert.strictEqual((yield* ask()).status, 200)
    }).pipe(Effect.scoped, withServer({ MAX_CONCURRENT_REQUESTS: "1", MAX_QUEUED_REQUESTS: "1000" }))
  )

  it.live("a body that is long in coming keeps no place", () =>
    Effect.gen(function* () {
      const slowSender = yield* connection
      slowSender.write(requestText(streamBody).slice(0, -10))
      assert.strictEqual((yield* ask()).status, 200)
    }).pipe(Effect.scoped, withServer({ MAX_CONCURRENT_REQUESTS: "1", MAX_QUEUED_REQUESTS: "0" }))
  )
})

it.live("more connections than there may be are closed, and the others are served", () =>
  Effect.gen(function* () {
    const first = yield* connection
    const second = yield* connection
    yield* closed(yield* connection)
    first.destroy()
    second.destroy()
    yield* Effect.repeat(Effect.exit(get("/health/live")), { until: ({ _tag }) => _tag === "Success", times: 100 })
  }).pipe(Effect.scoped, withServer({ MAX_CONNECTIONS: "2" }))
)

describe("a client that does not read", () => {
  it.live("an endless stream is cut, and its upstream is left", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", endless(0))
      const reader = yield* connection
      reader.write(requestText(streamBody))
      reader.pause()
      yield* upstream.awaitAborted()
      yield* Effect.repeat(ask({ model: "b/two" }), { until: ({ status }) => status === 200, times: 100 })
    }).pipe(Effect.scoped, withServer({ CLIENT_STALL_TIMEOUT_MS: "500", MAX_CONCURRENT_REQUESTS: "1" }))
  )

  it.live.each([
    ["a plain request", "connection: keep-alive"],
    ["one that Node reads", "connection: keep-alive, x-nothing"]
  ])("but rests behind %s is not cut", ([, connectionLine]) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const resting = yield* connection
      const text = requestText('{"model":"b/two","messages":[{"role":"user","content":"hi"}]}', connectionLine)
      const answer = Effect.suspend(() => {
        resting.write(text)
        return nextRead(resting)
      })
      assert.match(yield* answer, /^HTTP\/1.1 200 .*\r\nkeep-alive: timeout=65\r\n/is)
      yield* upstream.script("a/one", endless(0))
      const reader = yield* connection
      reader.write(requestText(streamBody))
      reader.pause()
      // It began later, and its time is over.
      yield* upstream.awaitAborted()
      assert.match(yield* answer, /^HTTP\/1.1 200 /)
    }).pipe(Effect.scoped, withServer({ CLIENT_STALL_TIMEOUT_MS: "500" }))
  )

  it.live("but waits for a model that thinks is not cut", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/one", slow(1_500))
      assert.strictEqual((yield* ask()).status, 200)
    }).pipe(withServer({ CLIENT_STALL_TIMEOUT_MS: "300" }))
  )
})

it.live("a client that closes its writing side has left: its connection ends, and so does its upstream", () =>
  Effect.gen(function* () {
    const upstream = yield* FakeOpenRouter
    yield* upstream.script("a/one", stall(1))
    const socket = yield* connection
    socket.write(requestText(streamBody))
    yield* upstream.awaitRequest("a/one")
    socket.resume()
    socket.end()
    yield* closed(socket)
    yield* upstream.awaitAborted()
  }).pipe(Effect.scoped, withServer())
)

describe("an upstream", () => {
  it.live("that trickles bytes without an end is bounded by the request's time, and the next one answers", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"])
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          Effect.gen(function* () {
            yield* exchange.head(200, { "content-type": "text/event-stream" })
            yield* exchange.write("data: {")
            return yield* Effect.forever(Effect.andThen(exchange.write(" "), Effect.sleep("20 millis")))
          })
        )
      )
      const { headers, text } = yield* chat({ model: "under-test", stream: true })
      assert.strictEqual(headers.get("x-router-model"), "b/two")
      assert.include(text, "[DONE]")
    }).pipe(withServer({ UPSTREAM_FIRST_TOKEN_TIMEOUT_MS: "400" }))
  )

  it.live.each(["gzip", "br", "deflate, gzip"])("that compresses its answer by %s is passed over", (encoding) =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/one", "b/two"])
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          exchange.send(200, "text/event-stream", "\u001f\u008b\u0008", { "content-encoding": encoding })
        )
      )
      for (const stream of [true, false]) {
        const { headers, status } = yield* chat({ model: "under-test", stream })
        assert.deepStrictEqual([status, headers.get("x-router-model")], [200, "b/two"])
      }
    }).pipe(withServer())
  )

  it.live("that says its answer is not compressed is believed", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const completion = { choices: [{ message: { role: "assistant", content: "hi" }, finish_reason: "stop" }] }
      yield* upstream.script(
        "a/one",
        custom((exchange) => exchange.json(200, completion, { "content-encoding": "Identity" }))
      )
      assert.strictEqual((yield* ask()).status, 200)
    }).pipe(withServer())
  )

  it.live("that ends its lines with CR alone, behind a byte order mark, is read and passed on as LF", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const event = (delta: object, finish: string | null) =>
        `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\r\r`
      yield* upstream.script(
        "a/one",
        custom((exchange) =>
          exchange.send(
            200,
            "text/event-stream",
            `\uFEFF${event({ content: "é" }, null)}${event({}, "stop")}data: [DONE]\r\r`
          )
        )
      )
      const { text } = yield* ask({ stream: true })
      assert.match(text, /^data: .*é.*\n\ndata: .*stop.*\n\ndata: \[DONE\]\n\n$/)
    }).pipe(withServer())
  )

  it.live("whose event is longer than a MiB passes it unchanged", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const content = "é".repeat(1_500_000)
      yield* upstream.script("a/one", ok({ content, chunks: ["a", content] }))
      const body = { model: "a/one", stream: true, messages: [{ role: "user", content: "hi" }] }
      const { complete, text } = yield* rawChat([JSON.stringify(body)])
      assert.isTrue(complete)
      assert.include(text, content)
      assert.isTrue(text.endsWith("data: [DONE]\n\n"))
    }).pipe(withServer())
  )
})
