/** Connections to an upstream, against real sockets: how many there are, which are used again, and what a failure is. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, type Scope } from "effect"
import { readFileSync } from "node:fs"
import { connect, createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from "node:tls"
import type { Caller, Message } from "../src/http1/UpstreamConnection.ts"
import { UpstreamPool } from "../src/http1/UpstreamPool.ts"

const answerOf = (body: string, ...headers: ReadonlyArray<string>): string =>
  [`HTTP/1.1 200 OK`, `content-length: ${body.length}`, ...headers, "", body].join("\r\n")

/** What a server has to say to one request of a connection, and to which request that is. */
type Respond = (socket: Socket, request: string, connection: number) => void

interface Identity {
  readonly key: string
  readonly cert: string
}

const pem = (name: string) => readFileSync(new URL(`fixtures/tls/localhost-${name}.pem`, import.meta.url), "utf8")

const trusting = (certificate: string) => {
  const before = getCACertificates("default")
  return Effect.acquireRelease(
    Effect.sync(() => setDefaultCACertificates([...before, certificate])),
    () => Effect.sync(() => setDefaultCACertificates(before))
  )
}

const listening = (onConnection: (socket: Socket) => void, secure?: Identity) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly server: Server }>((resume) => {
      const onSafe = (socket: Socket) => onConnection(socket.on("error", () => {}))
      const server = secure === undefined ? createServer(onSafe) : createTlsServer(secure, onSafe)
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        if (address === null || typeof address === "string") throw new Error("a TCP server has an address and a port")
        resume(Effect.succeed({ port: address.port, server }))
      })
    }),
    ({ server }) => Effect.sync(() => server.close())
  )

/** A server that takes each read for a request. */
const serving = (respond: Respond, secure?: Identity) => {
  let connections = 0
  const onConnection = (socket: Socket) => {
    const connection = ++connections
    socket.on("data", (data) => respond(socket, data.toString(), connection))
  }
  return Effect.map(listening(onConnection, secure), (server) => ({ ...server, connections: () => connections }))
}

const poolTo = (
  origin: string,
  options?: { readonly maxConnections?: number; readonly connectTimeoutMillis?: number }
) =>
  Effect.acquireRelease(
    Effect.sync(
      () =>
        new UpstreamPool({
          origin: new URL(origin),
          maxConnections: options?.maxConnections ?? 10,
          connectTimeoutMillis: options?.connectTimeoutMillis ?? 5_000
        })
    ),
    (pool) => Effect.sync(() => pool.close())
  )

const quiet: Caller = { onSent: () => {}, onHead: () => {}, onData: () => {}, onEnd: () => {}, onFailure: () => {} }
const messageOf = (body: string): Message => ({
  head: `POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`,
  body: [Buffer.from(body)],
  bodyBytes: Buffer.byteLength(body)
})

/** One call, to its end: the body that came, or the code of its failure in brackets. */
const ask = (pool: UpstreamPool, body = "?"): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    let came = ""
    const caller: Caller = {
      ...quiet,
      onData: (bytes) => {
        came += bytes.toString()
      },
      onEnd: () => resume(Effect.succeed(came)),
      onFailure: (code) => resume(Effect.succeed(`[${code}]`))
    }
    const call = pool.call(messageOf(body), caller)
    return Effect.sync(() => call.abort())
  })

const live = (name: string, test: () => Effect.Effect<void, never, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(test()))

describe("connections", () => {
  live("are used again, one for calls behind one another", () =>
    Effect.gen(function* () {
      const { connections, port } = yield* serving((socket, request) => socket.write(answerOf(request.slice(-1))))
      const pool = yield* poolTo(`http://127.0.0.1:${port}`)
      for (const body of ["a", "b", "c"]) assert.strictEqual(yield* ask(pool, body), body)
      assert.strictEqual(connections(), 1)
    })
  )

  live("are as many as there are calls at once, up to the bound; the others wait in their order", () =>
    Effect.gen(function* () {
      const held: Array<Socket> = []
      const asked: Array<string> = []
      const both = yield* Deferred.make<void>()
      const { connections, port } = yield* serving((socket, request) => {
        asked.push(request.slice(-1))
        if (asked.length > 2) socket.write(answerOf("later"))
        else if (held.push(socket) === 2) Effect.runSync(Deferred.succeed(both, undefined))
      })
      const pool = yield* poolTo(`http://127.0.0.1:${port}`, { maxConnections: 2 })
      const answers = yield* Effect.forkChild(
        Effect.forEach(["a", "b", "c", "d"], (body) => ask(pool, body), { concurrency: "unbounded" })
      )
      yield* Deferred.await(both)
      for (const socket of held) socket.write(answerOf("first"))
      assert.deepStrictEqual(yield* Fiber.join(answers), ["first", "first", "later", "later"])
      assert.deepStrictEqual(asked.slice(2), ["c", "d"])
      assert.strictEqual(connections(), 2)
    })
  )

  live("are left alone that their server will not keep for long", () =>
    Effect.gen(function* () {
      const { connections, port } = yield* serving((socket, request) => {
        const keepAlive = request.endsWith("short") ? "timeout=2" : "timeout=5, max=100"
        socket.write(answerOf("ok", `keep-alive: ${keepAlive}`))
      })
      const pool = yield* poolTo(`http://127.0.0.1:${port}`)
      yield* ask(pool, "long")
      yield* ask(pool, "short")
      assert.strictEqual(connections(), 1)
      yield* ask(pool, "long")
      assert.strictEqual(connections(), 2)
    })
  )

  live("are not used again behind an answer that was not read to its end, or with more on it", () =>
    Effect.gen(function* () {
      const { port } = yield* serving((socket, request, connection) => {
        if (request.endsWith("left")) socket.write(answerOf("12345").slice(0, -1))
        else socket.write(answerOf(`on ${connection}`) + (request.endsWith("more") ? answerOf("unasked") : ""))
      })
      const pool = yield* poolTo(`http://127.0.0.1:${port}`)
      const left = yield* Deferred.make<void>()
      const call = pool.call(messageOf("left"), {
        ...quiet,
        onData: () => Effect.runSync(Deferred.succeed(left, undefined)),
        onFailure: () => assert.fail("whoever left hears no more")
      })
      yield* Deferred.await(left)
      call.abort()
      assert.strictEqual(yield* ask(pool, "more"), "on 2")
      assert.strictEqual(yield* ask(pool), "on 3")
    })
  )

  live("are not used again whose request is still on its way when its answer is complete", () =>
    Effect.gen(function* () {
      const { connections, port } = yield* serving((socket) => {
        // The first words of the body are enough for this one, and it reads no more.
        socket.pause()
        socket.write(answerOf("too long"))
      })
      const pool = yield* poolTo(`http://127.0.0.1:${port}`)
      assert.strictEqual(yield* ask(pool, "x".repeat(32 * 1024 * 1024)), "too long")
      assert.strictEqual(yield* ask(pool), "too long")
      assert.strictEqual(connections(), 2)
    })
  )

  live("that ended while they were idle are no failure: the call is sent once more, on a new one", () =>
    Effect.gen(function* () {
      const warm = yield* Deferred.make<void>()
      const held: Array<Socket> = []
      const { connections, port } = yield* serving((socket, request) => {
        if (request.endsWith("held")) {
          if (held.push(socket) === 3) Effect.runSync(Deferred.succeed(warm, undefined))
        } else if (held.includes(socket)) socket.resetAndDestroy()
        else socket.write(answerOf(request.slice(-1)))
      })
      const pool = yield* poolTo(`http://127.0.0.1:${port}`, { maxConnections: 3 })
      const answers = yield* Effect.forkChild(
        Effect.forEach(["held", "held", "held"], (body) => ask(pool, body), { concurrency: "unbounded" })
      )
      yield* Deferred.await(warm)
      for (const socket of held) socket.write(answerOf("kept"))
      assert.deepStrictEqual(yield* Fiber.join(answers), ["kept", "kept", "kept"])
      for (const body of ["a", "b"]) assert.strictEqual(yield* ask(pool, body), body)
      assert.strictEqual(connections(), 4, "the second is served by the connection that the first needed")
    })
  )

  live("that end twice under a call, or late, or behind its first byte, are its failure", () =>
    Effect.gen(function* () {
      const now = vi.spyOn(performance, "now").mockReturnValue(10_000)
      yield* Effect.addFinalizer(() => Effect.sync(() => now.mockRestore()))
      const { connections, port } = yield* serving((socket, request) => {
        if (request.endsWith("late")) now.mockReturnValue(performance.now() + 1_000)
        if (request.endsWith("begun")) socket.end("HTTP/1.1 200 OK\r\n")
        else if (request.endsWith("late") || request.endsWith("twice")) socket.end()
        else socket.write(answerOf("ok"))
      })
      const pool = yield* poolTo(`http://127.0.0.1:${port}`)
      for (const [body, seen] of [
        ["twice", 2],
        ["late", 3],
        ["begun", 4]
      ] as const) {
        assert.strictEqual(yield* ask(pool), "ok")
        assert.strictEqual(yield* ask(pool, body), "[closed]")
        assert.strictEqual(connections(), seen, body)
      }
    })
  )

  live("with TLS are made for the host's name, and used again", () =>
    Effect.gen(function* () {
      const { connections, port } = yield* serving((socket, request) => socket.write(answerOf(request.slice(-1))), {
        key: pem("key"),
        cert: pem("cert")
      })
      assert.strictEqual(
        yield* ask(yield* poolTo(`https://localhost:${port}`)),
        "[DEPTH_ZERO_SELF_SIGNED_CERT]",
        "nobody vouches for it"
      )
      yield* trusting(pem("cert"))
      const pool = yield* poolTo(`https://localhost:${port}`)
      const seen = connections()
      for (const body of ["a", "b"]) assert.strictEqual(yield* ask(pool, body), body)
      assert.strictEqual(connections(), seen + 1)
      assert.strictEqual(yield* ask(yield* poolTo(`https://127.0.0.1:${port}`)), "?")
    })
  )
})

describe("a failure", () => {
  live("of a connection is told to the call that waits for longest, and the next one is tried", () =>
    Effect.gen(function* () {
      const { port, server } = yield* serving(() => {})
      yield* Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      const pool = yield* poolTo(`http://127.0.0.1:${port}`, { maxConnections: 1 })
      const answers = yield* Effect.forEach(["a", "b"], (body) => ask(pool, body), { concurrency: "unbounded" })
      assert.deepStrictEqual(answers, ["[ECONNREFUSED]", "[ECONNREFUSED]"])
    })
  )

  live("is a handshake that takes too long", () =>
    Effect.gen(function* () {
      const { port } = yield* serving(() => {})
      const pool = yield* poolTo(`https://127.0.0.1:${port}`, { connectTimeoutMillis: 50 })
      assert.strictEqual(yield* ask(pool), "[connect_timeout]")
    })
  )

  live("is not a handshake that was begun for an earlier call, which another connection has served since", () =>
    Effect.gen(function* () {
      const held: Array<Socket> = []
      const asked = yield* Queue.unbounded<string>()
      const secure = yield* serving(
        (socket, request) => {
          if (request.endsWith("last")) return void socket.write(answerOf("other"))
          held.push(socket)
          Queue.offerUnsafe(asked, request)
        },
        { key: pem("key"), cert: pem("cert") }
      )
      yield* trusting(pem("cert"))
      const silent = yield* Deferred.make<void>()
      // What the second connection sends is lost on its way.
      let begun = 0
      const front = yield* listening((client) => {
        if (++begun === 2) Effect.runSync(Deferred.succeed(silent, undefined))
        else client.pipe(connect(secure.port, "127.0.0.1").on("error", () => {})).pipe(client)
      })
      const pool = yield* poolTo(`https://localhost:${front.port}`, { connectTimeoutMillis: 300 })
      const first = yield* Effect.forkChild(ask(pool, "first"))
      yield* Queue.take(asked)
      const second = yield* Effect.forkChild(ask(pool, "second"))
      yield* Deferred.await(silent)
      held[0]?.write(answerOf("first"))
      assert.strictEqual(yield* Fiber.join(first), "first")
      yield* Queue.take(asked)
      assert.strictEqual(yield* ask(pool, "last"), "other")
      held[1]?.write(answerOf("second"))
      assert.strictEqual(yield* Fiber.join(second), "second")
    })
  )

  live("is a connection that ends before its answer does, or what is no answer", () =>
    Effect.gen(function* () {
      const { port } = yield* serving((socket, request) => {
        if (request.endsWith("reset")) socket.resetAndDestroy()
        else if (request.endsWith("half")) socket.end(answerOf("12345").slice(0, -1))
        else if (request.endsWith("none")) socket.end()
        else socket.write("SSH-2.0-OpenSSH\r\n\r\n")
      })
      const pool = yield* poolTo(`http://127.0.0.1:${port}`)
      assert.strictEqual(yield* ask(pool, "reset"), "[ECONNRESET]")
      assert.strictEqual(yield* ask(pool, "half"), "[closed]")
      assert.strictEqual(yield* ask(pool, "none"), "[closed]")
      assert.strictEqual(yield* ask(pool, "ssh"), "[not_http]")
    })
  )

  live("is the pool's end", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const { port } = yield* serving(() => Effect.runSync(Deferred.succeed(asked, undefined)))
      const pool = yield* poolTo(`http://127.0.0.1:${port}`, { maxConnections: 1 })
      const answers = yield* Effect.forkChild(
        Effect.forEach(["a", "b"], (body) => ask(pool, body), { concurrency: "unbounded" })
      )
      yield* Deferred.await(asked)
      pool.close()
      assert.deepStrictEqual(yield* Fiber.join(answers), ["[closed]", "[closed]"])
    })
  )
})

live("whoever does not read holds its upstream back", () =>
  Effect.gen(function* () {
    const { port } = yield* serving((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n")
      const piece = Buffer.alloc(1024 * 1024)
      const write = () => {
        while (socket.write(piece)) if (socket.bytesWritten > 512 * piece.length) return
        socket.once("drain", write)
      }
      write()
    })
    const pool = yield* poolTo(`http://127.0.0.1:${port}`)
    let length = 0
    const first = yield* Deferred.make<void>()
    const call = pool.call(messageOf("?"), {
      ...quiet,
      onData: (bytes) => {
        length += bytes.length
        call.pause()
        Effect.runSync(Deferred.succeed(first, undefined))
      }
    })
    yield* Deferred.await(first)
    const other = yield* serving((socket, request) => socket.write(answerOf(request.slice(-1))))
    const others = yield* poolTo(`http://127.0.0.1:${other.port}`)
    // Rounds of the event loop in which it could have been read.
    for (let round = 0; round < 20; round++) yield* ask(others)
    const paused = length
    assert.isAtMost(paused, 128 * 1024)
    call.resume()
    for (let round = 0; round < 20; round++) yield* ask(others)
    assert.isAbove(length, paused)
  })
)
