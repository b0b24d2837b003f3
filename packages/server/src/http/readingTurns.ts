/**
 * Large bodies are read a few at a time, a piece each, and only so many bytes a second. Hundreds of senders at once would
 * otherwise fill every round of the event loop with their pieces, and everybody else's requests would wait behind them.
 * Whose body has least to come goes first: a few senders of much keep nobody waiting who sends less.
 */
import type { Watchdog } from "@llm-router/router/Watchdog"
import type { IncomingMessage } from "node:http"

/** Up to here a body is read as it comes: nearly every request is smaller. */
const freeBytes = 64 * 1024
/** Bodies that are read at once. */
const mostReading = 4
/** A sender that has nothing to send gives its turn away. */
const longestTurnMillis = 20
/** What is read of all large bodies together: so much at once, and then 64 MiB a second. */
const burstBytes = 32 * 1024 * 1024
const bytesPerMilli = (64 * 1024 * 1024) / 1000
/**
 * A byte counts so many times where nobody knows how many are to come (clients of this API say it), and where it is only
 * read to be thrown away.
 */
const weightOfUnknown = 8
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

export const readingTurns = ({ after, now }: Pick<Watchdog["Service"], "after" | "now">) => {
  const waiting = new Set<Waiting>()
  let reading = 0
  let budget = burstBytes
  let countedAt = now()
  let refilling = false

  const hasBudget = (): boolean => {
    const time = now()
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

  const turnOf = (source: IncomingMessage, free: number, length: number | undefined): Turn => {
    let taken = 0
    let cancel: (() => void) | undefined
    const pass = () => {
      if (cancel === undefined) return
      cancel()
      cancel = undefined
      reading--
    }
    const body: Waiting = {
      left: () => (length ?? unknownLength) - taken,
      begin: () => {
        waiting.delete(body)
        reading++
        cancel = after(longestTurnMillis, () => {
          pass()
          goOn()
        })
        source.resume()
      }
    }
    return {
      took: (bytes) => {
        taken += bytes
        if (taken <= free) return
        budget -= length === undefined ? bytes * weightOfUnknown : bytes
        source.pause()
        waiting.add(body)
        pass()
        goOn()
      },
      end: () => {
        waiting.delete(body)
        pass()
        goOn()
      }
    }
  }

  return {
    toRead: (source: IncomingMessage): Turn => turnOf(source, freeBytes, lengthOf(source)),
    toThrowAway: (source: IncomingMessage): Turn => turnOf(source, 0, undefined)
  }
}
