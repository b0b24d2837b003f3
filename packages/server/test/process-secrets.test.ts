/** Every secret that the process was given is looked for in everything that comes out of it. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { cut, custom, errorAfter, ok, sequence, status } from "@llm-router/testing/script"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { started, workingDirectory } from "./routerProcess.ts"

const secrets = {
  upstream: "sk-or-v1-upstream-secret-5d41402abc4b2a76",
  client: "client-secret-7d793037a0760186",
  bare: "bare-secret-574fa6ee2d0c9e3a",
  admin: "admin-secret-b9719d911017c592",
  wrong: "wrong-secret-0cc175b9c0f1b6a8"
} as const

/** Written by every client, found in nobody's log. */
const words = "the-words-of-a-human-900150983cd24fb0"

const crash = `--import=data:text/javascript,${encodeURIComponent(
  `process.on("SIGUSR2", () => { throw new Error("a bug") })`
)}`

const filesIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

it.live(
  "no secret is in an answer, a log line, a file or the crash's line",
  () =>
    Effect.gen(function* () {
      const upstream = yield* FakeOpenRouter
      const directory = yield* workingDirectory
      const echoing = custom((exchange) =>
        exchange.json(400, { error: { code: 400, message: `bad key ${exchange.request.headers.authorization}` } })
      )
      const leaking = { message: `key ${secrets.upstream} is over its limit` }
      const behaviours = [ok(), echoing, status(401, leaking), status(500, leaking), errorAfter(1), cut(1)] as const
      yield* upstream.script("a/one", sequence([...behaviours, ...behaviours, ok()]))
      const router = yield* started({
        directory,
        env: {
          NODE_OPTIONS: crash,
          LOG_LEVEL: "trace",
          OPENROUTER_API_KEY: secrets.upstream,
          OPENROUTER_BASE_URL: upstream.url,
          ROUTER_API_KEYS: `app:${secrets.client},${secrets.bare}`,
          ROUTER_ADMIN_KEY: secrets.admin,
          LEDGER_PATH: "ledger.sqlite"
        }
      })
      const told: Array<string> = []
      const call = (path: string, key: string, body?: object) =>
        Effect.promise(async () => {
          const response = await fetch(`${router.url}${path}`, {
            method: body === undefined ? "GET" : "POST",
            headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
            ...(body === undefined ? {} : { body: JSON.stringify(body) })
          })
          const text = await response.text().catch(String)
          told.push(`${response.status} ${JSON.stringify([...response.headers])} ${text}`)
          return response.status
        })
      const chat = (stream: boolean) => ({ model: "a/one", stream, messages: [{ role: "user", content: words }] })
      for (const stream of [false, true]) {
        for (const _ of behaviours) {
          yield* call("/v1/chat/completions", secrets.client, chat(stream))
          yield* call("/circuit-breaker/reset-all", secrets.admin, {})
        }
      }
      yield* call("/v1/route", secrets.bare, chat(false))
      for (const path of ["/config", "/metrics", "/usage?group_by=key", "/v1/models", "/nowhere"]) {
        for (const key of Object.values(secrets)) yield* call(path, key)
      }
      for (const path of ["/health", "/openapi.json"]) assert.isBelow(yield* call(path, secrets.wrong), 600)
      router.signal("SIGUSR2")
      const { code, stderr, stdout } = yield* router.ended
      assert.strictEqual(code, 1)

      const everything = new Map([
        ["stdout", stdout],
        ["stderr", stderr],
        ...told.map((text, index) => [`answer ${index}`, text] as const),
        ...filesIn(directory).map((path) => [path, readFileSync(path, "latin1")] as const)
      ])
      assert.isAbove(everything.size, 30)
      for (const [where, text] of everything) {
        for (const [name, secret] of Object.entries(secrets)) assert.notInclude(text, secret, `${name} in ${where}`)
      }
      assert.notInclude(stdout + stderr, words)
    }).pipe(Effect.provide(FakeOpenRouter.layer)),
  60_000
)
