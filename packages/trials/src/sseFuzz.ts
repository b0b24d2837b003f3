/** Event streams of upstreams that nobody tested with, in pieces of any size. */
import { SseScanner } from "@llm-router/router/openrouter/SseScanner"
import { inspect, isDeepStrictEqual } from "node:util"
import * as fc from "fast-check"

const lineEnd = fc.constantFrom("\n", "\r\n", "\r")

const chunk = fc.record(
  {
    id: fc.string({ maxLength: 5 }),
    model: fc.oneof(fc.constant("m"), fc.jsonValue({ maxDepth: 1 })),
    choices: fc.oneof(
      fc.array(
        fc.record(
          {
            index: fc.nat(2),
            delta: fc.oneof(
              fc.record({ content: fc.string({ unit: "binary", maxLength: 10 }) }),
              fc.jsonValue({ maxDepth: 2 })
            ),
            finish_reason: fc.constantFrom("stop", "error", "length", null, 1)
          },
          { requiredKeys: [] }
        ),
        { maxLength: 2 }
      ),
      fc.jsonValue({ maxDepth: 1 })
    ),
    usage: fc.oneof(fc.constant({ prompt_tokens: 1, completion_tokens: 2, cost: 0.1 }), fc.jsonValue({ maxDepth: 2 })),
    error: fc.oneof(fc.constant(null), fc.constant({ message: "x", code: 502 }), fc.jsonValue({ maxDepth: 1 }))
  },
  { requiredKeys: [] }
)

const line = fc.oneof(
  { weight: 6, arbitrary: chunk.map((value) => `data: ${JSON.stringify(value)}`) },
  fc.constantFrom("data: [DONE]", "data:[DONE]", ": comment", "event: ping", "id: 1", "retry: 1", "data", "data:"),
  fc.constantFrom("data: {", 'data: "}', "data: null", "data: []", "data: [DONE", "\u0000", "datadata: {}"),
  fc.string({ unit: "binary", maxLength: 20 })
)

/** A stream's bytes, and where it comes apart. */
const streams: fc.Arbitrary<{ readonly bytes: Buffer; readonly cuts: ReadonlyArray<number> }> = fc
  .record({
    mark: fc.constantFrom("", "", "", "\uFEFF"),
    end: lineEnd,
    events: fc.array(fc.tuple(fc.array(line, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 2 })), {
      maxLength: 8
    }),
    tail: fc.oneof(fc.constant(""), fc.string({ maxLength: 10 })),
    cuts: fc.array(fc.nat(2_000), { maxLength: 12 })
  })
  .map(({ cuts, end, events, mark, tail }) => ({
    bytes: Buffer.from(mark + events.map(([lines, ends]) => lines.join(end) + end.repeat(ends)).join("") + tail),
    cuts: cuts.toSorted((a, b) => a - b)
  }))

const scanned = (bytes: Buffer, cuts: ReadonlyArray<number>) => {
  const scanner = new SseScanner({ dropUsageChunk: true, choices: 1 })
  const passed: Array<Buffer> = []
  let from = 0
  for (const at of [...cuts, bytes.length]) {
    const to = Math.min(at, bytes.length)
    if (to > from) passed.push(scanner.push(bytes.subarray(from, to)))
    from = Math.max(from, to)
  }
  passed.push(scanner.finish())
  const { complete, error, finishReason, sawToken, usage } = scanner
  // An empty line more says nothing.
  const text = Buffer.concat(passed)
    .toString("latin1")
    .replaceAll(/(?:\r?\n){2,}/g, "\n\n")
  return { text, complete, error, finishReason, sawToken, usage }
}

/** The data of each whole event, as a client puts it together. */
const eventsOf = (text: string): ReadonlyArray<string> => {
  const events: Array<string> = []
  let data: Array<string> = []
  for (const read of text.split(/\r?\n/)) {
    if (read === "") {
      events.push(data.join("\n"))
      data = []
    } else if (read.startsWith("data:")) data.push(read.slice("data:".length).replace(/^ /, ""))
  }
  return events
}

/** What is wrong with a stream's reading: it depends on where the bytes came apart, or an end passed that is not ours. */
const streamFault = ({ bytes, cuts }: { readonly bytes: Buffer; readonly cuts: ReadonlyArray<number> }) => {
  const whole = scanned(bytes, [])
  const parts = scanned(bytes, cuts)
  if (!isDeepStrictEqual(whole, parts)) return `${inspect(whole)} whole, ${inspect(parts)} in parts`
  return eventsOf(whole.text).some((data) => data.trim() === "[DONE]") ? "an end passed" : undefined
}

/** Runs that many streams; fails with the smallest stream that is read wrongly. */
export const fuzzStreams = (inputs: number, seed: number): void =>
  fc.assert(
    fc.property(streams, (stream) => {
      const fault = streamFault(stream)
      if (fault !== undefined) throw new Error(fault)
    }),
    { numRuns: inputs, seed }
  )
