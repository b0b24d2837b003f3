/** Features times weights: how probable each archetype is. Nothing is allocated by a call. */
import { archetypes } from "./archetypes.ts"
import { type Features, regionNames, regions } from "./features.ts"
import type { Weights } from "./weights.ts"

const heads = archetypes.length

/** The probabilities of the archetypes, in their order, in a buffer that the next call overwrites. */
export type Model = (features: Features) => Float64Array

const regionEnds = regionNames.map((name) => regions[name].start + regions[name].size)

/** Softmax in place. */
const normalise = (logits: Float64Array, temperature: number): void => {
  let highest = -Infinity
  for (let head = 0; head < heads; head++) highest = Math.max(highest, logits[head] ?? 0)
  let sum = 0
  for (let head = 0; head < heads; head++) {
    const weight = Math.exp(((logits[head] ?? 0) - highest) / temperature)
    logits[head] = weight
    sum += weight
  }
  for (let head = 0; head < heads; head++) logits[head] = (logits[head] ?? 0) / sum
}

export const modelOf = ({ biases, scales, temperature, values }: Weights): Model => {
  const flatScales = Float64Array.from(scales.flat())
  const flatBiases = Float64Array.from(biases)
  const logits = new Float64Array(heads)
  const sums = new Float64Array(heads)
  return ({ indices, length, values: present }) => {
    logits.set(flatBiases)
    let at = 0
    // Features come region by region.
    for (let region = 0; region < regionEnds.length; region++) {
      const end = regionEnds[region] ?? 0
      sums.fill(0)
      for (; at < length; at++) {
        const index = indices[at] ?? 0
        if (index >= end) break
        const value = present[at] ?? 0
        const start = index * heads
        for (let head = 0; head < heads; head++) sums[head] = (sums[head] ?? 0) + (values[start + head] ?? 0) * value
      }
      for (let head = 0; head < heads; head++) {
        logits[head] = (logits[head] ?? 0) + (sums[head] ?? 0) * (flatScales[region * heads + head] ?? 0)
      }
    }
    normalise(logits, temperature)
    return logits
  }
}
