/** Client keys of which nothing but a hash is at rest. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { get, withServer } from "./harness.ts"

const launch = fileURLToPath(new URL("../launch.mjs", import.meta.url))

const keys = (args: ReadonlyArray<string>, stdin = "") =>
  spawnSync(process.execPath, [launch, "keys", ...args], { input: stdin, encoding: "utf8" })

/** Printed by `printf hello | sha256sum`. */
const helloHash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

const statusWith = (path: string, key: string) =>
  Effect.map(get(path, { headers: { authorization: `Bearer ${key}` } }), ({ status }) => status)

describe("pnpm router keys", () => {
  it("hash reads the key from stdin and prints an entry", () => {
    assert.strictEqual(keys(["hash", "alice"], "hello\n").stdout, `alice:sha256:${helloHash}\n`)
    assert.strictEqual(keys(["hash"], "hello").stdout, `sha256:${helloHash}\n`)
  })

  it.live("new makes a key that the entry beside it lets in", () =>
    Effect.suspend(() => {
      const { stdout } = keys(["new", "alice"])
      const key = /llmr_[\w-]{43}/.exec(stdout)?.[0] ?? ""
      const entry = /alice:sha256:[0-9a-f]{64}/.exec(stdout)?.[0] ?? ""
      return Effect.gen(function* () {
        assert.strictEqual(yield* statusWith("/v1/models", key), 200)
        assert.strictEqual(yield* statusWith("/v1/models", `${key}x`), 401)
        // Whoever has read the setting has no key.
        for (const stolen of [entry, entry.slice("alice:".length), entry.slice("alice:sha256:".length)]) {
          assert.strictEqual(yield* statusWith("/v1/models", stolen), 401)
        }
      }).pipe(withServer({ ROUTER_API_KEYS: `other-key-in-the-clear,${entry}` }))
    })
  )

  it.live("hashes do for bare keys and for the admin key", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* statusWith("/v1/models", "hello"), 200)
      assert.strictEqual(yield* statusWith("/metrics", "hello"), 200)
      assert.strictEqual(yield* statusWith("/metrics", `sha256:${helloHash}`), 401)
    }).pipe(withServer({ ROUTER_API_KEYS: `sha256:${helloHash}`, ROUTER_ADMIN_KEY: `sha256:${helloHash}` }))
  )

  it.each([[["hash", "no id"]], [["new"]], [["new", "a", "b"]], [["list"]], [[]]])(
    "%j is told how, in one line",
    (args) => {
      const { status, stderr, stdout } = keys(args, "hello")
      assert.strictEqual(status, 1)
      assert.match(stderr, /^llm-router: keys: .*\n$/)
      assert.strictEqual(stdout, "")
    }
  )

  it("an empty or broken key is refused", () => {
    assert.strictEqual(keys(["hash", "a"], "").status, 1)
    assert.strictEqual(keys(["hash", "a"], "two words\n").status, 1)
  })
})
