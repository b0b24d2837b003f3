/**
 * Reads a text once into words and signs, as hashes in reused arrays: lower case, without accents, nothing allocated.
 * Of a long text the beginning and the end are read: there stands what is asked, before or after what is pasted.
 */

/** UTF-16 units read from the beginning and from the end. */
const readFromStart = 1400
const readFromEnd = 700
const maxTokens = readFromStart + readFromEnd + 8

const space = 0
const letter = 1
const digit = 2
const sign = 3
/** A character that is a word by itself, as in Chinese. */
const ideograph = 4

export const TokenKind = { word: 1, number: 2, sign: 3, ideograph: 4 } as const

/** Latin, Greek and Cyrillic are folded by table. */
const tableSize = 0x530
const kinds = new Uint8Array(tableSize)
const folds = new Uint16Array(tableSize)
for (let code = 0; code < tableSize; code++) {
  const character = String.fromCharCode(code)
  const folded = character.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase()
  kinds[code] = /[\s\p{C}\p{Z}]/u.test(character)
    ? space
    : /[\p{L}\p{M}_]/u.test(character)
      ? letter
      : /\d/.test(character)
        ? digit
        : sign
  folds[code] = folded === "" ? code : folded.charCodeAt(0)
}
for (const [character, plain] of [
  ["œ", "o"],
  ["Œ", "o"],
  ["ß", "s"],
  ["æ", "a"],
  ["ø", "o"],
  ["ł", "l"],
  ["’", "'"]
] as const) {
  if (character.charCodeAt(0) < tableSize) folds[character.charCodeAt(0)] = plain.charCodeAt(0)
}

const kindOf = (code: number): number =>
  code < tableSize
    ? (kinds[code] ?? space)
    : (code >= 0x2e80 && code <= 0x9fff && code !== 0x3000) || (code >= 0xac00 && code <= 0xd7af)
      ? code >= 0x3001 && code <= 0x303f
        ? sign
        : ideograph
      : (code >= 0x2000 && code <= 0x200f) || code === 0x3000 || code === 0xfeff || code === 0x2028 || code === 0x2029
        ? space
        : (code >= 0x2010 && code <= 0x2bff) || code >= 0xd800
          ? sign
          : letter

/** Typographic apostrophes and quotes are the plain ones. */
const foldOf = (code: number): number =>
  code < tableSize
    ? (folds[code] ?? code)
    : code === 0x2019 || code === 0x2018
      ? 0x27
      : code === 0x201c || code === 0x201d
        ? 0x22
        : code

export const offsetBasis = 0x811c9dc5 | 0

/** FNV-1a, one step. */
export const hashStep = (hash: number, code: number): number => Math.imul(hash ^ code, 0x01000193)

/** Spreads what the last step left in the high bits. */
export const mixed = (hash: number): number => {
  let h = hash ^ (hash >>> 15)
  h = Math.imul(h, 0x2c1b3c6d)
  h ^= h >>> 12
  h = Math.imul(h, 0x297a2d39)
  return h ^ (h >>> 15)
}

export const combined = (first: number, second: number): number => mixed(Math.imul(first, 0x01000193) ^ second)

const numberHashes = Int32Array.from([1, 2, 3, 4, 5], (size) => mixed(hashStep(0x5bd1e995, size)))

/** What was read last; valid until the next text is read. */
export class TokenBuffer {
  length = 0
  /** By its letters. */
  readonly hashes = new Int32Array(maxTokens)
  /** As `hashes`, but numbers of one size are one word. */
  readonly words = new Int32Array(maxTokens)
  /** The longest beginning of the word that the lexicon lists (`summar*`), or 0. */
  readonly beginnings = new Int32Array(maxTokens)
  readonly kinds = new Uint8Array(maxTokens)
  /** Sign tokens: the character. Words: their length in UTF-16 units. */
  readonly codes = new Uint16Array(maxTokens)
  camelCase = 0
  snakeCase = 0
  capitalised = 0
  upperCase = 0
  digits = 0
  signs = 0
  newlines = 0
  blankLines = 0
  indentedLines = 0
  /** Lines that end in `;`, `{` or `}`. */
  codeLines = 0
  /** Lines that begin as `A)`, `b.` or `(C)`. */
  optionLines = 0
  /** Lines that begin with a dash, a star or a number. */
  listLines = 0
  /** A word directly followed by `(`. */
  calls = 0
  ideographs = 0
  accents = 0
  /** UTF-16 units read. */
  characters = 0
}

/** `1` where some listed beginning has a hash that ends in these bits. */
const beginningBits = new Uint8Array(1 << 16)
const beginnings = new Set<number>()

/** Words that begin so are noted as such; of a word without its star. */
export const listBeginning = (hash: number): void => {
  beginningBits[hash & 0xffff] = 1
  beginnings.add(hash)
}

const capital = (code: number): boolean => (code >= 65 && code <= 90) || (code >= 0xc0 && code <= 0xde)

const readRange = (buffer: TokenBuffer, text: string, from: number, to: number): void => {
  let at = from
  let lineStart = true
  let lineTokens = 0
  let indent = 0
  let length = buffer.length
  while (at < to) {
    const code = text.charCodeAt(at)
    const kind = kindOf(code)
    if (kind === space) {
      if (code === 10) {
        buffer.newlines++
        if (lineTokens === 0) buffer.blankLines++
        else {
          const last = buffer.codes[length - 1] ?? 0
          if (buffer.kinds[length - 1] === sign && (last === 59 || last === 123 || last === 125)) buffer.codeLines++
          noteLineStart(buffer, length - lineTokens, lineTokens)
        }
        lineStart = true
        lineTokens = 0
        indent = 0
      } else if (lineStart) indent += code === 9 ? 4 : 1
      at++
      continue
    }
    if (lineStart) {
      if (indent >= 2) buffer.indentedLines++
      lineStart = false
    }
    lineTokens++
    if (kind === letter) {
      let hash = offsetBasis
      let beginning = 0
      const start = at
      let before = 0
      while (at < to) {
        const raw = text.charCodeAt(at)
        const rawKind = kindOf(raw)
        if (rawKind !== letter && rawKind !== digit) break
        hash = hashStep(hash, foldOf(raw))
        if (beginningBits[hash & 0xffff] === 1 && beginnings.has(hash)) beginning = hash
        if (capital(raw)) {
          if (before === 2) buffer.camelCase++
          before = 1
          buffer.upperCase++
        } else {
          if (raw === 95 && at > start) buffer.snakeCase++
          if (raw > 127 && raw < 0x180) buffer.accents++
          before = 2
        }
        at++
      }
      if (capital(text.charCodeAt(start))) buffer.capitalised++
      if (at < to && text.charCodeAt(at) === 40) buffer.calls++
      const word = mixed(hash)
      buffer.hashes[length] = word
      buffer.words[length] = word
      buffer.beginnings[length] = beginning === 0 ? 0 : combined(beginning, 42)
      buffer.kinds[length] = TokenKind.word
      buffer.codes[length] = at - start
    } else if (kind === digit) {
      let hash = offsetBasis
      let size = 0
      while (at < to) {
        const raw = text.charCodeAt(at)
        if (kindOf(raw) !== digit) {
          const next = at + 1 < to ? text.charCodeAt(at + 1) : 0
          if ((raw !== 46 && raw !== 44) || next < 48 || next > 57) break
        } else size++
        hash = hashStep(hash, raw)
        at++
      }
      buffer.digits += size
      buffer.hashes[length] = mixed(hash)
      buffer.words[length] = numberHashes[Math.min(size, 5) - 1] ?? 0
      buffer.beginnings[length] = 0
      buffer.kinds[length] = TokenKind.number
      buffer.codes[length] = size
    } else {
      const folded = foldOf(code)
      const hash = mixed(hashStep(offsetBasis, folded))
      if (kind === ideograph) buffer.ideographs++
      else buffer.signs++
      buffer.hashes[length] = hash
      buffer.words[length] = hash
      buffer.beginnings[length] = 0
      buffer.kinds[length] = kind
      buffer.codes[length] = folded
      at++
    }
    length++
    buffer.length = length
  }
  if (lineTokens > 0) noteLineStart(buffer, length - lineTokens, lineTokens)
}

const noteLineStart = (buffer: TokenBuffer, start: number, tokens: number): void => {
  const first = buffer.codes[start] ?? 0
  const firstKind = buffer.kinds[start]
  if (firstKind === sign && (first === 45 || first === 42 || first === 0x2022)) buffer.listLines++
  if (tokens < 2) return
  const second = buffer.codes[start + 1] ?? 0
  const secondKind = buffer.kinds[start + 1]
  const closes = secondKind === sign && (second === 41 || second === 46 || second === 58)
  if (firstKind === TokenKind.number && closes) buffer.listLines++
  if (firstKind === TokenKind.word && first === 1 && closes) buffer.optionLines++
  if (firstKind === sign && first === 40 && secondKind === TokenKind.word && second === 1) buffer.optionLines++
}

export const readTokens = (buffer: TokenBuffer, text: string): void => {
  buffer.length = 0
  buffer.camelCase = 0
  buffer.snakeCase = 0
  buffer.capitalised = 0
  buffer.upperCase = 0
  buffer.digits = 0
  buffer.signs = 0
  buffer.newlines = 0
  buffer.blankLines = 0
  buffer.indentedLines = 0
  buffer.codeLines = 0
  buffer.optionLines = 0
  buffer.listLines = 0
  buffer.calls = 0
  buffer.ideographs = 0
  buffer.accents = 0
  const end = text.length
  if (end <= readFromStart + readFromEnd) {
    buffer.characters = end
    readRange(buffer, text, 0, end)
  } else {
    buffer.characters = readFromStart + readFromEnd
    readRange(buffer, text, 0, readFromStart)
    readRange(buffer, text, end - readFromEnd, end)
  }
}
