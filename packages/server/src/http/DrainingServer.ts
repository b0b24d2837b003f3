/**
 * The server that the framework serves on. It can stop: once it was told to close, a connection ends with the answer
 * that was under way on it. And some requests go past the framework.
 */
import { Context } from "effect"
import { IncomingMessage, Server, ServerResponse } from "node:http"

/** How long a connection that has become idle may outlive its last answer. */
const sweepMillis = 25

type Listener<A> = (request: IncomingMessage, response: ServerResponse) => A

export class DrainingServer extends Server {
  readonly #takers: Array<Listener<boolean>> = []
  readonly #watchers: Array<Listener<void>> = []
  #dropping = false

  /** Calls back for every request, whoever answers it. */
  watch(watcher: Listener<void>): void {
    this.#watchers.push(watcher)
  }

  /** Asked in order for every request: answers it itself and says true, or leaves it to the next, then the framework. */
  take(taker: Listener<boolean>): void {
    this.#takers.push(taker)
  }

  override emit(event: string, ...values: Array<unknown>): boolean {
    if (event === "request" || event === "checkContinue") {
      const [request, response] = values
      if (request instanceof IncomingMessage && response instanceof ServerResponse) {
        for (const watcher of this.#watchers) watcher(request, response)
        for (const taker of this.#takers) if (taker(request, response)) return true
      }
    }
    return super.emit(event, ...values)
  }

  /** A process in an unknown state answers nobody any more: what is under way is accounted for as left. */
  dropConnections(): void {
    this.#dropping = true
    this.closeAllConnections()
  }

  /** Node closes the connections that are idle at that moment; the others would be kept alive, for up to 65 s. */
  override close(closed?: (error?: Error) => void): this {
    const sweep = setInterval(
      () => (this.#dropping ? this.closeAllConnections() : this.closeIdleConnections()),
      sweepMillis
    )
    return super.close((error) => {
      clearInterval(sweep)
      closed?.(error)
    })
  }
}

/** The process's server, for who goes past the framework. */
export class NodeServer extends Context.Service<NodeServer, DrainingServer>()("@llm-router/server/NodeServer") {}
