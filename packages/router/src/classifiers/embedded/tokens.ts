/**
 * Reads a text once into words and signs, as hashes in reused arrays: lower case, without accents, no word allocated.
 * Of a long text the beginning and the end are read: there stands what is asked, before or after what is pasted.
 */
import * as characters from "./characters.ts"
import * as hashing from "./hashing.ts"

// What a module imports or exports is looked up at each use, what it keeps for itself is compiled in.
const { accentMark, capitalMark, foldIn, infoOf, inWordMark, kindIn, tellingMarks, TokenKind } = characters
const { combined, hashStep, mixed, offsetBasis } = hashing

/** UTF-16 units read from the beginning and from the end. */
const readFromStart = 1400
const readFromEnd = 700
const maxTokens = readFromStart + readFromEnd + 8

const numberHashes = Int32Array.from([1, 2, 3, 4, 5], (size) => mixed(hashStep(0x5bd1e995, size)))

/**
 * The UTF-16 units that are read, and a zero after them, which ends every word: copied at once, in the byte order of the
 * processors that Node.js is made for, because each `charCodeAt` asks again what kind of string it is.
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

const buffer = new TokenBuffer()

/** What was read last; valid until the next text is read. One for all, so that compiled code knows where it stands. */
export const tokens = buffer

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
  const token = buffer.length
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
      if (afterSmall) buffer.camelCase++
      afterSmall = false
    } else {
      afterSmall = true
      if ((info & accentMark) !== 0) buffer.accents++
      else if (end - at > 1) buffer.snakeCase++
    }
    info = infoOf(units[end] ?? 0)
  } while ((info & inWordMark) !== 0)
  if (capitals > 0) {
    buffer.upperCase += capitals
    if ((first & capitalMark) !== 0) buffer.capitalised++
  }
  if (units[end] === 40) buffer.calls++
  const word = mixed(hash)
  buffer.hashes[token] = word
  buffer.words[token] = word
  buffer.beginnings[token] = beginning === 0 ? 0 : beginningToken(beginning)
  buffer.codes[token] = end - at
  return end
}

/** Reads a number, its decimal signs included. */
const readNumber = (at: number): number => {
  const token = buffer.length
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
  buffer.digits += size
  buffer.hashes[token] = mixed(hash)
  buffer.words[token] = numberHashes[Math.min(size, 5) - 1] ?? 0
  buffer.beginnings[token] = 0
  buffer.codes[token] = size
  return end
}

const readSign = (at: number, info: number, kind: number): number => {
  const token = buffer.length
  const folded = foldIn(info)
  const hash = mixed(hashStep(offsetBasis, folded))
  if (kind === TokenKind.ideograph) buffer.ideographs++
  else buffer.signs++
  buffer.hashes[token] = hash
  buffer.words[token] = hash
  buffer.beginnings[token] = 0
  buffer.codes[token] = folded
  return at + 1
}

const isSign = (token: number): boolean => buffer.kinds[token] === TokenKind.sign

/** What the line of these tokens looks like. */
const noteLine = (from: number): void => {
  const last = buffer.length - 1
  const end = isSign(last) ? (buffer.codes[last] ?? 0) : 0
  if (end === 59 || end === 123 || end === 125) buffer.codeLines++
  const first = isSign(from) ? (buffer.codes[from] ?? 0) : 0
  if (first === 45 || first === 42 || first === 0x2022) buffer.listLines++
  if (last === from) return
  const second = buffer.codes[from + 1] ?? 0
  const closes = isSign(from + 1) && (second === 41 || second === 46 || second === 58)
  const isLetter = (token: number): boolean => buffer.kinds[token] === TokenKind.word && buffer.codes[token] === 1
  if (buffer.kinds[from] === TokenKind.number && closes) buffer.listLines++
  if ((isLetter(from) && closes) || (first === 40 && isLetter(from + 1))) buffer.optionLines++
}

/** Reads the first `to` units. */
const readUnits = (to: number): void => {
  units[to] = 0
  let at = 0
  let lineFrom = buffer.length
  let indent = 0
  while (at < to) {
    const code = units[at] ?? 0
    const info = infoOf(code)
    const kind = kindIn(info)
    if (kind === TokenKind.space) {
      if (code === 10) {
        buffer.newlines++
        if (lineFrom === buffer.length) buffer.blankLines++
        else noteLine(lineFrom)
        if (buffer.firstLine === 0) buffer.firstLine = buffer.length
        lineFrom = buffer.length
        indent = 0
      } else indent += code === 9 ? 4 : 1
      at++
      continue
    }
    if (lineFrom === buffer.length && indent >= 2) buffer.indentedLines++
    buffer.kinds[buffer.length] = kind
    at = kind === TokenKind.word ? readWord(at) : kind === TokenKind.number ? readNumber(at) : readSign(at, info, kind)
    buffer.length++
  }
  if (lineFrom < buffer.length) {
    noteLine(lineFrom)
    buffer.lastLine = buffer.length - lineFrom
  }
}

const clear = (): void => {
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

export const readTokens = (text: string): void => {
  clear()
  const end = text.length
  if (end <= readFromStart + readFromEnd) {
    buffer.characters = end
    unitBytes.write(text, "utf16le")
    readUnits(end)
  } else {
    buffer.characters = readFromStart + readFromEnd
    unitBytes.write(text, 0, readFromStart * Uint16Array.BYTES_PER_ELEMENT, "utf16le")
    readUnits(readFromStart)
    unitBytes.write(text.slice(-readFromEnd), "utf16le")
    readUnits(readFromEnd)
  }
}
