/** The product as a process of its own: started, asked, signalled and killed. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"

const launch = fileURLToPath(new URL("../launch.mjs", import.meta.url))

/** A private working directory. */
export const workingDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "llm-router-process-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

export interface Invocation {
  readonly directory: string
  readonly env?: Readonly<Record<string, string>>
  readonly args?: ReadonlyArray<string>
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RouterProcess {
  /** The origin that the banner tells. */
  readonly url: string
  readonly banner: string
  readonly signal: (signal: NodeJS.Signals) => void
  /** Nobody reads its stdout any more. */
  readonly closeLog: () => void
  /** Waits for the end. */
  readonly ended: Effect.Effect<Ended>
}

interface Spawned {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly ended: Promise<Ended>
}

/** Nothing of this process's environment but its path: a developer's key or `.env` must not get into a test. */
const spawned = ({ args = [], directory, env = {} }: Invocation): Effect.Effect<Spawned, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [launch, ...args], {
        cwd: directory,
        env: { PATH: process.env["PATH"], PORT: "0", ROUTING_MODE: "keywords", ...env },
        stdio: ["ignore", "pipe", "pipe"]
      })
      const out: Array<Buffer> = []
      const err: Array<Buffer> = []
      child.stdout.on("data", (piece: Buffer) => out.push(piece))
      child.stderr.on("data", (piece: Buffer) => err.push(piece))
      const stdout = () => Buffer.concat(out).toString()
      const ended = new Promise<Ended>((resolve) => {
        child.once("close", (code, signal) =>
          resolve({ code, signal, stdout: stdout(), stderr: Buffer.concat(err).toString() })
        )
      })
      return { child, stdout, ended }
    }),
    ({ child, ended }) =>
      Effect.promise(() => {
        child.kill("SIGKILL")
        return ended
      })
  )

/** Runs to the end: for what prints something, or cannot start. */
export const run = (invocation: Invocation): Effect.Effect<Ended> =>
  Effect.scoped(Effect.flatMap(spawned(invocation), ({ ended }) => Effect.promise(() => ended)))

const listening = /listens on (http:\/\/\S+?)(?:\\n|\s)/

/** Starts and waits for the banner. Killed with the scope. */
export const started = Effect.fnUntraced(function* (invocation: Invocation) {
  const { child, ended, stdout } = yield* spawned(invocation)
  const banner = yield* Effect.callback<string>((resume) => {
    const look = () => void (listening.test(stdout()) && resume(Effect.succeed(stdout())))
    child.stdout?.on("data", look)
    child.once("close", () =>
      ended.then(({ code, stderr }) =>
        resume(Effect.die(new Error(`it ended with ${code} before it listened: ${stderr}`)))
      )
    )
    look()
  })
  return {
    url: listening.exec(banner)?.[1] ?? "",
    banner,
    signal: (signal) => void child.kill(signal),
    closeLog: () => void child.stdout?.destroy(),
    ended: Effect.promise(() => ended)
  } satisfies RouterProcess
})
