/** A process whose collector is no good: it starts, serves and ends all the same. */
import { assert, describe, it } from "@effect/vitest"
import { FakeCollector } from "@llm-router/testing/FakeCollector"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { Effect, Layer } from "effect"
import { started, workingDirectory } from "./routerProcess.ts"

/** Nobody listens on the discard port of this machine. */
const deadPort = "http://127.0.0.1:9"

const faults: ReadonlyArray<readonly [what: string, behaviour: "silent" | number | "dead"]> = [
  ["is not there", "dead"],
  ["never answers", "silent"],
  ["answers 503", 503]
]

describe("a process whose collector", () => {
  it.live.each([...faults])(
    "%s ends on SIGTERM without waiting for it, and has said so once",
    ([, behaviour]) =>
      Effect.gen(function* () {
        const upstream = yield* FakeOpenRouter
        const collector = yield* FakeCollector
        if (behaviour !== "dead") yield* collector.behave(behaviour)
        const directory = yield* workingDirectory
        const router = yield* started({
          directory,
          env: {
            OPENROUTER_API_KEY: "sk-or-v1-test",
            OPENROUTER_BASE_URL: upstream.url,
            OTEL_EXPORTER_OTLP_ENDPOINT: behaviour === "dead" ? deadPort : collector.url,
            OTEL_BSP_SCHEDULE_DELAY: "10",
            // Longer than the test: what ends the process is not the exporter's patience.
            OTEL_EXPORTER_OTLP_TIMEOUT: behaviour === "silent" ? "600000" : "100"
          }
        })
        const statuses = yield* Effect.forEach([1, 2, 3, 4], () =>
          Effect.promise(async () => {
            const response = await fetch(`${router.url}/v1/chat/completions`, {
              method: "POST",
              headers: { "content-type": "application/json" },
              body: JSON.stringify({ model: "a/one", messages: [{ role: "user", content: "hi" }] })
            })
            await response.text()
            return response.status
          })
        )
        assert.deepStrictEqual(statuses, [200, 200, 200, 200])
        router.signal("SIGTERM")
        const { code, stdout } = yield* router.ended
        assert.strictEqual(code, 0)
        const told = stdout.match(/does not take traces/g) ?? []
        assert.lengthOf(told, behaviour === "silent" ? 0 : 1)
      }).pipe((test) =>
        Effect.provide(test, Layer.mergeAll(Layer.fresh(FakeOpenRouter.layer), Layer.fresh(FakeCollector.layer)), {
          local: true
        })
      ),
    40_000
  )
})
