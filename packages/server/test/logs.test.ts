/** Log lines (spec 7): one JSON object each, with the ids that lead from a line to its request and its trace. */
import { assert, describe, it } from "@effect/vitest"
import { FakeCollector } from "@llm-router/testing/FakeCollector"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { cut, hang, status } from "@llm-router/testing/script"
import { Effect, Fiber, Layer } from "effect"
import { renameSync } from "node:fs"
import { join } from "node:path"
import { started, workingDirectory } from "./routerProcess.ts"

const linesIn = (stdout: string): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

describe("a log line", () => {
  it.live(
    "has the ids of its request and of its trace, of a stream's end too",
    () =>
      Effect.gen(function* () {
        const upstream = yield* FakeOpenRouter
        const collector = yield* FakeCollector
        const directory = yield* workingDirectory
        yield* upstream.script("a/one", status(503))
        yield* upstream.script("b/two", cut(1))
        const router = yield* started({
          directory,
          env: {
            OPENROUTER_API_KEY: "sk-or-v1-test",
            OPENROUTER_BASE_URL: upstream.url,
            OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
            OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
            CIRCUIT_FAILURE_THRESHOLD: "1",
            RETRIES_PER_MODEL: "0"
          }
        })
        const ask = (model: string, id: string) =>
          Effect.promise(async () => {
            const response = await fetch(`${router.url}/v1/chat/completions`, {
              method: "POST",
              headers: { "content-type": "application/json", "x-request-id": id },
              body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "hi" }] })
            })
            return response.text()
          })
        yield* ask("a/one", "request-one")
        yield* ask("b/two", "request-two")
        router.signal("SIGTERM")
        const { stdout } = yield* router.ended
        const lines = linesIn(stdout)
        assert.isTrue(lines.every(({ timestamp }) => !Number.isNaN(Date.parse(String(timestamp)))))
        assert.isTrue(lines.every(({ level }) => /^(INFO|WARN|ERROR)$/.test(String(level))))
        const rootOf = (id: string) =>
          collector.spans().find(({ attributes }) => attributes["llm_router.request.id"] === id)
        const idsOf = (id: string) => ({ trace_id: rootOf(id)?.traceId, span_id: rootOf(id)?.spanId })
        const line = (text: string) => lines.find(({ message }) => String(message).includes(text)) ?? {}
        assert.match(String(rootOf("request-one")?.traceId), /^[0-9a-f]{32}$/)
        assert.deepInclude(line("a/one did not answer"), {
          level: "INFO",
          request_id: "request-one",
          model: "a/one",
          reason: "Unavailable",
          ...idsOf("request-one")
        })
        assert.deepInclude(line("b/two broke off its answer"), {
          level: "WARN",
          request_id: "request-two",
          model: "b/two",
          reason: "CutOff",
          ...idsOf("request-two")
        })
        assert.deepInclude(line("The circuit of b/two is now open"), {
          level: "WARN",
          from: "closed",
          to: "open",
          ...idsOf("request-two")
        })
      }).pipe((test) =>
        Effect.provide(test, Layer.mergeAll(Layer.fresh(FakeOpenRouter.layer), Layer.fresh(FakeCollector.layer)), {
          local: true
        })
      ),
    60_000
  )

  it.live("has the trace of its caller where the router makes none", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const directory = yield* workingDirectory
      yield* upstream.script("a/one", status(503))
      yield* upstream.script("b/two", cut(1))
      const router = yield* started({
        directory,
        env: { OPENROUTER_API_KEY: "sk-or-v1-test", OPENROUTER_BASE_URL: upstream.url, RETRIES_PER_MODEL: "0" }
      })
      const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
      const ask = (model: string, id: string, traceparent: string) =>
        Effect.promise(async () => {
          const response = await fetch(`${router.url}/v1/chat/completions`, {
            method: "POST",
            headers: { "content-type": "application/json", "x-request-id": id, traceparent },
            body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "hi" }] })
          })
          return response.text()
        })
      yield* ask("a/one", "traced", `00-${traceId}-00f067aa0ba902b7-00`)
      yield* ask("b/two", "traced", `00-${traceId}-00f067aa0ba902b7-01`)
      yield* ask("a/one", "untraced", "00-no-trace-01")
      router.signal("SIGTERM")
      const { stdout } = yield* router.ended
      const linesOf = (id: string) => linesIn(stdout).filter((line) => line["request_id"] === id)
      assert.isAtLeast(linesOf("traced").length, 3)
      // The span that the caller names is the caller's own.
      for (const line of linesOf("traced")) {
        assert.strictEqual(line["trace_id"], traceId)
        assert.notProperty(line, "span_id")
      }
      assert.isNotEmpty(linesOf("untraced"))
      for (const line of linesOf("untraced")) assert.doesNotHaveAnyKeys(line, ["trace_id", "span_id"])
    }).pipe((test) => Effect.provide(test, Layer.fresh(FakeOpenRouter.layer), { local: true }))
  )

  it.live("tells what became of a request, what an operator did, and of a ledger that was moved", () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const directory = yield* workingDirectory
      yield* upstream.script("a/one", status(500))
      yield* upstream.script("b/hangs", hang)
      const router = yield* started({
        directory,
        env: { OPENROUTER_API_KEY: "sk-or-v1-test", OPENROUTER_BASE_URL: upstream.url, RETRIES_PER_MODEL: "0" }
      })
      const send = (method: string, path: string, body?: object, id = "any") =>
        Effect.tryPromise((signal) =>
          fetch(`${router.url}${path}`, {
            method,
            headers: { "content-type": "application/json", "x-request-id": id },
            signal,
            ...(body === undefined ? {} : { body: JSON.stringify(body) })
          }).then((response) => response.text())
        )
      const ask = (model: string, id: string) =>
        send("POST", "/v1/chat/completions", { model, messages: [{ role: "user", content: "hi" }] }, id)
      yield* ask("a/one", "failed-one")
      const leaving = yield* Effect.forkChild(ask("b/hangs", "left-one"))
      yield* upstream.awaitRequest("b/hangs")
      yield* Fiber.interrupt(leaving)
      yield* upstream.awaitAborted()
      yield* send("POST", "/config/category", { name: "songs", models: ["a/one"] })
      yield* send("POST", "/config/category", { name: "songs", models: ["a/two"] })
      yield* send("POST", "/config/model-mapping", { category: "songs", models: ["a/three"] })
      yield* send("DELETE", "/config/category/songs")
      yield* send("DELETE", "/config/category/songs")
      yield* send("POST", "/circuit-breaker/open/a/one")
      yield* send("POST", "/circuit-breaker/reset/a/one")
      yield* send("POST", "/circuit-breaker/reset-all")
      renameSync(join(directory, "data"), join(directory, "moved"))
      yield* ask("a/one", "after-the-move")
      router.signal("SIGTERM")
      const lines = linesIn((yield* router.ended).stdout)
      const line = (text: string) => lines.find(({ message }) => String(message).includes(text))
      assert.deepInclude(line("The request failed"), {
        level: "WARN",
        request_id: "failed-one",
        category: "direct",
        attempts: 1,
        status: 502,
        code: "upstream_error"
      })
      assert.deepInclude(line("the caller left"), { level: "INFO", request_id: "left-one" })
      const told = lines.map(({ message }) => String(message)).filter((text) => / (songs|a\/one|circuits) /.test(text))
      assert.includeMembers(told, [
        "The category songs was added.",
        "The category songs was changed.",
        "The chain of the category songs was changed.",
        "The category songs was deleted.",
        "The circuit of a/one is held open; it was closed.",
        "The circuit of a/one was reset; it was open."
      ])
      assert.lengthOf(
        told.filter((text) => text.includes("was deleted")),
        1
      )
      assert.isDefined(line("All circuits were reset"))
      assert.deepInclude(line("was moved, removed or emptied"), { level: "WARN" })
      assert.isDefined(line("Stopping"))
    }).pipe((test) => Effect.provide(test, Layer.fresh(FakeOpenRouter.layer), { local: true }))
  )
})
