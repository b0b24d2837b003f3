/**
 * The processes of a run. Each belongs to a scope and ends with it, whatever ends the scope.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, existsSync, openSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { availableParallelism } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Schema, type Scope } from "effect"
import { cpuMicrosOf, familyOf } from "./procfs.ts"

export class BenchError extends Schema.TaggedError<BenchError>()("BenchError", { message: Schema.String }) {}

export interface Running {
  readonly child: ChildProcess
  readonly cpuMicros: () => number
  readonly pids: () => ReadonlyArray<number>
  /** The end of what it printed. */
  readonly printed: () => string
}

/** Where a program is, by PATH and the places for daemons that a user's PATH may lack. */
export const programAt = (name: string, path: string): string | undefined =>
  [...path.split(delimiter), "/usr/sbin", "/usr/local/sbin"].map((folder) => join(folder, name)).find(existsSync)

type Role = "contestant" | "upstream" | "load"

/** The contestant has a core of its own; the upstream and the load share one where there are only two. */
const coreOf = (role: Role): number =>
  role === "contestant" ? 0 : role === "load" && availableParallelism() > 2 ? 2 : 1

const taskset = programAt("taskset", "/usr/bin:/bin")
const setpriv = programAt("setpriv", "/usr/bin:/bin")

/** On its core, and ended by the kernel should this process be killed. */
const bound = (role: Role, command: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...(setpriv === undefined ? [] : [setpriv, "--pdeathsig", "TERM"]),
  ...(taskset === undefined || availableParallelism() < 2 ? [] : [taskset, "-c", String(coreOf(role))]),
  ...command
]

const kill = (pids: ReadonlyArray<number>): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // It is gone already.
    }
  }
}

const stop = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return resume(Effect.void)
    const family = familyOf(child.pid)
    const patience = setTimeout(kill, 2000, family)
    child.once("exit", () => {
      clearTimeout(patience)
      kill(family.slice(1))
      resume(Effect.void)
    })
    child.kill("SIGTERM")
  })

export interface Command {
  readonly role: Role
  readonly command: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  /** Working directory, and where its output is kept. */
  readonly directory: string
  readonly log: string
  /** With a channel for messages. */
  readonly talks?: boolean
}

/** Starts a process on its core; it has nothing of this process's environment but its path. */
export const started = ({
  command,
  directory,
  env,
  log,
  role,
  talks
}: Command): Effect.Effect<Running, never, Scope.Scope> => {
  const file = join(directory, log)
  return Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const output = openSync(file, "w")
        const [program = "", ...args] = bound(role, command)
        const child = spawn(program, args, {
          cwd: directory,
          env: { PATH: process.env["PATH"], NODE_ENV: "production", ...env },
          stdio: talks === true ? ["ignore", output, output, "ipc"] : ["ignore", output, output]
        })
        child.once("error", () => undefined)
        closeSync(output)
        return child
      }),
      stop
    ),
    (child) => {
      let family: ReadonlyArray<number> = []
      const pids = () => (family.length === 0 ? familyOf(child.pid ?? 0) : family)
      return {
        child,
        pids,
        cpuMicros: () => {
          // Once it works it has the processes that it will have; to look for them each time takes longer than a slice.
          family = pids()
          return cpuMicrosOf(family)
        },
        printed: () => readFileSync(file, "utf8").slice(-2000)
      }
    }
  )
}

/** A helper of this package, by the name of its file. */
export const helper = (name: string, role: Role, directory: string) =>
  started({
    role,
    directory,
    log: `${name}.log`,
    talks: true,
    command: [process.execPath, fileURLToPath(new URL(`${name}.ts`, import.meta.url))]
  })

/** The next message of a helper, after it was asked something. */
export const told = <Answer>(
  { child, printed }: Running,
  ask?: object,
  patience: `${number} seconds` = "30 seconds"
): Effect.Effect<Answer, BenchError> =>
  Effect.callback<Answer, BenchError>((resume) => {
    const onMessage = (message: Answer) => {
      child.off("exit", onExit)
      resume(Effect.succeed(message))
    }
    const onExit = () => {
      child.off("message", onMessage)
      resume(Effect.fail(new BenchError({ message: `a helper ended: ${printed()}` })))
    }
    child.once("message", onMessage)
    child.once("exit", onExit)
    if (ask !== undefined) child.send(ask)
    return Effect.sync(() => {
      child.off("message", onMessage)
      child.off("exit", onExit)
    })
  }).pipe(
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () => Effect.fail(new BenchError({ message: "a helper did not answer" }))
    })
  )

export const freePort: Effect.Effect<number> = Effect.callback((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})
