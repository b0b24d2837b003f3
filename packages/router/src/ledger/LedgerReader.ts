/** Asks the reading thread, which is started when it is first needed. */
import { Effect } from "effect"
import { type MessagePort, Worker } from "node:worker_threads"
import type { FromReader, Question, ReaderAnswer, ToReader } from "./reader.ts"

/** The sums lie outside of the heap; what is made on the way to an answer is short-lived. */
const resourceLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 1_024 }

export class LedgerReader {
  readonly #path: string
  readonly #onStart: () => void
  #worker: Worker | undefined
  #asked = 0
  readonly #waiting = new Map<number, (answer: ReaderAnswer) => void>()

  /** `onStart` is called when the thread is started, or started again. */
  constructor(path: string, onStart: () => void = () => undefined) {
    this.#path = path
    this.#onStart = onStart
  }

  /** Starts to take the sums into memory before the first question. */
  readonly start: Effect.Effect<void> = Effect.sync(() => void this.#started())

  get isStarted(): boolean {
    return this.#worker !== undefined
  }

  /** Where the thread learns of commits. */
  feed(port: MessagePort): void {
    this.#started().postMessage({ _tag: "Feed", port } satisfies ToReader, [port])
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(new URL("./reader.ts", import.meta.url), {
      workerData: { path: this.#path },
      resourceLimits
    })
    const gone = (message: string) => {
      if (this.#worker === worker) this.#worker = undefined
      for (const answer of this.#waiting.values()) answer({ _tag: "Failed", message })
      this.#waiting.clear()
    }
    worker.on("message", ({ id, ...answer }: FromReader) => {
      this.#waiting.get(id)?.(answer)
      this.#waiting.delete(id)
    })
    worker.on("error", (error) => gone(String(error)))
    worker.on("exit", () => gone("the reading thread ended"))
    this.#worker = worker
    this.#onStart()
    return worker
  }

  /** Fails with what is wrong. A caller who no longer waits leaves the work to end by itself. */
  readonly ask = (question: Question): Effect.Effect<ReaderAnswer, string> =>
    Effect.callback((resume) => {
      const id = ++this.#asked
      this.#waiting.set(id, (answer) =>
        resume(answer._tag === "Failed" ? Effect.fail(answer.message) : Effect.succeed(answer))
      )
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- to a thread, not to a window
      this.#started().postMessage({ ...question, id } satisfies ToReader)
      return Effect.sync(() => this.#waiting.delete(id))
    })

  readonly close: Effect.Effect<void> = Effect.promise(async () => void (await this.#worker?.terminate()))
}
