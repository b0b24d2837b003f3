/** Reads PromQL by Prometheus' own grammar. */
import { parser } from "@prometheus-io/lezer-promql"

/** A metric with the labels that an expression narrows it by. */
export interface Selector {
  /** As it stands in the expression. */
  readonly text: string
  readonly metric: string
  readonly labels: ReadonlyArray<string>
}

export interface Parsed {
  /** Where the grammar did not know on; empty for what parses. */
  readonly faults: ReadonlyArray<string>
  readonly selectors: ReadonlyArray<Selector>
  /** The labels that results are grouped by. */
  readonly groupings: ReadonlyArray<string>
}

export const parsed = (expression: string): Parsed => {
  const faults: Array<string> = []
  const selectors: Array<Selector & { labels: Array<string> }> = []
  const groupings: Array<string> = []
  parser.parse(expression).iterate({
    enter: ({ from, name, node, to, type }) => {
      const text = expression.slice(from, to)
      if (type.isError) faults.push(`${expression.slice(0, from)}⟨${text}⟩${expression.slice(to)}`)
      if (name === "VectorSelector") {
        const metric = node.getChild("Identifier")
        selectors.push({
          text,
          metric: metric === null ? "" : expression.slice(metric.from, metric.to),
          labels: []
        })
      }
      if (name !== "LabelName") return
      if (node.parent?.name === "GroupingLabels") groupings.push(text)
      else selectors.at(-1)?.labels.push(text)
    }
  })
  return { faults, selectors, groupings }
}

/** What Grafana fills in before it asks. */
export const filledIn = (expression: string, window = "1m"): string =>
  expression.replaceAll(/\$__(rate_)?interval/g, window).replaceAll(/\$(instance|model|category)\b/g, ".*")
