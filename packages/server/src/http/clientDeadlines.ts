/**
 * Clients that do not read. An answer waits for its reader, so a reader who never comes would keep its connection, its
 * place and its upstream for ever.
 */
import type { Socket } from "node:net"
import type { DrainingServer } from "./DrainingServer.ts"
import type { Outgoing } from "./PlainResponse.ts"

/** How often answers are looked at that take longer than any may. */
const sweepMillis = 1_000

interface ClientDeadlines {
  /** How long an answer may take from the request's head on, however slowly its client reads. */
  readonly responseMillis: number
}

export const cutStalledClients = (server: DrainingServer, { responseMillis }: ClientDeadlines): void => {
  /** How many answers are under way on a connection. */
  const answering = new Map<Socket, number>()
  const dueAt = new Map<Outgoing, number>()

  const sweep = setInterval(() => {
    const time = performance.now()
    for (const [response, due] of dueAt) {
      // Answers begin in this order.
      if (due > time) break
      response.destroy()
    }
  }, sweepMillis)
  sweep.unref()

  server.watch(({ socket }, response) => {
    answering.set(socket, (answering.get(socket) ?? 0) + 1)
    dueAt.set(response, performance.now() + responseMillis)
    response.once("close", () => {
      dueAt.delete(response)
      const others = (answering.get(socket) ?? 1) - 1
      if (others === 0) answering.delete(socket)
      else answering.set(socket, others)
    })
  })
  // Node's own clock of a connection: it stands still while bytes go out, be it one by one.
  server.on("timeout", (socket) => {
    // Between two requests, or with bytes that nobody takes. A client that waits for its answer may wait.
    if (!answering.has(socket) || socket.writableLength > 0) socket.destroy()
  })
  server.on("close", () => clearInterval(sweep))
}
