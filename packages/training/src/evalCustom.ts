/**
 * `pnpm eval:custom --data DIR`: how good custom categories are that are given by name, keywords and description alone,
 * beside the keyword rules on the same rows, then those given by examples alone (`--examples` shows these only). Every row
 * is judged by weights that saw nothing of its source.
 */
import { readWeights } from "@llm-router/router/classifiers/embedded/weights"
import { readFrequencies } from "@llm-router/router/classifiers/embedded/wordFrequencies"
import { Effect } from "effect"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { customByExamples } from "./customByExamples.ts"
import { classifierBy, decisionsOn } from "./customDecisions.ts"
import { examplesOf, featured } from "./examples.ts"
import { config, predictedByKeywords } from "./keywordBaseline.ts"
import { train, trainingOptions } from "./logisticRegression.ts"
import { accuracy, f1s, macroF1, type Predicted } from "./measures.ts"
import { quantise } from "./quantise.ts"
import { authoredRows, groupOf, labels, readRows, type Row } from "./rows.ts"

const { values } = parseArgs({ options: { data: { type: "string" }, examples: { type: "boolean" } } })
if (values.data === undefined) {
  process.stderr.write("usage: pnpm eval:custom --data DIR; it holds train.jsonl\n")
  process.exit(2)
}

interface Judged {
  readonly row: Row
  readonly predicted: Predicted
}

const judgedBy = Effect.fnUntraced(function* (rows: ReadonlyArray<Row>) {
  const said = yield* decisionsOn(
    config,
    rows.map(({ text }) => text)
  )
  return rows.map((row, at): Judged => {
    const { category, confidence } = said[at] ?? { category: "conversation", confidence: 0 }
    const label = labels.findIndex((name) => name === category)
    return { row, predicted: { gold: labels.indexOf(row.label), label, confidence } }
  })
})

const percent = (value: number | undefined): string =>
  (value === undefined ? "-" : (100 * value).toFixed(1)).padStart(7)

const tableOf = (columns: ReadonlyArray<readonly [name: string, predicted: ReadonlyArray<Predicted>]>): string => {
  const custom = labels.filter((label) => config.categories.get(label)?.builtin === false)
  const line = (name: string, of: (predicted: ReadonlyArray<Predicted>) => number | undefined): string =>
    `${name.padEnd(16)}${columns.map(([, predicted]) => percent(of(predicted)).padStart(12)).join("")}`
  const precision = (label: (typeof labels)[number]) => (predicted: ReadonlyArray<Predicted>) =>
    accuracy(predicted.filter((row) => row.label === labels.indexOf(label)))
  const recall = (label: (typeof labels)[number]) => (predicted: ReadonlyArray<Predicted>) =>
    accuracy(predicted.filter((row) => row.gold === labels.indexOf(label)))
  return [
    `${"".padEnd(16)}${columns.map(([name]) => name.padStart(12)).join("")}`,
    ...custom.flatMap((label) => [
      line(`${label} F1`, (predicted) => f1s(predicted)[labels.indexOf(label)]),
      line("  precision", precision(label)),
      line("  recall", recall(label))
    ]),
    line("accuracy, all", accuracy),
    line("macro-F1, all", macroF1)
  ].join("\n")
}

const trainFile = join(values.data, "train.jsonl")
const rows = readRows(trainFile, "train")

const report = Effect.gen(function* () {
  const shipped = yield* readWeights
  const frequencies = yield* readFrequencies
  const measured = featured(rows)
  const authored = featured(authoredRows())
  const judged: Array<Judged> = []
  for (const group of new Set(rows.map(groupOf))) {
    const others = measured.filter(({ row }) => groupOf(row) !== group)
    const weights = quantise(train(examplesOf([...others, ...authored]), trainingOptions), shipped.temperature)
    const own = rows.filter((row) => groupOf(row) === group)
    judged.push(...(yield* judgedBy(own).pipe(Effect.provide(classifierBy(weights, frequencies)))))
  }
  return (
    `${rows.length} prompts, one source left out at a time\n` +
    tableOf([
      ["keyword rules", predictedByKeywords(judged.map(({ row }) => row))],
      ["embedded", judged.map(({ predicted }) => predicted)]
    ])
  )
})

if (values.examples !== true) process.stdout.write(`${await Effect.runPromise(report)}\n\n`)
process.stdout.write(`${await Effect.runPromise(customByExamples(trainFile))}\n`)
