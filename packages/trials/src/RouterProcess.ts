/** The router as a process of its own, with what only its inside knows: memory behind a collection, what is open. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Schema, type Scope } from "effect"
import type { ProcessFacts } from "./probe.ts"

/** The process did not start, or not in order. */
export class TrialFailed extends Schema.TaggedError<TrialFailed>()("TrialFailed", { message: Schema.String }) {}

export interface RouterProcess {
  readonly url: string
  readonly pid: number
  readonly facts: Effect.Effect<ProcessFacts>
  /** Open sockets and files, as Linux tells them. */
  readonly descriptors: () => number
  readonly stop: Effect.Effect<number | null>
}

const launch = fileURLToPath(import.meta.resolve("@llm-router/server/launch"))
const probe = fileURLToPath(new URL("./probe.ts", import.meta.url))

export const trialDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "llm-router-trial-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** A thread that starts when it is first needed brings an event loop of five descriptors, which are no leak. */
const isHeld = (path: string): boolean => {
  try {
    return !/^(?:anon_inode|pipe):/.test(readlinkSync(path))
  } catch {
    // Closed since it was listed.
    return false
  }
}

const listening = /listens on (http:\/\/\S+?)(?:\\n|\s)/

/** Started in the directory, under these settings and nothing else of this process's environment. Killed with the scope. */
export const startRouter = Effect.fnUntraced(function* (
  directory: string,
  env: Readonly<Record<string, string>>,
  nodeOptions: ReadonlyArray<string> = []
): Effect.fn.Return<RouterProcess, TrialFailed, Scope.Scope> {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, ["--expose-gc", ...nodeOptions, `--import=${probe}`, launch], {
        cwd: directory,
        env: { PORT: "0", ROUTING_MODE: "keywords", ...env },
        stdio: ["ignore", "pipe", "inherit", "ipc"]
      })
    ),
    (started) =>
      Effect.promise(async () => {
        if (started.exitCode !== null || started.signalCode !== null) return
        const ended = once(started, "exit")
        started.kill("SIGKILL")
        await ended
      })
  )
  const url = yield* Effect.callback<string, TrialFailed>((resume) => {
    let text = ""
    child.stdout?.on("data", (piece: Buffer) => {
      if (text === "listening") return
      text += piece.toString()
      const found = listening.exec(text)?.[1]
      if (found === undefined) return
      // The rest is read and dropped, so that the router's log finds no full pipe.
      text = "listening"
      resume(Effect.succeed(found))
    })
    child.once("exit", (code) =>
      resume(new TrialFailed({ message: `the router ended with ${code} before it listened` }))
    )
  }).pipe(
    Effect.timeoutOrElse({
      duration: "1 minute",
      orElse: () => Effect.fail(new TrialFailed({ message: "the router did not say within a minute that it listens" }))
    })
  )
  const pid = child.pid ?? 0
  return {
    url,
    pid,
    facts: Effect.callback((resume) => {
      // The probe's only message.
      child.once("message", (facts) => resume(Effect.succeed(facts as ProcessFacts)))
      child.send("facts")
    }),
    descriptors: () => readdirSync(`/proc/${pid}/fd`).filter((name) => isHeld(`/proc/${pid}/fd/${name}`)).length,
    stop: Effect.promise(async () => {
      const ended = once(child, "exit")
      child.kill("SIGTERM")
      const [code] = await ended
      return typeof code === "number" ? code : null
    })
  }
})
