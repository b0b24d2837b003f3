/**
 * Reads a text once into words and signs, as hashes in reused arrays: lower case, without accents, nothing allocated.
 * Of a long text the beginning and the end are read: there stands what is asked, before or after what is pasted.
 */
import { accentMark, capitalMark, foldIn, infoOf, kindIn, TokenKind } from "./characters.ts"
import { combined, hashStep, mixed, offsetBasis } from "./hashing.ts"

/** UTF-16 units read from the beginning and from the end. */
const readFromStart = 1400
const readFromEnd = 700
const maxTokens = readFromStart + readFromEnd + 8

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
  /** Signs: the character. Words and numbers: their length in UTF-16 units. */
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
  /** Tokens before the first line break, and after the last. */
  firstLine = 0
  lastLine = 0
  /** UTF-16 units read. */
  characters = 0
}

/** Few bits that say soon that no listed beginning has this hash. */
const filterMask = (1 << 14) - 1
const beginningFilter = new Uint8Array(filterMask + 1)
const beginnings = new Set<number>()

/** What stands for a listed beginning among the tokens; words that begin so are noted from now on. */
export const listBeginning = (letters: string): number => {
  let hash = offsetBasis
  for (let at = 0; at < letters.length; at++) hash = hashStep(hash, foldIn(infoOf(letters.charCodeAt(at))))
  beginningFilter[hash & filterMask] = 1
  beginnings.add(hash)
  return beginningToken(hash)
}

const beginningToken = (hash: number): number => combined(hash, 42)

/** Reads a word that begins at `at`; says where it ends. */
const readWord = (buffer: TokenBuffer, text: string, at: number, to: number): number => {
  const token = buffer.length
  let hash = offsetBasis
  let beginning = 0
  let capitals = 0
  let afterSmall = false
  let end = at
  while (end < to) {
    const info = infoOf(text.charCodeAt(end))
    const kind = kindIn(info)
    if (kind !== TokenKind.word && kind !== TokenKind.number) break
    hash = hashStep(hash, foldIn(info))
    end++
    if (beginningFilter[hash & filterMask] === 1 && beginnings.has(hash)) beginning = hash
    if ((info & capitalMark) !== 0) {
      capitals++
      if (afterSmall) buffer.camelCase++
      afterSmall = false
    } else {
      afterSmall = true
      if ((info & accentMark) !== 0) buffer.accents++
      else if (foldIn(info) === 95 && end - at > 1) buffer.snakeCase++
    }
  }
  if (capitals > 0) {
    buffer.upperCase += capitals
    if ((infoOf(text.charCodeAt(at)) & capitalMark) !== 0) buffer.capitalised++
  }
  if (end < to && text.charCodeAt(end) === 40) buffer.calls++
  const word = mixed(hash)
  buffer.hashes[token] = word
  buffer.words[token] = word
  buffer.beginnings[token] = beginning === 0 ? 0 : beginningToken(beginning)
  buffer.codes[token] = end - at
  return end
}

/** Reads a number, its decimal signs included. */
const readNumber = (buffer: TokenBuffer, text: string, at: number, to: number): number => {
  const token = buffer.length
  let hash = offsetBasis
  let size = 0
  let end = at
  while (end < to) {
    const code = text.charCodeAt(end)
    if (kindIn(infoOf(code)) !== TokenKind.number) {
      const next = end + 1 < to ? text.charCodeAt(end + 1) : 0
      if ((code !== 46 && code !== 44) || next < 48 || next > 57) break
    } else size++
    hash = hashStep(hash, code)
    end++
  }
  buffer.digits += size
  buffer.hashes[token] = mixed(hash)
  buffer.words[token] = numberHashes[Math.min(size, 5) - 1] ?? 0
  buffer.beginnings[token] = 0
  buffer.codes[token] = size
  return end
}

const readSign = (buffer: TokenBuffer, text: string, at: number, kind: number): number => {
  const token = buffer.length
  const folded = foldIn(infoOf(text.charCodeAt(at)))
  const hash = mixed(hashStep(offsetBasis, folded))
  if (kind === TokenKind.ideograph) buffer.ideographs++
  else buffer.signs++
  buffer.hashes[token] = hash
  buffer.words[token] = hash
  buffer.beginnings[token] = 0
  buffer.codes[token] = folded
  return at + 1
}

const isSign = (buffer: TokenBuffer, token: number): boolean => buffer.kinds[token] === TokenKind.sign

/** What the line of these tokens looks like. */
const noteLine = (buffer: TokenBuffer, from: number): void => {
  const last = buffer.length - 1
  const end = isSign(buffer, last) ? (buffer.codes[last] ?? 0) : 0
  if (end === 59 || end === 123 || end === 125) buffer.codeLines++
  const first = isSign(buffer, from) ? (buffer.codes[from] ?? 0) : 0
  if (first === 45 || first === 42 || first === 0x2022) buffer.listLines++
  if (last === from) return
  const second = buffer.codes[from + 1] ?? 0
  const closes = isSign(buffer, from + 1) && (second === 41 || second === 46 || second === 58)
  const isLetter = (token: number): boolean => buffer.kinds[token] === TokenKind.word && buffer.codes[token] === 1
  if (buffer.kinds[from] === TokenKind.number && closes) buffer.listLines++
  if ((isLetter(from) && closes) || (first === 40 && isLetter(from + 1))) buffer.optionLines++
}

const readRange = (buffer: TokenBuffer, text: string, from: number, to: number): void => {
  let at = from
  let lineFrom = buffer.length
  let indent = 0
  while (at < to) {
    const code = text.charCodeAt(at)
    const kind = kindIn(infoOf(code))
    if (kind === TokenKind.space) {
      if (code === 10) {
        buffer.newlines++
        if (lineFrom === buffer.length) buffer.blankLines++
        else noteLine(buffer, lineFrom)
        if (buffer.firstLine === 0) buffer.firstLine = buffer.length
        lineFrom = buffer.length
        indent = 0
      } else indent += code === 9 ? 4 : 1
      at++
      continue
    }
    if (lineFrom === buffer.length && indent >= 2) buffer.indentedLines++
    buffer.kinds[buffer.length] = kind
    at =
      kind === TokenKind.word
        ? readWord(buffer, text, at, to)
        : kind === TokenKind.number
          ? readNumber(buffer, text, at, to)
          : readSign(buffer, text, at, kind)
    buffer.length++
  }
  if (lineFrom < buffer.length) {
    noteLine(buffer, lineFrom)
    buffer.lastLine = buffer.length - lineFrom
  }
}

const clear = (buffer: TokenBuffer): void => {
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
  buffer.firstLine = 0
  buffer.lastLine = 0
}

export const readTokens = (buffer: TokenBuffer, text: string): void => {
  clear(buffer)
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
