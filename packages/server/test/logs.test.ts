/** Log lines (spec 7): one JSON object each, with the ids that lead from a line to its request and its trace. */
import { assert, describe, it } from "@effect/vitest"
import { FakeCollector } from "@llm-router/testing/FakeCollector"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { cut, status } from "@llm-router/testing/script"
import { Effect, Layer } from "effect"
import { started, workingDirectory } from "./routerProcess.ts"

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
        const lines: ReadonlyArray<Readonly<Record<string, unknown>>> = stdout
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line))
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
})
