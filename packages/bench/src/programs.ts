/**
 * Contestants that do not come with this repository: nginx if it is installed, Portkey from npm into a cache folder.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import type { Programs } from "./contestants.ts"
import { programAt } from "./processes.ts"

const portkeyVersion = "1.15.2"

const manifest = {
  name: "portkey-contestant",
  version: "1.0.0",
  private: true,
  dependencies: { "@portkey-ai/gateway": portkeyVersion },
  // With a later one of the range that Portkey asks for, its every stream answers 500.
  overrides: { "@hono/node-server": "1.13.8" }
}

/** Whether npm could install it; without its scripts, and within two minutes. */
const install = (directory: string): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, "package.json"), JSON.stringify(manifest))
    const npm = spawn("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: directory,
      stdio: "ignore"
    })
    npm.once("error", () => resume(Effect.succeed(false)))
    npm.once("exit", (code) => resume(Effect.succeed(code === 0)))
    return Effect.sync(() => npm.kill())
  }).pipe(Effect.timeoutOrElse({ duration: "2 minutes", orElse: () => Effect.succeed(false) }))

/** Portkey's start file, installed at its first use. */
const portkey = Effect.fnUntraced(function* (say: (line: string) => void) {
  const directory = join(homedir(), ".cache", "llm-router-bench", `portkey-${portkeyVersion}`)
  const start = join(directory, "node_modules", "@portkey-ai", "gateway", "build", "start-server.js")
  if (existsSync(start)) return start
  say(`installing @portkey-ai/gateway ${portkeyVersion} into ${directory}, once`)
  return (yield* install(directory)) && existsSync(start) ? start : undefined
})

/** `isWanted` says who takes part: what nobody asks for is not installed. */
export const programsFor = Effect.fnUntraced(function* (
  isWanted: (name: string) => boolean,
  say: (line: string) => void
) {
  return {
    nginx: programAt("nginx", process.env["PATH"] ?? ""),
    portkey: isWanted("portkey") ? yield* portkey(say) : undefined
  } satisfies Programs
})
