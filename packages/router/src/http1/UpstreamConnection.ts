/**
 * One connection to the upstream, and the call that it serves. Of HTTP/1.1 it does what chat requests need: a POST with
 * a whole body, and an answer that is read as it comes.
 */
import type { Socket } from "node:net"
import { type AnswerReader, AnswerParser } from "./AnswerParser.ts"
import { type BodyPiece, writeMessage } from "./writeMessage.ts"

/** Who made a call. */
export interface Caller extends AnswerReader {
  /** The request is on its way; until then it waited for a connection. May come within `call`. */
  readonly onSent: () => void
  readonly onEnd: () => void
  /** There will be no answer, or no more of it: Node's code for why, or one of ours. */
  readonly onFailure: (code: string) => void
}

/**
 * A new connection costs an agent's next request two ways to the upstream and back. Where nobody says how long it waits
 * for the next one, Cloudflare, which stands before OpenRouter, waits for 400 s, nginx for 75 s, load balancers for 60 s.
 * Who waits less shows it by closing, and a request that crosses that on its way is retried.
 */
const idleMillis = 55_000
/** One that says so is believed up to here, and left a little earlier: its end must not meet a request. */
const longestIdleMillis = 600_000
const idleMarginMillis = 2_000

/** Why there is no answer, where Node has no code for it. */
export const failures = {
  closed: "closed",
  notHttp: "not_http",
  connectTimeout: "connect_timeout"
} as const

/** That a connection was closed in the meantime shows within a way there and back: later, the request was at work. */
const staleMillis = 1_000

/** What one read of a socket brings at most. Lent to one connection at a time: what stays is copied out of it. */
export const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

const keptMillisOf = (keepAlive: string | undefined): number => {
  const seconds = /(?:^|[\s,;])timeout=(\d{1,6})/i.exec(keepAlive ?? "")?.[1]
  return seconds === undefined
    ? idleMillis
    : Math.min(longestIdleMillis, Math.max(0, Number(seconds) * 1000 - idleMarginMillis))
}

/** A request as it is sent. */
export interface Message {
  /** In Latin-1, with the body's length and the empty line. */
  readonly head: string
  readonly body: ReadonlyArray<BodyPiece>
  readonly bodyBytes: number
}

/** A call: its place in the queue, then its connection. */
export class Call {
  readonly message: Message
  readonly caller: Caller
  /** Has it from when it is sent. */
  connection: Connection | undefined
  paused = false
  /** Its number among the calls that waited and the connections of its pool. */
  order = 0
  /** It met a connection that had ended, and is sent once more. */
  isSentAgain = false
  readonly #leaveQueue: (call: Call) => void

  constructor(message: Message, caller: Caller, leaveQueue: (call: Call) => void) {
    this.#leaveQueue = leaveQueue
    this.message = message
    this.caller = caller
  }

  /** Reads no further for now. */
  pause(): void {
    this.paused = true
    this.connection?.pause()
  }

  resume(): void {
    this.paused = false
    this.connection?.resume()
  }

  /** Nobody waits for the answer. The caller hears no more. */
  abort(): void {
    this.#leaveQueue(this)
    this.connection?.drop()
  }
}

/** Where connections are kept. */
interface Keeper {
  readonly connected: (connection: Connection) => void
  /** It can serve another call. */
  readonly free: (connection: Connection) => void
  /** It had ended before the call came: that is nobody's failure. */
  readonly stale: (call: Call) => void
  readonly closed: (connection: Connection, wasConnected: boolean, code: string) => void
}

/** How a connection is made. The function is called for what came, so many bytes of `readBuffer`. */
export interface Connecting {
  readonly open: (onRead: (length: number) => boolean) => Socket
  /** Of the socket, once requests can be sent. */
  readonly openEvent: "connect" | "secureConnect"
  readonly timeoutMillis: number
}

/** One connection, and the call that it serves. */
export class Connection {
  readonly #keeper: Keeper
  readonly #socket: Socket
  readonly #parser: AnswerParser
  #call: Call | undefined
  #code: string = failures.closed
  #idleSince = 0
  #hasServed = false
  /** Since when the call waits for the first byte of its answer; long ago once that came. */
  #silentSince = -Infinity
  #keptMillis = idleMillis

  constructor(keeper: Keeper, { open, openEvent, timeoutMillis }: Connecting) {
    this.#keeper = keeper
    this.#parser = new AnswerParser({
      onHead: (status, headers) => {
        this.#keptMillis = keptMillisOf(headers["keep-alive"])
        this.#call?.caller.onHead(status, headers)
      },
      onData: (bytes) => this.#call?.caller.onData(bytes)
    })
    this.#socket = open((length) => {
      this.#silentSince = -Infinity
      // What comes unasked is no answer either.
      const came = this.#call === undefined ? "broken" : this.#parser.read(readBuffer.subarray(0, length))
      if (came === "complete") this.#answered()
      else if (came === "broken") this.#end(failures.notHttp)
      return true
    })
    let isConnected = false
    const timer = setTimeout(() => this.#end(failures.connectTimeout), timeoutMillis)
    this.#socket
      .once(openEvent, () => {
        isConnected = true
        clearTimeout(timer)
        keeper.connected(this)
      })
      .on("end", () => {
        if (this.#parser.end()) this.#answered()
        this.#socket.destroy()
      })
      .on("error", (error: NodeJS.ErrnoException) => {
        this.#code = error.code ?? error.name
      })
      .on("close", () => {
        clearTimeout(timer)
        const call = this.#call
        this.#call = undefined
        if (call !== undefined && this.#isStaleFor(call)) keeper.stale(call)
        else call?.caller.onFailure(this.#code)
        keeper.closed(this, isConnected, this.#code)
      })
  }

  /** Another request can be sent. */
  get isOpen(): boolean {
    return !this.#socket.destroyed && performance.now() - this.#idleSince < this.#keptMillis
  }

  serve(call: Call): void {
    this.#call = call
    call.connection = this
    this.#silentSince = performance.now()
    call.caller.onSent()
    const { body, bodyBytes, head } = call.message
    writeMessage(this.#socket, head, body, bodyBytes, "")
  }

  rest(): void {
    this.#idleSince = performance.now()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Whoever waits for an answer hears of it. */
  close(): void {
    this.#socket.destroy()
  }

  /** Its caller hears no more. */
  drop(): void {
    this.#call = undefined
    this.#socket.destroy()
  }

  #isStaleFor(call: Call): boolean {
    return this.#hasServed && !call.isSentAgain && performance.now() - this.#silentSince < staleMillis
  }

  #end(code: string): void {
    this.#code = code
    this.#socket.destroy()
  }

  #answered(): void {
    const call = this.#call
    this.#call = undefined
    this.#hasServed = true
    if (call?.paused === true) this.#socket.resume()
    // It may have been dropped while its last bytes were read; and an answer that came before its request was sent
    // leaves the rest of that on the way.
    const { destroyed, writableLength } = this.#socket
    if (this.#parser.reusable && !destroyed && writableLength === 0) this.#keeper.free(this)
    else this.#socket.destroy()
    call?.caller.onEnd()
  }
}
