/** Programs that are not ours, started on free ports and stopped with the scope. */
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Schedule } from "effect"

export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "llm-router-observability-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** Whether a program is there to be started. */
export const isInstalled = (program: string): boolean => spawnSync(program, ["--version"]).status === 0

const freePort = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

export const freePorts = (count: number) => Effect.all(Array.from({ length: count }, () => freePort))

/** Polls until it holds; dies with what it was about when it does not in time. */
export const eventually = <A>(what: string, look: Effect.Effect<A | undefined>, seconds = 60): Effect.Effect<A> =>
  Effect.gen(function* () {
    const found = yield* look
    return found === undefined ? yield* Effect.fail(what) : found
  }).pipe(Effect.retry({ schedule: Schedule.spaced("250 millis"), times: seconds * 4 }), Effect.orDie)

/** The text of a page, or nothing while nobody answers. */
export const page = (url: string): Effect.Effect<string | undefined> =>
  Effect.promise(async (signal) => {
    try {
      const response = await fetch(url, { signal })
      return response.ok ? await response.text() : undefined
    } catch {
      return undefined
    }
  })

/** Starts a program and waits until its page answers. What it said comes with its death, should it die early. */
export const running = (
  program: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>,
  readyUrl: string
) =>
  Effect.gen(function* () {
    let said = ""
    let isOver = false
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] })
        for (const output of [child.stdout, child.stderr]) {
          output.on("data", (piece: Buffer) => {
            said = `${said}${piece.toString()}`.slice(-4000)
          })
        }
        child.once("exit", () => {
          isOver = true
        })
        return child
      }),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    yield* eventually(
      `${program} at ${readyUrl}`,
      Effect.tap(page(readyUrl), () => (isOver ? Effect.die(new Error(`${program} ended: ${said}`)) : Effect.void))
    )
    return { said: () => said }
  })
