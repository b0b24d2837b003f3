/** How the process stops (spec 10): what is under way finishes, nothing new begins. */
import { Agent, get, request } from "node:http"
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { type Behaviour, custom, endless, hang, stall } from "@llm-router/testing/script"
import { Deferred, Effect, Fiber } from "effect"
import { contentOf, eventsOf } from "./harness.ts"
import { started, workingDirectory } from "./routerProcess.ts"

const withUpstream = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  Effect.provide(test, FakeOpenRouter.layer, { local: true })

const startedRouter = Effect.fnUntraced(function* (env: Readonly<Record<string, string>> = {}) {
  const upstream = yield* FakeOpenRouter
  const directory = yield* workingDirectory
  return yield* started({
    directory,
    env: { OPENROUTER_API_KEY: "sk-or-v1-test", OPENROUTER_BASE_URL: upstream.url, RETRIES_PER_MODEL: "0", ...env }
  })
})

const chunk = (content: string, finishReason: string | null) =>
  `data: ${JSON.stringify({ id: "g", choices: [{ index: 0, delta: { content }, finish_reason: finishReason }] })}\n\n`

const gatedStream = (gate: Deferred.Deferred<void>): Behaviour =>
  custom(
    Effect.fnUntraced(function* (exchange) {
      yield* exchange.head(200, { "content-type": "text/event-stream" })
      yield* exchange.write(chunk("before ", null))
      yield* Deferred.await(gate)
      yield* exchange.write(chunk("after", "stop"))
      yield* exchange.write("data: [DONE]\n\n")
      yield* exchange.end
    })
  )

const gatedJson = (gate: Deferred.Deferred<void>): Behaviour =>
  custom((exchange) =>
    Effect.andThen(
      Deferred.await(gate),
      exchange.json(200, {
        id: "g",
        choices: [{ index: 0, message: { role: "assistant", content: "whole" }, finish_reason: "stop" }]
      })
    )
  )

/** The status and the whole text, or how the connection ended. */
const asked = (url: string, model: string, stream: boolean) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "hi" }] })
    })
    return { status: response.status, text: await response.text() }
  })

const portOf = (url: string) => Number(new URL(url).port)

const connects = (url: string) =>
  Effect.callback<boolean>((resume) => {
    const socket = connect(portOf(url), "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.once("error", () => resume(Effect.succeed(false)))
  })

const awaitRefused = (url: string) => Effect.repeat(connects(url), { while: (accepted) => accepted })

/** A connection that is kept alive, and the raw text that comes over it. */
const rawConnection = (url: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = connect(portOf(url), "127.0.0.1")
      let received = ""
      let look = () => {}
      socket.on("data", (piece) => {
        received += piece.toString()
        look()
      })
      socket.on("error", () => {})
      return {
        write: (text: string) => void socket.write(text),
        /** Waits until the text came; gives all that came since the last time. */
        until: (text: string) =>
          Effect.callback<string>((resume) => {
            look = () => {
              const found = received.includes(text)
              const all = received
              received = found ? "" : received
              return void (found && resume(Effect.succeed(all)))
            }
            look()
          }),
        ended: Effect.callback<void>((resume) => {
          if (socket.readableEnded) resume(Effect.void)
          else socket.once("end", () => resume(Effect.void))
        }),
        destroy: () => void socket.destroy()
      }
    }),
    ({ destroy }) => Effect.sync(destroy)
  )

/** The log level of the router that answers a new connection. */
const levelAt = (url: string) =>
  Effect.callback<unknown>((resume) => {
    get(`${url}/config`, { agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (piece) => (text += piece))
      response.on("end", () => resume(Effect.succeed(JSON.parse(text).settings.LOG_LEVEL.value)))
    })
  })

describe("two routers on one port", () => {
  it.live("share its connections, and one goes on alone", () =>
    Effect.gen(function* () {
      const directory = yield* workingDirectory
      const shared = { REUSE_PORT: "true" }
      const first = yield* started({ directory, env: { ...shared, LOG_LEVEL: "info" } })
      const second = yield* started({
        directory,
        env: { ...shared, LOG_LEVEL: "debug", PORT: new URL(first.url).port }
      })
      assert.strictEqual(second.url, first.url)
      // Each by a connection of its own.
      const levels = Effect.map(Effect.replicateEffect(levelAt(first.url), 60), (seen) => new Set(seen))
      assert.deepStrictEqual(yield* levels, new Set(["info", "debug"]))
      first.signal("SIGTERM")
      assert.strictEqual((yield* first.ended).code, 0)
      assert.deepStrictEqual(yield* levels, new Set(["debug"]))
    })
  )
})

describe("SIGTERM", () => {
  it.live.each(["SIGTERM", "SIGINT"] as const)(
    "with a stream and a JSON call in flight: both finish, exit 0 (%s)",
    (signal) =>
      Effect.gen(function* () {
        const upstream = yield* FakeOpenRouter
        const gate = yield* Deferred.make<void>()
        yield* upstream.script("a/stream", gatedStream(gate))
        yield* upstream.script("a/json", gatedJson(gate))
        const router = yield* startedRouter()
        const stream = yield* Effect.forkChild(asked(router.url, "a/stream", true))
        const whole = yield* Effect.forkChild(asked(router.url, "a/json", false))
        yield* upstream.awaitRequest("a/stream")
        yield* upstream.awaitRequest("a/json")
        router.signal(signal)
        yield* awaitRefused(router.url)
        yield* Deferred.succeed(gate, undefined)
        const streamed = yield* Fiber.join(stream)
        assert.strictEqual(contentOf(streamed.text), "before after")
        assert.strictEqual(eventsOf(streamed.text).at(-1), "[DONE]")
        const answered = yield* Fiber.join(whole)
        assert.strictEqual(answered.status, 200)
        assert.include(answered.text, "whole")
        const ended = yield* router.ended
        assert.deepInclude(ended, { code: 0, signal: null, stderr: "" })
      }).pipe(withUpstream)
  )

  it.live("while a connection is kept alive by one request behind the other: its last answer says that it ends", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const gate = yield* Deferred.make<void>()
      yield* upstream.script("a/json", gatedJson(gate))
      const router = yield* startedRouter()
      const body = JSON.stringify({ model: "a/json", messages: [{ role: "user", content: "hi" }] })
      const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`
      // The second is read by Node's server.
      const connections = yield* Effect.forEach(["", "Connection: keep-alive, x-nothing\r\n"], (line) =>
        Effect.tap(rawConnection(router.url), ({ write }) => Effect.sync(() => write(`${head}${line}\r\n${body}`)))
      )
      yield* upstream.awaitRequest("a/json", 2)
      router.signal("SIGTERM")
      yield* awaitRefused(router.url)
      yield* Deferred.succeed(gate, undefined)
      for (const { ended, until } of connections) {
        const answer = yield* until("whole")
        assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[^]*\r\nconnection: close\r\n/i)
        assert.notMatch(answer, /keep-alive/i)
        yield* ended
      }
      assert.strictEqual((yield* router.ended).code, 0)
    }).pipe(withUpstream)
  )

  it.live("when idle: exits at once with 0, whatever connections are kept alive", () =>
    Effect.gen(function* () {
      const router = yield* startedRouter()
      const agent = new Agent({ keepAlive: true })
      yield* Effect.callback<void>((resume) => {
        request(`${router.url}/health`, { agent }, (response) => {
          response.resume().once("end", () => resume(Effect.void))
        }).end()
      })
      const idle = yield* rawConnection(router.url)
      idle.write("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
      yield* idle.until('"live"')
      router.signal("SIGTERM")
      const { code } = yield* router.ended
      agent.destroy()
      assert.strictEqual(code, 0)
    }).pipe(withUpstream)
  )

  it.live("makes /health/ready false at once, on a connection that is kept alive too", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const gate = yield* Deferred.make<void>()
      yield* upstream.script("a/stream", gatedStream(gate))
      const router = yield* startedRouter()
      const probe = yield* rawConnection(router.url)
      probe.write("GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
      assert.include(yield* probe.until('"ready"'), "HTTP/1.1 200")
      const stream = yield* Effect.forkChild(asked(router.url, "a/stream", true))
      yield* upstream.awaitRequest("a/stream")
      // Half a request, so that the connection is not an idle one, which would be closed.
      probe.write("GET /health/ready HTTP/1.1\r\nHost: loc")
      const live = yield* rawConnection(router.url)
      live.write("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
      yield* live.until('"live"')
      router.signal("SIGTERM")
      yield* awaitRefused(router.url)
      probe.write("alhost\r\n\r\n")
      const answer = yield* probe.until("not ready")
      assert.include(answer, "HTTP/1.1 503")
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(stream)).status, 200)
      assert.strictEqual((yield* router.ended).code, 0)
    }).pipe(withUpstream)
  )

  it.live("sent twice: exits at once, though something is under way", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/stream", stall(1))
      const router = yield* startedRouter()
      yield* Effect.forkChild(Effect.ignore(Effect.sandbox(asked(router.url, "a/stream", true))))
      yield* upstream.awaitRequest("a/stream")
      router.signal("SIGTERM")
      yield* awaitRefused(router.url)
      router.signal("SIGTERM")
      const { code, signal } = yield* router.ended
      assert.deepStrictEqual([code, signal], [1, null])
    }).pipe(withUpstream)
  )

  it.live("ends what is not finished when the grace period is over, says so, and leaves the upstream", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/stream", stall(1))
      yield* upstream.script("a/json", hang)
      const router = yield* startedRouter({ SHUTDOWN_GRACE_MS: "300" })
      const stream = yield* Effect.forkChild(asked(router.url, "a/stream", true))
      const json = yield* Effect.forkChild(asked(router.url, "a/json", false))
      yield* upstream.awaitRequest("a/stream")
      yield* upstream.awaitRequest("a/json")
      router.signal("SIGTERM")
      const events = eventsOf((yield* Fiber.join(stream)).text)
      assert.strictEqual(JSON.parse(events.at(-1) ?? "").error.code, "router_stopping")
      const { status, text } = yield* Fiber.join(json)
      assert.deepStrictEqual([status, JSON.parse(text).error.code], [503, "router_stopping"])
      yield* upstream.awaitAborted(2)
      const { code, stderr } = yield* router.ended
      assert.strictEqual(code, 0)
      assert.strictEqual(stderr, "")
    }).pipe(withUpstream)
  )

  it.live("is not held up beyond the grace period by a client that never ends its request", () =>
    Effect.gen(function* () {
      const router = yield* startedRouter({ SHUTDOWN_GRACE_MS: "200" })
      const slow = yield* rawConnection(router.url)
      slow.write("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
      yield* slow.until('"live"')
      slow.write("POST /v1/chat/completions HTTP/1.1\r\nHost: loc")
      yield* Effect.promise(() => fetch(`${router.url}/health`))
      router.signal("SIGTERM")
      assert.strictEqual((yield* router.ended).code, 0)
    }).pipe(withUpstream)
  )

  it.live("is not held up beyond the grace period by a client that does not read", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      yield* upstream.script("a/endless", endless(0))
      const router = yield* startedRouter({ SHUTDOWN_GRACE_MS: "200" })
      const response = yield* Effect.promise(() =>
        fetch(`${router.url}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model: "a/endless", stream: true, messages: [{ role: "user", content: "hi" }] })
        })
      )
      router.signal("SIGTERM")
      assert.strictEqual((yield* router.ended).code, 0)
      const rest = yield* Effect.exit(Effect.tryPromise(() => response.text()))
      assert.strictEqual(rest._tag, "Failure")
    }).pipe(withUpstream)
  )
})
