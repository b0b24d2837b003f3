/**
 * Reads one answer of HTTP/1.1 after the other from a connection's bytes: heads, and bodies by their length, in chunks,
 * or up to the connection's end (RFC 9112). Strict, since the connection is used again: an answer whose end could be
 * read in two ways is none.
 */
import { headEnd, type HeaderFields, headerFieldsOf } from "./headerFields.ts"

/** What is made of an answer, in this order. */
export interface AnswerReader {
  readonly onHead: (status: number, headers: HeaderFields) => void
  /** Bytes of the body, the reader's to keep. What came in one read comes in one piece. */
  readonly onData: (bytes: Buffer) => void
}

/** As much as undici and curl take of a head, and more. */
const longestHeadBytes = 64 * 1024
const mostFields = 1_000
/** Of what may stand behind a chunk's size, and of the lines behind the last chunk. */
const longestExtensionBytes = 4096
const longestTrailerBytes = 16 * 1024
/** 2^52 and less: sizes stay exact numbers. */
const mostSizeDigits = 13

const carriageReturn = 0x0d
const lineFeed = 0x0a

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
const digits = /^\d{1,15}$/

const none = Buffer.alloc(0)

const hexDigit = (byte: number): number => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

type State =
  | "head"
  | "length"
  | "untilClose"
  | "size"
  | "sizeExtension"
  | "sizeLineFeed"
  | "chunk"
  | "chunkReturn"
  | "chunkLineFeed"
  | "trailer"
  | "trailerLineFeed"
  | "broken"

export class AnswerParser {
  readonly #reader: AnswerReader
  #state: State = "head"
  /** The beginning of a head that came in pieces. */
  #begun: Buffer = none
  /** Bytes of the body, or of the chunk, that are to come. */
  #left = 0
  #sizeDigits = 0
  /** Bytes that are read past: of a chunk's extension, of all trailers. */
  #passedBytes = 0
  /** The line of the trailer that is read has nothing in it yet. */
  #emptyLine = true
  #isComplete = false
  #reusable = false

  constructor(reader: AnswerReader) {
    this.#reader = reader
  }

  /** Whether the last answer leaves its connection open for another request. */
  get reusable(): boolean {
    return this.#reusable
  }

  /** Reads on, to the end of an answer at most. The bytes are only lent. When it is `broken`, it is no answer. */
  read(bytes: Buffer): "more" | "complete" | "broken" {
    this.#isComplete = false
    let at = 0
    while (at < bytes.length && !this.#isComplete && this.#state !== "broken") {
      switch (this.#state) {
        case "head":
          at = this.#readHead(bytes, at)
          break
        case "length": {
          const taken = Math.min(this.#left, bytes.length - at)
          this.#left -= taken
          this.#reader.onData(Buffer.from(bytes.subarray(at, at + taken)))
          at += taken
          if (this.#left === 0) this.#complete()
          break
        }
        case "untilClose":
          this.#reader.onData(Buffer.from(bytes.subarray(at)))
          at = bytes.length
          break
        default:
          at = this.#readChunks(bytes, at)
      }
    }
    if (!this.#isComplete) return this.#state === "broken" ? "broken" : "more"
    // Nobody asked for what is behind it.
    if (at < bytes.length) this.#reusable = false
    return "complete"
  }

  /** The connection has ended. Whether that completes an answer. */
  end(): boolean {
    return this.#state === "untilClose"
  }

  #complete(): void {
    this.#state = "head"
    this.#isComplete = true
  }

  #readHead(bytes: Buffer, at: number): number {
    const before = this.#begun.length
    // Its end may have begun in the piece before.
    const text = before === 0 ? bytes.subarray(at) : Buffer.concat([this.#begun, bytes.subarray(at)])
    const end = text.indexOf(headEnd, Math.max(0, before - headEnd.length))
    if ((end < 0 ? text.length : end) > longestHeadBytes) {
      this.#state = "broken"
    } else if (end < 0) {
      this.#begun = before === 0 ? Buffer.from(text) : text
    } else {
      this.#begun = none
      this.#begin(text.toString("latin1", 0, end))
      return at + end + headEnd.length - before
    }
    return bytes.length
  }

  /** What a head says of the body behind it. */
  #begin(head: string): void {
    const lineEnd = head.indexOf("\r\n")
    const firstLineEnd = lineEnd < 0 ? head.length : lineEnd
    const line = statusLine.exec(head.slice(0, firstLineEnd))
    const headers = headerFieldsOf(head, firstLineEnd, { most: mostFields, repeated: "joined" })
    const status = Number(line?.[2])
    const length = headers?.["content-length"]
    const encoding = headers?.["transfer-encoding"]?.toLowerCase()
    // Nothing was asked to be upgraded; both lengths at once are how answers are smuggled.
    if (
      line === null ||
      headers === undefined ||
      status === 101 ||
      (length !== undefined && (encoding !== undefined || !digits.test(length))) ||
      (encoding !== undefined && encoding !== "chunked")
    ) {
      this.#state = "broken"
      return
    }
    // An interim answer is not the answer.
    if (status < 200) return
    const hasBody = status !== 204 && status !== 304
    const closes = line[1] === "0" || /\bclose\b/i.test(headers["connection"] ?? "")
    this.#reusable = !closes && (!hasBody || length !== undefined || encoding !== undefined)
    this.#left = Number(length ?? 0)
    this.#reader.onHead(status, headers)
    if (!hasBody || (length !== undefined && this.#left === 0)) this.#complete()
    else if (length !== undefined) this.#state = "length"
    else if (encoding === undefined) this.#state = "untilClose"
    else this.#beginSize()
  }

  #beginSize(): void {
    this.#state = "size"
    this.#left = 0
    this.#sizeDigits = 0
    this.#passedBytes = 0
  }

  /** All chunks of these bytes, as one piece. */
  #readChunks(bytes: Buffer, at: number): number {
    const data = Buffer.allocUnsafe(bytes.length - at)
    let length = 0
    while (at < bytes.length && !this.#isComplete && this.#state !== "broken") {
      if (this.#state === "chunk") {
        const taken = Math.min(this.#left, bytes.length - at)
        bytes.copy(data, length, at, at + taken)
        length += taken
        at += taken
        this.#left -= taken
        if (this.#left === 0) this.#state = "chunkReturn"
      } else {
        // `at` is below the length.
        this.#readAround(bytes[at++] ?? 0)
      }
    }
    if (length > 0) this.#reader.onData(data.subarray(0, length))
    return at
  }

  /** A byte that stands around a chunk. */
  #readAround(byte: number): void {
    switch (this.#state) {
      case "size":
        this.#readSize(byte)
        break
      case "sizeExtension":
        if (byte === carriageReturn) this.#state = "sizeLineFeed"
        else if (byte === lineFeed || ++this.#passedBytes > longestExtensionBytes) this.#state = "broken"
        break
      case "sizeLineFeed":
        this.#expect(byte, lineFeed, this.#left === 0 ? "trailer" : "chunk")
        this.#passedBytes = 0
        this.#emptyLine = true
        break
      case "chunkReturn":
        this.#expect(byte, carriageReturn, "chunkLineFeed")
        break
      case "chunkLineFeed":
        if (byte === lineFeed) this.#beginSize()
        else this.#state = "broken"
        break
      case "trailer":
        this.#readTrailer(byte)
        break
      case "trailerLineFeed":
        if (byte === lineFeed && this.#emptyLine) this.#complete()
        else this.#expect(byte, lineFeed, "trailer")
        this.#emptyLine = true
        break
    }
  }

  #expect(byte: number, expected: number, next: State): void {
    this.#state = byte === expected ? next : "broken"
  }

  #readSize(byte: number): void {
    const digit = hexDigit(byte)
    if (digit >= 0) {
      this.#left = this.#left * 16 + digit
      if (++this.#sizeDigits > mostSizeDigits) this.#state = "broken"
    } else if (this.#sizeDigits > 0 && byte === carriageReturn) {
      this.#state = "sizeLineFeed"
    } else if (this.#sizeDigits > 0 && (byte === 0x3b || byte === 0x20 || byte === 0x09)) {
      this.#state = "sizeExtension"
    } else {
      this.#state = "broken"
    }
  }

  #readTrailer(byte: number): void {
    if (byte === carriageReturn) this.#state = "trailerLineFeed"
    else if (byte === lineFeed || ++this.#passedBytes > longestTrailerBytes) this.#state = "broken"
    else this.#emptyLine = false
  }
}
