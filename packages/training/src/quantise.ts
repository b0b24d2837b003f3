/** A trained model as a weights file: one byte a weight, the largest of each region and archetype at full scale. */
import { archetypes } from "@llm-router/router/classifiers/embedded/archetypes"
import { featureCount, featureVersion, regionNames, regions } from "@llm-router/router/classifiers/embedded/features"
import type { Weights } from "@llm-router/router/classifiers/embedded/weights"
import type { LinearModel } from "./logisticRegression.ts"

const fullScale = 127
const heads = archetypes.length

export const quantise = ({ biases, weights }: LinearModel, temperature: number): Weights => {
  const values = new Int8Array(weights.length)
  const scales = regionNames.map((name) => {
    const { size, start } = regions[name]
    return archetypes.map((_, head) => {
      let largest = 0
      for (let feature = start; feature < start + size; feature++) {
        largest = Math.max(largest, Math.abs(weights[feature * heads + head] ?? 0))
      }
      const scale = largest === 0 ? 1 : largest / fullScale
      for (let feature = start; feature < start + size; feature++) {
        values[feature * heads + head] = Math.round((weights[feature * heads + head] ?? 0) / scale)
      }
      return scale
    })
  })
  return { featureVersion, featureCount, archetypes, scales, biases: [...biases], temperature, values }
}
