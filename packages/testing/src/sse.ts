/**
 * Server-sent events as bytes, whole or in awkward pieces.
 */
import { Effect } from "effect"
import type { Exchange } from "./Exchange.ts"
import type { Form } from "./script.ts"

export const streamHeaders = { "content-type": "text/event-stream", "cache-control": "no-cache" }

/** OpenRouter's sign of life; not progress. */
export const comment = ": OPENROUTER PROCESSING"

type Framing = Pick<Form, "newline" | "split">

/** Positions that hurt a careless parser: inside each multi-byte character, in the middle, between the line ends. */
const awkwardCuts = (bytes: Buffer): ReadonlyArray<number> => {
  const cuts = new Set([Math.floor(bytes.length / 2), bytes.length - 1])
  bytes.forEach((byte, index) => {
    if (byte >= 0xc0) cuts.add(index + 1)
  })
  return [...cuts].filter((cut) => cut > 0 && cut < bytes.length).toSorted((a, b) => a - b)
}

/** The same bytes in several parts. */
const awkwardPieces = (bytes: Buffer): ReadonlyArray<Buffer> => {
  const cuts = [0, ...awkwardCuts(bytes), bytes.length]
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end))
}

/** Writes one line and the empty one after it. */
export const writeEvent = Effect.fnUntraced(function* (exchange: Exchange, line: string, framing: Framing) {
  const bytes = Buffer.from(line + framing.newline + framing.newline)
  if (!framing.split) return yield* exchange.write(bytes)
  for (const piece of awkwardPieces(bytes)) {
    yield* exchange.write(piece)
    // Time for the reader to take this segment by itself.
    yield* Effect.sleep(1)
  }
})

export const writeData = (exchange: Exchange, data: object, framing: Framing): Effect.Effect<void> =>
  writeEvent(exchange, `data: ${JSON.stringify(data)}`, framing)
