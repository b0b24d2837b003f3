/** From samples to what is reported: medians over the rounds, and comparisons with the floor of the same round. */
import type { Measured } from "./Arena.ts"
import type { Sample } from "./rounds.ts"
import { type Spread, spreadOf } from "./statistics.ts"

export interface Line {
  readonly scenario: string
  readonly contestant: string
  readonly perSecond: Spread | undefined
  /** Throughput over that of the floor. */
  readonly throughputRatio: Spread | undefined
  /** Microseconds for each answer. */
  readonly cpuMicros: Spread | undefined
  readonly cpuRatio: Spread | undefined
  /** Milliseconds over the floor's same percentile. */
  readonly addedP50: Spread | undefined
  readonly addedP99: Spread | undefined
  readonly addedFirstP50: Spread | undefined
  readonly addedFirstP99: Spread | undefined
  readonly eventsPerRead: Spread | undefined
  readonly upstreamCalls: Spread | undefined
  readonly faults: number
  /** The upstream and the load generator had no time left: the throughput is a lower bound. */
  readonly isLowerBound: boolean
}

const difference = (left: number | undefined, right: number | undefined): number | undefined =>
  left === undefined || right === undefined ? undefined : left - right

const quotient = (left: number | undefined, right: number | undefined): number | undefined =>
  left === undefined || right === undefined || right === 0 ? undefined : left / right

/** `helperCores` is how many the upstream and the load generator have together. */
export const summaryOf = (samples: ReadonlyArray<Sample>, floor: string, helperCores: number): ReadonlyArray<Line> => {
  const pairs = new Set(samples.map(({ contestant, scenario }) => `${scenario} ${contestant}`))
  return [...pairs].map((pair) => {
    const [scenario = "", contestant = ""] = pair.split(" ")
    const own = samples.filter((sample) => sample.scenario === scenario && sample.contestant === contestant)
    const floorOf = (round: number) =>
      samples.find((sample) => sample.scenario === scenario && sample.contestant === floor && sample.round === round)
    const spread = (valueOf: (sample: Measured) => number | undefined) => spreadOf(own.map(valueOf))
    const compared = (
      compare: (left: number | undefined, right: number | undefined) => number | undefined,
      valueOf: (sample: Measured) => number | undefined
    ) =>
      spreadOf(
        own.map((sample) => {
          const base = floorOf(sample.round)
          return base === undefined ? undefined : compare(valueOf(sample), valueOf(base))
        })
      )
    return {
      scenario,
      contestant,
      perSecond: spread((sample) => sample.perSecond),
      throughputRatio: compared(quotient, (sample) => sample.perSecond),
      cpuMicros: spread((sample) => sample.cpuMicros),
      cpuRatio: compared(quotient, (sample) => sample.cpuMicros),
      addedP50: compared(difference, (sample) => sample.latency?.p50),
      addedP99: compared(difference, (sample) => sample.latency?.p99),
      addedFirstP50: compared(difference, (sample) => sample.first?.p50),
      addedFirstP99: compared(difference, (sample) => sample.first?.p99),
      eventsPerRead: spread((sample) => sample.eventsPerRead),
      upstreamCalls: spread((sample) => sample.upstreamCalls),
      faults: own.reduce(
        (total, { faults }) => total + Object.values(faults).reduce((sum, count) => sum + count, 0),
        0
      ),
      isLowerBound: (spread((sample) => sample.helpersBusy)?.median ?? 0) > 0.9 * helperCores
    }
  })
}
