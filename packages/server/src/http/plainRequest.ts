/**
 * The requests that nearly all clients send, read without Node's parser: a POST with a length, whose head came in one
 * piece and can be read in one way only, and whose body is too short to wait for its turn. Whatever is otherwise is no
 * plain request, and Node's to read or to refuse.
 */
import { headEnd, type HeaderFields, headerFieldsOf } from "@llm-router/router/http1/headerFields"
import type { Socket } from "node:net"
import { freeBytes } from "./readingTurns.ts"

/** As much of a head as Node takes (`maxHeaderSize`), and as many fields as `malformed.ts` lets pass. */
const longestHeadBytes = 16 * 1024
const mostFields = 100

const letterP = 0x50
const requestLine = /^POST (\/[!-~]*) HTTP\/1\.1$/
const digits = /^\d{1,9}$/
/** Each asks for something that only Node's server does. */
const special = ["transfer-encoding", "expect", "upgrade", "trailer"] as const

export interface PlainHead {
  readonly url: string
  readonly headers: HeaderFields
  /** Bytes of the head, with the empty line that ends it, and of the body behind it. */
  readonly headBytes: number
  readonly bodyBytes: number
}

export const plainHeadOf = (bytes: Buffer): PlainHead | undefined => {
  // Nothing of the rest is looked at of what is no POST.
  if (bytes[0] !== letterP) return undefined
  const end = bytes.indexOf(headEnd)
  if (end < 0 || end > longestHeadBytes) return undefined
  const head = bytes.toString("latin1", 0, end)
  const lineEnd = head.indexOf("\r\n")
  const url = lineEnd < 0 ? undefined : requestLine.exec(head.slice(0, lineEnd))?.[1]
  if (url === undefined) return undefined
  const headers = headerFieldsOf(head, lineEnd, { most: mostFields, repeated: "refused" })
  if (headers === undefined || headers["host"] === undefined) return undefined
  const length = headers["content-length"]
  const connection = headers["connection"]
  if (length === undefined || !digits.test(length) || Number(length) > freeBytes) return undefined
  if (connection !== undefined && connection.toLowerCase() !== "keep-alive") return undefined
  for (const name of special) if (headers[name] !== undefined) return undefined
  return { url, headers, headBytes: end + headEnd.length, bodyBytes: Number(length) }
}

/** What the router looks at of Node's requests, and the body. */
export class PlainRequest {
  readonly method = "POST"
  readonly httpVersion = "1.1"
  readonly url: string
  readonly headers: HeaderFields
  readonly body: Buffer
  readonly socket: Socket

  constructor({ headers, url }: PlainHead, body: Buffer, socket: Socket) {
    this.url = url
    this.headers = headers
    this.body = body
    this.socket = socket
  }
}
