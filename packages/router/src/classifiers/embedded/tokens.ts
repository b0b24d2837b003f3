/**
 * Reads a text once into words and signs, as hashes in reused arrays: lower case, without accents, nothing allocated.
 * Of a long text the beginning and the end are read: there stands what is asked, before or after what is pasted.
 */
import { accentMark, capitalMark, foldIn, infoOf, inWordMark, kindIn, tellingMarks, TokenKind } from "./characters.ts"
import { combined, hashStep, mixed, offsetBasis } from "./hashing.ts"

/** UTF-16 units read from the beginning and from the end. */
const readFromStart = 1400
const readFromEnd = 700
const maxTokens = readFromStart + readFromEnd + 8

const numberHashes = Int32Array.from([1, 2, 3, 4, 5], (size) => mixed(hashStep(0x5bd1e995, size)))

/**
 * The UTF-16 units that are read, and a zero after them, which ends every word: copied at once, because a string's own
 * take a call each.
 */
const units = new Uint16Array(readFromStart + readFromEnd + 1)
const unitBytes = Buffer.from(units.buffer)

class TokenBuffer {
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

/** What was read last; valid until the next text is read. One for all, so that compiled code knows where it stands. */
export const tokens = new TokenBuffer()

/** Few bits that say soon that no listed beginning has this hash. */
const filterBits = 1 << 14
const filter = new Uint32Array(filterBits >> 5)
const mayBegin = (hash: number): boolean => (((filter[(hash & (filterBits - 1)) >>> 5] ?? 0) >>> (hash & 31)) & 1) === 1

/** A table of the listed beginnings, well above their number. */
const slots = 1 << 11
const beginnings = new Int32Array(slots)

const slotOf = (hash: number): number => {
  let slot = hash & (slots - 1)
  while (beginnings[slot] !== 0 && beginnings[slot] !== hash) slot = (slot + 1) & (slots - 1)
  return slot
}

/** What stands for a listed beginning among the tokens; words that begin so are noted from now on. */
export const listBeginning = (letters: string): number => {
  let hash = offsetBasis
  for (let at = 0; at < letters.length; at++) hash = hashStep(hash, foldIn(infoOf(letters.charCodeAt(at))))
  const word = (hash & (filterBits - 1)) >>> 5
  filter[word] = (filter[word] ?? 0) | (1 << (hash & 31))
  beginnings[slotOf(hash)] = hash
  return beginningToken(hash)
}

const beginningToken = (hash: number): number => combined(hash, 42)

/** Reads a word that begins at `at`; says where it ends. */
const readWord = (at: number): number => {
  const token = tokens.length
  const first = infoOf(units[at] ?? 0)
  let info = first
  let hash = offsetBasis
  let beginning = 0
  let capitals = 0
  let afterSmall = false
  let end = at
  do {
    hash = hashStep(hash, foldIn(info))
    end++
    if (mayBegin(hash) && beginnings[slotOf(hash)] === hash) beginning = hash
    if ((info & tellingMarks) === 0) afterSmall = true
    else if ((info & capitalMark) !== 0) {
      capitals++
      if (afterSmall) tokens.camelCase++
      afterSmall = false
    } else {
      afterSmall = true
      if ((info & accentMark) !== 0) tokens.accents++
      else if (end - at > 1) tokens.snakeCase++
    }
    info = infoOf(units[end] ?? 0)
  } while ((info & inWordMark) !== 0)
  if (capitals > 0) {
    tokens.upperCase += capitals
    if ((first & capitalMark) !== 0) tokens.capitalised++
  }
  if (units[end] === 40) tokens.calls++
  const word = mixed(hash)
  tokens.hashes[token] = word
  tokens.words[token] = word
  tokens.beginnings[token] = beginning === 0 ? 0 : beginningToken(beginning)
  tokens.codes[token] = end - at
  return end
}

/** Reads a number, its decimal signs included. */
const readNumber = (at: number): number => {
  const token = tokens.length
  let hash = offsetBasis
  let size = 0
  let end = at
  for (;;) {
    const code = units[end] ?? 0
    if (kindIn(infoOf(code)) !== TokenKind.number) {
      if (code !== 46 && code !== 44) break
      const next = units[end + 1] ?? 0
      if (next < 48 || next > 57) break
    } else size++
    hash = hashStep(hash, code)
    end++
  }
  tokens.digits += size
  tokens.hashes[token] = mixed(hash)
  tokens.words[token] = numberHashes[Math.min(size, 5) - 1] ?? 0
  tokens.beginnings[token] = 0
  tokens.codes[token] = size
  return end
}

const readSign = (at: number, info: number, kind: number): number => {
  const token = tokens.length
  const folded = foldIn(info)
  const hash = mixed(hashStep(offsetBasis, folded))
  if (kind === TokenKind.ideograph) tokens.ideographs++
  else tokens.signs++
  tokens.hashes[token] = hash
  tokens.words[token] = hash
  tokens.beginnings[token] = 0
  tokens.codes[token] = folded
  return at + 1
}

const isSign = (token: number): boolean => tokens.kinds[token] === TokenKind.sign

/** What the line of these tokens looks like. */
const noteLine = (from: number): void => {
  const last = tokens.length - 1
  const end = isSign(last) ? (tokens.codes[last] ?? 0) : 0
  if (end === 59 || end === 123 || end === 125) tokens.codeLines++
  const first = isSign(from) ? (tokens.codes[from] ?? 0) : 0
  if (first === 45 || first === 42 || first === 0x2022) tokens.listLines++
  if (last === from) return
  const second = tokens.codes[from + 1] ?? 0
  const closes = isSign(from + 1) && (second === 41 || second === 46 || second === 58)
  const isLetter = (token: number): boolean => tokens.kinds[token] === TokenKind.word && tokens.codes[token] === 1
  if (tokens.kinds[from] === TokenKind.number && closes) tokens.listLines++
  if ((isLetter(from) && closes) || (first === 40 && isLetter(from + 1))) tokens.optionLines++
}

/** Reads the first `to` units. */
const readUnits = (to: number): void => {
  units[to] = 0
  let at = 0
  let lineFrom = tokens.length
  let indent = 0
  while (at < to) {
    const code = units[at] ?? 0
    const info = infoOf(code)
    const kind = kindIn(info)
    if (kind === TokenKind.space) {
      if (code === 10) {
        tokens.newlines++
        if (lineFrom === tokens.length) tokens.blankLines++
        else noteLine(lineFrom)
        if (tokens.firstLine === 0) tokens.firstLine = tokens.length
        lineFrom = tokens.length
        indent = 0
      } else indent += code === 9 ? 4 : 1
      at++
      continue
    }
    if (lineFrom === tokens.length && indent >= 2) tokens.indentedLines++
    tokens.kinds[tokens.length] = kind
    at = kind === TokenKind.word ? readWord(at) : kind === TokenKind.number ? readNumber(at) : readSign(at, info, kind)
    tokens.length++
  }
  if (lineFrom < tokens.length) {
    noteLine(lineFrom)
    tokens.lastLine = tokens.length - lineFrom
  }
}

const clear = (): void => {
  tokens.length = 0
  tokens.camelCase = 0
  tokens.snakeCase = 0
  tokens.capitalised = 0
  tokens.upperCase = 0
  tokens.digits = 0
  tokens.signs = 0
  tokens.newlines = 0
  tokens.blankLines = 0
  tokens.indentedLines = 0
  tokens.codeLines = 0
  tokens.optionLines = 0
  tokens.listLines = 0
  tokens.calls = 0
  tokens.ideographs = 0
  tokens.accents = 0
  tokens.firstLine = 0
  tokens.lastLine = 0
}

export const readTokens = (text: string): void => {
  clear()
  const end = text.length
  if (end <= readFromStart + readFromEnd) {
    tokens.characters = end
    unitBytes.write(text, "utf16le")
    readUnits(end)
  } else {
    tokens.characters = readFromStart + readFromEnd
    unitBytes.write(text, 0, readFromStart * Uint16Array.BYTES_PER_ELEMENT, "utf16le")
    readUnits(readFromStart)
    unitBytes.write(text.slice(-readFromEnd), "utf16le")
    readUnits(readFromEnd)
  }
}
