/** The text of an answer that is not longer than it may be: whatever a server sends, memory stays bounded. */
import { Effect, Schema, Stream } from "effect"
import type { HttpClientError, HttpClientResponse } from "effect/http"

export class BodyTooLong extends Schema.TaggedError<BodyTooLong>()("BodyTooLong", { maxBytes: Schema.Int }) {
  override get message(): string {
    return `The answer is longer than ${this.maxBytes} bytes.`
  }
}

export const textWithin = (
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number
): Effect.Effect<string, BodyTooLong | HttpClientError.HttpClientError> => {
  const parts: Array<Uint8Array> = []
  let length = 0
  return response.stream.pipe(
    Stream.runForEach((part) => {
      length += part.length
      if (length > maxBytes) return new BodyTooLong({ maxBytes })
      parts.push(part)
      return Effect.void
    }),
    Effect.map(() => Buffer.concat(parts).toString("utf8"))
  )
}
