/**
 * What an event stream may have that no client of ours can be relied on to read: a byte order mark before its first
 * line, and lines that end with CR alone (WHATWG HTML, 9.2.5 "Parsing an event stream"). The mark goes, such ends
 * become LF; everything else passes as it came, without a copy.
 */
const lineFeed = 0x0a
const carriageReturn = 0x0d
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])
const none: Buffer = Buffer.alloc(0)

const isPrefixOfMark = (bytes: Buffer): boolean =>
  bytes.length < byteOrderMark.length && byteOrderMark.subarray(0, bytes.length).equals(bytes)

export class LineEnds {
  /** What cannot be told yet: the beginning of a mark, or a CR whose LF may follow. */
  #held: Buffer = none
  #begun = false
  /** A CR stood alone somewhere, so one at the end of a chunk is not waited for. */
  #loneReturns = false
  /** The last chunk's CR has passed as LF already. */
  #dropLineFeed = false

  push(chunk: Buffer): Buffer {
    // Nearly every chunk of nearly every stream.
    if (this.#begun && this.#held.length === 0 && !this.#dropLineFeed && !chunk.includes(carriageReturn)) return chunk
    if (chunk.length === 0) return chunk
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = none
    if (!this.#begun) {
      if (isPrefixOfMark(bytes)) {
        this.#held = bytes
        return none
      }
      this.#begun = true
      if (bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark)) bytes = bytes.subarray(byteOrderMark.length)
    }
    if (this.#dropLineFeed) {
      this.#dropLineFeed = false
      if (bytes[0] === lineFeed) bytes = bytes.subarray(1)
    }
    return this.#withoutLoneReturns(bytes)
  }

  /** What was held back, once nothing can follow. */
  finish(): Buffer {
    const held = this.#held
    this.#held = none
    return held.length > 0 && held[held.length - 1] === carriageReturn ? Buffer.from("\n") : held
  }

  #withoutLoneReturns(bytes: Buffer): Buffer {
    let passed = bytes
    let copied = false
    for (let at = bytes.indexOf(carriageReturn); at >= 0; at = bytes.indexOf(carriageReturn, at + 1)) {
      const isLast = at === bytes.length - 1
      if (bytes[at + 1] === lineFeed) continue
      if (isLast && !this.#loneReturns) {
        this.#held = bytes.subarray(at)
        return passed.subarray(0, at)
      }
      if (isLast) this.#dropLineFeed = true
      this.#loneReturns = true
      if (!copied) passed = Buffer.from(bytes)
      copied = true
      passed[at] = lineFeed
    }
    return passed
  }
}
