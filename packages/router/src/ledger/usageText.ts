/**
 * A usage report as its readers get it, JSON or CSV, written from the sums as they lie. The thread that answers the
 * question makes it: ten thousand rows are megabytes of text, and the main thread has requests to serve.
 */
import { type Amount, millsAt, picosPerMill, places, type TallyColumn, tallyColumns } from "./tally.ts"
import { TextWriter } from "./TextWriter.ts"
import { type GroupedUsage, hoursOf, hourText, type UsageQuery } from "./usage.ts"

export type UsageFormat = "json" | "csv"

/** A column of a report: writes what it shows of the sums that begin at a place. */
interface Field {
  readonly name: string
  readonly write: (writer: TextWriter, sums: Float64Array, from: number) => void
  /** In JSON: an exact decimal is a string there, so that no reader makes a binary fraction of it. */
  readonly isString?: true
  /** What stands there when there is no value, which CSV leaves empty. */
  readonly isAbsent?: (sums: Float64Array, from: number) => boolean
}

const count = (column: TallyColumn): Field => ({
  name: column,
  write: (writer, sums, from) => writer.integer(sums[from + places[column]] ?? 0)
})

/** All digits: whoever reads them as a double gets the one nearest to the amount. */
const dollars = (name: string, amount: Amount): Field => ({
  name,
  write: (writer, sums, from) => {
    const place = from + millsAt[amount]
    writer.decimal(sums[place] ?? 0, sums[place + 1] ?? 0)
  }
})

const nearestDouble = (sums: Float64Array, amount: Amount, from: number): number => {
  const place = from + millsAt[amount]
  return (sums[place] ?? 0) * picosPerMill + (sums[place + 1] ?? 0)
}

/** What was reported to what was computed, to six digits: a measure of how far off a price table is, no amount. */
const driftRatio: Field = {
  name: "drift_ratio",
  isAbsent: (sums, from) => nearestDouble(sums, "computed", from) === 0,
  write: (writer, sums, from) => {
    const ratio = nearestDouble(sums, "billed", from) / nearestDouble(sums, "computed", from)
    const millionths = Math.round(ratio * 1_000_000)
    writer.decimal(Math.trunc(millionths / 1_000), (millionths % 1_000) * 1_000_000)
  }
}

const fields: ReadonlyArray<Field> = [
  count("requests"),
  count("requests_ok"),
  count("attempts"),
  count("ok"),
  count("failed"),
  count("cut"),
  count("cancelled"),
  count("input_tokens"),
  count("cached_tokens"),
  count("output_tokens"),
  count("reasoning_tokens"),
  dollars("cost_usd", "cost"),
  { ...dollars("cost_usd_exact", "cost"), isString: true },
  dollars("wasted_usd", "wasted"),
  count("reported"),
  count("priced"),
  count("estimated"),
  count("unpriced"),
  count("compared"),
  dollars("compared_reported_usd", "billed"),
  dollars("compared_computed_usd", "computed"),
  driftRatio
]

/** RFC 4180; a text that a spreadsheet would take for a formula is quoted with an apostrophe. */
const csvField = (value: string): string => {
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** What stands around rows and values. */
const formats = {
  json: {
    row: ["{", "}"],
    label: (name: string) => `${JSON.stringify(name)}:`,
    quoted: (value: string) => JSON.stringify(value),
    quote: '"',
    absent: "null"
  },
  csv: { row: ["", "\r\n"], label: () => "", quoted: csvField, quote: "", absent: "" }
} as const

const encoder = new TextEncoder()
const comma = encoder.encode(",")

/** Writes rows of values and sums. What comes again in every row is encoded once. */
const rowWriter = (writer: TextWriter, groupBy: UsageQuery["groupBy"], sums: Float64Array, format: UsageFormat) => {
  const { absent, label, quote, quoted, row } = formats[format]
  const [opening, closing] = [encoder.encode(row[0]), encoder.encode(row[1])]
  const encoded = new Map<string, Uint8Array>()
  const value = (text: string): Uint8Array => {
    const known = encoded.get(text)
    if (known !== undefined) return known
    const bytes = encoder.encode(quoted(text))
    encoded.set(text, bytes)
    return bytes
  }
  const labels = groupBy.map((dimension) => encoder.encode(label(dimension)))
  const columns = fields.map(({ isAbsent, isString, name, write }, index) => {
    const mark = isString === true ? quote : ""
    const before = `${index === 0 ? "" : ","}${label(name)}${mark}`
    return { before: encoder.encode(before), behind: encoder.encode(mark), isAbsent, write }
  })
  const nothing = encoder.encode(absent)
  return (group: ReadonlyArray<string>, from: number): void => {
    writer.raw(opening)
    for (const [index, name] of labels.entries()) {
      writer.raw(name)
      writer.raw(value(group[index] ?? ""))
      writer.raw(comma)
    }
    for (const { before, behind, isAbsent, write } of columns) {
      writer.raw(before)
      if (isAbsent?.(sums, from) === true) writer.raw(nothing)
      else write(writer, sums, from)
      writer.raw(behind)
    }
    writer.raw(closing)
  }
}

/** The whole hours that were summed up, whatever moments of them were asked for. */
const boundsOf = (query: UsageQuery) => {
  const [from, to] = hoursOf(query)
  return {
    from: query.fromMillis === undefined ? null : hourText(from),
    to: query.toMillis === undefined ? null : hourText(to)
  }
}

const writeJson = (writer: TextWriter, query: UsageQuery, { sums, truncated, values }: GroupedUsage): void => {
  const asked = { ...boundsOf(query), group_by: query.groupBy }
  writer.text(`${JSON.stringify(asked).slice(0, -1)},"totals":`)
  rowWriter(writer, [], sums, "json")([], 0)
  writer.text(',"rows":[')
  const row = rowWriter(writer, query.groupBy, sums, "json")
  for (const [index, group] of values.entries()) {
    if (index > 0) writer.raw(comma)
    row(group, (index + 1) * tallyColumns.length)
  }
  writer.text(`],"truncated":${truncated}}`)
}

const writeCsv = (writer: TextWriter, { groupBy }: UsageQuery, { sums, values }: GroupedUsage): void => {
  writer.text(`${[...groupBy, ...fields.map(({ name }) => name)].join(",")}\r\n`)
  const row = rowWriter(writer, groupBy, sums, "csv")
  for (const [index, group] of values.entries()) row(group, (index + 1) * tallyColumns.length)
}

/** In UTF-8, in memory of its own. */
export const usageText = (query: UsageQuery, grouped: GroupedUsage, format: UsageFormat): Uint8Array<ArrayBuffer> => {
  const writer = new TextWriter()
  if (format === "csv") writeCsv(writer, query, grouped)
  else writeJson(writer, query, grouped)
  return writer.written
}
