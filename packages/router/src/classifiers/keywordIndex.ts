/**
 * Finds a configuration's keywords in a text: whole words, whatever their case and accents. A keyword is matched as it
 * stands; a word of the text may also be its plural. Tries of words, so that the time depends on the text and not on how
 * many keywords there are.
 */
import type { Category } from "@llm-router/domain/Category"
import { singular, unspaced, WordFilter, Words } from "./words.ts"

export interface IndexedKeyword {
  readonly category: string
  readonly builtin: boolean
  readonly keyword: string
  /** How many words it has: a phrase tells more than a word, and hides the words within it. */
  readonly words: number
}

export interface FoundKeyword extends IndexedKeyword {
  /** Offset of the first occurrence in the text. */
  readonly position: number
  /** How many categories list it: what many list tells little. */
  readonly sharedBy: number
}

/** A user's keyword that more categories list tells none of them from the others. */
const mostSharing = 50

interface SubstringKeyword extends IndexedKeyword {
  readonly substring: string
}

interface TrieNode {
  /** By word; after `. ` where the keyword itself may go over the end of a sentence: "St. Gallen". */
  readonly next: Map<string, TrieNode>
  readonly found: Array<IndexedKeyword>
}

export interface KeywordIndex {
  /** Of the shipped lists, which say what they mean: "pandas" is not a panda. */
  readonly builtin: TrieNode
  readonly builtinFilter: WordFilter
  /** Of the user's categories. */
  readonly custom: TrieNode
  readonly customFilter: WordFilter
  /** How many categories are the user's. */
  readonly customCategories: number
  /** Keywords of scripts without spaces, and signs, by their first two UTF-16 units, or their only one. */
  readonly substrings: ReadonlyMap<string, ReadonlyArray<SubstringKeyword>>
  readonly substringUnits: ReadonlySet<number>
}

/** So short a plural may be another word: "news" is not "new". The shipped lists bear that "gifs" is read as "gif". */
const shortestPlural = { builtin: 4, custom: 5 }

/** What a word may be the plural of besides, where `one` is its singular: "story" of "storie", "bush" of "bushe". */
const otherSingular = (one: string): string => {
  if (one.endsWith("ie")) return `${one.slice(0, -2)}y`
  return /(?:ss|x|ch|sh)e$/.test(one) ? one.slice(0, -1) : one
}

/** The first words of keywords as a plural begins: the filter knows a word by itself and without its last letter. */
const withPlurals = (words: Iterable<string>): ReadonlyArray<string> =>
  [...words].flatMap((word) => {
    if (word.endsWith("y")) return [word, `${word.slice(0, -1)}ie`]
    return /(?:ss|x|ch|sh)$/.test(word) ? [word, `${word}e`] : [word]
  })

const emptyNode = (): TrieNode => ({ next: new Map(), found: [] })

const insert = (root: TrieNode, keywordTokens: ReadonlyArray<string>, breaks: boolean, entry: IndexedKeyword): void => {
  let node = root
  keywordTokens.forEach((token, index) => {
    const key = index > 0 && breaks ? `. ${token}` : token
    const next = node.next.get(key) ?? emptyNode()
    node.next.set(key, next)
    node = next
  })
  // "détermine" and "determine" are one piece of evidence, not two.
  if (!node.found.some(({ category }) => category === entry.category)) node.found.push(entry)
}

/** Compiles the keywords of all categories but those that `leaveOut` names. */
export const keywordIndex = (
  categories: Iterable<Pick<Category, "name" | "keywords" | "builtin">>,
  leaveOut: string
): KeywordIndex => {
  const builtin = emptyNode()
  const custom = emptyNode()
  let customCategories = 0
  const substrings = new Map<string, Array<SubstringKeyword>>()
  for (const category of categories) {
    if (category.name === leaveOut) continue
    if (!category.builtin) customCategories++
    for (const keyword of category.keywords) {
      const read = new Words(keyword)
      const parts = Array.from({ length: read.count }, (_, index) => read.at(index))
      const count = parts.filter((part) => /[\p{L}\p{N}]/u.test(part)).length
      const entry = { category: category.name, builtin: category.builtin, keyword, words: Math.max(1, count) }
      if (count === 0 || unspaced.test(keyword)) {
        const substring = keyword.trim().toLowerCase()
        const list = substrings.get(substring.slice(0, 2)) ?? []
        if (substring !== "") list.push({ ...entry, substring })
        substrings.set(substring.slice(0, 2), list)
        continue
      }
      const breaks = parts.some((_, index) => read.isAfterBreak(index))
      insert(category.builtin ? builtin : custom, parts, breaks, entry)
    }
  }
  return {
    builtin,
    builtinFilter: new WordFilter(builtin.next.keys()),
    custom,
    customFilter: new WordFilter(withPlurals(custom.next.keys())),
    customCategories,
    substrings,
    substringUnits: new Set([...substrings.keys()].map((start) => start.charCodeAt(0)))
  }
}

type Nodes = ReadonlyArray<TrieNode>
const nowhere: Nodes = []

const including = (nodes: Nodes, node: TrieNode | undefined): Nodes => {
  if (node === undefined) return nodes
  return nodes.length === 0 ? [node] : [...nodes, node]
}

const leadsOn = ({ next }: TrieNode): boolean => next.size > 0

/** The nodes that a word leads to, as it stands or in the singular. */
const step = (nodes: Nodes, words: Words, at: number, first: boolean, list: "builtin" | "custom"): Nodes => {
  if (!nodes.some(leadsOn)) return nowhere
  const word = words.at(at)
  const one = singular(word, shortestPlural[list])
  const other = one !== word && list === "custom" ? otherSingular(one) : one
  const withinSentence = first || !words.isAfterBreak(at)
  let reached = nowhere
  for (const { next } of nodes) {
    if (withinSentence) {
      reached = including(reached, next.get(word))
      if (one !== word) reached = including(reached, next.get(one))
      if (other !== one) reached = including(reached, next.get(other))
    }
    if (first) continue
    reached = including(reached, next.get(`. ${word}`))
    if (one !== word) reached = including(reached, next.get(`. ${one}`))
    if (other !== one) reached = including(reached, next.get(`. ${other}`))
  }
  return reached
}

/** `c` is no word of its own in `c++` and `c#`. */
const endsInside = (words: Words, last: number): boolean => {
  if (!words.isGlued(last + 1)) return false
  const next = words.at(last + 1)
  return next === "#" || (next === "+" && words.isGlued(last + 2) && words.at(last + 2) === "+")
}

/** Where a keyword was found, and up to where it goes. */
interface Found {
  readonly entry: IndexedKeyword
  readonly end: number
  readonly sharedBy: number
}

const nothing: ReadonlyArray<Found> = []

/** The keywords of a trie that begin at a word; nearly always there are none. */
const keywordsAt = (root: Nodes, words: Words, start: number, list: "builtin" | "custom"): ReadonlyArray<Found> => {
  let nodes = step(root, words, start, true, list)
  if (nodes.length === 0) return nothing
  const here: Array<Found> = []
  for (let at = start; nodes.length > 0; at++) {
    if (!endsInside(words, at)) {
      for (const { found } of nodes) {
        if (found.length > mostSharing) continue
        for (const entry of found) here.push({ entry, end: words.endOf(at), sharedBy: found.length })
      }
    }
    nodes = at + 1 < words.count ? step(nodes, words, at + 1, false, list) : nowhere
  }
  return here
}

/** "recipes" is one piece of evidence for a category that lists "recipe" as well. */
const isAgain = (here: ReadonlyArray<Found>, found: Found): boolean =>
  here.find(({ end, entry }) => end === found.end && entry.category === found.entry.category) !== found

/**
 * The keywords in a text, each once, in order of position. A built-in keyword that lies within a longer built-in one
 * is not there: "how" is no word of its own in "how are you".
 */
export const keywordsIn = (index: KeywordIndex, text: string): ReadonlyArray<FoundKeyword> => {
  const words = new Words(text)
  const found = new Map<IndexedKeyword, FoundKeyword>()
  const builtin = [index.builtin]
  const custom = [index.custom]
  let coveredUntil = 0
  for (let start = 0; start < words.count; start++) {
    const position = words.startOf(start)
    if (index.customFilter.has(words, start)) {
      const here = keywordsAt(custom, words, start, "custom")
      for (const one of here) {
        const { entry, sharedBy } = one
        if (!found.has(entry) && !isAgain(here, one)) found.set(entry, { ...entry, position, sharedBy })
      }
    }
    if (!index.builtinFilter.has(words, start)) continue
    const here = keywordsAt(builtin, words, start, "builtin")
    if (here.length === 0) continue
    const longest = here.reduce((most, { end }) => Math.max(most, end), 0)
    for (const { entry, end, sharedBy } of here) {
      const hidden = end < longest || end <= coveredUntil
      if (!hidden && !found.has(entry)) found.set(entry, { ...entry, position, sharedBy })
    }
    coveredUntil = Math.max(coveredUntil, longest)
  }
  const inOrder = found.size
  substringsIn(index, text, found)
  const all = [...found.values()]
  return all.length === inOrder ? all : all.toSorted((a, b) => a.position - b.position)
}

const substringsIn = (index: KeywordIndex, text: string, found: Map<IndexedKeyword, FoundKeyword>): void => {
  if (index.substrings.size === 0) return
  const lower = text.toLowerCase()
  // Positions are the caller's: a text that changes its length in lower case is searched as it is.
  const searched = lower.length === text.length ? lower : text
  for (let position = 0; position < searched.length; position++) {
    if (!index.substringUnits.has(searched.charCodeAt(position))) continue
    for (const length of [1, 2]) {
      for (const entry of index.substrings.get(searched.slice(position, position + length)) ?? []) {
        if (!found.has(entry) && searched.startsWith(entry.substring, position))
          found.set(entry, { ...entry, position, sharedBy: 1 })
      }
      if (position + 1 >= searched.length) break
    }
  }
}
