/**
 * What every handler needs of a request: its id, and a JSON body within bounds.
 */
import { InvalidRequest } from "@llm-router/domain/RouterError"
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { randomUUID } from "node:crypto"

/** An id that can stand in a header, a log line and a URL. */
const saneRequestId = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/

/** The caller's `x-request-id` if it is sane, else a new one. */
export const requestIdOf = (request: HttpServerRequest.HttpServerRequest): string => {
  const given = request.headers["x-request-id"]
  return given !== undefined && saneRequestId.test(given) ? given : randomUUID()
}

const jsonType = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

/** The bytes of a JSON body. Whether they are JSON is the reader's to see. */
export const jsonBody = (
  request: HttpServerRequest.HttpServerRequest,
  maxBytes: number
): Effect.Effect<Buffer, InvalidRequest> => {
  if (!jsonType.test(request.headers["content-type"] ?? "")) {
    return Effect.fail(
      new InvalidRequest({
        message: "The content type must be application/json.",
        param: null,
        code: "unsupported_media_type",
        status: 415
      })
    )
  }
  return Effect.mapBoth(request.arrayBuffer, {
    onSuccess: (bytes) => Buffer.from(bytes),
    onFailure: ({ reason }) =>
      reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
        ? bodyTooLarge(maxBytes)
        : new InvalidRequest({ message: "The body could not be read.", param: null, code: null, status: 400 })
  })
}

export const bodyTooLarge = (maxBytes: number): InvalidRequest =>
  new InvalidRequest({
    message: `The body is larger than ${maxBytes} bytes (ROUTER_MAX_BODY_BYTES).`,
    param: null,
    code: "body_too_large",
    status: 413
  })
