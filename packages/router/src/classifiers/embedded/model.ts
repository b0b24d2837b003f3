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

/** The sum of weight times feature from `from` to `to`, for one head. */
const sumOf = (weights: Int8Array, { indices, values }: Features, head: number, from: number, to: number): number => {
  let sum = 0
  for (let at = from; at < to; at++) sum += (weights[(indices[at] ?? 0) * heads + head] ?? 0) * (values[at] ?? 0)
  return sum
}

export const modelOf = ({ biases, scales, temperature, values }: Weights): Model => {
  const flatScales = Float64Array.from(scales.flat())
  const flatBiases = Float64Array.from(biases)
  const logits = new Float64Array(heads)
  return (features) => {
    logits.set(flatBiases)
    let from = 0
    // Features come region by region.
    for (let region = 0; region < regionEnds.length; region++) {
      const end = regionEnds[region] ?? 0
      let to = from
      while (to < features.length && (features.indices[to] ?? 0) < end) to++
      for (let head = 0; head < heads; head++) {
        const sum = sumOf(values, features, head, from, to)
        logits[head] = (logits[head] ?? 0) + sum * (flatScales[region * heads + head] ?? 0)
      }
      from = to
    }
    normalise(logits, temperature)
    return logits
  }
}
