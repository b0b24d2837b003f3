/** Asks the reading thread, which is started when it is first needed. */
import { Effect } from "effect"
import { Worker } from "node:worker_threads"
import type { FromReader, Question, ReaderAnswer, ToReader } from "./reader.ts"

export class LedgerReader {
  readonly #path: string
  #worker: Worker | undefined
  #asked = 0
  readonly #waiting = new Map<number, (answer: ReaderAnswer) => void>()

  constructor(path: string) {
    this.#path = path
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(new URL("./reader.ts", import.meta.url), { workerData: { path: this.#path } })
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
