/** Logits for every row from a model that saw nothing of the row's source: what a new kind of traffic would get. */
import { archetypes } from "@llm-router/router/classifiers/embedded/archetypes"
import { examplesOf, type FeaturedRow } from "./examples.ts"
import { addLogits, train, type TrainingOptions } from "./logisticRegression.ts"
import { groupOf } from "./rows.ts"

/** `always` is in every fold's training and is not measured. */
export const leaveOneSourceOut = (
  rows: ReadonlyArray<FeaturedRow>,
  always: ReadonlyArray<FeaturedRow>,
  options: TrainingOptions
): ReadonlyArray<Float64Array> => {
  const logits = rows.map(() => new Float64Array(archetypes.length))
  for (const group of new Set(rows.map(({ row }) => groupOf(row)))) {
    const model = train(examplesOf([...rows.filter(({ row }) => groupOf(row) !== group), ...always]), options)
    rows.forEach(({ features, row }, at) => {
      const into = logits[at]
      if (groupOf(row) === group && into !== undefined) addLogits(model, features, into)
    })
  }
  return logits
}
