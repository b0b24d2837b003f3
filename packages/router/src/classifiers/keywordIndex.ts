/**
 * Finds a configuration's keywords in a text: whole words, whatever their case, accents and plural s.
 * A trie of words, so that the time depends on the text and not on how many keywords there are.
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
}

interface SubstringKeyword extends IndexedKeyword {
  readonly substring: string
}

interface TrieNode {
  /** By word; after `. ` where the keyword itself may go over the end of a sentence: "St. Gallen". */
  readonly next: Map<string, TrieNode>
  readonly found: Array<IndexedKeyword>
}

export interface KeywordIndex {
  readonly root: TrieNode
  /** Of the words that begin a keyword. */
  readonly beginnings: WordFilter
  /** Keywords of scripts without spaces, and signs, by their first two UTF-16 units, or their only one. */
  readonly substrings: ReadonlyMap<string, ReadonlyArray<SubstringKeyword>>
  readonly substringUnits: ReadonlySet<number>
}

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
export const keywordIndex = (categories: Iterable<Category>, leaveOut: string): KeywordIndex => {
  const root = emptyNode()
  const substrings = new Map<string, Array<SubstringKeyword>>()
  for (const category of categories) {
    if (category.name === leaveOut) continue
    for (const keyword of category.keywords) {
      const read = new Words(keyword)
      const parts = Array.from({ length: read.count }, (_, index) => read.at(index))
      const words = parts.filter((part) => /[\p{L}\p{N}]/u.test(part)).length
      const entry = { category: category.name, builtin: category.builtin, keyword, words: Math.max(1, words) }
      if (words === 0 || unspaced.test(keyword)) {
        const substring = keyword.trim().toLowerCase()
        const list = substrings.get(substring.slice(0, 2)) ?? []
        if (substring !== "") list.push({ ...entry, substring })
        substrings.set(substring.slice(0, 2), list)
        continue
      }
      const breaks = parts.some((_, index) => read.isAfterBreak(index))
      insert(root, parts, breaks, entry)
      // The shipped lists say what they mean: "pandas" is not a panda.
      if (!category.builtin) {
        const singulars = parts.map((part) => singular(part, 5))
        insert(root, singulars, breaks, entry)
      }
    }
  }
  const beginnings = new WordFilter()
  for (const word of root.next.keys()) beginnings.add(word)
  const substringUnits = new Set([...substrings.keys()].map((start) => start.charCodeAt(0)))
  return { root, beginnings, substrings, substringUnits }
}

const nowhere: ReadonlyArray<TrieNode> = []

const step = (nodes: ReadonlyArray<TrieNode>, words: Words, at: number, first: boolean): ReadonlyArray<TrieNode> => {
  if (nodes.every(({ next }) => next.size === 0)) return nowhere
  const word = words.at(at)
  const one = singular(word, 4)
  const reached: Array<TrieNode> = []
  const reach = (node: TrieNode | undefined): void => void (node !== undefined && reached.push(node))
  for (const { next } of nodes) {
    if (first || !words.isAfterBreak(at)) {
      reach(next.get(word))
      if (one !== word) reach(next.get(one))
    }
    if (first) continue
    reach(next.get(`. ${word}`))
    if (one !== word) reach(next.get(`. ${one}`))
  }
  return reached
}

/** `c` is no word of its own in `c++` and `c#`. */
const endsInside = (words: Words, last: number): boolean => {
  if (!words.isGlued(last + 1)) return false
  const next = words.at(last + 1)
  return next === "#" || (next === "+" && words.isGlued(last + 2) && words.at(last + 2) === "+")
}

/**
 * The keywords in a text, each once, in order of position. A built-in keyword that lies within a longer built-in one
 * is not there: "how" is no word of its own in "how are you".
 */
export const keywordsIn = (index: KeywordIndex, text: string): ReadonlyArray<FoundKeyword> => {
  const words = new Words(text)
  const found = new Map<IndexedKeyword, FoundKeyword>()
  let coveredUntil = 0
  for (let start = 0; start < words.count; start++) {
    if (!index.beginnings.has(words, start)) continue
    const position = words.startOf(start)
    let nodes: ReadonlyArray<TrieNode> = [index.root]
    const here: Array<{ readonly entry: IndexedKeyword; readonly end: number }> = []
    let longest = 0
    for (let at = start; at < words.count; at++) {
      nodes = step(nodes, words, at, at === start)
      if (nodes.length === 0) break
      if (endsInside(words, at)) continue
      const end = words.endOf(at)
      for (const node of nodes) {
        for (const entry of node.found) {
          here.push({ entry, end })
          if (entry.builtin) longest = Math.max(longest, end)
        }
      }
    }
    for (const { entry, end } of here) {
      const hidden = entry.builtin && (end < longest || end <= coveredUntil)
      if (!hidden && !found.has(entry)) found.set(entry, { ...entry, position })
    }
    coveredUntil = Math.max(coveredUntil, longest)
  }
  substringsIn(index, text, found)
  return [...found.values()].toSorted((a, b) => a.position - b.position)
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
          found.set(entry, { ...entry, position })
      }
      if (position + 1 >= searched.length) break
    }
  }
}
