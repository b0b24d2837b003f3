/** A small disk of its own that can be made full. Needs root on Linux; elsewhere a trial goes without. */
import { spawnSync } from "node:child_process"
import { Effect, type Scope } from "effect"

export interface Disk {
  readonly fill: () => void
  readonly free: () => void
}

const mounted = (options: string, directory: string, from: ReadonlyArray<string>): boolean =>
  spawnSync("mount", [...from, "-o", options, ...(from.length > 0 ? ["tmpfs"] : []), directory]).status === 0

const bytes = 2 * 1024 * 1024 * 1024

const usedKibibytes = (directory: string): number => {
  const { stdout } = spawnSync("df", ["--output=used", "-k", directory], { encoding: "utf8" })
  return Number(stdout.split("\n")[1] ?? "")
}

/** Over the directory; `undefined` where this machine lets nobody mount. */
export const diskAt = (directory: string): Effect.Effect<Disk | undefined, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => mounted(`size=${bytes}`, directory, ["-t", "tmpfs"])),
    (is) => Effect.sync(() => void (is && spawnSync("umount", ["-l", directory])))
  ).pipe(
    Effect.map((is) =>
      is
        ? {
            fill: () => void mounted(`remount,size=${usedKibibytes(directory)}k`, directory, []),
            free: () => void mounted(`remount,size=${bytes}`, directory, [])
          }
        : undefined
    )
  )
