/**
 * A client's connection, as long as it brings plain requests alone. At the first that is none it is Node's, with all
 * that was read, and stays so; so is one that brings nothing for a while: Node's server has deadlines for that.
 */
import { inStep } from "@llm-router/router/steps"
import type { Socket } from "node:net"
import { type PlainHead, plainHeadOf, PlainRequest } from "./plainRequest.ts"
import { type ConnectionTerms, PlainResponse } from "./PlainResponse.ts"

/** What comes ahead of its turn is kept up to here, then no more is read until the answer is written. */
const mostAheadBytes = 64 * 1024
/** What is in memory of requests that have not come whole, over all connections. */
const mostGatheredBytes = 64 * 1024 * 1024
/** How long a request may take to come whole, and the first one to begin. */
const patienceMillis = 1_000
/** A client that was told how long it may rest sends until then; its bytes take their time. As Node's servers have it. */
const keepAliveMarginMillis = 1_000
/** A piece of one byte takes hundreds in memory: more of them are put together. */
const mostParts = 64

/** The server that it belongs to. */
export interface Owner {
  /** Answers it, or says false. */
  readonly answer: (request: PlainRequest, response: PlainResponse) => boolean
  /** The connection is Node's now. */
  readonly handOver: (connection: PlainConnection, socket: Socket) => void
  readonly closed: (connection: PlainConnection) => void
  /** No byte went either way for `stallMillis`. */
  readonly stalled: (socket: Socket) => void
  readonly stallMillis: number
  readonly terms: ConnectionTerms
  /** How long a connection may be idle. */
  readonly keepAliveMillis: number
}

let gatheredBytes = 0

const joined = (parts: ReadonlyArray<Buffer>): Buffer =>
  parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)

/** With a method, or the empty line that may stand before it: what else comes amid an answer is no HTTP. */
const mayBegin = (bytes: Buffer | undefined): boolean => /^[A-Z\r\n]/.test(bytes?.toString("latin1", 0, 1) ?? "")

export class PlainConnection {
  readonly #socket: Socket
  readonly #owner: Owner
  /** What came, and is no request yet. */
  #parts: Array<Buffer> = []
  #length = 0
  /** Of the request that is coming. */
  #head: PlainHead | undefined
  #response: PlainResponse | undefined
  #hasServed = false
  /** For what only an answer needs: a connection that is Node's at once does without. */
  #isWatched = false
  /** Since when it waits, for a request or for the rest of one. */
  #waitsSince = performance.now()

  constructor(socket: Socket, owner: Owner) {
    this.#socket = socket
    this.#owner = owner
    socket.on("data", this.#onData).on("end", this.#onEnd).on("error", this.#onError).on("close", this.#onClose)
  }

  get isIdle(): boolean {
    return this.#response === undefined && this.#length === 0
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Called now and then: what takes too long ends, or is Node's. */
  check(now: number): void {
    if (this.#response !== undefined) return
    const waited = now - this.#waitsSince
    if (this.#hasServed && this.#length === 0) {
      if (waited > this.#owner.keepAliveMillis + keepAliveMarginMillis) this.destroy()
    } else if (waited > patienceMillis) this.#handOver()
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#socket.writableEnded) return
    if (this.#response === undefined && this.#length === 0) this.#waitsSince = performance.now()
    this.#parts.push(bytes)
    if (this.#parts.length > mostParts) this.#parts = [joined(this.#parts)]
    this.#length += bytes.length
    gatheredBytes += bytes.length
    if (this.#response === undefined) this.#readOn()
    else if (!mayBegin(this.#parts[0])) this.#socket.destroy()
    else if (this.#length > mostAheadBytes) this.#socket.pause()
  }

  /** It is a whole request's turn to be read; by then the connection may have closed, or be Node's. */
  readonly #onRead = (): void => {
    if (this.#head !== undefined && this.#length > 0) this.#answer(this.#head)
  }

  /** A client that closes its writing side has left, as Node's server has it. */
  readonly #onEnd = (): void => {
    this.#socket.destroy()
  }

  /** `close` follows. */
  readonly #onError = (): void => undefined

  readonly #onClose = (): void => {
    this.#take()
    this.#owner.closed(this)
    this.#response?.emit("close")
  }

  readonly #onDrain = (): void => {
    this.#response?.emit("drain")
  }

  /** Between requests it may rest for longer, which `check` sees to. */
  readonly #onTimeout = (): void => {
    if (this.#response !== undefined) this.#owner.stalled(this.#socket)
  }

  /** What came so far, which is somebody else's now. */
  #take(): Buffer {
    const bytes = joined(this.#parts)
    this.#parts = []
    gatheredBytes -= this.#length
    this.#length = 0
    return bytes
  }

  #readOn(): void {
    const [first] = this.#parts
    if (first === undefined) return
    this.#head ??= plainHeadOf(first)
    if (this.#head === undefined) return this.#handOver()
    const { bodyBytes, headBytes } = this.#head
    const missing = headBytes + bodyBytes - this.#length
    // Behind a whole request another one is there already.
    if (missing < 0 || gatheredBytes > mostGatheredBytes) this.#handOver()
    else if (missing === 0) inStep("read", this.#onRead)
  }

  #answer(head: PlainHead): void {
    const bytes = this.#take()
    this.#head = undefined
    const response = new PlainResponse(this.#socket, this.#owner.terms)
    const request = new PlainRequest(head, bytes.subarray(head.headBytes), this.#socket)
    this.#response = response
    if (!this.#isWatched) {
      this.#isWatched = true
      this.#socket.on("drain", this.#onDrain).on("timeout", this.#onTimeout).setTimeout(this.#owner.stallMillis)
    }
    response.once("finish", () => this.#answered(response))
    if (this.#owner.answer(request, response)) return
    this.#response = undefined
    this.#handOver(bytes)
  }

  #answered({ closes }: PlainResponse): void {
    this.#response = undefined
    this.#hasServed = true
    this.#waitsSince = performance.now()
    if (closes) this.#socket.destroySoon()
    else if (this.#length > 0) {
      this.#parts = [joined(this.#parts)]
      this.#socket.resume()
      this.#readOn()
    }
  }

  #handOver(bytes = this.#take()): void {
    const socket = this.#socket
    socket.off("data", this.#onData).off("end", this.#onEnd).off("error", this.#onError).off("close", this.#onClose)
    if (this.#isWatched) socket.off("drain", this.#onDrain).off("timeout", this.#onTimeout).setTimeout(0)
    // Node's server reads what comes next from below the stream; what was read before stands in the stream.
    socket.pause()
    if (bytes.length > 0) socket.unshift(bytes)
    this.#owner.handOver(this, socket)
    socket.resume()
  }
}
