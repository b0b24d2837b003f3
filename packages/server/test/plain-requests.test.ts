/**
 * Requests that are read past Node's parser, and those that are not: both get the same answers, whatever pieces they come
 * in, and a connection may bring one behind the other.
 */
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { ok, slow } from "@llm-router/testing/script"
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import { connect, createServer, type Server, type Socket } from "node:net"
import { bytesInUse } from "@llm-router/testing/heap"
import { text as textOf } from "node:stream/consumers"
import { PlainConnection } from "../src/http/PlainConnection.ts"
import { chat, setChain, TestServer, withServer } from "./harness.ts"

const messages = (text: string) => [{ role: "user", content: text }]
const plainBody = (text = "hello", more: object = {}) =>
  JSON.stringify({ model: "a/one", messages: messages(text), ...more })

const requestOf = (body: string, ...lines: ReadonlyArray<string>) =>
  [
    "POST /v1/chat/completions HTTP/1.1",
    "Host: localhost",
    ...(lines.some((line) => /^content-type/i.test(line)) ? [] : ["Content-Type: application/json"]),
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...lines,
    "",
    body
  ].join("\r\n")

/** Keeps a request from being a plain one, and asks for nothing else. */
const forNode = "Connection: keep-alive, x-nothing"

interface Answer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** The whole answers that stand in these bytes. */
const answersIn = (received: string): ReadonlyArray<Answer> => {
  const answers: Array<Answer> = []
  let rest = received
  while (true) {
    const headEnd = rest.indexOf("\r\n\r\n")
    if (headEnd < 0) return answers
    const [line = "", ...fields] = rest.slice(0, headEnd).split("\r\n")
    const headers = new Map(
      fields.map((field) => [
        field.slice(0, field.indexOf(":")).toLowerCase(),
        field.slice(field.indexOf(":") + 1).trim()
      ])
    )
    const length = headers.get("content-length")
    const start = headEnd + 4
    const end = length === undefined ? rest.indexOf("0\r\n\r\n", start) + 5 : start + Number(length)
    if (end < start || end > rest.length) return answers
    const body = rest.slice(start, end)
    answers.push({ status: Number(line.split(" ")[1]), headers, body: length === undefined ? unchunked(body) : body })
    rest = rest.slice(end)
  }
}

const unchunked = (text: string): string => {
  let body = ""
  for (let at = 0; ;) {
    const lineEnd = text.indexOf("\r\n", at)
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (size === 0 || Number.isNaN(size)) return body
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
  }
}

const connection = Effect.flatMap(TestServer, ({ url }) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port), noDelay: true })
      let received = ""
      let look = () => {}
      socket.on("error", () => {}).on("close", () => look())
      socket.on("data", (bytes) => {
        received += bytes.toString("latin1")
        look()
      })
      /** Waits for so many whole answers on this connection. */
      const answers = (count: number) =>
        Effect.callback<ReadonlyArray<Answer>>((resume) => {
          look = () => {
            const found = answersIn(received)
            if (found.length >= count || socket.destroyed) resume(Effect.succeed(found))
          }
          look()
        })
      /** Each piece is with the operating system before the next one is written. */
      const write = (text: string, size = text.length) =>
        Effect.forEach(
          Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
            text.slice(index * size, (index + 1) * size)
          ),
          (piece) => Effect.callback<void>((resume) => void socket.write(piece, "latin1", () => resume(Effect.void))),
          { discard: true }
        )
      return { answers, write, destroy: () => void socket.destroy() }
    }),
    ({ destroy }) => Effect.sync(destroy)
  )
)

const connected = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connect({ host: "127.0.0.1", port }, () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

const live = (name: string, test: () => Effect.Effect<void, never, Scope.Scope | TestServer | FakeOpenRouter>) =>
  it.live(name, () => Effect.scoped(test()).pipe(withServer({ ROUTER_MAX_BODY_BYTES: "400000" })))

/** What depends on the moment, not on the request. */
const comparable = ({ body, headers, status }: Answer) => {
  const { date, "x-request-id": id, ...others } = Object.fromEntries(headers)
  assert.isNotEmpty(date)
  return {
    status,
    headers: others,
    body: body.replaceAll(id ?? "", "id").replaceAll(/"(id|created)":("[^"]*"|\d+)/g, "")
  }
}

describe("the same answer, read past Node's parser or by it:", () => {
  const requests: ReadonlyArray<readonly [what: string, body: string, ...lines: ReadonlyArray<string>]> = [
    ["a completion", plainBody()],
    ["a stream", plainBody("hello", { stream: true })],
    ["what is no JSON", "{"],
    ["no messages", "{}"],
    ["no body", ""],
    ["another content type", plainBody(), "Content-Type: text/plain"],
    ["two content types", plainBody(), "Content-Type: application/json", "content-type: text/plain"],
    ["a compressed body", plainBody(), "Content-Encoding: gzip"],
    ["a body of 200 kB", plainBody("x".repeat(200_000))],
    ["a body that is too large", plainBody("x".repeat(400_000))],
    ["a body nested too deeply", `{"messages":${"[".repeat(5000)}${"]".repeat(5000)}}`],
    ["a foreign origin", plainBody(), "Origin: https://example.com"],
    ["a dry run", plainBody(), "X-Router-Dry-Run: yes"],
    ["an id of the caller's", plainBody(), "X-Request-Id: from-the-caller"]
  ]
  it.live.each([...requests])("%s", ([, body, ...lines]) =>
    Effect.scoped(
      Effect.gen(function* () {
        const upstream = yield* FakeOpenRouter
        yield* upstream.script("a/one", ok({ content: "An answer – with «more» than ASCII." }))
        const plain = yield* connection
        yield* plain.write(requestOf(body, ...lines))
        const other = yield* connection
        yield* other.write(requestOf(body, ...lines, forNode))
        const [[first], [second]] = yield* Effect.all([plain.answers(1), other.answers(1)])
        if (first === undefined || second === undefined) return assert.fail("there was no answer")
        assert.deepStrictEqual(comparable(first), comparable(second))
      })
    ).pipe(withServer({ ROUTER_MAX_BODY_BYTES: "400000" }))
  )
})

describe("a connection", () => {
  live("brings a request in any pieces", () =>
    Effect.gen(function* () {
      const one = yield* connection
      let count = 0
      const body = plainBody("bonjour, ça va ?")
      for (const size of [1, 7, 100, 300]) {
        yield* one.write(Buffer.from(requestOf(body)).toString("latin1"), size)
        const answers = yield* one.answers(++count)
        assert.deepStrictEqual(
          answers.map(({ status }) => status),
          Array.from({ length: count }, () => 200)
        )
      }
      const two = yield* connection
      const text = requestOf(plainBody("x".repeat(60_000)))
      yield* two.write(text, 20_000)
      yield* two.write(text, 1_000)
      assert.deepStrictEqual(
        (yield* two.answers(2)).map(({ status }) => status),
        [200, 200]
      )
    })
  )

  live("brings plain requests, others and plain ones again, one behind the other", () =>
    Effect.gen(function* () {
      const one = yield* connection
      const texts = [
        requestOf(plainBody()),
        requestOf(plainBody("hello", { stream: true })),
        "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n",
        requestOf(plainBody()),
        requestOf(plainBody(), forNode)
      ]
      for (const [index, text] of texts.entries()) {
        yield* one.write(text)
        const answer = (yield* one.answers(index + 1))[index]
        assert.strictEqual(answer?.status, 200)
        assert.strictEqual(answer?.headers.get("connection"), "keep-alive")
        assert.strictEqual(answer?.headers.get("keep-alive"), "timeout=65")
      }
    })
  )

  live("brings requests ahead of their turn, and gets their answers in order", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/slow"], "slow")
      yield* upstream.script("a/slow", slow(50))
      const together = yield* connection
      const health = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
      yield* together.write(requestOf(plainBody("hello", { model: "slow" })) + requestOf(plainBody()) + health)
      const ahead = yield* connection
      yield* ahead.write(requestOf(plainBody("hello", { model: "slow", stream: true })))
      yield* upstream.awaitRequest("a/slow")
      yield* ahead.write(requestOf(plainBody()) + health)
      for (const { answers } of [together, ahead]) {
        const [first, second, third] = yield* answers(3)
        assert.strictEqual(first?.headers.get("x-router-model"), "a/slow")
        assert.strictEqual(second?.headers.get("x-router-model"), "a/one")
        assert.include(third?.body ?? "", "live")
      }
    })
  )

  live("that brings very much ahead is read again once its answer is written", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* setChain(["a/slow"], "slow")
      yield* upstream.script("a/slow", slow(50))
      const one = yield* connection
      yield* one.write(requestOf(plainBody("hello", { model: "slow" })))
      yield* upstream.awaitRequest("a/slow")
      const written = yield* Effect.forkChild(one.write(requestOf(plainBody("x".repeat(50_000))).repeat(3)))
      assert.deepStrictEqual(
        (yield* one.answers(4)).map(({ status }) => status),
        [200, 200, 200, 200]
      )
      yield* Fiber.join(written)
    })
  )

  live("that closes its sending side behind a request for Node is answered, however many do", () =>
    Effect.gen(function* () {
      const { url } = yield* TestServer
      const clients = yield* Effect.forEach(Array.from({ length: 50 }), () => connected(Number(new URL(url).port)))
      const received = yield* Effect.promise(() =>
        Promise.all(
          clients.map((client) => {
            client.end("GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return textOf(client)
          })
        )
      )
      assert.deepStrictEqual(
        received.map((answer) => answer.slice(0, 12)),
        clients.map(() => "HTTP/1.1 200")
      )
    })
  )

  live("may bring what is no clear HTTP: it is refused, and ends", () =>
    Effect.gen(function* () {
      const whole = requestOf(plainBody())
      for (const text of [
        whole.replace("Content-Length", "content-length: 3\r\nContent-Length"),
        whole.replace("Content-Length", "Transfer-Encoding: chunked\r\nContent-Length"),
        whole.replace("Host:", "Host :"),
        whole.replace("localhost", "local\nhost"),
        whole.replace("localhost", "localhost\r\n: no name"),
        whole.replace("localhost", "localhost\0")
      ]) {
        const one = yield* connection
        yield* one.write(text)
        const [answer] = yield* one.answers(1)
        assert.strictEqual(answer?.status, 400, text.slice(0, 200))
        assert.include(answer?.body ?? "", "invalid_request_error")
      }
      // Nothing of it has disturbed anybody.
      assert.strictEqual((yield* chat({ model: "a/one" })).status, 200)
    })
  )
})

/** A connection as the server sees it, and what became of it. */
const servedConnection = Effect.gen(function* () {
  let isHeld = false
  const handedOver: Array<Buffer | null> = []
  const requests: Array<string> = []
  let onServer: { readonly plain: PlainConnection; readonly socket: Socket } | undefined
  let look = () => {}
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const listening = createServer((socket) => {
        const plain = new PlainConnection(socket, {
          answer: (request, response) => {
            requests.push(request.body.toString())
            look()
            if (isHeld) return true
            response.writeHead(200, { "content-length": 2 })
            response.end("ok")
            return true
          },
          handOver: (_, given) => {
            handedOver.push(given.read())
            given.on("error", () => {}).end("Node's")
          },
          closed: () => look(),
          stalled: () => {},
          stallMillis: 60_000,
          keepAliveMillis: 65_000,
          terms: { connectionLines: "", isDraining: false }
        })
        onServer = { plain, socket }
        look()
      })
      listening.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
    }),
    (listening) => Effect.sync(() => listening.close())
  )
  const address = server.address()
  const client = yield* connected(typeof address === "object" ? (address?.port ?? 0) : 0)
  let received = ""
  client
    .on("error", () => {})
    .on("data", (bytes) => {
      received += bytes.toString()
      look()
    })
  client.on("close", () => look())
  const until = (done: () => boolean) =>
    Effect.callback<void>((resume) => {
      look = () => void (done() && resume(Effect.void))
      look()
    })
  yield* until(() => onServer !== undefined)
  return {
    client,
    requests,
    handedOver,
    received: () => received,
    until,
    /** Looks at it, so many milliseconds later. */
    check: (later: number) => onServer?.plain.check(performance.now() + later),
    /** Does something each time it has taken in what came, before it goes on. */
    onTaken: (then: () => void) => void onServer?.socket.on("data", then),
    /** From now on no request is answered. */
    hold: () => void (isHeld = true),
    /** What comes in, as one read of the socket. */
    read: (bytes: Buffer) => void onServer?.socket.emit("data", bytes)
  }
})

describe("with time, a connection", () => {
  const scoped = (name: string, test: () => Effect.Effect<void, never, Scope.Scope>) =>
    it.live(name, () => Effect.scoped(test()))

  scoped("that brings nothing is Node's", () =>
    Effect.gen(function* () {
      const { check, handedOver, received, until } = yield* servedConnection
      check(900)
      assert.deepStrictEqual(handedOver, [])
      check(1100)
      assert.deepStrictEqual(handedOver, [null])
      yield* until(() => received() === "Node's")
    })
  )

  scoped("that brings no whole request is Node's, with all that came", () =>
    Effect.gen(function* () {
      const { check, client, handedOver, received, requests, until } = yield* servedConnection
      client.write(requestOf("first"))
      yield* until(() => received().endsWith("ok"))
      const half = requestOf("second").slice(0, -1)
      client.write(half)
      // It has arrived when what comes behind it has.
      yield* Effect.repeat(
        Effect.promise(() => new Promise((resolve) => setImmediate(resolve))).pipe(
          Effect.map(() => check(1100)),
          Effect.map(() => handedOver.length === 0)
        ),
        { while: (waits) => waits }
      )
      assert.strictEqual(handedOver[0]?.toString(), half)
      assert.deepStrictEqual(requests, ["first"])
    })
  )

  scoped("that rested and brings a whole request has its time for it anew", () =>
    Effect.gen(function* () {
      const { check, client, handedOver, onTaken, received, requests, until } = yield* servedConnection
      client.write(requestOf("first"))
      yield* until(() => received().endsWith("ok"))
      const now = performance.now()
      yield* Effect.acquireRelease(
        Effect.sync(() => vi.spyOn(performance, "now").mockReturnValue(now + 60_000)),
        (clock) => Effect.sync(() => clock.mockRestore())
      )
      onTaken(() => check(900))
      client.write(requestOf("again"))
      yield* until(() => received().split("ok").length === 3)
      assert.deepStrictEqual(requests, ["first", "again"])
      assert.deepStrictEqual(handedOver, [])
    })
  )

  scoped("that rests is kept for a second longer than it was told behind an answer, and then closed", () =>
    Effect.gen(function* () {
      const { check, client, handedOver, received, until } = yield* servedConnection
      client.write(requestOf("first"))
      yield* until(() => received().endsWith("ok"))
      check(65_900)
      client.write(requestOf("again"))
      yield* until(() => received().split("ok").length === 3)
      check(66_100)
      yield* until(() => client.destroyed || client.closed || client.readableEnded)
      assert.deepStrictEqual(handedOver, [])
    })
  )
})

it.live("a connection that brings more than its request is Node's before anything else is read of it", () =>
  Effect.scoped(
    Effect.gen(function* () {
      const { handedOver, read } = yield* servedConnection
      read(Buffer.from(requestOf("").replace("Content-Length: 0", "Content-Length: 65536")))
      assert.lengthOf(handedOver, 0)
      read(Buffer.alloc(65_537, " "))
      assert.lengthOf(handedOver, 1)
    })
  )
)

it.live("what comes ahead byte by byte takes the memory of its bytes", () =>
  Effect.scoped(
    Effect.gen(function* () {
      const { client, hold, read, requests, until } = yield* servedConnection
      hold()
      client.write(requestOf("first"))
      yield* until(() => requests.length === 1)
      const before = bytesInUse()
      for (let bytes = 0; bytes < 60_000; bytes++) read(Buffer.from("P"))
      assert.isBelow(bytesInUse() - before, 1024 * 1024)
    })
  )
)
