/**
 * The user's own categories beside the kinds of request that the embedded classifier knows: which kinds each serves,
 * found once for each version of a category, and how a kind's probability is shared out among the categories.
 */
import type { Category } from "@llm-router/domain/Category"
import type { Candidate, Classification } from "@llm-router/domain/Decision"
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { kindsNamedIn, kindsOfName } from "./archetypeNames.ts"
import { type Archetype, archetypes, builtinCategoryOf, readable } from "./embedded/archetypes.ts"

/** Which kinds of request a custom category serves, and what says so. */
export interface ArchetypeMatch {
  readonly archetypes: ReadonlyArray<Archetype>
  readonly by: "its name" | "its keywords" | "its examples" | "its description" | "how it reads"
}

/** The probabilities of the archetypes for a text, in their order; read them before the next call. */
export type Reading = (text: string) => Float64Array

/** So sure must the classifier be of what a category's own words are about. */
const leastReading = 0.45

/** A word that opens a description tells what the category does; further on it may only be mentioned. */
const descriptionOpening = 40

const most = (kinds: ReadonlyArray<Archetype>): { readonly kind: Archetype | undefined; readonly count: number } => {
  let kind: Archetype | undefined
  let count = 0
  for (const archetype of archetypes) {
    const times = kinds.filter((other) => other === archetype).length
    if (times > count) {
      kind = archetype
      count = times
    }
  }
  return { kind, count }
}

/** The kind that at least half of the keywords name. */
const kindOfKeywords = (keywords: ReadonlyArray<string>): Archetype | undefined => {
  const { count, kind } = most(keywords.flatMap((keyword) => [...new Set(kindsNamedIn(keyword))]))
  return count > 0 && 2 * count >= keywords.length ? kind : undefined
}

/** The kind that a description opens with or names twice, where it names no other as often. */
const kindOfDescription = (description: string): Archetype | undefined => {
  const kinds = kindsNamedIn(description)
  const { count, kind } = most(kinds)
  const second = most(kinds.filter((other) => other !== kind)).count
  const opens = kindsNamedIn(description.slice(0, descriptionOpening)).some((other) => other === kind)
  return (opens || count >= 2) && count > second ? kind : undefined
}

/** The kind that the classifier itself sees in a category's words, where it is sure. */
const kindRead = ({ description, keywords, name }: Category, read: Reading): Archetype | undefined => {
  const probabilities = read(`${name.replaceAll(/[_-]+/g, " ")}: ${keywords.join(", ")}. ${description}`)
  const best = probabilities.indexOf(Math.max(...probabilities))
  const kind = archetypes[best]
  return kind !== undefined && readable.has(kind) && (probabilities[best] ?? 0) >= leastReading ? kind : undefined
}

/**
 * Which kinds a category serves: by its name, else by its keywords, else by its examples, else by its description, else
 * by how all of them read. Keywords that name no kind are those of a field ("contract", "clause"), whatever is done with
 * it.
 */
export const archetypeMatchOf = (
  category: Category,
  read: Reading,
  ofExamples: ReadonlyArray<Archetype> = []
): ArchetypeMatch | undefined => {
  const { description, keywords, name } = category
  const byName = kindsOfName(name)
  if (byName.length > 0) return { archetypes: byName, by: "its name" }
  const byKeywords = kindOfKeywords(keywords)
  if (byKeywords !== undefined) return { archetypes: [byKeywords], by: "its keywords" }
  const isOfAField = keywords.length > 0 && kindsNamedIn(keywords.join(". ")).length === 0
  if (!isOfAField && ofExamples.length > 0) return { archetypes: ofExamples, by: "its examples" }
  const byDescription = isOfAField ? undefined : kindOfDescription(description)
  if (byDescription !== undefined) return { archetypes: [byDescription], by: "its description" }
  const byReading = kindRead(category, read)
  return byReading === undefined ? undefined : { archetypes: [byReading], by: "how it reads" }
}

/** The categories that serve one archetype: one, or several that share it. */
export interface Serving {
  /** In alphabetical order. */
  readonly names: ReadonlyArray<string>
  readonly set: ReadonlySet<string>
}

/** Who serves what under one configuration. */
export interface Served {
  /** By archetype, in their order. */
  readonly by: ReadonlyArray<Serving>
  /** Of the custom categories that serve an archetype. */
  readonly matches: ReadonlyMap<string, ArchetypeMatch>
}

/**
 * An archetype belongs to the custom categories that serve it and fewest others: with `creative` and `emails`, letters
 * go to `emails`. Without one it is its built-in category's.
 */
export const servedUnder = (
  config: RouterConfig,
  matchOf: (category: Category) => ArchetypeMatch | undefined
): Served => {
  const matches = new Map<string, ArchetypeMatch>()
  for (const category of config.categories.values()) {
    const match = category.builtin ? undefined : matchOf(category)
    if (match !== undefined) matches.set(category.name, match)
  }
  const by = archetypes.map((archetype) => {
    const serving = [...matches].filter(([, match]) => match.archetypes.includes(archetype))
    const fewest = Math.min(...serving.map(([, match]) => match.archetypes.length))
    const custom = serving.filter(([, match]) => match.archetypes.length === fewest).map(([name]) => name)
    const names = custom.length === 0 ? [builtinCategoryOf[archetype]] : custom.toSorted()
    return { names, set: new Set(names) }
  })
  return { by, matches }
}

/** Of categories that share an archetype without a keyword in the text, so many are told apart; the others tie with them. */
const mostSharing = 8

/** Shares an archetype's probability out: to those whose keywords are in the text, as these count; else equally. */
export const shareOut = (
  { names, set }: Serving,
  probability: number,
  byKeywords: Classification | undefined,
  add: (category: string, probability: number) => void
): void => {
  const only = names[0]
  if (only !== undefined && names.length === 1) return add(only, probability)
  const named: ReadonlyArray<Candidate> = (byKeywords?.candidates ?? []).filter(({ category }) => set.has(category))
  const total = named.reduce((sum, candidate) => sum + candidate.probability, 0)
  if (total > 0) {
    for (const candidate of named) add(candidate.category, (probability * candidate.probability) / total)
    return
  }
  for (const name of names.slice(0, mostSharing)) add(name, probability / names.length)
}
