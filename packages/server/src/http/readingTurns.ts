/**
 * Large bodies are read a few at a time, a piece each, and only so many bytes a second. Hundreds of senders at once would
 * otherwise fill every round of the event loop with their pieces, and everybody else's requests would wait behind them.
 * Whose body has least to come goes first: a few senders of much keep nobody waiting who sends less.
 */
import type { Watchdog } from "@llm-router/router/Watchdog"
import type { IncomingMessage } from "node:http"

/** Up to here a body is read as it comes: nearly every request is smaller. */
export const freeBytes = 64 * 1024
/** Bodies that are read at once. */
const mostReading = 4
/** A sender that has nothing to send gives its turn away. */
const longestTurnMillis = 20
/** Who waits this long for a turn is refused. A client that has left shows it only where it is read from. */
const longestWaitMillis = 10_000
/** What is read of all large bodies together: so much at once, and then 64 MiB a second. */
const burstBytes = 32 * 1024 * 1024
const bytesPerMilli = (64 * 1024 * 1024) / 1000
/**
 * A byte counts so many times where nobody knows how many are to come (clients of this API say it), and where it is only
 * read to be thrown away.
 */
const weightOfUnknown = 8
/** Of a piece, however few its bytes: it is taken in one by one. */
const leastCost = 1_024
/** More than any body is announced with: who has come furthest of the others goes first, so that few are in memory. */
const unknownLength = Number.MAX_SAFE_INTEGER

/** One body's place among those that are read. */
export interface Turn {
  /** A piece of so many bytes came. */
  readonly took: (bytes: number) => void
  /** The body has ended, or is read no further. */
  readonly end: () => void
}

interface Waiting {
  /** Bytes that are to come. */
  readonly left: () => number
  readonly begin: () => void
}

/** `undefined` for chunks, which do not say how many they are. */
const lengthOf = ({ headers }: IncomingMessage): number | undefined =>
  headers["content-length"] === undefined ? undefined : Number(headers["content-length"])

export interface ReadingTurns {
  /** For a body that is read; `refuse` is called once it has waited for too long. */
  readonly toRead: (source: IncomingMessage, refuse: () => void) => Turn
  /** For what is read only to be thrown away. */
  readonly toThrowAway: (source: IncomingMessage) => Turn
}

export const readingTurns = ({ after, monotonic }: Pick<Watchdog["Service"], "after" | "monotonic">): ReadingTurns => {
  const waiting = new Set<Waiting>()
  let reading = 0
  let budget = burstBytes
  let countedAt = monotonic()
  let refilling = false

  const hasBudget = (): boolean => {
    const time = monotonic()
    budget = Math.min(burstBytes, budget + (time - countedAt) * bytesPerMilli)
    countedAt = time
    return budget > 0
  }

  /** Of those that may go on now, the one with least to come. */
  const nextBody = (): Waiting | undefined => {
    let next: Waiting | undefined
    if (reading >= mostReading || refilling) return next
    for (const body of waiting) if (next === undefined || body.left() < next.left()) next = body
    return next
  }

  const goOn = () => {
    for (let next = nextBody(); next !== undefined; next = nextBody()) {
      if (hasBudget()) next.begin()
      else {
        refilling = true
        after(-budget / bytesPerMilli, () => {
          refilling = false
          goOn()
        })
      }
    }
  }

  const turnOf = (
    source: IncomingMessage,
    {
      free,
      length,
      refuse
    }: { readonly free: number; readonly length?: number | undefined; readonly refuse: () => void }
  ): Turn => {
    let taken = 0
    let isReading = false
    let cancel = (): void => undefined
    /** It neither waits nor is read. */
    const leave = () => {
      cancel()
      waiting.delete(body)
      if (isReading) reading--
      isReading = false
    }
    const body: Waiting = {
      left: () => (length ?? unknownLength) - taken,
      begin: () => {
        leave()
        isReading = true
        reading++
        cancel = after(longestTurnMillis, end)
        source.resume()
      }
    }
    const end = () => {
      leave()
      goOn()
    }
    return {
      took: (bytes) => {
        taken += bytes
        if (taken <= free) return
        const cost = Math.max(bytes, leastCost)
        budget -= length === undefined ? cost * weightOfUnknown : cost
        source.pause()
        leave()
        waiting.add(body)
        cancel = after(longestWaitMillis, refuse)
        goOn()
      },
      end
    }
  }

  return {
    toRead: (source, refuse) => turnOf(source, { free: freeBytes, length: lengthOf(source), refuse }),
    // Its time is up before.
    toThrowAway: (source) => turnOf(source, { free: 0, refuse: () => undefined })
  }
}
