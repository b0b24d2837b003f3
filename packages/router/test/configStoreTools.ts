import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ConfigStore } from "../src/ConfigStore.ts"

/** The path of a file that does not exist yet, in a directory of its own. */
export const newPath = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(join(tmpdir(), "config-store-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true }))
).pipe(Effect.map((directory) => join(directory, "router_config.json")))

export const open = (path: string, circuit = {}) =>
  Layer.build(ConfigStore.layerFile({ path, defaultModel: "z-ai/glm-5", circuit })).pipe(
    Effect.map((context) => Context.get(context, ConfigStore))
  )

/** A store over a file with this text. */
export const openWith = Effect.fnUntraced(function* (text: string) {
  const path = yield* newPath
  fs.writeFileSync(path, text)
  return { path, store: yield* open(path) }
})

/** Waits for work of the event loop, not for time: asks again each time it went round. */
const until = <A>(ask: Effect.Effect<A>, holds: (answer: A) => boolean): Effect.Effect<A> =>
  Effect.filterOrElse(ask, holds, () =>
    Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void))).pipe(
      Effect.andThen(Effect.suspend(() => until(ask, holds)))
    )
  )

/** Asks until the store that watches the file answers so; each round lets the reads under way end. */
export const nextLook = (store: ConfigStore["Service"], holds: (problem: string | undefined) => boolean) =>
  Effect.andThen(TestClock.adjust("1 second"), until(store.problem, holds))

const writer = fileURLToPath(new URL("fixtures/config-writer.ts", import.meta.url))

/**
 * The names that a process had acknowledged when it was killed: when there were `count` of them, and after that
 * as many events in the file's directory (a file made, written, renamed) as `events` says, so amid a write.
 */
export const killedWriter = (path: string, count: number, events: number): Effect.Effect<ReadonlyArray<string>> =>
  Effect.callback((resume) => {
    const names: Array<string> = []
    const child = spawn(process.execPath, [writer, path], { stdio: ["ignore", "pipe", "inherit"] })
    let left = events
    const countDown = () => {
      if (names.length >= count && left-- <= 0) child.kill("SIGKILL")
    }
    const watcher = fs.watch(dirname(path), countDown)
    createInterface(child.stdout).on("line", (name) => {
      names.push(name)
      if (names.length === count && events === 0) countDown()
    })
    child.once("close", () => {
      watcher.close()
      resume(Effect.succeed(names))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })
