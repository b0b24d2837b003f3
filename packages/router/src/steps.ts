/**
 * The steps of a request, taken together by those that come together. One request goes through more machine code than
 * the processor's nearest caches hold: taken from its first byte to its last, each finds them filled with the end of the
 * one before. Where all that came in one turn of the event loop take a step before any takes the next, every step is
 * warm but for the first of them (docs/performance.md). A request that comes alone waits for no other.
 */
import { Effect } from "effect"

type Step = "read" | "decide" | "ask" | "hear" | "settle"

/**
 * In their order: what a client sent, what it is about, the call of a model, what came of it (of a stream, each piece), what
 * it cost.
 */
const waiting: Readonly<Record<Step, Array<() => void>>> = { read: [], decide: [], ask: [], hear: [], settle: [] }
const queues = Object.values(waiting)

/** The rest has its next turn: the data of more would not fit those caches, and the first would wait for the last. */
const mostTogether = 16

let isPlanned = false

const walk = (): void => {
  isPlanned = false
  for (const queue of queues) {
    if (queue.length > 0) for (const go of queue.splice(0, mostTogether)) go()
  }
  if (queues.some((queue) => queue.length > 0)) plan()
}

/** Once all sockets that have something were read. */
const plan = (): void => {
  if (isPlanned) return
  isPlanned = true
  setImmediate(walk)
}

/** Does something when its step is taken. */
export const inStep = (step: Step, go: () => void): void => {
  waiting[step].push(go)
  plan()
}

const reached = (step: Step): Effect.Effect<void> =>
  Effect.callback<void>((resume) => inStep(step, () => resume(Effect.void)))

/** Waits for a step. */
export const atStep = { decide: reached("decide"), ask: reached("ask"), settle: reached("settle") }
