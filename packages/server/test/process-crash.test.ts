/** A defect that nobody caught: what was answered is accounted for, the process ends with one line, and not with 0. */
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { stall } from "@llm-router/testing/script"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { started, workingDirectory } from "./routerProcess.ts"

const secret = "sk-or-v1-crash-secret-0123456789"

/** Runs in the process at a signal; stands for a bug in any callback. */
const atSignal = (code: string): string =>
  `--import=data:text/javascript,${encodeURIComponent(`process.on("SIGUSR2", () => { ${code} })`)}`

const body = (stream: boolean) =>
  JSON.stringify({ model: "a/one", stream, messages: [{ role: "user", content: "hi" }] })

const ask = (url: string, id: string, stream = false) =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-request-id": id },
    body: body(stream)
  })

describe.each([
  ["an exception in a callback", `setTimeout(() => { throw new Error("boom") })`],
  ["a promise's rejection", `Promise.reject(new Error("boom"))`],
  ["a string that is thrown", `throw "boom"`],
  ["one after the other", `for (const at of [0, 1, 2]) setTimeout(() => { throw new Error("boom") }, at)`]
])("%s", (_, code) => {
  it.live(
    "ends the process in order",
    () =>
      Effect.gen(function* () {
        const upstream = yield* FakeOpenRouter
        const directory = yield* workingDirectory
        const router = yield* started({
          directory,
          env: {
            NODE_OPTIONS: atSignal(code),
            OPENROUTER_API_KEY: secret,
            OPENROUTER_BASE_URL: upstream.url,
            LEDGER_PATH: "ledger.sqlite",
            LOG_LEVEL: "info"
          }
        })
        yield* Effect.promise(async () => (await ask(router.url, "answered")).text())
        yield* upstream.script("a/one", stall(1))
        const underWay = yield* Effect.forkChild(
          Effect.exit(Effect.tryPromise(async () => (await ask(router.url, "under-way", true)).text()))
        )
        yield* upstream.awaitRequest("a/one", 2)
        router.signal("SIGUSR2")
        const { code: exitCode, stderr, stdout } = yield* router.ended
        assert.strictEqual(exitCode, 1)
        assert.match(stderr, /^llm-router: A defect ended the process; the ledger was flushed\. (?:Error: )?boom\n$/)
        assert.notInclude(stdout + stderr, secret)
        assert.strictEqual((yield* Fiber.join(underWay))._tag, "Failure")
        const ledger = new DatabaseSync(join(directory, "ledger.sqlite"), { readOnly: true })
        const outcomes = ledger.prepare("SELECT request_id, outcome FROM attempts ORDER BY id").all()
        ledger.close()
        assert.deepStrictEqual(
          outcomes.map((row) => ({ ...row })),
          [
            { request_id: "answered", outcome: "ok" },
            { request_id: "under-way", outcome: "cancelled" }
          ]
        )
      }).pipe(Effect.provide(FakeOpenRouter.layer)),
    60_000
  )
})

/** Breaks something that each request needs, until the second signal. */
const brokenBetweenSignals = `
  const { toSorted } = Array.prototype
  process.on("SIGUSR2", () => { Array.prototype.toSorted = () => { throw new TypeError("boom at /some/path.ts:1") } })
  process.on("SIGWINCH", () => { Array.prototype.toSorted = toSorted })`

it.live(
  "a defect within a request is that request's end alone: 500 in the envelope, and the next one is served",
  () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const directory = yield* workingDirectory
      const router = yield* started({
        directory,
        env: {
          NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(brokenBetweenSignals)}`,
          OPENROUTER_API_KEY: secret,
          OPENROUTER_BASE_URL: upstream.url
        }
      })
      const answer = Effect.promise(async () => {
        const response = await ask(router.url, "a-request")
        return { status: response.status, id: response.headers.get("x-request-id"), text: await response.text() }
      })
      assert.strictEqual((yield* answer).status, 200)
      router.signal("SIGUSR2")
      const failed = yield* Effect.repeat(answer, { until: ({ status }) => status === 500, times: 100 })
      assert.strictEqual(failed.id, "a-request")
      assert.deepStrictEqual(JSON.parse(failed.text).error, {
        message: "The router failed to handle this request.",
        type: "api_error",
        param: null,
        code: "internal_error"
      })
      router.signal("SIGWINCH")
      yield* Effect.repeat(answer, { until: ({ status }) => status === 200, times: 100 })
      router.signal("SIGTERM")
      const { code, stdout } = yield* router.ended
      assert.strictEqual(code, 0)
      // The operator is told what the client is not.
      assert.include(stdout, "boom at /some/path.ts:1")
    }).pipe(Effect.provide(FakeOpenRouter.layer)),
  60_000
)
