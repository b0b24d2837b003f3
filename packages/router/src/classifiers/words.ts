/** The words of a text: found in one pass over its units, and read only where somebody looks at them. */

/** Scripts that write no spaces: their words are found as substrings. */
export const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
const wordCharacter =
  /[[\p{L}\p{N}\p{M}_]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]]/v
const letterOrDigit = /[\p{L}\p{N}]/u

const kind = { known: 1, word: 2, letterOrDigit: 4, sentenceEnd: 8, sign: 16 }
/** By UTF-16 unit; what no text has had yet is 0. */
const kinds = new Uint8Array(65_536)

const kindOf = (character: string): number =>
  kind.known |
  (wordCharacter.test(character) ? kind.word : 0) |
  (letterOrDigit.test(character) ? kind.letterOrDigit : 0) |
  (/[.!?;]/.test(character) ? kind.sentenceEnd : 0) |
  (/[+#]/.test(character) ? kind.sign : 0)

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff

/** Of the character at an offset, that begins with this unit. */
const rareKind = (text: string, at: number, unit: number): number =>
  isSurrogate(unit)
    ? kindOf(String.fromCodePoint(text.codePointAt(at) ?? 0))
    : (kinds[unit] = kindOf(String.fromCharCode(unit)))

/** Behind a dot: the rest of `.net` or `node.js`. */
const beginsName = (text: string, at: number): boolean => {
  const unit = text.charCodeAt(at)
  return ((kinds[unit] || rareKind(text, at, unit)) & kind.letterOrDigit) !== 0
}

const unitsOf = (text: string, at: number, unit: number): number =>
  isSurrogate(unit) && (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1

const dot = 0x2e
/** A sentence ends within so many units after its last word. */
const longestGap = 20

const mark = { glued: 1, afterBreak: 2, beyondAscii: 4 }

/** In lower case, without accents. */
export const folded = (word: string): string =>
  word
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replaceAll("œ", "oe")
    .replaceAll("æ", "ae")
    .replaceAll("ß", "ss")

/** "poems" to "poem"; words such as "class", "status" and "analysis" are no plurals. */
export const singular = (word: string, shortest: number): string =>
  word.length >= shortest && word.endsWith("s") && !"sui".includes(word.at(-2) ?? "s") ? word.slice(0, -1) : word

/** Of a word that goes on with this unit, whatever the case of its ASCII letters. */
const codeWith = (code: number, unit: number): number => (Math.imul(code, 31) + (unit | 0x20)) | 0

/** Where the words of a text are written: `stems` are codes without the last unit. */
const columnsOf = (capacity: number) => ({
  capacity,
  starts: new Int32Array(capacity),
  ends: new Int32Array(capacity),
  marks: new Uint8Array(capacity),
  codes: new Int32Array(capacity),
  stems: new Int32Array(capacity)
})

/** As long as any text that a request brings; a longer one gets longer columns. */
let columns = columnsOf(8_192)

/**
 * Words, and the signs `+`, `#` and `.` where they touch one, as in `c++` and `node.js`. Their places are kept in columns
 * that the next text overwrites: one text is read at a time.
 */
export class Words {
  readonly text: string
  /** How many there are. */
  readonly count: number
  readonly #columns: typeof columns

  constructor(text: string) {
    this.text = text
    const { length } = text
    if (length > columns.capacity) columns = columnsOf(length)
    const { codes, ends, starts, stems, marks: allMarks } = columns
    this.#columns = columns
    let count = 0
    let end = -1
    let start = -1
    let marks = 0
    let code = 0
    let stem = 0
    const close = (at: number): void => {
      starts[count] = start
      ends[count] = at
      allMarks[count] = start === end ? marks | mark.glued : marks
      codes[count] = code
      stems[count] = stem
      count++
      end = at
      start = -1
      marks = 0
    }
    for (let at = 0; at < length; at++) {
      const unit = text.charCodeAt(at)
      const found = kinds[unit] || rareKind(text, at, unit)
      if ((found & kind.word) !== 0) {
        if (start < 0) {
          start = at
          code = 0
        }
        stem = code
        code = codeWith(code, unit)
        if (unit > 0x7f) {
          marks |= mark.beyondAscii
          at += unitsOf(text, at, unit) - 1
        }
        continue
      }
      if (start >= 0) close(at)
      if (found === kind.known) continue
      const isSign = (found & kind.sign) !== 0 && at === end
      if (isSign || (unit === dot && at + 1 < length && beginsName(text, at + 1))) {
        start = at
        stem = 0
        code = codeWith(0, unit)
        close(at + 1)
      } else if ((found & kind.sentenceEnd) !== 0 && end >= 0 && at < end + longestGap) marks = mark.afterBreak
    }
    if (start >= 0) close(length)
    this.count = count
  }

  startOf(index: number): number {
    return this.#columns.starts[index] ?? 0
  }

  endOf(index: number): number {
    return this.#columns.ends[index] ?? 0
  }

  /** It follows the one before without a gap. */
  isGlued(index: number): boolean {
    return index < this.count && ((this.#columns.marks[index] ?? 0) & mark.glued) !== 0
  }

  /** A sentence ended before it. */
  isAfterBreak(index: number): boolean {
    return ((this.#columns.marks[index] ?? 0) & mark.afterBreak) !== 0
  }

  isAscii(index: number): boolean {
    return ((this.#columns.marks[index] ?? 0) & mark.beyondAscii) === 0
  }

  codeOf(index: number): number {
    return this.#columns.codes[index] ?? 0
  }

  /** Of the word without its last unit. */
  stemCodeOf(index: number): number {
    return this.#columns.stems[index] ?? 0
  }

  /** In lower case, without accents. */
  at(index: number): string {
    const word = this.text.slice(this.startOf(index), this.endOf(index))
    return this.isAscii(index) ? word.toLowerCase() : folded(word)
  }
}

/**
 * Which words can be among some, as they are or with a last letter more: the others, nearly all words of a text, need not
 * be read.
 */
export class WordFilter {
  readonly #codes = new Uint8Array(16_384)
  readonly #isEmpty: boolean

  constructor(words: Iterable<string>) {
    let isEmpty = true
    for (const word of words) {
      let code = 0
      for (let at = 0; at < word.length; at++) code = codeWith(code, word.charCodeAt(at))
      this.#codes[code & 16_383] = 1
      isEmpty = false
    }
    this.#isEmpty = isEmpty
  }

  has(words: Words, index: number): boolean {
    if (this.#isEmpty) return false
    if (!words.isAscii(index)) return true
    return this.#knows(words.codeOf(index)) || this.#knows(words.stemCodeOf(index))
  }

  #knows(code: number): boolean {
    return this.#codes[code & 16_383] === 1
  }
}
