/**
 * The keyword classifier: no network, no model, microseconds. What every routing mode falls back on.
 */
import { type Category, toolsCategory } from "@llm-router/domain/Category"
import type { Classification, KeywordMatch } from "@llm-router/domain/Decision"
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { codeShapesIn } from "./codeShapes.ts"
import { type FoundKeyword, type KeywordIndex, keywordIndex, keywordsIn } from "./keywordIndex.ts"
import { everydayWeight } from "./everydayWords.ts"

/** The words of a human turn are shorter (see `humanWords`); this bounds the work for any other caller. */
const maxText = 8000
const maxReasons = 8
/** "ok", "see you tomorrow": so short that it is small talk unless a word says otherwise. */
const shortMessage = { words: 6, characters: 60, confidence: 0.6 }
/** Small talk is short: in a long text its words are part of something else. */
const longText = { characters: 240, conversation: 0.4 }

/** One everyday word ("branch", "file") makes no code. */
const leastCode = 0.5

interface Evidence {
  readonly match: KeywordMatch
  readonly reason: string
  readonly weight: number
}

interface Scored {
  readonly category: string
  readonly score: number
  readonly evidence: ReadonlyArray<Evidence>
}

const indexes = new WeakMap<RouterConfig, KeywordIndex>()

const indexOf = (config: RouterConfig): KeywordIndex => {
  const known = indexes.get(config)
  if (known !== undefined) return known
  const index = keywordIndex(config.categories.values(), toolsCategory)
  indexes.set(config, index)
  return index
}

/** What is asked stands at the beginning or at the end; in between is what is pasted. In UTF-16 units. */
const asked = { start: 200, end: 150, elsewhere: 0.5 }

/** More words and longer ones weigh more; of the built-in keywords, everyday words weigh less. */
const builtinWeight = (weight: number, keyword: string): number => Math.min(weight, 2.5) * everydayWeight(keyword)

/** A user's keyword weighs less where other categories list it too (inverse document frequency), and within a paste. */
const customWeight = (weight: number, { position: at, sharedBy }: FoundKeyword, categories: number, length: number) => {
  const rarity = Math.log((categories + 1) / sharedBy) / Math.log(categories + 1)
  return weight * rarity * (at < asked.start || at >= length - asked.end ? 1 : asked.elsewhere)
}

const position = ({ evidence }: Scored): number => Math.min(...evidence.map(({ match }) => match.position))

/** By score, then by who was matched first, then by name: never by the order of insertion. */
const byRank = (a: Scored, b: Scored): number =>
  b.score - a.score || position(a) - position(b) || (a.category < b.category ? -1 : 1)

const evidenceIn = (config: RouterConfig, text: string): ReadonlyMap<string, ReadonlyArray<Evidence>> => {
  const evidence = new Map<string, Array<Evidence>>()
  const add = (category: string, item: Evidence): void => {
    const items = evidence.get(category)
    if (items === undefined) evidence.set(category, [item])
    else items.push(item)
  }
  const index = indexOf(config)
  for (const found of keywordsIn(index, text)) {
    const { builtin, category, keyword, words } = found
    const match = { category, keyword, position: found.position }
    const full = words + Math.min(keyword.length, 24) / 24
    const weight = builtin
      ? builtinWeight(full, keyword)
      : customWeight(full, found, index.customCategories, text.length)
    add(category, { match, reason: `keyword "${keyword}"`, weight })
  }
  if (config.categories.get("code")?.builtin === true) {
    for (const { name, weight, position: at } of codeShapesIn(text)) {
      add("code", {
        match: { category: "code", keyword: name, position: at },
        reason: `looks like code: ${name}`,
        weight
      })
    }
  }
  return evidence
}

const matchesOf = (ranked: ReadonlyArray<Scored>): ReadonlyArray<KeywordMatch> => {
  const matches: Array<KeywordMatch> = []
  for (const { evidence } of ranked) for (const { match } of evidence) matches.push(match)
  return matches
}

const classificationOf = (ranked: ReadonlyArray<Scored>, winner: Scored, base: number): Classification => {
  const total = ranked.reduce((sum, { score }) => sum + score, 0)
  const second = ranked[1]?.score ?? 0
  const margin = (winner.score - second) / (winner.score + second)
  const amount = 1 - Math.exp(-winner.score / 2)
  const { evidence } = winner
  const strongest =
    evidence.length > 1
      ? evidence.toSorted((a, b) => b.weight - a.weight || a.match.position - b.match.position)
      : evidence
  return {
    category: winner.category,
    confidence: Math.round((base + (0.95 - base) * margin * amount) * 1000) / 1000,
    reasons: strongest.slice(0, maxReasons).map(({ reason }) => reason),
    decidedBy: "keywords",
    matches: matchesOf(ranked),
    candidates: ranked.map(({ category, score }) => ({ category, probability: score / total }))
  }
}

const scored = (
  categories: ReadonlyMap<string, Category>,
  evidence: ReadonlyMap<string, ReadonlyArray<Evidence>>,
  builtin: boolean,
  isLong: boolean
): ReadonlyArray<Scored> => {
  const ranked: Array<Scored> = []
  for (const [category, items] of evidence) {
    if (categories.get(category)?.builtin !== builtin) continue
    const sum = items.reduce((total, { weight }) => total + weight, 0)
    const score = builtin && isLong && category === "conversation" ? sum * longText.conversation : sum
    if (!builtin || category !== "code" || score >= leastCode) ranked.push({ category, score, evidence: items })
  }
  return ranked.length > 1 ? ranked.toSorted(byRank) : ranked
}

const shortMessageIn = (config: RouterConfig, text: string): Classification | undefined => {
  const words = text.trim().split(/\s+/, shortMessage.words + 1)
  const isShort = text.length <= shortMessage.characters && words.length <= shortMessage.words
  const isQuestion = text.includes("?") && words.length > 3
  if (!isShort || isQuestion || !/[\p{L}\p{N}\p{S}]/u.test(text)) return undefined
  if (config.categories.get("conversation")?.builtin !== true) return undefined
  return {
    category: "conversation",
    confidence: shortMessage.confidence,
    reasons: ["short message"],
    candidates: [{ category: "conversation", probability: 1 }]
  }
}

/**
 * Classifies a text by the keywords of the configuration's categories and by what looks like code. A custom category
 * with any match outranks the built-in ones. `undefined` when nothing matched. Reads the first 8,000 characters.
 */
export const classifyByKeywords = (config: RouterConfig, text: string): Classification | undefined => {
  const read = text.slice(0, maxText)
  const evidence = evidenceIn(config, read)
  const custom = scored(config.categories, evidence, false, false)
  const chosen = custom[0]
  if (chosen !== undefined) return classificationOf(custom, chosen, 0.6)
  const builtin = scored(config.categories, evidence, true, read.length > longText.characters)
  const best = builtin[0]
  return best === undefined ? shortMessageIn(config, read) : classificationOf(builtin, best, 0.4)
}
