/**
 * Starts the router as `rolldown.config.ts` builds it, built before if its sources have changed; where that cannot be
 * done, from the sources themselves. JavaScript, so that no TypeScript compiler stays in the router's memory.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs"
import * as nodeModule from "node:module"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"

const oldestNode = 24
if (Number.parseInt(process.versions.node, 10) < oldestNode) {
  console.error(
    `llm-router: it needs Node ${oldestNode}, and this is ${process.versions.node}: start it as the README says (pnpm start), which brings its own`
  )
  process.exit(1)
}

const server = import.meta.dirname
const root = join(server, "..", "..")
const dist = join(server, "dist")

const filesIn = (folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, file))

/** Changes with every change to what goes into the build. */
const versionOfSources = () => {
  const hash = createHash("sha256")
  const packages = ["api", "domain", "router", "server", "testing"].map((name) => join(root, "packages", name))
  for (const file of [
    join(root, "pnpm-lock.yaml"),
    join(server, "rolldown.config.ts"),
    ...packages.flatMap((folder) => [join(folder, "package.json"), ...filesIn(join(folder, "src"))])
  ]) {
    const { mtimeMs, size } = statSync(file)
    hash.update(`${file} ${mtimeMs} ${size}\n`)
  }
  return hash.digest("hex").slice(0, 16)
}

/** Also while another router makes it. Node's own way (`recursive`) calls a file system that is read-only ENOENT. */
const makeFolder = (folder) => {
  try {
    mkdirSync(folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
  }
}

/** Into a folder of its own, named when it is complete: another router may run from an earlier one, or build too. */
const build = (folder) => {
  const unfinished = `${folder}.${process.pid}`
  try {
    // The bundler's own word on a folder that cannot be written is a page long.
    makeFolder(dist)
    makeFolder(unfinished)
    const rolldown = fileURLToPath(new URL("./bin/cli.mjs", import.meta.resolve("rolldown/package.json")))
    const options = ["--config", "--logLevel", "silent", "--dir", unfinished]
    const { status, stderr } = spawnSync(process.execPath, [rolldown, ...options], { cwd: server, encoding: "utf8" })
    if (status !== 0) throw new Error(stderr)
    const earlier = readdirSync(dist).filter((name) => !name.includes("."))
    if (!existsSync(folder)) renameSync(unfinished, folder)
    // One is kept, for the routers that still run from it.
    const byAge = earlier.map((name) => join(dist, name)).toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
    for (const old of byAge.slice(1)) rmSync(old, { recursive: true, force: true })
  } catch (error) {
    console.error(`llm-router: it starts from its sources, for it could not be built: ${error.message}`)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

// A request goes through hundreds of small functions; V8 stops putting them into their callers at 920 bytes of bytecode.
// Twice that takes 6 % off its processor time (docs/performance.md).
setFlagsFromString("--max-inlined-bytecode-size-cumulative=2000")

const folder = join(dist, versionOfSources())
const built = join(folder, "main.js")
if (!existsSync(built)) build(folder)
nodeModule.enableCompileCache(join(root, "node_modules", ".cache", "compile"))
await import(existsSync(built) ? built : "./src/main.ts")
