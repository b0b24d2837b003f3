/**
 * Files that survive a kill -9 and a power cut: a reader sees the old content or the new, never a part.
 */
import { randomUUID } from "node:crypto"
import { constants, readFileSync, renameSync, type Stats, statSync } from "node:fs"
import * as fs from "node:fs/promises"
import { hostname } from "node:os"
import { basename, dirname, join, resolve } from "node:path"
import { Duration, Effect, Predicate, Schedule } from "effect"
import { makeDirectory } from "./makeDirectory.ts"

export const mebibyte = 1024 * 1024

/** What is at a path: an absent file is a state of its own, an unreadable one says why. */
export type Observed =
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Unreadable"; readonly message: string }

/** Whether nothing changed between two looks. */
export const sameObserved = (left: Observed, right: Observed): boolean =>
  left._tag === "Text" && right._tag === "Text"
    ? left.text === right.text
    : JSON.stringify(left) === JSON.stringify(right)

const codeOf = (error: unknown): string | undefined =>
  Predicate.hasProperty(error, "code") && typeof error.code === "string" ? error.code : undefined

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const textIn = (bytes: Buffer): Observed => ({
  _tag: "Text",
  text: new TextDecoder("utf-8", { fatal: true }).decode(bytes)
})

const observedFailure = (error: unknown): Observed => {
  if (codeOf(error) === "ENOENT") return { _tag: "Absent" }
  const notText = codeOf(error) === "ERR_ENCODING_INVALID_ENCODED_DATA"
  return { _tag: "Unreadable", message: notText ? "it is not UTF-8 text" : messageOf(error) }
}

/** A pipe would never end, and a huge file would take the memory: what is odd is not opened. */
const refuseOdd = (found: Stats, mostBytes: number): void => {
  if (!found.isFile()) throw new Error("it is not a file")
  if (found.size > mostBytes) throw new Error(`it is larger than ${mostBytes / mebibyte} MiB`)
}

/** Nor is a pipe waited for that came since the look. */
const reading = { flag: constants.O_RDONLY | constants.O_NONBLOCK }

/** Reads the whole file, of at most so many bytes; it never fails, since every outcome is one that the caller tells its user. */
export const observe = (path: string, mostBytes: number): Effect.Effect<Observed> =>
  Effect.promise(async () => {
    try {
      refuseOdd(await fs.stat(path), mostBytes)
      return textIn(await fs.readFile(path, reading))
    } catch (error) {
      return observedFailure(error)
    }
  })

const observeNow = (path: string, mostBytes: number): Observed => {
  try {
    refuseOdd(statSync(path), mostBytes)
    return textIn(readFileSync(path, reading))
  } catch (error) {
    return observedFailure(error)
  }
}

const temporaryName = (name: string): string => `.${name}.${randomUUID()}.tmp`

const isTemporaryOf = (name: string, candidate: string): boolean =>
  candidate.startsWith(`.${name}.`) && /^[0-9a-f-]{36}\.tmp$/.test(candidate.slice(name.length + 2))

/** Where a write to `path` must go so that a symbolic link, also one to a file not yet there, stays a link. */
const targetOf = async (path: string): Promise<string> => {
  try {
    return await fs.realpath(path)
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error
  }
  try {
    return resolve(dirname(path), await fs.readlink(path))
  } catch {
    return resolve(path)
  }
}

// Some network file systems cannot sync a directory; what they can do is done by then.
const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await fs.open(directory, "r")
  try {
    await handle.sync()
  } catch (error) {
    if (!["EINVAL", "ENOTSUP", "EPERM"].includes(codeOf(error) ?? "")) throw error
  } finally {
    await handle.close()
  }
}

const writeSynced = async (path: string, content: string | Buffer, mode: number): Promise<void> => {
  const handle = await fs.open(path, "wx", 0o600)
  try {
    await handle.writeFile(content)
    await handle.chmod(mode)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const modeOf = async (path: string): Promise<number> => {
  try {
    return (await fs.stat(path)).mode & 0o777
  } catch {
    return 0o600
  }
}

/** Whether it was replaced: not if `stillSo` says no once all is ready. */
const replace = async (path: string, text: string, stillSo: () => boolean): Promise<boolean> => {
  const target = await targetOf(path)
  const directory = dirname(target)
  makeDirectory(directory)
  const temporary = join(directory, temporaryName(basename(target)))
  try {
    await writeSynced(temporary, text, await modeOf(target))
    // In one turn of the event loop: between this look and the rename there are microseconds.
    if (!stillSo()) {
      await fs.rm(temporary, { force: true })
      return false
    }
    renameSync(temporary, target)
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => undefined)
    throw codeOf(error) === "EBUSY"
      ? new Error(`${messageOf(error)}: the file is a mount point; mount its directory instead`)
      : error
  }
  await syncDirectory(directory)
  return true
}

/** Replaces the file's content in one step that is on disk when this succeeds; it fails with the reason. */
export const replaceFile = (path: string, text: string): Effect.Effect<void, string> =>
  Effect.tryPromise({ try: () => replace(path, text, () => true), catch: messageOf })

/** The same, unless somebody else changed the file since it was `seen`: then it is false, and the file is left. */
export const replaceUnchanged = (
  path: string,
  seen: Observed,
  text: string,
  mostBytes: number
): Effect.Effect<boolean, string> =>
  Effect.tryPromise({
    try: () => replace(path, text, () => sameObserved(observeNow(path, mostBytes), seen)),
    catch: messageOf
  })

const copyBeside = async (path: string, suffix: string, number: number): Promise<string> => {
  const copy = number === 1 ? `${path}${suffix}` : `${path}${suffix}.${number}`
  try {
    await writeSynced(copy, await fs.readFile(path), await modeOf(path))
  } catch (error) {
    if (codeOf(error) === "EEXIST") return copyBeside(path, suffix, number + 1)
    throw error
  }
  await syncDirectory(dirname(copy))
  return copy
}

/** Copies the file to `<path><suffix>`, or with a number behind it when there is one already; gives its path. */
export const backUp = (path: string, suffix: string): Effect.Effect<string, string> =>
  Effect.tryPromise({ try: () => copyBeside(path, suffix, 1), catch: messageOf })

/** A lock that is older was left by a process that was killed: a change takes milliseconds. */
const staleMillis = 10_000
const retryMillis = 20
/** One that is neither old nor to be taken away holds nobody up for longer. */
const mostRetries = (2 * staleMillis) / retryMillis

/** The locks of this process: a container's processes have the numbers of those that were killed before them. */
const held = new Set<string>()

const lockOf = async (path: string): Promise<string> => {
  const target = await targetOf(path).catch(() => resolve(path))
  return join(dirname(target), `.${basename(target)}.lock`)
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== "ESRCH"
  }
}

/** Whether nobody will take the lock away: its process is gone, or it is too old for another machine's. */
const isLeft = async (lock: string): Promise<boolean> => {
  try {
    const [host, pid] = (await fs.readlink(lock).catch(() => "")).split(" ")
    const isOurs = Number(pid) === process.pid
    if (host === hostname() && !(isOurs ? held.has(lock) : isAlive(Number(pid)))) return true
    // By the machine's clock, as the file system tells the time.
    return Date.now() - (await fs.lstat(lock)).mtimeMs > staleMillis
  } catch {
    return false
  }
}

const removed = (lock: string): Promise<void> => fs.rm(lock, { force: true }).catch(() => undefined)

/**
 * Whether the lock is ours now. It is a link that leads nowhere, since a link is made with its text in one step. Where
 * none can be made nothing can be written either, which the change will tell, or the file system has no links.
 */
const takeLock = async (lock: string): Promise<boolean> => {
  try {
    await fs.symlink(`${hostname()} ${process.pid}`, lock)
  } catch (error) {
    if (codeOf(error) === "EEXIST") {
      if (await isLeft(lock)) await removed(lock)
      return false
    }
  }
  held.add(lock)
  return true
}

const release = (lock: string): Promise<void> => {
  held.delete(lock)
  return removed(lock)
}

/** Reads and replaces the file while no other process does: whoever made the lock beside it, which goes with the change. */
export const alone = <A, E, R>(path: string, change: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.gen(function* () {
      const lock = yield* Effect.promise(() => lockOf(path))
      const isOurs = yield* Effect.promise(() => takeLock(lock)).pipe(
        Effect.repeat({
          until: (taken) => taken,
          schedule: Schedule.spaced(Duration.millis(retryMillis)),
          times: mostRetries
        })
      )
      return isOurs ? lock : undefined
    }),
    () => change,
    (lock) => (lock === undefined ? Effect.void : Effect.promise(() => release(lock)))
  )

/**
 * Removes what a process that was killed while it replaced this file left behind. Where another is about to replace it
 * nothing is removed: a start does not wait for that.
 */
export const removeLeftovers = (path: string): Effect.Effect<void> =>
  Effect.tryPromise(async () => {
    const lock = await lockOf(path)
    // The first try may only have taken away a lock that was left.
    if (!(await takeLock(lock)) && !(await takeLock(lock))) return
    try {
      const target = await targetOf(path)
      const directory = dirname(target)
      const names = (await fs.readdir(directory)).filter((name) => isTemporaryOf(basename(target), name))
      await Promise.all(names.map((name) => fs.rm(join(directory, name), { force: true })))
    } finally {
      await release(lock)
    }
  }).pipe(Effect.ignore)
