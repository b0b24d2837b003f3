/** The tools head: its rows, its training, and how right it is on sources that it did not see. */
import { probabilityOf, toolsExample, type ToolsWeights } from "@llm-router/router/toolsHead"
import { Schema } from "effect"
import { readFileSync } from "node:fs"

const ToolsRow = Schema.Struct({
  text: Schema.String,
  tools: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      description: Schema.optional(Schema.String),
      params: Schema.optional(Schema.Array(Schema.String))
    })
  ),
  needs_tools: Schema.Boolean,
  source: Schema.String
})
type ToolsRow = typeof ToolsRow.Type

export interface ToolsCase {
  readonly features: Readonly<Record<string, number>>
  readonly needed: boolean
  /** One row's, or two where its words meet another row's tools. */
  readonly sources: ReadonlyArray<string>
}

const decodeRow = Schema.decodeUnknownSync(Schema.fromJsonString(ToolsRow))

export const readToolsRows = (path: string): ReadonlyArray<ToolsRow> =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => decodeRow(line))

const mostCharacters = 1500
const mostDescription = 200

const caseOf = (row: ToolsRow, tools: ToolsRow["tools"], needed: boolean, sources: ReadonlyArray<string>) => {
  const offered = tools.map(({ description = "", name, params = [] }) => ({
    name,
    description: description.slice(0, mostDescription),
    parameters: params
  }))
  const example = toolsExample(row.text.slice(0, mostCharacters), offered)
  return example === undefined ? [] : [{ features: example.features, needed, sources }]
}

export const casesOf = (rows: ReadonlyArray<ToolsRow>): ReadonlyArray<ToolsCase> =>
  rows.flatMap((row) => caseOf(row, row.tools, row.needs_tools, [row.source]))

const strides = [37, 113]

/** Words that need tools, beside tools of other words: so that how words are put is not taken for what they need. */
export const swappedCases = (rows: ReadonlyArray<ToolsRow>): ReadonlyArray<ToolsCase> => {
  const needing = rows.filter(({ needs_tools }) => needs_tools)
  return strides.flatMap((stride) =>
    needing.flatMap((row, at) => {
      const other = needing[(at + stride) % needing.length]
      return other === undefined ? [] : caseOf(row, other.tools, false, [row.source, other.source])
    })
  )
}

const iterations = 400
const learningRate = 2
const decay = 0.003
/** The swapped cases together count for as much as half of the rows. */
const swappedWeight = 0.5

/** Logistic regression by gradient descent. */
export const trainTools = (cases: ReadonlyArray<ToolsCase>): ToolsWeights => {
  const names = Object.keys(cases[0]?.features ?? {})
  const inputs = cases.map(({ features }) => Float64Array.from(names, (name) => features[name] ?? 0))
  const importance = cases.map(({ sources }) => (sources.length > 1 ? swappedWeight : 1))
  const total = importance.reduce((sum, each) => sum + each, 0)
  const weights = new Float64Array(names.length)
  for (let iteration = 0; iteration < iterations; iteration++) {
    const gradient = new Float64Array(names.length)
    inputs.forEach((input, at) => {
      let logit = 0
      for (let i = 0; i < input.length; i++) logit += (weights[i] ?? 0) * (input[i] ?? 0)
      const wanted = cases[at]?.needed === true ? 1 : 0
      const error = (1 / (1 + Math.exp(-logit)) - wanted) * (importance[at] ?? 0)
      for (let i = 0; i < input.length; i++) gradient[i] = (gradient[i] ?? 0) + error * (input[i] ?? 0)
    })
    for (let i = 0; i < weights.length; i++) {
      const pull = names[i] === "bias" ? 0 : decay * (weights[i] ?? 0)
      weights[i] = (weights[i] ?? 0) - learningRate * ((gradient[i] ?? 0) / total + pull)
    }
  }
  return Object.fromEntries(names.map((name, at) => [name, Math.round((weights[at] ?? 0) * 1e4) / 1e4]))
}

/** For each row, the probability by weights that saw nothing of its source. */
export const toolsLeaveOneSourceOut = (
  rows: ReadonlyArray<ToolsCase>,
  swapped: ReadonlyArray<ToolsCase>
): ReadonlyArray<number> => {
  const probabilities = new Map<string, ToolsWeights>()
  return rows.map(({ features, sources }) => {
    const source = sources[0] ?? ""
    const weights =
      probabilities.get(source) ?? trainTools([...rows, ...swapped].filter((each) => !each.sources.includes(source)))
    probabilities.set(source, weights)
    return probabilityOf(weights, features)
  })
}
