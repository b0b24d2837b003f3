/** What a start says where its build cannot be written, such as on a file system that is read-only. */
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { workingDirectory } from "./routerProcess.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))

/** The repository by links, but for the launcher, whose folder of builds cannot be one: a file has its name. */
const withoutBuilds = Effect.map(workingDirectory, (directory) => {
  const link = (path: string) => symlinkSync(join(root, path), join(directory, path))
  const launch = "packages/server/launch.mjs"
  mkdirSync(join(directory, "packages/server"), { recursive: true })
  for (const name of ["api", "domain", "router", "testing"]) link(join("packages", name))
  for (const name of ["node_modules", "package.json", "rolldown.config.ts", "src"]) link(join("packages/server", name))
  link("pnpm-lock.yaml")
  copyFileSync(join(root, launch), join(directory, launch))
  writeFileSync(join(directory, "packages/server/dist"), "")
  return join(directory, launch)
})

it.live("that it starts from its sources, and why, in one line", () =>
  Effect.gen(function* () {
    const { status, stderr, stdout } = spawnSync(process.execPath, [yield* withoutBuilds, "--version"], {
      encoding: "utf8"
    })
    assert.match(stderr, /^llm-router: it starts from its sources, for it could not be built: ENOTDIR[^\n]*\n$/)
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
    assert.strictEqual(status, 0)
  })
)
