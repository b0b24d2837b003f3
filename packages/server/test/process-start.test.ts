/** How the process starts, and what it says when it cannot (spec 10). */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Invocation, run, started, workingDirectory } from "./routerProcess.ts"

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
const key = "sk-or-v1-test-key-0123456789abcdef"

const inDirectory = (invocation: Omit<Invocation, "directory"> = {}) =>
  Effect.map(workingDirectory, (directory) => ({ directory, ...invocation }))
const runWith = (invocation?: Omit<Invocation, "directory">) => Effect.flatMap(inDirectory(invocation), run)
const startWith = (invocation?: Omit<Invocation, "directory">) => Effect.flatMap(inDirectory(invocation), started)

const json = (url: string, init: RequestInit = {}) =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    return { status: response.status, headers: response.headers, json: JSON.parse(await response.text()) }
  })

const posted = (body: object) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body)
})

const chatBody = (more: object = {}) => posted({ messages: [{ role: "user", content: "hello" }], ...more })

const takenPort = Effect.acquireRelease(
  Effect.callback<{ port: number; close: () => void }>((resume) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      resume(
        Effect.succeed({
          port: typeof address === "object" && address !== null ? address.port : 0,
          close: () => void server.close()
        })
      )
    })
  }),
  ({ close }) => Effect.sync(close)
)

/** It ended with one line on stderr, and no stack anywhere. */
const refused = (ended: { code: number | null; stderr: string; stdout: string }, ...says: ReadonlyArray<string>) => {
  assert.strictEqual(ended.code, 1)
  assert.match(ended.stderr, /^llm-router: [^\n]+\n$/)
  assert.notMatch(ended.stderr + ended.stdout, /\n\s+at |node_modules/)
  for (const text of says) assert.include(ended.stderr, text)
}

describe("the banner", () => {
  it.live("tells the address, the mode, the chains, and where config and ledger are", () =>
    Effect.gen(function* () {
      const { banner, url } = yield* startWith({ env: { OPENROUTER_API_KEY: key } })
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
      for (const text of [
        `LLM Router ${version}`,
        "keywords",
        "z-ai/glm-5 → openai/gpt-4o-mini → openrouter/aurora-alpha",
        "router_config.json",
        "ledger"
      ]) {
        assert.include(banner, text)
      }
      assert.notInclude(banner, "OPENROUTER_API_KEY")
      assert.notInclude(banner, key)
    })
  )

  it.live("asks about names that are like a setting's and are none", () =>
    Effect.gen(function* () {
      const directory = yield* workingDirectory
      writeFileSync(join(directory, ".env"), "OPENROUTER_KEY=sk-or-v1-abc\nPORTT=1\nPGHOST=db\nLOG_LEVEL=info\n")
      const { banner } = yield* started({ directory, env: { ROUTER_API_KEY: "abc" } })
      assert.include(banner, "OPENROUTER_KEY in .env is no setting: is OPENROUTER_API_KEY meant?")
      assert.include(banner, "ROUTER_API_KEY in the environment is no setting: is ROUTER_API_KEYS meant?")
      assert.include(banner, "PORTT in .env is no setting: is PORT meant?")
      assert.notMatch(banner, /PGHOST|is no setting: is LOG_LEVEL|sk-or-v1/)
    })
  )

  it.live("comes after a warning for each thing that is amiss", () =>
    Effect.gen(function* () {
      const { banner } = yield* startWith({ env: { ROUTER_API_KEY: "abc", DEFAULT_CATEGORY: "nope" } })
      const lines = banner.trim().split("\n")
      assert.deepStrictEqual(
        lines.map((line) => JSON.parse(line)).map(({ level, message }) => [level, message.split(" ")[0]]),
        [
          ["WARN", "OPENROUTER_API_KEY"],
          ["WARN", "DEFAULT_CATEGORY:"],
          ["WARN", "ROUTER_API_KEY"],
          ["INFO", "LLM"]
        ]
      )
    })
  )

  it.live("tells of a default category that is not there", () =>
    Effect.gen(function* () {
      const { banner } = yield* startWith({ env: { DEFAULT_CATEGORY: "nope" } })
      assert.include(banner, "DEFAULT_CATEGORY: there is no category nope")
      assert.notInclude((yield* startWith({ env: { DEFAULT_CATEGORY: "code" } })).banner, "DEFAULT_CATEGORY")
    })
  )

  it.live("tells what is missing, and what it is in the sandbox", () =>
    Effect.gen(function* () {
      assert.include((yield* startWith()).banner, "OPENROUTER_API_KEY")
      const sandbox = yield* startWith({ args: ["--sandbox"] })
      assert.include(sandbox.banner, "sandbox")
      assert.notInclude(sandbox.banner, "OPENROUTER_API_KEY")
    })
  )

  it.live("comes when the process is ready", () =>
    Effect.gen(function* () {
      const { url } = yield* startWith()
      assert.strictEqual((yield* json(`${url}/health/ready`)).status, 200)
      assert.strictEqual((yield* json(`${url}/health/live`)).status, 200)
    })
  )
})

it.live("goes on without anybody to read its log", () =>
  Effect.gen(function* () {
    const { closeLog, ended, signal, url } = yield* startWith()
    closeLog()
    for (let turn = 0; turn < 3; turn++) {
      assert.strictEqual((yield* json(`${url}/v1/chat/completions`, chatBody())).status, 503)
    }
    signal("SIGTERM")
    const { code, stderr } = yield* ended
    assert.strictEqual(code, 0)
    assert.match(stderr, /^llm-router: lines of the log are lost: [^\n]+\n$/)
  })
)

describe("what stops the start", () => {
  it.live("a port that is taken", () =>
    Effect.gen(function* () {
      const { port } = yield* takenPort
      refused(yield* runWith({ env: { PORT: String(port) } }), "port", "PORT")
    })
  )

  it.live("an address that is not this machine's", () =>
    Effect.gen(function* () {
      refused(yield* runWith({ env: { HOST: "192.0.2.1", ROUTER_API_KEYS: "k-0123456789" } }), "HOST")
    })
  )

  const settings: ReadonlyArray<readonly [env: Readonly<Record<string, string>>, says: ReadonlyArray<string>]> = [
    [{ PORT: "eighty" }, ["PORT", "eighty", "an integer from 0 to 65535"]],
    [{ ROUTING_MODE: "magic" }, ["ROUTING_MODE", "magic", "keywords", "hybrid"]],
    [{ OPENROUTER_BASE_URL: "ftp://x" }, ["OPENROUTER_BASE_URL", "ftp://x", "http"]],
    [{ REQUEST_TIMEOUT_MS: "-1" }, ["REQUEST_TIMEOUT_MS", "-1", "integer"]],
    [{ ROUTER_SANDBOX: "maybe" }, ["ROUTER_SANDBOX", "maybe", "true or false"]],
    [{ HOST: "0.0.0.0" }, ["HOST", "0.0.0.0", "ROUTER_API_KEYS"]],
    [{ DEFAULT_MODEL: "gpt-4o" }, ["DEFAULT_MODEL", "gpt-4o", "provider/model"]]
  ]
  it.live.each(settings)("a setting that is wrong: %j", ([env, says]) =>
    Effect.gen(function* () {
      refused(yield* runWith({ env }), ...says)
    })
  )

  it.live("a secret that is wrong, which is not shown", () =>
    Effect.gen(function* () {
      const ended = yield* runWith({ env: { OPENROUTER_API_KEY: "sk-or-v1 with a space" } })
      refused(ended, "OPENROUTER_API_KEY")
      assert.notInclude(ended.stderr, "with a space")
    })
  )

  it.live.each(["--colour", "serve", "--port", "--port=x", "--sandbox=yes"])("the argument %s", (argument) =>
    Effect.gen(function* () {
      const [name = ""] = argument.toUpperCase().replace("--", "").split("=")
      const ended = yield* runWith({ args: [argument] })
      refused(ended)
      assert.include(ended.stderr.toUpperCase(), name)
    })
  )

  it.live("a config path that is a directory", () =>
    Effect.gen(function* () {
      const invocation = yield* inDirectory()
      mkdirSync(join(invocation.directory, "router_config.json"))
      refused(yield* run(invocation), "router_config.json", "cannot be read")
    })
  )
})

describe(".env", () => {
  it.live("is read from the working directory, and the environment wins", () =>
    Effect.gen(function* () {
      const { directory } = yield* inDirectory()
      writeFileSync(
        join(directory, ".env"),
        `ROUTING_MODE=ollama\nROUTER_CONFIG_PATH=./mine.json\nOPENROUTER_API_KEY=${key}\n`
      )
      const { banner } = yield* started({ directory })
      assert.include(banner, "keywords")
      assert.include(banner, "mine.json")
      assert.notInclude(banner, "missing")
    })
  )

  it.live("that cannot be read stops the start: it may hold the keys", () =>
    Effect.gen(function* () {
      const { directory } = yield* inDirectory()
      mkdirSync(join(directory, ".env"))
      refused(yield* run({ directory }), ".env: cannot be read (EISDIR)")
    })
  )

  it.live("that is no UTF-8 stops the start", () =>
    Effect.gen(function* () {
      const { directory } = yield* inDirectory()
      writeFileSync(join(directory, ".env"), "PORT=3456\n", "utf16le")
      refused(yield* run({ directory }), ".env: is no UTF-8 text")
    })
  )

  it.live("whose quotes are not closed stops the start, and the key is not shown", () =>
    Effect.gen(function* () {
      const { directory } = yield* inDirectory()
      writeFileSync(join(directory, ".env"), `OPENROUTER_API_KEY="${key}\n`)
      const ended = yield* run({ directory })
      refused(ended, "OPENROUTER_API_KEY", "no quote at an end")
      assert.notInclude(ended.stderr, key)
    })
  )
})

describe("--help and --version", () => {
  it.live.each(["--help", "-h", "--colour --help"])("%s prints every setting and starts nothing", (args) =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* runWith({ args: args.split(" ") })
      assert.strictEqual(code, 0)
      assert.strictEqual(stderr, "")
      for (const text of ["--port", "--sandbox", "OPENROUTER_API_KEY", "SHUTDOWN_GRACE_MS"])
        assert.include(stdout, text)
    })
  )

  it.live("--version prints the version alone, even under wrong settings", () =>
    Effect.gen(function* () {
      const ended = yield* runWith({ args: ["--version"], env: { PORT: "eighty" } })
      assert.deepStrictEqual(ended, { code: 0, signal: null, stdout: `${version}\n`, stderr: "" })
    })
  )
})

it.live("without a key it starts, decides, and says what to do", () =>
  Effect.gen(function* () {
    const { url } = yield* startWith()
    for (const stream of [false, true]) {
      const chat = yield* json(`${url}/v1/chat/completions`, chatBody({ stream }))
      assert.strictEqual(chat.status, 503)
      assert.strictEqual(chat.json.error.code, "upstream_not_configured")
      assert.match(chat.json.error.message, /OPENROUTER_API_KEY.*--sandbox/)
    }
    const health = yield* json(`${url}/health`)
    assert.strictEqual(health.status, 503)
    assert.strictEqual(health.json.status, "unhealthy")
    assert.strictEqual(health.json.checks.openrouter.status, "error")
    assert.include(health.json.checks.openrouter.message, "OPENROUTER_API_KEY")
    const route = yield* json(
      `${url}/v1/route`,
      chatBody({ messages: [{ role: "user", content: "fix this python function" }] })
    )
    assert.deepInclude(route.json, { category: "code", source: "keywords" })
    for (const path of ["/v1/models", "/config", "/metrics", "/health/ready", "/health/live", "/openapi.json"]) {
      assert.strictEqual((yield* json(`${url}${path}`)).status, 200)
    }
  })
)

describe("--sandbox", () => {
  it.live("keeps its ledger in memory, wherever the real one is, and its configuration in the real file", () =>
    Effect.gen(function* () {
      const directory = yield* workingDirectory
      const env = { LEDGER_PATH: "./ledger.sqlite", ROUTER_CONFIG_PATH: "./mine.json" }
      const { banner, url } = yield* started({ directory, env, args: ["--sandbox"] })
      assert.match(banner, /ledger +memory/)
      assert.strictEqual((yield* json(`${url}/v1/chat/completions`, chatBody())).status, 200)
      assert.strictEqual((yield* json(`${url}/usage`)).json.totals.requests, 1)
      const drill = posted({ name: "drill", models: ["a/one"] })
      assert.strictEqual((yield* json(`${url}/config/category`, drill)).status, 201)
      assert.isFalse(existsSync(join(directory, "ledger.sqlite")))
      assert.isTrue(existsSync(join(directory, "mine.json")))
    })
  )

  it.live("answers whole and streamed, falls back from models that fail, and says what it is in every response", () =>
    Effect.gen(function* () {
      const { url } = yield* startWith({ args: ["--sandbox"] })
      const whole = yield* json(`${url}/v1/chat/completions`, chatBody())
      assert.strictEqual(whole.status, 200)
      assert.include(whole.json.choices[0].message.content, "simulated")
      const streamed = yield* Effect.promise(() => fetch(`${url}/v1/chat/completions`, chatBody({ stream: true })))
      const events = yield* Effect.promise(() => streamed.text())
      assert.include(events, "data: [DONE]")
      yield* json(`${url}/config/category`, posted({ name: "drill", models: ["a/fail-always", "b/two"] }))
      const rescued = yield* json(`${url}/v1/chat/completions`, chatBody({ model: "drill" }))
      assert.strictEqual(rescued.headers.get("x-router-model"), "b/two")
      assert.strictEqual(rescued.headers.get("x-router-sandbox"), "true")
      const failed = yield* json(`${url}/v1/chat/completions`, chatBody({ model: "a/fail-always" }))
      assert.strictEqual(failed.status, 502)
      const others = [
        "/v1/models",
        "/config",
        "/metrics",
        "/health",
        "/health/ready",
        "/health/live",
        "/openapi.json",
        "/nowhere"
      ]
      const responses = yield* Effect.forEach(others, (path) => json(`${url}${path}`))
      const all = [whole, streamed, rescued, failed, ...responses]
      assert.deepStrictEqual(
        all.map(({ headers }) => headers.get("x-router-sandbox")),
        all.map(() => "true")
      )
    })
  )
})
