/**
 * The features of a text, for the embedded classifier and for heads that a user's examples train.
 * Four regions: structure (length, punctuation, what code and lists look like), cues by where they stand, pairs of cues
 * near the beginning, and hashed words and pairs of words.
 */
import * as kinds from "./characters.ts"
import * as hashing from "./hashing.ts"
import * as lexicon from "./lexicon.ts"
import * as openings from "./opening.ts"
import * as read from "./tokens.ts"

// What a module imports is looked up at each use, what it keeps for itself is compiled in.
const { TokenKind } = kinds
const { combined } = hashing
const { cueCount, findCues } = lexicon
const { opening, readOpening } = openings
const { readTokens, tokens } = read

/** Part of every weights file: weights for other features are refused. */
export const featureVersion = 3

const structureCount = 72
const zones = 6
const hashBits = 15

export const regions = {
  structure: { start: 0, size: structureCount },
  cues: { start: structureCount, size: cueCount * zones },
  pairs: { start: structureCount + cueCount * zones, size: cueCount * cueCount },
  words: { start: structureCount + cueCount * zones + cueCount * cueCount, size: 1 << hashBits }
} as const

/** In the order in which their features come. */
export const regionNames = ["structure", "cues", "pairs", "words"] as const

export const featureCount = regions.words.start + regions.words.size

const mostFeatures = 12_000

/** Filled anew by each `featuresOf`: the first `length` entries are valid. */
export interface Features {
  readonly indices: Int32Array
  readonly values: Float32Array
  readonly length: number
}

const indices = new Int32Array(mostFeatures)
const values = new Float32Array(mostFeatures)
const features = { indices, values, length: 0 }

const add = (index: number, value: number): void => {
  if (value === 0) return
  indices[features.length] = index
  values[features.length] = value
  features.length++
}

// Where cues stand.
const startTokens = 5
const headTokens = 24
const tailTokens = 16
const inStart = new Uint8Array(cueCount)
const inHead = new Uint8Array(cueCount)
const inTail = new Uint8Array(cueCount)
const inBody = new Uint8Array(cueCount)
const counts = new Uint16Array(cueCount)
let tailFrom = 0
const cueCounts: lexicon.CueSink = {
  note: (cue, at) => {
    const token = at - opening.length
    if (token < 0) return
    counts[cue] = (counts[cue] ?? 0) + 1
    if (token < startTokens) inStart[cue] = 1
    if (token < headTokens) inHead[cue] = 1
    if (token >= tailFrom) inTail[cue] = 1
    else if (token >= headTokens) inBody[cue] = 1
  }
}

const addCues = (): void => {
  inStart.fill(0)
  inHead.fill(0)
  inTail.fill(0)
  inBody.fill(0)
  counts.fill(0)
  tailFrom = Math.max(headTokens, tokens.length - opening.length - tailTokens)
  findCues(cueCounts)
  const { start } = regions.cues
  for (let cue = 0; cue < cueCount; cue++) {
    const count = counts[cue] ?? 0
    if (count === 0) continue
    const at = start + cue * zones
    if (inStart[cue] === 1) add(at, 1)
    if (inHead[cue] === 1) add(at + 1, 1)
    if (inTail[cue] === 1) add(at + 2, 1)
    if (inBody[cue] === 1) add(at + 3, 1)
    add(at + 4, Math.min(1, count / 4))
    add(at + 5, Math.min(1, (4 * count) / tokens.length))
  }
  const pairs = regions.pairs.start
  for (let first = 0; first < cueCount; first++) {
    if (inHead[first] === 0) continue
    for (let second = 0; second < cueCount; second++) {
      // Above the diagonal: both near the beginning. On and below it: the first one opens the text.
      if (inHead[second] === 1 && (second > first || inStart[first] === 1)) add(pairs + first * cueCount + second, 1)
    }
  }
}

const at = (index: number): number => tokens.codes[index] ?? 0
const isSign = (index: number, code: number): boolean =>
  tokens.kinds[index] === TokenKind.sign && tokens.codes[index] === code

const lengthSteps = [12, 25, 40, 60, 100, 200, 500, 1500]
const tokenSteps = [1, 2, 3, 5, 8, 12, 20, 40, 100]

const stepOf = (steps: ReadonlyArray<number>, value: number): number => {
  let step = 0
  while (step < steps.length && value >= (steps[step] ?? 0)) step++
  return step
}

const addStructure = (text: string): void => {
  const { characters, length } = tokens
  const size = Math.max(1, characters)
  const words = Math.max(1, length)
  let commas = 0
  let questions = 0
  let equals = 0
  let operators = 0
  let brackets = 0
  let quotes = 0
  let backslashes = 0
  let colons = 0
  let backticks = 0
  let exclamations = 0
  let sentences = 0
  let tags = 0
  let pipes = 0
  let numbers = 0
  let longWords = 0
  for (let i = 0; i < length; i++) {
    const kind = tokens.kinds[i]
    if (kind === TokenKind.number) numbers++
    else if (kind === TokenKind.word) {
      if (at(i) > 9) longWords++
    } else if (kind === TokenKind.sign) {
      const code = at(i)
      if (code === 44) commas++
      else if (code === 63) questions++
      else if (code === 61) equals++
      else if (code === 34 || code === 171) quotes++
      else if (code === 92) backslashes++
      else if (code === 58) colons++
      else if (code === 96) backticks++
      else if (code === 33) exclamations++
      else if (code === 124) pipes++
      else if (code === 46) sentences++
      else if (code === 60) tags++
      if (code === 40 || code === 41 || code === 91 || code === 93 || code === 123 || code === 125) brackets++
      if (
        (code === 43 || code === 42 || code === 47 || code === 94 || code === 45 || code === 61) &&
        tokens.kinds[i + 1] === TokenKind.number &&
        i + 1 < length
      )
        operators++
    }
  }
  const last = length - 1
  const endsWith = (code: number): number => (length > 0 && isSign(last, code) ? 1 : 0)
  const ratio = (count: number, of: number, scale: number): number => Math.min(1, (count / of) * scale)
  add(0, 1)
  add(1 + stepOf(lengthSteps, text.length), 1)
  add(11 + stepOf(tokenSteps, length), 1)
  add(22, ratio(tokens.digits, size, 8))
  add(23, ratio(tokens.signs, words, 2))
  add(24, ratio(brackets, words, 8))
  add(25, endsWith(63))
  add(26, questions > 0 ? 1 : 0)
  add(27, Math.min(1, questions / 4))
  add(28, endsWith(46))
  add(29, endsWith(33))
  add(30, endsWith(58))
  add(31, length > 0 && tokens.kinds[last] === TokenKind.word ? 1 : 0)
  add(32, Math.min(1, tokens.newlines / 10))
  add(33, tokens.newlines > 0 ? 1 : 0)
  add(34, tokens.blankLines > 0 ? 1 : 0)
  add(35, Math.min(1, tokens.indentedLines / 4))
  add(36, Math.min(1, tokens.codeLines / 3))
  add(37, Math.min(1, tokens.optionLines / 3))
  add(38, Math.min(1, tokens.listLines / 4))
  add(39, Math.min(1, tokens.camelCase / 2))
  add(40, Math.min(1, tokens.snakeCase / 2))
  add(41, Math.min(1, tokens.calls / 2))
  add(42, Math.min(1, equals / 3))
  add(43, ratio(operators, words, 6))
  add(44, Math.min(1, quotes / 2))
  add(45, Math.min(1, backslashes / 3))
  add(46, Math.min(1, colons / 3))
  add(47, backticks >= 3 ? 1 : backticks > 0 ? 0.5 : 0)
  add(48, Math.min(1, exclamations / 2))
  add(49, Math.min(1, tags / 3))
  add(50, Math.min(1, pipes / 4))
  add(51, Math.min(1, numbers / 4))
  add(52, ratio(longWords, words, 4))
  add(53, ratio(tokens.upperCase, size, 4))
  add(54, ratio(tokens.capitalised, words, 1))
  add(55, tokens.ideographs > 0 ? 1 : 0)
  add(56, ratio(tokens.accents, size, 20))
  add(57, length > 0 && tokens.kinds[0] === TokenKind.word && tokens.capitalised === 0 ? 1 : 0)
  add(58, Math.min(1, commas / 6))
  add(59, Math.min(1, sentences / 6))
  // A short line before or after much else is what is asked of the rest.
  add(61, tokens.firstLine > 0 && tokens.firstLine < 25 && length > 60 ? 1 : 0)
  add(62, tokens.newlines > 0 && tokens.lastLine < 25 && length > 60 ? 1 : 0)
  add(63, Math.min(1, length / 400))
  add(64, tokens.newlines > 0 && tokens.firstLine < 25 && isSign(tokens.firstLine - 1, 58) ? 1 : 0)
  add(65, tokens.newlines > 0 && tokens.lastLine < 25 && endsWith(63) === 1 ? 1 : 0)
  add(66, questions === 0 && sentences > 0 && length < 60 ? 1 : 0)
  add(67, opening.greets && opening.length > 0 ? 1 : 0)
  add(68, opening.asks && opening.length > 0 ? 1 : 0)
  add(60, numbers >= 2 && questions > 0 ? 1 : 0)
}

// Words and pairs of words, counted in their buckets.
const bucketMask = (1 << hashBits) - 1
const bucketCounts = new Uint8Array(1 << hashBits)
const logarithms = Float32Array.from({ length: 256 }, (_, count) => (count === 0 ? 0 : 1 + Math.log(count)))

const count = (hash: number): void => {
  const bucket = hash & bucketMask
  const before = bucketCounts[bucket] ?? 0
  if (before === 0) indices[features.length++] = bucket
  if (before < 255) bucketCounts[bucket] = before + 1
}

const addWords = (): void => {
  const from = features.length
  const { length, words } = tokens
  let before = 0x1f83d9ab
  for (let i = opening.length; i < length; i++) {
    const word = words[i] ?? 0
    const place = i - opening.length
    count(word)
    count(combined(before, word))
    if (place < 5) count(combined(0x510e527f + place, word))
    if (place > 0 && place < 4) count(combined(combined(0x5be0cd19, before), word))
    if (i >= length - 4 && length > 8) count(combined(0x6a09e667, word))
    before = word
  }
  const to = features.length
  const { start } = regions.words
  let sum = 0
  for (let i = from; i < to; i++) {
    const bucket = indices[i] ?? 0
    const value = logarithms[bucketCounts[bucket] ?? 0] ?? 0
    sum += value * value
    bucketCounts[bucket] = 0
    indices[i] = start + bucket
    values[i] = value
  }
  const scale = sum === 0 ? 0 : 1 / Math.sqrt(sum)
  for (let i = from; i < to; i++) values[i] = (values[i] ?? 0) * scale
}

/** Pure but for its buffer, which is reused: read it before the next call. */
export const featuresOf = (text: string): Features => {
  features.length = 0
  readTokens(text)
  readOpening()
  addStructure(text)
  addCues()
  addWords()
  return features
}
