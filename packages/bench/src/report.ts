/** The result of a run as tables in Markdown. */
import type { Result } from "./bench.ts"
import { type Scenario, scenarios } from "./scenarios.ts"
import type { Spread } from "./statistics.ts"
import type { Line } from "./summary.ts"

const figure = (value: number): string => {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toFixed(digits)
}

const shown = (value: number | undefined): string => (value === undefined ? "–" : figure(value))
const median = (spread: Spread | undefined): string => shown(spread?.median)
const withRange = (spread: Spread | undefined): string =>
  spread === undefined ? "–" : `${figure(spread.median)} [${figure(spread.min)} to ${figure(spread.max)}]`

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: ReadonlyArray<string>) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n")
}

const closedColumns: ReadonlyArray<readonly [string, (line: Line) => string]> = [
  ["answers/s", (line) => `${median(line.perSecond)}${line.isLowerBound ? "*" : ""}`],
  ["of the floor", (line) => withRange(line.throughputRatio)],
  ["CPU µs", (line) => withRange(line.cpuMicros)],
  ["× the floor", (line) => withRange(line.cpuRatio)],
  ["upstream calls", (line) => median(line.upstreamCalls)],
  ["faults", (line) => String(line.faults)]
]

const openColumns = ({ events }: Scenario): ReadonlyArray<readonly [string, (line: Line) => string]> => [
  ["added p50 ms", (line) => withRange(events > 0 ? line.addedFirstP50 : line.addedP50)],
  ["added p99 ms", (line) => withRange(events > 0 ? line.addedFirstP99 : line.addedP99)],
  ["CPU µs", (line) => withRange(line.cpuMicros)],
  ["× the floor", (line) => withRange(line.cpuRatio)],
  ...(events > 0 ? [["events/read", (line: Line) => median(line.eventsPerRead)] as const] : []),
  ["faults", (line) => String(line.faults)]
]

const scenarioTable = (scenario: Scenario, lines: ReadonlyArray<Line>): string => {
  const columns = scenario.load.kind === "open" ? openColumns(scenario) : closedColumns
  const note = scenario.load.kind === "open" && scenario.events > 0 ? "; added time to the first chunk" : ""
  return [
    `## ${scenario.name}: ${scenario.about}${note}`,
    table(
      ["contestant", ...columns.map(([head]) => head)],
      lines.map((line) => [line.contestant, ...columns.map(([, cell]) => cell(line))])
    )
  ].join("\n\n")
}

const section = <Row>(
  title: string,
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<Row> | undefined,
  cells: (row: Row) => ReadonlyArray<string>
): ReadonlyArray<string> =>
  rows === undefined || rows.length === 0 ? [] : [`## ${title}`, table(head, rows.map(cells))]

/** Above this the cheaper of two contestants suffers more, and their ratio moves. */
const mostForeignCores = 0.3
const noisy = "**Noisy:** other processes used this machine at the same time. The ratios move with them; run it again."

const howToRead = ({ othersBusy, rounds, sliceSeconds }: Result): string =>
  `${rounds} interleaved rounds, slices of ${sliceSeconds} s; others used ${figure(othersBusy?.median ?? 0)} cores. Medians [least to most]; "of the floor" and "× the floor" compare with the bare pass-through in the same round. \`*\`: the load side was busy, the figure is a lower bound.`

export const reportOf = (result: Result): string =>
  [
    `# Benchmark of ${result.date}`,
    `${result.cores} cores (${result.processor}), Node ${result.node}.`,
    ...(result.summary.length === 0 ? [] : [howToRead(result)]),
    ...((result.othersBusy?.median ?? 0) > mostForeignCores ? [noisy] : []),
    ...result.absent.map(({ name, reason }) => `Without ${name}: ${reason}.`),
    ...scenarios.flatMap((scenario) => {
      const lines = result.summary.filter((line) => line.scenario === scenario.name)
      return lines.length === 0 ? [] : [scenarioTable(scenario, lines)]
    }),
    ...section(
      "streams: CPU µs per chunk, 2,000 chunks a second over 10, 100 and 1,000 open streams",
      ["contestant", "10", "100", "1000"],
      result.streams,
      (row) => [row.contestant, ...["10", "100", "1000"].map((count) => withRange(row.cpuMicrosPerChunk[count]))]
    ),
    ...section(
      "categories: CPU µs per decision with custom categories of 50 keywords each",
      ["mode", "categories", "CPU µs", "idle MB", "start ms"],
      result.growth,
      (row) => [
        row.mode,
        String(row.categories),
        withRange(row.cpuMicrosPerDecision),
        shown(row.idleMegabytes),
        shown(row.startMillis)
      ]
    ),
    ...section("start: spawn to the first answer", ["contestant", "ms", "CPU ms", "idle MB"], result.starts, (row) => [
      row.contestant,
      withRange(row.startMillis),
      withRange(row.startCpuMillis),
      median(row.idleMegabytes)
    ]),
    ...section(
      "soak: JSON, 32 connections",
      ["contestant", "requests", "CPU µs at the end", "idle MB", "after MB"],
      result.soak,
      (row) => [
        row.contestant,
        String(row.requests),
        shown(row.cpuMicros),
        shown(row.idleMegabytes),
        shown(row.afterMegabytes)
      ]
    )
  ].join("\n\n")
