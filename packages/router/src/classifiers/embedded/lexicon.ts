/**
 * Finds cues, the words and phrases that tell what a text is about, in its tokens. A cue is a list of phrases separated
 * by commas; accents and case do not count, `summar*` stands for every word that begins so.
 */
import { codeCues } from "./cues/code.ts"
import { talkCues } from "./cues/talk.ts"
import { taskCues } from "./cues/tasks.ts"
import { combined, hashStep, listBeginning, offsetBasis, readTokens, TokenBuffer, TokenKind } from "./tokens.ts"

const lists: Readonly<Record<string, string>> = { ...codeCues, ...taskCues, ...talkCues }

export const cueNames: ReadonlyArray<string> = Object.keys(lists)
export const cueCount = cueNames.length

/** Slots of the phrase table, a power of two well above the number of phrases and their beginnings. */
const slots = 1 << 15
const keys = new Int32Array(slots)
/** Where the cues of the phrase that ends here stand in `cuesOfPhrase`, or 0. */
const phrases = new Int32Array(slots)
const cuesOfPhrase: Array<ReadonlyArray<number>> = [[]]
const root = 0x3c6ef372

const slotOf = (key: number): number => {
  let slot = key & (slots - 1)
  while (keys[slot] !== 0 && keys[slot] !== key) slot = (slot + 1) & (slots - 1)
  return slot
}

const starHash = (text: string): number => {
  let hash = offsetBasis
  for (const character of text) hash = hashStep(hash, character.charCodeAt(0))
  listBeginning(hash)
  return combined(hash, 42)
}

const list = (buffer: TokenBuffer, cue: number, phrase: string): void => {
  let node = root
  for (const part of phrase.split(/(?<=\*)|\s+/).filter((word) => word.trim() !== "")) {
    const star = part.length > 1 && part.endsWith("*")
    readTokens(buffer, star ? part.slice(0, -1) : part)
    for (let at = 0; at < buffer.length; at++) {
      const last = at === buffer.length - 1
      const isStar = star && last && buffer.kinds[at] === TokenKind.word
      const token = isStar
        ? starHash(
            part
              .slice(0, -1)
              .normalize("NFD")
              .replace(/\p{M}/gu, "")
              .toLowerCase()
              .replace(/^.*[^\p{L}\p{N}_]/u, "")
          )
        : (buffer.hashes[at] ?? 0)
      node = combined(node, token)
      const slot = slotOf(node)
      keys[slot] = node
    }
  }
  const slot = slotOf(node)
  const index = phrases[slot] ?? 0
  const cues = cuesOfPhrase[index] ?? []
  if (cues.includes(cue)) return
  phrases[slot] = cuesOfPhrase.push([...cues, cue]) - 1
}

const reader = new TokenBuffer()
cueNames.forEach((name, cue) => {
  for (const phrase of (lists[name] ?? "").split(",")) if (phrase.trim() !== "") list(reader, cue, phrase.trim())
})

/** The cues of a phrase, flat: how many, then which. */
const flat = Uint8Array.from(cuesOfPhrase.flatMap((cues) => [cues.length, ...cues]))
const flatStart = new Int32Array(cuesOfPhrase.length)
cuesOfPhrase.reduce((start, cues, index) => {
  flatStart[index] = start
  return start + 1 + cues.length
}, 0)

export interface CueCounts {
  readonly note: (cue: number, token: number) => void
}

/** Words of a phrase at most. */
const longestPhrase = 6

const follow = (buffer: TokenBuffer, node: number, at: number, start: number, found: CueCounts): void => {
  if (at >= buffer.length || at - start >= longestPhrase) return
  step(buffer, combined(node, buffer.hashes[at] ?? 0), at, start, found)
  const beginning = buffer.beginnings[at] ?? 0
  if (beginning !== 0) step(buffer, combined(node, beginning), at, start, found)
}

const step = (buffer: TokenBuffer, node: number, at: number, start: number, found: CueCounts): void => {
  const slot = slotOf(node)
  if (keys[slot] === 0) return
  const phrase = phrases[slot] ?? 0
  if (phrase !== 0) {
    const first = flatStart[phrase] ?? 0
    const count = flat[first] ?? 0
    for (let i = 1; i <= count; i++) found.note(flat[first + i] ?? 0, start)
  }
  follow(buffer, node, at + 1, start, found)
}

/** Every phrase at every token; `mixed` keys make a chance hit rarer than one text in a thousand. */
export const findCues = (buffer: TokenBuffer, found: CueCounts): void => {
  for (let at = 0; at < buffer.length; at++) follow(buffer, root, at, at, found)
}
