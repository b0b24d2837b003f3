/**
 * The end of an answer whose request is still coming. Closing the connection at once would take the answer from its
 * client, since the system resets a connection that is closed over unread bytes; reading on would let refused bodies
 * take the process. So the client is told to close, and what it sends until then is thrown away: so many bytes, for so
 * long (nginx's `lingering_close`).
 */
import { Effect } from "effect"
import type { IncomingMessage } from "node:http"
import type { Outgoing } from "./PlainResponse.ts"
import type { Turn } from "./readingTurns.ts"

/** Up to here the rest of a request is read to its end, and the connection lives on. */
const smallBytes = 256 * 1024
/** What is thrown away at most. */
const discardedBytes = 1024 * 1024
/** How long a client has to take its answer. */
const lingerMillis = 2_000

/** More of a request may come than is worth reading to keep its connection. */
export const isLong = ({ complete, headers }: IncomingMessage): boolean =>
  !complete && (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > smallBytes)

/** Hands out a whole answer, whose head says how long it is, and ends it when its request does or time is up. */
export const lingeringEnd =
  (request: IncomingMessage, turn: Turn, after: (delayMillis: number, callback: () => void) => () => void) =>
  (response: Outgoing, last: Buffer | string): Effect.Effect<void> =>
    Effect.sync(() => {
      let left = discardedBytes
      const onData = (part: Buffer) => {
        left -= part.length
        if (left > 0) turn.took(part.length)
        else stopReading()
      }
      const stopReading = () => {
        turn.end()
        request.off("data", onData).pause()
      }
      const end = () => {
        stopReading()
        cancel()
        response.end()
      }
      const cancel = after(lingerMillis, end)
      request.once("end", end)
      response.once("close", () => {
        stopReading()
        cancel()
      })
      response.write(last)
      request.on("data", onData)
    })
