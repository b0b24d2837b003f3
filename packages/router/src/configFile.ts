/**
 * The codec of `router_config.json`: text to what the user stored, that to the configuration in force, and back.
 */
import { createHash } from "node:crypto"
import { builtinCategories, builtinCategoryNames } from "@llm-router/domain/builtinCategories"
import { type Category, Description, Examples, isCategoryName, Keywords, Models } from "@llm-router/domain/Category"
import { defaultCircuit, type KnownPrices, type RouterConfig } from "@llm-router/domain/RouterConfig"
import { Result, Schema, type SchemaAST, SchemaParser } from "effect"
import { areTooMany, countRule, examplesRule, overfullCategory } from "./configBounds.ts"
import { describeIssue, doubledMembers, faultAt, parseJson, spelledOut } from "./configFaults.ts"
import { isFirstVersion, migrateFirstVersion } from "./configMigration.ts"
import { pricesIn, storedPrices } from "./configPrices.ts"
import { cleanKeywords } from "./configRepairs.ts"

/** Breaker settings that somebody gave: the file, or the environment. */
export interface CircuitOverrides {
  readonly failureThreshold?: number | undefined
  readonly openMillis?: number | undefined
}

/** What a category's owner gave; what a built-in category lacks comes from its default. */
export interface StoredCategory {
  readonly models?: Models
  readonly keywords?: ReadonlyArray<string>
  readonly description?: string
  readonly examples?: ReadonlyArray<string>
}

export interface ParsedFile {
  /** The format that the text was in; 1 is the first version's and has yet to be carried over on disk. */
  readonly version: 1 | 2
  readonly categories: ReadonlyMap<string, Category>
  readonly circuit: CircuitOverrides
  readonly prices: ReadonlyMap<string, KnownPrices>
  /** What its owner should know about a file that was carried over. */
  readonly notes: ReadonlyArray<string>
}

// By reference and undecoded: Schema.Record would copy its keys by assignment, which loses a "__proto__" silently.
const JsonObject = Schema.ObjectKeyword.check(
  Schema.makeFilter((value: object) => (Array.isArray(value) ? "an object" : true))
)

const StoredCategorySchema = Schema.Struct({
  models: Schema.optionalKey(Models),
  keywords: Schema.optionalKey(Keywords),
  description: Schema.optionalKey(Description),
  examples: Schema.optionalKey(Examples)
})

const Document = Schema.Struct({
  version: Schema.Literal(2),
  categories: Schema.optionalKey(JsonObject),
  circuit_breaker: Schema.optionalKey(
    Schema.Struct({
      failure_threshold: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))),
      open_ms: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 86_400_000 })))
    })
  ),
  prices: Schema.optionalKey(JsonObject)
})

const strict: SchemaAST.ParseOptions = { errors: "all", onExcessProperty: "error", reportInput: true }
const decodeDocument = SchemaParser.decodeUnknownResult(Document, strict)
const decodeStoredCategory = SchemaParser.decodeUnknownResult(StoredCategorySchema, strict)

/** Examples as they are stored: trimmed, and each once. Without one a category has no such field. */
export const cleanExamples = (examples: ReadonlyArray<string>): Pick<Category, "examples"> => {
  const unique = new Set(examples.map((example) => example.trim()))
  return unique.size === 0 ? {} : { examples: [...unique] }
}

/** As their owner would have stored them: some default lists name a word twice, in English and in French. */
const builtinByName: ReadonlyMap<string, Category> = new Map(
  builtinCategories.map((category) => [category.name, { ...category, keywords: cleanKeywords(category.keywords) }])
)

/** What is in force when there is no file. */
export const emptyFile: ParsedFile = {
  version: 2,
  categories: builtinByName,
  circuit: {},
  prices: new Map(),
  notes: []
}

const nameRule =
  "expected a category name of 1 to 64 characters (a-z, then a-z, 0-9, _ or -) that is not a reserved word"

/** What is stored of a category over what ships with it; undefined when neither has a chain. */
const categoryOf = (name: string, stored: StoredCategory, base: Category | undefined): Category | undefined => {
  const models = stored.models ?? base?.models
  return (
    models && {
      name,
      models,
      keywords: cleanKeywords(stored.keywords ?? base?.keywords ?? []),
      description: stored.description ?? base?.description ?? "",
      ...cleanExamples(stored.examples ?? base?.examples ?? []),
      builtin: builtinCategoryNames.has(name)
    }
  )
}

/** Category by category, the stored ones over the built-in ones, which come first. */
const resolveCategories = (
  entries: ReadonlyArray<readonly [string, unknown]>,
  text: string
): Result.Result<ReadonlyMap<string, Category>, string> => {
  if (areTooMany(entries.map(([name]) => name))) return Result.fail(faultAt(text, ["categories"], countRule))
  const categories = new Map(emptyFile.categories)
  const faults: Array<() => string> = []
  for (const [name, value] of entries) {
    const path = ["categories", name]
    const stored = decodeStoredCategory(value)
    if (!isCategoryName(name)) {
      faults.push(() => faultAt(text, path, nameRule))
    } else if (Result.isFailure(stored)) {
      faults.push(() => describeIssue(text, path, stored.failure))
    } else {
      const category = categoryOf(name, stored.success, categories.get(name))
      if (category === undefined) {
        faults.push(() => faultAt(text, [...path, "models"], "missing: only a built-in category has its own"))
      } else {
        categories.set(name, category)
      }
    }
  }
  const overfull = overfullCategory(categories.values())
  if (overfull !== undefined) faults.push(() => faultAt(text, ["categories", overfull, "examples"], examplesRule))
  return faults.length === 0
    ? Result.succeed(categories)
    : Result.fail(spelledOut(faults, (spell) => spell()).join("; "))
}

const decodeSecondVersion = (json: object, text: string): Result.Result<ParsedFile, string> =>
  Result.gen(function* () {
    const document = yield* Result.mapError(decodeDocument(json), (issue) => describeIssue(text, [], issue))
    const entries: ReadonlyArray<[string, unknown]> = Object.entries(document.categories ?? {})
    const categories = yield* resolveCategories(entries, text)
    const circuit: CircuitOverrides = {
      failureThreshold: document.circuit_breaker?.failure_threshold,
      openMillis: document.circuit_breaker?.open_ms
    }
    const prices = yield* pricesIn(document.prices ?? {}, text)
    return { version: 2, categories, circuit, prices, notes: [] } as const
  })

const carryOver = (json: object, text: string, defaultModel: string): Result.Result<ParsedFile, string> =>
  Result.gen(function* () {
    const { entries, notes } = yield* migrateFirstVersion(json, text, defaultModel)
    const categories = new Map(emptyFile.categories)
    for (const [name, stored] of entries) {
      const category = categoryOf(name, stored, categories.get(name))
      if (category !== undefined) categories.set(name, category)
    }
    const doubled = doubledMembers(text, "stands there again, and the last one counts")
    const prices = new Map<string, KnownPrices>()
    const lines = doubled.length === 0 ? notes : [doubled.join("; "), ...notes]
    return { version: 1, categories, circuit: {}, prices, notes: lines } as const
  }).pipe(Result.mapError((message) => `the first version's file cannot be carried over: ${message}`))

/**
 * What the file says, or what is wrong with it and where. `defaultModel` serves the categories of a first
 * version's file that have no chain.
 */
export const parseConfigFile = (text: string, defaultModel: string): Result.Result<ParsedFile, string> =>
  Result.flatMap(parseJson(text), (json) => {
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      return Result.fail('expected an object such as {"version": 2, "categories": {}}')
    }
    if (isFirstVersion(json)) return carryOver(json, text, defaultModel)
    if ("version" in json && json.version !== 2) {
      return Result.fail(
        faultAt(
          text,
          ["version"],
          `expected 2, the version that this program reads; got ${JSON.stringify(json.version)}`
        )
      )
    }
    const doubled = doubledMembers(text, "expected once, stands there again")
    return doubled.length === 0 ? decodeSecondVersion(json, text) : Result.fail(doubled.join("; "))
  })

/** The configuration of these parts, with the ETag that its content gives it. */
export const configWith = (parts: Omit<RouterConfig, "etag">): RouterConfig => {
  const { categories, circuit, prices } = parts
  const content = JSON.stringify([
    [...categories.values()].map(({ name, models, keywords, description, examples }) =>
      examples === undefined ? [name, models, keywords, description] : [name, models, keywords, description, examples]
    ),
    [circuit.failureThreshold, circuit.openMillis],
    Object.entries(storedPrices(prices)).toSorted(([left], [right]) => (left < right ? -1 : 1))
  ])
  const hash = createHash("sha256").update(content).digest("base64url").slice(0, 22)
  return { ...parts, etag: `"${hash}"` }
}

/** The configuration in force: the environment's breaker settings over the file's over the defaults. */
export const configOf = (file: ParsedFile, environment: CircuitOverrides = {}): RouterConfig =>
  configWith({
    categories: file.categories,
    circuit: {
      failureThreshold:
        environment.failureThreshold ?? file.circuit.failureThreshold ?? defaultCircuit.failureThreshold,
      openMillis: environment.openMillis ?? file.circuit.openMillis ?? defaultCircuit.openMillis
    },
    prices: file.prices
  })

const equalLists = (left: ReadonlyArray<string>, right: ReadonlyArray<string>): boolean =>
  left.length === right.length && left.every((item, index) => item === right[index])

/** All of a custom category; of a built-in one what its owner changed, so that the rest follows new releases. */
const storedOf = (category: Category): StoredCategory => {
  const { models, keywords, description } = category
  const examples = category.examples === undefined ? {} : { examples: category.examples }
  const base = builtinByName.get(category.name)
  if (base === undefined) return { models, keywords, description, ...examples }
  return {
    ...(equalLists(models, base.models) ? {} : { models }),
    ...(equalLists(keywords, base.keywords) ? {} : { keywords }),
    ...(description === base.description ? {} : { description }),
    ...examples
  }
}

/** The file's text. `circuit` is what the file itself said of the breaker, not what the environment overrode. */
export const serialize = (config: RouterConfig, circuit: CircuitOverrides = {}): string => {
  const categories = [...config.categories.values()]
    .map((category) => [category.name, storedOf(category)] as const)
    .filter(([, stored]) => Object.keys(stored).length > 0)
  const breaker = {
    ...(circuit.failureThreshold === undefined ? {} : { failure_threshold: circuit.failureThreshold }),
    ...(circuit.openMillis === undefined ? {} : { open_ms: circuit.openMillis })
  }
  const document = {
    version: 2,
    categories: Object.fromEntries(categories),
    ...(Object.keys(breaker).length === 0 ? {} : { circuit_breaker: breaker }),
    ...(config.prices.size === 0 ? {} : { prices: storedPrices(config.prices) })
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
