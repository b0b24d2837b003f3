/** The model list on disk: what is kept is what is read; whatever is wrong with it costs one warning. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Logger, Schema } from "effect"
import { keepModelList, type ModelListSnapshot, readModelList } from "../src/modelListFile.ts"
import { newPath } from "./configStoreTools.ts"

/** Runs it and gives what it logged, too. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.layer([Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${message}`))])
    return Effect.map(Effect.provide(effect, logger), (value) => ({ value, lines }))
  })

const Price = Schema.UndefinedOr(Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: 10n ** 15n })))
const Facts = Schema.Struct({
  contextLength: Schema.UndefinedOr(Schema.Int.check(Schema.isGreaterThan(0))),
  tools: Schema.Boolean,
  images: Schema.Boolean,
  inputPrice: Price,
  outputPrice: Price
})
const List = Schema.Array(Schema.Tuple([Schema.String, Facts]))

const fetchedAt = "2026-11-22T00:00:00.000Z"
const snapshot: ModelListSnapshot = {
  fetchedAt,
  models: new Map([
    ["a/b", { contextLength: 1_000, tools: true, images: false, inputPrice: 1n, outputPrice: undefined }]
  ])
}

it.effect.prop("any list is read as it was kept", { list: Arbitrary.schema(List) }, ({ list }) =>
  Effect.gen(function* () {
    const path = yield* newPath
    const models = new Map(list)
    yield* keepModelList(path, { fetchedAt, models })
    const read = yield* readModelList(path)
    assert.strictEqual(read?.fetchedAt, fetchedAt)
    // As lists: chai sorts the entries of maps by their text, which objects without a prototype have not.
    assert.deepStrictEqual([...(read?.models ?? [])], [...models])
  })
)

it.effect("no file is no fault, and its directory is made when it is kept", () =>
  Effect.gen(function* () {
    const path = join(yield* newPath, "deep", "models.json")
    assert.deepStrictEqual(yield* logged(readModelList(path)), { value: undefined, lines: [] })
    assert.deepStrictEqual((yield* logged(keepModelList(path, snapshot))).lines, [])
    assert.deepStrictEqual(yield* readModelList(path), snapshot)
  })
)

it.effect("what a killed process left behind is gone after the next start", () =>
  Effect.gen(function* () {
    const path = yield* newPath
    yield* keepModelList(path, snapshot)
    fs.writeFileSync(join(path, "..", ".router_config.json.00000000-0000-0000-0000-000000000000.tmp"), "{")
    assert.deepStrictEqual(yield* readModelList(path), snapshot)
    assert.deepStrictEqual(fs.readdirSync(join(path, "..")), ["router_config.json"])
  })
)

describe("one warning, and no list", () => {
  const whole = `{"version":1,"fetched_at":"${fetchedAt}","models":[{"id":"a/b","tools":true,"images":true}]}`
  const faults: ReadonlyArray<{ readonly name: string; readonly make: (path: string) => void }> = [
    { name: "cut short", make: (path) => fs.writeFileSync(path, whole.slice(0, -3)) },
    { name: "of another version", make: (path) => fs.writeFileSync(path, whole.replace("1", "2")) },
    { name: "with a flag that is none", make: (path) => fs.writeFileSync(path, whole.replace("true", "1")) },
    { name: "no UTF-8", make: (path) => fs.writeFileSync(path, Buffer.from([0xff])) },
    { name: "too large", make: (path) => fs.writeFileSync(path, whole + " ".repeat(16 * 1024 * 1024)) },
    { name: "a directory", make: (path) => fs.mkdirSync(path) },
    { name: "a pipe", make: (path) => void execFileSync("mkfifo", [path]) }
  ]
  it.effect.each(faults)("$name", ({ make }) =>
    Effect.gen(function* () {
      const path = yield* newPath
      make(path)
      const { lines, value } = yield* logged(readModelList(path))
      assert.isUndefined(value)
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /^Warn .*: the kept model list is not used: /)
    })
  )

  it.effect("where it cannot be kept", () =>
    Effect.gen(function* () {
      const path = yield* newPath
      fs.writeFileSync(path, "a file where a directory should be")
      const { lines } = yield* logged(keepModelList(join(path, "models.json"), snapshot))
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /^Warn .*: the model list could not be kept: /)
    })
  )
})
