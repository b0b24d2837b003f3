/**
 * Where the members of a JSON object stand in its bytes, so that one value can be replaced without touching the rest:
 * integers above 2^53, escapes and unknown fields reach the upstream as they came.
 * The bytes must already be known to be valid JSON (`JSON.parse` accepted them).
 */

const backslash = 0x5c

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

/** What stands between two quotes. It may be written with escapes ("mod\u0065l"): then it is what a reader makes of it. */
const nameOf = (bytes: Buffer, from: number, to: number): string => {
  for (let at = from; at < to; at++) {
    if (bytes[at] === backslash) return String(JSON.parse(bytes.toString("utf8", from, to)))
  }
  return bytes.toString("utf8", from + 1, to - 1)
}

/** The member whose name and value stand there, white space around its value. */
export const memberAt = (bytes: Buffer, nameStart: number, nameEnd: number, from: number, to: number): Member => {
  const start = skipSpace(bytes, from)
  let end = to
  while (end > start && isSpace(bytes[end - 1])) end--
  return { name: nameOf(bytes, nameStart, nameEnd), start, end }
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
