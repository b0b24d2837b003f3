/** Rows as weighted examples: rare archetypes count for more. */
import { archetypes } from "@llm-router/router/classifiers/embedded/archetypes"
import { type Example, featuresFor } from "./logisticRegression.ts"
import type { Row } from "./rows.ts"

export interface FeaturedRow {
  readonly row: Row
  readonly features: Pick<Example, "indices" | "values">
}

export const featured = (rows: ReadonlyArray<Row>): ReadonlyArray<FeaturedRow> =>
  rows.map((row) => ({ row, features: featuresFor(row.text) }))

const mostWeight = 2.5

export const examplesOf = (rows: ReadonlyArray<FeaturedRow>): ReadonlyArray<Example> => {
  const counts = new Map<string, number>()
  for (const { row } of rows) counts.set(row.archetype, (counts.get(row.archetype) ?? 0) + 1)
  return rows.map(({ features, row }) => {
    const share = rows.length / (counts.size * (counts.get(row.archetype) ?? 1))
    return { ...features, target: archetypes.indexOf(row.archetype), weight: Math.min(mostWeight, Math.sqrt(share)) }
  })
}
