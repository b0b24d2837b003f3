/** A small disk of its own that can be made full. Needs root on Linux; elsewhere a trial goes without. */
import { execFile } from "node:child_process"
import { Effect, type Scope } from "effect"

export interface Disk {
  readonly fill: Effect.Effect<void>
  readonly free: Effect.Effect<void>
}

/** What a command prints; `undefined` when it fails. The trial goes on meanwhile: its clients' clocks are its own. */
const printed = (command: string, args: ReadonlyArray<string>): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    execFile(command, [...args], (error, stdout) => resume(Effect.succeed(error === null ? stdout : undefined)))
  })

const mounted = (options: string, directory: string, from: ReadonlyArray<string>): Effect.Effect<boolean> =>
  Effect.map(
    printed("mount", [...from, "-o", options, ...(from.length > 0 ? ["tmpfs"] : []), directory]),
    (result) => result !== undefined
  )

const bytes = 2 * 1024 * 1024 * 1024

const usedKibibytes = (directory: string): Effect.Effect<number> =>
  Effect.map(printed("df", ["--output=used", "-k", directory]), (text = "") => Number(text.split("\n")[1] ?? ""))

/** Over the directory; `undefined` where this machine lets nobody mount. */
export const diskAt = (directory: string): Effect.Effect<Disk | undefined, never, Scope.Scope> =>
  Effect.acquireRelease(mounted(`size=${bytes}`, directory, ["-t", "tmpfs"]), (is) =>
    is ? printed("umount", ["-l", directory]) : Effect.void
  ).pipe(
    Effect.map((is) =>
      is
        ? {
            fill: Effect.flatMap(usedKibibytes(directory), (used) => mounted(`remount,size=${used}k`, directory, [])),
            free: mounted(`remount,size=${bytes}`, directory, [])
          }
        : undefined
    )
  )
