/** Requests that are not HTTP enough to reach a route: they get the envelope too, and the connection ends. */
import { IncomingMessage, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import type { DrainingServer } from "./DrainingServer.ts"
import { wireError, type WireError } from "./errors.ts"
import type { Outgoing } from "./PlainResponse.ts"
import { requestIdOf, type RequestHeaders } from "./request.ts"
import type { Headers } from "./write.ts"

const statusOf = (code: string | undefined): readonly [status: number, message: string] => {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return [431, "The request's headers are too large."]
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return [408, "The request did not arrive in time."]
    default:
      return [400, "This is not a valid HTTP request."]
  }
}

/** As Envoy has it. Node drops what is beyond its own limit without a word, and a dropped header may be the one that counts. */
const mostHeaders = 100
/** How long a client has to take its answer before the connection is reset over what it still sends. */
const lingerMillis = 500

const answerWhole = (response: Outgoing, { body, status }: WireError, headers: Headers): void => {
  const text = JSON.stringify(body)
  const about = { "content-type": "application/json", "content-length": Buffer.byteLength(text) }
  response.writeHead(status, { ...headers, ...about, connection: "close" })
  response.end(text)
}

/** The same where Node has no response to write it with: past its parser, or before there is a request. */
const answerRaw = (socket: Duplex, { body, status }: WireError, headers: Headers): void => {
  const text = JSON.stringify(body)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n${lines.join("")}\r\n${text}`
  )
  // Nothing of what still comes is looked at.
  socket.pause()
  const timer = setTimeout(() => socket.destroy(), lingerMillis)
  socket.once("close", () => clearTimeout(timer))
}

const noExpectations: WireError = wireError(
  417,
  "invalid_request_error",
  null,
  "No expectation but 100-continue can be met."
)

const noTunnels: WireError = wireError(
  405,
  "invalid_request_error",
  "method_not_allowed",
  "CONNECT is not a method of anything here: the router is no proxy."
)

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

export const answerMalformedRequests = (server: DrainingServer, { sandbox }: { readonly sandbox: boolean }): void => {
  /** As on every error: an id to ask about, and what the sandbox is. */
  const headersFor = (headers: RequestHeaders): Headers => ({
    "x-request-id": requestIdOf(headers),
    ...(sandbox ? { "x-router-sandbox": "true" } : {})
  })
  const answers = new WeakMap<Duplex, Outgoing>()
  server.watch((request, response) => {
    // Nothing else is Node's to read while it is answered.
    if (!(request instanceof IncomingMessage)) return
    const { socket } = request
    answers.set(socket, response)
    response.once("close", () => answers.delete(socket))
  })
  server.on("checkExpectation", ({ headers }, response) => {
    answerWhole(response, noExpectations, headersFor(headers))
  })
  server.maxHeadersCount = mostHeaders + 1
  server.take((request) => {
    const problem = request instanceof IncomingMessage ? headProblem(request) : undefined
    return problem && ((response) => answerWhole(response, problem, headersFor(request.headers)))
  })
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // Amid another answer these bytes would be taken for a part of it.
    if (error.code === "ECONNRESET" || !socket.writable || answers.get(socket)?.headersSent === true) {
      socket.destroy()
      return
    }
    const [status, message] = statusOf(error.code)
    // Whatever id it brought was not read.
    answerRaw(socket, wireError(status, "invalid_request_error", null, message), headersFor({}))
  })
  server.on("connect", ({ headers }, socket) => {
    // Node has let go of the connection: an error of it is nobody's, and would end the process. `close` follows.
    socket.on("error", () => undefined)
    // Before another answer it would be taken for that one.
    if (answers.has(socket)) socket.destroy()
    // Nothing is allowed at another's address (RFC 9110, 10.2.1).
    else answerRaw(socket, noTunnels, { allow: "", ...headersFor(headers) })
  })
}
