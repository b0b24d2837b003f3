/**
 * Where the members of a JSON object stand in its bytes, so that one value can be replaced without touching the rest:
 * integers above 2^53, escapes and unknown fields reach the upstream as they came.
 * The bytes must already be known to be valid JSON (`JSON.parse` accepted them).
 */

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

/** A member of an object: its name, and the half-open byte range of its value. */
export interface Member {
  readonly name: string
  readonly start: number
  readonly end: number
}

/** Replaces the bytes from `start` to `end` by `text`; equal `start` and `end` insert. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

const skipSpace = (bytes: Buffer, at: number): number => {
  while (isSpace(bytes[at])) at++
  return at
}

/** So much of a string is read byte by byte: most end there, and a search for the next quote costs more. */
const shortString = 24

/** The index after the string whose opening quote is at `at`. */
const skipString = (bytes: Buffer, at: number): number => {
  const short = Math.min(at + 1 + shortString, bytes.length)
  for (let next = at + 1; next < short; next++) {
    const byte = bytes[next]
    if (byte === backslash) break
    if (byte === quote) return next + 1
  }
  for (let closing = at; ;) {
    closing = bytes.indexOf(quote, closing + 1)
    if (closing < 0) return bytes.length
    let escapes = 0
    while (bytes[closing - 1 - escapes] === backslash) escapes++
    if (escapes % 2 === 0) return closing + 1
  }
}

/** The index after the value that starts at `at`. Iterative: nesting costs no stack. */
const skipValue = (bytes: Buffer, at: number): number => {
  const first = bytes[at]
  if (first === quote) return skipString(bytes, at)
  if (first === openBrace || first === openBracket) {
    let depth = 0
    while (at < bytes.length) {
      const byte = bytes[at]
      if (byte === quote) {
        at = skipString(bytes, at)
        continue
      }
      at++
      if (byte === openBrace || byte === openBracket) depth++
      else if ((byte === closeBrace || byte === closeBracket) && --depth === 0) return at
    }
    return at
  }
  while (at < bytes.length) {
    const byte = bytes[at]
    if (byte === comma || byte === closeBrace || byte === closeBracket || isSpace(byte)) return at
    at++
  }
  return at
}

/** What stands between two quotes. It may be written with escapes ("mod\u0065l"): then it is what a reader makes of it. */
const nameOf = (bytes: Buffer, from: number, to: number): string => {
  for (let at = from; at < to; at++) {
    if (bytes[at] === backslash) return String(JSON.parse(bytes.toString("utf8", from, to)))
  }
  return bytes.toString("utf8", from + 1, to - 1)
}

/** The members of the object whose `{` is the first byte after white space at `from`, in order, doubles included. */
export const membersOf = (bytes: Buffer, from = 0): ReadonlyArray<Member> => {
  const members: Array<Member> = []
  let at = skipSpace(bytes, skipSpace(bytes, from) + 1)
  while (at < bytes.length && bytes[at] === quote) {
    const nameEnd = skipString(bytes, at)
    const name = nameOf(bytes, at, nameEnd)
    at = skipSpace(bytes, nameEnd)
    if (bytes[at] === colon) at = skipSpace(bytes, at + 1)
    const end = skipValue(bytes, at)
    members.push({ name, start: at, end })
    at = skipSpace(bytes, end)
    if (bytes[at] !== comma) break
    at = skipSpace(bytes, at + 1)
  }
  return members
}

/** The index just after the `{` that opens the object at `from`: where a new first member goes. */
export const firstMemberAt = (bytes: Buffer, from = 0): number => skipSpace(bytes, from) + 1

/** The bytes with the edits applied, in pieces: what stands between them is not copied. Edits must not overlap. */
export const withEdits = (bytes: Buffer, edits: ReadonlyArray<Edit>): ReadonlyArray<Buffer | string> => {
  const pieces: Array<Buffer | string> = []
  let from = 0
  for (const { end, start, text } of edits.toSorted((a, b) => a.start - b.start)) {
    if (start > from) pieces.push(bytes.subarray(from, start))
    pieces.push(text)
    from = end
  }
  if (from < bytes.length) pieces.push(bytes.subarray(from))
  return pieces
}
