/**
 * The first version's `router_config.json` (no `version`; chains, keywords and custom categories apart), read as
 * categories of ours, by names that are allowed and within the bounds of today.
 */
import { builtinCategoryNames } from "@llm-router/domain/builtinCategories"
import { isCategoryName, type Models } from "@llm-router/domain/Category"
import { Result, Schema, type SchemaIssue, SchemaParser } from "effect"
import { areTooMany, countRule } from "./configBounds.ts"
import { describeIssue, faultAt, spelledOut } from "./configFaults.ts"
import { type GivenList, repairedDescription, repairedKeywords, repairedModels } from "./configRepairs.ts"

interface CarriedOver {
  readonly entries: ReadonlyArray<readonly [string, MigratedCategory]>
  readonly notes: ReadonlyArray<string>
}

interface MigratedCategory {
  readonly models?: Models
  readonly keywords?: ReadonlyArray<string>
  readonly description?: string
}

const words = (text: string): ReadonlyArray<string> => text.split(",").map((word) => word.trim())

/** A list that was never touched is not the user's: our own, longer and matched as words, takes its place. */
const firstVersionKeywords: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["tools", []],
  [
    "code",
    words(
      "code, python, javascript, function, class, def, import, bug, debug, error, refactor, api, http, json, sql, " +
        "file, script, terminal, git, commit, push, pull, react, vue, node, typescript, java, c++, rust, go"
    )
  ],
  [
    "reasoning",
    words(
      "why, how, explain, analyze, think, reason, prove, math, calculate, solution, logic, problem, determine, " +
        "compare, differentiate, evaluate, assess, complex, research, study, understand, concept, theory"
    )
  ],
  [
    "conversation",
    words(
      "hello, hi, hey, thanks, thank you, please, sorry, yes, no, ok, okay, sure, what, who, when, where, weather, " +
        "news, info, help"
    )
  ]
])

const knownKeys = ["model_mappings", "keywords", "custom_categories"] as const

const Strings = Schema.Array(Schema.String)
const CustomCategory = Schema.Struct({
  description: Schema.optionalKey(Schema.NullOr(Schema.String)),
  models: Schema.optionalKey(Schema.NullOr(Strings)),
  keywords: Schema.optionalKey(Schema.NullOr(Strings))
})
const decodeStrings = SchemaParser.decodeUnknownResult(Strings, { errors: "all", reportInput: true })
const decodeCustom = SchemaParser.decodeUnknownResult(CustomCategory, { errors: "all", reportInput: true })

/** One of the three sections, as a Map: its names come from outside and may be `__proto__`. */
const section = <A>(
  json: object,
  key: (typeof knownKeys)[number],
  decode: (value: unknown) => Result.Result<A, SchemaIssue.Issue>,
  text: string
): Result.Result<ReadonlyMap<string, A>, string> =>
  Result.gen(function* () {
    const value: unknown = new Map<string, unknown>(Object.entries(json)).get(key) ?? {}
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return yield* Result.fail(faultAt(text, [key], "expected an object"))
    }
    const members = new Map<string, A>()
    for (const [name, member] of Object.entries(value)) {
      const decoded = yield* Result.mapError(decode(member), (issue) => describeIssue(text, [key, name], issue))
      members.set(name, decoded)
    }
    return members
  })

const equalSets = (left: ReadonlyArray<string>, right: ReadonlyArray<string>): boolean => {
  const leftSet = new Set(left)
  const rightSet = new Set(right)
  return leftSet.size === rightSet.size && [...leftSet].every((item) => rightSet.has(item))
}

const isUntouched = (name: string, given: ReadonlyArray<string>): boolean => {
  // "def " had its trailing space because the first version matched substrings.
  const trimmed = given.map((word) => word.trim()).filter((word) => word !== "")
  const untouched = firstVersionKeywords.get(name)
  return untouched !== undefined && equalSets(trimmed, untouched)
}

const isAllowed: (name: string) => boolean = isCategoryName
const longestName = 64

/** Names that the first version took, by the rules of today: "My Cat" is `my-cat`, "Code" is not the built-in `code`. */
const renamedFrom = (names: ReadonlyArray<string>): ReadonlyMap<string, string> => {
  const taken = new Set<string>([...builtinCategoryNames, ...names.filter(isAllowed)])
  const renamed = new Map<string, string>()
  for (const name of names) {
    if (isAllowed(name)) continue
    const plain = name.normalize("NFD").replaceAll(/\p{M}/gu, "").toLowerCase()
    const letters = plain.replaceAll(/[^a-z0-9_]+/g, "-").replace(/^[^a-z]+/, "")
    const base = letters.slice(0, longestName - 4).replace(/-+$/, "") || "category"
    let free = base
    for (let number = 2; taken.has(free) || !isAllowed(free); number++) free = `${base}-${number}`
    taken.add(free)
    renamed.set(name, free)
  }
  return renamed
}

/** Whether the document is the first version's. */
export const isFirstVersion = (json: object): boolean =>
  !Object.hasOwn(json, "version") && knownKeys.some((key) => Object.hasOwn(json, key))

/** The first version's document as our entries. An empty chain meant "the default model". */
export const migrateFirstVersion = (
  json: object,
  text: string,
  defaultModel: string
): Result.Result<CarriedOver, string> =>
  Result.gen(function* () {
    const mappings = yield* section(json, "model_mappings", decodeStrings, text)
    const keywords = yield* section(json, "keywords", decodeStrings, text)
    const customs = yield* section(json, "custom_categories", decodeCustom, text)

    const names = [...new Set([...customs.keys(), ...mappings.keys(), ...keywords.keys()])]
    if (areTooMany(names)) {
      const sizes = { model_mappings: mappings.size, keywords: keywords.size, custom_categories: customs.size }
      const largest = knownKeys.toSorted((left, right) => sizes[right] - sizes[left]).slice(0, 1)
      return yield* Result.fail(faultAt(text, largest, countRule))
    }
    const repairs: Array<string> = []
    const modelsOf = (name: string): Models | undefined => {
      const own = customs.get(name)?.models ?? undefined
      const mapped = mappings.get(name)
      const path = mapped === undefined ? ["custom_categories", name, "models"] : ["model_mappings", name]
      const texts = mapped ?? own
      if (texts === undefined) return builtinCategoryNames.has(name) ? undefined : [defaultModel]
      const { notes, value } = repairedModels({ path, texts }, defaultModel)
      repairs.push(...notes)
      return value
    }
    const keywordsOf = (name: string): ReadonlyArray<string> | undefined => {
      const own: GivenList = {
        path: ["custom_categories", name, "keywords"],
        texts: customs.get(name)?.keywords ?? []
      }
      const listed: GivenList = { path: ["keywords", name], texts: keywords.get(name) ?? [] }
      if (!customs.get(name)?.keywords && !keywords.has(name)) return undefined
      if (isUntouched(name, [...own.texts, ...listed.texts])) return undefined
      const { notes, value } = repairedKeywords([own, listed])
      repairs.push(...notes)
      return value
    }
    const descriptionOf = (name: string): string | undefined => {
      const given = customs.get(name)?.description ?? undefined
      if (given === undefined) return undefined
      const { notes, value } = repairedDescription(["custom_categories", name, "description"], given)
      repairs.push(...notes)
      return value
    }
    const renamed = renamedFrom(names)
    const entries = names.map((name) => {
      const models = modelsOf(name)
      const kept = keywordsOf(name)
      const description = descriptionOf(name)
      const category: MigratedCategory = {
        ...(models === undefined ? {} : { models }),
        ...(kept === undefined ? {} : { keywords: kept }),
        ...(description === undefined ? {} : { description })
      }
      return [renamed.get(name) ?? name, category] as const
    })
    const known: ReadonlySet<string> = new Set(knownKeys)
    const notes = spelledOut(
      Object.keys(json).filter((key) => !known.has(key)),
      (key) => `${JSON.stringify(key)} of the first version's file means nothing here and was left out`
    )
    const renamings = [...renamed].map(([name, now]) => `the category ${JSON.stringify(name)} is called ${now} now`)
    return { entries, notes: [...notes, ...repairs, ...renamings] }
  })
