/**
 * Finds cues, the words and phrases that tell what a text is about, in its tokens. A cue is a list of phrases separated
 * by commas; accents and case do not count, `summar*` stands for every word that begins so.
 */
import { TokenKind } from "./characters.ts"
import { codeCues } from "./cues/code.ts"
import { talkCues } from "./cues/talk.ts"
import { taskCues } from "./cues/tasks.ts"
import * as hashing from "./hashing.ts"
import * as read from "./tokens.ts"

const { combined } = hashing
const { listBeginning, readTokens, tokens } = read

const lists: ReadonlyArray<string> = [codeCues, taskCues, talkCues].flatMap((cues) => Object.values(cues))

export const cueCount = lists.length

/** Slots of the phrase table, a power of two well above the number of phrases and their beginnings. */
const slots = 1 << 15
const keys = new Int32Array(slots)
/** Where the cues of the phrase that ends here stand in `cuesOfPhrase`, or 0: but for the lowest bit, `goesOn`. */
const phrases = new Int32Array(slots)
/** Longer phrases begin with this one. */
const goesOn = 1
const cuesOfPhrase: Array<ReadonlyArray<number>> = [[]]
const root = 0x3c6ef372

/** Few bits that say soon that no phrase goes on so. */
const filterBits = 1 << 17
const filter = new Uint32Array(filterBits >> 5)
const mayGoOn = (node: number): boolean => (((filter[(node & (filterBits - 1)) >>> 5] ?? 0) >>> (node & 31)) & 1) === 1

const slotOf = (key: number): number => {
  let slot = key & (slots - 1)
  while (keys[slot] !== 0 && keys[slot] !== key) slot = (slot + 1) & (slots - 1)
  return slot
}

/** Goes on from a node by the tokens that were read last. */
const listTokens = (from: number, count: number): number => {
  let node = from
  for (let at = 0; at < count; at++) node = listToken(node, tokens.hashes[at] ?? 0)
  return node
}

const listToken = (from: number, token: number): number => {
  const node = combined(from, token)
  keys[slotOf(node)] = node
  if (from !== root) phrases[slotOf(from)] = (phrases[slotOf(from)] ?? 0) | goesOn
  const word = (node & (filterBits - 1)) >>> 5
  filter[word] = (filter[word] ?? 0) | (1 << (node & 31))
  return node
}

/** `part*` ends in a token that stands for the beginning of a word. */
const listPart = (from: number, part: string): number => {
  const open = part.length > 1 && part.endsWith("*")
  const letters = open ? part.slice(0, -1) : part
  readTokens(letters)
  const last = tokens.length - 1
  if (!open || tokens.kinds[last] !== TokenKind.word) return listTokens(from, tokens.length)
  const word = letters.slice(letters.length - (tokens.codes[last] ?? 0))
  return listToken(listTokens(from, last), listBeginning(word))
}

const listPhrase = (phrase: string): number => {
  if (phrase.includes("*")) return phrase.split(/\s+/).reduce((node, part) => listPart(node, part), root)
  readTokens(phrase)
  return listTokens(root, tokens.length)
}

const list = (cue: number, phrase: string): void => {
  const slot = slotOf(listPhrase(phrase))
  const known = phrases[slot] ?? 0
  const cues = cuesOfPhrase[known >> 1] ?? []
  if (!cues.includes(cue)) phrases[slot] = ((cuesOfPhrase.push([...cues, cue]) - 1) << 1) | (known & goesOn)
}

lists.forEach((phrasesOfCue, cue) => {
  for (const phrase of phrasesOfCue.split(",")) if (phrase.trim() !== "") list(cue, phrase.trim())
})

/** The cues of each phrase, flat: how many, then which. */
const flat = Uint8Array.from(cuesOfPhrase.flatMap((cues) => [cues.length, ...cues]))
const flatStart = new Int32Array(cuesOfPhrase.length)
cuesOfPhrase.reduce((start, cues, index) => {
  flatStart[index] = start
  return start + 1 + cues.length
}, 0)

/** Told of every cue found, with the token at which it begins. */
export interface CueSink {
  readonly note: (cue: number, token: number) => void
}

const longestPhrase = 6

const follow = (node: number, at: number, start: number, sink: CueSink): void => {
  const next = combined(node, tokens.hashes[at] ?? 0)
  if (mayGoOn(next)) step(next, at, start, sink)
  const beginning = tokens.beginnings[at] ?? 0
  if (beginning === 0) return
  const open = combined(node, beginning)
  if (mayGoOn(open)) step(open, at, start, sink)
}

const step = (node: number, at: number, start: number, sink: CueSink): void => {
  const slot = slotOf(node)
  if (keys[slot] === 0) return
  const phrase = phrases[slot] ?? 0
  if (phrase > goesOn) {
    const first = flatStart[phrase >> 1] ?? 0
    const count = flat[first] ?? 0
    for (let i = 1; i <= count; i++) sink.note(flat[first + i] ?? 0, start)
  }
  if ((phrase & goesOn) !== 0 && at + 1 < tokens.length && at + 1 - start < longestPhrase) {
    follow(node, at + 1, start, sink)
  }
}

/** Every phrase at every token. Keys are 32-bit hashes: a chance hit is rarer than one text in a thousand. */
export const findCues = (sink: CueSink): void => {
  const { length } = tokens
  for (let at = 0; at < length; at++) follow(root, at, at, sink)
}
