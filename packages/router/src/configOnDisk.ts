/**
 * The configuration file and what is in force of it: read at start, followed while it is edited by hand, replaced
 * by changes. Its effects are not safe side by side: their user holds the one lock.
 */
import { builtinCategoryNames } from "@llm-router/domain/builtinCategories"
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { ConfigFileInvalid, ConfigNotSaved, InvalidRequest } from "@llm-router/domain/RouterError"
import { Effect, Result, SubscriptionRef } from "effect"
import {
  alone,
  backUp,
  mebibyte,
  observe,
  type Observed,
  removeLeftovers,
  replaceUnchanged,
  sameObserved
} from "./atomicFile.ts"
import {
  type CircuitOverrides,
  configOf,
  emptyFile,
  type ParsedFile,
  parseConfigFile,
  serialize
} from "./configFile.ts"

export interface ConfigFileOptions {
  readonly path: string
  /** Serves the categories of a first version's file that have no chain. */
  readonly defaultModel: string
  /** From the environment: it wins over the file. */
  readonly circuit: CircuitOverrides
}

/** Where the configuration in force comes from and goes to. */
export interface ConfigSource {
  readonly ref: SubscriptionRef.SubscriptionRef<RouterConfig>
  /** Takes over what was edited by hand; fails when that is invalid, and then the old one stays in force. */
  readonly refresh: Effect.Effect<void, ConfigFileInvalid>
  /** False when the file is not what it was at the last look: it was edited since, and the edit stays. */
  readonly save: (config: RouterConfig) => Effect.Effect<boolean, ConfigNotSaved | InvalidRequest>
  /** Runs a change, of which these are parts, while no other router changes the file. */
  readonly alone: <A, E>(change: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** Why what is on disk is not what is in force. */
  readonly problem: Effect.Effect<string | undefined>
  readonly path: string
}

const backupSuffix = ".v1.bak"

/** A thousand categories with fifty keywords each take one; every look at the file reads all of it. */
const mostMebibytes = 8
const mostBytes = mostMebibytes * mebibyte

/** What would not be read again is not written. */
const tooLarge = new InvalidRequest({
  message: `The configuration would take more than ${mostMebibytes} MiB, the most that its file may have.`,
  param: null,
  code: "invalid_category",
  status: 400
})

/** What a look at the file means. */
const readingOf = (seen: Observed, defaultModel: string): Result.Result<ParsedFile, string> => {
  if (seen._tag === "Unreadable") return Result.fail(`cannot be read: ${seen.message}`)
  return seen._tag === "Absent" ? Result.succeed(emptyFile) : parseConfigFile(seen.text, defaultModel)
}

/** Opens the file. One that is invalid or unreadable fails and is left as it is; a missing one means the defaults. */
export const openConfigFile = Effect.fnUntraced(function* (
  options: ConfigFileOptions
): Effect.fn.Return<ConfigSource, ConfigFileInvalid> {
  const { path, defaultModel } = options
  const invalid = (why: string) => new ConfigFileInvalid({ path, message: `${path}: ${why}` })

  yield* removeLeftovers(path)
  let seen = yield* observe(path, mostBytes)
  let file = yield* Effect.fromResult(readingOf(seen, defaultModel)).pipe(Effect.mapError(invalid))
  /** Why the content last seen is not in force; a deleted file is a problem that a change mends. */
  let fault: ConfigFileInvalid | undefined
  let deleted = false
  /** A file that was never there is not deleted. */
  let wasThere = seen._tag === "Text"
  const ref = yield* SubscriptionRef.make(configOf(file, options.circuit))

  const write = Effect.fnUntraced(
    function* (text: string) {
      if (file.version === 1 && seen._tag === "Text") {
        const backup = yield* backUp(path, backupSuffix)
        yield* Effect.logInfo(`${path}: the first version's file was kept as ${backup}`)
      }
      return yield* replaceUnchanged(path, seen, text, mostBytes)
    },
    Effect.mapError((why) => new ConfigNotSaved({ message: `${path} could not be written: ${why}` }))
  )

  const save = Effect.fnUntraced(function* (config: RouterConfig) {
    const text = serialize(config, file.circuit)
    if (Buffer.byteLength(text) > mostBytes) return yield* tooLarge
    if (!(yield* write(text))) return false
    seen = { _tag: "Text", text }
    file = { ...file, version: 2, categories: config.categories }
    deleted = false
    wasThere = true
    return true
  })

  /** The configuration is in force either way: a first version's file on a read-only disk works as before. */
  const carryOver = Effect.fnUntraced(function* (config: RouterConfig) {
    if (file.version !== 1) return
    for (const note of file.notes) yield* Effect.logWarning(`${path}: ${note}`)
    yield* save(config).pipe(
      Effect.andThen((saved) =>
        saved
          ? Effect.logInfo(`${path}: the first version's file was carried over to version 2`)
          : Effect.logWarning(`${path}: edited while it was carried over; it is read again`)
      ),
      Effect.catch((error) => Effect.logWarning(`the first version's file is used as it is: ${error.message}`))
    )
  })

  const takeOver = Effect.fnUntraced(function* (read: ParsedFile) {
    const config = configOf(read, options.circuit)
    const before = SubscriptionRef.getUnsafe(ref)
    file = read
    fault = undefined
    deleted = false
    wasThere = true
    yield* carryOver(config)
    if (config.etag !== before.etag) yield* SubscriptionRef.set(ref, config)
    yield* Effect.logInfo(`${path}: changed on disk and now in force (${describe(config)})`)
  })

  const refresh = Effect.gen(function* () {
    const now = yield* observe(path, mostBytes)
    if (sameObserved(now, seen)) return fault === undefined ? undefined : yield* fault
    seen = now
    if (now._tag === "Absent") {
      fault = undefined
      deleted = wasThere
      return deleted ? yield* Effect.logWarning(`${path}: ${deletedMessage}`) : undefined
    }
    const read = readingOf(now, defaultModel)
    if (Result.isSuccess(read)) return yield* takeOver(read.success)
    fault = invalid(read.failure)
    deleted = false
    yield* Effect.logWarning(`${fault.message}. The configuration before this edit stays in force`)
    return yield* fault
  })

  yield* carryOver(SubscriptionRef.getUnsafe(ref))
  return {
    ref,
    refresh,
    save,
    alone: (change) => alone(path, change),
    problem: Effect.sync(() => fault?.message ?? (deleted ? `${path}: ${deletedMessage}` : undefined)),
    path
  }
})

const deletedMessage =
  "deleted; what it held stays in force until a restart, and the next change through the API writes it again"

const describe = (config: RouterConfig): string => {
  const custom = [...config.categories.keys()].filter((name) => !builtinCategoryNames.has(name))
  return `${config.categories.size} categories, ${custom.length} of them custom`
}

/** A configuration without a file, for tests and for a sandbox. */
export const inMemory = (config: RouterConfig): Effect.Effect<ConfigSource> =>
  Effect.map(SubscriptionRef.make(config), (ref) => ({
    ref,
    refresh: Effect.void,
    save: () => Effect.succeed(true),
    alone: (change) => change,
    problem: Effect.undefined,
    path: ":memory:"
  }))
