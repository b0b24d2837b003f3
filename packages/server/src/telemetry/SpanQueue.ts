/**
 * Spans that wait for the collector, as the SDK's batch span processor has it (`OTEL_BSP_*`): at most so many, sent when
 * a batch is full or has waited long enough, one batch at a time.
 */
import type { Span } from "@llm-router/router/telemetry/Span"
import type { ExportOptions } from "./exportOptions.ts"
import type { SpanBatch } from "./spanBatch.ts"

interface SpanQueueOptions {
  readonly limits: Pick<ExportOptions, "mostQueued" | "mostPerBatch" | "scheduleDelayMillis" | "batchTimeoutMillis">
  readonly newBatch: () => SpanBatch
  /** Sends a batch; never fails. */
  readonly send: (batch: SpanBatch) => Promise<void>
  /** There was no room for a span. */
  readonly dropped: () => void
}

export class SpanQueue {
  readonly #options: SpanQueueOptions
  /** The last one takes spans. */
  #batches: Array<SpanBatch> = []
  #queued = 0
  #sending = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: SpanQueueOptions) {
    this.#options = options
  }

  add(span: Span): void {
    const { dropped, limits, newBatch } = this.#options
    if (this.#queued >= limits.mostQueued) return dropped()
    let batch = this.#batches.at(-1)
    if (batch === undefined || batch.size >= limits.mostPerBatch) {
      batch = newBatch()
      this.#batches.push(batch)
    }
    batch.add(span)
    this.#queued++
    this.#schedule()
  }

  /** Sends all that wait, at once. */
  flush(): Promise<unknown> {
    const all: Array<Promise<void>> = []
    for (let batch = this.#take(); batch !== undefined; batch = this.#take()) all.push(this.#options.send(batch))
    return Promise.all(all)
  }

  #take(): SpanBatch | undefined {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const batch = this.#batches.shift()
    this.#queued -= batch?.size ?? 0
    return batch
  }

  #schedule(): void {
    const { mostPerBatch, scheduleDelayMillis } = this.#options.limits
    const [first] = this.#batches
    if (this.#sending || first === undefined) return
    if (first.size >= mostPerBatch) return void this.#sendOne()
    this.#timer ??= setTimeout(() => void this.#sendOne(), scheduleDelayMillis).unref()
  }

  async #sendOne(): Promise<void> {
    const batch = this.#take()
    if (batch === undefined) return
    this.#sending = true
    // One that takes too long is left to itself, so that the next one can go.
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, this.#options.limits.batchTimeoutMillis).unref()
    await Promise.race([this.#options.send(batch), late])
    clearTimeout(timer)
    this.#sending = false
    this.#schedule()
  }
}
