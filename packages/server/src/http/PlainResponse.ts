/**
 * The answer to a plain request, written to its socket: by a length, or in chunks. It has what the router uses of Node's
 * response, under the same names; head and first bytes go out together.
 */
import { isFieldValue } from "@llm-router/router/http1/headerFields"
import { writeMessage } from "@llm-router/router/http1/writeMessage"
import { EventEmitter } from "node:events"
import { STATUS_CODES } from "node:http"
import type { Socket } from "node:net"

/** What answers say of their connection. */
export interface ConnectionTerms {
  /** The lines of every head about it. */
  readonly connectionLines: string
  /** It ends behind its answer. */
  readonly isDraining: boolean
}

/** What the router uses of a response, Node's or its own. */
export interface Outgoing {
  readonly statusCode: number
  readonly headersSent: boolean
  readonly writableEnded: boolean
  readonly writableFinished: boolean
  readonly writableNeedDrain: boolean
  readonly writeHead: (status: number, headers: Readonly<Record<string, string | number>>) => unknown
  readonly write: (piece: Buffer | string) => boolean
  readonly end: (last?: Buffer | string) => unknown
  readonly destroy: () => unknown
  readonly on: (event: "close" | "drain" | "finish", listener: () => void) => Outgoing
  readonly once: (event: "close" | "drain" | "finish", listener: () => void) => Outgoing
  readonly off: (event: "close" | "drain" | "finish", listener: () => void) => Outgoing
}

const lineEnd = "\r\n"
const lastChunk = "0\r\n\r\n"

let dateSecond = 0
let dateLine = ""

/** As Node has it: made once a second. */
const date = (): string => {
  const second = Math.trunc(Date.now() / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateLine = `date: ${new Date(second * 1000).toUTCString()}\r\n`
  }
  return dateLine
}

export class PlainResponse extends EventEmitter<{ close: []; drain: []; finish: [] }> implements Outgoing {
  statusCode = 200
  headersSent = false
  writableEnded = false
  writableFinished = false

  readonly #socket: Socket
  readonly #terms: ConnectionTerms
  /** Written before the next bytes. */
  #head = ""
  #hasLength = false
  #closes = false

  constructor(socket: Socket, terms: ConnectionTerms) {
    super()
    this.#socket = socket
    this.#terms = terms
  }

  /** The connection ends behind the answer. */
  get closes(): boolean {
    return this.#closes
  }

  get writableNeedDrain(): boolean {
    return this.#socket.writableNeedDrain
  }

  writeHead(status: number, headers: Readonly<Record<string, string | number>>): this {
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`
    for (const name in headers) {
      const value = String(headers[name])
      if (!isFieldValue(value)) throw new TypeError(`The header ${name} has a character that no header may have.`)
      head += `${name}: ${value}\r\n`
    }
    this.#hasLength = headers["content-length"] !== undefined
    const saysClose = headers["connection"] === "close"
    this.#closes = saysClose || this.#terms.isDraining
    this.#head = `${head}${date()}${saysClose ? "" : this.#terms.connectionLines}${this.#hasLength ? "" : "transfer-encoding: chunked\r\n"}\r\n`
    this.statusCode = status
    this.headersSent = true
    return this
  }

  /** False when the client should take what there is before more is written. */
  write(piece: Buffer | string): boolean {
    const length = Buffer.byteLength(piece)
    if (length === 0) return true
    return this.#hasLength
      ? this.#send(this.#head, piece, length, "")
      : this.#send(`${this.#head}${length.toString(16)}${lineEnd}`, piece, length, lineEnd)
  }

  end(last: Buffer | string = ""): this {
    if (this.writableEnded) return this
    this.writableEnded = true
    const length = Buffer.byteLength(last)
    const sent = (error?: Error | null) => {
      if (error !== undefined && error !== null) return
      this.writableFinished = true
      this.emit("finish")
      this.emit("close")
    }
    if (this.#hasLength) this.#send(this.#head, last, length, "", sent)
    else if (length === 0) this.#send(this.#head, "", 0, lastChunk, sent)
    else this.#send(`${this.#head}${length.toString(16)}${lineEnd}`, last, length, lineEnd + lastChunk, sent)
    return this
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #send(before: string, piece: Buffer | string, length: number, after: string, sent?: (error?: Error | null) => void) {
    this.#head = ""
    return writeMessage(this.#socket, before, [piece], length, after, sent)
  }
}
