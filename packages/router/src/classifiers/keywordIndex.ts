/**
 * Finds a configuration's keywords in a text: whole words, whatever their case, accents and plural s; the user's own
 * also in other forms of the word. Tries of words, so that the time depends on the text and not on how many keywords
 * there are.
 */
import type { Category } from "@llm-router/domain/Category"

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

interface Token {
  readonly text: string
  readonly start: number
  readonly end: number
  /** It follows the token before without a gap, as `+` in `c++`. */
  readonly glued: boolean
  /** A sentence ended before it: a phrase does not go over that. */
  readonly afterBreak: boolean
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
  /** Of the shipped lists, which say what they mean: "pandas" is not a panda. */
  readonly builtin: TrieNode
  /** Of the user's categories, by the stems of their words. */
  readonly custom: TrieNode
  /** How many categories are the user's. */
  readonly customCategories: number
  /** Keywords of scripts without spaces, and signs, by their first two UTF-16 units, or their only one. */
  readonly substrings: ReadonlyMap<string, ReadonlyArray<SubstringKeyword>>
}

/** Scripts that write no spaces: their words are found as substrings. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
const tokens =
  /[[\p{L}\p{N}\p{M}_]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]]+|[+#]|\.(?=[\p{L}\p{N}])/gv
const sentenceEnd = /[.!?;]/
const ascii = /^[\w+#.]*$/

const folded = (word: string): string =>
  ascii.test(word)
    ? word.toLowerCase()
    : word
        .normalize("NFD")
        .replace(/[\u0300-\u036f]/g, "")
        .toLowerCase()
        .replaceAll("œ", "oe")
        .replaceAll("æ", "ae")
        .replaceAll("ß", "ss")

/** "poems" to "poem"; words such as "class", "status" and "analysis" are no plurals. */
const singular = (word: string, shortest: number): string =>
  word.length >= shortest && word.endsWith("s") && !/[sui]s$/.test(word) ? word.slice(0, -1) : word

/**
 * A light stem: "stories" and "story", "extracted" and "extracting", "résume" and "résumez" are one word each. What is
 * left has four letters at least, so that short words keep their ends.
 */
const stemOf = (word: string): string => {
  const one = singular(word, 4)
  if (one.length < 5) return one
  if (one.endsWith("ie")) return `${one.slice(0, -2)}y`
  const verb = /^(.{4,}?)(?:ing|ed|ez)$/.exec(one)?.[1]
  if (verb !== undefined) return verb.length > 4 ? verb.replace(/([bdgmnprt])\1$/, "$1") : verb
  return one.length > 5 ? one.replace(/^(.{5,}?)ee?$/, "$1") : one
}

const tokensOf = (text: string): ReadonlyArray<Token> => {
  const list: Array<Token> = []
  let end = -1
  for (const match of text.matchAll(tokens)) {
    const word = match[0]
    const glued = match.index === end
    // A sign belongs to a word only where it touches one.
    if ((word === "+" || word === "#") && !glued) continue
    const gap = end < 0 || glued ? "" : text.slice(end, Math.min(match.index, end + 20))
    list.push({
      text: folded(word),
      start: match.index,
      end: match.index + word.length,
      glued,
      afterBreak: sentenceEnd.test(gap)
    })
    end = match.index + word.length
  }
  return list
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
      const parts = tokensOf(keyword)
      const count = parts.filter(({ text }) => /[\p{L}\p{N}]/u.test(text)).length
      const entry = { category: category.name, builtin: category.builtin, keyword, words: Math.max(1, count) }
      if (count === 0 || unspaced.test(keyword)) {
        const substring = keyword.trim().toLowerCase()
        const list = substrings.get(substring.slice(0, 2)) ?? []
        if (substring !== "") list.push({ ...entry, substring })
        substrings.set(substring.slice(0, 2), list)
        continue
      }
      const breaks = parts.some(({ afterBreak }) => afterBreak)
      const words = parts.map(({ text }) => (category.builtin ? text : stemOf(text)))
      insert(category.builtin ? builtin : custom, words, breaks, entry)
    }
  }
  return { builtin, custom, customCategories, substrings }
}

/** The nodes that a word leads to: as it stands or in the singular for the shipped lists, by its stem for the user's. */
const step = (nodes: ReadonlyArray<TrieNode>, token: Token, stem: string | undefined, first: boolean) => {
  const one = singular(token.text, 4)
  const forms = stem !== undefined ? [stem] : one === token.text ? [one] : [token.text, one]
  const reached: Array<TrieNode> = []
  for (const node of nodes) {
    for (const text of forms) {
      const near = first || !token.afterBreak ? node.next.get(text) : undefined
      if (near !== undefined) reached.push(near)
      const far = first ? undefined : node.next.get(`. ${text}`)
      if (far !== undefined) reached.push(far)
    }
  }
  return reached
}

/** Whether any keyword begins with a word: nearly every word of a text begins none. */
const begins = ({ next }: TrieNode, text: string): boolean => next.has(text) || next.has(singular(text, 4))

/** `c` is no word of its own in `c++` and `c#`. */
const endsInside = (list: ReadonlyArray<Token>, last: number): boolean => {
  const next = list[last + 1]
  if (next?.glued !== true) return false
  if (next.text === "#") return true
  const second = list[last + 2]
  return next.text === "+" && second?.glued === true && second.text === "+"
}

/** Where a keyword was found, and up to where it goes. */
interface Found {
  readonly entry: IndexedKeyword
  readonly end: number
  readonly sharedBy: number
}

/** The keywords of a trie that begin at a word. */
const keywordsAt = (
  root: TrieNode,
  list: ReadonlyArray<Token>,
  start: number,
  byStem: boolean
): ReadonlyArray<Found> => {
  let nodes: ReadonlyArray<TrieNode> = [root]
  const here: Array<Found> = []
  for (let at = start; at < list.length && nodes.length > 0; at++) {
    const token = list[at]
    if (token === undefined) break
    nodes = step(nodes, token, byStem ? stemOf(token.text) : undefined, at === start)
    if (endsInside(list, at)) continue
    for (const { found } of nodes) {
      if (found.length > mostSharing) continue
      for (const entry of found) here.push({ entry, end: token.end, sharedBy: found.length })
    }
  }
  return here
}

/**
 * The keywords in a text, each once, in order of position. A built-in keyword that lies within a longer built-in one
 * is not there: "how" is no word of its own in "how are you".
 */
export const keywordsIn = (index: KeywordIndex, text: string): ReadonlyArray<FoundKeyword> => {
  const list = tokensOf(text)
  const found = new Map<IndexedKeyword, FoundKeyword>()
  let coveredUntil = 0
  for (let start = 0; start < list.length; start++) {
    const first = list[start]
    if (first === undefined) continue
    const position = first.start
    if (index.customCategories > 0 && index.custom.next.has(stemOf(first.text))) {
      for (const { entry, sharedBy } of keywordsAt(index.custom, list, start, true)) {
        if (!found.has(entry)) found.set(entry, { ...entry, position, sharedBy })
      }
    }
    if (!begins(index.builtin, first.text)) continue
    const here = keywordsAt(index.builtin, list, start, false)
    const longest = here.reduce((most, { end }) => Math.max(most, end), 0)
    for (const { entry, end, sharedBy } of here) {
      const hidden = end < longest || end <= coveredUntil
      if (!hidden && !found.has(entry)) found.set(entry, { ...entry, position, sharedBy })
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
    for (const length of [1, 2]) {
      for (const entry of index.substrings.get(searched.slice(position, position + length)) ?? []) {
        if (!found.has(entry) && searched.startsWith(entry.substring, position))
          found.set(entry, { ...entry, position, sharedBy: 1 })
      }
      if (position + 1 >= searched.length) break
    }
  }
}
