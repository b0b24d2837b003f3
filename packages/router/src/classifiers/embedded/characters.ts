/** Kinds of characters, and what they are without case and accents, from tables. */

export const TokenKind = {
  space: 0,
  word: 1,
  number: 2,
  sign: 3,
  /** A character that is a word by itself, as in Chinese. */
  ideograph: 4
} as const

/** Latin, Greek and Cyrillic. */
const tableSize = 0x530
/** The folded character, its marks, its kind: so that the table is asked once a character. */
const infos = new Int32Array(tableSize)
const kindMask = 7
export const capitalMark = 8
export const accentMark = 16
const underscoreMark = 32
/** Letters, digits and underscores: what a word goes on with. */
export const inWordMark = 64
/** A letter with one of these tells more than that it belongs to a word. */
export const tellingMarks = capitalMark | accentMark | underscoreMark
const foldShift = 8

const markOf = (kind: number): number => (kind === TokenKind.word || kind === TokenKind.number ? inWordMark : 0)

/** Letters that are no accented form of another. */
const plain: Readonly<Record<string, string>> = {
  œ: "o",
  Œ: "o",
  ß: "s",
  æ: "a",
  Æ: "a",
  ø: "o",
  Ø: "o",
  ł: "l",
  "«": '"',
  "»": '"'
}

for (let code = 0; code < tableSize; code++) {
  const character = String.fromCharCode(code)
  const folded = (plain[character] ?? character.normalize("NFKD")).replace(/\p{M}/gu, "").toLowerCase()
  const kind = /[\s\p{C}\p{Z}]/u.test(character)
    ? TokenKind.space
    : /[\p{L}\p{M}_]/u.test(character)
      ? TokenKind.word
      : /\d/.test(character)
        ? TokenKind.number
        : TokenKind.sign
  const isCapital = (code >= 65 && code <= 90) || (code >= 0xc0 && code <= 0xde)
  const isAccented = !isCapital && code > 127 && code < 0x180
  infos[code] =
    ((folded === "" ? code : folded.charCodeAt(0)) << foldShift) |
    (isCapital ? capitalMark : 0) |
    (isAccented ? accentMark : 0) |
    (character === "_" ? underscoreMark : 0) |
    markOf(kind) |
    kind
}

const within = (code: number, first: number, last: number): boolean => code >= first && code <= last

/** By blocks of Unicode: punctuation, symbols, scripts without spaces, all others as letters. */
const kindBeyond = (code: number): number => {
  if (within(code, 0x2000, 0x200f) || within(code, 0x2028, 0x202f) || code === 0x3000 || code === 0xfeff) {
    return TokenKind.space
  }
  if (within(code, 0x2010, 0x2bff) || within(code, 0x3001, 0x303f) || within(code, 0xff00, 0xff20) || code >= 0xfff0) {
    return TokenKind.sign
  }
  if (within(code, 0x2e80, 0x9fff) || within(code, 0xac00, 0xd7af)) return TokenKind.ideograph
  return within(code, 0xd800, 0xdfff) ? TokenKind.sign : TokenKind.word
}

/** Typographic apostrophes and quotes are the plain ones. */
const foldBeyond = (code: number): number => {
  if (code === 0x2019 || code === 0x2018) return 0x27
  if (code === 0x201c || code === 0x201d) return 0x22
  // Vietnamese letters with two accents.
  if (within(code, 0x1e00, 0x1eff)) return String.fromCharCode(code).normalize("NFD").charCodeAt(0) | 0x20
  return code
}

const infoBeyond = (code: number): number => {
  const kind = kindBeyond(code)
  return (foldBeyond(code) << foldShift) | markOf(kind) | kind
}

/** Kind, marks and folded character in one number: see `kindIn` and `foldIn`. */
export const infoOf = (code: number): number => (code < tableSize ? (infos[code] ?? 0) : infoBeyond(code))

export const kindIn = (info: number): number => info & kindMask
export const foldIn = (info: number): number => info >>> foldShift
