/**
 * Multinomial logistic regression over sparse features, by AdaGrad. Deterministic: the same seeds, orders and result.
 */
import { archetypes } from "@llm-router/router/classifiers/embedded/archetypes"
import { featureCount, featuresOf, regionNames, regions } from "@llm-router/router/classifiers/embedded/features"
import { randomFrom } from "./sampled.ts"

export interface Example {
  readonly indices: Int32Array
  readonly values: Float32Array
  /** Index of its archetype. */
  readonly target: number
  readonly weight: number
}

/** The features of a text, copied from the extractor's buffer. */
export const featuresFor = (text: string): Pick<Example, "indices" | "values"> => {
  const { indices, length, values } = featuresOf(text)
  return { indices: indices.slice(0, length), values: values.slice(0, length) }
}

export interface TrainingOptions {
  /** The model is the mean of one for each: the order in which examples come matters less. */
  readonly seeds: ReadonlyArray<number>
  readonly epochs: number
  /** The model is the mean of the weights at the end of each epoch from this one on (Polyak and Juditsky, 1992). */
  readonly averagedFrom: number
  readonly learningRate: number
  readonly decay: number
  /** Share of the probability that the other archetypes get in a target. */
  readonly labelSmoothing: number
  /** What a feature of each region counts for. */
  readonly regionScales: Readonly<Record<(typeof regionNames)[number], number>>
}

/** Chosen by leaving one source out (docs/classifier.md). */
export const trainingOptions: TrainingOptions = {
  seeds: [1, 2, 3],
  epochs: 10,
  averagedFrom: 4,
  learningRate: 0.3,
  decay: 1.2e-3,
  labelSmoothing: 0.01,
  regionScales: { structure: 0.35, cues: 0.8, pairs: 0.1, words: 1 }
}

export interface LinearModel {
  /** By feature, then archetype. */
  readonly weights: Float32Array
  readonly biases: Float32Array
}

const heads = archetypes.length
const biasRate = 0.02

const shuffle = (order: Int32Array, random: () => number): void => {
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = order[last] ?? 0
    order[last] = order[other] ?? 0
    order[other] = kept
  }
}

/** Adds up the logits of an example into `into`. */
export const addLogits = (
  { biases, weights }: LinearModel,
  example: Pick<Example, "indices" | "values">,
  into: Float64Array
): void => {
  for (let head = 0; head < heads; head++) into[head] = (into[head] ?? 0) + (biases[head] ?? 0)
  for (let at = 0; at < example.indices.length; at++) {
    const start = (example.indices[at] ?? 0) * heads
    const value = example.values[at] ?? 0
    for (let head = 0; head < heads; head++) into[head] = (into[head] ?? 0) + (weights[start + head] ?? 0) * value
  }
}

const softmax = (logits: Float64Array): void => {
  const highest = Math.max(...logits)
  let sum = 0
  for (let head = 0; head < heads; head++) sum += logits[head] = Math.exp((logits[head] ?? 0) - highest)
  for (let head = 0; head < heads; head++) logits[head] = (logits[head] ?? 0) / sum
}

const featureScales = (regionScales: TrainingOptions["regionScales"]): Float32Array => {
  const scales = new Float32Array(featureCount)
  for (const name of regionNames) {
    scales.fill(regionScales[name], regions[name].start, regions[name].start + regions[name].size)
  }
  return scales
}

/** Adds a part of `values` to `sums`. */
const addTo = (sums: Float32Array, values: Float32Array, parts: number): void => {
  for (let at = 0; at < sums.length; at++) sums[at] = (sums[at] ?? 0) + (values[at] ?? 0) / parts
}

/** Adds the weights of the model of one seed to `means`. */
const addModel = (
  means: LinearModel,
  examples: ReadonlyArray<Example>,
  { averagedFrom, decay, epochs, labelSmoothing, learningRate, seeds }: TrainingOptions,
  seed: number
): void => {
  const parts = seeds.length * (epochs - averagedFrom)
  const weights = new Float32Array(featureCount * heads)
  const squares = new Float32Array(featureCount * heads).fill(1e-6)
  const biases = new Float32Array(heads)
  const model = { weights, biases }
  const order = Int32Array.from(examples.keys())
  const random = randomFrom(seed)
  const errors = new Float64Array(heads)
  for (let epoch = 0; epoch < epochs; epoch++) {
    shuffle(order, random)
    for (const number of order) {
      const example = examples[number]
      if (example === undefined) continue
      errors.fill(0)
      addLogits(model, example, errors)
      softmax(errors)
      for (let head = 0; head < heads; head++) {
        const wanted = head === example.target ? 1 - labelSmoothing : labelSmoothing / (heads - 1)
        errors[head] = ((errors[head] ?? 0) - wanted) * example.weight
        biases[head] = (biases[head] ?? 0) - biasRate * (errors[head] ?? 0)
      }
      for (let at = 0; at < example.indices.length; at++) {
        const start = (example.indices[at] ?? 0) * heads
        const value = example.values[at] ?? 0
        for (let slot = start; slot < start + heads; slot++) {
          const weight = weights[slot] ?? 0
          const gradient = (errors[slot - start] ?? 0) * value + decay * weight
          const square = (squares[slot] ?? 0) + gradient * gradient
          squares[slot] = square
          weights[slot] = weight - (learningRate * gradient) / Math.sqrt(square)
        }
      }
    }
    if (epoch >= averagedFrom) {
      addTo(means.weights, weights, parts)
      addTo(means.biases, biases, parts)
    }
  }
}

export const train = (examples: ReadonlyArray<Example>, options: TrainingOptions): LinearModel => {
  const scales = featureScales(options.regionScales)
  const scaled = examples.map((example) => ({
    ...example,
    values: example.values.map((value, at) => value * (scales[example.indices[at] ?? 0] ?? 0))
  }))
  const means = { weights: new Float32Array(featureCount * heads), biases: new Float32Array(heads) }
  for (const seed of options.seeds) addModel(means, scaled, options, seed)
  for (let slot = 0; slot < means.weights.length; slot++) {
    means.weights[slot] = (means.weights[slot] ?? 0) * (scales[Math.floor(slot / heads)] ?? 0)
  }
  return means
}
