/** Requests that are not HTTP enough to reach a route: they get the envelope too, and the connection ends. */
import type { ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import type { DrainingServer } from "./DrainingServer.ts"
import { wireError } from "./errors.ts"

const statusOf = (code: string | undefined): readonly [status: number, reason: string, message: string] => {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return [431, "Request Header Fields Too Large", "The request's headers are too large."]
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return [408, "Request Timeout", "The request did not arrive in time."]
    default:
      return [400, "Bad Request", "This is not a valid HTTP request."]
  }
}

export const answerMalformedRequests = (server: DrainingServer): void => {
  const answers = new WeakMap<Duplex, ServerResponse>()
  server.watch(({ socket }, response) => {
    answers.set(socket, response)
    response.once("close", () => answers.delete(socket))
  })
  server.on("checkExpectation", (_request, response) => {
    const error = wireError(417, "invalid_request_error", null, "No expectation but 100-continue can be met.")
    const body = JSON.stringify(error.body)
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
    response.writeHead(417, { ...headers, connection: "close" }).end(body)
  })
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // Amid another answer these bytes would be taken for a part of it.
    if (error.code === "ECONNRESET" || !socket.writable || answers.get(socket)?.headersSent === true) {
      socket.destroy()
      return
    }
    const [status, reason, message] = statusOf(error.code)
    const body = JSON.stringify(wireError(status, "invalid_request_error", null, message).body)
    socket.end(
      `HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    )
  })
}
