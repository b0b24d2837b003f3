import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ConfigStore } from "../src/ConfigStore.ts"
import { configOf, emptyFile } from "../src/configFile.ts"
import { killedWriter, newPath, nextLook, open, openWith } from "./configStoreTools.ts"

const models = ["openai/gpt-4o"]
const withCreative = '{"version": 2, "categories": {"creative": {"models": ["a/b"]}}}'

const read = (path: string): string => fs.readFileSync(path, "utf8")
const names = (store: ConfigStore["Service"]) => [...store.currentUnsafe().categories.keys()]
const filesBeside = (path: string) => fs.readdirSync(dirname(path)).toSorted()

/** As editors save: in one step. */
const replacedByHand = (path: string, text: string): void => {
  fs.writeFileSync(`${path}.edited`, text)
  fs.renameSync(`${path}.edited`, path)
}

/** A name that can be read and not be replaced: the temporary file's is longer than file systems allow. */
const tooLong = (path: string): string => join(dirname(path), "x".repeat(250))

/** What can be read neither at start nor later. */
const odd: ReadonlyArray<{ readonly name: string; readonly why: string; readonly make: (path: string) => void }> = [
  {
    name: "what is not text",
    why: "it is not UTF-8 text",
    make: (path) => fs.writeFileSync(path, Buffer.from([0x7b, 0xff, 0x7d]))
  },
  { name: "a directory", why: "it is not a file", make: (path) => fs.mkdirSync(path) },
  { name: "a pipe", why: "it is not a file", make: (path) => void execFileSync("mkfifo", [path]) },
  { name: "a device", why: "it is not a file", make: (path) => fs.symlinkSync("/dev/zero", path) },
  {
    name: "what is too large",
    why: "it is larger than 8 MiB",
    make: (path) => fs.writeFileSync(path, `{"version": 2}${" ".repeat(8 * 1024 * 1024)}`)
  }
]

describe("start", () => {
  it.effect("a missing file means the defaults, and is not made before the first change", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const store = yield* open(path)
      assert.strictEqual((yield* store.current).etag, configOf(emptyFile).etag)
      assert.deepStrictEqual(filesBeside(path), [])
      yield* store.setCategory({ name: "creative", models })
      assert.deepStrictEqual(filesBeside(path), ["router_config.json"])
      assert.strictEqual(fs.statSync(path).mode & 0o777, 0o600)
    })
  )

  it.effect("a change is there after a restart, without what the environment set", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const first = yield* open(path, { openMillis: 5 })
      const change = {
        name: "creative",
        models,
        keywords: [" Poem", "poem "],
        description: "Poetry",
        examples: [" A b", "A b"]
      }
      const { config, category, created } = yield* first.setCategory(change)
      assert.deepStrictEqual(category, {
        ...change,
        models: ["openai/gpt-4o"],
        keywords: ["Poem"],
        examples: ["A b"],
        builtin: false
      })
      assert.isTrue(created)
      assert.strictEqual(config.circuit.openMillis, 5)
      const second = (yield* open(path)).currentUnsafe()
      assert.deepStrictEqual(second.categories, config.categories)
      assert.strictEqual(second.circuit.openMillis, 300_000)
    })
  )

  const broken: ReadonlyArray<readonly [string, string, string]> = [
    ["corrupt JSON", '{"version": 2,\n  oops}', "line 2, column 3"],
    ["a wrong field", '{"version": 2, "categories": {"code": {"models": ["x"]}}}', "categories.code.models[0]"],
    ["a later version", '{"version": 3}', "version: expected 2"],
    ["a control character", "\u0000", "line 1, column 1"]
  ]
  it.effect.each(broken)("stops at %s and leaves the file as it is", ([, text, why]) =>
    Effect.gen(function* () {
      const path = yield* newPath
      fs.writeFileSync(path, text)
      const error = yield* Effect.flip(open(path))
      assert.strictEqual(error._tag, "ConfigFileInvalid")
      assert.include(error.message, `${path}: `)
      assert.include(error.message, why)
      assert.strictEqual(read(path), text)
    })
  )

  it.effect.each(odd)("stops at $name and leaves it as it is", ({ make, why }) =>
    Effect.gen(function* () {
      const path = yield* newPath
      make(path)
      const error = yield* Effect.flip(open(path))
      assert.strictEqual(error._tag, "ConfigFileInvalid")
      assert.strictEqual(error.message, `${path}: cannot be read: ${why}`)
      assert.deepStrictEqual(filesBeside(path), ["router_config.json"])
    })
  )

  it.effect("carries the first version's file over and keeps the original, beside older backups", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const text = JSON.stringify({
        model_mappings: { code: ["a/b"] },
        keywords: { code: ["def ", "fn"] },
        custom_categories: { poetry: { description: "Poems", models: ["c/d"], keywords: ["poem"] } }
      })
      fs.writeFileSync(path, text)
      fs.writeFileSync(`${path}.v1.bak`, "older")
      const before = (yield* open(path)).currentUnsafe()
      assert.strictEqual(read(`${path}.v1.bak`), "older")
      assert.strictEqual(read(`${path}.v1.bak.2`), text)
      const poetry = { models: ["c/d"], keywords: ["poem"], description: "Poems" }
      const categories = { code: { models: ["a/b"], keywords: ["def", "fn"] }, poetry }
      assert.deepStrictEqual(JSON.parse(read(path)), { version: 2, categories })
      assert.strictEqual((yield* open(path)).currentUnsafe().etag, before.etag)
      assert.strictEqual(filesBeside(path).length, 3)
    })
  )

  it.effect("runs on a first version's file that cannot be carried over on disk", () =>
    Effect.gen(function* () {
      const path = tooLong(yield* newPath)
      fs.writeFileSync(path, '{"model_mappings": {"mine": ["a/b"]}}')
      assert.include(names(yield* open(path)), "mine")
      assert.strictEqual(read(path), '{"model_mappings": {"mine": ["a/b"]}}')
    })
  )

  it.live("does not wait for a lock that is another machine's, nor removes what that is about to put in place", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const theirs = `.router_config.json.${crypto.randomUUID()}.tmp`
      fs.writeFileSync(join(dirname(path), theirs), "{")
      fs.symlinkSync("elsewhere 1", join(dirname(path), ".router_config.json.lock"))
      yield* Effect.timeout(open(path), "5 seconds")
      assert.include(filesBeside(path), theirs)
    })
  )

  it.effect("removes what a killed process left, and nothing else", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const leftover = `.router_config.json.${crypto.randomUUID()}.tmp`
      const others = [".router_config.json.swp", ".router_config.json.mine.tmp"]
      for (const name of [leftover, ...others]) fs.writeFileSync(join(dirname(path), name), "{")
      yield* open(path)
      assert.deepStrictEqual(filesBeside(path), others.toSorted())
    })
  )
})

describe("a hand edit", () => {
  it.effect("is in force after the next look, also with a byte order mark", () =>
    Effect.gen(function* () {
      const { path, store } = yield* openWith(withCreative)
      const seen = yield* Effect.forkChild(
        store.changes.pipe(
          Stream.map((config) => config.circuit.openMillis),
          Stream.take(2),
          Stream.runCollect
        ),
        { startImmediately: true }
      )
      fs.writeFileSync(path, '\ufeff{"version": 2, "circuit_breaker": {"open_ms": 5}}')
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...(yield* Fiber.join(seen))], [300_000, 5])
      assert.notInclude(names(store), "creative")
    })
  )

  it.effect("that is invalid is refused, as are changes, until it is mended", () =>
    Effect.gen(function* () {
      const { path, store } = yield* openWith(withCreative)
      const before = store.currentUnsafe()
      fs.writeFileSync(path, '{"version": 2, "categories": {"creative": {}}}')
      yield* nextLook(store, (problem) => problem?.includes("categories.creative.models: missing") ?? false)
      assert.strictEqual(store.currentUnsafe(), before)
      const error = yield* Effect.flip(store.setCategory({ name: "other", models }))
      assert.strictEqual(error._tag, "ConfigFileInvalid")
      assert.strictEqual(read(path), '{"version": 2, "categories": {"creative": {}}}')

      fs.writeFileSync(path, withCreative)
      yield* nextLook(store, (problem) => problem === undefined)
      yield* store.setCategory({ name: "other", models })
      assert.includeMembers(names(store), ["creative", "other"])
    })
  )

  it.effect.each(odd)("that puts $name there is refused like an invalid file, until it is mended", ({ make, why }) =>
    Effect.gen(function* () {
      const { path, store } = yield* openWith(withCreative)
      fs.rmSync(path)
      make(path)
      yield* nextLook(store, (problem) => problem === `${path}: cannot be read: ${why}`)
      assert.strictEqual((yield* Effect.flip(store.setCategory({ name: "other", models })))._tag, "ConfigFileInvalid")
      assert.include(names(store), "creative")
      fs.rmSync(path, { recursive: true })
      fs.writeFileSync(path, withCreative)
      yield* nextLook(store, (problem) => problem === undefined)
      yield* store.setCategory({ name: "other", models })
    })
  )

  it.effect.each(odd)("that puts $name there while a change is under way is not overwritten", ({ make, why }) =>
    Effect.gen(function* () {
      const { path, store } = yield* openWith(withCreative)
      const change = {
        name: "other",
        get models() {
          fs.rmSync(path)
          make(path)
          return models
        }
      }
      const error = yield* Effect.flip(store.setCategory(change))
      assert.strictEqual(error.message, `${path}: cannot be read: ${why}`)
    })
  )

  it.effect("that was not looked at yet is not lost to a change, nor is its breaker setting", () =>
    Effect.gen(function* () {
      const { path, store } = yield* openWith('{"version": 2}')
      fs.writeFileSync(path, withCreative.replace("2,", '2, "circuit_breaker": {"open_ms": 5},'))
      yield* store.setCategory({ name: "other", models })
      const onDisk = (yield* open(path)).currentUnsafe()
      assert.includeMembers([...onDisk.categories.keys()], ["creative", "other"])
      assert.strictEqual(onDisk.circuit.openMillis, 5)
      assert.strictEqual(store.currentUnsafe().etag, onDisk.etag)
    })
  )

  it.effect("made while a change is under way is not lost to it, and comes before it", () =>
    Effect.gen(function* () {
      const { path, store } = yield* openWith('{"version": 2}')
      let edits = 0
      const change = {
        name: "other",
        // Read behind the look at the file and before the write.
        get models() {
          if (edits++ === 0) replacedByHand(path, withCreative)
          return models
        }
      }
      const { config } = yield* store.setCategory(change)
      assert.strictEqual(edits, 2)
      assert.includeMembers([...config.categories.keys()], ["creative", "other"])
      assert.deepStrictEqual((yield* open(path)).currentUnsafe().categories, config.categories)
      assert.deepStrictEqual(filesBeside(path), ["router_config.json"])
    })
  )

  it.live("made while a change is written is not lost to it", () =>
    Effect.gen(function* () {
      const { path, store } = yield* openWith('{"version": 2}')
      const edited = Promise.withResolvers<void>()
      const watcher = fs.watch(dirname(path), (_, name) => {
        if (!name?.endsWith(".tmp")) return
        watcher.close()
        replacedByHand(path, withCreative)
        edited.resolve()
      })
      yield* store.setCategory({ name: "other", models })
      yield* Effect.promise(() => edited.promise)
      assert.include(read(path), "creative")
    })
  )

  it.effect("again and again while a change is under way: the change is refused, and the last edit stays", () =>
    Effect.gen(function* () {
      const { path, store } = yield* openWith('{"version": 2}')
      let edits = 0
      const change = {
        name: "other",
        get models() {
          replacedByHand(path, withCreative.replace("creative", `by-hand-${++edits}`))
          return models
        }
      }
      const error = yield* Effect.flip(store.setCategory(change))
      assert.deepInclude(error, { _tag: "InvalidRequest", status: 412, code: "config_changed" })
      assert.isBelow(edits, 20)
      assert.include(read(path), `by-hand-${edits}`)
      assert.deepStrictEqual(filesBeside(path), ["router_config.json"])
      yield* store.setCategory({ name: "other", models })
      assert.includeMembers(names(store), [`by-hand-${edits}`, "other"])
    })
  )

  it.effect("that leaves an invalid file while a change is under way is not overwritten", () =>
    Effect.gen(function* () {
      const { path, store } = yield* openWith(withCreative)
      const change = {
        name: "other",
        get models() {
          replacedByHand(path, "{")
          return models
        }
      }
      assert.strictEqual((yield* Effect.flip(store.setCategory(change)))._tag, "ConfigFileInvalid")
      assert.strictEqual(read(path), "{")
      assert.deepStrictEqual(names(store).slice(4), ["creative"])
    })
  )

  it.effect("that ends with no file, as there was none before, is no deletion", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const store = yield* open(path)
      fs.mkdirSync(path)
      yield* nextLook(store, (problem) => problem?.includes("cannot be read") ?? false)
      fs.rmdirSync(path)
      yield* nextLook(store, (problem) => problem === undefined)
    })
  )

  it.effect("that deletes the file leaves the old one in force; a change writes all of it again", () =>
    Effect.gen(function* () {
      const { path, store } = yield* openWith(withCreative)
      fs.rmSync(path)
      yield* nextLook(store, (problem) => problem?.includes("deleted") ?? false)
      yield* store.setModels("creative", ["a/b"])
      assert.isUndefined(yield* store.problem)
      assert.include([...(yield* open(path)).currentUnsafe().categories.keys()], "creative")
    })
  )
})

describe("changes", () => {
  it.live("made at the same time are all in memory and on disk", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const store = yield* open(path)
      const wanted = Array.from({ length: 200 }, (_, index) => `c${index}`)
      yield* Effect.forEach(wanted, (name) => store.setCategory({ name, models }), { concurrency: "unbounded" })
      assert.includeMembers(names(store), wanted)
      assert.includeMembers(Object.keys(JSON.parse(read(path)).categories), wanted)
      assert.deepStrictEqual(filesBeside(path), ["router_config.json"])
    })
  )

  it.live("made through two stores of one file at the same time are all there, and of two for one state one is", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const stores = [yield* open(path), yield* open(path)]
      const added = Array.from({ length: 10 }, (_, index) => `name-${index}`)
      yield* Effect.forEach(added, (name, index) => stores[index % 2]?.setCategory({ name, models }) ?? Effect.void, {
        concurrency: "unbounded",
        discard: true
      })
      const current = yield* open(path)
      assert.includeMembers(names(current), added)
      const { etag } = current.currentUnsafe()
      const both = yield* Effect.forEach(
        stores,
        (store, index) => Effect.result(store.setCategory({ name: `either-${index}`, models }, etag)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(both.map(Result.isSuccess).toSorted(), [false, true])
      assert.deepStrictEqual(filesBeside(path), ["router_config.json"])
    })
  )

  it.live("wait for one under way elsewhere, and not for a lock that a killed process left", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const store = yield* open(path)
      yield* store.setCategory({ name: "first", models })
      const lock = join(dirname(path), ".router_config.json.lock")
      fs.symlinkSync("elsewhere 1", lock)
      const change = yield* Effect.forkChild(store.setCategory({ name: "second", models }))
      const left = new Date(Date.now() - 11_000)
      assert.strictEqual(fs.readlinkSync(lock), "elsewhere 1")
      fs.lutimesSync(lock, left, left)
      yield* Fiber.join(change)
      assert.deepStrictEqual(filesBeside(path), ["router_config.json"])
      assert.include(read(path), "second")
    })
  )

  it.effect("that omit a field keep what is stored", () =>
    Effect.gen(function* () {
      const store = yield* ConfigStore
      const described = { name: "creative", models, keywords: ["poem"], description: "Poetry", examples: ["a poem"] }
      yield* store.setCategory(described)
      const { category, created } = yield* store.setCategory({ name: "creative", models: ["a/b"] })
      assert.deepStrictEqual(category, { ...described, models: ["a/b"], builtin: false })
      assert.isFalse(created)
      const worded = yield* store.setCategory({ name: "creative", keywords: ["novel"] })
      assert.deepStrictEqual(worded.category, { ...category, keywords: ["novel"] })
      assert.deepStrictEqual((yield* store.setModels("code", ["a/b"])).category.models, ["a/b"])
      assert.isTrue(store.currentUnsafe().categories.get("code")?.builtin)
    }).pipe(Effect.provide(ConfigStore.layerMemory()))
  )

  it.effect("with a stale If-Match are refused with 412, with the right one or * made", () =>
    Effect.gen(function* () {
      const store = yield* ConfigStore
      const { etag } = store.currentUnsafe()
      yield* store.setCategory({ name: "creative", models }, `"other", ${etag}`)
      const error = yield* Effect.flip(store.setModels("creative", ["a/b"], etag))
      assert.deepInclude(error, { _tag: "InvalidRequest", status: 412, code: "config_changed" })
      assert.deepStrictEqual(store.currentUnsafe().categories.get("creative")?.models, ["openai/gpt-4o"])
      yield* store.deleteCategory("creative", "*")
      assert.strictEqual(store.currentUnsafe().etag, etag)
    }).pipe(Effect.provide(ConfigStore.layerMemory()))
  )

  it.effect("of a built-in or an unknown category, or of a reserved name, are refused", () =>
    Effect.gen(function* () {
      const store = yield* ConfigStore
      const builtin = yield* Effect.flip(store.deleteCategory("code"))
      assert.deepInclude(builtin, { _tag: "InvalidRequest", status: 409, code: "builtin_category" })
      const unknown = { _tag: "NotFound", code: "category_not_found" } as const
      assert.deepInclude(yield* Effect.flip(store.deleteCategory("nothing")), { ...unknown, param: "name" })
      assert.deepInclude(yield* Effect.flip(store.setModels("__proto__", models)), { ...unknown, param: "category" })
      for (const name of ["router", "auto", "default", "__proto__", "constructor", "Upper", ""]) {
        const error = yield* Effect.flip(store.setCategory({ name, models }))
        assert.deepInclude(error, { _tag: "InvalidRequest", status: 400, param: "name" })
      }
      const error = yield* Effect.flip(store.setCategory({ name: "fine", models: ["a/b", "x"] }))
      assert.deepInclude(error, { status: 400, param: "models[1]" })
      const none = yield* Effect.flip(store.setCategory({ name: "fine", keywords: ["novel"] }))
      assert.deepInclude(none, { status: 400, param: "models", message: "models: required for a new category" })
    }).pipe(Effect.provide(ConfigStore.layerMemory()))
  )

  it.effect("that would make more than 2,000 categories beside the built-in ones are refused", () => {
    const added = Array.from({ length: 2000 }, (_, at) => [`c${at}`, { models }] as const)
    const text = JSON.stringify({ version: 2, categories: Object.fromEntries(added) })
    return Effect.gen(function* () {
      const { store } = yield* openWith(text)
      const error = yield* Effect.flip(store.setCategory({ name: "other", models }))
      assert.deepInclude(error, { status: 400, code: "invalid_category", param: "name" })
      assert.strictEqual(error.message, "name: expected at most 2000 categories beside the built-in ones")
      yield* store.setCategory({ name: "c0", models: ["a/b"] })
      yield* store.setModels("code", ["a/b"])
      yield* store.deleteCategory("c0")
      yield* store.setCategory({ name: "other", models })
    })
  })

  it.effect("that cannot be written are not in force", () =>
    Effect.gen(function* () {
      const store = yield* open(tooLong(yield* newPath))
      const error = yield* Effect.flip(store.setCategory({ name: "other", models }))
      assert.strictEqual(error._tag, "ConfigNotSaved")
      assert.include(error.message, "ENAMETOOLONG")
      assert.notInclude(names(store), "other")
    })
  )

  it.effect("that would make the file larger than is read are refused, and the file is left", () =>
    Effect.gen(function* () {
      const keywords = Array.from({ length: 200 }, (_, at) => `${at}`.padStart(100, "k"))
      const categories = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`c${at}`, { models, keywords }]))
      // As one line it is short enough; as it is written it is not.
      const { path, store } = yield* openWith(JSON.stringify({ version: 2, categories }))
      const before = read(path)
      const error = yield* Effect.flip(store.setCategory({ name: "other", models }))
      assert.deepInclude(error, { _tag: "InvalidRequest", status: 400, code: "invalid_category", param: null })
      assert.include(error.message, "8 MiB")
      assert.isTrue(read(path) === before)
      assert.notInclude(names(store), "other")
    })
  )

  it.effect("whose caller leaves are made whole", () =>
    Effect.gen(function* () {
      const { path, store } = yield* openWith(withCreative)
      const leaving = yield* Effect.forkChild(store.setCategory({ name: "other", models }), { startImmediately: true })
      yield* Fiber.interrupt(leaving)
      assert.include(names(store), "other")
      assert.strictEqual((yield* open(path)).currentUnsafe().etag, store.currentUnsafe().etag)
    })
  )

  it.effect("keep a symbolic link a link, and the file's mode", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      const real = join(dirname(path), "real.json")
      fs.symlinkSync("real.json", path)
      const store = yield* open(path)
      yield* store.setCategory({ name: "first", models })
      fs.chmodSync(real, 0o640)
      yield* store.setCategory({ name: "second", models })
      assert.isTrue(fs.lstatSync(path).isSymbolicLink())
      assert.include(read(real), "second")
      assert.strictEqual(fs.statSync(real).mode & 0o777, 0o640)
    })
  )

  it.live.each([0, 1, 2, 3, 4, 5, 9])("survive a kill -9, %d events after the last that counts", (events) =>
    Effect.gen(function* () {
      const path = yield* newPath
      const acknowledged = yield* killedWriter(path, 20 + 9 * events, events)
      assert.isAtLeast(acknowledged.length, 20)
      assert.includeMembers(names(yield* open(path)), [...acknowledged])
      assert.deepStrictEqual(filesBeside(path), ["router_config.json"])
    })
  )
})
