import { encodeWeights } from "@llm-router/router/classifiers/embedded/weights"
import { describe, expect, it } from "vitest"
import { fitTemperature } from "../src/calibration.ts"
import { examplesOf, featured } from "../src/examples.ts"
import { leaveOneSourceOut } from "../src/leaveOneSourceOut.ts"
import { train, trainingOptions } from "../src/logisticRegression.ts"
import { accuracy, calibrationError, coverage, f1s, macroF1 } from "../src/measures.ts"
import { quantise } from "../src/quantise.ts"
import { authoredRows, type Row } from "../src/rows.ts"
import { trainTools } from "../src/tools.ts"

/** Every twentieth, so that each label is there. */
const some = featured(authoredRows().filter((_, at) => at % 20 === 0))
const options = { ...trainingOptions, seeds: [1], epochs: 3, averagedFrom: 1 }

describe("training", () => {
  it("gives the same file for the same rows and seeds, and another for another seed", () => {
    const fileOf = (seed: number) => encodeWeights(quantise(train(examplesOf(some), { ...options, seeds: [seed] }), 1))
    const first = fileOf(1)
    expect(fileOf(1).equals(first)).toBe(true)
    expect(fileOf(2).equals(first)).toBe(false)
  })

  it("leaves a row's source out of the model that measures it", () => {
    const [row] = some
    if (row === undefined) throw new Error("There are no authored prompts.")
    const from = (source: string, archetype: Row["archetype"]) => ({
      ...row,
      row: { ...row.row, source, archetype, text: "the same words" }
    })
    // Each source calls the same words something else: a model that saw its own would know.
    const rows = [from("one", "code"), from("two", "math")]
    const [one, two] = leaveOneSourceOut(rows, [], options)
    expect([one, two].map((logits) => logits?.indexOf(Math.max(...(logits ?? []))))).toEqual([1, 0])
  })

  it("finds the temperature that overconfident logits need", () => {
    const sure = Float64Array.of(4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    // Right half of the time: the second label is the mathematician's.
    const temperature = fitTemperature([sure, sure, sure, sure], [0, 0, 1, 2])
    expect(temperature).toBeGreaterThan(1.5)
    expect(fitTemperature([sure, sure, sure, sure], [0, 0, 0, 0])).toBe(0.5)
  })

  it("learns when tools are needed", () => {
    const cases = [0, 0.2, 0.8, 1].map((shared) => ({
      features: { bias: 1, shared },
      needed: shared > 0.5,
      sources: ["one"]
    }))
    expect(trainTools(cases)["shared"]).toBeGreaterThan(0)
  })
})

describe("measures", () => {
  const rows = [
    { gold: 0, label: 0, confidence: 0.9 },
    { gold: 0, label: 1, confidence: 0.8 },
    { gold: 1, label: 1, confidence: 0.7 },
    { gold: 1, label: 1, confidence: 0.6 }
  ]

  it("are those of the textbook", () => {
    expect(accuracy(rows)).toBe(0.75)
    expect(f1s(rows).slice(0, 3)).toEqual([2 / 3, 0.8, undefined])
    expect(macroF1(rows)).toBeCloseTo((2 / 3 + 0.8) / 2)
    expect(coverage(rows, 0.5)).toEqual({ part: 0.5, accuracy: 0.5, threshold: 0.8 })
    expect(calibrationError(rows)).toBeCloseTo((0.1 + 0.8 + 0.3 + 0.4) / 4)
  })

  it("of no rows are 0", () => {
    expect([accuracy([]), macroF1([]), calibrationError([])]).toEqual([0, 0, 0])
  })
})
