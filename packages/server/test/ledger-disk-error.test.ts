/** A disk that answers with EIO: requests are served, `/health` says so, and nothing is lost once it works again. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { decimalOf } from "@llm-router/domain/Money"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { afterAll } from "vitest"
import { started, workingDirectory } from "./routerProcess.ts"

const source = fileURLToPath(new URL("fixtures/failing-disk.c", import.meta.url))
const built = mkdtempSync(join(tmpdir(), "failing-disk-"))
const library = join(built, "failing-disk.so")
/** Not a dependency: a machine with a C compiler has it. */
const compiler = "cc"
const canFail =
  process.platform === "linux" && spawnSync(compiler, ["-shared", "-fPIC", "-o", library, source, "-ldl"]).status === 0
afterAll(() => rmSync(built, { recursive: true }))

/** The JSON of a path; the assertions on it are its types. */
const json = (url: string) => Effect.promise(async () => JSON.parse(await (await fetch(url)).text()))

const ask = (url: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "hello" }] })
    })
    await response.arrayBuffer()
    return response.status
  })

const ledgerCheck = (url: string, status: string) =>
  Effect.repeat(
    Effect.map(json(`${url}/health`), (health) => health.checks.ledger),
    { until: (check) => check.status === status, schedule: Schedule.spaced("50 millis") }
  )

describe.skipIf(!canFail)("a disk with errors (needs Linux and a C compiler, to make one)", () => {
  it.live.each(["sync", "write"])(
    "that fails to %s",
    (what) =>
      Effect.gen(function* () {
        const upstream = yield* FakeOpenRouter
        const directory = yield* workingDirectory
        const disk = join(directory, "disk")
        const router = yield* started({
          directory,
          env: {
            OPENROUTER_BASE_URL: upstream.url,
            OPENROUTER_API_KEY: "sk-or-v1-test-key-0123456789abcdef",
            LEDGER_PATH: join(directory, "ledger.sqlite"),
            LD_PRELOAD: library,
            FAILING_DISK: disk,
            FAILING_DISK_PATH: "ledger.sqlite"
          }
        })
        assert.strictEqual(yield* ask(router.url), 200)
        writeFileSync(`${disk}.${what}`, "")
        for (let turn = 0; turn < 5; turn++) assert.strictEqual(yield* ask(router.url), 200)
        const sick = yield* ledgerCheck(router.url, "warning")
        assert.match(sick.message, /Entries cannot be stored: .*ledger\.sqlite: disk I\/O error\. \d+ wait\./)
        rmSync(`${disk}.${what}`)
        yield* ledgerCheck(router.url, "ok")
        assert.strictEqual(yield* ask(router.url), 200)
        const { totals } = yield* json(`${router.url}/usage`)
        assert.deepInclude(totals, {
          attempts: 7,
          requests: 7,
          cost_usd_exact: decimalOf(yield* upstream.charged)
        })
      }).pipe(Effect.provide(FakeOpenRouter.layer)),
    60_000
  )
})
