/**
 * The head of a streamed response, written once: with the first bytes of the answer, or before them with a sign of life
 * when these take long to come. Then what is not decided yet stands in no header.
 */
import type { Watchdog } from "@llm-router/router/Watchdog"
import type { Outgoing } from "./PlainResponse.ts"
import { keepAliveEvent } from "./sse.ts"
import type { Headers } from "./write.ts"

interface StreamHeadOptions {
  readonly id: string
  readonly response: Outgoing
  /** As they are by now. */
  readonly headers: () => Headers
  readonly keepAliveMillis: number
  readonly watchdog: Pick<Watchdog["Service"], "after" | "now">
}

export class StreamHead {
  readonly #options: StreamHeadOptions
  #cancel = (): void => undefined

  constructor(options: StreamHeadOptions) {
    this.#options = options
  }

  write(): void {
    const { headers, response } = this.#options
    if (response.headersSent) return
    response.writeHead(200, {
      ...headers(),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no"
    })
  }

  /** Signs of life from now on, until they are stopped. */
  keepAlive(): void {
    const { id, keepAliveMillis, response, watchdog } = this.#options
    this.#cancel = watchdog.after(keepAliveMillis, () => {
      this.write()
      if (!response.writableNeedDrain) response.write(keepAliveEvent(id, watchdog.now()))
      this.keepAlive()
    })
  }

  stop(): void {
    this.#cancel()
  }
}
