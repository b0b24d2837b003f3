/**
 * Temperature: logits are divided by it until the probabilities are as right as they say, on rows whose source the model
 * did not see.
 */
import { labelIndexes, labels } from "./rows.ts"

export const probabilitiesOf = (logits: Float64Array, temperature: number): Float64Array => {
  const highest = Math.max(...logits)
  const weights = logits.map((logit) => Math.exp((logit - highest) / temperature))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => weight / sum)
}

/** Probabilities of archetypes as those of their labels. */
export const labelProbabilities = (probabilities: Float64Array): Float64Array => {
  const folded = new Float64Array(labels.length)
  probabilities.forEach((probability, head) => {
    const label = labelIndexes[head] ?? 0
    folded[label] = (folded[label] ?? 0) + probability
  })
  return folded
}

/** The temperature between 0.5 and 4 with the lowest negative log-likelihood of the gold labels. */
export const fitTemperature = (logits: ReadonlyArray<Float64Array>, gold: ReadonlyArray<number>): number => {
  const loss = (temperature: number): number =>
    logits.reduce((sum, row, at) => {
      const probability = labelProbabilities(probabilitiesOf(row, temperature))[gold[at] ?? 0] ?? 0
      return sum - Math.log(Math.max(probability, 1e-9))
    }, 0)
  let best = 1
  for (let step = 10; step <= 80; step++) if (loss(step / 20) < loss(best)) best = step / 20
  return best
}
