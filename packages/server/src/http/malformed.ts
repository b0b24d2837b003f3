/** Requests that are not HTTP enough to reach a route: they get the envelope too, and the connection ends. */
import { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import type { DrainingServer } from "./DrainingServer.ts"
import { wireError, type WireError } from "./errors.ts"
import type { Outgoing } from "./PlainResponse.ts"

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

/** As Envoy has it. Node drops what is beyond its own limit without a word, and a dropped header may be the one that counts. */
const mostHeaders = 100
/** How long a client has to take its answer before the connection is reset over what it still sends. */
const lingerMillis = 500

const answerWhole = (response: Outgoing, { body, status }: WireError): void => {
  const text = JSON.stringify(body)
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) }
  response.writeHead(status, { ...headers, connection: "close" })
  response.end(text)
}

/** What Node lets pass. */
const headProblem = ({ rawHeaders }: IncomingMessage): WireError | undefined => {
  // Names and values take turns.
  if (rawHeaders.length > 2 * mostHeaders) {
    return wireError(431, "invalid_request_error", null, `The request has more than ${mostHeaders} headers.`)
  }
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === "host")
  // Of two, another reader of the request may go by the other one (RFC 9112, 3.2).
  return hosts.length > 1
    ? wireError(400, "invalid_request_error", null, "The request has more than one Host header.")
    : undefined
}

export const answerMalformedRequests = (server: DrainingServer): void => {
  const answers = new WeakMap<Duplex, Outgoing>()
  server.watch((request, response) => {
    // Nothing else is Node's to read while it is answered.
    if (!(request instanceof IncomingMessage)) return
    const { socket } = request
    answers.set(socket, response)
    response.once("close", () => answers.delete(socket))
  })
  server.on("checkExpectation", (_request, response) => {
    answerWhole(response, wireError(417, "invalid_request_error", null, "No expectation but 100-continue can be met."))
  })
  server.maxHeadersCount = mostHeaders + 1
  server.take((request) => {
    const problem = request instanceof IncomingMessage ? headProblem(request) : undefined
    return problem && ((response) => answerWhole(response, problem))
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
    // Nothing of what still comes is looked at.
    socket.pause()
    const timer = setTimeout(() => socket.destroy(), lingerMillis)
    socket.once("close", () => clearTimeout(timer))
  })
}
