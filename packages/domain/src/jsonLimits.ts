/** Bounds on JSON, told while its bytes come and before anything is built of them. */

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

/** What a byte outside of strings is to the scan: most are nothing, which one look in a table tells. */
const nothing = 0
const stringBegins = 1
const valueFollows = 2
const levelBegins = 3
const levelEnds = 4
const meanings = new Uint8Array(256)
meanings[quote] = stringBegins
meanings[comma] = valueFollows
for (const bracket of [openBrace, openBracket]) meanings[bracket] = levelBegins
for (const bracket of [closeBrace, closeBracket]) meanings[bracket] = levelEnds

/** So much of a string is read byte by byte: most end there, and a search from one quote to the next costs more. */
const shortString = 24

export interface JsonLimits {
  readonly depth: number
  /** Values: objects, arrays, and what stands in them. */
  readonly nodes: number
}

/** More than any request means to have; `JSON.parse` takes seconds and gigabytes for millions of values. */
export const requestLimits: JsonLimits = { depth: 256, nodes: 500_000 }

/**
 * Reads a text piece by piece, wherever it comes apart. Any bytes will do, valid JSON or not. Every value but the first
 * stands behind a bracket or a comma, so those are counted.
 */
export class JsonLimitScan {
  readonly #limits: JsonLimits
  #depth = 0
  #nodes = 1
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
    for (let at = this.#inString ? this.#afterString(piece, 0) : 0; at < length; at++) {
      const meaning = meanings[piece[at] ?? 0]
      if (meaning === nothing) continue
      if (meaning === stringBegins) at = this.#afterString(piece, at + 1) - 1
      else if (meaning === levelEnds) depth--
      else {
        if (meaning === levelBegins && ++depth > limits.depth) return "depth"
        if (++nodes > limits.nodes) return "nodes"
      }
    }
    this.#depth = depth
    this.#nodes = nodes
    return undefined
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
