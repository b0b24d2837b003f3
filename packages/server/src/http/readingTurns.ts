/**
 * Large bodies are read a few at a time, a piece each, in turn. Hundreds of senders at once would otherwise fill every
 * round of the event loop with their pieces, and everybody else's requests would wait behind them.
 */
import type { IncomingMessage } from "node:http"

/** Up to here a body is read as it comes: nearly every request is smaller. */
const freeBytes = 256 * 1024
/** Bodies that are read at once. */
const mostReading = 4
/** A sender that has nothing to send gives its turn away. */
const longestTurnMillis = 20

/** One body's place among those that are read. */
export interface Turn {
  /** A piece came; `length` is the body's so far. */
  readonly took: (length: number) => void
  /** The body has ended, or is read no further. */
  readonly end: () => void
}

export const readingTurns = (after: (delayMillis: number, callback: () => void) => () => void) => {
  const waiting = new Set<() => void>()
  let reading = 0

  const giveUp = () => {
    reading--
    const [next] = waiting
    if (next === undefined) return
    waiting.delete(next)
    next()
  }

  return (source: IncomingMessage): Turn => {
    let holds = false
    let cancel = (): void => undefined
    const pass = () => {
      if (!holds) return
      holds = false
      cancel()
      giveUp()
    }
    const begin = () => {
      reading++
      holds = true
      cancel = after(longestTurnMillis, pass)
      source.resume()
    }
    return {
      took: (length) => {
        if (length <= freeBytes) return
        source.pause()
        waiting.add(begin)
        pass()
        if (!holds && reading < mostReading && waiting.delete(begin)) begin()
      },
      end: () => {
        waiting.delete(begin)
        pass()
      }
    }
  }
}
