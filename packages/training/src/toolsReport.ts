/** How right the decision about tools is, beside always saying yes. */
import { toolsNeeded } from "@llm-router/router/toolsNeeded"
import { casesOf, readToolsRows, swappedCases, toolsLeaveOneSourceOut } from "./tools.ts"

const percent = (count: number, of: number): string => (of === 0 ? "-" : ((100 * count) / of).toFixed(1))

interface Said {
  readonly source: string
  readonly needed: boolean
  readonly said: boolean
}

const lineOf = (name: string, all: ReadonlyArray<Said>): string => {
  const right = (rows: ReadonlyArray<Said>): number => rows.filter(({ needed, said }) => needed === said).length
  const yes = all.filter(({ said }) => said)
  const needing = all.filter(({ needed }) => needed)
  const kinds = new Set(all.map(({ source }) => source.replace(/:.*(?=chat)|^(chat[^:]*):.*/, "$1")))
  const bySource = [...kinds].map((kind) => {
    const rows = all.filter(({ source }) => source.startsWith(kind))
    return `${kind} ${percent(right(rows), rows.length)} (${rows.length})`
  })
  return (
    `${name}: accuracy ${percent(right(all), all.length)}, precision ${percent(right(yes), yes.length)}, ` +
    `recall ${percent(right(needing), needing.length)} | ${bySource.join(" · ")}`
  )
}

export const toolsReport = (path: string, leaveOneSourceOut: boolean): string => {
  const rows = readToolsRows(path)
  const says = (said: (row: (typeof rows)[number], at: number) => boolean): ReadonlyArray<Said> =>
    rows.map((row, at) => ({ source: row.source, needed: row.needs_tools, said: said(row, at) }))
  const offered = (row: (typeof rows)[number]): ReadonlyArray<unknown> =>
    row.tools.map(({ description, name, params = [] }) => ({
      name,
      description,
      parameters: { properties: Object.fromEntries(params.map((parameter) => [parameter, {}])) }
    }))
  const lines = [
    lineOf(
      "tools, always yes",
      says(() => true)
    ),
    lineOf(
      "tools, the shipped decision",
      says((row) => toolsNeeded(row.text, offered(row)) !== undefined)
    )
  ]
  if (leaveOneSourceOut) {
    const probabilities = toolsLeaveOneSourceOut(casesOf(rows), swappedCases(rows))
    lines.push(
      lineOf(
        "tools, the head with one source left out",
        says((_, at) => (probabilities[at] ?? 0) >= 0.5)
      )
    )
  }
  return lines.join("\n")
}
