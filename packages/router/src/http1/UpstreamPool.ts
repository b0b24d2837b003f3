/**
 * Connections to one upstream, for HTTP/1.1: as many as there are calls at once, up to a bound, and kept for the next
 * ones. It stands on the way of every request: an HTTP client for every purpose costs several times as much.
 */
import { connect as connectTcp, isIP, type NetConnectOpts } from "node:net"
import { connect as connectTls } from "node:tls"
import {
  Call,
  type Caller,
  Connection,
  type Connecting,
  failures,
  type Message,
  readBuffer
} from "./UpstreamConnection.ts"

export interface UpstreamPoolOptions {
  /** `http://` or `https://`, host and port. */
  readonly origin: URL
  readonly maxConnections: number
  readonly connectTimeoutMillis: number
}

/** How often idle connections are looked at. */
const sweepMillis = 500
/** A peer that is gone without a word is noticed in minutes, not in hours. */
const probeAfterMillis = 60_000

const connectingTo = (origin: URL, timeoutMillis: number): Connecting => {
  const host = origin.hostname.replace(/^\[|\]$/g, "")
  const optionsFor = (port: number, onRead: (length: number) => boolean): NetConnectOpts => ({
    host,
    port: origin.port === "" ? port : Number(origin.port),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: probeAfterMillis,
    onread: { buffer: readBuffer, callback: onRead }
  })
  if (origin.protocol === "http:") {
    return { open: (onRead) => connectTcp(optionsFor(80, onRead)), openEvent: "connect", timeoutMillis }
  }
  // Shortens the next handshake.
  let session: Buffer | undefined
  const open: Connecting["open"] = (onRead) =>
    connectTls({
      ...optionsFor(443, onRead),
      ALPNProtocols: ["http/1.1"],
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(session === undefined ? {} : { session })
    }).on("session", (next) => {
      session = next
    })
  return { open, openEvent: "secureConnect", timeoutMillis }
}

export class UpstreamPool {
  readonly #options: UpstreamPoolOptions
  readonly #connecting: Connecting
  readonly #sweep: NodeJS.Timeout
  /** Calls without a connection, in their order. */
  readonly #waiting = new Set<Call>()
  /** When each was begun: calls and connections are numbered in one order. */
  readonly #connections = new Map<Connection, number>()
  #order = 0
  /** Connections without a call, the latest last: those that are not needed grow old. */
  #idle: Array<Connection> = []
  /** Connections that are being made. */
  #pending = 0
  #isClosed = false

  constructor(options: UpstreamPoolOptions) {
    this.#options = options
    this.#connecting = connectingTo(options.origin, options.connectTimeoutMillis)
    this.#sweep = setInterval(() => this.#closeIdle(), sweepMillis).unref()
  }

  /** Sends a request. */
  call(message: Message, caller: Caller): Call {
    const call = new Call(message, caller, (left) => this.#waiting.delete(left))
    const connection = this.#nextIdle()
    if (connection === undefined) {
      call.order = ++this.#order
      this.#waiting.add(call)
      this.#connectWaiting()
    } else connection.serve(call)
    return call
  }

  /** Closes everything; whoever waits hears of it. */
  close(): void {
    this.#isClosed = true
    clearInterval(this.#sweep)
    for (const connection of this.#connections.keys()) connection.close()
    for (const call of this.#waiting) call.caller.onFailure(failures.closed)
    this.#waiting.clear()
  }

  connected(connection: Connection): void {
    this.#pending--
    this.free(connection)
  }

  /** It has no call: it takes the one that has waited for longest. */
  free(connection: Connection): void {
    const next = this.#nextWaiting()
    if (next !== undefined) return connection.serve(next)
    connection.rest()
    this.#idle.push(connection)
  }

  /** Sent once more, before who has waited for less: other idle connections may have ended too, so on a new one. */
  stale(call: Call): void {
    if (this.#isClosed) return call.caller.onFailure(failures.closed)
    call.isSentAgain = true
    call.order = ++this.#order
    const others = [...this.#waiting]
    this.#waiting.clear()
    for (const next of [call, ...others]) this.#waiting.add(next)
  }

  closed(connection: Connection, wasConnected: boolean, code: string): void {
    const begunAt = this.#connections.get(connection) ?? 0
    this.#connections.delete(connection)
    if (!wasConnected) {
      this.#pending--
      // Who came later would have waited for less than a connection may take: there is a new one for them.
      const [longest] = this.#waiting
      if (longest !== undefined && longest.order <= begunAt) this.#nextWaiting()?.caller.onFailure(code)
    }
    this.#connectWaiting()
  }

  #nextWaiting(): Call | undefined {
    const [next] = this.#waiting
    if (next !== undefined) this.#waiting.delete(next)
    return next
  }

  #nextIdle(): Connection | undefined {
    for (let next = this.#idle.pop(); next !== undefined; next = this.#idle.pop()) {
      if (next.isOpen) return next
      next.close()
    }
    return undefined
  }

  #connectWaiting(): void {
    while (
      this.#pending < this.#waiting.size &&
      this.#connections.size < this.#options.maxConnections &&
      !this.#isClosed
    ) {
      this.#pending++
      this.#connections.set(new Connection(this, this.#connecting), ++this.#order)
    }
  }

  #closeIdle(): void {
    this.#idle = this.#idle.filter((connection) => {
      if (connection.isOpen) return true
      connection.close()
      return false
    })
  }
}
