/** `backup FILE` copies the ledger of a router that runs, and says in one line why it cannot. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { FakeOpenRouter } from "@llm-router/testing/FakeOpenRouter"
import { Effect } from "effect"
import { run, started, workingDirectory } from "./routerProcess.ts"

describe("backup", () => {
  it.live("copies what was committed while the router runs", () =>
    Effect.gen(function* () {
      const directory = yield* workingDirectory
      const upstream = yield* FakeOpenRouter
      const env = {
        LEDGER_PATH: "./ledger.sqlite",
        OPENROUTER_API_KEY: "sk-or-v1-test-key-0123456789abcdef",
        OPENROUTER_BASE_URL: upstream.url
      }
      const { url } = yield* started({ directory, env })
      const body = JSON.stringify({ messages: [{ role: "user", content: "hello" }] })
      const headers = { "content-type": "application/json", "x-request-id": "before-the-backup" }
      yield* Effect.promise(() => fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body }))
      const { code, stdout } = yield* run({ directory, env, args: ["backup", "copy.sqlite"] })
      assert.strictEqual(code, 0, stdout)
      const copy = new DatabaseSync(join(directory, "copy.sqlite"), { readOnly: true })
      const [row] = copy.prepare("SELECT request_id FROM requests").all()
      copy.close()
      assert.strictEqual(row?.["request_id"], "before-the-backup")
    }).pipe(Effect.provide(FakeOpenRouter.layer))
  )

  it.live.each<readonly [when: string, args: ReadonlyArray<string>, reason: RegExp]>([
    ["no file is named", ["backup"], /name the file/],
    ["there is no ledger", ["backup", "copy.sqlite"], /ledger\.sqlite|unable to open/]
  ])("ends with one line on stderr when %s", ([, args, reason]) =>
    Effect.gen(function* () {
      const directory = yield* workingDirectory
      const { code, stderr } = yield* run({ directory, args })
      assert.strictEqual(code, 1)
      assert.match(stderr, reason)
      assert.strictEqual(stderr.trim().split("\n").length, 1)
      assert.isFalse(existsSync(join(directory, "copy.sqlite")))
    })
  )
})
