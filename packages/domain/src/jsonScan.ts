/**
 * One pass over the bytes of a JSON text while they come, before anything is built of them: whether it keeps to its
 * limits, and where the members of its object stand.
 */
import { type Member, memberAt } from "./jsonSpans.ts"

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

/** What a byte outside of strings is to the scan: most are nothing, which one look in a table tells. */
const nothing = 0
const stringBegins = 1
const nameEnds = 2
const valueFollows = 3
const levelBegins = 4
const levelEnds = 5
const meanings = new Uint8Array(256)
meanings[quote] = stringBegins
meanings[colon] = nameEnds
meanings[comma] = valueFollows
for (const bracket of [openBrace, openBracket]) meanings[bracket] = levelBegins
for (const bracket of [closeBrace, closeBracket]) meanings[bracket] = levelEnds

/** So much of a string is read byte by byte: most end there, and a search from one quote to the next costs more. */
const shortString = 24

export interface JsonLimits {
  readonly depth: number
  /** Values: objects, arrays, and what stands in them. */
  readonly nodes: number
  /** Of the outermost object. */
  readonly members: number
  /** Of members, in all objects. */
  readonly names: number
}

/**
 * More than any request means to have. `JSON.parse` takes seconds and gigabytes for millions of values, and up to three
 * microseconds for a name, where objects have names of their own (measured on Node 24).
 */
export const requestLimits: JsonLimits = { depth: 256, nodes: 500_000, members: 1_000, names: 50_000 }

export const noLimits: JsonLimits = {
  depth: Number.POSITIVE_INFINITY,
  nodes: Number.POSITIVE_INFINITY,
  members: Number.POSITIVE_INFINITY,
  names: Number.POSITIVE_INFINITY
}

/** Where a member stands: its name, and what is between the colon and the comma or brace behind it. */
interface Found {
  readonly nameStart: number
  readonly nameEnd: number
  readonly start: number
  readonly end: number
}

/**
 * Reads a text piece by piece, wherever it comes apart. Any bytes will do, valid JSON or not. Every value but the first
 * stands behind a bracket or a comma, so those are counted.
 */
export class JsonScan {
  readonly #limits: JsonLimits
  #depth = 0
  #nodes = 1
  /** Bytes of the pieces before. */
  #before = 0
  /** The members of the outermost object. */
  readonly #found: Array<Found> = []
  /** Of the member that is read; its value begins behind the colon, and there is none before. */
  #nameStart = 0
  #nameEnd = 0
  #valueStart = -1
  #names = 0
  #inString = false
  /** The string's bytes so far end with a backslash that escapes what comes next. */
  #escaping = false

  constructor(limits: JsonLimits) {
    this.#limits = limits
  }

  /** Which limit the text goes over with this piece. */
  exceededBy(piece: Buffer): keyof JsonLimits | undefined {
    const limits = this.#limits
    let depth = this.#depth
    let nodes = this.#nodes
    const { length } = piece
    let begun = 0
    if (this.#inString) {
      begun = this.#afterString(piece, 0)
      if (depth === 1) this.#string(this.#nameStart, begun)
    }
    for (let at = begun; at < length; at++) {
      const meaning = meanings[piece[at] ?? 0]
      if (meaning === nothing) continue
      if (meaning === stringBegins) {
        const start = at
        at = this.#afterString(piece, at + 1) - 1
        if (depth === 1) this.#string(this.#before + start, at + 1)
      } else if (meaning === nameEnds) {
        if (depth === 1) this.#valueStart = this.#before + at + 1
        if (++this.#names > limits.names) return "names"
      } else if (meaning === levelEnds) {
        if (depth-- === 1) this.#memberEnds(at)
      } else {
        if (meaning === valueFollows) {
          if (depth === 1) {
            this.#memberEnds(at)
            if (this.#found.length >= limits.members) return "members"
          }
        } else if (++depth > limits.depth) return "depth"
        if (++nodes > limits.nodes) return "nodes"
      }
    }
    this.#depth = depth
    this.#nodes = nodes
    this.#before += length
    return undefined
  }

  /** How many values there were so far. */
  get nodes(): number {
    return this.#nodes
  }

  /**
   * The members of the outermost object, in order, doubles included. `bytes` have what was read from `from` on, and must
   * be valid JSON (`JSON.parse` accepted them).
   */
  membersIn(bytes: Buffer, from = 0): ReadonlyArray<Member> {
    return this.#found.map(({ end, nameEnd, nameStart, start }) =>
      memberAt(bytes, from + nameStart, from + nameEnd, from + start, from + end)
    )
  }

  /** A string of the outermost object, whose end is in this piece, or that fills what is left of it. */
  #string(start: number, end: number): void {
    if (this.#valueStart >= 0) return
    this.#nameStart = start
    this.#nameEnd = this.#before + end
  }

  #memberEnds(at: number): void {
    if (this.#valueStart < 0) return
    this.#found.push({
      nameStart: this.#nameStart,
      nameEnd: this.#nameEnd,
      start: this.#valueStart,
      end: this.#before + at
    })
    this.#valueStart = -1
  }

  /** The index after the end of the string whose bytes go on at `from`, or the piece's end when it does not end there. */
  #afterString(piece: Buffer, from: number): number {
    if (!this.#escaping) {
      const short = Math.min(from + shortString, piece.length)
      for (let at = from; at < short; at++) {
        const byte = piece[at]
        if (byte === backslash) break
        if (byte === quote) {
          this.#inString = false
          return at + 1
        }
      }
    }
    for (let at = from; ;) {
      const closing = piece.indexOf(quote, at)
      const end = closing < 0 ? piece.length : closing
      let start = end
      while (start > from && piece[start - 1] === backslash) start--
      const before = start === from && this.#escaping ? 1 : 0
      const escaped = (end - start + before) % 2 === 1
      if (closing < 0 || !escaped) {
        this.#inString = closing < 0
        this.#escaping = closing < 0 && escaped
        return closing < 0 ? end : closing + 1
      }
      at = closing + 1
    }
  }
}

/** A whole text, read in one piece. */
export const scanOf = (bytes: Buffer): JsonScan => {
  const scan = new JsonScan(noLimits)
  scan.exceededBy(bytes)
  return scan
}

/** The members of the object that stands from `start` to `end` of valid JSON. */
export const membersOf = (bytes: Buffer, start = 0, end = bytes.length): ReadonlyArray<Member> =>
  scanOf(bytes.subarray(start, end)).membersIn(bytes, start)
