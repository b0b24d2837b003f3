/** A server that can stop: once it was told to close, a connection ends with the answer that was under way on it. */
import { Server } from "node:http"

/** How long a connection that has become idle may outlive its last answer. */
const sweepMillis = 25

/** Node closes the connections that are idle at that moment; the others would be kept alive, for up to 65 s. */
export class DrainingServer extends Server {
  /** A process in an unknown state answers nobody any more: what is under way is accounted for as left. */
  dropConnections(): void {
    this.#dropping = true
    this.closeAllConnections()
  }
  #dropping = false

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
