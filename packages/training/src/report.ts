/** Measures as text, the same lines for every classifier. */
import { accuracy, calibrationError, coverage, f1s, macroF1, type Predicted } from "./measures.ts"
import { groupOf, labels, type Row } from "./rows.ts"

const percent = (value: number): string => (100 * value).toFixed(1)

/** A plain question of knowledge may also be called conversation. */
const lenient = (rows: ReadonlyArray<Row>, predicted: ReadonlyArray<Predicted>): ReadonlyArray<Predicted> =>
  predicted.map((each, at) =>
    rows[at]?.isKnowledge === true && each.label === labels.indexOf("conversation")
      ? { ...each, label: labels.indexOf("reasoning") }
      : each
  )

const accuracyBy = (
  rows: ReadonlyArray<Row>,
  predicted: ReadonlyArray<Predicted>,
  keyOf: (row: Row) => string
): string => {
  const parts = new Map<string, Array<Predicted>>()
  predicted.forEach((each, at) => {
    const row = rows[at]
    if (row === undefined) return
    const part = parts.get(keyOf(row))
    if (part === undefined) parts.set(keyOf(row), [each])
    else part.push(each)
  })
  return [...parts].map(([key, part]) => `${key} ${percent(accuracy(part))} (${part.length})`).join(" · ")
}

const confusion = (predicted: ReadonlyArray<Predicted>): ReadonlyArray<string> =>
  labels.map((label, gold) => {
    const counts = labels.map((_, said) => predicted.filter((row) => row.gold === gold && row.label === said).length)
    return `    ${label.padEnd(14)}${counts.map((count) => String(count).padStart(6)).join("")}`
  })

const summary = (name: string, predicted: ReadonlyArray<Predicted>): string =>
  `${name}: accuracy ${percent(accuracy(predicted))}, macro-F1 ${percent(macroF1(predicted))}`

export const reportOf = (
  name: string,
  rows: ReadonlyArray<Row>,
  predicted: ReadonlyArray<Predicted>,
  calibrated: boolean
): string =>
  [
    summary(`${name}, strict`, predicted),
    summary(`${name}, lenient`, lenient(rows, predicted)),
    `  F1: ${f1s(predicted)
      .flatMap((value, label) => (value === undefined ? [] : [`${labels[label]} ${percent(value)}`]))
      .join(" · ")}`,
    `  by language: ${accuracyBy(rows, predicted, ({ language }) => language)}`,
    `  by source: ${accuracyBy(rows, predicted, groupOf)}`,
    ...(calibrated
      ? [
          `  the most confident part: ${[0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
            .map((part) => coverage(predicted, part))
            .map(
              ({ accuracy: right, part, threshold }) =>
                `${percent(part)} % ${percent(right)} (>= ${threshold.toFixed(2)})`
            )
            .join(" · ")}`,
          `  expected calibration error: ${calibrationError(predicted).toFixed(3)}`
        ]
      : []),
    "  confusion, a line per true label:",
    ...confusion(predicted)
  ].join("\n")

/** Thresholds of `EMBEDDED_THRESHOLD` to choose from. */
const thresholds = [0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7]

/** Who is right where the embedded classifier is unsure: its own best guess, the keywords, or the clear ones among them. */
export const unsureReport = (predicted: ReadonlyArray<Predicted>, byKeywords: ReadonlyArray<Predicted>): string =>
  thresholds
    .map((threshold) => {
      const unsure = [...predicted.keys()].filter((at) => (predicted[at]?.confidence ?? 0) < threshold)
      const of = (choose: (at: number) => Predicted | undefined): string =>
        percent(accuracy(unsure.flatMap((at) => choose(at) ?? [])))
      const clear = (at: number): boolean => (byKeywords[at]?.confidence ?? 0) >= 0.75
      return (
        `below ${threshold}: ${percent(unsure.length / predicted.length)} % of the prompts, right: ` +
        `own guess ${of((at) => predicted[at])}, keywords ${of((at) => byKeywords[at])}, ` +
        `clear keywords else own guess ${of((at) => (clear(at) ? byKeywords[at] : predicted[at]))}`
      )
    })
    .join("\n")
