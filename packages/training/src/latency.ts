/** What a decision costs: time by percentile, and whether memory grows. A bounded measurement, not a test. */
import { featuresOf } from "@llm-router/router/classifiers/embedded/features"
import type { Model } from "@llm-router/router/classifiers/embedded/model"

const longPrompt = 2000
const rounds = 12
const callsOfRound = 4000
const heapCalls = 1_000_000

/** Texts made 2,000 characters long by repetition of the rows' own. */
const lengthened = (texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts.slice(0, 500).map((text, at) => {
    let long = text
    for (let next = at + 1; long.length < longPrompt; next++) long += `\n${texts[next % texts.length] ?? "…"}`
    return long.slice(0, longPrompt)
  })

/** One round: microseconds of each call, sorted. */
const timesOf = (model: Model, texts: ReadonlyArray<string>): Float64Array => {
  const micros = new Float64Array(callsOfRound)
  for (let call = 0; call < callsOfRound; call++) {
    const text = texts[call % texts.length] ?? ""
    const from = process.hrtime.bigint()
    model(featuresOf(text))
    micros[call] = Number(process.hrtime.bigint() - from) / 1e3
  }
  return micros.toSorted()
}

/** Of several rounds, because what else runs on the machine slows some of them: the first two warm up. */
const percentilesOf = (model: Model, texts: ReadonlyArray<string>): string => {
  const measured = Array.from({ length: rounds }, () => timesOf(model, texts)).slice(2)
  const percentile = (part: number): string => {
    const each = measured
      .map((sorted) => sorted[Math.floor(part * (sorted.length - 1))] ?? 0)
      .toSorted((one, other) => one - other)
    return `${(each[Math.floor(each.length / 2)] ?? 0).toFixed(1)} µs (quietest round ${(each[0] ?? 0).toFixed(1)})`
  }
  return `p50 ${percentile(0.5)}, p99 ${percentile(0.99)}`
}

/** Heap before and after, once collected if `--expose-gc` allows it. */
const heapGrowth = (model: Model, texts: ReadonlyArray<string>): string => {
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  const allocated = process.memoryUsage().arrayBuffers
  const from = process.cpuUsage().user
  for (let call = 0; call < heapCalls; call++) model(featuresOf(texts[call % texts.length] ?? ""))
  const micros = (process.cpuUsage().user - from) / heapCalls
  globalThis.gc?.()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  const grown = (heapUsed - before + arrayBuffers - allocated) / heapCalls
  return `${grown.toFixed(3)} bytes a call over ${heapCalls} calls, ${micros.toFixed(1)} µs of CPU each`
}

export const latencyReport = (model: Model, texts: ReadonlyArray<string>): string =>
  [
    `latency of these prompts: ${percentilesOf(model, texts)}`,
    `latency of prompts of ${longPrompt} characters: ${percentilesOf(model, lengthened(texts))}`,
    `heap growth: ${heapGrowth(model, texts)}`
  ].join("\n")
