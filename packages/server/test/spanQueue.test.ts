/** Spans that wait for the collector (`OTEL_BSP_*`). */
import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { Span } from "@llm-router/router/telemetry/Span"
import type { SpanBatch } from "../src/telemetry/spanBatch.ts"
import { SpanQueue } from "../src/telemetry/SpanQueue.ts"
import { trace } from "./spans.ts"

const span = new Span(trace, "", "internal", "span", {})

const newBatch = (): SpanBatch => {
  let size = 0
  return {
    get size() {
      return size
    },
    add: () => void size++,
    body: () => new Uint8Array()
  }
}

/** Batches of two, four in all, sent after a second, given up after ten. */
const queueTo = (send: (batch: SpanBatch) => Promise<void>) => {
  const sent: Array<number> = []
  let dropped = 0
  const queue = new SpanQueue({
    limits: { mostQueued: 4, mostPerBatch: 2, scheduleDelayMillis: 1_000, batchTimeoutMillis: 10_000 },
    newBatch,
    send: (batch) => {
      sent.push(batch.size)
      return send(batch)
    },
    dropped: () => void dropped++
  })
  return {
    queue,
    sent,
    dropped: () => dropped,
    add: (count: number) => {
      for (let index = 0; index < count; index++) queue.add(span)
    }
  }
}

const never = () => new Promise<void>(() => undefined)

describe("spans that wait", () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it("are sent when a batch is full, or has waited long enough", async () => {
    const { add, sent } = queueTo(() => Promise.resolve())
    add(1)
    await vi.advanceTimersByTimeAsync(999)
    assert.deepStrictEqual(sent, [])
    await vi.advanceTimersByTimeAsync(1)
    assert.deepStrictEqual(sent, [1])
    add(2)
    assert.deepStrictEqual(sent, [1, 2])
  })

  it("are sent a batch at a time, the next one at once", async () => {
    let done: () => void = () => undefined
    const { add, sent } = queueTo(() => new Promise((resolve) => (done = resolve)))
    add(5)
    await vi.advanceTimersByTimeAsync(5_000)
    assert.deepStrictEqual(sent, [2])
    done()
    await vi.advanceTimersByTimeAsync(0)
    assert.deepStrictEqual(sent, [2, 2])
    done()
    await vi.advanceTimersByTimeAsync(999)
    assert.deepStrictEqual(sent, [2, 2])
    await vi.advanceTimersByTimeAsync(1)
    assert.deepStrictEqual(sent, [2, 2, 1])
  })

  it("beyond what may wait are dropped, and counted", () => {
    const { add, dropped, sent } = queueTo(never)
    // Two are on their way, four wait.
    add(9)
    assert.deepStrictEqual(sent, [2])
    assert.strictEqual(dropped(), 3)
  })

  it("do not wait for ever for a batch that takes too long", async () => {
    const { add, sent } = queueTo(never)
    add(4)
    await vi.advanceTimersByTimeAsync(9_999)
    assert.deepStrictEqual(sent, [2])
    await vi.advanceTimersByTimeAsync(1)
    assert.deepStrictEqual(sent, [2, 2])
  })

  it("are all sent at the end, though a batch is still on its way", async () => {
    const { add, queue, sent } = queueTo(never)
    add(5)
    void queue.flush()
    await vi.advanceTimersByTimeAsync(0)
    assert.deepStrictEqual(sent, [2, 2, 1])
  })
})
