/**
 * A strict reader of OpenMetrics 1.0 text, by the ABNF and the rules of its specification: it throws at the first line
 * that is wrong, and gives the samples.
 */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar: Readonly<Record<string, string>> | undefined
}

export interface Family {
  readonly name: string
  readonly type: string
  readonly unit: string | undefined
  readonly samples: ReadonlyArray<Sample>
}

const name = "[a-zA-Z_:][a-zA-Z0-9_:]*"
const labelPair = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\n"])*"'
const labels = `\\{(?:${labelPair}(?:,${labelPair})*)?\\}`
const number = "(?:[+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:e[+-]?\\d+)?|[+-]?Inf|NaN)"
const descriptor = new RegExp(`^# (TYPE|UNIT|HELP) (${name}) (.*)$`)
const sample = new RegExp(
  `^(${name})(${labels})? (${number})(?: ${number})?(?: # (${labels}) ${number}(?: ${number})?)?$`,
  "i"
)

const suffixes: Readonly<Record<string, ReadonlyArray<string>>> = {
  counter: ["_total", "_created"],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count", "_created"],
  info: ["_info"]
}

const labelsOf = (text: string | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...(text ?? "").matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g)].map(([, label = "", value = ""]) => [
      label,
      value
    ])
  )

const fail = (why: string, line: string): never => {
  throw new Error(`${why}: ${line}`)
}

const checkHistogram = (family: Family): void => {
  const bySeries = new Map<string, Array<Sample>>()
  for (const one of family.samples.filter((found) => found.name.endsWith("_bucket"))) {
    const { le, ...rest } = one.labels
    if (le === undefined || (le !== "+Inf" && !/\.|e/.test(le))) fail("a bound that is no float", JSON.stringify(one))
    const key = JSON.stringify(rest)
    bySeries.set(key, [...(bySeries.get(key) ?? []), one])
  }
  for (const [key, buckets] of bySeries) {
    if (buckets.at(-1)?.labels["le"] !== "+Inf") fail("no bucket +Inf", key)
    const values = buckets.map(({ value }) => value)
    if (values.some((value, index) => value < (values[index - 1] ?? 0))) fail("buckets that fall", key)
    const count = family.samples.find(
      (found) => found.name === `${family.name}_count` && JSON.stringify(found.labels) === key
    )
    if (count?.value !== values.at(-1)) fail("a count that is not the last bucket's", key)
  }
}

export const readOpenMetrics = (text: string): ReadonlyArray<Family> => {
  if (!text.endsWith("\n# EOF\n") || text.indexOf("# EOF") !== text.length - "# EOF\n".length) fail("no # EOF", "")
  const families: Array<{ name: string; type: string; unit: string | undefined; samples: Array<Sample> }> = []
  const seen = new Set<string>()
  let described = new Set<string>()
  for (const line of text.split("\n").slice(0, -2)) {
    const metadata = descriptor.exec(line)
    if (metadata !== null) {
      const [, kind = "", family = "", value = ""] = metadata
      if (families.at(-1)?.name !== family) {
        if (families.some((known) => known.name === family)) fail("a family in two places", line)
        families.push({ name: family, type: "unknown", unit: undefined, samples: [] })
        described = new Set()
      }
      const current = families.at(-1)
      if (current === undefined || current.samples.length > 0) return fail("metadata behind samples", line)
      if (described.has(kind)) fail("metadata twice", line)
      described.add(kind)
      if (kind === "TYPE") current.type = value
      if (kind === "UNIT") {
        if (!family.endsWith(`_${value}`)) fail("a name without its unit", line)
        current.unit = value
      }
      continue
    }
    const match = sample.exec(line) ?? fail("no sample", line)
    const [, full = "", labelText, value = "", exemplarText] = match
    const current = families.at(-1)
    const allowed = suffixes[current?.type ?? ""] ?? []
    if (current === undefined || !allowed.some((suffix) => full === `${current.name}${suffix}`)) {
      return fail("a sample of no family", line)
    }
    const exemplar = exemplarText === undefined ? undefined : labelsOf(exemplarText)
    if (exemplar !== undefined && !/_bucket$|_total$/.test(full)) fail("an exemplar where none may be", line)
    if (
      Object.entries(exemplar ?? {})
        .flat()
        .join("").length > 128
    )
      fail("an exemplar that is too long", line)
    const key = `${full}${labelText ?? ""}`
    if (seen.has(key)) fail("a sample twice", line)
    seen.add(key)
    const parsed = Number(value.replace("Inf", "Infinity"))
    if (/_total$|_bucket$|_count$/.test(full) && !(parsed >= 0)) fail("a counter below zero", line)
    current.samples.push({ name: full, labels: labelsOf(labelText), value: parsed, exemplar })
  }
  for (const family of families.filter(({ type }) => type === "histogram")) checkHistogram(family)
  return families
}
