/**
 * A real HTTP server on a free port of 127.0.0.1, for as long as a scope lives.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Cause, Effect, Schema, type Scope } from "effect"
import { Exchange } from "./Exchange.ts"

/** The server could not listen. */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", { message: Schema.String }) {}

export interface ListenOptions {
  /** The answer. Interrupted when the client leaves. */
  readonly respond: (exchange: Exchange) => Effect.Effect<void>
  /** A request is here, body and all. */
  readonly onRequest?: (exchange: Exchange) => void
  /** Its connection is done with, by whatever end. */
  readonly onClose?: (exchange: Exchange) => void
}

const serve = (options: ListenOptions, exchange: Exchange): void => {
  options.onRequest?.(exchange)
  const answer = Effect.catchCause(
    Effect.suspend(() => options.respond(exchange)),
    (cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : apologise(exchange, cause))
  )
  // Run without the caller's context on purpose: the wire keeps real time, also under a test's TestClock.
  const interrupt = Effect.runCallback(answer)
  exchange.response.once("close", () => {
    interrupt()
    options.onClose?.(exchange)
  })
}

/** A script that throws must not look like a model that hangs. */
const apologise = (exchange: Exchange, cause: Cause.Cause<never>): Effect.Effect<void> =>
  Effect.andThen(
    Effect.logError(`${exchange.request.method} ${exchange.path} failed in the fake server`, cause),
    Effect.suspend(() =>
      exchange.response.headersSent ? exchange.cut : exchange.send(500, "text/plain", "the fake server failed\n")
    )
  )

const receive = (options: ListenOptions, request: IncomingMessage, response: ServerResponse): void => {
  const receivedAt = performance.now()
  const chunks: Array<Buffer> = []
  // A broken connection raises these as well as `close`; unheard, they would end the process.
  request.on("error", () => {})
  response.on("error", () => {})
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => serve(options, new Exchange(request, response, Buffer.concat(chunks), receivedAt)))
}

/** Serves until the scope closes, then drops every connection. Gives the origin, `http://127.0.0.1:port`. */
export const listen = (options: ListenOptions): Effect.Effect<string, ListenError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Server, ListenError>((resume) => {
      const server = createServer({ keepAliveTimeout: 5_000, requestTimeout: 0 }, (request, response) =>
        receive(options, request, response)
      )
      server.once("error", (error) => resume(Effect.fail(new ListenError({ message: error.message }))))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map(originOf))

const originOf = (server: Server): string => {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("a TCP server has an address and a port")
  return `http://127.0.0.1:${address.port}`
}
