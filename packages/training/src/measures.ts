/** Measures of a classification, from gold labels, predictions and confidences side by side. */
import { labels } from "./rows.ts"

export interface Predicted {
  /** Indexes of labels. */
  readonly gold: number
  readonly label: number
  /** 0 to 1. */
  readonly confidence: number
}

const share = (count: number, of: number): number => (of === 0 ? 0 : count / of)

export const accuracy = (rows: ReadonlyArray<Predicted>): number =>
  share(rows.filter(({ gold, label }) => gold === label).length, rows.length)

/** By label: harmonic mean of precision and recall; `undefined` for a label that no row has. */
export const f1s = (rows: ReadonlyArray<Predicted>): ReadonlyArray<number | undefined> =>
  labels.map((_, index) => {
    const gold = rows.filter((row) => row.gold === index).length
    const said = rows.filter((row) => row.label === index).length
    const right = rows.filter((row) => row.gold === index && row.label === index).length
    return gold === 0 ? undefined : share(2 * right, gold + said)
  })

export const macroF1 = (rows: ReadonlyArray<Predicted>): number => {
  const known = f1s(rows).filter((value) => value !== undefined)
  return share(
    known.reduce((sum, value) => sum + value, 0),
    known.length
  )
}

/** The most confident part of the rows, how right it is, and the confidence at its end. */
export const coverage = (rows: ReadonlyArray<Predicted>, part: number) => {
  const kept = [...rows].toSorted((a, b) => b.confidence - a.confidence).slice(0, Math.round(part * rows.length))
  return { part, accuracy: accuracy(kept), threshold: kept.at(-1)?.confidence ?? 1 }
}

const bins = 10

/** Expected calibration error over ten bins of equal width (Naeini et al., 2015). */
export const calibrationError = (rows: ReadonlyArray<Predicted>): number => {
  let sum = 0
  for (let bin = 0; bin < bins; bin++) {
    const inside = rows.filter(({ confidence }) => Math.min(bins - 1, Math.floor(confidence * bins)) === bin)
    const right = inside.filter(({ gold, label }) => gold === label).length
    sum += Math.abs(right - inside.reduce((total, { confidence }) => total + confidence, 0))
  }
  return share(sum, rows.length)
}
