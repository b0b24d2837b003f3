import { decimalOf, dollarsOf } from "@llm-router/domain/Money"
import { assert, describe, it } from "@effect/vitest"
import { emptyTally, type Amount, places, setAmount, type TallyColumn } from "../src/ledger/tally.ts"
import { groupedUsage, type GroupRows, type UsageCounts, usageReportOf } from "../src/ledger/usage.ts"
import { usageText } from "../src/ledger/usageText.ts"
import { randomsOf } from "./ledgerTools.ts"

const counts: ReadonlyArray<TallyColumn> = ["requests", "attempts", "ok", "input_tokens", "output_tokens", "compared"]
const amounts: ReadonlyArray<Amount> = ["cost", "wasted", "billed", "computed"]

/** Rows of every size of number; an amount may be less than nothing after a settlement. */
const rowsOf = (seed: number, size: number): GroupRows => {
  const random = randomsOf(seed)
  const integer = (): number => Math.floor(random() * 10 ** Math.floor(random() * 16))
  return Array.from({ length: size }, (_, index) => {
    const tally = emptyTally()
    for (const column of counts) tally[places[column]] = integer()
    for (const amount of amounts) {
      const picos = BigInt(integer()) * BigInt(Math.floor(random() * 10) === 0 ? 1_000_000 : 1)
      setAmount(tally, amount, Math.floor(random() * 4) === 0 ? -picos : picos)
    }
    return [[`provider/model "${index}", é`, index % 3 === 0 ? "" : "=key"], tally]
  })
}

const totals = rowsOf(9, 1)[0]?.[1] ?? emptyTally()
const groupBy = ["model", "key"] as const
const grouped = groupedUsage(groupBy, rowsOf(8, 2_000), totals)
const report = usageReportOf(groupBy, grouped)
const textIn = (format: "json" | "csv"): string =>
  new TextDecoder("utf-8", { fatal: true }).decode(usageText({ groupBy, fromMillis: 0 }, grouped, format))

const shown = (sums: UsageCounts) => ({
  requests: sums.requests,
  requests_ok: sums.requestsOk,
  attempts: sums.attempts,
  ok: sums.ok,
  failed: sums.failed,
  cut: sums.cut,
  cancelled: sums.cancelled,
  input_tokens: sums.inputTokens,
  cached_tokens: sums.cachedTokens,
  output_tokens: sums.outputTokens,
  reasoning_tokens: sums.reasoningTokens,
  cost_usd: dollarsOf(sums.cost),
  cost_usd_exact: decimalOf(sums.cost),
  wasted_usd: dollarsOf(sums.wasted),
  reported: sums.reported,
  priced: sums.priced,
  estimated: sums.estimated,
  unpriced: sums.unpriced,
  compared: sums.compared,
  compared_reported_usd: dollarsOf(sums.comparedReported),
  compared_computed_usd: dollarsOf(sums.comparedComputed)
})

describe("a usage report as its readers get it", () => {
  it("is JSON that says what the report says, to the last digit", () => {
    const read = JSON.parse(textIn("json"))
    const { drift_ratio: ratio, ...all } = read.totals
    assert.deepStrictEqual(all, shown(report.totals))
    assert.approximately(ratio, Number(report.totals.comparedReported) / Number(report.totals.comparedComputed), 1e-6)
    assert.strictEqual(read.rows.length, 2_000)
    for (const [index, row] of report.rows.entries()) {
      const { drift_ratio: drift, ...rest } = read.rows[index]
      assert.deepStrictEqual(rest, { ...row.group, ...shown(row) })
      if (row.comparedComputed === 0n) assert.isNull(drift)
      else assert.isNumber(drift)
    }
    assert.deepInclude(read, { from: "1970-01-01T00:00:00.000Z", to: null, group_by: groupBy, truncated: false })
  })

  it("is CSV with a line for each row, quoted where it must be", () => {
    const [head = "", ...lines] = textIn("csv").split("\r\n")
    assert.strictEqual(lines.pop(), "")
    assert.deepStrictEqual(head.split(","), ["model", "key", ...Object.keys(shown(report.totals)), "drift_ratio"])
    assert.strictEqual(lines.length, 2_000)
    for (const [index, row] of report.rows.entries()) {
      const { key = "", model = "" } = row.group
      const line = lines[index] ?? ""
      const written = `"${model.replaceAll('"', '""')}",${key === "" ? "" : `'${key}`},`
      assert.strictEqual(line.slice(0, written.length), written)
      const values = line.slice(written.length).split(",")
      assert.deepStrictEqual(values.slice(0, -1).map(Number), Object.values(shown(row)).map(Number))
      if (row.comparedComputed === 0n) assert.strictEqual(values.at(-1), "")
    }
  })

  it("is as long as it must be: ten thousand rows", () => {
    const rows = rowsOf(3, 10_001)
    const cut = groupedUsage(groupBy, rows, totals)
    const read = JSON.parse(new TextDecoder().decode(usageText({ groupBy }, cut, "json")))
    assert.strictEqual(read.rows.length, 10_000)
    assert.isTrue(read.truncated)
  })
})
