/** Changes that were acknowledged survive a kill -9; a file that is not valid stops the start and is left as it is. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run, started, workingDirectory } from "./routerProcess.ts"

const changeOf = (index: number) => JSON.stringify({ name: `c-${index}`, models: [`a/m${index}`], keywords: ["word"] })

/** 200 changes at once, and a SIGKILL when so many were acknowledged. The acknowledged names. */
const killedAmidChanges = (url: string, kill: () => void, count: number) =>
  Effect.promise(async () => {
    const acknowledged: Array<string> = []
    const changes = Array.from({ length: 200 }, async (_, index) => {
      const response = await fetch(`${url}/config/category`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: changeOf(index)
      })
      acknowledged.push(...(response.status === 201 ? [`c-${index}`] : []))
      return acknowledged.length === count ? kill() : undefined
    })
    await Promise.allSettled(changes)
    return acknowledged
  })

describe("a process killed amid 200 changes", () => {
  it.live.each([1, 40, 120])("has every acknowledged one after a restart (%d and more)", (count) =>
    Effect.gen(function* () {
      const directory = yield* workingDirectory
      const first = yield* started({ directory })
      const acknowledged = yield* killedAmidChanges(first.url, () => first.signal("SIGKILL"), count)
      assert.strictEqual((yield* first.ended).signal, "SIGKILL")
      assert.isAtLeast(acknowledged.length, count)
      assert.isBelow(acknowledged.length, 200)
      const second = yield* started({ directory })
      const config = yield* Effect.promise(async () => (await fetch(`${second.url}/config`)).json())
      assert.containsAllKeys((config as { categories: object }).categories, acknowledged)
    })
  )
})

const corrupt: ReadonlyArray<readonly [what: string, text: string, place: RegExp]> = [
  ["broken JSON", '{\n  "version": 2,\n  "categories": {oops}\n}\n', /line 3, column 18/],
  ["half a file", '{"version": 2, "categories": {"code": {"mod', /line 1/],
  ["an empty file", "", /line 1/],
  [
    "a wrong field",
    '{\n  "version": 2,\n  "categories": {\n    "code": {"models": ["x"]}\n  }\n}',
    /code\.models\[0\].*line 4/
  ],
  ["an unknown field", '{"version": 2,\n"colour": "red"}', /colour.*line 2/],
  ["a later version", '{"version": 99}', /version.*99/],
  ["no object", "[]", /object/]
]

describe("a file that is not valid", () => {
  it.live.each(corrupt)("stops the start in one line that says where, and is left as it is: %s", ([, text, place]) =>
    Effect.gen(function* () {
      const directory = yield* workingDirectory
      const path = join(directory, "router_config.json")
      writeFileSync(path, text)
      const { code, stderr, stdout } = yield* run({ directory })
      assert.strictEqual(code, 1)
      assert.match(stderr, /^llm-router: [^\n]+\n$/)
      assert.match(stderr, place)
      assert.include(stderr, "router_config.json")
      assert.notMatch(stderr + stdout, /\n\s+at /)
      assert.strictEqual(readFileSync(path, "utf8"), text)
    })
  )
})
