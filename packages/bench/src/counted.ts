/**
 * The server as a process that tells how many bytes its heap has allocated: for counting work instead of timing it.
 */
import { program } from "@llm-router/server/start"
import { Effect } from "effect"
import { GCProfiler, getHeapStatistics } from "node:v8"

/** `begin` collects garbage and counts from there. */
export interface CountAsked {
  readonly ask: "begin" | "end"
}

export interface Counted {
  /** Bytes allocated since the last `begin`. */
  readonly bytes: number
}

/** What is in use grows by what is allocated, but for the collections in between: these are added up. */
class Count {
  readonly #profiler = new GCProfiler()
  readonly #before: number

  constructor() {
    globalThis.gc?.()
    this.#profiler.start()
    this.#before = getHeapStatistics().used_heap_size
  }

  end(): number {
    const now = getHeapStatistics().used_heap_size
    const collected = this.#profiler
      .stop()
      .statistics.reduce(
        (total, { afterGC, beforeGC }) =>
          total + beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize,
        0
      )
    return now + collected - this.#before
  }
}

let count: Count | undefined

process.on("message", ({ ask }: CountAsked) => {
  const bytes = ask === "end" ? (count?.end() ?? 0) : 0
  count = ask === "begin" ? new Count() : undefined
  process.send?.({ bytes } satisfies Counted)
})
process.on("disconnect", () => process.exit(0))

Effect.runFork(program({ args: [], env: process.env, dotEnv: Effect.undefined }))
