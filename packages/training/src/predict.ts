/** Probabilities of archetypes as a prediction of a label. */
import { labelProbabilities } from "./calibration.ts"
import type { Predicted } from "./measures.ts"
import { labels, type Row } from "./rows.ts"

export const predictedFrom = (row: Row, probabilities: Float64Array): Predicted => {
  const folded = labelProbabilities(probabilities)
  const confidence = Math.max(...folded)
  return { gold: labels.indexOf(row.label), label: folded.indexOf(confidence), confidence }
}
