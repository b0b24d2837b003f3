/**
 * `pnpm eval:routing --data FILE.jsonl`: how good the shipped weights are on labelled prompts, beside the keyword rules.
 * With `--leave-one-source-out`, a model per source, trained on the other sources and the authored prompts. With
 * `--tools`, the decision whether a request needs its tools. With `--latency`, time and memory of a decision.
 */
import { featuresOf } from "@llm-router/router/classifiers/embedded/features"
import { modelOf } from "@llm-router/router/classifiers/embedded/model"
import { readWeights } from "@llm-router/router/classifiers/embedded/weights"
import { Effect } from "effect"
import { basename } from "node:path"
import { parseArgs } from "node:util"
import { fitTemperature, probabilitiesOf } from "./calibration.ts"
import { featured } from "./examples.ts"
import { predictedByKeywords } from "./keywordBaseline.ts"
import { latencyReport } from "./latency.ts"
import { leaveOneSourceOut } from "./leaveOneSourceOut.ts"
import { trainingOptions } from "./logisticRegression.ts"
import type { Predicted } from "./measures.ts"
import { predictedFrom } from "./predict.ts"
import { reportOf, unsureReport } from "./report.ts"
import { authoredRows, labels, readRows, type Row } from "./rows.ts"
import { toolsReport } from "./toolsReport.ts"

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    "leave-one-source-out": { type: "boolean", default: false },
    latency: { type: "boolean", default: false },
    tools: { type: "string" }
  }
})
if (values.data === undefined) {
  process.stderr.write(
    "usage: pnpm eval:routing --data FILE.jsonl [--leave-one-source-out] [--latency] [--tools FILE.jsonl]\n"
  )
  process.exit(2)
}

const rows = readRows(values.data, basename(values.data))
const model = modelOf(Effect.runSync(readWeights))

const byShippedWeights = (): ReadonlyArray<Predicted> =>
  rows.map((row) => predictedFrom(row, model(featuresOf(row.text)).slice()))

const byModelsWithoutTheSource = (measured: ReadonlyArray<Row>): ReadonlyArray<Predicted> => {
  const logits = leaveOneSourceOut(featured(measured), featured(authoredRows()), trainingOptions)
  const temperature = fitTemperature(
    logits,
    measured.map(({ label }) => labels.indexOf(label))
  )
  return measured.flatMap((row, at) => {
    const own = logits[at]
    return own === undefined ? [] : [predictedFrom(row, probabilitiesOf(own, temperature))]
  })
}

const name = values["leave-one-source-out"] ? "embedded, one source left out" : "embedded"
const predicted = values["leave-one-source-out"] ? byModelsWithoutTheSource(rows) : byShippedWeights()
const byKeywords = predictedByKeywords(rows)
const parts = [
  `${rows.length} prompts of ${values.data}`,
  reportOf("keywords", rows, byKeywords, false),
  reportOf(name, rows, predicted, true),
  unsureReport(predicted, byKeywords)
]
if (values.tools !== undefined) parts.push(toolsReport(values.tools, values["leave-one-source-out"]))
if (values.latency) {
  parts.push(
    latencyReport(
      model,
      rows.map(({ text }) => text)
    )
  )
}
process.stdout.write(`${parts.join("\n\n")}\n`)
