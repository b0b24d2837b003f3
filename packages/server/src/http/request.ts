/**
 * What every handler needs of a request: its id, and a JSON body within bounds.
 */
import { detached } from "@llm-router/domain/detached"
import { type JsonLimits, JsonScan, requestLimits } from "@llm-router/domain/jsonScan"
import { InvalidRequest, type Overloaded } from "@llm-router/domain/RouterError"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { type IncomingMessage, ServerResponse } from "node:http"
import { noRoomForBody, type Ticket } from "./Admission.ts"
import type { Incoming } from "./DrainingServer.ts"
import { Pieces } from "./Pieces.ts"
import { PlainRequest } from "./plainRequest.ts"
import type { Outgoing } from "./PlainResponse.ts"
import type { ReadingTurns } from "./readingTurns.ts"

/** As Node and the framework give them: in lower case, one value each but for few. */
export type RequestHeaders = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

/** An id that can stand in a header, a log line and a URL. */
const saneRequestId = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/

/** The caller's `x-request-id` if it is sane, else a new one. */
export const requestIdOf = (headers: RequestHeaders): string => {
  const given = headers["x-request-id"]
  return typeof given === "string" && saneRequestId.test(given) ? detached(given) : randomUUID()
}

const jsonType = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

export const isJsonType = (contentType: string): boolean => jsonType.test(contentType)

/** Largest body of what is no chat request: a category with all that it may have is an eighth of it. */
const mostOtherBytes = 1024 * 1024

/** How large a body may be that the framework reads. */
export const otherBodyBytes = (maxBodyBytes: number): number => Math.min(maxBodyBytes, mostOtherBytes)

/**
 * What a value of a body takes in memory beside its bytes, once it is read, at the most: an object of one member that is
 * numbered, measured on Node 24. An empty object takes 64.
 */
const bytesPerValue = 104

export interface BodyBounds {
  readonly maxBytes: number
  /** For what bodies hold in memory together. */
  readonly ticket: Ticket
  /** Among the large bodies that are being read. */
  readonly turns: ReadingTurns
}

/** A body that has come whole, and the pass over its bytes. */
export interface ScannedBody {
  readonly bytes: Buffer
  readonly scan: JsonScan
}

/** The bytes of a JSON body, within its limits. Whether they are JSON is the reader's to see. */
export const jsonBody = (
  request: Incoming,
  response: Outgoing,
  bounds: BodyBounds
): Effect.Effect<ScannedBody, InvalidRequest | Overloaded> => {
  if (!isJsonType(request.headers["content-type"] ?? "")) return Effect.fail(unsupportedMediaType())
  const encoding = request.headers["content-encoding"] ?? "identity"
  if (encoding.toLowerCase() !== "identity") return Effect.fail(unsupportedEncoding())
  // Seen before a client that waits for "100 Continue" has sent anything of it.
  if (Number(request.headers["content-length"] ?? 0) > bounds.maxBytes) {
    return Effect.fail(bodyTooLarge(bounds.maxBytes, "ROUTER_MAX_BODY_BYTES"))
  }
  if (request instanceof PlainRequest) return wholeBody(request.body, bounds)
  if (request.headers.expect !== undefined && response instanceof ServerResponse) response.writeContinue()
  return readBody(request, bounds)
}

/** A body that came with its request. */
const wholeBody = (bytes: Buffer, { ticket }: BodyBounds): Effect.Effect<ScannedBody, InvalidRequest | Overloaded> => {
  const scan = new JsonScan(requestLimits)
  const exceeded = scan.exceededBy(bytes)
  if (exceeded !== undefined) return Effect.fail(beyondLimit(exceeded))
  const hasRoom = ticket.hold(bytes.length + scan.nodes * bytesPerValue)
  return hasRoom ? Effect.succeed({ bytes, scan }) : Effect.fail(noRoomForBody)
}

/** Reads a body up to its bounds. What is over them is refused while it comes, not after. */
const readBody = (
  source: IncomingMessage,
  { maxBytes, ticket, turns }: BodyBounds
): Effect.Effect<ScannedBody, InvalidRequest | Overloaded> =>
  Effect.callback<ScannedBody, InvalidRequest | Overloaded>((resume) => {
    const pieces = new Pieces()
    const scan = new JsonScan(requestLimits)
    const turn = turns.toRead(source, () => settle(Effect.fail(noRoomForBody)))
    let length = 0
    const onData = (part: Buffer) => {
      length += part.length
      if (length > maxBytes) return settle(Effect.fail(bodyTooLarge(maxBytes, "ROUTER_MAX_BODY_BYTES")))
      const nodes = scan.nodes
      const exceeded = scan.exceededBy(part)
      if (exceeded !== undefined) return settle(Effect.fail(beyondLimit(exceeded)))
      const hasRoom = ticket.hold(part.length + (scan.nodes - nodes) * bytesPerValue)
      if (!hasRoom) return settle(Effect.fail(noRoomForBody))
      pieces.add(part)
      turn.took(part.length)
    }
    const onEnd = () => settle(Effect.succeed({ bytes: pieces.whole(), scan }))
    const onError = () => settle(Effect.fail(unreadable()))
    const stop = () => {
      turn.end()
      source.off("data", onData).off("end", onEnd).off("error", onError).off("close", onError)
    }
    const settle = (result: Effect.Effect<ScannedBody, InvalidRequest | Overloaded>) => {
      stop()
      resume(result)
    }
    source.on("data", onData).on("end", onEnd).on("error", onError).on("close", onError)
    return Effect.sync(stop)
  })

const beyondLimit = (limit: keyof JsonLimits): InvalidRequest => {
  const problem = {
    depth: `is nested deeper than ${requestLimits.depth} levels`,
    nodes: `has more than ${requestLimits.nodes} values`,
    members: `has more than ${requestLimits.members} members`,
    names: `has objects with more than ${requestLimits.names} members in all`
  }[limit]
  return new InvalidRequest({ message: `The request body ${problem}.`, param: null, code: null, status: 400 })
}

/** What is wrong with a whole body that was read elsewhere. */
export const limitProblem = (body: Buffer): InvalidRequest | undefined => {
  const exceeded = new JsonScan(requestLimits).exceededBy(body)
  return exceeded === undefined ? undefined : beyondLimit(exceeded)
}

const unreadable = () =>
  new InvalidRequest({ message: "The body could not be read.", param: null, code: null, status: 400 })

export const unsupportedMediaType = (): InvalidRequest =>
  new InvalidRequest({
    message: "The content type must be application/json.",
    param: null,
    code: "unsupported_media_type",
    status: 415
  })

/** What comes out of a compressed body has no bound before it is there. */
const unsupportedEncoding = (): InvalidRequest =>
  new InvalidRequest({
    message: "The body must not be compressed: send it without content-encoding.",
    param: null,
    code: "unsupported_media_type",
    status: 415
  })

/** `setting` names the setting whose bound it is, if any. */
export const bodyTooLarge = (maxBytes: number, setting?: "ROUTER_MAX_BODY_BYTES"): InvalidRequest =>
  new InvalidRequest({
    message: `The body is larger than ${maxBytes} bytes${setting === undefined ? "" : ` (${setting})`}.`,
    param: null,
    code: "body_too_large",
    status: 413
  })
