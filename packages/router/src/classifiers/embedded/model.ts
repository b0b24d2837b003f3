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

/** Weights that one number holds, so that they are fetched together: those of a feature fill three of them. */
const packed = Int32Array.BYTES_PER_ELEMENT
const packs = Math.ceil(heads / packed)

const packedWeights = (values: Int8Array): Int32Array => {
  const rowBytes = packs * packed
  const bytes = new Int8Array((values.length / heads) * rowBytes)
  let from = 0
  for (let row = 0; row < bytes.length; row += rowBytes) {
    for (let head = 0; head < heads; head++) bytes[row + head] = values[from++] ?? 0
  }
  return new Int32Array(bytes.buffer)
}

export const modelOf = ({ biases, scales, temperature, values }: Weights): Model => {
  const weights = packedWeights(values)
  const flatScales = Float64Array.from(scales.flat())
  const flatBiases = Float64Array.from(biases)
  const logits = new Float64Array(heads)
  const sums = new Float64Array(packs * packed)
  /** For four heads: the sum of weight times feature from `from` to `to`. */
  const addUp = ({ indices, values: present }: Features, pack: number, from: number, to: number): void => {
    let first = 0
    let second = 0
    let third = 0
    let fourth = 0
    for (let at = from; at < to; at++) {
      const four = weights[(indices[at] ?? 0) * packs + pack] ?? 0
      const value = present[at] ?? 0
      first += ((four << 24) >> 24) * value
      second += ((four << 16) >> 24) * value
      third += ((four << 8) >> 24) * value
      fourth += (four >> 24) * value
    }
    const head = pack * packed
    sums[head] = first
    sums[head + 1] = second
    sums[head + 2] = third
    sums[head + 3] = fourth
  }
  return (features) => {
    logits.set(flatBiases)
    let from = 0
    // Features come region by region.
    for (let region = 0; region < regionEnds.length; region++) {
      const end = regionEnds[region] ?? 0
      let to = from
      while (to < features.length && (features.indices[to] ?? 0) < end) to++
      for (let pack = 0; pack < packs; pack++) addUp(features, pack, from, to)
      for (let head = 0; head < heads; head++) {
        logits[head] = (logits[head] ?? 0) + (sums[head] ?? 0) * (flatScales[region * heads + head] ?? 0)
      }
      from = to
    }
    normalise(logits, temperature)
    return logits
  }
}
