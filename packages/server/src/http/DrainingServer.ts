/**
 * The server that the framework serves on. Plain requests are read past Node's parser, others by it. Some go past the
 * framework. And it can stop: once it was told to close, a connection ends with the answer that is under way on it, and
 * an answer that begins from then on says so.
 */
import { Context } from "effect"
import { IncomingMessage, Server, type ServerOptions, ServerResponse } from "node:http"
import { Socket } from "node:net"
import { type Owner, PlainConnection } from "./PlainConnection.ts"
import type { PlainRequest } from "./plainRequest.ts"
import type { Outgoing } from "./PlainResponse.ts"

/** How long a connection that has become idle may outlive its last answer. */
const sweepMillis = 25
/** How often connections are looked at that wait for something. */
const checkMillis = 500

export type Incoming = IncomingMessage | PlainRequest

/** What answers a request, if it is one that does not go to the framework. */
type Taker = (request: Incoming) => ((response: Outgoing) => void) | undefined

export class DrainingServer extends Server {
  readonly #takers: Array<Taker> = []
  readonly #watchers: Array<(request: Incoming, response: Outgoing) => void> = []
  readonly #plain = new Set<PlainConnection>()
  /** Node's answers that are under way. */
  readonly #answers = new Set<ServerResponse>()
  readonly #owner: Owner
  readonly #terms: { connectionLines: string; isDraining: boolean }
  #dropping = false

  constructor(options: ServerOptions & { readonly stallMillis: number; readonly keepAliveTimeout: number }) {
    super(options)
    this.setTimeout(options.stallMillis)
    this.#terms = {
      // As Node writes them.
      connectionLines: `connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(options.keepAliveTimeout / 1000)}\r\n`,
      isDraining: false
    }
    this.#owner = {
      answer: (request, response) => this.#taken(request, response),
      handOver: (connection, socket) => {
        this.#plain.delete(connection)
        super.emit("connection", socket)
      },
      closed: (connection) => this.#plain.delete(connection),
      stalled: (socket) => this.emit("timeout", socket),
      stallMillis: options.stallMillis,
      keepAliveMillis: options.keepAliveTimeout,
      terms: this.#terms
    }
    const check = setInterval(() => {
      const now = performance.now()
      for (const connection of this.#plain) connection.check(now)
    }, checkMillis).unref()
    this.once("close", () => clearInterval(check))
  }

  /** Calls back for every request, whoever answers it. */
  watch(watcher: (request: Incoming, response: Outgoing) => void): void {
    this.#watchers.push(watcher)
  }

  /** Asked in order for every request. */
  take(taker: Taker): void {
    this.#takers.push(taker)
  }

  override emit(event: string, ...values: Array<unknown>): boolean {
    const [first, second] = values
    if (event === "connection" && first instanceof Socket) {
      this.#plain.add(new PlainConnection(first, this.#owner))
      return true
    }
    if (event === "request" || event === "checkContinue") {
      if (first instanceof IncomingMessage && second instanceof ServerResponse) {
        this.#answers.add(second.once("close", () => this.#answers.delete(second)))
        if (this.#terms.isDraining) second.shouldKeepAlive = false
        if (this.#taken(first, second)) return true
        this.#watched(first, second)
      }
    }
    return super.emit(event, ...values)
  }

  /** A process in an unknown state answers nobody any more: what is under way is accounted for as left. */
  dropConnections(): void {
    this.#dropping = true
    this.closeAllConnections()
  }

  override closeIdleConnections(): void {
    super.closeIdleConnections()
    for (const connection of this.#plain) if (connection.isIdle) connection.destroy()
  }

  override closeAllConnections(): void {
    super.closeAllConnections()
    for (const connection of this.#plain) connection.destroy()
  }

  /** Node closes the connections that are idle at that moment; the others would be kept alive, for up to 65 s. */
  override close(closed?: (error?: Error) => void): this {
    this.#terms.isDraining = true
    this.#terms.connectionLines = "connection: close\r\n"
    for (const answer of this.#answers) answer.shouldKeepAlive = false
    const sweep = setInterval(
      () => (this.#dropping ? this.closeAllConnections() : this.closeIdleConnections()),
      sweepMillis
    )
    return super.close((error) => {
      clearInterval(sweep)
      closed?.(error)
    })
  }

  #watched(request: Incoming, response: Outgoing): void {
    for (const watcher of this.#watchers) watcher(request, response)
  }

  #taken(request: Incoming, response: Outgoing): boolean {
    for (const taker of this.#takers) {
      const answer = taker(request)
      if (answer === undefined) continue
      this.#watched(request, response)
      answer(response)
      return true
    }
    return false
  }
}

/** The process's server, for who goes past the framework. */
export class NodeServer extends Context.Service<NodeServer, DrainingServer>()("@llm-router/server/NodeServer") {}
