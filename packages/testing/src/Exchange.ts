/**
 * One request at a fake server and the ways to answer it, the broken ones included. Every write is done when the
 * operating system has the bytes: so a slow reader holds the writer back, and what was written before a cut arrives.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http"
import { Effect } from "effect"

export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: Buffer
  /** `performance.now()` when the request's headers were here. */
  readonly receivedAt: number
  /** Whether this server broke the connection itself. */
  broken = false

  constructor(request: IncomingMessage, response: ServerResponse, body: Buffer, receivedAt: number) {
    this.request = request
    this.response = response
    this.body = body
    this.receivedAt = receivedAt
  }

  /** The path without its query. */
  get path(): string {
    return this.url.pathname
  }

  get url(): URL {
    return new URL(this.request.url ?? "/", "http://fake")
  }

  /** Sends the status and the headers at once, before any body. */
  head(status: number, headers: OutgoingHttpHeaders): Effect.Effect<void> {
    return Effect.sync(() => {
      this.response.writeHead(status, headers)
      this.response.flushHeaders()
    })
  }

  /** Never resumes when the client is gone: the exchange is then interrupted as a whole. */
  write(bytes: string | Uint8Array): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.response.write(bytes, (error) => {
        if (error === null || error === undefined) resume(Effect.void)
      })
    })
  }

  readonly end: Effect.Effect<void> = Effect.callback((resume) => {
    this.response.end(() => resume(Effect.void))
  })

  /** Closes the connection in the middle; what was written before still arrives. */
  readonly cut: Effect.Effect<void> = Effect.sync(() => {
    this.broken = true
    this.request.socket.destroy()
  })

  /** Resets the connection (TCP RST). */
  readonly reset: Effect.Effect<void> = Effect.sync(() => {
    this.broken = true
    this.request.socket.resetAndDestroy()
  })

  /** A whole answer with its length. */
  send(status: number, contentType: string, text: string, headers: OutgoingHttpHeaders = {}): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.response.writeHead(status, {
        "content-type": contentType,
        "content-length": Buffer.byteLength(text),
        ...headers
      })
      this.response.end(text, () => resume(Effect.void))
    })
  }

  json(status: number, value: unknown, headers: OutgoingHttpHeaders = {}): Effect.Effect<void> {
    return this.send(status, "application/json", JSON.stringify(value), headers)
  }
}
