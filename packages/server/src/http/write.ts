/** Answers written straight to the response, at the pace of whoever reads them. */
import { Effect } from "effect"
import type { WireError } from "./errors.ts"
import type { Outgoing } from "./PlainResponse.ts"

export type Headers = Readonly<Record<string, string>>

/** Waits until the client has taken what was written, or has left. */
const flushed = (response: Outgoing, event: "drain" | "finish"): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const settle = () => {
      stop()
      resume(Effect.void)
    }
    const stop = () => {
      response.off(event, settle).off("close", settle)
    }
    response.on(event, settle).on("close", settle)
    return Effect.sync(stop)
  })

/** The next piece of a stream; `undefined` when there is no need to wait before the one after it. */
export const writePiece = (response: Outgoing, piece: Buffer): Effect.Effect<void> | undefined =>
  response.write(piece) ? undefined : flushed(response, "drain")

/** The end of an answer. One that is still in memory counts as under way. */
export const writeEnd = (response: Outgoing, last: Buffer | string): Effect.Effect<void> => {
  response.end(last)
  return response.writableNeedDrain ? flushed(response, "finish") : Effect.void
}

/** For when no reader can be waited for. */
export const writeEndAtOnce = (response: Outgoing, last: Buffer | string): Effect.Effect<void> =>
  Effect.sync(() => void response.end(last))

/** A whole answer in JSON. */
export const writeJson = (
  response: Outgoing,
  status: number,
  headers: Headers,
  body: Buffer | string,
  end = writeEnd
): Effect.Effect<void> => {
  response.writeHead(status, {
    ...headers,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body)
  })
  return end(response, body)
}

export const writeError = (
  response: Outgoing,
  { body, retryAfter, status }: WireError,
  headers: Headers,
  end = writeEnd
): Effect.Effect<void> =>
  writeJson(
    response,
    status,
    retryAfter === undefined ? headers : { ...headers, "retry-after": String(retryAfter) },
    JSON.stringify(body),
    end
  )
