/**
 * One keep-alive connection of the load generator: HTTP/1.1, one exchange at a time, with a parser that knows no more
 * than it must, so that the generator costs less than what it measures.
 */
import { connect, type Socket } from "node:net"

/** Times in milliseconds of `performance.now()`. */
export interface Exchanged {
  readonly startedAt: number
  /** First byte of the body. */
  readonly firstAt: number
  readonly endedAt: number
  /** Socket reads that brought bytes of the body. */
  readonly reads: number
  readonly status: number
  /** The body of a stream; of any other answer nothing is kept. */
  readonly text: string
}

export type Outcome = Exchanged | { readonly fault: string }

const headEnd = Buffer.from("\r\n\r\n")
const lineEnd = Buffer.from("\r\n")
const nothing = Buffer.alloc(0)

/** What is left to read: the head, the body until its length, or the next piece of a chunked body. */
type Phase = "head" | "length" | "size" | "data" | "trailer"

export class Connection {
  readonly #socket: Socket
  /** Set from `send` to the end of its answer. */
  #onEnd: ((outcome: Outcome) => void) | undefined
  #phase: Phase = "head"
  #pending: Buffer = nothing
  #left = 0
  #status = 0
  #startedAt = 0
  #firstAt = 0
  #reads = 0
  #parts: Array<Buffer> | undefined
  #staysOpen = true
  /** The read under way brought bytes of the body. */
  #brought = false
  /** Called at each read that brought bytes of a body. */
  onRead: (() => void) | undefined
  onClose: (() => void) | undefined
  usable = true

  constructor(port: number, onOpen: (connection: Connection) => void) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => onOpen(this))
    this.#socket.on("data", (bytes) => this.#read(bytes))
    this.#socket.on("error", (error) => this.#close(error.message))
    this.#socket.on("close", () => this.#close("the connection was closed"))
  }

  send(request: Buffer, keepText: boolean, onEnd: (outcome: Outcome) => void): void {
    if (!this.usable) return onEnd({ fault: "the connection was closed" })
    this.#onEnd = onEnd
    this.#phase = "head"
    this.#pending = nothing
    this.#reads = 0
    this.#firstAt = 0
    this.#parts = keepText ? [] : undefined
    this.#startedAt = performance.now()
    this.#socket.write(request)
  }

  destroy(): void {
    this.#onEnd = undefined
    this.usable = false
    this.#socket.destroy()
  }

  #close(fault: string): void {
    this.usable = false
    this.#end({ fault })
    this.onClose?.()
  }

  #end(outcome: Outcome): void {
    const onEnd = this.#onEnd
    this.#onEnd = undefined
    onEnd?.(outcome)
  }

  #read(read: Buffer): void {
    if (this.#onEnd === undefined) return
    let bytes = this.#pending.length === 0 ? read : Buffer.concat([this.#pending, read])
    this.#pending = nothing
    if (this.#phase === "head") {
      const start = this.#readHead(bytes)
      if (start === undefined) return
      bytes = bytes.subarray(start)
    }
    if (bytes.length === 0) return this.#left === 0 && this.#phase === "length" ? this.#complete() : undefined
    const before = this.#firstAt
    const isComplete = this.#phase === "length" ? this.#readLength(bytes) : this.#readChunks(bytes)
    if (this.#brought) {
      this.#reads++
      this.#brought = false
      if (before === 0) this.#firstAt = performance.now()
      this.onRead?.()
    }
    if (isComplete) this.#complete()
  }

  #complete(): void {
    const endedAt = performance.now()
    if (!this.#staysOpen) this.usable = false
    this.#end({
      startedAt: this.#startedAt,
      firstAt: this.#firstAt === 0 ? endedAt : this.#firstAt,
      endedAt,
      reads: this.#reads,
      status: this.#status,
      text: this.#parts === undefined ? "" : Buffer.concat(this.#parts).toString("latin1")
    })
  }

  #readHead(bytes: Buffer): number | undefined {
    const end = bytes.indexOf(headEnd)
    if (end < 0) {
      this.#pending = bytes
      return undefined
    }
    // The line end behind a last chunk may come with the next answer.
    const head = bytes.toString("latin1", 0, end).trimStart()
    this.#status = Number(head.slice(9, 12))
    this.#staysOpen = !/\r\nconnection: *close/i.test(head)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    this.#phase = length === undefined ? "size" : "length"
    this.#left = Number(length ?? 0)
    return end + headEnd.length
  }

  #keep(part: Buffer): void {
    this.#brought = true
    this.#parts?.push(part)
  }

  #readLength(bytes: Buffer): boolean {
    this.#keep(bytes)
    this.#left -= bytes.length
    return this.#left <= 0
  }

  #readChunks(bytes: Buffer): boolean {
    let at = 0
    while (at < bytes.length) {
      if (this.#phase === "data") {
        const part = bytes.subarray(at, at + this.#left)
        this.#keep(part)
        at += part.length
        this.#left -= part.length
        if (this.#left === 0) this.#phase = "trailer"
        continue
      }
      const end = bytes.indexOf(lineEnd, at)
      if (end < 0) {
        this.#pending = bytes.subarray(at)
        return false
      }
      if (this.#phase === "size") {
        this.#left = Number.parseInt(bytes.toString("latin1", at, end), 16)
        if (this.#left === 0) return true
        this.#phase = "data"
      } else {
        this.#phase = "size"
      }
      at = end + lineEnd.length
    }
    return false
  }
}
