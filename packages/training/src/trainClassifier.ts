/** `pnpm train:classifier --data DIR`: trains the embedded classifier and the tools head and writes their weights. */
import { encodeWeights, weightsFile } from "@llm-router/router/classifiers/embedded/weights"
import { encodeFrequencies, frequenciesFile } from "@llm-router/router/classifiers/embedded/wordFrequencies"
import { toolsWeightsFile } from "@llm-router/router/toolsHead"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { gzipSync } from "node:zlib"
import { fitTemperature } from "./calibration.ts"
import { examplesOf, featured } from "./examples.ts"
import { leaveOneSourceOut } from "./leaveOneSourceOut.ts"
import { train, trainingOptions } from "./logisticRegression.ts"
import { quantise } from "./quantise.ts"
import { authoredRows, labels, readRows } from "./rows.ts"
import { casesOf, readToolsRows, swappedCases, trainTools } from "./tools.ts"

const { values } = parseArgs({ options: { data: { type: "string" } } })
if (values.data === undefined) {
  process.stderr.write("usage: pnpm train:classifier --data DIR; it holds train.jsonl and tools-train.jsonl\n")
  process.exit(2)
}

const rows = featured(readRows(join(values.data, "train.jsonl"), "train"))
const authored = featured(authoredRows())
const temperature = fitTemperature(
  leaveOneSourceOut(rows, authored, trainingOptions),
  rows.map(({ row }) => labels.indexOf(row.label))
)
const weights = quantise(train(examplesOf([...rows, ...authored]), trainingOptions), temperature)
const file = encodeWeights(weights)
writeFileSync(weightsFile, file)
process.stdout.write(
  `${rows.length} rows and ${authored.length} authored ones, temperature ${temperature}: ` +
    `${file.length} bytes, ${gzipSync(file).length} compressed\n`
)

const toolsRows = readToolsRows(join(values.data, "tools-train.jsonl"))
const texts = [...[...rows, ...authored].map(({ row }) => row.text), ...toolsRows.map(({ text }) => text)]
writeFileSync(frequenciesFile, encodeFrequencies(texts))
process.stdout.write(`frequencies of words: ${texts.length} texts\n`)

const toolsWeights = trainTools([...casesOf(toolsRows), ...swappedCases(toolsRows)])
writeFileSync(toolsWeightsFile, `${JSON.stringify(toolsWeights, null, 2)}\n`)
process.stdout.write(`tools head: ${toolsRows.length} rows, ${Object.keys(toolsWeights).length} weights\n`)
